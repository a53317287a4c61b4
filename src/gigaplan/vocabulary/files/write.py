"""Writing one file whole or not at all, over nothing but what the same kind of verb has written before."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gigaplan.vocabulary.files.faults import machine_errors, refused
from gigaplan.vocabulary.files.inputs import is_input
from gigaplan.vocabulary.files.publish import publish
from gigaplan.vocabulary.files.workplace import NEW, temporary_folder, workplace

STDOUT = Path("-")
"""The path that means standard output."""
SAME_AS_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
HEAD = 1 << 16
"""Bytes at each end of a file in which marks are looked for."""
REMEDY = "give another file"


_stdout: ContextVar[TextIO | None] = ContextVar("stdout", default=None)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file, and the marks by which gigaplan knows one that it has written."""

    name: str
    marks: tuple[str, ...] = ()
    """Texts that all occur near its beginning or its end; without any, the file may always be replaced."""

    def wrote(self, path: Path) -> bool:
        """Return whether a file is of this kind; an empty one holds nothing that could be lost."""
        size = path.stat().st_size
        if not size:
            return True
        with path.open("rb") as file:
            seen = file.read(HEAD)
            file.seek(max(size - HEAD, 0))
            seen += file.read(HEAD)
        return all(mark.encode() in seen for mark in self.marks)


@contextlib.contextmanager
def only_files_on_stdout() -> Iterator[None]:
    """Keep standard output for what is written to ``-``: all that is printed goes to standard error."""
    token = _stdout.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _stdout.reset(token)


def write_text(path: Path, text: str, kind: Kind) -> Path:
    """Write a text file whole or not at all; return it. See :func:`whole_file` for what raises."""
    with whole_file(path, kind) as work:
        work.write_text(text, encoding="utf-8")
    return path


def named_file(path: str | Path) -> Path:
    """Return the path of a file to write.

    Parameters
    ----------
    path : str or Path
        As somebody has written it.

    Raises
    ------
    PlanError
        If it ends as a folder's does.
    """
    if str(path).endswith(("/", os.sep)):
        remedy = "put the file's name behind it"
        raise refused(Path(path), "a file is to be written, and this names a folder", remedy, str(path))
    return Path(path)


def refuse_unwritable(path: Path, kind: Kind) -> None:
    """Refuse before the work what :func:`whole_file` would refuse after it; PlanError and MachineError as there."""
    with machine_errors(path, "write", REMEDY):
        info = None if path == STDOUT else _status(path)
        if info is not None and stat.S_ISREG(info.st_mode):
            _check(path, path, kind)
        elif info is not None:
            _refuse_unlike_stream(path, info)


@contextlib.contextmanager
def whole_file(path: Path, kind: Kind) -> Iterator[Path]:
    """Give a temporary file that becomes ``path`` only if all goes well.

    Links are followed, the mode and the owner of a replaced file stay, a device or a pipe is written through, and ``-``
    is standard output.

    Parameters
    ----------
    path : Path
        Where to write.
    kind : Kind
        What is written; another file at the place is left alone.

    Raises
    ------
    PlanError
        If the file is an input of the command, or gigaplan has not written it.
    MachineError
        If it can't be written; nothing half-written stays.
    """
    with machine_errors(path, "write", REMEDY):
        if path == STDOUT or str(path) in SAME_AS_STDOUT:
            with _through(kind) as work:
                yield work
                _to_stdout(work)
            return
        real = Path(os.path.realpath(path))
        info = _status(path)
        if info is not None and not stat.S_ISREG(info.st_mode):
            _refuse_unlike_stream(path, info)
            with _through(kind) as work:
                yield work
                with work.open("rb") as source, open(os.open(path, os.O_WRONLY), "wb") as out:
                    shutil.copyfileobj(source, out)
            return
        _check(real, path, kind)
        with workplace(real.parent, real.name) as place:
            work = place / NEW
            yield work
            _keep_mode(work, real)
            publish(work, real, lambda there: _check(there, path, kind))


@contextlib.contextmanager
def _through(kind: Kind) -> Iterator[Path]:
    """Give a temporary file for what is then copied elsewhere."""
    with temporary_folder() as folder:
        yield folder / (kind.name.split()[-1] or NEW)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _to_stdout(work: Path) -> None:
    out = _stdout.get() or sys.stdout
    out.flush()
    raw = getattr(out, "buffer", None)
    if raw is None:  # a notebook's
        out.write(work.read_text(encoding="utf-8"))
    else:
        with work.open("rb") as source:
            shutil.copyfileobj(source, raw)
    out.flush()


def _refuse_unlike_stream(path: Path, info: os.stat_result) -> None:
    """Refuse what is neither a file nor a stream."""
    if stat.S_ISDIR(info.st_mode):
        raise refused(path, "this is a folder", REMEDY)
    if stat.S_ISBLK(info.st_mode):
        raise refused(path, "this is a disk", REMEDY)


def _check(there: Path, path: Path, kind: Kind) -> None:
    """Refuse to replace an input, what gigaplan has not written, and what is protected from writing."""
    info = _status(there)
    if info is None:
        return
    if is_input(info):
        message = "the answers would take the place of the table that they answer, or of another input"
        raise refused(path, message, "give --out another file", f"--out {path}")
    if not stat.S_ISREG(info.st_mode):
        raise refused(path, "this is a folder", REMEDY)
    if not kind.wrote(there):
        message = f"this file exists, and is not {kind.name} that gigaplan has written"
        raise refused(path, message, "give another file, or remove this one first")
    if not os.access(there, os.W_OK):
        raise PermissionError(13, "it is protected from writing", str(path))


def _keep_mode(work: Path, real: Path) -> None:
    info = _status(real)
    if info is not None:
        with contextlib.suppress(OSError):
            os.chown(work, info.st_uid, info.st_gid)
        work.chmod(stat.S_IMODE(info.st_mode))
