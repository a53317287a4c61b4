from __future__ import annotations

import csv
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gigaplan.accuracy.validity import UNSUPPORTED
from gigaplan.cli import app
from gigaplan.training.software import predates_layer_graphs, years_behind
from gigaplan.training.step import model_flops_per_token
from gigaplan.validation.training.anchors import line, same_layout
from gigaplan.validation.training.constants import shipped
from gigaplan.validation.training.folds import WITHOUT, WITHOUT_BOARD, cell, constants_for, folds, part
from gigaplan.validation.training.gpt_sizes import shape_of_size
from gigaplan.validation.training.names import known, system_of
from gigaplan.validation.training.predictions import ANSWER_COLUMNS, answer_all
from gigaplan.validation.training.questions import question, read, read_questions
from gigaplan.validation.training.recipes import Recipe, recipe_of
from gigaplan.validation.training.sources import CLASSIC_SPLIT, fitted_source, published_step_s, table_of
from gigaplan.validation.training.validate import noise_floor, predict, validate
from gigaplan.vocabulary.errors import PlanError, UnsupportedError

ASKED = read_questions()
RESULTS = ("tokens_per_s_per_gpu", "model_tflops_per_gpu", "value")


def summary(name: str) -> float:
    return next(s.median_abs for s in validate().summaries if s.name == name)


def test_the_sample_keeps_its_sources() -> None:
    rows = read()
    assert 60 < len(rows) <= 100
    assert all(r["source"] and r["url"].startswith("https://") for r in rows)


def test_errors_on_the_sample_stay_where_they_are() -> None:
    """Honest errors: constants of each answer never saw the row's configuration."""
    found = {s.name: s for s in validate().summaries}
    assert found["vTrain single-node"].mean_abs < 0.09
    assert found["vTrain multi-node"].median_abs < 0.06
    assert found["Megatron-Bridge, dense"].median_abs < 0.06
    assert found["Megatron-Bridge, experts"].median_abs < 0.14
    assert found["MLPerf"].median_abs < 0.06
    assert found["MLPerf, anchored"].median_abs < 0.03
    assert 0.6 < found["all tables"].covered <= 1


def test_tables_that_only_test() -> None:
    """Megatron's own papers: plain GPTs from 22 billion to a trillion parameters on A100, whole and selective
    recomputation, stages with and without chunks; no constant saw any of them."""
    found = {s.name: s for s in validate().summaries}
    assert found["Megatron 2022"].rows == 8
    assert found["Megatron 2022"].mean_abs < 0.05
    assert found["Megatron 2021"].rows == 6
    assert found["Megatron 2021"].mean_abs < 0.05
    assert {table_of(a.row) for a in ASKED if not fitted_source(a.row)} == {
        "Megatron 2021",
        "Megatron 2022",
        "torchtitan",
    }


def test_hardware_flops_give_the_days_that_the_paper_gives() -> None:
    """Narayanan et al. 2021, table 2: 174.6 billion parameters at 153 TFLOP/s on 384 A100 take 84 days for 300
    billion tokens."""
    row = next(r for r in read() if r["model"] == "GPT 174.6B PTD-P" and r["num_gpus"] == "384")
    days = 300e9 / (1536 * 2048) * published_step_s(row) / 86_400
    assert days == pytest.approx(84, rel=0.02)


def test_the_noise_floor_by_hand() -> None:
    asked = next(a.question for a in ASKED if a.question is not None)
    later = replace(asked, years_behind=asked.years_behind + 0.1)
    other = replace(asked, micro_batch=asked.micro_batch * 2)
    found = noise_floor([asked, later, other], [1.0, 1.2, 3.0])
    assert found is not None
    assert (found.configurations, round(found.median, 3)) == (1, 0.2)
    assert noise_floor([asked, other], [1.0, 2.0]) is None


def test_a_gpu_with_less_power_and_memory_is_read_from_its_name() -> None:
    name = system_of("H100 96GB HBM2e 2.4TB/s 500W (Grand Teton)")
    device, plain = known(name, "llama_3_8b")[0], known("h100_hgx", "llama_3_8b")[0]
    assert (device.rated_w, device.hbm_bandwidth_bytes_per_s) == (500, 2.4e12)
    assert plain.rated_w == 700


def test_memory_on_the_sample() -> None:
    memory = validate().memory
    assert len(memory) == 6
    assert np.median([abs(m.error) for m in memory]) < 0.05


def test_answers_never_look_at_results() -> None:
    blind = [{k: ("" if k in RESULTS else v) for k, v in a.row.items()} for a in ASKED]
    for a, row in zip(ASKED, blind, strict=True):
        if a.question is not None:
            assert question(row) == a.question


