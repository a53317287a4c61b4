"""Coupling of what is sold to what it costs: margins of customers, capacity still for sale, what a milestone earns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.demand.outputs import Demand
from gigaplan.finance.outputs import Accounts
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.outputs import PowerDraw
from gigaplan.simulate.couplings.allocation import Service
from gigaplan.simulate.couplings.customers import Reserved, cost_of_customers
from gigaplan.simulate.couplings.market import Prices
from gigaplan.simulate.couplings.milestones import Milestones, milestones_of
from gigaplan.simulate.couplings.money import Revenue
from gigaplan.simulate.couplings.throughput import Throughput
from gigaplan.simulate.couplings.unit_economics import UnitEconomics
from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """What is sold and still for sale. Shapes: member M, customer C, workload W, token T, generation G, month n."""

    customer_cost_usd: Array
    """(M, C, n) cost of the GPU-hours that customers hold."""
    customer_margin_usd: Array
    """(M, C, n) what they pay less that cost."""
    workload_margin_usd: Array
    """(M, W, n) revenue of a workload less the cost that it bears."""
    revenue_over_full_cost: Array
    """(M, W, n) revenue of a workload over its cost, cost of capital included [1]; nan where nothing is served."""
    for_sale_gpu_hours: Array
    """(M, G, n) GPU-hours that no customer holds, no training holds and no request takes."""
    for_sale_tokens: Array
    """(M, W, T, n) tokens that these would serve of the mix for sale."""
    milestones: Milestones


def sales_of(
    scenario: Scenario,
    built: BuildOut,
    speed: Throughput,
    demand: Demand,
    prices: Prices,
    service: Service,
    money: Accounts,
    units: UnitEconomics,
    reserved: Reserved,
    drawn: PowerDraw,
    revenue: Revenue,
) -> Sales:
    """Return margins, what is for sale, and what each milestone's power buys and earns."""
    cost = cost_of_customers(scenario, built, reserved, money.cost_usd)
    free, full = service.unrequested_gpu_hours, units.tokens.full_workload_usd
    paid = np.broadcast_to(revenue.by_workload_usd, np.broadcast_shapes(revenue.by_workload_usd.shape, full.shape))
    return Sales(
        customer_cost_usd=cost,
        customer_margin_usd=reserved.bills.revenue_usd - cost,
        workload_margin_usd=revenue.by_workload_usd - units.tokens.workload_usd,
        revenue_over_full_cost=np.divide(paid, full, out=np.full(paid.shape, np.nan), where=full > 0),
        for_sale_gpu_hours=free,
        for_sale_tokens=tokens_for_sale(scenario, demand, speed, prices, free),
        milestones=milestones_of(scenario, built, service, money, drawn),
    )


def tokens_for_sale(scenario: Scenario, demand: Demand, speed: Throughput, prices: Prices, free: Array) -> Array:
    """Return the tokens that free GPU-hours would serve of the mix for sale: (M, W, token, n).

    The mix is what the plan states as shares of GPU-hours, or what the month's requests would take. GPU-hours of a
    generation that can't serve a workload of the mix serve nothing of it.
    """
    year = scenario.axis.year_of_month
    stated = scenario.market.sale_mix
    if stated:
        mix = np.array(stated)[None, :, None]
    else:
        need = demand.requests_per_day * np.nan_to_num(prices.gpu_hours_per_request)
        whole = need.sum(axis=1, keepdims=True)
        mix = np.divide(need, whole, out=np.zeros_like(need), where=whole > 0)
    requests = np.einsum("mwgn,mgn->mwn", speed.requests_per_gpu_h[..., year], np.maximum(free, 0.0)) * mix
    return np.asarray(requests[:, :, None] * demand.tokens_per_request[..., year])
