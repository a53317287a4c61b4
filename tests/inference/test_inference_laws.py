"""The serving model's laws, on devices built from four floats."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.compute.collectives import Network, all_to_all_s
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.frontier import Rate, best, frontier, precision_for
from gigaplan.inference.inputs import NO_DRAFTS, Drafts, Efficiency, Engine, Request
from gigaplan.inference.serving import added_prefill_s, closed_loop, serve
from gigaplan.inference.step import Decode, Stage
from gigaplan.inference.waves import first_wave_wait_s, later_wave_wait_s

DEVICE = Device(
    peak_bf16_flops_per_s=1e15,
    peak_fp8_flops_per_s=2e15,
    hbm_bytes=8e10,
    hbm_bandwidth_bytes_per_s=3e12,
    scaleup_bandwidth_bytes_per_s=4.5e11,
    scaleup_gpus=8,
    scaleout_bandwidth_bytes_per_s=5e10,
)
EFFICIENCY = Efficiency(
    gemm_share_bf16=0.7,
    gemm_share_fp8=0.65,
    block_share=0.9,
    gemm_share_fp4=0.6,
    gemm_half_rows=60,
    expert_share_bf16=0.4,
    expert_share_fp8=0.4,
    expert_share_fp4=0.4,
    expert_half_rows=20,
    attention_share=0.6,
    cache_share=0.7,
    hbm_share=0.8,
    hbm_share_fp4=0.6,
    routing_share=0.8,
    collective_latency_s=5e-6,
    activation_passes=20,
    memory_reserve_share=0.1,
    scaleout_share=0.85,
    scaleout_latency_s=2e-5,
    handover_s=0.1,
    accepted_share=1.0,
)
ENGINE = Engine(
    kernel_overhead_s=4e-6,
    step_overhead_s=5e-4,
    request_overhead_s=1e-5,
    first_token_s=0.05,
    eager_launch_s=1e-5,
    mixing_share=0.5,
    queueing_factor=1.0,
    prompt_token_s=1e-5,
    arrival_s=2e-3,
    chunk_tokens=8192,
    balance_steps=5,
    link_share=0.6,
    cold_start_s=10.0,
    draft_overhead_s=1e-4,
    draft_hold_steps=3,
    held_output_share=1.0,
)
IDEAL = Efficiency(
    gemm_share_bf16=1,
    gemm_share_fp8=1,
    block_share=1,
    gemm_share_fp4=1,
    gemm_half_rows=0,
    expert_share_bf16=1,
    expert_share_fp8=1,
    expert_share_fp4=1,
    expert_half_rows=0,
    attention_share=1,
    cache_share=1,
    hbm_share=1,
    hbm_share_fp4=1,
    routing_share=1,
    collective_latency_s=0,
    activation_passes=0,
    memory_reserve_share=0,
    scaleout_share=1,
    scaleout_latency_s=0,
    handover_s=0,
    accepted_share=1,
)
NO_ENGINE = Engine(
    kernel_overhead_s=0,
    step_overhead_s=0,
    request_overhead_s=0,
    first_token_s=0,
    eager_launch_s=0,
    mixing_share=0,
    queueing_factor=1,
    prompt_token_s=0,
    arrival_s=0,
    chunk_tokens=1,
    balance_steps=0,
    link_share=1,
    cold_start_s=0,
    draft_overhead_s=0,
    draft_hold_steps=0,
    held_output_share=1.0,
)
DENSE = Architecture(layers=80, hidden=8192, heads=64, kv_heads=8, head_dim=128, ffn_dense=28672, vocab=128256)
SPARSE = Architecture(
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
LATENT = Architecture(
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
CHAT = Request(uncached_input_tokens=1000, cached_input_tokens=500, output_tokens=500, ttft_s=2.0, tpot_s=0.05)

models = st.sampled_from([DENSE, SPARSE, LATENT])
precisions = st.sampled_from(["bf16", "fp8", "fp4"])
layouts = st.sampled_from([(1, 1, 0), (8, 1, 0), (8, 1, 1), (8, 4, 0), (8, 2, 1), (32, 1, 1)])
batches = st.integers(1, 4096).map(float)
tokens = st.integers(1, 100_000).map(float)


def stage(
    model: Architecture,
    precision: str,
    layout: tuple[int, int, int],
    device: Device = DEVICE,
    efficiency: Efficiency = EFFICIENCY,
) -> Stage:
    gpus, pipeline, data = (np.array(float(x)) for x in layout)
    engine = NO_ENGINE if efficiency is IDEAL else ENGINE
    return Stage(device, model, precision, efficiency, engine, gpus, pipeline, data)


def test_decode_of_one_request_by_hand() -> None:
    """One GPU, ideal: every weight but the embedding is read once (head in BF16), the cache of 1,000 tokens once."""
    step = stage(DENSE, "fp8", (1, 1, 0), efficiency=IDEAL).decode_s(np.array(1.0), np.array(1000.0))
    blocks = 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    head, cache = 2 * 128256 * 8192, 80 * 2 * 8 * 128 * 1000
    assert float(step) == pytest.approx((blocks + head + cache) / 3e12)


def test_prefill_of_one_request_by_hand() -> None:
    """One GPU, ideal: two FLOPs per weight and token in FP8, attention in BF16 over half the prompt."""
    step = stage(DENSE, "fp8", (1, 1, 0), efficiency=IDEAL).prefill_s(np.array(8000.0), np.array(0.0))
    blocks = 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    attention = 80 * 4 * 8192 * 4000 * 8000
    assert float(step) == pytest.approx(2 * blocks * 8000 / 2e15 + attention / 1e15)


def test_ranks_without_a_network_between_them_are_useless() -> None:
    alone = replace(DEVICE, scaleup_bandwidth_bytes_per_s=0.0)
    assert float(stage(DENSE, "fp8", (8, 1, 0), alone).decode_s(np.array(1.0), np.array(10.0))) > 1.0


@given(models, precisions, layouts, batches, tokens, st.floats(1, 10))
def test_better_hardware_is_never_slower(
    model: Architecture, precision: str, layout: tuple[int, int, int], batch: float, context: float, factor: float
) -> None:
    names = [f.name for f in fields(Device) if f.name.endswith("_per_s")]
    plain = stage(model, precision, layout)
    for name in names:
        better = stage(model, precision, layout, replace(DEVICE, **{name: getattr(DEVICE, name) * factor}))
        n, c = np.array(batch), np.array(context)
        assert better.decode_s(n, c) <= plain.decode_s(n, c) * (1 + 1e-12)
        assert better.prefill_s(c, c) <= plain.prefill_s(c, c) * (1 + 1e-12)
        assert better.pipeline_send_s(n) <= plain.pipeline_send_s(n) * (1 + 1e-12)


@given(models, precisions, layouts, batches, batches, tokens, tokens)
def test_more_work_is_never_faster(
    model: Architecture, precision: str, layout: tuple[int, int, int], b1: float, b2: float, c1: float, c2: float
) -> None:
    s = stage(model, precision, layout)
    few, many = (np.array(x) for x in sorted((b1, b2)))
    short, long = (np.array(x) for x in sorted((c1, c2)))
    tolerance = 1 + 1e-12
    assert s.decode_s(few, short) <= s.decode_s(few, long) * tolerance
    assert s.decode_s(few, long) <= s.decode_s(many, long) * tolerance
    assert s.prefill_s(short, short) <= s.prefill_s(long, short) * tolerance
    assert s.prefill_s(short, short) <= s.prefill_s(short, long) * tolerance
    assert s.cache_bytes(short, few) <= s.cache_bytes(long, many) * tolerance


@given(models, layouts, batches, tokens)
def test_a_step_is_bound_by_flops_and_by_bytes(
    model: Architecture, layout: tuple[int, int, int], batch: float, context: float
) -> None:
    """All GPUs together can't beat their peak on the batch's FLOPs, nor read its cache faster than their memory."""
    s = stage(model, "fp8", layout, efficiency=IDEAL)
    n, c = np.array(batch), np.array(context)
    # Two FLOPs per weight that a token visits (the embedding is a look-up, the router is left out), and attention.
    visited = model.active_parameters - model.embedding_parameters - model.parameters_by_part()["router"]
    flops = batch * (2 * visited + model.layers * float(model.decode_attention_flops(c)))
    cache = batch * float(model.kv_bytes(c, 1.0))
    gpus, pipeline, _ = layout
    # A stage has its share of the layers: all stages together take ``pipeline`` times its step.
    time = float(s.decode_s(n, c)) * pipeline * (1 + 1e-9)
    assert time >= flops / gpus / 2e15
    assert time >= cache / gpus / 3e12


@given(models, precisions, batches, tokens)
def test_scalars_give_what_vectors_give(model: Architecture, precision: str, batch: float, context: float) -> None:
    gpus, data = np.array([1.0, 4.0, 8.0])[:, None], np.array([0.0, 1.0, 1.0])[:, None]
    n = np.array([1.0, batch])[None, :]
    many = Stage(DEVICE, model, precision, EFFICIENCY, ENGINE, gpus, np.ones_like(gpus), data)
    request = replace(CHAT, uncached_input_tokens=context)
    table = serve(many, n, request)
    for i in range(3):
        one = stage(model, precision, (int(gpus[i, 0]), 1, int(data[i, 0])))
        for j in range(2):
            point = serve(one, n[0, j], request)
            for f in fields(table):
                assert getattr(table, f.name)[i, j] == pytest.approx(float(getattr(point, f.name)))


@given(models, layouts, batches, tokens)
def test_operators_add_up_and_none_is_negative(
    model: Architecture, layout: tuple[int, int, int], batch: float, context: float
) -> None:
    step = stage(model, "fp8", layout).decode(np.array(batch), np.array(context))
    parts = [float(getattr(step, f.name)) for f in fields(Decode)]
    assert min(parts) >= 0
    assert float(step.total) == pytest.approx(sum(parts))


@given(models, layouts, batches)
def test_in_flight_is_rate_times_time(model: Architecture, layout: tuple[int, int, int], batch: float) -> None:
    """Little 1961."""
    service = serve(stage(model, "fp8", layout), np.array(batch), CHAT)
    in_flight = service.requests_per_s * CHAT.output_tokens * service.tpot_s
    assert float(in_flight) == pytest.approx(batch * layout[1])


def test_the_cycle_by_hand() -> None:
    """Each of 40 requests decodes at its mean context, and one in 500 steps each is read anew, half joined to it."""
    s, users = stage(DENSE, "fp8", (8, 1, 0)), np.array(40.0)
    fresh, cached, context = np.array(1000.0), np.array(500.0), np.array(500 + 1000 + 250.0)
    decode, alone = s.decode_s(users, context), s.prefill_s(fresh, cached)
    joined = s.mixed_step_s(users, context, fresh, cached) - decode
    service = serve(s, users, CHAT)
    assert float(service.prefill_s) == pytest.approx(float(alone + joined) / 2)
    assert float(service.tpot_s) == pytest.approx(float(decode + 40 / 500 * (alone + joined) / 2))
    full = s.weight_bytes() + s.cache_bytes(np.array(500 + 1000 + 500.0), users)
    assert float(service.memory_bytes) == pytest.approx(float(full))


@given(models, precisions, layouts, batches, tokens, tokens)
def test_reading_joined_to_a_step_costs_no_more_than_alone_and_at_least_its_work(
    model: Architecture, precision: str, layout: tuple[int, int, int], batch: float, context: float, fresh: float
) -> None:
    s = stage(model, precision, layout)
    n, c, f, none = (np.array(x) for x in (batch, context, fresh, 0.0))
    decode = s.decode_s(n, c)
    assert s.mixed_step_s(n, c, none, none) == pytest.approx(float(decode))
    assert s.mixed_step_s(n, c, f, none) >= decode * (1 - 1e-12)
    assert added_prefill_s(s, n, c, f, none) <= s.prefill_s(f, none) * (1 + 1e-12)


def test_split_by_requests_the_fullest_rank_counts() -> None:
    s = stage(LATENT, "fp8", (8, 1, 1))
    nine, sixteen = (s.decode(np.array(n), np.array(1000.0)) for n in (9.0, 16.0))
    assert float(nine.attention) == pytest.approx(float(sixteen.attention))
    assert float(nine.feed_forward) < float(sixteen.feed_forward)


def test_experts_and_their_traffic_by_hand() -> None:
    """Ideal, eight ranks by requests, eight requests: an eighth of the experts touched is read, four copies travel."""
    s = stage(SPARSE, "fp8", (8, 1, 1), efficiency=IDEAL)
    step = s.decode(np.array(8.0), np.array(1000.0))
    touched = 128 * (1 - (1 - 4 / 128) ** 8)
    assert float(step.feed_forward) == pytest.approx(36 * touched / 8 * 3 * 2880 * 2880 / 3e12)
    assert float(step.collectives) == pytest.approx(36 * 7 / 8 * 4 * 2880 * (1 + 2) / 4.5e11)


def test_copies_cross_to_another_domain_once() -> None:
    """Sixteen ranks in two domains, eight copies of a token: half of seven eighths would cross, one does."""
    network = Network(8, 4.5e11, 5e10, 0.0)
    many = all_to_all_s(8e6, 16, network)
    once = all_to_all_s(8e6, 16, network, once_bytes=1e6)
    assert float(many) == pytest.approx(8e6 * 8 / 16 / 5e10)
    assert float(once) == pytest.approx(1e6 / 5e10)
    assert float(all_to_all_s(8e6, 8, network, once_bytes=1e6)) == pytest.approx(8e6 * 7 / 8 / 4.5e11)


@given(st.floats(16, 8192))
def test_ranks_that_read_side_by_side_share_what_they_read(fresh: float) -> None:
    """Eight prompts on eight ranks cost no more than eight times one prompt over all ranks by heads, launches apart."""
    apart, together = (stage(LATENT, "fp8", layout, efficiency=IDEAL) for layout in ((8, 1, 1), (8, 1, 0)))
    f, none = np.array([fresh]), np.zeros(1)
    assert apart.prefill_s(f, none) * 8 >= 2 * LATENT.active_parameters * 0.9 * fresh / 2e15
    assert apart.prefill_s(f, none) <= together.prefill_s(f, none) * 2.5


def test_users_beyond_memory_wait_outside() -> None:
    s = stage(DENSE, "fp8", (2, 1, 0))
    room = DEVICE.hbm_bytes * 0.9
    capacity = float(s.capacity(np.array(1500.0), room))
    assert s.weight_bytes() + s.cache_bytes(np.array(1500.0), np.array(capacity)) <= room
    assert s.weight_bytes() + s.cache_bytes(np.array(1500.0), np.array(capacity + 1)) > room
    users = np.array([capacity, 2 * capacity])
    fresh, generated = np.full(2, 1000.0), np.full(2, 500.0)
    ttft, tpot = closed_loop(s, users, fresh, generated, prompts=10)
    assert tpot[0] == pytest.approx(tpot[1])
    assert ttft[1] - ttft[0] > generated[0] * tpot[0]  # as many outside as inside: one full service, reading included
    assert ttft[1] - ttft[0] < generated[0] * tpot[0] + ttft[0]


def test_prompts_that_come_at_once_by_hand() -> None:
    """Eight prompts of two seconds: the last waits for seven, the mean for half of them; in batches of four until
    both end."""
    one = np.array([1.0, 1.0, 4.0])
    waits = first_wave_wait_s(np.array([1.0, 8.0, 8.0]), np.full(3, 2.0), one)
    assert waits.tolist() == [0.0, 7.0, 10.0]


def test_later_prompts_queue_as_theory_says() -> None:
    """Wide apart they are the M/D/1 queue, all at once the fluid one; where reading stops all others nobody meets."""
    mixed, apart = replace(NO_ENGINE, mixing_share=1.0), NO_ENGINE
    users, each, step = np.array(400.0), np.array(0.01), np.array(0.02)
    load = 0.2
    wide = later_wave_wait_s(users, each, step, users * each / load, 1.0, mixed)
    assert float(wide) + 0.5 * each == pytest.approx(load / (2 * (1 - load)) * each + 0.5 * each, rel=0.2, abs=2e-3)
    assert float(later_wave_wait_s(users, each, step, np.array(100.0), 1.0, apart)) == 0.0
    together = later_wave_wait_s(users, each, step, np.array(100.0), 0.0, apart)
    assert float(together) == pytest.approx((users - 1) / 2 * each)


@given(models, precisions, batches, tokens, tokens)
def test_reading_beside_drafts_costs_something(
    model: Architecture, precision: str, batch: float, fresh: float, context: float
) -> None:
    s = replace(
        stage(model, precision, (8, 1, 0)),
        drafts=Drafts(1, 1.8),
        engine=replace(ENGINE, mixing_share=1.0),
    )
    n, f, c = (np.array([x]) for x in (batch, fresh, context))
    assert added_prefill_s(s, n, c, f, np.zeros(1)) >= 0
    plain = replace(s, drafts=NO_DRAFTS)
    step, drafted = plain.decode_s(n, c), s.decode_s(n, c) * 1.8
    assert step <= drafted <= 2.5 * step  # twice the rows, the same cache, a layer more


@given(models, st.sampled_from([(8, 1, 0), (8, 1, 1)]), st.integers(1, 256), st.floats(0, 0.5), st.floats(100, 8000))
def test_the_device_of_a_benchmark_never_idles(
    model: Architecture, layout: tuple[int, int, int], users: int, spread: float, fresh: float
) -> None:
    """What users wait for in the queue they don't wait for later: users = rate x time, never faster than the steps."""
    device = replace(DEVICE, hbm_bytes=1e13)
    s = replace(stage(model, "fp8", layout, device), engine=replace(NO_ENGINE, queueing_factor=1.0))
    n, f, g = np.array([float(users)]), np.array([fresh]), np.array([500.0])
    ttft, tpot = closed_loop(s, n, f, g, prompts=10, spread=spread)
    decode = s.decode_s(n, f + g / 2)
    reading = n * s.prefill_s(f, np.zeros(1))
    spent = ttft - decode / 2 + g * tpot
    assert tpot >= decode
    assert spent <= (g * decode + reading) * (1 + 1e-9) or tpot == pytest.approx(decode)


