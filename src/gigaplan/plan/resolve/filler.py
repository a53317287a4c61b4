"""The rule that fills every input, and the ledger of what it has read.

A field of a room's dataclass takes what the plan states, else the catalog's fact of the same name for the named entity,
else the dataclass's default; a field with none of these is a problem.
"""

from __future__ import annotations

import datetime as dt
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from typing import Annotated, Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from pydantic import BaseModel

from gigaplan.catalog import Catalog
from gigaplan.catalog.history import published
from gigaplan.catalog.prices import in_prices_of, price_level
from gigaplan.plan.document import Node
from gigaplan.plan.homes import Homes
from gigaplan.plan.paths import unit_at
from gigaplan.plan.provenance import Provenance
from gigaplan.vocabulary.correlations import Cluster, by_name
from gigaplan.vocabulary.draws import Draws, Picks
from gigaplan.vocabulary.errors import Fault, InputError, Place, Problem
from gigaplan.vocabulary.facts import Entry, Fact, Ledger
from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.sampling import Choice, Part, Sampler, Spread, bounds_of
from gigaplan.vocabulary.time import TimeAxis
from gigaplan.vocabulary.units import parse_date

T = TypeVar("T")
MOST_KNOWN = 4_000
"""Dataclasses of which it is remembered what a catalog gives their fields."""
DELAY = "_delay_days"
"""End of the name of a field that holds by how much the date of the field before it is late."""


@cache
def type_hints(cls: type) -> Mapping[str, Any]:
    """Return the type of each field of a dataclass; evaluating annotations anew for each fill is slow."""
    return typing.get_type_hints(cls, include_extras=True)


@dataclass(frozen=True, slots=True)
class _Given:
    """What a catalog gives a field: the same for each run that asks it alike."""

    fact: Fact
    value: Any
    """The value that the central future takes."""
    entries: tuple[Entry, ...]
    """What the ledger notes of it."""
    sampled: bool
    """Whether members draw it."""


_known: WeakKeyDictionary[Catalog, dict[object, dict[str, _Given | None]]] = WeakKeyDictionary()
"""What each catalog gave, by dataclass, entities, path and bases, year of prices and information date."""


