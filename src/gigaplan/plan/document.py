"""Documents are data: YAML text becomes plain values that remember their line and column.

No code, no network, bounded size, nesting and expansion. libyaml's event stream is read once, so every value
has its place and duplicate keys are seen (a parser that builds dicts loses both).
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.files import note_input, refuse_files

MAX_BYTES = 1_000_000
MAX_DEPTH = 24
MAX_VALUES = 100_000

VALUE_KEYS = frozenset({"value", "low", "high", "evidence", "source", "note"})
"""Names of what an author may state in addition to a value; a mapping of these alone is one value with its
provenance."""

RANGE_KEYS = VALUE_KEYS | {"central", "dist", "group"}
"""Names of what an author may state of a value that has a range."""

Plain = dict[str, Any] | list[Any] | str | int | float | bool | None


@dataclass(slots=True)
class Node:
    """One value of a document: a mapping, a list or a scalar, with its place."""

    value: Any
    line: int
    column: int
    file: str = ""
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    derived: bool = False
    """Whether it follows from another line of the document, at whose place it stands."""

    def plain(self) -> Plain:
        """Return the value without its places."""
        if isinstance(self.value, dict):
            return {k: v.plain() for k, v in self.value.items()}
        if isinstance(self.value, list):
            return [v.plain() for v in self.value]
        scalar: Plain = self.value
        return scalar

    @property
    def states_provenance(self) -> bool:
        """Return whether this is one value with its provenance, ``{value: ..., evidence: ..., source: ...}``."""
        if not isinstance(self.value, dict):
            return False
        keys = set(self.value)
        return keys <= RANGE_KEYS and bool({"value", "central"} & keys or {"low", "high"} <= keys)

    @property
    def inner(self) -> Node:
        """Return the value without its provenance: of a range the central value, and the whole where none is stated."""
        below = self.value if self.states_provenance else {}
        found: Node = below.get("value") or below.get("central") or self
        return found

    def parts(self, path: str) -> tuple[str, ...]:
        """Return the parts of a dotted path; a name of the document may hold dots itself."""
        node, left, found = self, path.split("."), list[str]()
        while left:
            below = node.value if isinstance(node.value, dict) else {}
            longer = (n for n in range(len(left), 1, -1) if ".".join(left[:n]) in below)
            size = next(longer, 1) if any("." in key for key in below) else 1
            name, left = ".".join(left[:size]), left[size:]
            found.append(name)
            items = node.value if isinstance(node.value, list) else []
            index = int(name) if name.isdigit() else len(items)
            node = below.get(name) or (items[index] if index < len(items) else Node(None, 0, 0))
        return tuple(found)

    def at(self, path: tuple[str | int, ...]) -> tuple[Node, bool]:
        """Return the node at a path, or the nearest one above it, and whether the path was found whole."""
        node = self
        for part in path:
            below = node.value
            if isinstance(below, dict) and str(part) in below:
                node = below[str(part)]
            elif isinstance(below, list) and str(part).isdigit() and int(part) < len(below):
                node = below[int(part)]
            else:
                return node, False
        return node, True

    def entries(self, *path: str) -> list[tuple[str, Node]]:
        """Return the entries of the section at a path, none where there is no such section."""
        node, whole = self.at(path)
        return list(node.value.items()) if whole and isinstance(node.value, dict) else []

    def replaced(self, path: tuple[str, ...], new: Node) -> Node:
        """Return a tree with another node at a path that it has."""
        if not path:
            return new
        below = self.value[path[0]].replaced(path[1:], new)
        return Node({**self.value, path[0]: below}, self.line, self.column, self.file, self.keys)

    def written(self, path: tuple[str | int, ...]) -> str:
        """Return the text of the value at a path as its author wrote it, "" where there is none."""
        node, whole = self.at(path)
        node = node.inner
        return str(node.value) if whole and not isinstance(node.value, dict | list) else ""

    def place(self, path: tuple[str | int, ...], *, key: bool = False) -> Place:
        """Return the place of a path's value, or of its key; of the nearest place above it when it isn't there."""
        node, _ = self.at(path)
        line, column = node.line, node.column
        if key and path:
            above, _ = self.at(path[:-1])
            line, column = above.keys.get(str(path[-1]), (line, column))
        return Place(node.file, line, column, ".".join(str(p) for p in path))


def read(path: Path) -> Node:
    """Read a plan file.

    Raises
    ------
    PlanError
        If it is missing, a directory, too large, not UTF-8, not YAML, too deep, or repeats a key.
    """
    return parse(read_text(path), str(path))


def read_text(path: Path, what: str = "plan") -> str:
    """Return a document's text; see :func:`read` for what raises.

    Parameters
    ----------
    path
        The file.
    what
        What it holds, for messages: a plan may also be one that comes with gigaplan.
    """
    refuse_files(path)
    name = str(path)

    def fail(message: str, remedy: str, allowed: str = "", line: int = 0, column: int = 0) -> PlanError:
        return PlanError([Problem(message, Place(name, line, column), allowed=allowed, remedy=remedy)])

    try:
        info = path.stat()
    except FileNotFoundError:
        near = nearest_name(path.name, [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else [])
        other = (
            "give a built-in plan's name or the path of a YAML file" if what == "plan" else "give a YAML file's path"
        )
        raise fail(
            "no such plan" if what == "plan" else "no such file", f"is '{near}' meant?" if near else other
        ) from None
    except OSError as error:
        raise fail(f"the {what} cannot be read: {error.strerror}", "check the path and its permissions") from None
    if stat.S_ISDIR(info.st_mode):
        raise fail(
            f"this is a folder, not {'an' if what[0] in 'aeiou' else 'a'} {what}",
            "give the path of a YAML file inside it",
        )
    if not stat.S_ISREG(info.st_mode):
        raise fail("this is not a regular file", f"save the {what} as a file first")
    if info.st_size > MAX_BYTES:
        raise fail(
            f"the file has {info.st_size:,} bytes", f"keep data out of the {what}", f"at most {MAX_BYTES:,} bytes"
        )
    note_input(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise fail(f"byte {error.start} is not UTF-8", "save the file as UTF-8", line=line, column=1) from None
    except OSError as error:
        raise fail(f"the {what} cannot be read: {error.strerror}", "check the path and its permissions") from None
    return text


def parse(text: str, file: str, what: str = "plan") -> Node:
    """Parse YAML text into nodes; see :func:`read` for what raises.

    Parameters
    ----------
    text
        The text.
    file
        Where it is from, for messages.
    what
        What it is to hold, for messages.
    """
    problems: list[Problem] = []
    try:
        root = _build(_events(text, file), file, problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Place(file, mark.line + 1 if mark else 0, mark.column + 1 if mark else 0)
        if "nesting depth" in str(
            error.problem
        ):  # libyaml's own bound, since PyYAML 6.0.4: it reads ahead of its events
            raise _too_deep(place) from None
        remedy = "check indentation, quotes and colons around this place"
        raise PlanError([Problem(f"not YAML: {error.problem}", place, remedy=remedy)]) from None
    except yaml.YAMLError as error:
        raise PlanError([Problem(f"not YAML: {error}", Place(file), remedy="save it as plain UTF-8 text")]) from None
    if root is None or root.value in (None, ""):
        remedy = "start from a built-in plan" if what == "plan" else "write its lines, or leave it out"
        raise PlanError([Problem(f"the {what} is empty", Place(file, 1, 1), remedy=remedy)])
    if problems:
        raise PlanError(problems)
    return root


def _events(text: str, file: str) -> Iterator[yaml.Event]:
    """Yield libyaml's events, refusing what nests too deep before anything is built."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _too_deep(Place(file, *_mark(event)))
        yield event


