from __future__ import annotations

import csv
import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from gigaplan import catalog
from gigaplan.plan.resolve import efficiency_of
from gigaplan.validation import inference as v
from gigaplan.vocabulary.errors import PlanError

WHOLE = Path(__file__).parents[3] / "shared" / "data" / "validation" / "inference_serving.csv"


@pytest.fixture(scope="module")
def answer() -> v.InferenceValidation:
    return v.validate()


def test_every_row_of_the_sample_is_answered(answer: v.InferenceValidation) -> None:
    assert answer.left_out == 0 and len(answer.rows) >= 60
    for row in answer.rows:
        assert row.tpot_error == pytest.approx(row.our_tpot_ms / row.tpot_ms - 1)
        assert row.ttft_error == pytest.approx(row.our_ttft_ms / row.ttft_ms - 1)
    json.dumps(answer.as_dict())


def test_a_test_row_shares_no_gpu_and_model_with_a_fit_row(answer: v.InferenceValidation) -> None:
    kinds = {s: {(r.gpu, r.model) for r in answer.rows if r.split == s} for s in ("fit", "test")}
    assert kinds["fit"] and kinds["test"] and not kinds["fit"] & kinds["test"]
    assert {"h200_sxm", "b300_sxm", "gb200"} <= {gpu for gpu, _ in kinds["test"]} - {gpu for gpu, _ in kinds["fit"]}
    assert [r["split"] for r in v.read()] == [r.split for r in answer.rows]


def test_time_per_token_holds_on_rows_never_fitted_on(answer: v.InferenceValidation) -> None:
    summary = {s.name: s for s in answer.summaries}
    assert summary["test"].rows == sum(r.split == "test" for r in answer.rows)
    assert summary["fit"].tpot_median_abs < 0.12
    assert summary["test"].tpot_median_abs < 0.20
    assert abs(summary["test"].tpot_bias) < 0.12


def test_the_answer_never_looks_at_the_results() -> None:
    rows = v.read()
    blind = [{**r, "ttft_ms": "", "tpot_ms": "", "split": ""} for r in rows]
    efficiency = efficiency_of(catalog.load())
    for ours, ours_blind in zip(v.predict(rows, efficiency), v.predict(blind, efficiency), strict=True):
        assert (ours == ours_blind).all()


def test_rows_one_by_one_give_what_all_give() -> None:
    rows = v.read()[::9]
    efficiency = efficiency_of(catalog.load())
    together = v.predict(rows, efficiency)
    alone = [v.predict([r], efficiency) for r in rows]
    for k in (0, 1):
        assert together[k] == pytest.approx([a[k][0] for a in alone])


def test_the_fit_finds_constants_that_made_the_rows() -> None:
    truth = replace(efficiency_of(catalog.load()), hbm_share=0.6, kernel_overhead_s=6e-6)
    rows = [r for r in v.read() if v.split_of(r) == "fit"][::2]
    ttft, tpot = v.predict(rows, truth)
    made = [{**r, "ttft_ms": str(t), "tpot_ms": str(p)} for r, t, p in zip(rows, ttft, tpot, strict=True)]
    found, residual = v.fit(made)
    assert residual < 0.01
    assert found.hbm_share == pytest.approx(0.6, rel=0.05)
    assert found.kernel_overhead_s == pytest.approx(6e-6, rel=0.15)
    assert found.memory_reserve_share == truth.memory_reserve_share


def test_every_constant_tells_where_it_comes_from() -> None:
    facts = catalog.load()
    for name in (f.name for f in fields(efficiency_of(facts))):
        fact = facts.find("serving_model", name)
        assert ("residual" in fact.note) == (fact.evidence == "estimated")


def test_other_tables(tmp_path: Path) -> None:
    rows = v.read()
    odd = [{**rows[0], "mode": "disagg"}, {**rows[0], "precision": "nan"}, {**rows[0], "n_gpus": "64"},
           {**rows[0], "gpu": "abacus"}, {**rows[0], "concurrency": ""}]  # fmt: skip
    path = tmp_path / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([rows[0], *odd])
    answer = v.validate(path)
    assert answer.left_out == len(odd)
    assert asdict(answer.rows[0]) == asdict(v.validate().rows[0])


def test_wrong_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id,gpu\n1,h100_sxm\n", encoding="utf-8")
    with pytest.raises(PlanError, match="columns are missing"):
        v.validate(path)
    with pytest.raises(PlanError, match="cannot be read"):
        v.validate(tmp_path / "nowhere.csv")


@pytest.mark.skipif(not WHOLE.exists(), reason="the whole table does not come with gigaplan")
def test_the_sample_is_drawn_from_the_whole_table() -> None:
    drawn = v.sample(v.read(WHOLE))
    kept = v.read()
    assert [r["id"] for r in drawn] == [r["id"] for r in kept]
    assert [r["tpot_ms"] for r in drawn] == [r["tpot_ms"] for r in kept]
