"""What supplies a site of a plan, by date: tranches of its grid, substations, units next to it and contracts.

All powers are at the site's meter. A unit counts towards the power that racks may be built for as far as it is there in
every hour: what sun and wind give is energy and not power.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from gigaplan.power.supply.inputs import recovery_factor
from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.units import Day, Unit

FIRM = ("gas_turbine", "engine", "fuel_cell")
"""Kinds that give power in every hour."""
RENEWABLE = ("solar", "wind")
"""Kinds that give what sun and wind do."""
KINDS = (*FIRM, *RENEWABLE)
SOURCES = ("grid", "contract", *RENEWABLE, *FIRM, "battery", "diesel")
"""What energy comes from, in the order in which it is shown."""
LIMITS = ("grid and units", "substation", "buildings")
"""What can limit the power of a site."""
KW_PER_MW = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tranche:
    """A part of the grid connection."""

    name: str
    """Name of the tranche."""
    power_mw: Annotated[Uncertain, Gt(0), Unit("MW")]
    """Power that it adds, at the site's meter."""
    energised: Annotated[dt.date, Day()]
    """Date from which it may be drawn."""
    energised_delay_days: Annotated[Uncertain, Unit("days")] = 0.0
    """Time from that date until it may, negative before it."""
    withheld_hours: Annotated[float, Ge(0), Le(8760), Unit("h")] = 0.0
    """Hours of each year in which the operator may withhold it: those in which energy is dearest."""
    firm_from: Annotated[dt.date, Day()] | None = None
    """Date from which it is no longer withheld. Left out: always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Substation:
    """A substation or a group of transformers through which all power of the site passes."""

    name: str
    """Name of the substation."""
    power_mw: Annotated[Uncertain, Gt(0), Unit("MW")]
    """Power that it adds."""
    energised: Annotated[dt.date, Day()]
    """Date from which it carries power."""
    energised_delay_days: Annotated[Uncertain, Unit("days")] = 0.0
    """Time from that date until it does, negative before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands next to a site and is paid for whether it is used or not; what it costs is the catalog's where the
    plan does not state it."""

    name: str
    """Name of it."""
    power_mw: Annotated[Uncertain, Gt(0), Unit("MW")]
    """Capacity, all of its sets added up."""
    energised: Annotated[dt.date, Day()]
    """Date from which it gives power."""
    energised_delay_days: Annotated[Uncertain, Unit("days")] = 0.0
    """Time from that date until it does, negative before it."""
    capital_usd_per_kw: Annotated[Uncertain, Ge(0), Unit("USD/kW")] = 0.0
    """Price of its capacity, built; paid as an annuity while it stands."""
    fixed_usd_per_kw_year: Annotated[Uncertain, Ge(0), Unit("USD/kW/year")] = 0.0
    """Operation of a kilowatt that stands for a year."""
    variable_usd_per_mwh: Annotated[Uncertain, Ge(0), Unit("USD/MWh")] = 0.0
    """Operation of a megawatt-hour given, without fuel; of a battery its wear."""
    supply_life_years: Annotated[Uncertain, Gt(0), Unit("year")] = 20.0
    """Years over which it is paid for."""
    discount_rate_per_year: Annotated[Uncertain, Ge(0), Lt(1), Unit("1/year")] = 0.0
    """Rate at which it is paid for."""

    @property
    def usd_per_kw(self) -> Uncertain:
        """Price of a kilowatt, built [USD/kW]."""
        return self.capital_usd_per_kw

    @property
    def usd_per_mw_year(self) -> Uncertain:
        """Annuity and fixed operation of a megawatt [USD/MW-year]."""
        rate, life = np.asarray(self.discount_rate_per_year), np.asarray(self.supply_life_years)
        share = np.vectorize(recovery_factor)(rate, life)
        found = KW_PER_MW * (self.usd_per_kw * share + self.fixed_usd_per_kw_year)
        return float(found) if np.ndim(found) == 0 else np.asarray(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuelled(Standing):
    """What burns or reforms a fuel, or needs none: sun and wind."""

    heat_rate_mmbtu_per_mwh: Annotated[Uncertain, Ge(0), Unit("MMBtu/MWh")] = 0.0
    """Fuel for a megawatt-hour, by the higher heating value."""
    usd_per_mmbtu: Annotated[Uncertain, Ge(0), Unit("USD/MMBtu")] = 0.0
    """Price of its fuel."""
    co2_kg_per_mmbtu: Annotated[Uncertain, Ge(0), Unit("kg/MMBtu")] = 0.0
    """Carbon dioxide of its fuel."""
    available_share: Annotated[Uncertain, Gt(0), Le(1), Unit("share")] = 1.0
    """Mean capacity available over capacity."""

    @property
    def usd_per_mwh(self) -> Uncertain:
        """Fuel and operation of a megawatt-hour [USD/MWh]."""
        return self.heat_rate_mmbtu_per_mwh * self.usd_per_mmbtu + self.variable_usd_per_mwh

    @property
    def co2_kg_per_mwh(self) -> Uncertain:
        """Carbon dioxide of a megawatt-hour [kg/MWh]."""
        return self.heat_rate_mmbtu_per_mwh * self.co2_kg_per_mmbtu


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSite(Fuelled):
    """Generation next to the site."""

    kind: Literal["gas_turbine", "engine", "fuel_cell", "solar", "wind"]
    """What it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandBy(Fuelled):
    """Diesel sets that run while the operator withholds the grid; no racks are built for what they give."""

    diesel_hours: Annotated[Uncertain, Ge(0), Le(8784), Unit("h")] = 100.0
    """Hours of full use in a year that their permit allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage(Standing):
    """A battery: it moves energy within the day, and gives what it holds while the operator withholds the grid; no
    racks are built for what it gives."""

    capital_usd_per_kwh: Annotated[Uncertain, Ge(0), Unit("USD/kWh")] = 0.0
    """Price of its energy, built, on top of that of its power."""
    battery_hours: Annotated[float, Gt(0), Le(24), Unit("h")] = 4.0
    """Energy that it holds over its power."""
    round_trip_share: Annotated[float, Gt(0), Le(1), Unit("share")] = 1.0
    """Energy given over energy taken in."""

    @property
    def usd_per_kw(self) -> Uncertain:
        """Price of a kilowatt with its hours, built [USD/kW]."""
        return self.capital_usd_per_kw + self.battery_hours * self.capital_usd_per_kwh


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyContract:
    """Energy bought from a plant elsewhere, which comes over the site's grid: paid for whether it is used or not."""

    name: str
    """Name of the contract."""
    kind: Literal["solar", "wind", "firm"]
    """What gives the energy: sun or wind at the site's place, or the same power in every hour."""
    power_mw: Annotated[Uncertain, Gt(0), Unit("MW")]
    """Capacity of the plant that is contracted."""
    usd_per_mwh: Annotated[Uncertain, Ge(0), Unit("USD/MWh")]
    """Price of its energy."""
    energised: Annotated[dt.date, Day()]
    """Date from which it delivers."""
    energised_delay_days: Annotated[Uncertain, Unit("days")] = 0.0
    """Time from that date until it does, negative before it."""
    co2_kg_per_mwh: Annotated[Uncertain, Ge(0), Unit("kg/MWh")] = 0.0
    """Carbon dioxide of its energy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The hours of a year in few groups of alike ones: (12, K) by month of the year and group."""

    weight: Array
    """Share of the month's hours."""
    price: Array
    """Price over its mean of the year, or the price itself."""
    solar: Array
    """What sun gives over its capacity."""
    wind: Array
    """What wind gives over its capacity."""
    co2_kg_per_mwh: Array
    """Carbon dioxide of the grid's energy [kg/MWh]."""
    run_h: Array
    """Longest run of the month's withheld hours, of which the group's are the last ones; 0 in others [h]."""
    withheld_h: Array
    """(K,) hours of the year, from the dearest on, to which the group's belong where the grid may be withheld; infinite
    in others."""
    price_is_level: bool
    """Whether the price is in USD/MWh: a series of the plan's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """What a megawatt of storage can move on each day of a year: (day, depth), or (depth,)."""

    dear: Array
    """Sum of the prices of the day's dearest hours, in the price's unit times hours."""
    cheap: Array
    """Sum of those of its cheapest hours."""
    given_h: Array
    """Hours of full power in which it gives [h]."""
    taken_h: Array
    """Hours of full power in which it takes in [h]."""
    open: NDArray[np.bool_]
    """(day,) whether the grid is withheld in no hour of the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSupply:
    """All that supplies one site of a plan."""

    site: str
    """Name of the site."""
    grid: tuple[Tranche, ...] = ()
    """Parts of the connection."""
    substations: tuple[Substation, ...] = ()
    """What all power passes through; none: no limit."""
    units: tuple[OnSite, ...] = ()
    """What stands next to the site."""
    batteries: tuple[Storage, ...] = ()
    """Its batteries."""
    trades: tuple[Trades, ...] = ()
    """What a megawatt of each battery can move."""
    backup: tuple[StandBy, ...] = ()
    """What runs while the grid is withheld."""
    contracts: tuple[EnergyContract, ...] = ()
    """Energy from elsewhere."""
    place: str = ""
    """Place whose sun and wind are taken; empty where none is known."""
    series: Mapping[str, Array]
    """Every hour of a year: ``price``, ``solar``, ``wind`` and ``co2``."""
    hours: Hours
    """The same in groups of alike hours."""
    price_usd_per_mwh: Uncertain = 0.0
    """Price of the grid's energy, mean over the year [USD/MWh]."""
    facility_to_it_peak: Uncertain = 1.0
    """Facility over IT power at the design peak."""

    @property
    def standing(self) -> tuple[Standing, ...]:
        """All that stands next to the site and is paid for."""
        return (*self.units, *self.batteries, *self.backup)
