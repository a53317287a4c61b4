from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture, experts_touched
from gigaplan.inference.frontier import best, precision_for
from gigaplan.inference.inputs import Efficiency, Engine, Request
from gigaplan.inference.serving import serve
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of

FACTS = catalog.load()
EFFICIENCY: Efficiency = efficiency_of(FACTS)
ENGINE: Engine = engine_of(FACTS, "trtllm")
DEVICE = Device(
    peak_bf16_flops_per_s=1e15,
    hbm_bytes=1e11,
    hbm_bandwidth_bytes_per_s=4e12,
    scaleup_gpus=8,
    scaleup_bandwidth_bytes_per_s=4e11,
    scaleout_bandwidth_bytes_per_s=5e10,
)
DENSE = Architecture(layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, ffn_dense=14336, vocab=128256)
EXPERTS = model_of(FACTS, "deepseek_v3")
ASK = Request(uncached_input_tokens=1000, cached_input_tokens=500, output_tokens=500, ttft_s=3.0, tpot_s=0.05)


def stage(
    device: Device = DEVICE,
    model: Architecture = DENSE,
    gpus: float = 8,
    pipeline: float = 1,
    data: float = 0,
    precision: str = "bf16",
) -> Stage:
    return Stage(device, model, precision, EFFICIENCY, ENGINE, *(np.array([[v]]) for v in (gpus, pipeline, data)))


def test_a_device_is_four_floats() -> None:
    plain = Device(
        peak_bf16_flops_per_s=1e15, hbm_bytes=8e10, hbm_bandwidth_bytes_per_s=3e12, scaleup_bandwidth_bytes_per_s=4e11
    )
    assert best(plain, DENSE, "bf16", ASK, EFFICIENCY, ENGINE).requests_per_gpu_s > 0


def test_parameters_by_hand() -> None:
    """Llama 3.1 8B: 8.03 billion parameters, 128 KiB of BF16 cache a token."""
    assert DENSE.parameters == pytest.approx(8.03e9, rel=0.001)
    assert DENSE.kv_bytes_per_token_layer(2) * DENSE.layers == 131072
    assert DENSE.active_parameters == DENSE.parameters
    assert EXPERTS.parameters == pytest.approx(671e9, rel=0.001)
    assert EXPERTS.kv_bytes_per_token_layer(2) == (512 + 64) * 2


def test_experts_touched_has_its_limits() -> None:
    tokens = np.array([0.0, 1, 10, 1e6])
    touched = experts_touched(256, 8, tokens)
    assert touched[0] == 0
    assert touched[1] == pytest.approx(8)
    assert touched[2] < 80
    assert touched[3] == pytest.approx(256)


@given(st.floats(1, 512), st.floats(16, 8192), st.sampled_from([0.0, 1.0]), st.sampled_from([DENSE, EXPERTS]))
def test_a_step_is_no_faster_than_arithmetic_or_memory(
    batch: float, context: float, data: float, model: Architecture
) -> None:
    s = stage(model=model, data=data if model.experts else 0.0)
    time = float(s.decode_s(np.array([[batch]]), np.array(context))[0, 0])
    flops = 2 * (model.active_parameters - 2 * model.embedding_parameters) * batch / 8
    assert time >= flops / DEVICE.peak_bf16_flops_per_s
    seconds = float(s.prefill_s(np.array(context), np.array(0.0))[0, 0])
    assert (
        seconds
        >= 2 * (model.active_parameters - 2 * model.embedding_parameters) * context / 8 / DEVICE.peak_bf16_flops_per_s
    )


@given(
    st.sampled_from(["peak_bf16_flops_per_s", "hbm_bandwidth_bytes_per_s", "scaleup_bandwidth_bytes_per_s"]),
    st.floats(1, 4),
    st.floats(1, 256),
)
def test_more_of_anything_is_never_slower(name: str, more: float, batch: float) -> None:
    faster: Any = dataclasses.replace(DEVICE, **{name: getattr(DEVICE, name) * more})
    for model, data in ((DENSE, 0.0), (EXPERTS, 1.0)):
        before = serve(stage(model=model, data=data), np.array([[batch]]), ASK)
        after = serve(stage(faster, model, data=data), np.array([[batch]]), ASK)
        assert after.tpot_s[0, 0] <= before.tpot_s[0, 0] * (1 + 1e-9)
        whole = [x.ttft_s[0, 0] + ASK.output_tokens * x.tpot_s[0, 0] for x in (before, after)]
        assert whole[1] <= whole[0] * (1 + 1e-9)
        # The first token alone may come later: quicker steps bring the same users back sooner, and prompts meet more
        # often.
        fresh, none = np.array(ASK.uncached_input_tokens), np.array(0.0)
        alone = [stage(d, model, data=data).prefill_s(fresh, none)[0, 0] for d in (DEVICE, faster)]
        assert alone[1] <= alone[0] * (1 + 1e-9)


