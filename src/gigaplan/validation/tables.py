"""CSV tables in and out: read whole or refused with what is wrong, written whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.files import whole_file

FIRST_LINE = "give a CSV file whose first line names its columns"


def read_table(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return a CSV table's columns and rows; PlanError if it can't be read or is empty."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = tuple(reader.fieldnames or ())
            rows = [{k: v or "" for k, v in row.items() if k is not None} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PlanError([Problem(unreadable(error), Place(str(path)), remedy="give a CSV file")]) from None
    if not columns:
        raise PlanError([Problem("the table is empty", Place(str(path), 1, 1), remedy=FIRST_LINE)])
    return columns, rows


def unreadable(error: Exception) -> str:
    """Return why a table can't be read, in words."""
    if isinstance(error, OSError):
        why = (error.strerror or str(error)).lower()
    elif isinstance(error, UnicodeDecodeError):
        why = f"byte {error.start} is not UTF-8, so it is no text"
    else:
        why = str(error)
    return f"the table cannot be read: {why}"


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a CSV table whole or not at all. MachineError if it can't be written.

    Parameters
    ----------
    path
        Where to write.
    columns
        Names of columns, in order.
    rows
        Cells of each row, by column.
    """
    with whole_file(path) as work, work.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def refuse_same(out: Path, *tables: Path | None) -> None:
    """Refuse to write over a table that is read: its own results would be lost."""
    if any(t is not None and t.exists() and out.exists() and t.samefile(out) for t in tables):
        raise PlanError(
            [
                Problem(
                    "the answers would take the place of the table that they answer",
                    Place(str(out)),
                    value=f"--out {out}",
                    remedy="give --out another file",
                )
            ]
        )
