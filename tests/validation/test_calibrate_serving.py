"""A user's own measurements: read from the tools that write them, refit, and used by a plan."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.validation import refit
from gigaplan.validation.serving.calibrate import Calibration, Errors, calibrate_serving
from gigaplan.validation.serving.constants import OF_ENGINES
from gigaplan.validation.serving.measured import read_measured
from gigaplan.validation.serving.predictions import times
from gigaplan.validation.serving.published_rows import question
from gigaplan.validation.serving.questions import read
from gigaplan.vocabulary.errors import PlanError

VLLM = {
    "backend": "vllm",
    "model_id": "meta-llama/Llama-3.1-70B-Instruct",
    "max_concurrency": 16,
    "completed": 160,
    "total_input_tokens": 163840,
    "total_output_tokens": 81920,
    "mean_ttft_ms": 210.5,
    "mean_tpot_ms": 18.2,
}
AIPERF = {
    "time_to_first_token": {"unit": "ms", "avg": 152.3},
    "inter_token_latency": {"unit": "us", "avg": 9100.0},
    "input_sequence_length": {"unit": "tokens", "avg": 1024.0},
    "output_sequence_length": {"unit": "tokens", "avg": 256.0},
    "input_config": {"endpoint": {"model_names": ["Qwen/Qwen3-32B-FP8"]}, "loadgen": {"concurrency": 8}},
}
BESIDE = {"gpu": "h100_sxm", "tp": "4", "precision": "fp8"}


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


def own(tmp_path: Path, slower: float = 1.0, every: int = 1) -> Path:
    """Write a table of every n-th row of vLLM's, all times ``slower`` by a factor."""
    rows = [r for r in read() if r["engine"] == "vllm" and r["mode"] == "agg"][::every]
    for row in rows:
        row |= {k: str(float(row[k]) * slower) for k in ("ttft_ms", "tpot_ms")}
    path = tmp_path / "mine.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_predicted(tmp_path: Path) -> Path:
    """Write a table of some of vLLM's rows with the times that shipped constants give."""
    rows = [r for r in read() if r["engine"] == "vllm" and r["mode"] == "agg"][::4]
    ttft, tpot, *_ = times([question(r) for r in rows])
    found = [r | {"ttft_ms": str(t * 1e3), "tpot_ms": str(p * 1e3)} for r, t, p in zip(rows, ttft, tpot, strict=True)]
    path = tmp_path / "mine.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(found)
    return path


