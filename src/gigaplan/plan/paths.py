"""Paths of the plan's schema: what may stand where."""

from __future__ import annotations

import datetime as dt
import typing
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel

from gigaplan.plan.partial import DatedKeys
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.bases import OnBasis
from gigaplan.vocabulary.units import Unit

ENTRIES = (dict, list, tuple)
"""Types that hold entries of one type."""


@cache
def section_fields(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names allowed at a path of the document (names of entries are any), for messages."""
    model = type_at(path)
    return tuple(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else ()


@cache
def type_at(path: tuple[str, ...]) -> Any:
    """Return the type of what stands at a path of the document, None where the schema has no such path."""
    found: Any = PlanDocument
    for part in path:
        found = _below(found, part)
    return found


def takes_entries(path: tuple[str, ...]) -> bool:
    """Return whether entries of the author's own names stand at a path."""
    return typing.get_origin(type_at(path)) is dict


def is_section(path: tuple[str, ...]) -> bool:
    """Return whether settings by name stand at a path: of the schema's names, or of the author's own."""
    return takes_entries(path) or bool(section_fields(path))


def is_date(path: tuple[str, ...]) -> bool:
    """Return whether a date stands at a path."""
    return type_at(path) is dt.date


def has_dated_keys(path: tuple[str, ...]) -> bool:
    """Return whether the names of the entries at a path are dates."""
    return any(isinstance(mark, DatedKeys) for mark in marks_at(path))


def unit_at(path: tuple[str, ...]) -> str:
    """Return the unit of the quantity that stands at a path, "" where none does."""
    return next((mark.symbol for mark in marks_at(path) if isinstance(mark, Unit | OnBasis)), "")


def bases_at(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the bases of which the quantity at a path states one."""
    return next((tuple(mark.bases) for mark in marks_at(path) if isinstance(mark, OnBasis)), ())


@cache
def marks_at(path: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the markers of what stands at a path of the document: bounds, unit, names."""
    if not path:
        return ()
    above = type_at(path[:-1])
    if isinstance(above, type) and issubclass(above, BaseModel) and path[-1] in above.model_fields:
        field = above.model_fields[path[-1]]
        return (*field.metadata, *_marks(field.annotation))
    return _marks(_entry(above)) if typing.get_origin(above) in ENTRIES else ()


def _marks(hint: Any) -> tuple[Any, ...]:
    """Return the markers of a type and of what it may be."""
    if typing.get_origin(hint) is Annotated:
        return typing.get_args(hint)[1:]
    return tuple(
        mark for part in typing.get_args(hint) if typing.get_origin(part) is Annotated for mark in _marks(part)
    )


@cache
def settings() -> tuple[tuple[str, ...], ...]:
    """Return the path of every line that a plan may have; ``*`` stands for an entry of the author's own name."""
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        path = waiting.pop()
        below = ("*",) if takes_entries(path) else section_fields(path)
        waiting += ((*path, name) for name in reversed(below))
        found += [path] * (not below)
    return tuple(found)


def _below(model: Any, part: str) -> Any:
    if isinstance(model, type) and issubclass(model, BaseModel):
        hint: Any = model.model_fields[part].annotation if part in model.model_fields else None
    elif typing.get_origin(model) in ENTRIES:
        hint = _entry(model)
    else:
        return None
    return _strip(hint)


def _entry(model: Any) -> Any:
    """Return the type of the entries of a mapping, a list or a tuple."""
    return next(a for a in reversed(typing.get_args(model)) if a is not Ellipsis)


def _strip(hint: Any) -> Any:
    """Drop Optional and Annotated from a type."""
    while True:
        if typing.get_origin(hint) is Annotated:
            hint = typing.get_args(hint)[0]
        elif type(None) in typing.get_args(hint):
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        else:
            return hint