def test_precision_follows_the_arithmetic() -> None:
    assert precision_for(DEVICE) == "fp8"
    assert precision_for(replace(DEVICE, peak_fp4_flops_per_s=4e15)) == "fp4"
    assert precision_for(replace(DEVICE, peak_fp8_flops_per_s=0.0)) == "bf16"


def check(rate: Rate, device: Device, model: Architecture, precision: str, request: Request) -> None:
    """A point found is feasible, and no faster than the roofline."""
    per_stage = rate.gpus // rate.pipeline
    s = stage(model, precision, (per_stage, rate.pipeline, int(rate.data_parallel)), device)
    service = serve(s, np.array(rate.batch / rate.pipeline), request)
    assert float(service.memory_bytes) <= device.hbm_bytes * (1 - EFFICIENCY.memory_reserve_share) * (1 + 1e-12)
    assert rate.ttft_s <= request.ttft_s and rate.tpot_s <= request.tpot_s
    assert rate.requests_per_gpu_s == pytest.approx(float(service.requests_per_s) / rate.gpus)
    weights = model.active_parameters - 2 * model.embedding_parameters - model.parameters_by_part()["router"]
    flops = 2 * weights * (request.uncached_input_tokens + request.output_tokens)
    assert rate.requests_per_gpu_s * flops <= device.peak_flops_per_s(precision)


