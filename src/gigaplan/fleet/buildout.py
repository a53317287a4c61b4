"""The build-out: one monthly recurrence from dates and limits to racks that produce tokens.

Each month power is energised and made ready as the limits on transformers and labour allow, first come first served;
ready power takes racks as rack supply and packaging allow; racks are accepted, produce, and retire, and the power
of retired racks takes new ones after a refit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.fleet.inputs import LADDER, LIMITS, FleetInputs, OpeningBlock
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


@dataclass(slots=True)
class _State:
    """What the recurrence carries, on edges. Shapes: phase F, place P, generation G."""

    energised: Array
    """(F, edge) IT power energised."""
    ready: Array
    """(F, edge) IT power made ready."""
    delivered: Array
    """(G, P, edge) racks delivered so far."""
    filled: Array
    """(F,) IT power of each phase filled with its first racks."""
    refilled: Array
    """(P,) IT power of retired racks filled again."""


def build(inputs: FleetInputs, axis: TimeAxis) -> BuildOut:
    """Return the build-out of a plan; shapes in :class:`~gigaplan.fleet.outputs.BuildOut`."""
    plan = due(inputs, axis)
    opening = (
        np.stack([_opening_racks(b, inputs, axis, axis.edge_days) for b in inputs.opening], axis=1)
        if inputs.opening
        else np.zeros((len(inputs.generations), 0, axis.months + 1))
    )
    gone = _opening_retired(inputs, axis)
    state, limits, binding = _recur(inputs, axis, plan, gone)
    return _outputs(inputs, axis, plan, opening, gone, state, limits, binding)


def _recur(inputs: FleetInputs, axis: TimeAxis, plan: Due, gone: Array) -> tuple[_State, Array, Array]:
    """Run the months; return the state, what each limit alone lets in (limit, month) [MW] and which binds."""
    ladder, n = inputs.ladder, axis.months
    sites, places, gens = len(inputs.sites), len(inputs.sites) + len(inputs.opening), len(inputs.generations)
    it_mw = np.array([g.it_kw_per_rack for g in inputs.generations]) / 1e3
    gpus = np.array([float(g.gpus_per_rack) for g in inputs.generations])
    racks, packages = rack_supply(inputs.generations, axis), packaging_supply(ladder, axis)
    newest = newest_shipping(inputs.generations, axis).astype(int)
    ready_due = lagged(plan.energised_mw, ladder.ready_lag_months)
    phases = len(plan.place)
    state = _State(
        plan.energised_mw * 0.0,
        plan.energised_mw * 0.0,
        np.zeros((gens, places, n + 1)),
        np.zeros(phases),
        np.zeros(places),
    )
    # What stands at the first edge is due before it, and has met its limits in the past.
    state.energised[:, 0], state.ready[:, 0] = plan.energised_mw[:, 0], ready_due[:, 0]
    # Phases come in the order of their energisation, refits after all of them.
    turn = np.concatenate([plan.turn, np.full(places, plan.turn.max(initial=-1) + 1)])
    limits, binding = np.zeros((len(LIMITS), n)), np.full(n, -1)
    life = np.array([g.life_years for g in inputs.generations]) * MONTHS_PER_YEAR
    for i in range(n):
        wanted = plan.energised_mw[:, i + 1] - state.energised[:, i]
        state.energised[:, i + 1] = state.energised[:, i] + rationed(wanted, ladder.transformer_mw_per_month, plan.turn)
        powered = lagged(state.energised[:, : i + 2], ladder.ready_lag_months)[:, -1]
        wanted = np.maximum(powered - state.ready[:, i], 0.0)
        state.ready[:, i + 1] = state.ready[:, i] + rationed(wanted, ladder.labour_mw_per_month, plan.turn)
        retired = _at(state.delivered[:, :, : i + 2], i + 1 - life - ladder.refit_lag_months)
        retired[:, sites:] += _gone_at(gone, i + 1, ladder.refit_lag_months)
        # Two kinds of places for racks, in order: phases' first racks, then places' refits.
        open_mw = np.concatenate(
            [state.ready[:, i + 1] - state.filled, np.tensordot(it_mw, retired, 1) - state.refilled]
        )
        open_mw = np.where(open_mw > NEGLIGIBLE_MW, open_mw, 0.0)
        kind = np.concatenate([np.where(plan.generation < 0, newest[i], plan.generation), np.full(places, newest[i])])
        late = _late(ready_due[:, i + 1], powered, state.ready[:, i + 1])
        taken, limits[:, i], binding[i] = _deliver(open_mw, kind, turn, late, racks[:, i], packages[i], it_mw, gpus)
        state.filled += taken[:phases]
        state.refilled += taken[phases:]
        state.delivered[:, :, i + 1] = state.delivered[:, :, i]
        place = np.concatenate([plan.place, np.arange(places)])
        np.add.at(state.delivered[:, :, i + 1], (kind, place), taken / it_mw[kind])
    return state, limits, binding


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
    state: _State,
    limits: Array,
    binding: Array,
) -> BuildOut:
    """Turn the recurrence's cumulative series into stocks, states and dates."""
    ladder, sites = inputs.ladder, len(inputs.sites)
    it_mw = np.array([g.it_kw_per_rack for g in inputs.generations]) / 1e3
    gpus = np.array([float(g.gpus_per_rack) for g in inputs.generations])
    retired = np.stack(
        [lagged(state.delivered[g], inputs.generations[g].life_years * MONTHS_PER_YEAR) for g in range(len(gpus))]
    )
    accepted = lagged(state.delivered, ladder.acceptance_lag_months) - retired
    producing = lagged(state.delivered, ladder.acceptance_lag_months + ladder.producing_lag_months) - retired
    standing = opening - gone
    for stock in (accepted, producing):
        stock[:, sites:] += standing
        np.maximum(stock, 0.0, out=stock)
    delivered = np.diff(state.delivered, axis=-1)
    delivered[:, sites:] += np.diff(opening, axis=-1)
    retired[:, sites:] += gone
    mean_gpus = gpus[:, None] * ((producing[..., :-1] + producing[..., 1:]) / 2).sum(axis=1)
    return BuildOut(
        places=(*(s.name for s in inputs.sites), *(f"opening {b.name}" for b in inputs.opening)),
        power_state_mw=_states(plan, state, it_mw, opening, accepted, producing, sites)[None],
        racks=accepted[None],
        racks_producing=producing[None],
        racks_delivered=delivered[None],
        racks_retired=np.diff(retired, axis=-1)[None],
        gpus_producing=mean_gpus[None],
        gpus_available=mean_gpus[None] * column(ladder.availability, 3),
        limit_racks=limits[None],
        binding=binding.astype(np.int64)[None],
        first_token_days=_first_days(producing.sum(axis=0), axis)[None],
    )


def _states(
    plan: Due, state: _State, it_mw: Array, opening: Array, accepted: Array, producing: Array, sites: int
) -> Array:
    """Return the IT power in each state of the ladder, exclusive: (state, place, edge) [MW]."""
    places, edges = accepted.shape[1], accepted.shape[2]
    reached = np.zeros((len(LADDER), places, edges))
    for s, series in enumerate(
        (plan.announced_mw, plan.contracted_mw, plan.construction_mw, state.energised, state.ready)
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
