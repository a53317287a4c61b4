"""Published revenue and tokens: a plan with a history goes through them, and on from the last by its own growth."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan.catalog.history import REVENUE, TOKENS, published
from gigaplan.simulate.couplings.published_revenue import over_stated
from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS, TimeAxis

AXIS = TimeAxis(dt.date(2025, 1, 1), dt.date(2027, 1, 1))
DAYS = DAYS_PER_YEAR * HOURS / AXIS.hours
POINTS = ((dt.date(2024, 6, 1), 5e9), (dt.date(2025, 4, 16), 1e10), (dt.date(2026, 1, 16), 2e10))


def test_months_of_published_revenue_have_it() -> None:
    revenue = np.geomspace(1e8, 1e10, AXIS.months)[None]
    a_year = (revenue * over_stated(POINTS, revenue, AXIS) * DAYS)[0]
    assert a_year[AXIS.month_of(POINTS[1][0])] == pytest.approx(1e10, rel=0.01)
    assert a_year[AXIS.month_of(POINTS[2][0])] == pytest.approx(2e10, rel=0.01)
    assert a_year[0] == pytest.approx(1e10 ** (229 / 319) * 5e9 ** (90 / 319), rel=0.02), "linear in the logarithm"


@given(st.lists(st.floats(1e6, 1e12), min_size=AXIS.months, max_size=AXIS.months))
def test_law_after_the_last_point_revenue_grows_as_stated(months: list[float]) -> None:
    revenue = np.array([months])
    ratio = over_stated(POINTS, revenue, AXIS)
    last = AXIS.month_of(POINTS[-1][0]) + 1
    assert ratio[0, last:] == pytest.approx(ratio[0, last])
    assert (ratio > 0).all()


@pytest.mark.parametrize("points", [(), ((dt.date(2023, 1, 1), 1e9),), ((dt.date(2030, 1, 1), 1e9),)])
def test_without_a_point_in_the_horizon_the_stated_prices_stand(points: tuple[tuple[dt.date, float], ...]) -> None:
    assert (over_stated(points, np.ones((2, AXIS.months)), AXIS) == 1).all()


def test_months_without_service_bring_nothing() -> None:
    revenue = np.zeros((1, AXIS.months))
    assert (revenue * over_stated(POINTS, revenue, AXIS) == 0).all()


@pytest.fixture(scope="module")
def actual() -> gp.Result:
    return gp.run("actual-2026-11", ["uncertainty.members=12", "horizon.end=2028-01"])


def test_a_run_goes_through_published_revenue(actual: gp.Result) -> None:
    revenue = actual["revenue_usd"] * (DAYS_PER_YEAR * HOURS / actual.axis.hours)
    mids, known = actual.axis.mid_days, published().series("openai", REVENUE)
    for point in known:
        day = actual.axis.days_since_start(point.date)
        if mids[0] < day:
            at = [np.exp(np.interp(day, mids, np.log(row))) for row in revenue]
            # From the last point on capacity may fall short in the month that is read with it.
            assert at == pytest.approx([point.value] * 12, rel=0.06), point.date
    last = actual.axis.month_of(known[-1].date)
    spread = np.log(revenue).std(axis=0)
    assert spread[last - 1] < 0.01 < spread[last + 4] < spread[-1]


def test_a_run_goes_through_published_tokens(actual: gp.Result) -> None:
    tokens = actual["tokens_asked_per_day"][:, list(actual.labels["workload"]).index("enterprise_api")].sum(axis=1)
    for point in published().series("openai", TOKENS):
        day = actual.axis.days_since_start(point.date)
        at = [np.exp(np.interp(day, actual.axis.mid_days, np.log(row))) for row in tokens]
        assert at == pytest.approx([point.value] * 12, rel=0.06), point.date


def test_what_a_plan_states_itself_stands_and_is_said() -> None:
    changes = [
        "demand.workloads.chat.revenue_usd_per_request=$0.02",
        "demand.workloads.enterprise_api.requests_per_day=2e9",
    ]
    result = gp.run("actual-2026-11", [*changes, "horizon.end=2027-01"])
    assert (result["revenue_over_stated"] == 1).all()
    assert sum("the plan states its own" in w for w in result.warnings) == 2
