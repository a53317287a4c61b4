"""Dates that move by an amount: ``+12 months`` instead of a date, in an overlay or with ``--set``.

A shift of one date moves that date; a shift of a section, such as a whole site, moves every date in it, also dates
that are names of entries (``{2027-01: 40 %}``).
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gigaplan.plan.document import Node
from gigaplan.plan.paths import has_dated_keys, is_date, is_section, takes_entries
from gigaplan.plan.ranges import parts_of
from gigaplan.vocabulary.errors import Place, Problem, allowed_names, nearest_name, unknown_choice
from gigaplan.vocabulary.units import parse_period

MONTHS_PER_YEAR = 12
_SHIFT = re.compile(r"([+-])\s*(\d+(?:\.\d+)?)\s*(day|week|month|quarter|year)s?")
_MONTHS = {"month": 1, "quarter": 3, "year": MONTHS_PER_YEAR}
_DAYS = {"day": 1, "week": 7}
_MEANT = re.compile(r"[+-]\s*\d[\d.]*\s*([a-z]+)", re.IGNORECASE)
"""What is written like a shift, whatever its unit."""
DATES_OF_A_RANGE = ("value", "low", "central", "high")
FORMS = "+12 months, -2 quarters, +1 year, +30 days"
"""Examples of shifts, for messages."""


@dataclass(frozen=True, slots=True)
class Shift:
    """An amount of time by which dates move: whole months or whole days."""

    text: str
    months: int = 0
    days: int = 0

    def move(self, date: str) -> str:
        """Return a date or period, as a plan writes it, moved by this amount.

        A period moves as a whole by months. A month stays a month; of any other period the middle day is returned,
        which is what a period stands for. The last day of a month stays within its month.

        Raises
        ------
        ValueError
            If the text is no date, or the date leaves the calendar.
        """
        first, last = (_add_months(day, self.months) for day in parse_period(date))
        if first == last:
            return (first + dt.timedelta(self.days)).isoformat()
        if not self.days and re.fullmatch(r"\d{4}-\d{2}", date.strip()):
            return f"{first:%Y-%m}"
        last = last.replace(day=calendar.monthrange(last.year, last.month)[1])
        return (first + (last - first) // 2 + dt.timedelta(self.days)).isoformat()


class _CollisionError(Exception):
    """Two dates of a section would become one."""


def read_shift(value: object) -> Shift | None:
    """Return the shift that a scalar states, None where it states none: whole months or whole days."""
    found = _SHIFT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    sign, number, unit = found.groups()
    amount = float(sign + number) * (_MONTHS | _DAYS)[unit]
    if amount != int(amount):
        return None
    text = found.group().strip()
    return Shift(text, months=int(amount)) if unit in _MONTHS else Shift(text, days=int(amount))


def misspelt_shift(value: object, path: tuple[str, ...], at: Node) -> Problem | None:
    """Return the problem of a text that is written like a shift of the dates at a path, and is none.

    Parameters
    ----------
    value
        A scalar's value.
    path
        Where it stands; where neither a date nor a section does, a sign may belong to a quantity.
    at
        The node that states it.
    """
    found = _MEANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or read_shift(value) is not None or not (is_date(path) or is_section(path)):
        return None
    units = [f"{unit}s" for unit in _MONTHS | _DAYS]
    near = nearest_name(found[1], units)
    message = "dates move by whole months or days" if found[1].removesuffix("s") in _MONTHS | _DAYS else ""
    return Problem(
        message or f"'{found[1]}' is no unit by which dates move",
        Place(at.file, at.line, at.column, ".".join(path)),
        value=str(value),
        allowed=allowed_names(units),
        nearest="" if message else near,
        remedy=f"write it like {FORMS}",
    )


def shifted(
    base: Node | None,
    shift: Shift,
    path: tuple[str, ...],
    at: Node,
    problems: list[Problem],
    entries: Collection[str] = (),
) -> Node | None:
    """Return the dates at and below a path, each moved, as a partial plan to merge with the base.

    Parameters
    ----------
    base
        What stands at the path now.
    shift
        The amount.
    path
        Where; the schema says what is a date there.
    at
        The node that states the shift: its place becomes that of the new dates.
    problems
        Receives what is wrong: no date there, or none that can move.
    entries
        Names that stand in the document where the path's last one should, for messages.
    """
    try:
        moved = _moved(base, shift, path, at) if base is not None else None
    except _CollisionError as collision:
        place = Place(at.file, at.line, at.column, ".".join(path))
        message = f"two dates would both become {collision}, and the value of one would be lost"
        problems.append(Problem(message, place, value=shift.text, remedy="shift by days, or state the dates anew"))
        return None
    if moved is None:
        problems.append(_absent(entries, shift, path, at) or _nothing(shift, path, at, stands=base is not None))
    return moved


def with_dates(
    base: Node | None,
    over: Node,
    problems: list[Problem],
    path: tuple[str, ...] = (),
    entries: Collection[str] = (),
) -> Node:
    """Return an overlay in which each shift has become the dates that it makes of the base's."""
    stated = over.inner
    wrong = misspelt_shift(stated.value, path, over) if isinstance(stated, Node) else None
    if wrong is not None:
        problems.append(wrong)
        return Node({}, over.line, over.column, over.file)
    shift = read_shift(stated.value) if isinstance(stated, Node) else None
    if shift is not None:
        moved = shifted(base, shift, path, over, problems, entries)
        if moved is None or not over.states_provenance or not moved.states_provenance:
            return moved or Node({}, over.line, over.column, over.file)
        about = {k: v for k, v in over.value.items() if k != "value"}
        return Node({**moved.value, **about}, over.line, over.column, over.file)
    if not isinstance(over.value, dict) or over.states_provenance:
        return over
    below = base.value if base is not None and isinstance(base.value, dict) else {}
    values = {
        name: with_dates(below.get(name), node, problems, (*path, name), below) for name, node in over.value.items()
    }
    return Node(values, over.line, over.column, over.file, dict(over.keys))


