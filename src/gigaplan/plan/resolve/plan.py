"""A checked plan becomes a scenario: every input gets a value and a line in the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from annotated_types import Gt

from gigaplan import catalog
from gigaplan.compute.clock import ClockCurve
from gigaplan.compute.transformer import Architecture
from gigaplan.finance.intelligence import Gains
from gigaplan.inference.inputs import Efficiency, Engine, Software
from gigaplan.plan.claims import plan_claims
from gigaplan.plan.correlations import PATH
from gigaplan.plan.document import Node
from gigaplan.plan.homes import homes_of
from gigaplan.plan.load import Plan
from gigaplan.plan.provenance import plain_values
from gigaplan.plan.resolve.demand import demand, regions
from gigaplan.plan.resolve.drafts import drafts_of
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.resolve.finance import finance
from gigaplan.plan.resolve.fleet import fleet, rack_kind
from gigaplan.plan.resolve.limits import PowerLimit, power_limits
from gigaplan.plan.resolve.model_errors import device_ratios, large_step_errors, serving_errors, step_errors
from gigaplan.plan.resolve.power import device, facilities, nodes
from gigaplan.plan.resolve.selling import customers, market
from gigaplan.plan.resolve.supply import supplies
from gigaplan.plan.resolve.training import training
from gigaplan.plan.scenario import Scenario
from gigaplan.plan.schema import PlanDocument
from gigaplan.power.inputs import DrawCurve, NodeDraw
from gigaplan.training.capability import Capability
from gigaplan.training.policy import TrainingPolicy
from gigaplan.training.programme import PlannedRun
from gigaplan.training.trend import FrontierTrend
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.sampling import Part
from gigaplan.vocabulary.time import Resolution, TimeAxis

LATEST_SHOWN = 3
"""Facts that the message on hindsight names."""
MODERN = "modern"
"""Training software of 2023 or later."""


def resolve(plan: Plan, part: Part | None = None) -> Scenario:
    """Return the scenario of a checked plan.

    Parameters
    ----------
    plan : Plan
        The plan.
    part : Part, optional
        Members of a study, in the place of those that the plan itself asks for.

    Raises
    ------
    PlanError
        If an input is neither in the plan nor in the catalog.
    InputError
        If inputs don't fit together.
    """
    day = plan.document.known_until
    with catalog.using(plan.catalog if day is None else plan.catalog.known_by(day)):
        return _resolve(plan, part)


def _resolve(plan: Plan, part: Part | None) -> Scenario:
    """Return the scenario of a plan by the catalog in use; see :func:`resolve` for what raises."""
    doc, root = plan.document, plan.root
    sampling, filler = part or doc.uncertainty, _filler(plan, part)
    _knowledge(filler, doc)
    axis = _axis(doc)
    sites, shared = facilities(filler, doc)
    software = _software(filler, doc)
    limits, supplied = power_limits(filler, doc, rack_kind(doc)), supplies(filler, doc, sites)
    built = fleet(filler, doc, sites, shared, limits, supplied)
    scenario = Scenario(
        name=doc.name,
        title=doc.title,
        notes=tuple(n.strip() for n in doc.notes),
        warnings=tuple(str(w) for w in plan.warnings),
        assumptions=_assumptions(plan),
        plan_hash=plan.hash,
        seed=sampling.seed,
        members=sampling.members,
        axis=axis,
        claims=plan_claims(plan.root)[0],
        announced=doc.announced.power,
        reference_generation=doc.fleet.reference_generation,
        regions=regions(filler, doc),
        demand=demand(filler, doc, axis),
        market=market(filler, doc),
        fleet=built,
        facilities=sites,
        supplies=supplied,
        draw=filler.fill(DrawCurve, doc.power.draw, "draw_curve", "power.draw"),
        node_draw=filler.fill(NodeDraw, None, "node_draw", "power.node_draw"),
        clock=filler.fill(ClockCurve, None, "gpu_clock", "power.gpu_clock") if any(supplied) else None,
        nodes=nodes(filler, doc, limits),
        devices={g: device(filler, g, limits[g]) for g in doc.fleet.generations},
        architectures=(served := _architectures(filler, doc)),
        efficiency=filler.fill(Efficiency, None, "serving_model", "inference.efficiency"),
        engine=filler.fill(Engine, doc.demand.engine, software.engine, f"inference.engines.{software.engine}"),
        software=software,
        drafts={name: drafts_of(filler.facts, name, software.drafts) for name in served},
        training=training(filler, doc, axis),
        capability=_capability(filler),
        trend=filler.fill(FrontierTrend, None, "frontier_runs", "training.trend"),
        finance=finance(filler, doc, built),
        customers=customers(filler, doc),
        gains=_gains(filler, software),
        picks=filler.picks,
        ledger=filler.ledger,
    )
    if filler.problems:
        raise PlanError(replace(p, place=root.place(root.parts(p.place.path))) for p in filler.problems)
    if doc.known_until is not None and not doc.hindsight and (later := filler.ledger.hindsight()):
        raise PlanError([_too_late(later, doc.known_until, root)])
    if twice := list(_following_already(filler, root)):
        raise PlanError(twice)
    modern = doc.training.software == MODERN
    sampled = _with_errors(filler, scenario, limits, modern=modern) if filler.members > 1 else scenario
    streams = {name: tuple(inputs) for name, inputs in filler.sampler.streams.items()}
    warnings = (*scenario.warnings, *_unsampled(filler, root))
    draws = filler.draws.all()
    sampler = filler.sampler
    return replace(sampled, drawn=sampler.drawn, chosen=sampler.chosen, streams=streams, draws=draws, warnings=warnings)


def _filler(plan: Plan, part: Part | None) -> Filler:
    """Return what fills the inputs of a plan."""
    sampling = part or plan.document.uncertainty
    return Filler(
        catalog.load(),
        plan.provenance,
        sampling.members,
        sampling.seed,
        plan.root,
        homes_of(plan.document),
        plan.ranges,
        part,
        plan.choices,
        plan.correlations,
    )


def _axis(doc: PlanDocument) -> TimeAxis:
    """Return the months of the horizon, from the first of a month to the first of another."""
    start, end = (day.replace(day=1) for day in (doc.horizon.start, doc.horizon.end))
    return TimeAxis(start, end, Resolution(doc.horizon.resolution))


def _knowledge(filler: Filler, doc: PlanDocument) -> None:
    """Record what the plan knows: its information date, whether it may look further, and its money."""
    if doc.asks is not None:
        filler.state("asks", doc.asks)
    if doc.price_year is not None:
        filler.price_year = filler.state("price_year", doc.price_year)
    if doc.known_until is not None:
        filler.ledger.known_until = filler.state("known_until", doc.known_until)
    if doc.hindsight:
        filler.state("hindsight", doc.hindsight)
    if doc.history is not None:
        filler.state("history", doc.history)


def _too_late(later: Sequence[Fact], day: dt.date, root: Node) -> Problem:
    """Return the problem of facts that came after the plan's information date, with the latest ones."""
    latest = sorted(later, key=lambda f: f.date, reverse=True)[:LATEST_SHOWN]
    return Problem(
        f"{len(later)} facts that the plan reads came later, and nothing earlier says what they do",
        root.place(("known_until",)),
        value=f"{day}; the latest are {', '.join(f'{f.id} ({f.date})' for f in latest)}",
        allowed=f"facts up to {day}, or hindsight: true",
        remedy="state hindsight: true, which counts and marks them, or state these values in the plan",
    )