@given(models, st.floats(0.005, 0.2), st.floats(0.05, 10), tokens, st.floats(0, 1e5), st.floats(1, 5000))
def test_the_best_point_keeps_every_limit(
    model: Architecture, tpot_s: float, ttft_s: float, fresh: float, cached: float, generated: float
) -> None:
    request = Request(
        uncached_input_tokens=fresh, cached_input_tokens=cached, output_tokens=generated, ttft_s=ttft_s, tpot_s=tpot_s
    )
    rate = best(DEVICE, model, "fp8", request, EFFICIENCY, ENGINE)
    if rate.reason:
        assert rate.requests_per_gpu_s == 0
    else:
        check(rate, DEVICE, model, "fp8", request)


@given(models, st.floats(0.005, 0.1), st.floats(1, 4))
def test_looser_limits_and_more_memory_never_cost_throughput(model: Architecture, tpot_s: float, factor: float) -> None:
    request = replace(CHAT, tpot_s=tpot_s)
    plain = best(DEVICE, model, "fp8", request, EFFICIENCY, ENGINE).requests_per_gpu_s
    assert (
        best(DEVICE, model, "fp8", replace(request, tpot_s=tpot_s * factor), EFFICIENCY, ENGINE).requests_per_gpu_s
        >= plain
    )
    roomy = replace(DEVICE, hbm_bytes=DEVICE.hbm_bytes * factor)
    assert best(roomy, model, "fp8", request, EFFICIENCY, ENGINE).requests_per_gpu_s >= plain


