"""What an hour of one owned GPU costs: capital by straight line over its life, its return, running cost, energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.finance.inputs import Costs
from gigaplan.finance.rates import annuity_share
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.time import DAYS_PER_YEAR

HOURS_PER_YEAR = 24 * DAYS_PER_YEAR
KW_PER_MW = 1e3
MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class GpuHour:
    """Parts of an owned GPU-hour [USD/h], before tax."""

    rack_usd: Uncertain
    """Depreciation of the GPU's share of its rack."""
    network_usd: Uncertain
    """Depreciation of its share of the network."""
    facility_usd: Uncertain
    """Depreciation of its share of the facility."""
    operations_usd: Uncertain
    """Operating cost, energy apart."""
    energy_usd: Uncertain
    """Energy, cooling included."""
    of_capital_usd: Uncertain
    """Cost of capital of rack, network and facility: an even payment over their lives less depreciation."""
    facility_of_capital_usd: Uncertain
    """The facility's part of it."""

    @property
    def full_usd(self) -> Uncertain:
        """The hour, cost of capital included [USD/h]."""
        return self.total_usd + self.of_capital_usd

    @property
    def total_usd(self) -> Uncertain:
        """The hour without cost of capital [USD/h]."""
        return self.rack_usd + self.network_usd + self.facility_usd + self.operations_usd + self.energy_usd


def owned_gpu_hour(
    *,
    rack_price_usd: Uncertain,
    gpus_per_rack: Uncertain,
    it_kw_per_gpu: Uncertain,
    drawn_share: Uncertain,
    pue: Uncertain,
    power_price_usd_per_mwh: Uncertain,
    costs: Costs,
    life_years: Uncertain,
    cost_of_capital_per_year: Uncertain = 0.0,
) -> GpuHour:
    """Return what an hour of one owned GPU costs at full use.

    Equations: rack price over GPUs and life; network as a share of it; facility and operations by rated IT power;
    energy ``rated x drawn share x PUE x price``. The same lines as a plan's accounts, for one GPU. Cost of capital:
    the capital recovery factor less straight-line depreciation; half the time of construction comes on top for the
    facility.

    Parameters
    ----------
    rack_price_usd : Uncertain
        Price of a rack [USD].
    gpus_per_rack : Uncertain
        GPUs of a rack.
    it_kw_per_gpu : Uncertain
        Rated IT power of one GPU with its share of the rack [kW].
    drawn_share : Uncertain
        Drawn over rated IT power of a busy rack [1].
    pue : Uncertain
        Power usage effectiveness, facility over IT energy [1].
    power_price_usd_per_mwh : Uncertain
        Price of energy [USD/MWh].
    costs : Costs
        Network share, facility and operating cost, and the facility's life.
    life_years : Uncertain
        Time for which rack and network serve [year].
    cost_of_capital_per_year : Uncertain
        What the money must earn [1/year].

    Returns
    -------
    GpuHour
        The hour's cost by part [USD/h].
    """
    it_mw, rate = it_kw_per_gpu / KW_PER_MW, np.asarray(cost_of_capital_per_year)
    rack_price = rack_price_usd / gpus_per_rack
    facility_price = costs.facility_usd_per_it_mw * it_mw
    rack = rack_price / (life_years * HOURS_PER_YEAR)
    facility = facility_price / (costs.facility_life_years * HOURS_PER_YEAR)
    paid_for_it = rack_price * (1 + costs.network_share) * annuity_share(rate, life_years) / HOURS_PER_YEAR
    built = (1 + rate) ** (costs.construction_months / MONTHS_PER_YEAR / 2)
    paid_for_facility = facility_price * built * annuity_share(rate, costs.facility_life_years) / HOURS_PER_YEAR
    return GpuHour(
        rack_usd=rack,
        network_usd=rack * costs.network_share,
        facility_usd=facility,
        operations_usd=costs.operations_usd_per_it_mw_year * it_mw / HOURS_PER_YEAR,
        energy_usd=it_mw * drawn_share * pue * power_price_usd_per_mwh,
        of_capital_usd=paid_for_it - rack * (1 + costs.network_share) + paid_for_facility - facility,
        facility_of_capital_usd=paid_for_facility - facility,
    )
