"""How what was made takes its place: at one instant, over nothing but what may be replaced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from gigaplan.vocabulary.files.exchange import exchange, take_free_name, to_disk
from gigaplan.vocabulary.files.workplace import OLD, TARGET, restore

TRIES = 1000
"""How often another run may come first."""


def publish(work: Path, target: Path, check: Callable[[Path], None]) -> None:
    """Put a finished file or folder in its place.

    Parameters
    ----------
    work : Path
        What was made, in a workplace next to the target.
    target : Path
        Its place, without links.
    check : callable
        Raises where what it is given may not be replaced. It is called before the exchange and, as somebody may have
        written in between, on what was displaced, which is then put back.

    Raises
    ------
    OSError
        If the system refuses.
    """
    to_disk(work)
    for _ in range(TRIES):
        try:
            if not os.path.lexists(target):
                take_free_name(work, target)
                break
            if not _checked(target, check):
                continue
            if exchange(work, target):
                _check_displaced(work, target, check)
                break
            if _moved_aside(work, target):
                break
        except (FileExistsError, FileNotFoundError):
            if not work.exists():
                raise
    else:
        raise OSError(f"other runs write {target} all the time")
    to_disk_name(target.parent)


def _checked(target: Path, check: Callable[[Path], None]) -> bool:
    """Return whether what was checked is still there: while another run moves it, it looks like anything."""
    before = _identity(target)
    try:
        check(target)
    except Exception:
        if _identity(target) == before:
            raise
        return False
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file or folder from any other one; None if it is gone."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_displaced(displaced: Path, target: Path, check: Callable[[Path], None]) -> None:
    try:
        check(displaced)
    except BaseException:
        exchange(displaced, target)
        raise


def _moved_aside(work: Path, target: Path) -> bool:
    """Replace without an exchange: a file at one instant, a folder so that a later run can put the old one back."""
    if not work.is_dir():
        os.replace(work, target)
        return True
    (work.parent / TARGET).write_text(target.name, encoding="utf-8")
    old = work.parent / OLD
    shutil.rmtree(old, ignore_errors=True)  # of an attempt after which another run came first
    os.rename(target, old)
    try:
        os.rename(work, target)
    except OSError:
        restore(work.parent)
        return False
    return True


def to_disk_name(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(number)
    finally:
        os.close(number)
