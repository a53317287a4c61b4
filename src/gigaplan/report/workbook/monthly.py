"""A table of months: columns of the engine's line items, and columns of formulas that reference them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gigaplan.report.workbook.book import Sheet, cell_name
from gigaplan.results.result import Result
from gigaplan.vocabulary.members import Array

MONTH, YEAR, DAYS = 0, 1, 2
"""First columns: the month by its first day, its calendar year, and the days from the start of the horizon to its
middle."""
FIRST = 3
"""The first column of money."""
HEAD_HEIGHT = 60
"""Height of the names of columns [points], four lines."""
CENTRAL = "of the central member: all uncertain inputs at their central values"
"""What the figures of these sheets are: sums of medians are no median of a sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table of months.

    Attributes
    ----------
    key, name : str
        How formulas call it, and what stands above it.
    values : array of shape (month,)
        What the engine has.
    formula : callable, optional
        Gives the formula of a row of the sheet, from 0; None for a column of numbers.
    total : float
        What the engine has over the horizon, nan where a total means nothing.
    total_formula : callable, optional
        Gives the formula of the row of totals; the sum of the months if left out.
    style, total_style : str
        Looks of a month's cell and of the total's.
    """

    key: str
    name: str
    values: Array
    formula: Callable[[int], str] | None = None
    total: float = float("nan")
    total_formula: Callable[[int], str] | None = None
    style: str = "USD"
    total_style: str = "total"


@dataclass(frozen=True, slots=True)
class Table:
    """Where a table of months stands.

    Attributes
    ----------
    sheet : Sheet
        Its sheet.
    keys : tuple of str
        The columns of money, in order.
    head : int
        Row of the names of columns; the totals follow it.
    first, last : int
        Rows of the first and the last month.
    """

    sheet: Sheet
    keys: tuple[str, ...]
    head: int
    first: int
    last: int

    @property
    def total(self) -> int:
        """Return the row of totals."""
        return self.head + 1

    def column(self, key: str) -> int:
        """Return the place of a column.

        Parameters
        ----------
        key : str
            How formulas call it.
        """
        return FIRST + self.keys.index(key)

    def cell(self, row: int, key: str, *, fixed: bool = False) -> str:
        """Return the name of a cell, as a formula of the same sheet writes it.

        Parameters
        ----------
        row : int
            Its row.
        key : str
            Its column.
        fixed : bool
            Whether the name stays when it is copied.
        """
        return cell_name(row, self.column(key), fixed=fixed)

    def part(self, row: int, first: str, last: str) -> str:
        """Return the names of the cells of a row from one column to another.

        Parameters
        ----------
        row : int
            The row.
        first, last : str
            The columns.
        """
        return f"{self.cell(row, first)}:{self.cell(row, last)}"

    def months(self, key: str, earlier: int = 0, later: int = 0) -> str:
        """Return the names of a column's months, as a formula of the same sheet writes them.

        Parameters
        ----------
        key : str
            The column.
        earlier, later : int
            Rows before the first and after the last month that belong to it.
        """
        return f"{self.cell(self.first - earlier, key)}:{self.cell(self.last + later, key)}"

    def of_year(self, key: str, year: str) -> str:
        """Return the formula of a column's sum over a year, as another sheet writes it.

        Parameters
        ----------
        key : str
            The column.
        year : str
            The cell that holds the year.
        """
        years = self.sheet.column(self.first, self.last, YEAR)
        return f"SUMIF({years},{year},{self.sheet.column(self.first, self.last, self.column(key))})"

    def write(self, result: Result, columns: Sequence[Column]) -> None:
        """Write the months, the columns and their totals.

        Parameters
        ----------
        result : Result
            A simulated plan.
        columns : sequence of Column
            As many as there are keys, in their order.
        """
        put = self.sheet.put
        self.sheet.row(self.head, 0, ("month", "year", "days to its middle", *(c.name for c in columns)), "wrapped")
        self.sheet.sheet.set_row(self.head, HEAD_HEIGHT)
        put(self.total, 0, "horizon", "bold")
        for k, (edge, days) in enumerate(zip(result.axis.edges, result.axis.mid_days, strict=False)):
            row = self.first + k
            put(row, MONTH, dt.date(edge.year, edge.month, 1), "month")
            put(row, YEAR, float(edge.year), "year")
            put(row, DAYS, float(days), "days")
        for column in columns:
            self._column(column)
        self.sheet.sheet.freeze_panes(self.total + 1, FIRST)

    def _column(self, column: Column) -> None:
        place = self.column(column.key)
        for k, value in enumerate(column.values):
            row = self.first + k
            if column.formula is None:
                self.sheet.put(row, place, float(value), column.style)
            else:
                self.sheet.formula(row, place, f"={column.formula(row)}", float(value), column.style)
        total = column.total_formula
        if total is not None:
            self.sheet.formula(self.total, place, f"={total(self.total)}", column.total, column.total_style)
        elif column.total == column.total:
            text = f"=SUM({self.months(column.key)})"
            self.sheet.formula(self.total, place, text, column.total, column.total_style)
