"""Quantiles over many members, with how sure they are and how they settle as members are added.

The standard error of a quantile is half the distance of the order statistics one standard deviation of their binomial
count below and above it (Woodruff 1952, doi:10.1080/01621459.1952.10483443): what independent draws would have. Members
of Latin hypercubes lie more evenly, so that it is an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.results.quantiles import FEWEST
from gigaplan.results.spread import ENDS, spread_of
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief

HALVINGS = 4
"""How often the members are halved to show how quantiles settle."""


@dataclass(frozen=True, slots=True, repr=False)
class Settled(Brief):
    """The quantiles that the first members alone give."""

    members: int
    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True, repr=False)
class Quantiles(Brief):
    """The range of a figure over members, and how sure it is.

    Attributes
    ----------
    low, median, high : float
        The 10th, the 50th and the 90th percentile, in the figure's unit; nan where it doesn't exist there.
    low_error, median_error, high_error : float
        Their standard errors, in the figure's unit (of dates: days); nan where the figure doesn't exist near it.
    without : int
        Members in which the figure doesn't exist.
    members : int
        Members that it is of.
    settled : tuple of Settled
        The same of the first sixteenth, eighth, quarter and half of the members.
    """

    low: float
    median: float
    high: float
    low_error: float
    median_error: float
    high_error: float
    without: int
    members: int
    settled: tuple[Settled, ...] = ()


def quantiles(values: Array, *, date: bool = False) -> Quantiles:
    """Return the range of a figure, its standard errors, and how it settles.

    Parameters
    ----------
    values : Array
        The figure of each member, shape (member,), in the order of the members; nan where it doesn't exist.
    date : bool
        Whether it is a date: one that never comes lies after all others.
    """
    found = spread_of(values, date=date).at()
    errors = standard_errors(values, date=date)
    counts = sorted({len(values) >> k for k in range(1, HALVINGS + 1) if len(values) >> k >= FEWEST})
    settled = tuple(_settled(values[:count], date=date) for count in counts)
    return Quantiles(found.low, found.median, found.high, *errors, found.without, found.members, settled)


def standard_errors(values: Array, *, date: bool = False) -> tuple[float, float, float]:
    """Return the standard errors of the three quantiles, in the figure's unit.

    Parameters
    ----------
    values : Array
        The figure of each member, shape (member,); nan where it doesn't exist.
    date : bool
        As in :func:`quantiles`.
    """
    ordered = np.sort(values)
    count = len(ordered) if date else int(np.isfinite(ordered).sum())
    if count < FEWEST:
        return (np.nan, np.nan, np.nan)
    low, median, high = (_error(ordered, count, share) for share in ENDS)
    return low, median, high


def _error(ordered: Array, count: int, share: float) -> float:
    """Return half the distance of the order statistics one standard deviation on either side of a quantile."""
    aside = np.sqrt(count * share * (1 - share))
    places = np.clip(share * (count - 1) + np.array([-aside, aside]), 0, count - 1)
    under, over = np.interp(places, np.arange(count), ordered[:count])
    return float(over - under) / 2


def _settled(values: Array, *, date: bool) -> Settled:
    found = spread_of(values, date=date).at()
    return Settled(len(values), found.low, found.median, found.high)
