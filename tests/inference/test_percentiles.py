"""Slow requests: tails of waits and of times per token against exact results and a simulation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.inference import disaggregation
from gigaplan.inference.frontier import BATCHES, best
from gigaplan.inference.inputs import Request
from gigaplan.inference.percentiles import Percentile, load_for_wait, percentile_tpot_s, percentile_wait_s
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of

FACTS = catalog.load()
GIVEN = (device_of(FACTS, "b200_hgx"), model_of(FACTS, "llama_2_70b"), "fp4")
CONSTANTS = efficiency_of(FACTS), engine_of(FACTS, "trtllm")
REQUEST = Request(uncached_input_tokens=300.0, cached_input_tokens=0.0, output_tokens=300.0, ttft_s=0.45, tpot_s=0.04)


@pytest.mark.parametrize("load", [0.2, 0.41, 0.8, 0.94])
def test_readings_that_spread_as_exponential_times_have_the_wait_of_m_m_1(load: float) -> None:
    """P(W > t) = load exp(-(1 - load) t)."""
    exact = math.log(100 * load) / (1 - load)
    found = percentile_wait_s(np.array(load), np.array(1.0), Percentile(0.99, 1.0, 9.0))
    assert float(found) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(("load", "cv"), [(0.4, 0.0), (0.8, 0.0), (0.7, 0.6)])
def test_the_wait_agrees_with_a_simulated_queue(load: float, cv: float) -> None:
    rng = np.random.default_rng(7)
    gaps = rng.exponential(1 / load, 400_000)
    readings = np.ones_like(gaps) if not cv else rng.gamma(cv**-2, cv**2, gaps.size)
    steps = np.concatenate([[0.0], np.cumsum(readings[:-1] - gaps[1:])])  # Lindley's recursion, as a running minimum
    waits = steps - np.minimum.accumulate(steps)
    found = percentile_wait_s(np.array(load), np.array(1.0), Percentile(0.99, cv, 9.0))
    assert float(found) == pytest.approx(np.quantile(waits, 0.99), rel=0.06)


@given(wait=st.floats(0.01, 20), prefill=st.floats(0.001, 2), cv=st.floats(0, 1.5))
def test_the_busiest_load_is_the_inverse_of_the_wait(wait: float, prefill: float, cv: float) -> None:
    percentile = Percentile(0.99, cv, 9.0)
    load = load_for_wait(np.array(wait), np.array(prefill), percentile)
    assert 0 <= load < 1
    assert float(percentile_wait_s(load, np.array(prefill), percentile)) <= wait * (1 + 1e-9)


@given(cv=st.floats(0, 1.5), load=st.floats(0.01, 0.9), share=st.floats(0.9, 0.999))
def test_slower_the_busier_and_the_more_prompts_spread(cv: float, load: float, share: float) -> None:
    def wait(load: float, cv: float, share: float) -> float:
        return float(percentile_wait_s(np.array(load), np.array(1.0), Percentile(share, cv, 9.0)))

    assert wait(load, cv, share) <= wait(load + 0.04, cv, share) + 1e-9
    assert wait(max(load, 0.5), cv, share) <= wait(max(load, 0.5), cv + 0.2, share) + 1e-9
    assert wait(load, cv, share) <= wait(load, cv, share + 0.0009) + 1e-9


def test_many_in_flight_spread_little_and_what_does_not_move_with_them_not_at_all() -> None:
    percentile = Percentile(0.99, 0.0, 1.0)
    flat, steep = np.full(BATCHES.size, 0.01), 0.001 * BATCHES
    assert percentile_tpot_s(flat, BATCHES, BATCHES, percentile) == pytest.approx(flat)
    slow = percentile_tpot_s(steep, BATCHES, BATCHES, percentile) / steep
    assert slow == pytest.approx(1 + percentile.deviations / np.sqrt(BATCHES))
    assert (np.diff(slow) < 0).all()


def test_the_longest_prompt_bounds_a_slow_one() -> None:
    assert Percentile(0.99, 0.8, 1.5).prompt_excess == 0.5
    assert Percentile(0.99, 0.1, 9.0).prompt_excess == pytest.approx(0.2326, abs=1e-3)


def test_limits_of_slow_requests_serve_no_more_than_those_of_the_mean() -> None:
    percentile = Percentile(0.99, 0.8, 3.5)
    mean, slow = (best(*GIVEN, REQUEST, *CONSTANTS, percentile=t) for t in (None, percentile))
    assert 0 < slow.requests_per_gpu_s < mean.requests_per_gpu_s
    assert slow.tpot_s < REQUEST.tpot_s
    free = replace(REQUEST, ttft_s=1e9, tpot_s=1e9)
    assert best(*GIVEN, free, *CONSTANTS, percentile=percentile) == best(*GIVEN, free, *CONSTANTS)
    apart = [
        max(p.requests_per_gpu_s for p in disaggregation.frontier(*GIVEN, REQUEST, *CONSTANTS, percentile=t))
        for t in (None, percentile)
    ]
    assert 0 < apart[1] <= apart[0]


def test_no_more_gpus_than_there_are() -> None:
    for most in (1, 2, 5, 8):
        assert best(*GIVEN, REQUEST, *CONSTANTS, max_gpus=most).gpus <= most
        pairs = disaggregation.frontier(*GIVEN, REQUEST, *CONSTANTS, max_gpus=most)
        assert all(p.gpus <= most for p in pairs)
        assert pairs or most == 1
