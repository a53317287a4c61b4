"""A workbook as it is written: cells by kind, formulas with the engine's figure as their kept value, the same bytes for
the same result."""

from __future__ import annotations

import datetime as dt
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gigaplan.plan.workbook.layout import LONGEST_TEXT
from gigaplan.plan.workbook.lines import Cell
from gigaplan.vocabulary.visible import cell as csv_cell
from gigaplan.vocabulary.visible import visible

CREATED = dt.datetime(2000, 1, 1)
"""The creation date in every workbook, so that the same result gives the same bytes."""
MARK = b"gigaplan workbook"
"""Comment of the archive, by which the writing door knows a workbook that nobody has saved anew."""
LONGEST_NAME, FORBIDDEN = 31, "[]:*?/\\"
"""Characters of a sheet's name at most, and those that it must not hold."""
RESERVED = "history"
"""The name that spreadsheets keep for themselves."""
A4 = 9
"""The number of the paper's format."""
NEVER = "never"
STYLES: dict[str, dict[str, Any]] = {
    "": {},
    "title": {"bold": True, "font_size": 14},
    "note": {"font_color": "#595959", "italic": True},
    "head": {"bold": True, "bottom": 1, "valign": "top"},
    "wrapped": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "align": "right"},
    "heads": {"bold": True, "bottom": 1, "align": "right"},
    "right": {"align": "right"},
    "bold": {"bold": True},
    "input": {"font_color": "#1F3FBF", "locked": False},
    "USD": {"num_format": "#,##0"},
    "total": {"num_format": "#,##0", "bold": True},
    "price": {"num_format": "#,##0.0000"},
    "share": {"num_format": "0.00%"},
    "number": {"num_format": "#,##0.###"},
    "large": {"num_format": "0.0000E+00"},
    "days": {"num_format": "#,##0.0"},
    "factor": {"num_format": "0.000000"},
    "date": {"num_format": "yyyy-mm-dd", "align": "right"},
    "month": {"num_format": "yyyy-mm", "align": "left"},
    "year": {"num_format": "0", "align": "left"},
}
"""Looks of cells, by what stands in them."""


