"""Two plans over the same futures: the difference is that of each future, and narrower than the ranges leave open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.vocabulary.members import Array

PLAN, CHANGES = "lab-1mw", {"horizon.end": "2026-06"}


def test_the_difference_is_that_of_each_future(tmp_path: Path) -> None:
    dearer = {"finance.costs.operations_usd_per_it_mw_year": "0.9e6 USD/MW/year"}
    both = gp.study_compare(_plan(tmp_path), None, dearer, members=130, out=tmp_path / "pair", workers=2)
    one = cost_of(gp.study_montecarlo(_plan(tmp_path), members=130, out=tmp_path / "a", workers=1))
    two = cost_of(gp.study_montecarlo(_plan(tmp_path), dearer, members=130, out=tmp_path / "b", workers=1))
    cost = next(p for p in both.headlines if p.name == "cost")
    np.testing.assert_allclose(cost.difference.median, np.median(two - one), rtol=1e-12)
    assert cost.above_share == np.mean(two > one)
    width = cost.difference.high - cost.difference.low
    assert width < cost.a.over.high - cost.a.over.low, "both draw alike"
    assert (both.done, both.failures) == (130, ())


def test_a_plan_is_no_different_from_itself(tmp_path: Path) -> None:
    same = gp.study_compare(_plan(tmp_path), members=20, out=tmp_path / "same")
    for pair in same.headlines:
        assert pair.score == 0 and pair.difference.low in (0.0, pytest.approx(np.nan, nan_ok=True))


def test_plans_without_a_common_month_are_refused(tmp_path: Path) -> None:
    later = {"horizon.start": "2027-01", "horizon.end": "2027-06"}
    with pytest.raises(gp.PlanError, match="share no month"):
        gp.study_compare(_plan(tmp_path), PLAN, later, members=20, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def cost_of(answer: gp.MonteCarlo) -> Array:
    return np.asarray(answer.values[:, [f.name for f in answer.headlines].index("cost")])


def _plan(folder: Path) -> Path:
    return gp.new(folder / "mine.yaml", like=PLAN, changes=CHANGES, force=True)
