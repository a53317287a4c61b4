"""A site's supply as a person writes it: where it stands, its load, its grid, and what may be built."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass, fields
from typing import Annotated

from gigaplan.catalog.hourly import HOURS, PLACES, PRICE_YEARS
from gigaplan.vocabulary.errors import Place, Problem, nearest_name
from gigaplan.vocabulary.options import DayOf, Option, Quantity
from gigaplan.vocabulary.units import parse_date, parse_quantity

PLACE = Place("power supply")
UNITS = ("gas_turbine", "engine", "fuel_cell", "solar", "wind", "diesel", "battery")
"""Kinds of supply whose costs are in the catalog, next to the grid."""
REGIONS = ("ercot", "pjm")
"""Regions with a shipped series of prices."""
GRID_EXAMPLE = "'500MW,700MW@2027-06'"
UNITS_EXAMPLE = "'engine=400MW,battery=100MW'"
YEARS = (2024, 2060)
LONGEST_WAIT_H = 72
"""Longest deadline: each hour of it is an entry for every hour of the year."""
MOST_MW = 100_000.0
"""Load above which a number is a slip of the pen: a hundred gigawatts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyJob:
    """A site of a steady load in a region, with a grid connection by date and what may stand next to it."""

    region: Annotated[str, Option(argument=True)]
    """Region in whose market the site buys, ercot or pjm; or a site of a plan, as announced-2025-09/Abilene, or a plan
    for all of its sites."""
    load_mw: Annotated[float, Option("load", group="Site"), Quantity("MW", "1.2 GW")] = 0.0
    """Facility power of the site at its peak, as "1.2 GW"; a site of a plan draws what the plan says."""
    drawn: Annotated[float, Option(group="Site"), Quantity("share", "85 %")] = 1.0
    """Share of it that is drawn in every hour, as "85 %"; what waits catches up in the rest."""
    year: Annotated[int, Option(group="Site")] = 2027
    """Calendar year of operation, which dates of the grid's tranches lie in."""
    grid: Annotated[str, Option(group="Site")] = ""
    """Power that the connection gives, from dates on, as "500MW,700MW@2027-06" (default: all of the load)."""
    withheld_h: Annotated[float, Option("withheld", group="Site"), Quantity("h", "100 h", bare=True)] = 0.0
    """Hours of the year, the dearest ones, in which the operator may withhold the connection."""
    earlier_h: Annotated[float, Option("earlier", group="Site"), Quantity("h", "150 h", bare=True)] = 0.0
    """Of a plan's site: also say what a connection a year earlier brings that may be withheld for so many hours."""
    delay: Annotated[bool, Option(group="Site")] = False
    """Also say what a year's delay of the grid's last tranche costs; of a plan's site, a delay of all of its grid."""
    units: Annotated[str, Option(group="Supply")] = ",".join(UNITS)
    """What may be built next to the grid, or with --dispatch what stands, as "engine=400MW,battery=100MW"."""
    dispatch: Annotated[bool, Option(group="Supply")] = False
    """Take the capacities of --units as they are, instead of finding those of least cost."""
    ordered: Annotated[dt.date | None, Option(group="Supply"), DayOf()] = None
    """Date of order: what takes longer to deliver than to the year's beginning cannot stand (default: no limit)."""
    place: Annotated[str, Option(group="Supply", choices=PLACES)] = ""
    """Place whose sun and wind are taken (default: abilene in ercot; elsewhere neither, unless a place is named)."""
    prices_of: Annotated[int, Option(group="Supply")] = PRICE_YEARS[-1]
    """Year of the market's hourly prices: 2022, 2023 or 2024."""
    series: Annotated[str, Option(group="Supply")] = ""
    """File of a year of hours: time, and any of price_usd_per_mwh, co2_kg_per_mwh, solar and wind (CSV, Parquet)."""
    time_zone: Annotated[str, Option(group="Supply")] = ""
    """Zone of its times where these state none, as America/Chicago."""
    shiftable: Annotated[float, Option(group="Load that can wait"), Quantity("share", "15 %")] = 0.0
    """Share of the load that can be done later, as "15 %"."""
    flexible: Annotated[bool, Option(group="Load that can wait")] = False
    """Of a plan's site: what the plan says can wait does (requests that may, research on idle GPUs, training)."""
    within_h: Annotated[int, Option("within", group="Load that can wait")] = 12
    """Hours within which it must be done."""
    curtailable: Annotated[float, Option(group="Load that can wait"), Quantity("share", "10 %")] = 0.0
    """Share of the load that may be left undone, at what its compute is worth, as "10 %"."""
    limit_s: Annotated[float, Option("time-limit", group="Supply"), Quantity("s", "60 s", bare=True)] = 120.0
    """Time after which the best supply so far is given with its bound."""

    @property
    def tranches(self) -> tuple[tuple[dt.date, float], ...]:
        """Power of the connection from dates on."""
        return read_grid(self.grid)[0] or ((dt.date(self.year, 1, 1), self.load_mw),)

    @property
    def capacities(self) -> dict[str, float | None]:
        """Units that are named, each with its capacity where one is given."""
        return read_units(self.units)[0]

    def offered(self, *, planned: bool) -> dict[str, float | None]:
        """Return the units of the question: of a plan's site that is dispatched none that are not named.

        Parameters
        ----------
        planned : bool
            Whether the site is a plan's.
        """
        return {} if planned and self.dispatch and self.units == ",".join(UNITS) else self.capacities


