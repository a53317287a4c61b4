"""One site's supply: what of least cost stands next to its grid, each hour's dispatch, and what a megawatt is worth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gigaplan.catalog import Catalog
from gigaplan.catalog import hourly as series
from gigaplan.catalog import load as load_catalog
from gigaplan.layers.own_series import OwnSeries, read_series
from gigaplan.layers.site_load import SiteHours, year_hours
from gigaplan.layers.site_planned import Change, PlannedSite
from gigaplan.layers.site_supply_job import PLACE, REGIONS, SupplyJob, impossible
from gigaplan.power.supply.highs import INSTALL
from gigaplan.power.supply.inputs import FIRM_USD_PER_MWH, Battery, Flexible, Grid, SiteYear, Unit, recovery_factor
from gigaplan.power.supply.outputs import Supplied
from gigaplan.power.supply.size import TOLERANCE, dispatch, size
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.show import Brief

FUELS = {"gas_turbine": "gas", "engine": "gas", "fuel_cell": "gas", "diesel": "diesel"}
"""Fuel of each unit that burns or reforms one."""
RENEWABLE = ("solar", "wind")
MOST_OVER_LOAD = {"solar": 6.0, "wind": 6.0}
"""Most solar and wind over the load: energy of six times its power is curtailed more than it is used."""
MOST_OF_OTHERS = 3.0
"""Most of any other unit over the load."""
TINY_MW = 1e-9
"""Load that counts as none."""
UNSERVED_MWH = 1e-3
"""Energy below which a shortfall is the solver's rounding."""
SLACK = 3
"""Tolerances of the cost up to which a shortfall of sizes is theirs, not of the supply on offer."""
UTC_OFFSET_H = {"ercot": -6.0, "pjm": -5.0}
"""Standard time of the regions, as their facts ``utc_offset_h`` have it."""
DAYS_PER_MONTH = 30.4375
"""Mean days of a month: 365.25 / 12."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Load that no supply on offer can carry."""

    hours: int
    energy_mwh: float
    worst_hour: str
    """Hour of the year with the largest lack, UTC."""
    worst_mw: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SiteSupply(Brief):
    """The supply of a site over a year."""

    BRIEF = ("optimal", "usd_per_mwh", "capacity_mw", "grid_usd_per_mw_year", "shortfall")

    job: SupplyJob
    optimal: bool
    """Whether the cost is proven to lie within a ten-thousandth of the bound."""
    usd_per_year: float
    bound_usd_per_year: float
    usd_per_mwh: float
    """Cost of the year over the energy that is served [USD/MWh]."""
    capacity_mw: dict[str, float]
    energy_mwh: dict[str, float]
    """Energy of the year by what gives it; of a battery what it loses, as a negative number."""
    usd_by_part: dict[str, float]
    co2_kg_per_mwh: float
    """Mean of the energy served [kg/MWh]."""
    grid_usd_per_mw_year: float
    """What one more megawatt of grid, in every hour of the year, saves."""
    year_without_grid_usd: float | None
    """What a year's delay of the last tranche would cost; None without ``delay``."""
    withheld_usd_per_year: float | None
    """What the hours in which the operator withholds the connection cost; None where there are none."""
    water_m3: float | None
    """Water that the site takes; None where no weather is stated, and it is not known."""
    free_cooling_h: float | None
    """Hours of the year in which no chiller runs; None as above."""
    curtailed_mwh: float
    shifted_mwh: float
    shortfall: Shortfall | None
    """None where all load is carried."""
    peak_grid_mw: float
    notes: tuple[str, ...]
    seconds: float
    catalog_vintage: str
    utc_offset_h: float
    """Standard time at the site, ahead of UTC [h]."""
    earlier: Change | None = None
    """What a connection a year earlier would bring; None where it was not asked."""
    later: Change | None = None
    """What a connection a year later would cost; None where it was not asked."""
    one_more: Change | None = None
    """What a megawatt more of grid would bring the plan; None where neither was asked."""
    worth_usd_per_mwh: float
    """What a megawatt-hour at the meter earns in compute, at which load is left undone [USD/MWh]."""
    hours: SiteHours | None = None
    """What a plan's site draws by the hour; None of a region."""
    site: SiteYear
    supplied: Supplied

    def brief_title(self) -> str:
        """Return what is supplied."""
        return f"SiteSupply of {self.job.load_mw:g} MW in {self.job.region}, {self.job.year}"


