"""Customers who reserve GPUs, what is still for sale, and margins: conserved sums, exact money, refusals."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError

PLAN = "neocloud-100mw"
BIG = "customers.lab={gpus: 4000, usd_per_gpu_h: 2.5 USD/h, start: 2027-01-01, years: 3 years}"
OLD = (
    "customers.shop={system: B200, gpus: 5000, usd_per_gpu_h: 2 USD/h, start: 2026-01-01, years: 2 years, "
    "used_share: 50 %}"
)


@cache
def run(*changes: str) -> Result:
    return gp.run(PLAN, changes=list(changes))


def test_a_customer_of_the_whole_month_pays_price_times_hours() -> None:
    """4,000 GPUs at 2.5 USD, all of them there in 2028: 4,000 x 2.5 x 744 in a month of 31 days."""
    result = run(BIG)
    month = result.labels["month"].index("2028-03")
    assert result["reserved_gpu_hours"][0, 0, month] == 4000 * 744
    assert result["customer_revenue_usd"][0, 0, month] == pytest.approx(4000 * 2.5 * 744)
    assert result["reserved_gpu_hours"][0, 0].sum() == pytest.approx(4000 * 3 * 365.2425 * 24)


def test_what_is_not_there_is_paid_back() -> None:
    """5,000 B200 where 3,928 are up: the rest is credited, and half of the use draws less than all of it."""
    result = run(OLD)
    reserved, delivered = (result[n][0] for n in ("reserved_gpu_hours", "customer_gpu_hours"))
    assert delivered.sum(axis=(0, 1))[0] == pytest.approx(result["gpus_available"][0, 0, 0] * 744)
    missing = 1 - delivered.sum(axis=(0, 1))[0] / reserved[0, 0]
    assert result["customer_credit_usd"][0, 0, 0] == pytest.approx(result["customer_fee_usd"][0, 0, 0] * missing)
    assert delivered[0, 1:].sum() == 0
    used = run(OLD, "customers.shop.used_share=100 %")
    assert used["it_energy_mwh"][0, :, :12].sum() > result["it_energy_mwh"][0, :, :12].sum()


def test_law_gpu_hours_and_money_are_conserved() -> None:
    for changes in ((BIG,), (OLD,), (BIG, OLD), (BIG, "training.runs={}", "market.idle=stand_idle")):
        result = run(*changes)
        parts = (
            result["customer_gpu_hours"].sum(axis=1)
            + result["gpu_hours"].sum(axis=1)
            + result["training_gpu_hours"]
            - result["research_on_idle_gpu_hours"]
            + result["for_sale_gpu_hours"]
        )
        assert parts[0] == pytest.approx((result["gpus_available"] * result.axis.hours)[0], rel=1e-9, abs=1e-6)
        paid = result["revenue_by_workload_usd"].sum(axis=1) + result["sold_usd"]
        assert result["revenue_usd"][0] == pytest.approx((paid + result["customer_revenue_usd"].sum(axis=1))[0])
        margin = result["customer_margin_usd"][0] + result["customer_cost_usd"][0]
        assert margin == pytest.approx(result["customer_revenue_usd"][0])
        of_work = result["workload_margin_usd"] + result["workload_cost_usd"]
        assert of_work[0] == pytest.approx(result["revenue_by_workload_usd"][0])


def test_what_customers_hold_is_not_sold_twice() -> None:
    """All GPUs reserved: nothing is served, and what is lost is lost while there is a fleet."""
    result = run("customers.all={gpus: 1e6, usd_per_gpu_h: 2 USD/h, start: 2026-01-01, years: 8 years}")
    assert result["gpu_hours"].sum() == pytest.approx(0.0, abs=1e-3)
    assert result["for_sale_gpu_hours"].sum() == pytest.approx(0.0, abs=1e-3)
    assert result["requests_served_per_day"].sum() == pytest.approx(0.0, abs=1e-3)
    assert result["revenue_lost_usd"].sum() > 0


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 30_000), st.integers(1, 30_000), st.sampled_from([0.0, 0.5, 1.0]))
def test_law_more_reserved_never_raises_what_is_for_sale(first: int, second: int, least: float) -> None:
    """At prices that stand: demand is then the same, and each system keeps its part of what is left."""
    less, more = sorted((first, second))
    frozen = [f"demand.workloads.{w}.pricing=frozen" for w in ("enterprise_api", "agents", "batch")]
    terms = f"usd_per_gpu_h: 2 USD/h, start: 2026-03-01, years: 6 years, take_or_pay_share: {least}"
    few, many = (gp.run(PLAN, changes=[*frozen, f"customers.a={{gpus: {n}, {terms}}}"]) for n in (less, more))
    free = [r["for_sale_gpu_hours"] for r in (few, many)]
    assert np.all(free[1] <= free[0] * (1 + 1e-9) + 1e-3)
    for result in (few, many):
        share = result["customer_gpu_hours"].sum(axis=(1, 2)) / (
            result["gpus_available"].sum(axis=1) * result.axis.hours
        )
        assert np.all(share <= 1 + 1e-9)
        fee = result["reserved_gpu_hours"] * 2.0
        assert np.all(result["customer_fee_usd"] >= least * fee * (1 - 1e-9))
        assert np.all(result["customer_revenue_usd"] >= -1e-6)


def test_capacity_for_sale_in_tokens_of_a_stated_mix() -> None:
    """GPU-hours for sale x share of the mix x requests per GPU-hour x tokens, by hand for one month."""
    result = run("market.sale_mix={agents: 25 %, batch: 75 %}", "demand.software.overhead=1")
    month = result.labels["month"].index("2029-06")
    year = result.axis.year_of_month[month]
    rate = result["requests_per_gpu_s"][0, :, :, year] * 3600
    free = result["for_sale_gpu_hours"][0, :, month]
    requests = (rate * free).sum(axis=1) * np.array([0.0, 0.25, 0.75])
    by_hand = requests[:, None] * result["tokens_per_request"][0, :, :, year]
    assert result["for_sale_tokens"][0, :, :, month] == pytest.approx(by_hand, rel=1e-6)


def test_no_customers_is_no_change() -> None:
    result = run()
    assert np.array_equal(result["gpus_unreserved"], result["gpus_available"])
    assert result["customer_gpu_hours"].shape[1] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (BIG.replace("{gpus", "{system: h100_hgx, gpus"), "no system of this plan"),
        (BIG.replace("2027-01-01", "2040-01-01"), "the term lies outside the horizon"),
        (BIG.replace("2027-01-01", "2020-01-01"), "the term lies outside the horizon"),
        (BIG.replace("years: 3 years", "years: 0 years"), "years"),
        ("market.sale_mix={agents: 25 %, batch: 25 %}", "don't add up"),
        ("market.sale_mix={agnets: 100 %}", "no such workload"),
    ],
)
def test_what_cannot_be_sold_is_refused(change: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        run(change)


def test_members_draw_the_catalogs_terms() -> None:
    result = gp.run(PLAN, changes=["uncertainty.members=6", BIG])
    late = result["customer_revenue_usd"][:, 0, 30]
    assert len(np.unique(late.round(3))) > 2