def test_a_model_larger_than_a_node_is_served_over_several() -> None:
    rate = best(DEVICE, LATENT, "fp8", replace(CHAT, tpot_s=0.2), EFFICIENCY, ENGINE)
    assert rate.gpus > DEVICE.scaleup_gpus and rate.requests_per_gpu_s > 0
    apart = best(replace(DEVICE, scaleout_bandwidth_bytes_per_s=0.0), LATENT, "fp8", CHAT, EFFICIENCY, ENGINE)
    assert apart.requests_per_gpu_s == 0 and apart.reason.startswith("does not fit")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (replace(CHAT, tpot_s=1e-4), "ms per token at best"),
        (replace(CHAT, ttft_s=1e-4), "to the first token at best"),
        (replace(CHAT, cached_input_tokens=1e12), "does not fit"),
    ],
)
def test_reasons_say_what_is_missing(request_: Request, words: str) -> None:
    rate = best(DEVICE, DENSE, "fp8", request_, EFFICIENCY, ENGINE)
    assert rate.requests_per_gpu_s == 0 and words in rate.reason


def test_the_limit_is_the_one_that_binds() -> None:
    assert best(DEVICE, DENSE, "fp8", replace(CHAT, tpot_s=0.02), EFFICIENCY, ENGINE).limit == "tpot"
    assert best(DEVICE, DENSE, "fp8", replace(CHAT, tpot_s=10), EFFICIENCY, ENGINE).limit == "memory"
    assert (
        best(DEVICE, DENSE, "fp8", replace(CHAT, uncached_input_tokens=20_000), EFFICIENCY, ENGINE).dominant_operator
        == "prefill"
    )
    assert (
        best(
            DEVICE, DENSE, "fp8", replace(CHAT, uncached_input_tokens=1, cached_input_tokens=50_000), EFFICIENCY, ENGINE
        ).dominant_operator
        == "attention"
    )


@pytest.mark.parametrize("model", [DENSE, SPARSE, LATENT])
def test_the_frontier_rises_and_ends_at_the_best(model: Architecture) -> None:
    points = frontier(DEVICE, model, "fp8", CHAT, EFFICIENCY, ENGINE)
    assert len(points) > 5
    tpot, rate = ([getattr(p, k) for p in points] for k in ("tpot_s", "requests_per_gpu_s"))
    assert tpot == sorted(tpot) and all(a < b for a, b in pairwise(rate))
    assert points[-1] == best(DEVICE, model, "fp8", CHAT, EFFICIENCY, ENGINE)
    for point in points:
        check(point, DEVICE, model, "fp8", CHAT)


def test_nothing_feasible_is_an_empty_frontier() -> None:
    assert frontier(DEVICE, DENSE, "fp8", replace(CHAT, tpot_s=1e-4), EFFICIENCY, ENGINE) == ()
