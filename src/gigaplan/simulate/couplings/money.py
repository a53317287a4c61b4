"""Coupling of the build-out, service and energy to money."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.allocation.outputs import Allocation
from gigaplan.finance.accounts import accounts
from gigaplan.finance.assets import Purchases
from gigaplan.finance.outputs import Accounts
from gigaplan.fleet.inputs import LADDER
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.outputs import PowerDraw
from gigaplan.simulate.couplings.published_revenue import over_stated
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.members import Array, column, stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Revenue:
    """What requests bring. Shapes: member M, workload W, month n; all in USD per month."""

    by_workload_usd: Array
    """(M, W, n) paid for served requests."""
    lost_usd: Array
    """(M, W, n) that would have been paid for the requests that were not served by a fleet that was there."""
    value_served_usd: Array
    """(M, W, n) what the served requests are worth to the planner, as fast as they are served."""
    value_lost_to_slowness_usd: Array
    """(M, W, n) what they would be worth more within the limits."""
    sold_usd: Array
    """(M, n) paid for idle GPU-hours, as batch work or rented out."""
    reserved_usd: Array
    """(M, n) paid for reserved GPUs, less service credits."""
    over_stated: Array
    """(M, n) published revenue over what requests bring at the plan's prices [1]; 1 where none is published."""


def revenue_of(
    scenario: Scenario,
    built: BuildOut,
    allocated: Allocation,
    price_usd: Array,
    worth: Array,
    sold_usd: Array,
    reserved_usd: Array,
) -> Revenue:
    """Return what served and refused requests bring, and idle hours that are sold.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    built : BuildOut
        The fleet: before its first GPU nothing is there to be lost.
    allocated : Allocation
        Who is served.
    price_usd : Array, shape (M, W, n)
        Price of a request [USD].
    worth : Array, shape (M, W, n)
        What the mean request is worth as fast as it is served, over what it is worth within the limits [share].
    sold_usd : Array, shape (M, n)
        What idle hours bring [USD].
    reserved_usd : Array, shape (M, n)
        What reserved GPUs bring [USD].
    """
    served, refused = (scenario.axis.month_total(per_h) for per_h in (allocated.run, allocated.refused))
    lost = refused * (built.gpus_available.sum(axis=1) > 0)[:, None]
    value, paid = served * per_request(scenario, "value_usd_per_request")[:, :, None], served * price_usd
    ratio = over_stated(scenario.finance.published_revenue, paid.sum(axis=1), scenario.axis)
    return Revenue(
        by_workload_usd=paid * ratio[:, None],
        lost_usd=lost * price_usd * ratio[:, None],
        value_served_usd=value * worth,
        value_lost_to_slowness_usd=value * (1 - worth),
        sold_usd=sold_usd,
        reserved_usd=reserved_usd,
        over_stated=ratio,
    )


def per_request(scenario: Scenario, name: str) -> Array:
    """Return a field of each workload, what one request brings: (member or 1, workload)."""
    return np.stack(np.broadcast_arrays(*[column(getattr(w, name), 1) for w in scenario.demand.workloads]), axis=1)


def books(scenario: Scenario, built: BuildOut, revenue: Revenue, drawn: PowerDraw) -> Accounts:
    """Return the plan's accounts: capital, cost, rent, tranches, equity, what is left to fund."""
    sites = len(scenario.fleet.sites)
    gpus_per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations])
    return accounts(
        bought=Purchases(
            racks_delivered=built.orders.racks_delivered,
            racks_retired=built.orders.racks_retired,
            ready_mw_added=built.orders.ready_mw,
            earlier=built.orders.earlier,
            months=scenario.axis.months,
        ),
        rented_share=rented_share(scenario),
        producing_gpu_h=_mean(built.racks_producing) * gpus_per_rack[:, None, None] * scenario.axis.hours,
        accepted_it_mw=np.einsum("mgpn,mg->mpn", _mean(built.racks), scenario.fleet.it_kw_per_rack) / 1e3,
        energy_cost_usd=drawn.energy_cost_usd,
        revenue_usd=revenue.by_workload_usd.sum(axis=1) + revenue.sold_usd + revenue.reserved_usd,
        deployed_mw=_deployed_mw(scenario, built.power_state_mw[:, :, :sites]),
        axis=scenario.axis,
        inputs=scenario.finance,
    )


def rented_share(scenario: Scenario) -> Array:
    """Return the share of each place that is rented: (place,)."""
    fleet = scenario.fleet
    return np.array([*(s.rented for s in fleet.sites), *(b.rented for b in fleet.opening)], dtype=np.float64)


def months_of_construction(scenario: Scenario) -> int:
    """Return for how many months after the horizon it must be known what is ready, to pay for it in time."""
    return int(np.ceil(np.max(scenario.finance.costs.construction_months)))


def _deployed_mw(scenario: Scenario, power_state_mw: Array) -> Array:
    """Return the new sites' power in the trigger state or beyond, on the milestone's basis: (member, edge)."""
    terms = scenario.finance.tranches
    per_site = power_state_mw[:, LADDER.index(terms.trigger_state) :].sum(axis=1)
    if terms.milestone.basis == PowerBasis.FACILITY:
        ratio = stack(f.facility_to_it_peak for f in scenario.facilities[: per_site.shape[1]])
        per_site = per_site * ratio[..., None]
    return np.asarray(per_site.sum(axis=1))


def _mean(on_edges: Array) -> Array:
    """Return the mean over each interval of what stands on edges."""
    return (on_edges[..., :-1] + on_edges[..., 1:]) / 2
