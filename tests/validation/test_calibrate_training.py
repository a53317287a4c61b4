"""A user's own step times: refit, left out in turn, kept as an overlay, used by plans and verbs."""

from __future__ import annotations

import csv
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.plan.resolve import TRAINING_SOFTWARE
from gigaplan.training.inputs import TrainingEfficiency
from gigaplan.validation.refit import (
    MOST_GROUPS,
    Prior,
    determined,
    kinds_of,
    left_out,
    posterior,
    pulled,
    refit,
    why_not_written,
)
from gigaplan.validation.training.anchors import scales_of
from gigaplan.validation.training.calibrate import SLOWEST, calibrate_training, slower
from gigaplan.validation.training.constants import ENTITIES, OWN
from gigaplan.validation.training.questions import layer_warnings, read, read_questions
from gigaplan.validation.training.sources import CLASSIC, MODERN, published_step_s
from gigaplan.validation.training.validate import predict
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.members import Array

COLUMNS = (
    "source",
    "date",
    "gpu",
    "num_gpus",
    "model",
    "seq_len",
    "global_batch",
    "micro_batch",
    "tp",
    "pp",
    "dp",
    "cp",
    "ep",
    "vpp",
    "precision",
    "recompute",
    "tokens_per_s_per_gpu",
    "metric",
    "value",
)


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


def table(path: Path, rows: list[dict[str, str]], columns: tuple[str, ...] = COLUMNS) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def asked(model: str, tp: int, pp: int, dp: int, precision: str = "BF16", micro: int = 1) -> dict[str, str]:
    numbers = {
        "num_gpus": tp * pp * dp,
        "seq_len": 4096,
        "global_batch": 512,
        "micro_batch": micro,
        "tp": tp,
        "pp": pp,
        "dp": dp,
        "cp": 1,
        "ep": 1,
        "vpp": 1,
    }
    words = {"source": "our cluster", "date": "2026-09", "gpu": "H100", "model": model, "precision": precision}
    numbers_as_text = {k: str(v) for k, v in numbers.items()}
    return {**words, **numbers_as_text, "recompute": "full", "metric": "median_step_time_s"}


def own(tmp_path: Path, factor: float = 1.0) -> Path:
    """Write steps as the shipped constants see them, ``factor`` times slower."""
    rows = [
        asked("Llama-3 8B", 1, 1, 8),
        asked("Llama-3 8B", 1, 1, 16),
        asked("Llama-3 8B", 2, 1, 16),
        asked("Llama-3 8B", 1, 1, 16, "FP8"),
        asked("Llama-3 70B", 4, 4, 4),
        asked("Llama-3 70B", 8, 4, 8),
        asked("Llama-3 70B", 4, 4, 8, "FP8"),
        asked("Llama-3.1 405B", 8, 16, 4),
        asked("Llama-3.1 405B", 8, 8, 8, "FP8"),
    ]
    question, answer = table(tmp_path / "asked.csv", rows), tmp_path / "answer.csv"
    predict(question, answer)
    for row, predicted in zip(rows, read(answer), strict=True):
        row["value"] = str(float(predicted["step_time_ms"]) / 1e3 * factor)
    return table(tmp_path / "mine.csv", rows)


def test_a_slower_cluster_is_found(tmp_path: Path) -> None:
    answer = calibrate_training([own(tmp_path, 1.25)])
    assert answer.software == MODERN
    assert answer.error_before == pytest.approx(0.2, abs=1e-4)  # ours over measured, 1 / 1.25 - 1
    assert answer.error_after < 0.02
    assert answer.error_left_out is not None and answer.error_left_out < 0.06
    assert answer.after.training_gemm_share_bf16 < answer.before.training_gemm_share_bf16
    assert answer.anchors == 1


def test_constants_that_answer_stay(tmp_path: Path) -> None:
    answer = calibrate_training([own(tmp_path)])
    assert answer.error_before == pytest.approx(0, abs=1e-4)
    for before, after in answer.changed.values():
        assert after == pytest.approx(before, rel=1e-3)
    assert answer.refusal


def test_what_the_fit_may_move_is_what_it_moves(tmp_path: Path) -> None:
    answer = calibrate_training([own(tmp_path, 1.25)])
    assert answer.changed
    assert set(answer.changed) == set(answer.determined) == set(answer.ranges) <= set(OWN[MODERN])
    for f in fields(TrainingEfficiency):
        if f.name in answer.determined:
            _, low, high = OWN[MODERN][f.name]
            away = np.exp(SLOWEST)
            low, high = (low / away if slower(f.name) < 0 else low), (high * away if slower(f.name) > 0 else high)
            assert low * (1 - 1e-9) <= getattr(answer.after, f.name) <= high * (1 + 1e-9)
        else:
            assert getattr(answer.after, f.name) == getattr(answer.before, f.name)


