"""Unit economics: what a token, a task, one more GPU-hour and one more megawatt cost or are worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gigaplan.allocation.outputs import Allocation
from gigaplan.allocation.prices import is_unserved, marginal_revenue, shadow_price
from gigaplan.demand.outputs import Demand
from gigaplan.finance.cost import TokenCost, cost_per_mtok
from gigaplan.finance.outputs import Accounts
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.allocation import Service, reference_index, value_as_served
from gigaplan.simulate.couplings.customers import Reserved, cost_of_customers
from gigaplan.simulate.couplings.market import Prices
from gigaplan.simulate.couplings.money import Revenue
from gigaplan.simulate.couplings.task_cost import TaskCost, task_cost
from gigaplan.simulate.couplings.throughput import Throughput
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS_PER_YEAR

KW_PER_MW = MW_PER_GW = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class ScarcityPrices:
    """What one more unit of capacity would bring while demand is unserved. Shapes: M, month n, day D, hour H."""

    usd_per_gpu_h: Array
    """(M, n, D, H) worth to the planner of one more GPU-hour of the reference generation [USD/GPU-h]."""
    usd_per_mw_year: Array
    """(M, n) worth of one more IT megawatt for a year of such months [USD/MW/year]."""
    revenue_usd_per_gw_year: Array
    """(M, n) revenue of one more IT gigawatt for a year of such months [USD/GW/year]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEconomics:
    """Prices per unit, from the money and the service of a run."""

    tokens: TokenCost
    tasks: TaskCost
    scarcity: ScarcityPrices


def unit_economics(
    scenario: Scenario,
    built: BuildOut,
    demand: Demand,
    speed: Throughput,
    allocated: Allocation,
    service: Service,
    money: Accounts,
    prices: Prices,
    revenue: Revenue,
    reserved: Reserved,
) -> UnitEconomics:
    """Return unit costs and the worth of one more unit of capacity."""
    tokens = cost_per_mtok(
        cost_usd=money.cost_usd,
        cost_of_capital_usd=money.cost_of_capital_usd,
        gpu_hours=service.gpu_hours,
        training_gpu_hours=service.training_gpu_hours,
        sold_gpu_hours=service.sold_gpu_hours + reserved.by_generation,
        gpu_hours_available=service.available_gpu_hours,
        it_kw_per_gpu=scenario.fleet.it_kw_per_gpu,
        generated_tokens=service.generated_tokens,
    )
    of_customers = cost_of_customers(scenario, built, reserved, money.cost_usd).sum(axis=1)
    tokens = replace(tokens, sold_usd=tokens.sold_usd - of_customers)
    tasks = task_cost(
        scenario,
        cost_usd=money.cost_usd.sum(axis=1),
        gpu_hours=service.gpu_hours,
        other_gpu_hours=service.training_gpu_hours + service.sold_gpu_hours + reserved.by_generation,
        available_gpu_hours=service.available_gpu_hours,
        requests_per_gpu_h=speed.requests_per_gpu_h,
        tokens_per_request=demand.tokens_per_request,
        served_per_day=service.served_per_day,
    )
    paid_usd = prices.per_request_usd * revenue.over_stated[:, None]
    scarcity = _scarcity(scenario, built, demand, speed, allocated, paid_usd)
    return UnitEconomics(tokens=tokens, tasks=tasks, scarcity=scarcity)


def _scarcity(
    scenario: Scenario, built: BuildOut, demand: Demand, speed: Throughput, allocated: Allocation, paid_usd: Array
) -> ScarcityPrices:
    axis, k = scenario.axis, reference_index(scenario)
    reference = scenario.fleet.generations[k]
    per_gpu_h = speed.requests_per_gpu_h[:, :, k][..., axis.year_of_month]  # (M, W, n)
    value = per_gpu_h * value_as_served(scenario, speed)
    revenue = per_gpu_h * paid_usd
    unserved = is_unserved(allocated.refused, demand.requests_per_h)
    unserved &= (built.gpus_available.sum(axis=1) > 0)[:, None, :, None, None]
    price = shadow_price(value, unserved)
    shape = np.broadcast_shapes(value.shape, revenue.shape)
    next_revenue = marginal_revenue(value, np.broadcast_to(revenue, shape), unserved)
    up = column(scenario.fleet.ladder.availability, 2)
    gpu_h_per_mw_year = reference.gpus_per_rack / column(reference.it_kw_per_rack, 2) * KW_PER_MW * up * HOURS_PER_YEAR
    return ScarcityPrices(
        usd_per_gpu_h=price,
        usd_per_mw_year=axis.month_mean(price) * gpu_h_per_mw_year,
        revenue_usd_per_gw_year=axis.month_mean(next_revenue) * gpu_h_per_mw_year * MW_PER_GW,
    )
