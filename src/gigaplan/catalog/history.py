"""Published figures by date: what was said of users, tokens, revenue, spend, power and prices, and since when.

Each row has the date that it is about and the day on which it became public, which separates what was known on any day
from what came later. Rows of a series are those that a plan of the lab goes through; of rivals a better
figure supersedes the earlier one from the day on which it was public. The others are only compared with.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from gigaplan.catalog.catalog import HISTORY, data_folder
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.units import parse_period

NEEDED = ("quantity", "entity", "date", "value", "unit", "known_since")
"""Columns that a table of published figures must have; the others may be absent."""
USERS, REVENUE, TOKENS = "weekly_active_users", "revenue_run_rate", "tokens_per_day"
"""Quantities of a lab that have series."""
RENT, RENT_OF = "gpu_rental_price", "h100"
"""Rents have one series, of the generation whose rent is published longest."""
EXPECTED = "a plan, a projection or a period that had not ended: known before its date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One published figure."""

    quantity: str
    entity: str
    date: dt.date
    """The day that it is about; of a period its last."""
    value: float
    low: float | None = None
    high: float | None = None
    unit: str
    basis: str = ""
    known_since: dt.date
    """The day on which it was public."""
    source_title: str = ""
    url: str = ""
    evidence: Evidence = Evidence.ESTIMATED
    note: str = ""
    series: bool = False
    """Whether a plan of the lab goes through it."""
    superseded: dt.date | None = None
    """The day on which a better figure of the same became public."""

    @property
    def lab(self) -> str:
        """Return whose figure it is: the entity without its product."""
        return lab_of(self.entity)

    @property
    def expected(self) -> bool:
        """Return whether it was known before its date: something expected, not something that was."""
        return self.known_since < self.date

    def known(self, until: dt.date | None) -> bool:
        """Return whether it stood on a day as the best that was known; None is today.

        Parameters
        ----------
        until
            The day.
        """
        if until is None:
            return self.superseded is None
        return self.known_since <= until and (self.superseded is None or until < self.superseded)

    @property
    def fact(self) -> Fact:
        """Return it as a fact, as the ledger of a run holds it."""
        name = re.sub(r"[^a-z0-9]+", "_", self.entity.lower()).strip("_")
        return Fact(
            id=f"published.{name}.{self.quantity}.{self.date}",
            entity=name,
            quantity=self.quantity,
            value=self.value,
            low=self.low,
            high=self.high,
            unit=self.unit,
            source_title=self.source_title,
            url=self.url,
            date=str(self.known_since),
            evidence=self.evidence,
            note="; ".join(filter(None, (f"of {self.date}", self.basis, self.note))),
        )


@dataclass(frozen=True, slots=True)
class History:
    """Published figures, by quantity, entity and date."""

    rows: tuple[Published, ...] = field(repr=False)

    def series(self, lab: str, quantity: str, until: dt.date | None = None) -> tuple[Published, ...]:
        """Return what a plan of a lab goes through, by date: the points that were known on a day.

        Parameters
        ----------
        lab
            Whose points, as ``openai``.
        quantity
            Which figure, as ``weekly_active_users``.
        until
            The day on which they were known; None is today.
        """
        found = (r for r in self.rows if r.series and r.quantity == quantity and r.lab == lab and r.known(until))
        return tuple(sorted(found, key=lambda r: r.date))

    @property
    def labs(self) -> tuple[str, ...]:
        """Return the labs of which there is a series that a plan can go through."""
        return tuple(dict.fromkeys(r.lab for r in self.rows if r.series and r.quantity != RENT))


def lab_of(entity: str) -> str:
    """Return whose figure it is.

    Parameters
    ----------
    entity
        An entity of the table, most often a lab with its product.

    Examples
    --------
    >>> lab_of("OpenAI/ChatGPT"), lab_of("OpenAI API"), lab_of("OpenAI (all products)")
    ('openai', 'openai', 'openai')
    """
    return re.split(r"[/ +]", entity.strip())[0].lower()


@cache
def published() -> History:
    """Return the published figures that come with gigaplan."""
    path = data_folder() / HISTORY
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return History(rows_of(reader, path.name))


def rows_of(rows: Iterable[Mapping[str, str]], file: str) -> tuple[Published, ...]:
    """Return the published figures of a table's rows.

    Parameters
    ----------
    rows
        Cells by column; ``NEEDED`` has the columns that must be there.
    file
        The table's name, for messages.

    Raises
    ------
    PlanError
        With every cell that can't be read.
    """
    found: list[Published] = []
    problems: list[Problem] = []
    for line, row in enumerate(rows, 2):
        faults = list(_faults(row, file, line))
        problems += faults
        if not faults:
            found.append(_row(row))
    if problems:
        raise PlanError(problems)
    return tuple(found)


def _row(row: Mapping[str, str]) -> Published:
    """Return one row whose cells can be read; a month or a year stands for its last day."""
    low, high = (float(row[name]) if row.get(name) else None for name in ("low", "high"))
    known = row.get("evidence") or Evidence.ESTIMATED
    return Published(
        quantity=row["quantity"],
        entity=row["entity"],
        date=_last(row["date"]),
        value=float(row["value"]),
        low=low,
        high=high,
        unit=row["unit"],
        basis=row.get("basis") or "",
        known_since=_last(row["known_since"]),
        source_title=row.get("source_title") or "",
        url=row.get("url") or "",
        evidence=Evidence(known),
        note=row.get("note") or "",
        series=row.get("series") == "yes",
        superseded=_last(row["superseded"]) if row.get("superseded") else None,
    )


def _faults(row: Mapping[str, str], file: str, line: int) -> Iterator[Problem]:
    """Yield what can't be read in a row."""
    place = Place(file, line, 1, row.get("quantity") or "")
    for name in NEEDED:
        if not row.get(name):
            yield Problem(f"no {name}", place, remedy=f"fill the column '{name}'")
    for name in ("date", "known_since", "superseded"):
        if row.get(name):
            try:
                _last(row[name])
            except ValueError:
                yield Problem(f"{name} is not a date", place, value=row[name], allowed="2026-09-22, 2026-09 or 2026")
    for name in ("value", "low", "high"):
        if row.get(name):
            try:
                number = float(row[name])
            except ValueError:
                number = math.nan
            if not math.isfinite(number):
                yield Problem(f"{name} is not a number", place, value=row[name])
    if row.get("evidence") and row["evidence"] not in list(Evidence):
        yield Problem("unknown evidence", place, value=row["evidence"], allowed=", ".join(Evidence))


def _last(text: str) -> dt.date:
    """Return the last day of a date or period."""
    return parse_period(text)[1]
