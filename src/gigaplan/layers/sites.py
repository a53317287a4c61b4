"""The sites of a run as a person names them: their GPUs by date from text, the catalog or a plan, and how far apart they lie."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np

from gigaplan import catalog
from gigaplan import plan as plans
from gigaplan.catalog import Catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.layers.training import TrainingJob
from gigaplan.plan.resolve import it_kw_per_gpu
from gigaplan.simulate.engine import simulate
from gigaplan.training.sites import MOST_SITES, great_circle_km
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.options import DayOf, Option, Quantity
from gigaplan.vocabulary.units import parse_date

PLACE = Place("train", path="sites")
PREFIX = "site_"
EXAMPLE = "'abilene=50000,shackelford=30000@2028-01'"


@dataclass(frozen=True, slots=True, kw_only=True)
class SitesJob:
    """A run, the sites that do it together, and the network between them."""

    run: TrainingJob
    """Its ``gpus`` are shared evenly among sites without a number; 0: those that the catalog or a plan has there."""
    sites: Annotated[str, Option(group="Several sites")]
    """Sites that train together, as "abilene,shackelford" (GPUs by their power in the catalog, or by --plan) or with GPUs
    as "a=50000,b=30000@2028-01"."""
    uplink_bits_per_s: Annotated[
        float, Option("wan-bandwidth", group="Several sites"), Quantity("bit/s", "10 Tbps")
    ] = 0.0
    """Bandwidth from each site to the others, as "10 Tbps" (default: the catalog's)."""
    distance_km: Annotated[float, Option("wan-distance", group="Several sites"), Quantity("km", "1,200 km")] = 0.0
    """Great-circle distance between any two sites, as "1,200 km" (default: from their positions in the catalog)."""
    inner_steps: Annotated[float, Option(group="Several sites")] = 0.0
    """Steps between two exchanges of local updates (default: the best of 30 to 500)."""
    share: Annotated[float, Option("efficiency", group="Several sites"), Quantity("share", "95 %")] = 0.95
    """Share of the time spent training for which the bandwidth and distance needed are given, as "95 %"."""
    by: Annotated[dt.date | None, Option(group="Several sites"), DayOf()] = None
    """Date by which the largest run of the sites is to be done, as 2028-06."""
    run_days: Annotated[float, Option(group="Several sites"), Quantity("day", "100 days", bare=True)] = 0.0
    """Longest time that the largest run may take, as "100 days" (default: the catalog's)."""
    plan: Annotated[str, Option(group="Several sites")] = ""
    """A plan whose fleet gives the GPUs of the system at each site, month by month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One site: its GPUs by date, and where it lies."""

    name: str
    gpus: int
    """In the run whose step is told; whole replicas."""
    dates: tuple[dt.date, ...]
    counts: tuple[float, ...]
    """GPUs from each date on."""
    latitude_deg: float
    longitude_deg: float
    source: str

    def on(self, days: Sequence[dt.date]) -> Array:
        """Return the GPUs on each day."""
        at = np.searchsorted(np.array([d.toordinal() for d in self.dates]), [d.toordinal() for d in days], side="right")
        return np.concatenate([[0.0], np.asarray(self.counts, dtype=float)])[at]


@dataclass(slots=True)
class Said:
    """A site as it was written."""

    name: str
    counts: list[tuple[dt.date | None, float]] = field(default_factory=list)


def read_sites(text: str) -> tuple[list[Said], list[Problem]]:
    """Return the sites of a text, each with its GPUs from dates on, and what is wrong with it."""
    found: dict[str, Said] = {}
    problems = []
    for part in (p.strip() for p in text.split(",") if p.strip()):
        match = re.fullmatch(r"([A-Za-z][^=@]*?)(?:\s*=\s*([0-9_.]+(?:e[0-9]+)?)\s*([kM]?)(?:\s*@\s*(\S+))?)?", part)
        if match is None:
            problems.append(
                Problem(
                    "not a site",
                    PLACE,
                    value=part,
                    allowed="name, name=GPUs or name=GPUs@date",
                    remedy=f"write them like {EXAMPLE}",
                )
            )
            continue
        name, count, scale, day = match.groups()
        fresh = name not in found
        site = found.setdefault(name, Said(name))
        if count is None:
            if fresh:
                continue
            problems.append(Problem("a site is named twice", PLACE, value=part, remedy="name it once"))
            continue
        try:
            site.counts.append((parse_date(day) if day else None, float(count) * {"": 1, "k": 1e3, "M": 1e6}[scale]))
        except ValueError as error:
            problems.append(Problem(str(error), PLACE, value=part, remedy=f"write them like {EXAMPLE}"))
    if len(found) > MOST_SITES:
        problems.append(
            Problem("too many sites", PLACE, value=str(len(found)), allowed=f"up to {MOST_SITES}", remedy="name fewer")
        )
    if not found and not problems:
        problems.append(Problem("no site is named", PLACE, value=text, remedy=f"write them like {EXAMPLE}"))
    return list(found.values()), problems


def strange(ask: SitesJob) -> list[Problem]:
    """Return a problem for each number that can't be."""
    found = [
        Problem(f"{name} must be {words}", PLACE, value=f"{value:g}", remedy="give a finite number in that range")
        for name, value, low, high, words in (
            ("--wan-bandwidth", ask.uplink_bits_per_s, 0, math.inf, "above zero"),
            ("--wan-distance", ask.distance_km, 0, 40_000, "no more than half-way round the Earth and back"),
            ("--inner-steps", ask.inner_steps, 0, 1e6, "at least one"),
            ("--run-days", ask.run_days, 0, 3650, "a number of days"),
        )
        if not low <= value <= high or not math.isfinite(value)
    ]
    if not 0 < ask.share < 1:
        found.append(
            Problem("--efficiency must lie between 0 and 100 %", PLACE, value=f"{ask.share:g}", remedy="write 95 %")
        )
    if 0 < ask.inner_steps < 1:
        found.append(
            Problem(
                "--inner-steps must be at least one", PLACE, value=f"{ask.inner_steps:g}", remedy="give a whole number"
            )
        )
    return found


def sites_of(facts: Catalog, ask: SitesJob, said: Sequence[Said]) -> list[Site]:
    """Return the sites with what their text, a plan or the catalog says of their GPUs.

    Raises
    ------
    PlanError
        With every site that has no GPUs.
    """
    silent = [s for s in said if not s.counts]
    if ask.plan and (not silent or ask.run.gpus):
        raise PlanError(
            [
                Problem(
                    "--plan would say nothing: GPUs are stated already",
                    PLACE,
                    value=f"--plan {ask.plan}",
                    remedy="leave --plan out, or the GPUs of --sites and --gpus",
                )
            ]
        )
    shared = ask.run.gpus - sum(s.counts[-1][1] for s in said if s.counts)
    if silent and ask.run.gpus:
        if shared < len(silent):
            raise PlanError(
                [
                    Problem(
                        "nothing is left for the sites without a number",
                        PLACE,
                        value=f"{ask.run.gpus:,} GPUs",
                        remedy="take more --gpus, or say each site's",
                    )
                ]
            )
        each = shared // len(silent)
        return [_stated(facts, s.name, s.counts or [(None, each)]) for s in said]
    if ask.run.gpus and not silent and shared:
        raise PlanError(
            [
                Problem(
                    f"the sites have {ask.run.gpus - shared:,.0f} GPUs",
                    PLACE,
                    value=f"--gpus {ask.run.gpus:,}",
                    remedy="leave --gpus out, or make both the same",
                )
            ]
        )
    from_plan = _of_plan(ask, facts) if ask.plan and silent else None
    found: list[Site] = []
    problems: list[Problem] = []
    for s in said:
        if s.counts:
            found.append(_stated(facts, s.name, s.counts))
            continue
        try:
            found.append(
                _planned(s.name, from_plan, facts) if from_plan is not None else _powered(facts, s.name, ask.run.system)
            )
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    return found


def _stated(facts: Catalog, name: str, counts: Sequence[tuple[dt.date | None, float]]) -> Site:
    steps = sorted((day or dt.date.min, count) for day, count in counts)
    return _site(facts, name, [d for d, _ in steps], [c for _, c in steps], "as stated")


def _powered(facts: Catalog, name: str, system: str) -> Site:
    """Return a catalog's site: its IT power by date, filled with one system."""
    entity = _entity(facts, name)
    series = facts.series(entity, "it_power_mw") if entity else []
    if not series:
        known = sorted({f.entity.removeprefix(PREFIX) for f in facts.facts if f.quantity == "it_power_mw" and f.chosen})
        raise PlanError(
            [
                Problem(
                    "the catalog has no power of this site",
                    PLACE,
                    value=name,
                    allowed=", ".join(known),
                    nearest=nearest_name(name, known),
                    remedy=f"say its GPUs, as {EXAMPLE}, or take a site of the catalog",
                )
            ]
        )
    try:
        kw = it_kw_per_gpu(facts, system)
    except UnknownFactError:
        remedy = f"say the sites' GPUs, as {EXAMPLE}"
        raise PlanError(
            [Problem("the catalog has no power of this system's rack", PLACE, value=system, remedy=remedy)]
        ) from None
    dates = [parse_date(f.date) for f in series]
    return _site(
        facts,
        name,
        dates,
        [f.number * 1e3 / kw for f in series],
        f"from the IT power in the catalog over {kw:.3g} kW per GPU of {system}",
    )


def _of_plan(ask: SitesJob, facts: Catalog) -> tuple[dict[str, Array], list[dt.date], str]:
    """Return the GPUs of one system by site and edge of a plan's fleet, central member."""
    loaded = plans.load_sources(plans.sources_of(ask.plan, [], []))
    result = simulate(plans.resolve(loaded))
    generations = result.labels["generation"]
    if ask.run.system not in generations:
        raise PlanError(
            [
                Problem(
                    "the plan has no such system",
                    PLACE,
                    value=ask.run.system,
                    allowed=", ".join(generations),
                    nearest=nearest_name(ask.run.system, generations),
                    remedy="train on a system of the plan",
                )
            ]
        )
    racks = result.central("racks_accepted")[generations.index(ask.run.system)]
    per_rack = facts.find(ask.run.system, "gpus_per_rack").number
    gpus = {name: racks[k] * per_rack for k, name in enumerate(result.labels["site"])}
    return (
        gpus,
        [dt.date.fromisoformat(e) for e in result.labels["edge"]],
        f"accepted racks of {ask.run.system} in {ask.plan}",
    )


def _planned(name: str, of_plan: tuple[dict[str, Array], list[dt.date], str], facts: Catalog) -> Site:
    gpus, edges, source = of_plan
    name = next((n for n in gpus if _plain(n) == _plain(name)), name)
    if name not in gpus or not gpus[name].max():
        some = [n for n, g in gpus.items() if g.max()]
        words = "the plan has no such site" if name not in gpus else "the plan puts none of this system there"
        raise PlanError(
            [
                Problem(
                    words,
                    PLACE,
                    value=name,
                    allowed=", ".join(some),
                    nearest=nearest_name(name, some),
                    remedy="name a site that has the system",
                )
            ]
        )
    return _site(facts, name, edges, [float(g) for g in gpus[name]], source)


def _plain(name: str) -> str:
    """Return a site's name as the catalog writes it."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _entity(facts: Catalog, name: str) -> str:
    """Return the catalog's entity of a site's name, empty if it has none."""
    wanted = _plain(name)
    names = {f.entity for f in facts.facts if f.quantity in ("it_power_mw", "latitude_deg") and f.chosen}
    return next((e for e in (wanted, PREFIX + wanted) if e in names), "")


def _site(facts: Catalog, name: str, dates: Sequence[dt.date], counts: Sequence[float], source: str) -> Site:
    entity = _entity(facts, name)
    where = [
        facts.find(entity, q).number if entity and facts.has(entity, q) else math.nan
        for q in ("latitude_deg", "longitude_deg")
    ]
    return Site(
        name=name,
        gpus=0,
        dates=tuple(dates),
        counts=tuple(counts),
        latitude_deg=where[0],
        longitude_deg=where[1],
        source=source,
    )


def counted(sites: Sequence[Site], ask: SitesJob) -> list[Site]:
    """Return the sites with the GPUs of the run: those of the date asked for, else of the catalog's date."""
    day = ask.by or dt.date.fromisoformat(catalog.load().vintage.partition("+")[0])
    found = [replace(s, gpus=int(s.on([day])[0])) for s in sites]
    empty = [s for s in found if s.gpus < 1]
    if empty:
        raise PlanError(
            [
                Problem(
                    f"the site has no GPUs on {day}",
                    PLACE,
                    value=s.name,
                    remedy=f"ask for a later --by (its first are of {min(s.dates)})"
                    if s.counts and max(s.counts) > 0
                    else "say its GPUs",
                )
                for s in empty
            ]
        )
    return found


def apart_km(sites: Sequence[Site], ask: SitesJob) -> tuple[Array, list[Problem]]:
    """Return the distances between sites [km], and which positions are missing."""
    if ask.distance_km:
        return ask.distance_km * (1 - np.eye(len(sites))), []
    nowhere = [s.name for s in sites if math.isnan(s.latitude_deg)]
    if nowhere and len(sites) > 1:
        known = sorted(
            {f.entity.removeprefix(PREFIX) for f in catalog.load().facts if f.quantity == "latitude_deg" and f.chosen}
        )
        return np.zeros((0, 0)), [
            Problem(
                "the catalog has no position of this site",
                PLACE,
                value=name,
                allowed=", ".join(known),
                nearest=nearest_name(name, known),
                remedy="say how far the sites lie apart: --wan-distance '1,200 km'",
            )
            for name in nowhere
        ]
    return great_circle_km(np.array([s.latitude_deg for s in sites]), np.array([s.longitude_deg for s in sites])), []