@given(st.floats(100, 20000), st.floats(1, 3))
def test_a_longer_context_is_never_faster(context: float, more: float) -> None:
    s, batch = stage(), np.array([[16.0]])
    assert s.decode_s(batch, np.array(context * more))[0, 0] >= s.decode_s(batch, np.array(context))[0, 0]


def test_scalar_and_vector_agree() -> None:
    batches = np.array([[1.0, 7, 64, 500]])
    together = serve(stage(), batches, ASK)
    for i in range(4):
        alone = serve(stage(), batches[:, i : i + 1], ASK)
        assert alone.tpot_s[0, 0] == pytest.approx(together.tpot_s[0, i])
        assert alone.memory_bytes[0, 0] == pytest.approx(together.memory_bytes[0, i])


@pytest.mark.parametrize("system", ["h100_hgx", "h200_hgx", "b200_hgx", "gb200_nvl72", "gb300_nvl72", "vr_nvl72"])
@pytest.mark.parametrize("model", ["deepseek_v3", "frontier_1_8t", "llama_3_1_70b"])
def test_the_best_point_keeps_its_limits(system: str, model: str) -> None:
    device = device_of(FACTS, system)
    rate = best(device, model_of(FACTS, model), precision_for(device), ASK, EFFICIENCY, ENGINE)
    if rate.requests_per_gpu_s == 0:
        assert rate.reason
        return
    assert rate.tpot_s <= ASK.tpot_s
    assert rate.ttft_s <= ASK.ttft_s
    ideal = device.hbm_bandwidth_bytes_per_s + device.peak_flops_per_s(precision_for(device))
    assert rate.requests_per_gpu_s < ideal
    active = model_of(FACTS, model).active_parameters
    bound = device.peak_flops_per_s(precision_for(device)) / (
        2 * active * (ASK.uncached_input_tokens + ASK.output_tokens)
    )
    assert rate.requests_per_gpu_s <= bound, "faster than arithmetic allows"


def test_newer_systems_serve_more_and_loose_limits_never_less() -> None:
    model = model_of(FACTS, "deepseek_v3")

    def rate(system: str, request: Request = ASK) -> float:
        device = device_of(FACTS, system)
        return best(device, model, precision_for(device), request, EFFICIENCY, ENGINE).requests_per_gpu_s

    rates = [rate(s) for s in ("h100_hgx", "h200_hgx", "gb200_nvl72", "vr_nvl72")]
    assert rates == sorted(rates)
    loose = dataclasses.replace(ASK, tpot_s=0.2, ttft_s=10.0)
    assert rate("h200_hgx", loose) >= rate("h200_hgx")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tpot_s": 1e-4}, "per token"),
        ({"ttft_s": 1e-3}, "first token"),
        ({"cached_input_tokens": 1e9}, "does not fit"),
    ],
)
def test_what_cannot_be_served_says_why(change: dict[str, float], says: str) -> None:
    rate = best(DEVICE, DENSE, "bf16", dataclasses.replace(ASK, **change), EFFICIENCY, ENGINE)
    assert rate.requests_per_gpu_s == 0
    assert says in rate.reason


def test_precision_follows_the_hardware() -> None:
    assert [precision_for(device_of(FACTS, s)) for s in ("h100_hgx", "b200_hgx", "vr_nvl72")] == ["fp8", "fp4", "fp4"]
    assert precision_for(DEVICE) == "bf16"


def test_a_lone_prompt_on_one_group_takes_no_longer_than_one_on_each_and_as_long_without_groups() -> None:
    from gigaplan import catalog
    from gigaplan.inference.step import Stage
    from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of

    facts, one = catalog.load(), np.array(1.0)
    given = (device_of(facts, "h200_hgx"), model_of(facts, "deepseek_v3"), "fp8")
    constants = (efficiency_of(facts), engine_of(facts, "sglang"))
    tokens = np.array(1024.0)
    by_heads, by_requests = (Stage(*given, *constants, 8 * one, one, k * one) for k in (0.0, 1.0))
    share = by_requests.prefill_s(tokens, 0 * one)
    lone = by_requests.lone_prompt_s(tokens)
    assert share < lone <= share * by_requests.attention_dp
    assert float(by_heads.lone_prompt_s(tokens)) == pytest.approx(float(by_heads.prefill_s(tokens, 0 * one)), rel=1e-6)