@dataclass
class Filler:
    """Fills dataclasses from the plan and the catalog, recording each reading and collecting what is missing."""

    facts: Catalog
    provenance: Mapping[str, Provenance]
    members: int
    seed: int
    root: Node = field(default_factory=lambda: Node({}, 0, 0))
    homes: Homes = field(default_factory=Homes)
    ranges: Mapping[str, Spread] = field(default_factory=dict)
    """What the plan states of values with a range, by dotted path."""
    part: Part | None = None
    """Which members of a study are drawn; the first ones of the sequence if None."""
    choices: Mapping[str, Choice] = field(default_factory=dict)
    """What the plan leaves open among several names, by dotted path."""
    correlations: Sequence[Cluster] = ()
    """Inputs whose draws the plan correlates."""
    price_year: int | None = None
    """Year in whose prices money is, None where each fact is in its own year's."""
    picks: dict[str, Picks] = field(default_factory=dict)
    """Which of these each member has, by the path of the input."""
    ledger: Ledger = field(default_factory=Ledger)
    problems: list[Problem] = field(default_factory=list)
    sampler: Sampler = field(init=False)
    draws: Draws = field(init=False)

    def __post_init__(self) -> None:
        part = self.part or Part(self.members, self.seed)
        self.sampler = Sampler(self.members, self.seed, part.first, part.points, by_name(self.correlations))
        self.draws = Draws(self.sampler)

    def fill(
        self,
        cls: type[T],
        given: BaseModel | None,
        entity: str | Sequence[str],
        path: str,
        *,
        bases: Mapping[str, str] | None = None,
        **known: Any,
    ) -> T:
        """Return a room's dataclass.

        Parameters
        ----------
        cls
            The dataclass.
        given
            What the plan states.
        entity
            Entities of the catalog whose facts fill in the rest; the first that has one wins.
        path
            Path of the dataclass in the ledger.
        bases
            Bases of the facts, where the catalog has several.
        known
            Fields that are known already.

        Raises
        ------
        InputError
            If the values don't fit together; its paths are the ledger's.
        """
        entities = [entity] if isinstance(entity, str) else list(entity)
        values: dict[str, Any] = {}
        hints, facts = type_hints(typing.cast(Any, cls)), self._remembered(cls, entities, path, bases or {})
        for f in fields(typing.cast(Any, cls)):
            here, stated = f"{path}.{f.name}", getattr(given, f.name, None)
            if f.name in known:
                values[f.name] = known[f.name]
            elif f.name.endswith(DELAY):
                values[f.name] = self._delay(here.removesuffix(DELAY))
            elif stated is not None:
                values[f.name] = self.state(here, stated, hints[f.name])
            elif (found := self._of_catalog(facts, here, f.name, entities, bases or {}, hints[f.name])) is not None:
                values[f.name] = self._taken(found, here, hints[f.name])
            elif f.default is not MISSING:
                values[f.name] = f.default
            else:
                values[f.name] = self._missing(here, f.name, entities, hints[f.name])
        try:
            return cls(**values)
        except InputError as error:
            faults = [Fault(e.message, tuple(f"{path}.{p}" for p in e.paths), e.value) for e in error.faults]
            raise InputError(faults) from None

    def _remembered(
        self, cls: type, entities: Sequence[str], path: str, bases: Mapping[str, str]
    ) -> dict[str, _Given | None]:
        """Return what is remembered of the facts of a dataclass's fields, by field."""
        here = _known.setdefault(self.facts, {})
        key = (cls, *entities, path, *bases.items(), self.price_year, self.ledger.known_until)
        if key not in here and len(here) >= MOST_KNOWN:
            here.clear()
        return here.setdefault(key, {})

    def _of_catalog(
        self,
        remembered: dict[str, _Given | None],
        path: str,
        name: str,
        entities: Sequence[str],
        bases: Mapping[str, str],
        hint: Any,
    ) -> _Given | None:
        """Return what the first of some entities that has it gives a field, None where none has."""
        if name not in remembered:
            owner = next((e for e in entities if self.facts.has(e, name)), None)
            found = None
            if owner is not None:
                before = len(self.ledger.entries)
                fact = self.ledger.read(path, self.priced(self.facts.find(owner, name, **bases)))
                found = _Given(fact, _central(fact, hint), tuple(self.ledger.entries[before:]), _sampled(fact, hint))
                del self.ledger.entries[before:]
            remembered[name] = found
        return remembered[name]

    def _taken(self, found: _Given, path: str, hint: Any) -> Any:
        """Return the value of what a catalog gives, recorded: one per member where the field allows it."""
        self.ledger.entries += found.entries
        return self.drawn(found.fact, hint, path) if found.sampled and self.members > 1 else found.value

    def published(
        self, lab: str, quantity: str, until: dt.date | None, path: str, *, real: bool = False
    ) -> tuple[tuple[dt.date, float], ...]:
        """Return a lab's published figures by date, as they were known on a day, each recorded below ``path``.

        Parameters
        ----------
        lab, quantity, until
            As in :meth:`~gigaplan.catalog.history.History.series`.
        path
            Path of the figures in the ledger.
        real
            Whether they are money of their dates that is converted to the plan's price year.
        """
        found = []
        for point in published().series(lab, quantity, until):
            fact = self.priced(replace(point.fact, price_year=str(point.date.year))) if real else point.fact
            found.append((point.date, self.ledger.read(f"{path}.{point.date}", fact).number))
        return tuple(found)

    def number(self, path: str, entity: str, quantity: str, **bases: str) -> float:
        """Return one fact's number, recorded at ``path``."""
        return self.ledger.read(path, self.priced(self.facts.find(entity, quantity, **bases))).number

    def priced(self, fact: Fact) -> Fact:
        """Return a fact in the prices of the plan's year, where it states one and the fact is money of another."""
        if self.price_year is None or not fact.price_year or int(fact.price_year) == self.price_year:
            return fact
        levels = [self._price_level(year) for year in (int(fact.price_year), self.price_year)]
        if not all(levels):
            return fact
        return in_prices_of(fact, self.price_year, levels[1] / levels[0])

    def _price_level(self, year: int) -> float:
        """Return consumer prices in a year, recorded; those of the last known year after it."""
        level = price_level(self.facts, year)
        return self.ledger.read(f"price_year.{level.date}", level).number if level else 0.0

    def series(
        self,
        given: Mapping[str, float] | None,
        entity: str,
        quantity: str,
        axis: TimeAxis,
        path: str,
        default: float,
        hint: Any = None,
    ) -> Array:
        """Return a series over the horizon's months: the plan's points, else the catalog's series of the entity, linear
        in between and level beyond; ``default`` where there is neither.

        Its shape is (month,), (member, month) where points have a range and the hint takes that. The points of one
        series move together.
        """
        points: list[tuple[dt.date, Uncertain]] = [
            (parse_date(key), self.state(f"{path}.{key}", value, hint, group=path))
            for key, value in (given or {}).items()
        ]
        if not points:
            found = self.facts.series(entity, quantity)
            group = f"{entity}.{quantity}"
            points = [(parse_date(f.date), self.value(f"{path}.{f.date}", f, hint, group=group)) for f in found]
        if not points:
            return np.full(axis.months, default)
        points.sort(key=lambda point: point[0])
        days = [axis.days_since_start(d) for d, _ in points]
        rows = np.stack(np.broadcast_arrays(*[np.asarray(v, dtype=float) for _, v in points]), axis=-1)
        if rows.ndim == 1:
            return np.asarray(np.interp(axis.mid_days, days, rows))
        return np.stack([np.interp(axis.mid_days, days, row) for row in rows])

    def state(self, path: str, value: T, hint: Any = None, *, group: str = "") -> T:
        """Return a value that the plan states, recorded with its provenance: one per member where it has a range and
        the field takes that. Values of one group move together, unless the plan names another."""
        home = self.homes.stated(path, self.root)
        known = self.provenance.get(home, Provenance())
        spread = self.ranges.get(home)
        if home in self.choices:
            self._choose(path, home, known)
            return value
        unit = unit_at(self.root.parts(home)) if isinstance(value, int | float) else ""
        self.ledger.plan(path, _with_range(value, spread), known.evidence, known.words, unit)
        if spread is None or self.members == 1 or not _takes_members(hint):
            return value
        spread = replace(spread, group=spread.group or group)
        return typing.cast(T, self.draws.draw(home, spread, path, known.evidence))

    def _choose(self, path: str, home: str, known: Provenance) -> None:
        """Record the options of a choice, the likeliest first, and which of them each member has."""
        choice = self.choices[home]
        for weight, option in sorted(zip(choice.weights, choice.options, strict=True), key=lambda w: -w[0]):
            words = "; ".join(filter(None, (f"one of {len(choice.options)}, weight {weight:.0%}", known.words)))
            self.ledger.plan(path, option, known.evidence, words)
        if self.members > 1:
            self.picks[path] = self.draws.pick(home, choice, path, known.evidence)

    def _delay(self, path: str) -> Uncertain:
        """Return by how much a date that the plan states with a range is late [days]: one number per member."""
        home = self.homes.stated(path, self.root)
        spread = self.ranges.get(home)
        if spread is None or self.members == 1:
            return 0.0
        return self.draws.draw(home, spread, path, self.provenance.get(home, Provenance()).evidence)

    def value(self, path: str, fact: Fact, hint: Any, *, group: str = "") -> Any:
        """Return a fact's value as a field of a type holds it, recorded: one per member where the field allows it.
        Values of one group move together."""
        fact = self.ledger.read(path, self.priced(fact))
        sampled = self.members > 1 and _sampled(fact, hint)
        return self.drawn(fact, hint, path, group=group) if sampled else _central(fact, hint)

    def drawn(
        self, fact: Fact, hint: Any, path: str, *, group: str = "", lead: tuple[str, float] | None = None
    ) -> Array:
        """Return the draws of a fact with a range, within the bounds of a field's type.

        Parameters
        ----------
        fact
            The fact.
        hint
            Type of the field.
        path
            Path of the field in the ledger.
        group
            Values of one group move together.
        lead
            Name of other draws that these follow, and their correlation.
        """
        low, high = (fact.number if end is None else end for end in (fact.low, fact.high))
        lower, upper = bounds_of(typing.get_args(hint)[1:])
        spread = Spread(fact.number, low, high, group=group, lower=lower, upper=upper)
        return self.draws.draw(self.facts.stream_of(fact), spread, path, fact.evidence, lead)

    def _missing(self, path: str, name: str, entities: Sequence[str], hint: Any) -> Any:
        """Note that an input is nowhere to be found; return a value with which the rest can be filled."""
        owners = " or ".join(f"'{entity}'" for entity in entities)
        message = f"'{name}' is neither in the plan nor a fact of {owners}"
        self.problems.append(Problem(message, Place(path=self.homes.of(path)[0]), remedy=f"add '{name}' here"))
        return dt.date(1970, 1, 1) if "date" in str(hint) else 1.0