def _stated_twice(job: SupplyJob) -> list[Problem]:
    """Return a problem for each option that a plan's site does not take."""
    names = {f.name: f for f in fields(job)}
    return [
        Problem(
            "the plan says this of its sites",
            Place("power supply", path=name),
            value=f"{getattr(job, name)}",
            remedy="leave it out, or change the plan with --set fleet.sites.NAME.supply...",
        )
        for name in OF_REGIONS
        if getattr(job, name) != names[name].default
    ]


def read_grid(text: str) -> tuple[tuple[tuple[dt.date, float], ...], list[Problem]]:
    """Return the power of a connection from dates on, and what is wrong with the text."""
    found, problems = [], []
    for part in (p.strip() for p in text.split(",") if p.strip()):
        power, _, day = part.partition("@")
        try:
            found.append((parse_date(day) if day else dt.date.min, parse_quantity(power.strip(), "MW")))
        except ValueError as error:
            problems.append(_slip(str(error), part, "grid", GRID_EXAMPLE))
    days = [day for day, _ in found]
    if len(set(days)) < len(days):
        problems.append(_slip("two tranches begin on one day", text, "grid", GRID_EXAMPLE))
    if any(not 0 <= mw <= MOST_MW for _, mw in found):
        problems.append(_slip("a tranche's power lies between 0 and 100 GW", text, "grid", GRID_EXAMPLE))
    return tuple(sorted(found)), problems


def read_units(text: str) -> tuple[dict[str, float | None], list[Problem]]:
    """Return the units of a text, each with its capacity where one is given, and what is wrong with it."""
    found: dict[str, float | None] = {}
    problems = []
    for part in (p.strip() for p in text.split(",") if p.strip()):
        name, _, power = (p.strip() for p in part.partition("="))
        if name not in UNITS:
            allowed, near = ", ".join(UNITS), nearest_name(name, UNITS)
            where = Place("power supply", path="units")
            problems.append(
                Problem("no such unit", where, value=name, allowed=allowed, nearest=near, remedy="name one of these")
            )
            continue
        if name in found:
            problems.append(_slip("a unit is named twice", part, "units", UNITS_EXAMPLE))
        try:
            found[name] = parse_quantity(power, "MW") if power else None
        except ValueError as error:
            problems.append(_slip(str(error), part, "units", UNITS_EXAMPLE))
            continue
        if not 0 <= (found[name] or 0.0) <= MOST_MW:
            problems.append(_slip("a capacity lies between 0 and 100 GW", part, "units", UNITS_EXAMPLE))
    return found, problems


OF_REGIONS = ("load_mw", "drawn", "grid", "withheld_h", "place", "prices_of")
"""What a plan says of its sites."""


