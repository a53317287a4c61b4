"""How published runs were launched, as their scripts say, and how many requests a saturated row queued."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.inference.inputs import WARMED, Harness
from gigaplan.inference.serving import queue_requests_per_s, steady_state
from gigaplan.inference.step import Stage
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.harnesses import harness_of, scripts
from gigaplan.validation.serving.loads import queued
from gigaplan.validation.serving.rows import Worker, known

WORKER = Worker(8, by_requests=False)
ROW = {"date": "2026-03-25", "concurrency": "16", "isl": "1024", "osl": "1024", "mode": "agg"}


def harness(row: dict[str, str], gpus: int = 8, precision: str = "fp8", engine: str = "sglang") -> Harness:
    worker = Worker(gpus, by_requests=False)
    return harness_of(row, "b200_hgx", "deepseek_r1", engine, precision, worker, inferencex=True)


def test_the_options_of_a_script_follow_the_row() -> None:
    """dsr1_fp8_b200.sh looks for prompts every 30 steps from 16 users on, every 10 below; its two layouts differ."""
    assert harness(ROW).read_every == 30
    assert harness({**ROW, "concurrency": "8"}).read_every == 10
    assert (harness(ROW).chunk_tokens, harness(ROW, gpus=4).chunk_tokens) == (32768, 8192)
    assert (harness(ROW).memory_share, harness(ROW, gpus=4).memory_share) == (0.82, 0.95)
    assert harness(ROW, precision="fp4").chunk_tokens == 16384
    assert harness(ROW, engine="vllm") == WARMED


def test_only_runs_of_one_kind_of_worker_before_the_day_of_the_change_are_cold() -> None:
    assert harness({**ROW, "date": "2026-01-20"}).cold
    assert not harness({**ROW, "date": "2026-01-21"}).cold
    assert not harness({**ROW, "date": ""}).cold
    assert harness({**ROW, "date": "2025-11-10", "mode": "disagg"}) == WARMED
    other = harness_of(
        {**ROW, "date": "2025-11-10"}, "b200_hgx", "qwen3_32b", "sglang", "fp8", WORKER, inferencex=False
    )
    assert other == WARMED


def test_every_script_says_something() -> None:
    names = {"held_steps", "read_every", "chunk_tokens", "memory_share"}
    for script in scripts():
        assert script.options
        assert set(script.options) <= names
        assert all(v > 0 for v in script.options.values())


def test_published_rows_state_how_many_requests_they_queued() -> None:
    row = {"url": "https://github.com/NVIDIA/TensorRT-LLM/blob/x", "isl": "1000", "osl": "1000"}
    assert queued(row) == 3000
    assert queued({**row, "isl": "7"}) == math.inf
    assert queued({**row, "url": "https://example.org"}) == math.inf


def replica() -> Stage:
    device, architecture = known("h100_hgx", "llama_3_3_70b")
    constants, one = shipped(), np.array(1.0)
    return Stage(device, architecture, "fp8", constants.efficiency, constants.engines["trtllm"], 2 * one, one, 0 * one)


def rate(batch: float, requests: float) -> float:
    arrays = (np.array(float(x)) for x in (batch, requests, 1000, 0, 500))
    return float(queue_requests_per_s(replica(), *arrays))


def steady(batch: float) -> float:
    arrays = (np.array(float(x)) for x in (batch, 1000, 0, 500))
    return float(steady_state(replica(), *arrays).requests_per_s)


@settings(deadline=None, max_examples=30)
@given(batch=st.integers(1, 400), waves=st.integers(1, 9))
def test_full_waves_are_the_steady_state(batch: int, waves: int) -> None:
    assert rate(batch, batch * waves) == pytest.approx(steady(batch))
    assert rate(batch, math.inf) == pytest.approx(steady(batch))


@settings(deadline=None, max_examples=30)
@given(batch=st.integers(2, 400), requests=st.integers(1, 3000))
def test_a_last_wave_that_is_not_full_never_makes_a_queue_faster(batch: int, requests: int) -> None:
    assert rate(batch, requests) <= steady(batch) * (1 + 1e-9)
    if requests < batch:
        assert rate(batch, requests) == pytest.approx(steady(requests))


def test_a_long_queue_is_the_endless_one() -> None:
    assert rate(300, 300 * 1000 + 150) == pytest.approx(steady(300), rel=1e-3)
