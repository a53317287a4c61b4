from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.plan.resolve import device_of, from_facts, model_of
from gigaplan.training.inputs import Batch, Reliability, TrainingEfficiency
from gigaplan.training.layout import Layouts
from gigaplan.training.reliability import daly_2006, goodput
from gigaplan.training.search import best_layout, layouts
from gigaplan.training.step import model_flops_per_token, step

FACTS = catalog.load()
EFFICIENCY = from_facts(FACTS, TrainingEfficiency, "training_model")
RELIABILITY = from_facts(FACTS, Reliability, "reliability")
H100, DENSE, EXPERTS = device_of(FACTS, "h100_hgx"), model_of(FACTS, "llama_3_1_70b"), model_of(FACTS, "deepseek_v3")
BATCH = Batch(global_batch_tokens=4e6, sequence_tokens=8192, precision="bf16")


def at(*values: float) -> Layouts:
    return Layouts(*(np.array([float(v)]) for v in values))


def test_model_flops_by_hand() -> None:
    """Six FLOPs per weight of a product, and causal attention: 12 x layers x width x half of the sequence."""
    weights = DENSE.parameters - DENSE.embedding_parameters
    attention = 12 * DENSE.layers * DENSE.heads * DENSE.head_width * 8192 / 2
    assert model_flops_per_token(DENSE, 8192) == pytest.approx(6 * weights + attention)


def test_optimiser_state_by_hand() -> None:
    """18 bytes a parameter unsharded: 2 working, 4 gradient, 12 state; 6 and 12 / d when sharded."""
    small = Batch(global_batch_tokens=8192 * 64, sequence_tokens=8192, precision="bf16")
    alone = step(H100, DENSE, small, at(8, 8, 1, 1, 1, 1), EFFICIENCY).memory_bytes[0]
    shared = step(H100, DENSE, small, at(8, 8, 1, 2, 1, 1), EFFICIENCY).memory_bytes[0]
    ends = DENSE.embedding_parameters  # the fullest stage is an end, with the embedding or the head
    assert alone - shared == pytest.approx(((DENSE.parameters - 2 * ends) / 64 + ends / 8) * 6, rel=1e-6)


def test_daly_and_young_by_hand() -> None:
    """A checkpoint of 10 s and an interruption a day: sqrt(2 x 10 x 86,400) less about the checkpoint."""
    assert float(daly_2006(10, np.array(86_400.0))) == pytest.approx(np.sqrt(2 * 10 * 86_400) - 10, rel=0.01)
    assert float(daly_2006(100, np.array(10.0))) == 10


def test_llama_3_ran_about_as_the_model_says() -> None:
    """16,384 H100 for 54 days: more than 90 % effective time, one unexpected interruption every three hours."""
    found = goodput(16_384, RELIABILITY)
    assert float(found.mtbf_s) / 3600 == pytest.approx(54 * 24 / 419, rel=0.02)
    assert 0.8 < float(found.share) < 0.97


@given(st.floats(1, 1e6), st.floats(1.01, 10))
def test_law_goodput_is_a_share_and_falls_with_gpus_and_with_failures(gpus: float, more: float) -> None:
    one = float(goodput(gpus, RELIABILITY).share)
    assert 0 < one < 1
    assert float(goodput(gpus * more, RELIABILITY).share) < one


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([64, 256, 1024]), st.sampled_from(["llama_3_1_70b", "deepseek_v3", "qwen3_32b"]))
def test_laws_of_a_step(gpus: int, name: str) -> None:
    model = model_of(FACTS, name)
    grid = layouts(H100, model, BATCH, gpus)
    found = step(H100, model, BATCH, grid, EFFICIENCY)
    assert (grid.tensor * grid.pipeline * grid.data * grid.context == gpus).all()
    assert (found.mfu_share > 0).all()
    assert (found.mfu_share < EFFICIENCY.training_gemm_share_bf16).all()
    parts = (
        found.compute,
        found.tensor_exchange,
        found.expert_exchange,
        found.pipeline_exchange,
        found.bubble,
        found.gradients,
        found.optimiser,
        found.overhead,
    )
    assert all((p >= 0).all() for p in parts)
    assert found.total == pytest.approx(sum(parts))
    assert found.tokens_per_s == pytest.approx(BATCH.global_batch_tokens / found.total)


def test_scalar_is_vector_and_the_search_finds_what_one_by_one_finds() -> None:
    grid = layouts(H100, DENSE, BATCH, 128)
    best = best_layout(H100, DENSE, BATCH, 128, EFFICIENCY)
    room = H100.hbm_bytes * (1 - EFFICIENCY.training_reserve_share)
    speeds = []
    for k in range(grid.tensor.size):
        one = step(H100, DENSE, BATCH, Layouts(*(getattr(grid, n)[k : k + 1] for n in grid.__slots__)), EFFICIENCY)
        speeds.append(float(one.tokens_per_s[0]) if one.memory_bytes[0] <= room else 0.0)
    assert best.tokens_per_s == pytest.approx(max(speeds))


def test_more_bandwidth_is_never_slower_and_a_smaller_memory_says_what_is_missing() -> None:
    wide = Device(
        peak_bf16_flops_per_s=H100.peak_bf16_flops_per_s,
        hbm_bytes=H100.hbm_bytes,
        scaleup_gpus=8,
        hbm_bandwidth_bytes_per_s=H100.hbm_bandwidth_bytes_per_s,
        scaleup_bandwidth_bytes_per_s=2 * H100.scaleup_bandwidth_bytes_per_s,
        scaleout_bandwidth_bytes_per_s=2 * H100.scaleout_bandwidth_bytes_per_s,
    )
    grid = layouts(H100, EXPERTS, BATCH, 512)
    assert (
        step(wide, EXPERTS, BATCH, grid, EFFICIENCY).total
        <= step(H100, EXPERTS, BATCH, grid, EFFICIENCY).total * (1 + 1e-9)
    ).all()
    assert "does not fit" in best_layout(H100, EXPERTS, BATCH, 8, EFFICIENCY).reason
    assert (
        "can't share"
        in best_layout(
            H100, DENSE, Batch(global_batch_tokens=8192, sequence_tokens=8192, precision="bf16"), 99_991, EFFICIENCY
        ).reason
    )
