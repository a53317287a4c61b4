"""CSV tables in and out: read whole or refused with what is wrong, written whole or not at all."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.files import Kind, read_bytes, whole_file

MAX_BYTES = 256_000_000
"""Bytes of a table that are read at most, about two million rows."""
FIRST_LINE = "give a CSV file whose first line names its columns"
SAVE_AS = "give a CSV file, saved as UTF-8"
DELIMITERS = ",;\t|"
MOST_SNIFFED = 64
"""Bytes by which a file's encoding is told."""


def read_table(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return a table's columns and rows, as text.

    Cells may be separated by commas, semicolons, tabs or bars, and the file be UTF-8 or UTF-16: whichever it is, it is
    found out.

    Parameters
    ----------
    path
        The table.

    Raises
    ------
    PlanError
        If it can't be read or is empty, or with every row that has more cells than there are columns.
    """
    return parse_table(read_text(path), path)


def read_text(path: Path) -> str:
    """Return a file's text, of UTF-8 or UTF-16; PlanError if it can't be read or is of neither.

    Parameters
    ----------
    path
        The file.
    """
    try:
        data = read_bytes(path, MAX_BYTES)
        return data.decode(_encoding(data))
    except (OSError, ValueError) as error:
        raise PlanError([Problem(unreadable(error), Place(str(path)), remedy=SAVE_AS)]) from None


def parse_table(text: str, path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return the columns and rows of a table's text; see :func:`read_table`.

    Parameters
    ----------
    text
        The table's text.
    path
        Where it is from, for messages.
    """
    place = Place(str(path), 1, 1)
    if not text.strip():
        raise PlanError([Problem("the table is empty", place, remedy=FIRST_LINE)])
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        columns = tuple(name.strip() for name in next(reader))
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise PlanError([Problem(unreadable(error), Place(str(path)), remedy="give a CSV file")]) from None
    problems = [
        Problem("two columns have one name", place, value=name, remedy="rename one of them")
        for name, count in Counter(c for c in columns if c).items()
        if count > 1
    ]
    problems += [
        Problem(
            f"the row has {len(cells)} cells, the table {len(columns)} columns",
            Place(str(path), line, 1),
            remedy="quote cells that hold a separator, and write decimals with a point",
        )
        for line, cells in lines
        if any(c.strip() for c in cells[len(columns) :])
    ]
    if problems:
        raise PlanError(problems)
    return columns, [dict(zip_longest(columns, cells[: len(columns)], fillvalue="")) for _, cells in lines]


def _encoding(data: bytes) -> str:
    """Return the encoding of a text by its byte order mark, or by the zeros between plain letters in UTF-16."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    start = data[:MOST_SNIFFED]
    for encoding, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if len(start) > 1 and not any(zeros) and all(letters):
            return encoding
    return "utf-8-sig"


def _delimiter(text: str) -> str:
    """Return what separates the cells of a table: that which gives its first line the most columns."""
    first = text.lstrip("\r\n").splitlines()[0]
    return max(DELIMITERS, key=lambda d: len(next(csv.reader([first], delimiter=d))))


def unreadable(error: Exception) -> str:
    """Return why a table can't be read, in words."""
    if isinstance(error, OSError):
        why = (error.strerror or str(error)).lower()
    elif isinstance(error, UnicodeDecodeError):
        why = f"byte {error.start} is not UTF-8, nor is the file UTF-16, so it is no text"
    else:
        why = str(error)
    return f"the table cannot be read: {why}"


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]], kind: Kind) -> None:
    """Write a CSV table whole or not at all. MachineError if it can't be written.

    Parameters
    ----------
    path
        Where to write.
    columns
        Names of columns, in order.
    rows
        Cells of each row, by column.
    kind
        What the table is; another file at the place is left alone.
    """
    with whole_file(path, kind) as work, work.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
