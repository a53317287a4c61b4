"""What the sites of a plan draw hour by hour: the load that a utility asks for, and how much of it can wait.

The plan's central future says what the fleet does in each hour of a month's days and what stands at each site. Here its
days are laid out over the calendar, racks grow steadily between a month's edges, and at sites whose weather is stated
the facility follows each hour of it. Every month's mean is the plan's own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.layers.plan_sites import LEAP_DAY, Central, central, index_of, whole_years
from gigaplan.power.draw import drawn_share, season_pue
from gigaplan.power.facility import FacilityHours, facility_hours
from gigaplan.power.inputs import DrawCurve, Facility, WeatheredFacility
from gigaplan.simulate.couplings.allocation import unrequested_share_used
from gigaplan.simulate.couplings.customers import share_of_power
from gigaplan.simulate.couplings.power import busy_share, rated_mw
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.show import Brief
from gigaplan.vocabulary.time import HOURS

SATURDAY = 5
"""The first day of the weekend, counted from Monday, 0."""
PLACE = Place("power load")
MIN_PER_H = 60
NOTHING_MW = 1e-9
"""Power that counts as none."""
HOUR = dt.timedelta(hours=1)
WAITS = ("research", "batch")
"""Uses of idle GPUs, by the plan's rule, that can stop at any time and are the plan's own to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteHours:
    """A site of a plan hour by hour over a calendar year of UTC without 29 February. Arrays: (8760,)."""

    site: str
    region: str
    utc_offset_h: float
    """Standard time at the site, ahead of UTC [h]."""
    year: int
    load_mw: Array
    """Facility power at the meter, mean over the hour [MW]."""
    needed_mw: Array
    """The same with what its supply lacks [MW]."""
    it_mw: Array
    """IT power among it [MW]."""
    most_mw: Array
    """What the site would draw with all racks busy [MW]."""
    can_wait_mw: Array
    """Part of the load that requests of the day's workloads, and idle GPUs given to research or batch work, ask for:
    what falls away while it waits, the racks idle [MW]."""
    training_mw: Array
    """Part that training runs ask for; all of it may stop at once, as at a checkpoint or a fault [MW]."""
    water_m3: Array
    """Water taken in the hour; 0 where the site states no weather, and it is not known [m3]."""
    free_cooling: NDArray[np.bool_] | None
    """Whether no chiller runs; None where the site states no weather."""
    heat_mw: Array | None
    """Heat that leaves with the warm water, for a district or a process to take; None as above [MW]."""
    heat_c: Array | None
    """Temperature of that water; None as above [degC]."""

    @property
    def ramp_mw_per_min(self) -> Array:
        """Change of the load since the hour before, over sixty minutes: what a schedule by hours shows [MW/min]."""
        return np.diff(self.load_mw, prepend=self.load_mw[:1]) / MIN_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOfYear:
    """A site's load in one calendar year, as a connection request states it. Powers are at the site's meter."""

    site: str
    year: int
    months: int
    """Months of the year within the plan's horizon."""
    design_mw: float
    """Most that the racks in place in the year are designed for, in the hour that asks for most [MW]."""
    supply_limit_mw: float
    """What the stated supply carries at the end of the year; not a number where the plan states none [MW]."""
    peak_mw: float
    """Highest hour [MW]."""
    peak_hour: str
    """Its beginning, in the site's standard time."""
    mean_mw: float
    minimum_mw: float
    load_factor: float
    """Mean over highest hour [share]."""
    energy_mwh: float
    ramp_mw_per_min: float
    """Largest change from an hour to the next, either way [MW/min]."""
    stops_at_once_mw: float
    """Most that falls away within seconds where all training runs stop together (``gigaplan power swings``) [MW]."""
    can_wait_share: float
    """Share of the energy that requests which may wait, and research on idle GPUs, take [share]."""
    training_share: float
    """Share of the energy that training takes [share]."""
    unpowered_mwh: float
    """Energy that its racks ask for and its supply cannot give [MWh]."""
    pue: float
    """Facility over IT energy [1]."""
    water_m3: float
    """Water taken; not a number where the site states no weather [m3]."""
    free_cooling_h: float
    """Hours in which no chiller runs, 29 February left out; not a number as above [h]."""
    heat_mwh: float
    """Heat that leaves with the warm water; not a number as above [MWh]."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PlanLoad(Brief):
    """What the sites of a plan draw: hour by hour in one year, and by year."""

    BRIEF = ("plan", "year", "years")

    plan: str
    title: str
    year: int
    """Year of the hours."""
    years: tuple[LoadOfYear, ...]
    """Each site in each year in which it draws."""
    sites: tuple[SiteHours, ...]
    """Each site that draws in the year, hour by hour."""
    notes: tuple[str, ...]
    catalog_vintage: str

    def brief_title(self) -> str:
        """Return whose load it is."""
        return f"PlanLoad of {self.title}"

    @property
    def of_year(self) -> tuple[LoadOfYear, ...]:
        """The sites in the year of the hours, one each."""
        return tuple(row for row in self.years if row.year == self.year)


def plan_load(
    plan: str | Path,
    changes: Sequence[str] = (),
    overlays: Sequence[str | Path] = (),
    *,
    site: str | None = None,
    year: int | None = None,
) -> PlanLoad:
    """Return what the sites of a plan draw hour by hour in a year, and by year.

    Parameters
    ----------
    plan : str or Path
        A built-in plan's name or a file.
    changes, overlays : sequence
        What is changed of it.
    site : str, optional
        Name of one site; all where left out.
    year : int, optional
        Calendar year of the hours, which the horizon holds all of; the last one where left out.

    Raises
    ------
    PlanError
        If the plan is wrong, has no such site or year, or nothing draws in the year.
    """
    return load_of(central(plan, changes, overlays), site=site, year=year)


def load_of(future: Central, *, site: str | None = None, year: int | None = None) -> PlanLoad:
    """Return the same of a plan's central future that is known.

    Parameters
    ----------
    future : Central
        The central future.
    site, year
        As of :func:`plan_load`.

    Raises
    ------
    PlanError
        As of :func:`plan_load`.
    """
    scenario, axis = future.scenario, future.scenario.axis
    names = [s.name for s in scenario.fleet.sites]
    chosen = range(len(names)) if site is None else [index_of(scenario, site, PLACE)]
    whole = whole_years(axis)
    if year is None:
        year = whole[-1] if whole else axis.years[-1]
    if year not in whole:
        allowed = f"{whole[0]} to {whole[-1]}" if whole else "no whole year"
        what = f"{scenario.name} does not hold all of the year"
        raise PlanError([Problem(what, PLACE, value=str(year), allowed=allowed, remedy="name one with --year")])
    hours, rows = [], []
    for p in chosen:
        for y in axis.years:
            found = hours_of_site(future, p, y)
            if found.needed_mw.any():
                rows.append(_of_year(future, p, found))
                hours += [found] if y == year else []
    if not hours:
        what = f"{site or 'no site'} draws {'nothing' if site else 'anything'} in {year}"
        raise PlanError([Problem(what, PLACE, value=str(year), remedy="name a later --year")])
    notes = [
        f"load of the central future of {scenario.name}; a month's "
        + ("days are the calendar's" if axis.hourly else "weekdays are alike, and so are its weekend days")
        + "; hours within which GPUs start and stop are the swings of 'gigaplan power swings'",
    ]
    if site is None and scenario.fleet.opening:
        notes.append("what exists when the plan begins stands at no named site, and is left out")
    return PlanLoad(
        plan=scenario.name,
        title=scenario.title,
        year=year,
        years=tuple(rows),
        sites=tuple(hours),
        notes=tuple(notes),
        catalog_vintage=future.result.stamp.catalog_vintage,
    )


def hours_of_site(future: Central, p: int, year: int) -> SiteHours:
    """Return one site of a plan hour by hour; hours outside the horizon are zeros.

    Parameters
    ----------
    future : Central
        The plan's central future.
    p : int
        Number of the site.
    year : int
        Calendar year.
    """
    scenario, result, stages = future.scenario, future.result, future.stages
    axis, one, facility = scenario.axis, scenario.fleet.sites[p], scenario.facilities[p]
    calendar = _Calendar(future, year)
    curve = _central_curve(scenario.draw)
    busy, waits, trains = (calendar.laid_out(share) for share in _shares(future))
    share = drawn_share(busy, curve)
    rated = calendar.between(rated_mw(scenario, stages.built)[0, p])
    at, most = (_facility(facility, x, calendar) for x in (share, np.full_like(share, curve.busy_share)))
    hours = axis.hours
    it = calendar.with_means(rated * share, result["it_energy_mwh"][0, p] / hours)
    drawn = result["facility_energy_mwh"][0, p]
    load = calendar.with_means(rated * at.facility_share, drawn / hours)
    unpowered = result["unpowered_energy_mwh"][0, p]
    lacks = np.divide(unpowered, drawn, out=np.zeros_like(drawn), where=drawn > NOTHING_MW)
    needed = load * (1 + calendar.by_month(lacks))
    marginal = np.divide(curve.busy_share - curve.idle_share, share, out=np.zeros_like(share), where=share > 0)
    weathered = isinstance(facility, WeatheredFacility)
    scale = np.divide(it, rated * share, out=np.zeros_like(it), where=rated * share > NOTHING_MW)
    return SiteHours(
        site=one.name,
        region=one.region,
        utc_offset_h=one.utc_offset_h,
        year=year,
        load_mw=load,
        needed_mw=needed,
        it_mw=it,
        most_mw=np.maximum(rated * most.facility_share, needed),
        can_wait_mw=load * np.minimum(marginal * waits, 1.0),
        training_mw=load * np.minimum(marginal * trains, 1.0),
        water_m3=calendar.with_means(rated * at.water_l, result["water_m3"][0, p] / hours),
        free_cooling=np.logical_and(at.free, load > 0) if weathered else None,
        heat_mw=rated * scale * at.heat_share if weathered else None,
        heat_c=at.return_c if weathered else None,
    )


class _Calendar:
    """A year's hours on a plan's axis, UTC, without 29 February."""

    def __init__(self, future: Central, year: int) -> None:
        axis = self.axis = future.scenario.axis
        days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]").tolist()
        days = [d for d in days if f"{d:%m-%d}" != LEAP_DAY]
        month = np.array([axis.month_of(d) for d in days])
        self.inside = np.repeat((month >= 0) & (month < axis.months), HOURS)
        self.day_month = np.clip(month, 0, axis.months - 1)
        self.day = np.array([d.day - 1 if axis.hourly else int(d.weekday() >= SATURDAY) for d in days])
        self.month = np.repeat(self.day_month, HOURS)
        first = np.array([axis.days_since_start(d) for d in days])
        self.days = np.repeat(first, HOURS) + np.tile((np.arange(HOURS) + 0.5) / HOURS, len(days))

    def laid_out(self, by_day: Array) -> Array:
        """Return what is known by month, day and hour, over the calendar: (n, D, H) -> (8760,)."""
        return np.asarray(by_day[self.day_month, self.day].reshape(-1) * self.inside)

    def by_month(self, monthly: Array) -> Array:
        """Return what is known by month: (n,) -> (8760,)."""
        return np.asarray(monthly[self.month] * self.inside)

    def between(self, on_edges: Array) -> Array:
        """Return what stands on edges, linear between them: (edge,) -> (8760,)."""
        return np.asarray(np.interp(self.days, self.axis.edge_days, on_edges) * self.inside)

    def with_means(self, hours: Array, means: Array) -> Array:
        """Return hours scaled so that each month's mean is what it should be."""
        total = np.bincount(self.month, weights=hours * self.inside, minlength=self.axis.months)
        count = np.bincount(self.month, weights=self.inside.astype(float), minlength=self.axis.months)
        factor = np.divide(means * count, total, out=np.zeros_like(total), where=total > NOTHING_MW)
        return np.asarray(hours * factor[self.month] * self.inside)


