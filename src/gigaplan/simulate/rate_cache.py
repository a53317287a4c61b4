"""Serving rates stored on disk by content: what was searched once is found again in the next process.

A rate's key is a hash of all that it follows from: device, architecture, request, constants, and the source of the
rooms that search. A plan's whole search, of every workload on every generation, has a file of its own, so that a plan
that ran before reads one file and none of the rates of others. Of what is stored, whatever isn't of the right type, or
is no rate, is searched anew.
"""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from functools import cache
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

import numpy as np

from gigaplan.inference.frontier import Choice, OperatingPoint
from gigaplan.vocabulary.files.cache import cache_folder
from gigaplan.vocabulary.files.stored import Shelf, source_hash, without_stored_values
from gigaplan.vocabulary.members import Array

ROOMS = ("compute", "inference", "vocabulary")
"""Rooms that search."""
SEARCHING = (*ROOMS, "simulate/couplings")
"""Rooms that a plan's whole search follows from."""
MOST = 30_000
"""Rates stored at most; beyond it the file starts anew."""
MOST_SEARCHES = 32
"""Whole searches stored and remembered at most; the oldest goes first."""
LARGEST = 1e9
"""No number of a rate is larger: requests a second of a GPU, seconds, GPUs, requests in flight."""
MOST_POINTS = 100
"""Operating points of one choice at most."""
STEEPEST = 1e4
"""No elasticity is steeper."""
TYPES = tuple(typing.get_type_hints(OperatingPoint).values())
"""Types of an operating point's fields, in order."""
_fields_of = attrgetter(*typing.get_type_hints(OperatingPoint))
_instead: ContextVar[StoredRates | None] = ContextVar("instead", default=None)
"""Rates that take the place of the stored ones."""


class StoredRates(Shelf):
    """The rates of one file, and whole searches in files next to it; ``keep`` writes the rates that are new."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, MOST)
        self._searches: dict[str, WholeSearch] = {}
        self.whole: dict[bytes, object] = {}
        """What was made of rates of this file in this process, by all that it follows from."""

    def get(self, key: str) -> Choice | None:
        """Return a stored choice of points, None if there is none whose fields are of the right type."""
        return _choice(self.find(key))

    def put(self, key: str, choice: Choice) -> None:
        """Remember a choice of points for :meth:`keep`."""
        self.store(key, _values(choice))

    def search(self, key: str) -> WholeSearch:
        """Return the whole search of a key: remembered, stored, or with nothing in it."""
        found = self._searches.pop(key, None)
        if found is None:
            path = self.path and self.path.with_name(f"search-{source_hash(SEARCHING)}-{key}.json")
            found = WholeSearch(path)
            while len(self._searches) >= MOST_SEARCHES:
                self._searches.pop(next(iter(self._searches)))
        self._searches[key] = found
        return found


class WholeSearch(Shelf):
    """What a plan's whole search found at its central inputs, and how it follows each of them."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        self._choices: list[Choice] | None = None
        self._sides: dict[str, tuple[Array, Array]] = {}

    def choices(self, count: int) -> list[Choice] | None:
        """Return the choices of all questions, None if they aren't all there."""
        if self._choices is None:
            stored = self.find("choices")
            found = [_choice(v) for v in stored] if isinstance(stored, list) and len(stored) == count else [None]
            whole = [c for c in found if c is not None]
            self._choices = whole if len(whole) == len(found) else None
        return self._choices

    def put_choices(self, choices: Sequence[Choice]) -> None:
        """Remember the choices of all questions."""
        self._choices = list(choices)
        self.store("choices", [_values(c) for c in choices])

    def sides(self, name: str, shape: tuple[int, int]) -> tuple[Array, Array] | None:
        """Return the elasticities for more and for less of an input, of a shape each; None if they aren't there."""
        if name not in self._sides and (found := _sides(self.find(name), shape)):
            self._sides[name] = found
        return self._sides.get(name)

    def put_sides(self, name: str, up: Array, down: Array) -> None:
        """Remember the elasticities of an input."""
        self._sides[name] = up, down
        self.store(name, [up.tolist(), down.tolist()])

    def keep(self) -> None:
        """Write the file, and remove the oldest ones of other searches beyond those that are kept."""
        new, folder = self._new, self.path and self.path.parent
        super().keep()
        if not (new and folder):
            return
        with contextlib.suppress(OSError):
            newest = sorted(folder.glob("search-*.json"), key=lambda p: p.stat().st_mtime, reverse=True)
            for path in newest[MOST_SEARCHES:]:
                path.unlink(missing_ok=True)


def stored_rates() -> StoredRates:
    """Return the stored rates of this version of the rooms."""
    return _instead.get() or _stored_rates()


@cache
def _stored_rates() -> StoredRates:
    folder = cache_folder()
    return StoredRates(folder / f"rates-{source_hash(ROOMS)}.json" if folder else None)


@contextlib.contextmanager
def without_stored_rates() -> Iterator[None]:
    """Search every rate anew: neither the files nor what this process remembers of them is used."""
    token = _instead.set(StoredRates(None))
    try:
        with without_stored_values():
            yield
    finally:
        _instead.reset(token)


@contextlib.contextmanager
def unkept_rates() -> Iterator[None]:
    """Use the stored rates, and keep none of those that are searched within the block for good."""
    found = StoredRates(None)
    found.values.update(stored_rates().values)
    token = _instead.set(found)
    try:
        yield
    finally:
        _instead.reset(token)


def _values(choice: Choice) -> list[object]:
    return [choice.reason, *(list(_fields_of(p)) for p in choice.points)]


def _choice(values: object) -> Choice | None:
    """Return a stored choice of points, None if it isn't one."""
    if not (isinstance(values, list) and 0 < len(values) <= MOST_POINTS and isinstance(values[0], str)):
        return None
    points = [_point(p) for p in values[1:]]
    found = tuple(p for p in points if p is not None)
    return _risen(Choice(found, values[0])) if len(found) == len(points) else None


def _point(values: object) -> OperatingPoint | None:
    """Return a stored operating point, None if it isn't one."""
    if not isinstance(values, list):
        return None
    kinds = tuple(map(type, values))  # of which a true or false is no number
    typed = kinds == TYPES or (len(kinds) == len(TYPES) and all(map(_is_whole_float, kinds, TYPES)))
    if not (typed and all(0 <= v <= LARGEST for v in values)):
        return None
    point = OperatingPoint(*values)
    return point if point.within <= 1 else None


def _risen(choice: Choice) -> Choice | None:
    """Return a choice whose points rise in slowness and rate, from above nothing, as every hull's do; None if not."""
    rates = [0.0, *(p.requests_per_gpu_s for p in choice.points)]
    slow = [p.log_slowness for p in choice.points]
    rise = all(a < b for values in (rates, slow) for a, b in pairwise(values))
    return choice if rise and (choice.points or choice.reason) else None


def _is_whole_float(kind: object, expected: object) -> bool:
    """Return whether a type is the expected one, or a whole number's where a float is expected."""
    return kind is expected or (kind is int and expected is float)


def _sides(values: object, shape: tuple[int, int]) -> tuple[Array, Array] | None:
    """Return stored elasticities for more and for less of an input, None if they aren't such."""
    try:
        both = np.array(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return None
    if both.shape != (2, *shape) or not (np.abs(both) <= STEEPEST).all():
        return None
    return both[0], both[1]
