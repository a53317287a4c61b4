"""A run over several sites as a person writes it: the sites with their GPUs by date, and the network between them."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gigaplan.layers.training_job import TrainingJob
from gigaplan.training.sites import MAX_SITES
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.units import parse_date, parse_quantity

PLACE = Place("train", path="sites")
EQUATOR_KM = 40_000
"""Length of the equator: no two places lie further apart."""
LONGEST_RUN_DAYS = 3650

EXAMPLE = "'abilene=50000,shackelford=30000@2028-01'"


@dataclass(frozen=True, slots=True, kw_only=True)
class SitesJob:
    """A run, the sites that do it together, and the network between them."""

    run: TrainingJob
    """Its ``gpus`` are shared evenly among sites whose GPUs are not stated; 0: those that the catalog or a plan has
    there."""
    sites: str
    """As ``abilene,shackelford`` or ``a=50000,b=30000@2028-01``: GPUs, from a date where one is given."""
    uplink_bits_per_s: float = 0.0
    """Of each site; 0: the catalog's."""
    distance_km: float = 0.0
    """Between any two sites as the crow flies; 0: from their positions in the catalog."""
    inner_steps: float = 0.0
    """Steps between two exchanges of local updates; 0: the best of those that were tried."""
    share: float = 0.95
    """Share of the time that is to be spent training, for which the network needed is calculated."""
    by: dt.date | None = None
    """Day by which the largest run is asked for."""
    run_days: float = 0.0
    """Longest time that the largest run may take; 0: the catalog's."""
    plan: str = ""
    """A plan whose fleet says the GPUs of each site; empty: the catalog, by their power."""


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


def read_bits_per_s(text: str) -> float:
    """Return a bandwidth of text such as ``10 Tbps`` or ``400 Gbit/s`` [bit/s]; PlanError if it is none."""
    return _read_quantity(
        re.sub(r"([bB]ps|b/s|bits/s)\s*$", "bit/s", text), "bit/s", "--wan-bandwidth", "10 Tbps", text
    )


def read_km(text: str) -> float:
    """Return a distance of text such as ``1,200 km`` [km]; PlanError if it is none."""
    return _read_quantity(text, "km", "--wan-distance", "1,200 km", text)


def read_share(text: str) -> float:
    """Return a share of text such as ``95 %`` or ``0.95``; PlanError if it is none."""
    return _read_quantity(text, "share", "--efficiency", "95 %", text)


def read_day(text: str) -> dt.date:
    """Return a day of text such as ``2028-06``; PlanError if it is none."""
    try:
        return parse_date(text)
    except ValueError as error:
        raise PlanError(
            [Problem(f"--by: {error}", PLACE, value=text, remedy="write 2028-06-30, 2028-06 or 2028-Q2")]
        ) from None


def _read_quantity(text: str, unit: str, option: str, example: str, given: str) -> float:
    try:
        return parse_quantity(text, unit)
    except ValueError as error:
        raise PlanError(
            [Problem(f"{option}: {error}", PLACE, value=given, remedy=f"write it like '{example}'")]
        ) from None


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
