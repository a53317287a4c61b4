"""Cooling plants of the catalog's figures."""

from __future__ import annotations

from dataclasses import fields

from gigaplan.catalog import Catalog
from gigaplan.power.cooling_inputs import Cooling, Rejection

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
