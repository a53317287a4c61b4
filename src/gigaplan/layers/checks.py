"""What one-layer questions may name: models and systems of the catalog."""

from __future__ import annotations

from collections.abc import Sequence

from gigaplan.catalog import Catalog
from gigaplan.plan.ratings import EFFICIENT, GpuPower, has_profiles, limit_problem
from gigaplan.plan.resolver import resolved, unresolved
from gigaplan.vocabulary.errors import Place, Problem


def catalog_name(kind: str, name: str) -> str:
    """Return the catalog's name that a question's name means, the name itself where it means none.

    Parameters
    ----------
    kind
        ``model`` or ``system``.
    name
        As the question gives it.
    """
    return resolved(kind, name) or name


def unknown_names(models: Sequence[str], systems: Sequence[str], place: Place) -> list[Problem]:
    """Return a problem for each name that means nothing in the catalog.

    Parameters
    ----------
    models, systems
        Names that a question gives.
    place
        Where problems are reported.
    """
    return [
        unresolved(kind, name, place)
        for kind, names in (("model", models), ("system", systems))
        for name in names
        if not resolved(kind, name)
    ]


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


def unsuited_power(facts: Catalog, systems: Sequence[str], power: GpuPower, place: Place) -> list[Problem]:
    """Return a problem for each system whose GPUs can't have a stated power limit.

    Parameters
    ----------
    facts
        The catalog.
    systems
        Names of systems in it.
    power
        Profile and limit.
    place
        Where problems are reported.
    """
    if not power.limit_w:
        return []
    found = (limit_problem(facts, system, power, place) for system in systems)
    return [problem for problem in found if problem is not None]


def without_profiles(facts: Catalog, systems: Sequence[str], power: GpuPower) -> tuple[str, ...]:
    """Return a note on each system on which a profile other than the usual one has no effect.

    Parameters
    ----------
    facts
        The catalog.
    systems
        Names of systems in it.
    power
        Profile and limit.
    """
    if power.profile == EFFICIENT.profile:
        return ()
    alike = (s for s in systems if not has_profiles(facts, s))
    return tuple(f"profile {power.profile} has no effect on {s}, which is rated at one power" for s in alike)
