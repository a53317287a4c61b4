"""Slowness in a plan: no knife edge, hard limits where they are stated, and what it does to demand and worth."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.demand.requests import compute_demand
from gigaplan.inference.frontier import best, precision_for
from gigaplan.plan.load import load
from gigaplan.plan.resolve import resolve
from gigaplan.results.result import Result
from gigaplan.simulate.couplings.slowness import log_price_factor, mean_worth
from gigaplan.simulate.couplings.throughput import models_by_year, questions, rates

PLAN = "announced-2025-09"
AGENTS = "demand.workloads.agents"
LIMITS_MS = (20, 30, 40, 50, 60, 80)


@cache
def run(*changes: str, plan: str = PLAN) -> Result:
    return gp.run(plan, ["uncertainty.members=1", *changes], keep="summary")


def of_agents(result: Result, name: str) -> np.ndarray:
    return np.asarray(result[name][0, result.labels["workload"].index("agents")])


def test_no_limit_is_a_knife_edge() -> None:
    """Before, GB200 gave 111 tokens a second at 40 ms and 226 at 50 ms, of the model that stood in then."""
    for model, limits_ms in (((), LIMITS_MS), ((f"{AGENTS}.model=frontier_1_8t",), LIMITS_MS[::2])):
        found = [run(f"{AGENTS}.tpot_s={ms} ms", "horizon.end=2028-01", *model) for ms in limits_ms]
        speeds = np.array([of_agents(r, "generated_tokens_per_gpu_s") for r in found])  # (limit, G, Y)
        steps = np.diff(np.log(speeds), axis=0)
        assert (steps >= -1e-9).all()
        # No more than the square of the limit's own step; hard limits have steps of their fifth power and of infinity.
        assert (steps <= 2 * np.diff(np.log(limits_ms))[:, None, None]).all()
        served = np.array([of_agents(r, "requests_served_per_day")[24:] for r in found])  # since 2026
        change = np.diff(np.log(served), axis=0) / np.diff(np.log(limits_ms))[:, None]
        assert np.abs(change).max() < 1.5


def test_hard_limits_give_the_rates_of_a_search_within_them() -> None:
    scenario = resolve(
        load("lab-1mw", ["uncertainty.members=1", f"{AGENTS}.hard_limits=true", f"{AGENTS}.within_share=0"])
    )
    demand = compute_demand(scenario.demand, scenario.axis)
    speed = rates(scenario, demand.tokens_per_request)
    asked, models = questions(scenario, demand.tokens_per_request), models_by_year(scenario)
    w = [x.name for x in scenario.demand.workloads].index("agents")
    for g, row in enumerate(asked[w]):
        q = row[0]
        architecture = scenario.architectures[models[w][0]]
        hard = best(q.device, architecture, precision_for(q.device), q.request, scenario.efficiency, scenario.engine)
        assert speed.tpot_ms[w, g, 0] == hard.tpot_s * 1e3
        assert speed.replica_batch[w, g, 0] == hard.batch
        assert speed.worth[0, w, g, 0] == speed.within[0, w, g, 0] == 1.0


def test_a_generation_that_cannot_keep_a_limit_serves_at_a_loss() -> None:
    strict = (f"{AGENTS}.model=frontier_1_8t", f"{AGENTS}.tpot_s=20 ms")
    soft, hard = run(*strict), run(*strict, f"{AGENTS}.hard_limits=true")
    h100 = soft.labels["generation"].index("h100_hgx")
    assert (of_agents(hard, "requests_per_gpu_s")[h100] == 0).all()
    assert (of_agents(soft, "requests_per_gpu_s")[h100] > 0).all()
    assert (of_agents(soft, "worth_as_served_share")[h100] < 0.8).all()
    within = of_agents(soft, "within_limits_share")[h100]
    assert ((within > 0) & (within < 0.1)).all()  # its fastest point misses the limit for most, not for all
    assert [w for w in hard.warnings if "agents on h100_hgx: too slow" in w]
    assert not [w for w in soft.warnings if "cannot be served" in w]


def test_value_served_and_value_lost_are_all_that_requests_are_worth() -> None:
    result = run()
    scenario = resolve(load(PLAN, ["uncertainty.members=1"]))
    value = np.array([float(np.ravel(w.value_usd_per_request)[0]) for w in scenario.demand.workloads])
    requests = result["requests_served_per_day"][0] * result.axis.hours / 24
    both = result["value_served_usd"][0] + result["value_lost_to_slowness_usd"][0]
    np.testing.assert_allclose(both, requests * value[:, None], rtol=1e-9)
    assert (result["value_lost_to_slowness_usd"] >= 0).all()


def test_slowness_acts_as_a_price() -> None:
    """Where the fleet of the reference date gives way to a faster one, demand is what it would be at a lower price."""
    priced, none = run(), run(f"{AGENTS}.slowness_elasticity=0")
    factor, without = (of_agents(r, "slowness_price_factor") for r in (priced, none))
    np.testing.assert_allclose(without, 1, rtol=1e-12)
    assert (factor[:21] == 1).all()  # up to October 2025
    assert (factor[30:] < 1).all()
    # At frozen prices, so that nothing else moves demand.
    few = (f"{AGENTS}.pricing=frozen", f"{AGENTS}.price_elasticity=-0.5")
    soft, hard = run(*few), run(*few, f"{AGENTS}.slowness_elasticity=0")
    more = of_agents(soft, "requests_asked_per_day") / of_agents(hard, "requests_asked_per_day")
    factor = of_agents(soft, "slowness_price_factor")
    expected = 3 ** (1 - factor ** (0.5 / np.log(3)))
    np.testing.assert_allclose(more, expected, rtol=1e-6)


def test_the_price_of_slowness_is_drawn_by_member() -> None:
    result = gp.run("lab-1mw", ["uncertainty.members=40"], keep="summary")
    shares = result["within_limits_share"][:, result.labels["workload"].index("chat"), :, 0]
    assert (np.ptp(shares, axis=0) > 0.1).any()
    assert result["worth_as_served_share"].max() <= 1


def test_a_factor_of_price_is_relative_to_the_reference_date_or_to_the_limits() -> None:
    worth = np.array([[[0.8, 0.8, 0.9, 1.0], [np.nan, np.nan, 0.5, 0.8], [0.5, 0.5, 0.6, 0.6]]])
    factor = np.exp(log_price_factor(worth, np.array([1, 1, -2])))
    np.testing.assert_allclose(
        factor[0], [[1, 1, 0.8 / 0.9, 0.8], [1, 1, 2, 1.25], [2, 2, 1 / 0.6, 1 / 0.6]], rtol=1e-12
    )


def test_the_mean_worth_is_weighed_by_what_is_served() -> None:
    requests = np.array([[[[3.0, 0.0], [1.0, 0.0]]]])
    worth = np.array([[[[0.6, 0.6], [1.0, 1.0]]]])
    found = mean_worth(requests, worth)
    assert found[0, 0, 0] == pytest.approx(0.7)
    assert np.isnan(found[0, 0, 1])


def test_a_dearer_slowness_never_serves_more_per_gpu() -> None:
    speeds = [
        of_agents(run(f"{AGENTS}.slowness_elasticity={e}"), "generated_tokens_per_gpu_s") for e in (0, 0.3, 1, 3, 20)
    ]
    speeds.append(of_agents(run(f"{AGENTS}.hard_limits=true"), "generated_tokens_per_gpu_s"))
    assert (np.diff(speeds, axis=0) <= 1e-12 * np.array(speeds[1:])).all()
