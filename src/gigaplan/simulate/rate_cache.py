"""Serving rates stored on disk by content: what was searched once is found again in the next process.

A rate's key is a hash of all that it follows from: device, architecture, request, constants, and the source of the
rooms that search. So a stored rate is never stale; whatever can't be read or written is searched anew.
``GIGAPLAN_CACHE`` names another folder, ``off`` keeps nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import astuple
from functools import cache
from importlib.resources import files
from pathlib import Path

from gigaplan.inference.frontier import Rate

ROOMS = ("compute", "inference", "vocabulary")
KEY_LENGTH, VERSION_LENGTH = 32, 16
"""Letters of a hash that are kept."""
MOST = 50_000
"""Rates stored at most; beyond it the file starts anew."""


class StoredRates:
    """The rates of one file; ``get`` and ``put`` in memory, ``keep`` writes what is new."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._rates: dict[str, list[object]] = _read(path) if path else {}
        self._new = False

    def get(self, key: str) -> Rate | None:
        """Return a stored rate, None if there is none that can be read."""
        values = self._rates.get(key)
        try:
            return Rate(*values) if values else None  # type: ignore[arg-type]
        except TypeError:
            return None

    def put(self, key: str, rate: Rate) -> None:
        """Remember a rate for :meth:`keep`."""
        self._rates[key] = list(astuple(rate))
        self._new = True

    def keep(self) -> None:
        """Write the file whole, if anything is new; a folder that can't be written is left alone."""
        if not (self._new and self.path):
            return
        self._new = False
        stored = self._rates if len(self._rates) <= MOST else {}
        part = self.path.with_suffix(f".{os.getpid()}.part")
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(stored), encoding="utf-8")
            part.replace(self.path)


def key_of(*inputs: object) -> str:
    """Return the hash of what a rate follows from: frozen dataclasses and numbers, written in full by their repr."""
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:KEY_LENGTH]


@cache
def stored_rates() -> StoredRates:
    """Return the stored rates of this version of the rooms."""
    folder = _folder()
    return StoredRates(folder / f"rates-{_source_hash()}.json" if folder else None)


def _folder() -> Path | None:
    setting = os.environ.get("GIGAPLAN_CACHE", "")
    if setting == "off":
        return None
    if setting:
        return Path(setting)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gigaplan"
    except RuntimeError:  # no home
        return None


def _source_hash() -> str:
    digest = hashlib.sha256()
    for room in ROOMS:
        for source in sorted((files("gigaplan") / room).iterdir(), key=lambda p: p.name):
            if source.name.endswith(".py"):
                digest.update(source.read_bytes())
    return digest.hexdigest()[:VERSION_LENGTH]


def _read(path: Path) -> dict[str, list[object]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