def _central_curve(curve: DrawCurve) -> DrawCurve:
    idle, busy = (float(column(share, 1)[0]) for share in (curve.idle_share, curve.busy_share))
    return DrawCurve(idle_share=idle, busy_share=max(idle, busy))


def _shares(future: Central) -> tuple[Array, Array, Array]:
    """Return the share of the fleet at work, that of work which can wait, and that of training: (n, D, H) each."""
    scenario, stages = future.scenario, future.stages
    allocated, trained = stages.allocated, stages.trained
    busy = busy_share(scenario, stages.built, allocated, stages.service, trained, stages.reserved)[0]
    deferrable = [k for k, w in enumerate(scenario.demand.workloads) if w.deferrable]
    waits = allocated.fleet_share[0, deferrable].sum(axis=0)
    if scenario.market.idle in WAITS:
        waits = waits + unrequested_share_used(allocated, stages.service)[0]
    trains = np.broadcast_to((allocated.reserved_share - trained.spared_share)[0, :, None, None], busy.shape)
    if scenario.customers:
        held = np.asarray(share_of_power(scenario, stages.built, stages.reserved, used=False))[0, :, None, None]
        waits, trains = waits * (1 - held), trains * (1 - held)
    return busy, waits, trains


def _facility(facility: Facility, share: Array, calendar: _Calendar) -> FacilityHours:
    """Return a facility in each hour at a load, over its rated IT power; of one without weather its monthly PUE."""
    if isinstance(facility, WeatheredFacility):
        names = [f.name for f in fields(facility.plant) if f.name != "rejection"]
        numbers: dict[str, Any] = {n: float(column(getattr(facility.plant, n), 1)[0]) for n in names}
        plant = replace(facility.plant, **numbers)
        weather = facility.weather
        return facility_hours(plant, weather.dry_bulb_c, weather.wet_bulb_c, np.clip(share, 0.0, 1.0))
    zero = np.zeros_like(share)
    parts = {f.name: zero for f in fields(FacilityHours)}
    pue = calendar.by_month(season_pue(facility, calendar.axis)[0])
    return FacilityHours(**{**parts, "it_share": share, "other_share": share * np.maximum(pue - 1, 0.0)})


