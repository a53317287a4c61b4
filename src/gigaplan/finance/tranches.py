"""Milestone tranches: money released as deployed power passes each milestone."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.inputs import Tranches
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import TimeAxis

MOST_TRANCHES = 1000
"""More milestones than this are a slip of the pen, and would fill memory."""


def amounts_usd(terms: Tranches) -> Array:
    """Return what each tranche pays: (tranche,); the last one what is left of the total.

    Raises
    ------
    InputError
        If there are more tranches than anybody could follow.
    """
    if terms.amount_per_milestone_usd <= 0:
        return np.zeros(0)
    exact = terms.total_usd / terms.amount_per_milestone_usd
    if exact > MOST_TRANCHES:
        raise InputError(
            f"{terms.total_usd:,.0f} USD in tranches of {terms.amount_per_milestone_usd:,.0f} are more than "
            f"{MOST_TRANCHES}: raise the amount per milestone"
        )
    count = int(np.ceil(exact * (1 - 1e-12)))  # rounding adds no tranche
    left = terms.total_usd - terms.amount_per_milestone_usd * np.arange(count)
    return np.asarray(np.minimum(terms.amount_per_milestone_usd, left))


def trigger_days(deployed_mw: Array, milestone_mw: float, count: int, axis: TimeAxis) -> Array:
    """Return the day on which deployed power first reaches each milestone: (member, tranche); nan if never.

    ``deployed_mw`` is (member, edge); power is taken to rise evenly within a month.
    """
    highest = np.maximum.accumulate(deployed_mw, axis=-1)
    marks = milestone_mw * np.arange(1, count + 1) * (1 - 1e-9)
    days = np.full((deployed_mw.shape[0], count), np.nan)
    for m, path in enumerate(highest):
        reached = np.searchsorted(path, marks, side="left")
        for k in np.flatnonzero(reached < path.size):
            days[m, k] = _within(path, axis.edge_days, int(reached[k]), float(marks[k]))
    return days


def _within(path: Array, edge_days: Array, edge: int, mark: float) -> float:
    if edge == 0 or path[edge] <= path[edge - 1]:
        return float(edge_days[edge])
    part = (mark - path[edge - 1]) / (path[edge] - path[edge - 1])
    return float(edge_days[edge - 1] + part * (edge_days[edge] - edge_days[edge - 1]))


def by_month(days: Array, paid_usd: Array, axis: TimeAxis) -> Array:
    """Return the money received in each month: (member, month)."""
    received = np.zeros((days.shape[0], axis.months))
    for m, k in zip(*np.nonzero(np.isfinite(days)), strict=True):
        month = int(np.clip(np.searchsorted(axis.edge_days, days[m, k], side="right") - 1, 0, axis.months - 1))
        received[m, month] += paid_usd[m, k]
    return received
