"""Cooling plants of the catalog's figures."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from gigaplan.catalog import Catalog
from gigaplan.catalog.climates import climate, first_year
from gigaplan.plan.resolve.filler import Filler
from gigaplan.power.cooling_inputs import Cooling, Rejection, Weather
from gigaplan.power.overhead import Overhead, overhead

SHARED = "cooling"
"""Entity of the catalog whose figures hold for every kind of plant that has none of its own."""


def entities_of(kind: Rejection) -> list[str]:
    """Return the catalog's entities of a kind of plant, the nearest first.

    Parameters
    ----------
    kind : Rejection
        How heat leaves the site.
    """
    return [f"{SHARED}_{kind.value}", SHARED]


def cooling_of(facts: Catalog, kind: Rejection = Rejection.DRY) -> Cooling:
    """Return a plant of the catalog's central figures.

    Parameters
    ----------
    facts : Catalog
        The catalog.
    kind : Rejection
        How heat leaves the site.
    """
    values = {}
    for field in fields(Cooling):
        if field.name != "rejection":
            owner = next(e for e in entities_of(kind) if facts.has(e, field.name))
            values[field.name] = facts.find(owner, field.name).number
    return Cooling(rejection=kind, **values)


def by_weather(filler: Filler, given: Any, path: str, own: dict[tuple[str, str], Overhead]) -> dict[str, Any]:
    """Return the figures of a facility that follow from its weather, each of them recorded.

    Parameters
    ----------
    filler : Filler
        Fills inputs and records them.
    given : model
        What the plan states of the facility; its weather among it.
    path : str
        Path of the facility in the ledger.
    own : dict
        What has been calculated of other facilities, by weather and kind of plant; this one is added.
    """
    name = filler.state(f"{path}.weather", given.weather)
    stated = given.cooling
    kind = Rejection(filler.state(f"{path}.cooling", stated) if stated else Rejection.DRY)
    plant = filler.fill(Cooling, None, entities_of(kind), f"{path}.plant", rejection=kind)
    if (name, kind) not in own:
        at = climate(name)
        own[name, kind] = overhead(plant, at.month, at.hour, at.dry_bulb_c, at.wet_bulb_c)
    found = own[name, kind]
    busy = filler.facts.find("draw_curve", "busy_share").number
    dry, wet = first_year(climate(name))
    known: dict[str, Any] = {
        "hourly": found,
        "plant": plant,
        "weather": Weather(dry_bulb_c=dry, wet_bulb_c=wet),
        "pue": found.pue(busy),
        "loss_share": found.loss_share(busy),
        "pue_summer_rise": 0.0,
    }
    if given.facility_to_it_peak is None:
        known["facility_to_it_peak"] = found.peak
    return known
