"""What decides a plan: effects are those of stating the value, and shares leave nothing out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.results.headlines import headlines, window
from gigaplan.study.sensitivity import OTHERS

PLAN, CHANGES = "lab-1mw", {"horizon.end": "2026-12"}


def headline(changes: dict[str, object], name: str) -> float:
    result = gp.run(PLAN, {**CHANGES, **changes})
    shared = window(result, result)
    assert shared is not None
    return headlines(result, shared)[name].value


@pytest.fixture(scope="module")
def tornado(tmp_path_factory: pytest.TempPathFactory) -> gp.Sensitivity:
    return gp.study_sensitivity(PLAN, CHANGES, out=tmp_path_factory.mktemp("s") / "tornado", workers=1)


def effects(answer: gp.Sensitivity, name: str) -> dict[str, object]:
    found = next(s for s in answer.headlines if s.headline.name == name)
    return {e.input: e for e in found.effects}


def test_an_effect_is_that_of_stating_the_value(tornado: gp.Sensitivity) -> None:
    """At either end of the range, by running the plan with the end in the place of the central value."""
    one = next(d for d in tornado.deciding if d.name == "build.facility_usd_per_it_mw")
    (given,) = one.inputs
    found = effects(tornado, "cost")[one.name]
    for value, figure in ((given.low, found.low), (given.high, found.high)):  # type: ignore[attr-defined]
        stated = {"finance.costs.facility_usd_per_it_mw": f"{value} USD/MW"}
        assert figure == pytest.approx(headline(stated, "cost"), rel=1e-9)
    assert next(s.headline.value for s in tornado.headlines if s.headline.name == "cost") == pytest.approx(
        headline({}, "cost")
    )


def test_shares_of_a_headline_that_varies_make_one(tornado: gp.Sensitivity) -> None:
    for one in tornado.headlines:
        shares = [e.share for e in one.effects]
        assert sum(shares) == pytest.approx(1.0) or not any(shares)
        assert shares == sorted(shares, reverse=True)
    assert sum(d.share for d in tornado.deciding) == pytest.approx(1.0)


def test_a_figure_that_comes_in_no_future_is_moved_by_nothing(tornado: gp.Sensitivity) -> None:
    for one in tornado.headlines:
        ends = {v for e in one.effects for v in (e.low, e.high) if not math.isnan(v)}
        assert (len(ends) <= 1) == (not any(e.share for e in one.effects)), one.headline.name


def test_sobol_indices_of_a_plan(tmp_path: Path) -> None:
    """They are those of all members together, whatever was computed at first; what isn't looked at is one factor."""
    folder = tmp_path / "sobol"
    few = gp.study_sensitivity(PLAN, CHANGES, method="sobol", inputs=3, members=100, out=folder, workers=1)
    assert [d.name for d in few.deciding][-1] == OTHERS and len(few.deciding) == 4
    answer = gp.study_sensitivity(PLAN, CHANGES, method="sobol", inputs=3, members=700, out=folder, workers=2)
    again = gp.study_sensitivity(PLAN, CHANGES, method="sobol", inputs=3, members=700, out=tmp_path / "b", workers=1)
    assert answer.rows() == again.rows()
    cost = effects(answer, "cost")
    total = np.array([e.total for e in cost.values()])  # type: ignore[attr-defined]
    first = np.array([e.first for e in cost.values()])  # type: ignore[attr-defined]
    error = np.array([math.hypot(e.first_error, e.total_error) for e in cost.values()])  # type: ignore[attr-defined]
    assert (total > -1e-9).all() and (first <= total + 4 * error + 0.02).all()
    assert first.sum() < 1 + 4 * np.sqrt((error**2).sum())
    known = [e.range_left_share for n, e in cost.items() if n != OTHERS]  # type: ignore[attr-defined]
    assert min(known) < 1.0


def test_wrong_questions_are_refused(tmp_path: Path) -> None:
    def wrong(**options: object) -> None:
        gp.study_sensitivity(PLAN, CHANGES, out=tmp_path / "out", **options)

    for options, words in (
        ({"method": "sobel"}, r"nearest: *sobol"),
        ({"inputs": 0}, "one input at least"),
        ({"members": 500}, "leave --members out"),
        ({"members": -5}, "10 to 10,000,000"),
    ):
        with pytest.raises(gp.PlanError, match=words):
            wrong(**options)
    assert not (tmp_path / "out").exists()
    with pytest.raises(gp.PlanError, match="take 14 members at least"):
        gp.study_sensitivity(PLAN, CHANGES, method="sobol", inputs=10, members=12, out=tmp_path / "t")


def test_morris_says_what_it_needs_or_finds_the_same_inputs(
    tornado: gp.Sensitivity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        import SALib  # noqa: F401
    except ImportError:
        with pytest.raises(gp.MachineError, match=r"gigaplan\[salib\]"):
            gp.study_sensitivity(PLAN, CHANGES, method="morris", out=tmp_path / "m")
        return
    members = 5 * (len(tornado.deciding) + 1) + 1
    answer = gp.study_sensitivity(PLAN, CHANGES, method="morris", members=members, out=tmp_path / "m")
    assert {d.name for d in answer.deciding[:3]} & {d.name for d in tornado.deciding[:6]}
    assert all(e.mean_effect >= 0 for s in answer.headlines for e in s.effects if not math.isnan(e.mean_effect))


def test_an_unknown_headline_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["study", "sensitivity", PLAN, "--set", "horizon.end=2026-12", "--out", str(tmp_path / "new")]
    with pytest.raises(SystemExit) as end:
        main([*words, "--of", "costs"])
    assert end.value.code == 2 and "nearest: cost" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    with pytest.raises(gp.PlanError, match="no such headline"):
        gp.study_sensitivity(PLAN, CHANGES, of="costs", out=tmp_path / "new")


def test_the_terminal_shows_one_headline(tornado: gp.Sensitivity, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["study", "sensitivity", PLAN, "--set", "horizon.end=2026-12", "--out", tornado.folder]
    with pytest.raises(SystemExit) as end:
        main([*words, "--of", "cost", "--rows", "4"])
    out = capsys.readouterr().out
    assert end.value.code == 0 and "Of cost" in out and tornado.deciding[0].name in out
    with pytest.raises(SystemExit) as end:
        main([*words, "--of", "costs"])
    assert end.value.code == 2 and "nearest: cost" in capsys.readouterr().err
