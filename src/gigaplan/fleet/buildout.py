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
from gigaplan.fleet.outputs import BuildOut, Orders
from gigaplan.fleet.supply import newest_shipping, packaging_supply, rack_supply
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.errors import Fault, InputError, allowed_names
from gigaplan.vocabulary.members import Array, Uncertain, column, stack
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

MONTHS_PER_YEAR = 12
ARRIVAL_DAYS = DAYS_PER_YEAR
"""A block of the existing fleet arrives evenly over the year before its date."""
NEGLIGIBLE_MW = 1e-9
NEWEST = "newest"
NOT_SERIES = ("places", "first_token_days", "orders", "free_share", "powered_share")
"""Fields of a build-out without months or edges."""
ANY_MW = 1e12
"""More than any plan builds."""
DECIMALS_MW = 6
"""Limits closer than a watt bind together; the first in ``LIMITS`` is reported."""


@dataclass(frozen=True, slots=True)
class _Power:
    """IT power of each phase on its way to racks, on edges: (member, phase, edge) [MW]."""

    scheduled: Array
    """Ready if nothing but the plan's own dates and lags bound."""
    energised: Array
    powered: Array
    """Energised one ready lag ago: halls that labour could finish; ready if transformers alone bound."""
    staffed: Array
    """Ready if labour alone bound."""
    ready: Array


@dataclass(frozen=True, slots=True)
class _Racks:
    """Racks of each generation. Shapes: member M, generation G."""

    it_mw: Array
    """(M, G) IT power of one rack [MW]."""
    gpus: Array
    """(G,) GPUs of one rack."""
    life_months: Array
    """(M, G) time from delivery to retirement [month]."""


@dataclass(frozen=True, slots=True)
class _Kinds:
    """The generation that each room takes: (member, room)."""

    kind: NDArray[np.int64]
    """Its index, -1 where none ships yet."""
    known: NDArray[np.int64]
    """Its index, 0 where none ships yet."""
    it_mw: Array
    """IT power of one rack [MW]."""
    gpus_per_mw: Array
    """GPUs of a megawatt of IT power."""


def _kinds(kind: NDArray[np.int64], racks: _Racks) -> _Kinds:
    """Return what each room takes: of the index of its generation."""
    known, rows = np.maximum(kind, 0), np.arange(len(kind))[:, None]
    it_mw = racks.it_mw[rows, known]
    return _Kinds(kind, known, it_mw, racks.gpus[known] / it_mw)


@dataclass(frozen=True, slots=True)
class _RackSpace:
    """Room for racks at the start of a month, by phase and then by refitted place: (member, room)."""

    kinds: _Kinds
    queue_order: NDArray[np.int64]
    open_mw: Array
    """Ready and unfilled."""
    scheduled_mw: Array
    """What would be ready and unfilled if neither transformers nor labour bound."""
    powered_mw: Array
    """The same if transformers alone bound."""
    staffed_mw: Array
    """The same if labour alone bound."""


def build(inputs: FleetInputs, axis: TimeAxis, months_after: int = 0) -> BuildOut:
    """Return the build-out of a plan.

    Parameters
    ----------
    inputs : FleetInputs
        Generations, sites, existing fleet, lags and limits.
    axis : TimeAxis
        Months of the horizon.
    months_after : int
        Months after the horizon that its orders hold too [month].

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
    whole = replace(axis.extended(0, months_after), start=_first_edge(inputs, axis))
    if (most := inputs.most_it_mw) is not None:
        earlier = np.full((*most.shape[:-1], whole.month_of(axis.start)), ANY_MW)
        later = np.repeat(most[..., -1:], months_after, axis=-1)
        inputs = replace(inputs, most_it_mw=np.concatenate([earlier, most, later], axis=-1))
    return _within(_build(inputs, whole), axis, whole)


def _first_edge(inputs: FleetInputs, axis: TimeAxis) -> dt.date:
    """Return the first of a month before anything competes for supply, at the latest the horizon's start."""
    life = {g.name: float(np.min(g.life_years)) * DAYS_PER_YEAR for g in inputs.generations}
    events = [
        p.energised + dt.timedelta(days=min(float(np.min(p.energised_delay_days)), 0.0))
        for s in inputs.sites
        for p in s.phases
    ]
    events += [b.date + dt.timedelta(days=life[b.generation] - ARRIVAL_DAYS) for b in inputs.opening]
    # One month more, so that what is energised on the first of a month meets the limits of the month before it.
    before = [(day.replace(day=1) - dt.timedelta(days=1)).replace(day=1) for day in events]
    return min([axis.start, *before])


