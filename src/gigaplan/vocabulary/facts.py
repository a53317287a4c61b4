"""Facts, evidence and the ledger of what a run has read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Evidence(StrEnum):
    """How a value is known, from the strongest to the weakest."""

    MEASURED = "measured"
    DATASHEET = "datasheet"
    FILED = "filed"
    ANNOUNCED = "announced"
    ESTIMATED = "estimated"
    ASSUMED = "assumed"

    @property
    def rank(self) -> int:
        """Return 0 for the strongest evidence, rising as it weakens."""
        return list(Evidence).index(self)


def weakest(classes: Iterable[Evidence]) -> Evidence:
    """Return the weakest of some evidence classes (a result with no fact at all is assumed)."""
    return max(classes, key=lambda e: e.rank, default=Evidence.ASSUMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One sourced value. ``value`` is a number in ``unit``; dates (unit ``date``) and names (unit ``text``) are text."""

    id: str
    entity: str
    quantity: str
    value: float | str
    low: float | None = None
    high: float | None = None
    unit: str
    power_basis: str = ""
    flops_basis: str = ""
    token_basis: str = ""
    price_basis: str = ""
    scope: str = ""
    profile: str = ""
    source_title: str
    url: str = ""
    date: str = ""
    price_year: str = ""
    evidence: Evidence
    confidence: str = ""
    chosen: bool = True
    note: str = ""

    @property
    def number(self) -> float:
        """Return the value as a float; ValueError if it is a date or a name."""
        return float(self.value)

    @property
    def day(self) -> dt.date:
        """Return the value as a day; ValueError if it is a number."""
        return dt.date.fromisoformat(str(self.value))

    @property
    def basis(self) -> str:
        """Return the bases that apply, joined for people."""
        parts = (self.power_basis, self.flops_basis, self.token_basis, self.price_basis, self.scope, self.profile)
        return " ".join(p for p in parts if p)


@dataclass(frozen=True, slots=True)
class Entry:
    """One reading: which input took which fact (or which line of the plan), and the value it got."""

    path: str
    value: str
    evidence: Evidence
    fact: Fact | None = None
    source: str = ""


@dataclass(slots=True)
class Ledger:
    """The facts and plan lines that were read while a plan was resolved, in order."""

    entries: list[Entry] = field(default_factory=list)

    def read(self, path: str, fact: Fact) -> Fact:
        """Record that the input at ``path`` took ``fact``; return the fact."""
        self.entries.append(Entry(path, str(fact.value), fact.evidence, fact))
        return fact

    def plan(self, path: str, value: object, evidence: Evidence = Evidence.ASSUMED, source: str = "") -> None:
        """Record that the input at ``path`` was given in the plan itself."""
        self.entries.append(Entry(path, str(value), evidence, None, source))

    def under(self, prefix: str) -> Iterator[Entry]:
        """Yield the entries whose path is ``prefix`` or lies below it; ``*`` stands for one part."""
        parts = prefix.split(".")
        for entry in self.entries:
            have = entry.path.split(".")
            if len(have) >= len(parts) and all(p in ("*", h) for p, h in zip(parts, have, strict=False)):
                yield entry

    def facts(self) -> list[Fact]:
        """Return the distinct facts read, by id."""
        return sorted({e.fact.id: e.fact for e in self.entries if e.fact}.values(), key=lambda f: f.id)
