"""Prices, demand and capacity together: laws, rules of price, idle capacity, and a build-out that waits."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan import plan as plans
from gigaplan.catalog import history
from gigaplan.finance.rents import rents_by_month
from gigaplan.results.result import Result

PLAN = "neocloud-100mw"
FULL_REPLICAS = ("demand.software.overhead=1", "demand.workloads.agents.requests_per_day=34e6")
"""Of which more is requested and fewer GPUs are needed than in the plan, so that many stand free."""
SMALL = """
gigaplan: 1
name: mine
title: A megawatt
horizon: {start: 2026-01, end: 2028-01}
announced: {power: 1 MW it}
fleet:
  generations: [gb300_nvl72]
  reference_generation: gb300_nvl72
  sites:
    Here:
      region: ercot
      phases: {all: {power: 1 MW it, energised: 2026-03-01}}
demand:
  workloads:
    chat: {driver: users, model: deepseek_v3}
finance: {}
"""


@cache
def run(*changes: str, plan: str = PLAN) -> Result:
    return gp.run(plan, changes=list(changes))


def central(result: Result, name: str) -> np.ndarray:
    return result.arrays[name][0]


def priced(rule: str, *more: str) -> Result:
    return run(*(f"demand.workloads.{w}.pricing={rule}" for w in run().labels["workload"]), *more)


def hard() -> tuple[str, ...]:
    """Return changes by which no answer is late, so that prices alone move demand."""
    return tuple(f"demand.workloads.{w}.hard_limits=true" for w in run().labels["workload"])


def test_frozen_prices_are_those_of_the_reference_date_and_demand_is_untouched_by_them() -> None:
    frozen = priced("frozen", *hard())
    price = central(frozen, "price_per_mtok_usd")
    assert np.all(price == price[..., :1])
    other = priced("frozen", *hard(), "demand.workloads.agents.price_elasticity=-3")
    assert np.array_equal(central(other, "requests_asked_per_day"), central(frozen, "requests_asked_per_day"))


def test_a_price_follows_cost_by_its_pass_through() -> None:
    none, whole = (
        priced("cost_plus", f"market.pass_through_share={s}", "market.adjustment_months=0.01 months") for s in (0, 1)
    )
    assert np.all(central(none, "price_per_request_usd") == central(priced("frozen"), "price_per_request_usd"))
    price, cost = (central(whole, f"{n}_per_request_usd")[0, 12:] for n in ("price", "market_cost"))
    assert price / price[0] == pytest.approx(cost / cost[0], rel=1e-9)


def test_a_stated_path_is_the_price_and_moves_demand_with_its_elasticity() -> None:
    few = (*hard(), "market.idle=stand_idle", "demand.workloads.agents.price_elasticity=-0.5")
    path = priced("path", "demand.price_index={2026-01: 1, 2027-01: 0.5}", *few)
    frozen = priced("frozen", *few)
    agents, late = path.labels["workload"].index("agents"), 30
    index = (
        central(path, "price_per_request_usd")[agents, late] / central(frozen, "price_per_request_usd")[agents, late]
    )
    assert index == pytest.approx(0.5)
    more = (central(path, "requests_asked_per_day") / central(frozen, "requests_asked_per_day"))[agents, late]
    b = 0.5 / np.log(3)
    assert more == pytest.approx(3 ** (1 - 0.5**b), rel=1e-6)


def test_a_price_that_follows_the_market_falls_where_capacity_is_plenty() -> None:
    price = central(priced("follow_market"), "price_per_request_usd")
    assert price[0, -1] < price[0, 12]


@pytest.mark.parametrize("rule", ["frozen", "cost_plus"])
@pytest.mark.parametrize(("limits", "mix_effect"), [(True, 1e-6), (False, 2e-3)])
def test_law_more_supply_never_raises_the_clearing_price_nor_lowers_what_is_served(
    limits: bool, mix_effect: float, rule: str
) -> None:
    """Prices that follow cost follow the market's, which no plan's amounts move. A larger share of a slower generation
    may make the mean request late, and demand less."""
    few = ("market.idle=stand_idle", *(hard() if limits else ()))
    power = "fleet.sites.Panhandle.phases.halls 1-2.power"
    small, large = (priced(rule, *few, f"{power}={mw} MW facility") for mw in (20, 60))
    assert np.array_equal(central(small, "price_per_request_usd"), central(large, "price_per_request_usd"))
    clears = [np.nan_to_num(central(r, "clearing_price_usd_per_gpu_h"), nan=np.inf) for r in (small, large)]
    assert np.all(clears[1] <= clears[0] * (1 + 1e-6))
    served = [central(r, "requests_served_per_day").sum(axis=0) for r in (small, large)]
    assert np.all(served[1] >= served[0] * (1 - mix_effect))


def test_law_a_price_that_follows_the_market_is_the_same_whenever_the_horizon_begins() -> None:
    early, late = (
        priced("follow_market", f"horizon.start={day}", "training.share={2025-01: 0.1}")
        for day in ("2026-01", "2026-09")
    )
    prices = central(early, "price_per_request_usd")[:, 8:], central(late, "price_per_request_usd")
    assert np.ptp(prices[0], axis=1).max() > 0
    np.testing.assert_allclose(prices[1], prices[0], rtol=1e-9)


@pytest.mark.parametrize("rule", ["research", "batch", "rent_out", "stand_idle"])
def test_idle_capacity_goes_where_the_plan_says(rule: str) -> None:
    result, idle = run(f"market.idle={rule}"), run("market.idle=stand_idle")
    hours = {n: central(result, n).sum() for n in ("research_on_idle_gpu_hours", "sold_gpu_hours", "idle_gpu_hours")}
    free = central(idle, "idle_gpu_hours").sum()
    assert sum(hours.values()) == pytest.approx(free, rel=1e-9)
    there = central(result, "gpus_available").sum(axis=0) * result.axis.hours
    assert (central(result, "unrequested_share") * there).sum() == pytest.approx(free, rel=1e-9)
    used = {"research": "research_on_idle_gpu_hours", "stand_idle": "idle_gpu_hours"}.get(rule, "sold_gpu_hours")
    assert hours[used] > (0.05 if rule == "batch" else 0.3) * free
    assert (central(result, "sold_usd").sum() > 0) == (rule in ("batch", "rent_out"))
    more_energy = central(result, "facility_energy_mwh").sum() - central(idle, "facility_energy_mwh").sum()
    assert (more_energy > 0) == (rule != "stand_idle")
    same = central(result, "requests_served_per_day"), central(idle, "requests_served_per_day")
    assert np.array_equal(*same)


def test_rented_hours_bring_their_rent_less_what_recall_costs() -> None:
    half, whole = (
        run("market.idle=rent_out", f"market.rent_out_price_share={share}", *FULL_REPLICAS) for share in (0.5, 1)
    )
    assert central(half, "sold_usd") == pytest.approx(central(whole, "sold_usd") / 2)
    sold, usd = central(whole, "sold_gpu_hours"), central(whole, "sold_usd")
    mean = usd[sold.sum(axis=0) > 0] / sold.sum(axis=0)[sold.sum(axis=0) > 0]
    assert mean == pytest.approx(central(whole, "gpu_hour_rent_usd")[sold.sum(axis=0) > 0], rel=0.05)


def test_a_build_out_that_waits_for_demand_is_used_more_and_costs_less() -> None:
    stated, waits = run(*FULL_REPLICAS), run("market.build=to_utilisation", *FULL_REPLICAS)
    free = [central(r, "unrequested_share")[12:].mean() for r in (stated, waits)]
    assert free[1] < 0.75 * free[0]
    assert central(waits, "cost_usd").sum() < 0.8 * central(stated, "cost_usd").sum()
    gpus = [central(r, "gpus_available").sum(axis=0) for r in (stated, waits)]
    assert np.all(gpus[1] <= gpus[0] * (1 + 1e-9))
    limits = list(waits.labels["limit"])
    assert (central(waits, "binding_limit") == limits.index("demand")).sum() > 12


def test_a_plan_that_builds_more_than_is_requested_says_so() -> None:
    (line,) = [w for w in run().warnings if "builds more than is requested" in w]
    assert "MW (IT)" in line and "USD" in line and "rented out" in line
    dense = run("demand.workloads.enterprise_api.requests_per_day=1e11")
    assert not [w for w in dense.warnings if "more than is requested: in 2030" in w]


def test_law_book_life_moves_no_price_and_no_return() -> None:
    one, other = (priced("cost_plus", f"finance.costs.it_life_years={years} years") for years in (3, 6))
    for name in ("price_per_request_usd", "full_gpu_hour_cost_usd", "revenue_usd", "party_cash_usd"):
        assert np.array_equal(central(one, name), central(other, name), equal_nan=True), name
    for name in ("party_npv_usd", "party_irr"):
        np.testing.assert_allclose(central(one, name), central(other, name), rtol=1e-6, err_msg=name)
    assert central(one, "cost_usd")[0].sum() != central(other, "cost_usd")[0].sum()


def test_cost_plus_prices_follow_the_cost_with_cost_of_capital() -> None:
    """Without a lag and passed through whole, the price moves as the market's full cost of a request does."""
    followed = priced("cost_plus", "market.pass_through_share=1", "market.adjustment_months=0.01 months")
    cost, market, price = (central(followed, f"{name}_per_request_usd") for name in ("cost", "market_cost", "price"))
    paid = price[:, -1] > 0
    assert (price[:, -1] / price[:, -13])[paid] == pytest.approx((market[:, -1] / market[:, -13])[paid], rel=1e-6)
    hours = cost[:, -1] / central(followed, "full_gpu_hour_cost_usd")[-1]
    assert np.ptp(hours * central(followed, "gpu_hour_cost_usd")[-1] / cost[:, -1]) < 1e-9