def _within(built: BuildOut, axis: TimeAxis, whole: TimeAxis) -> BuildOut:
    """Return the part of a build-out within the horizon; time is the last dim of all but the dates."""
    earlier, days = whole.month_of(axis.start), whole.days_since_start(axis.start)
    later = whole.months - axis.months - earlier
    if not earlier and not later:
        return built
    cut = slice(earlier, -later if later else None)
    series = {f.name: getattr(built, f.name)[..., cut] for f in fields(built) if f.name not in NOT_SERIES}
    first = np.maximum(built.first_token_days - days, 0.0)
    first = np.where(first >= axis.edge_days[-1], np.nan, first)
    orders = replace(built.orders, earlier=built.orders.earlier + earlier)
    return replace(built, **series, first_token_days=first, orders=orders)


def _build(inputs: FleetInputs, axis: TimeAxis) -> BuildOut:
    """Return the build-out over an axis before which nothing happens."""
    members, plan, racks = inputs.members, schedule(inputs, axis), _racks(inputs)
    opening = np.zeros((members, len(inputs.generations), len(inputs.opening), axis.months + 1))
    existing_retired = np.zeros_like(opening)
    for j, block in enumerate(inputs.opening):
        k, generation = next((k, g) for k, g in enumerate(inputs.generations) if g.name == block.generation)
        whole = (block.power.value * column(block.power_ratio, 1) / racks.it_mw[:, k])[:, None]
        opening[:, k, j] = whole * _arrived(block, axis, axis.edge_days)
        existing_retired[:, k, j] = whole * _arrived(
            block, axis, axis.edge_days - column(generation.life_years, 2) * DAYS_PER_YEAR
        )
    power = _site_power(inputs.ladder, plan, axis)
    existing_mw = _it_mw(racks, opening - existing_retired).sum(axis=1)
    delivered, limits, binding = _deliveries(inputs, axis, plan, power, racks, existing_retired, existing_mw)
    return _outputs(inputs, axis, plan, opening, existing_retired, power, racks, delivered, limits, binding)


def _racks(inputs: FleetInputs) -> _Racks:
    """Return what the recurrence needs to know of racks, for every member."""
    shape = (inputs.members, len(inputs.generations))
    return _Racks(
        it_mw=np.broadcast_to(stack(g.it_kw_per_rack for g in inputs.generations) / 1e3, shape),
        gpus=np.array([float(g.gpus_per_rack) for g in inputs.generations]),
        life_months=np.broadcast_to(stack(g.life_years for g in inputs.generations) * MONTHS_PER_YEAR, shape),
    )


def _arrived(block: OpeningBlock, axis: TimeAxis, days: Array) -> Array:
    """Return the share of an opening block that has arrived by ``days``, of any shape."""
    return np.asarray(np.clip((days - axis.days_since_start(block.date)) / ARRIVAL_DAYS + 1, 0.0, 1.0))


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
        # A member that draws so short a life has racks that never produce; the central one may not.
        if np.all(np.asarray(g.life_years) * MONTHS_PER_YEAR < lags):
            life, months = float(np.max(g.life_years)), float(np.max(lags))
            message = (
                f"'{g.name}' retires after {life:g} years, before it has produced ({months:g} months from "
                "delivery): lengthen its life or shorten the lags"
            )
            ladder = tuple(f"fleet.ladder.{name}_lag_months" for name in ("acceptance", "producing"))
            faults.append(Fault(message, (f"fleet.generations.{g.name}.life_years", *ladder), f"{life:g} years"))
    if faults:
        raise InputError(faults)


def _site_power(ladder: Ladder, plan: Schedule, axis: TimeAxis) -> _Power:
    """Energise and make ready as the limits on transformers and labour allow, first come first served."""
    energised = _queued(plan.energised_mw, ladder.transformer_mw_per_month, plan.queue_order)
    scheduled_mw, powered = (lagged(mw, ladder.ready_lag_months) for mw in (plan.energised_mw, energised))
    staffed, ready = (_queued(mw, ladder.labour_mw_per_month, plan.queue_order) for mw in (scheduled_mw, powered))
    return _Power(scheduled_mw, energised, powered, staffed, ready)


