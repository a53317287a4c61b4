"""The supply of a site of a plan as a year of hours, and what connecting it earlier would bring.

The plan's central future says what the site draws in each month and what stands there by when; the hours are those of
its region's prices and its place's sun and wind, as the plan's own merit order has them in groups.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.catalog import hourly
from gigaplan.layers.plan_sites import LEAP_DAY, Central, central, index_of, whole_years
from gigaplan.layers.site_load import SiteHours, hours_of_site
from gigaplan.layers.site_supply_job import PLACE, SupplyJob
from gigaplan.plan.resolve.supply import series_of
from gigaplan.plan.scenario import Scenario
from gigaplan.power.supply.dated import RENEWABLE, Fuelled, PlannedSupply
from gigaplan.power.supply.inputs import Battery, Grid, SiteYear, Unit
from gigaplan.power.supply.merit import closed_hours
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS

GIVES = np.ones(1)
"""What is firm gives in every hour."""
NEVER_SHORT = 10.0
"""Power of a grid that is never short over the highest load."""
SMALLEST_MW = 1e-6
"""Power that counts as more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSite:
    """A site of a plan in one year."""

    name: str
    result: Result
    """The plan's central future."""
    supply: PlannedSupply | None
    """What supplies it by the plan; None where the plan does not say."""
    region: str
    place: str
    """Place whose sun and wind are taken; empty where none is known."""
    site: SiteYear
    utc_offset_h: float
    worth_usd_per_mwh: float
    """What the plan is paid over the energy that its fleet draws in the year, at the meter; 0 where that is nothing."""
    hours: SiteHours
    """What it draws by the hour, how much of it can wait, and the water that it takes."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a plan gains where a site's grid is another: a year earlier, a year later, or a megawatt larger."""

    withheld_h: float
    """Hours of each year in which the operator may withhold it until then [h]."""
    from_day: str
    """Day from which the site's usable power is another; empty where it never is."""
    until_day: str
    """Day until which it is."""
    power_mw: float
    """Largest difference of its usable IT power, negative where it has less [MW]."""
    still_limits: str
    """What then limits the site, in the month of ``from_day`` or at the start."""
    tokens: float
    """Tokens that the plan generates more, over the horizon."""
    tokens_share: float
    """The same over the tokens generated before."""
    revenue_usd: float
    """Revenue that the plan has more, over the horizon."""
    energy_usd: float
    """Cost of energy that it has more, over the horizon."""
    unpowered_mwh: float
    """Energy that the site's racks lack more."""
    served_more: dict[str, float]
    """Requests that are served more, over the horizon, by workload: those who no longer wait."""


def planned_site(future: Central, name: str, job: SupplyJob) -> PlannedSite:
    """Return a site of a plan in the year that is asked for.

    Parameters
    ----------
    future : Central
        The plan's central future.
    name : str
        Name of the site.
    job : SupplyJob
        The question, of which the year and whether sizes are asked for are taken.

    Raises
    ------
    PlanError
        If the plan has no such site, or the site draws nothing in the year.
    """
    scenario, result = future.scenario, future.result
    p = index_of(scenario, name, PLACE)
    _whole_year(scenario, job.year)
    hour = hours_of_site(future, p, job.year)
    load_mw = hour.needed_mw
    if not load_mw.any():
        what = f"{name} draws nothing in {job.year}"
        raise PlanError([Problem(what, PLACE, value=str(job.year), remedy="name a later --year")])
    supply = scenario.supplies[p] if scenario.supplies else None
    one = scenario.fleet.sites[p]
    notes = [
        f"load of {name} by the hour in the central future of {scenario.name}; the plan's price of power by the hours "
        "of its region's market, without a charge for peaks"
    ]
    if supply is None:
        notes.append(f"{name} states no supply: its grid is never short")
        year = _endless(one.region, load_mw, float(column(scenario.facilities[p].power_price_usd_per_mwh, 1)[0]))
    else:
        hours = _hours(job.year)
        units, batteries = _units(supply, hours), _batteries(supply, hours)
        year = SiteYear(load_mw=load_mw, grid=_grid(supply, hours), units=units, batteries=batteries)
    return PlannedSite(
        name=name,
        result=result,
        supply=supply,
        region=one.region,
        place=hourly.place_of(one.region, None if supply is None else supply.place or None),
        site=year,
        utc_offset_h=one.utc_offset_h,
        worth_usd_per_mwh=_worth(result, job.year),
        hours=hour,
        notes=tuple(notes),
    )


def _worth(result: Result, year: int) -> float:
    """Return the plan's revenue over the energy of all its sites in a year [USD/MWh]."""
    months = [k for k, edge in enumerate(result.axis.edges[:-1]) if edge.year == year]
    energy = float(result["facility_energy_mwh"][0][:, months].sum())
    return float(result["revenue_usd"][0, months].sum()) / energy if energy > 0 else 0.0


