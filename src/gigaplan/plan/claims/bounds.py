"""Reading bounds: what a figure must keep, and the reductions of a whole value over time that have conditions."""

from __future__ import annotations

from collections.abc import Mapping

from gigaplan.catalog import Catalog
from gigaplan.plan.claims.language import (
    ALL,
    COMPARISONS,
    DATE_BOUNDS,
    STEPS,
    Bound,
    FactRef,
    OverTime,
    Read,
    Value,
)
from gigaplan.plan.claims.problems import Path, Problems
from gigaplan.plan.claims.values import Scope, read_condition, read_value
from gigaplan.plan.document import Node
from gigaplan.vocabulary.bases import FLOPS_BASES, PowerBasis, Profile, TokenBasis
from gigaplan.vocabulary.variables import variables

BASIS_KINDS: Mapping[str, tuple[str, ...]] = {
    "power": tuple(PowerBasis),
    "profile": tuple(Profile),
    "flops": FLOPS_BASES,
    "token": tuple(TokenBasis),
}


def is_date(value: Value | None) -> bool:
    """Return whether a value is a day: a quantity in days since the start of the horizon."""
    read = value.head if value and isinstance(value.head, Read) else None
    return bool(read and read.quantity.endswith("_day") and variables()[read.quantity].unit == "days")


def read_bounds(
    entries: dict[str, Node], path: Path, found: Problems, facts: Catalog, *, dates: bool, value: Value | None
) -> tuple[Bound, ...]:
    """Return the bounds of a reading; ``by`` of a number is no bound but the end of its window."""
    dates = dates or is_date(value)
    bounds = []
    if "happens" in entries:
        bounds.append(Bound("happens", ""))
    for kind in COMPARISONS:
        if kind in entries:
            bounds += _number_bound(kind, entries[kind], (*path, kind), found, facts, dates)
    if "between" in entries:
        bounds += _between(entries["between"], (*path, "between"), found, facts)
    for kind in DATE_BOUNDS:
        if kind not in entries or (kind == "by" and not dates):
            continue
        node, where = entries[kind], (*path, kind)
        if not dates:
            found.add(
                f"'{kind}' bounds a date, and this is a number", where, remedy="give at_least, at_most or between"
            )
        elif isinstance(node.value, dict):
            limit = read_value(node, where, found, facts, Scope())
            if limit is not None and not isinstance(limit.head, FactRef):
                found.add("a date is written, or is a fact", where, remedy="write a date or {fact: entity.quantity}")
            elif limit is not None:
                bounds.append(Bound(kind, limit))
        else:
            bounds.append(Bound(kind, found.period(found.text(node, where), where)))
    return tuple(bounds)


def _number_bound(kind: str, node: Node, path: Path, found: Problems, facts: Catalog, dates: bool) -> list[Bound]:
    if dates:
        allowed = ", ".join((*DATE_BOUNDS, "happens"))
        found.add(
            f"'{kind}' bounds a number, and this is a date", path, allowed=allowed, remedy="give the date by which"
        )
        return []
    if node.value == ALL:
        return [Bound(kind, ALL)]
    limit = read_value(node, path, found, facts, Scope())
    return [Bound(kind, limit)] if limit is not None else []


def _between(node: Node, path: Path, found: Problems, facts: Catalog) -> list[Bound]:
    """Return both ends: a list of two, or a fact with a range."""
    if isinstance(node.value, list) and len(node.value) == 2:
        low, high = (read_value(n, (*path, i), found, facts, Scope()) for i, n in enumerate(node.value))
        return [Bound("between", low, high)] if low is not None and high is not None else []
    limit = read_value(node, path, found, facts, Scope()) if isinstance(node.value, dict) else None
    if limit is None or not isinstance(limit.head, FactRef):
        remedy = "write [4e6, 5e6] or {fact: entity.quantity}"
        found.add("'between' has two ends", path, allowed="a list of two, or a fact with a range", remedy=remedy)
        return []
    return [Bound("between", limit)]


def read_over_time(kind: str, node: Node, path: Path, found: Problems, facts: Catalog) -> OverTime | None:
    """Return a reduction of the whole value over time."""
    if kind == "years":
        step = found.text(node, path)
        return OverTime(kind, step=step) if found.known("no such step", step, STEPS, path) else None
    if kind == "growth":
        entries = found.keys(node, path, ("from", "to"))
        for name in ("from", "to"):
            if name not in entries:
                found.missing(name, path, f"say which window: '{name}: last year', or a period")
        windows = tuple(found.text(entries.get(name), (*path, name)) for name in ("from", "to"))
        for name, text in zip(("from", "to"), windows, strict=True):
            if text and text not in ("first year", "last year"):
                found.period(text, (*path, name))
        return OverTime(kind, windows=(windows[0], windows[1]))
    condition = read_condition(node, path, found, facts, Scope())
    return OverTime(kind, condition) if condition else None
