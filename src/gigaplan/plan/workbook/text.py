"""The text of a plan in the rows of a sheet, so that it comes back letter by letter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gigaplan.plan.sources import Sources
from gigaplan.plan.workbook.layout import FORMAT, PIECE
from gigaplan.plan.workbook.lines import Cell, Line

GOES_ON, AS_JSON = "goes on", "json"
"""What a row says of its text: the line goes on in the next row; the text is quoted as JSON does."""
PLAIN = "text"
KINDS = ("plan", "overlay", "file", "change")
"""What a plan is made of."""
ESCAPE, ESCAPED = "_x", "\\u005fx"
"""How the file format begins the code of a character, and the same as JSON may write it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a workbook says of its run besides the inputs."""

    plan: str
    plan_hash: str
    version: str
    catalog: str
    lines: int
    """Number of lines of inputs."""
    digest: str
    """Of the inputs as they were run."""
    sources: Sources


def kept_rows(kept: Kept) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of the sheet of the plan: what was run, and the text of everything that the plan was made of.

    Parameters
    ----------
    kept : Kept
        What is kept.
    """
    yield (FORMAT,)
    yield from (("plan", kept.plan), ("plan hash", kept.plan_hash), ("gigaplan", kept.version))
    yield from (("catalog", kept.catalog), ("lines of inputs", kept.lines), ("digest of inputs", kept.digest))
    yield ("digest of the text", digest_of_sources(kept.sources))
    yield ("part", "name", "as", "text")
    for part, name, text in parts_of(kept.sources):
        for line in text.split("\n"):
            yield from ((part, name, how, piece) for how, piece in _pieces(line))


def parts_of(sources: Sources) -> Iterator[tuple[str, str, str]]:
    """Yield what a plan was made of: the kind of each part, its name and its text.

    Parameters
    ----------
    sources : Sources
        The plan.
    """
    yield "plan", sources.file, sources.text
    changes = tuple(("", change) for change in sources.changes)
    for kind, parts in (("overlay", sources.overlays), ("file", sources.files), ("change", changes)):
        yield from ((f"{kind} {number}", name, text) for number, (name, text) in enumerate(parts, 1))


def sources_of_rows(rows: Sequence[tuple[Cell, ...]]) -> Sources:
    """Return what a plan was made of from the rows below the heading ``part``.

    Parameters
    ----------
    rows : sequence of tuple
        Part, name, how the text is written, and the text.

    Raises
    ------
    ValueError
        If they are no rows of a plan.
    """
    parts: dict[str, tuple[str, list[str]]] = {}
    goes_on = False
    for part, name, how, text in rows:
        _, lines = parts.setdefault(str(part), (str(name or ""), []))
        written, _, more = str(how).partition(", ")
        piece = "" if text is None else str(text)
        if written == AS_JSON:
            piece = json.loads(piece)
        if goes_on and lines:
            lines[-1] += piece
        else:
            lines.append(piece)
        goes_on = more == GOES_ON
    by_kind: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}
    for part, (name, lines) in parts.items():
        kind = part.partition(" ")[0]
        if kind not in by_kind:
            raise ValueError(f"'{kind}' is none of its parts")
        by_kind[kind].append((name, "\n".join(lines)))
    if len(by_kind["plan"]) != 1:
        raise ValueError("there is not one plan among its parts")
    (file, text), changes = by_kind["plan"][0], tuple(text for _, text in by_kind["change"])
    return Sources(file, text, tuple(by_kind["overlay"]), changes, tuple(by_kind["file"]))


def digest_of_sources(sources: Sources) -> str:
    """Return the digest by which a changed text is known.

    Parameters
    ----------
    sources : Sources
        The plan.
    """
    return hashlib.sha256(json.dumps(list(parts_of(sources))).encode()).hexdigest()


def digest_of_lines(lines: Sequence[Sequence[Cell]]) -> str:
    """Return the digest of inputs, numbers to 12 digits: spreadsheets keep 15.

    Parameters
    ----------
    lines : sequence of sequence
        The cells of each line.
    """
    plain = [[_settled(cell) for cell in line] for line in lines]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def cells_of(lines: Sequence[Line]) -> list[tuple[Cell, ...]]:
    """Return the cells of lines.

    Parameters
    ----------
    lines : sequence of Line
        Inputs.
    """
    return [line.cells for line in lines]


def _settled(cell: Cell) -> str:
    if isinstance(cell, bool):
        return str(cell)
    return f"{cell:.12g}" if isinstance(cell, int | float) else cell or ""


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """Yield a line in pieces that fit a cell, each with how it is written."""
    pieces = [line[i : i + PIECE] for i in range(0, len(line), PIECE)] or [""]
    for number, piece in enumerate(pieces, 1):
        plain = piece.isprintable() and ESCAPE not in piece
        more = f", {GOES_ON}" if number < len(pieces) else ""
        yield (PLAIN if plain else AS_JSON) + more, piece if plain else json.dumps(piece).replace(ESCAPE, ESCAPED)
