from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.demand.inputs import TOKENS, Adoption, DemandInputs, Shape, Workload
from gigaplan.demand.requests import (
    compute_demand,
    day_factor,
    growth_factor,
    hour_shape,
    local_activity,
    requests_per_day,
    season_factor,
    season_of,
)
from gigaplan.vocabulary.time import DAY_TYPES, HOURS, SEASONS, TimeAxis

AXIS = TimeAxis(dt.date(2025, 1, 1), dt.date(2028, 1, 1))
REFERENCE = dt.date(2025, 7, 1)
SHAPE = Shape(
    night_share=0.25,
    peak_local_hour=14,
    weekend_share=0.8,
    summer_share=0.9,
    region_offset_h=(-6.0, 1.0, 5.5),
    region_share=(0.3, 0.45, 0.25),
)
CHAT = Workload(
    name="chat",
    driver="users",
    reference_date=REFERENCE,
    reach_share=0.8,
    requests_per_user_day=3.0,
    growth_per_year=0.4,
    growth_decay_per_year=0.4,
    fresh_input_tokens=500,
    cached_input_tokens=700,
    reasoning_tokens=150,
    output_tokens=350,
    value_usd_per_request=0.01,
    model="m",
    ttft_s=1,
    tpot_s=0.05,
)
BATCH = replace(CHAT, name="batch", driver="own", requests_per_day=1e6, deferrable=True)
INPUTS = DemandInputs(
    adoption=Adoption(ceiling_users=2.6e9, reference_users=6e8, reference_date=REFERENCE, rate_per_year=0.5),
    shape=SHAPE,
    workloads=(CHAT, BATCH),
)


def test_growth_by_hand() -> None:
    # g = 1, d = ln 2: after one year half of the rate is gone; G = exp((1 - 1/2) / ln 2)
    factor = growth_factor(np.array([0.0, 1.0]), 1.0, math.log(2))
    assert factor == pytest.approx([1.0, math.exp(0.5 / math.log(2))])


def test_growth_limits() -> None:
    years = np.array([-3.0, -1.0, 0.0, 0.5, 4.0])
    constant = np.exp(0.7 * years)
    assert growth_factor(years, 0.7, 0.0) == pytest.approx(constant)
    assert growth_factor(years, 0.7, 1e-9) == pytest.approx(constant, rel=1e-8)
    assert growth_factor(np.array([1e6]), 0.7, 0.5) == pytest.approx(math.exp(0.7 / 0.5))


@given(st.floats(-2, 5), st.floats(0, 5))
def test_law_growth_never_explodes(rate: float, decay: float) -> None:
    years = np.linspace(-20, 20, 81)
    factor = growth_factor(years, rate, decay)
    assert np.isfinite(factor).all()
    past, future = years <= 0, years >= 0
    assert factor[past] == pytest.approx(np.exp(rate * years[past]))  # before the reference: the constant rate
    between = np.sort([np.ones(41), np.exp(rate * years[future])], axis=0)  # after it: never beyond that rate
    assert (factor[future] >= between[0] * (1 - 1e-12)).all()
    assert (factor[future] <= between[1] * (1 + 1e-12)).all()


def test_local_activity_peaks_at_its_hour_and_sinks_to_the_night() -> None:
    hours = np.array([14.0, 2.0, 14.0 + 24, 8.0])
    assert local_activity(hours, 0.25, 14) == pytest.approx([1.0, 0.25, 1.0, 0.625])


def test_one_region_peaks_at_its_own_hour_in_utc() -> None:
    alone = replace(SHAPE, region_offset_h=(-6.0,), region_share=(1.0,), peak_local_hour=13.5)
    assert np.argmax(hour_shape(alone)) == 19  # the hour about 19:30 UTC is 13:30 at UTC-6


def test_more_regions_flatten_the_day() -> None:
    alone = replace(SHAPE, region_offset_h=(-6.0,), region_share=(1.0,))
    opposite = replace(SHAPE, region_offset_h=(-6.0, 6.0), region_share=(0.5, 0.5))
    assert np.ptp(hour_shape(SHAPE)) < np.ptp(hour_shape(alone))
    assert hour_shape(opposite) == pytest.approx(np.ones(HOURS))


@given(st.floats(0, 1), st.floats(0, 24), st.lists(st.floats(-12, 14), min_size=1, max_size=5))
def test_law_hour_shape_has_mean_one(night: float, peak: float, offsets: list[float]) -> None:
    shares = (1 / len(offsets),) * len(offsets)
    shape = hour_shape(
        replace(SHAPE, night_share=night, peak_local_hour=peak, region_offset_h=tuple(offsets), region_share=shares)
    )
    assert shape.mean() == pytest.approx(1)
    assert (shape >= 0).all()


