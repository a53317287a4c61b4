"""What the rules share: names, dates, and what does nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from gigaplan.plan.document import Node
from gigaplan.plan.resolver import resolved, unresolved
from gigaplan.vocabulary.errors import Problem, nearest_name, unknown_choice
from gigaplan.vocabulary.units import parse_date


def known_name(
    name: str,
    known: Iterable[str],
    what: str,
    root: Node,
    path: tuple[str | int, ...],
    remedy: str = "check the spelling",
    *,
    key: bool = False,
    kind: str = "",
) -> Iterator[Problem]:
    """Yield the problem of a name that is none of the known ones, if it is none of them.

    Parameters
    ----------
    name, known
        The name, and those that are allowed.
    what
        What it names.
    root, path
        The document, and where the name stands in it.
    remedy
        What to do.
    key
        Whether the name is the key at the path.
    kind
        What the resolver of names takes it for, as ``model``; "" for a name of the plan's own.
    """
    known, place = tuple(known), root.place(path, key=key)
    if name in known:
        return
    if kind:
        there = f"{name} is in the catalog, but is no {what}" if resolved(kind, name) == name else ""
        yield unresolved(kind, name, place, known, there or f"no such {what}", remedy)
    else:
        yield unknown_choice(f"no such {what}", place, name, known, remedy)


def meant(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return names with each unknown one replaced by the nearest known one, so that a slip is reported only once."""
    known = list(known)
    right = (name if name in known else nearest_name(name, known) or name for name in names)
    return list(dict.fromkeys([*right, *names]))


def twice(names: Sequence[str], root: Node, path: tuple[str, ...]) -> Iterator[Problem]:
    """Yield the problem of each name of a list that has been given before."""
    for i, name in enumerate(names):
        if name in names[:i]:
            yield Problem("named twice", root.place((*path, i)), value=name, remedy="remove one")


def day_of(key: str) -> dt.date | None:
    """Return the day that a key names, None where it names none (:func:`dated_keys` reports it)."""
    try:
        return parse_date(key)
    except ValueError:
        return None


def as_read(day: dt.date, written: str) -> str:
    """Return a day as its author wrote it, and as it was read where that differs: a period stands for its middle day.

    >>> as_read(dt.date(2027, 1, 16), "2027-01")
    '2027-01, read as 2027-01-16'
    """
    return f"{written}, read as {day}" if written not in ("", str(day)) else str(day)


def too_early(early: str, late: str) -> str:
    """Return in words that a day comes before another, both as :func:`as_read` gives them."""
    return f"{early}{',' * ('read as' in early)} before {late}"


def first_of_month(day: dt.date) -> dt.date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def outside(where: str, root: Node, path: tuple[str, ...], day: dt.date, why: str, key: str = "") -> Problem:
    """Return the warning of a date outside the horizon; the date is the value at a path, or its key."""
    remedy = "move the date or the horizon; the run goes on"
    return Problem(
        f"{where}, so {why}",
        root.place(path),
        value=as_read(day, key or root.written(path)),
        remedy=remedy,
        severity="warning",
    )


def not_empty(names: Sequence[str] | None, root: Node, path: tuple[str, ...]) -> Iterator[Problem]:
    """Yield the problems of a list that chooses: it names some, and each once; an empty one would quietly mean all."""
    if names is not None and not names:
        remedy = "name what is meant, or remove the line, which takes all"
        yield Problem("an empty list", root.place(path), value="[]", allowed="one name or more", remedy=remedy)
    yield from twice(names or (), root, path)
