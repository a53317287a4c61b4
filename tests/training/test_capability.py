"""Capability: a worked example, limits, laws."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.training.capability import (
    Capability,
    compute_fall_per_year,
    eci,
    eci_error,
    eci_growth_per_year,
    eci_interval,
    years_since_reference,
)
from gigaplan.vocabulary.errors import InputError

C = Capability(
    reference_date=dt.date(2024, 1, 1),
    reference_flop=1e24,
    eci_at_reference=120.0,
    eci_at_reference_error=1.0,
    eci_per_decade_flop=10.0,
    eci_per_decade_flop_error=2.0,
    eci_per_year=8.0,
    eci_per_year_error=1.5,
    slopes_correlation=-0.5,
    residual_eci=6.0,
    smallest_flop=1e22,
    largest_flop=1e26,
    first_date=dt.date(2023, 1, 1),
    last_date=dt.date(2025, 1, 1),
)
FLOPS = st.floats(1e20, 1e30)
YEARS = st.floats(-3, 8)


def test_by_hand() -> None:
    """Two decades and half a year on: 120 + 2 x 10 + 0.5 x 8, and its error term by term."""
    assert eci(1e26, 0.5, C) == pytest.approx(144)
    spread = 6.0**2 + 1.0**2 + (2 * 2.0) ** 2 + (0.5 * 1.5) ** 2 + 2 * -0.5 * (2 * 2.0) * (0.5 * 1.5)
    assert eci_error(1e26, 0.5, C) == pytest.approx(np.sqrt(spread))
    assert eci_error(1e26, 0.5, C, of_the_mean=True) == pytest.approx(np.sqrt(spread - 36))
    low, high = eci_interval(1e26, 0.5, C)
    assert [low, high] == pytest.approx([144 - 1.28155 * np.sqrt(spread), 144 + 1.28155 * np.sqrt(spread)], rel=1e-5)


def test_ho_2024_halving_every_eight_months() -> None:
    """Ho et al. (2024): compute halves every 8 months, so 2.83 times less a year and 8 times less in two."""
    halving = replace(C, eci_per_year=10 * np.log10(2) * 12 / 8, eci_per_year_error=0, eci_per_decade_flop_error=0)
    assert compute_fall_per_year(halving) == pytest.approx([2.8284] * 3, rel=1e-4)
    assert float(eci(1e25, 2.0, halving)) == pytest.approx(float(eci(8e25, 0.0, halving)))


def test_at_the_reference_only_level_and_scatter_are_unsure() -> None:
    assert eci(1e24, 0.0, C) == 120
    assert eci_error(1e24, 0.0, C) == pytest.approx(np.sqrt(37))
    assert years_since_reference(dt.date(2024, 1, 1), C) == 0
    assert years_since_reference(dt.date(2023, 1, 1), C) == pytest.approx(-1, abs=2e-3)


def test_scalar_is_vector() -> None:
    flop, years = np.array([[1e23, 1e25, 1e27]]), np.array([[0.0, 1.0, 3.0]])
    for fn in (eci, eci_error):
        whole = fn(flop, years, C)
        assert whole.shape == (1, 3)
        assert whole[0] == pytest.approx([float(fn(f, y, C)) for f, y in zip(flop[0], years[0], strict=True)])


@given(flop=FLOPS, years=YEARS, more=st.floats(1.01, 1e4), later=st.floats(0.01, 5))
def test_more_compute_or_time_never_gives_less(flop: float, years: float, more: float, later: float) -> None:
    assert eci(flop * more, years, C) > eci(flop, years, C)
    assert eci(flop, years + later, C) > eci(flop, years, C)


@given(flop=FLOPS, years=YEARS, narrow=st.floats(0.05, 0.9))
def test_wider_coverage_holds_the_narrower(flop: float, years: float, narrow: float) -> None:
    (a, b), (c, d) = eci_interval(flop, years, C, narrow), eci_interval(flop, years, C, narrow + 0.05)
    assert c < a < eci(flop, years, C) < b < d


@given(growth=st.floats(1, 20))
def test_a_year_of_growing_runs(growth: float) -> None:
    rise = float(eci(1e24 * growth, 1.0, C) - eci(1e24, 0.0, C))
    found, low, high = eci_growth_per_year(growth, C)
    assert found == pytest.approx(rise)
    assert found - low == pytest.approx(high - found)
    error = eci_error(1e24 * growth, 1.0, replace(C, eci_at_reference_error=0), of_the_mean=True)
    assert high - found == pytest.approx(1.28155 * float(error), rel=1e-5)


def test_one_year_at_the_same_capability_takes_the_falls_share_of_compute() -> None:
    fall, low, high = compute_fall_per_year(C)
    assert float(eci(1e26 / fall, 1.0, C)) == pytest.approx(float(eci(1e26, 0.0, C)))
    assert low < fall < high


def test_the_falls_range_against_draws() -> None:
    """First order in decades: compared with a hundred thousand draws of the two slopes."""
    rng = np.random.default_rng(3)
    sure = replace(C, eci_per_decade_flop_error=0.5, eci_per_year_error=0.5)
    cov = 0.25 * np.array([[1, -0.5], [-0.5, 1]])
    b, c = rng.multivariate_normal([10, 8], cov, 100_000).T
    assert np.quantile(10 ** (c / b), [0.1, 0.9]) == pytest.approx(compute_fall_per_year(sure)[1:], rel=0.02)


@pytest.mark.parametrize("flop", [0.0, -1e24, float("nan")])
def test_no_compute_has_no_capability(flop: float) -> None:
    with pytest.raises(InputError, match="above 0 FLOP"):
        eci(flop, 0.0, C)


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        eci_interval(1e24, 0.0, C, 80)
    with pytest.raises(InputError, match="factor above 0"):
        eci_growth_per_year(0, C)
