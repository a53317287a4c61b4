"""Coordinates of a result: its quantities, the labels along its dims and their groups, and how a person writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gigaplan.demand.inputs import GENERATED
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.variables import DIMS, Variable, variables

PERIODS = ("month", "edge", "year")
"""Dims of time that the result may be given by."""
EXISTING = "opening "
"""Places whose name begins so are the existing fleet's."""


def quantity(name: str) -> Variable:
    """Return a quantity's row of the variable table; PlanError gives the nearest name."""
    table = variables()
    if name not in table:
        near = nearest_name(name, table)
        where = Place("result")
        remedy = "name a result quantity"
        raise PlanError(
            [Problem("no such quantity", where, value=name, allowed=", ".join(table), nearest=near, remedy=remedy)]
        )
    return table[name]


def years(result: Result) -> tuple[str, ...]:
    """Return the calendar years of the horizon."""
    return tuple(dict.fromkeys(m[:4] for m in result.labels["month"]))


def names_along(result: Result, dim: str) -> tuple[str, ...]:
    """Return the labels along a dim, ``year`` being the calendar years of the horizon."""
    return years(result) if dim == "year" else tuple(result.labels.get(dim, ()))


def groups(result: Result, dim: str) -> dict[str, tuple[str, ...]]:
    """Return the named groups of labels along a dim: the bases of tokens, announced and existing sites."""
    labels = tuple(result.labels.get(dim, ()))
    if dim == "token":
        return {"generated": GENERATED, "processed": labels}
    if dim == "site":
        existing = tuple(n for n in labels if n.startswith(EXISTING))
        return {"announced": tuple(n for n in labels if n not in existing), "existing": existing}
    return {}


def unknown_coordinates(
    result: Result, variable: Variable, by: Sequence[str], at: Mapping[str, str], dims: Sequence[str]
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
        elif dim in at and at[dim] not in (known := [*names_along(result, dim), *groups(result, dim)]):
            allowed, near = ", ".join(known), nearest_name(at[dim], known)
            yield Problem(
                f"has no '{at[dim]}' along {dim}",
                where,
                value=at[dim],
                allowed=allowed,
                nearest=near,
                remedy="name a label",
            )


def parse_at(text: str, result: Result | None = None) -> dict[str, str]:
    """Return the coordinates written as ``workload=chat,year=2031``.

    Parameters
    ----------
    text : str
        Dims and labels; empty for none.
    result : Result, optional
        A result whose labels the coordinates must be among.

    Raises
    ------
    PlanError
        With every part that isn't ``dim=label``, every unknown dim and every unknown label, and the nearest name to each.
    """
    found: dict[str, str] = {}
    problems = []
    for part in filter(None, (p.strip() for p in re.split(r",(?=\s*\w+\s*=)", text))):
        dim, equals, label = (p.strip() for p in part.partition("="))
        if not equals or not label:
            problems.append(_written(part, "is not dim=label", "", "", "write it as workload=chat,year=2031"))
        elif dim not in DIMS:
            near = nearest_name(dim, DIMS)
            problems.append(_written(dim, "is no dim of a result", ", ".join(DIMS), near, "name a dim"))
        elif result and label not in (known := [*names_along(result, dim), *groups(result, dim)]):
            near = nearest_name(label, known)
            problems.append(_written(label, f"is no label along {dim}", ", ".join(known), near, "name a label"))
        else:
            found[dim] = label
    if problems:
        raise PlanError(problems)
    return found


def _written(value: str, message: str, allowed: str, nearest: str, remedy: str) -> Problem:
    return Problem(f"'{value}' {message}", Place("--at"), value=value, allowed=allowed, nearest=nearest, remedy=remedy)