def test_rows_one_by_one_are_rows_all_at_once() -> None:
    for out_of_sample in (True, False):
        together = answer_all(ASKED, out_of_sample=out_of_sample)
        for a, f in list(zip(ASKED, together, strict=True))[::5]:
            alone = answer_all([a], out_of_sample=out_of_sample)[0]
            assert alone.validity == f.validity
            np.testing.assert_allclose(alone.step_time_ms, f.step_time_ms, rtol=1e-12)
            np.testing.assert_allclose(alone.memory_gb, f.memory_gb, rtol=1e-12)


def test_no_answer_beats_the_hardware() -> None:
    for a, f in zip(ASKED, answer_all(ASKED, out_of_sample=False), strict=True):
        if a.question is None:
            assert f.validity.startswith(UNSUPPORTED)
            continue
        device, model = known(a.question.system, a.question.model)
        least = a.question.tokens * model_flops_per_token(model, a.question.sequence)
        least /= a.question.gpus * device.peak_flops_per_s(a.question.precision)
        assert f.step_time_ms / 1e3 > least
        assert f.low < f.step_time_ms < f.high


def test_honest_constants_come_from_other_rows() -> None:
    fitted = [a for a in ASKED if a.question is not None and a.fitted]
    for a in fitted:
        assert a.question is not None
        if a.question.software == CLASSIC_SPLIT or not fitted_source(a.row):
            continue
        if cell(a.question) not in folds():  # read since the last fit: never fitted on, and not told as if it were
            assert answer_all([a], out_of_sample=False)[0].validity.startswith("extrapolated")
            continue
        assert part(a.question) in folds()
        assert constants_for(a.question, out_of_sample=True) != constants_for(a.question, out_of_sample=False)
    assert {n for n in folds() if n.startswith(WITHOUT) and WITHOUT_BOARD not in n} == {
        f"{WITHOUT} hopper",
        f"{WITHOUT} blackwell",
    }


def test_a_line_by_hand() -> None:
    assert line([(8, 1.0), (16, 1.8)]) == pytest.approx((0.1, 0.2))
    assert line([(8, 1.0), (8, 1.1)]) is None


def test_anchored_rows_follow_the_measured_line(tmp_path: Path) -> None:
    rows = [
        r
        for r in read()
        if "MLPerf" in r["source"] and r["model"] == "GPT-3 175B" and r["tp"] and published_step_s(r) > 0
    ]
    known_rows = [r for r in rows if r["num_gpus"] in ("768", "8192")]
    asked = [r for r in rows if r["num_gpus"] == "10240"]
    assert len(known_rows) >= 2 and asked
    paths = [tmp_path / n for n in ("asked.csv", "measured.csv", "out.csv")]
    for path, some in zip(paths, (asked, known_rows), strict=False):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(some[0]))
            writer.writeheader()
            writer.writerows(some)
    predict(paths[0], paths[2], anchor=paths[1])
    answer = read(paths[2])[0]
    assert "anchored" in answer["validity"]
    assert float(answer["step_time_ms"]) / 1e3 == pytest.approx(published_step_s(asked[0]), rel=0.03)


def test_a_line_never_falls_and_never_gains() -> None:
    a, b = line([(8, 1.0), (16, 2.5)]) or (0.0, 0.0)  # noise says -0.5 s beside the micro-batches
    assert a > 0
    assert b == 0
    assert line([(8, 1.0), (16, 0.9)])[0] >= 0  # type: ignore[index]


def test_two_scales_tell_the_others() -> None:
    """Any two of MLPerf's scales of one layout, t = a m + b: the others within a few per cent, half of them within
    1.5 %."""
    by: dict[tuple[object, ...], list[tuple[float, float]]] = {}
    for a in ASKED:
        if a.question is not None and "MLPerf" in a.row["source"] and a.step_s > 0:
            by.setdefault(same_layout(a.question), []).append((a.question.micro_batches, a.step_s))
    off = []
    for some in by.values():
        for pair in itertools.combinations(some, 2):
            own = line(pair)
            off += [abs((own[0] * m + own[1]) / t - 1) for m, t in some if own and m not in {p[0] for p in pair}]
    assert len(off) >= 3
    assert np.median(off) < 0.015
    assert max(off) < 0.05


def test_anchors_of_the_same_release_count_first(tmp_path: Path) -> None:
    row = {**RELEASED, "date": "2026-02"}
    old = {**RELEASED, "date": "2025-10"}
    paths = [tmp_path / n for n in ("asked.csv", "measured.csv", "out.csv")]
    for path, some in zip(paths, ([row], [{**row, "value": "10"}, {**old, "value": "20"}]), strict=False):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(some[0]))
            writer.writeheader()
            writer.writerows(some)
    predict(paths[0], paths[2], anchor=paths[1])
    assert float(read(paths[2])[0]["step_time_ms"]) == pytest.approx(10_000, rel=1e-4)


