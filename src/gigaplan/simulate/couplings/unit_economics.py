"""Unit economics: what a token, a task, one more GPU-hour and one more megawatt cost or are worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.allocation.outputs import Allocation
from gigaplan.allocation.prices import is_unserved, marginal_revenue, shared_revenue
from gigaplan.demand.outputs import Demand
from gigaplan.finance.cost import TokenCost, cost_per_mtok
from gigaplan.finance.next_unit import lifetime_value
from gigaplan.finance.outputs import Accounts
from gigaplan.finance.rates import in_the_plans_prices
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.allocation import Service, reference_index, value_as_served
from gigaplan.simulate.couplings.customers import Reserved, cost_of_customers
from gigaplan.simulate.couplings.market import Prices
from gigaplan.simulate.couplings.money import Revenue
from gigaplan.simulate.couplings.owners import hours_of_owners, of_new_places
from gigaplan.simulate.couplings.task_cost import TaskCost, task_cost
from gigaplan.simulate.couplings.throughput import Throughput
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS_PER_YEAR

KW_PER_MW = MW_PER_GW = 1e3


@dataclass(frozen=True, slots=True)
class Worthwhile:
    """Present value of the revenue of one more gigawatt over that of its cost [USD/USD]."""

    by_start: Array
    """(M, n) by the month in which it starts."""
    of_additions: Array
    """(M,) of all the power that the plan adds; nan where it adds none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScarcityPrices:
    """What one more unit of capacity would bring while demand is unserved. Shapes: M, month n, day D, hour H."""

    usd_per_gpu_h: Array
    """(M, n, D, H) worth to the planner of one more GPU-hour of the reference generation [USD/GPU-h]."""
    usd_per_mw_year: Array
    """(M, n) worth of one more IT megawatt for a year of such months [USD/MW/year]."""
    revenue_usd_per_gw_year: Array
    """(M, n) revenue of one more IT gigawatt for a year of such months [USD/GW/year]."""
    revenue_usd_per_gpu_h: Array
    """(M, n) revenue of one more GPU-hour of the fleet's mix [USD/GPU/h]."""
    cost_usd_per_gw_year: Array
    """(M,) cost of an owned IT gigawatt in a year, cost of capital included [USD/GW/year]."""
    clearing_usd_per_gw_year: Array
    """(M, n) what an IT gigawatt would bring in a year of such months if prices cleared the market [USD/GW/year]."""
    at_plan_prices: Worthwhile
    """Whether it is worth its cost at the plan's prices."""
    at_clearing_prices: Worthwhile
    """Whether it is if prices cleared the market."""


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
    scarcity = _scarcity(scenario, built, demand, speed, allocated, prices, paid_usd)
    return UnitEconomics(tokens=tokens, tasks=tasks, scarcity=scarcity)


def _scarcity(
    scenario: Scenario,
    built: BuildOut,
    demand: Demand,
    speed: Throughput,
    allocated: Allocation,
    prices: Prices,
    paid_usd: Array,
) -> ScarcityPrices:
    """Return what more capacity would bring, and whether it would be worth its cost.

    Parameters
    ----------
    paid_usd : Array, shape (M, W, n)
        What is paid for a request [USD].
    """
    axis, k = scenario.axis, reference_index(scenario)
    reference = scenario.fleet.generations[k]
    per_gpu_h = speed.requests_per_gpu_h[:, :, k][..., axis.year_of_month]  # (M, W, n)
    hours = np.where(np.isfinite(prices.gpu_hours_per_request), prices.gpu_hours_per_request, 0.0)
    value = per_gpu_h * value_as_served(scenario, speed)
    unserved = is_unserved(allocated.refused, demand.requests_per_h)
    unserved &= (built.gpus_available.sum(axis=1) > 0)[:, None, :, None, None]
    of_the_mix = np.divide(
        paid_usd, hours, out=np.zeros(np.broadcast_shapes(paid_usd.shape, hours.shape)), where=hours > 0
    )
    brings = [np.broadcast_to(r, np.broadcast_shapes(value.shape, r.shape)) for r in (per_gpu_h * paid_usd, of_the_mix)]
    price, *of_next = _of_next_gpu_hour(scenario, demand, per_gpu_h, [value, *brings], unserved)
    let = _let_usd_per_gpu_h(scenario, built, prices, k)
    served_next = zip(of_next, let, strict=True)
    next_revenue, next_of_the_mix = (axis.month_mean(np.maximum(r, v[..., None, None])) for r, v in served_next)
    need = demand.requests_per_day * hours
    faster = np.divide(
        (need * per_gpu_h * hours).sum(axis=1),
        need.sum(axis=1),
        out=np.ones_like(next_revenue),
        where=need.sum(axis=1) > 0,
    )
    clearing = np.nan_to_num(prices.clearing_usd_per_gpu_h) * prices.load_share * faster
    gpu_h = reference.gpus_per_rack / column(reference.it_kw_per_rack, 2) * KW_PER_MW * HOURS_PER_YEAR  # of an IT MW
    up_h = column(scenario.fleet.ladder.availability, 2) * gpu_h
    cost = _owned_usd_per_gpu_h(scenario, k) * gpu_h[:, 0] * MW_PER_GW
    revenues = [per_hour * up_h * MW_PER_GW for per_hour in (next_revenue, clearing)]
    at_plan, at_clearing = (_worthwhile(scenario, built, k, revenue, cost) for revenue in revenues)
    return ScarcityPrices(
        usd_per_gpu_h=price,
        usd_per_mw_year=axis.month_mean(price) * up_h,
        revenue_usd_per_gw_year=revenues[0],
        revenue_usd_per_gpu_h=next_of_the_mix,
        cost_usd_per_gw_year=cost,
        clearing_usd_per_gw_year=revenues[1],
        at_plan_prices=at_plan,
        at_clearing_prices=at_clearing,
    )


