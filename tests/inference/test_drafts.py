"""Speculative decoding, what engines hold in memory, and a first wave that meets kernels still to be compiled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.inference.inputs import NO_DRAFTS, Drafts, Harness
from gigaplan.inference.options import ENGINES
from gigaplan.inference.serving import closed_loop, requests_in_flight
from gigaplan.inference.step import Stage
from gigaplan.inference.waves import cold_start_s
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of
from gigaplan.plan.resolve.drafts import MOST_DRAFTS, accepted_of, drafts_of
from gigaplan.vocabulary.errors import UnsupportedError


def stage(engine: str = "trtllm", drafts: Drafts = NO_DRAFTS, model: str = "deepseek_r1") -> Stage:
    facts, one = catalog.load(), np.array(1.0)
    device, architecture = device_of(facts, "b200_hgx"), model_of(facts, model)
    constants = efficiency_of(facts), engine_of(facts, engine)
    return Stage(device, architecture, "fp8", *constants, 8 * one, one, 0 * one, drafts=drafts)


@settings(deadline=None, max_examples=40)
@given(engine=st.sampled_from(ENGINES), batch=st.integers(1, 512), context=st.floats(100, 32000))
def test_a_step_costs_more_with_each_draft_and_yields_no_more_than_all_of_them(
    engine: str, batch: int, context: float
) -> None:
    n, c = np.array(float(batch)), np.array(context)
    plain = stage(engine).decode_s(n, c)
    steps = [stage(engine, Drafts(k, 1.0)).decode_s(n, c) for k in range(1, 5)]
    assert (np.diff([plain, *steps]) > 0).all()
    for k, step in enumerate(steps, 1):
        assert stage(engine, Drafts(k, k + 1.0)).decode_s(n, c) == pytest.approx(step / (k + 1))


def test_drafts_pay_with_few_requests_and_less_with_many() -> None:
    """Weights are read once for all tokens verified, while arithmetic grows with them (Leviathan et al. 2023)."""
    few, many, context = np.array(1.0), np.array(2000.0), np.array(1000.0)
    plain, drafted = stage(), stage(drafts=Drafts(3, 2.3))
    gain = [float(plain.decode_s(n, context) / drafted.decode_s(n, context)) for n in (few, many)]
    assert 1.4 < gain[0] < 2.3
    assert gain[1] < 0.8 * gain[0]


def test_a_vector_of_batches_gives_what_each_gives() -> None:
    drafted, batches = stage(drafts=Drafts(2, 2.0)), np.array([1.0, 7.0, 64.0])
    together = drafted.decode_s(batches, np.full(3, 2000.0))
    assert together == pytest.approx([float(drafted.decode_s(b, np.array(2000.0))) for b in batches])


def test_accepted_tokens_are_published_counts() -> None:
    """DeepSeek's report accepts 85 to 90 % of second tokens (DeepSeek-AI 2024, section 5.4.3)."""
    facts = catalog.load()
    one = accepted_of(facts, "deepseek_r1", 1)
    assert one.of_model
    assert one.low <= one.tokens <= one.high <= 2
    by_number = [accepted_of(facts, "deepseek_r1", k).tokens for k in range(1, 5)]
    assert by_number == sorted(by_number)
    assert drafts_of(facts, "deepseek_r1", 0) == NO_DRAFTS
    assert drafts_of(facts, "deepseek_r1", 2, 2.5) == Drafts(2, 2.5)


@pytest.mark.parametrize(("number", "accepted"), [(MOST_DRAFTS + 1, 0.0), (-1, 0.0), (2, 3.5), (2, 0.5)])
def test_what_no_step_yields_is_refused(number: int, accepted: float) -> None:
    with pytest.raises(UnsupportedError, match="accepted tokens"):
        drafts_of(catalog.load(), "deepseek_r1", number, accepted)


def test_engines_hold_memory_for_as_much_output_as_they_say() -> None:
    """TensorRT-LLM for all of it, SGLang for a share, vLLM as tokens come; with no output to come all hold alike."""
    users, prompt = np.array(1e5), np.array(1000.0)
    held = {e: float(requests_in_flight(stage(e), users, prompt, np.array(7000.0))) for e in ENGINES}
    assert held["trtllm"] < held["sglang"] < held["vllm"]
    same = {float(requests_in_flight(stage(e), users, prompt, np.array(0.0))) for e in ENGINES}
    assert len(same) == 1


def test_a_script_that_gives_less_memory_holds_fewer() -> None:
    of, users, tokens = stage(), np.array(1e5), np.array(1000.0)
    usual = requests_in_flight(of, users, tokens, tokens)
    assert requests_in_flight(of, users, tokens, tokens, Harness(memory_share=0.8)) < usual
    assert requests_in_flight(of, users, tokens, tokens, Harness(memory_share=0.95)) > usual


def test_only_a_first_wave_that_fills_a_chunk_meets_kernels_still_to_be_compiled() -> None:
    engine = replace(stage().engine, cold_start_s=60.0)
    tokens = np.array([1000.0, 16384.0, 16385.0])
    cold = Harness(cold=True, chunk_tokens=16384)
    assert cold_start_s(engine, cold, tokens).tolist() == [0.0, 0.0, 60.0]
    assert not cold_start_s(engine, replace(cold, cold=False), tokens).any()


def test_the_wait_of_the_first_wave_is_shared_by_all_prompts() -> None:
    of, n, tokens = stage("sglang"), np.array(64.0), np.array(1000.0)
    waits = [closed_loop(of, n, tokens, tokens, prompts=10, harness=Harness(cold=cold))[0] for cold in (False, True)]
    assert waits[1] - waits[0] == pytest.approx(of.engine.cold_start_s / 10)
