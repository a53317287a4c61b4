"""Where a file or folder is made before it takes its place, and what dead runs left there.

A workplace is a folder of its own next to the target, with a name from :mod:`tempfile`, locked as long as its run
lives. The lock belongs to the folder and not to a process number, so that containers with equal numbers leave each
other's alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gigaplan.vocabulary.files.exchange import flock

ENDING = ".gigaplan-part"
NEW, OLD, TARGET = "new", "old", "target"
"""In a workplace: what is being made, what it replaces where two names can't be exchanged, and the target's name."""
STEM = 40
"""Characters of the target's name that a workplace shows."""
TRIES = 20


@contextlib.contextmanager
def workplace(parent: Path, name: str) -> Iterator[Path]:
    """Give a locked temporary folder in ``parent``; it is removed at the end, and so is what dead runs left there."""
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    ctrl_c = CtrlC()
    ctrl_c.wait()
    try:
        place, lock = _locked(parent, name)
        try:
            try:
                ctrl_c.go_on()  # one that came meanwhile is met here, where the place is known
                yield place
            finally:
                ctrl_c.wait()
        finally:  # even where Ctrl-C came before it could be made to wait
            restore(place)
            shutil.rmtree(place, ignore_errors=True)
            if lock is not None:
                os.close(lock)
    finally:
        ctrl_c.go_on()


def temporary_folder() -> contextlib.AbstractContextManager[Path]:
    """Give a workplace among the system's temporary files, for what never takes a place of its own."""
    return workplace(Path(tempfile.gettempdir()), "gigaplan")


class CtrlC:
    """Lets Ctrl-C wait while a workplace is being made or removed, so that none is forgotten."""

    def __init__(self) -> None:
        self._came = False
        self._before: Any = None

    def wait(self) -> None:
        """Remember Ctrl-C from now on; only the main thread ever meets it."""
        if threading.current_thread() is not threading.main_thread() or self._before is not None:
            return
        while self._before is None:
            with contextlib.suppress(KeyboardInterrupt):
                before = signal.getsignal(signal.SIGINT)
                if before is None:  # not set from Python, so that it can't be set again
                    return
                signal.signal(signal.SIGINT, self._note)
                self._before = before
                return
            self._came = True

    def go_on(self) -> None:
        """Meet Ctrl-C as before, now if it came."""
        if self._before is None:
            return
        signal.signal(signal.SIGINT, self._before)
        self._before = None
        if self._came:
            self._came = False
            signal.raise_signal(signal.SIGINT)

    def _note(self, _: int, __: object) -> None:
        self._came = True


def _locked(parent: Path, name: str) -> tuple[Path, int | None]:
    """Return a new workplace and its lock; one that a sweep took before it was locked is made again."""
    for _ in range(TRIES):
        place = Path(tempfile.mkdtemp(prefix=f".{name[:STEM]}.", suffix=ENDING, dir=parent))
        try:
            lock = flock(place)
        except OSError:
            continue
        if lock is None or place.exists():
            return place, lock
        os.close(lock)
    raise OSError(f"no workplace can be made in {parent}")


def sweep(parent: Path) -> None:
    """Remove the workplaces of dead runs, and put back what one of them had moved aside."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(parent)):
            if re.fullmatch(rf"\..*{re.escape(ENDING)}", entry.name) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _sweep_one(Path(entry.path))


def _sweep_one(place: Path) -> None:
    lock = flock(place)
    if lock is None:  # this system has no locks, so that nobody knows whether its run is alive
        return
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            restore(place)
            shutil.rmtree(place, ignore_errors=True)
    finally:
        os.close(lock)


def restore(place: Path) -> None:
    """Put what was moved aside back where nothing has taken its place."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        name = (place / TARGET).read_text(encoding="utf-8")
        old, target = place / OLD, place.parent / name
        if Path(name).name == name and name not in (".", "..") and old.exists() and not os.path.lexists(target):
            os.rename(old, target)