def _endless(region: str, load_mw: Array, usd_per_mwh: float) -> SiteYear:
    """Return a site whose grid is never short."""
    series = series_of(region, hourly.place_of(region, None))
    limit = np.full(hourly.HOURS, NEVER_SHORT * load_mw.max())
    grid = Grid(limit_mw=limit, usd_per_mwh=usd_per_mwh * series["price"], co2_kg_per_mwh=series["co2"])
    return SiteYear(load_mw=load_mw, grid=grid)


def _whole_year(scenario: Scenario, year: int) -> None:
    """Raise PlanError where a plan's horizon does not hold all of a year."""
    years = whole_years(scenario.axis)
    if year not in years:
        what, allowed = f"{scenario.name} does not hold all of the year", "no whole year"
        if years:
            allowed = f"{years[0]} to {years[-1]}"
        raise PlanError([Problem(what, PLACE, value=str(year), allowed=allowed, remedy="name one with --year")])


def _hours(year: int) -> list[dt.date]:
    """Return the day of each hour of a year, without 29 February."""
    days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]").tolist()
    return [day for day in days if f"{day:%m-%d}" != LEAP_DAY for _ in range(HOURS)]


def _number(value: Any) -> float:
    return float(column(value, 1)[0])


def _day(one: Any) -> dt.date:
    """Return the day from which a dated part is there in the central future."""
    day: dt.date = one.energised + dt.timedelta(days=round(_number(one.energised_delay_days)))
    return day


def _from(one: Any, hours: list[dt.date]) -> Array:
    """Return 1 in the hours in which a dated part is there."""
    day = _day(one)
    return np.array([h >= day for h in hours], dtype=float)


def _closed(supply: PlannedSupply, withheld_h: float) -> NDArray[np.bool_]:
    return closed_hours(supply.series["price"], [withheld_h] if withheld_h else [])


def _grid(supply: PlannedSupply, hours: list[dt.date]) -> Grid:
    """Return the connection: tranches by their dates, less hours in which they are withheld."""
    limit = np.zeros(len(hours))
    for tranche in supply.grid:
        open_h = np.ones(len(hours))
        firm = [tranche.firm_from is not None and h >= tranche.firm_from for h in hours]
        open_h[_closed(supply, tranche.withheld_hours) & ~np.array(firm)] = 0.0
        limit += _number(tranche.power_mw) * _from(tranche, hours) * open_h
    level = 1.0 if supply.hours.price_is_level else _number(supply.price_usd_per_mwh)
    return Grid(limit_mw=limit, usd_per_mwh=level * supply.series["price"], co2_kg_per_mwh=supply.series["co2"])


def _units(supply: PlannedSupply, hours: list[dt.date]) -> tuple[Unit, ...]:
    """Return generation, backup and contracts of a site as they stand."""
    found = []
    for unit in supply.units:
        gives = supply.series[unit.kind] if unit.kind in RENEWABLE else _number(unit.available_share) * GIVES
        found.append(_stands(unit, gives, _from(unit, hours)))
    closed = _closed(supply, max((t.withheld_hours for t in supply.grid), default=0.0)).astype(float)
    for one in supply.backup:
        made = _stands(one, _number(one.available_share) * closed, _from(one, hours))
        found.append(replace(made, full_hours=_number(one.diesel_hours)))
    for bought in supply.contracts:
        gives = supply.series.get(bought.kind, GIVES) * _from(bought, hours)
        found.append(
            Unit(
                name=bought.name,
                usd_per_mw_year=_number(bought.usd_per_mwh) * float(gives.sum()),
                available=gives,
                built_mw=_number(bought.power_mw),
                most_mw=_number(bought.power_mw),
                co2_kg_per_mwh=_number(bought.co2_kg_per_mwh),
                through_grid=True,
            )
        )
    return tuple(found)


def _stands(one: Fuelled, gives: Array, there: Array) -> Unit:
    """Return what stands next to the site, in the hours in which it is there, at its annual cost for that time."""
    mw = _number(one.power_mw)
    return Unit(
        name=one.name,
        usd_per_mw_year=_number(one.usd_per_mw_year) * float(there.mean()),
        usd_per_mwh=_number(one.usd_per_mwh),
        available=gives * there,
        built_mw=mw,
        most_mw=mw,
        co2_kg_per_mwh=_number(one.co2_kg_per_mwh),
    )


def _batteries(supply: PlannedSupply, hours: list[dt.date]) -> tuple[Battery, ...]:
    """Return batteries that stand in all of the year; one that comes within it counts from the next on."""
    found = []
    for one in supply.batteries:
        if _from(one, hours).all():
            each_way, mw = one.round_trip_share**0.5, _number(one.power_mw)
            found.append(
                Battery(
                    name=one.name,
                    usd_per_mw_year=_number(one.usd_per_mw_year),
                    hours=one.battery_hours,
                    charge_share=each_way,
                    discharge_share=each_way,
                    wear_usd_per_mwh=_number(one.variable_usd_per_mwh),
                    built_mw=mw,
                    most_mw=mw,
                )
            )
    return tuple(found)


