"""Published figures next to those of a run: merged where several say the same, and what can't be compared."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from gigaplan.catalog.history import EXPECTED, Published, published
from gigaplan.results.result import Result
from gigaplan.validation.history.figures import RANGE_ENDS, RENT, BeyondError, Figure, figure_of, reason_against, rent
from gigaplan.vocabulary.figures import short
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief

RENT_NAME = "rent of a GPU"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Point(Brief):
    """One published figure and what a run says of it."""

    name: str
    entity: str
    date: dt.date
    unit: str
    published: float
    published_low: float
    published_high: float
    """Lowest and highest of what was published of that date; all one where nobody differs."""
    predicted: float
    """Of the central future."""
    low: float
    high: float
    """80 % of the futures."""
    below: float
    """Share of the futures below the published figure."""
    given: bool = False
    """Whether the plan goes through this figure, or states it: then its error says nothing."""
    hindsight: str = ""
    """What was not known yet of what the prediction rests on."""
    origin: dt.date | None = None
    """Day whose facts the prediction knows; None is today."""
    JSON_ALSO: ClassVar[tuple[str, ...]] = ("error", "inside")

    @property
    def error(self) -> float:
        """Predicted over published, less one."""
        return self.predicted / self.published - 1

    @property
    def inside(self) -> bool:
        """Whether the published figure lies within the range of 80 % of the futures."""
        return self.low <= self.published <= self.high

    def brief_line(self) -> str:
        """Return the published and the predicted figure."""
        range_ = f"({short(self.low)} to {short(self.high)})"
        return f"{self.date}: published {short(self.published)}, predicted {short(self.predicted)} {range_}"


@dataclass(frozen=True, slots=True, repr=False)
class LeftOut(Brief):
    """A published figure that isn't compared, and why."""

    quantity: str
    entity: str
    date: dt.date
    value: float
    unit: str
    reason: str

    def brief_line(self) -> str:
        """Return which figure it is, and why it is left out."""
        return f"{self.entity}, {self.quantity}, {self.date}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Compared:
    """Points of a run, and the published figures that it says nothing of."""

    points: tuple[Point, ...]
    left_out: tuple[LeftOut, ...]


def compare(result: Result, rows: Iterable[Published], origin: dt.date | None = None) -> Compared:
    """Return published figures next to those of a run.

    Parameters
    ----------
    result
        A run of the lab's plan.
    rows
        Published figures.
    origin
        Day whose facts the run knows, None for today: only what came later is then compared.
    """
    points: list[Point] = []
    left_out: list[LeftOut] = []
    groups: dict[tuple[str, dt.date], list[Published]] = defaultdict(list)
    for row in rows:
        reason = _unfit(row)
        figure = figure_of(row)
        if reason or (figure is None and row.quantity != RENT):
            left_out.append(_left(row, reason or reason_against(row)))
        elif figure is None:
            _add_rent(result, row, origin, points, left_out)
        else:
            groups[figure.name + row.quantity, row.date].append(row)
    for same in groups.values():
        found = figure_of(same[0])
        assert found is not None
        try:
            points.append(_point(result, found, same, origin))
        except BeyondError as error:
            left_out += [_left(row, str(error)) for row in same]
    order = sorted(points, key=lambda p: (p.name, p.date))
    return Compared(tuple(order), tuple(left_out))


def _unfit(row: Published) -> str:
    """Return why a row is no figure of what was, "" if it is one."""
    if row.expected:
        return EXPECTED
    if row.superseded is not None:
        return "superseded by a better figure"
    _, _, reason = row.note.partition("not in the series: ")
    return reason


def _left(row: Published, reason: str) -> LeftOut:
    return LeftOut(row.quantity, row.entity, row.date, row.value, row.unit, reason)


def _point(result: Result, figure: Figure, rows: Sequence[Published], origin: dt.date | None) -> Point:
    """Return the point of figures of one date: their median, and the lowest and the highest of them."""
    values = [row.value for row in rows]
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    through = next((row for row in rows if (row.quantity, row.entity, row.date, row.value) in _series()), None)
    published = through.value if through else float(np.median(values))
    members = figure.of_run(result, rows[0])
    known = through is not None and (origin is None or through.known_since <= origin)
    early = origin is not None and origin < figure.known_from
    return Point(
        name=figure.name,
        entity=rows[0].entity,
        date=rows[0].date,
        unit=rows[0].unit,
        published=published,
        published_low=min([*values, *ends]),
        published_high=max([*values, *ends]),
        predicted=float(members[0]),
        **_spread(members, published),
        given=known or result.stamp.plan in figure.stated,
        hindsight=f"its level was public from {figure.known_from}" if early else "",
        origin=origin,
    )


@cache
def _series() -> frozenset[tuple[str, str, dt.date, float]]:
    """Return the figures that plans with a history go through."""
    return frozenset((r.quantity, r.entity, r.date, r.value) for r in published().rows if r.series)


def _spread(members: Array, published: float) -> dict[str, float]:
    """Return the range of 80 % of the futures, and the share of them below a figure."""
    futures = members[1:] if len(members) > 1 else members
    low, high = np.quantile(futures, RANGE_ENDS)
    return {"low": float(low), "high": float(high), "below": float((futures < published).mean())}


def _add_rent(
    result: Result, row: Published, origin: dt.date | None, points: list[Point], left_out: list[LeftOut]
) -> None:
    """Add the point of a published rent, or why there is none."""
    try:
        found = rent(result, row)
    except BeyondError as error:
        left_out.append(_left(row, str(error)))
        return
    through = (row.quantity, row.entity, row.date, row.value) in _series()
    known = through and found.of_plan and (origin is None or row.known_since <= origin)
    early = origin is not None and str(origin) < found.known
    spread = (
        _spread(found.members, row.value)
        if found.of_plan
        else {"low": float(found.members[1]), "high": float(found.members[2]), "below": float("nan")}
    )
    points.append(
        Point(
            name=RENT_NAME,
            entity=f"{found.system}, {row.basis}",
            date=row.date,
            unit=row.unit,
            published=row.value,
            published_low=row.value if row.low is None else row.low,
            published_high=row.value if row.high is None else row.high,
            predicted=float(found.members[0]),
            **spread,
            given=known or (found.stated and not (early and found.of_plan)),
            hindsight=f"the catalog's rent is of {found.known}" if early else "",
            origin=origin,
        )
    )
