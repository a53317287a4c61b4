"""Grids of plans: every combination once, each as a run of its own, and what can't be is refused before any runs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.results.headlines import headlines, window

PLAN, CHANGES = "lab-1mw", {"horizon.end": "2026-06"}
LIFE, TOKENS = "finance.costs.it_life_years", "demand.workloads.chat.output_tokens"


def sweep(tmp_path: Path, *over: str, **options: object) -> gp.Sweep:
    return gp.study_sweep(PLAN, CHANGES, over=list(over), out=tmp_path / "sweep", workers=1, **options)


def test_a_grid_has_every_combination_as_a_run_of_its_own(tmp_path: Path) -> None:
    answer = sweep(tmp_path, f"{LIFE}=3..5 years step 2 years", f"{TOKENS}=200, 800")
    values = [dict(p.values) for p in answer.points]
    assert values == [{LIFE: f"{a} years", TOKENS: b} for a in (3, 5) for b in ("200", "800")]
    for point in answer.points:
        result = gp.run(PLAN, {**CHANGES, **point.values})
        shared = window(result, result)
        assert shared is not None
        for figure, found in zip(point.headlines, headlines(result, shared).values(), strict=True):
            np.testing.assert_equal((figure.name, figure.headline.value), (found.name, found.value))
    rows = answer.rows()
    assert len(rows) == sum(len(p.headlines) for p in answer.points)
    with (tmp_path / "sweep/sweep.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [r["headline"] for r in table] == [r["headline"] for r in rows]
    assert {r[LIFE] for r in table} == {"3 years", "5 years"}
    cost = next(k for k, r in enumerate(rows) if r["headline"] == "cost")
    assert float(table[cost]["central"]) == rows[cost]["central"]


def test_zipped_values_go_together_and_futures_give_ranges(tmp_path: Path) -> None:
    answer = sweep(tmp_path, f"{LIFE}=3 years, 4 years", f"{TOKENS}=200, 800", zip=True, members=12)
    assert [tuple(p.values.values()) for p in answer.points] == [("3 years", "200"), ("4 years", "800")]
    one = gp.study_montecarlo(PLAN, {**CHANGES, **answer.points[1].values}, members=12, out=tmp_path / "one")
    for figure, alone in zip(answer.points[1].headlines, one.headlines, strict=True):
        np.testing.assert_equal(figure.over.low, alone.over.low)
        np.testing.assert_equal(figure.over.median_error, alone.over.median_error)


def test_the_plan_may_say_what_it_goes_over(tmp_path: Path) -> None:
    changes = {**CHANGES, "study.over": f'{{{LIFE}: [3 years, 4 years], "{TOKENS}": "100..300 step 100"}}'}
    answer = gp.study_sweep(PLAN, changes, out=tmp_path / "s", workers=1)
    assert len(answer.points) == 6
    over = gp.study_sweep(PLAN, changes, over=[f"{LIFE}=2 years"], out=tmp_path / "t", workers=1)
    assert [dict(p.values) for p in over.points] == [{LIFE: "2 years"}]


def test_more_points_are_another_study(tmp_path: Path) -> None:
    sweep(tmp_path, f"{LIFE}=3 years, 4 years")
    with pytest.raises(gp.PlanError, match="cases differs"):
        sweep(tmp_path, f"{LIFE}=3 years, 5 years")


@pytest.mark.parametrize(
    ("over", "words"),
    [
        (["finance.costs.it_life_yeras=3 years, 4 years"], r"--over finance(.|\n)*nearest: it_life_years"),
        ([f"{LIFE}=3 years, 4 kg"], "'kg' is not a unit"),
        ([f"{LIFE}=3..9 years step 0"], "the step is zero"),
        ([f"{LIFE}=9..3 years step 1"], "low is above high"),
        ([f"{LIFE}=3 years..9 days step 1"], "several units"),
        ([f"{LIFE}=3 to..9 step"], "not a range of values"),
        ([f"{TOKENS}=100,200"], "one number or several"),
        ([f"{TOKENS}=100, , 200"], "a value is missing"),
        ([f"{TOKENS}=100, 100"], "a value comes twice"),
        ([TOKENS], "path=values"),
        ([f"{TOKENS}=1, 2", f"{TOKENS}=3, 4"], "swept twice"),
        ([f"{TOKENS}=0..1 step 0.0000001"], "10,000,001 values"),
        ([], "nothing to go over"),
    ],
)
def test_wrong_values_are_refused_before_anything_runs(over: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(gp.PlanError, match=words):
        sweep(tmp_path, *over)
    assert not (tmp_path / "sweep").exists()


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(gp.PlanError, match="as many values of each"):
        sweep(tmp_path, f"{TOKENS}=1, 2", f"{LIFE}=3 years", zip=True)
    with pytest.raises(gp.PlanError, match="1, for central figures, or 10 or more"):
        sweep(tmp_path, f"{TOKENS}=1, 2", members=5)
    with pytest.raises(gp.PlanError, match="100,000"):
        sweep(tmp_path, f"{TOKENS}=1..400 step 1", f"{LIFE}=1..400 years step 1 years")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1..2 step 0.1", [f"{1 + k / 10:.1f}" for k in range(11)]),
        ("$2B, $3B", ["$2B", "$3B"]),
        ("5..1 MW step -2 MW", ["5 MW", "3 MW", "1 MW"]),
        ("18,000 GB300, 20,000 GB300", ["18,000 GB300", "20,000 GB300"]),
        ("[a, b], [c]", ["[a, b]", "[c]"]),
        ("1.1,1.25", ["1.1", "1.25"]),
        ("2027-01", ["2027-01"]),
    ],
)
def test_values_are_read_as_they_are_written(text: str, values: list[str]) -> None:
    from gigaplan.study.sweep import _read
    from gigaplan.vocabulary.errors import Place, Problem

    problems: list[Problem] = []
    found = _read(text, Place(), problems)
    assert (list(found) == values or [f"{float(v):.1f}" for v in found] == values) and not problems