def connected_earlier(
    plan: str | Path, changes: Sequence[str], overlays: Sequence[str | Path], before: PlannedSite, withheld_h: float
) -> Change:
    """Return what a plan gains where the grid and the substations of a site come a year earlier, and the operator may
    withhold the grid for some hours of each year until its own date.

    Parameters
    ----------
    plan : str or Path
        A built-in plan's name or a file.
    changes, overlays : sequence
        What is changed of it.
    before : PlannedSite
        The site as the plan has it.
    withheld_h : float
        Hours of a year, the dearest ones [h].

    Raises
    ------
    PlanError
        If the plan states no grid of the site, or a tranche would begin before the horizon.
    """
    return _changed(plan, changes, overlays, before, _moved(before, withheld_h), withheld_h)


def connected_later(
    plan: str | Path, changes: Sequence[str], overlays: Sequence[str | Path], before: PlannedSite
) -> Change:
    """Return what a plan loses where the grid and the substations of a site come a year later.

    Parameters
    ----------
    plan, changes, overlays, before
        As of :func:`connected_earlier`.

    Raises
    ------
    PlanError
        If the plan states no grid of the site.
    """
    return _changed(plan, changes, overlays, before, _shifted(before, 1))


def one_more_megawatt(
    plan: str | Path, changes: Sequence[str], overlays: Sequence[str | Path], before: PlannedSite
) -> Change:
    """Return what a plan gains where the first tranche of a site's grid has a megawatt more.

    Parameters
    ----------
    plan, changes, overlays, before
        As of :func:`connected_earlier`.

    Raises
    ------
    PlanError
        If the plan states no grid of the site.
    """
    grid = () if before.supply is None else before.supply.grid
    first = min(grid, key=_day) if grid else None
    more = [] if first is None else [f"{_path(before)}.grid.{first.name}.power_mw={_number(first.power_mw) + 1:.9g} MW"]
    return _changed(plan, changes, overlays, before, more)


def _path(before: PlannedSite) -> str:
    return f"fleet.sites.{before.name}.supply"


def _changed(
    plan: str | Path,
    changes: Sequence[str],
    overlays: Sequence[str | Path],
    before: PlannedSite,
    more: Sequence[str],
    withheld_h: float = 0.0,
) -> Change:
    """Return what some changes of a site's supply bring in tokens, dollars and requests."""
    if before.supply is None or not before.supply.grid:
        what, path = f"the plan states no grid of {before.name}", f"{_path(before)}.grid"
        raise PlanError([Problem(what, PLACE, remedy=f"state {path}, whose dates and power can change")])
    after = central(plan, [*changes, *more], overlays).result
    axis, p = after.axis, after.labels["site"].index(before.name)
    first, second = (np.nanmin(r["supply_limit_mw"][0, :, p], axis=0) for r in (before.result, after))
    apart = np.flatnonzero(np.abs(second - first) > SMALLEST_MW)
    days = [axis.edges[k].isoformat() for k in (apart[0], min(apart[-1] + 1, axis.months))] if len(apart) else ["", ""]
    at = int(apart[0]) if len(apart) else int(np.argmax(second > 0))
    hours = axis.hours / HOURS

    def gained(name: str) -> Array:
        return np.asarray(after[name][0] - before.result[name][0])

    served = (gained("requests_served_per_day") * hours).sum(axis=-1)
    tokens = float(gained("generated_tokens").sum())
    largest = int(np.argmax(np.abs(second - first)))
    return Change(
        withheld_h=withheld_h,
        from_day=days[0],
        until_day=days[1],
        power_mw=float((second - first)[largest]),
        still_limits=after.labels["link"][int(after["binding_supply"][0, p, at])],
        tokens=tokens,
        tokens_share=tokens / max(float(before.result["generated_tokens"][0].sum()), 1.0),
        revenue_usd=float(gained("revenue_usd").sum()),
        energy_usd=float(gained("energy_cost_usd").sum()),
        unpowered_mwh=float(gained("unpowered_energy_mwh")[p].sum()),
        served_more=dict(zip(after.labels["workload"], map(float, served), strict=True)),
    )


def _shifted(before: PlannedSite, years: int) -> list[str]:
    """Return the changes of the plan that bring a site's connection some years later, earlier where negative."""
    if before.supply is None:
        return []
    return [
        f"{_path(before)}.{part}.{one.name}.energised={_day(one) + dt.timedelta(days=round(years * DAYS_PER_YEAR))}"
        for part, some in (("grid", before.supply.grid), ("substations", before.supply.substations))
        for one in some
    ]


def _moved(before: PlannedSite, withheld_h: float) -> list[str]:
    """Return the changes of the plan that bring a site's connection a year earlier, withheld until its own date."""
    found = _shifted(before, -1)
    for one in before.supply.grid if before.supply is not None and withheld_h else ():
        firm = max(filter(None, (_day(one), one.firm_from if one.withheld_hours else None)))
        hours, at = max(withheld_h, one.withheld_hours), f"{_path(before)}.grid.{one.name}"
        found += [f"{at}.withheld_hours={hours:g} h", f"{at}.firm_from={firm}"]
    return found
