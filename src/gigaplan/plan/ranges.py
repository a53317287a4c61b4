"""Ranges that a plan states: ``55 to 80 USD/MWh``, ``{low: 55 USD/MWh, central: 60 USD/MWh, high: 80 USD/MWh}``,
``2027-03 to 2028-01``.

Each becomes one value with its range, which the sampler draws from. What a range means, and how values are distributed
in and beyond it, stands in :mod:`gigaplan.vocabulary.sampling`.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

from gigaplan.plan.document import RANGE_KEYS, Node
from gigaplan.plan.paths import is_date, is_section, marks_at, takes_entries
from gigaplan.vocabulary.errors import Problem, nearest_name
from gigaplan.vocabulary.sampling import RANGE_SHARE, Shape, Spread, bounds_of
from gigaplan.vocabulary.units import Unit, parse_date

_FROM_TO = re.compile(r"^\s*(\S.*?)\s+to\s+(\S.*?)\s*$")
OWN_THINGS = (("systems",), ("regions",))
"""Sections whose entries become facts."""
_WRONG = Node(None, 0, 0)
"""What a wrong range becomes: it is left out, so that nobody reads of it twice."""
_LETTERS = re.compile(r"[a-zA-Z%$]")


def read_ranges(root: Node, problems: list[Problem]) -> tuple[Node, dict[str, Spread]]:
    """Return a document with each range as its central value, and the ranges by dotted path; that of a date is its
    delay from the central one [days].

    Parameters
    ----------
    root
        The document.
    problems
        Receives what is wrong with them: ends in the wrong order, ends without a unit, a range where none can be.
    """
    found: dict[str, Spread] = {}
    return _read(root, (), found, problems), found


def _read(node: Node, path: tuple[str, ...], found: dict[str, Spread], problems: list[Problem]) -> Node:
    if path in OWN_THINGS:  # read with their ranges as the facts that they become
        return node
    if isinstance(node.value, dict) and not _is_range(node) and (is_section(path) or takes_entries(path)):
        read = {k: _read(v, (*path, k), found, problems) for k, v in node.value.items()}
        return replace(node, value={k: v for k, v in read.items() if v is not _WRONG})
    parts = parts_of(node, path)
    if parts is None:
        return node
    unit = None if path[0] == "horizon" else _unit_at(path)
    if unit is None:
        problems.append(_problem("a range isn't possible here", node, path, "state one value"))
        return parts.get("central") or parts.get("value") or _WRONG
    return _one(node, parts, unit, path, found, problems)


class _Calendar:
    """Dates as quantities in days, read and written like those of a unit."""

    symbol = "date"

    def parse(self, text: object) -> float:
        """Return a date or the middle of a period as a number of days."""
        return float(parse_date(str(text)).toordinal())

    def words(self, days: float) -> str:
        """Return a number of days as a plan writes the date."""
        return dt.date.fromordinal(int(days)).isoformat()


def _unit_at(path: tuple[str, ...]) -> Unit | _Calendar | None:
    """Return the unit of the quantity that stands at a path, None where none stands or it needs a basis."""
    if is_date(path):
        return _Calendar()
    return next((mark for mark in marks_at(path) if isinstance(mark, Unit)), None)


def _is_range(node: Node) -> bool:
    """Return whether a mapping is one value with its range rather than a section."""
    keys = set(node.value)
    return bool(keys & {"low", "high"}) and keys <= RANGE_KEYS


def parts_of(node: Node, path: tuple[str, ...]) -> dict[str, Node] | None:
    """Return the parts of a range by name, None if what stands at a path has none."""
    if isinstance(node.value, dict):
        return node.value if _is_range(node) else None
    return ends_in_words(node, of_dates=is_date(path)) if _unit_at(path) else None


def ends_in_words(node: Node, *, of_dates: bool = False) -> dict[str, Node] | None:
    """Return the ends of a range that is written as one text, ``55 to 80 USD/MWh``; None if the value is none.

    Parameters
    ----------
    node
        The value of a quantity.
    of_dates
        Whether it is a date: of any other, an end without a unit has that of the other end.
    """
    match = _FROM_TO.match(node.value) if isinstance(node.value, str) else None
    if not match:
        return None
    low, high = match.groups()
    if not _LETTERS.search(low) and not of_dates:
        low += re.sub(r"^[-+.\d_,eE]*", "", high)
    return {"low": replace(node, value=low), "high": replace(node, value=high)}


def _one(
    node: Node,
    parts: dict[str, Node],
    unit: Unit | _Calendar,
    path: tuple[str, ...],
    found: dict[str, Spread],
    problems: list[Problem],
) -> Node:
    """Note one range; return its central value with all else that is stated."""
    missing = [end for end in ("low", "high") if end not in parts]
    stated = parts.get("central") or parts.get("value")
    if missing or ("central" in parts and "value" in parts):
        what = f"'{missing[0]}' is missing" if missing else "'value' and 'central' are the same thing"
        problems.append(_problem(f"a range with one end: {what}" if missing else what, node, path, _how(unit)))
        return _left(parts, unit)
    shape = _shape(parts.get("dist"), path, problems)
    numbers: dict[str, float] = {}
    for name, part in (("low", parts["low"]), ("high", parts["high"]), ("central", stated)):
        try:
            value = None if part is None else unit.parse(part.plain())
        except ValueError as error:
            problems.append(_problem(str(error), part or node, path, _how(unit), part))
            return _left(parts, unit)
        if isinstance(value, int | float):
            numbers[name] = float(value)
    low, high = numbers.get("low", 0.0), numbers.get("high", 0.0)
    central = numbers.get("central", (low + high) / 2)
    if not low <= central <= high:
        words = (
            f"the range {_words(low, unit)} to {_words(high, unit)} doesn't hold {_words(central, unit)}"
            if low <= high
            else "low is above high"
        )
        problems.append(_problem(words, parts["low"], path, "put low, central and high in order", parts["low"]))
        return _left(parts, unit)
    group = str(parts["group"].plain()) if "group" in parts else ""
    origin = central if isinstance(unit, _Calendar) else 0.0  # of a date its delay is drawn
    ends = (central - origin, low - origin, high - origin)
    try:
        found[".".join(path)] = Spread(*ends, shape, group, *bounds_of(marks_at(path)))
    except ValueError as error:
        problems.append(_problem(str(error), node, path, _how(unit), parts.get("dist") or node))
        return _left(parts, unit)
    value = stated or replace(node, value=_written(central, unit))
    kept = {k: v for k, v in parts.items() if k in ("evidence", "source", "note")}
    return replace(node, value={"value": value, **kept}) if kept else value


def _how(unit: Unit | _Calendar) -> str:
    """Return how a range in a unit is written."""
    ends = {"share": "30 to 50 %", "1": "1.1 to 1.3", "date": "2027-03 to 2028-01"}
    example = ends.get(unit.symbol, f"55 to 80 {unit.symbol}")
    return f"a range holds {RANGE_SHARE:.0%} of what may be: write '{example}' or {{low: ..., central: ..., high: ...}}"


def _left(parts: dict[str, Node], unit: Unit | _Calendar) -> Node:
    """Return what a wrong range leaves: nothing, or of a date one that is stated, so that none is missing."""
    for name in ("central", "value", "low", "high") if isinstance(unit, _Calendar) else ():
        try:
            unit.parse(parts[name].plain())
        except (ValueError, KeyError):
            continue
        return parts[name]
    return _WRONG


def _words(number: float, unit: Unit | _Calendar) -> str:
    """Return a number for a message."""
    return unit.words(number) if isinstance(unit, _Calendar) else f"{number:g} {unit.symbol}"


def _written(number: float, unit: Unit | _Calendar) -> Any:
    """Return a number as a plan writes it."""
    if isinstance(unit, _Calendar):
        return unit.words(number)
    return number if unit.symbol in ("share", "1") else f"{number!r} {unit.symbol}"


def _shape(node: Node | None, path: tuple[str, ...], problems: list[Problem]) -> Shape | None:
    if node is None:
        return None
    name = str(node.plain())
    if name in list(Shape):
        return Shape(name)
    problem = _problem("no such distribution", node, path, "name one of them", node)
    problems.append(replace(problem, allowed=", ".join(Shape), nearest=nearest_name(name, list(Shape))))
    return None


def _problem(message: str, node: Node, path: tuple[str, ...], remedy: str, value: Node | None = None) -> Problem:
    place = replace(node.place(()), path=".".join(path))
    return Problem(message, place, value="" if value is None else str(value.plain()), remedy=remedy)
