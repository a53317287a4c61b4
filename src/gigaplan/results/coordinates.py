"""Coordinates of a result: its quantities, the labels along its dims and their groups, and how a person writes them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

from gigaplan.demand.inputs import GENERATED, READ
from gigaplan.fleet.inputs import BEYOND, LADDER
from gigaplan.plan import resolver
from gigaplan.results.labelled import Labelled
from gigaplan.vocabulary.errors import Place, PlanError, Problem, allowed_names, nearest_name, unknown_choice
from gigaplan.vocabulary.labels import meant, plain
from gigaplan.vocabulary.variables import DIMS, Variable

PERIODS = ("month", "edge", "year")
"""Dims of time that the result may be given by."""
HORIZON = "horizon"
"""All years together, as a coordinate of the year."""


def years(result: Labelled) -> tuple[str, ...]:
    """Return the calendar years of the horizon."""
    return _years(result.labels["month"])


@lru_cache(maxsize=64)
def _years(months: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m[:4] for m in months))


def names_along(result: Labelled, dim: str) -> tuple[str, ...]:
    """Return the labels along a dim, ``year`` being the calendar years of the horizon."""
    return years(result) if dim == "year" else tuple(result.labels.get(dim, ()))


def groups(result: Labelled, dim: str) -> dict[str, tuple[str, ...]]:
    """Return the named groups of labels along a dim.

    They are bases of tokens, announced, existing and named sites, states of the ladder from one on, and all years.
    """
    labels = tuple(result.labels.get(dim, ()))
    if dim == "token":
        return {"generated": GENERATED, "processed": labels, "read": READ}
    if dim == "state":
        return {f"{s}{BEYOND}": tuple(n for n in LADDER[k:] if n in labels) for k, s in enumerate(LADDER)}
    if dim == "year":
        return {HORIZON: years(result)}
    if dim == "site":
        parts = {"announced": result.new_sites(), "existing": result.existing_sites(), "named": result.named_sites()}
        return {name: tuple(labels[i] for i in places) for name, places in parts.items()}
    return {}


GROUP_NAMES = {("site", "new"): "announced"}
"""Other names of groups of labels, as claims write them."""
SHOWN = {("limit", "site dates"): "power"}
"""Labels that the printed report words in another way."""


def label_of(result: Labelled, dim: str, text: str) -> str:
    """Return the label or group that a text means along a dim, or the text itself where it means none or several.

    A label is known by its name, by its name as a report shows it (``long context`` for ``long_context``), in any
    case, and by its beginning where only one begins so (``VR`` for ``vr_nvl72``).
    """
    known = [*names_along(result, dim), *groups(result, dim)]
    other = GROUP_NAMES.get((dim, plain(text))) or SHOWN.get((dim, plain(text)))
    if text not in known and other in known:
        return str(other)
    found = meant(text, known, by_beginning=dim not in PERIODS)
    named = resolver.resolved("system", text, tuple(known)) if dim == "generation" and found not in known else found
    return named if named in known else found


def _known(result: Labelled, dim: str) -> list[str]:
    return [*names_along(result, dim), *groups(result, dim)]


def dim_of(text: str, dims: Collection[str]) -> str:
    """Return the dim that a text means, in any case, or the text itself where it means none of them."""
    return meant(text, dims, by_beginning=False)


def unknown_coordinates(
    result: Labelled,
    variable: Variable,
    by: Sequence[str],
    at: Mapping[str, str | tuple[str, ...]],
    dims: Sequence[str],
) -> Iterator[Problem]:
    """Yield a problem for each dim that the quantity hasn't got, and for each label that isn't along its dim."""
    where = Place(variable.name)
    if sum(d in PERIODS for d in by) > 1:
        yield Problem(
            "is given by one of month, edge and year", where, value=", ".join(by), remedy="leave the others out"
        )
    for dim in dict.fromkeys([*by, *at]):
        if dim not in dims:
            allowed, near = ", ".join(dims) or "nothing", nearest_name(dim, dims)
            yield Problem(
                f"has no dim '{dim}'", where, value=dim, allowed=allowed, nearest=near, remedy="name another dim"
            )
        elif dim in at:
            labels = at[dim]
            for label in (labels,) if isinstance(labels, str) else labels:
                if label_of(result, dim, label) not in _known(result, dim):
                    yield _unknown_label(result, dim, label, f"has no '{label}' along {dim}", where)


def _unknown_label(result: Labelled, dim: str, label: str, message: str, place: Place) -> Problem:
    """Return the problem of a label that a dim doesn't have: of periods the first and the last are allowed."""
    known = _known(result, dim)
    if dim not in PERIODS:
        return unknown_choice(message, place, label, known, "name a label")
    periods = names_along(result, dim)
    allowed = f"{periods[0]} to {periods[-1]}" + (f", or {HORIZON}" if HORIZON in known else "")
    if dim != "year" and label in years(result):
        one = next(period for period in periods if period.startswith(label))
        remedy = f"write year={label}, or name one of its months as {dim}={one}"
        return Problem(message, place, value=label, allowed=allowed, nearest=f"year={label}", remedy=remedy)
    remedy = f"name one of these, written like {periods[0]}"
    return Problem(message, place, value=label, allowed=allowed, remedy=remedy)


def parse_at(text: str, result: Labelled | None = None) -> dict[str, str]:
    """Return the coordinates written as ``workload=chat,year=2031``.

    Parameters
    ----------
    text : str
        Dims and labels; empty for none.
    result : Labelled, optional
        A result whose labels the coordinates must be among.

    Raises
    ------
    PlanError
        With every part that isn't ``dim=label`` and every unknown dim and label, and the nearest name to each.
    """
    found: dict[str, str] = {}
    problems = []
    for part in filter(None, (p.strip() for p in re.split(r",(?=\s*\w+\s*=)", text))):
        dim, equals, label = (p.strip() for p in part.partition("="))
        dim = dim_of(dim, DIMS)
        if not equals or not label:
            problems.append(_written(part, "is not dim=label", "", "", "write it as workload=chat,year=2031"))
        elif dim not in DIMS:
            near = nearest_name(dim, DIMS)
            problems.append(
                _written(dim, "is no dim of a result", allowed_names(DIMS), near, "docs/glossary.md names them")
            )
        elif result and label_of(result, dim, label) not in _known(result, dim):
            message = f"'{label}' is no label along {dim}"
            problems.append(_unknown_label(result, dim, label, message, Place("--at")))
        else:
            found[dim] = label_of(result, dim, label) if result else label
    if problems:
        raise PlanError(problems)
    return found


def _written(value: str, message: str, allowed: str, nearest: str, remedy: str) -> Problem:
    return Problem(f"'{value}' {message}", Place("--at"), value=value, allowed=allowed, nearest=nearest, remedy=remedy)
