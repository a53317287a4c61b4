"""Architectures of the catalog's models, for what is read before a plan is resolved."""

from __future__ import annotations

from dataclasses import fields

from gigaplan.catalog import Catalog
from gigaplan.compute.transformer import Architecture


def architecture_of(facts: Catalog, model: str) -> Architecture:
    """Return the architecture that the chosen facts of a model describe.

    Parameters
    ----------
    facts
        The catalog.
    model
        Name of a model in it.

    Raises
    ------
    TypeError
        If the catalog lacks a part that every architecture has.
    InputError
        If its parts don't go together.
    """
    known = [f.name for f in fields(Architecture) if facts.has(model, f.name)]
    return Architecture(**{name: int(facts.find(model, name).number) for name in known})
