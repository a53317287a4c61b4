"""Sessions, regions, devices and prices: what each adds to requests, by hand and as laws, at both resolutions."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.demand.inputs import TOKENS, Adoption, DemandInputs, Shape, Workload
from gigaplan.demand.requests import at_prices, compute_demand, region_patterns, tokens_by_year
from gigaplan.demand.sessions import calls_per_session, input_tokens, mean_history_tokens
from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS, WORKDAYS, Resolution, TimeAxis

START, END = dt.date(2026, 1, 1), dt.date(2029, 1, 1)
AXES = {r: TimeAxis(START, END, r) for r in Resolution}
SHAPE = Shape(
    night_share=0.3,
    peak_local_hour=15,
    weekend_share=0.6,
    summer_share=0.9,
    region_offset_h=(-8.0, 5.5, 13.0),
    region_share=(0.4, 0.35, 0.25),
)
AGENT = Workload(
    name="agent",
    driver="users",
    reference_date=dt.date(2026, 4, 1),
    reach_share=0.1,
    requests_per_user_day=20.0,
    growth_per_year=0.5,
    growth_decay_per_year=0.4,
    fresh_input_tokens=10,
    cached_input_tokens=20,
    reasoning_tokens=150,
    output_tokens=300,
    value_usd_per_request=0.01,
    model="m",
    ttft_s=1,
    tpot_s=0.05,
    turns_per_session=2,
    calls_per_turn=2,
    new_tokens_per_call=200,
    system_tokens=1000,
    cache_hit_share=0.9,
)
CHAT = replace(AGENT, name="chat", reach_share=0.8, requests_per_user_day=3.0, turns_per_session=5, calls_per_turn=1)
BATCH = replace(AGENT, name="batch", driver="own", requests_per_day=1e6, deferrable=True)
INPUTS = DemandInputs(
    adoption=Adoption(
        ceiling_users=2e9, reference_users=5e8, reference_date=dt.date(2026, 1, 1), rate_per_year=np.array([0.4, 0.6])
    ),
    shape=SHAPE,
    workloads=(AGENT, CHAT, BATCH),
)
INTERACTIVE = [0, 1]


# Sessions


def test_session_tokens_by_hand() -> None:
    # four calls find 1000, 1500, 2000 and 2500 tokens: 1750 in the mean, a tenth of them lost from the cache
    read = input_tokens(AGENT)
    assert calls_per_session(AGENT) == 4
    assert read.fresh == pytest.approx(200 + 175)
    assert read.cached == pytest.approx(1575)


def test_stated_tokens_stand_where_no_session_is_described() -> None:
    read = input_tokens(replace(AGENT, new_tokens_per_call=0.0))
    assert (read.fresh, read.cached) == (10, 20)


def test_one_call_finds_the_system_prompt_alone() -> None:
    read = input_tokens(replace(AGENT, turns_per_session=1, calls_per_turn=1, cache_hit_share=1.0))
    assert (read.fresh, read.cached) == (200, 1000)


def test_history_is_cut_at_its_limit() -> None:
    assert mean_history_tokens(1000, 500, 4, 1e6) == 1750
    assert mean_history_tokens(1000, 500, 4, 1000) == 1000  # never more than the limit
    assert mean_history_tokens(5000, 500, 4, 1000) == 1000
    # half of the way is below the limit: (0 + 500) / 2 in the mean, and 500 on the other half
    assert mean_history_tokens(0, 100, 11, 500) == pytest.approx(0.5 * 250 + 0.5 * 500)


@given(st.floats(0, 1e5), st.floats(0.1, 1e4), st.integers(1, 400), st.floats(1, 1e6))
def test_mean_history_is_near_the_sum_over_calls(start: float, growth: float, calls: int, limit: float) -> None:
    each = np.minimum(start + growth * np.arange(calls), limit)
    mean = mean_history_tokens(start, growth, calls, limit)
    if each[-1] < limit:
        assert mean == pytest.approx(each.mean())
    assert abs(mean - each.mean()) <= growth / 2 * (1 + 1e-9) + 1e-9 * limit
    assert min(start, limit) * (1 - 1e-12) <= mean <= limit * (1 + 1e-12)


histories = st.tuples(st.floats(0, 1e5), st.floats(0, 1e4), st.floats(1, 1e3), st.floats(1, 1e6))


@given(histories, histories)
def test_more_of_anything_never_shortens_the_history(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    low = tuple(min(a, b) for a, b in zip(one, other, strict=True))
    high = tuple(max(a, b) for a, b in zip(one, other, strict=True))
    for i in range(4):
        raised = (*low[:i], high[i], *low[i + 1 :])
        assert mean_history_tokens(*raised) >= mean_history_tokens(*low) * (1 - 1e-9), i


@given(st.floats(0, 1), st.floats(1, 50), st.floats(1, 50), st.floats(1, 1e5), st.floats(0, 1e5), st.floats(1, 1e6))
def test_the_cache_moves_tokens_and_makes_none(
    hit: float, turns: float, calls: float, new: float, system: float, limit: float
) -> None:
    work = replace(
        AGENT,
        turns_per_session=turns,
        calls_per_turn=calls,
        new_tokens_per_call=new,
        system_tokens=system,
        history_limit_tokens=limit,
    )
    none, some, every = (input_tokens(replace(work, cache_hit_share=h)) for h in (0.0, hit, 1.0))
    for read in (none, some, every):
        assert read.fresh + read.cached == pytest.approx(new + every.cached)
    assert none.cached == 0
    assert every.fresh == new
    assert every.fresh <= some.fresh * (1 + 1e-12) and some.fresh <= none.fresh * (1 + 1e-12)


@pytest.mark.parametrize("resolution", Resolution)
def test_sessions_are_requests_over_calls(resolution: Resolution) -> None:
    got = compute_demand(replace(INPUTS, edge_share=np.full((3, 36), 0.2)), AXES[resolution])
    everywhere = got.requests_per_day + got.on_devices_per_day
    np.testing.assert_allclose(got.sessions_per_day * np.array([4, 5, 4])[:, None], everywhere, rtol=1e-12)


# Tokens by year


def test_tokens_of_a_year_are_those_of_its_middle() -> None:
    work = replace(
        AGENT,
        reference_date=dt.date(2027, 7, 2),
        context_growth_per_year=0.5,
        reasoning_growth_per_year=-0.3,
        token_growth_decay_per_year=0.0,
        media_tokens=40,
    )
    got = dict(zip(TOKENS, tokens_by_year(work, AXES[Resolution.HOURLY]), strict=True))
    years = np.array([-365, 0, 366]) / DAYS_PER_YEAR  # 2 July to 2 July; 2028 is a leap year
    assert got["fresh_input"] == pytest.approx(375 * np.exp(0.5 * years))
    assert got["cached_input"] == pytest.approx(1575 * np.exp(0.5 * years))
    assert got["media"] == pytest.approx(40 * np.exp(0.5 * years))
    assert got["reasoning"] == pytest.approx(150 * np.exp(-0.3 * years))
    assert got["output"].tolist() == [300, 300, 300]


def test_growth_of_tokens_fades() -> None:
    work = replace(AGENT, context_growth_per_year=0.6, token_growth_decay_per_year=1.5)
    long = tokens_by_year(work, TimeAxis(dt.date(2026, 1, 1), dt.date(2066, 1, 1)))
    fresh = long[TOKENS.index("fresh_input")]
    assert (np.diff(fresh) >= 0).all()
    assert fresh[-1] == pytest.approx(375 * math.exp(0.6 / 1.5))
    assert (long[TOKENS.index("reasoning")] == 150).all()


@given(st.floats(-2, 5), st.floats(-2, 5), st.floats(0, 5))
def test_tokens_stay_finite_and_each_kind_keeps_its_own_growth(context: float, reasoning: float, decay: float) -> None:
    work = replace(
        AGENT, context_growth_per_year=context, reasoning_growth_per_year=reasoning, token_growth_decay_per_year=decay
    )
    got = tokens_by_year(work, AXES[Resolution.REPRESENTATIVE])
    assert np.isfinite(got).all() and (got >= 0).all()
    fresh, cached, _, thought, output = got
    np.testing.assert_allclose(cached / fresh, 1575 / 375)
    assert (np.sign(np.diff(fresh)) * np.sign(context) >= 0).all()
    assert (np.sign(np.diff(thought)) * np.sign(reasoning) >= 0).all()
    assert (output == 300).all()


# Regions and their own weekends


@pytest.mark.parametrize("resolution", Resolution)
def test_regions_sum_to_the_interactive_requests_of_the_fleet(resolution: Resolution) -> None:
    edge = np.array([0.0, 0.3, 0.5])[:, None] * np.ones(36)
    got = compute_demand(replace(INPUTS, edge_share=edge), AXES[resolution])
    assert got.by_region_per_h.shape == (2, 3, 36, len(AXES[resolution].days), HOURS)
    np.testing.assert_allclose(
        got.by_region_per_h.sum(axis=1), got.requests_per_h[:, INTERACTIVE].sum(axis=1), rtol=1e-12
    )
    volume = AXES[resolution].month_total(got.by_region_per_h).sum(axis=-1)
    np.testing.assert_allclose(volume / volume.sum(axis=1, keepdims=True), [SHAPE.region_share] * 2, rtol=0.02)


@pytest.mark.parametrize("offset", [-8.0, 0.0, 5.5, 13.0])
def test_weekends_are_those_of_the_region(offset: float) -> None:
    """On every day and in every hour: the volume is lower by the weekend share just where it is a weekend there."""
    axis = AXES[Resolution.HOURLY]
    shape = replace(SHAPE, region_offset_h=(offset,), region_share=(1.0,))
    volume = region_patterns(shape, axis)[0]
    for month in (0, 5):  # 31 and 30 days
        for hour in (0, 7, 12, 19, 23):
            utc = [dt.datetime(2026, month + 1, 1, hour, 30) + dt.timedelta(days=d) for d in range(30)]
            there = np.array([(t + dt.timedelta(hours=offset)).weekday() >= WORKDAYS for t in utc])
            on_that_hour = volume[month, :30, hour]
            assert there.any() and not there.all()
            assert np.ptp(on_that_hour[there]) == pytest.approx(0, abs=1e-12)
            assert np.ptp(on_that_hour[~there]) == pytest.approx(0, abs=1e-12)
            assert on_that_hour[there][0] == pytest.approx(0.6 * on_that_hour[~there][0])


def test_days_that_a_month_has_not_ask_nothing() -> None:
    axis = AXES[Resolution.HOURLY]
    pattern = region_patterns(SHAPE, axis)
    assert (pattern[:, axis.day_counts == 0] == 0).all()
    assert (pattern[:, axis.day_counts > 0] > 0).all()


@pytest.mark.parametrize("resolution", Resolution)
@given(st.floats(0, 1), st.floats(0.1, 2), st.lists(st.floats(-12, 14), min_size=1, max_size=4))
def test_law_the_mean_hour_of_every_month_is_one(
    resolution: Resolution, night: float, weekend: float, offsets: list[float]
) -> None:
    axis = AXES[resolution]
    shape = replace(
        SHAPE,
        night_share=night,
        weekend_share=weekend,
        region_offset_h=tuple(offsets),
        region_share=(1 / len(offsets),) * len(offsets),
    )
    np.testing.assert_allclose(axis.month_mean(region_patterns(shape, axis).sum(axis=0)), 1.0, rtol=1e-12)


def test_the_two_resolutions_ask_the_same_of_a_month() -> None:
    kinds, hourly = (compute_demand(INPUTS, AXES[r]) for r in Resolution)
    np.testing.assert_allclose(hourly.requests_per_day, kinds.requests_per_day, rtol=2e-3)
    np.testing.assert_allclose(hourly.weekly_users, kinds.weekly_users)
    for got, axis in ((kinds, AXES[Resolution.REPRESENTATIVE]), (hourly, AXES[Resolution.HOURLY])):
        np.testing.assert_allclose(axis.month_total(got.requests_per_h), got.requests_per_day * axis.hours / HOURS)


# Devices


@pytest.mark.parametrize("resolution", Resolution)
def test_devices_take_off_exactly_what_they_serve(resolution: Resolution) -> None:
    axis = AXES[resolution]
    edge = np.stack([np.linspace(0, 0.5, 36), np.full(36, 1.0), np.zeros(36)])
    plain, got = compute_demand(INPUTS, axis), compute_demand(replace(INPUTS, edge_share=edge), axis)
    np.testing.assert_allclose(got.requests_per_day + got.on_devices_per_day, plain.requests_per_day, rtol=1e-12)
    np.testing.assert_allclose(got.on_devices_per_day, plain.requests_per_day * edge, rtol=1e-12)
    np.testing.assert_allclose(got.requests_per_h, plain.requests_per_h * (1 - edge)[:, :, None, None], rtol=1e-12)
    assert (got.requests_per_h[:, 1] == 0).all()  # all on devices: the fleet is asked nothing
    np.testing.assert_allclose(got.sessions_per_day, plain.sessions_per_day, rtol=1e-12)
    assert (plain.on_devices_per_day == 0).all()
    assert got.tokens_per_request.tolist() == plain.tokens_per_request.tolist()


# Prices


@pytest.mark.parametrize("resolution", Resolution)
def test_a_factor_of_price_moves_all_of_a_workloads_demand_and_no_other(resolution: Resolution) -> None:
    axis = AXES[resolution]
    plain = compute_demand(replace(INPUTS, workloads=(AGENT, CHAT, BATCH)), axis)
    factor = np.ones_like(plain.requests_per_day)
    factor[:, 0, 12:] = 0.5
    factor[:, 2] = 3.0
    got = at_prices(plain, factor, np.array([True, True, False]))
    np.testing.assert_allclose(got.requests_per_day, plain.requests_per_day * factor)
    np.testing.assert_allclose(got.requests_per_h, plain.requests_per_h * factor[..., None, None])
    np.testing.assert_allclose(got.tokens_per_day, plain.tokens_per_day * factor[:, :, None])
    assert np.array_equal(got.on_devices_per_day, plain.on_devices_per_day)
    interactive = got.requests_per_h[:, :2].sum(axis=1)
    np.testing.assert_allclose(got.by_region_per_h.sum(axis=1), interactive)
    same = at_prices(plain, np.ones_like(factor), np.array([True, True, False]))
    assert same is plain


def test_members_of_users_alone_when_no_work_is_theirs() -> None:
    """Uncertain users beside work of its own driver: members of users, one row of requests."""
    got = compute_demand(replace(INPUTS, workloads=(BATCH,)), AXES[Resolution.REPRESENTATIVE])
    assert got.weekly_users.shape == (2, 36)
    assert got.requests_per_day.shape == (1, 1, 36)
