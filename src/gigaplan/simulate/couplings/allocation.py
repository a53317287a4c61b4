"""Coupling of demand and speed to the fleet: who is served in each hour, and what service adds up to in a month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.allocation.merit import allocate
from gigaplan.allocation.outputs import Allocation
from gigaplan.demand.outputs import Demand
from gigaplan.finance.rents import rents_by_month
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.market import Prices, more_at_batch_price
from gigaplan.simulate.couplings.money import per_request
from gigaplan.simulate.couplings.throughput import Throughput, generated_per_request
from gigaplan.simulate.couplings.training import Trained
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS, SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What allocation adds up to. Shapes: member M, workload W, token kind T, generation G, month n."""

    served_per_day: Array
    """(M, W, n) requests served on the month's average day, deferred ones included."""
    deferred_per_day: Array
    """(M, W, n) requests served in another hour than the one in which they were demanded."""
    refused_per_day: Array
    """(M, W, n) requests not served on their day."""
    served_share: Array
    """(M, W, n) requests served over requests demanded; 1 where nothing is demanded."""
    tokens_per_day: Array
    """(M, W, T, n) tokens served on the month's average day, by kind."""
    generated_tokens: Array
    """(M, W, n) reasoning and output tokens served in the month."""
    gpu_hours: Array
    """(M, W, G, n) GPU-hours that each workload occupies."""
    training_gpu_hours: Array
    """(M, G, n) GPU-hours of training and research: those held for them, and idle ones that research takes."""
    research_on_idle_gpu_hours: Array
    """(M, G, n) the idle ones among these."""
    sold_gpu_hours: Array
    """(M, G, n) idle GPU-hours that are sold: as batch work, or rented out."""
    sold_usd: Array
    """(M, n) what these bring."""
    available_gpu_hours: Array
    """(M, G, n) GPU-hours of the GPUs that produce and are up."""
    free_gpu_hours: Array
    """(M, G, n) those among them that no customer has reserved."""
    training_flop: Array
    """(M, n) training compute delivered at the speed of GPUs in large runs, without failures."""

    @property
    def idle_gpu_hours(self) -> Array:
        """(M, G, n) GPU-hours available that nothing uses and no customer has reserved."""
        used = self.gpu_hours.sum(axis=1) + self.training_gpu_hours + self.sold_gpu_hours
        return np.asarray(self.free_gpu_hours - used)

    @property
    def unrequested_gpu_hours(self) -> Array:
        """(M, G, n) GPU-hours available that no request and no held training uses."""
        return np.asarray(self.idle_gpu_hours + self.research_on_idle_gpu_hours + self.sold_gpu_hours)

    @property
    def unrequested_share(self) -> Array:
        """(M, n) the same over all that are available; 0 where there are none."""
        free, there = self.unrequested_gpu_hours.sum(axis=1), self.available_gpu_hours.sum(axis=1)
        return np.asarray(np.divide(np.maximum(free, 0.0), there, out=np.zeros_like(free), where=there > 0))


def serve(
    scenario: Scenario, demand: Demand, built: BuildOut, speed: Throughput, trained: Trained, prices: Prices
) -> Allocation:
    """Allocate the fleet's hours to workloads by the plan's rule, after what training holds."""
    work, axis, rule = scenario.demand.workloads, scenario.axis, scenario.market.allocation
    return allocate(
        demand_per_h=demand.requests_per_h,
        deferrable=np.array([w.deferrable for w in work]),
        guaranteed_share=per_request(scenario, "guaranteed_share"),
        value_usd_per_request=prices.per_request_usd if rule == "revenue" else value_as_served(scenario, speed),
        requests_per_gpu_h=speed.requests_per_gpu_h[..., axis.year_of_month],
        gpus_available=_gpus_on_days(scenario, built),
        reserved_share=trained.reserved_share,
        reference_generation=reference_index(scenario),
        rule=rule,
    )


def value_as_served(scenario: Scenario, speed: Throughput) -> Array:
    """Return the value of one request as fast as the reference generation serves it: (M, W, n) [USD]."""
    worth = speed.worth[:, :, reference_index(scenario)][..., scenario.axis.year_of_month]
    return np.asarray(per_request(scenario, "value_usd_per_request")[:, :, None] * worth)


def reference_index(scenario: Scenario) -> int:
    """Return the place of the generation in whose GPU-hours and megawatts prices are stated."""
    return [g.name for g in scenario.fleet.generations].index(scenario.reference_generation)


def _gpus_on_days(scenario: Scenario, built: BuildOut) -> Array:
    """Return the GPUs that are up and no customer's at the middle of each day: (member, generation, month, day)."""
    gpus_per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations], dtype=float)
    on_edges = built.racks_producing.sum(axis=2) * gpus_per_rack[:, None]
    powered = built.powered_of_fleet
    up = scenario.axis.between(on_edges) * column(scenario.fleet.ladder.availability, 4)
    up = up if np.ndim(powered) == 0 else up * np.asarray(powered)[..., None]
    return up if np.ndim(built.free_share) == 0 else up * np.asarray(built.free_share)[..., None]


