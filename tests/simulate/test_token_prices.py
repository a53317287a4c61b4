"""Tokens that are sold by the million: what a request brings follows from its tokens, and rules move their prices."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.demand.inputs import TOKENS
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError

PLAN = "neocloud-100mw"
AGENTS = "demand.workloads.agents"


@cache
def run(*changes: str) -> Result:
    return gp.run(PLAN, changes=list(changes))


def test_a_request_brings_what_its_tokens_bring() -> None:
    """55,000 tokens in, 47,100 of them cached, and 505 out, at 0.5, 0.1 and 2 USD a million, by hand: 0.00967 USD;
    contexts that lengthen bring more at the same prices."""
    frozen = run(
        f"{AGENTS}.pricing=frozen", f"{AGENTS}.context_growth_per_year=0 1/year", f"{AGENTS}.new_tokens_per_call=0"
    )
    k = frozen.labels["workload"].index("agents")
    reasoning = frozen["tokens_per_request"][0, k, TOKENS.index("reasoning"), 0]
    by_hand = (7900 * 0.5 + 47100 * 0.1 + (265 + reasoning) * 2) / 1e6
    assert frozen["price_per_request_usd"][0, k, 0] == pytest.approx(by_hand, rel=1e-9)
    assert run(f"{AGENTS}.pricing=frozen")["price_per_request_usd"][0, k, -1] > by_hand


@pytest.mark.parametrize("rule", ["cost_plus", "follow_market", "frozen"])
def test_law_revenue_is_served_tokens_times_their_prices(rule: str) -> None:
    result = run(f"{AGENTS}.pricing={rule}")
    days = result.axis.hours / 24
    tokens = result["tokens_served_per_day"] * result["price_per_mtok_usd"] / 1e6
    assert (tokens.sum(axis=2) * days)[0] == pytest.approx(result["revenue_by_workload_usd"][0], rel=1e-9)


def test_a_discount_and_a_premium_are_averages_over_the_tokens() -> None:
    plain = run(f"{AGENTS}.pricing=frozen")
    mixed = run(f"{AGENTS}.pricing=frozen", f"{AGENTS}.batch_share=0.4", f"{AGENTS}.priority_share=0.1")
    k = plain.labels["workload"].index("agents")
    ratio = mixed["price_per_mtok_usd"][0, k] / plain["price_per_mtok_usd"][0, k]
    assert ratio == pytest.approx(1 - 0.4 * 0.5 + 0.1 * 1.0)


def test_cached_input_costs_the_catalogs_share_of_input_where_it_has_no_price() -> None:
    result = run()
    k = result.labels["workload"].index("batch")
    fresh, cached = (result["price_per_mtok_usd"][0, k, TOKENS.index(t), 0] for t in ("fresh_input", "cached_input"))
    assert cached == pytest.approx(0.1 * fresh)


def test_a_request_is_worth_what_its_tokens_bring_unless_the_plan_says() -> None:
    result = run(f"{AGENTS}.value_usd_per_request=0.5 USD")
    entries = {e.path: e.value for e in result.ledger.under("demand.workloads")}
    assert float(entries["demand.workloads.agents.value_usd_per_request"]) == 0.5
    assert float(entries["demand.workloads.enterprise_api.value_usd_per_request"]) == pytest.approx(894e-6)


def test_longer_requests_are_no_rise_of_a_price() -> None:
    """Cost per token moves the price of tokens: a workload whose contexts lengthen pays no more per token for it."""
    wide = "market.adjustment_months=0.01 months"
    grows, stays = (run(f"{AGENTS}.context_growth_per_year={g} 1/year", wide) for g in (0.6, 0.0))
    k = grows.labels["workload"].index("agents")
    for result in (grows, stays):
        price, each = result["price_per_request_usd"][0, k], result["price_per_mtok_usd"][0, k, 0]
        assert np.isfinite(price).all() and np.isfinite(each).all()
    rise = grows["price_per_request_usd"][0, k, -1] / stays["price_per_request_usd"][0, k, -1]
    per_token = grows["price_per_mtok_usd"][0, k, 0, -1] / stays["price_per_mtok_usd"][0, k, 0, -1]
    assert rise > 1.2 * per_token


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((f"{AGENTS}.revenue_usd_per_request=0.01 USD",), "a price of the request and prices of its tokens"),
        ((f"{AGENTS}.batch_share=0.7", f"{AGENTS}.priority_share=0.7"), "more tokens at other prices"),
        (
            ("demand.workloads.science={driver: own, model: kimi_k2, requests_per_day: 1, batch_share: 0.1}",),
            "none are",
        ),
        (
            ("demand.workloads.science={driver: own, model: kimi_k2, usd_per_mtok_cached_input: 1 USD/Mtok}",),
            "only cached input",
        ),
    ],
)
def test_prices_that_contradict_each_other_are_refused(changes: tuple[str, ...], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        run(*changes)


def test_a_discount_at_which_nothing_is_sold_is_said() -> None:
    warned = run(f"{AGENTS}.batch_discount_share=0.3").warnings
    assert any("'batch_discount_share' has no effect" in w for w in warned)


def test_members_draw_the_catalogs_prices() -> None:
    result = gp.run(PLAN, changes=["uncertainty.members=32", "demand.workloads.batch.priority_share=0"])
    k = result.labels["workload"].index("batch")
    cached = result["price_per_mtok_usd"][:, k, TOKENS.index("cached_input"), 0]
    fresh = result["price_per_mtok_usd"][:, k, TOKENS.index("fresh_input"), 0]
    assert len(np.unique((cached / fresh).round(9))) > 2


def test_the_built_in_cloud_earns_what_an_investor_would_believe() -> None:
    """It earned 176 % a year: its tokens came from full replicas of one model, at 10 to 60 USD a GPU-hour."""
    result = gp.run(PLAN, ["uncertainty.members=1"])
    rate = float(result.central("party_irr")[result.index("party", "plan")])
    assert 0 < rate < 0.3
    rent, hours = result.central("gpu_hour_rent_usd"), result.central("gpu_hours").sum(axis=(0, 1))
    paid = result.central("revenue_by_workload_usd").sum(axis=0)
    assert (paid[hours > 0] < 5 * (rent * hours)[hours > 0]).all()
    assert not [w for w in result.warnings if "times its contract rent" in w]
