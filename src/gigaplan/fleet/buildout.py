"""The build-out: one monthly recurrence from dates and limits to racks that produce tokens.

Each month power is energised and made ready as the limits on transformers and labour allow, first come first served;
ready power takes racks as rack supply and packaging allow; racks are accepted, produce, and retire, and the power
of retired racks takes new ones after a refit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.fleet.inputs import LADDER, LIMITS, FleetInputs, Ladder, OpeningBlock
from gigaplan.fleet.ladder import Due, due, lagged, rationed
from gigaplan.fleet.outputs import BuildOut
from gigaplan.fleet.supply import newest_shipping, packaging_supply, rack_supply
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

MONTHS_PER_YEAR = 12
ARRIVAL_DAYS = DAYS_PER_YEAR
"""An opening block arrives evenly over the year before its date."""
NEGLIGIBLE_MW = 1e-9
DECIMALS_MW = 6
"""Limits closer than a watt bind together; the first named is told."""


@dataclass(frozen=True, slots=True)
class _Power:
    """IT power of each phase on its way to racks, on edges: (phase, edge) [MW]."""

    due: Array
    """Ready if nothing but the plan's own dates and lags bound."""
    energised: Array
    powered: Array
    """Energised one ready lag ago: halls that labour could finish."""
    ready: Array


def build(inputs: FleetInputs, axis: TimeAxis) -> BuildOut:
    """Return the build-out of a plan; shapes in :class:`~gigaplan.fleet.outputs.BuildOut`."""
    plan = due(inputs, axis)
    opening = (
        np.stack([_opening_racks(b, inputs, axis, axis.edge_days) for b in inputs.opening], axis=1)
        if inputs.opening
        else np.zeros((len(inputs.generations), 0, axis.months + 1))
    )
    gone = _opening_retired(inputs, axis)
    power = _site_power(inputs.ladder, plan, axis)
    delivered, limits, binding = _deliveries(inputs, axis, plan, power, gone)
    return _outputs(inputs, axis, plan, opening, gone, power, delivered, limits, binding)


def _site_power(ladder: Ladder, plan: Due, axis: TimeAxis) -> _Power:
    """Energise and make ready as the limits on transformers and labour allow, first come first served."""
    ready_due = lagged(plan.energised_mw, ladder.ready_lag_months)
    energised, powered, ready = (np.zeros_like(ready_due) for _ in range(3))
    # What stands at the first edge was due before it, and has met its limits in the past.
    energised[:, 0], powered[:, 0], ready[:, 0] = plan.energised_mw[:, 0], ready_due[:, 0], ready_due[:, 0]
    for i in range(axis.months):
        wanted = plan.energised_mw[:, i + 1] - energised[:, i]
        energised[:, i + 1] = energised[:, i] + rationed(wanted, ladder.transformer_mw_per_month, plan.turn)
        powered[:, i + 1] = lagged(energised[:, : i + 2], ladder.ready_lag_months)[:, -1]
        wanted = np.maximum(powered[:, i + 1] - ready[:, i], 0.0)
        ready[:, i + 1] = ready[:, i] + rationed(wanted, ladder.labour_mw_per_month, plan.turn)
    return _Power(ready_due, energised, powered, ready)


