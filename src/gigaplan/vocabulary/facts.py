"""Facts, evidence and the ledger of what a run has read."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from gigaplan.vocabulary.show import Brief, BriefRows, Lines, text
from gigaplan.vocabulary.units import UNIT_UNSAID, parse_date


class Evidence(StrEnum):
    """How a value is known, from the strongest to the weakest."""

    MEASURED = "measured"
    DATASHEET = "datasheet"
    FILED = "filed"
    SECOND_HAND = "second-hand"
    """A data sheet's or publication's value as another party's tables copy it, or one whose address wasn't kept."""
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


_day = lru_cache(maxsize=4096)(parse_date)
"""The day of a source's date: thousands of facts have a few hundred."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Fact(Brief):
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

    def later_than(self, day: dt.date | None) -> bool:
        """Return whether its source came after a day; a month or a year stands for its middle, None is today.

        Parameters
        ----------
        day
            The day.
        """
        return day is not None and bool(self.date) and _day(self.date) > day

    @property
    def basis(self) -> str:
        """Return the bases that apply, joined for people."""
        parts = (self.power_basis, self.flops_basis, self.token_basis, self.price_basis, self.scope, self.profile)
        return " ".join(p for p in parts if p)

    def brief_title(self) -> str:
        """Return the fact's id."""
        return self.id

    def brief_rows(self) -> BriefRows:
        """Return the value, its range, basis and source."""
        span = "" if self.low is None or self.high is None else f"{text(self.low)} to {text(self.high)}"
        yield from (("value", f"{text(self.value)} {self.unit}"), ("range", span), ("basis", self.basis))
        yield from (("evidence", str(self.evidence)), ("source", self.source_title), ("date", self.date))
        yield from (("url", self.url), ("note", self.note))

    def brief_line(self) -> str:
        """Return the fact's id, value, evidence and source."""
        return f"{self.id}: {text(self.value)} {self.unit}, {self.evidence}: {self.source_title}"


@dataclass(frozen=True, slots=True, repr=False)
class Entry(Brief):
    """One reading: which input took which fact (or which line of the plan), and the value it got."""

    path: str
    value: str
    evidence: Evidence
    fact: Fact | None = None
    source: str = ""
    unit: str = ""
    """Of a number that the plan states."""
    later: bool = False
    """Whether the fact came after the plan's information date: hindsight."""

    def brief_line(self) -> str:
        """Return the input's path, its value and where it is from."""
        value = f"{self.value} {self.unit}".strip() if self.unit not in UNIT_UNSAID else self.value
        return f"{self.path} = {value}, {self.evidence}: {self.fact.id if self.fact else self.source or 'plan'}"


@dataclass(slots=True, repr=False)
class _Branch:
    """Places of the entries at a path and below it, part by part: a prefix is found without a search."""

    places: list[int] = field(default_factory=list)
    classes: set[Evidence] = field(default_factory=set)
    branches: dict[str, _Branch] = field(default_factory=dict)

    def add(self, parts: list[str], place: int, evidence: Evidence) -> None:
        """Note that the entry at ``place`` has a path of these parts."""
        branch = self
        branch.places.append(place)
        branch.classes.add(evidence)
        for part in parts:
            below = branch.branches.get(part)
            if below is None:
                below = branch.branches[part] = _Branch()
            below.places.append(place)
            below.classes.add(evidence)
            branch = below

    def at(self, parts: list[str]) -> list[_Branch]:
        """Return what is at a path; ``*`` stands for one part."""
        if not parts:
            return [self]
        if parts[0] == "*":
            return [found for branch in self.branches.values() for found in branch.at(parts[1:])]
        branch = self.branches.get(parts[0])
        return branch.at(parts[1:]) if branch else []


@dataclass(slots=True, repr=False)
class Ledger(Brief):
    """The facts and plan lines that were read while a plan was resolved, in order."""

    entries: list[Entry] = field(default_factory=Lines)
    known_until: dt.date | None = None
    """Information date of the plan that is resolved, if it has one."""
    _index: _Branch = field(default_factory=_Branch, init=False, repr=False, compare=False)
    _indexed: int = field(default=0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.entries) is list:
            self.entries = Lines(self.entries)

    def brief_rows(self) -> BriefRows:
        """Return how many readings there are, by evidence and by section of the plan."""
        facts = sum(e.fact is not None for e in self.entries)
        yield "readings", f"{len(self.entries):,}: {facts:,} of facts, {len(self.entries) - facts:,} of the plan"
        for name, key in (("evidence", lambda e: str(e.evidence)), ("sections", lambda e: e.path.partition(".")[0])):
            yield name, ", ".join(f"{k} {n:,}" for k, n in Counter(map(key, self.entries)).most_common())

    def read(self, path: str, fact: Fact) -> Fact:
        """Record that the input at ``path`` took ``fact``; return the fact."""
        later = fact.later_than(self.known_until)
        self.entries.append(Entry(path, str(fact.value), fact.evidence, fact, later=later))
        return fact

    def plan(
        self, path: str, value: object, evidence: Evidence = Evidence.ASSUMED, source: str = "", unit: str = ""
    ) -> None:
        """Record that the input at ``path`` was given in the plan itself."""
        self.entries.append(Entry(path, str(value), evidence, None, source, unit))

    def under(self, prefix: str) -> Iterator[Entry]:
        """Yield the entries whose path is ``prefix`` or lies below it; ``*`` stands for one part."""
        for place in sorted(place for branch in self._at(prefix) for place in branch.places):
            yield self.entries[place]

    def classes(self, prefix: str) -> set[Evidence]:
        """Return how the entries are known whose path is ``prefix`` or lies below it; ``*`` stands for one part."""
        return set().union(*(branch.classes for branch in self._at(prefix)))

    def _at(self, prefix: str) -> list[_Branch]:
        for entry in self.entries[self._indexed :]:
            self._index.add(entry.path.split("."), self._indexed, entry.evidence)
            self._indexed += 1
        return self._index.at(prefix.split("."))

    def hindsight(self) -> list[Fact]:
        """Return the distinct facts that came after the plan's information date, by id."""
        return sorted({e.fact.id: e.fact for e in self.entries if e.fact and e.later}.values(), key=lambda f: f.id)

    def facts(self) -> list[Fact]:
        """Return the distinct facts read, by id."""
        return sorted({e.fact.id: e.fact for e in self.entries if e.fact}.values(), key=lambda f: f.id)
