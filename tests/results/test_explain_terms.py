"""The terms that an explanation shows add up to its figure, at every coordinate and in every built-in plan."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.results.aggregate import aggregate, refused
from gigaplan.results.explain import explain
from gigaplan.results.result import Result
from gigaplan.results.terms import term_values
from gigaplan.vocabulary.variables import Variable, variables

PLANS = ("announced-2025-09", "actual-2026-11", "lab-1mw", "neocloud-100mw", "campus-1gw", "world-250gw")
SUMS = [v for v in variables().values() if v.terms]


def coordinates(result: Result, row: Variable) -> Iterator[dict[str, str]]:
    """Yield periods of the figure, with one and without any label along each of its other dims."""
    labels, months = result.labels, result.labels["month"]
    years = sorted({m[:4] for m in months})
    times: list[dict[str, str]] = [{"year": y} for y in (years[0], years[len(years) // 2], years[-1])]
    if "year" not in row.dims:
        times.append({"month": months[len(months) // 2]})
    dims = [d for d in row.dims if d not in ("member", "month", "edge", "year", "day", "hour")]
    picks = [[{}, *({d: label} for label in labels[d][-2:])] for d in dims]
    for time, *others in itertools.product(times, *picks):
        yield time | {d: label for other in others for d, label in other.items()}


@pytest.mark.parametrize("name", PLANS)
def test_terms_add_up_to_the_figure(name: str) -> None:
    result = gp.run(name)
    for row in SUMS:
        for at in coordinates(result, row):
            value = aggregate(result, row.name, refused_by(result, row, at), at)
            figure = float(value.values.flat[-1]) if value.values.size else np.nan
            if not np.isfinite(figure):
                continue
            last = {d: value.labels[d][-1] for d in value.dims}
            terms = term_values(result, row, at | last)
            assert terms, (row.name, at)
            scale = max(abs(t.value) for t in terms)
            assert sum(t.sign * t.value for t in terms) == pytest.approx(figure, rel=1e-9, abs=1e-9 * scale)
            for term in terms:
                product = np.prod([1 / f.value if f.divides else f.value for f in term.factors])
                assert term.value == 0 or term.value == pytest.approx(product, rel=1e-9), (row.name, at)


def refused_by(result: Result, row: Variable, at: dict[str, str]) -> list[str]:
    """Return the dims along which a figure is listed as it can't be aggregated over them."""
    return [d for d in refused(result, row) if d not in at and d not in row.time]


def test_cash_lines_rack_stock_and_phase_dates_are_shown(announced: Result) -> None:
    gap = explain(announced, "funding_gap_usd", {"year": "2028"})
    lines = [f.at.get("line") for t in gap.terms for f in t.factors if f.name == "cost_usd"]
    assert lines == ["energy", "operations", "rental", "lease"]
    gpus = explain(announced, "gpus_in_production", {"generation": "vr_nvl72", "year": "2028"})
    assert [f.name.rsplit(".", 1)[-1] for f in gpus.terms[0].factors] == ["racks_in_production", "gpus_per_rack"]
    first = explain(announced, "first_token_day", {"site": "Abilene"})
    assert any(e.path.endswith("energised") for e in first.entries)
    assert not any("Shackelford" in e.path for e in first.entries)
    assert sum(f.value for f in first.inputs[0].figures) > 0