RELEASED = {
    "source": "ours",
    "date": "",
    "gpu": "GB200",
    "num_gpus": "64",
    "model": "Llama-3 70B",
    "seq_len": "8192",
    "global_batch": "256",
    "micro_batch": "1",
    "tp": "4",
    "pp": "4",
    "dp": "4",
    "cp": "1",
    "ep": "1",
    "vpp": "5",
    "precision": "BF16",
    "recompute": "",
    "metric": "median_step_time_s",
    "value": "",
}


def test_predict_adds_columns_and_says_why_not(tmp_path: Path) -> None:
    source, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    rows = read()
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert app(["predict", "training", str(source), "-o", str(out)], exit_on_error=False) == 0
    answered = read(out)
    assert set(ANSWER_COLUMNS) <= set(answered[0])
    for r in answered:
        supported = not r["validity"].startswith(UNSUPPORTED)
        assert bool(r["step_time_ms"]) == supported
        if not r["tp"]:
            assert "missing" in r["validity"]


def test_validate_prints_errors_and_largest_rows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert app(["validate", "training"], exit_on_error=False) == 0
    text = capsys.readouterr().out
    assert "Megatron-Bridge, dense" in text
    assert "memory of 6 rows" in text


def test_bad_tables_say_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("gpu,model\nH100,GPT\n")
    with pytest.raises(PlanError) as wrong:
        read(path)
    assert "num_gpus" in str(wrong.value.problems[0].value)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"gpu": "H1000 super"}, "no system for GPU 'H1000 super'"),
        ({"num_gpus": "65"}, "num_gpus 65"),
        ({"model": "Lama 7B"}, "nearest"),
        ({"precision": "int1"}, "precision"),
        ({"tp": ""}, "'tp'"),
        ({"global_batch": "1"}, "dp x micro_batch"),
        ({"micro_batch": "1.5"}, "micro_batch"),
    ],
)
def test_rows_that_cannot_be_asked_say_why(change: dict[str, str], word: str) -> None:
    row = next(dict(a.row) for a in ASKED if a.question is not None and a.question.model == "llama_3_70b")
    with pytest.raises(UnsupportedError, match=word):
        question({**row, **change})


def test_software_matures_and_experts_are_launched() -> None:
    assert years_behind("2026-08", "hopper") == 0
    assert 0 < years_behind("2026-02", "blackwell") < years_behind("2025-09", "blackwell") <= 1
    assert years_behind("", "blackwell") == years_behind("2020", "an unknown generation") == 0
    assert predates_layer_graphs("2026-02", "blackwell") == predates_layer_graphs("2026-08", "hopper") == 1
    assert predates_layer_graphs("2026-08", "blackwell") == predates_layer_graphs("", "blackwell") == 0


def test_dropped_tokens_leave_no_counts_to_wait_for() -> None:
    row = next(r for r in read() if "Qwen3" in r["model"] and "30B" in r["model"])
    old = {**row, "date": "2026-02"}
    assert question(old).launched_by_host == question(old).unfused_experts == 1
    dropped = question({**old, "model": f"{row['model']} [tokendrop]"})
    assert (dropped.launched_by_host, dropped.unfused_experts) == (0, 1)


def test_two_kinds_of_software_have_their_own_constants() -> None:
    new, old = shipped()["modern"], shipped()["classic"]
    assert new.score_passes == 0 < old.score_passes
    assert old.layer_overhead_s > new.layer_overhead_s
    assert replace(new) == new


def test_adapters_leave_products_out_and_sizes_name_shapes() -> None:
    row = next(dict(a.row) for a in ASKED if a.question is not None and a.question.model == "llama_3_70b")
    whole, adapters = question(row), question({**row, "model": "Llama-3 70B [LoRA]"})
    assert (whole.frozen, adapters.frozen) == (0, 1)
    assert adapters.model == whole.model
    assumed = question({**row, "micro_batch": "", "dp": ""})
    assert assumed.micro_batch == 1
    assert any("micro_batch not stated" in g for g in assumed.guesses)
    assert shape_of_size("GPT 6.7B") == (32, 4096, 32)
    assert shape_of_size("GPT 5B") is None


def test_recipes_say_what_dates_do_not() -> None:
    layout = {"num_gpus": 8, "tp": 1, "pp": 1, "ep": 8, "micro_batch": 4}

    def there(release: str) -> Recipe | None:
        return recipe_of("qwen3_30b_a3b", "gb200_nvl72", "fp8", block_scaled=True, release=release, layout=layout)

    early, late = there("2026-02"), there("2026-06")
    assert there("2025-01") is None
    assert early is not None
    assert late is not None
    assert (early.graphs, late.graphs) == ("router", "full")
    assert late.fused_experts
    assert not early.fused_experts
