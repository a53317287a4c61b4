"""Disaggregated serving: limits, whole workers, neither waits, one by one as all at once."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from gigaplan import catalog
from gigaplan.compute.transformer import CACHE_BYTES
from gigaplan.inference import disaggregation, frontier
from gigaplan.inference.inputs import Request
from gigaplan.inference.pairing import pairing
from gigaplan.inference.serving import MAX_LOAD
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of

FACTS = catalog.load()
EFFICIENCY, ENGINE = efficiency_of(FACTS), engine_of(FACTS, "trtllm")
ASK = Request(uncached_input_tokens=2000, cached_input_tokens=500, output_tokens=600, ttft_s=2.0, tpot_s=0.05)
PAIRS = [("deepseek_r1", "gb200_nvl72"), ("gpt_oss_120b", "h200_hgx"), ("llama_3_1_70b", "h100_hgx")]


def found(model: str, system: str, ask: Request = ASK) -> tuple[disaggregation.Pair, ...]:
    device = device_of(FACTS, system)
    return disaggregation.frontier(
        device, model_of(FACTS, model), frontier.precision_for(device), ask, EFFICIENCY, ENGINE
    )


def stage(model: str, system: str, w: disaggregation.Workers) -> Stage:
    device = device_of(FACTS, system)
    layout = (np.array(float(v)) for v in (w.gpus / w.pipeline, w.pipeline, w.data_parallel))
    return Stage(device, model_of(FACTS, model), frontier.precision_for(device), EFFICIENCY, ENGINE, *layout)


@pytest.mark.parametrize(("model", "system"), PAIRS)
def test_limits_hold_and_each_step_to_slower_gives_more(model: str, system: str) -> None:
    pairs = found(model, system)
    assert pairs
    for p in pairs:
        assert p.tpot_s <= ASK.tpot_s
        assert p.ttft_s <= ASK.ttft_s
        assert p.gpus <= disaggregation.MAX_GPUS
        assert 0 < p.prefill_load < 1
    tpot, rate = (np.array([getattr(p, k) for p in pairs]) for k in ("tpot_s", "requests_per_gpu_s"))
    assert (np.diff(tpot) >= 0).all()
    assert (np.diff(rate) > 0).all()


@pytest.mark.parametrize(("model", "system"), PAIRS)
def test_each_group_alone_gives_what_the_search_says(model: str, system: str) -> None:
    """Scalar = vector, from the step times up: GPUs counted are those used, and neither kind waits for the other."""
    context = ASK.cached_input_tokens + ASK.uncached_input_tokens + ASK.output_tokens / 2
    room = device_of(FACTS, system).hbm_bytes * (1 - EFFICIENCY.memory_reserve_share)
    for p in found(model, system):
        readers, writers = stage(model, system, p.prefill_workers), stage(model, system, p.decode_workers)
        batch = np.array(p.batch / p.decode_workers.count / p.decode_workers.pipeline)
        tpot = float(
            p.decode_workers.pipeline * (writers.decode_s(batch, np.array(context)) + writers.pipeline_send_s(batch))
        )
        assert p.tpot_s == pytest.approx(tpot)
        asked = p.batch / (ASK.output_tokens * tpot)
        assert (
            p.gpus == p.prefill_workers.count * p.prefill_workers.gpus + p.decode_workers.count * p.decode_workers.gpus
        )
        assert p.requests_per_gpu_s * p.gpus == pytest.approx(asked)
        prefill = float(readers.prefill_s(np.array(ASK.uncached_input_tokens), np.array(ASK.cached_input_tokens)))
        assert p.prefill_load == pytest.approx(asked * prefill / p.prefill_workers.count)
        full = np.array(context + ASK.output_tokens / 2)
        assert writers.weight_bytes() + writers.cache_bytes(full, batch) <= room
        alone = pairing(readers, writers, batch, np.array(float(p.decode_workers.count)), ASK)
        assert float(alone.gpus) == p.gpus
        assert float(alone.ttft_s) == pytest.approx(p.ttft_s)
        assert bool(alone.keeps_up)


def test_no_reader_fewer_would_do() -> None:
    ask = dataclasses.replace(ASK, uncached_input_tokens=8000)
    for p in found("deepseek_r1", "gb200_nvl72", ask):
        if p.prefill_workers.count > 1:
            load = p.prefill_load * p.prefill_workers.count / (p.prefill_workers.count - 1)
            readers = stage("deepseek_r1", "gb200_nvl72", p.prefill_workers)
            prefill = float(readers.prefill_s(np.array(8000.0), np.array(500.0)))
            wait = math.inf if load >= 1 else load / (2 * (1 - load)) * prefill
            before = p.prefill_load / (2 * (1 - p.prefill_load)) * prefill
            assert load > MAX_LOAD or p.ttft_s - before + wait > ask.ttft_s * 0.99


def test_caches_travel_faster_within_a_domain() -> None:
    near = [p for p in found("deepseek_r1", "gb200_nvl72") if p.gpus <= 72]
    far = [p for p in found("deepseek_r1", "gb200_nvl72") if p.gpus > 72]
    assert near
    assert far
    device, model = device_of(FACTS, "gb200_nvl72"), model_of(FACTS, "deepseek_r1")
    cache = float(model.kv_bytes(np.array(2500.0), CACHE_BYTES["fp4"]))
    share, out = ENGINE.link_share, EFFICIENCY.scaleout_share
    assert near[0].kv_transfer_s == pytest.approx(cache / (device.scaleup_bandwidth_bytes_per_s * share))
    assert far[0].kv_transfer_s == pytest.approx(cache / (device.scaleout_bandwidth_bytes_per_s * out))


def test_looser_limits_never_give_less_and_impossible_ones_nothing() -> None:
    def most(ask: Request) -> float:
        return max((p.requests_per_gpu_s for p in found("gpt_oss_120b", "gb200_nvl72", ask)), default=0.0)

    assert most(dataclasses.replace(ASK, tpot_s=0.1, ttft_s=8.0)) >= most(ASK) > 0
    assert found("gpt_oss_120b", "gb200_nvl72", dataclasses.replace(ASK, ttft_s=1e-4)) == ()
    assert found("gpt_oss_120b", "gb200_nvl72", dataclasses.replace(ASK, tpot_s=1e-6)) == ()
    alone = dataclasses.replace(
        device_of(FACTS, "h200_hgx"),
        scaleup_gpus=1,
        scaleup_bandwidth_bytes_per_s=0.0,
        scaleout_bandwidth_bytes_per_s=0.0,
    )
    given = (alone, model_of(FACTS, "llama_3_1_8b"), "fp8", ASK, EFFICIENCY, ENGINE)
    assert frontier.frontier(*given), "one GPU serves it"
    assert disaggregation.frontier(*given) == (), "without a network nothing travels"


def test_a_prompt_that_is_all_cached_takes_one_idle_reader() -> None:
    pairs = found(
        "gpt_oss_120b", "gb200_nvl72", dataclasses.replace(ASK, uncached_input_tokens=0, cached_input_tokens=2000)
    )
    assert pairs
    assert {p.prefill_workers.count for p in pairs} == {1}
    assert {p.prefill_load for p in pairs} == {0}


def test_what_the_search_leaves_out_would_not_do_better() -> None:
    """Every layout with every batch, none left out beforehand, on a system small enough for that."""
    device, model = device_of(FACTS, "h100_hgx"), model_of(FACTS, "llama_3_1_70b")
    gpus, pipeline, data = np.array(frontier.layouts(device, model), dtype=float).T
    given = (device, model, "fp8", EFFICIENCY, ENGINE)
    readers = Stage(*given, *(c[:, None, None, None] for c in (gpus, pipeline, data)))
    writers = Stage(*given, *(c[:, None, None] for c in (gpus, pipeline, data)))
    all_of_them = pairing(readers, writers, frontier.BATCHES[:, None], disaggregation.DECODE_WORKER_COUNTS, ASK)
    room = device.hbm_bytes * (1 - EFFICIENCY.memory_reserve_share)
    reads = readers.weight_bytes() + readers.cache_bytes(np.array(2500.0), np.array(2.0)) <= room
    writes = writers.weight_bytes() + writers.cache_bytes(np.array(3100.0), frontier.BATCHES[:, None]) <= room
    kept = (
        (all_of_them.ttft_s <= ASK.ttft_s) & (all_of_them.tpot_s <= ASK.tpot_s) & all_of_them.keeps_up & reads & writes
    )
    kept &= all_of_them.gpus <= disaggregation.MAX_GPUS
    rate = np.where(kept, all_of_them.requests_per_s / all_of_them.gpus, 0.0)
    pairs = found("llama_3_1_70b", "h100_hgx")
    assert pairs
    for p in pairs:
        best = rate[all_of_them.tpot_s <= p.tpot_s * (1 + 1e-12)].max()
        assert p.requests_per_gpu_s == pytest.approx(best)
