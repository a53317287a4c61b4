"""The best day by linear programme: by hand, by its duals, and against merit order on one generation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.allocation.merit import allocate
from gigaplan.allocation.optimum import BestDay, best_day
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array

W, G, H = 4, 3, 6
STEP = 1e-4
"""Share of a generation's GPUs by which it grows and shrinks around a dual."""


def a_day(seed: int, kinds: int = G) -> dict[str, Any]:
    """Any mix of interactive and deferrable work, on generations that may not serve all of it."""
    rng = np.random.default_rng(seed)
    speed = rng.lognormal(2, 1, (W, kinds)) * (rng.random((W, kinds)) < 0.85)
    gpus = rng.uniform(1, 100, kinds)
    return {
        "demand_per_h": np.maximum(speed @ gpus, 1.0)[:, None] * rng.uniform(0, 1.5, (W, H)),
        "deferrable": rng.random(W) < 0.4,
        "promised": np.zeros(W),
        "value_usd_per_request": rng.uniform(0, 5, W),
        "requests_per_gpu_h": speed,
        "gpus": gpus,
    }


days = st.builds(a_day, st.integers(0, 10**6))


def test_each_workload_takes_the_generation_that_suits_it() -> None:
    """Two workloads of 10 requests an hour, two GPUs, each of which serves 10 of one and 1 of the other."""
    best = best_day(
        demand_per_h=np.full((2, 1), 10.0),
        deferrable=np.zeros(2, dtype=bool),
        promised=np.zeros(2),
        value_usd_per_request=np.array([1.0, 3.0]),
        requests_per_gpu_h=np.array([[10.0, 1.0], [1.0, 10.0]]),
        gpus=np.ones(2),
    )
    assert best.value_usd == pytest.approx(40)
    assert best.served == pytest.approx([10, 10])
    assert best.gpu_h[..., 0] == pytest.approx(np.eye(2))


def test_a_gpu_hour_brings_what_it_would_serve() -> None:
    """One GPU serves 10 of the 20 requests of 2 USD: another would bring 20 USD; a third has nothing to do."""
    day = {
        "demand_per_h": np.full((1, 1), 20.0),
        "deferrable": np.zeros(1, dtype=bool),
        "promised": np.zeros(1),
        "value_usd_per_request": np.array([2.0]),
        "requests_per_gpu_h": np.array([[10.0]]),
    }
    assert best_day(**day, gpus=np.array([1.0])).usd_per_gpu_h == pytest.approx(20)
    assert best_day(**day, gpus=np.array([3.0])).usd_per_gpu_h == pytest.approx(0)


@given(days)
def test_law_of_limits(day: dict[str, Any]) -> None:
    best = best_day(**day)
    assert (best.gpu_h >= -1e-9).all()
    assert (best.gpu_h.sum(axis=0) <= day["gpus"][:, None] * (1 + 1e-7)).all()
    run = (best.gpu_h * day["requests_per_gpu_h"][..., None]).sum(axis=1)
    most = np.where(day["deferrable"], day["demand_per_h"].sum(axis=-1), np.inf)
    assert (best.served <= most * (1 + 1e-7)).all()
    assert (run[~day["deferrable"]] <= day["demand_per_h"][~day["deferrable"]] * (1 + 1e-7) + 1e-7).all()
    assert best.value_usd == pytest.approx(float(day["value_usd_per_request"] @ best.served), rel=1e-7, abs=1e-7)


@given(days, st.integers(0, G - 1))
def test_law_duals_lie_between_differences_to_both_sides(day: dict[str, Any], generation: int) -> None:
    best = best_day(**day)
    gpus = day["gpus"][generation] * STEP
    up, down = (_with_gpus(day, generation, by) for by in (1 + STEP, 1 - STEP))
    price, slack = best.usd_per_gpu_h[generation].sum(), 1e-6 * best.value_usd / gpus
    assert (up.value_usd - best.value_usd) / gpus <= price + slack
    assert price <= (best.value_usd - down.value_usd) / gpus + slack


def _with_gpus(day: dict[str, Any], generation: int, by: float) -> BestDay:
    gpus = day["gpus"].copy()
    gpus[generation] *= by
    return best_day(**day | {"gpus": gpus})


@given(st.integers(0, 10**6), st.booleans())
def test_merit_order_is_the_optimum_on_one_generation_and_never_better_on_several(seed: int, one: bool) -> None:
    day = a_day(seed, 1 if one else G)
    merit = float(day["value_usd_per_request"] @ _by_merit(day))
    best = best_day(**day).value_usd
    assert merit <= best * (1 + 1e-7) + 1e-9
    if one:
        assert merit == pytest.approx(best, rel=1e-7, abs=1e-9)


def _by_merit(day: dict[str, Any]) -> Array:
    """Return the requests of a day that merit order serves."""
    out = allocate(
        demand_per_h=day["demand_per_h"][None, :, None, None],
        deferrable=day["deferrable"],
        guaranteed_share=np.zeros(W),
        value_usd_per_request=day["value_usd_per_request"],
        requests_per_gpu_h=day["requests_per_gpu_h"][None],
        gpus_available=day["gpus"][None, :, None],
        reserved_share=np.zeros((1, 1)),
        reference_generation=0,
    )
    return np.asarray((out.served_now + out.deferred)[0, :, 0, 0].sum(axis=-1))


def test_promises_beyond_the_fleet_are_refused() -> None:
    day = a_day(3)
    with pytest.raises(InputError, match="can't be allocated"):
        best_day(**day | {"promised": day["demand_per_h"].sum(axis=-1) * 10})
