"""Misspelt names of the schema: each is reported once, and its value is read under the name that was meant."""

from __future__ import annotations

from collections.abc import Iterable

from gigaplan.plan.document import Node
from gigaplan.plan.paths import section_fields
from gigaplan.plan.words import unknown_name
from gigaplan.vocabulary.errors import Problem, nearest_name

LIKENESS = 0.8
"""How alike a name must be to one of the schema for its value to be read as that one's, 0 to 1."""


def respelled(root: Node, problems: list[Problem]) -> Node:
    """Return a document in which each misspelt name of the schema is replaced by the nearest one.

    What stands below a misspelt name is then checked as well, and the name that was meant is not missing. Every value
    keeps its place in the file.

    Parameters
    ----------
    root
        The document.
    problems
        Receives one problem for each misspelt name, at the place where it is written.
    """
    return _respelled(root, root, (), (), problems)


def _respelled(
    root: Node, node: Node, written: tuple[str, ...], meant: tuple[str, ...], problems: list[Problem]
) -> Node:
    if not isinstance(node.value, dict) or node.states_provenance:
        return node
    allowed = section_fields(meant)
    values: dict[str, Node] = {}
    keys = dict(node.keys)
    for name, below in node.value.items():
        right = _meant(name, allowed, (*node.value, *values))
        if right != name:
            problems.append(unknown_name(root, (*written, name), allowed, right))
            if name in keys:
                keys[right] = keys.pop(name)
        values[right] = _respelled(root, below, (*written, name), (*meant, right), problems)
    return Node(values, node.line, node.column, node.file, keys)


def _meant(name: str, allowed: tuple[str, ...], taken: Iterable[str]) -> str:
    """Return the field that a name means, or the name itself where none is near, or the nearest stands there too."""
    if not allowed or name in allowed:
        return name
    near = nearest_name(name, allowed, LIKENESS)
    return near if near and near not in taken else name
