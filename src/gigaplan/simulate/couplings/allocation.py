"""Coupling of demand and speed to the fleet: who is served in each hour, and what service adds up to in a month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.allocation.merit import allocate
from gigaplan.allocation.outputs import Allocation
from gigaplan.demand.outputs import Demand
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
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
    """(M, G, n) GPU-hours held for training and research."""
    available_gpu_hours: Array
    """(M, G, n) GPU-hours of the GPUs that produce and are up."""
    training_flop: Array
    """(M, n) training compute delivered at the speed of GPUs in large runs, without failures."""

    @property
    def idle_gpu_hours(self) -> Array:
        """(M, G, n) GPU-hours available that neither serving nor training uses."""
        return np.asarray(self.available_gpu_hours - self.gpu_hours.sum(axis=1) - self.training_gpu_hours)


def serve(scenario: Scenario, demand: Demand, built: BuildOut, speed: Throughput, trained: Trained) -> Allocation:
    """Allocate the fleet's hours to workloads by merit, after what training holds."""
    work, axis = scenario.demand.workloads, scenario.axis
    return allocate(
        demand_per_h=demand.requests_per_h,
        deferrable=np.array([w.deferrable for w in work]),
        guaranteed_share=per_request(scenario, "guaranteed_share"),
        value_usd_per_request=per_request(scenario, "value_usd_per_request"),
        requests_per_gpu_h=speed.requests_per_gpu_h[..., axis.year_of_month],
        gpus_available=_gpus_on_days(scenario, built),
        reserved_share=trained.reserved_share,
        reference_generation=reference_index(scenario),
    )


def reference_index(scenario: Scenario) -> int:
    """Return the place of the generation in whose GPU-hours and megawatts prices are stated."""
    return [g.name for g in scenario.fleet.generations].index(scenario.reference_generation)


def _gpus_on_days(scenario: Scenario, built: BuildOut) -> Array:
    """Return the GPUs that are up at the middle of each day: (member, generation, month, day)."""
    gpus_per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations], dtype=float)
    on_edges = built.racks_producing.sum(axis=2) * gpus_per_rack[:, None]
    return scenario.axis.between(on_edges) * column(scenario.fleet.ladder.availability, 4)


def service_of(scenario: Scenario, demand: Demand, built: BuildOut, allocated: Allocation, trained: Trained) -> Service:
    """Add up an allocation's hours to months."""
    axis = scenario.axis

    def per_day(requests_per_h: Array) -> Array:
        return np.asarray(axis.month_total(requests_per_h) / axis.hours * HOURS)

    served = per_day(allocated.served_now + allocated.deferred)
    tokens = demand.tokens_per_request[..., axis.year_of_month]  # (M, W, T, n)
    generated = generated_per_request(demand.tokens_per_request)[..., axis.year_of_month]
    available = built.gpus_available * axis.hours
    training = allocated.reserved_share[:, None] * available
    flop = (training * trained.flops_per_gpu).sum(axis=1) * SECONDS_PER_HOUR
    return Service(
        served_per_day=served,
        deferred_per_day=per_day(allocated.deferred),
        refused_per_day=per_day(allocated.refused),
        served_share=_share(served, demand.requests_per_day),
        tokens_per_day=served[:, :, None] * tokens,
        generated_tokens=served * axis.hours / HOURS * generated,
        gpu_hours=_gpu_hours(scenario, built, allocated, available),
        training_gpu_hours=training,
        available_gpu_hours=available,
        training_flop=flop,
    )


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
