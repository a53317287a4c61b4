"""Serving rates stored on disk by content: what was searched once is found again in the next process.

A rate's key is a hash of all that it follows from: device, architecture, request, constants, and the source of the
rooms that search. So a stored rate is never stale; whatever can't be read or written is searched anew, and so is what
is cut, altered, of the wrong type, or in a file that somebody else owns or everybody may write.
``GIGAPLAN_CACHE`` names another folder, ``off`` keeps nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import typing
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from gigaplan.inference.frontier import Choice, OperatingPoint
from gigaplan.vocabulary.errors import MachineError, PlanError
from gigaplan.vocabulary.files import Kind, read_bytes, write_text
from gigaplan.vocabulary.files.cache import cache_folder, is_trusted

ROOMS = ("compute", "inference", "vocabulary")
KEY_LENGTH, VERSION_LENGTH = 32, 16
"""Letters of a hash that are kept."""
MOST = 30_000
"""Rates stored at most; beyond it the file starts anew."""
LARGEST = 1e9
"""No number of a rate is larger: requests a second of a GPU, seconds, GPUs, requests in flight."""
MAX_BYTES = 64_000_000
"""Bytes of the file that are read at most."""
FORMAT = 5
"""Form of the file; one of another form is left alone."""
KIND = Kind("a file of rates")
MOST_POINTS = 100
"""Operating points of one choice at most."""
TYPES = tuple(typing.get_type_hints(OperatingPoint).values())
"""Types of an operating point's fields, in order."""
_fields_of = attrgetter(*typing.get_type_hints(OperatingPoint))
_instead: ContextVar[StoredRates | None] = ContextVar("instead", default=None)
"""Rates that take the place of the stored ones."""


class StoredRates:
    """The rates of one file; ``get`` and ``put`` in memory, ``keep`` writes what is new."""

    def __init__(self, path: Path | None) -> None:
        self.path = path if path and is_trusted(path) else None
        self._rates: dict[str, list[object]] = _read(self.path) if self.path else {}
        self._new = False
        self.whole: dict[bytes, object] = {}
        """What was made of rates of this file in this process, by all that it follows from."""

    def get(self, key: str) -> Choice | None:
        """Return a stored choice of points, None if there is none whose fields are of the right type."""
        values = self._rates.get(key)
        if not (isinstance(values, list) and 0 < len(values) <= MOST_POINTS and isinstance(values[0], str)):
            return None
        points = [_point(p) for p in values[1:]]
        found = tuple(p for p in points if p is not None)
        return _risen(Choice(found, values[0])) if len(found) == len(points) else None

    def put(self, key: str, choice: Choice) -> None:
        """Remember a choice of points for :meth:`keep`."""
        self._rates[key] = [choice.reason, *(list(_fields_of(p)) for p in choice.points)]
        self._new = True

    def keep(self) -> None:
        """Write the file whole, if anything is new; a folder that can't be written is left alone."""
        if not (self._new and self.path):
            return
        self._new = False
        stored = self._rates if len(self._rates) <= MOST else {}
        with contextlib.suppress(MachineError, PlanError):
            write_text(self.path, stored_text(stored), KIND)


def key_of(*inputs: object) -> str:
    """Return the hash of what a rate follows from: frozen dataclasses and numbers, written in full by their repr."""
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:KEY_LENGTH]


def stored_rates() -> StoredRates:
    """Return the stored rates of this version of the rooms."""
    return _instead.get() or _stored_rates()


@cache
def _stored_rates() -> StoredRates:
    folder = cache_folder()
    return StoredRates(folder / f"rates-{_source_hash()}.json" if folder else None)


@contextlib.contextmanager
def without_stored_rates() -> Iterator[None]:
    """Search every rate anew: neither the file nor what this process remembers of it is used."""
    token = _instead.set(StoredRates(None))
    try:
        yield
    finally:
        _instead.reset(token)


@contextlib.contextmanager
def unkept_rates() -> Iterator[None]:
    """Use the stored rates, and keep none of those that are searched within the block for good."""
    found = StoredRates(None)
    found._rates = dict(stored_rates()._rates)
    token = _instead.set(found)
    try:
        yield
    finally:
        _instead.reset(token)


def _source_hash() -> str:
    digest = hashlib.sha256(str(FORMAT).encode())  # versions that write another form have a file of their own
    for room in ROOMS:
        for source in sorted((files("gigaplan") / room).iterdir(), key=lambda p: p.name):
            if source.name.endswith(".py"):
                digest.update(source.read_bytes())
    return digest.hexdigest()[:VERSION_LENGTH]


def stored_text(rates: object) -> str:
    """Return the text of a file of rates: its format, the checksum of what follows it, and the rates."""
    text = json.dumps(rates) + "}"
    return f"{_head(text.encode())}{text}"


def _head(rest: bytes) -> str:
    """Return how a file begins whose rates are these bytes."""
    return f'{{"format": {FORMAT}, "sha256": "{hashlib.sha256(rest).hexdigest()}", "rates": '


def _read(path: Path) -> dict[str, list[object]]:
    """Return the rates of a file, none of one whose bytes aren't those that were written."""
    try:
        data = read_bytes(path, MAX_BYTES, note=False)
        rest = data[len(_head(b"")) :]
        stored = json.loads(data)["rates"] if data.startswith(_head(rest).encode()) else {}
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}


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