def _of_next_gpu_hour(
    scenario: Scenario, demand: Demand, per_gpu_h: Array, brings: list[Array], unserved: NDArray[np.bool_]
) -> list[Array]:
    """Return what the next GPU-hour of the reference generation brings to those who get it by the plan's rule.

    Parameters
    ----------
    per_gpu_h : Array, shape (M, W, n)
        Requests per GPU-hour [1/GPU/h].
    brings : list of Array, shape (M, W, n) each
        What a GPU-hour of each workload is worth, is paid, and is paid on the mean GPU [USD/GPU/h].
    unserved : NDArray[np.bool_], shape (M, W, n, D, H)
        Whether demand is unserved.
    """
    rule, (value, paid, _), can = scenario.market.allocation, brings, per_gpu_h > 0
    if rule == "max_min":
        return shared_revenue(brings, can[..., None, None].astype(float), unserved)
    if rule == "proportional":
        gpu_h = np.divide(1.0, per_gpu_h, out=np.zeros_like(per_gpu_h), where=can)
        return shared_revenue(brings, demand.requests_per_h * gpu_h[..., None, None], unserved)
    if rule == "priority":
        return marginal_revenue(np.where(can, -np.arange(value.shape[1])[:, None], -np.inf), brings, unserved)
    return marginal_revenue(paid if rule == "revenue" else value, brings, unserved)


def _worthwhile(
    scenario: Scenario, built: BuildOut, generation: int, usd_per_gw_year: Array, cost_usd_per_gw_year: Array
) -> Worthwhile:
    """Return whether gigawatts of a generation are worth their cost, at what each brings in a year."""
    earn = in_the_plans_prices(scenario.finance.cost_of_capital.plan_per_year, scenario.finance)
    life = scenario.finance.generations[generation].service_life_years
    value = lifetime_value(usd_per_gw_year, cost_usd_per_gw_year, life, earn)
    return Worthwhile(value.benefit_cost_ratio, value.of_additions(_added_mw(scenario, built)))


def _let_usd_per_gpu_h(scenario: Scenario, built: BuildOut, prices: Prices, generation: int) -> tuple[Array, Array]:
    """Return what an hour brings that nobody requests, of a GPU of the generation and of the mean one: (M, n) each
    [USD/GPU/h]; nothing where idle GPUs aren't rented out."""
    there = built.gpus_available.sum(axis=1) > 0
    if scenario.market.idle != "rent_out":
        return np.zeros(there.shape), np.zeros(there.shape)
    share = column(scenario.market.rent_out_price_share, 2) * column(scenario.market.idle_use_share, 2) * there
    return share * prices.generation_rent_usd[:, generation], share * np.nan_to_num(prices.gpu_hour_rent_usd)


def _added_mw(scenario: Scenario, built: BuildOut) -> Array:
    """Return the IT power of racks that the plan's sites add in each month to the most that has produced: (M, n) [MW];
    what replaces retired racks adds none."""
    racks = built.racks_producing[:, :, : len(scenario.fleet.sites)]
    kw = np.einsum("mgpe,mg->me", racks, scenario.fleet.it_kw_per_rack)
    return np.asarray(np.diff(np.maximum.accumulate(kw, axis=-1), axis=-1) / KW_PER_MW)


def _owned_usd_per_gpu_h(scenario: Scenario, generation: int) -> Array:
    """Return what an hour of an owned GPU costs, cost of capital included, in the mean of the plan's new places (of all
    where none is new): (M or 1,) [USD/GPU/h]."""
    earn = in_the_plans_prices(scenario.finance.cost_of_capital.plan_per_year, scenario.finance)
    return np.asarray(of_new_places(scenario, hours_of_owners(scenario, earn).full_usd)[generation])
