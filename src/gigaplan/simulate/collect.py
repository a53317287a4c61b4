"""Collecting: every stage's arrays under the names of the variable table, and the labels along its dims.

Nothing is computed here: a quantity is computed by its stage, once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gigaplan.allocation.outputs import Allocation
from gigaplan.demand.inputs import TOKENS
from gigaplan.demand.outputs import Demand
from gigaplan.finance.intelligence import DRIVERS
from gigaplan.finance.outputs import COMPONENTS, COST_LINES, Accounts
from gigaplan.finance.parties import FLOWS, PARTIES
from gigaplan.finance.tranches import amounts_usd
from gigaplan.fleet.inputs import LADDER, LIMITS, existing_label
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.outputs import PowerDraw
from gigaplan.power.supply.dated import LIMITS as LINKS
from gigaplan.simulate.collect_sales import sold_quantities
from gigaplan.simulate.couplings.allocation import Service
from gigaplan.simulate.couplings.clock import clock_shares
from gigaplan.simulate.couplings.customers import Reserved
from gigaplan.simulate.couplings.first_tokens import first_token_days
from gigaplan.simulate.couplings.market import Prices
from gigaplan.simulate.couplings.money import Revenue
from gigaplan.simulate.couplings.sales import Sales
from gigaplan.simulate.couplings.supply import Supplied, sources_of
from gigaplan.simulate.couplings.throughput import Throughput
from gigaplan.simulate.couplings.token_prices import price_per_mtok
from gigaplan.simulate.couplings.training import Trained
from gigaplan.simulate.couplings.unit_economics import UnitEconomics
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS

SCOPES = ("one site", "sites together", "whole fleet")
BOUNDS = ("low", "central", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What the stages of a run gave."""

    demand: Demand
    built: BuildOut
    speed: Throughput
    trained: Trained
    prices: Prices
    allocated: Allocation
    service: Service
    drawn: PowerDraw
    supply: Supplied
    revenue: Revenue
    money: Accounts
    units: UnitEconomics
    reserved: Reserved
    sales: Sales


def collect(scenario: Scenario, stages: Stages) -> dict[str, Array]:
    """Return every result quantity by its name in the variable table."""
    return {
        **_demand(stages.demand),
        **_fleet(stages.built),
        "first_token_day": first_token_days(stages.built, stages.service.gpu_hours, scenario.axis),
        **_power(scenario, stages.drawn),
        **_supply(stages.supply),
        **_inference(stages.speed),
        **_training(scenario, stages.trained),
        **_allocation(stages.allocated, stages.service),
        **_prices(scenario, stages.prices),
        **_finance(stages.money, stages.revenue),
        **_units(stages.units),
        **sold_quantities(stages.built, stages.service, stages.reserved, stages.sales),
    }


