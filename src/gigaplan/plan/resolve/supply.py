"""What supplies the sites of a plan: tranches, substations, units, contracts, and hours of prices and sun."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

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
    Substation,
    Tranche,
)
from gigaplan.power.supply.merit import groups
from gigaplan.vocabulary.members import column

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

    def each(cls: Any, kind: str) -> tuple[Any, ...]:
        """Return the entries of one part of the supply."""
        found = []
        for entry, section in getattr(given, kind).items():
            unit = getattr(section, "kind", "") if cls is OnSite else ""
            owners = [f"supply_{unit}", *([FUEL] if unit in FIRM else []), "supply"] if unit else ["no_entity"]
            found.append(filler.fill(cls, section, owners, f"{path}.{kind}.{entry}", name=entry))
        return tuple(found)

    if given.place is not None:
        filler.state(f"{path}.place", given.place)
    units, contracts = each(OnSite, "units"), each(EnergyContract, "contracts")
    weather = [float(sum(column(u.power_mw, 1)[0] for u in (*units, *contracts) if u.kind == k)) for k in RENEWABLE]
    return PlannedSupply(
        site=name,
        grid=each(Tranche, "grid"),
        substations=each(Substation, "substations"),
        units=units,
        contracts=contracts,
        hours=_hours(site.region, hourly.place_of(site.region, given.place), (weather[0], weather[1])),
        price_usd_per_mwh=facility.power_price_usd_per_mwh,
        facility_to_it_peak=facility.facility_to_it_peak,
    )


def _hours(region: str, place: str, capacity_mw: tuple[float, float]) -> Hours:
    """Return a year's hours in groups: prices over their mean, those of every hour alike where none are shipped; sun
    and wind by the site's capacities of them."""
    price = hourly.usd_per_mwh(region, hourly.PRICE_YEARS[-1])
    carbon = hourly.grid_co2_kg_per_mwh(region)
    sun, wind = (hourly.capacity_factor(place, kind) if place else None for kind in RENEWABLE)
    nothing, first = np.zeros(hourly.HOURS), dt.datetime(hourly.RESOURCE_YEAR, 1, 1)
    month = np.array([(first + dt.timedelta(hours=h)).month for h in range(hourly.HOURS)])
    return groups(
        month,
        np.ones(hourly.HOURS) if price is None else price / price.mean(),
        nothing if sun is None else sun,
        nothing if wind is None else wind,
        nothing if carbon is None else carbon,
        price_is_level=False,
        capacity_mw=capacity_mw,
    )


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
