"""What a site's supply is made of: a load by hour, a grid connection, units that may stand, and load that can wait."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gigaplan.vocabulary.members import Array

FIRM_USD_PER_MWH = 1e6
"""Price of energy that must be served and is not: above what any unit costs in its single hour of use, so that a
shortfall says that no supply is there, never that it is dear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A kind of generation: turbines, engines, fuel cells, solar, wind, diesel, or a contract for energy."""

    name: str
    """What it is called in answers."""
    usd_per_mw_year: float
    """Capital cost by the capital recovery factor and fixed operation [USD/MW-year]."""
    usd_per_mwh: float = 0.0
    """Fuel and variable operation [USD/MWh]."""
    available: Array = field(default_factory=lambda: np.ones(1))
    """(T,) or (1,) share of its capacity that it can give in each hour."""
    built_mw: float = 0.0
    """Capacity that stands, whatever is chosen [MW]."""
    most_mw: float = 0.0
    """Most that can stand: land, permits, what a supplier delivers by then [MW]."""
    co2_kg_per_mwh: float = 0.0
    """Carbon dioxide of a megawatt-hour [kg/MWh]."""
    full_hours: float = np.inf
    """Hours at full capacity that a permit allows in the period [h]."""
    through_grid: bool = False
    """Whether its energy comes over the site's grid connection, as a contract's does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """Storage of a given duration; its energy is its power times its hours."""

    name: str
    """What it is called in answers."""
    usd_per_mw_year: float
    """Annual cost of a megawatt with its hours of storage [USD/MW-year]."""
    hours: float
    """Energy that can be taken out over power [h]."""
    charge_share: float
    """Energy stored over energy taken in."""
    discharge_share: float
    """Energy given over energy taken from the store."""
    wear_usd_per_mwh: float = 0.0
    """What a megawatt-hour given costs in life [USD/MWh]."""
    built_mw: float = 0.0
    """Power that stands, whatever is chosen [MW]."""
    most_mw: float = 0.0
    """Most power that can stand [MW]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A connection: what may be drawn in each hour, at what price."""

    limit_mw: Array
    """(T,) most that may be drawn: tranches by their dates, less hours that the operator may withhold [MW]."""
    usd_per_mwh: Array
    """(T,) price of energy, which may be negative [USD/MWh]."""
    usd_per_mw_month: float = 0.0
    """Charge for each month's highest draw [USD/MW-month]."""
    month: Array = field(default_factory=lambda: np.zeros(1, dtype=int))
    """(T,) or (1,) number of each hour's month, which the charge is for."""
    co2_kg_per_mwh: Array = field(default_factory=lambda: np.zeros(1))
    """(T,) or (1,) carbon dioxide of a megawatt-hour [kg/MWh]."""
    export_mw: float = 0.0
    """Most that may be sold to the grid [MW]."""
    export_fee_usd_per_mwh: float = 0.0
    """What a sale earns less than the hour's price [USD/MWh]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flexible:
    """Load that can wait or be left undone."""

    shiftable_share: Array | float = 0.0
    """(T,) or one share of each hour's load that may be done later."""
    peak_mw: Array | float = 0.0
    """(T,) or one most that the site can draw while it catches up; 0 stands for the highest load [MW]."""
    within_h: int = 0
    """Hours within which what was put off must be done."""
    curtailable_share: float = 0.0
    """Share of each hour's load that may be left undone for good, at what its compute is worth."""
    worth_usd_per_mwh: float = FIRM_USD_PER_MWH
    """What a megawatt-hour of facility energy earns in compute [USD/MWh]."""
    curtail_full_hours: float = np.inf
    """Hours in the period for which all of the curtailable load may be left undone [h]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteYear:
    """A site over a chronology of hours."""

    load_mw: Array
    """(T,) facility load [MW]."""
    grid: Grid
    """Its connection."""
    units: tuple[Unit, ...] = ()
    """Generation that stands or may stand."""
    batteries: tuple[Battery, ...] = ()
    """Storage that stands or may stand."""
    flexible: Flexible = field(default_factory=Flexible)
    """Load that can wait."""
    share_of_year: float = 1.0
    """The chronology over a year: annual costs are taken for this share."""

    @property
    def kinds(self) -> tuple[Unit | Battery, ...]:
        """Everything that has a capacity: units, then batteries."""
        return (*self.units, *self.batteries)


def recovery_factor(rate: float, life_years: float) -> float:
    """Return the share of a capital cost that is paid each year, with interest, over its life.

    The capital recovery factor, r (1+r)^n / ((1+r)^n - 1) (Park, Fundamentals of Engineering Economics, 2012).

    Parameters
    ----------
    rate : float
        Cost of capital in a year.
    life_years : float
        Years over which it is paid.

    Returns
    -------
    float
        Annual payment over the capital cost [1/year].

    Examples
    --------
    >>> round(recovery_factor(0.08, 20), 4)
    0.1019
    """
    return 1.0 / life_years if rate == 0 else rate / (1.0 - (1.0 + rate) ** -life_years)
