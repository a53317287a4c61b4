"""Compute-optimal sizes: the sources' own numbers, the optimum found by search, growth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from gigaplan import catalog
from gigaplan.plan.resolve import scaling_laws_of
from gigaplan.training.scaling import (
    optimal_parameters,
    optimal_tokens,
    parameters_in_range,
    tokens_in_range,
)

LAWS = scaling_laws_of(catalog.load())
CHINCHILLA_FLOP = 6 * 70e9 * 1.4e12


def test_chinchilla() -> None:
    """Hoffmann et al. 2022: 70 billion parameters on 1.4 trillion tokens; their third approach prefers 40 billion
    (table 3)."""
    low, central, high = parameters_in_range(CHINCHILLA_FLOP, LAWS)
    assert central == pytest.approx(70e9)
    assert low == pytest.approx(40e9, rel=0.05)
    assert high == pytest.approx(73e9, rel=0.05)  # about 20 tokens per parameter (Besiroglu et al. 2024, abstract)
    assert tokens_in_range(CHINCHILLA_FLOP, LAWS)[1] == pytest.approx(1.4e12)


@pytest.mark.parametrize("law", [LAWS.corrected, LAWS.published])
@pytest.mark.parametrize("flop", [1e21, 1e25, 1e28])
def test_the_optimum_is_where_a_search_finds_it(law: object, flop: float) -> None:
    def loss(log_n: float) -> float:
        n = np.exp(log_n)
        return float(law.loss(n, flop / 6 / n))  # type: ignore[attr-defined]

    found = optimize.minimize_scalar(
        loss, bounds=(np.log(1e6), np.log(1e16)), method="bounded", options={"xatol": 1e-8}
    )
    n = optimal_parameters(flop, law)  # type: ignore[arg-type]
    assert np.exp(found.x) == pytest.approx(float(n), rel=1e-3)
    assert float(n * optimal_tokens(flop, law) * 6) == pytest.approx(flop)  # type: ignore[arg-type]


def test_sizes_grow_with_compute_and_bounds_stay_in_order() -> None:
    flop = np.logspace(20, 30, 41)
    for sizes in (parameters_in_range(flop, LAWS), tokens_in_range(flop, LAWS)):
        assert (np.diff(sizes, axis=1) > 0).all()
        assert (sizes[0] <= sizes[1]).all() and (sizes[1] <= sizes[2]).all()
    assert (parameters_in_range(np.zeros(3), LAWS) == 0).all()
