"""The labelled arrays of a run, and how one finds something in them: by quantity, by label, by evidence."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self, TypeVar
from weakref import WeakValueDictionary

import numpy as np

from gigaplan.plan.sources import Sources
from gigaplan.results.verdicts import Claim
from gigaplan.vocabulary.bases import Based
from gigaplan.vocabulary.draws import Draw
from gigaplan.vocabulary.errors import LackingQuantityError, UnknownQuantityError, allowed_names, nearest_name
from gigaplan.vocabulary.facts import Evidence, Fact, Ledger, weakest
from gigaplan.vocabulary.labels import meant
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief, Items, Named
from gigaplan.vocabulary.time import TimeAxis
from gigaplan.vocabulary.variables import Variable, variables

L = TypeVar("L", bound="Labelled")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Stamp(Brief):
    """What makes a result reproducible."""

    plan: str
    title: str
    plan_hash: str
    version: str
    catalog_vintage: str
    seed: int
    members: int


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Frame:
    """The labels along the dims of a result, and which of its sites exist or are to be named: compared by identity,
    so that what follows from it is found without reading it again."""

    content: Hashable


_frames: WeakValueDictionary[Hashable, Frame] = WeakValueDictionary()


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """The arrays of one run under the names of the variable table, with everything that belongs to them.

    ``result["gpus_available"]`` is an array whose dims are in the variable table; the member axis comes first.
    """

    stamp: Stamp
    axis: TimeAxis
    labels: Mapping[str, tuple[str, ...]]
    """The names along every dim but ``member``."""
    arrays: Mapping[str, Array]
    ledger: Ledger
    """Every fact and every line of the plan that was read."""
    draws: tuple[Draw, ...] = ()
    """What members drew of every uncertain input; empty for a run of one member."""
    claims: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()
    """What the plan's author wants the reader to know."""
    warnings: tuple[str, ...] = ()
    assumptions: Mapping[str, str] = field(default_factory=dict)
    announced: Based
    """The power that the plan promises, on its basis."""
    sources: Sources | None = None
    """The text of the plan, its overlays and its changes: what is needed to run it again."""
    existing: tuple[bool, ...] = ()
    """For each entry along ``site``, whether it belongs to the existing fleet rather than to the announced programme;
    empty if none does."""
    to_be_named: tuple[bool, ...] = ()
    """For each entry along ``site``, whether it stands for power that no known site holds; empty if none does."""
    keep: str | tuple[str, ...] = "all"
    """Which hourly quantities are held for every member: ``all``, ``summary`` (none) or their names."""
    rows: Mapping[str, Variable] = field(default_factory=variables)
    """The rows of the variable table that this result was made with."""

    def __post_init__(self) -> None:
        """Let lists and mappings show themselves in ten lines."""
        for part in fields(self):
            value = getattr(self, part.name)
            if type(value) is tuple:
                object.__setattr__(self, part.name, Items(value))
            elif type(value) is dict:
                words = {k: Items(v) if type(v) is tuple else v for k, v in value.items()}
                object.__setattr__(self, part.name, Named(words))

    @cached_property
    def memo(self) -> dict[Hashable, Any]:
        """Return what has been worked out of this result, by what it is: it is asked for on every door."""
        return {}

    @property
    def frame(self) -> Frame:
        """Return what stands along the dims, and which sites are of which kind: equal ones are the same object."""
        if Frame not in self.memo:
            made = Frame((tuple(self.labels.items()), self.existing, self.to_be_named))
            self.memo[Frame] = _frames.setdefault(made.content, made)
        found: Frame = self.memo[Frame]
        return found

    def __getitem__(self, name: str) -> Array:
        """Return a quantity's array; UnknownQuantityError (a KeyError) gives the nearest name.

        A quantity that the result lacks, though this version or the one that saved it knows it, gives a
        LackingQuantityError.
        """
        try:
            return self.arrays[self.meant(name)]
        except KeyError:
            raise self._unknown(name) from None

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def _unknown(self, name: str) -> UnknownQuantityError:
        if name in self.rows or name in variables():
            return LackingQuantityError(name, self.arrays)
        reason = "there is no such quantity"
        return UnknownQuantityError(reason, name, tuple(self.arrays), nearest_name(name, self.arrays))

    @property
    def lacking(self) -> tuple[str, ...]:
        """Return the quantities that this version knows and the result, saved by another one, does not hold."""
        return tuple(name for name in variables() if name not in self.arrays)

    def central(self, name: str) -> Array:
        """Return the array of the first member (the one with central facts), without the member axis."""
        array = self[name]
        return np.asarray(array[0] if self.variable(name).dims[:1] == ("member",) else array)

    def variable(self, name: str) -> Variable:
        """Return the row of the variable table; UnknownQuantityError gives the nearest name."""
        found = self.meant(name)
        if found not in self.arrays:
            raise self._unknown(name)
        return self.rows[found]

    def meant(self, name: str) -> str:
        """Return the quantity that a name means in any case (``Cost_USD``), or the name itself where it means none."""
        return name if name in self.arrays else meant(name, self.arrays, by_beginning=False)

    def members(self, name: str) -> int:
        """Return for how many members a quantity is held: all of them, or 1 if ``keep`` left the others out."""
        return self[name].shape[0] if self.variable(name).dims[:1] == ("member",) else 1

    def sizes(self, name: str) -> dict[str, int]:
        """Return the length of each dim of a quantity."""
        return dict(zip(self.variable(name).dims, self[name].shape, strict=True))

    def names(self, dim: str) -> tuple[str, ...]:
        """Return the labels along any dim, members included."""
        return tuple(f"{i:05d}" for i in range(self.stamp.members)) if dim == "member" else self.labels[dim]

    def index(self, dim: str, label: str) -> int:
        """Return the index of a label along a dim; ValueError lists the labels."""
        try:
            return self.labels[dim].index(label)
        except ValueError:
            raise ValueError(f"no '{label}' along {dim}: {allowed_names(self.labels[dim])}") from None

    def new_sites(self) -> list[int]:
        """Return the indices along ``site`` of the announced programme."""
        existing = self.existing_sites()
        return [i for i in range(len(self.labels["site"])) if i not in existing]

    def named_sites(self) -> list[int]:
        """Return the indices along ``site`` of the sites of the announced programme that are known."""
        return [i for i in self.new_sites() if not (self.to_be_named and self.to_be_named[i])]

    def existing_sites(self) -> list[int]:
        """Return the indices along ``site`` of the existing fleet."""
        return [i for i, existing in enumerate(self.existing) if existing]

    def with_claims(self, claims: tuple[Claim, ...]) -> Self:
        """Return this result with its claims checked."""
        return replace(self, claims=claims)

    def day(self, days: float) -> dt.date | None:
        """Return a calendar day from days since the start of the horizon, None for nan."""
        return None if math.isnan(days) else self.axis.day_at(days)

    def lineage(self, name: str) -> set[str]:
        """Return the paths of all scenario inputs that a quantity depends on."""
        if name not in self.rows and name not in variables():
            raise self._unknown(name)
        rows = {**variables(), **self.rows}
        found: set[str] = set()
        todo, seen = [name], set()
        while todo:
            item = todo.pop()
            if item in seen:
                continue
            seen.add(item)
            if item.startswith("input:"):
                found.add(item.removeprefix("input:"))
            elif item in rows:
                todo.extend(rows[item].inputs)
        return found

    def evidence(self, name: str) -> Evidence:
        """Return the weakest evidence class that a quantity rests on."""
        key = Evidence, name
        if key not in self.memo:
            self.memo[key] = weakest(set().union(*(self.ledger.classes(path) for path in self.lineage(name))))
        found: Evidence = self.memo[key]
        return found

    def facts(self) -> list[Fact]:
        """Return every fact that the run read."""
        return self.ledger.facts()


def central_alone(result: L) -> L:
    """Return a result with the central member's numbers only, in arrays whose member axis has a length of 1."""
    cut = {n: a[:1] if result.variable(n).dims[:1] == ("member",) else a for n, a in result.arrays.items()}
    return replace(result, arrays=cut)
