"""A workbook read back: what was run, and the cells of its inputs as they are now, within bounds."""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from gigaplan.plan.workbook.layout import (
    AS_RUN,
    COLUMNS,
    FORMAT,
    HEADER_ROW,
    INPUTS,
    MOST_BYTES,
    MOST_PARTS,
    MOST_ROWS,
    MOST_UNPACKED,
    PLAN,
)
from gigaplan.plan.workbook.lines import Cell
from gigaplan.plan.workbook.text import Kept, digest_of_lines, digest_of_sources, sources_of_rows
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.files import read_bytes

ABOUT = ("plan", "plan hash", "gigaplan", "catalog", "lines of inputs", "digest of inputs", "digest of the text")
ESCAPED = re.compile("_x005[fF]_(x[0-9a-fA-F]{4}_)")
"""How the file format keeps a text that looks like its code of a character."""
REMEDY = "export the result again: gigaplan export RESULT --to xlsx"
Row = tuple[int, tuple[Cell, ...]]
"""Number of a row in its sheet, and its cells."""


@dataclass(frozen=True, slots=True)
class Book:
    """A workbook as it was read: its name, what it says of its run, and the rows of both sheets of inputs."""

    name: str
    kept: Kept
    now: tuple[Row, ...]
    as_run: tuple[Row, ...]

    def place(self, row: int, column: str) -> Place:
        """Return the place of a cell of the inputs.

        Parameters
        ----------
        row : int
            Its row, from 1.
        column : str
            The letter of its column.
        """
        return Place(f"{self.name} {INPUTS}!{column}{row}")


def read_book(path: Path) -> Book:
    """Return a workbook that gigaplan has written and a person may have changed.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    PlanError
        If it is no workbook, is too large, lacks a sheet, or its kept text was changed.
    """
    sheets = _sheets(path)
    if lacking := [name for name in (INPUTS, AS_RUN, PLAN) if name not in sheets]:
        message = f"this workbook lacks {_listed(lacking)}, from which a plan is read"
        near = nearest_name(lacking[0], sheets)
        allowed = "a workbook that gigaplan has written of a result that has its plan's text"
        raise PlanError([Problem(message, Place(str(path)), allowed=allowed, nearest=near, remedy=REMEDY)])
    kept = _kept(sheets[PLAN], str(path))
    now, as_run = (_lines(sheets[name], f"{path} {name}") for name in (INPUTS, AS_RUN))
    whole = [cells for _, cells in as_run]
    if len(whole) != kept.lines or digest_of_lines(whole) != kept.digest:
        message = f"the sheet '{AS_RUN}' was changed: it says what was run"
        raise _refused(f"{path} {AS_RUN}", message)
    return Book(str(path), kept, now, as_run)


def _refused(place: str, message: str, remedy: str = REMEDY) -> PlanError:
    return PlanError([Problem(message, Place(place), remedy=remedy)])


def _listed(names: Sequence[str]) -> str:
    return f"the sheet{'s' * (len(names) > 1)} {' and '.join(repr(name) for name in names)}"


