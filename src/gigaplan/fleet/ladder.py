"""The delivery ladder's dates: when each phase is due in each state, before any limit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gigaplan.fleet.inputs import FleetInputs, Ladder, Phase
from gigaplan.vocabulary.errors import Fault, InputError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

DAYS_PER_MONTH = DAYS_PER_YEAR / 12


@dataclass(frozen=True, slots=True)
class Schedule:
    """Schedule of the phases of all sites, in order of energisation. Shapes: phase F, edge."""

    site: NDArray[np.int64]
    """(F,) index of the site of each phase."""
    generation: NDArray[np.int64]
    """(F,) index of the named generation, -1 for the newest shipping."""
    queue_order: NDArray[np.int64]
    """(F,) order of energisation, from 0; phases of one day are equal."""
    announced_mw: Array
    """(F, edge) IT power announced by each edge [MW]."""
    contracted_mw: Array
    """(F, edge) IT power contracted by each edge [MW]."""
    construction_mw: Array
    """(F, edge) IT power under construction or beyond by each edge [MW]."""
    energised_mw: Array
    """(F, edge) IT power energised by each edge if nothing but its dates binds [MW]."""


def schedule(inputs: FleetInputs, axis: TimeAxis) -> Schedule:
    """Return which power is scheduled to reach which state when, from the plan's dates and the standard lags.

    Parameters
    ----------
    inputs : FleetInputs
        Sites with their phases, generations and lags.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Schedule
        The phases in order of energisation, with their power by state and edge.

    Raises
    ------
    InputError
        If a phase's dates are out of order.
    """
    _in_order(inputs)
    names = [g.name for g in inputs.generations]
    rows = [(p, i) for i, s in enumerate(inputs.sites) for p in s.phases]
    rows.sort(key=lambda r: r[0].energised)
    days = np.array([_days(phase, inputs.ladder, axis) for phase, _ in rows]).reshape(len(rows), 4)
    power = np.array([phase.power.value for phase, _ in rows])
    reached = power[:, None, None] * (axis.edge_days >= days[:, :, None])  # (F, 4, edge)
    return Schedule(
        site=np.array([i for _, i in rows], dtype=int),
        generation=np.array(
            [-1 if p.generation == "newest" else names.index(p.generation) for p, _ in rows], dtype=int
        ),
        queue_order=np.unique(days[:, 3], return_inverse=True)[1].reshape(-1).astype(int),
        announced_mw=reached[:, 0],
        contracted_mw=reached[:, 1],
        construction_mw=reached[:, 2],
        energised_mw=reached[:, 3],
    )


def _days(phase: Phase, ladder: Ladder, axis: TimeAxis) -> list[float]:
    """Return the days of announced, contracted, construction and energised since the start, in order.

    A missing date follows the one before it by the standard lag, but never after the next state.
    """
    energised = axis.days_since_start(phase.energised)
    announced = axis.days_since_start(phase.announced)
    contracted, construction = (
        None if day is None else axis.days_since_start(day) for day in (phase.contracted, phase.construction)
    )
    if contracted is None:
        contracted = min(announced + ladder.contract_lag_months * DAYS_PER_MONTH, energised)
    if construction is None:
        construction = min(contracted + ladder.construction_lag_months * DAYS_PER_MONTH, energised)
    return [announced, min(contracted, construction), construction, energised]


def _in_order(inputs: FleetInputs) -> None:
    """Raise InputError with every phase that reaches a state before the one below it."""
    states = ("announced", "contracted", "construction", "energised")
    faults = []
    for site in inputs.sites:
        for phase in site.phases:
            given = [(s, day) for s in states if (day := getattr(phase, s)) is not None]
            for (before, first), (after, second) in pairwise(given):
                if second < first:
                    path = f"fleet.sites.{site.name}.phases.{phase.name}"
                    message = (
                        f"phase '{phase.name}': '{after}' on {second} comes before '{before}' on {first}; "
                        "put the dates in order: announced, contracted, construction, energised"
                    )
                    faults.append(Fault(message, (f"{path}.{after}", f"{path}.{before}"), str(second)))
    if faults:
        raise InputError(faults)


def lagged(cumulative: Array, months: float) -> Array:
    """Return a cumulative series some months later, by linear interpolation; 0 before its start.

    Parameters
    ----------
    cumulative : Array, shape (..., edge)
        A series that never falls, in any unit.
    months : float
        The lag [month].

    Returns
    -------
    Array, shape (..., edge)
        The series, ``months`` later.

    Examples
    --------
    >>> lagged(np.array([2.0, 4.0, 6.0]), 0.5).tolist()
    [1.0, 3.0, 5.0]
    """
    if months <= 0:
        return cumulative
    whole, part = int(months), months - int(months)
    n = cumulative.shape[-1]

    def shifted(k: int) -> Array:
        out = np.zeros_like(cumulative)
        if k < n:
            out[..., k:] = cumulative[..., : n - k]
        return out

    return (1 - part) * shifted(whole) + (part * shifted(whole + 1) if part else 0.0)


def rate_limited(demand: Array, limit: float, queue_order: NDArray[np.int64]) -> Array:
    """Return how much of a demand a common limit lets through: first come, first served, equals in proportion.

    Parameters
    ----------
    demand : Array, shape (item,)
        Demand of each item, in any unit.
    limit : float
        Most that is let through, in the same unit.
    queue_order : NDArray[np.int64], shape (item,)
        Place of each item in the queue, from 0; items of one place share what is left in proportion.

    Returns
    -------
    Array, shape (item,)
        What is let through, at most the demand.

    Examples
    --------
    >>> rate_limited(np.array([2.0, 2.0, 4.0]), 5.0, np.array([0, 1, 1])).tolist()
    [2.0, 1.0, 2.0]
    """
    if not demand.size:
        return demand
    total = np.bincount(queue_order, demand)
    before = np.cumsum(total) - total
    share = np.divide(np.clip(limit - before, 0.0, total), total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(demand * share[queue_order])
