"""The build-out: one monthly recurrence from dates and limits to racks that produce tokens.

Each month power is energised and made ready as the limits on transformers and labour allow, first come first served;
ready power takes racks as rack supply and packaging allow; racks are accepted, produce, and retire, and the power
of retired racks takes new ones after a refit. The recurrence begins with the first event of the plan's dates, which
may lie before the horizon: what stands at its start, and what comes after it, are the same whenever it starts.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.fleet.inputs import LADDER, LIMITS, FleetInputs, Ladder, OpeningBlock, Phase, existing_label
from gigaplan.fleet.ladder import Schedule, lagged, rate_limited, schedule
from gigaplan.fleet.outputs import BuildOut
from gigaplan.fleet.supply import newest_shipping, packaging_supply, rack_supply
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.errors import Fault, InputError, allowed_names
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

MONTHS_PER_YEAR = 12
ARRIVAL_DAYS = DAYS_PER_YEAR
"""A block of the existing fleet arrives evenly over the year before its date."""
NEGLIGIBLE_MW = 1e-9
NEWEST = "newest"
NOT_SERIES = ("places", "first_token_days")
"""Fields of a build-out without months or edges."""
DECIMALS_MW = 6
"""Limits closer than a watt bind together; the first in ``LIMITS`` is reported."""


@dataclass(frozen=True, slots=True)
class _Power:
    """IT power of each phase on its way to racks, on edges: (phase, edge) [MW]."""

    scheduled: Array
    """Ready if nothing but the plan's own dates and lags bound."""
    energised: Array
    powered: Array
    """Energised one ready lag ago: halls that labour could finish; ready if transformers alone bound."""
    staffed: Array
    """Ready if labour alone bound."""
    ready: Array


@dataclass(frozen=True, slots=True)
class _RackSpace:
    """Room for racks at the start of a month, by phase and then by refitted place: (room,)."""

    kind: NDArray[np.int64]
    """Index of the generation that it takes, -1 where none ships yet."""
    queue_order: NDArray[np.int64]
    open_mw: Array
    """Ready and unfilled."""
    scheduled_mw: Array
    """What would be ready and unfilled if neither transformers nor labour bound."""
    powered_mw: Array
    """The same if transformers alone bound."""
    staffed_mw: Array
    """The same if labour alone bound."""


def build(inputs: FleetInputs, axis: TimeAxis) -> BuildOut:
    """Return the build-out of a plan.

    Parameters
    ----------
    inputs : FleetInputs
        Generations, sites, existing fleet, lags and limits.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    BuildOut
        Racks, GPUs and power by place and month; shapes in :class:`~gigaplan.fleet.outputs.BuildOut`.

    Raises
    ------
    InputError
        If a power is not on the IT basis, a generation is unknown or retires before it could produce, or a phase's
        dates are out of order.
    """
    _check(inputs)
    whole = replace(axis, start=_first_edge(inputs, axis))
    return _from(_build(inputs, whole), axis, whole)


def _first_edge(inputs: FleetInputs, axis: TimeAxis) -> dt.date:
    """Return the first of a month before anything competes for supply, at the latest the horizon's start."""
    life = {g.name: g.life_years * DAYS_PER_YEAR for g in inputs.generations}
    events = [p.energised for s in inputs.sites for p in s.phases]
    events += [b.date + dt.timedelta(days=life[b.generation] - ARRIVAL_DAYS) for b in inputs.opening]
    # One month more, so that what is energised on the first of a month meets the limits of the month before it.
    before = [(day.replace(day=1) - dt.timedelta(days=1)).replace(day=1) for day in events]
    return min([axis.start, *before])


def _from(built: BuildOut, axis: TimeAxis, whole: TimeAxis) -> BuildOut:
    """Return the part of a build-out from the start of the horizon on; time is the last dim of all but the dates."""
    earlier, days = whole.month_of(axis.start), whole.days_since_start(axis.start)
    if not earlier:
        return built
    series = {f.name: getattr(built, f.name)[..., earlier:] for f in fields(built) if f.name not in NOT_SERIES}
    return replace(built, **series, first_token_days=np.maximum(built.first_token_days - days, 0.0))


