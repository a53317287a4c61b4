"""Rules of the fleet and its sites."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from gigaplan import catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.fleet.inputs import existing_label
from gigaplan.plan.checks.common import as_read, first_of_month, known_name, meant, not_empty, outside, too_early, twice
from gigaplan.plan.document import Node
from gigaplan.plan.own.expand import ALIKE, stated_racks
from gigaplan.plan.ratings import GpuPower, has_profiles, limit_problem, stated_cap_w
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.bases import PowerBasis, Profile
from gigaplan.vocabulary.errors import Problem, UnsupportedError

SITE_MW = (1.0, 10_000.0)
"""A campus outside this range is possible but more often a slip between kW, MW and GW."""

STAGES = ("announced", "contracted", "construction", "energised", "operational")
"""Dates of a phase, in order."""


def names(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Names of generations, regions and sites are known, and each stands for one thing."""
    facts = catalog.load()
    systems, regions = facts.entities("rack_power_kw"), facts.entities("power_price_usd_per_mwh")
    own, path = plan.fleet.generations, ("fleet", "generations")
    for i, name in enumerate(own):
        yield from known_name(name, systems, "generation that a plan can build", root, (*path, i), kind="system")
    yield from twice(own, root, path)
    own = meant(own, systems)
    yield from known_name(
        plan.fleet.reference_generation,
        own,
        "generation in this plan's fleet.generations",
        root,
        ("fleet", "reference_generation"),
        "name one of fleet.generations, or add this one to them"
        if plan.fleet.reference_generation in systems
        else "check the spelling",
        kind="system",
    )
    for name, block in plan.fleet.opening.items():
        where = ("fleet", "opening", name, "generation")
        yield from known_name(block.generation, own, "generation of this plan", root, where, kind="system")
    existing = [existing_label(name) for name in plan.fleet.opening]
    for name, site in plan.fleet.sites.items():
        at = ("fleet", "sites", name)
        if name in existing:
            yield Problem(
                "a block of the existing fleet has this label in results",
                root.place(at, key=True),
                value=name,
                remedy="rename the site",
            )
        if site.facility is None or site.facility.power_price_usd_per_mwh is None:
            yield from known_name(
                site.region, regions, "region with a power price", root, (*at, "region"), kind="region"
            )
        for phase_name, phase in site.phases.items():
            if phase.generation not in (None, "newest"):
                chosen = (*at, "phases", phase_name, "generation")
                known = [*own, "newest"]
                yield from known_name(phase.generation, known, "generation of this plan", root, chosen, kind="system")


