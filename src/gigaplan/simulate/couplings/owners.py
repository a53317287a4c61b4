"""Coupling of racks, facilities and money: what a GPU-hour costs who owns it, and what landlords get for theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.finance.capital import by_generation
from gigaplan.finance.gpu_hour import GpuHour, owned_gpu_hour
from gigaplan.finance.rates import in_the_plans_prices
from gigaplan.finance.rents import rents_by_month
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.money import rented_share
from gigaplan.vocabulary.members import Array, Uncertain, stack


def hours_of_owners(scenario: Scenario, earn_per_year: Uncertain) -> GpuHour:
    """Return what an hour of each generation's GPU costs its owner in each place at full use, over the time in service.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    earn_per_year : Uncertain
        What the owner's money must earn, as the plan counts money [1/year].

    Returns
    -------
    GpuHour
        Parts of the hour, each of a shape that broadcasts to (G, P, M or 1): generation, place, member.
    """
    finance, fleet, places = scenario.finance, scenario.fleet, scenario.facilities
    return owned_gpu_hour(
        rack_price_usd=by_generation(finance, "rack_price_usd").T[:, None],
        gpus_per_rack=np.array([float(g.gpus_per_rack) for g in fleet.generations])[:, None, None],
        it_kw_per_gpu=fleet.it_kw_per_gpu.T[:, None],
        drawn_share=scenario.draw.busy_share,
        pue=stack(f.pue for f in places).T,
        power_price_usd_per_mwh=stack(f.power_price_usd_per_mwh for f in places).T,
        costs=finance.costs,
        life_years=by_generation(finance, "service_life_years").T[:, None],
        cost_of_capital_per_year=earn_per_year,
    )


def of_new_places(scenario: Scenario, by_place: Uncertain) -> Array:
    """Return the mean over the plan's new places, over all where none is new.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    by_place : Uncertain
        A figure whose shape broadcasts to (G, P, M or 1).

    Returns
    -------
    Array, shape (G, M or 1)
        The mean.
    """
    found = np.asarray(by_place)
    places = np.broadcast_to(found, (found.shape[0], len(scenario.facilities), found.shape[-1]))
    return np.asarray(places[:, : len(scenario.fleet.sites) or None].mean(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Let:
    """Racks that landlords let by the GPU-hour, of the central member. Shapes: generation G, month n."""

    racks: Array
    """(G, n) delivered to them [racks]."""
    rent_usd: Array
    """(G, n) the market's rent of a GPU-hour [USD/GPU/h]."""
    cost_usd: Array
    """(G, n) what it costs them at full use, cost of capital included, mean over the places of the month's racks
    [USD/GPU/h]; nan without racks."""

    def below(self, share: float) -> NDArray[np.bool_]:
        """Return the generations and months whose racks are let for less than a share of their cost: (G, n)."""
        return np.asarray((self.racks > 0) & (self.rent_usd < share * np.nan_to_num(self.cost_usd)))


def racks_let(scenario: Scenario, built: BuildOut) -> Let:
    """Return what landlords pay and get for the racks that are delivered to them in each month.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    built : BuildOut
        The build-out.
    """
    finance, orders = scenario.finance, built.orders
    within = slice(orders.earlier, orders.earlier + scenario.axis.months)
    by_hour = np.array([not np.any(c.usd_per_it_mw_year) for c in finance.contracts])
    racks = orders.racks_delivered[0, ..., within] * (rented_share(scenario) * by_hour)[:, None]  # (G, P, n)
    earn = in_the_plans_prices(finance.cost_of_capital.landlords_per_year, finance)
    shape = (len(finance.generations), len(scenario.facilities))
    full = np.asarray(hours_of_owners(scenario, earn).full_usd)
    hours = np.broadcast_to(full, (*shape, full.shape[-1]))[..., 0]
    there = racks.sum(axis=1)
    paid = (racks * hours[..., None]).sum(axis=1)
    return Let(
        racks=there,
        rent_usd=rents_by_month(finance, scenario.axis)[0],
        cost_usd=np.divide(paid, there, out=np.full(there.shape, np.nan), where=there > 0),
    )
