"""Members of a run: each is drawn from the facts and from what the plan states, and speed follows it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.demand.requests import compute_demand
from gigaplan.inference.frontier import choice, precision_for
from gigaplan.plan.load import load
from gigaplan.plan.resolve import resolve
from gigaplan.results.result import Result
from gigaplan.simulate.couplings.member_speeds import (
    TOKEN_STEP,
    Question,
    _one_side,
    member_factors,
    searched_alone,
    token_ratios,
)
from gigaplan.simulate.couplings.slowness import speed_alone
from gigaplan.simulate.couplings.throughput import models_by_year, questions
from gigaplan.vocabulary.members import Array

FEW = {"uncertainty.members": 12, "horizon.end": "2027-07"}


@pytest.fixture(scope="module")
def many() -> Result:
    return gp.run("announced-2025-09", {"uncertainty.members": 12, "horizon.end": "2028-01"})


@pytest.mark.parametrize(
    "name",
    [
        "tokens_per_request",
        "tokens_asked_per_day",
        "tokens_served_per_day",
        "requests_per_gpu_s",
        "served_share",
        "cost_per_mtok_all_usd",
        "capability_eci",
        "largest_run_flop",
        "training_share",
        "energy_cost_usd",
        "cost_usd",
    ],
)
def test_what_rests_on_uncertain_facts_has_a_spread(many: Result, name: str) -> None:
    last = np.nan_to_num(many[name][..., -1]).reshape(12, -1)
    assert (np.ptp(last, axis=0) > 0).any()


def test_the_central_member_is_the_run_of_one(many: Result) -> None:
    one = gp.run("announced-2025-09", {"uncertainty.members": 1, "horizon.end": "2028-01"})
    for name in one.arrays:
        rounding = 1e-14 * np.nanmax(np.abs(one.central(name)), initial=0.0)
        np.testing.assert_allclose(many.central(name), one.central(name), rtol=1e-12, atol=rounding, err_msg=name)


@pytest.mark.parametrize(
    ("path", "fixed", "narrow", "wide", "name"),
    [
        ("demand.workloads.chat.output_tokens", "350", "300 to 400", "200 to 500", "tokens_asked_per_day"),
        ("demand.workloads.chat.turns_per_session", "2.5", "2.4 to 2.6", "2 to 3", "sessions_per_day"),
        ("demand.shape.summer_share", "90 %", "85 to 95 %", "70 to 98 %", "requests_asked_per_day"),
        ("training.mfu_share", "40 %", "39 to 41 %", "35 to 45 %", "training_flop"),
        ("training.run_days", "100 days", "90 to 110 days", "60 to 140 days", "largest_run_flop"),
        ("finance.costs.it_life_years", "5 years", "4.8 to 5.2 years", "3 to 7 years", "cost_usd"),
        ("power.draw.busy_share", "76 %", "75 to 77 %", "70 to 82 %", "it_energy_mwh"),
    ],
)
def test_law_a_wider_range_spreads_more(path: str, fixed: str, narrow: str, wide: str, name: str) -> None:
    """All else is drawn alike, so that the distance of quantiles from a run without the range grows with it."""

    def total(stated: str) -> Array:
        changes = {**FEW, "uncertainty.members": 100, path: stated}
        return gp.run("lab-1mw", changes, keep="summary")[name].reshape(100, -1).sum(axis=1)

    one = total(fixed)
    small, large = (np.quantile(total(stated) / one, [0.1, 0.9]) for stated in (narrow, wide))
    assert large[0] < small[0] < 1 < small[1] < large[1]


def search(scenario: object, models: list[list[str]], q: Question) -> tuple[float, float]:
    model = scenario.architectures[models[q.workload][q.year]]  # type: ignore[attr-defined]
    constants = (scenario.efficiency, scenario.engine)  # type: ignore[attr-defined]
    found = choice(q.device, model, precision_for(q.device), q.request, *constants, percentile=q.percentile)
    price = scenario.demand.workloads[q.workload].slowness_elasticity  # type: ignore[attr-defined]
    return speed_alone(found, float(np.ravel(price)[0]))


def test_speed_by_elasticities_is_near_a_search_for_each_member() -> None:
    """benchmarks/member_speeds.py prints the same for 64 members of the announced plan."""
    scenario = replace(resolve(load("announced-2025-09", ["uncertainty.members=8"])), serving_error={})
    tokens = compute_demand(scenario.demand, scenario.axis).tokens_per_request
    models, asked = models_by_year(scenario), questions(scenario, tokens)
    factors, worths = member_factors(scenario, tokens, models, asked, lambda q: search(scenario, models, q))
    np.testing.assert_array_equal((factors[0], worths[0]), 1.0)
    errors, changes, of_worth = [], [], []
    generation = len(scenario.devices) - 1
    for w in range(len(asked)):
        central = asked[w][generation][0]
        for m in range(1, 8):
            full, worth = search(scenario, models, searched_alone(scenario, tokens, m, central))
            rate, central_worth = search(scenario, models, central)
            changes.append(np.log(full / rate))
            errors.append(np.log(factors[m, w, generation, 0]) - changes[-1])
            of_worth.append(np.log(worths[m, w, generation, 0] * central_worth / worth))
    assert len(errors) > 50
    assert np.quantile(np.abs(of_worth), 0.9) < 0.06
    assert np.median(np.abs(errors)) < 0.08
    assert np.std(errors) < 0.35 * np.std(changes)


def test_law_one_raised_input_is_met_exactly() -> None:
    """At the step by which elasticities are searched they give the search's own rate."""
    scenario = replace(resolve(load("lab-1mw", ["uncertainty.members=2"])), serving_error={}, device_ratios={})
    central = compute_demand(scenario.demand, scenario.axis).tokens_per_request[:1]
    tokens = np.concatenate([central, central])
    tokens[1, :, 3:] *= 2  # all that is generated
    models, asked = models_by_year(scenario), questions(scenario, tokens)
    assert token_ratios(tokens)["output_tokens"][1] == pytest.approx(2.0)
    factors = member_factors(scenario, tokens, models, asked, lambda q: search(scenario, models, q))
    question = asked[0][0][0]
    alone = search(scenario, models, searched_alone(scenario, tokens, 1, question))
    for factor, one, central_one in zip(factors, alone, search(scenario, models, question), strict=True):
        assert factor[1, 0, 0, 0] == pytest.approx(one / central_one)