def _of_year(future: Central, p: int, found: SiteHours) -> LoadOfYear:
    """Return a site's load in a year; energies and means are the plan's own, 29 February among them."""
    scenario, result = future.scenario, future.result
    axis = scenario.axis
    months = [k for k, edge in enumerate(axis.edges[:-1]) if edge.year == found.year]
    last = months[-1] + 1
    ratio = float(column(scenario.facilities[p].facility_to_it_peak, 1)[0])
    limit = result["supply_limit_mw"][0, :, p, last] if scenario.supplies[p] is not None else np.full(1, np.nan)

    def total(name: str) -> float:
        return float(result[name][0, p, months].sum())

    energy, hours = total("facility_energy_mwh"), float(axis.hours[months].sum())
    inside = found.needed_mw > 0
    highest = int(found.load_mw.argmax())
    begins = year_hours(found.year)[highest] + found.utc_offset_h * HOUR
    weathered = found.free_cooling is not None
    return LoadOfYear(
        site=found.site,
        year=found.year,
        months=len(months),
        design_mw=float(rated_mw(scenario, future.stages.built)[0, p, months[0] : last + 1].max()) * ratio,
        supply_limit_mw=float(np.nanmin(limit)) * ratio if np.isfinite(limit).any() else float("nan"),
        peak_mw=float(found.load_mw[highest]),
        peak_hour=f"{begins:%Y-%m-%d %H:%M}",
        mean_mw=energy / hours,
        minimum_mw=float(found.load_mw[inside].min()),
        load_factor=energy / hours / max(float(found.load_mw[highest]), NOTHING_MW),
        energy_mwh=energy,
        ramp_mw_per_min=float(np.abs(found.ramp_mw_per_min).max()),
        stops_at_once_mw=float(found.training_mw.max()),
        can_wait_share=float(found.can_wait_mw.sum() / max(found.load_mw.sum(), NOTHING_MW)),
        training_share=float(found.training_mw.sum() / max(found.load_mw.sum(), NOTHING_MW)),
        unpowered_mwh=total("unpowered_energy_mwh"),
        pue=energy / max(total("it_energy_mwh"), NOTHING_MW),
        water_m3=total("water_m3") if weathered else float("nan"),
        free_cooling_h=float(found.free_cooling.sum()) if found.free_cooling is not None else float("nan"),
        heat_mwh=float(found.heat_mw.sum()) if found.heat_mw is not None else float("nan"),
    )


def year_hours(year: int) -> list[dt.datetime]:
    """Return the hours of a year, UTC, without 29 February.

    Parameters
    ----------
    year : int
        Calendar year.
    """
    days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]").tolist()
    return [dt.datetime(d.year, d.month, d.day, h) for d in days if f"{d:%m-%d}" != LEAP_DAY for h in range(HOURS)]
