"""What a site's supply comes to."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """Capacities, hours and worths of one site over its chronology."""

    optimal: bool
    """Whether the cost is proven to lie within the tolerance of the bound."""
    cost_usd: float
    """Annual costs of what stands, and what the hours cost [USD]."""
    bound_usd: float
    """What no supply can cost less than [USD]."""
    capacity_mw: dict[str, float]
    """Capacity of each unit and battery [MW]."""
    power_mw: dict[str, Array]
    """(T,) power given by the grid, each unit, and batteries, which count as negative while they charge [MW]."""
    stored_mwh: dict[str, Array]
    """(T,) energy in each battery at the end of the hour [MWh]."""
    exported_mw: Array
    """(T,) sold to the grid [MW]."""
    put_off_mw: Array
    """(T,) load of the hour that is done later [MW]."""
    caught_up_mw: Array
    """(T,) load of earlier hours that is done, which may be while the hour's own is put off [MW]."""
    backlog_mwh: Array
    """(T,) load put off and not yet done at the end of the hour [MWh]."""
    curtailed_mw: Array
    """(T,) load left undone because its compute is worth less than its energy [MW]."""
    unserved_mw: Array
    """(T,) load that should be served and cannot be [MW]."""
    cost_parts_usd: dict[str, float]
    """Cost by what it is for; they sum to the cost [USD]."""
    co2_t: float
    """Carbon dioxide of grid and fuel [t]."""
    energy_usd_per_mwh: Array
    """(T,) what one more megawatt-hour of load in the hour would cost [USD/MWh]."""
    grid_usd_per_mw: Array
    """(T,) what one more megawatt of grid in the hour would save [USD/MW]."""
    seconds: float
    """Time that the solver took [s]."""
    solves: int
    """Dispatches solved."""

    @property
    def grid_usd_per_mw_year(self) -> float:
        """What one more megawatt of grid saves over the chronology [USD/MW]."""
        return float(self.grid_usd_per_mw.sum())
