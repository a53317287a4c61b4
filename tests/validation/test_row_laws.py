"""Laws of answers to rows, on published rows: the sample that comes with gigaplan, and the whole table where it is."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.validation.serving import predictions as serving
from gigaplan.validation.serving.published_rows import stated_layout
from gigaplan.validation.serving.questions import read, row_question
from gigaplan.validation.training import predictions as training
from gigaplan.validation.training import questions as training_questions

WHOLE = Path(__file__).parents[3] / "shared" / "data" / "validation" / "inference_serving.csv"
ROWS = read(WHOLE) if WHOLE.exists() else read()
TRAINED = training_questions.read()
ROUNDING = 1 + 1e-9

rows = st.sampled_from(ROWS)
few = st.lists(rows, min_size=2, max_size=12)
ENGINES = ("vllm", "sglang", "trtllm")
OWN = st.fixed_dictionaries(
    {
        "gpu": st.sampled_from(["H100", "H200", "B200"]),
        "n_gpus": st.just(""),
        "model": st.sampled_from(["meta-llama/Llama-3.1-70B-Instruct", "openai/gpt-oss-120b"]),
        "precision": st.just("fp8"),
        "engine": st.sampled_from(ENGINES),
        "mode": st.just("agg"),
        "tp": st.sampled_from(["4", "8"]),
        "pp": st.just("1"),
        "dp": st.just(""),
        "isl": st.sampled_from(["200", "1000", "8000"]),
        "osl": st.sampled_from(["100", "1000"]),
        "concurrency": st.integers(1, 128).map(str),
    }
)


def answered(table: list[dict[str, str]]) -> list[serving.Answer]:
    return serving.answer_all([row_question(row) for row in table], out_of_sample=False)


@settings(max_examples=40, deadline=None)
@given(table=few, data=st.data())
def test_ids_links_and_order_leave_answers_of_published_rows(table: list[dict[str, str]], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(table))))
    # An id says something in one case: the run that it names states its layout.
    labels = ("url", "notes") if any(stated_layout(row) for row in table) else ("id", "url", "notes")
    mixed = [{**row, **{k: table[j].get(k, "") for k in labels}} for row, j in zip(table, order, strict=True)]
    assert [repr(a) for a in answered(mixed)] == [repr(a) for a in answered(table)]
    shuffled = answered([table[j] for j in order])
    assert [repr(a) for a in shuffled] == [repr(answered(table)[j]) for j in order]


@settings(max_examples=25, deadline=None)
@given(table=few)
def test_a_published_row_alone_is_answered_as_in_its_table(table: list[dict[str, str]]) -> None:
    for row, together in zip(table, answered(table), strict=True):
        (alone,) = answered([row])
        assert alone.validity == together.validity
        for name in ("ttft_ms", "tpot_ms", "memory_gb"):
            assert getattr(alone, name) == pytest.approx(getattr(together, name), rel=1e-9, nan_ok=True)


def whole_ms(row: dict[str, str], answer: serving.Answer) -> float:
    """Return the time of a whole answer: the first token, and all others."""
    return answer.ttft_ms + (float(row["osl"]) - 1) * answer.tpot_ms


@settings(max_examples=60, deadline=None)
@given(row=st.one_of(rows, OWN), more=st.sampled_from([2.0, 4.0]))
def test_more_users_never_shorten_an_answer(row: dict[str, str], more: float) -> None:
    """The whole answer, and where prompts and answers share their GPUs the time per token: where they don't, users
    wait for prefill and fewer decode at once."""
    if not row["concurrency"]:
        return
    one, other = answered([row, {**row, "concurrency": str(int(float(row["concurrency"]) * more))}])
    if math.isnan(one.tpot_ms) or math.isnan(other.tpot_ms):
        return
    assert whole_ms(row, one) <= whole_ms(row, other) * ROUNDING
    if row["mode"] != "disagg":
        assert one.tpot_ms <= other.tpot_ms * ROUNDING


@settings(max_examples=60, deadline=None)
@given(row=st.one_of(rows, OWN), name=st.sampled_from(["isl", "osl"]))
def test_longer_requests_never_shorten_an_answer(row: dict[str, str], name: str) -> None:
    """Four times as long. The time per token alone may fall: fewer requests fit into memory, the others wait."""
    longer = {**row, name: str(4 * int(row[name]))}
    one, other = answered([row, longer])
    if math.isnan(one.tpot_ms) or math.isnan(other.tpot_ms):
        return
    assert whole_ms(row, one) <= whole_ms(longer, other) * ROUNDING


@settings(max_examples=40, deadline=None)
@given(row=OWN)
def test_a_second_replica_never_lowers_the_tokens_of_all(row: dict[str, str]) -> None:
    """The same users on twice the GPUs of a model without experts, whose ranks exchange nothing."""
    row = {**row, "model": "meta-llama/Llama-3.1-70B-Instruct", "concurrency": str(2 * int(row["concurrency"]))}
    one, two = answered([{**row, "n_gpus": str(n * int(row["tp"])), "dp": str(n)} for n in (1, 2)])
    assert two.tpot_ms <= one.tpot_ms * ROUNDING
    assert 2 * two.output_tokens_per_s_per_gpu >= one.output_tokens_per_s_per_gpu / ROUNDING


@settings(max_examples=20, deadline=None)
@given(table=st.lists(st.sampled_from(TRAINED), min_size=2, max_size=8), data=st.data())
def test_order_leaves_answers_of_published_training_rows(table: list[dict[str, str]], data: st.DataObject) -> None:
    def trained(some: list[dict[str, str]]) -> list[training.Answer]:
        asked = [training_questions._row_question(row) for row in some]
        return training.answer_all(asked, out_of_sample=False)

    order = data.draw(st.permutations(range(len(table))))
    plain = trained(table)
    for one, j in zip(trained([table[j] for j in order]), order, strict=True):
        assert one.validity == plain[j].validity
        # Rows of one device are evaluated as one array, whose order may move the last digit.
        for name in ("step_time_ms", "memory_gb", "low", "high"):
            assert getattr(one, name) == pytest.approx(getattr(plain[j], name), rel=1e-9, nan_ok=True)