def _sheets(path: Path) -> dict[str, tuple[Row, ...]]:
    """Return the rows of the sheets that are read, by name; of others nothing but their name."""
    from openpyxl import load_workbook

    data = _bounded(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the library leaves out, such as charts and print settings
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            read = (INPUTS, AS_RUN, PLAN)
            found = {s.title: tuple(_rows(s)) if s.title in read else () for s in book.worksheets}
            book.close()
    except PlanError:
        raise
    except Exception as error:
        message = f"this is no workbook that can be read: {str(error) or type(error).__name__}"[:300]
        raise _refused(str(path), message, "save it as .xlsx in your spreadsheet, or export the result again") from None
    return found


def _bounded(path: Path) -> bytes:
    """Return the bytes of a workbook that is not too large, packed and unpacked."""
    try:
        data = read_bytes(path, MOST_BYTES)
    except FileNotFoundError:
        raise _refused(str(path), "no such file", "give the path of a workbook (.xlsx)") from None
    except OSError as error:
        raise _refused(str(path), f"it can't be read: {error.strerror}", "check the path") from None
    except ValueError as error:
        raise _refused(str(path), str(error)) from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            sizes = [part.file_size for part in parts.infolist()]
    except Exception:  # a damaged archive raises whatever its bytes lead to
        raise _refused(str(path), "this is no workbook (.xlsx)", "give a workbook that gigaplan has written") from None
    if len(sizes) > MOST_PARTS or sum(sizes) > MOST_UNPACKED:
        message = (
            f"it unpacks to {sum(sizes):,} bytes in {len(sizes):,} parts, more than the {MOST_UNPACKED:,} bytes in "
            f"{MOST_PARTS:,} parts that are read"
        )
        raise _refused(str(path), message)
    return data


def _rows(sheet: Any) -> Iterator[Row]:
    """Yield the rows of a sheet that hold something."""
    sheet.reset_dimensions()
    for number, cells in enumerate(islice(sheet.iter_rows(values_only=True, max_col=len(COLUMNS)), MOST_ROWS + 1), 1):
        if number > MOST_ROWS:
            raise _refused(sheet.title, f"it has more than {MOST_ROWS:,} rows, the most that are read")
        plain = tuple(_cell(cell) for cell in cells)
        if any(cell is not None for cell in plain):
            yield number, plain + (None,) * (len(COLUMNS) - len(plain))


def _cell(value: object) -> Cell:
    """Return a cell's value; a date as text, an empty text as nothing."""
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    return ESCAPED.sub(r"_\1", str(value)) or None


def _kept(rows: Sequence[Row], name: str) -> Kept:
    """Return what the sheet of the plan says."""
    cells = [row[:4] for _, row in rows]
    if not cells or cells[0][0] != FORMAT:
        message = f"the sheet '{PLAN}' is not one that this version reads"
        raise _refused(f"{name} {PLAN}!A1", f"{message}: it begins with '{FORMAT}'")
    about = {str(row[0]): row[1] for row in cells[1 : len(ABOUT) + 1]}
    head = cells[len(ABOUT) + 1][0] if len(cells) > len(ABOUT) + 1 else None
    if tuple(about) != ABOUT or head != "part":
        raise _refused(f"{name} {PLAN}!A2", f"it says {', '.join(ABOUT)} in its first rows")
    try:
        parts = [(p, n, h, t) for p, n, h, t in cells[len(ABOUT) + 2 :]]
        sources = sources_of_rows(parts)
        lines = int(float(str(about["lines of inputs"])))
    except ValueError as error:
        raise _refused(f"{name} {PLAN}!A{len(ABOUT) + 2}", f"the plan's text can't be read: {error}") from None
    if digest_of_sources(sources) != about["digest of the text"]:
        message = "the plan's text was changed in the workbook"
        remedy = f"change values in the sheet '{INPUTS}', or copy the text into a file of its own and change that"
        raise _refused(f"{name} {PLAN}", message, remedy)
    words = [str(about[key] or "") for key in ABOUT]
    return Kept(words[0], words[1], words[2], words[3], lines, words[5], sources)


def _lines(rows: Sequence[Row], place: str) -> tuple[Row, ...]:
    """Return the rows of inputs, after the names of their columns."""
    head = next((cells for number, cells in rows if number == HEADER_ROW), None)
    if head != COLUMNS:
        found = ", ".join(str(cell) for cell in head or () if cell)
        raise PlanError(
            [
                Problem(
                    "the names of the columns were changed",
                    Place(f"{place}!A{HEADER_ROW}"),
                    value=found,
                    allowed=", ".join(COLUMNS),
                    remedy="put them back, or export the result again",
                )
            ]
        )
    return tuple(row for row in rows if row[0] > HEADER_ROW)