def impossible(job: SupplyJob, *, planned: bool = False) -> list[Problem]:
    """Return a problem for each value that can't be, all at once; of a plan's site for what the plan says."""
    problems = [*read_grid(job.grid)[1], *read_units(job.units)[1]]
    lowest = 0.0 if planned else 1e-3
    for name, value, low, high, words in (
        ("load", job.load_mw, lowest, MOST_MW, "between a kilowatt and 100 GW"),
        ("earlier", job.earlier_h, 0, HOURS, "hours of a year"),
        ("year", job.year, *YEARS, f"a year from {YEARS[0]} to {YEARS[1]}"),
        ("withheld", job.withheld_h, 0, HOURS, "hours of a year"),
        ("drawn", job.drawn, 1e-3, 1, "a share of up to 100 %"),
        ("shiftable", job.shiftable, 0, 1, "a share of 0 to 100 %"),
        ("within", job.within_h, 1, LONGEST_WAIT_H, f"1 to {LONGEST_WAIT_H} hours"),
        ("curtailable", job.curtailable, 0, 1, "a share of 0 to 100 %"),
        ("time-limit", job.limit_s, 1, 3600, "1 s to an hour"),
    ):
        if not low <= value <= high or not math.isfinite(value):
            problems.append(Problem(f"--{name} is {words}", PLACE, value=f"{value:g}", remedy="give one in that range"))
    if planned:
        problems += _stated_twice(job)
    elif job.earlier_h:
        what, remedy = "--earlier looks at a site of a plan", "name one, as announced-2025-09/Abilene"
        problems.append(Problem(what, PLACE, value=job.region, remedy=remedy))
    if job.time_zone and not job.series:
        what, remedy = "--time-zone is the zone of a file of hours", "name the file with --series, or leave it out"
        problems.append(Problem(what, PLACE, value=job.time_zone, remedy=remedy))
    problems += _not_shipped(job, planned=planned)
    unsized = [n for n, mw in job.offered(planned=planned).items() if mw is None] if job.dispatch else []
    if unsized:
        what, remedy = "--dispatch needs the capacity of every unit", f"write them like {UNITS_EXAMPLE}"
        problems.append(Problem(what, PLACE, value=", ".join(unsized), remedy=remedy))
    if job.delay and not planned and len(read_grid(job.grid)[0]) < 2:
        what = "--delay compares the year with and without the grid's last tranche"
        remedy = f"name two tranches, as {GRID_EXAMPLE}"
        problems.append(Problem(what, PLACE, value=job.grid, remedy=remedy))
    if job.flexible and (job.shiftable > 0 or not planned):
        what = "--flexible takes what can wait from a plan's site"
        remedy = "leave --shiftable out" if planned else "name a site of a plan, or state a share with --shiftable"
        problems.append(Problem(what, PLACE, value=job.region, remedy=remedy))
    if job.shiftable > 0 and job.drawn >= 1 and not planned:
        what = "load that waits needs hours with less than the peak to catch up in"
        problems.append(
            Problem(what, PLACE, value=f"{job.shiftable:g}", remedy="state what is drawn, as --drawn '85 %'")
        )
    late = [day for day, _ in read_grid(job.grid)[0] if day.year > job.year]
    if late:
        what = "a tranche of the grid begins after the year, and so changes nothing"
        problems.append(Problem(what, PLACE, value=f"{late[0]}", remedy="leave it out, or name a later --year"))
    return problems


def _not_shipped(job: SupplyJob, *, planned: bool) -> list[Problem]:
    """Return a problem for each region, place and year of which no hours are shipped."""
    found: list[Problem] = []
    if job.region not in REGIONS and not planned and not job.series:
        near, allowed = nearest_name(job.region, REGIONS), ", ".join(REGIONS)
        what = "no hourly prices of such a region are shipped"
        found.append(Problem(what, PLACE, value=job.region, allowed=allowed, nearest=near, remedy="name one of these"))
    if job.place and job.place not in PLACES:
        near, allowed = nearest_name(job.place, PLACES), ", ".join(PLACES)
        what = "no sun and wind of such a place are shipped"
        found.append(Problem(what, PLACE, value=job.place, allowed=allowed, nearest=near, remedy="name one of these"))
    if job.prices_of not in PRICE_YEARS:
        allowed = ", ".join(map(str, PRICE_YEARS))
        what = "no hourly prices of such a year are shipped"
        found.append(Problem(what, PLACE, value=str(job.prices_of), allowed=allowed, remedy="name one of these"))
    return found


def _slip(what: str, value: str, path: str, example: str) -> Problem:
    words = re.sub(r"\s+", " ", what)
    return Problem(words, Place("power supply", path=path), value=value, remedy=f"write them like {example}")
