from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from gigaplan.allocation.merit import allot
from gigaplan.allocation.outputs import Allotment

W, G, D, H = 4, 3, 1, 6
DEFERRABLE = np.array([False, True, False, True])


def random_case(seed: int, scarcity: float) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    speed = rng.uniform(5, 50, (1, W, 1)) * rng.uniform(0.6, 1.6, (1, W, G))
    gpus = rng.uniform(10, 100, (1, G, 1))
    whole = (speed * gpus.transpose(0, 2, 1)).sum(axis=2)
    asked = whole[:, :, None, None, None] * rng.uniform(0, 2 * scarcity / W, (1, W, 1, D, H))
    return {
        "asked_per_h": asked, "deferrable": DEFERRABLE, "guaranteed_share": np.zeros(W),
        "value_usd_per_request": rng.uniform(0.1, 5, W), "requests_per_gpu_h": speed, "gpus_available": gpus,
        "reserved_share": np.full((1, 1), 0.3), "reference_generation": 0,
    }  # fmt: skip


cases = st.builds(random_case, st.integers(0, 10**6), st.floats(0.2, 3))


def check_laws(case: dict[str, Any], out: Allotment) -> None:
    asked = case["asked_per_h"]
    assert out.served_now + out.deferred + out.refused == pytest.approx(asked, rel=1e-9, abs=1e-9)
    for part in (out.served_now, out.deferred, out.refused, out.run, out.fleet_share):
        assert part.min() >= -1e-9
    assert (out.fleet_share.sum(axis=1) <= 1 - case["reserved_share"][:, :, None, None] + 1e-9).all()
    assert out.run.sum(axis=-1) == pytest.approx((out.served_now + out.deferred).sum(axis=-1), rel=1e-9, abs=1e-9)
    assert np.abs(out.deferred[:, ~DEFERRABLE]).max() <= 1e-9, "interactive work is never deferred"


@given(cases)
def test_requests_are_conserved_and_gpus_never_overdrawn(case: dict[str, Any]) -> None:
    check_laws(case, allot(**case))


@given(cases, st.floats(0, 1))
def test_guarantees_come_first(case: dict[str, Any], share: float) -> None:
    case["guaranteed_share"] = np.array([share, 0, 0, 0])
    out = allot(**case)
    check_laws(case, out)
    alone = {**case, "asked_per_h": case["asked_per_h"] * np.array([share, 0, 0, 0])[None, :, None, None, None]}
    promised = allot(**alone).served_now[:, 0]
    assert (out.served_now[:, 0] >= promised - 1e-6 * (1 + promised)).all()


@given(cases, st.integers(0, G - 1), st.floats(1, 3))
def test_more_gpus_never_take_a_request_from_anyone(case: dict[str, Any], generation: int, more: float) -> None:
    before = allot(**case)
    gpus = case["gpus_available"].copy()
    gpus[:, generation] *= more
    after = allot(**{**case, "gpus_available": gpus})
    for w in range(W):
        served = (before.served_now + before.deferred)[:, w].sum(axis=-1)
        now = (after.served_now + after.deferred)[:, w].sum(axis=-1)
        assert (now >= served * (1 - 1e-9) - 1e-9).all()


def merit_of(case: dict[str, Any]) -> Any:
    return case["value_usd_per_request"] * case["requests_per_gpu_h"][0, :, case["reference_generation"]]


def shares_served(case: dict[str, Any], out: Allotment) -> Any:
    """Each workload's share-hours of the fleet."""
    return out.fleet_share[0, :, 0, 0].sum(axis=-1)


def mix_programme(case: dict[str, Any]) -> float:
    """The proportional mix as a linear programme: variables are share of the fleet by workload asked in hour, run in hour."""
    capacity = np.einsum("wg,g->w", case["requests_per_gpu_h"][0], case["gpus_available"][0, :, 0])
    load = case["asked_per_h"][0, :, 0, 0] / capacity[:, None]  # (W, H)
    merit = merit_of(case)
    cost, rows, limits = [], [], []
    index = [(w, h) for w in range(W) for h in range(H)]  # share of w run in h
    cost = [-merit[w] for w, _ in index]
    for h in range(H):
        rows.append([float(i == h) for _, i in index])
        limits.append(1 - case["reserved_share"][0, 0])
    bounds: list[tuple[float, float | None]] = []
    for w, h in index:
        bounds.append((0, None) if DEFERRABLE[w] else (0, load[w, h]))
    for w in np.flatnonzero(DEFERRABLE):
        rows.append([float(v == w) for v, _ in index])
        limits.append(load[w].sum())
    found = linprog(cost, A_ub=np.array(rows), b_ub=np.array(limits), bounds=bounds)
    assert found.status == 0
    return float(-found.fun)


