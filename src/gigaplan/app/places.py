"""Where the sites of a plan stand on a map, and how many megawatts of each are in which state from month to month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gigaplan import catalog
from gigaplan.app.requests import PlanState
from gigaplan.app.runs import result_of
from gigaplan.app.sources import key_of, sources_of
from gigaplan.catalog import Catalog
from gigaplan.plan.resolver import resolved
from gigaplan.report.charts.ladder import STEPS
from gigaplan.report.format import in_watts
from gigaplan.results.result import Result
from gigaplan.vocabulary.facts import Entry
from gigaplan.vocabulary.members import Array

MARGIN_DEG, NARROWEST_DEG = 4.0, 6.0
"""Degrees around the places of a view, and the least that a view has each way."""
DIGITS = 4
OWN, OF_REGION = ("latitude_deg", "longitude_deg"), ("region_latitude_deg", "region_longitude_deg")


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of the map: one site at its own place, which the plan or the catalog gives, or all sites of a region whose places aren't known."""

    name: str
    region: str
    sites: tuple[str, ...]
    latitude_deg: float
    longitude_deg: float
    exact: bool
    source: str


def places(state: PlanState) -> dict[str, Any]:
    """Return the sites of a plan's central future on a map.

    Parameters
    ----------
    state : PlanState
        The plan.

    Returns
    -------
    dict
        ``id`` (of the result, for explain), ``states`` with their colours, ``edges`` (the days at which power is
        known), ``spots`` with their place and their megawatts by state as ``[edge, [MW of each state]]`` where these
        change,
        ``views`` (west, south, east, north of all and of each region), ``most`` [MW] and ``caption``.

    Raises
    ------
    PlanError
        With every problem of the plan.
    """
    result = result_of(state, 1)
    spots, nowhere = spots_of(result, catalog.load())
    mw = [sum((by_state(result, s) for s in spot.sites), np.zeros(())) for spot in spots]
    regions = dict.fromkeys(s.region for s in spots)
    views = {"all places": _view(spots)} | {r: _view([s for s in spots if s.region == r]) for r in regions}
    most = max((float(v.sum(axis=0).max()) for v in mw), default=0.0)
    unit = in_watts(most)
    return {
        "id": key_of(sources_of(state, 1)),
        "states": [{"name": name, "color": color} for name, color, _ in STEPS],
        "edges": list(result.labels["edge"]),
        "spots": [_spot(spot, v, unit.size) for spot, v in zip(spots, mw, strict=True)],
        "unit": f"{unit.name} (IT)",
        "most": most / unit.size,
        "views": views if len(views) > 2 else {"all places": views["all places"]},
        "caption": _caption(spots, nowhere),
    }


def by_state(result: Result, site: str) -> Array:
    """Return the megawatts of a site in each step of :data:`gigaplan.report.charts.ladder.STEPS`, (step, edge)."""
    states, power_mw = list(result.labels["state"]), result.central("power_state_mw")
    i = list(result.labels["site"]).index(site)
    return np.array([power_mw[[states.index(s) for s in of if s in states], i].sum(axis=0) for _, _, of in STEPS])


def spots_of(result: Result, facts: Catalog) -> tuple[list[Spot], list[str]]:
    """Return the points of the map, and the sites for which nothing says where they are."""
    own: list[Spot] = []
    unknown: dict[str, list[str]] = {}
    for i in result.new_sites():
        name = result.labels["site"][i]
        region = next((str(e.value) for e in result.ledger.under(f"fleet.sites.{name}.region")), "")
        entity, stated = resolved("site", name), [_stated(result, name, q) for q in OWN]
        if stated[0] is not None and stated[1] is not None:
            north, east = (float(e.value) for e in stated if e is not None)
            source = "; ".join(filter(None, ("the plan", stated[0].source)))
            own.append(Spot(name, region, (name,), north, east, True, source))
        elif entity and facts.has(entity, OWN[0]) and facts.has(entity, OWN[1]):
            own.append(_at(facts, entity, OWN, Spot(name, region, (name,), 0, 0, True, "")))
        else:
            unknown.setdefault(region, []).append(name)
    nowhere = [n for r, names in unknown.items() if not facts.has(r, OF_REGION[0]) for n in names]
    for region, names in unknown.items():
        if facts.has(region, OF_REGION[0]):
            name = names[0] if len(names) == 1 else f"{len(names)} sites in {region}"
            own.append(_at(facts, region, OF_REGION, Spot(name, region, tuple(names), 0, 0, False, "")))
    return own, nowhere


def _stated(result: Result, site: str, quantity: str) -> Entry | None:
    """Return what the plan states of where a site is; None where it states nothing."""
    return next(iter(result.ledger.under(f"fleet.sites.{site}.{quantity}")), None)


def _at(facts: Catalog, entity: str, quantities: tuple[str, str], spot: Spot) -> Spot:
    north, east = (facts.find(entity, q) for q in quantities)
    source = f"{north.source_title}: {north.note}" if north.note else north.source_title
    return Spot(spot.name, spot.region, spot.sites, north.number, east.number, spot.exact, source)


def _view(spots: Sequence[Spot]) -> list[float]:
    """Return west, south, east and north of a view of some points; of the world where there are none."""
    if not spots:
        return [-180.0, -60.0, 180.0, 80.0]
    sides = []
    for values in ([s.longitude_deg for s in spots], [s.latitude_deg for s in spots]):
        middle, half = (min(values) + max(values)) / 2, (max(values) - min(values)) / 2
        half = max(half + MARGIN_DEG, NARROWEST_DEG)
        sides.append((middle - half, middle + half))
    (west, east), (south, north) = sides
    return [west, south, east, north]


def _spot(spot: Spot, mw: Array, size: float) -> dict[str, Any]:
    return {
        "name": spot.name,
        "region": spot.region,
        "sites": list(spot.sites),
        "latitude": spot.latitude_deg,
        "longitude": spot.longitude_deg,
        "exact": spot.exact,
        "source": spot.source,
        "steps": list(_steps(mw / size)),
    }


def _steps(mw: Array) -> Iterator[tuple[int, list[float]]]:
    """Yield the edges at which power changes, with the power of each state from then on."""
    before: list[float] = []
    for k, now in enumerate(mw.T.tolist()):
        rounded = [float(f"{v:.{DIGITS}g}") for v in now]
        if rounded != before:
            yield k, rounded
        before = rounded


def _caption(spots: Sequence[Spot], nowhere: Sequence[str]) -> str:
    """Return what the map shows and what it can't."""
    words = ["Areas of the circles are the sites' IT power in the central future; the existing fleet has no place."]
    if vague := [s for s in spots if not s.exact]:
        count = sum(len(s.sites) for s in vague)
        its = "its region" if count == 1 else "their region"
        words.append(f"Dashed: {count} {'site' if count == 1 else 'sites'} of which {its} alone is known.")
    if nowhere:
        words.append(f"Not on the map: {', '.join(nowhere)}.")
    return " ".join(words)
