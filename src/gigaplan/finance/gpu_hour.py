"""What an hour of one owned GPU costs: capital by straight line over its life, running cost, energy."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.finance.inputs import Costs
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.time import DAYS_PER_YEAR

HOURS_PER_YEAR = 24 * DAYS_PER_YEAR
KW_PER_MW = 1e3


@dataclass(frozen=True, slots=True)
class GpuHour:
    """Parts of an owned GPU-hour [USD/h], before tax and cost of capital."""

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

    @property
    def total_usd(self) -> Uncertain:
        """The hour [USD/h]."""
        return self.rack_usd + self.network_usd + self.facility_usd + self.operations_usd + self.energy_usd


def owned_gpu_hour(
    *,
    rack_price_usd: Uncertain,
    gpus_per_rack: float,
    it_kw_per_gpu: Uncertain,
    drawn_share: Uncertain,
    pue: Uncertain,
    power_price_usd_per_mwh: Uncertain,
    costs: Costs,
) -> GpuHour:
    """Return what an hour of one owned GPU costs at full use.

    Equations: rack price over GPUs and life; network as a share of it; facility and operations by rated IT power;
    energy ``rated x drawn share x PUE x price``. The same lines as a plan's accounts, for one GPU.

    Parameters
    ----------
    rack_price_usd : Uncertain
        Price of a rack [USD].
    gpus_per_rack : float
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
        Network share, facility and operating cost, and lives.

    Returns
    -------
    GpuHour
        The hour's cost by part [USD/h].
    """
    it_mw = it_kw_per_gpu / KW_PER_MW
    rack = rack_price_usd / gpus_per_rack / (costs.it_life_years * HOURS_PER_YEAR)
    return GpuHour(
        rack_usd=rack,
        network_usd=rack * costs.network_share,
        facility_usd=costs.facility_usd_per_it_mw * it_mw / (costs.facility_life_years * HOURS_PER_YEAR),
        operations_usd=costs.operations_usd_per_it_mw_year * it_mw / HOURS_PER_YEAR,
        energy_usd=it_mw * drawn_share * pue * power_price_usd_per_mwh,
    )
