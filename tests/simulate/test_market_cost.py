"""What a request costs on the market's GPUs: shares of generations, and prices that no plan's amounts move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan import plan as plans
from gigaplan.demand.requests import tokens_of_workloads
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.market_cost import cost_in_market, market_shares
from gigaplan.simulate.couplings.throughput import rates
from gigaplan.vocabulary.time import DAYS_PER_YEAR


def scenario(*changes: str) -> Scenario:
    return plans.resolve(plans.load("announced-2025-09", changes=list(changes)))


AS_IT_IS = scenario()


def with_growth(of: Scenario, growth: float | np.ndarray) -> Scenario:
    return replace(of, market=replace(of.market, gpu_growth_per_year=growth))


def test_each_generation_replaces_the_older_ones_at_the_rate_of_growth() -> None:
    """What was bought before a generation shipped is 1 / (1 + growth) of all a year later: the vintages by hand."""
    shares = market_shares(with_growth(AS_IT_IS, 0.6), AS_IT_IS.axis)[0]
    names = [g.name for g in AS_IT_IS.fleet.generations]
    ship = AS_IT_IS.axis.days_since_start(AS_IT_IS.fleet.generations[names.index("vr_nvl72")].first_ship_date)
    years = (AS_IT_IS.axis.mid_days - ship) / DAYS_PER_YEAR
    after = years > 0
    assert shares[names.index("vr_nvl72")][after] == pytest.approx(1 - 1.6 ** -years[after])
    assert shares[names.index("vr_nvl72")][~after] == pytest.approx(0)


@settings(deadline=None, max_examples=25)
@given(growth=st.lists(st.floats(0, 5), min_size=1, max_size=3))
def test_law_shares_sum_to_one_and_members_are_one_by_one(growth: list[float]) -> None:
    together = market_shares(with_growth(AS_IT_IS, np.array(growth)), AS_IT_IS.axis)
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-12)
    assert together.min() >= 0
    for one, alone in zip(together, growth, strict=True):
        np.testing.assert_array_equal(one, market_shares(with_growth(AS_IT_IS, alone), AS_IT_IS.axis)[0])


def test_a_market_that_does_not_grow_stays_with_its_oldest_generation() -> None:
    shares = market_shares(with_growth(AS_IT_IS, 0.0), AS_IT_IS.axis)[0]
    oldest = [g.name for g in AS_IT_IS.fleet.generations].index("h100_hgx")
    assert np.all(shares[oldest] == 1) and shares.sum() == pytest.approx(AS_IT_IS.axis.months)


def test_cost_lies_between_those_of_the_generations_and_falls_with_faster_growth() -> None:
    speed = rates(AS_IT_IS, tokens_of_workloads(AS_IT_IS.demand, AS_IT_IS.axis))
    slow, fast = (cost_in_market(with_growth(AS_IT_IS, g), AS_IT_IS.axis, speed)[0] for g in (0.2, 2.0))
    late = slice(36, None)
    assert np.isfinite(slow[:, late]).all() and np.all(fast[:, late] < slow[:, late])
