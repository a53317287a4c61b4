"""The time axis: months over the horizon, and the days that stand for each month with their weights.

Edges and intervals differ: stocks (GPUs, debt) sit on the ``n + 1`` edges, flows on the ``n`` intervals.
Duration and weight differ too: an hour of a representative day lasts one hour and *stands for* many.
Two resolutions share one shape (month, day, hour): *representative*, one weekday and one weekend day that stand for
their like; *hourly*, every day of the calendar, up to 31 places a month, those that a month has not weighing nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array

HOURS = 24
SECONDS_PER_HOUR = 3600.0
DAY_TYPES = ("weekday", "weekend")
SEASONS = ("winter", "spring", "summer", "autumn")
DAYS_PER_YEAR = 365.2425
HOURS_PER_YEAR = DAYS_PER_YEAR * HOURS
LONGEST_MONTH = 31
MONTHS_PER_YEAR = 12
WORKDAYS, WEEK = 5, 7


class Resolution(StrEnum):
    """How a month's hours are seen."""

    REPRESENTATIVE = "representative"
    HOURLY = "hourly"


def middle_of_year(year: int) -> dt.date:
    """Return the day that stands for a calendar year."""
    return dt.date(year, 7, 2)


@dataclass(frozen=True)
class TimeAxis:
    """Calendar months from ``start`` (first day of a month, inclusive) to ``end`` (first of a month, exclusive),
    UTC."""

    start: dt.date
    end: dt.date
    resolution: Resolution = Resolution.REPRESENTATIVE

    def __post_init__(self) -> None:
        if self.start.day != 1 or self.end.day != 1 or self.end <= self.start:
            raise ValueError(f"a horizon runs from one first of a month to a later one, not {self.start} to {self.end}")

    def extended(self, earlier: int, later: int = 0) -> TimeAxis:
        """Return the axis with some months more before it and after it."""
        ends = (self.start, -earlier), (self.end, later)
        whole = [day.year * 12 + day.month - 1 + months for day, months in ends]
        start, end = (dt.date(m // 12, m % 12 + 1, 1) for m in whole)
        return TimeAxis(start, end, self.resolution)

    @cached_property
    def months(self) -> int:
        """Return the number of intervals, n."""
        return (self.end.year - self.start.year) * 12 + self.end.month - self.start.month

    @cached_property
    def edges(self) -> tuple[dt.date, ...]:
        """Return the n + 1 edges as days."""
        first = self.start.year * 12 + self.start.month - 1
        return tuple(dt.date(m // 12, m % 12 + 1, 1) for m in range(first, first + self.months + 1))

    @cached_property
    def edge_days(self) -> Array:
        """Return the edges as days since the start, shape (edge,)."""
        return np.array([(e - self.start).days for e in self.edges], dtype=float)

    @cached_property
    def hours(self) -> Array:
        """Return each interval's duration [h], shape (month,)."""
        return np.diff(self.edge_days) * HOURS

    @cached_property
    def mid_days(self) -> Array:
        """Return each interval's middle as days since the start, shape (month,)."""
        return (self.edge_days[:-1] + self.edge_days[1:]) / 2

    def days_since_start(self, day: dt.date) -> float:
        """Return a day as days since the start of the horizon (negative before it)."""
        return float((day - self.start).days)

    def years_since(self, day: dt.date) -> Array:
        """Return the time from ``day`` to each interval's middle [years], shape (month,)."""
        return (self.mid_days - self.days_since_start(day)) / DAYS_PER_YEAR

    def month_of(self, day: dt.date) -> int:
        """Return the index of the interval that holds ``day`` (may lie outside 0..n-1)."""
        return (day.year - self.start.year) * 12 + day.month - self.start.month

    def day_at(self, days: float) -> dt.date:
        """Return the calendar day at a number of days since the start."""
        return self.start + dt.timedelta(days=int(days))

    @cached_property
    def labels(self) -> list[str]:
        """Return '2026-07' for each interval."""
        return [f"{e:%Y-%m}" for e in self.edges[:-1]]

    @cached_property
    def season(self) -> NDArray[np.int64]:
        """Return each interval's season (northern, meteorological: winter is Dec-Feb), shape (month,)."""
        return np.array([(e.month % 12) // 3 for e in self.edges[:-1]])

    @property
    def hourly(self) -> bool:
        """Return whether every day of the calendar stands for itself."""
        return self.resolution == Resolution.HOURLY

    @cached_property
    def days(self) -> tuple[str, ...]:
        """Return the labels of the day axis: the kinds of day, or the days of a month."""
        return tuple(f"{d + 1:02d}" for d in range(LONGEST_MONTH)) if self.hourly else DAY_TYPES

    @cached_property
    def year_of_month(self) -> NDArray[np.int64]:
        """Return each interval's calendar year as an index into ``years``, shape (month,)."""
        return np.array([e.year - self.start.year for e in self.edges[:-1]])

    @cached_property
    def years(self) -> tuple[int, ...]:
        """Return the calendar years that the horizon touches."""
        return tuple(range(self.start.year, self.edges[-2].year + 1))

    @property
    def year_middles(self) -> tuple[dt.date, ...]:
        """Return the middle of each calendar year."""
        return tuple(map(middle_of_year, self.years))

    @cached_property
    def day_mid_days(self) -> Array:
        """Return the middle of each day as days since the start, shape (month, day); a representative day's is its
        month's."""
        if not self.hourly:
            return np.repeat(self.mid_days[:, None], len(self.days), axis=1)
        return self.edge_days[:-1, None] + np.arange(LONGEST_MONTH) + 0.5

    def day_years_since(self, day: dt.date) -> Array:
        """Return the time from ``day`` to the middle of each day [years], shape (month, day)."""
        return (self.day_mid_days - self.days_since_start(day)) / DAYS_PER_YEAR

    def between(self, on_edges: Array) -> Array:
        """Return what stands on edges at the middle of each day, linear in time: (..., edge) -> (..., month, day)."""
        first, change = on_edges[..., :-1, None], np.diff(on_edges, axis=-1)[..., None]
        part = (self.day_mid_days - self.edge_days[:-1, None]) / np.diff(self.edge_days)[:, None]
        return np.asarray(first + change * np.minimum(part, 1.0))

    def weekend(self, shift_days: int) -> Array:
        """Return how likely the local day is a weekend's where it runs ``shift_days`` ahead of UTC: (month, day).

        On the calendar it is or it isn't; the day before or after a representative weekday is a weekend's in one case
        of five, and that of a representative weekend day in one of two.
        """
        if self.hourly:
            first = np.array([e.weekday() for e in self.edges[:-1]])[:, None]
            return np.asarray((first + np.arange(LONGEST_MONTH) + shift_days) % WEEK >= WORKDAYS, dtype=float)
        likely = (0.0, 1.0) if not shift_days else (1 / WORKDAYS, 1 / (WEEK - WORKDAYS))
        return np.broadcast_to(np.array(likely), (self.months, len(DAY_TYPES)))

    @cached_property
    def day_counts(self) -> Array:
        """Return how many days of the calendar each day stands for, shape (month, day)."""
        if self.hourly:
            lengths = np.diff(self.edge_days)[:, None]
            return np.asarray(np.arange(LONGEST_MONTH) < lengths, dtype=float)
        counts = np.zeros((self.months, len(DAY_TYPES)))
        for i, (a, b) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
            weekdays = int(np.busday_count(a, b))
            counts[i] = weekdays, (b - a).days - weekdays
        return counts

    @cached_property
    def weight_hours(self) -> Array:
        """Return the hours that each hour of a day stands for, shape (month, day, hour)."""
        return np.repeat(self.day_counts[:, :, None], HOURS, axis=2)

    def month_total(self, rate_per_h: Array) -> Array:
        """Return the month's amount of an hourly rate: (..., month, day, hour) -> (..., month)."""
        return np.asarray(np.einsum("...ndh,nd->...n", rate_per_h, self.day_counts))

    def month_mean(self, level: Array) -> Array:
        """Return the month's time-weighted mean of a level: (..., month, day, hour) -> (..., month)."""
        return self.month_total(level) / self.hours
