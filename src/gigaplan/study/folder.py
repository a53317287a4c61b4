"""A study on the disk: what it is, and its chunks, each written whole or not at all.

::

    study.json                       what decides its numbers, with the plans as they were written
    inputs.csv                       the uncertain inputs: name, central value, range, distribution, stream
    chunks/00000-00012/              chunk 12 of case 0
        headlines.parquet            one row per member and headline
        months.parquet, years.parquet   main quantities over time
        chunk.json                   members, failed members with their reasons, checksums
    report.html                      the page of a Monte Carlo study
    failures/00000-00013.json        a chunk that couldn't be done, and why; it is begun again by the next start

A chunk counts when its checksums are right and it is of this study; whatever else lies there is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gigaplan import catalog
from gigaplan._version import __version__
from gigaplan.plan.sources import Sources
from gigaplan.study.design import CHUNK, Case, Design, Task
from gigaplan.study.work import HEADLINES, MONTHS, YEARS, Chunk
from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem
from gigaplan.vocabulary.files import STDOUT, Kind, read_bytes, whole_folder, write_text
from gigaplan.vocabulary.files.exchange import flock

FORMAT = 1
STUDY, INPUTS, CHUNKS, FAILURES, ABOUT = "study.json", "inputs.csv", "chunks", "failures", "chunk.json"
MANIFEST = Kind("the description of a study", ('"gigaplan":', '"kind":', '"identity":'))
INPUT_TABLE = Kind("a table of a study's inputs", ("name,central,low,high",))
FAILURE = Kind("a chunk's failure", ('"chunk":', '"reason":'))
FILES = (HEADLINES, MONTHS, YEARS, ABOUT)
MOST_BYTES = 256_000_000
"""Bytes of one file of a study that are read at most."""


@dataclass(frozen=True, slots=True)
class Held:
    """A chunk on the disk."""

    members: int
    """Members that it was made for, the failed ones among them."""
    failed: Mapping[int, str]
    files: tuple[str, ...]


class Folder:
    """The folder of a study; :func:`opened` makes or finds it."""

    def __init__(self, path: Path, design: Design) -> None:
        self.path, self.design = path, design
        self.identity = identity(design)
        self._key = _checksum(json.dumps(self.identity, sort_keys=True).encode())

    def held(self, task: Task) -> Held | None:
        """Return a chunk that is whole and of this study, None if it has to be computed."""
        folder = self.path / CHUNKS / task.name
        try:
            data = json.loads(read_bytes(folder / ABOUT, MOST_BYTES, note=False))
            if data["study"] != self._key or data["members"] < task.members:
                return None
            for name, checksum in data["sha256"].items():
                if name not in FILES or _checksum(read_bytes(folder / name, MOST_BYTES, note=False)) != checksum:
                    return None
            failed = {int(k): str(v) for k, v in data["failed"].items()}
            return Held(int(data["members"]), failed, tuple(data["sha256"]))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None

    def keep(self, task: Task, chunk: Chunk) -> None:
        """Write a chunk; MachineError if the disk is full, and the study can go on when there is room."""
        about = {
            "study": self._key,
            "case": task.case,
            "chunk": task.chunk,
            "first": task.first,
            "members": task.members,
            "failed": {str(k): v for k, v in chunk.failed.items()},
            "sha256": {name: _checksum(data) for name, data in chunk.files.items()},
        }
        with whole_folder(self.path / CHUNKS / task.name, FILES, lambda _: True, within=self.path) as work:
            for name, data in chunk.files.items():
                (work / name).write_bytes(data)
            (work / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            (self.path / FAILURES / f"{task.name}.json").unlink()

    def note_failure(self, task: Task, reason: str) -> None:
        """Write why a chunk couldn't be done."""
        data = {"chunk": task.name, "first": task.first, "members": task.members, "reason": reason}
        write_text(self.path / FAILURES / f"{task.name}.json", json.dumps(data, indent=1), FAILURE)

    def tables(self, name: str, case: int = 0) -> list[Path]:
        """Return the files of one table of a case, in the order of its members."""
        found = (self.path / CHUNKS / task.name / name for task in self.design.tasks_of(case))
        return [path for path in found if path.is_file()]


def identity(design: Design) -> dict[str, Any]:
    """Return what decides a study's numbers, apart from how many members it has, as plain data."""
    return {
        "kind": design.kind,
        "plan": list(design.plans),
        "cases": [dict(case.label) for case in design.cases],
        "seed": design.seed,
        "gigaplan": __version__,
        "catalog": catalog.load().vintage,
        "chunk": CHUNK,
        **design.identity,
    }