def _build(inputs: FleetInputs, axis: TimeAxis) -> BuildOut:
    """Return the build-out over an axis before which nothing happens."""
    plan = schedule(inputs, axis)
    opening = (
        np.stack([_opening_racks(b, inputs, axis, axis.edge_days) for b in inputs.opening], axis=1)
        if inputs.opening
        else np.zeros((len(inputs.generations), 0, axis.months + 1))
    )
    existing_retired = _opening_retired(inputs, axis, axis.edge_days)
    power = _site_power(inputs.ladder, plan, axis)
    delivered, limits, binding = _deliveries(inputs, axis, plan, power)
    return _outputs(inputs, axis, plan, opening, existing_retired, power, delivered, limits, binding)


def _check(inputs: FleetInputs) -> None:
    """Raise InputError for what the recurrence can't work with."""
    names = [g.name for g in inputs.generations]
    blocks: dict[str, Phase | OpeningBlock] = {
        f"fleet.sites.{s.name}.phases.{p.name}": p for s in inputs.sites for p in s.phases
    }
    blocks |= {f"fleet.opening.{b.name}": b for b in inputs.opening}
    faults: list[Fault] = []
    for path, block in blocks.items():
        if block.power.basis != PowerBasis.IT:
            message = f"'{block.name}' holds {block.power}: convert it to the IT basis with a sourced ratio first"
            faults.append(Fault(message, (f"{path}.power",), str(block.power)))
        if block.generation not in names and not (block.generation == NEWEST and isinstance(block, Phase)):
            message = f"'{block.name}' takes generation '{block.generation}': name one of {allowed_names(names)}"
            faults.append(Fault(message, (f"{path}.generation",), block.generation))
    lags = inputs.ladder.acceptance_lag_months + inputs.ladder.producing_lag_months
    for g in inputs.generations:
        if g.life_years * MONTHS_PER_YEAR < lags:
            message = (
                f"'{g.name}' retires after {g.life_years:g} years, before it has produced ({lags:g} months from "
                "delivery): lengthen its life or shorten the lags"
            )
            ladder = tuple(f"fleet.ladder.{name}_lag_months" for name in ("acceptance", "producing"))
            faults.append(
                Fault(message, (f"fleet.generations.{g.name}.life_years", *ladder), f"{g.life_years:g} years")
            )
    if faults:
        raise InputError(faults)


def _site_power(ladder: Ladder, plan: Schedule, axis: TimeAxis) -> _Power:
    """Energise and make ready as the limits on transformers and labour allow, first come first served."""
    energised = _queued(plan.energised_mw, ladder.transformer_mw_per_month, plan.queue_order)
    scheduled_mw, powered = (lagged(mw, ladder.ready_lag_months) for mw in (plan.energised_mw, energised))
    staffed, ready = (_queued(mw, ladder.labour_mw_per_month, plan.queue_order) for mw in (scheduled_mw, powered))
    return _Power(scheduled_mw, energised, powered, staffed, ready)


def _queued(demand: Array, limit_mw: float, queue_order: NDArray[np.int64]) -> Array:
    """Return what a common monthly limit has let through of what is wanted by each edge: (phase, edge)."""
    passed = np.zeros_like(demand)
    for i in range(demand.shape[1] - 1):
        unfilled = np.maximum(demand[:, i + 1] - passed[:, i], 0.0)
        passed[:, i + 1] = passed[:, i] + rate_limited(unfilled, limit_mw, queue_order)
    return passed