def _deliveries(
    inputs: FleetInputs, axis: TimeAxis, plan: Due, power: _Power, gone: Array
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Fill ready power with racks month by month: what is ready when a month begins takes racks during it.

    Returns racks delivered so far (G, P, edge), what each limit alone lets in (limit, month) [MW], and which binds.
    """
    ladder, n = inputs.ladder, axis.months
    phases, sites, places = len(plan.place), len(inputs.sites), len(inputs.sites) + len(inputs.opening)
    it_mw = np.array([g.it_kw_per_rack for g in inputs.generations]) / 1e3
    gpus = np.array([float(g.gpus_per_rack) for g in inputs.generations])
    life = np.array([g.life_years for g in inputs.generations]) * MONTHS_PER_YEAR
    racks, packages = rack_supply(inputs.generations, axis), packaging_supply(ladder, axis)
    newest = newest_shipping(inputs.generations, axis).astype(int)
    delivered = np.zeros((len(gpus), places, n + 1))
    limits, binding = np.zeros((len(LIMITS), n)), np.full(n, -1)
    # Two kinds of room for racks: phases, in the order of their energisation, and after them refits by place.
    place = np.concatenate([plan.place, np.arange(places)])
    turn = np.concatenate([plan.turn, np.full(places, plan.turn.max(initial=-1) + 1)])
    filled = np.zeros(phases + places)
    for i in range(n):
        retired = _at(delivered[:, :, : i + 1], i - life - ladder.refit_lag_months)
        retired[:, sites:] += _gone_at(gone, i, ladder.refit_lag_months)
        open_mw = np.concatenate([power.ready[:, i], np.tensordot(it_mw, retired, 1)]) - filled
        open_mw = np.where(open_mw > NEGLIGIBLE_MW, open_mw, 0.0)
        kind = np.concatenate([np.where(plan.generation < 0, newest[i], plan.generation), np.full(places, newest[i])])
        late = _late(power.due[:, i], power.powered[:, i], power.ready[:, i])
        taken, limits[:, i], binding[i] = _deliver(open_mw, kind, turn, late, racks[:, i], packages[i], it_mw, gpus)
        filled += taken
        delivered[:, :, i + 1] = delivered[:, :, i]
        np.add.at(delivered[:, :, i + 1], (kind, place), taken / it_mw[kind])
    return delivered, limits, binding


def _late(due_mw: Array, powered_mw: Array, ready_mw: Array) -> tuple[float, float]:
    """Return the IT power that waits for transformers and for labour [MW]."""
    return float(np.maximum(due_mw - powered_mw, 0.0).sum()), float(np.maximum(powered_mw - ready_mw, 0.0).sum())


def _deliver(
    open_mw: Array,
    kind: NDArray[np.int64],
    turn: NDArray[np.int64],
    late: tuple[float, float],
    racks: Array,
    packages: float,
    it_mw: Array,
    gpus: Array,
) -> tuple[Array, Array, int]:
    """Share out one month's racks; return what each place takes [MW], each limit alone [MW], and which binds.

    ``power`` is all that is due by the plan's own dates; the other limits are what each alone would let in of it.
    """
    shipping = kind >= 0
    kind = np.maximum(kind, 0)
    supplied = np.zeros_like(open_mw)
    for g in range(len(it_mw)):
        mine = shipping & (kind == g)
        supplied[mine] = rationed(open_mw[mine], racks[g] * it_mw[g], turn[mine])
    gpus_per_mw = gpus[kind] / it_mw[kind]
    packed = rationed(open_mw * gpus_per_mw, packages, turn) / gpus_per_mw
    taken = rationed(supplied * gpus_per_mw, packages, turn) / gpus_per_mw
    waiting = float(open_mw.sum()) + sum(late)
    limits = np.array(
        [
            waiting,
            waiting - float((open_mw - supplied).sum()),
            waiting - float((open_mw - packed).sum()),
            waiting - late[0],
            waiting - late[1],
        ]
    )
    if waiting <= NEGLIGIBLE_MW:
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


def _opening_retired(inputs: FleetInputs, axis: TimeAxis) -> Array:
    """Return the opening racks retired by each edge: (generation, block, edge)."""
    gone = np.zeros((len(inputs.generations), len(inputs.opening), axis.months + 1))
    names = [g.name for g in inputs.generations]
    for j, block in enumerate(inputs.opening):
        life = inputs.generations[names.index(block.generation)].life_years * DAYS_PER_YEAR
        gone[:, j] = _opening_racks(block, inputs, axis, axis.edge_days - life)
    return gone


def _gone_at(gone: Array, edge: int, lag_months: float) -> Array:
    """Return the opening racks retired ``lag_months`` before an edge: (generation, block)."""
    return lagged(gone[..., : edge + 1], lag_months)[..., -1]


def _outputs(
    inputs: FleetInputs,
    axis: TimeAxis,
    plan: Due,
    opening: Array,
    gone: Array,
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
    standing = opening - gone
    for stock in (accepted, producing):
        stock[:, sites:] += standing
        np.maximum(stock, 0.0, out=stock)
    delivered = np.diff(racks, axis=-1)
    delivered[:, sites:] += np.diff(opening, axis=-1)
    retired[:, sites:] += gone
    mean_gpus = gpus[:, None] * ((producing[..., :-1] + producing[..., 1:]) / 2).sum(axis=1)
    return BuildOut(
        places=(*(s.name for s in inputs.sites), *(f"opening {b.name}" for b in inputs.opening)),
        power_state_mw=_states(plan, power, it_mw, opening, accepted, producing, sites)[None],
        racks=accepted[None],
        racks_producing=producing[None],
        racks_delivered=delivered[None],
        racks_retired=np.diff(retired, axis=-1)[None],
        gpus_producing=mean_gpus[None],
        gpus_available=mean_gpus[None] * column(ladder.availability, 3),
        limit_mw=limits[None],
        binding=binding[None],
        first_token_days=_first_days(producing.sum(axis=0), axis)[None],
    )


def _states(
    plan: Due, power: _Power, it_mw: Array, opening: Array, accepted: Array, producing: Array, sites: int
) -> Array:
    """Return the IT power in each state of the ladder, exclusive: (state, place, edge) [MW]."""
    places, edges = accepted.shape[1], accepted.shape[2]
    reached = np.zeros((len(LADDER), places, edges))
    for s, series in enumerate(
        (plan.announced_mw, plan.contracted_mw, plan.construction_mw, power.energised, power.ready)
    ):
        np.add.at(reached[s], plan.place, series)
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