def _moved(base: Node, shift: Shift, path: tuple[str, ...], at: Node) -> Node | None:
    """Return the moved dates at and below a path, None if there are none."""
    if is_date(path):
        dates = parts_of(base, path) or {"value": base.inner}
        return _new_dates({k: str(v.value) for k, v in dates.items() if k in DATES_OF_A_RANGE}, shift, at)
    if not isinstance(base.value, dict) or base.states_provenance:
        return None
    if has_dated_keys(path):
        return _moved_keys(base, shift, at)
    found = {name: _moved(below, shift, (*path, name), at) for name, below in base.value.items()}
    values = {name: node for name, node in found.items() if node is not None}
    return _mapping(values, at) if values else None


def _new_dates(old: Mapping[str, str], shift: Shift, at: Node) -> Node | None:
    """Return a date, or all those of a range, each moved; None where one can't be."""
    try:
        new = {name: Node(shift.move(date), at.line, at.column, at.file) for name, date in old.items()}
    except (ValueError, OverflowError):
        return None
    note = Node(f"{', '.join(old.values())} shifted by {shift.text}", at.line, at.column, at.file)
    return _mapping(new | {"note": note}, at)


def _moved_keys(base: Node, shift: Shift, at: Node) -> Node | None:
    """Return a section whose names are dates with each name moved: the old ones are removed with ``null``."""
    moved: dict[str, Node] = {}
    for name, below in base.value.items():
        try:
            new = shift.move(name)
        except (ValueError, OverflowError):
            continue
        if new in moved:
            raise _CollisionError(new)
        moved[new] = below
    removed = {name: Node(None, at.line, at.column, at.file) for name in base.value}
    return _mapping(removed | moved, at) if moved else None


def _mapping(values: dict[str, Node], at: Node) -> Node:
    return Node(values, at.line, at.column, at.file, dict.fromkeys(values, (at.line, at.column)))


def _absent(entries: Collection[str], shift: Shift, path: tuple[str, ...], at: Node) -> Problem | None:
    """Return the problem of a shift of an entry that the document does not have; None where it has it."""
    if not path or not takes_entries(path[:-1]) or path[-1] in entries:
        return None
    what = path[-2].removesuffix("s") if len(path) > 1 else "entry"
    place = Place(at.file, at.line, at.column, ".".join(path))
    return unknown_choice(
        f"there is no {what} '{path[-1]}' whose dates could be shifted", place, path[-1], entries, "check the spelling"
    )


def _nothing(shift: Shift, path: tuple[str, ...], at: Node, *, stands: bool) -> Problem:
    """Return the problem of a shift that finds no date to move."""
    message, remedy = "there is no date here to shift", "name a date that is stated, or a section that states dates"
    if is_date(path):
        message, remedy = ("this date can't be shifted" if stands else message), "state the date itself"
    elif not is_section(path):
        message = "only dates can be shifted"
        remedy = "state the new value itself, without a sign"
    place = Place(at.file, at.line, at.column, ".".join(path))
    return Problem(message, place, value=shift.text, allowed=f"a date, moved by {FORMS}", remedy=remedy)


def _add_months(day: dt.date, months: int) -> dt.date:
    """Return the same day some months later, or that month's last day where it has no such day."""
    index = day.year * MONTHS_PER_YEAR + day.month - 1 + months
    year, month = index // MONTHS_PER_YEAR, index % MONTHS_PER_YEAR + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