def test_rows_of_2022_have_their_own_constants(tmp_path: Path) -> None:
    rows = [r for r in read() if "vTrain" in r["source"] and published_step_s(r) > 0]
    for row in rows:
        row["value"] = str(float(row["value"]) * 1.3)
    mine = table(tmp_path / "old.csv", rows, tuple(rows[0]))
    answer = calibrate_training([mine])
    assert answer.software == CLASSIC
    assert answer.rows == len(rows)
    assert answer.error_after < answer.error_before / 3
    assert yaml.safe_load(answer.overlay("old.csv"))["training"]["software"] == CLASSIC


def test_kinds_of_software_are_those_of_plans() -> None:
    assert ENTITIES == TRAINING_SOFTWARE


def test_everything_slower_moves_times_up_and_speeds_down() -> None:
    assert slower("layer_overhead_s") == slower("training_passes") == slower("training_traffic_share") == 1
    assert slower("training_gemm_share_fp8") == slower("training_scaleout_share") == -1
    assert slower("tensor_hidden_share") == slower("training_gain_per_year") == 0
    for software in OWN:
        moved = {slower(name) for name in OWN[software]}
        assert {1.0, -1.0} <= moved


def test_a_plan_a_run_and_a_prediction_use_the_overlay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, overlay = own(tmp_path, 1.5), tmp_path / "mine.yaml"
    assert leave("calibrate", "training", str(mine), "-o", str(overlay)) == 0
    told = capsys.readouterr().out
    assert "as shipped" in told
    assert "left out in turn" in told
    asked_for: dict[str, Any] = {"gpus": 256, "layout": "tp4 pp4 mb1", "sequence_tokens": 4096}
    plain, slow = (gp.train("llama_3_70b", "h100_hgx", **asked_for, overlays=o) for o in ((), [overlay]))
    assert slow.step_s.value / plain.step_s.value == pytest.approx(1.5, rel=0.05)
    assert any("own measurements" in note for note in slow.notes)
    answers = tmp_path / "again.csv"
    assert leave("predict", "training", str(mine), "-o", str(answers), "--with", str(overlay)) == 0
    for row in read(answers):
        assert float(row["step_time_ms"]) == pytest.approx(1e3 * float(row["value"]), rel=0.06)
    run = tmp_path / "run.yaml"
    run.write_text(RUN)
    with_run = gp.run("campus-1gw", overlays=[run])
    refit = gp.run("campus-1gw", overlays=[run, overlay])
    assert (refit["run_tokens_done"] <= with_run["run_tokens_done"] * (1 + 1e-9)).all()
    mine_done, plain_done = (r["run_tokens_done"][0, list(r.labels["run"]).index("one"), -1] for r in (refit, with_run))
    assert mine_done * 1.5 == pytest.approx(plain_done, rel=0.05)


RUN = """
overlay: {who: test, why: a run, from: here}
training:
  runs:
    one:
      {model: llama_3_1_405b, tokens: 5e15, site: Prairie, generation: gb300_nvl72, gpus: 8192, start: 2027-03}
"""


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("calibrate", "training", str(own(tmp_path, 1.1)), "-o", str(tmp_path / "o.yaml"), "--json") == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert data["rows"] == 9
    assert data["error_left_out"] < data["error_before"]
    assert data["after"]["training_gemm_share_bf16"] < data["before"]["training_gemm_share_bf16"]


def test_all_that_is_wrong_with_tables_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = tmp_path / "short.csv"
    short.write_text("gpu,model,metric\nH100,Llama-3 8B,median_step_time_s\n")
    out = tmp_path / "o.yaml"
    assert leave("calibrate", "training", str(short), str(tmp_path / "nowhere.csv"), "-o", str(out)) == 2
    told = capsys.readouterr().err
    for column in (
        "num_gpus",
        "seq_len",
        "global_batch",
        "tp",
        "dp",
        "precision",
        "tokens_per_s_per_gpu or metric+value",
    ):
        assert column in told
    assert "nowhere.csv" in told
    assert not out.exists()


def test_too_few_rows_say_why_others_cannot_be_used(tmp_path: Path) -> None:
    rows = list(csv.DictReader(own(tmp_path).read_text(encoding="utf-8").splitlines()))[:4]
    rows[0]["gpu"], rows[1]["value"] = "abacus", ""
    with pytest.raises(PlanError, match="needs 4 measured rows, and 2 of the 4 given can be used") as wrong:
        calibrate_training([table(tmp_path / "few.csv", rows)])
    assert "abacus" in str(wrong.value.problems[0].value)
    assert "no measured step" in str(wrong.value.problems[0].value)


