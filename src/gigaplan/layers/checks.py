"""What one-layer questions may name: models and systems of the catalog."""

from __future__ import annotations

from collections.abc import Sequence

from gigaplan.catalog import Catalog
from gigaplan.catalog.names import SYSTEMS
from gigaplan.vocabulary.errors import Place, Problem, nearest_name


def unknown_names(facts: Catalog, models: Sequence[str], systems: Sequence[str], place: Place) -> list[Problem]:
    """Return a problem for each name that the catalog lacks.

    Parameters
    ----------
    facts
        The catalog.
    models, systems
        Names that a question gives.
    place
        Where problems are reported.
    """
    found = []
    for kind, names, known in (
        ("model", models, facts.entities("layers")),
        ("system", systems, facts.entities("hbm_bandwidth_bytes_per_s")),
    ):
        remedy = f"gigaplan catalog list {kind}s shows them all"
        for name in names:
            if name not in known:
                near = (SYSTEMS.get(name.lower(), "") if kind == "system" else "") or nearest_name(name, known)
                found.append(Problem(f"no such {kind} in the catalog", place, value=name, nearest=near, remedy=remedy))
    return found


def longest_context(facts: Catalog, model: str) -> float:
    """Return the longest context that a model was made for [token], infinite where the catalog has none.

    Parameters
    ----------
    facts
        The catalog.
    model
        Name of a model in it.
    """
    return facts.find(model, "context_max").number if facts.has(model, "context_max") else float("inf")


def too_long(facts: Catalog, models: Sequence[str], tokens: float, place: Place) -> list[Problem]:
    """Return a problem for each model that a request of so many tokens is too long for.

    Parameters
    ----------
    facts
        The catalog.
    models
        Names of models in it.
    tokens
        Tokens of a request in all [token].
    place
        Where problems are reported.
    """
    return [
        Problem(
            f"input and output are {tokens:,.0f} tokens together, more than {name} takes",
            place,
            value=f"{tokens:,.0f}",
            allowed=f"{longest_context(facts, name):,.0f}, the model's longest context",
            remedy="give a shorter input or output",
        )
        for name in models
        if tokens > longest_context(facts, name)
    ]
