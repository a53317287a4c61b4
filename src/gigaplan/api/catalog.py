"""The catalog's verbs: what it holds, by kind, by words, one by one, and whether its rows are complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gigaplan import catalog as facts
from gigaplan.catalog import Found, Listed, Overview, Shown
from gigaplan.plan.model_counts import wrong_counts
from gigaplan.plan.own.written import own_yaml
from gigaplan.plan.resolver import resolved_any
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.show import Brief, BriefRows, Items


@dataclass(frozen=True, slots=True, repr=False)
class CatalogCheck(Brief):
    """How many facts there are, and what is wrong with them."""

    facts: int
    vintage: str
    problems: tuple[Problem, ...]

    def brief_title(self) -> str:
        """Return how many facts have how many problems."""
        return f"{self.facts:,} facts, {len(self.problems)} problems, vintage {self.vintage}"

    def brief_rows(self) -> BriefRows:
        """Return the problems."""
        return ((p.place.path or str(p.place), p.message) for p in self.problems)

    @property
    def holds(self) -> bool:
        """Whether no fact has a problem."""
        return not self.problems


def catalog_overview() -> Overview:
    """Return what the catalog holds: facts and entities by kind, by table and by evidence."""
    return facts.overview()


def catalog_list(kind: str = "") -> Items[Listed]:
    """Return the entities of a kind (systems, models, sites, deals, ...), or all.

    Raises
    ------
    PlanError
        If there is no such kind; the nearest is given.
    """
    return Items(facts.listing(kind))


def catalog_search(words: str | Sequence[str], limit: int = 20) -> Found:
    """Return the facts that match words, best first, and the nearest known word to each that matches none.

    Parameters
    ----------
    words : str or sequence of str
        Parts of words count too.
    limit : int
        Most facts to return.
    """
    return facts.search(words, limit)


def catalog_show(name: str) -> Items[Shown]:
    """Return the facts of an entity, a quantity, ``entity.quantity`` or an id, each with its rivals.

    Raises
    ------
    PlanError
        If there is no such name; the nearest is given.
    """
    try:
        return Items(facts.show(name))
    except PlanError:
        entity, dot, quantity = name.rpartition(".")
        found = next((n for n in (resolved_any(name), resolved_any(entity) + dot + quantity) if n), name)
        if found in (name, f".{quantity}"):
            raise
        return Items(facts.show(found))


def catalog_yaml(name: str) -> str:
    """Return a system or a region of the catalog as the YAML of one of your own, to start from.

    Parameters
    ----------
    name : str
        Name of the system or the region.

    Raises
    ------
    PlanError
        If the catalog has no such system or region; the nearest is given.
    """
    return own_yaml(name)


def catalog_check() -> CatalogCheck:
    """Return the facts without source, unit or basis, values outside their range, and published counts of parameters
    that aren't the architecture's."""
    loaded = facts.load()
    return CatalogCheck(len(loaded.facts), loaded.vintage, (*facts.check(), *wrong_counts(loaded)))
