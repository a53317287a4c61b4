"""The inputs of a run as lines of a sheet: each with its value, range, source, and the plan's line that states it."""

from __future__ import annotations

import datetime as dt
import typing
from dataclasses import dataclass

from gigaplan.plan.homes import Homes, homes_of
from gigaplan.plan.load import Plan
from gigaplan.plan.paths import ENTRIES, is_section, takes_entries, type_at, unit_at
from gigaplan.plan.workbook.layout import LONGEST_TEXT
from gigaplan.vocabulary.facts import Entry, Ledger
from gigaplan.vocabulary.sampling import Spread
from gigaplan.vocabulary.visible import visible

Cell = float | str | bool | None
"""What stands in a cell of a line."""
UNWRITABLE = ('"', "=", "*", "\n")
"""What no part of a path may hold that stands in a change of one line."""
LISTS = (list, tuple)
LATER = "later than the plan's information date"
"""In the note of a fact that is hindsight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One input as it was run.

    Attributes
    ----------
    path : str
        The input by its path in the ledger.
    value, low, high : float, str, bool or None
        Its central value and the ends of its range, dates as text; None for an end that it has not.
    unit, basis : str
        Of its numbers.
    home : str
        The line of a plan that states it, as ``--set`` writes it; empty where no line of a plan does.
    evidence, source, date, url, fact, note : str
        How it is known; ``fact`` is the catalog's id, empty for what the plan states.
    """

    path: str
    value: Cell
    low: Cell = None
    high: Cell = None
    unit: str = ""
    basis: str = ""
    home: str = ""
    evidence: str = ""
    source: str = ""
    date: str = ""
    url: str = ""
    fact: str = ""
    note: str = ""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Return what stands in each of the columns of the sheet."""
        about = (self.evidence, self.source, self.date, self.url, self.fact, self.note)
        cells = (self.path, self.value, self.low, self.high, self.unit, self.basis, self.home, *about)
        return tuple(visible(cell)[:LONGEST_TEXT] if isinstance(cell, str) else cell for cell in cells)


def lines_of(ledger: Ledger, plan: Plan | None) -> list[Line]:
    """Return the inputs of a run, each reading once.

    Parameters
    ----------
    ledger : Ledger
        What was read while the plan was resolved.
    plan : Plan, optional
        The plan; without it no line says where a plan states it.
    """
    places = _Places(plan, homes_of(plan.document)) if plan else None
    found = {(e.path, e.value, e.fact.id if e.fact else ""): e for e in ledger.entries}
    return [_line(entry, places) for entry in found.values()]


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a plan states the inputs of its rooms."""

    plan: Plan
    homes: Homes

    def home(self, path: str) -> tuple[str, str]:
        """Return the line of the plan that states an input alone, if one does, and the unit that stands there."""
        homes = self.homes.of(path)
        parts = self.plan.root.parts(homes[0])
        alone = not any(home in self.plan.choices for home in homes) and self._takes(parts)
        return written_path(parts) if alone else "", unit_at(parts)

    def _takes(self, parts: tuple[str, ...]) -> bool:
        """Return whether one line of the plan may state what stands at a path."""
        kind = type_at(parts)
        if kind is None or is_section(parts) or typing.get_origin(kind) in ENTRIES:
            return False
        above = [parts[:k] for k in range(1, len(parts))]
        return not any(typing.get_origin(type_at(path)) in LISTS or self._needs_more(path) for path in above)

    def _needs_more(self, path: tuple[str, ...]) -> bool:
        """Return whether an entry that the plan lacks can't be made by one line: other lines are required in it."""
        if not takes_entries(path[:-1]) or self.plan.root.at(path)[1]:
            return False
        fields = getattr(type_at(path), "model_fields", {})
        return any(field.is_required() for field in fields.values())

    def spread(self, path: str) -> Spread | None:
        """Return the range that the plan states of an input."""
        homes = (".".join(self.plan.root.parts(home)) for home in self.homes.of(path))
        return next((self.plan.ranges[home] for home in homes if home in self.plan.ranges), None)


def written_path(parts: tuple[str, ...]) -> str:
    """Return a path as a change of one line writes it, empty where it can't; a name that holds dots is quoted.

    Parameters
    ----------
    parts : tuple of str
        The parts of the path.

    Examples
    --------
    >>> written_path(("fleet", "sites", "St. Louis", "region"))
    'fleet.sites."St. Louis".region'
    """
    if any(mark in part for part in parts for mark in UNWRITABLE) or any(part != part.strip() for part in parts):
        return ""
    return ".".join(f'"{part}"' if "." in part else part for part in parts)


def _line(entry: Entry, places: _Places | None) -> Line:
    home, unit = places.home(entry.path) if places else ("", "")
    fact = entry.fact
    if fact is None:
        value, low, high = _of_plan(entry, places.spread(entry.path) if places else None)
        return Line(
            path=entry.path,
            value=value,
            low=low,
            high=high,
            unit=entry.unit or (unit if isinstance(value, float) else ""),
            home=home,
            evidence=str(entry.evidence),
            source="the plan",
            note=entry.source,
        )
    return Line(
        path=entry.path,
        value=fact.value,
        low=fact.low,
        high=fact.high,
        unit=fact.unit,
        basis=fact.basis,
        home=home,
        evidence=str(fact.evidence),
        source=fact.source_title,
        date=fact.date,
        url=fact.url,
        fact=fact.id,
        note="; ".join(filter(None, (LATER * entry.later, fact.note))),
    )


def _of_plan(entry: Entry, spread: Spread | None) -> tuple[Cell, Cell, Cell]:
    """Return the value that a plan states, with the ends of its range."""
    if spread is None:
        return _plain(entry.value), None, None
    day = _day(entry.value.partition(" (")[0])
    if day is None:
        return spread.central, spread.low, spread.high
    low, high = ((day + dt.timedelta(days=round(end))).isoformat() for end in (spread.low, spread.high))
    return day.isoformat(), low, high


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _plain(text: str) -> Cell:
    """Return a value of the ledger as a cell has it."""
    if text in ("True", "False"):
        return text == "True"
    try:
        return float(text)
    except ValueError:
        return text
