"""Reading values: a number, a fact or a result quantity, and the operations on it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from gigaplan.catalog import Catalog
from gigaplan.catalog.catalog import BASES, UnknownFactError
from gigaplan.plan.claims.language import (
    COMPARISONS,
    OPERATIONS,
    Bound,
    Condition,
    FactRef,
    GpusIn,
    Number,
    PeakOf,
    Read,
    Stated,
    Value,
)
from gigaplan.plan.claims.problems import Path, Problems
from gigaplan.plan.claims.quantities import check_folds, check_labels, check_reduction, check_window, time_dim
from gigaplan.plan.document import Node
from gigaplan.vocabulary.units import factor, parse_quantity
from gigaplan.vocabulary.variables import variables

HEADS = ("quantity", "fact", "gpus_in", "peak_of", "stated", "number")
QUALIFIERS = ("at", "over", "reduce", "during", "on", "of")
VALUE_KEYS = (*HEADS, *QUALIFIERS, *OPERATIONS)
_NUMBER = re.compile(r"([-+]?[\d.,_]+(?:[eE][-+]?\d+)?)\s*(thousand|million|billion|trillion)?\s*(.*)")


@dataclass(frozen=True, slots=True)
class Scope:
    """What surrounds a value: the dims that stay apart, and whether it is taken at every moment."""

    kept: tuple[str, ...] = ()
    as_path: bool = False


def read_number(text: str) -> Number:
    """Return a number with its unit from a person's text; ValueError if it is none or its unit is unknown."""
    if "$" in text:
        return Number(parse_quantity(text, "USD"), "USD")
    if "%" in text:
        return Number(parse_quantity(text, "share"), "1")
    match = _NUMBER.fullmatch(text.strip())
    if not match:
        raise ValueError("not a number, with its unit where it has one")
    unit = match[3].strip()
    if unit:
        factor(unit, unit)
    return Number(parse_quantity(" ".join(t for t in match.groups()[:2] if t), "1"), unit)


def read_value(
    node: Node, path: Path, found: Problems, facts: Catalog, scope: Scope, more: Collection[str] = ()
) -> Value | None:
    """Return a value, None where it is wrong; ``more`` are names that stand next to it and are read elsewhere."""
    if not isinstance(node.value, dict):
        number = _number(node, path, found)
        return Value(number) if number else None
    entries = found.keys(node, path, [*VALUE_KEYS, *more])
    heads = [name for name in HEADS if name in entries]
    if len(heads) != 1:
        given = " and ".join(heads) or "none"
        remedy = "give exactly one of them"
        found.add("a value is read from one source", path, value=given, allowed=", ".join(HEADS), remedy=remedy)
        return None
    head = _head(heads[0], entries, path, found, facts, scope)
    operations: list[tuple[str, Value]] = []
    for name in (k for k in entries if k in OPERATIONS):

        def operand(below: Node, where: Path) -> Value | None:
            return read_value(below, where, found, facts, scope)

        operations += [(name, v) for v in found.listed(entries[name], (*path, name), operand) if v is not None]
    return Value(head, tuple(operations)) if head is not None else None


def _number(node: Node, path: Path, found: Problems) -> Number | None:
    if isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return Number(float(node.value))
    try:
        return read_number(found.text(node, path))
    except ValueError as error:
        remedy = "write for example 4e6, 2 GW, $500B or 40 %; or a fact: {fact: entity.quantity}"
        found.add(str(error), path, value=node.value, remedy=remedy)
        return None


