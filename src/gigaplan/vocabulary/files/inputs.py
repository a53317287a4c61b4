"""What a command reads: noted, so that the writing door never writes over it, and read up to a stated size."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from gigaplan.vocabulary.errors import Place, PlanError, Problem

Identity = tuple[int, int]
"""Device and inode of a file: the same whatever path or link leads to it."""

_inputs: ContextVar[frozenset[Identity]] = ContextVar("inputs", default=frozenset())
_depth: ContextVar[int] = ContextVar("depth", default=0)
_texts_only: ContextVar[frozenset[str] | None] = ContextVar("texts_only", default=None)


@contextlib.contextmanager
def texts_only(*posted: str | Path) -> Iterator[None]:
    """Read no file that a document names while the block runs: the document came from elsewhere than this machine.

    Parameters
    ----------
    *posted : str or Path
        Files that hold what came with the document, and may be read by these very names.
    """
    token = _texts_only.set(frozenset(map(str, posted)))
    try:
        yield
    finally:
        _texts_only.reset(token)


def reads_texts_only() -> bool:
    """Return whether this is inside :func:`texts_only`."""
    return _texts_only.get() is not None


def refuse_files(path: str | Path) -> None:
    """Raise PlanError for a file that a document names inside :func:`texts_only`, whether there is one or not."""
    posted = _texts_only.get()
    if posted is not None and str(path) not in posted:
        allowed = "what is written in the plan itself, and names that come with gigaplan"
        remedy = "write its lines into the plan, or run the plan in the terminal"
        raise PlanError(
            [Problem("a plan that is given as text names no file", Place(str(path)), str(path), allowed, "", remedy)]
        )


@contextlib.contextmanager
def command(*paths: str | Path | None) -> Iterator[None]:
    """Begin a command: what is read until it ends is its input, and so are the given files.

    Parameters
    ----------
    *paths : str, Path or None
        Files that the command reads, if they are known already; names that are no files are passed over.
    """
    inputs, depth = _inputs.set(_inputs.get()), _depth.set(_depth.get() + 1)
    try:
        for path in paths:
            if path is not None:
                note_input(path)
        yield
    finally:
        _inputs.reset(inputs)
        _depth.reset(depth)


def note_input(path: str | Path) -> None:
    """Note that the current command reads a file; outside a command nothing is noted."""
    if not _depth.get():
        return
    with contextlib.suppress(OSError, ValueError):
        info = os.stat(path)
        _inputs.set(_inputs.get() | {(info.st_dev, info.st_ino)})


def is_input(info: os.stat_result) -> bool:
    """Return whether the current command reads the file of this status."""
    return (info.st_dev, info.st_ino) in _inputs.get()


def read_bytes(path: Path, most: int, *, note: bool = True) -> bytes:
    """Return a file's bytes and note it as an input.

    Parameters
    ----------
    path : Path
        The file.
    most : int
        Bytes that are read at most.
    note : bool
        Whether the file is an input of the command, rather than what it is about to replace.

    Raises
    ------
    OSError
        If it can't be read.
    ValueError
        If it has more bytes.
    """
    if note:
        note_input(path)
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{path.name} has more than {most:,} bytes, the most that are read")
    return data