@pytest.mark.parametrize(
    "text", [json.dumps(VLLM), json.dumps([VLLM, VLLM]), f"{json.dumps(VLLM)}\n{json.dumps(VLLM)}\n"]
)
def test_reports_of_serving_benchmarks(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    rows = read_measured([path], BESIDE)
    assert rows[0]["isl"] == "1024"
    assert rows[0]["osl"] == "512"
    assert rows[0]["engine"] == "vllm"
    assert rows[0]["concurrency"] == "16"
    assert float(rows[0]["tpot_ms"]) == 18.2


def test_exports_of_perf_tools(tmp_path: Path) -> None:
    path = tmp_path / "profile_export_aiperf.json"
    path.write_text(json.dumps(AIPERF))
    (row,) = read_measured([path], {**BESIDE, "engine": "sglang"})
    assert float(row["tpot_ms"]) == pytest.approx(9.1)
    assert row["model"] == "Qwen/Qwen3-32B-FP8"
    assert row["concurrency"] == "8"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "it was cut off"),
        ("[1]", "no result of a benchmark"),
        ("[]", "no measured row"),
        (json.dumps({**VLLM, "max_concurrency": None}), "--concurrency"),
        (json.dumps({**VLLM, "completed": 0}), "leaves open isl, osl"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(PlanError, match=words):
        read_measured([path], BESIDE)


def test_all_files_problems_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(PlanError) as wrong:
        read_measured([tmp_path / "a.json", tmp_path / "nowhere.csv"], {})
    assert len(wrong.value.problems) == 2


@pytest.fixture(scope="module", autouse=True)
def fewer_groups() -> Iterator[None]:
    """Leave out three groups in turn rather than eight, which takes half the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refit, "MOST_GROUPS", 3)
        yield


@pytest.fixture(scope="module")
def of_slower(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    """The answer to all rows, slower."""
    return calibrate_serving([own(tmp_path_factory.mktemp("slower"), slower=1.4)], {})


def test_a_refit_comes_closer(of_slower: Calibration) -> None:
    answer = of_slower
    assert answer.engine == "vllm"
    assert answer.error_after.tpot < answer.error_before.tpot
    assert answer.error_left_out is not None
    assert answer.error_left_out.tpot < answer.error_before.tpot
    assert answer.after.kernel_overhead_s > answer.before.kernel_overhead_s


def test_good_constants_stay(tmp_path: Path) -> None:
    answer = calibrate_serving([own(tmp_path)], {})
    assert answer.error_after.tpot < answer.error_before.tpot * 1.1
    assert 0.5 < answer.after.kernel_overhead_s / answer.before.kernel_overhead_s < 2


def test_too_few_rows_and_mixed_engines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(VLLM))
    with pytest.raises(PlanError, match="needs 4 measured rows, and 1 of the 1 given can be used"):
        calibrate_serving([path], BESIDE)
    both = own(tmp_path)
    rows = list(csv.DictReader(both.read_text(encoding="utf-8").splitlines()))
    rows[0]["engine"] = "sglang"
    with both.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(PlanError, match="several engines"):
        calibrate_serving([both], {})


def test_a_plan_uses_the_overlay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overlay = tmp_path / "vllm.yaml"
    assert leave("calibrate", "serving", str(own(tmp_path, slower=2.0, every=3)), "-o", str(overlay)) == 0
    assert "as shipped" in capsys.readouterr().out
    plain = gp.run("lab-1mw", {"demand.software.engine": "vllm"})
    slower = gp.run("lab-1mw", overlays=[overlay])
    assert (slower["requests_per_gpu_s"] <= plain["requests_per_gpu_s"] * (1 + 1e-9)).all()
    assert (slower["requests_per_gpu_s"] < plain["requests_per_gpu_s"]).any()
    assert any("own measurements of vllm" in n for n in slower.notes)


def test_a_refit_that_is_no_better_is_written_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, out = str(as_predicted(tmp_path)), tmp_path / "o.yaml"
    assert leave("calibrate", "serving", mine, "-o", str(out)) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "no better than what ships" in told
    assert "on layouts left out" in told
    assert "--force" in told
    assert not out.exists()
    assert gp.calibrate_serving(mine).refusal in told
    assert leave("calibrate", "serving", mine, "-o", str(out), "--force") == 0
    data = yaml.safe_load(out.read_text())
    assert all("written with --force although" in v["note"] for v in data["demand"]["engine"].values())


def test_a_refit_that_makes_one_of_the_times_worse_says_which(of_slower: Calibration) -> None:
    answer = of_slower
    assert answer.error_left_out is not None
    assert not answer.refusal
    before, better = answer.error_before, answer.error_left_out
    worse = replace(answer, error_left_out=Errors(ttft=before.ttft * 1.01, tpot=better.tpot))
    assert worse.error_left_out is not None
    assert worse.error_left_out.together < before.together
    assert not worse.refusal
    assert "makes the first token worse" in worse.worse
    assert "makes the first token worse" in worse.overlay("mine.csv").replace("\n", "")
    worse = replace(answer, error_before=Errors(ttft=0.4, tpot=0.1), error_left_out=Errors(ttft=0.1, tpot=0.11))
    assert "makes the time per token worse (10.0% to 11.0%)" in worse.worse
    assert not any("worse" in warning for warning in answer.warnings)


def test_a_file_given_twice_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, copy = own(tmp_path, slower=1.4, every=5), tmp_path / "copy.csv"
    copy.write_bytes(mine.read_bytes())
    alone = calibrate_serving([mine], {})
    (tmp_path / "below").mkdir()
    again = calibrate_serving([mine, tmp_path / "below" / ".." / "mine.csv", copy], {})
    assert (again.rows, again.after) == (alone.rows, alone.after)
    assert [w.split(" holds ")[0].rpartition("/")[2] for w in again.warnings[:2]] == ["mine.csv", "copy.csv"]
    assert leave("calibrate", "serving", str(mine), str(copy), "-o", str(tmp_path / "o.yaml")) == 0
    assert "they count once" in " ".join(capsys.readouterr().err.split())
    assert "copy.csv" not in (tmp_path / "o.yaml").read_text()


def test_the_overlay_holds_what_rows_determine_with_what_it_rests_on(tmp_path: Path) -> None:
    out = tmp_path / "o.yaml"
    answer = gp.calibrate_serving(own(tmp_path, slower=1.4, every=3), out)
    values = yaml.safe_load(out.read_text())["demand"]["engine"]
    assert set(values) == set(answer.determined) < set(OF_ENGINES)
    for name, value in values.items():
        low, middle, high = (float(value[k].removesuffix(" s")) for k in ("low", "value", "high"))
        assert low <= middle <= high
        assert middle == pytest.approx(getattr(answer.after, name), rel=1e-4)
        assert value["note"] == f"calibrated on mine.csv: {answer.error_summary}"
    for name in set(OF_ENGINES) - set(answer.determined):
        assert getattr(answer.after, name) == getattr(answer.before, name)


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, out = str(own(tmp_path, 1.4, every=5)), str(tmp_path / "o.yaml")
    assert leave("calibrate", "serving", mine, "-o", out, "--json") == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert data["engine"] == "vllm"
    assert leave("calibrate", "serving", str(tmp_path / "nowhere.csv"), "-o", str(tmp_path / "p.yaml")) == 2
    assert not (tmp_path / "p.yaml").exists()
