"""The delivery ladder's dates: when each phase is due in each state, before any limit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gigaplan.fleet.inputs import LADDER, FleetInputs, Ladder, Phase, Site
from gigaplan.vocabulary.errors import Fault, InputError
from gigaplan.vocabulary.members import Array, Uncertain, column, stack
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

DAYS_PER_MONTH = DAYS_PER_YEAR / 12
DATED = LADDER[:4]
"""States whose dates a plan states."""
TINY = np.finfo(float).tiny


@dataclass(frozen=True, slots=True)
class Schedule:
    """Schedule of the phases of all sites, in order of energisation. Shapes: member or 1 M, phase F, edge."""

    site: NDArray[np.int64]
    """(F,) index of the site of each phase."""
    generation: NDArray[np.int64]
    """(F,) index of the named generation, -1 for the newest shipping."""
    queue_order: NDArray[np.int64]
    """(M, F) order of energisation, from 0; phases of one day are equal."""
    announced_mw: Array
    """(M, F, edge) IT power announced by each edge [MW]."""
    contracted_mw: Array
    """(M, F, edge) IT power contracted by each edge [MW]."""
    construction_mw: Array
    """(M, F, edge) IT power under construction or beyond by each edge [MW]."""
    energised_mw: Array
    """(M, F, edge) IT power energised by each edge if nothing but its dates binds [MW]."""


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
    found = [day for phase, _ in rows for day in _days(phase, inputs.ladder, axis)]
    days = np.broadcast_to(stack(found), (inputs.members, len(found))).reshape(inputs.members, len(rows), len(DATED))
    power = stack(phase.power.value * phase.power_ratio for phase, _ in rows)  # (m, F)
    reached = power[..., None, None] * (axis.edge_days >= days[..., None])  # (M, F, 4, edge)
    site, order = np.array([i for _, i in rows], dtype=int), _ranks(days[..., DATED.index("energised")])
    for i, one in enumerate(inputs.sites):
        if one.power_limits:
            of_site = np.flatnonzero(site == i)
            usable_mw = limits_mw(one, axis).min(axis=1)
            at = DATED.index("energised")
            reached[:, of_site, at] = _within(
                reached[:, of_site, at], usable_mw, _ranks(order[:, of_site].astype(float))
            )
    return Schedule(
        site=site,
        generation=np.array(
            [-1 if p.generation == "newest" else names.index(p.generation) for p, _ in rows], dtype=int
        ),
        queue_order=order,
        **{f"{state}_mw": reached[:, :, i] for i, state in enumerate(DATED)},
    )


def limits_mw(site: Site, axis: TimeAxis) -> Array:
    """Return what each link of a site's supply carries by each edge.

    Parameters
    ----------
    site : Site
        The site, with one limit or more.
    axis : TimeAxis
        Months.

    Returns
    -------
    Array, shape (M, limit, edge)
        IT power [MW].
    """
    found: list[Array] = []
    for limit in site.power_limits:
        total: Array = np.zeros((1, axis.months + 1))
        for step in limit.steps:
            there = axis.edge_days >= column(axis.days_since_start(step.day) + step.delay_days, 2)
            total = total + column(step.it_mw, 2) * there
        found.append(total)
    return np.stack(np.broadcast_arrays(*found), axis=1)


def _within(scheduled: Array, most: Array, order: NDArray[np.int64]) -> Array:
    """Return what a site's limit lets through of its phases' power, in their queue's order: (M, F, edge)."""
    passed, before = np.zeros_like(scheduled), np.zeros(scheduled.shape[:2])
    most = np.broadcast_to(most, scheduled[:, 0].shape)
    for i in range(passed.shape[-1]):
        unfilled = np.maximum(scheduled[..., i] - before, 0.0)
        free = np.maximum(most[:, i] - before.sum(axis=1), 0.0)
        if unfilled.any():
            before = before + rate_limited(unfilled, free, order)
        passed[..., i] = before
    return passed


def _ranks(days: Array) -> NDArray[np.int64]:
    """Return the place of each day in its row's order, from 0; equal days have one place."""
    order = np.argsort(days, axis=1, kind="stable")
    later = np.diff(np.take_along_axis(days, order, axis=1), axis=1, prepend=-np.inf) > 0
    ranks = np.empty(days.shape, dtype=int)
    np.put_along_axis(ranks, order, np.cumsum(later, axis=1) - 1, axis=1)
    return ranks


