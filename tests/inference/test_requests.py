"""Requests one by one: a schedule by hand, laws of every schedule, and agreement with the closed loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from tests.inference.reference import step_s

from gigaplan import catalog
from gigaplan.inference.requests.grid import step_grid
from gigaplan.inference.requests.limits import Limits
from gigaplan.inference.requests.replay import RequestTimes, replay
from gigaplan.inference.serving import closed_loop
from gigaplan.inference.step import Stage
from gigaplan.inference.step_times import StageStepTimes, StepTimes, kv_cache_tokens
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of
from gigaplan.vocabulary.errors import UnsupportedError
from gigaplan.vocabulary.members import Array

AMPLE = Limits(max_sequences=64, max_batched_tokens=1024, kv_cache_tokens=1e6)


@dataclass(frozen=True)
class Clock:
    """Step times of plain numbers: a decode step takes a second, and each prefilled token a hundredth."""

    per_token_s: float = 0.01

    def decode_s(self, batch: Array, context: Array) -> Array:
        return np.ones(np.broadcast_shapes(np.shape(batch), np.shape(context)))

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        return self.per_token_s * np.asarray(uncached, dtype=float)

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        return self.per_token_s * np.asarray(uncached, dtype=float)


def stage(system: str = "rtx_pro_6000_server", model: str = "llama_3_1_8b") -> Stage:
    facts, one = catalog.load(), np.array(1.0)
    device, architecture = device_of(facts, system), model_of(facts, model)
    return Stage(device, architecture, "bf16", efficiency_of(facts), engine_of(facts, "vllm"), one, one, 0 * one)


def seen(s: Stage, arrival: Array, inputs: Array, outputs: Array, *, sequences: int, budget: int) -> RequestTimes:
    limits = Limits(max_sequences=sequences, max_batched_tokens=budget, kv_cache_tokens=kv_cache_tokens(s))
    return replay(arrival, inputs, outputs, StageStepTimes(s), limits, s.engine.frontend_overhead_s(inputs))


def test_a_schedule_by_hand() -> None:
    """Prompts of 100 and 50 tokens, a budget of 100: the second starts in the step that decodes the first."""
    times: StepTimes = Clock()
    limits = Limits(max_sequences=2, max_batched_tokens=100, kv_cache_tokens=1e6)
    found = replay(np.zeros(2), np.array([100.0, 50.0]), np.array([3.0, 2.0]), times, limits, front_end_s=0.25)
    # Steps: prefill 100 (1 s, token 1 of the first); decode and prefill 50 (1.5 s); decode both (1 s).
    assert found.ttft == pytest.approx([1.25, 2.75])
    assert found.latency == pytest.approx([3.75, 3.75])
    assert found.tpot == pytest.approx([1.25, 1.0])


def test_a_prompt_longer_than_the_budget_takes_several_steps() -> None:
    limits = Limits(max_sequences=2, max_batched_tokens=100, kv_cache_tokens=1e6)
    found = replay(np.array([5.0]), np.array([250.0]), np.array([1.0]), Clock(), limits)
    assert found.ttft == pytest.approx([2.5])
    assert found.latency == pytest.approx([2.5])


def test_the_last_admitted_is_preempted_and_recomputed() -> None:
    """Memory for 22 tokens, two prompts of ten: the second step's two tokens don't fit, so the second request goes
    back, and its ten tokens and the one made are read again when the first is done."""
    limits = Limits(max_sequences=2, max_batched_tokens=100, kv_cache_tokens=22, block_tokens=1, watermark_share=0.0)
    found = replay(np.zeros(2), np.full(2, 10.0), np.full(2, 5.0), Clock(), limits)
    # 0.2 s to read both; step 1 holds 22 tokens, step 2 the first alone; three steps until it is done.
    assert found.ttft == pytest.approx([0.2, 0.2])
    assert found.latency == pytest.approx([4.2, 4.2 + 0.12 + 2])


def test_the_grid_gives_its_source_at_its_points_and_lies_between_them() -> None:
    times = StageStepTimes(stage())
    grid = step_grid(times, 64, 2048, 4096.0)

    def at(batch: int, context: float, prompt: int) -> float:
        return step_s(grid, batch, context, prompt, prompt * prompt / 2)

    one, more = np.array(10.0), np.array(1024.0)
    assert at(1, 1024, 0) == pytest.approx(float(times.decode_s(np.array(1.0), more)))
    assert at(10, 1024, 0) == pytest.approx(float(times.decode_s(one, more)), rel=1e-3)
    assert at(0, 0.0, 2048) == pytest.approx(float(times.prefill_s(np.array(2048.0), np.array(0.0))))
    mixed = at(10, 1024, 0) + float(times.added_prefill_s(one, more, np.array(500.0), np.array(0.0)))
    assert at(10, 1024, 500) == pytest.approx(mixed, rel=0.01)
    assert at(0, 0.0, 0) == 0


def test_one_request_alone_takes_its_prefill_and_its_steps() -> None:
    s, inputs, outputs = stage(), np.array([500.0]), np.array([64.0])
    found = seen(s, np.zeros(1), inputs, outputs, sequences=8, budget=2048)
    read = float(s.prefill_s(inputs, np.zeros(1))[0])
    step = float(s.decode_s(np.ones(1), inputs + 32)[0])
    assert found.ttft[0] == pytest.approx(read + s.engine.first_token_s, rel=0.25)
    assert found.tpot[0] == pytest.approx(step, rel=0.03)
    assert found.latency[0] == pytest.approx(found.ttft[0] + 63 * found.tpot[0], rel=1e-6)


def test_a_steady_stream_of_equals_agrees_with_the_closed_loop() -> None:
    """Users that each send one prompt after another: the fast model's steady state and the replay's."""
    s, users = stage(), 16
    ones, n = np.ones(1), 16 * 12
    _, tpot = closed_loop(s, users * ones, 512 * ones, 128 * ones, prompts=10)
    found = seen(s, np.zeros(n), np.full(n, 512.0), np.full(n, 128.0), sequences=users, budget=512)
    assert float(np.median(found.tpot)) == pytest.approx(float(tpot[0]), rel=0.35)


def test_later_and_longer_and_fewer_sequences_wait_longer() -> None:
    s, rng = stage(), np.random.default_rng(3)
    arrival = np.sort(rng.uniform(0, 5, 60))
    inputs, outputs = rng.integers(50, 900, 60) * 1.0, rng.integers(20, 200, 60) * 1.0
    wide, narrow = (seen(s, arrival, inputs, outputs, sequences=n, budget=2048) for n in (64, 8))
    assert narrow.ttft.mean() > wide.ttft.mean()
    assert narrow.tpot.mean() < wide.tpot.mean()
    longer = seen(s, arrival, inputs, 2 * outputs, sequences=8, budget=2048)
    assert longer.latency.mean() > narrow.latency.mean()
    for found in (wide, narrow, longer):
        assert np.isfinite(found.latency).all()
        assert (found.latency >= found.ttft).all()


def test_memory_that_runs_out_preempts_and_all_end() -> None:
    s, n = stage("rtx_4090"), 120
    found = seen(s, np.zeros(n), np.full(n, 900.0), np.full(n, 600.0), sequences=256, budget=2048)
    assert np.isfinite(found.latency).all()
    with pytest.raises(UnsupportedError, match="memory holds"):
        seen(s, np.zeros(1), np.full(1, 1e6), np.ones(1), sequences=1, budget=2048)