@contextlib.contextmanager
def opened(path: Path, design: Design, inside: Collection[str] = ()) -> Iterator[Folder]:
    """Give a study's folder, made or found again, to this process alone.

    Parameters
    ----------
    path : Path
        The folder.
    design : Design
        What the study runs.
    inside : collection of str
        Folders of other studies that may be in it.

    Raises
    ------
    PlanError
        If something else is in the folder, or another study; the message says what differs.
    MachineError
        If another process works on it, or it can't be written.
    """
    folder = Folder(path, design)
    refuse_others(path, folder.identity, inside)
    fresh = [one for one in (path, *path.parents) if not one.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"cannot make the folder {path}: {error.strerror}; give another one with --out") from None
    try:
        lock = flock(path)
    except OSError:
        raise MachineError(f"another process works on the study in {path}; wait for it, or give --out") from None
    try:
        manifest = {
            "format": FORMAT,
            "gigaplan": __version__,
            "kind": design.kind,
            "identity": folder.identity,
            "members": design.members,
            **_sources_data(design.cases),
        }
        write_text(path / STUDY, json.dumps(manifest, indent=1) + "\n", MANIFEST)
        yield folder
    except BaseException:
        if fresh:
            _take_back(path, fresh)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def _take_back(path: Path, fresh: Sequence[Path]) -> None:
    """Remove a folder that was made for a study which computed nothing, and those that were made above it."""
    if {one.name for one in path.iterdir()} <= {STUDY, INPUTS}:
        with contextlib.suppress(OSError):
            for name in (STUDY, INPUTS):
                (path / name).unlink(missing_ok=True)
            for folder in fresh:
                folder.rmdir()


def _sources_data(cases: Sequence[Case]) -> dict[str, Any]:
    """Return the plans as they were written, each once, and the cases: which plan, with which changes."""
    plans: dict[Sources, int] = {}
    listed = []
    for case in cases:
        plan = plans.setdefault(replace(case.sources, changes=()), len(plans))
        listed.append({"label": dict(case.label), "plan": plan, "changes": list(case.sources.changes)})
    written = [
        {"file": s.file, "text": s.text, "overlays": [list(o) for o in s.overlays], "files": [list(f) for f in s.files]}
        for s in plans
    ]
    return {"plans": written, "cases": listed}


def refuse_others(path: Path, now: Mapping[str, Any] | None, inside: Collection[str] = ()) -> None:
    """Refuse a folder that holds something else than a study.

    Parameters
    ----------
    path : Path
        The folder.
    now : mapping, optional
        What decides the numbers of the study that it is to hold; None for any study.
    inside : collection of str
        Folders of other studies that may be in it.

    Raises
    ------
    PlanError
        If it is a file, or holds something else or another study.
    """
    remedy = "give another folder with --out"
    if path == STDOUT:
        raise PlanError([Problem("a study can't be written to standard output", Place(str(path)), remedy=remedy)])
    if not path.exists():
        return
    if not path.is_dir():
        raise PlanError([Problem("this is a file, not a folder", Place(str(path)), remedy=remedy)])
    names = sorted(p.name for p in path.iterdir() if not p.name.startswith(".") and p.name not in inside)
    if STUDY not in names:
        if names:
            message = "this folder holds something else than a study"
            raise PlanError([Problem(message, Place(str(path)), value=", ".join(names[:3]), remedy=remedy)])
        return
    then = _identity_of(path)
    problems = [
        Problem(
            f"the folder holds another study: {key} differs", Place(str(path)), _both(then, now, key), "", "", remedy
        )
        for key in dict.fromkeys([*then, *now] if now else ())
        if now and then.get(key) != now.get(key)
    ]
    if problems:
        raise PlanError(problems)


def _both(then: Mapping[str, Any], now: Mapping[str, Any], key: str) -> str:
    old, new = (json.dumps(d.get(key), ensure_ascii=False)[:120] for d in (then, now))
    return f"{old} in the folder, {new} now"


def _identity_of(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_bytes(path / STUDY, MOST_BYTES, note=False))["identity"]
        if not isinstance(found, dict):
            raise TypeError
    except (OSError, ValueError, LookupError, TypeError):
        remedy = "give another folder with --out, or remove this one"
        raise PlanError([Problem("its study.json can't be read", Place(str(path)), remedy=remedy)]) from None
    return found


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
