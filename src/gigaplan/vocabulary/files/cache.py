"""Where results of long searches are stored between runs, and whether what lies there can be trusted.

``GIGAPLAN_CACHE`` names another folder, ``off`` keeps nothing.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def cache_folder() -> Path | None:
    """Return the folder of stored results; None where nothing is to be kept, or there is no home."""
    setting = os.environ.get("GIGAPLAN_CACHE", "")
    if setting == "off":
        return None
    if setting:
        return Path(setting)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gigaplan"
    except RuntimeError:  # no home
        return None


def is_trusted(path: Path) -> bool:
    """Return whether no other user can have written a file: it is absent, or this user's and not open to everybody."""
    if not hasattr(os, "geteuid"):
        return True
    try:
        above = path.parent.stat()
        if above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX:
            return False
        info = path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return stat.S_ISREG(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & stat.S_IWOTH
