"""The sampler: ranges become members; their quantiles, bounds, and draws that other inputs don't change."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gigaplan.vocabulary.normal import normal_scores, normal_shares
from gigaplan.vocabulary.sampling import BLOCK, Sampler, Shape, Spread, bounds_of, quantile

ENDS = np.array([0.1, 0.5, 0.9])
REAL = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("spread", "frozen"),
    [
        (Spread(5.0, 3.0, 7.0, Shape.NORMAL), stats.norm(5, 2 / 1.2815515655446004)),
        (Spread(4.0, 2.0, 8.0, lower=0.0), stats.lognorm(math.log(2) / 1.2815515655446004, scale=4)),
        (Spread(2.0, 1.0, 3.0, Shape.UNIFORM), stats.uniform(1, 2)),
        (Spread(2.0, 1.0, 5.0, Shape.TRIANGULAR), stats.triang(0.25, 1, 4)),
    ],
)
def test_known_distributions(spread: Spread, frozen: stats.rv_continuous) -> None:
    at = np.linspace(0.01, 0.99, 99)
    np.testing.assert_allclose(quantile(spread, at), frozen.ppf(at), rtol=1e-9)


@given(st.lists(REAL, min_size=3, max_size=3))
def test_a_range_holds_four_fifths_around_its_median(numbers: list[float]) -> None:
    low, central, high = sorted(numbers)
    found = quantile(Spread(central, low, high, Shape.NORMAL), ENDS)
    np.testing.assert_allclose(found, [low, central, high], rtol=1e-9, atol=1e-6)


@given(st.lists(st.floats(1e-3, 0.999), min_size=3, max_size=3), st.floats(0, 1))
def test_no_draw_is_beyond_the_bounds(numbers: list[float], at: float) -> None:
    low, central, high = sorted(numbers)
    for lower, upper in ((0.0, 1.0), (0.0, math.inf), (-math.inf, math.inf), (low, high)):
        spread = Spread(central, low, high, lower=lower, upper=upper)
        value = quantile(spread, np.array([at]))[0]
        assert lower <= value <= upper
        assert math.isfinite(value)
        np.testing.assert_allclose(quantile(spread, ENDS), [low, central, high], rtol=1e-6)


@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=3), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_rise(numbers: list[float], a: float, b: float) -> None:
    low, central, high = sorted(numbers)
    for shape in Shape:
        if shape == Shape.LOGITNORMAL:
            continue
        middle = (low + high) / 2 if shape == Shape.UNIFORM else central
        one, other = quantile(Spread(middle, low, high, shape), np.array([min(a, b), max(a, b)]))
        assert one <= other + 1e-9 * abs(other)


@pytest.mark.parametrize(
    ("numbers", "more", "reason"),
    [
        ((1.0, 2.0, 3.0), {}, "must hold its central value"),
        ((2.0, 1.0, 3.0), {"lower": 1.5}, "beyond what makes sense"),
        ((1.0, -1.0, 3.0), {"shape": Shape.LOGNORMAL}, "lies above 0"),
        ((0.5, 0.1, 0.9), {"shape": Shape.LOGITNORMAL}, "logit-normal"),
        ((0.2, 0.1, 0.9), {"shape": Shape.UNIFORM}, "in the middle"),
    ],
)
def test_impossible_ranges_are_refused(
    numbers: tuple[float, float, float], more: dict[str, float], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Spread(*numbers, **more)  # type: ignore[arg-type]


def test_bounds_come_from_markers() -> None:
    from annotated_types import Ge, Gt, Le

    assert bounds_of([Gt(0), Le(1), Ge(0.5), "share"]) == (0.5, 1.0)
    assert bounds_of([]) == (-math.inf, math.inf)


def test_members_cover_the_range_evenly_and_begin_with_the_central_one() -> None:
    sampler = Sampler(members=1 + 4 * BLOCK, seed=3)
    values = sampler.draw("x", Spread(10.0, 5.0, 15.0, Shape.UNIFORM))
    assert values[0] == 10.0
    for block in values[1:].reshape(4, BLOCK):
        counts, _ = np.histogram(block, BLOCK, (5.0, 15.0))
        assert (counts == 1).all(), "each part of the range holds its share of each block"


def test_inputs_are_no_more_alike_than_by_chance() -> None:
    """Of 200 inputs and 99 members the ranks of two correlate by 1 / sqrt(98) on average, as of independent draws."""
    sampler = Sampler(100, 0)
    draws = np.stack([sampler.unit(f"input {k}")[1:] for k in range(200)])
    pairs = np.corrcoef(stats.rankdata(draws, axis=1))[np.triu_indices(200, 1)]
    assert pairs.std() == pytest.approx(1 / math.sqrt(98), rel=0.05)
    assert np.abs(pairs).max() < 0.5
    assert pairs.mean() == pytest.approx(0.0, abs=0.01)


def test_an_input_has_the_same_draws_whatever_else_is_uncertain() -> None:
    alone, among = Sampler(33, 0), Sampler(33, 0)
    for name in ("a", "b", "c"):
        among.unit(name)
    np.testing.assert_array_equal(alone.unit("x"), among.unit("x"))
    assert not np.array_equal(alone.unit("x"), Sampler(33, 1).unit("x"))
    assert abs(np.corrcoef(alone.unit("x")[1:], among.unit("a")[1:])[0, 1]) < 0.4


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(0, 3))
def test_law_a_part_draws_what_the_whole_does(sizes: list[int], seed: int) -> None:
    """However the members after the central one are cut, each part begins with the central one."""
    spread = Spread(4.0, 2.0, 8.0)
    whole = Sampler(sum(sizes) + 1, seed).draw("x", spread)
    first = 1
    for size in sizes:
        part = Sampler(size + 1, seed, first=first).draw("x", spread)
        assert part[0] == spread.central
        np.testing.assert_array_equal(part[1:], whole[first : first + size])
        first += size


def test_given_points_take_the_place_of_the_sequence() -> None:
    spread = Spread(4.0, 2.0, 8.0)
    points = {"x": np.array([0.1, 0.9, np.nan]), "lead": np.array([np.nan, np.nan, 0.9])}
    sampler = Sampler(4, 0, points=points)
    np.testing.assert_allclose(sampler.draw("x", spread), [4.0, 2.0, 8.0, 4.0])
    np.testing.assert_array_equal(sampler.draw("unnamed", spread), 4.0)
    led = sampler.draw("y", spread, lead=("lead", 1.0))
    np.testing.assert_allclose(led, [4.0, 4.0, 4.0, 8.0])
    assert sampler.streams == {"x": ["x"], "unnamed": ["unnamed"], "y": ["y"], "lead": ["y"]}
    middle = Spread(1.0, 0.0, 3.0, Shape.TRIANGULAR)
    assert sampler.draw("unnamed", middle)[1] == 1.0, "the central value, which isn't this shape's median"


def test_a_group_moves_together() -> None:
    sampler = Sampler(65, 0)
    one = sampler.draw("lag", Spread(3.0, 2.0, 5.0, group="site"))
    other = sampler.draw("ramp", Spread(30.0, 10.0, 90.0, group="site"))
    assert stats.spearmanr(one[1:], other[1:]).statistic == pytest.approx(1.0)


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.5, 1.0])
def test_an_input_follows_another_by_its_correlation(correlation: float) -> None:
    spread = Spread(0.0, -1.0, 1.0)
    lead = Sampler(4097, 1).draw("one", spread)
    found = Sampler(4097, 1).draw("other", spread, lead=("one", correlation))
    assert found[0] == 0.0
    assert np.corrcoef(lead, found)[0, 1] == pytest.approx(correlation, abs=0.05)
    assert np.quantile(found, [0.1, 0.9]) == pytest.approx([-1.0, 1.0], abs=0.05)  # its own range stays


@given(st.lists(st.floats(1e-9, 1 - 1e-9), min_size=1, max_size=9))
def test_scores_and_shares_of_a_normal_are_scipys(shares: list[float]) -> None:
    at = np.array(shares)
    np.testing.assert_allclose(normal_scores(at), stats.norm.ppf(at), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(normal_shares(normal_scores(at)), at, rtol=1e-9)
    assert normal_scores(0.5) == 0.0


@given(st.floats(0.0, 1.0))
def test_a_triangular_value_is_scipys(at: float) -> None:
    found = quantile(Spread(3.0, 2.0, 7.0, Shape.TRIANGULAR), np.array([at]))
    np.testing.assert_allclose(found, stats.triang.ppf(at, 0.2, 2.0, 5.0), rtol=1e-4)
