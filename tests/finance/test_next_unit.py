"""One more unit of capacity: worth its cost or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan.finance.next_unit import lifetime_value
from gigaplan.finance.rates import annuity_share

rates = st.floats(0.0, 0.5)
lives = st.floats(0.2, 12.0)


def test_an_investment_that_earns_its_cost_of_capital_is_worth_just_its_cost() -> None:
    """1,000 USD that bring 10 % a year over five years: the even payment is both revenue and cost."""
    paid = 1000 * annuity_share(0.1, 5.0)
    found = lifetime_value(np.full((1, 120), paid), np.array([paid]), 5.0, 0.1)
    assert found.benefit_cost_ratio == pytest.approx(np.ones((1, 120)))
    assert found.cost_usd[0, 0] == pytest.approx(1000 * 1.1 ** (0.5 / 12))  # payments in the middle of months


@given(rates, lives, st.lists(st.floats(0, 1e9), min_size=3, max_size=40), st.floats(1, 1e9))
def test_members_are_those_of_one_by_one_and_more_revenue_is_worth_more(
    rate: float, life: float, revenue: list[float], cost: float
) -> None:
    one = np.array([revenue])
    both = lifetime_value(np.vstack([one, 2 * one]), np.array([cost]), np.array([life, life]), np.array([rate, rate]))
    alone = lifetime_value(one, np.array([cost]), life, rate)
    np.testing.assert_allclose(both.benefit_cost_ratio[0], alone.benefit_cost_ratio[0])
    np.testing.assert_allclose(both.benefit_cost_ratio[1], 2 * alone.benefit_cost_ratio[0])
    added = np.ones_like(one)
    total = alone.of_additions(added)[0]
    ratios = alone.benefit_cost_ratio[0]
    assert ratios.min() - 1e-9 * ratios.max() <= total <= ratios.max() * (1 + 1e-9)


def test_nothing_added_and_nothing_paid_have_no_ratio() -> None:
    found = lifetime_value(np.ones((1, 4)), np.array([0.0]), 1.0, 0.1)
    assert np.isnan(found.benefit_cost_ratio).all()
    assert np.isnan(lifetime_value(np.ones((1, 4)), np.array([1.0]), 1.0, 0.1).of_additions(np.zeros((1, 4)))).all()


def test_a_gigawatt_is_worth_something_where_requests_are_refused_in_its_life() -> None:
    plan = "campus-1gw"
    plain = gp.run(plan)
    ratio, revenue = plain.central("next_gw_benefit_cost_ratio"), plain.central("marginal_revenue_usd_per_gw_year")
    assert ((ratio > 0) == (np.cumsum(revenue[::-1])[::-1] > 0))[-12:].all()
    assert plain.central("added_gw_benefit_cost_ratio") > 0
    assert plain.central("next_gw_cost_usd_per_gw_year") > 0
    dearer = gp.run(plan, {"finance.cost_of_capital.plan_per_year": "25 %/year"})
    assert dearer.central("next_gw_cost_usd_per_gw_year") > plain.central("next_gw_cost_usd_per_gw_year")


def test_the_reference_hour_at_clearing_prices_is_the_mean_hour_where_there_is_one_generation() -> None:
    result = gp.run("lab-1mw")
    clearing, hour = result.central("clearing_revenue_usd_per_gw_year"), result.central("clearing_price_usd_per_gpu_h")
    most = np.nan_to_num(hour) * 1e9 / 1e3 * 8766  # a GPU takes more than a kilowatt
    assert (clearing <= most).all()


def test_an_idle_hour_brings_what_the_plan_rents_it_out_for() -> None:
    idle = {f"demand.workloads.{w}.requests_per_day": "1000" for w in gp.run("neocloud-100mw").labels["workload"]}
    let = gp.run("neocloud-100mw", idle)
    stands = gp.run("neocloud-100mw", {**idle, "market.idle": "stand_idle"})
    assert let.central("added_gw_benefit_cost_ratio") > 0.1
    assert stands.central("added_gw_benefit_cost_ratio") == 0
    bound = let.central("gpu_hour_rent_usd")[-12:]
    assert (let.central("marginal_revenue_usd_per_gpu_h")[-12:] < bound).all()
    assert (let.central("marginal_revenue_usd_per_gpu_h")[-12:] > 0).all()