def service_of(
    scenario: Scenario, demand: Demand, built: BuildOut, allocated: Allocation, trained: Trained, prices: Prices
) -> Service:
    """Add up an allocation's hours to months, and give idle ones to who takes them by the plan's rule."""
    axis = scenario.axis

    def per_day(requests_per_h: Array) -> Array:
        return np.asarray(axis.month_total(requests_per_h) / axis.hours * HOURS)

    served = per_day(allocated.served_now + allocated.deferred)
    tokens = demand.tokens_per_request[..., axis.year_of_month]  # (M, W, T, n)
    generated = generated_per_request(demand.tokens_per_request)[..., axis.year_of_month]
    available = built.gpus_free * axis.hours
    held = allocated.reserved_share[:, None] * available
    serving = _gpu_hours(scenario, built, allocated, available)
    free = np.maximum(available - held - serving.sum(axis=1), 0.0) * column(scenario.market.idle_use_share, 3)
    research = free if scenario.market.idle == "research" else np.zeros_like(free)
    sold, sold_usd = _sold(scenario, demand, prices, free)
    training = held + research
    flop = (training * trained.flops_per_gpu).sum(axis=1) * SECONDS_PER_HOUR
    return Service(
        served_per_day=served,
        deferred_per_day=per_day(allocated.deferred),
        refused_per_day=per_day(allocated.refused),
        served_share=_share(served, demand.requests_per_day),
        tokens_per_day=served[:, :, None] * tokens,
        generated_tokens=served * axis.hours / HOURS * generated,
        gpu_hours=serving,
        training_gpu_hours=training,
        research_on_idle_gpu_hours=research,
        sold_gpu_hours=sold,
        sold_usd=sold_usd,
        available_gpu_hours=built.gpus_available * axis.hours,
        free_gpu_hours=available,
        training_flop=flop,
    )


def unrequested_share_used(allocated: Allocation, service: Service) -> Array:
    """Return the share of the fleet at work in each hour that nobody had requested, research or sold: (M, n, D, H)."""
    used = (service.research_on_idle_gpu_hours + service.sold_gpu_hours).sum(axis=1)
    free = service.unrequested_gpu_hours.sum(axis=1)
    part = np.minimum(np.divide(used, free, out=np.zeros_like(free), where=free > 0), 1.0)  # rounding fills no more
    left = 1 - allocated.reserved_share[:, :, None, None] - allocated.fleet_share.sum(axis=1)
    return np.asarray(np.maximum(left, 0.0) * part[..., None, None])


def _sold(scenario: Scenario, demand: Demand, prices: Prices, free: Array) -> tuple[Array, Array]:
    """Return idle GPU-hours that are sold, by generation, and what they bring: (M, G, n) and (M, n)."""
    market, finance = scenario.market, scenario.finance
    if market.idle == "rent_out":
        rents = rents_by_month(finance, scenario.axis)
        return free, (free * rents).sum(axis=1) * column(market.rent_out_price_share, 2)
    if market.idle != "batch":
        return np.zeros_like(free), np.zeros((free.shape[0], free.shape[-1]))
    more_per_day, usd_per_request = more_at_batch_price(scenario, demand, prices)
    requested = more_per_day * scenario.axis.hours / HOURS  # requests, (M, W, n)
    hours = (requested * np.nan_to_num(prices.gpu_hours_per_request)).sum(axis=1)
    idle = free.sum(axis=1)
    share = np.divide(np.minimum(hours, idle), idle, out=np.zeros_like(idle), where=idle > 0)
    served = np.divide(np.minimum(hours, idle), hours, out=np.zeros_like(idle), where=hours > 0)
    return free * share[:, None], (requested * usd_per_request).sum(axis=1) * served


def _gpu_hours(scenario: Scenario, built: BuildOut, allocated: Allocation, available: Array) -> Array:
    """Return GPU-hours by workload and generation: days on which the fleet is larger than the month's mean weigh
    more."""
    axis = scenario.axis
    growth = axis.between(built.racks_producing.sum(axis=2))
    mean = np.einsum("mgnd,nd->mgn", growth, axis.day_counts) / axis.day_counts.sum(axis=1)
    relative = np.divide(growth, mean[..., None], out=np.ones_like(growth), where=mean[..., None] > 0)  # (M, G, n, D)
    month_days = axis.day_counts.sum(axis=1)[:, None]
    daily = allocated.fleet_share.mean(axis=-1) * axis.day_counts / month_days  # (M, W, n, D)
    return np.asarray(np.einsum("mwnd,mgnd->mwgn", daily, relative) * available[:, None])


def _share(part: Array, whole: Array) -> Array:
    """Return part over whole; where nothing is demanded, all of it is served."""
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)
