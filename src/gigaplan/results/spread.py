"""The range of a figure over the members of a run: 80 % of what may be lies between its ends.

A figure of a person's interest is the median of the members, each with another draw of the uncertain inputs; its range
says how far they lie apart. A date that never comes lies after all dates.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan.results.aggregate import Coordinates, aggregate
from gigaplan.results.labelled import Labelled
from gigaplan.results.quantiles import has_ranges, is_date, quantiles
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.sampling import RANGE_SHARE
from gigaplan.vocabulary.show import Brief

ENDS = ((1 - RANGE_SHARE) / 2, 0.5, (1 + RANGE_SHARE) / 2)
"""Shares of the members below the low end, the median and the high end."""
RANGE = f"{RANGE_SHARE * 100:.0f} %"
"""What stands before a range."""
UNKNOWN, UNKNOWN_CELL = "unknown, only the central member is kept", "unknown"
"""In place of a range, where ``keep`` left the other members out."""


@dataclass(frozen=True, slots=True, repr=False)
class Span(Brief):
    """The range of one figure over members.

    Attributes
    ----------
    low, median, high : float
        In the figure's unit. Of a date nan means never; of a number, that it exists in no member.
    without : int
        Members in which the figure doesn't exist: the date never comes, nothing has the price.
    members : int
        Members that it is of; 1 where only the central one is kept, and the range is unknown.
    """

    low: float
    median: float
    high: float
    without: int
    members: int

    @property
    def known(self) -> bool:
        """Whether there are several members to say it."""
        return self.members > 1


@dataclass(frozen=True, slots=True, repr=False)
class Spread(Brief):
    """The ranges of several figures: what :class:`Span` has, as arrays of one shape."""

    low: Array
    median: Array
    high: Array
    without: Array
    members: int

    def at(self, place: tuple[int, ...] = ()) -> Span:
        """Return the range of one of the figures."""
        low, median, high = (float(array[place]) for array in (self.low, self.median, self.high))
        return Span(low, median, high, int(self.without[place]), self.members)


def of_members(result: Labelled, name: str, by: Sequence[str] = (), at: Coordinates | None = None) -> Array:
    """Return a quantity of every member, aggregated as its row says.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    name, by, at
        As in :func:`aggregate`.

    Returns
    -------
    Array
        Of shape (member, *by): as many members as the run had, or only the central one where ``keep`` left the others
        out.
    """
    values = aggregate(result, name, by, at, members="all").values
    return _for_all(result, name, values)


def array_of_members(result: Labelled, name: str) -> Array:
    """Return a quantity's array as it is, the member axis first, as long as in :func:`of_members`."""
    array = result[name]
    whole = result.variable(name).dims[:1] == ("member",)
    return _for_all(result, name, array if whole else array[None])


def _for_all(result: Labelled, name: str, values: Array) -> Array:
    """Return values for every member: of a quantity that no uncertain input moves all have the same."""
    if result.variable(name).dims[:1] == ("member",):
        return values
    return np.broadcast_to(values, (result.stamp.members, *values.shape[1:]))


def spread(result: Labelled, name: str, by: Sequence[str] = (), at: Coordinates | None = None) -> Spread | None:
    """Return the ranges of what :func:`aggregate` gives for the central member; None for a run of too few members.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    name, by, at
        As in :func:`aggregate`.

    Raises
    ------
    PlanError
        As :func:`aggregate` does.
    """
    if not has_ranges(result):
        return None
    return spread_of(of_members(result, name, by, at), date=is_date(result.variable(name)))


def span(result: Labelled, name: str, at: Coordinates | None = None) -> Span | None:
    """Return the range of one figure; None for a run of fewer than ten members."""
    found = spread(result, name, (), at)
    return found.at() if found else None


def spread_of(values: Array, *, date: bool = False) -> Spread:
    """Return the ranges of figures.

    Parameters
    ----------
    values : Array
        Figures of all members, shape (member, ...); nan where one doesn't exist.
    date : bool
        Whether they are dates: one that never comes lies after all others. A number is one of the members that have it.
    """
    members = len(values)
    there = np.isfinite(values).sum(axis=0)
    if members == 1:
        nothing = np.full(there.shape, np.nan)
        return Spread(nothing, nothing, nothing, 1 - there, 1)
    low, median, high = quantiles(values, *ENDS, date=date)
    return Spread(low, median, high, np.asarray(members - there), members)


def span_of(values: Array, *, date: bool = False) -> Span:
    """Return the range of one figure from its values, shape (member,)."""
    return spread_of(values, date=date).at()


NUMBER = re.compile(r"(?P<sign>-?)(?P<dollars>\$?)(?P<number>\d[\d.,]*)(?P<unit>(e[+-]?\d+)?\D*)")
"""A number as a reader sees it: a unit that both ends of a range share stands once."""


def range_text(found: Span, text: Callable[[float], str], never: str = "", *, cell: bool = False) -> str:
    """Return a range as a reader sees it: ``1.2 to 2.9``.

    Parameters
    ----------
    found : Span
        The range.
    text : callable
        Writes one end of it.
    never : str
        What a future without the figure is said to have: ``never``; empty where that isn't said.
    cell : bool
        Whether it stands in a table, where room is short: ``1.2–2.9``.
    """
    if not found.known:
        return UNKNOWN_CELL if cell else UNKNOWN
    low, high = text(found.low), text(found.high)
    missing = f"in {found.without} of {found.members} futures {never}" if never and found.without else ""
    if missing and math.isnan(found.high):  # the last dates of the range never come: that is said once
        return missing if math.isnan(found.low) else f"from {low}; {missing}"
    shown = low if low == high else _joined(low, high, cell=cell)
    return f"{shown}; {missing}" if missing else shown


def with_range(shown: str, ends: str) -> str:
    """Return a figure with its range in brackets; none where both ends are the figure itself, as it is shown."""
    return shown if ends in ("", shown) else f"{shown} ({ends})"


def _joined(low: str, high: str, *, cell: bool) -> str:
    """Return both ends, a unit that they share once; a cell leaves out dollars, which the figure above it has."""
    a, b = NUMBER.fullmatch(low), NUMBER.fullmatch(high)
    if not (a and b):
        return f"{low} to {high}"
    between = "–" if cell and not (a["sign"] or b["sign"]) else " to "
    first, second = (m["sign"] + ("" if cell else m["dollars"]) + m["number"] for m in (a, b))
    return f"{first}{a['unit'] if a['unit'] != b['unit'] else ''}{between}{second}{b['unit']}"
