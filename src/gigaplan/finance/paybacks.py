"""What a milestone's power buys, and when it has paid for itself, whoever owns it."""

from __future__ import annotations

import numpy as np

from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis


def at_days(on_edges: Array, days: Array, axis: TimeAxis) -> Array:
    """Return what stands on edges at some days, linear in between.

    Parameters
    ----------
    on_edges : Array, shape (M, edge)
        Level on the edges of months.
    days : Array, shape (M, T)
        Days since the start of the horizon [day]; nan where there is none.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M, T)
        The level; nan where the day is.
    """
    place = np.interp(np.nan_to_num(days), axis.edge_days, np.arange(len(axis.edge_days)))
    low = np.minimum(place.astype(int), on_edges.shape[-1] - 2)
    levels = np.broadcast_to(on_edges, (len(days), on_edges.shape[-1]))
    below, above = (np.take_along_axis(levels, low + k, axis=-1) for k in (0, 1))
    return np.where(np.isfinite(days), below + (above - below) * (place - low), np.nan)


def added_between(on_edges: Array, days: Array, axis: TimeAxis) -> Array:
    """Return what is added between each milestone and the one before, the first from nothing.

    Parameters
    ----------
    on_edges : Array, shape (M, edge)
        Level on the edges of months.
    days : Array, shape (M, T)
        Days of the milestones since the start of the horizon [day]; nan where there is none.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M, T)
        What is added; nan where the day is.
    """
    levels = at_days(on_edges, days, axis)
    return np.diff(levels, axis=-1, prepend=0.0) if levels.shape[-1] else levels


def band_mw(power_mw: Array, milestone_mw: float, count: int) -> Array:
    """Return the power that belongs to each milestone: the k-th fills after the ones before it.

    Parameters
    ----------
    power_mw : Array, shape (M, n)
        Power that stands [MW].
    milestone_mw : float
        Power of a milestone [MW].
    count : int
        Number of milestones.

    Returns
    -------
    Array, shape (M, T, n)
        Power of each [MW], up to ``milestone_mw``.

    Examples
    --------
    >>> band_mw(np.array([[500.0, 1500.0]]), 1000.0, 2)[0].tolist()
    [[500.0, 1000.0], [0.0, 500.0]]
    """
    before = milestone_mw * np.arange(count)[:, None]
    return np.clip(power_mw[:, None] - before, 0.0, milestone_mw)


def payback_days(
    earned_usd: Array, racks_usd: Array, facility_usd: Array, filled_days: Array, life_years: Array, axis: TimeAxis
) -> Array:
    """Return the first month's end by which what a milestone's power earned has covered its capital.

    Racks that outlive their service before that are bought again at the same price.

    Parameters
    ----------
    earned_usd : Array, shape (M, T, n)
        Revenue less running cost of the milestone's power [USD].
    racks_usd : Array, shape (M, T)
        Price of its racks with their network [USD].
    facility_usd : Array, shape (M, T)
        Price of its facility [USD].
    filled_days : Array, shape (M, T)
        Day on which its power is complete [day]; nan if never.
    life_years : Array, shape (M,) or (1,)
        Time that racks serve [year].
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M, T)
        Days since the start of the horizon [day]; nan if not within it.

    Examples
    --------
    1,200 USD that earn 100 a month from the start are back at the end of the year:

    >>> import datetime as dt
    >>> axis = TimeAxis(dt.date(2026, 1, 1), dt.date(2028, 1, 1))
    >>> back = payback_days(
    ...     np.full((1, 1, 24), 100.0),
    ...     np.array([[1000.0]]),
    ...     np.array([[200.0]]),
    ...     np.zeros((1, 1)),
    ...     np.array([5.0]),
    ...     axis,
    ... )
    >>> float(back[0, 0])
    365.0
    """
    age_years = (axis.edge_days[1:] - np.nan_to_num(filled_days)[..., None]) / DAYS_PER_YEAR
    bought = 1 + np.floor(np.maximum(age_years, 0.0) / life_years[:, None, None])
    owed = np.nan_to_num(racks_usd)[..., None] * bought + np.nan_to_num(facility_usd)[..., None]
    # Rounding delays no payback.
    back = (np.cumsum(earned_usd, axis=-1) >= owed * (1 - 1e-9)) & (axis.edge_days[1:] >= filled_days[..., None])
    first = axis.edge_days[1:][back.argmax(axis=-1)]
    return np.where(back.any(axis=-1) & np.isfinite(filled_days), first, np.nan)