@pytest.mark.parametrize("limit", [1.05, 1.3, 1.5, 1.9])
@pytest.mark.parametrize("side", [1, -1])
def test_a_step_that_cannot_be_served_gives_the_limit(limit: float, side: int) -> None:
    """A rate that falls with the square root of an input, up to a limit beyond which there is none."""

    def rate(by: float) -> tuple[float]:
        return (10 * by**-0.5 if abs(math.log(by)) <= math.log(limit) else 0.0,)

    elasticity, tightness = _one_side((10.0,), TOKEN_STEP**side, rate)
    assert elasticity == pytest.approx(-0.5 if limit > TOKEN_STEP ** (1 / 8) else 0.0)
    assert abs(1 / tightness - math.log(limit)) <= math.log(TOKEN_STEP) / 16 + 1e-12
    assert _one_side((10.0,), TOKEN_STEP**side, lambda by: (10 / by,)) == (pytest.approx(-1.0), 0.0)


def test_members_beyond_a_limit_are_not_served() -> None:
    """Where a doubling can't be served, a member with far more has no rate, one with little more has its own."""
    scenario = replace(resolve(load("lab-1mw", ["uncertainty.members=4"])), serving_error={}, device_ratios={})
    central = compute_demand(scenario.demand, scenario.axis).tokens_per_request[:1]
    tokens = np.concatenate([central] * 4)
    tokens[1:, :, 3:] *= np.array([1.1, 1.9, 4.0])[:, None, None, None]  # all that is generated
    models, asked = models_by_year(scenario), questions(scenario, tokens)
    most = [[1.5 * q.request.output_tokens for q in row[0]] for row in asked]

    def limited(q: Question) -> tuple[float]:
        return (1e3 / q.request.output_tokens if q.request.output_tokens <= most[q.workload][q.year] else 0.0,)

    (factors,) = member_factors(scenario, tokens, models, asked, limited, figures=1)
    np.testing.assert_allclose(factors[:2, 0, 0, 0], [1.0, 1 / 1.1])
    assert (factors[2:] == 0).all()


def test_errors_of_one_model_are_partly_shared() -> None:
    scenario = resolve(load("announced-2025-09", ["uncertainty.members=257"]))
    logs = np.log(np.stack([np.asarray(v) for v in scenario.serving_error.values()]))
    np.testing.assert_array_equal(logs[:, 0], 0.0)
    together = np.unique(np.corrcoef(logs).round(6))
    assert together[-1] == pytest.approx(1.0)  # systems of one generation with one model
    assert 0.3 < together[0] < 0.7  # half of the variance is common to all
