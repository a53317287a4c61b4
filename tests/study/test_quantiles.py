"""Quantiles of many members: their standard errors are those of theory, and dates that never come come last."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gigaplan.results.spread import ENDS, spread_of
from gigaplan.study.quantiles import quantiles, standard_errors


@pytest.mark.parametrize("law", [stats.norm(5, 2), stats.lognorm(1.0), stats.uniform(0, 1)])
def test_standard_errors_are_those_of_theory(law: stats.rv_continuous) -> None:
    """sqrt(p (1 - p) / n) over the density at the quantile, the mean of 200 samples."""
    n = 2000
    samples = law.rvs((200, n), random_state=1)
    found = np.array([standard_errors(s) for s in samples]).mean(axis=0)
    theory = [math.sqrt(p * (1 - p) / n) / law.pdf(law.ppf(p)) for p in ENDS]
    np.testing.assert_allclose(found, theory, rtol=0.06)


def test_medians_scatter_as_the_standard_error_says_and_those_of_the_sequence_less() -> None:
    n, law = 512, stats.norm()
    independent = law.rvs((300, n), random_state=2)
    said = np.mean([standard_errors(s)[1] for s in independent])
    assert np.std(np.median(independent, axis=1)) == pytest.approx(said, rel=0.15)
    engines = [stats.qmc.Sobol(1, rng=seed) for seed in range(100)]
    sequence = [np.median(law.ppf(e.random_base2(9)[:, 0])) for e in engines]
    assert np.std(sequence) < 0.3 * said, "an upper bound"


def test_quantiles_are_those_of_runs_and_settle() -> None:
    values = stats.lognorm(1.0).rvs(1600, random_state=3)
    found = quantiles(values)
    of_runs = spread_of(values).at()
    assert (found.low, found.median, found.high) == (of_runs.low, of_runs.median, of_runs.high)
    assert [s.members for s in found.settled] == [100, 200, 400, 800]
    assert found.settled[-1].median == np.median(values[:800])
    assert abs(found.settled[-1].median - found.median) < 4 * found.median_error
    assert [s.members for s in quantiles(values[:30]).settled] == [15]


def test_dates_that_never_come_lie_after_all_others() -> None:
    days = np.where(np.arange(100) < 70, 740000.0 + np.arange(100), np.nan)
    found = quantiles(days, date=True)
    assert found.without == 30 and found.low == pytest.approx(740009.9) and math.isnan(found.high)
    assert math.isnan(found.high_error) and found.median_error == pytest.approx(5.0, abs=0.1)
    assert quantiles(days).high == pytest.approx(740062.1), "of a number those that have it count"
    assert all(map(math.isnan, standard_errors(np.full(100, np.nan), date=True)))


@given(st.lists(st.floats(-1e9, 1e9), min_size=10, max_size=60), st.floats(0.1, 100), st.floats(-1e3, 1e3))
def test_law_another_unit_changes_nothing_else(numbers: list[float], scale: float, shift: float) -> None:
    values = np.array(numbers)
    one, other = quantiles(values), quantiles(scale * values + shift)
    near = {"rel": 1e-9, "abs": 1e-4}
    assert other.median == pytest.approx(scale * one.median + shift, **near)
    assert other.high_error == pytest.approx(scale * one.high_error, **near)
    assert one.low_error >= 0
