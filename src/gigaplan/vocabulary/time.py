"""The time axis: months over the horizon, and representative days with their weights.

Edges and intervals differ: stocks (GPUs, debt) sit on the ``n + 1`` edges, flows on the ``n`` intervals.
Duration and weight differ too: an hour of a representative day lasts one hour and *stands for* many.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array

HOURS = 24
DAY_TYPES = ("weekday", "weekend")
SEASONS = ("winter", "spring", "summer", "autumn")
DAYS_PER_YEAR = 365.2425
HOURS_PER_YEAR = DAYS_PER_YEAR * HOURS


@dataclass(frozen=True)
class TimeAxis:
    """Calendar months from ``start`` (first day of a month, inclusive) to ``end`` (first of a month, exclusive), UTC."""

    start: dt.date
    end: dt.date

    def __post_init__(self) -> None:
        if self.start.day != 1 or self.end.day != 1 or self.end <= self.start:
            raise ValueError(f"a horizon runs from one first of a month to a later one, not {self.start} to {self.end}")

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

    @cached_property
    def day_counts(self) -> Array:
        """Return how many weekdays and weekend days each month has, shape (month, day)."""
        counts = np.zeros((self.months, len(DAY_TYPES)))
        for i, (a, b) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
            weekdays = int(np.busday_count(a, b))
            counts[i] = weekdays, (b - a).days - weekdays
        return counts

    @cached_property
    def weight_hours(self) -> Array:
        """Return the hours that each hour of a representative day stands for, shape (month, day, hour)."""
        return np.repeat(self.day_counts[:, :, None], HOURS, axis=2)

    def month_total(self, rate_per_h: Array) -> Array:
        """Return the month's amount of an hourly rate: (..., month, day, hour) -> (..., month)."""
        return np.asarray((rate_per_h * self.weight_hours).sum(axis=(-2, -1)))

    def month_mean(self, level: Array) -> Array:
        """Return the month's time-weighted mean of a level: (..., month, day, hour) -> (..., month)."""
        return self.month_total(level) / self.hours
