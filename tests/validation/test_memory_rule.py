"""One rule of what fits (:mod:`gigaplan.compute.memory`), whichever verb is asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.compute.memory import fillable_bytes, shortage_bytes
from gigaplan.layers.training import TrainRun, train
from gigaplan.layers.training_job import TrainingJob
from gigaplan.plan.resolve import device_of
from gigaplan.validation.training import predictions, questions
from gigaplan.vocabulary.errors import PlanError

SEQUENCES = 256
HBM_GB = device_of(catalog.load(), "h100_hgx").hbm_bytes / 1e9


def stated(layout: dict[str, int | str], tokens: int) -> TrainRun | str:
    """Return the answer of ``train`` for a layout, or why it is refused."""
    ranks = " ".join(f"{k}{v}" for k, v in layout.items() if k != "recompute")
    job = TrainingJob(
        model="llama_3_1_8b",
        system="h100_hgx",
        gpus=64,
        tokens=1e12,
        sequence_tokens=tokens,
        global_batch_sequences=SEQUENCES,
        layout=f"{ranks} recompute={layout['recompute']}",
    )
    try:
        return train(job)
    except PlanError as error:
        return str(error)


def row(layout: dict[str, int | str], tokens: int, **more: str) -> predictions.Answer:
    """Return the answer of ``predict training`` for the same layout."""
    cells = {
        "gpu": "H100",
        "num_gpus": "64",
        "model": "Llama-3.1 8B",
        "seq_len": str(tokens),
        "global_batch": str(SEQUENCES),
        "micro_batch": str(layout["mb"]),
        "tp": str(layout["tp"]),
        "pp": str(layout["pp"]),
        "recompute": str(layout["recompute"]),
        "precision": "BF16",
        **more,
    }
    return predictions.answer_all([questions._row_question(cells)], out_of_sample=False)[0]


def agree(layout: dict[str, int | str], tokens: int) -> float:
    """Check that both verbs answer, with the same memory, or both refuse; return the memory [GB], 0 where refused."""
    trained, predicted = stated(layout, tokens), row(layout, tokens)
    if isinstance(trained, str):
        assert "does not fit" in trained and "does not fit" in predicted.validity
        measured = row(layout, tokens, metric="iteration_time_s", value="20")
        assert measured.step_time_ms > 0 and measured.memory_gb > HBM_GB and "yet does not fit" in measured.validity
        return 0.0
    assert "does not fit" not in predicted.validity
    assert trained.best.memory_gb == pytest.approx(predicted.memory_gb)
    assert trained.best.memory_gb <= trained.hbm_gb == HBM_GB
    return trained.best.memory_gb


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    tp=st.sampled_from((1, 2, 4, 8)),
    pp=st.sampled_from((1, 2, 4)),
    mb=st.sampled_from((1, 2)),
    recompute=st.sampled_from(("none", "selective", "full")),
    tokens=st.sampled_from((2048, 8192, 16_384)),
)
def test_train_and_predict_refuse_the_same_layouts(tp: int, pp: int, mb: int, recompute: str, tokens: int) -> None:
    agree({"tp": tp, "pp": pp, "mb": mb, "recompute": recompute}, tokens)


def test_a_stated_layout_may_take_the_reserve_and_a_proposed_one_leaves_it() -> None:
    found = [
        agree({"tp": tp, "pp": pp, "mb": 1, "recompute": recompute}, tokens)
        for tokens in (4096, 8192)
        for tp in (1, 2, 4)
        for pp in (1, 2)
        for recompute in ("none", "selective")
    ]
    proposed = train(TrainingJob(model="llama_3_1_8b", system="h100_hgx", gpus=64, tokens=1e12))
    assert all(c.memory_gb <= proposed.free_gb < proposed.hbm_gb for c in proposed.candidates)
    assert any(proposed.free_gb < memory <= HBM_GB for memory in found)
    assert 0.0 in found


@given(needed=st.floats(0, 1e12), there=st.floats(1e9, 1e12), reserve=st.floats(0, 0.5))
def test_what_may_be_proposed_may_be_stated(needed: float, there: float, reserve: float) -> None:
    if needed <= fillable_bytes(there, reserve):
        assert shortage_bytes(needed, there) == 0
    assert (shortage_bytes(needed, there) > 0) == (needed > there)
