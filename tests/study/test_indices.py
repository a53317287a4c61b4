"""Estimators of influence: analytical indices of known functions, and the limits of what they may say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gigaplan.study.indices import (
    Given,
    OneAtATime,
    Saltelli,
    deciding,
    range_left,
    saltelli_2010,
    sobol_indices,
)
from gigaplan.vocabulary.members import Array


def evaluated(function: Callable[[Array], Array], factors: list[tuple[str, ...]], rows: int) -> tuple[Array, ...]:
    """Return a function's values at A, B and AB as a study takes them: member by member, in two parts."""
    design = Saltelli(tuple(factors), 1)
    members = rows * design.each
    parts = [design.rows(first, count) for first, count in ((1, members // 3), (1 + members // 3, members))]
    names = [name for factor in factors for name in factor]
    points = np.concatenate([np.stack([p[n] for n in names], axis=1) for p in parts])[:members]
    values = function(points).reshape(rows, design.each, 1)
    return values[:, 0], values[:, 1], np.moveaxis(values[:, 2:], 1, 0)


def ishigami(unit: Array) -> Array:
    """Ishigami and Homma (1990)."""
    x = (2 * unit - 1) * math.pi
    return np.asarray(np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0]))


G = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])


def sobol_g(unit: Array) -> Array:
    """Sobol' (1993)."""
    return np.asarray(((np.abs(4 * unit - 2) + G) / (1 + G)).prod(axis=1))


def test_ishigami() -> None:
    v1, v2, v13 = 0.5 * (1 + 0.1 * math.pi**4 / 5) ** 2, 49 / 8, 0.01 * math.pi**8 * 8 / 225
    variance = v1 + v2 + v13
    found = sobol_indices(*evaluated(ishigami, [("a",), ("b",), ("c",)], 4096))
    np.testing.assert_allclose(found.first[:, 0], [v1 / variance, v2 / variance, 0], atol=0.01)
    np.testing.assert_allclose(found.total[:, 0], [(v1 + v13) / variance, v2 / variance, v13 / variance], atol=0.01)
    assert (found.first_error < 0.03).all() and (found.total_error < 0.03).all()


def test_sobol_g() -> None:
    parts = 1 / (3 * (1 + G) ** 2)
    variance = (1 + parts).prod() - 1
    found = sobol_indices(*evaluated(sobol_g, [(n,) for n in "abcdef"], 8192))
    np.testing.assert_allclose(found.first[:, 0], parts / variance, atol=0.01)
    np.testing.assert_allclose(found.total[:, 0], parts * (1 + parts).prod() / (1 + parts) / variance, atol=0.01)


def test_factors_of_several_inputs_are_one() -> None:
    """The last four of the g-function together: what all of them and their interactions make of the variance."""
    parts = 1 / (3 * (1 + G) ** 2)
    together = (1 + parts[2:]).prod() - 1
    variance = (1 + parts).prod() - 1
    found = sobol_indices(*evaluated(sobol_g, [("a",), ("b",), tuple("cdef")], 8192))
    assert found.first[2, 0] == pytest.approx(together / variance, abs=0.01)


def test_the_arithmetic_is_scipys() -> None:
    f_a, f_b, f_ab = evaluated(ishigami, [("a",), ("b",), ("c",)], 256)
    scipys = stats.sobol_indices(func={"f_A": f_a.T, "f_B": f_b.T, "f_AB": np.moveaxis(f_ab, 2, 1)}, n=256)
    first, total = saltelli_2010(f_a[:, 0], f_b[:, 0], f_ab[:, :, 0])
    np.testing.assert_allclose(first, np.ravel(scipys.first_order), atol=2e-3)
    np.testing.assert_allclose(total, np.ravel(scipys.total_order), atol=2e-3)


def test_standard_errors_are_those_of_repeated_studies() -> None:
    def first(seed: int) -> float:
        chance = np.random.default_rng(seed)
        a, b = chance.random((2, 400, 3))
        ab = np.stack([np.where(np.arange(3) == k, b, a) for k in range(3)])
        found = sobol_indices(
            ishigami(a)[:, None], ishigami(b)[:, None], np.stack([ishigami(x) for x in ab])[..., None]
        )
        errors.append(found.first_error[0, 0])
        return float(found.first[0, 0])

    errors: list[float] = []
    spread = np.std([first(seed) for seed in range(60)])
    assert np.mean(errors) == pytest.approx(spread, rel=0.3)


def test_rows_that_lack_a_number_count_for_nothing() -> None:
    f_a, f_b, f_ab = (v.copy() for v in evaluated(ishigami, [("a",), ("b",), ("c",)], 512))
    fewer = sobol_indices(f_a[5:], f_b[5:], f_ab[:, 5:])
    f_a[0], f_b[1], f_ab[0, 2], f_ab[1, 3], f_ab[2, 4] = (np.nan,) * 5
    np.testing.assert_allclose(sobol_indices(f_a, f_b, f_ab).total, fewer.total)
    nothing = sobol_indices(np.ones((64, 1)), np.ones((64, 1)), np.ones((3, 64, 1)))
    assert np.isnan(nothing.first).all() and np.isnan(nothing.total_error).all()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_law_designs_are_the_same_however_they_are_cut(sizes: list[int]) -> None:
    designs = (
        OneAtATime(tuple(map(str, range(80)))),
        Saltelli((("a", "b"), ("c",)), 3),
        Given(("a", "b"), np.random.default_rng(0).random((150, 2))),
    )
    for design in designs:
        whole, first = design.rows(1, sum(sizes)), 1
        for size in sizes:
            part = design.rows(first, size)
            for name, column in whole.items():
                found = part.get(name, np.full(size, np.nan))
                np.testing.assert_array_equal(found, column[first - 1 : first - 1 + size])
            first += size


def test_one_at_a_time_moves_one_input_to_either_end() -> None:
    rows = OneAtATime(("a", "b")).rows(1, 4)
    np.testing.assert_allclose(rows["a"], [0.1, 0.9, np.nan, np.nan])
    np.testing.assert_allclose(rows["b"], [np.nan, np.nan, 0.1, 0.9])


def test_knowing_an_input_narrows_a_sum_as_it_must() -> None:
    """Of a sum of independent normal values; in ten parts an input is known nearly, but not quite."""
    points = np.asarray(stats.qmc.Sobol(2, rng=1).random_base2(14))
    scores = stats.norm.ppf(np.clip(points, 1e-9, 1 - 1e-9))
    values = scores @ [2.0, 1.0]
    assert range_left(points[:, 0], values) == pytest.approx(1 / math.sqrt(5), abs=0.08)
    assert range_left(points[:, 1], values) == pytest.approx(2 / math.sqrt(5), abs=0.03)
    assert range_left(points[:, 0], scores[:, 1]) == pytest.approx(1, abs=0.02)
    assert math.isnan(range_left(points[:, 0], np.ones(len(points))))
    assert math.isnan(range_left(points[:50, 0], values[:50]))


def test_what_decides_weighs_figures_and_leaves_out_those_that_dont_vary() -> None:
    influence = np.array([[0.9, 0.0, np.nan], [0.1, 1.0, np.nan]])
    np.testing.assert_allclose(deciding(influence, [1.0, 1.0, 5.0]), [0.45, 0.55])
    np.testing.assert_array_equal(deciding(influence[:, 2:], [1.0]), 0.0)
