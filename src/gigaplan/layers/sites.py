"""A run over several sites as a person writes it: the sites with their GPUs by date, and the network between them."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from gigaplan.layers.failure_options import LONGEST_RUN_DAYS
from gigaplan.layers.training_job import TrainingJob
from gigaplan.training.sites import MAX_SITES
from gigaplan.vocabulary.errors import Place, Problem
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.options import DayOf, Option, Quantity
from gigaplan.vocabulary.units import parse_date

PLACE = Place("train", path="sites")
EQUATOR_KM = 40_000
"""Length of the equator: no two places lie further apart."""

EXAMPLE = "'abilene=50000,shackelford=30000@2028-01'"


@dataclass(frozen=True, slots=True, kw_only=True)
class SitesJob:
    """A run, the sites that do it together, and the network between them."""

    run: TrainingJob
    """Its ``gpus`` are shared evenly among sites without a number; 0: those that the catalog or a plan has there."""
    sites: Annotated[str, Option(group="Several sites")]
    """Sites that train together, as "abilene,shackelford" (GPUs by their power in the catalog, or by --plan) or with
    GPUs as "a=50000,b=30000@2028-01"."""
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
    """In the run whose step is calculated; whole replicas."""
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
class NamedSite:
    """A site as it was written."""

    name: str
    counts: list[tuple[dt.date | None, float]] = field(default_factory=list)


def read_sites(text: str) -> tuple[list[NamedSite], list[Problem]]:
    """Return the sites of a text, each with its GPUs from dates on, and what is wrong with it."""
    found: dict[str, NamedSite] = {}
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
        site = found.setdefault(name, NamedSite(name))
        if count is None:
            if fresh:
                continue
            problems.append(Problem("a site is named twice", PLACE, value=part, remedy="name it once"))
            continue
        try:
            site.counts.append((parse_date(day) if day else None, float(count) * {"": 1, "k": 1e3, "M": 1e6}[scale]))
        except ValueError as error:
            problems.append(Problem(str(error), PLACE, value=part, remedy=f"write them like {EXAMPLE}"))
    if len(found) > MAX_SITES:
        problems.append(
            Problem("too many sites", PLACE, value=str(len(found)), allowed=f"up to {MAX_SITES}", remedy="name fewer")
        )
    if not found and not problems:
        problems.append(Problem("no site is named", PLACE, value=text, remedy=f"write them like {EXAMPLE}"))
    return list(found.values()), problems


def impossible(job: SitesJob) -> list[Problem]:
    """Return a problem for each number that can't be."""
    found = [
        Problem(f"{name} must be {words}", PLACE, value=f"{value:g}", remedy="give a finite number in that range")
        for name, value, low, high, words in (
            ("--wan-bandwidth", job.uplink_bits_per_s, 0, math.inf, "above zero"),
            ("--wan-distance", job.distance_km, 0, EQUATOR_KM, "no more than half-way round the Earth and back"),
            ("--inner-steps", job.inner_steps, 0, 1e6, "at least one"),
            ("--run-days", job.run_days, 0, LONGEST_RUN_DAYS, "a number of days"),
        )
        if not low <= value <= high or not math.isfinite(value)
    ]
    if not 0 < job.share < 1:
        found.append(
            Problem("--efficiency must lie between 0 and 100 %", PLACE, value=f"{job.share:g}", remedy="write 95 %")
        )
    if 0 < job.inner_steps < 1:
        found.append(
            Problem(
                "--inner-steps must be at least one", PLACE, value=f"{job.inner_steps:g}", remedy="give a whole number"
            )
        )
    return found
