from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.compute.memory import cache_bytes, cache_shards, weight_bytes
from gigaplan.compute.transformer import Architecture, experts_touched

DEEPSEEK_V3 = Architecture(
    layers=61,
    hidden=7168,
    heads=128,
    kv_heads=128,
    ffn_dense=18432,
    ffn_expert=2048,
    experts=256,
    experts_per_token=8,
    shared_experts=1,
    first_dense_layers=3,
    vocab=129280,
    mla_kv_lora=512,
    mla_q_lora=1536,
    mla_qk_nope=128,
    mla_qk_rope=64,
    mla_v_head=128,
)
LLAMA_405B = Architecture(layers=126, hidden=16384, heads=128, kv_heads=8, ffn_dense=53248, vocab=128256)
LLAMA_70B = Architecture(layers=80, hidden=8192, heads=64, kv_heads=8, ffn_dense=28672, vocab=128256)
GPT_OSS_120B = Architecture(
    layers=36,
    hidden=2880,
    heads=64,
    kv_heads=8,
    head_dim=64,
    ffn_expert=2880,
    experts=128,
    experts_per_token=4,
    vocab=201088,
    sliding_window=128,
    full_attention_every=2,
)
ONE = np.array(1.0)


@pytest.mark.parametrize(
    ("model", "total", "active"),
    [
        (DEEPSEEK_V3, 671e9, 37e9),
        (LLAMA_405B, 405e9, 405e9),
        (LLAMA_70B, 70.6e9, 70.6e9),
        (GPT_OSS_120B, 116.8e9, None),
    ],
)
def test_parameters_are_the_published_ones(model: Architecture, total: float, active: float | None) -> None:
    assert model.parameters == pytest.approx(total, rel=0.005)
    assert active is None or model.active_parameters == pytest.approx(active, rel=0.02)


def test_parts_add_up_and_active_is_a_part() -> None:
    every, active = DEEPSEEK_V3.parameters_by_part(), DEEPSEEK_V3.parameters_by_part(active=True)
    assert sum(every.values()) == DEEPSEEK_V3.parameters
    assert {k for k in every if active[k] != every[k]} == {"routed_experts"}
    assert active["routed_experts"] / every["routed_experts"] == pytest.approx(8 / 256)


@pytest.mark.parametrize(("model", "published_kb"), [(DEEPSEEK_V3, 70.272), (LLAMA_405B, 516.096)])
def test_cache_per_token_as_published(model: Architecture, published_kb: float) -> None:
    """DeepSeek-AI 2025 (Insights into DeepSeek-V3, ISCA), table 1: KV cache per token in BF16."""
    assert model.kv_bytes(ONE, 2.0) == pytest.approx(published_kb * 1e3)


@pytest.mark.parametrize(("model", "published"), [(DEEPSEEK_V3, 250e9), (LLAMA_405B, 2448e9)])
def test_training_flops_per_token_as_published(model: Architecture, published: float) -> None:
    """The same, table 2: FLOPs of training a token at a sequence of 4,096 (three times a forward pass)."""
    length = np.array(4096.0)
    attention = model.layers * model.prefill_attention_flops(length, np.array(0.0)) / length
    matrices = 2 * (model.active_parameters - model.embedding_parameters)
    assert 3 * (matrices + attention) == pytest.approx(published, rel=0.015)


def test_sliding_layers_stop_growing() -> None:
    context = np.array([64.0, 128.0, 4096.0])
    assert GPT_OSS_120B.attended_tokens(context) == pytest.approx([64, 128, (4096 + 128) / 2])
    full = replace(GPT_OSS_120B, sliding_window=0)
    assert (GPT_OSS_120B.kv_bytes(context, 1.0) <= full.kv_bytes(context, 1.0)).all()