def _too_deep(place: Place) -> PlanError:
    problem = Problem("nested too deep", place, allowed=f"at most {MAX_DEPTH} levels", remedy="flatten the plan")
    return PlanError([problem])


def _mark(event: yaml.Event) -> tuple[int, int]:
    """Return an event's line and column, both from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


def _build(events: Iterator[yaml.Event], file: str, problems: list[Problem]) -> Node | None:
    """Build the tree; aliases share their node and are counted each time they are used."""
    builder = _Builder(file, problems)
    for event in events:
        if isinstance(event, yaml.ScalarEvent):
            builder.scalar(event)
        elif isinstance(event, yaml.AliasEvent):
            builder.alias(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            builder.open({} if isinstance(event, yaml.MappingStartEvent) else [], event)
        elif isinstance(event, yaml.CollectionEndEvent):
            builder.close()
        if builder.count > MAX_VALUES:
            allowed, remedy = f"at most {MAX_VALUES:,}, aliases written out", "remove nested aliases"
            place, message = Place(file, *_mark(event)), "the document expands to too many values"
            raise PlanError([Problem(message, place, allowed=allowed, remedy=remedy)])
    return builder.root


@dataclass
class _Builder:
    """A tree that grows with each event, on an explicit stack."""

    file: str
    problems: list[Problem]
    root: Node | None = None
    count: int = 0
    """Values so far, aliases written out."""
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    """Nodes by anchor, each with the values that it holds."""
    stack: list[tuple[Node, str | None, int]] = field(default_factory=list)
    """Open collections, each with its anchor and the values counted when it opened."""
    pending: list[str | None] = field(default_factory=list)
    """The key that waits for its value, per open collection."""

    def scalar(self, event: yaml.ScalarEvent) -> None:
        """Add a scalar."""
        node = Node(_scalar(event), *_mark(event), self.file)
        self.count += 1
        if event.anchor:
            self.anchors[event.anchor] = node, 1
        self._attach(node)

    def alias(self, event: yaml.AliasEvent) -> None:
        """Add what an anchor above stands for."""
        anchor = str(event.anchor)
        if anchor not in self.anchors:
            near, remedy = nearest_name(anchor, self.anchors), "define the anchor first, or write the value out"
            place = Place(self.file, *_mark(event))
            raise PlanError([Problem(f"no anchor '&{anchor}' above", place, nearest=near, remedy=remedy)])
        node, size = self.anchors[anchor]
        self.count += size
        self._attach(node)

    def open(self, empty: dict[str, Node] | list[Node], event: yaml.CollectionStartEvent) -> None:
        """Begin a mapping or a list."""
        self.count += 1
        self.stack.append((Node(empty, *_mark(event), self.file), event.anchor, self.count))
        self.pending.append(None)

    def close(self) -> None:
        """End the innermost mapping or list."""
        node, anchor, before = self.stack.pop()
        self.pending.pop()
        if anchor:
            self.anchors[anchor] = node, self.count - before + 1
        self._attach(node)

    def _attach(self, node: Node) -> None:
        """Put a node where it belongs: the root, an item, a key, or the value of the key before it."""
        if not self.stack:
            if self.root is not None:
                place, remedy = (
                    Place(self.file, node.line, node.column),
                    "keep one plan in a file: remove the line '---'",
                )
                raise PlanError([Problem("more than one document", place, remedy=remedy)])
            self.root = node
            return
        above, key = self.stack[-1][0], self.pending[-1]
        if isinstance(above.value, list):
            above.value.append(node)
        elif key is None:
            self.pending[-1] = _key(node, above, self.file, self.problems)
        else:
            above.value[key] = node
            self.pending[-1] = None


def _key(node: Node, above: Node, file: str, problems: list[Problem]) -> str:
    """Take a mapping's key; a repeated or composite key is a problem."""
    if isinstance(node.value, dict | list):
        place, remedy = Place(file, node.line, node.column), "quote it or restructure the plan"
        problems.append(Problem("a key must be a name", place, remedy=remedy))
        return ""
    key = str(node.value)
    if key in above.keys:
        first = above.keys[key]
        problems.append(
            Problem(
                f"'{key}' is given twice",
                Place(file, node.line, node.column),
                value=key,
                allowed="each name once",
                remedy=f"remove one; the first is on line {first[0]}",
            )
        )
    above.keys.setdefault(key, (node.line, node.column))
    return key


def _scalar(event: yaml.ScalarEvent) -> str | int | float | bool | None:
    """Read a scalar: quoted text stays text; only true/false are yes/no; dates stay text for the field to read."""
    text = event.value
    if not event.implicit[0] or event.tag not in (None, "!"):
        return str(text)
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return bool(text == "true")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return float(text.replace(".", "")) if text.lower() in (".nan", ".inf", "-.inf") else str(text)
