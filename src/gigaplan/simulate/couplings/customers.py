"""Coupling of customers to the fleet: what they have reserved is held before training and serving see it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gigaplan.allocation.holding import hold
from gigaplan.finance.customers import ANY, Bills, Customer, bills
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.vocabulary.members import Array, stack
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What is held for customers. Shapes: member M, customer C, generation G, month n."""

    reserved_gpu_hours: Array
    """(M, C, n) GPU-hours reserved."""
    delivered_gpu_hours: Array
    """(M, C, G, n) GPU-hours held for the customer and up."""
    bills: Bills

    @property
    def by_generation(self) -> Array:
        """(M, G, n) GPU-hours held for all customers."""
        return np.asarray(self.delivered_gpu_hours.sum(axis=1))


def held_for_customers(scenario: Scenario, built: BuildOut) -> tuple[Reserved, BuildOut]:
    """Return what is held for customers, and the build-out with the share of its GPUs that is left.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    built : BuildOut
        The fleet.
    """
    customers, axis = scenario.customers, scenario.axis
    if not customers:
        members, generations, months = built.gpus_available.shape
        none = np.zeros((members, 0, months))
        nothing = np.zeros((members, 0, generations, months))
        return (
            Reserved(reserved_gpu_hours=none, delivered_gpu_hours=nothing, bills=Bills(fee_usd=none, credit_usd=none)),
            built,
        )
    names = [g.name for g in scenario.fleet.generations]
    systems = [None if c.system == ANY else names.index(c.system) for c in customers]
    term = np.stack([in_term(c, axis) for c in customers])
    reserved = stack(c.gpus for c in customers)[..., None] * term
    delivered = hold(reserved, built.gpus_available, systems)
    taken, there = delivered.sum(axis=1), built.gpus_available
    free = 1 - np.minimum(np.divide(taken, there, out=np.zeros_like(taken), where=there > 0), 1.0)
    reserved_h, delivered_h = reserved * axis.hours, delivered * axis.hours
    reserved_h = np.broadcast_to(reserved_h, (len(delivered), *reserved_h.shape[1:]))
    found = Reserved(
        reserved_gpu_hours=reserved_h,
        delivered_gpu_hours=delivered_h,
        bills=bills(customers, reserved_h, delivered_h.sum(axis=2)),
    )
    return found, replace(built, free_share=free)


def in_term(customer: Customer, axis: TimeAxis) -> Array:
    """Return the share of each month in which a contract runs: (n,)."""
    first = axis.days_since_start(customer.start)
    inside = np.clip(axis.edge_days, first, first + customer.years * DAYS_PER_YEAR)
    return np.diff(inside) / np.diff(axis.edge_days)


def share_of_power(scenario: Scenario, built: BuildOut, reserved: Reserved, *, used: bool = False) -> Array | float:
    """Return the share of the fleet that customers hold by IT power, or that they use: (M, n)."""
    if not scenario.customers:
        return 0.0
    kw = scenario.fleet.it_kw_per_gpu[..., None]
    part = stack(c.used_share for c in scenario.customers)[:, :, None, None] if used else 1.0
    held = ((reserved.delivered_gpu_hours * part).sum(axis=1) * kw).sum(axis=1)
    whole = (built.gpus_available * scenario.axis.hours * kw).sum(axis=1)
    return np.asarray(
        np.divide(held, whole, out=np.zeros(np.broadcast_shapes(held.shape, whole.shape)), where=whole > 0)
    )


def cost_of_customers(scenario: Scenario, built: BuildOut, reserved: Reserved, cost_usd: Array) -> Array:
    """Return the cost borne by customers' GPU-hours, by their IT power as all cost is shared: (M, C, n) [USD].

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    built : BuildOut
        The fleet.
    reserved : Reserved
        What is held for customers.
    cost_usd : Array, shape (M, line, n)
        Cost of the month by line [USD].
    """
    kw = scenario.fleet.it_kw_per_gpu[..., None]
    held = (reserved.delivered_gpu_hours * kw[:, None]).sum(axis=2)
    whole = (built.gpus_available * scenario.axis.hours * kw).sum(axis=1)[:, None]
    share = np.divide(held, whole, out=np.zeros(np.broadcast_shapes(held.shape, whole.shape)), where=whole > 0)
    return np.asarray(share * cost_usd.sum(axis=1)[:, None])
