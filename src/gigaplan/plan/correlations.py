"""Rank correlations that a plan states between its uncertain inputs: known names, one for each pair, and possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gigaplan.catalog import Catalog
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.correlations import Cluster, Correlation, clusters
from gigaplan.vocabulary.errors import Place, Problem, nearest_name
from gigaplan.vocabulary.sampling import Choice, Spread

PATH = ("uncertainty", "correlations")


@dataclass(frozen=True, slots=True)
class Uncertain:
    """What of a plan may be correlated.

    Attributes
    ----------
    ranges, choices
        Ranges and choices that the plan states, by dotted path.
    facts
        The catalog in use, some of whose facts have a range.
    """

    ranges: Mapping[str, Spread]
    choices: Mapping[str, Choice]
    facts: Catalog

    def source(self, name: str) -> str:
        """Return the source of draws of a name: a group, a fact, or a path; empty where it is none."""
        stated: Spread | Choice | None = self.ranges.get(name) or self.choices.get(name)
        if stated is not None:
            return stated.group or name
        return name if name in self.names else ""

    @property
    def names(self) -> set[str]:
        """Return the names that may be correlated: paths, groups, and facts, those of a series under one name."""
        stated = {*self.ranges, *self.choices}
        groups = {r.group for r in self.ranges.values()} | {c.group for c in self.choices.values()}
        found = (f for f in self.facts.facts if f.chosen and f.low is not None and f.high is not None)
        series = self.facts.quantities
        return (
            stated
            | (groups - {""})
            | {
                f"{f.entity}.{f.quantity}"
                if f.quantity in series and series[f.quantity].series
                else self.facts.stream_of(f)
                for f in found
            }
        )


def correlated(
    document: PlanDocument, root: Node, uncertain: Uncertain, problems: list[Problem]
) -> tuple[Cluster, ...]:
    """Return the inputs that the plan correlates.

    Parameters
    ----------
    document
        The plan.
    root
        Its tree, for places.
    uncertain
        What may be correlated.
    problems
        Receives what is wrong: unknown names, a pair twice, correlations that can't be together.
    """
    found: dict[frozenset[str], Correlation] = {}
    wrong: list[Problem] = []
    for k, stated in enumerate(document.uncertainty.correlations):
        sources = [uncertain.source(name) for name in stated.between]
        for i, (name, source) in enumerate(zip(stated.between, sources, strict=True)):
            if not source:
                wrong.append(_unknown(name, uncertain, root, root.place((*PATH, k, "between", i))))
        if all(sources):
            wrong += _twice(sources, found, root.place((*PATH, k, "between")))
            found[frozenset(sources)] = Correlation(sources[0], sources[1], stated.rank)
    problems += wrong
    together = tuple(clusters(tuple(found.values()))) if not wrong else ()
    problems += (_impossible(one, root) for one in together if not one.possible)
    return together


def _unknown(name: str, uncertain: Uncertain, root: Node, place: Place) -> Problem:
    """Return the problem of a name that no draws belong to."""
    known = sorted(uncertain.names)
    stated, there = root.at(root.parts(name))
    fact = any(f.id == name for f in uncertain.facts.facts)
    message = "this has no range" if (there and not isinstance(stated.value, dict)) or fact else "no such input"
    return Problem(
        message,
        place,
        value=name,
        allowed="a line of the plan with a range, a fact that has one, or a group",
        nearest=nearest_name(name, known),
        remedy="state its range, or name another" if message == "this has no range" else "check the spelling",
    )


def _twice(sources: list[str], found: Mapping[frozenset[str], Correlation], place: Place) -> Iterator[Problem]:
    """Yield a pair that is one input, or stands there already."""
    if sources[0] == sources[1]:
        yield Problem("both have one draw", place, value=sources[0], remedy="name two that have their own")
    elif frozenset(sources) in found:
        yield Problem("this pair stands here twice", place, value=" and ".join(sources), remedy="state it once")


def _impossible(one: Cluster, root: Node) -> Problem:
    """Return the problem of correlations that no draws can have, with the nearest that they can."""
    nearest = "; ".join(f"{c.first} and {c.second} {c.rank:.2f}" for c in one.nearest())
    return Problem(
        "these correlations can't all be (their matrix isn't positive definite)",
        root.place(PATH),
        value=", ".join(one.names),
        remedy=f"the nearest that can be: {nearest}",
    )