NO_PRODUCTS = {
    "requests_asked_per_day": "growth and elasticity are curves of the workload",
    "requests_on_devices_per_day": "the share is a series of the plan, and all requests are no quantity",
    "sessions_per_day": "all requests are no quantity",
    "requests_asked_per_h": "shapes of days and hours are no single inputs",
    "requests_by_region_per_h": "shapes of days and hours are no single inputs",
    "racks_accepted": "lags are curves",
    "racks_in_production": "lags are curves",
    "it_power_drawn_mw": "the draw is a curve of the utilisation",
    "gpu_clock_share": "a curve of the power limit",
    "supply_limit_mw": "dates are steps",
    "unpowered_energy_mwh": "what would have been drawn is no quantity",
    "energy_co2_t": "carbon of each source by groups of hours",
    "overhead_energy_mwh": "the PUE follows the season",
    "facility_power_mw": "the PUE follows the season",
    "requests_per_gpu_s": "a search over layouts",
    "within_limits_share": "a mean over the points of a search",
    "value_lost_to_slowness_usd": "worth is a mean over what each generation serves",
    "research_on_idle_gpu_hours": "what is left of others, by the plan's rule",
    "sold_gpu_hours": "what is left of others, by the plan's rule and what its buyers want",
    "unrequested_share": "three quantities over a fourth",
    "gpu_hour_cost_usd": "owned and rented places",
    "cost_per_request_usd": "a mix of generations",
    "market_cost_per_request_usd": "a mix of generations",
    "price_per_request_usd": "follows with a lag, by the plan's rule",
    "clearing_price_usd_per_gpu_h": "a search for the price",
    "sold_usd": "by the plan's rule",
    "sold_cost_usd": "shared out by the power of generations",
    "run_tokens_done": "speed is that of the fastest layout",
    "run_mfu_share": "a search over layouts",
    "run_tokens_by_deadline": "within a month",
    "run_late_days": "no less than zero",
    "run_gpus_needed": "a search over multiples",
    "run_latest_start_day": "speed is that of the fastest layout",
    "milestone_done_share": "within a month",
    "milestone_late_days": "within a month",
    "largest_run_flop": "the best of generations and places",
    "largest_run_parameters": "laws of scaling",
    "largest_run_flops_per_gpu": "a search over layouts",
    "trend_run_flop": "a power of the time, up to a limit",
    "capability_from_compute_eci": "between the first model and the best so far",
    "capability_from_methods_eci": "between the first model and the best so far",
    "capability_eci": "a fitted law",
    "fleet_share": "an allocation",
    "gpu_hours": "days with a larger fleet weigh more",
    "shadow_price_usd_per_mw_year": "a mean over GPU-hours of several generations",
    "capital_usd": "network, storage and facility follow from other inputs by place",
    "rent_usd": "by contract",
    "marginal_revenue_usd_per_gw_year": "of the workload that is next",
    "marginal_revenue_usd_per_gpu_h": "of the workload that is next",
    "clearing_revenue_usd_per_gw_year": "speeds of generations over the mean are no quantity",
    "next_gw_cost_usd_per_gw_year": "a mean over the plan's new places",
    "commitment_usd": "the years left of each contract",
    "vendor_flow_usd": "of the vendor's own systems",
    "vendor_flow_landlords_usd": "of the vendor's own systems at rented places",
    "for_sale_tokens": "of several generations",
    "customer_fee_usd": "the larger of two shares",
    "customer_credit_usd": "the part that is not delivered, of each month",
    "customer_cost_usd": "shares are weighed by IT power",
    "tranche_it_mw": "between two days",
    "tranche_gpus": "between two days",
    "tranche_tokens_per_day": "the mean of a year of its own",
    "tranche_capital_usd": "between two days",
    "tranche_payback_day": "the first month in which it is reached",
    "price_per_mtok_usd": "a rule of price over time",
    "workload_cost_usd": "shares are weighed by IT power",
    "training_cost_usd": "shares are weighed by IT power",
    "cost_per_task_usd": "over the basket's tokens by generation",
    "cost_at_constant_capability_usd": "the model factor is a curve",
    "gpu_hour_rent_usd": "an index through published rents",
    "generation_rent_usd_per_gpu_h": "an index through published rents",
    "cost_of_capital_usd": "the rate of a month compounds to the year's",
    "interest_usd": "the rate of a month compounds to the year's",
    "tax_usd": "losses are carried forward",
    "debt_usd": "each loan has its own years",
    "debt_service_cover": "months in which nothing is due are left out",
    "book_value_usd": "what was bought before the horizon is in it",
    "full_workload_cost_usd": "shares are weighed by IT power",
    "party_cash_usd": "each party has its own flows",
    "party_assets_usd": "each party has its own",
    "party_debt_usd": "only the plan owes",
    "party_worth_usd": "each party has its own income statement",
    "party_npv_usd": "each party has its own rate",
    "party_npv_of_end_usd": "each party has its own rate",
    "party_payback_day": "the first month from which on it holds",
    "party_peak_funding_usd": "the lowest of a running sum",
}
"""Rows whose formula multiplies, adds or divides, and has no terms of quantities and single inputs: why not."""
ARITHMETIC = re.compile(r" [x/+-] | less |sum of")


def test_law_every_plain_formula_has_terms() -> None:
    without = {v.name for v in variables().values() if ARITHMETIC.search(v.formula) and not v.terms}
    assert without == set(NO_PRODUCTS)
    names = "|".join(variables())
    for row in variables().values():
        if re.fullmatch(rf"({names})( [x/+-] ({names}|\d+))+", row.formula):
            assert row.terms, f"{row.name} is made of quantities alone"


def test_what_training_computes_and_the_tokens_of_the_largest_run(announced: Result) -> None:
    flop = explain(announced, "training_flop", {"year": "2030"})
    (term,) = flop.terms
    assert [f.name.rpartition(".")[2] for f in term.factors] == [
        "training_gpu_hours",
        "3600",
        "largest_run_flops_per_gpu",
    ]
    for bound, opposite in (("low", "high"), ("central", "central"), ("high", "low")):
        (term,) = explain(announced, "largest_run_tokens", {"year": "2030", "scope": "one site", "bound": bound}).terms
        assert [dict(f.at) for f in term.factors] == [{}, {}, {"bound": opposite}]
