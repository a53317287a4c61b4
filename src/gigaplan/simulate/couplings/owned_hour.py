"""What an hour of an owned GPU costs in a plan, by generation and place."""

from __future__ import annotations

from gigaplan.finance.gpu_hour import GpuHour, owned_gpu_hour
from gigaplan.finance.rates import in_the_plans_prices
from gigaplan.plan.scenario import Scenario
from gigaplan.power.inputs import Facility


def owned_hour(scenario: Scenario, generation: int, facility: Facility) -> GpuHour:
    """Return what an hour of one owned GPU costs at full use; racks cost over their time in service, whatever their
    book life.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    generation : int
        Place of the generation among the plan's.
    facility : Facility
        Where it stands.
    """
    finance, fleet = scenario.finance, scenario.fleet
    price = finance.generations[generation]
    return owned_gpu_hour(
        rack_price_usd=price.rack_price_usd,
        gpus_per_rack=fleet.generations[generation].gpus_per_rack,
        it_kw_per_gpu=fleet.it_kw_per_gpu[:, generation],
        drawn_share=scenario.draw.busy_share,
        pue=facility.pue,
        power_price_usd_per_mwh=facility.power_price_usd_per_mwh,
        costs=finance.costs,
        life_years=price.service_life_years,
        cost_of_capital_per_year=in_the_plans_prices(finance.cost_of_capital.plan_per_year, finance),
    )
