"""Answers to rows of benchmarks: never from their results, honest in their errors, whole whatever the table says."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.accuracy import serving as accuracy
from gigaplan.catalog.names import generation
from gigaplan.inference.inputs import Efficiency, Engine
from gigaplan.inference.options import ENGINES
from gigaplan.plan.names import family
from gigaplan.plan.resolve import efficiency_of, engine_of
from gigaplan.plan.resolver import meant_in_table
from gigaplan.validation.serving import fit as fits
from gigaplan.validation.serving import folds, predictions, published_rows, questions
from gigaplan.validation.serving import validate as v
from gigaplan.validation.serving.answers import answers, groups
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.questions import question
from gigaplan.validation.serving.tables import predict, validate_any
from gigaplan.vocabulary.errors import PlanError, UnsupportedError

WHOLE = Path(__file__).parents[3] / "shared" / "data" / "validation" / "inference_serving.csv"
RESULTS = ("ttft_ms", "tpot_ms", "output_tokens_per_s_per_gpu")


@pytest.fixture(scope="module")
def answer() -> v.InferenceValidation:
    return v.validate()


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_every_row_of_the_sample_is_answered(answer: v.InferenceValidation) -> None:
    assert answer.left_out == 0
    assert len(answer.rows) >= 60
    for row in answer.rows:
        assert row.tpot_error == pytest.approx(row.answer.tpot_ms / row.tpot_ms - 1)
        assert row.answer.tpot_low < row.answer.tpot_ms < row.answer.tpot_high
        assert row.answer.ttft_low < row.answer.ttft_ms < row.answer.ttft_high
    json.dumps(gp.to_json(answer))


def test_errors_of_the_sample(answer: v.InferenceValidation) -> None:
    summary = next(s for s in answer.summaries if s.name == "co-located")
    errors = np.abs([r.tpot_error for r in answer.rows if r.mode == "agg"])
    assert summary.tpot_median_abs == pytest.approx(float(np.median(errors)))
    assert 0 < summary.tpot_median_abs < 0.20
    assert abs(summary.tpot_bias) < 0.12
    assert 0.5 < summary.tpot_covered <= 1


@pytest.mark.skipif(not WHOLE.exists(), reason="the whole table is not beside this checkout")
def test_the_whole_table() -> None:
    whole = v.validate(WHOLE)
    by = {s.name: s for s in whole.summaries}
    assert by["co-located"].rows > 2000
    assert by["co-located"].tpot_median_abs < 0.13
    assert 0.70 < by["co-located"].tpot_covered < 0.90
    kinds = ("validity: inside", "validity: extrapolated", "set aside")
    assert sum(by[k].rows for k in kinds) == len(whole.rows)
    assert by["set aside"].rows < 0.02 * len(whole.rows)
    assert all(r.set_aside for r in whole.rows if r.tpot_error > 1.9 and r.mode == "agg" and r.model == "qwen3_32b")
    assert whole.left_out < 0.02 * len(whole.rows)


def test_the_answer_never_looks_at_the_results(tmp_path: Path) -> None:
    rows = questions.read()
    blind = write(tmp_path / "blind.csv", [{k: x for k, x in r.items() if k not in RESULTS} for r in rows])
    seeing = write(tmp_path / "seeing.csv", rows)
    for given in (blind, seeing):
        assert predict(given, given.with_suffix(".out")) == (len(rows), len(rows), ())
    columns = [c for c in predictions.ANSWER_COLUMNS if c not in RESULTS] + ["tpot_ms", "ttft_ms"]
    a, b = (table(p.with_suffix(".out")) for p in (blind, seeing))
    for mine, other in zip(a, b, strict=True):
        assert [mine[c] for c in columns] == [other[c] for c in columns]
        assert float(mine["tpot_low"]) < float(mine["tpot_ms"]) < float(mine["tpot_high"])


def test_layouts_that_a_run_states_replace_what_its_table_guesses() -> None:
    layouts = published_rows._layouts()
    assert len(layouts) == 231
    row = {
        "id": "dsr1_h200_trtllm_fp8_disagg_8192x1024_c768_cfg679",
        "url": "https://github.com/ai-dynamo/aiconfigurator/blob/main/x.csv",
        "gpu": "h200_sxm",
        "model": "deepseek-ai/DeepSeek-V3",
        "precision": "fp8",
        "engine": "trtllm",
        "isl": "8192",
        "osl": "1024",
        "concurrency": "768",
    }
    known, other = question(row), question({**row, "id": "another", "mode": "agg", "tp": "8"})
    assert known.prefill is not None
    assert (known.decode.count, known.decode.by_requests, known.prefill.count) == (3, True, 5)
    assert known.gpus == 64
    assert other.prefill is None
    totals = "prefill: workers=4 tp=1 pp=1 dp=1 moe_tp=1 ep=1 bs= | decode: workers=1 tp=1 pp=1 dp=1 moe_tp=1 ep=1 bs="
    wide = question({**row, "id": "", "mode": "disagg", "config": f"{totals}; pg=16 dg=32"})
    assert wide.prefill is not None
    assert (wide.prefill.gpus, wide.decode.gpus, wide.decode.by_requests) == (4, 32, True)


def test_rows_of_other_makers_are_compared_and_never_fitted() -> None:
    apart = [a for a in validate_any() if isinstance(a, v.InferenceValidation) and a.title]
    assert [len(a.rows) for a in apart] == [80, 7]
    assert all(r.answer.validity.startswith("extrapolated") for a in apart for r in a.rows)


def test_rows_one_by_one_give_what_all_give() -> None:
    asked = questions.read_questions()[::9]
    together = predictions.answer_all(asked, out_of_sample=True)
    for one, found in zip(asked, together, strict=True):
        alone = predictions.answer_all([one], out_of_sample=True)[0]
        assert alone.tpot_ms == pytest.approx(found.tpot_ms)
        assert alone.ttft_ms == pytest.approx(found.ttft_ms)


def test_an_honest_answer_never_saw_its_own_fold() -> None:
    for asked in questions.read_questions():
        assert asked.question is not None
        assert generation(asked.question.system) in accuracy.measured_generations()
        assert family(asked.question.model) in accuracy.measured_families()
        assert folds.cell(asked.question) in folds.folds()
        assert folds.constants_for(asked.question, "cell") is not shipped()
        assert f"{folds.WITHOUT_FAMILY}{family(asked.question.model)}" in folds.left_out()
        assert folds.constants_for(asked.question, None) is shipped()


def test_the_fit_finds_constants_that_made_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "PULL", 0.3)  # some forty rows can't pull against what some thousand are to
    asked = [a.question for a in questions.read_questions() if a.question is not None and a.question.prefill is None][
        ::2
    ]
    truth = shipped()
    truth = replace(truth, efficiency=replace(truth.efficiency, hbm_share=0.7))
    ttft, tpot = answers(groups(asked), truth, len(asked))
    rows = fits.table(asked, ttft * 1e3, tpot * 1e3)
    found = fits.constants(fits.fit(rows, np.ones(len(asked), dtype=bool), rounds=25))
    again_ttft, again = answers(rows.grouped, found, len(asked))
    assert float(np.median(np.abs(again / tpot - 1))) < 0.03
    assert float(np.median(np.abs(again_ttft / ttft - 1))) < 0.2  # weighs less, and constants are held from oddity


def test_every_constant_tells_where_it_comes_from() -> None:
    facts = catalog.load()
    efficiency_of(facts)
    for name in (f.name for f in fields(Efficiency)):
        fact = facts.find("serving_model", name)
        assert ("fitted" in fact.note) == (fact.evidence == "estimated")
    for engine in ENGINES:
        engine_of(facts, engine)
        made = [facts.find(engine, f.name) for f in fields(Engine)]
        assert all(("fitted" in fact.note) == (fact.evidence == "estimated") for fact in made)


def test_rows_that_cannot_be_answered_say_why(tmp_path: Path) -> None:
    rows = questions.read()
    odd = [
        {**rows[0], "gpu": "abacus"},
        {**rows[0], "concurrency": ""},
        {**rows[0], "model": "no such model"},
        {**rows[0], "isl": "nan"},
        {**rows[0], "osl": "-3"},
        {**rows[0], "concurrency": "inf"},
    ]
    path = write(tmp_path / "table.csv", [rows[0], *odd])
    assert predict(path, tmp_path / "out.csv") == (7, 1, ())
    out = table(tmp_path / "out.csv")
    assert [r["validity"].split(":")[0] for r in out[1:]] == ["unsupported"] * 6
    assert all(len(r["validity"]) > 20 and not r["tpot_low"] for r in out[1:])
    assert out[0]["id"] == rows[0]["id"], "the table's own columns are kept"
    assert v.validate(path).left_out == 6


def test_what_is_guessed_is_told() -> None:
    row = questions.read()[0]
    for changed in ({"precision": ""}, {"engine": "a new one"}, {"tp": "", "n_gpus": "8"}):
        asked = question({**row, **changed})
        assert asked.decode.gpus >= 1
    assert question({**row, "engine": "a new one"}).guesses


def test_hardware_without_a_measured_row_has_wider_intervals() -> None:
    row = next(r for r in questions.read() if r["gpu"] == "b200_sxm" and r["mode"] == "agg")
    near, far = predictions.answer_all(
        [questions.row_question(row), questions.row_question({**row, "gpu": "mi355x"})], out_of_sample=False
    )
    assert near.validity == "inside"
    assert far.validity.startswith("extrapolated: no measured row of")
    assert far.tpot_high / far.tpot_low > near.tpot_high / near.tpot_low
    assert far.tpot_high / far.tpot_low < 3


@pytest.mark.parametrize(
    ("published", "name"),
    [
        ("meta-llama/Llama-3.1-70B-Instruct", "llama_3_1_70b"),
        ("Qwen/Qwen3-32B-FP8", "qwen3_32b"),
        ("deepseek-ai/DeepSeek-R1-0528", "deepseek_r1"),
        ("openai/gpt-oss-120b", "gpt_oss_120b"),
    ],
)
def test_names_of_models(published: str, name: str) -> None:
    assert meant_in_table("model", published) == name


@pytest.mark.parametrize(
    ("gpu", "system"),
    [
        ("h100_sxm", "h100_hgx"),
        ("H200-SXM", "h200_hgx"),
        ("gb200", "gb200_nvl72"),
        ("vr200", "vr_nvl72"),
        ("rtx_pro_6000_server", "rtx_pro_6000_server"),
        ("mi300x", "mi300x_oam8"),
        ("b300", "b300_hgx"),
    ],
)
def test_names_of_gpus(gpu: str, system: str) -> None:
    assert meant_in_table("system", gpu) == system


def test_unknown_gpus_have_a_nearest_name() -> None:
    with pytest.raises(UnsupportedError, match="no system"):
        meant_in_table("system", "zx81")


def test_wrong_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id,gpu\n1,h100_sxm\n", encoding="utf-8")
    with pytest.raises(PlanError, match="columns are missing"):
        v.validate(path)
    with pytest.raises(PlanError, match="cannot be read"):
        v.validate(tmp_path / "nowhere.csv")
    with pytest.raises(PlanError, match="cannot be read"):
        predict(tmp_path / "nowhere.csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_an_empty_table_has_empty_answers(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(",".join(questions.NEEDED) + "\n", encoding="utf-8")
    assert predict(path, tmp_path / "out.csv") == (0, 0, ())
    assert math.isfinite(len(v.validate(path).rows))