def supply_site(job: SupplyJob, progress: Progress | None = None, planned: PlannedSite | None = None) -> SiteSupply:
    """Return the supply of least cost of a site, or the dispatch of what stands.

    Parameters
    ----------
    job : SupplyJob
        Where the site is, its load, its grid, what may stand, and what load can wait.
    progress : callable, optional
        Called with (steps done, steps, words); False cancels.
    planned : PlannedSite, optional
        The site of a plan that the job is about.

    Raises
    ------
    PlanError
        With every impossible value at once, or where HiGHS is not installed.
    Cancelled
        If ``progress`` returns False.
    """
    problems = impossible(job, planned=planned is not None)
    if problems:
        raise PlanError(problems)
    try:
        import highspy  # noqa: F401
    except ImportError:
        what = "the solver HiGHS is not installed"
        raise PlanError([Problem(what, PLACE, remedy=INSTALL)]) from None
    facts = load_catalog()
    own = read_series(Path(job.series), job.time_zone) if job.series else None
    site, notes = site_of(job, facts, own) if planned is None else _of_plan(job, planned, facts, own)
    found = _solved(job, site, progress)
    delayed = None
    if job.delay and planned is None:
        limits = (np.where(site.grid.limit_mw > 0, mw, 0.0) for _, mw in job.tranches[-2:])
        sites = (replace(site, grid=replace(site.grid, limit_mw=limit)) for limit in limits)
        before, after = (_solved(job, one, progress) for one in sites)
        if _lacks(job, before):
            mwh = before.unserved_mw.sum()
            notes = (*notes, f"without the last tranche {mwh:,.0f} MWh of the year's load lack: no delay is priced")
        else:
            delayed = before.cost_usd - after.cost_usd
    withheld = None
    if job.withheld_h > 0:
        open_grid = replace(site.grid, limit_mw=_limit(job))
        withheld = found.cost_usd - _solved(job, replace(site, grid=open_grid), progress).cost_usd
    answer = _answer(job, site, found, delayed, withheld, notes, facts.vintage)
    if planned is not None:
        return _with_hours(answer, planned)
    return answer if own is None or own.utc_offset_h is None else replace(answer, utc_offset_h=own.utc_offset_h)


def _with_hours(answer: SiteSupply, planned: PlannedSite) -> SiteSupply:
    """Return an answer about a plan's site with its time, its load by the hour, and its water."""
    free = planned.hours.free_cooling
    return replace(
        answer,
        utc_offset_h=planned.utc_offset_h,
        hours=planned.hours,
        water_m3=None if free is None else float(planned.hours.water_m3.sum()),
        free_cooling_h=None if free is None else float(free.sum()),
    )


def _solved(job: SupplyJob, site: SiteYear, progress: Progress | None) -> Supplied:
    if job.dispatch:
        sized = {n: mw for n, mw in job.capacities.items() if mw is not None}
        return dispatch(site, {k.name: sized.get(k.name, k.built_mw) for k in site.kinds})
    return size(site, limit_s=job.limit_s, progress=progress)


def _of_plan(
    job: SupplyJob, planned: PlannedSite, facts: Catalog, own: OwnSeries | None
) -> tuple[SiteYear, tuple[str, ...]]:
    """Return a plan's site with what may be built next to what stands there."""
    peak = float(planned.site.load_mw.max())
    like = replace(job, region=planned.region, place=planned.place, load_mw=peak)
    units, batteries, notes = _offered(like, facts, job.offered(planned=True), own)
    taken = {k.name for k in planned.site.kinds}

    def named(one: Any) -> Any:
        return replace(one, name=f"{one.name} on offer") if one.name in taken else one

    site = replace(
        planned.site,
        units=(*planned.site.units, *map(named, units)),
        batteries=(*planned.site.batteries, *map(named, batteries)),
        flexible=_flexible(like, facts, planned),
    )
    if own is None:
        return site, (*planned.notes, *notes)
    return _with_own(site, own), (*planned.notes, _named(own), *notes)


def _with_own(site: SiteYear, own: OwnSeries) -> SiteYear:
    """Return a site at the prices and the carbon of hours of one's own."""
    grid = site.grid
    grid = replace(
        grid,
        usd_per_mwh=own.values.get("price", grid.usd_per_mwh),
        co2_kg_per_mwh=own.values.get("co2", grid.co2_kg_per_mwh),
    )
    return replace(site, grid=grid)


def _named(own: OwnSeries) -> str:
    """Return which hours are one's own."""
    return f"{', '.join(own.values)} of {own.year} from the file of hours"


