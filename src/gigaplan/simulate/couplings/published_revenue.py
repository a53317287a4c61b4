"""Coupling of published revenue to the workloads' prices: the sum of what requests bring goes through the points."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS, TimeAxis


def over_stated(points: Sequence[tuple[dt.date, float]], revenue_usd: Array, axis: TimeAxis) -> Array:
    """Return by how much published revenue lies above what the requests bring at their stated prices.

    Between the first and the last point the logarithm of revenue is linear in time. After the last one its ratio to the
    stated prices' holds, so that revenue goes on from there as the requests grow; before the first one, likewise.

    Parameters
    ----------
    points : sequence of (date, float)
        Published revenue a year by date [USD/year], in order.
    revenue_usd : Array, shape (member, month)
        What the served requests bring at their stated prices [USD].
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (member, month)
        Published over stated [1]; 1 where all points lie beyond the horizon, and where the requests bring nothing.
    """
    days = np.array([axis.days_since_start(day) for day, _ in points])
    first, last = axis.mid_days[0], axis.mid_days[-1]
    if not len(days) or days[-1] < first or days[0] > last:
        return np.ones_like(revenue_usd)
    published = np.interp(axis.mid_days, days, np.log([usd for _, usd in points]))
    stated = revenue_usd * (DAYS_PER_YEAR * HOURS / axis.hours)
    ratio = published - np.log(np.where(stated > 0, stated, np.exp(published)))  # (M, n)
    at = np.clip(axis.mid_days, days[0], days[-1])
    held = np.stack([np.interp(at, axis.mid_days, row) for row in ratio])
    return np.asarray(np.exp(held))
