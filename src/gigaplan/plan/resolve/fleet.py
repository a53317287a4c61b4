"""Generations, sites and the existing fleet of a plan."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Gt

from gigaplan.fleet.inputs import FleetInputs, Generation, Ladder, OpeningBlock, Phase, Site
from gigaplan.plan.resolve.filler import Filler, profiled
from gigaplan.plan.resolve.power import it_power
from gigaplan.plan.schema import PlanDocument
from gigaplan.power.inputs import Facility
from gigaplan.vocabulary.bases import Profile
from gigaplan.vocabulary.members import Uncertain


def fleet(filler: Filler, doc: PlanDocument, facilities: tuple[Facility, ...], shared: Facility) -> FleetInputs:
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
    """
    ratio = filler.number("fleet.generations.it_per_rack_power", "facility", "it_per_rack_power")
    life = filler.value(
        "fleet.generations.life_years", filler.facts.find("build", "life_years"), Annotated[Uncertain, Gt(0)]
    )
    generations = tuple(_generation(filler, doc, name, ratio, life) for name in doc.fleet.generations)
    sites = tuple(
        _site(filler, name, site, facility, ratio)
        for (name, site), facility in zip(doc.fleet.sites.items(), facilities, strict=False)
    )
    existing = []
    for name, block in doc.fleet.opening.items():
        path = f"fleet.opening.{name}"
        power = it_power(filler, block.power, shared, ratio, f"{path}.power")
        existing.append(filler.fill(OpeningBlock, block, "opening", path, name=name, power=power))
    return FleetInputs(
        generations=generations,
        sites=sites,
        opening=tuple(existing),
        ladder=filler.fill(Ladder, doc.fleet.ladder, "ladder", "fleet.ladder"),
        newest_among=tuple(doc.fleet.newest_among or ()),
    )


def _generation(filler: Filler, doc: PlanDocument, name: str, ratio: float, life: Uncertain) -> Generation:
    path, given = f"fleet.generations.{name}", doc.fleet.systems.get(name)
    rack_kw = profiled(filler.facts, name, "rack_power_kw", Profile(doc.fleet.profile))
    known: dict[str, Any] = {
        "name": name,
        "it_kw_per_rack": filler.ledger.read(f"{path}.rack_power_kw", rack_kw).number * ratio,
    }
    if getattr(given, "life_years", None) is None:
        known["life_years"] = life
    return filler.fill(Generation, given, name, path, **known)


def _site(filler: Filler, name: str, site: Any, facility: Facility, ratio: float) -> Site:
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
                power=it_power(filler, phase.power, facility, ratio, f"{at}.power"),
                **_announced(filler, site, phase, path),
            )
        )
    return filler.fill(Site, site, ["site", site.region], path, name=name, phases=tuple(phases))


def _announced(filler: Filler, site: Any, phase: Any, path: str) -> dict[str, Any]:
    """Return the announcement of a phase that states none: the site's, else the day on which it is energised."""
    if phase.announced is not None:
        return {}
    stated = None if site.announced is None else filler.state(f"{path}.announced", site.announced)
    return {"announced": stated or phase.energised}
