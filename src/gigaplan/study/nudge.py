"""A line of a plan with another value: a number a little larger or smaller, a date later, another choice."""

from __future__ import annotations

import datetime as dt
import re
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from gigaplan.plan.document import RANGE_KEYS, Node
from gigaplan.plan.partial import Names
from gigaplan.plan.paths import is_date, marks_at, type_at
from gigaplan.vocabulary.units import parse_date

Path = tuple[str, ...]
STEP = 0.05
"""A number is changed by this share of itself, one that counts things by one at least."""
FAR = (0.5, 2.0)
"""What a number is changed by to see whether it matters further away."""
LATER = 31
"""Days by which a date is moved: a month, for nothing within one counts."""
SKIPPED = ("gigaplan", "name", "title", "notes", "uncertainty", "horizon", "claims", "like")
"""Sections that no quantity depends on, or that decide of what time there are any."""
MOST_NAMES = 3
"""Other names that are tried in the place of one."""
NAMES = {
    "generation": (("fleet", "generations", "*"),),
    "reference_generation": (("fleet", "generations", "*"),),
    "region": (("fleet", "sites", "*", "region"),),
    "site": (("fleet", "sites"),),
    "model": (("demand", "workloads", "*", "model"), ("training", "runs", "*", "model")),
}
"""Where a plan has names that may stand at a line of this name."""
ABOUT = ("evidence", "source", "note", "dist", "group")
"""What a plan says of a value, without effect on it."""
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,_]*\.?\d*(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Line:
    """A value that a plan states, and what stands in its place to see what it does.

    Attributes
    ----------
    path : tuple of str
        Where it stands.
    node : Node
        What stands there.
    """

    path: Path
    node: Node

    @property
    def text(self) -> str:
        """Return the value as its author wrote it."""
        plain = self.node.inner.plain()
        if isinstance(plain, dict):
            return ", ".join(f"{k} {v}" for k, v in plain.items() if k not in ABOUT)
        return ", ".join(map(str, plain)) if isinstance(plain, list) else str(plain)

    def nudged(self, root: Node) -> Iterator[Node]:
        """Yield the value a little changed, one way and the other; nothing where it can't be.

        Parameters
        ----------
        root : Node
            The document, of whose other names one may stand here.
        """
        if is_date(self.path):
            yield from (self._later(by) for by in (LATER, -LATER))
        elif self._is_number():
            yield from (self._times(1 + by, by) for by in (STEP, -STEP))
        else:
            yield from self._choices(root)

    def far(self) -> Iterator[tuple[str, Node]]:
        """Yield a number changed by much, with what that is called."""
        if self._is_number() and not is_date(self.path):
            yield from ((name, self._times(by, by - 1)) for name, by in zip(("half", "twice"), FAR, strict=True))

    def _is_number(self) -> bool:
        values = [] if type_at(self.path) is str else self._values()
        return bool(values) and all(
            not isinstance(v.value, bool)
            and (isinstance(v.value, int | float) or _NUMBER.match(str(v.value).strip("$ ")))
            for v in values
        )

    def _values(self) -> list[Node]:
        """Return the nodes of the value's numbers: one, or those of its range."""
        if isinstance(self.node.value, dict):
            return [v for k, v in self.node.value.items() if k in RANGE_KEYS and k not in ABOUT]
        return [self.node] if not isinstance(self.node.value, list) else []

    def _each(self, changed: typing.Callable[[Node], Node]) -> Node:
        """Return the node with its number changed, or all those of its range."""
        if not isinstance(self.node.value, dict):
            return changed(self.node)
        below = {k: v if k in ABOUT else changed(v) for k, v in self.node.value.items()}
        return replace(self.node, value=below)

    def _later(self, days: int) -> Node:
        def moved(node: Node) -> Node:
            parts = re.split(r"(\s+to\s+)", str(node.value))
            return replace(node, value="".join(p if " to " in p else _shifted(p, days) for p in parts))

        return self._each(moved)

    def _times(self, by: float, sign: float) -> Node:
        whole = type_at(self.path) is int

        def number(text: str) -> str:
            value = float(text.replace(",", "").replace("_", ""))
            if whole:
                return str(round(value * by) if round(value * by) != value else int(value) + (1 if sign > 0 else -1))
            return f"{value * by if value else by - 1:.10g}"

        def scaled(node: Node) -> Node:
            if isinstance(node.value, int | float):
                return replace(node, value=(int if whole else float)(number(repr(node.value))))
            ends = re.split(r"(\s+to\s+)", str(node.value))
            return replace(
                node, value="".join(_NUMBER.sub(lambda found: number(found[0]), end, count=1) for end in ends)
            )

        return self._each(scaled)

    def _choices(self, root: Node) -> Iterator[Node]:
        kind, now = type_at(self.path), self.node.inner
        if kind is bool:
            others: Sequence[object] = [not now.value]
        elif typing.get_origin(kind) is typing.Literal:
            others = [choice for choice in typing.get_args(kind) if choice != now.value]
        elif isinstance(kind, type) and issubclass(kind, Enum):
            others = [str(choice.value) for choice in kind if choice.value != now.value]
        else:
            others = [name for name in _names(root, self.path) if name != now.value][:MOST_NAMES]
        yield from (self._each(lambda node, other=other: replace(node, value=other)) for other in others)  # type: ignore[misc]


def _shifted(text: str, days: int) -> str:
    return (parse_date(text.strip()) + dt.timedelta(days=days)).isoformat()


def _names(root: Node, path: Path) -> list[str]:
    """Return names that may stand at a path: those of the schema, or those that the plan has elsewhere."""
    allowed = next((mark for mark in marks_at(path) if isinstance(mark, Names) and not mark.others), None)
    if allowed:
        return list(allowed.known())
    found = (name for where in NAMES.get(path[-1], ()) for name in _found(root, where))
    return list(dict.fromkeys(found))


def _found(node: Node, path: Path) -> Iterator[str]:
    """Yield the names at a path, ``*`` standing for every entry: its values, or the names of its entries."""
    if not path:
        value = node.inner.value
        yield from value if isinstance(value, dict) else [str(value)]
    elif path[0] == "*":
        below = node.value.values() if isinstance(node.value, dict) else node.value
        for one in below if isinstance(node.value, dict | list) else ():
            yield from _found(one, path[1:])
    elif isinstance(node.value, dict) and path[0] in node.value:
        yield from _found(node.value[path[0]], path[1:])


def lines_of(root: Node) -> list[Line]:
    """Return the values that a plan states, each with its range and without what is only said of it."""
    return [Line(path, node) for path, node in _leaves(root, ()) if path[0] not in SKIPPED and path[-1] not in ABOUT]


def _leaves(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    if node.derived or node.value is None:
        return
    if isinstance(node.value, dict) and not node.states_provenance:
        for name, below in node.value.items():
            yield from _leaves(below, (*path, name))
    elif path:
        yield path, node
