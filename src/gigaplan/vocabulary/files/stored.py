"""What long searches found, stored between runs: a file of values by key, which are found again in the next process.

A key is a hash of all that a value follows from, and the name of a file has a hash of the source that computes it. So
nothing stored is ever stale; what can't be read or written is computed anew, and so is what is cut or altered, or in a
file that somebody else owns or everybody may write. ``GIGAPLAN_CACHE`` names another folder, ``off`` keeps nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from pathlib import Path

from gigaplan.vocabulary.errors import MachineError, PlanError
from gigaplan.vocabulary.files.cache import cache_folder, is_trusted
from gigaplan.vocabulary.files.inputs import read_bytes
from gigaplan.vocabulary.files.write import Kind, write_text

KEY_LENGTH, VERSION_LENGTH = 32, 16
"""Letters of a hash that are kept."""
MAX_BYTES = 64_000_000
"""Bytes of a file that are read at most."""
FORMAT = 6
"""Form of the files; one of another form is left alone."""
KIND = Kind("a file of stored values")
_unstored: ContextVar[bool] = ContextVar("unstored", default=False)
"""Whether everything is computed anew."""


class Shelf:
    """The values of one file; ``find`` and ``put`` in memory, ``keep`` writes what is new.

    Parameters
    ----------
    path : Path, optional
        The file, read once a value is asked for; none keeps nothing.
    most : int
        Values stored at most; beyond it the file starts anew.
    """

    def __init__(self, path: Path | None, most: int = 1000) -> None:
        self.path = path if path and is_trusted(path) else None
        self._most = most
        self._values: dict[str, object] | None = None
        self._new = False

    @property
    def values(self) -> dict[str, object]:
        """Return the values by key."""
        if self._values is None:
            self._values = _read(self.path) if self.path else {}
        return self._values

    def find(self, key: str) -> object:
        """Return the value of a key as JSON has it, None if there is none."""
        return self.values.get(key)

    def store(self, key: str, value: object) -> None:
        """Remember a value of JSON for :meth:`keep`."""
        self.values[key] = value
        self._new = True

    def keep(self) -> None:
        """Write the file whole, if anything is new; a folder that can't be written is left alone."""
        if not (self._new and self.path):
            return
        self._new = False
        with contextlib.suppress(MachineError, PlanError):
            write_text(self.path, stored_text(self.values if len(self.values) <= self._most else {}), KIND)


def key_of(*inputs: object) -> str:
    """Return the hash of what a value follows from: frozen dataclasses and numbers, written in full by their repr."""
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:KEY_LENGTH]


@cache
def shelf(name: str, rooms: tuple[str, ...], most: int = 1000) -> Shelf:
    """Return the stored values of a name, as this version of some rooms computes them.

    Parameters
    ----------
    name : str
        How the file's name begins.
    rooms : tuple of str
        Rooms whose source computes the values.
    most : int
        Values stored at most.

    Returns
    -------
    Shelf
        The one of this process.
    """
    folder = cache_folder()
    return Shelf(folder / f"{name}-{source_hash(rooms)}.json" if folder else None, most)


def stored_numbers(
    name: str, rooms: tuple[str, ...], key: str, count: int, compute: Callable[[], list[float]]
) -> list[float]:
    """Return the numbers of a key, computed once and stored for the runs that come.

    Parameters
    ----------
    name, rooms
        As of :func:`shelf`.
    key : str
        What the numbers follow from, as :func:`key_of` has it.
    count : int
        Numbers that there must be; what is stored otherwise is computed anew, as is what isn't finite.
    compute : callable
        Returns the numbers.

    Returns
    -------
    list of float
        The numbers.
    """
    if _unstored.get():
        return compute()
    of = shelf(name, rooms)
    found = of.find(key)
    if isinstance(found, list) and len(found) == count and all(type(v) is float and math.isfinite(v) for v in found):
        return found
    computed = compute()
    of.store(key, computed)
    of.keep()
    return computed


@contextlib.contextmanager
def without_stored_values() -> Iterator[None]:
    """Compute everything anew within the block; what is computed is stored nowhere."""
    token = _unstored.set(True)
    try:
        yield
    finally:
        _unstored.reset(token)


@cache
def source_hash(rooms: tuple[str, ...]) -> str:
    """Return a hash of the source of some rooms and of the files' form, which differs between versions of them."""
    digest = hashlib.sha256(str(FORMAT).encode())
    for room in rooms:
        for source in sorted((files("gigaplan") / room).iterdir(), key=lambda p: p.name):
            if source.name.endswith(".py"):
                digest.update(source.read_bytes())
    return digest.hexdigest()[:VERSION_LENGTH]


def stored_text(values: object) -> str:
    """Return the text of a file: its format, the checksum of what follows it, and the values by key."""
    text = json.dumps(values, separators=(",", ":")) + "}"
    return f"{_head(text.encode())}{text}"


def _head(rest: bytes) -> str:
    """Return how a file begins whose values are these bytes."""
    return f'{{"format": {FORMAT}, "sha256": "{hashlib.sha256(rest).hexdigest()}", "values": '


def _read(path: Path) -> dict[str, object]:
    """Return the values of a file, none of one whose bytes aren't those that were written."""
    try:
        data = read_bytes(path, MAX_BYTES, note=False)
        rest = data[len(_head(b"")) :]
        stored: Mapping[str, object] = json.loads(data)["values"] if data.startswith(_head(rest).encode()) else {}
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}
