"""Benchmarks whose memory or prefill is the limit: times are monotone, and there is no cliff."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.inference.options import ENGINES
from gigaplan.inference.serving import _prefill_queue_s, closed_loop, requests_in_flight
from gigaplan.inference.step import Stage
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.rows import known


def stage(engine: str = "vllm", hbm_bytes: float = 8.59e10, model: str = "llama_3_1_8b") -> Stage:
    device, architecture = known("h100_hgx", model)
    constants, one = shipped(), np.array(1.0)
    return Stage(
        replace(device, hbm_bytes=hbm_bytes),
        architecture,
        "bf16",
        constants.efficiency,
        constants.engines[engine],
        one,
        one,
        0 * one,
    )


def whole_s(of: Stage, users: float, prompt: float, output: float) -> float:
    """Return the mean time of a whole request [s]."""
    n, p, o = (np.array(float(x)) for x in (users, prompt, output))
    ttft, tpot = closed_loop(of, n, p, o, prompts=10)
    return float(ttft + o * tpot)


@settings(deadline=None, max_examples=60)
@given(
    engine=st.sampled_from(ENGINES),
    memory=st.lists(st.floats(1e10, 2e11), min_size=2, max_size=2),
    users=st.integers(1, 512),
    prompt=st.floats(256, 16000),
    output=st.floats(64, 4000),
)
def test_more_memory_never_makes_a_request_slower(
    engine: str, memory: list[float], users: int, prompt: float, output: float
) -> None:
    more, less = (whole_s(stage(engine, hbm), users, prompt, output) for hbm in sorted(memory, reverse=True))
    # A larger batch of short requests may take a little longer than two smaller ones after each other.
    assert more <= less * 1.01


def test_memory_has_no_cliff() -> None:
    """One request fewer in memory costs about one more in the queue, and below one request nothing gets faster."""
    weights = float(stage().weight_bytes())
    over = np.geomspace(1.0001, 4, 400)
    times = np.array([whole_s(stage(hbm_bytes=weights * k / 0.9), 64, 8000, 1000) for k in over])
    assert (np.diff(times) <= 1e-9).all()
    assert requests_in_flight(stage(hbm_bytes=weights), np.array(64.0), np.array(8000.0), np.array(1000.0)) == 1


def test_drivers_report_as_many_gib_as_vendors_print_gb() -> None:
    from gigaplan import catalog

    facts = catalog.load()
    printed = {"h100_hgx": 80, "h200_hgx": 141, "b200_hgx": 180, "b300_hgx": 268.6, "gb200_nvl72": 185}
    for system, gib in printed.items():
        assert facts.find(system, "hbm_bytes").number == pytest.approx(gib * 2**30, rel=1e-3)


@settings(deadline=None, max_examples=60)
@given(loads=st.lists(st.floats(0, 1.5), min_size=2, max_size=2), groups=st.sampled_from([1.0, 4.0]))
def test_a_prompt_waits_longer_where_more_are_read_and_not_at_all_alone(loads: list[float], groups: float) -> None:
    one = np.array(1.0)
    several = replace(stage(), gpus=groups * one, dp_attention=np.where(groups > 1, one, 0 * one))
    few, many = (float(_prefill_queue_s(several, one, np.array(load))) for load in sorted(loads))
    assert 0 <= few <= many < np.inf
    assert float(_prefill_queue_s(several, one, 0 * one)) == 0