def _deliveries(
    inputs: FleetInputs, axis: TimeAxis, plan: Schedule, power: _Power
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Fill ready power with racks month by month: what is ready when a month begins takes racks during it.

    Returns racks delivered so far (G, P, edge), what each limit alone lets in (limit, month) [MW], and which binds.
    """
    ladder, n = inputs.ladder, axis.months
    phases, sites, places = len(plan.site), len(inputs.sites), len(inputs.sites) + len(inputs.opening)
    it_mw = np.array([g.it_kw_per_rack for g in inputs.generations]) / 1e3
    gpus = np.array([float(g.gpus_per_rack) for g in inputs.generations])
    life = np.array([g.life_years for g in inputs.generations]) * MONTHS_PER_YEAR
    racks, packages = rack_supply(inputs.generations, axis), packaging_supply(ladder, axis)
    newest = newest_shipping(inputs.generations, axis, inputs.newest_among).astype(int)
    refitted = lagged(_opening_retired(inputs, axis, axis.edge_days), ladder.refit_lag_months)
    delivered = np.zeros((len(gpus), places, n + 1))
    limits, binding = np.zeros((len(LIMITS), n)), np.full(n, -1)
    # Two kinds of room for racks: phases, in the order of their energisation, and after them refits by place.
    place = np.concatenate([plan.site, np.arange(places)])
    queue_order = np.concatenate([plan.queue_order, np.full(places, plan.queue_order.max(initial=-1) + 1)])
    filled = np.zeros(phases + places)
    for i in range(n):
        retired = _at(delivered[:, :, : i + 1], i - life - ladder.refit_lag_months)
        retired[:, sites:] += refitted[..., i]
        freed = np.tensordot(it_mw, retired, 1)
        kind = np.concatenate([np.where(plan.generation < 0, newest[i], plan.generation), np.full(places, newest[i])])
        space = _RackSpace(
            kind,
            queue_order,
            *(
                _unfilled(mw[:, i], freed, filled)
                for mw in (power.ready, power.scheduled, power.powered, power.staffed)
            ),
        )
        taken, limits[:, i], binding[i] = _deliver(space, racks[:, i], packages[i], it_mw, gpus)
        filled += taken
        delivered[:, :, i + 1] = delivered[:, :, i]
        np.add.at(delivered[:, :, i + 1], (kind, place), taken / it_mw[kind])
    return delivered, limits, binding


def _unfilled(ready_mw: Array, freed_mw: Array, filled_mw: Array) -> Array:
    """Return what waits for racks: phases' ready power, then places' refitted power, less what is filled: (room,)."""
    unfilled = np.concatenate([ready_mw, freed_mw]) - filled_mw
    return np.where(unfilled > NEGLIGIBLE_MW, unfilled, 0.0)


def _deliver(space: _RackSpace, racks: Array, packages: float, it_mw: Array, gpus: Array) -> tuple[Array, Array, int]:
    """Share out one month's racks; return what each room takes [MW], each limit alone [MW], and which binds.

    ``power`` is all that is due by the plan's own dates and unfilled; each other limit is what it would let in of
    that if it alone bound. So no month delivers more than its least limit, and of one generation just as much unless
    transformers and labour both delay the same halls.
    """

    def by_racks(mw: Array) -> Array:
        let = np.zeros_like(mw)
        for g in range(len(it_mw)):
            of_generation = space.kind == g
            let[of_generation] = rate_limited(mw[of_generation], racks[g] * it_mw[g], space.queue_order[of_generation])
        return let

    gpus_per_mw = (gpus / it_mw)[np.maximum(space.kind, 0)]

    def by_packages(mw: Array) -> Array:
        return rate_limited(mw * gpus_per_mw, packages, space.queue_order) / gpus_per_mw

    scheduled = space.scheduled_mw
    limits = np.array(
        [
            mw.sum()
            for mw in (scheduled, by_racks(scheduled), by_packages(scheduled), space.powered_mw, space.staffed_mw)
        ]
    )
    taken = by_packages(by_racks(space.open_mw))
    if limits[0] <= NEGLIGIBLE_MW:
        return taken, limits, -1
    return taken, limits, int(np.argmin(np.round(limits, DECIMALS_MW)))


def _at(cumulative: Array, edge: Array) -> Array:
    """Return a cumulative series (G, P, edge) at fractional edges (G,), 0 before its start."""
    low = np.floor(edge).astype(int)
    part = edge - low
    rows = np.arange(len(edge))
    last = cumulative.shape[-1] - 1

    def value(k: Array) -> Array:
        return np.where((k >= 0)[:, None], cumulative[rows, :, np.clip(k, 0, last)], 0.0)

    return np.asarray((1 - part)[:, None] * value(low) + part[:, None] * value(low + 1))


def _opening_racks(block: OpeningBlock, inputs: FleetInputs, axis: TimeAxis, days: Array) -> Array:
    """Return the racks of an opening block that have arrived by ``days``: (generation, day)."""
    names = [g.name for g in inputs.generations]
    k = names.index(block.generation)
    arrived = np.clip((days - axis.days_since_start(block.date)) / ARRIVAL_DAYS + 1, 0.0, 1.0)
    racks = np.zeros((len(names), len(days)))
    racks[k] = block.power.value / (inputs.generations[k].it_kw_per_rack / 1e3) * arrived
    return racks


def _opening_retired(inputs: FleetInputs, axis: TimeAxis, days: Array) -> Array:
    """Return the opening racks retired by ``days``: (generation, block, day)."""
    existing_retired = np.zeros((len(inputs.generations), len(inputs.opening), len(days)))
    names = [g.name for g in inputs.generations]
    for j, block in enumerate(inputs.opening):
        life = inputs.generations[names.index(block.generation)].life_years * DAYS_PER_YEAR
        existing_retired[:, j] = _opening_racks(block, inputs, axis, days - life)
    return existing_retired


def _outputs(
    inputs: FleetInputs,
    axis: TimeAxis,
    plan: Schedule,
    opening: Array,
    existing_retired: Array,
    power: _Power,
    racks: Array,
    limits: Array,
    binding: NDArray[np.int64],
) -> BuildOut:
    """Turn the recurrence's cumulative series into stocks, states and dates."""
    ladder, sites = inputs.ladder, len(inputs.sites)
    it_mw = np.array([g.it_kw_per_rack for g in inputs.generations]) / 1e3
    gpus = np.array([float(g.gpus_per_rack) for g in inputs.generations])
    retired = np.stack([lagged(racks[g], inputs.generations[g].life_years * MONTHS_PER_YEAR) for g in range(len(gpus))])
    accepted = lagged(racks, ladder.acceptance_lag_months) - retired
    producing = lagged(racks, ladder.acceptance_lag_months + ladder.producing_lag_months) - retired
    standing = opening - existing_retired
    for stock in (accepted, producing):
        stock[:, sites:] += standing
        np.maximum(stock, 0.0, out=stock)
    delivered = np.diff(racks, axis=-1)
    delivered[:, sites:] += np.diff(opening, axis=-1)
    retired[:, sites:] += existing_retired
    mean_gpus = gpus[:, None] * ((producing[..., :-1] + producing[..., 1:]) / 2).sum(axis=1)
    return BuildOut(
        places=(*(s.name for s in inputs.sites), *(existing_label(b.name) for b in inputs.opening)),
        power_state_mw=_states(plan, power, it_mw, opening, accepted, producing, sites)[None],
        racks=accepted[None],
        racks_producing=producing[None],
        racks_delivered=delivered[None],
        racks_retired=np.diff(retired, axis=-1)[None],
        gpus_producing=mean_gpus[None],
        gpus_in_production=(producing * gpus[:, None, None])[None],
        gpus_available=mean_gpus[None] * column(ladder.availability, 3),
        limit_mw=limits[None],
        binding=binding[None],
        first_token_days=_first_days(producing.sum(axis=0), axis)[None],
    )


def _states(
    plan: Schedule, power: _Power, it_mw: Array, opening: Array, accepted: Array, producing: Array, sites: int
) -> Array:
    """Return the IT power in each state of the ladder, exclusive: (state, place, edge) [MW]."""
    places, edges = accepted.shape[1], accepted.shape[2]
    reached = np.zeros((len(LADDER), places, edges))
    for s, series in enumerate(
        (plan.announced_mw, plan.contracted_mw, plan.construction_mw, power.energised, power.ready)
    ):
        np.add.at(reached[s], plan.site, series)
    reached[: LADDER.index("accepted"), sites:] += np.tensordot(it_mw, opening, 1)
    reached[LADDER.index("accepted")] = np.tensordot(it_mw, accepted, 1)
    reached[LADDER.index("producing")] = np.tensordot(it_mw, producing, 1)
    # Read downwards, so that rounding never makes a state negative.
    reached = np.minimum.accumulate(reached, axis=0)
    reached[:-1] -= reached[1:]
    return reached


def _first_days(producing: Array, axis: TimeAxis) -> Array:
    """Return the first day on which each place produces: (place,), nan if never; within a month by its lag."""
    days = np.full(producing.shape[0], np.nan)
    for p, series in enumerate(producing):
        some = np.flatnonzero(series > NEGLIGIBLE_MW)
        if len(some):
            days[p] = axis.edge_days[max(int(some[0]) - 1, 0)] if some[0] else 0.0
    return days
