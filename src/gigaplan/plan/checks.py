"""Rules that cross sections of a plan: each is one small function that yields problems.

A wrong plan gives errors; an implausible but possible one gives warnings, and the run goes on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import pairwise

from gigaplan import catalog
from gigaplan.fleet.inputs import LADDER, existing_label
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.claims import CLAIMS
from gigaplan.vocabulary.errors import Problem, nearest_name
from gigaplan.vocabulary.units import parse_date

SITE_MW = (1.0, 10_000.0)
"""A campus outside this range is possible but more often a slip between kW, MW and GW."""
MAX_HORIZON_YEARS = 40
MODEL_SWITCHES = ("gated_attention", "plain_ffn", "tied_embeddings")
"""Parts of a model that it has or has not."""


def check(plan: PlanDocument, root: Node) -> list[Problem]:
    """Return every problem of a document that its schema alone can't see."""
    rules = (
        horizon,
        names,
        lists,
        models,
        powers,
        dates,
        opening,
        paths,
        runs,
        run_sizes,
        milestones,
        asks,
        users,
        draws,
        contracts,
        tranches,
        outside,
        promised,
        service,
    )
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
    existing = [existing_label(name) for name in plan.fleet.opening]
    for name, site in plan.fleet.sites.items():
        if name in existing:
            yield Problem(
                "a block of the existing fleet has this label in results",
                root.place(("fleet", "sites", name), key=True),
                value=name,
                remedy="rename the site",
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
        places = [*plan.fleet.sites, *map(existing_label, plan.fleet.opening)]
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


def lists(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A list that chooses names some, and each once: nothing chosen would quietly mean all."""
    chosen: dict[tuple[str, ...], list[str] | None] = {
        ("demand", "regions"): plan.demand.regions,
        ("fleet", "newest_among"): plan.fleet.newest_among,
    }
    for path, found in chosen.items():
        if found is not None and not found:
            remedy = "name what is meant, or remove the line, which takes all"
            yield Problem("an empty list", root.place(path), value="[]", allowed="one name or more", remedy=remedy)
        for i, name in enumerate(found or ()):
            if name in (found or [])[:i]:
                yield Problem("named twice", root.place((*path, i)), value=name, remedy="remove one")


def models(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A model's parts fit together: heads in groups, and a feed-forward part with all that it needs."""
    facts = catalog.load()
    for name, model in plan.models.items():

        def part(field: str, given: object = model, entity: str = name) -> int:
            mine = getattr(given, field)
            return int(
                mine if mine is not None else facts.find(entity, field).number if facts.has(entity, field) else 0
            )

        heads, groups = part("heads"), part("kv_heads")
        experts, chosen, width = part("experts"), part("experts_per_token"), part("ffn_expert")
        wrong = {
            "kv_heads": heads % groups != 0 and ("heads are not shared out evenly", f"a divisor of {heads} heads"),
            "experts_per_token": bool(experts or chosen)
            and not 0 < chosen <= experts
            and ("a token can't use so many experts", f"1 to {experts}" if experts else "0, as there are no experts"),
            "ffn_expert": bool(experts and not width) and ("experts without a width", "1 or more"),
            "ffn_dense": not (experts or part("ffn_dense")) and ("no feed-forward part", "ffn_dense, or experts"),
            "linear_head_dim": bool(part("linear_value_heads") and not part("linear_head_dim"))
            and ("heads of a state without a width", "1 or more"),
            "mla_v_head": bool(part("mla_kv_lora") and not part("mla_v_head"))
            and ("latent attention without a width of values", "1 or more"),
            **{k: part(k) > 1 and ("more than yes", "0 (no) or 1 (yes)") for k in MODEL_SWITCHES},
            "first_dense_layers": part("first_dense_layers") > part("layers")
            and ("more dense layers than layers", f"0 to {part('layers')}"),
        }
        for field, said in wrong.items():
            if said:
                message, allowed = said
                place = root.place(("models", name, field))
                remedy = f"state {field} as in the model's configuration"
                yield Problem(message, place, value=f"{part(field)}", allowed=allowed, remedy=remedy)


def run_sizes(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A run asks for no more GPUs than all of its site's power could feed."""
    facts = catalog.load()
    mw = {name: sum(p.power.value for p in site.phases.values()) for name, site in plan.fleet.sites.items()}
    mw |= {existing_label(name): block.power.value for name, block in plan.fleet.opening.items()}
    for name, run in plan.training.runs.items():
        racks_kw = [f.number for f in facts.all(run.generation, "rack_power_kw") if f.chosen]
        if run.site not in mw or not racks_kw or not facts.has(run.generation, "gpus_per_rack"):
            continue
        most = mw[run.site] * 1e3 / min(racks_kw) * facts.find(run.generation, "gpus_per_rack").number
        if run.gpus > most:
            yield Problem(
                "more GPUs than the site's whole power could feed, so the run never starts",
                root.place(("training", "runs", name, "gpus")),
                value=f"{run.gpus:,} GPUs",
                allowed=f"less than {most:,.0f} of {run.generation} at {run.site}",
                remedy="ask for fewer GPUs, or name a larger site; the run goes on",
                severity="warning",
            )


def milestones(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A run's milestones rise, within the time that it has."""
    for name, run in plan.training.runs.items():
        path = ("training", "runs", name, "milestones")
        found = sorted((_day(key), key, share) for key, share in (run.milestones or {}).items() if _day(key))
        for (_, _, before), (_, key, share) in pairwise(found):
            if share < before:
                yield Problem(
                    "less is to be done than at the milestone before",
                    root.place((*path, key)),
                    value=f"{share:g} after {before:g}",
                    allowed=f"{before:g} to 1",
                    remedy="let the shares rise with their dates: they count all tokens done so far",
                )
        for day, key, _ in found:
            if day is None or (day >= run.start and (run.deadline is None or day <= run.deadline)):
                continue
            early = day < run.start
            yield Problem(
                "a milestone before the run starts" if early else "a milestone after the run's deadline",
                root.place((*path, key), key=True),
                value=key,
                allowed=f"{run.start} to {run.deadline or 'any later day'}",
                remedy="move the milestone; the run goes on",
                severity="warning",
            )


def asks(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A workload says how much is asked, in the way of its driver."""
    facts = catalog.load()
    needed = {"users": ("reach_share", "requests_per_user_day"), "own": ("requests_per_day",)}
    for name, work in plan.demand.workloads.items():
        if not facts.has(name, "reference_date") and work.reference_date is None:
            continue  # resolving lists all that such a workload lacks
        for field in needed[work.driver]:
            if getattr(work, field) is None and not facts.has(name, field):
                yield Problem(
                    f"nothing is asked: driver '{work.driver}' needs '{field}'",
                    root.place(("demand", "workloads", name)),
                    value=work.driver,
                    allowed="; ".join(f"{k}: {', '.join(v)}" for k, v in needed.items()),
                    remedy=f"add '{field}' here, or take the other driver",
                )
        for driver, fields in needed.items():
            for field in fields if driver != work.driver else ():
                if getattr(work, field) is not None:
                    yield Problem(
                        f"driver '{work.driver}' does not read '{field}'",
                        root.place(("demand", "workloads", name, field), key=True),
                        value=work.driver,
                        remedy=f"write driver: {driver}, or remove '{field}'; the run goes on",
                        severity="warning",
                    )


def users(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """There are no more users at the reference date than there can ever be."""
    facts, given = catalog.load(), plan.demand.adoption
    most, now = (
        getattr(given, k, None) or facts.find("adoption", k).number for k in ("ceiling_users", "reference_users")
    )
    if now > most:
        known = "ceiling_users" if getattr(given, "ceiling_users", None) else "reference_users"
        yield Problem(
            "more users at the reference date than the ceiling",
            root.place(("demand", "adoption", known)),
            value=f"reference_users {now:,.0f}, ceiling_users {most:,.0f}",
            allowed="a ceiling above the reference",
            remedy="raise ceiling_users or lower reference_users",
        )


def draws(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """An idle rack draws no more than a busy one."""
    facts, given = catalog.load(), plan.power.draw
    shares = [getattr(given, k, None) for k in ("idle_share", "busy_share")]
    idle, busy = (
        facts.find("draw_curve", k).number if s is None else s
        for k, s in zip(("idle_share", "busy_share"), shares, strict=True)
    )
    if idle > busy:
        yield Problem(
            "an idle rack draws more than a busy one",
            root.place(("power", "draw", "busy_share" if shares[0] is None else "idle_share")),
            value=f"idle_share {idle:g}, busy_share {busy:g}",
            allowed="idle_share up to busy_share",
            remedy="lower idle_share or raise busy_share",
        )


def contracts(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A contract's money runs: rent on what is rented, lease for what is owned."""
    places = [("sites", n, s.contract, s.rented or 0.0) for n, s in plan.fleet.sites.items()]
    blocks = plan.fleet.opening.items()
    places += [("opening", n, b.contract, 1.0 if b.rented is None else b.rented) for n, b in blocks]
    for home, name, terms, rented in places:
        if terms is None:
            continue
        path = ("fleet", home, name, "contract")
        rent, lease = terms.usd_per_it_mw_year or 0.0, terms.lease_usd_per_it_mw_year or 0.0
        share = f"rented: {rented:g}"
        if rented == 0 and rent > 0:
            yield _idle("nothing is rented, so the rent is never paid", root, (*path, "usd_per_it_mw_year"), share)
        elif rented == 0 and lease == 0:
            yield _idle("neither rent nor lease, so the contract costs nothing", root, path, share)
        if rented == 1 and lease > 0:
            yield _idle("all is rented, so the lease is never paid", root, (*path, "lease_usd_per_it_mw_year"), share)


def _idle(message: str, root: Node, path: tuple[str, ...], value: str) -> Problem:
    allowed = "usd_per_it_mw_year where a share is rented, lease_usd_per_it_mw_year where a share is owned"
    remedy = "state the share that is 'rented' beside the contract, or mend its terms; the run goes on"
    return Problem(message, root.place(path), value=value, allowed=allowed, remedy=remedy, severity="warning")


def tranches(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A milestone of investment is some power, on a basis that the fleet is counted in."""
    if plan.finance.tranches is None:
        return
    place, power = root.place(("finance", "tranches", "milestone")), plan.finance.tranches.milestone
    if power.value == 0:
        remedy = "give the power of one milestone, or leave finance.tranches out"
        yield Problem("a milestone without power", place, value=str(power), allowed="more than 0", remedy=remedy)
    if power.basis not in (PowerBasis.IT, PowerBasis.FACILITY):
        remedy = "state the milestone on one of these bases"
        yield Problem("no milestone is counted so", place, value=str(power), allowed="it, facility", remedy=remedy)


def outside(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What lies outside the horizon does nothing."""
    start, end = _first(plan.horizon.start), _first(plan.horizon.end)
    finance, found = plan.finance, list[tuple[tuple[str, ...], dt.date | None, str]]()
    for name, block in plan.fleet.opening.items():
        found.append((("fleet", "opening", name, "date"), block.date, "it is not there in time"))
    for name, work in plan.demand.workloads.items():
        later = ("demand", "workloads", name, "later_models")
        found += [((*later, key), _day(key), "it never takes over") for key in work.later_models or {}]
    for name, one in (finance.guaranties or {}).items():
        found.append((("finance", "guaranties", name, "start"), one.start, "it guarantees nothing"))
    for name, paid in (finance.equity or {}).items():
        where, why = ("finance", "equity", name, "date"), "its money is not counted"
        found.append((where, paid.date, why))
        if paid.date < start:
            yield _outside("before the horizon starts", root, where, paid.date, why)
    for name, run in plan.training.runs.items():
        if run.start < start:
            why = "all its tokens are trained from the first month on"
            yield _outside("before the horizon starts", root, ("training", "runs", name, "start"), run.start, why)
    for path, day, why in found:
        if day is not None and day >= end:
            yield _outside("after the horizon ends", root, path, day, why)


def _outside(where: str, root: Node, path: tuple[str, ...], day: dt.date, why: str) -> Problem:
    remedy = "move the date or the horizon; the run goes on"
    return Problem(f"{where}, so {why}", root.place(path), value=str(day), remedy=remedy, severity="warning")


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
        ships = _ships(plan, block.generation)
        if ships is not None and block.date < ships:
            yield Problem(
                f"stands before {block.generation} ships",
                root.place(("fleet", "opening", name, "date")),
                value=str(block.date),
                allowed=f"{ships} or later",
                remedy="check the date and the generation; the run goes on",
                severity="warning",
            )


def _ships(plan: PlanDocument, generation: str) -> dt.date | None:
    """Return the day on which a generation first ships, None where nobody says."""
    given: dt.date | None = getattr(plan.fleet.systems.get(generation), "first_ship_date", None)
    facts = catalog.load()
    known = facts.has(generation, "first_ship_date")
    return given or (facts.find(generation, "first_ship_date").day if known else None)


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
        seen: dict[dt.date, str] = {}
        for key in keys:
            place = root.place((*where, key), key=True)
            try:
                day = parse_date(key)
            except ValueError as error:
                yield Problem(str(error), place, value=key, remedy="write a date, such as 2026-09 or 2026-09-22")
                continue
            if day in seen:
                remedy = "remove one: a month, quarter, half or year stands for its middle day"
                yield Problem("two values for one day", place, value=f"{key} and {seen[day]}", remedy=remedy)
            seen[day] = key


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


def _day(key: str) -> dt.date | None:
    """Return the day that a key names, None where it names none (:func:`paths` says so)."""
    try:
        return parse_date(key)
    except ValueError:
        return None


def _first(day: dt.date) -> dt.date:
    return day.replace(day=1)
