"""Changes from the command line: ``path=value`` reaches every path of the schema, written in the plan or not.

A value replaces what is there, ``path=`` removes it. A date may be shifted (``+12 months``), a section with all its
dates too; ``*`` stands for every entry that there is. A name that holds dots is quoted: ``fleet.sites."St. Louis"``.
"""

from __future__ import annotations

import re

import yaml

from gigaplan.plan.document import RANGE_KEYS, Node, parse
from gigaplan.plan.overlay import merge
from gigaplan.plan.paths import section_fields, takes_entries, type_at
from gigaplan.plan.shift import misspelt_shift, read_shift, with_dates
from gigaplan.vocabulary.errors import Place, PlanError, Problem, unknown_choice
from gigaplan.vocabulary.labels import meant

_PART = re.compile(r'"([^"]*)"|([^."]+)')
Path = tuple[str, ...]


def change(root: Node, text: str) -> Node:
    """Return a document with one ``path=value`` applied; the document itself stays as it is.

    Raises
    ------
    PlanError
        If the text is no change, the schema has no such path, or a shift finds no date.
    """
    path, equals, value = text.partition("=")
    file = f"--set {text}"
    if not equals or not path.strip():
        remedy = "write for example --set training.mfu_share=0.35"
        raise PlanError([Problem("a change has the form path=value", Place(file, 1, 1), value=text, remedy=remedy)])
    new = _value(value, file, len(path) + 1)
    for found in _expand(root, _known(root, _parts(root, path.strip())), file):
        root = _apply(root, found, new)
    return root


def _value(text: str, file: str, offset: int) -> Node:
    """Return the node of a change's value; its columns count from the beginning of the change."""
    if text.strip() in ("", "~", "null"):
        return Node(None, 1, offset + 1, file)
    try:
        return parse(text if "\n" in text else " " * offset + text, file)
    except yaml.YAMLError as error:
        raise PlanError([Problem(f"not a value: {error}", Place(file, 1, offset + 1))]) from None


def _parts(root: Node, path: str) -> Path:
    if '"' in path:
        return tuple(quoted or plain.strip() for quoted, plain in _PART.findall(path))
    return root.parts(path)


def _known(root: Node, path: Path) -> Path:
    """Return a path with the names that its parts mean, in any case: of the schema, and of the document's entries."""
    found: list[str] = []
    entries = root.value
    for part in path:
        below = entries if isinstance(entries, dict) else {}
        found.append(meant(part, dict.fromkeys([*below, *section_fields(tuple(found))]), by_beginning=False))
        entries = below[found[-1]].value if found[-1] in below else None
    return tuple(found)


def _expand(root: Node, path: Path, file: str) -> list[Path]:
    """Return the paths that a path with wildcards names."""
    if "*" not in path:
        return [path]
    i = path.index("*")
    node, whole = root.at(path[:i])
    if not whole or not isinstance(node.value, dict) or not takes_entries(path[:i]):
        place = Place(file, 1, 1, ".".join(path))
        remedy = "'*' stands for the entries of a section, such as fleet.sites.*"
        raise PlanError([Problem("there are no entries here", place, remedy=remedy)])
    return [found for name in node.value for found in _expand(root, (*path[:i], name, *path[i + 1 :]), file)]


def _apply(root: Node, path: Path, new: Node) -> Node:
    """Return the document with one value put at a path, or the dates there shifted."""
    kind = type_at(path)
    stated = new.inner  # a shift may have its source and note
    shift = read_shift(stated.value) if kind is not None and kind is not str else None
    if wrong := misspelt_shift(stated.value, path, new):
        raise PlanError([wrong])
    if shift is None:
        return _put(root, path, (), new)
    _put(root, path, (), new)  # refuses a path that the schema doesn't have
    base, whole = root.at(path)
    problems: list[Problem] = []
    above, _ = root.at(path[:-1])
    entries = above.value if isinstance(above.value, dict) else {}
    moved = with_dates(base if whole else None, new, problems, path, entries)
    if problems:
        raise PlanError(problems)
    for name in reversed(path):
        moved = Node({name: moved}, new.line, new.column, new.file, {name: (1, 1)})
    return merge(root, moved, {})


def _put(node: Node, path: Path, above: Path, new: Node) -> Node:
    """Return a copy of a node with a new value at a path below it; sections that are missing are made."""
    if not path:
        return new
    name, here = path[0], (*above, path[0])
    if isinstance(node.value, list) and name.isdigit() and int(name) < len(node.value):
        items = list(node.value)
        items[int(name)] = _put(items[int(name)], path[1:], here, new)
        return Node(items, node.line, node.column, node.file)
    if node.value is not None and not isinstance(node.value, dict):
        raise PlanError([Problem(f"'{'.'.join(above)}' holds no names", Place(new.file, 1, 1))])
    values = dict(node.value or {})
    if name not in values and not (node.states_provenance and name in RANGE_KEYS):
        _require_path(values, above, name, new.file)
    keys = dict(node.keys)
    keys[name] = (1, 1) if len(path) == 1 or name not in values else keys.get(name, (1, 1))
    values[name] = _put(values.get(name) or Node({}, 1, 1, new.file), path[1:], here, new)
    return Node(values, node.line, node.column, node.file, keys)


def _require_path(values: dict[str, Node], above: Path, name: str, file: str) -> None:
    """Raise PlanError if the schema has no such name below a path."""
    fields = section_fields(above)
    if name in fields or takes_entries(above):
        return
    if not fields:
        raise PlanError([Problem(f"'{'.'.join(above)}' holds no names", Place(file, 1, 1))])
    known = list(dict.fromkeys([*values, *fields]))
    message = f"no '{name}' at '{'.'.join(above) or 'the top'}'"
    raise PlanError([unknown_choice(message, Place(file, 1, 1), name, known, "check the path")])
