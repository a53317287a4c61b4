"""Mutants of a workbook that is read back into a plan: cells that a person changed, parts that a tool broke."""

from __future__ import annotations

import io
import random
import re
import zipfile
from html import escape
from pathlib import Path

from mutants import NUMBERS, ODD, Mutant, mutated_text

COMMAND = ("new", "mine.yaml", "--from-xlsx", "book.xlsx")
KEPT = "kept.xlsx"
"""The sound workbook in the working folder."""
EPOCH = (1980, 1, 1, 0, 0, 0)
NUMBER, TEXT = re.compile(r"<v>[^<]*</v>"), re.compile(r"<t( [^>]*)?>[^<]*</t>")


def workbooks(folder: Path, chance: random.Random) -> Mutant:
    """Return a command that reads a changed workbook back."""
    book = (folder / KEPT).read_bytes()
    if chance.random() < 0.2:
        return Mutant(COMMAND, {"book.xlsx": _broken(book, chance)})
    parts, comment = _parts(book)
    names = sorted(n for n in parts if n.endswith(".xml"))
    for _ in range(chance.choice((1, 1, 2, 4))):
        name = chance.choice([n for n in names if n in parts] or names[:1])
        what = chance.random()
        if what < 0.1:
            parts.pop(name, None)
        elif name in parts:
            text = parts[name].decode("utf-8", "replace")
            parts[name] = _changed(text, chance) if what < 0.8 else mutated_text(text, chance)
    return Mutant(COMMAND, {"book.xlsx": _zipped(parts, comment if chance.random() < 0.7 else b"")})


def _changed(text: str, chance: random.Random) -> bytes:
    """Return a part with other numbers or texts in some of its cells."""
    for pattern, inside in ((NUMBER, "<v>{}</v>"), (TEXT, "<t>{}</t>")):
        places = list(pattern.finditer(text))
        if places and chance.random() < 0.7:
            place = chance.choice(places)
            new = escape(str(chance.choice((*NUMBERS, *ODD))))
            text = text[: place.start()] + inside.format(new) + text[place.end() :]
    return text.encode("utf-8", "replace")


def _broken(book: bytes, chance: random.Random) -> bytes:
    """Return a file as a broken copy leaves it: cut, or with other bytes in some places."""
    if chance.random() < 0.4:
        return book[: chance.randrange(len(book))]
    data = bytearray(book)
    for _ in range(chance.choice((1, 4, 40))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _parts(book: bytes) -> tuple[dict[str, bytes], bytes]:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}, archive.comment


def _zipped(parts: dict[str, bytes], comment: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
        archive.comment = comment
    return out.getvalue()
