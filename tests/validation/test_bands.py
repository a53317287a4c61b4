"""Plans next to published bands: what the bands are, and that a year outside one says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from gigaplan import plan as plans
from gigaplan.catalog import history
from gigaplan.plan.sources import builtin_text
from gigaplan.validation.bands import COST, MARGIN, USE, cost_band, margin_band, use_band, validate_plans
from gigaplan.vocabulary.errors import PlanError

ANSWER = validate_plans()


def test_bands_are_the_published_figures() -> None:
    """OpenAI's margin of 33 % (first quarter of 2025) and of 70 % (October 2025); off-peak use of 30 %, sold out."""
    assert (margin_band().low, margin_band().high) == (0.33, 0.70)
    assert (use_band().low, use_band().high) == (0.3, 1.0)
    cost = cost_band(plans.resolve(plans.load("announced-2025-09", ["uncertainty.members=1"])))
    assert (cost.low, cost.high) == (1.12, 6.15)  # MI300X's cost of ownership, Vera Rubin's rent
    titles = {r.source_title for r in history.published().rows}
    assert {*margin_band().sources, *use_band().sources} <= titles


def test_every_built_in_plan_has_its_years_and_figures() -> None:
    assert {r.plan for r in ANSWER.rows} == set(plans.builtin_names())
    assert {r.figure for r in ANSWER.rows} == {USE, MARGIN, COST}
    for row in ANSWER.of("announced-2025-09", MARGIN):
        assert row.inside, row.brief_line()


def test_law_a_built_in_plan_outside_a_band_says_why() -> None:
    assert not ANSWER.unexplained, [r.brief_line() for r in ANSWER.unexplained]
    assert any(not r.inside for r in ANSWER.rows)


def test_a_plan_of_ones_own_is_compared_and_an_outlier_without_cause_stands_out(tmp_path: Path) -> None:
    """Energy at a hundred times its price makes a GPU-hour that no published cost explains."""
    text = builtin_text("lab-1mw").replace("name: lab-1mw", "name: mine")
    mine, dear = tmp_path / "mine.yaml", tmp_path / "dear.yaml"
    mine.write_text(text)
    dear.write_text(text.replace("95 USD/MWh", "7000 USD/MWh"))
    assert validate_plans([mine]).of("mine", COST)[0].inside
    (row, *_) = validate_plans([dear]).of("mine", COST)
    assert not row.inside and not row.reason


def test_no_plan_of_that_name() -> None:
    with pytest.raises(PlanError, match="no plan called"):
        validate_plans(["nowhere"])
