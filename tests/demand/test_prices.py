"""Demand at other prices than the reference, and prices that follow with a lag."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.demand.prices import demand_factor, followed

ELASTICITY = st.floats(-5, 0)
SATURATION = st.floats(1.01, 100)
LOG_PRICE = st.floats(-20, 20)


def factor(log_price: float, elasticity: float, saturation: float) -> float:
    return float(demand_factor(np.array(log_price), np.array(elasticity), np.array(saturation)))


def test_worked_example() -> None:
    # K = 3, e = -0.26: at ten times the price 3 ^ (1 - 10 ^ 0.2367) = 0.451 of the requests remain.
    assert factor(np.log(10), -0.26, 3.0) == pytest.approx(0.4512, abs=5e-4)


@given(ELASTICITY, SATURATION)
def test_at_the_reference_price_demand_is_the_reference_with_its_elasticity(
    elasticity: float, saturation: float
) -> None:
    assert factor(0.0, elasticity, saturation) == 1.0
    step = 1e-6
    slope = (np.log(factor(step, elasticity, saturation)) - np.log(factor(-step, elasticity, saturation))) / (2 * step)
    assert slope == pytest.approx(elasticity, rel=1e-3, abs=1e-6)


@given(LOG_PRICE, LOG_PRICE, ELASTICITY, SATURATION)
def test_a_lower_price_never_lowers_demand(one: float, other: float, elasticity: float, saturation: float) -> None:
    low, high = sorted((one, other))
    assert factor(low, elasticity, saturation) >= factor(high, elasticity, saturation) >= 0.0
    assert factor(low, elasticity, saturation) <= saturation * (1 + 1e-12)


def test_limits() -> None:
    assert factor(-200.0, -0.5, 3.0) == pytest.approx(3.0)
    assert factor(50.0, -0.5, 3.0) == pytest.approx(0.0, abs=1e-12)
    assert factor(5.0, 0.0, 3.0) == 1.0


def test_one_number_or_many() -> None:
    logs = np.linspace(-3, 3, 7)
    many = demand_factor(logs, np.array(-0.4), np.array(2.5))
    assert many == pytest.approx([factor(x, -0.4, 2.5) for x in logs], rel=1e-12)


def test_prices_follow_with_a_lag_and_stay_where_there_is_nothing_to_follow() -> None:
    target = np.array([[[0.0, 0.0, 1.0, 1.0, np.nan, 1.0, 1.0]]])
    found = followed(target, np.array([[1]]), np.array([[3.0]]))[0, 0]
    part = 1 - np.exp(-1 / 3)
    assert found[:2].tolist() == [0.0, 0.0]
    assert found[2] == pytest.approx(part)
    assert found[3] == pytest.approx(part + part * (1 - part))
    assert found[4] == found[3]
    assert found[3] < found[5] < found[6] < 1.0


def test_before_its_start_a_price_stands() -> None:
    target = np.full((1, 1, 5), -2.0)
    assert followed(target, np.array([[3]]), np.array([[0.01]]))[0, 0].tolist() == pytest.approx([0, 0, 0, 0, -2.0])