def site_of(job: SupplyJob, facts: Catalog, own: OwnSeries | None = None) -> tuple[SiteYear, tuple[str, ...]]:
    """Return the site's year as numbers, and what an answer about it rests on.

    Parameters
    ----------
    job : SupplyJob
        The question.
    facts : Catalog
        Costs, lives, heat rates, fuels and delivery times.
    own : OwnSeries, optional
        Hours of one's own, which come before those of the region.

    Raises
    ------
    PlanError
        If no prices of the region are known.
    """
    price = own.values.get("price") if own else None
    price = series.usd_per_mwh(job.region, job.prices_of) if price is None else price
    if price is None:
        what, remedy = "no hourly prices of the region are known", "give them in --series, as price_usd_per_mwh"
        raise PlanError([Problem(what, PLACE, value=job.region, allowed=", ".join(REGIONS), remedy=remedy)])
    carbon = series.grid_co2_kg_per_mwh(job.region)
    hours = year_hours(job.year)
    grid = Grid(
        limit_mw=_withheld(_limit(job), price, job.withheld_h),
        usd_per_mwh=price,
        usd_per_mw_month=facts.find("supply", "demand_usd_per_mw_month").number,
        month=np.array([h.month for h in hours]),
        co2_kg_per_mwh=np.zeros(1) if carbon is None else carbon,
    )
    notes = [
        f"hourly prices of {job.region} in {job.prices_of}; carbon of its generation in {series.CARBON_YEAR}, sun and "
        f"wind of {series.RESOURCE_YEAR}: their hours do not meet as they did on one day",
    ]
    if own is not None:
        notes.append(_named(own))
    units, batteries, left_out = _offered(job, facts, job.capacities, own)
    load = np.full(series.HOURS, job.load_mw * job.drawn)
    flexible = _flexible(job, facts)
    site = SiteYear(load_mw=load, grid=grid, units=tuple(units), batteries=tuple(batteries), flexible=flexible)
    return (site if own is None else _with_own(site, own)), (*notes, *left_out)


def _flexible(job: SupplyJob, facts: Catalog, planned: PlannedSite | None = None) -> Flexible:
    """Return what load can wait: a stated share, or what a plan's site says of each hour; what is left undone costs
    what compute is worth, by the plan where there is one."""
    share: Array | float = job.shiftable
    peak: Array | float = job.load_mw
    worth = facts.find("supply", "compute_usd_per_mwh").number
    if planned is not None:
        peak, worth = planned.hours.most_mw, planned.worth_usd_per_mwh or worth
        if job.flexible:
            hours, load = planned.hours, np.maximum(planned.hours.load_mw, TINY_MW)
            share = np.minimum((hours.can_wait_mw + hours.training_mw) / load, 1.0)
    return Flexible(
        shiftable_share=share,
        peak_mw=peak,
        within_h=job.within_h if np.any(share) else 0,
        curtailable_share=job.curtailable,
        worth_usd_per_mwh=worth,
    )


def _offered(
    job: SupplyJob, facts: Catalog, names: Iterable[str], own: OwnSeries | None
) -> tuple[list[Unit], list[Battery], list[str]]:
    """Return units and batteries at the catalog's costs, and why others are left out."""
    units, batteries, notes = [], [], []
    for name in names:
        if _too_late(job, facts, name):
            notes.append(f"{name} ordered on {job.ordered} comes after {job.year} begins, and is left out")
        elif name == "battery":
            batteries.append(_battery(job, facts))
        else:
            unit = _unit(job, facts, name, None if own is None else own.values.get(name))
            if unit is None:
                notes.append(f"{name} is left out: no series of it for {job.region}; name a place with --place")
            else:
                units.append(unit)
    return units, batteries, notes


def _limit(job: SupplyJob) -> Array:
    """Return what the connection gives in each hour by its tranches."""
    limit = np.zeros(series.HOURS)
    hours = year_hours(job.year)
    for day, mw in job.tranches:
        limit[[h.date() >= day for h in hours]] = mw
    return limit


def _withheld(limit: Array, price: Array, hours: float) -> Array:
    """Return the limit without the dearest hours, in which the operator withholds the connection."""
    found = limit.copy()
    found[np.argsort(-price, kind="stable")[: round(hours)]] = 0.0
    return found


def _too_late(job: SupplyJob, facts: Catalog, name: str) -> bool:
    if job.ordered is None:
        return False
    months = (dt.date(job.year, 1, 1) - job.ordered).days / DAYS_PER_MONTH
    return facts.find(f"supply_{name}", "lead_time_months").number > months


def _usd_per_mw_year(facts: Catalog, name: str, usd_per_kw: float) -> float:
    """Return the annual cost of a megawatt: its capital with interest, and what it costs to keep."""
    rate = facts.find("supply", "discount_rate_per_year").number
    life = facts.find(f"supply_{name}", "supply_life_years").number
    fixed = facts.find(f"supply_{name}", "fixed_usd_per_kw_year").number
    return 1e3 * (usd_per_kw * recovery_factor(rate, life) + fixed)


