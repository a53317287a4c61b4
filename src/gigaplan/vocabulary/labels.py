"""Labels as people write them: by name, as a report shows the name, in any case, or by its beginning."""

from __future__ import annotations

import re
from collections.abc import Collection


def plain(text: str) -> str:
    """Return a label without case, its words one space apart: ``long context`` for ``long_context``."""
    return re.sub(r"[\s_-]+", " ", text.strip().lower())


def meant(text: str, known: Collection[str], *, by_beginning: bool = True) -> str:
    """Return the label that a text means, or the text itself where it means none or several.

    Parameters
    ----------
    text : str
        What a person wrote.
    known : collection of str
        The labels that there are.
    by_beginning : bool
        Whether the words that begin one label alone mean it.

    >>> meant("VR", ("gb300_nvl72", "vr_nvl72"))
    'vr_nvl72'
    """
    if text in known:
        return text
    written = plain(text)
    same = [name for name in known if plain(name) == written]
    begun = [name for name in known if plain(name).startswith(f"{written} ")] if written and by_beginning else []
    found = same or begun
    return found[0] if len(found) == 1 else text
