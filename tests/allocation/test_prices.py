"""Shadow prices: by hand, and against what a few more GPUs really bring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import plan
from gigaplan.allocation.merit import allocate
from gigaplan.allocation.prices import NOTHING, is_unserved, marginal_revenue
from gigaplan.results.result import Result
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.members import Array

W, N, D, H = 4, 3, 2, 6
MORE = 1e-6
"""Share by which the fleet grows: too little for anybody else to become the last in line."""


def at_hours(*by_workload: list[float]) -> Array:
    """One member, month and day: (1, W, 1, 1, hour)."""
    return np.array(by_workload)[None, :, None, None, :]


def by_month(*by_workload: float) -> Array:
    """One member and month: (1, W, 1)."""
    return np.array(by_workload)[None, :, None]


def shadow_price(worth: Array, unserved: Array) -> Array:
    """Return what a GPU-hour is worth to the most valuable workload that waits."""
    return marginal_revenue(worth, [worth], unserved)[0]


def test_who_waits_by_hand() -> None:
    refused = at_hours([0.0, 1e-12, 1e-3, 5.0], [0.0, 0.0, 0.0, 0.0])
    asked = at_hours([0.0, 5.0, 5.0, 5.0], [0.0, 9.0, 9.0, 9.0])
    assert is_unserved(refused, asked)[0, :, 0, 0].tolist() == [[False, False, True, True], [False] * 4]
    assert NOTHING < 1e-6  # a millionth refused is no rounding


def test_prices_by_hand() -> None:
    # hours in which: nobody waits; the cheaper waits; both wait; the dearer waits
    waits = at_hours([0, 0, 1, 1], [0, 1, 1, 0]) > 0
    price = shadow_price(by_month(9.0, 4.0), waits)
    assert price.shape == (1, 1, 1, 4)
    assert price[0, 0, 0].tolist() == [0.0, 4.0, 9.0, 9.0]


def test_worth_may_change_from_month_to_month_and_member_to_member() -> None:
    worth = np.array([[[1.0, 5.0], [3.0, 3.0]], [[7.0, 0.0], [2.0, 0.5]]])  # (member, workload, month)
    price = shadow_price(worth, np.ones((2, 2, 2, 1, 1), dtype=bool))
    assert price[..., 0, 0].tolist() == [[3.0, 5.0], [7.0, 0.5]]


def test_the_next_in_line_is_chosen_by_worth_and_brings_revenue() -> None:
    waits = at_hours([0, 0, 1, 1], [0, 1, 1, 0]) > 0
    (brings,) = marginal_revenue(by_month(9.0, 4.0), [by_month(0.5, 6.0)], waits)
    assert brings[0, 0, 0].tolist() == [0.0, 6.0, 0.5, 0.5]


def test_work_that_is_worth_nothing_still_brings_what_it_pays() -> None:
    waits = at_hours([1.0]) > 0
    assert shadow_price(by_month(0.0), waits)[0, 0, 0].tolist() == [0.0]
    assert marginal_revenue(by_month(0.0), [by_month(2.0)], waits)[0][0, 0, 0].tolist() == [2.0]


@given(st.integers(0, 10**6))
def test_law_the_price_is_the_next_in_lines_own_worth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    worth, waits = rng.uniform(0, 9, (2, W, N)), rng.random((2, W, N, D, H)) < 0.4
    price = shadow_price(worth, waits)
    assert ((price > 0) == waits.any(axis=1)).all()
    for w in range(W):
        assert (price >= np.where(waits[:, w], worth[:, w, :, None, None], 0)).all()


# Against the fleet itself


def case(seed: int, scarcity: float, **changes: Any) -> dict[str, Any]:
    """Interactive work of several values on one generation, in months from plenty to want."""
    rng = np.random.default_rng(seed)
    speed, gpus = rng.lognormal(2, 1, (1, W, 1)), rng.uniform(10, 100, (1, 1, N))
    whole = (speed * gpus).mean()
    values: dict[str, Any] = {
        "demand_per_h": whole * rng.uniform(0, 2 * scarcity / W, (1, W, N, D, H)),
        "deferrable": np.zeros(W, dtype=bool),
        "guaranteed_share": np.zeros(W),
        "value_usd_per_request": rng.uniform(0.1, 5, W),
        "requests_per_gpu_h": speed,
        "gpus_available": gpus,
        "reserved_share": rng.uniform(0, 0.6, (1, N)),
        "reference_generation": 0,
    }
    return values | changes


def value_of_day(setup: dict[str, Any]) -> Array:
    """What is served in a day is worth [USD]: (n, D)."""
    run = allocate(**setup).run
    return np.asarray((run * setup["value_usd_per_request"][:, None, None, None]).sum(axis=(1, -1))[0])


def worth_and_price(setup: dict[str, Any]) -> tuple[Array, Array]:
    """Return what a few more GPUs bring in a day (n, D), and what the prices say that they bring."""
    more = setup | {"gpus_available": setup["gpus_available"] * (1 + MORE)}
    rise = value_of_day(more) - value_of_day(setup)
    worth = setup["value_usd_per_request"][None, :, None] * setup["requests_per_gpu_h"][:, :, 0, None] * np.ones(N)
    price = shadow_price(worth, is_unserved(allocate(**setup).refused, setup["demand_per_h"]))[0]  # (n, D, H)
    gpu_hours = setup["gpus_available"][0, 0] * MORE * (1 - setup["reserved_share"][0])  # those that serve
    return rise, price.sum(axis=-1) * gpu_hours[:, None]


@given(st.integers(0, 10**6), st.floats(0.1, 5))
def test_a_few_more_gpus_bring_what_the_price_says(seed: int, scarcity: float) -> None:
    setup = case(seed, scarcity)
    rise, told = worth_and_price(setup)
    scale = value_of_day(setup).max() * MORE
    np.testing.assert_allclose(rise, told, rtol=1e-3, atol=1e-5 * scale)


def test_plenty_costs_nothing_and_want_costs_the_next_in_line() -> None:
    assert (worth_and_price(case(1, 0.05))[1] == 0).all()
    rise, told = worth_and_price(case(1, 4.0))
    assert (told > 0).all()
    assert rise == pytest.approx(told, rel=1e-3)


@given(st.integers(0, 10**6), st.floats(0.5, 5))
def test_with_guarantees_more_gpus_bring_no_more_than_the_price(seed: int, scarcity: float) -> None:
    """Where guarantees bind, the next GPU-hour keeps a promise that may be worth less than who waits."""
    rng = np.random.default_rng(seed + 1)
    setup = case(seed, scarcity, guaranteed_share=rng.uniform(0, 1, W))
    rise, told = worth_and_price(setup)
    scale = value_of_day(setup).max() * MORE
    assert (rise <= told * (1 + 1e-3) + 1e-5 * scale).all()
    assert (rise >= -1e-5 * scale).all()


@given(st.integers(0, 10**6), st.floats(0.5, 5))
def test_with_deferrable_work_the_price_leans_low(seed: int, scarcity: float) -> None:
    rng = np.random.default_rng(seed + 2)
    setup = case(seed, scarcity, deferrable=rng.random(W) < 0.5)
    rise, told = worth_and_price(setup)
    scale = value_of_day(setup).max() * MORE
    assert (rise >= told * (1 - 1e-3) - 1e-5 * scale).all()


# In a whole plan


LONGER = tuple(
    f"demand.workloads.{w}.{kind}_growth_per_year=0 1/year"
    for w in ("enterprise_api", "agents", "batch")
    for kind in ("context", "reasoning")
)
"""Changes by which requests stay as long as they are, so that they bring what they are worth."""


def small_plan(
    requests: str, availability: str = "90 %", *more: str, members: int = 1, limits: str = "false"
) -> Result:
    changes = [
        "fleet.generations=[gb300_nvl72]",
        "fleet.opening={}",
        "demand.workloads.batch.deferrable=false",
        "demand.workloads.enterprise_api.guaranteed_share=0",
        f"demand.workloads.agents.requests_per_day={requests}",
        f"fleet.ladder.availability={availability}",
        f"uncertainty.members={members}",
        *(f"demand.workloads.{w}.pricing=frozen" for w in ("enterprise_api", "agents", "batch")),
        *(f"demand.workloads.{w}.hard_limits={limits}" for w in ("enterprise_api", "agents", "batch")),
        "demand.software.overhead=1",
        "market.idle=stand_idle",  # else an hour that nobody requests is rented out
        "demand.workloads.enterprise_api.requests_per_day=250e6",
        "demand.workloads.batch.requests_per_day=80e6",
        *more,
    ]
    return simulate(plan.resolve(plan.load("neocloud-100mw", changes)))


def test_a_plans_prices_are_what_more_gpus_bring() -> None:
    less, more = small_plan("90e6"), small_plan("90e6", "90.01 %")
    axis = less.axis
    price = less.central("shadow_price_usd_per_gpu_h")
    assert (price > 0).mean() > 0.2 and (price == 0).any()
    serve = 1 - less.central("training_share")
    on_days = (more.central("gpus_available") - less.central("gpus_available")).sum(axis=0)
    told = float((axis.month_total(price) * serve * on_days).sum())
    rise = float((more.central("value_served_usd") - less.central("value_served_usd")).sum())
    assert rise == pytest.approx(told, rel=0.05)
    assert told > 0


def test_a_megawatts_price_is_that_of_its_gpus() -> None:
    result = small_plan("200e6")
    scenario = plan.resolve(plan.load("neocloud-100mw", ["fleet.generations=[gb300_nvl72]", "fleet.opening={}"]))
    (generation,) = scenario.fleet.generations
    hourly = result.axis.month_mean(result.central("shadow_price_usd_per_gpu_h"))
    gpus_of_a_megawatt = 1000 / generation.it_kw_per_rack * generation.gpus_per_rack
    expected = hourly * gpus_of_a_megawatt * 0.9 * 8765.82
    np.testing.assert_allclose(result.central("shadow_price_usd_per_mw_year"), expected, rtol=1e-6)


def test_nobody_waits_and_nothing_more_is_earned() -> None:
    result = small_plan("1e3")
    waits = result.central("requests_refused_per_day").sum(axis=0) > 1e-6 * result.central(
        "requests_asked_per_day"
    ).sum(axis=0)
    there = result.central("gpus_available").sum(axis=0) > 0
    assert (waits & ~there).any(), "before its first GPU nobody is served, and nobody waits"
    waits &= there
    for name in ("shadow_price_usd_per_mw_year", "marginal_revenue_usd_per_gw_year"):
        assert (result.central(name)[~waits] == 0).all(), name
        assert (result.central(name)[waits] > 0).all(), name
    assert (~waits).any()


def test_marginal_revenue_is_the_price_where_worth_is_what_is_paid() -> None:
    """This plan's requests are worth what they pay: a gigawatt's revenue is a thousand megawatts' shadow price,
    where nothing is late."""
    result = small_plan("200e6", "90 %", *LONGER, members=2, limits="true")
    np.testing.assert_allclose(
        result["marginal_revenue_usd_per_gw_year"], 1000 * result["shadow_price_usd_per_mw_year"], rtol=1e-9
    )


def test_revenue_lost_is_what_the_refused_would_have_paid() -> None:
    result = small_plan("200e6", "90 %", *LONGER)
    refused = result.central("requests_refused_per_day") * result.axis.hours / 24
    scenario = plan.resolve(plan.load("neocloud-100mw"))
    stated = np.array([w.value_usd_per_request for w in scenario.demand.workloads], dtype=float)
    paid = result.central("price_per_request_usd")
    there = result.central("gpus_available").sum(axis=0) > 0
    assert not there[0] and there[-1]
    np.testing.assert_allclose(result.central("revenue_lost_usd"), refused * paid * there)
    assert np.array_equal(result.central("requests_lost_per_day") > 0, (refused > 0) & there)
    assert paid[:, 0] == pytest.approx(stated)
    assert stated[0] == pytest.approx(0.000894)
