"""What the step model says of pipelines, collectives, experts and networks: by hand, at limits, and as laws."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.compute.collectives import Network, ring_or_tree_s
from gigaplan.compute.transformer import Architecture
from gigaplan.plan.resolve import device_of, model_of, training_efficiency_of
from gigaplan.training.inputs import Batch
from gigaplan.training.layout import Layouts
from gigaplan.training.search import free_bytes, layouts, memory_of, search
from gigaplan.training.step import step

FACTS = catalog.load()
EFFICIENCY = training_efficiency_of(FACTS)
OLD = training_efficiency_of(FACTS, "training_model_2022")
H100, GB200 = device_of(FACTS, "h100_hgx"), device_of(FACTS, "gb200_nvl72")
DENSE, EXPERTS = model_of(FACTS, "llama_3_1_70b"), model_of(FACTS, "qwen3_30b_a3b")
BATCH = Batch(global_batch_tokens=256 * 4096.0, sequence_tokens=4096, precision="bf16")


def at(**given: float) -> Layouts:
    usual = dict.fromkeys(("tensor", "pipeline", "expert", "data", "micro_batch", "chunks"), 1.0) | {"recompute": 0.0}
    return Layouts(**{k: np.array([float(v)]) for k, v in (usual | given).items()})


def test_a_ring_by_hand_and_a_tree_for_many_ranks() -> None:
    """8 ranks in a domain: 2 log2(8) latencies and 2 x 7/8 of the bytes. Then rings of few domains, trees of many."""
    net = Network(8, 400e9, 50e9, 1e-5)
    assert float(ring_or_tree_s(1e9, 8, net)) == pytest.approx(6e-5 + 2 * 7 / 8 * 1e9 / 400e9)
    two = float(ring_or_tree_s(1e9, 16, net)) - float(ring_or_tree_s(1e9, 8, net))
    assert two == pytest.approx(2e-5 + 1e9 / 8 / 50e9)  # two domains: two steps, half of an eighth each
    many = float(ring_or_tree_s(1e3, 8 * 1024, net))
    assert many == pytest.approx(2 * (3 + 10) * 1e-5, rel=0.01)  # small and far: latencies of trees alone
    assert float(ring_or_tree_s(1e9, 1, net)) == 0


@given(st.floats(1e3, 1e10), st.sampled_from([1, 2, 8, 64, 1024, 8192]), st.floats(0.05, 1.0))
def test_law_a_narrower_spine_is_never_faster(moved: float, ranks: int, share: float) -> None:
    wide = Network(8, 400e9, 50e9, 1e-5)
    narrow = replace(wide, pod=1024.0, spine_share=share)
    plain, less = (float(ring_or_tree_s(moved, ranks, n)) for n in (replace(wide, pod=1024.0), narrow))
    assert less >= plain
    if ranks <= 1024:
        assert less == pytest.approx(float(ring_or_tree_s(moved, ranks, wide)))
    vector = ring_or_tree_s(np.array([moved]), np.array([float(ranks)]), narrow)
    assert vector[0] == pytest.approx(less)


def test_equal_stages_wait_as_narayanan_says() -> None:
    """A model without a head to speak of: bubble over the rest is (p - 1) / (v m)."""
    even = Architecture(layers=64, hidden=8192, heads=64, kv_heads=64, ffn_dense=32768, vocab=8)
    free = replace(EFFICIENCY, step_overhead_s=0.0, handover_hidden_share=1.0)
    for p, v in ((4, 1), (8, 2)):
        found = step(H100, even, BATCH, at(pipeline=p, chunks=v), free)
        work = found.total - found.bubble - found.optimiser
        assert found.bubble[0] / work[0] == pytest.approx((p - 1) / (v * 256), rel=5e-3)


def test_a_heavy_head_sets_the_pace_and_others_fill_the_pipe() -> None:
    """Four stages of one layer, a head as heavy as many layers: the last stage works without pause, filling takes
    three layers."""
    heavy = Architecture(layers=4, hidden=4096, heads=32, kv_heads=32, ffn_dense=16384, vocab=1_024_000)
    free = replace(EFFICIENCY, step_overhead_s=0.0, layer_floor_s=0.0, layer_overhead_s=0.0)
    four, one = (step(H100, heavy, BATCH, at(pipeline=p), free) for p in (4, 1))
    layer = (one.compute[0] - four.compute[0]) / 256 / 3  # one stage has three layers more
    assert four.bubble[0] == pytest.approx(3 * layer, rel=0.02)


def test_zero_bubble_and_dualpipe_wait_less() -> None:
    plain, zero, dual = (
        step(H100, DENSE, BATCH, at(pipeline=8, tensor=8, schedule=s), EFFICIENCY).bubble[0] for s in (0, 1, 2)
    )
    assert zero == pytest.approx(plain / 3)
    assert dual == pytest.approx(plain * (8 / 2 - 1) * 2 / 3 / 7)


def test_recomputing_sends_half_again() -> None:
    none, full = (step(H100, DENSE, BATCH, at(tensor=8, recompute=r), EFFICIENCY) for r in (0, 1))
    assert full.tensor_exchange[0] == pytest.approx(1.5 * none.tensor_exchange[0])
    assert 1.25 < full.compute[0] / none.compute[0] < 1.4


def test_exchange_with_experts_hides_only_beside_another_micro_batch() -> None:
    far = replace(GB200, scaleup_gpus=4)
    alone, beside, both = (
        step(far, EXPERTS, BATCH, at(pipeline=4, data=16, expert=16, chunks=v, schedule=s), EFFICIENCY).expert_exchange[
            0
        ]
        for v, s in ((1, 0), (4, 0), (1, 2))
    )
    assert beside < alone
    assert both == pytest.approx(beside)


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 4), st.sampled_from([1.0, 8.0]), st.sampled_from([0.0, 1.0]))
def test_law_imbalance_and_small_kernels_are_never_faster(more: float, experts: float, unfused: float) -> None:
    shape = at(data=8, expert=experts)
    even, skewed, apart = (
        step(GB200, EXPERTS, replace(BATCH, **b), shape, EFFICIENCY).total[0]
        for b in ({}, {"imbalance": more}, {"unfused_experts": unfused})
    )
    assert skewed >= even
    assert apart >= even


def test_fewer_watts_run_products_slower() -> None:
    """H100 at 500 W of 700 W: products take (700 / 500) to the third as long; more than 700 W change nothing."""
    alone = replace(
        EFFICIENCY,
        training_traffic_share=0.0,
        training_passes=0.0,
        logit_passes=0.0,
        layer_floor_s=0.0,
        layer_overhead_s=0.0,
    )
    full, less, more = (
        step(replace(H100, rated_w=w), DENSE, BATCH, at(tensor=8), alone).compute[0] for w in (700.0, 500.0, 1000.0)
    )
    assert less / full == pytest.approx((700 / 500) ** (1 / 3), rel=1e-3)
    assert more == pytest.approx(full, rel=1e-3)


def test_few_experts_on_a_rank_are_launched_sooner() -> None:
    """Where the host launches experts one by one, 128 on a rank take longer than 2."""
    launched = replace(BATCH, launched_by_host=1.0)
    many, few = (step(GB200, EXPERTS, launched, at(data=64, expert=e), EFFICIENCY).overhead[0] for e in (1, 64))
    assert many > few


def test_an_odd_vocabulary_slows_the_head_alone() -> None:
    padded, odd = (step(H100, DENSE, replace(BATCH, odd_vocabulary=v), at(tensor=2), OLD) for v in (0, 1))
    assert odd.compute[0] > padded.compute[0]
    assert odd.tensor_exchange[0] == padded.tensor_exchange[0]


def test_gradients_hide_behind_one_micro_batch_at_most() -> None:
    """All of it may hide, and still what is longer than one micro-batch shows."""
    hidden = replace(EFFICIENCY, hidden_share=1.0)
    slow = replace(H100, scaleout_bandwidth_bytes_per_s=H100.scaleout_bandwidth_bytes_per_s / 1000)
    fast, late = (
        step(d, DENSE, BATCH, at(tensor=8, data=16, micro_batch=8), hidden).gradients[0] for d in (H100, slow)
    )
    assert fast == 0
    assert late > 1


ONE_BY_ONE = 200


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([8, 12, 16, 48, 64]),
    st.sampled_from(["llama_3_1_8b", "qwen3_30b_a3b"]),
    st.sampled_from([8, 32, 96]),
    st.sampled_from(["bf16", "fp8"]),
    st.floats(0.3, 4.0),
)
def test_law_search_finds_what_brute_force_finds(
    gpus: int, name: str, sequences: int, precision: str, room: float
) -> None:
    model = model_of(FACTS, name)
    device = replace(H100, hbm_bytes=H100.hbm_bytes * room)
    batch = Batch(global_batch_tokens=sequences * 4096.0, sequence_tokens=4096, precision=precision)
    grid = layouts(device, model, batch, gpus)
    found = search(device, model, batch, grid, EFFICIENCY)
    fits = memory_of(model, batch, grid, EFFICIENCY) <= free_bytes(device, EFFICIENCY)
    speed = np.where(fits, step(device, model, batch, grid, EFFICIENCY).tokens_per_s, 0.0)
    best, fitting = float(speed.max()), int(fits.sum())
    some = np.random.default_rng(grid.tensor.size).choice(
        grid.tensor.size, min(grid.tensor.size, ONE_BY_ONE), replace=False
    )
    for k in {*some.tolist(), int(speed.argmax())}:  # and all at once is one by one
        one = Layouts(*(np.asarray(getattr(grid, f.name))[k : k + 1] for f in fields(Layouts)))
        assert bool(memory_of(model, batch, one, EFFICIENCY)[0] <= free_bytes(device, EFFICIENCY)) == fits[k]
        if fits[k]:
            assert step(device, model, batch, one, EFFICIENCY).tokens_per_s[0] == pytest.approx(speed[k], rel=1e-12)
    assert (found.seen, found.fitting) == (grid.tensor.size, fitting)
    if fitting:
        assert found.step.tokens_per_s[0] == pytest.approx(best, rel=1e-12)
