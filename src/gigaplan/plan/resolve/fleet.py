"""Generations, sites and the existing fleet of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from annotated_types import Ge, Gt

from gigaplan.fleet.inputs import FleetInputs, Generation, Ladder, OpeningBlock, Phase, Site
from gigaplan.fleet.ladder import DAYS_PER_MONTH
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.resolve.limits import PowerLimit
from gigaplan.plan.resolve.power import it_power
from gigaplan.plan.resolve.supply import power_limits_of
from gigaplan.plan.schema import PlanDocument
from gigaplan.power.inputs import Facility
from gigaplan.power.supply.dated import PlannedSupply
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.members import Uncertain

POSITIVE: Any = Annotated[Uncertain, Gt(0)]
"""Type of a number above 0, or of one per member."""
POSITION = ("latitude_deg", "longitude_deg")
"""Where a site stands; the ledger has it for the planner's map, and nothing is computed from it."""


def fleet(
    filler: Filler,
    doc: PlanDocument,
    facilities: tuple[Facility, ...],
    shared: Facility,
    limits: Mapping[str, PowerLimit],
    supplied: tuple[PlannedSupply | None, ...],
) -> FleetInputs:
    """Return the fleet's inputs, all powers on the IT basis.

    Parameters
    ----------
    filler
        Fills inputs and records them.
    doc
        The plan's document.
    facilities
        One per place, the sites first.
    shared
        The facility of the existing fleet.
    limits
        Power limit of each generation, with the power of its rack.
    supplied
        What supplies each site.
    """
    it_per_rack = filler.facts.find("facility", "it_per_rack_power")
    ratio = it_per_rack.number
    drawn = filler.value(
        "fleet.generations.it_per_rack_power", it_per_rack, float if states_racks(doc) else Annotated[Uncertain, Ge(1)]
    )
    life = filler.value("fleet.generations.life_years", filler.facts.find("build", "life_years"), POSITIVE)
    generations = tuple(
        _generation(filler, doc, name, limits[name].rack_kw * drawn, life) for name in doc.fleet.generations
    )
    ladder = filler.fill(Ladder, doc.fleet.ladder, "ladder", "fleet.ladder")
    sites = tuple(
        replace(_site(filler, name, site, facility, ratio, ladder), power_limits=power_limits_of(supply))
        for (name, site), facility, supply in zip(doc.fleet.sites.items(), facilities, supplied, strict=False)
    )
    existing = []
    for name, block in doc.fleet.opening.items():
        path = f"fleet.opening.{name}"
        power = it_power(filler, block.power, shared, ratio, f"{path}.power")
        existing.append(filler.fill(OpeningBlock, block, "opening", path, name=name, **power))
    return FleetInputs(
        generations=generations,
        sites=sites,
        opening=tuple(existing),
        ladder=ladder,
        newest_among=tuple(doc.fleet.newest_among or ()),
    )


def rack_kind(doc: PlanDocument) -> Any:
    """Return the type of a rack's power, which says whether it is drawn."""
    return float if states_racks(doc) else POSITIVE


def states_racks(doc: PlanDocument) -> bool:
    """Return whether a block states its racks, by their power or GPUs: these are as stated in every member, so that
    what IT power a rack has is then taken as known."""
    blocks = [*(p for site in doc.fleet.sites.values() for p in site.phases.values()), *doc.fleet.opening.values()]
    return any(b.gpus is not None or b.power.basis not in (PowerBasis.IT, PowerBasis.FACILITY) for b in blocks)


def _generation(filler: Filler, doc: PlanDocument, name: str, it_kw: Uncertain, life: Uncertain) -> Generation:
    """Return a generation whose racks have so much IT power."""
    path, given = f"fleet.generations.{name}", doc.fleet.systems.get(name)
    known: dict[str, Any] = {"name": name, "it_kw_per_rack": it_kw}
    if getattr(given, "life_years", None) is None:
        known["life_years"] = life
    return filler.fill(Generation, given, name, path, **known)


def _site(filler: Filler, name: str, site: Any, facility: Facility, ratio: float, ladder: Ladder) -> Site:
    path, phases = f"fleet.sites.{name}", []
    for phase_name, phase in site.phases.items():
        at = f"{path}.phases.{phase_name}"
        phases.append(
            filler.fill(
                Phase,
                phase,
                "phase",
                at,
                name=phase_name,
                **it_power(filler, phase.power, facility, ratio, f"{at}.power"),
                **_announced(filler, site, phase, path),
                **_operational(filler, phase, at, ladder),
            )
        )
    for quantity in POSITION:
        if (degrees := getattr(site, quantity)) is not None:
            filler.state(f"{path}.{quantity}", degrees)
    return filler.fill(Site, site, ["site", site.region], path, name=name, phases=tuple(phases))


def _operational(filler: Filler, phase: Any, path: str, ladder: Ladder) -> dict[str, Any]:
    """Return by how much power is late [days] so that the lags of each member end on the day on which a phase is known
    to begin to produce; nothing where that isn't known."""
    if phase.operational is None:
        return {}
    day = filler.state(f"{path}.operational", phase.operational)
    months = ladder.ready_lag_months + ladder.acceptance_lag_months + ladder.producing_lag_months
    return {"energised_delay_days": (day - phase.energised).days - months * DAYS_PER_MONTH}


def _announced(filler: Filler, site: Any, phase: Any, path: str) -> dict[str, Any]:
    """Return the announcement of a phase that states none: the site's, else the day on which it is energised."""
    if phase.announced is not None:
        return {}
    stated = None if site.announced is None else filler.state(f"{path}.announced", site.announced)
    return {"announced": stated or phase.energised}
