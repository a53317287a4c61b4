"""What supplies the sites of a plan: tranches, substations, units, contracts, and hours of prices and sun."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.catalog import hourly
from gigaplan.fleet.inputs import PowerLimit, PowerStep
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.schema import PlanDocument
from gigaplan.power.inputs import Facility
from gigaplan.power.supply.dated import (
    FIRM,
    LIMITS,
    RENEWABLE,
    EnergyContract,
    Hours,
    OnSite,
    PlannedSupply,
    StandBy,
    Storage,
    Substation,
    Tranche,
)
from gigaplan.power.supply.merit import closed_hours, groups
from gigaplan.power.supply.storage import trades
from gigaplan.vocabulary.members import Array, column

FUEL = "supply_fuel_gas"
"""Entity of the fuel of units that burn or reform one."""


def supplies(filler: Filler, doc: PlanDocument, facilities: tuple[Facility, ...]) -> tuple[PlannedSupply | None, ...]:
    """Return what supplies each site, None where the plan does not say.

    Parameters
    ----------
    filler
        Fills inputs and records them.
    doc
        The plan's document.
    facilities
        One per place, the sites first.
    """
    return tuple(
        None if site.supply is None else _supply(filler, name, site, facility)
        for (name, site), facility in zip(doc.fleet.sites.items(), facilities, strict=False)
    )


def _supply(filler: Filler, name: str, site: Any, facility: Facility) -> PlannedSupply:
    given, path = site.supply, f"fleet.sites.{name}.supply"

    def each(cls: Any, kind: str, owners_of: Callable[[Any], list[str]] = lambda _: ["no_entity"]) -> tuple[Any, ...]:
        """Return the entries of one part of the supply."""
        parts = getattr(given, kind).items()
        return tuple(filler.fill(cls, one, owners_of(one), f"{path}.{kind}.{n}", name=n) for n, one in parts)

    if given.place is not None:
        filler.state(f"{path}.place", given.place)
    grid, batteries = each(Tranche, "grid"), each(Storage, "batteries", lambda _: ["supply_battery", "supply"])
    units, contracts = each(OnSite, "units", _owners), each(EnergyContract, "contracts")
    weather = [float(sum(column(u.power_mw, 1)[0] for u in (*units, *contracts) if u.kind == k)) for k in RENEWABLE]
    place = hourly.place_of(site.region, given.place)
    series = series_of(site.region, place)
    withheld_h = sorted({t.withheld_hours for t in grid if t.withheld_hours > 0})
    closed = closed_hours(series["price"], withheld_h)
    return PlannedSupply(
        site=name,
        grid=grid,
        substations=each(Substation, "substations"),
        units=units,
        batteries=batteries,
        trades=tuple(trades(series["price"], b.battery_hours, b.round_trip_share, closed) for b in batteries),
        backup=each(StandBy, "backup", lambda _: ["supply_diesel", "supply_fuel_diesel", "supply"]),
        contracts=contracts,
        place=place,
        series=dict(series),
        hours=_grouped(site.region, place, (weather[0], weather[1]), tuple(withheld_h)),
        price_usd_per_mwh=facility.power_price_usd_per_mwh,
        facility_to_it_peak=facility.facility_to_it_peak,
    )


def _owners(unit: Any) -> list[str]:
    """Return the entities of a unit's costs."""
    return [f"supply_{unit.kind}", *([FUEL] if unit.kind in FIRM else []), "supply"]


@lru_cache(maxsize=64)
def series_of(region: str, place: str) -> Mapping[str, Array]:
    """Return a year's hours: prices over their mean, those of every hour alike where none are shipped, what sun and
    wind give, and carbon; zeros where a series is not known.

    Parameters
    ----------
    region
        Region in whose market the site buys.
    place
        Place whose sun and wind are taken; empty for none.
    """
    price = hourly.usd_per_mwh(region, hourly.PRICE_YEARS[-1])
    found = {"solar": None, "wind": None, "co2": hourly.grid_co2_kg_per_mwh(region)}
    if place:
        found |= {kind: hourly.capacity_factor(place, kind) for kind in RENEWABLE}
    return MappingProxyType(
        {
            "price": np.ones(hourly.HOURS) if price is None else price / price.mean(),
            **{name: np.zeros(hourly.HOURS) if one is None else one for name, one in found.items()},
        }
    )


@lru_cache(maxsize=64)
def _grouped(region: str, place: str, capacity_mw: tuple[float, float], withheld_h: tuple[float, ...]) -> Hours:
    """Return a region's hours in groups, for a site's sun and wind."""
    return groups(
        months_of_hours(),
        **series_of(region, place),
        price_is_level=False,
        capacity_mw=capacity_mw,
        withheld_h=withheld_h,
    )


@cache
def months_of_hours() -> NDArray[np.int64]:
    """Return the month of each hour of a year, from 1."""
    first = dt.datetime(hourly.RESOURCE_YEAR, 1, 1)
    return np.array([(first + dt.timedelta(hours=h)).month for h in range(hourly.HOURS)])


def power_limits_of(supply: PlannedSupply | None) -> tuple[PowerLimit, ...]:
    """Return what limits the power that reaches a site's phases, on the IT basis: the grid with the units that are
    there in every hour, and the substations.

    Parameters
    ----------
    supply
        What supplies the site; nothing limits it where None.
    """
    if supply is None:
        return ()

    def step(one: Any, share: Any = 1.0) -> PowerStep:
        it_mw = one.power_mw * share / supply.facility_to_it_peak
        return PowerStep(day=one.energised, delay_days=one.energised_delay_days, it_mw=it_mw)

    firm = [step(u, u.available_share) for u in supply.units if u.kind in FIRM]
    found = [PowerLimit(name=LIMITS[0], steps=(*(step(t) for t in supply.grid), *firm))]
    if supply.substations:
        found.append(PowerLimit(name=LIMITS[1], steps=tuple(step(s) for s in supply.substations)))
    return tuple(found)