class Book:
    """A workbook that is being written.

    Parameters
    ----------
    path : Path
        File to write.
    title : str
        Title of what it shows.
    """

    def __init__(self, path: Path, title: str) -> None:
        import xlsxwriter

        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self.path = path
        self.file: Any = xlsxwriter.Workbook(str(path), options)
        self.file.set_properties({"title": visible(title), "created": CREATED, "comments": "Written by gigaplan"})
        self.styles: dict[tuple[str, bool], Any] = {}
        self.names: list[str] = []

    def sheet(self, name: str, title: str, note: str = "") -> Sheet:
        """Return a new sheet with its title and a note below it.

        Parameters
        ----------
        name : str
            Its name, which is made fit.
        title, note : str
            What stands in its first two rows.
        """
        made = self.bare_sheet(name)
        made.put(0, 0, title, "title")
        made.put(1, 0, note, "note")
        return made

    def bare_sheet(self, name: str) -> Sheet:
        """Return a new empty sheet.

        Parameters
        ----------
        name : str
            Its name, which is made fit.
        """
        fit = sheet_name(name, self.names)
        self.names.append(fit)
        made = self.file.add_worksheet(fit)
        made.set_landscape()
        made.set_paper(A4)
        made.fit_to_pages(1, 0)
        return Sheet(self, made, fit)

    def style(self, name: str, *, quoted: bool = False) -> Any:
        """Return the look of a cell.

        Parameters
        ----------
        name : str
            One of ``STYLES``.
        quoted : bool
            Whether its text begins like a formula: it then stays a text when somebody edits it.
        """
        key = (name, quoted)
        if key not in self.styles:
            self.styles[key] = self.file.add_format(STYLES[name] | ({"quote_prefix": True} if quoted else {}))
        return self.styles[key]

    def close(self) -> None:
        """Write the file, with the mark by which it is known again."""
        self.file.close()
        with zipfile.ZipFile(self.path, "a") as archive:
            archive.comment = MARK


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook; rows and columns count from 0."""

    book: Book
    sheet: Any
    name: str

    def put(self, row: int, column: int, value: Cell | dt.date, style: str = "") -> None:
        """Write a cell; nothing is written for None, an empty text and a number that there is none of.

        Parameters
        ----------
        row, column : int
            The cell.
        value : float, str, bool, date or None
            What it holds.
        style : str
            One of ``STYLES``.
        """
        look = self.book.style(style)
        if isinstance(value, str):
            text = visible(value)[:LONGEST_TEXT]
            if text:
                self.sheet.write_string(row, column, text, self.book.style(style, quoted=csv_cell(text) != text))
        elif isinstance(value, bool):
            self.sheet.write_boolean(row, column, value, look)
        elif isinstance(value, dt.date):
            self.sheet.write_datetime(row, column, dt.datetime.combine(value, dt.time()), look)
        elif value is not None and math.isfinite(value):
            self.sheet.write_number(row, column, value + 0.0, look)  # no -0
        elif value is not None and math.isinf(value):
            self.sheet.write_string(row, column, "without end" if value > 0 else "below all", look)

    def row(self, row: int, column: int, values: Sequence[Cell | dt.date], style: str = "") -> None:
        """Write cells next to each other.

        Parameters
        ----------
        row, column : int
            The first of them.
        values : sequence
            What they hold.
        style : str
            One of ``STYLES``.
        """
        for k, value in enumerate(values):
            self.put(row, column + k, value, style)

    def formula(self, row: int, column: int, text: str, value: float, style: str = "USD") -> None:
        """Write a formula with the engine's figure as its kept value.

        Parameters
        ----------
        row, column : int
            The cell.
        text : str
            The formula, with its equals sign.
        value : float
            What the engine has; nan where there is none, which the formula gives as an empty text.
        style : str
            One of ``STYLES``.
        """
        kept: float | str = value + 0.0 if math.isfinite(value) else ""
        self.sheet.write_formula(row, column, text, self.book.style(style), kept)

    def widths(self, *sizes: float) -> None:
        """Set the widths of the first columns [characters]."""
        for column, size in enumerate(sizes):
            self.sheet.set_column(column, column, size)

    def at(self, row: int, column: int, *, fixed: bool = False) -> str:
        """Return the name of a cell as another sheet writes it.

        Parameters
        ----------
        row, column : int
            The cell.
        fixed : bool
            Whether the name stays when it is copied to other cells.
        """
        return f"'{self.name}'!{cell_name(row, column, fixed=fixed)}"

    def column(self, first: int, last: int, column: int) -> str:
        """Return the name of a part of a column as another sheet writes it.

        Parameters
        ----------
        first, last, column : int
            Its rows and the column.
        """
        return f"'{self.name}'!{cell_name(first, column, fixed=True)}:{cell_name(last, column, fixed=True)}"


def cell_name(row: int, column: int, *, fixed: bool = False) -> str:
    """Return the name of a cell.

    Parameters
    ----------
    row, column : int
        The cell, from 0.
    fixed : bool
        Whether the name stays when it is copied to other cells.

    Examples
    --------
    >>> cell_name(2, 27), cell_name(0, 0, fixed=True)
    ('AB3', '$A$1')
    """
    letters, left = "", column + 1
    while left:
        left, digit = divmod(left - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return f"${letters}${row + 1}" if fixed else f"{letters}{row + 1}"


def sheet_name(name: str, taken: Sequence[str]) -> str:
    """Return a name that a spreadsheet takes and that no other sheet has.

    Parameters
    ----------
    name : str
        Any text.
    taken : sequence of str
        Names of the sheets that there are.

    Examples
    --------
    >>> sheet_name("a/b: the longest of all names of sheets", []), sheet_name("Demand", ["demand"])
    ('a-b- the longest of all names o', 'Demand 2')
    """
    plain = "".join("-" if c in FORBIDDEN or not c.isprintable() else c for c in name).strip("' ") or "Sheet"
    plain = f"{plain} 1" if plain.lower() == RESERVED else plain
    known = {other.lower() for other in taken}
    fit, number = plain[:LONGEST_NAME].strip("' "), 1
    while fit.lower() in known:
        number += 1
        ending = f" {number}"
        fit = plain[: LONGEST_NAME - len(ending)].strip("' ") + ending
    return fit
