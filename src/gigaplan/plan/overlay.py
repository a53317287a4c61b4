"""Overlays: a variant of a plan as a small file of its own, whose header states who, why and from what.

Mappings merge, lists and values replace, ``null`` removes. A value with its provenance (``{value: ..., source: ...}``)
replaces the whole of the one below, so that no value keeps a source that isn't its own. A shift (``+12 months``) moves
the base's date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gigaplan.plan.document import Node, parse
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name

HEADER = "overlay"
NEEDED = {"who": "who made it", "why": "what it is for", "from": "its source, or its date"}


@dataclass(frozen=True, slots=True)
class Overlay:
    """A checked header, and the partial plan below it."""

    file: str
    who: str
    why: str
    source: str
    root: Node

    @property
    def provenance(self) -> str:
        """Return the source of a value that states none of its own, for the ledger."""
        return f"{self.who}, {self.source} (overlay {self.file})"

    @property
    def note(self) -> str:
        """Return the line about this overlay in a result's notes."""
        return f"Overlay {self.file} by {self.who}, from {self.source}: {self.why}"


def read_overlay(text: str, file: str) -> Overlay:
    """Return the overlay of a file's text.

    Raises
    ------
    PlanError
        If it is no mapping, has no header, or the header lacks ``who``, ``why`` or ``from``.
    """
    root = parse(text, file, "overlay")
    if not isinstance(root.value, dict):
        raise PlanError([Problem("an overlay is a mapping", root.place(()), remedy=_example())])
    header = root.value.get(HEADER)
    if header is None or not isinstance(header.value, dict):
        place = root.place(()) if header is None else header.place(())
        raise PlanError([Problem("an overlay begins with its header", place, remedy=_example())])
    given = {
        k: "" if v.value is None or isinstance(v.value, dict | list) else str(v.value) for k, v in header.value.items()
    }
    if problems := [*_unknown(header), *_missing(header, given)]:
        raise PlanError(problems)
    below = Node({k: v for k, v in root.value.items() if k != HEADER}, root.line, root.column, file, dict(root.keys))
    return Overlay(file, given["who"], given["why"], given["from"], below)


def _unknown(header: Node) -> list[Problem]:
    return [
        Problem(
            "unknown name in the header of an overlay",
            Place(header.file, *header.keys[name], f"{HEADER}.{name}"),
            value=name,
            allowed=", ".join(NEEDED),
            nearest=nearest_name(name, NEEDED),
            remedy="rename or remove it",
        )
        for name in header.value
        if name not in NEEDED
    ]


def _missing(header: Node, given: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(
            f"the header of an overlay lacks '{name}'",
            header.place((name,)),
            remedy=f"state {meaning}: add a line '{name}: ...'",
        )
        for name, meaning in NEEDED.items()
        if not given.get(name, "").strip()
    ]


def _example() -> str:
    return f"begin with '{HEADER}: {{who: ..., why: ..., from: ...}}'"


def merge(base: Node, over: Node, removed: dict[tuple[str, ...], Place], path: tuple[str, ...] = ()) -> Node:
    """Return a new tree, ``over`` applied to ``base``; what ``null`` removes is noted with its place in ``removed``."""
    if not _is_section(base) or not _is_section(over):
        return _without_nulls(over, removed, path)
    values, keys = dict(base.value), dict(base.keys)
    for name, node in over.value.items():
        here = (*path, name)
        if node.value is None:
            values.pop(name, None)
            keys.pop(name, None)
            removed[here] = Place(over.file, *over.keys[name], ".".join(here))
            continue
        merged = merge(values[name], node, removed, here) if name in values else _without_nulls(node, removed, here)
        if name not in values or merged.file == node.file:
            keys[name] = over.keys[name]
        values[name] = merged
    return Node(values, base.line, base.column, base.file, keys)


def _without_nulls(over: Node, removed: dict[tuple[str, ...], Place], path: tuple[str, ...]) -> Node:
    """Return what an overlay adds: a ``null`` in it means that there is nothing."""
    if not isinstance(over.value, dict):
        return over
    return merge(Node({}, over.line, over.column, over.file), over, removed, path) if _is_section(over) else over


def _is_section(node: Node) -> bool:
    """Return whether a node is a mapping that merges: not a value with its provenance."""
    return isinstance(node.value, dict) and not node.states_provenance
