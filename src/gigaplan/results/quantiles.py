"""Quantiles over the members of a run, and the figure that stands for all of them: the median.

A date that never comes lies after all dates; a number is one of the members in which it exists.
"""

from __future__ import annotations

import numpy as np

from gigaplan.results.labelled import Labelled
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.variables import Variable

FEWEST = 10
"""Members of whom medians and ranges are given at least: of fewer, the 10th and the 90th percentile say little."""


def has_ranges(result: Labelled) -> bool:
    """Return whether a run has members enough for medians and ranges."""
    return result.stamp.members >= FEWEST


def is_date(row: Variable) -> bool:
    """Return whether a quantity is a day, counted from the start of the horizon."""
    return row.unit == "days" and row.name.endswith("_day")


def quantiles(values: Array, *shares: float, date: bool = False) -> list[Array]:
    """Return the values below which shares of the members lie, between two of them in proportion.

    Parameters
    ----------
    values : Array
        Figures of all members, shape (member, ...); nan where one doesn't exist.
    shares : float
        Shares of the members, 0 to 1.
    date : bool
        Whether they are dates: one that never comes lies after all others. A number is one of the members that have it.

    Returns
    -------
    list of Array
        For each share an array of shape (...); nan where there is none.
    """
    ordered = np.sort(np.asarray(values, dtype=float), axis=0)  # what doesn't exist comes last
    there = np.isfinite(ordered).sum(axis=0)
    count = np.full(there.shape, len(ordered)) if date else np.maximum(there, 1)
    return [_below(ordered, count, share) for share in shares]


def _below(ordered: Array, count: Array, share: float) -> Array:
    place = share * (count - 1)
    under, over = np.floor(place).astype(np.int64), np.ceil(place).astype(np.int64)
    low, high = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in (under, over))
    return np.asarray(np.where(under == over, low, low + (place - under) * (high - low)))


def figure_of(result: Labelled, values: Array, *, date: bool = False) -> Array:
    """Return what stands for all members: their median, or the central one where a run has too few.

    Parameters
    ----------
    result : Labelled
        The run.
    values : Array
        Figures of its members, shape (member, ...), the central one first; of the central one alone where ``keep`` left
        the others out.
    date : bool
        Whether they are dates.
    """
    if not has_ranges(result) or len(values) == 1:
        return np.asarray(values[0])
    return quantiles(values, 0.5, date=date)[0]


def figures(result: Labelled, name: str) -> Array:
    """Return a quantity's array without the member axis: in each cell the figure that stands for all members."""
    array, row = result[name], result.variable(name)
    if row.dims[:1] != ("member",):
        return np.asarray(array)
    if row.unit == "index":  # a place in a list has no median
        return np.asarray(array[0])
    return figure_of(result, array, date=is_date(row))
