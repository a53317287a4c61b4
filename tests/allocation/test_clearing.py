"""The clearing price of a GPU-hour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.allocation.clearing import clearing_log_price
from gigaplan.demand.prices import demand_factor

LOW, HIGH = np.full((1, 1), np.log(0.1)), np.full((1, 1), np.log(1000.0))


def price(supply: float, need: float, elasticity: float = -1.0, worth: float = 5.0) -> float:
    def needed(log_price: np.ndarray) -> np.ndarray:
        return need * demand_factor(log_price - np.log(worth), np.array(elasticity), np.array(1e6))

    return float(np.exp(clearing_log_price(needed, np.full((1, 1), supply), LOW, HIGH))[0, 0])


def test_worked_example() -> None:
    # With 100 GPUs requested at 5 USD and 100 there, 5 USD it is; at 4 USD 122 would be needed.
    assert price(100.0, 100.0) == pytest.approx(5.0, rel=1e-5)
    needed = 100 * demand_factor(np.log(4 / 5), np.array(-1.0), np.array(1e6))
    assert price(float(needed), 100.0) == pytest.approx(4.0, rel=1e-5)


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.floats(1, 1e6), st.floats(-3, -0.05))
def test_more_supply_never_raises_the_price(one: float, other: float, need: float, elasticity: float) -> None:
    less, more = sorted((one, other))
    assert price(more, need, elasticity) <= price(less, need, elasticity) * (1 + 1e-9)


def test_the_ends() -> None:
    assert price(1e9, 1.0, elasticity=-0.1) == pytest.approx(0.1)
    assert price(1e-12, 1e6, elasticity=0.0) == pytest.approx(1000.0)
