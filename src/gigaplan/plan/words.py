"""The schema's errors in a planner's words: place, value, what is allowed, nearest name, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gigaplan.plan.document import Node
from gigaplan.plan.paths import section_fields, takes_entries
from gigaplan.vocabulary.errors import Place, Problem, allowed_names, nearest_name

_SETTINGS = ("settings by name", "indent its settings below it")
_TYPES = {
    "dict_type": _SETTINGS,
    "model_type": _SETTINGS,
    "list_type": ("a list", "write [one] or [one, another]"),
    "string_type": ("text", "write a name, in quotes where it looks like a number"),
    "int_type": ("a whole number", "write it in digits, without a unit"),
    "int_from_float": ("a whole number", "round it"),
    "bool_type": ("true or false", "write one of these"),
}
"""What the schema's errors of type mean: what is allowed, and what to do."""


def distinct(errors: Sequence[Any], root: Node, above: tuple[str, ...] = ()) -> list[Any]:
    """Return one error for each place of a document: unions report every branch, and put its name into the path.

    Parameters
    ----------
    errors : sequence of dict
        What pydantic found wrong.
    root : Node
        The document.
    above : tuple of str
        Path of the section that was validated.

    Returns
    -------
    list of dict
        The errors, each with the path of its value in the document.
    """
    found: dict[tuple[Any, ...], Any] = {}
    for e in errors:
        loc: tuple[Any, ...] = above
        for part in e["loc"]:
            if root.at((*loc, part))[1] or not _is_branch(part):
                loc = (*loc, part)
        found.setdefault(loc, {**e, "loc": loc})
    return list(found.values())


def _is_branch(part: str | int) -> bool:
    """Return whether a part of a path is pydantic's name of a union's branch; so may be a name in the document."""
    return isinstance(part, str) and ("[" in part or part in ("float", "constrained-str"))


def problem_of(error: Any, root: Node) -> Problem:
    """Return one of pydantic's errors as a problem of the document."""
    loc: tuple[str | int, ...] = error["loc"]
    kind = error["type"]
    value = _written(root, loc, error.get("input"))
    if kind == "extra_forbidden":
        names = tuple(str(p) for p in loc)
        fields = section_fields(names[:-1])
        return unknown_name(root, loc, fields, nearest_name(names[-1], fields))
    if kind == "missing":
        return _missing(root, loc)
    if kind in _TYPES:
        allowed, remedy = _TYPES[kind]
        return Problem("not allowed here", root.place(loc), value=value, allowed=allowed, remedy=remedy)
    message = str(error["msg"]).removeprefix("Value error, ")
    if message.startswith("Input should be "):
        return _out_of_bounds(error, message.removeprefix("Input should be "), root.place(loc), value)
    return Problem(message, root.place(loc), value=value, remedy="correct this value")


def unknown_name(root: Node, loc: tuple[str | int, ...], allowed: Sequence[str], nearest: str = "") -> Problem:
    """Return the problem of a name that the schema does not have."""
    return Problem(
        "unknown name",
        root.place(loc, key=True),
        value=str(loc[-1]),
        allowed=allowed_names(allowed, "gigaplan schema"),
        nearest=nearest,
        remedy="rename or remove it",
    )


def _missing(root: Node, loc: tuple[str | int, ...]) -> Problem:
    """Return the problem of a line that is missing; in an entry that a change made, the name may be misspelt."""
    names = tuple(str(p) for p in loc)
    section, _ = root.at(loc[:-1])
    place = Place(section.file, section.line, section.column, ".".join(names))
    nearest = ""
    if section.file.startswith("--set ") and takes_entries(names[:-2]):
        entries, _ = root.at(loc[:-2])
        nearest = nearest_name(names[-2], [name for name in entries.value if name != names[-2]])
    remedy = f"add a line '{names[-1]}: ...' here"
    if nearest:
        remedy = f"check the name '{names[-2]}', or state '{names[-1]}' too"
    return Problem(f"'{names[-1]}' is missing", place, nearest=nearest, remedy=remedy)


def _out_of_bounds(error: Any, allowed: str, place: Place, value: str) -> Problem:
    """Return the problem of a value that is none of a choice, or beyond a bound."""
    kind, given = error["type"], error.get("input")
    near = ""
    if kind in ("literal_error", "enum"):
        near = nearest_name(value, [w.strip("' ") for w in allowed.replace(" or ", ",").split(",")])
    percent = kind == "less_than_equal" and error["ctx"]["le"] == 1 and 2 <= given <= 100
    remedy = f"write '{given:g} %' if that is meant" if percent else "change the value"
    return Problem("not allowed here", place, value=value, allowed=allowed, nearest=near, remedy=remedy)


def _written(root: Node, loc: tuple[str | int, ...], given: Any) -> str:
    """Return a wrong value as its author wrote it, and as it was read where that differs."""
    node, whole = root.at(loc)
    if isinstance(node.value, dict) and "value" in node.value:
        node = node.value["value"]
    read = "" if isinstance(given, dict | list) else str(given)
    written = "" if not whole or isinstance(node.value, dict | list) else str(node.value)
    if written and isinstance(given, int | float) and isinstance(node.value, str):
        return f"{written}, read as {given:g}"
    return written or read