def test_revenue_far_above_rent_is_told() -> None:
    high = run("demand.workloads.enterprise_api.usd_per_mtok_output=20 USD/Mtok")
    assert [w for w in high.warnings if "times its contract rent" in w]


def test_what_a_service_takes_over_its_model_takes_gpu_hours_and_nothing_else_of_speed() -> None:
    one, three = (run("market.idle=stand_idle", f"demand.software.overhead={n}") for n in (1, 3))
    assert np.array_equal(central(one, "requests_per_gpu_s"), central(three, "requests_per_gpu_s"))
    late = -12
    cost = [central(r, "cost_per_request_usd")[:, late] for r in (one, three)]
    assert cost[1] == pytest.approx(3 * cost[0])


def test_the_scenario_of_a_large_lab_reads_what_a_large_labs_service_takes() -> None:
    (entry,) = run(plan="announced-2025-09").ledger.under("inference.software.overhead")
    assert entry.fact is not None and entry.fact.entity == "large_lab"


def test_a_small_plan_that_inherits_the_world_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL)
    (line,) = [w for w in gp.run(path).warnings if "times what the fleet could serve" in w]
    assert "those of the largest service" in line and "demand.adoption" in line
    path.write_text(SMALL.replace("energised: 2026-03-01", "energised: 2026-12-01"))  # no GPU in the first year
    assert [w for w in gp.run(path).warnings if "times what the fleet could serve" in w]
    own = "adoption: {reference_users: 2e4, reference_date: 2026-01, ceiling_users: 1e5, rate_per_year: 0.5 1/year}"
    path.write_text(SMALL.replace("  workloads:", f"  {own}\n  workloads:"))
    assert not [w for w in gp.run(path).warnings if "times what the fleet could serve" in w]


