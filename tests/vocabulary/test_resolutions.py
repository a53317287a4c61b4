"""Both resolutions of the time axis: the same hours, the calendar's own weekends, and means that are kept."""

from __future__ import annotations

import calendar
import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS, LONGEST_MONTH, WEEK, WORKDAYS, Resolution, TimeAxis

BOTH = tuple(Resolution)
WHOLE_CYCLE = (dt.date(2001, 1, 1), dt.date(2401, 1, 1))
"""Four hundred years are a whole number of weeks: every date falls on its weekdays as often as it ever does."""

starts = st.builds(dt.date, st.integers(1999, 2101), st.integers(1, 12), st.just(1))
lengths = st.integers(1, 40)


def axis_of(start: dt.date, months: int, resolution: Resolution) -> TimeAxis:
    last = start.year * 12 + start.month - 1 + months
    return TimeAxis(start, dt.date(last // 12, last % 12 + 1, 1), resolution)


def days_of(axis: TimeAxis, month: int) -> list[dt.date]:
    """Return the days of one month, from the standard library alone."""
    first = axis.edges[month]
    return [first.replace(day=d + 1) for d in range(calendar.monthrange(first.year, first.month)[1])]


@given(starts, lengths, st.sampled_from(BOTH))
def test_weights_sum_to_the_hours_of_every_month(start: dt.date, months: int, resolution: Resolution) -> None:
    axis = axis_of(start, months, resolution)
    assert axis.months == months
    hours = [len(days_of(axis, i)) * HOURS for i in range(months)]
    assert axis.hours.tolist() == hours
    assert axis.weight_hours.shape == (months, len(axis.days), HOURS)
    assert axis.weight_hours.sum(axis=(1, 2)).tolist() == hours
    assert (axis.day_counts >= 0).all()
    assert axis.month_total(np.ones(axis.weight_hours.shape)).tolist() == hours
    assert axis.month_mean(np.full(axis.weight_hours.shape, 7.0)) == pytest.approx(np.full(months, 7.0))


def test_the_two_resolutions_share_their_months_and_differ_in_their_days() -> None:
    kinds, hourly = (axis_of(dt.date(2027, 5, 1), 30, r) for r in BOTH)
    assert kinds.edges == hourly.edges
    assert kinds.hours.tolist() == hourly.hours.tolist()
    assert (kinds.days, len(hourly.days)) == (("weekday", "weekend"), LONGEST_MONTH)
    assert (kinds.hourly, hourly.hourly) == (False, True)
    counted = [[sum(d.weekday() < WORKDAYS for d in days_of(kinds, i)) for i in range(30)]]
    assert kinds.day_counts[:, 0].tolist() == counted[0]


def test_days_that_a_month_has_not_weigh_nothing() -> None:
    axis = axis_of(dt.date(2023, 1, 1), 26, Resolution.HOURLY)
    for i in range(axis.months):
        assert axis.day_counts[i].tolist() == [1.0 if d < len(days_of(axis, i)) else 0.0 for d in range(LONGEST_MONTH)]
    loud = np.where(axis.day_counts[..., None] > 0, 1.0, 1e30) * np.ones(HOURS)
    assert axis.month_total(loud).tolist() == axis.hours.tolist()


@given(starts, lengths, st.integers(-2, 2))
def test_weekends_are_the_calendars(start: dt.date, months: int, shift: int) -> None:
    axis = axis_of(start, months, Resolution.HOURLY)
    weekend = axis.weekend(shift)
    for i in range(months):
        local = [day + dt.timedelta(days=shift) for day in days_of(axis, i)]
        assert weekend[i, : len(local)].tolist() == [float(day.weekday() >= WORKDAYS) for day in local]


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_kinds_of_day_are_as_often_weekends_as_on_the_calendar(shift: int) -> None:
    """How likely the day before or after a weekday (a weekend day) is a weekend's, counted over four hundred years."""
    axis = TimeAxis(*WHOLE_CYCLE, Resolution.HOURLY)
    here, there = axis.weekend(0) == 1, axis.weekend(shift)
    real = axis.day_counts > 0
    likely = [there[real & ~here].mean(), there[real & here].mean()]
    kinds = TimeAxis(*WHOLE_CYCLE).weekend(shift)
    assert kinds.shape == (axis.months, 2)
    assert kinds[0] == pytest.approx(likely)
    assert (kinds == kinds[0]).all()


@given(starts, lengths, st.sampled_from(BOTH), st.integers(0, 2**32 - 1))
def test_between_keeps_the_mean_of_the_edges(start: dt.date, months: int, resolution: Resolution, seed: int) -> None:
    axis = axis_of(start, months, resolution)
    edges = np.random.default_rng(seed).uniform(0, 1e6, (2, 3, months + 1))
    on_days = axis.between(edges)
    assert on_days.shape == (2, 3, months, len(axis.days))
    mean = (on_days * axis.day_counts).sum(axis=-1) / axis.day_counts.sum(axis=-1)
    np.testing.assert_allclose(mean, (edges[..., :-1] + edges[..., 1:]) / 2, rtol=1e-12)
    low, high = np.minimum(edges[..., :-1], edges[..., 1:]), np.maximum(edges[..., :-1], edges[..., 1:])
    assert (on_days >= low[..., None] * (1 - 1e-12)).all()
    assert (on_days <= high[..., None] * (1 + 1e-12)).all()


def test_between_by_hand() -> None:
    axis = axis_of(dt.date(2026, 2, 1), 1, Resolution.HOURLY)  # 28 days
    line = axis.between(np.array([0.0, 28.0]))[0]
    assert line[:28] == pytest.approx(np.arange(28) + 0.5)
    assert (line[28:] == 28.0).all()  # days that are not there never run beyond the edge
    assert axis_of(dt.date(2026, 2, 1), 1, Resolution.REPRESENTATIVE).between(np.array([0.0, 28.0])).tolist() == [
        [14.0, 14.0]
    ]


@given(starts, lengths, st.sampled_from(BOTH))
def test_years_and_their_months(start: dt.date, months: int, resolution: Resolution) -> None:
    axis = axis_of(start, months, resolution)
    assert [axis.years[y] for y in axis.year_of_month] == [e.year for e in axis.edges[:-1]]
    assert set(axis.year_of_month) == set(range(len(axis.years)))
    assert [m.year for m in axis.year_middles] == list(axis.years)


def test_a_horizon_that_ends_with_a_year_does_not_touch_the_next() -> None:
    axis = axis_of(dt.date(2026, 7, 1), 18, Resolution.HOURLY)
    assert axis.edges[-1] == dt.date(2028, 1, 1)
    assert axis.years == (2026, 2027)


@pytest.mark.parametrize(("year", "days"), [(2023, 365), (2024, 366), (2000, 366), (2100, 365)])
@pytest.mark.parametrize("resolution", BOTH)
def test_leap_years(year: int, days: int, resolution: Resolution) -> None:
    axis = axis_of(dt.date(year, 1, 1), 12, resolution)
    assert axis.hours.sum() == days * HOURS
    assert axis.day_counts[1].sum() == days - 337
    assert axis.day_counts.sum() == days


@pytest.mark.parametrize("resolution", BOTH)
def test_days_since_a_date(resolution: Resolution) -> None:
    axis = axis_of(dt.date(2028, 2, 1), 2, resolution)  # 29 and 31 days
    middles = axis.day_mid_days
    if resolution == Resolution.HOURLY:
        assert middles[0, :3].tolist() == [0.5, 1.5, 2.5]
        assert middles[1, 0] == 29.5
    else:
        assert middles.tolist() == [[14.5, 14.5], [44.5, 44.5]]
    mean = (middles * axis.day_counts).sum(axis=1) / axis.day_counts.sum(axis=1)
    assert mean == pytest.approx(axis.mid_days)
    reference = dt.date(2027, 2, 1)
    assert axis.day_years_since(reference) * DAYS_PER_YEAR == pytest.approx(middles + 365)


def test_a_week_is_a_week() -> None:
    axis = axis_of(dt.date(2026, 1, 1), 12, Resolution.HOURLY)
    days = axis.weekend(0)[axis.day_counts > 0]
    whole = days[: len(days) // WEEK * WEEK].reshape(-1, WEEK)
    assert (whole.sum(axis=1) == WEEK - WORKDAYS).all()