def _with_errors(filler: Filler, scenario: Scenario, limits: Mapping[str, PowerLimit], *, modern: bool) -> Scenario:
    """Return a scenario of many members with what is uncertain of devices and of the models of speed themselves."""
    models, policy = scenario.architectures, scenario.training
    steps = step_errors(filler, _runs_of(filler, policy), models, modern=modern)
    largest = replace(policy.largest, step_over_predicted=large_step_errors(filler, scenario.devices, modern=modern))
    return replace(
        scenario,
        device_ratios={g: device_ratios(filler, g, limits[g].clock_share) for g in scenario.devices},
        serving_error=serving_errors(filler, scenario.devices, models),
        training=replace(policy, step_over_predicted=steps, largest=largest),
    )


def _runs_of(filler: Filler, policy: TrainingPolicy) -> Iterator[PlannedRun]:
    """Yield the runs of a plan, each with every model that it may be of."""
    for run in policy.runs:
        chosen = filler.picks.get(f"training.runs.{run.name}.model")
        yield from (replace(run, model=name) for name in (chosen.options if chosen else (run.model,)))


def _following_already(filler: Filler, root: Node) -> Iterator[Problem]:
    """Yield correlations of inputs that follow another one by the catalog."""
    for one in filler.draws.found.values():
        if one.follows and {one.name, one.follows} & set(filler.sampler.correlated):
            message = f"{one.name} follows {one.follows} already (correlation {one.correlation:.2g}, from the catalog)"
            yield Problem(message, root.place(PATH), remedy="correlate neither of them with others")