@pytest.mark.parametrize(
    ("offsets", "shares", "says"), [((0.0,), (0.5, 0.5), "1 region offsets"), ((0.0, 1.0), (0.5, 0.6), "sum to 1.1")]
)
def test_regions_that_can_not_be_are_refused(offsets: tuple[float, ...], shares: tuple[float, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hour_shape(replace(SHAPE, region_offset_h=offsets, region_share=shares))


def test_a_weekend_day_has_its_share_of_a_weekday() -> None:
    factor = day_factor(0.8, AXIS.day_counts)
    assert factor[:, DAY_TYPES.index("weekend")] == pytest.approx(0.8 * factor[:, DAY_TYPES.index("weekday")])


def test_season_of_a_day_is_the_axis_season() -> None:
    assert [season_of(edge) for edge in AXIS.edges[:-1]] == list(AXIS.season)


def test_season_is_counted_from_that_of_the_reference_date() -> None:
    seasons = np.arange(len(SEASONS))
    summer = season_factor(CHAT, SHAPE, seasons, SEASONS.index("summer"))
    winter = season_factor(CHAT, SHAPE, seasons, SEASONS.index("winter"))
    assert summer == pytest.approx([1 / 0.9, 1 / 0.9, 1, 1 / 0.9])
    assert winter == pytest.approx([1, 1, 0.9, 1])
    assert season_factor(BATCH, SHAPE, seasons, 0) == pytest.approx(np.ones(4))


def test_requests_of_users_by_hand() -> None:
    users = np.array([[1e9]])
    assert requests_per_day(CHAT, users, np.zeros(1)) == pytest.approx(np.array([[1e9 * 0.8 * 3]]))
    assert requests_per_day(BATCH, users, np.zeros(1)) == pytest.approx(np.array([[1e6]]))


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(0.1, 2), st.floats(0.1, 2), st.floats(-2, 2), st.floats(0, 2), st.floats(0, 24))
def test_law_the_month_holds_its_mean_day_times_its_days(
    night: float, weekend: float, summer: float, growth: float, decay: float, peak: float
) -> None:
    shape = replace(SHAPE, night_share=night, weekend_share=weekend, summer_share=summer, peak_local_hour=peak)
    work = replace(CHAT, growth_per_year=growth, growth_decay_per_year=decay)
    got = compute_demand(replace(INPUTS, shape=shape, workloads=(work, BATCH)), AXIS)
    total = AXIS.month_total(got.requests_per_h)
    np.testing.assert_allclose(total, got.requests_per_day * AXIS.hours / HOURS, rtol=1e-12)
    assert (got.requests_per_h >= 0).all()


def test_deferrable_work_is_asked_evenly() -> None:
    got = compute_demand(INPUTS, AXIS)
    hours = got.requests_per_h[0, 1]
    np.testing.assert_allclose(hours, np.broadcast_to(got.requests_per_day[0, 1, :, None, None] / HOURS, hours.shape))


def test_shapes_and_tokens() -> None:
    got = compute_demand(INPUTS, AXIS)
    n = AXIS.months
    assert got.weekly_users.shape == (1, n)
    assert got.requests_per_day.shape == (1, 2, n)
    assert got.requests_per_h.shape == (1, 2, n, len(DAY_TYPES), HOURS)
    assert got.tokens_per_request.shape == (1, 2, len(TOKENS), 3)
    assert list(got.tokens_per_request[0, 0, :, 1]) == [500, 700, 0, 150, 350]


def test_a_vector_of_members_is_each_member_alone() -> None:
    rates, per_user = np.array([0.3, 0.5, 0.9]), np.array([1.0, 2.0, 4.0])
    many = replace(
        INPUTS,
        adoption=replace(INPUTS.adoption, rate_per_year=rates),
        workloads=(replace(CHAT, requests_per_user_day=per_user), BATCH),
    )
    got = compute_demand(many, AXIS)
    assert got.requests_per_h.shape[0] == 3
    for m in range(3):
        one = replace(
            INPUTS,
            adoption=replace(INPUTS.adoption, rate_per_year=float(rates[m])),
            workloads=(replace(CHAT, requests_per_user_day=float(per_user[m])), BATCH),
        )
        alone = compute_demand(one, AXIS)
        np.testing.assert_allclose(got.requests_per_h[m], alone.requests_per_h[0], rtol=1e-14)
        np.testing.assert_allclose(got.weekly_users[m], alone.weekly_users[0], rtol=1e-14)


def test_member_counts_that_disagree_are_refused() -> None:
    many = replace(
        INPUTS,
        adoption=replace(INPUTS.adoption, rate_per_year=np.array([0.3, 0.5, 0.9])),
        workloads=(replace(CHAT, growth_per_year=np.array([0.1, 0.2])),),
    )
    with pytest.raises(ValueError, match="broadcast"):
        compute_demand(many, AXIS)