def _with_range(value: object, spread: Spread | None) -> object:
    """Return a value that the plan states as the ledger has it: with its range, that of a date in days."""
    if spread is None:
        return value
    if isinstance(value, dt.date):
        return f"{value} ({spread.low:+.0f} to {spread.high:+.0f} days)"
    return f"{spread.central:.6g} ({spread.low:.6g} to {spread.high:.6g})"


def _central(fact: Fact, hint: Any) -> Any:
    """Return a fact's central value as a field of a type holds it."""
    if fact.unit == "date":
        return fact.day
    if fact.unit == "text":
        return str(fact.value)
    return int(fact.number) if hint is int or (typing.get_args(hint) or (None,))[0] is int else fact.number


def _sampled(fact: Fact, hint: Any) -> bool:
    """Return whether members draw a fact where a field of a type takes it."""
    number = fact.unit not in ("date", "text")
    return number and fact.low is not None and fact.high is not None and _takes_members(hint)


def _takes_members(hint: Any) -> bool:
    """Return whether a field of a type may hold one value per member."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(_takes_members(part) for part in typing.get_args(hint))
    return typing.get_origin(hint) is Annotated and typing.get_args(hint)[0] == Uncertain


def rated_w(filler: Filler, system: str, path: str) -> float:
    """Return the power that a GPU of a system may draw [W]: of the profile with most, at which its peaks hold; 0 if
    unknown."""
    rated = [f for f in filler.facts.all(system, "gpu_tgp_w") if f.chosen]
    return max((filler.ledger.read(f"{path}.rated_w", f).number for f in rated), default=0.0)
