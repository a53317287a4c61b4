"""Names that become paths: a plan's name, a picture's, a result's folder."""

from __future__ import annotations

import re

LONGEST_NAME = 80
"""Characters of a name."""
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for devices."""


def slug(name: str, default: str = "plan") -> str:
    """Return a name as one part of a path: letters, digits, ``.``, ``_`` and ``-``, never hidden, never a folder above.

    Parameters
    ----------
    name : str
        Any text.
    default : str
        What to use where nothing of the name can stand in a path.
    """
    found = re.sub(r"[^\w.-]+", "-", name).strip(".-")[:LONGEST_NAME].rstrip(".-")
    return f"{default}-{found}" if RESERVED.match(found) else found or default


def name_fault(name: str) -> str:
    """Return why a name can't be kept as one part of a path, empty if it can."""
    if not name.strip():
        return "the name is empty"
    if len(name) > LONGEST_NAME:
        return f"the name has {len(name):,} characters"
    if "/" in name or "\\" in name or name.startswith("."):
        return "the name would be a path"
    if not name.isprintable():
        return "the name has characters that can't be seen"
    return ""
