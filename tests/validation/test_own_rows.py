"""Users' tables of rows: what a row says is computed, or it is refused with the cell's name; labels are never read."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.inference.serving import requests_in_flight
from gigaplan.inference.step import Stage
from gigaplan.measurements.tables import read_table
from gigaplan.validation.serving import predictions as serving
from gigaplan.validation.serving import throughput
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.questions import question, read, row_question
from gigaplan.validation.serving.rows import known
from gigaplan.validation.serving.tables import predict, validate_any
from gigaplan.validation.training import predictions as training
from gigaplan.validation.training import questions as training_questions
from gigaplan.vocabulary.errors import PlanError, UnsupportedError

SERVING = {
    "id": "r1",
    "source": "mine",
    "gpu": "H100",
    "n_gpus": "8",
    "model": "meta-llama/Llama-3.1-70B-Instruct",
    "precision": "fp8",
    "engine": "vllm",
    "mode": "agg",
    "tp": "8",
    "pp": "1",
    "ep": "1",
    "dp": "1",
    "isl": "1000",
    "osl": "200",
    "concurrency": "16",
    "notes": "",
}
SATURATED = {**SERVING, "metric": "total_output_throughput", "concurrency": "max"}
TRAINING = {
    "id": "r1",
    "source": "mine",
    "date": "2026-09",
    "gpu": "H100",
    "num_gpus": "64",
    "model": "Llama-3 8B",
    "seq_len": "4096",
    "global_batch": "256",
    "micro_batch": "1",
    "tp": "2",
    "pp": "2",
    "dp": "16",
    "cp": "1",
    "ep": "1",
    "vpp": "1",
    "precision": "BF16",
    "recompute": "full",
    "notes": "",
}
LABELS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "special",
            "mtp eagle spec",
            "SemiAnalysis InferenceX",
            "vTrain (MICRO-57) measured data",
            "MLPerf Training v5.0",
            "Megatron-DeepSpeed",
            "NVIDIA Megatron-Bridge",
            "torchtitan",
            "microbatch 4 x 8",
            "fsdp, zero-3",
        ]
    ),
)
COUNTS = ("tp", "pp", "ep", "dp", "n_gpus")
TRAINING_COUNTS = ("num_gpus", "seq_len", "global_batch", "micro_batch", "tp", "pp", "dp", "cp", "ep", "vpp")
NOT_COUNTS = ("0", "-1", "1.5", "abc", "nan", "inf", "1e400", "1,5", "9" * 40, "1e18", "½")


def served(row: dict[str, str]) -> serving.Answer:
    return serving.answer_all([row_question(row)], out_of_sample=False)[0]


def trained(row: dict[str, str]) -> training.Answer:
    asked = training_questions._row_question(row)
    return training.answer_all([asked], out_of_sample=False)[0]


def same(one: object, other: object) -> bool:
    """Return whether two answers are equal, nan being equal to nan."""
    return repr(one) == repr(other)


@settings(deadline=None, max_examples=60)
@given(labels=st.fixed_dictionaries(dict.fromkeys(("id", "source", "notes"), LABELS)))
def test_labels_never_enter_a_calculation(labels: dict[str, str]) -> None:
    assert same(served({**SERVING, **labels}), served(SERVING))
    assert same(throughput.tokens({**SATURATED, **labels}), throughput.tokens(SATURATED))
    assert same(trained({**TRAINING, **labels}), trained(TRAINING))


@settings(deadline=None, max_examples=20)
@given(order=st.permutations(range(12)))
def test_permuted_labels_leave_answers_of_a_published_table_too(order: list[int]) -> None:
    rows = training_questions.read()[: len(order)]
    mixed = [{**r, "source": rows[k]["source"], "notes": ""} for r, k in zip(rows, order, strict=True)]
    plain = [{**r, "notes": ""} for r in rows]
    assert [repr(trained(r)) for r in mixed] == [repr(trained(r)) for r in plain]


@settings(deadline=None, max_examples=150)
@given(
    cells=st.dictionaries(
        st.sampled_from([*SERVING, "speculative", "ttft_ms", "tpot_ms", "config"]),
        st.one_of(st.text(max_size=12), st.sampled_from([*NOT_COUNTS, "", "2", "8", "disagg", "1024"])),
        max_size=4,
    )
)
def test_any_cell_is_computed_or_refused(cells: dict[str, str]) -> None:
    answer = served({**SERVING, **cells})
    if answer.validity.startswith("unsupported"):
        assert len(answer.validity) > len("unsupported: ") + 5
        return
    assert 0 < answer.ttft_low <= answer.ttft_ms <= answer.ttft_high < math.inf
    assert math.isnan(answer.tpot_ms) or 0 < answer.tpot_low <= answer.tpot_ms <= answer.tpot_high < math.inf
    assert answer.model_answered
    assert answer.memory_gb > 0


@settings(deadline=None, max_examples=150)
@given(
    cells=st.dictionaries(
        st.sampled_from([*TRAINING, "fsdp", "software", "layers", "hidden", "heads", "value"]),
        st.one_of(st.text(max_size=12), st.sampled_from([*NOT_COUNTS, "", "2", "8", "H100 0.0 TB/s", "1024"])),
        max_size=4,
    )
)
def test_any_training_cell_is_computed_or_refused(cells: dict[str, str]) -> None:
    answer = trained({**TRAINING, **cells})
    if answer.validity.startswith("unsupported"):
        assert len(answer.validity) > len("unsupported: ") + 5
        return
    assert 0 < answer.low <= answer.step_time_ms <= answer.high < math.inf
    assert answer.model_answered


@pytest.mark.parametrize("cell", NOT_COUNTS)
def test_what_is_no_positive_whole_number_is_refused_by_its_column(cell: str) -> None:
    for column in COUNTS:
        assert f"'{column}' is '" in served({**SERVING, column: cell}).validity
    for column in TRAINING_COUNTS:
        assert f"'{column}' is '" in trained({**TRAINING, column: cell}).validity


def test_all_that_is_wrong_is_named_at_once() -> None:
    wrong = served({**SERVING, "tp": "-1", "isl": "-5", "engine": "ollama", "precision": "banana"}).validity
    for words in ("'tp' is '-1'", "'isl' is '-5'", "'engine' is 'ollama'", "'precision' is 'banana'", "gptq"):
        assert words in wrong


def test_empty_cells_are_told_as_assumptions() -> None:
    answer = served({**SERVING, "engine": "", "precision": "", "pp": "", "dp": "", "mode": ""})
    for words in ("engine vllm", "precision bf16", "pp 1", "dp 1", "mode agg"):
        assert words in answer.assumed
    assert "vpp 1" in trained({**TRAINING, "vpp": ""}).assumed
    assert "dp 16 (num_gpus over tp x pp x cp)" in trained({**TRAINING, "dp": ""}).assumed
    assert same(trained({**TRAINING, "dp": ""}).step_time_ms, trained(TRAINING).step_time_ms)


def test_a_stated_number_of_layers_is_computed_and_told() -> None:
    name = trained(TRAINING).model_answered
    assert "layers" not in trained(TRAINING).assumed
    cut = trained({**TRAINING, "layers": "16", "pp": "1", "dp": ""})
    assert cut.model_answered == f"{name}+16"
    assert f"layers 16 (as the row states; {name} has " in cut.assumed
    experts = {**TRAINING, "model": "deepseek_v3", "num_gpus": "256", "layers": "12", "pp": "1", "ep": "32", "dp": ""}
    assert "dense layers 1 (the row leaves them open; deepseek_v3 has 3)" in trained(experts).assumed


def test_speculation_is_a_column() -> None:
    plain = served(SERVING)
    drafted = served({**SERVING, "speculative": "mtp"})
    assert drafted.tpot_ms < plain.tpot_ms
    assert served({**SERVING, "spec_decode": "none"}).tpot_ms == plain.tpot_ms
    assert "'speculative' is 'perhaps'" in served({**SERVING, "speculative": "perhaps"}).validity


def test_drafts_are_a_number_and_what_is_accepted_of_them() -> None:
    drafted = served({**SERVING, "drafts": "3"})
    assert "accepted_tokens" in drafted.assumed
    assert served({**SERVING, "speculative": "eagle", "drafts": "3"}).tpot_ms == drafted.tpot_ms
    assert served({**SERVING, "drafts": "3", "accepted_tokens": "4"}).tpot_ms < drafted.tpot_ms
    assert "no measured row of llama_3_1_70b with drafts" in drafted.validity
    for wrong, words in (
        ({"speculative": "none", "drafts": "3"}, "'drafts' is '3': give 0"),
        ({"speculative": "mtp", "drafts": "0"}, "'drafts' is '0': give 1 or more"),
        ({"drafts": "2", "accepted_tokens": "4"}, "give 1 to 3"),
        ({"accepted_tokens": "2"}, "nothing is drafted"),
        ({"drafts": "9"}, "aren't published"),
    ):
        assert words in served({**SERVING, **wrong}).validity


@pytest.mark.parametrize("words", ["awq", "gptq", "w4a16", "INT4", "NVFP4"])
def test_four_bit_weights(words: str) -> None:
    assert question({**SERVING, "precision": words}).precision == "fp4"


@settings(deadline=None, max_examples=40)
@given(
    tensor=st.sampled_from([1, 2, 4, 8]),
    data=st.integers(1, 6),
    users=st.integers(1, 64),
    input_=st.integers(100, 4000),
)
def test_replicas_share_the_users_out(tensor: int, data: int, users: int, input_: int) -> None:
    of = {**SERVING, "model": "llama_3_1_8b", "tp": str(tensor), "isl": str(input_)}
    one = served({**of, "n_gpus": str(tensor), "concurrency": str(users)})
    many = served({**of, "n_gpus": str(tensor * data), "dp": str(data), "concurrency": str(users * data)})
    assert many.tpot_ms == pytest.approx(one.tpot_ms, rel=1e-9)
    assert many.ttft_ms == pytest.approx(one.ttft_ms, rel=1e-9)
    assert many.output_tokens_per_s_per_gpu == pytest.approx(one.output_tokens_per_s_per_gpu, rel=1e-9)
    assert many.memory_gb == pytest.approx(one.memory_gb, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(stages=st.sampled_from([2, 4, 8]), users=st.integers(1, 4))
def test_a_pipeline_is_no_tensor_split(stages: int, users: int) -> None:
    flat = served({**SERVING, "concurrency": str(users)})
    deep = served({**SERVING, "tp": str(8 // stages), "pp": str(stages), "concurrency": str(users)})
    assert deep.tpot_ms > flat.tpot_ms
    assert question({**SERVING, "tp": str(8 // stages), "pp": str(stages)}).prefill is None


def test_a_co_located_row_over_many_gpus_stays_so() -> None:
    asked = question({**SERVING, "n_gpus": "16", "pp": "2"})
    assert asked.prefill is None
    assert asked.gpus == 16
    answer = served({**SERVING, "n_gpus": "16", "pp": "2"})
    assert answer.tpot_high / answer.tpot_low < 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tp": "3", "n_gpus": "3"}, "does not divide the model's 64 attention heads: give 2 or 4"),
        ({"tp": "4"}, "tp x pp x dp is 4, n_gpus is 8"),
        ({"pp": "81", "n_gpus": "648"}, "more than the model's 80 layers"),
        ({"ep": "8"}, "the model has no experts"),
        ({"isl": "140000"}, "the model's longest context is 131,072"),
        ({"tp": "1", "n_gpus": "1", "precision": "bf16"}, "least layout that fits: tp2 (2 GPUs)"),
        ({"mode": "disagg"}, "states no prefill workers"),
    ],
)
def test_what_does_not_divide_or_fit_is_refused(change: dict[str, str], words: str) -> None:
    assert words in served({**SERVING, **change}).validity


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dp": "15"}, "tp x pp x cp x dp is 60"),
        ({"global_batch": "250"}, "dp x mb must divide a batch of 250 sequences"),
        ({"tp": "64", "pp": "1", "dp": "1"}, "tp must divide 32 attention heads"),
        ({"cp": "3", "num_gpus": "192"}, "cp must divide a sequence"),
        ({"ep": "2"}, "the model has no experts"),
        ({"gpu": "H100 0.0 TB/s"}, "a memory bandwidth above zero"),
        ({"heads": "64"}, "'heads' is '64': give 32"),
        ({"date": "next year"}, "'date' is 'next year'"),
        ({"model": "Llama-3.1 405B"}, "does not fit"),
    ],
)
def test_training_rows_that_do_not_divide_or_fit_are_refused(change: dict[str, str], words: str) -> None:
    assert words in trained({**TRAINING, **change}).validity


def test_a_measured_row_ran_all_the_same() -> None:
    small = {**SERVING, "tp": "1", "n_gpus": "1", "precision": "bf16"}
    assert served(small).validity.startswith("unsupported")
    measured = served({**small, "ttft_ms": "100", "tpot_ms": "20"})
    assert "it was measured, and yet does not fit" in measured.validity
    big = {**TRAINING, "model": "Llama-3.1 405B"}
    measured_step = trained({**big, "metric": "iteration_time_s", "value": "20"})
    assert "it was measured, and yet does not fit" in measured_step.validity


def test_one_output_token_has_no_time_per_token() -> None:
    answer = served({**SERVING, "osl": "1"})
    assert math.isnan(answer.tpot_ms)
    assert answer.ttft_ms > 0
    assert answer.output_tokens_per_s_per_gpu == pytest.approx(16 / (answer.ttft_ms / 1e3) / 8)


@settings(deadline=None, max_examples=60)
@given(memory=st.lists(st.floats(5e9, 2e11), min_size=2, max_size=2), users=st.integers(1, 512))
def test_less_memory_never_holds_more_requests_and_one_at_least(memory: list[float], users: int) -> None:
    device, model = known("h100_hgx", "llama_3_1_8b")
    constants, one = shipped(), np.array(1.0)
    less, more = (
        float(
            requests_in_flight(
                Stage(
                    device.__class__(**{k: getattr(device, k) for k in device.__slots__} | {"hbm_bytes": hbm}),
                    model,
                    "bf16",
                    constants.efficiency,
                    constants.engines["vllm"],
                    one,
                    one,
                    0 * one,
                ),
                np.array(float(users)),
                np.array(1000.0),
                np.array(1000.0),
            )
        )
        for hbm in sorted(memory)
    )
    assert 1 <= less <= more


def write(path: Path, rows: list[dict[str, str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_any_separator_and_encoding_is_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = [{**SERVING, "isl": "1000,5", "id": "a, b; c"}]
    path = write(tmp_path / "rows.csv", rows, delimiter, encoding)
    assert read_table(path) == (tuple(SERVING), rows)
    assert predict(path, tmp_path / "out.csv") == (1, 1, ())
    (out,) = read_table(tmp_path / "out.csv")[1]
    assert float(out["ttft_ms"]) == pytest.approx(served({**SERVING, "isl": "1000.5"}).ttft_ms, rel=1e-4)
    assert out["model_answered"] == "llama_3_1_70b"
    assert float(out["memory_gb"]) > 0


def test_tables_that_cannot_be_read_say_where(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("gpu,model,isl,osl,concurrency\nH100,llama_3_1_8b,1,5,200,1\nH100,llama_3_1_8b,1,200,1\n")
    with pytest.raises(PlanError, match="the row has 6 cells, the table 5 columns"):
        read_table(path)
    path.write_text("gpu,gpu\n1,2\n")
    with pytest.raises(PlanError, match="two columns have one name"):
        read_table(path)
    path.write_bytes(b"\xff\x00\xfe\x81")
    with pytest.raises(PlanError, match="not UTF-8, nor is the file UTF-16"):
        read_table(path)


def test_a_number_with_a_comma_that_may_part_thousands_is_refused() -> None:
    assert "'isl' is '1,024': give a number from 1 on without a comma" in served({**SERVING, "isl": "1,024"}).validity


def test_repair_reaches_published_tables_only() -> None:
    row = next(r for r in read() if r["engine"] == "trtllm" and "rc6.post3" in r["engine_version"])
    assert question(row).speculative
    assert question(row).spread > 0
    own = {**row, "url": ""}
    assert not question(own).speculative
    assert question(own).spread == 0
    with pytest.raises(UnsupportedError, match="'engine' is 'a new one'"):
        question({**own, "engine": "a new one"})
    assert question({**row, "engine": "a new one"}).engine == "vllm"


def test_users_tables_are_validated_by_the_same_reader(tmp_path: Path) -> None:
    rows = [{**SERVING, "ttft_ms": "150", "tpot_ms": "10"}, {**SERVING, "tp": "3", "ttft_ms": "150", "tpot_ms": "10"}]
    (found,) = validate_any(write(tmp_path / "rows.csv", rows))
    assert found.left_out == 1
