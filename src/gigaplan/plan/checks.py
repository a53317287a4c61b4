"""Rules that cross sections of a plan: each is one small function that yields problems.

A wrong plan gives errors; an implausible but possible one gives warnings, and the run goes on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import pairwise

from gigaplan import catalog
from gigaplan.fleet.inputs import LADDER
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.claims import CLAIMS
from gigaplan.vocabulary.errors import Problem, nearest_name
from gigaplan.vocabulary.units import parse_date

SITE_MW = (1.0, 10_000.0)
"""A campus outside this range is possible but more often a slip between kW, MW and GW."""
MAX_HORIZON_YEARS = 40


def check(plan: PlanDocument, root: Node) -> list[Problem]:
    """Return every problem of a document that its schema alone can't see."""
    rules = (horizon, names, powers, dates, opening, paths, runs, promised, service)
    return [problem for rule in rules for problem in rule(plan, root)]


def horizon(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """The horizon runs forward over whole months."""
    place = root.place(("horizon",))
    start, end = _first(plan.horizon.start), _first(plan.horizon.end)
    if end <= start:
        yield Problem(
            "the horizon ends before it starts", place, value=f"{start} to {end}", remedy="give an end after the start"
        )
    elif (end - start).days > MAX_HORIZON_YEARS * 366:
        yield Problem(
            "the horizon is too long",
            place,
            value=f"{start} to {end}",
            allowed=f"at most {MAX_HORIZON_YEARS} years",
            remedy="shorten it",
        )


def names(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Names of generations, models, regions and states are known."""
    facts = catalog.load()
    systems = facts.entities("rack_power_kw")
    for i, name in enumerate(plan.fleet.generations):
        yield from _known(name, systems, "generation", root, ("fleet", "generations", i))
    ours = plan.fleet.generations
    for i, name in enumerate(ours):
        if name in ours[:i]:
            yield Problem("named twice", root.place(("fleet", "generations", i)), value=name, remedy="remove one")
    yield from _known(plan.fleet.reference_generation, ours, "generation", root, ("fleet", "reference_generation"))
    for name, block in plan.fleet.opening.items():
        path = ("fleet", "opening", name, "generation")
        yield from _known(block.generation, ours, "generation of this plan", root, path)
    for name, site in plan.fleet.sites.items():
        if name.startswith("opening "):
            yield Problem(
                "a site's name may not begin with 'opening '",
                root.place(("fleet", "sites", name), key=True),
                value=name,
                remedy="rename it: results call the opening fleet so",
            )
        regions = facts.entities("power_price_usd_per_mwh")
        if site.facility is None or site.facility.power_price_usd_per_mwh is None:
            yield from _known(
                site.region, regions, "region with a power price", root, ("fleet", "sites", name, "region")
            )
        for phase_name, phase in site.phases.items():
            if phase.generation not in (None, "newest"):
                where = ("fleet", "sites", name, "phases", phase_name, "generation")
                choice = [*ours, "newest"]
                yield from _known(phase.generation, choice, "generation of this plan", root, where)
    models = [*plan.models, *facts.entities("layers")]
    for name, work in plan.demand.workloads.items():
        yield from _known(work.model, models, "model", root, ("demand", "workloads", name, "model"))
        for day, later in (work.later_models or {}).items():
            yield from _known(later, models, "model", root, ("demand", "workloads", name, "later_models", day))
    for i, name in enumerate(plan.claims):
        yield from _known(name, CLAIMS, "claim that can be checked", root, ("claims", i))
    for i, name in enumerate(plan.demand.regions or ()):
        yield from _known(name, facts.entities("share_of_use"), "region of users", root, ("demand", "regions", i))
    if plan.finance.tranches is not None:
        state = ("finance", "tranches", "trigger_state")
        yield from _known(plan.finance.tranches.trigger_state, LADDER, "state of the ladder", root, state)
    for section, priced in (("fleet", plan.fleet.systems), ("finance", plan.finance.systems)):
        for name in priced:
            if name not in ours:
                yield Problem(
                    "no such generation of this plan",
                    root.place((section, "systems", name), key=True),
                    value=name,
                    allowed=", ".join(ours),
                    nearest=nearest_name(name, ours),
                    remedy="name it among fleet.generations, or remove it",
                )
    for i, name in enumerate(plan.fleet.newest_among or ()):
        yield from _known(name, ours, "generation of this plan", root, ("fleet", "newest_among", i))


def runs(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Training runs stand on a site and systems of the plan, and end after they start."""
    models = [*plan.models, *catalog.load().entities("layers")]
    for name, run in plan.training.runs.items():
        path = ("training", "runs", name)
        yield from _known(run.model, models, "model", root, (*path, "model"))
        yield from _known(
            run.generation, plan.fleet.generations, "generation of this plan", root, (*path, "generation")
        )
        places = [*plan.fleet.sites, *(f"opening {b}" for b in plan.fleet.opening)]
        yield from _known(run.site, places, "site of this plan", root, (*path, "site"))
        if run.deadline is not None and run.deadline < run.start:
            remedy = "put the deadline after the start"
            yield Problem(
                "the deadline comes before the start",
                root.place((*path, "deadline")),
                value=f"{run.deadline} before {run.start}",
                remedy=remedy,
            )
        if run.start > plan.horizon.end:
            yield Problem(
                "starts after the horizon ends, so it trains nothing",
                root.place((*path, "start")),
                value=str(run.start),
                remedy="lengthen the horizon or leave the run out",
                severity="warning",
            )


def powers(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Phases have power, one basis per site, of a believable size."""
    for name, site in plan.fleet.sites.items():
        bases = {p.power.basis for p in site.phases.values()}
        if len(bases) > 1:
            yield Problem(
                "phases of one site are on different bases",
                root.place(("fleet", "sites", name, "phases")),
                value=", ".join(sorted(bases)),
                allowed="one basis per site",
                remedy="state all phases of this site on the same basis",
            )
        total = 0.0
        for phase_name, phase in site.phases.items():
            total += phase.power.value
            if phase.power.value == 0:
                yield Problem(
                    "a phase without power",
                    root.place(("fleet", "sites", name, "phases", phase_name, "power")),
                    value="0",
                    allowed="more than 0",
                    remedy="give its power or remove the phase",
                )
        if total and not SITE_MW[0] <= total <= SITE_MW[1]:
            yield Problem(
                f"a site of {total:,.6g} MW is unusual",
                root.place(("fleet", "sites", name), key=True),
                value=f"{total:,.6g} MW",
                allowed=f"usually {SITE_MW[0]:g} MW to {SITE_MW[1] / 1000:g} GW",
                remedy="check MW against GW; the run goes on",
                severity="warning",
            )


def dates(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A phase climbs its ladder in order."""
    for name, site in plan.fleet.sites.items():
        for phase_name, phase in site.phases.items():
            given = [
                ("announced", phase.announced or site.announced),
                ("contracted", phase.contracted),
                ("construction", phase.construction),
                ("energised", phase.energised),
            ]
            known = [(k, d) for k, d in given if d is not None]
            for (before, first), (after, second) in pairwise(known):
                if second < first:
                    place = root.place(("fleet", "sites", name, "phases", phase_name, after))
                    yield Problem(
                        f"'{after}' comes before '{before}'",
                        place,
                        value=f"{second} before {first}",
                        remedy="put the dates in order: announced, contracted, construction, energised",
                    )
            if phase.energised > plan.horizon.end:
                yield Problem(
                    "energised after the horizon ends, so it gives nothing",
                    root.place(("fleet", "sites", name, "phases", phase_name, "energised")),
                    value=str(phase.energised),
                    remedy="lengthen the horizon or leave the phase out",
                    severity="warning",
                )


def opening(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What stands already has power."""
    for name, block in plan.fleet.opening.items():
        if block.power.value == 0:
            yield Problem(
                "an opening block without power",
                root.place(("fleet", "opening", name, "power")),
                value="0",
                allowed="more than 0",
                remedy="give its power or remove the block",
            )


def paths(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What is stated by date is stated by dates."""
    by_date: dict[tuple[str, ...], Iterable[str]] = {
        ("training", "share"): plan.training.share or {},
        ("demand", "price_index"): plan.demand.price_index or {},
    }
    for name, work in plan.demand.workloads.items():
        for what in ("later_models", "edge_share"):
            by_date["demand", "workloads", name, what] = getattr(work, what) or {}
    for name, run in plan.training.runs.items():
        by_date["training", "runs", name, "milestones"] = run.milestones or {}
    for where, keys in by_date.items():
        for key in keys:
            try:
                parse_date(key)
            except ValueError as error:
                yield Problem(str(error), root.place((*where, key), key=True), value=key, remedy="write a date")


def promised(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """The sites add up to what is announced, when both are on one basis."""
    promise = plan.announced.power
    powers = [p.power for s in plan.fleet.sites.values() for p in s.phases.values()]
    if any(p.basis != promise.basis for p in powers) or promise.value == 0:
        return
    total = sum(p.value for p in powers)
    if abs(total / promise.value - 1) > 0.005:
        yield Problem(
            f"the sites add up to {total:,.6g} MW, not to what is announced",
            root.place(("announced", "power")),
            value=str(promise),
            remedy="check MW against GW, or change the announced power; the run goes on",
            severity="warning",
        )


def service(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Waits that nobody would accept are more often a slip between s and ms."""
    for name, work in plan.demand.workloads.items():
        if work.tpot_s is not None and work.tpot_s > 1:
            yield Problem(
                "more than a second per token is unusual",
                root.place(("demand", "workloads", name, "tpot_s")),
                value=f"{work.tpot_s:g} s",
                remedy="check s against ms; the run goes on",
                severity="warning",
            )


def _known(name: str, known: Iterable[str], what: str, root: Node, path: tuple[str | int, ...]) -> Iterator[Problem]:
    known = list(known)
    if name not in known:
        yield Problem(
            f"no such {what}",
            root.place(path),
            value=name,
            allowed=", ".join(known),
            nearest=nearest_name(name, known),
            remedy="check the spelling",
        )


def _first(day: dt.date) -> dt.date:
    return day.replace(day=1)