@given(cases)
def test_greedy_is_optimal_for_the_merits(case: dict[str, Any]) -> None:
    ours = float(merit_of(case) @ shares_served(case, allot(**case)))
    assert ours == pytest.approx(mix_programme(case), rel=1e-7, abs=1e-9)


def full_programme(case: dict[str, Any]) -> float:
    """The best value when every workload may pick its generations hour by hour."""
    speed, gpus = case["requests_per_gpu_h"][0], case["gpus_available"][0, :, 0]
    asked, value = case["asked_per_h"][0, :, 0, 0], case["value_usd_per_request"]
    index = [(w, g, h) for w in range(W) for g in range(G) for h in range(H)]
    rows, limits = [], []
    for g in range(G):
        for h in range(H):
            rows.append([float(i[1:] == (g, h)) for i in index])
            limits.append(gpus[g] * (1 - case["reserved_share"][0, 0]))
    for w in range(W):
        hours = [range(H)] if DEFERRABLE[w] else [[h] for h in range(H)]
        for some in hours:
            rows.append([speed[w, g] if v == w and h in some else 0.0 for v, g, h in index])
            limits.append(asked[w, list(some)].sum())
    found = linprog([-value[w] * speed[w, g] for w, g, _ in index], A_ub=np.array(rows), b_ub=np.array(limits))
    assert found.status == 0
    return float(-found.fun)


def test_what_the_mix_leaves_on_the_table() -> None:
    """With speeds that differ by up to 2.7 times between generations in no pattern, the mix keeps at least three quarters of
    the best value in every case and nine tenths on average (decision 4 states both)."""
    kept = []
    for seed in range(30):
        case = random_case(seed, 1.2)
        out = allot(**case)
        ours = float(case["value_usd_per_request"] @ (out.served_now + out.deferred)[0, :, 0, 0].sum(axis=-1))
        kept.append(ours / full_programme(case))
    assert max(kept) <= 1 + 1e-9
    assert min(kept) > 0.75
    assert np.mean(kept) > 0.90


def test_deferrable_work_fills_the_valleys() -> None:
    """One interactive workload with a peak, one deferrable: the flat sum of both in every hour with room."""
    asked = np.zeros((1, W, 1, 1, H))
    asked[0, 0, 0, 0] = [80, 80, 20, 20, 20, 20]
    asked[0, 1, 0, 0] = 30
    case = {
        "asked_per_h": asked, "deferrable": DEFERRABLE, "guaranteed_share": np.zeros(W), "value_usd_per_request": np.ones(W),
        "requests_per_gpu_h": np.ones((1, W, 1)), "gpus_available": np.full((1, 1, 1), 100.0),
        "reserved_share": np.zeros((1, 1)), "reference_generation": 0,
    }  # fmt: skip
    out = allot(**case)
    assert out.refused.max() <= 1e-9
    run = out.run[0, 1, 0, 0]
    assert run[:2].max() < run[2:].min()
    assert out.deferred[0, 1].sum() > 0


def test_what_nothing_can_serve_is_refused_and_takes_nothing() -> None:
    case = random_case(1, 0.3)
    case["requests_per_gpu_h"] = case["requests_per_gpu_h"].copy()
    case["requests_per_gpu_h"][:, 2] = 0
    out = allot(**case)
    assert out.refused[:, 2] == pytest.approx(case["asked_per_h"][:, 2])
    assert out.fleet_share[:, 2].max() == 0


def test_members_are_independent() -> None:
    cases_ = [random_case(seed, 1.0) for seed in (1, 2)]
    both = {
        **cases_[0],
        "asked_per_h": np.concatenate([c["asked_per_h"] for c in cases_]),
        "gpus_available": np.concatenate([c["gpus_available"] for c in cases_]),
    }
    together = allot(**both)
    alone = allot(
        **{**cases_[0], "asked_per_h": cases_[1]["asked_per_h"], "gpus_available": cases_[1]["gpus_available"]}
    )
    assert together.run[1:] == pytest.approx(alone.run)