def _queued(demand: Array, limit_mw: Uncertain, queue_order: NDArray[np.int64]) -> Array:
    """Return what a common monthly limit has let through of what is scheduled by each edge: (member, phase, edge)."""
    limit, scheduled = np.broadcast_to(column(limit_mw, 1), demand.shape[:1]), _edges_first(demand)
    passed = np.zeros_like(scheduled)
    for i in range(len(scheduled) - 1):
        unfilled = np.maximum(scheduled[i + 1] - passed[i], 0.0)
        passed[i + 1] = passed[i]
        if unfilled.any():
            passed[i + 1] += rate_limited(unfilled, limit, queue_order)
    return np.ascontiguousarray(np.moveaxis(passed, 0, -1))


def _edges_first(series: Array) -> Array:
    """Return series with their last dim first, so that a month's step reads what lies together."""
    return np.ascontiguousarray(np.moveaxis(series, -1, 0))


def _deliveries(
    inputs: FleetInputs,
    axis: TimeAxis,
    plan: Schedule,
    power: _Power,
    racks: _Racks,
    existing_retired: Array,
    existing_mw: Array,
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Fill ready power with racks month by month: what is ready when a month begins takes racks during it.

    Returns racks delivered so far (M, G, P, edge), what each limit alone lets in (M, limit, month) [MW], and which
    binds (M, month).
    """
    members, months = inputs.members, axis.months
    phases, sites, places = len(plan.site), len(inputs.sites), len(inputs.sites) + len(inputs.opening)
    refit = np.broadcast_to(column(inputs.ladder.refit_lag_months, 1), (members,))
    supply = _edges_first(rack_supply(inputs.generations, axis) * racks.it_mw[..., None])
    packages = np.broadcast_to(packaging_supply(inputs.ladder, axis), (members, months))
    newest = np.broadcast_to(newest_shipping(inputs.generations, axis, inputs.newest_among), (members, months))
    refitted = _edges_first(lagged(existing_retired, refit))
    by_state = np.stack([_edges_first(mw) for mw in (power.ready, power.scheduled, power.powered, power.staffed)], 1)
    waiting = np.empty((len(by_state[0]), members, phases + places))
    delivered = np.zeros((months + 1, members, len(racks.gpus), places))
    limits, binding = np.zeros((members, len(LIMITS), months)), np.full((members, months), -1)
    # Two kinds of room for racks: phases, in the order of their energisation, and after them refits by place.
    of_newest = np.concatenate([plan.generation < 0, np.full(places, True)])
    named = np.concatenate([plan.generation, np.full(places, -1)])
    place = np.concatenate([plan.site, np.arange(places)])
    last = np.full((members, places), plan.queue_order.max(initial=-1) + 1)
    queue_order = np.concatenate([plan.queue_order, last], axis=1)
    filled = np.zeros((members, phases + places))
    rows = np.arange(members)[:, None]
    kinds: _Kinds | None = None
    for i in range(months):
        room = np.full(members, ANY_MW)
        if inputs.most_it_mw is not None:
            scrapped = _at(delivered[: i + 1], i - racks.life_months)
            standing = _it_mw(racks, delivered[i] - scrapped).sum(axis=1) + existing_mw[:, i + 1]
            room = np.maximum(inputs.most_it_mw[..., i] - standing, 0.0)
        retired = _at(delivered[: i + 1], i - racks.life_months - refit[:, None])
        retired[..., sites:] += refitted[i]
        freed = _it_mw(racks, retired)
        if kinds is None or (newest[:, i] != newest[:, i - 1]).any():
            kinds = _kinds(np.where(of_newest, newest[:, i, None], named), racks)
        waiting[..., :phases], waiting[..., phases:] = by_state[i], freed
        space = _RackSpace(kinds, queue_order, *_unfilled(waiting, filled))
        taken, limits[..., i], binding[:, i] = _deliver(space, supply[i], packages[:, i], room)
        delivered[i + 1] = delivered[i]
        if not taken.any():
            continue
        filled += taken
        at = (rows * len(racks.gpus) + kinds.known) * places + place
        np.add.at(delivered[i + 1].reshape(-1), at.reshape(-1), (taken / kinds.it_mw).reshape(-1))
    return np.ascontiguousarray(np.moveaxis(delivered, 0, -1)), limits, binding


def _it_mw(racks: _Racks, count: Array) -> Array:
    """Return the IT power of racks of all generations: (M, G, ...) -> (M, ...) [MW]."""
    flat = count.reshape(*count.shape[:2], -1)
    return np.asarray((racks.it_mw[:, None] @ flat).reshape(count.shape[0], *count.shape[2:]))


def _unfilled(power_mw: Array, filled_mw: Array) -> Array:
    """Return what waits for racks, of phases' power and then places' refitted power, less what is filled: (state, M,
    room)."""
    unfilled = power_mw - filled_mw
    return np.where(unfilled > NEGLIGIBLE_MW, unfilled, 0.0)


def _deliver(
    space: _RackSpace, supply_mw: Array, packages: Array, most_mw: Array
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Share out one month's racks; return what each room takes [MW], each limit alone [MW], and which binds.

    ``power`` is all that is due by the plan's own dates and unfilled; each other limit is what it would let in of
    that if it alone bound. So no month delivers more than its least limit, and of one generation just as much unless
    transformers and labour both delay the same halls.
    """
    if not (space.scheduled_mw.any() or space.open_mw.any() or space.powered_mw.any() or space.staffed_mw.any()):
        return np.zeros_like(space.open_mw), np.zeros((len(supply_mw), len(LIMITS))), np.full(len(supply_mw), -1)
    members, order, scheduled = len(supply_mw), space.queue_order, space.scheduled_mw
    kind, gpus_per_mw = space.kinds.kind, space.kinds.gpus_per_mw
    # What doesn't wait for each other is shared out in one call, as further members.
    once = rate_limited(
        np.concatenate([scheduled * gpus_per_mw, scheduled, space.open_mw]),
        np.concatenate([packages, most_mw, most_mw]),
        np.concatenate([order, order, order]),
    )
    by_packages, by_demand, open_mw = once[:members], once[members:-members], once[-members:]
    twice = rate_limited(
        np.concatenate([scheduled, open_mw]),
        np.concatenate([supply_mw, supply_mw]),
        np.concatenate([order, order]),
        np.concatenate([kind, kind]),
    )
    by_racks, open_mw = twice[:members], twice[members:]
    each = (scheduled, by_racks, by_packages / gpus_per_mw, space.powered_mw, space.staffed_mw, by_demand)
    limits = np.stack(each, axis=1).sum(axis=-1)
    lowest = np.argmin(np.round(limits, DECIMALS_MW), axis=1)
    binding = np.where(limits[:, 0] > NEGLIGIBLE_MW, lowest, -1)
    return rate_limited(open_mw * gpus_per_mw, packages, order) / gpus_per_mw, limits, binding


def _at(cumulative: Array, edge: Array) -> Array:
    """Return a cumulative series (edge, M, G, P) at fractional edges (M, G), 0 before its start."""
    if edge.max(initial=-1.0) <= -1.0:
        return np.zeros(cumulative.shape[1:])
    low = np.floor(edge).astype(int)
    part = (edge - low)[..., None]
    member, generation = np.arange(edge.shape[0])[:, None], np.arange(edge.shape[1])

    def value(k: NDArray[np.int64]) -> Array:
        found = cumulative[np.minimum(np.maximum(k, 0), len(cumulative) - 1), member, generation]
        return np.where((k >= 0)[..., None], found, 0.0)

    return np.asarray((1 - part) * value(low) + part * value(low + 1))


def _outputs(
    inputs: FleetInputs,
    axis: TimeAxis,
    plan: Schedule,
    opening: Array,
    existing_retired: Array,
    power: _Power,
    racks: _Racks,
    arrived: Array,
    limits: Array,
    binding: NDArray[np.int64],
) -> BuildOut:
    """Turn the recurrence's cumulative series into stocks, states and dates."""
    ladder, sites = inputs.ladder, len(inputs.sites)
    retired = lagged(arrived, racks.life_months)
    accepted = lagged(arrived, ladder.acceptance_lag_months) - retired
    producing = lagged(arrived, ladder.acceptance_lag_months + ladder.producing_lag_months) - retired
    standing = opening - existing_retired
    for stock in (accepted, producing):
        stock[:, :, sites:] += standing
        np.maximum(stock, 0.0, out=stock)
    delivered = np.diff(arrived, axis=-1)
    delivered[:, :, sites:] += np.diff(opening, axis=-1)
    retired[:, :, sites:] += existing_retired
    states = _states(plan, power, racks, opening, accepted, producing)
    usable_mw = states[:, LADDER.index("ready") :].sum(axis=1)
    retired_by_month = np.diff(retired, axis=-1)
    mean_gpus = racks.gpus[:, None] * ((producing[..., :-1] + producing[..., 1:]) / 2).sum(axis=2)
    return BuildOut(
        places=(*(s.name for s in inputs.sites), *(existing_label(b.name) for b in inputs.opening)),
        power_state_mw=states,
        racks=accepted,
        racks_producing=producing,
        racks_delivered=delivered,
        racks_retired=retired_by_month,
        gpus_producing=mean_gpus,
        gpus_in_production=producing * racks.gpus[:, None, None],
        gpus_available=mean_gpus * column(ladder.availability, 3),
        limit_mw=limits,
        binding=binding,
        orders=_orders(inputs, axis, racks, delivered, retired_by_month, np.diff(usable_mw, axis=-1)),
        first_token_days=_first_days(producing.sum(axis=1), axis),
    )


def _orders(
    inputs: FleetInputs, axis: TimeAxis, racks: _Racks, delivered: Array, retired: Array, ready_mw: Array
) -> Orders:
    """Return what is bought and scrapped, the arrival of the existing fleet before the recurrence begins in front."""
    arrivals = [axis.month_of(b.date - dt.timedelta(days=ARRIVAL_DAYS)) for b in inputs.opening]
    earlier = max(-min(arrivals, default=0), 0)
    if not earlier:
        ready = np.maximum(ready_mw, 0.0)
        return Orders(racks_delivered=delivered, racks_retired=retired, ready_mw=ready, earlier=0)
    before = axis.extended(earlier)
    days = before.edge_days[: earlier + 1] - before.days_since_start(axis.start)
    bought = np.zeros((*delivered.shape[:3], earlier))
    for j, block in enumerate(inputs.opening):
        k = next(k for k, g in enumerate(inputs.generations) if g.name == block.generation)
        whole = (block.power.value * column(block.power_ratio, 1) / racks.it_mw[:, k])[:, None]
        bought[:, k, len(inputs.sites) + j] = whole * np.diff(_arrived(block, axis, days))
    front = (bought, np.zeros_like(bought), _it_mw(racks, bought))
    whole_series = zip(front, (delivered, retired, np.maximum(ready_mw, 0.0)), strict=True)
    racks_delivered, racks_retired, ready = (np.concatenate(pair, axis=-1) for pair in whole_series)
    return Orders(racks_delivered=racks_delivered, racks_retired=racks_retired, ready_mw=ready, earlier=earlier)


def _states(plan: Schedule, power: _Power, racks: _Racks, opening: Array, accepted: Array, producing: Array) -> Array:
    """Return the IT power in each state of the ladder, exclusive: (M, state, place, edge) [MW]."""
    members, _, places, edges = accepted.shape
    reached = np.zeros((members, len(LADDER), places, edges))
    of_phases = (plan.announced_mw, plan.contracted_mw, plan.construction_mw, power.energised, power.ready)
    for state, series in enumerate(of_phases):
        for phase, site in enumerate(plan.site):
            reached[:, state, site] += series[:, phase]
    reached[:, : LADDER.index("accepted"), places - opening.shape[2] :] += _it_mw(racks, opening)[:, None]
    reached[:, LADDER.index("accepted")] = _it_mw(racks, accepted)
    reached[:, LADDER.index("producing")] = _it_mw(racks, producing)
    # Read downwards, so that rounding never makes a state negative.
    reached = np.minimum.accumulate(reached, axis=1)
    reached[:, :-1] -= reached[:, 1:]
    return reached


def _first_days(producing: Array, axis: TimeAxis) -> Array:
    """Return the first day on which each place produces: (M, place), nan if never; to the month."""
    some = producing > NEGLIGIBLE_MW
    before = np.maximum(some.argmax(axis=-1) - 1, 0)
    return np.where(some.any(axis=-1), axis.edge_days[before], np.nan)
