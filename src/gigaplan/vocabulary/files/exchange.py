"""What the system can do at one instant: exchange two names, take a free name, lock a folder, write to the disk."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NOREPLACE, EXCHANGE = 1, 2
"""Flags of renameat2 (Linux 3.15)."""
AT_FDCWD = -100
UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)
"""What a system or a file system answers that doesn't know the flag."""


@cache
def _renameat2() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return function


def _rename(one: Path, other: Path, flag: int) -> bool:
    """Rename in the way of a flag; return whether the system knows it."""
    function = _renameat2()
    if function is None:
        return False
    if function(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), flag) == 0:
        return True
    number = ctypes.get_errno()
    if number in UNKNOWN:
        return False
    if number == errno.ENOTEMPTY:  # some systems' word for a folder that has come meanwhile
        number = errno.EEXIST
    raise OSError(number, os.strerror(number), str(other))


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names at one instant; return False where that can't be done."""
    return _rename(one, other, EXCHANGE)


def take_free_name(work: Path, target: Path) -> None:
    """Rename, never over something that is there already; FileExistsError if there is."""
    if not _rename(work, target, NOREPLACE):
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        os.rename(work, target)


def flock(folder: Path) -> int | None:
    """Lock a folder as long as the returned descriptor is open; None where there are no such locks.

    Raises
    ------
    OSError
        If another run holds the lock, or the folder is gone.
    """
    if fcntl is None:
        return None
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(number)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN):
            raise
        return None
    return number


def to_disk(path: Path) -> None:
    """Wait until a file, or a folder with all its files, is on the disk."""
    if path.is_dir():
        for below in path.iterdir():
            to_disk(below)
    with contextlib.suppress(PermissionError):  # Windows opens no folders
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
