"""Requests one by one: a schedule by hand, laws of every schedule, and agreement with the closed loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.inference.requests.replay import RequestTimes, replay
from gigaplan.inference.requests.scheduler import Limits, Scheduler
from gigaplan.inference.requests.step_table import StepTable
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
    limits = Limits(sequences, budget, kv_cache_tokens(s))
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
    back."""
    schedule = Scheduler(np.array([10.0, 10.0]), np.array([5.0, 5.0]), Limits(2, 100, 22.0))
    schedule.waiting.extend([0, 1])
    assert schedule.plan_step().prefill == 20
    assert schedule.finish_step() == ([0, 1], [])
    step = schedule.plan_step()
    assert (step.decoding, step.prefill) == (1, 0)
    assert list(schedule.waiting) == [1]
    assert (schedule.to_prefill[1], schedule.in_cache[1]) == (11, 0)


@given(
    st.lists(st.tuples(st.floats(0, 20), st.integers(1, 300), st.integers(1, 30)), min_size=1, max_size=25),
    st.integers(1, 8),
    st.integers(8, 200),
    st.integers(330, 2000),
)
def test_laws_of_every_schedule(
    requests: list[tuple[float, int, int]], sequences: int, budget: int, cache_tokens: int
) -> None:
    arrival, inputs, outputs = (np.array(v, dtype=float) for v in zip(*requests, strict=True))
    limits = Limits(sequences, budget, float(cache_tokens))
    schedule = Scheduler(inputs, outputs, limits)
    schedule.waiting.extend(range(len(requests)))
    while not schedule.idle:
        step = schedule.plan_step()
        assert len(schedule.running) <= sequences
        assert step.prefill + step.decoding <= max(budget, sequences)
        assert step.decoding or step.prefill
        schedule.finish_step()
        assert schedule.cached_tokens == schedule.in_cache.sum() <= cache_tokens + sequences
    assert (schedule.made == outputs).all()
    assert schedule.cached_tokens == 0
    found = replay(arrival, inputs, outputs, Clock(), limits)
    assert (found.ttft > 0).all()
    assert (found.latency >= found.ttft).all()
    assert found.latency == pytest.approx(found.ttft + (outputs - 1) * found.tpot)


def test_the_table_gives_its_source_at_its_points_and_lies_between_them() -> None:
    times = StageStepTimes(stage())
    table = StepTable.of(times, 64, 2048, 4096.0)
    at = table.step_s(1, 1.0, 0)
    assert at == pytest.approx(float(times.decode_s(np.array(1.0), np.array(1.0))))
    one, more = np.array(10.0), np.array(1000.0)
    assert table.step_s(10, 1000.0, 0) == pytest.approx(float(times.decode_s(one, more)), rel=0.02)
    assert table.step_s(0, 0.0, 2048) == pytest.approx(float(times.prefill_s(np.array(2048.0), np.array(0.0))))
    assert table.step_s(0, 0.0, 0) == 0


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
