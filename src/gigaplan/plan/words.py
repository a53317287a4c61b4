"""The schema's errors in a planner's words: place, value, what is allowed, nearest name, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gigaplan.plan.document import Node
from gigaplan.plan.paths import bases_at, is_date, section_fields, takes_entries, unit_at
from gigaplan.vocabulary.errors import Place, Problem, allowed_names, nearest_name
from gigaplan.vocabulary.units import amount

_SETTINGS = ("settings by name", "indent its settings below it")
_WHOLE = ("a whole number", "write it in digits, without a unit")
_LIST = ("a list", "write [one] or [one, another]")
TYPES = {
    "dict_type": _SETTINGS,
    "model_type": _SETTINGS,
    "invalid_key": ("names that are text", "put the name in quotes"),
    "list_type": _LIST,
    "tuple_type": _LIST,
    "too_short": ("one entry or more", "add an entry"),
    "string_type": ("text", "write a name, in quotes where it looks like a number"),
    "int_type": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": ("a whole number", "round it"),
    "float_type": ("a number", "write it in digits"),
    "bool_type": ("true or false", "write one of these"),
}
"""What the schema's errors of type mean: what is allowed, and what to do."""
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
"""Bounds in words, and what pydantic calls the number."""
_DATES = "a day, month, quarter, half or year, as 2026-09-22, 2026-09, 2026-Q4, 2026-H2 or 2026"
NO_REMEDY = "change the value"


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
    if kind in TYPES:
        allowed, remedy = TYPES[kind]
        message = "empty" if kind == "too_short" else "not allowed here"
        return Problem(message, root.place(loc), value=value, allowed=allowed, remedy=remedy)
    if kind in ("literal_error", "enum"):
        return none_of_a_choice(error, root.place(loc), value)
    path = tuple(str(p) for p in loc)
    if kind in _BOUNDS:
        return _out_of_bounds(error, path, root.place(loc), value)
    message, remedy = "not allowed here", NO_REMEDY
    if kind == "value_error":  # what the markers of units and dates say, with what to do behind a semicolon
        message, _, remedy = str(error["msg"]).removeprefix("Value error, ").partition("; ")
    return Problem(message, root.place(loc), value=value, allowed=_takes(path), remedy=remedy or NO_REMEDY)


def _takes(path: tuple[str, ...]) -> str:
    """Return what a line of the plan takes, in words."""
    unit, bases = unit_at(path), bases_at(path)
    if bases:
        return f"an amount in {unit} on a basis: {', '.join(bases)}"
    if unit == "share":
        return "a share, as 0.4 or 40 %"
    if unit:
        return f"an amount in {unit}" if unit != "1" else "a number"
    return _DATES if is_date(path) else ""


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


def none_of_a_choice(error: Any, place: Place, value: str) -> Problem:
    """Return the problem of a word that is none of those that are allowed."""
    allowed = str(error["ctx"]["expected"])
    near = nearest_name(value, [w.strip("' ") for w in allowed.replace(" or ", ",").split(",")])
    return Problem("not allowed here", place, value=value, allowed=allowed, nearest=near, remedy=NO_REMEDY)


def _out_of_bounds(error: Any, path: tuple[str, ...], place: Place, value: str) -> Problem:
    """Return the problem of a number beyond a bound."""
    kind, given = error["type"], error["input"]
    words, name = _BOUNDS[kind]
    bound, unit = error["ctx"][name], unit_at(path)
    allowed = f"{words} {amount(bound, unit)}"
    percent = unit == "share" and bound == 1 and 2 <= given <= 100
    remedy = f"write '{given:g} %' if that is meant" if percent else NO_REMEDY
    return Problem("not allowed here", place, value=value, allowed=allowed, remedy=remedy)


def _written(root: Node, loc: tuple[str | int, ...], given: Any) -> str:
    """Return a wrong value as its author wrote it, and as it was read where that differs."""
    written = root.written(loc)
    if written and isinstance(given, int | float) and written != str(given):
        return f"{written}, read as {given:g}"
    return written or ("" if isinstance(given, dict | list) else str(given))