def test_a_file_counts_once_whatever_it_is_called(tmp_path: Path) -> None:
    mine = own(tmp_path)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(mine.read_bytes().replace(b"\r\n", b"\n"))
    alone = calibrate_training([mine])
    twice = calibrate_training([mine, copy])
    assert (twice.rows, twice.after, alone.warnings) == (alone.rows, alone.after, ())
    (warning,) = twice.warnings
    assert "copy.csv holds the same measurements as" in warning


def test_a_truncated_model_is_told(tmp_path: Path) -> None:
    rows = list(csv.DictReader(own(tmp_path).read_text(encoding="utf-8").splitlines()))
    changed = [{**row, "layers": "8", "pp": "1", "vpp": "1", "dp": ""} for row in rows]
    found = read_questions(table(tmp_path / "cut.csv", changed, (*COLUMNS, "layers")))
    answered = [a for a in found if a.question is not None]
    assert answered
    assert all("+8" in a.question.model for a in answered if a.question)
    assert all("layers 8 (as the row states; " in warning for warning in layer_warnings(found))
    assert layer_warnings(found)
    assert not layer_warnings(read_questions(own(tmp_path)))


def test_kinds_of_software_are_not_mixed(tmp_path: Path) -> None:
    rows = list(csv.DictReader(own(tmp_path).read_text(encoding="utf-8").splitlines()))
    for row in rows[:4]:
        row["software"] = CLASSIC
    with pytest.raises(PlanError, match="several kinds of software"):
        calibrate_training([table(tmp_path / "mixed.csv", rows, (*COLUMNS, "software"))])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1", "begins with its header"),
        ("overlay: {who: a, why: b, from: c}\ndemand: {}", "no constants of training"),
        ("overlay: {who: a, why: b, from: c}\ntraining: {efficiency: {layer_overhead: 1 s}}", "layer_overhead_s"),
        (
            "overlay: {who: a, why: b, from: c}\ntraining: {efficiency: {training_gemm_share_bf16: 1.5}}",
            "at most",
        ),
        ("overlay: {who: a, why: b, from: c}\ntraining: {software: newest, efficiency: {}}", "modern"),
    ],
)
def test_wrong_overlays_say_where(tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    assert leave("train", "llama_3_9b", "h100_hgx", "--gpus", "8", "--with", str(path)) == 2
    told = capsys.readouterr().err
    assert "wrong.yaml" in told
    assert words in told
    assert "llama_3_9b" in told  # all at once


def test_scales_of_a_layout(tmp_path: Path) -> None:
    assert scales_of(read_questions(own(tmp_path))) == 1  # 8B on 8 and 16; 70B in FP8 is another layout


def test_pulled_by_hand() -> None:
    """One constant, one row: the minimum of (x - 1)^2 + (p x)^2 lies at 1 / (1 + p^2)."""
    wide = np.array([-5.0]), np.array([5.0])
    for pull in (0.1, 1.0, 3.0):
        found, slopes = pulled(lambda x: x - 1.0, np.zeros(1), wide, pull=pull, soft=1e3)
        assert found[0] == pytest.approx(1 / (1 + pull**2), rel=1e-3)
        assert slopes.shape == (1, 1)
        assert slopes[0, 0] == pytest.approx(1, rel=1e-3)


def prior(count: int, pull: float = 1.0, along: float = 0.0) -> Prior:
    """Return constants that ship as one, may be anything, and move together by ``along``."""
    far = np.full(count, 9.0)
    return Prior(np.zeros(count), -far, far, pull=pull, soft=1e3, along=np.full(count, along), common_pull=0.1)


def test_what_rows_determine_by_hand() -> None:
    """One constant whose rows have slopes s: they leave p^2 / (sum of s^2 + p^2) of its variance; at most half is asked
    for."""
    for pull in (0.5, 2.0):
        for slope in (0.9 * pull, 1.1 * pull):
            assert determined(np.array([[slope]]), prior(1, pull)).tolist() == [slope > pull]
            (left,) = posterior(np.array([[slope]]), prior(1, pull), np.ones(1, dtype=bool)).ravel()
            assert left == pytest.approx(1 / (slope**2 + pull**2))
    assert determined(np.array([[1.1, 0.0], [0.0, 0.9]]), prior(2)).tolist() == [True, False]
    # Two that only act together: one of them says all that the rows say.
    assert determined(np.full((9, 2), 1.0), prior(2)).sum() == 1
    assert not determined(np.zeros((9, 2)), prior(2)).any()


@given(
    slopes=arrays(float, (6, 4), elements=st.floats(-2, 2)),
    pull=st.floats(0.1, 3),
    along=st.sampled_from([0.0, 1.0, -1.0]),
)
def test_more_rows_leave_less_and_determine_no_less(slopes: Array, pull: float, along: float) -> None:
    everything = np.ones(4, dtype=bool)
    before = prior(4, pull, along)
    once, twice = (np.diag(posterior(np.tile(slopes, (n, 1)), before, everything)) for n in (1, 2))
    assert (twice <= once * (1 + 1e-9)).all()
    assert (once <= np.diag(before.covariance(everything)) * (1 + 1e-9)).all()
    if (once * pull**2 <= 0.5).all():
        assert determined(slopes, before).all()


def test_a_refit_moves_what_its_rows_see_and_its_range_holds_it() -> None:
    """The first constant acts on all rows, which say 0.3; the second on none."""
    found = refit(lambda x: np.repeat(x[0] - 0.3, 50), prior(2))
    assert found.determined.tolist() == [True, False]
    assert found.x[0] == pytest.approx(0.3, abs=0.01)
    assert found.x[1] == found.low[1] == found.high[1] == 0
    assert found.low[0] < 0.3 < found.high[0]
    nothing = refit(lambda x: np.zeros(9) + 0 * x[0], prior(2))
    assert not nothing.determined.any()
    assert (nothing.x == 0).all()


@pytest.mark.parametrize(
    ("count", "before", "held_out", "words"),
    [
        (3, 0.2, 0.1, ""),
        (3, 0.2, 0.2, "no better than what ships"),
        (3, 0.2, 0.3, "no better than what ships"),
        (3, 0.9, 0.51, "off by 51%, more than 50%"),
        (3, 0.2, None, "none can be left out"),
        (0, 0.2, 0.1, "determine no constant"),
    ],
)
def test_why_an_overlay_is_not_written(count: int, before: float, held_out: float | None, words: str) -> None:
    found = why_not_written(count, before, held_out, held_out)
    assert words in found
    assert bool(found) == bool(words)


def test_a_refit_that_is_no_better_is_written_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, out = str(own(tmp_path)), tmp_path / "o.yaml"  # as shipped: nothing is to be gained
    assert leave("calibrate", "training", mine, "-o", str(out)) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "no better than what ships" in told
    assert "9 rows, median error of the step: 0.0% as shipped; 0.0% refit" in told
    assert "--force" in told
    assert not out.exists()
    assert leave("calibrate", "training", mine, "-o", str(out), "--force") == 0
    assert "Written although" in capsys.readouterr().out
    values = yaml.safe_load(out.read_text())["training"]["efficiency"]
    assert all("written with --force although on rows left out" in v["note"] for v in values.values())


def test_the_overlay_holds_what_rows_determine_with_what_it_rests_on(tmp_path: Path) -> None:
    out = tmp_path / "o.yaml"
    answer = gp.calibrate_training(own(tmp_path, 1.25), out)
    data = yaml.safe_load(out.read_text())
    values = data["training"]["efficiency"]
    assert set(values) == set(answer.determined)
    assert "training_gemm_share_fp4" not in values  # no row is in FP4
    for name, value in values.items():
        assert float(value["low"]) <= float(value["value"]) <= float(value["high"])
        assert float(value["value"]) == pytest.approx(getattr(answer.after, name), rel=1e-4)
        assert value["evidence"] == "estimated"
        assert value["note"] == f"calibrated on mine.csv: {answer.error_summary}"
    assert "9 rows, median error of the step: 20.0% as shipped" in answer.error_summary
    assert "on models or layouts left out" in answer.error_summary


def test_groups_left_out_are_never_fitted() -> None:
    kinds = kinds_of(["one"] * 20, [str(k) for k in range(20)])
    assert kinds is not None
    assert len(np.unique(kinds)) == MOST_GROUPS
    seen = np.zeros(20)

    def off(fitted: np.ndarray[Any, Any], asked: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        assert not (fitted & asked).any()
        assert (fitted | asked).all()
        seen[asked] += 1
        return np.arange(20.0)[asked]

    np.testing.assert_array_equal(left_out(kinds, off), np.arange(20.0))
    assert (seen == 1).all()
    assert kinds_of(["one", "two"], ["a", "b"]) is None
    assert left_out(None, off) is None