def systems(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Changes to systems are changes to systems of the plan."""
    own = meant(plan.fleet.generations, catalog.load().entities("rack_power_kw"))
    for section, changed in (("fleet", plan.fleet.systems), ("finance", plan.finance.systems)):
        for name in changed:
            where, remedy = (section, "systems", name), "name it among fleet.generations, or remove it"
            yield from known_name(name, own, "generation of this plan", root, where, remedy, key=True, kind="system")


def power_caps(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A cap lies between what the clock's relation holds for and what the profile allows."""
    facts = catalog.load()
    for name in meant(plan.fleet.generations, facts.entities("rack_power_kw")):
        cap = stated_cap_w(plan, name)
        if cap is None:
            continue
        place = root.place(("fleet", "systems", name, "gpu_power_cap_w"))
        problem = limit_problem(facts, name, GpuPower(profile=Profile(plan.fleet.profile), limit_w=cap), place)
        if problem is not None:
            yield problem


def profile(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A profile other than the usual one is that of a system which has profiles."""
    facts = catalog.load()
    own = meant(plan.fleet.generations, facts.entities("rack_power_kw"))
    if Profile(plan.fleet.profile) == Profile.MAX_P and not any(has_profiles(facts, name) for name in own):
        yield Problem(
            "the profile has no effect: none of the plan's systems is rated at several",
            root.place(("fleet", "profile")),
            value=plan.fleet.profile,
            remedy="leave it out, or cap a system with fleet.systems.NAME.gpu_power_cap_w; the run goes on",
            severity="warning",
        )


def newest(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Generations that 'newest' chooses from are generations of the plan, at least one, and each once."""
    chosen, path = plan.fleet.newest_among, ("fleet", "newest_among")
    yield from not_empty(chosen, root, path)
    own = meant(plan.fleet.generations, catalog.load().entities("rack_power_kw"))
    for i, name in enumerate(chosen or ()):
        yield from known_name(name, own, "generation of this plan", root, (*path, i), kind="system")


def positions(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A site's latitude and longitude are stated together."""
    for name, site in plan.fleet.sites.items():
        stated = {q: getattr(site, q) for q in ("latitude_deg", "longitude_deg")}
        lacking = [q for q, value in stated.items() if value is None]
        if len(lacking) == 1:
            (given,) = (q for q in stated if q not in lacking)
            yield Problem(
                "half a position stands nowhere on the map",
                root.place(("fleet", "sites", name, given)),
                value=f"{stated[given]:g}",
                remedy=f"state {lacking[0]} too, or neither",
            )


def powers(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Phases have power, one basis per site, of a believable size."""
    for name, site in plan.fleet.sites.items():
        bases = {p.power.basis for p in site.phases.values() if p.gpus is None}
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


def gpus(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A block that states both its power and its GPUs states the same twice."""
    blocks: dict[tuple[str, ...], Any] = {
        ("fleet", "sites", name, "phases", phase): block
        for name, site in plan.fleet.sites.items()
        for phase, block in site.phases.items()
    }
    blocks |= {("fleet", "opening", name): block for name, block in plan.fleet.opening.items()}
    for path, block in blocks.items():
        try:
            found = stated_racks(root, path)
        except (ValueError, UnsupportedError, UnknownFactError):
            continue  # loading has reported it
        if found is None:
            continue
        same = block.power.basis == PowerBasis.IT and abs(block.power.value / found.it_mw - 1) <= ALIKE
        if not same:
            yield Problem(
                "both power and GPUs are stated, and they differ",
                root.place((*path, "power")),
                value=str(block.power),
                allowed=f"{found.it_mw:.6g} MW it: {found.words}",
                remedy="state one of them",
            )


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


def dates(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A phase goes through the stages of delivery in order."""
    for name, site in plan.fleet.sites.items():
        for phase_name, phase in site.phases.items():
            path: tuple[str, ...] = ("fleet", "sites", name, "phases", phase_name)
            given = {stage: getattr(phase, stage) for stage in STAGES}
            where = {stage: (*path, stage) for stage in given}
            if given["announced"] is None:
                given["announced"], where["announced"] = site.announced, (*path[:3], "announced")
            known = [(stage, day) for stage, day in given.items() if day is not None]
            for (before, first), (after, second) in pairwise(known):
                if second < first:
                    place = root.place(where[after])
                    yield Problem(
                        f"'{after}' comes before '{before}'",
                        place,
                        value=too_early(
                            as_read(second, root.written(where[after])), as_read(first, root.written(where[before]))
                        ),
                        remedy=f"put the dates in order: {', '.join(STAGES)}",
                    )
            if phase.energised > plan.horizon.end:
                yield Problem(
                    "energised after the horizon ends, so it gives nothing",
                    root.place(where["energised"]),
                    value=as_read(phase.energised, root.written(where["energised"])),
                    remedy="lengthen the horizon or leave the phase out",
                    severity="warning",
                )
            elif phase.energised < first_of_month(plan.horizon.start):
                path = ("fleet", "sites", name, "phases", phase_name, "energised")
                why = "what was spent on it by then is in no account"
                yield outside("before the horizon starts", root, path, phase.energised, why)


def packaging(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A stated supply of packages says for which date it holds."""
    ladder = plan.fleet.ladder
    if ladder is None or ladder.packaging_start_gpus_per_month is None or ladder.packaging_reference_date is not None:
        return
    taken = catalog.load().find("ladder", "packaging_reference_date").day
    yield Problem(
        "packages a month without the date for which they hold",
        root.place(("fleet", "ladder", "packaging_start_gpus_per_month")),
        value=str(ladder.packaging_start_gpus_per_month),
        remedy=f"add packaging_reference_date, {taken} is taken; the run goes on",
        severity="warning",
    )


def existing(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What exists already has power, of a generation that ships by then."""
    for name, block in plan.fleet.opening.items():
        if block.power.value == 0:
            yield Problem(
                "an existing block without power",
                root.place(("fleet", "opening", name, "power")),
                value="0",
                allowed="more than 0",
                remedy="give its power or remove the block",
            )
        ships = _ships(plan, block.generation)
        if ships is not None and block.date < ships:
            yield Problem(
                f"exists before {block.generation} ships",
                root.place(("fleet", "opening", name, "date")),
                value=as_read(block.date, root.written(("fleet", "opening", name, "date"))),
                allowed=f"{ships} or later",
                remedy="check the date and the generation; the run goes on",
                severity="warning",
            )


def existing_in_time(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What exists already is there before the horizon ends."""
    for name, block in plan.fleet.opening.items():
        if block.date >= first_of_month(plan.horizon.end):
            why = "it is not there in time"
            yield outside("after the horizon ends", root, ("fleet", "opening", name, "date"), block.date, why)


def _ships(plan: PlanDocument, generation: str) -> dt.date | None:
    """Return the day on which a generation first ships, None where nobody says."""
    given: dt.date | None = getattr(plan.fleet.systems.get(generation), "first_ship_date", None)
    facts = catalog.load()
    known = facts.has(generation, "first_ship_date")
    return given or (facts.find(generation, "first_ship_date").day if known else None)
