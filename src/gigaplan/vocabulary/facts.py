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
    """One sourced value: a number in ``unit``; dates (unit ``date``) and names (unit ``text``) are text."""

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
class _Branch:
    """Places of the entries at a path and below it, part by part: a prefix is found without a search."""

    places: list[int] = field(default_factory=list)
    branches: dict[str, _Branch] = field(default_factory=dict)

    def add(self, parts: list[str], place: int) -> None:
        """Note that the entry at ``place`` has a path of these parts."""
        branch = self
        branch.places.append(place)
        for part in parts:
            below = branch.branches.get(part)
            if below is None:
                below = branch.branches[part] = _Branch()
            below.places.append(place)
            branch = below

    def below(self, parts: list[str]) -> list[int]:
        """Return the places of the entries at or below a path; ``*`` stands for one part."""
        if not parts:
            return self.places
        if parts[0] == "*":
            return [p for branch in self.branches.values() for p in branch.below(parts[1:])]
        branch = self.branches.get(parts[0])
        return branch.below(parts[1:]) if branch else []


@dataclass(slots=True)
class Ledger:
    """The facts and plan lines that were read while a plan was resolved, in order."""

    entries: list[Entry] = field(default_factory=list)
    _index: _Branch = field(default_factory=_Branch, init=False, repr=False, compare=False)
    _indexed: int = field(default=0, init=False, repr=False, compare=False)

    def read(self, path: str, fact: Fact) -> Fact:
        """Record that the input at ``path`` took ``fact``; return the fact."""
        self.entries.append(Entry(path, str(fact.value), fact.evidence, fact))
        return fact

    def plan(self, path: str, value: object, evidence: Evidence = Evidence.ASSUMED, source: str = "") -> None:
        """Record that the input at ``path`` was given in the plan itself."""
        self.entries.append(Entry(path, str(value), evidence, None, source))

    def under(self, prefix: str) -> Iterator[Entry]:
        """Yield the entries whose path is ``prefix`` or lies below it; ``*`` stands for one part."""
        for entry in self.entries[self._indexed :]:
            self._index.add(entry.path.split("."), self._indexed)
            self._indexed += 1
        for place in sorted(self._index.below(prefix.split("."))):
            yield self.entries[place]

    def facts(self) -> list[Fact]:
        """Return the distinct facts read, by id."""
        return sorted({e.fact.id: e.fact for e in self.entries if e.fact}.values(), key=lambda f: f.id)