def test_a_price_index_is_followed_by_whoever_states_no_other_rule() -> None:
    path = "demand.price_index={2026-01: 1, 2027-01: 0.5}"
    followed, stated = run(path), priced("path", path)
    assert np.array_equal(central(followed, "price_per_request_usd"), central(stated, "price_per_request_usd"))
    kept = run(path, "demand.workloads.agents.pricing=frozen")
    agents = kept.labels["workload"].index("agents")
    assert np.ptp(central(kept, "price_per_mtok_usd")[agents], axis=-1).max() == 0
    with pytest.raises(gp.PlanError, match="moves no price"):
        priced("frozen", path)
    with pytest.raises(gp.PlanError, match="no path to follow"):
        priced("path")


def test_the_rent_of_an_h100_goes_through_the_published_ones_in_the_plans_prices() -> None:
    """Published rents are money of their dates: 2.85 USD of 2024 is 2.93 of 2025."""
    inputs = plans.resolve(plans.load("announced-2025-09", changes=["uncertainty.members=1"]))
    facts = catalog.load()
    levels = {int(f.date[:4]): f.number for f in facts.series("us_cpi_u", "price_level")}
    rents = rents_by_month(inputs.finance, inputs.axis)[0]
    at = [g.name for g in inputs.finance.generations].index("h100_hgx")
    nominal = {p.date: p.value for p in history.published().series(history.RENT_OF, history.RENT)}
    assert len(inputs.finance.rents.published) >= 4
    for day, real in inputs.finance.rents.published:
        assert real == pytest.approx(nominal[day] * levels[2025] / levels[day.year], rel=1e-6)
        assert np.interp(inputs.axis.days_since_start(day), inputs.axis.mid_days, rents[at]) == pytest.approx(
            real, rel=0.03
        )


def test_the_change_of_rents_is_less_inflation_in_the_prices_of_one_year() -> None:
    stated = ("finance.rents.change_per_year=-10 %/year", "finance.cost_of_capital.inflation_per_year=3 %/year")
    inputs = plans.resolve(plans.load("announced-2025-09", changes=["uncertainty.members=1", *stated]))
    assert inputs.finance.rents.change_per_year == pytest.approx(0.9 / 1.03 - 1)


def test_what_landlords_let_is_said_only_where_it_costs_them_more() -> None:
    """A dear rack is let below cost; where rents don't fall with age, the same rack isn't."""
    loss = "for less than what it costs them"
    assert loss in "\n".join(run(plan="announced-2025-09").warnings)
    still = run("finance.rents.change_per_year=3 %/year", plan="announced-2025-09")
    assert loss not in "\n".join(still.warnings)


def test_prices_below_full_cost_and_a_loss_are_said_with_what_to_do() -> None:
    said = "\n".join(run(plan="world-250gw").warnings)
    assert "a GPU-hour clears below its full cost" in said
    assert "of their vr_nvl72 for less than what it costs them" in said
    assert "earns less than its cost of capital" in said
    good = "\n".join(run(plan="announced-2025-09").warnings)
    assert "clears below" not in good
    assert "earns less than its cost" not in good
    assert "earns less than its cost" not in "\n".join(run(plan="lab-1mw").warnings)  # which sells nothing