def _head(
    name: str, entries: dict[str, Node], path: Path, found: Problems, facts: Catalog, scope: Scope
) -> Number | FactRef | Read | GpusIn | PeakOf | Stated | None:
    node, where = entries[name], (*path, name)
    needless = [k for k in entries if k in QUALIFIERS and k not in _qualifiers(name)]
    for key in needless:
        found.add(f"'{key}' says nothing of a {name}", (*path, key), key=True, remedy=f"remove '{key}'")
    if name == "number":
        return _number(node, where, found)
    if name == "quantity":
        return _read(entries, path, found, facts, scope)
    if name == "stated":
        return Stated(found.text(node, where))
    if name == "fact":
        return _fact(entries, path, found, facts)
    systems = facts.entities("rack_power_kw")
    if name == "peak_of":
        system = found.text(node, where)
        return PeakOf(system) if found.known("no such system", system, systems, where) else None
    power = read_value(node, where, found, facts, scope)
    if "of" not in entries:
        found.missing("of", path, "say which system: 'of: vr_nvl72'")
        return None
    system = found.text(entries["of"], (*path, "of"))
    known = found.known("no such system", system, systems, (*path, "of"))
    return GpusIn(power, system) if known and power is not None else None


def _qualifiers(head: str) -> tuple[str, ...]:
    return {"quantity": ("at", "over", "reduce", "during"), "fact": ("on",), "gpus_in": ("of",)}.get(head, ("during",))


def _labels(node: Node, path: Path, found: Problems) -> tuple[str, ...]:
    """Return the labels of a dim, at least one."""
    labels = found.texts(node, path)
    if not labels:
        found.add("no label is named", path, value="[]", remedy="name one or several, or leave the dim out")
    return labels


def _read(entries: dict[str, Node], path: Path, found: Problems, facts: Catalog, scope: Scope) -> Read | None:
    """Return a reading of a result quantity, checked against the variable table."""
    name = found.text(entries["quantity"], (*path, "quantity"))
    if not found.known("no such result quantity", name, variables(), (*path, "quantity")):
        return None
    at = found.mapping(entries["at"], (*path, "at")) if "at" in entries else {}
    over = found.mapping(entries["over"], (*path, "over")) if "over" in entries else {}
    reduce = found.text(entries.get("reduce"), (*path, "reduce"))
    during = found.text(entries.get("during"), (*path, "during"))
    read = Read(
        name,
        tuple((dim, labels) for dim, node in at.items() if (labels := _labels(node, (*path, "at", dim), found))),
        tuple((dim, found.text(node, (*path, "over", dim))) for dim, node in over.items()),
        reduce,
        during,
    )
    check_window(during, (*path, "during"), found)
    check_labels(read, path, found, facts)
    check_folds(read, scope.kept, path, found)
    check_reduction(read, scope.as_path and bool(time_dim(name)), path, found)
    return read


def _fact(entries: dict[str, Node], path: Path, found: Problems, facts: Catalog) -> FactRef | None:
    """Return a fact of the catalog that is there, on the bases given."""
    where = (*path, "fact")
    name = found.text(entries["fact"], where)
    entity, dot, quantity = name.partition(".")
    if not dot:
        remedy = "write entity.quantity, as 'gigaplan catalog list' has them"
        found.add("a fact is named by its entity and its quantity", where, value=name, remedy=remedy)
        return None
    given = found.keys(entries["on"], (*path, "on"), (*BASES, "date")) if "on" in entries else {}
    on = tuple((basis, found.text(node, (*path, "on", basis))) for basis, node in given.items())
    try:
        facts.find(entity, quantity, **dict(on))
    except UnknownFactError as error:
        found.add(str(error), where, value=name, remedy="'gigaplan catalog list' has the facts that there are")
        return None
    return FactRef(entity, quantity, on)


def read_condition(node: Node, path: Path, found: Problems, facts: Catalog, scope: Scope) -> Condition | None:
    """Return a condition: one comparison, and the value that is compared where it isn't the reading's own."""
    entries = found.mapping(node, path)
    bounds = [k for k in entries if k in COMPARISONS]
    if len(bounds) != 1:
        allowed, remedy = ", ".join(COMPARISONS), "give exactly one of them"
        found.add("a condition is one comparison", path, value=" and ".join(bounds), allowed=allowed, remedy=remedy)
        return None
    limit = read_value(entries[bounds[0]], (*path, bounds[0]), found, facts, scope)
    if len(entries) == 1:
        return Condition(Bound(bounds[0], limit)) if limit is not None else None
    value = read_value(node, path, found, facts, scope, COMPARISONS)
    return Condition(Bound(bounds[0], limit), value) if limit is not None and value is not None else None
