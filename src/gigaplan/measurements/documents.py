"""Documents of a file: its JSON values, one YAML value, or its text; bounded, and whatever the file is called."""

from __future__ import annotations

import json
import re
from pathlib import Path

from gigaplan.plan import document
from gigaplan.vocabulary.errors import Place, PlanError, Problem

MOST_TEXT = 64_000_000
"""Characters of a JSON document that are parsed at most: values take some ten times as much memory."""
MOST_DOCUMENTS = 100_000
LITERAL = len("false")
"""Characters of the longest literal of JSON, which may be cut off too."""
YAML_START = re.compile(r"(\s*(#.*|---.*)?\n)*\s*['\"]?[A-Za-z_][\w-]*['\"]?:(\s|$)")
SMALLER = "leave out details of single requests, which are not needed"


def json_documents(text: str, path: Path) -> list[object] | None:
    """Return the values of a JSON text, None where it is no JSON.

    A file holds one value, or one behind the other (JSON lines, or what a benchmark appends); a list stands for its
    items.

    Parameters
    ----------
    text
        The file's text.
    path
        The file, for messages.

    Raises
    ------
    PlanError
        If the text begins as JSON and can't be read, is cut off, or is too large.
    """
    if not text.lstrip().startswith(("{", "[")):
        return None
    if len(text) > MOST_TEXT:
        _fail(f"the file has {len(text):,} characters", path, f"at most {MOST_TEXT:,} are read: {SMALLER}")
    decoder = json.JSONDecoder()
    found: list[object] = []
    start = len(text) - len(text.lstrip())
    try:
        while start < len(text):
            value, end = decoder.raw_decode(text, start)
            found += value if isinstance(value, list) else [value]
            start = end + len(text[end:]) - len(text[end:].lstrip()) if text[end : end + 1].isspace() else end
            if len(found) > MOST_DOCUMENTS:
                _fail(f"the file has more than {MOST_DOCUMENTS:,} values", path, SMALLER)
    except json.JSONDecodeError as error:
        place = Place(str(path), error.lineno, error.colno)
        cut = error.msg.startswith("Unterminated") or len(text.rstrip()) - error.pos <= LITERAL
        what = "the file ends in the middle of a value: it was cut off" if cut else f"is not JSON: {error.msg}"
        remedy = "run the benchmark to its end, or copy the file again" if cut else "give the file as its tool wrote it"
        raise PlanError([Problem(what, place, remedy=remedy)]) from None
    except (RecursionError, ValueError):  # nested too deep, or a number with thousands of digits
        _fail("is JSON that is nested too deep, or holds a number that is too long", path, "give a benchmark's results")
    return found


def yaml_documents(text: str, path: Path) -> list[object] | None:
    """Return the value of a YAML text, None where it doesn't begin as a mapping.

    Parameters
    ----------
    text
        The file's text.
    path
        The file, for messages.

    Raises
    ------
    PlanError
        If the text begins as a mapping and is no YAML, or is too large.
    """
    if not YAML_START.match(text):
        return None
    try:
        return [document.parse(text, str(path)).plain()]
    except PlanError as error:
        large = any("too many values" in p.message for p in error.problems)
        if large:
            _fail("the YAML document has too many values", path, f"{SMALLER}, or give the JSON form")
        raise


def _fail(what: str, path: Path, remedy: str) -> None:
    raise PlanError([Problem(what, Place(str(path)), remedy=remedy)])