def _unsampled(filler: Filler, root: Node) -> Iterator[str]:
    """Yield what to say of ranges that the plan states and no member draws from."""
    if filler.ranges and filler.members == 1:
        message = "ranges have no effect with one member, which takes the central values"
        first = root.place(root.parts(next(iter(filler.ranges))))
        yield str(Problem(message, first, severity="warning", remedy="state members: 100 under uncertainty"))
    if filler.choices and filler.members == 1:
        message = "choices have no effect with one member, which takes the likeliest option"
        first = root.place(root.parts(next(iter(filler.choices))))
        yield str(Problem(message, first, severity="warning", remedy="state members: 100 under uncertainty"))
    drawn = {one.group or one.name for one in filler.draws.found.values()}
    for name in (n for one in filler.correlations for n in one.names if n not in drawn):
        message = "the correlation has no effect: " + (
            f"no input of this plan draws from {name}" if filler.members > 1 else "one member draws nothing"
        )
        yield str(Problem(message, root.place(PATH), severity="warning", remedy="leave it out"))
    for path in filler.ranges if filler.members > 1 else ():
        if path not in filler.sampler.drawn:
            message = "the range has no effect: this input isn't sampled, all members take the central value"
            yield str(Problem(message, root.place(root.parts(path)), severity="warning", remedy="state one value"))


def _assumptions(plan: Plan) -> dict[str, str]:
    """Return the plan's values that state how they are known, with that, by path."""
    whole, found = None, {}
    for path, known in plan.provenance.items():
        parts = plan.root.parts(path)
        node, there = plan.root.at(parts)
        if there:
            value = plain_values(node)
        else:  # inside of what is stated with its provenance
            value = whole = plain_values(plan.root) if whole is None else whole
            for part in parts:
                below = dict(enumerate(value)) if isinstance(value, list) else value if isinstance(value, dict) else {}
                value = below.get(int(part) if isinstance(value, list) else part)
        words = "; ".join(t for t in (known.note, known.source) if t).removeprefix(f"{known.evidence}:").strip()
        stated = f"{value}, " if isinstance(value, str | int | float) else ""
        found[path] = f"{stated}{known.evidence}" + (f": {words}" if words else "")
    return found


def _software(filler: Filler, doc: PlanDocument) -> Software:
    """Return serving software, and what a service takes over its models alone."""
    given = doc.demand.software
    like = getattr(given, "like", None)
    entities = ([] if like is None else [filler.state("demand.software.like", like)]) + ["serving_software"]
    return filler.fill(Software, given, entities, "inference.software")


def _architectures(filler: Filler, doc: PlanDocument) -> dict[str, Architecture]:
    """Return the architecture of every model that is served or trained, by name."""
    served = [name for w in doc.demand.workloads.values() for name in (w.model, *(w.later_models or {}).values())]
    left_open = [name for choice in filler.choices.values() for name in choice.options]
    names = dict.fromkeys([*served, *(run.model for run in doc.training.runs.values()), *left_open])
    return {m: filler.fill(Architecture, doc.models.get(m), m, f"inference.models.{m}") for m in names}


def _capability(filler: Filler) -> Capability:
    """Return the relation of capability to compute and date; the errors of its two slopes are correlated."""
    found = filler.fill(Capability, None, "capability", "training.capability")
    compute, year = (filler.facts.find("capability", f"eci_per_{x}") for x in ("decade_flop", "year"))
    if filler.members > 1:
        lead = (filler.facts.stream_of(compute), found.slopes_correlation)
        hint = Annotated[Uncertain, Gt(0)]
        return replace(found, eci_per_year=filler.drawn(year, hint, "training.capability.eci_per_year", lead=lead))
    return found


def _gains(filler: Filler, software: Software) -> Gains:
    """Return how fast software and models do the same with less."""
    return filler.fill(
        Gains,
        None,
        "intelligence",
        "finance.gains",
        software_gain_per_year=np.exp(software.gain_per_year),
        software_gain_decay_per_year=software.gain_decay_per_year,
    )
