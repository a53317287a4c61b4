"""Coupling of racks, facilities and money: what a GPU-hour costs who owns it, and what landlords get for theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.finance.gpu_hour import GpuHour, owned_gpu_hour
from gigaplan.finance.rates import in_the_plans_prices
from gigaplan.finance.rents import rents_by_month
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.inputs import Facility
from gigaplan.simulate.couplings.money import rented_share
from gigaplan.vocabulary.members import Array, Uncertain, column


def hour_of_owner(scenario: Scenario, generation: int, facility: Facility, earn_per_year: Uncertain) -> GpuHour:
    """Return what an hour of a generation's GPU costs its owner at full use, over the time in service.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    generation : int
        Place of the generation in the plan's list.
    facility : Facility
        Where it stands.
    earn_per_year : Uncertain
        What the owner's money must earn, as the plan counts money [1/year].
    """
    price = scenario.finance.generations[generation]
    return owned_gpu_hour(
        rack_price_usd=price.rack_price_usd,
        gpus_per_rack=scenario.fleet.generations[generation].gpus_per_rack,
        it_kw_per_gpu=scenario.fleet.it_kw_per_gpu[:, generation],
        drawn_share=scenario.draw.busy_share,
        pue=facility.pue,
        power_price_usd_per_mwh=facility.power_price_usd_per_mwh,
        costs=scenario.finance.costs,
        life_years=price.service_life_years,
        cost_of_capital_per_year=earn_per_year,
    )


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
    hours = [
        [float(column(hour_of_owner(scenario, g, facility, earn).full_usd, 1)[0]) for facility in scenario.facilities]
        for g in range(len(finance.generations))
    ]
    there = racks.sum(axis=1)
    paid = (racks * np.array(hours)[..., None]).sum(axis=1)
    return Let(
        racks=there,
        rent_usd=rents_by_month(finance, scenario.axis)[0],
        cost_usd=np.divide(paid, there, out=np.full(there.shape, np.nan), where=there > 0),
    )