def labels(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Return the names along every dim of the result."""
    axis, finance = scenario.axis, scenario.finance
    return {
        "month": tuple(axis.labels),
        "edge": tuple(e.isoformat() for e in axis.edges),
        "year": tuple(str(y) for y in axis.years),
        "day": axis.days,
        "hour": tuple(f"{h:02d}" for h in range(HOURS)),
        "region": scenario.regions,
        "workload": tuple(w.name for w in scenario.demand.workloads),
        "generation": tuple(g.name for g in scenario.fleet.generations),
        "site": (*(s.name for s in scenario.fleet.sites), *(existing_label(b.name) for b in scenario.fleet.opening)),
        "state": LADDER,
        "limit": LIMITS,
        "link": LINKS if any(scenario.supplies) else (),
        "source": sources_of(scenario),
        "component": COMPONENTS,
        "line": COST_LINES,
        "flow": tuple(FLOWS),
        "party": PARTIES,
        "tranche": tuple(str(k + 1) for k in range(len(amounts_usd(finance.tranches)))),
        "customer": tuple(c.name for c in scenario.customers),
        "instrument": tuple(e.name for e in finance.equity),
        "token": TOKENS,
        "run": tuple(r.name for r in scenario.training.runs),
        "milestone": tuple(f"{r.name} {day}" for r in scenario.training.runs for day, _ in r.milestones),
        "scope": SCOPES,
        "bound": BOUNDS,
        "driver": DRIVERS,
        "life": _distinct(f"{life:g} years" for life in finance.costs.lives_compared_years),
    }


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names with a number where one comes again, so that a label says which entry is meant."""
    found: list[str] = []
    for name in names:
        again = sum(f == name or f.startswith(f"{name} (") for f in found)
        found.append(f"{name} ({again + 1})" if again else name)
    return tuple(found)


def _demand(demand: Demand) -> dict[str, Array]:
    return {
        "weekly_users": demand.weekly_users,
        "tokens_per_request": demand.tokens_per_request,
        "requests_asked_per_day": demand.requests_per_day,
        "requests_on_devices_per_day": demand.on_devices_per_day,
        "sessions_per_day": demand.sessions_per_day,
        "requests_asked_per_h": demand.requests_per_h,
        "requests_by_region_per_h": demand.by_region_per_h,
        "tokens_asked_per_day": demand.tokens_per_day,
    }


def _fleet(built: BuildOut) -> dict[str, Array]:
    return {
        "power_state_mw": built.power_state_mw,
        "racks_accepted": built.racks,
        "racks_delivered": built.racks_delivered,
        "racks_retired": built.racks_retired,
        "racks_in_production": built.racks_producing,
        "gpus_producing": built.gpus_producing,
        "gpus_in_production": built.gpus_in_production,
        "gpus_available": built.gpus_available,
        "limit_mw": built.limit_mw,
        "binding_limit": built.binding.astype(float),
    }


def _power(scenario: Scenario, drawn: PowerDraw) -> dict[str, Array]:
    return {
        "gpu_clock_share": clock_shares(scenario),
        "it_power_drawn_mw": drawn.it_mw,
        "it_energy_mwh": drawn.it_mwh,
        "loss_energy_mwh": drawn.losses_mwh,
        "overhead_energy_mwh": drawn.overhead_mwh,
        "facility_energy_mwh": drawn.energy_mwh,
        "facility_power_mw": drawn.facility_mw,
        "energy_cost_usd": drawn.energy_cost_usd,
        "water_m3": drawn.water_m3,
    }


def _supply(supply: Supplied) -> dict[str, Array]:
    return {
        "supply_limit_mw": supply.limit_mw,
        "binding_supply": supply.binding,
        "energy_by_source_mwh": supply.by_source_mwh,
        "unpowered_energy_mwh": supply.unpowered_mwh,
        "energy_co2_t": supply.co2_t,
    }


def _inference(speed: Throughput) -> dict[str, Array]:
    return {
        "requests_per_gpu_s": speed.requests_per_gpu_s,
        "generated_tokens_per_gpu_s": speed.generated_tokens_per_gpu_s,
        "within_limits_share": speed.within,
        "worth_as_served_share": speed.worth,
        "ttft_ms": speed.ttft_ms,
        "tpot_ms": speed.tpot_ms,
        "replica_gpus": speed.replica_gpus,
        "replica_batch": speed.replica_batch,
    }


def _training(scenario: Scenario, trained: Trained) -> dict[str, Array]:
    axis, runs = scenario.axis, scenario.training.runs
    deadlines = [np.nan if r.deadline is None else axis.days_since_start(r.deadline) for r in runs]
    done, met = trained.runs, trained.deadlines
    return {
        "run_gpus": done.gpus,
        "run_tokens_done": done.tokens_done,
        "run_start_day": done.start_days,
        "run_done_day": done.done_days,
        "run_deadline_day": np.array(deadlines, dtype=float),
        "run_mfu_share": trained.mfu_share,
        "run_goodput_share": trained.goodput_share,
        "run_tokens_asked": np.array([r.tokens for r in runs], dtype=float),
        "run_gpus_asked": np.array([r.gpus for r in runs], dtype=float),
        "run_tokens_by_deadline": met.tokens,
        "run_late_days": met.late_days,
        "run_gpus_needed": met.gpus_needed,
        "run_latest_start_day": met.latest_start_days,
        "milestone_day": met.milestone_days,
        "milestone_share": met.milestone_share,
        "milestone_done_share": met.milestone_done_share,
        "milestone_late_days": met.milestone_late_days,
        "largest_run_flop": trained.largest_flop,
        "largest_run_parameters": trained.largest_parameters,
        "largest_run_tokens": trained.largest_tokens,
        "largest_run_gpus": trained.largest_gpus,
        "largest_run_learners": trained.largest_learners,
        "largest_run_flops_per_gpu": trained.flops_per_gpu,
        "trend_run_flop": trained.trend_flop,
        "largest_run_over_trend": trained.largest_flop / trained.trend_flop[:, None],
        "capability_eci": trained.capability.eci,
        "capability_from_compute_eci": trained.capability.from_compute,
        "capability_from_methods_eci": trained.capability.from_methods,
    }


def _allocation(allocated: Allocation, service: Service) -> dict[str, Array]:
    return {
        "training_share": allocated.reserved_share,
        "fleet_share": allocated.fleet_share,
        "requests_refused_per_h": allocated.refused,
        "requests_served_per_day": service.served_per_day,
        "requests_deferred_per_day": service.deferred_per_day,
        "requests_refused_per_day": service.refused_per_day,
        "served_share": service.served_share,
        "tokens_served_per_day": service.tokens_per_day,
        "generated_tokens": service.generated_tokens,
        "gpu_hours": service.gpu_hours,
        "training_gpu_hours": service.training_gpu_hours,
        "research_on_idle_gpu_hours": service.research_on_idle_gpu_hours,
        "sold_gpu_hours": service.sold_gpu_hours,
        "idle_gpu_hours": service.idle_gpu_hours,
        "unrequested_share": service.unrequested_share,
        "training_flop": service.training_flop,
    }


def _prices(scenario: Scenario, prices: Prices) -> dict[str, Array]:
    return {
        "gpu_hour_cost_usd": prices.gpu_hour_cost_usd,
        "full_gpu_hour_cost_usd": prices.full_gpu_hour_cost_usd,
        "gpu_hour_rent_usd": prices.gpu_hour_rent_usd,
        "generation_rent_usd_per_gpu_h": prices.generation_rent_usd,
        "cost_per_request_usd": prices.cost_per_request_usd,
        "market_cost_per_request_usd": prices.market_cost_per_request_usd,
        "price_per_request_usd": prices.per_request_usd,
        "price_per_mtok_usd": price_per_mtok(scenario, prices.index),
        "slowness_price_factor": prices.slowness_factor,
        "clearing_price_usd_per_gpu_h": prices.clearing_usd_per_gpu_h,
    }


def _finance(money: Accounts, revenue: Revenue) -> dict[str, Array]:
    return {
        "value_served_usd": revenue.value_served_usd,
        "value_lost_to_slowness_usd": revenue.value_lost_to_slowness_usd,
        "revenue_by_workload_usd": revenue.by_workload_usd,
        "revenue_lost_usd": revenue.lost_usd,
        "sold_usd": revenue.sold_usd,
        "revenue_over_stated": revenue.over_stated,
        "capital_usd": money.capital_usd,
        "cost_usd": money.cost_usd,
        "cost_of_capital_usd": money.cost_of_capital_usd,
        "rent_usd": money.rent_usd,
        "revenue_usd": money.revenue_usd,
        "tranche_usd": money.tranche_usd,
        "tranche_day": money.tranche_days,
        "tranche_paid_usd": money.tranche_paid_usd,
        "equity_paid_usd": money.equity_paid_usd,
        "guaranteed_usd": money.guaranteed_usd,
        "commitment_usd": money.commitment_usd,
        "vendor_flow_usd": money.vendor_flow_usd,
        "vendor_flow_landlords_usd": money.vendor_flow_landlords_usd,
        "interest_usd": money.interest_usd,
        "tax_usd": money.tax_usd,
        "debt_usd": money.debt_usd,
        "debt_service_usd": money.debt_service_usd,
        "debt_service_cover": money.debt_service_cover,
        "funding_gap_usd": money.funding_gap_usd,
        "book_value_usd": money.book_value_usd,
        "equity_usd": money.equity_usd,
        "cost_by_life_usd": money.cost_by_life_usd,
        "flow_usd": money.books.flow_usd,
        "party_cash_usd": money.books.cash_usd,
        "party_assets_usd": money.books.assets_usd,
        "party_debt_usd": money.books.debt_usd,
        "party_worth_usd": money.books.worth_usd,
        "party_npv_usd": money.returns.npv_usd,
        "party_npv_of_end_usd": money.returns.npv_of_end_usd,
        "party_irr": money.returns.irr_per_year,
        "party_payback_day": money.returns.payback_days,
        "party_peak_funding_usd": money.returns.peak_funding_usd,
    }


def _units(units: UnitEconomics) -> dict[str, Array]:
    tokens, tasks, scarcity = units.tokens, units.tasks, units.scarcity
    return {
        "shadow_price_usd_per_gpu_h": scarcity.usd_per_gpu_h,
        "shadow_price_usd_per_mw_year": scarcity.usd_per_mw_year,
        "marginal_revenue_usd_per_gw_year": scarcity.revenue_usd_per_gw_year,
        "marginal_revenue_usd_per_gpu_h": scarcity.revenue_usd_per_gpu_h,
        "next_gw_cost_usd_per_gw_year": scarcity.cost_usd_per_gw_year,
        "clearing_revenue_usd_per_gw_year": scarcity.clearing_usd_per_gw_year,
        "next_gw_benefit_cost_ratio": scarcity.at_plan_prices.by_start,
        "next_gw_clearing_benefit_cost_ratio": scarcity.at_clearing_prices.by_start,
        "added_gw_benefit_cost_ratio": scarcity.at_plan_prices.of_additions,
        "added_gw_clearing_benefit_cost_ratio": scarcity.at_clearing_prices.of_additions,
        "cost_per_task_usd": tasks.per_task_usd,
        "cost_at_constant_capability_usd": tasks.at_constant_capability_usd,
        "cost_fall_log": tasks.fall_log,
        "workload_cost_usd": tokens.workload_usd,
        "cost_per_mtok_usd": tokens.workload_usd_per_mtok,
        "cost_per_mtok_all_usd": tokens.serving_usd_per_mtok,
        "full_workload_cost_usd": tokens.full_workload_usd,
        "full_cost_per_mtok_usd": tokens.full_workload_usd_per_mtok,
        "full_cost_per_mtok_all_usd": tokens.full_serving_usd_per_mtok,
        "training_cost_usd": tokens.training_usd,
        "sold_cost_usd": tokens.sold_usd,
    }
