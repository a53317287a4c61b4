"""What a token's time is made of: limits, and a vector like its scalars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gigaplan import catalog
from gigaplan.inference.shares import token_shares
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of

FACTS, ONE = catalog.load(), np.array(1.0)
STAGE = Stage(
    device_of(FACTS, "h100_hgx"),
    model_of(FACTS, "llama_3_1_8b"),
    "fp8",
    efficiency_of(FACTS),
    engine_of(FACTS, "vllm"),
    ONE,
    ONE,
    0 * ONE,
)


def test_a_decode_step_alone_reads_nothing() -> None:
    step = STAGE.decode_s(8 * ONE, 1000 * ONE)
    found = token_shares(STAGE, 8 * ONE, 1000 * ONE, step)
    assert found.reading == pytest.approx(0)
    assert found.launches == pytest.approx(STAGE.decode(8 * ONE, 1000 * ONE).overhead / step)
    half = token_shares(STAGE, 8 * ONE, 1000 * ONE, 2 * step)
    assert half.reading == pytest.approx(0.5)
    assert half.launches == pytest.approx(found.launches / 2)


def test_launches_that_take_no_time_have_no_share() -> None:
    engine = replace(STAGE.engine, kernel_overhead_s=0.0, step_overhead_s=0.0, request_overhead_s=0.0)
    assert token_shares(replace(STAGE, engine=engine), ONE, 1000 * ONE, ONE).launches == 0


def test_a_vector_gives_what_scalars_give() -> None:
    batch, times = np.array([1.0, 16.0, 256.0]), np.array([0.01, 0.02, 0.1])
    together = token_shares(STAGE, batch, 1000 * ONE, times)
    for k in range(3):
        alone = token_shares(STAGE, batch[k], 1000 * ONE, times[k])
        assert together.reading[k] == pytest.approx(alone.reading)
        assert together.launches[k] == pytest.approx(alone.launches)
    assert np.all(together.reading + together.launches <= 1)
