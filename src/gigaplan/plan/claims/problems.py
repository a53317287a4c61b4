"""Problems of a claims document, each with its place, what is allowed and the nearest name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gigaplan.plan.document import Node
from gigaplan.vocabulary.errors import Place, Problem, unknown_choice
from gigaplan.vocabulary.units import parse_period

Path = tuple[str | int, ...]
MAPPING = "settings by name"


class Problems:
    """All problems of one document, collected while it is read."""

    def __init__(self, root: Node) -> None:
        self.root, self.found = root, list[Problem]()

    def add(
        self, message: str, path: Path, *, key: bool = False, value: object = "", allowed: str = "", remedy: str = ""
    ) -> None:
        """Note a problem at a path of the document."""
        place = self.root.place(path, key=key)
        self.found.append(Problem(message, place, value=str(value), allowed=allowed, remedy=remedy))

    def missing(self, name: str, path: Path, remedy: str = "") -> None:
        """Note that a mapping lacks a name."""
        above = self.root.place(path)
        place = Place(above.file, above.line, above.column, ".".join(map(str, (*path, name))))
        remedy = remedy or f"add a line '{name}: ...' here"
        self.found.append(Problem(f"'{name}' is missing", place, remedy=remedy))

    def known(self, what: str, name: object, names: Iterable[str], path: Path, *, key: bool = False) -> bool:
        """Return whether a name is known; note the nearest one if it isn't."""
        allowed = list(names)
        if str(name) in allowed:
            return True
        place = self.root.place(path, key=key)
        self.found.append(unknown_choice(what, place, str(name), allowed, "check the spelling"))
        return False

    def mapping(self, node: Node, path: Path) -> dict[str, Node]:
        """Return a mapping's entries; note the problem and return none if it is something else."""
        if isinstance(node.value, dict):
            return node.value
        self.add("not allowed here", path, value=_short(node), allowed=MAPPING, remedy="indent its settings below it")
        return {}

    def keys(self, node: Node, path: Path, allowed: Iterable[str]) -> dict[str, Node]:
        """Return a mapping's entries with known names; note each unknown one."""
        names = list(allowed)
        entries = self.mapping(node, path)
        return {k: v for k, v in entries.items() if self.known("unknown name", k, names, (*path, k), key=True)}

    def entries(self, node: Node, path: Path) -> dict[str, Node]:
        """Return a mapping's entries; note the problem if there is none."""
        if node.value == {}:
            self.add("nothing is written here", path, allowed=MAPPING, remedy="write its settings, or leave it out")
        return self.mapping(node, path)

    def text(self, node: Node | None, path: Path, default: str = "") -> str:
        """Return a text; numbers and dates are taken as they are written."""
        if node is None:
            return default
        if isinstance(node.value, dict | list) or node.value is None:
            self.add("not allowed here", path, value=_short(node), allowed="text", remedy="write one line of text")
            return default
        return str(node.value)

    def texts(self, node: Node, path: Path) -> tuple[str, ...]:
        """Return one text or a list of them."""
        if isinstance(node.value, list):
            return tuple(self.text(n, (*path, i)) for i, n in enumerate(node.value))
        return (self.text(node, path),)

    def listed(self, node: Node, path: Path, read: Callable[[Node, Path], Any]) -> tuple[Any, ...]:
        """Return what is read from one entry or from each of a list; note the problem if the list is empty."""
        if node.value == []:
            self.add("nothing is listed here", path, remedy="add an entry, or leave the line out")
        if isinstance(node.value, list):
            return tuple(read(n, (*path, i)) for i, n in enumerate(node.value))
        return (read(node, path),)

    def period(self, text: str, path: Path) -> str:
        """Return the text of a date or period; note the problem if it is none."""
        try:
            parse_period(text)
        except ValueError as error:
            self.add(str(error), path, value=text, remedy="write a date or a period")
        return text


def _short(node: Node) -> str:
    """Return a node's value for a message, nothing for what is long."""
    return "" if isinstance(node.value, dict | list) else str(node.value)
