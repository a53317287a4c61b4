"""Writing a folder whole or not at all, over nothing but a folder that holds what gigaplan has written and no more."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from gigaplan.vocabulary.files.faults import machine_errors, refused
from gigaplan.vocabulary.files.inputs import is_input
from gigaplan.vocabulary.files.publish import publish
from gigaplan.vocabulary.files.workplace import NEW, sweep, workplace
from gigaplan.vocabulary.files.write import STDOUT

REMEDY = "give another folder with --out"
FEW = 3


@contextlib.contextmanager
def whole_folder(
    path: Path, names: Collection[str], wrote: Callable[[Path], bool], *, within: Path | None = None
) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path`` only if all goes well, the old or the new at every instant.

    Parameters
    ----------
    path : Path
        Where to write; links are followed.
    names : collection of str
        Files that gigaplan writes into such a folder; one that holds anything else is left alone.
    wrote : callable
        Whether gigaplan has written a folder.
    within : Path, optional
        The folder of gigaplan's that this one is a part of; any other that it would lie in is refused.

    Raises
    ------
    PlanError
        If something else is there, an input of the command among it.
    MachineError
        If the folder can't be written; nothing half-written stays.
    """
    if path == STDOUT:
        raise refused(path, "a folder can't be written to standard output", REMEDY)
    with machine_errors(path, "save the result in", REMEDY):
        real = Path(os.path.realpath(path))
        if real == Path(os.path.realpath(".")):  # which whoever stands in it would lose
            raise refused(path, "this is the current folder", REMEDY)
        if within is None:
            _refuse_within(real, path, wrote)
        with contextlib.suppress(FileNotFoundError):  # another run may be replacing it
            _check(real, path, names, wrote)
        with workplace(real.parent, real.name) as place:
            work = place / NEW
            work.mkdir()
            yield work
            _keep_modes(work, real)
            publish(work, real, lambda there: _check(there, path, names, wrote))


def restore_folder(path: Path) -> None:
    """Put a folder back that a killed run had moved aside, if it isn't there."""
    real = Path(os.path.realpath(path))
    if not os.path.lexists(real):
        sweep(real.parent)


def _refuse_within(real: Path, path: Path, wrote: Callable[[Path], bool]) -> None:
    """Refuse a folder within one that gigaplan has written: that could then never be replaced."""
    for above in real.parents:
        with contextlib.suppress(OSError):  # what can't be read can't be judged
            if wrote(above):
                raise refused(path, f"this lies in a result's own folder, {above}", REMEDY)


def _check(there: Path, path: Path, names: Collection[str], wrote: Callable[[Path], bool]) -> None:
    """Refuse to replace what is no folder, holds files of others or an input, or isn't gigaplan's."""
    if not stat.S_ISDIR(there.stat().st_mode):
        raise refused(path, "this is a file, not a folder", REMEDY)
    entries = list(os.scandir(there))
    if not entries:
        return
    others = sorted(e.name for e in entries if e.name not in names or not e.is_file(follow_symlinks=False))
    if others:
        more = f" and {len(others) - FEW} more" if len(others) > FEW else ""
        message = "this folder exists and holds files that gigaplan has not written"
        raise refused(path, message, f"{REMEDY}, or move them away", ", ".join(others[:FEW]) + more)
    if any(is_input(e.stat()) for e in entries):
        raise refused(path, "this folder holds an input of the same command", REMEDY)
    if not wrote(there):
        raise refused(path, "this folder exists and is not a result", REMEDY)


def _keep_modes(work: Path, real: Path) -> None:
    """Give a folder and its files the modes of those that they replace."""
    with contextlib.suppress(OSError):
        work.chmod(stat.S_IMODE(real.stat().st_mode))
        for file in work.iterdir():
            with contextlib.suppress(FileNotFoundError):
                file.chmod(stat.S_IMODE((real / file.name).stat().st_mode))