def _days(phase: Phase, ladder: Ladder, axis: TimeAxis) -> tuple[Uncertain, ...]:
    """Return the days of announced, contracted, construction and energised since the start, in order.

    A missing date follows the one before it by the standard lag; no state is reached after the next one.
    """
    energised = axis.days_since_start(phase.energised) + phase.energised_delay_days
    announced = axis.days_since_start(phase.announced)
    if phase.contracted is None:
        contracted = announced + ladder.contract_lag_months * DAYS_PER_MONTH
    else:
        contracted = axis.days_since_start(phase.contracted)
    contracted = np.minimum(contracted, energised)
    if phase.construction is None:
        construction = contracted + ladder.construction_lag_months * DAYS_PER_MONTH
    else:
        construction = axis.days_since_start(phase.construction)
    construction = np.minimum(construction, energised)
    return np.minimum(announced, energised), np.minimum(contracted, construction), construction, energised


def _in_order(inputs: FleetInputs) -> None:
    """Raise InputError with every phase that reaches a state before the one below it."""
    faults = []
    for site in inputs.sites:
        for phase in site.phases:
            given = [(s, day) for s in DATED if (day := getattr(phase, s)) is not None]
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


def lagged(cumulative: Array, months: Uncertain) -> Array:
    """Return a cumulative series some months later, by linear interpolation; 0 before its start.

    Parameters
    ----------
    cumulative : Array, shape (..., edge)
        A series that never falls, in any unit.
    months : Uncertain
        The lag, one for all or one for each of the first dims [month]; none where it is negative.

    Returns
    -------
    Array, shape (..., edge)
        The series, ``months`` later.

    Examples
    --------
    >>> lagged(np.array([2.0, 4.0, 6.0]), 0.5).tolist()
    [1.0, 3.0, 5.0]
    >>> lagged(np.array([[2.0, 4.0, 6.0], [2.0, 4.0, 6.0]]), np.array([0.5, 1.0])).tolist()
    [[1.0, 3.0, 5.0], [0.0, 2.0, 4.0]]
    """
    late = np.maximum(np.asarray(months, dtype=float), 0.0)
    late = late.reshape(*late.shape, *([1] * (cumulative.ndim - late.ndim)))
    whole = late.astype(int)
    edge = np.arange(cumulative.shape[-1]) - whole
    later = np.where(edge >= 0, np.take_along_axis(cumulative, np.maximum(edge, 0), axis=-1), 0.0)
    month_later = np.zeros_like(later)
    month_later[..., 1:] = later[..., :-1]
    part = late - whole
    return np.asarray((1 - part) * later + part * month_later)


def rate_limited(
    demand: Array, limit: Array, queue_order: NDArray[np.int64], kind: NDArray[np.int64] | None = None
) -> Array:
    """Return how much of a demand a common limit lets through: first come, first served, equals in proportion.

    Parameters
    ----------
    demand : Array, shape (member, item)
        Demand of each item, in any unit.
    limit : Array, shape (member,) or (member, kind)
        Most that is let through, of each kind where there are several, in the same unit.
    queue_order : NDArray[np.int64], shape (member, item)
        Place of each item in the queue, from 0 and below the number of items; items of one place share what is left
        in proportion.
    kind : NDArray[np.int64], shape (member, item), optional
        Kind of each item; nothing is let through of an item without one (-1).

    Returns
    -------
    Array, shape (member, item)
        What is let through, at most the demand.

    Examples
    --------
    >>> rate_limited(np.array([[2.0, 2.0, 4.0]]), np.array([5.0]), np.array([[0, 1, 1]])).tolist()
    [[2.0, 1.0, 2.0]]
    """
    if not demand.size:
        return demand
    (members, places), kinds = demand.shape, limit.size // len(limit)
    queue = np.arange(0, members * kinds, kinds)[:, None]
    if kind is not None:
        queue = queue + np.maximum(kind, 0)
        demand = np.where(kind >= 0, demand, 0.0)
    place = queue * places + queue_order
    total = np.bincount(place.ravel(), demand.ravel(), members * kinds * places)
    until = total.reshape(-1, places).cumsum(axis=-1).ravel()[place]
    alike = total[place]  # demand of all items of one place
    let = np.minimum(np.maximum(limit.ravel()[queue] - (until - alike), 0.0), alike)
    return np.asarray(demand * (let / np.maximum(alike, TINY)))
