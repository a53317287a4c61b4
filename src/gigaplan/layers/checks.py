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