def _unit(job: SupplyJob, facts: Catalog, name: str, own: Array | None) -> Unit | None:
    """Return a unit with the catalog's costs; None where no series of its sun or wind is at hand."""
    entity = f"supply_{name}"
    stands = job.capacities[name]
    usd = co2 = 0.0
    if name in RENEWABLE:
        place = series.place_of(job.region, job.place)
        known = series.capacity_factor(place, name) if place and own is None else None
        available = known if own is None else own
        if available is None:
            return None
    else:
        available = np.array([facts.find(entity, "available_share").number])
        rate, fuel = facts.find(entity, "heat_rate_mmbtu_per_mwh").number, f"supply_fuel_{FUELS[name]}"
        usd = rate * facts.find(fuel, "usd_per_mmbtu").number + facts.find(entity, "variable_usd_per_mwh").number
        co2 = rate * facts.find(fuel, "co2_kg_per_mmbtu").number
    return Unit(
        name=name,
        usd_per_mw_year=_usd_per_mw_year(facts, name, facts.find(entity, "capital_usd_per_kw").number),
        usd_per_mwh=usd,
        available=available,
        most_mw=MOST_OVER_LOAD.get(name, MOST_OF_OTHERS) * job.load_mw if stands is None else stands,
        co2_kg_per_mwh=co2,
        full_hours=facts.find("supply", "diesel_hours").number if name == "diesel" else np.inf,
    )


def _battery(job: SupplyJob, facts: Catalog) -> Battery:
    stands, hours = job.capacities["battery"], facts.find("supply", "battery_hours").number
    capital = facts.find("supply_battery", "capital_usd_per_kw").number
    capital += hours * facts.find("supply_battery", "capital_usd_per_kwh").number
    each_way = facts.find("supply", "round_trip_share").number ** 0.5
    return Battery(
        name="battery",
        usd_per_mw_year=_usd_per_mw_year(facts, "battery", capital),
        hours=hours,
        charge_share=each_way,
        discharge_share=each_way,
        wear_usd_per_mwh=facts.find("supply_battery", "variable_usd_per_mwh").number,
        most_mw=MOST_OF_OTHERS * job.load_mw if stands is None else stands,
    )


def _lacks(job: SupplyJob, found: Supplied) -> bool:
    """Return whether more load lacks than the solver's rounding and the tolerance of sizes leave."""
    slack = 0.0 if job.dispatch else SLACK * TOLERANCE * abs(found.cost_usd) / FIRM_USD_PER_MWH
    return bool(found.unserved_mw.sum() > max(UNSERVED_MWH, slack))


def _answer(
    job: SupplyJob,
    site: SiteYear,
    found: Supplied,
    delayed: float | None,
    withheld: float | None,
    notes: tuple[str, ...],
    vintage: str,
) -> SiteSupply:
    """Return the year's figures."""
    served = float((site.load_mw - found.curtailed_mw - found.unserved_mw).sum())
    lacking = found.unserved_mw
    shortfall = None
    if _lacks(job, found):
        worst = int(lacking.argmax())
        shortfall = Shortfall(
            hours=int((lacking > UNSERVED_MWH).sum()),
            energy_mwh=float(lacking.sum()),
            worst_hour=f"{year_hours(job.year)[worst]:%Y-%m-%d %H:%M}",
            worst_mw=float(lacking[worst]),
        )
    unserved = found.cost_parts_usd.get("unserved", 0.0)
    cost = found.cost_usd - unserved
    return SiteSupply(
        job=job,
        optimal=found.optimal,
        usd_per_year=cost,
        bound_usd_per_year=found.bound_usd - unserved,
        usd_per_mwh=cost / max(served, UNSERVED_MWH),
        capacity_mw=found.capacity_mw,
        energy_mwh={name: float(mw.sum()) for name, mw in found.power_mw.items()},
        usd_by_part={n: v for n, v in found.cost_parts_usd.items() if n != "unserved"},
        co2_kg_per_mwh=1e3 * found.co2_t / max(served, UNSERVED_MWH),
        grid_usd_per_mw_year=found.grid_usd_per_mw_year if shortfall is None else float("nan"),
        year_without_grid_usd=delayed if shortfall is None else None,
        withheld_usd_per_year=withheld if shortfall is None else None,
        water_m3=None,
        free_cooling_h=None,
        worth_usd_per_mwh=site.flexible.worth_usd_per_mwh,
        curtailed_mwh=float(found.curtailed_mw.sum()),
        shifted_mwh=float(found.put_off_mw.sum()),
        shortfall=shortfall,
        peak_grid_mw=float(found.power_mw["grid"].max()),
        notes=notes,
        seconds=found.seconds,
        catalog_vintage=vintage,
        utc_offset_h=UTC_OFFSET_H.get(job.region, 0.0),
        site=site,
        supplied=found,
    )


__all__ = ["Shortfall", "SiteSupply", "SupplyJob", "site_of", "supply_site"]