@given(st.integers(1, 300), st.integers(0, 300))
def test_attention_in_prefill_is_the_sum_over_tokens(fresh: int, cached: int) -> None:
    mean = float(GPT_OSS_120B.attended_tokens_in_prefill(np.array(float(fresh)), np.array(float(cached))))
    # The integral meets the sum over tokens half a token before each end.
    middles = cached + np.arange(fresh) + 0.5
    assert mean == pytest.approx(GPT_OSS_120B.attended_tokens(middles).mean(), abs=0.01)


def test_absorbed_attention_reads_little_and_computes_more() -> None:
    context = np.array(4096.0)
    plain = replace(DEEPSEEK_V3, mla_kv_lora=0, head_dim=128)
    assert DEEPSEEK_V3.kv_bytes(context, 1.0) < plain.kv_bytes(context, 1.0) / 50
    assert DEEPSEEK_V3.decode_attention_flops(context) > plain.decode_attention_flops(context)


def test_decode_attention_by_hand() -> None:
    """Scores and values: two products of head width by context for each head, two FLOPs a multiply-add."""
    assert float(LLAMA_70B.decode_attention_flops(np.array(1000.0))) == 64 * 2 * (2 * 128 * 1000)
    assert float(DEEPSEEK_V3.decode_attention_flops(np.array(1000.0))) == 128 * 2 * (512 + 64 + 512) * 1000


def test_experts_touched_limits() -> None:
    tokens = np.array([0.0, 1.0, 1e6])
    assert experts_touched(256, 8, tokens) == pytest.approx([0, 8, 256])
    assert experts_touched(8, 8, tokens) == pytest.approx([0, 8, 8])
    assert experts_touched(0, 0, tokens) == pytest.approx([0, 0, 0])


def test_experts_touched_is_the_mean_over_random_choices() -> None:
    rng = np.random.default_rng(1)
    hits = [len(np.unique(rng.permuted(np.tile(np.arange(32), (24, 1)), axis=1)[:, :4])) for _ in range(400)]
    assert float(experts_touched(32, 4, np.array(24.0))) == pytest.approx(np.mean(hits), rel=0.01)


@given(st.integers(1, 512), st.integers(1, 8), st.floats(0, 1e5), st.floats(0, 1e5))
def test_more_tokens_touch_more_experts(experts: int, per_token: int, one: float, other: float) -> None:
    few, many = sorted((one, other))
    a, b = experts_touched(experts, min(per_token, experts), np.array([few, many]))
    assert 0 <= a <= b <= experts


def test_impossible_experts_are_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and 4 per token"):
        replace(LLAMA_70B, experts=4, ffn_expert=100, experts_per_token=5)


def test_weights_split_without_loss() -> None:
    alone = weight_bytes(LLAMA_70B, "fp8", ONE, ONE, ONE)
    assert alone == pytest.approx(LLAMA_70B.parameters + 2 * LLAMA_70B.embedding_parameters)  # head, embedding: BF16
    assert 8 * weight_bytes(LLAMA_70B, "fp8", 4 * ONE, 4 * ONE, 2 * ONE) == pytest.approx(alone)


def test_attention_stays_wide_in_sparse_fp4_checkpoints_only() -> None:
    assert DEEPSEEK_V3.attention_weight_bytes_each("fp4") == 2.0
    assert LLAMA_70B.attention_weight_bytes_each("fp4") < 1.0
    assert DEEPSEEK_V3.attention_math("fp4") == "bf16"


def test_cache_splits_by_heads_and_a_latent_does_not() -> None:
    assert cache_shards(LLAMA_70B, np.array([1.0, 8.0, 16.0])) == pytest.approx([1, 8, 8])
    assert cache_shards(DEEPSEEK_V3, np.array([1.0, 8.0])) == pytest.approx([1, 1])
    one = cache_bytes(LLAMA_70B, "fp8", 1000 * ONE, ONE, ONE, ONE)
    assert one == pytest.approx(80 * 2 * 8 * 128 * 1000)
    assert cache_bytes(LLAMA_70B, "bf16", 1000 * ONE, 3 * ONE, ONE, ONE) == pytest.approx(6 * one)
