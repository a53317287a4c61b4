"""The plan's costs by month: lines of the income statement and tokens as numbers, what follows as formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.finance.rates import MONTHS_PER_YEAR
from gigaplan.report.workbook.book import Book, Sheet
from gigaplan.report.workbook.cash import Cash
from gigaplan.report.workbook.monthly import CENTRAL, FIRST, Column, Table
from gigaplan.results.aggregate import aggregate
from gigaplan.results.result import Result
from gigaplan.vocabulary.members import Array

HEAD_ROW = 3
PER_MTOK = 1e6
"""Tokens of a million."""
FULL = "cost of capital included"


@dataclass(frozen=True, slots=True)
class Costs:
    """The sheet of costs, for those that reference it."""

    table: Table
    lines: tuple[str, ...]
    workloads: tuple[str, ...]


def costs(book: Book, result: Result, cash: Cash) -> Costs:
    """Write the sheet and return where its figures stand.

    Parameters
    ----------
    book : Book
        The workbook.
    result : Result
        A simulated plan.
    cash : Cash
        The sheet that holds the rate of the cost of capital.
    """
    made = _Columns(result, cash)
    columns = made.columns()
    sheet = book.sheet("Costs", "Costs by month [USD]", f"Costs {CENTRAL}")
    keys = tuple(column.key for column in columns)
    table = Table(sheet, keys, HEAD_ROW, HEAD_ROW + 2, HEAD_ROW + 1 + result.axis.months)
    made.tables.append(table)
    table.write(result, columns)
    _widths(sheet, len(keys))
    return Costs(table, made.lines, made.workloads)


def _widths(sheet: Sheet, columns: int) -> None:
    sheet.widths(12, 8, 12)
    sheet.sheet.set_column(FIRST, FIRST + columns - 1, 18)


class _Columns:
    """Columns of the table; their formulas are made once the table stands."""

    def __init__(self, result: Result, cash: Cash) -> None:
        self.result, self.cash = result, cash
        self.lines = tuple(result.labels["line"])
        self.workloads = tuple(result.labels["workload"])
        self.tables: list[Table] = []

    @property
    def table(self) -> Table:
        """Return where the columns stand."""
        return self.tables[0]

    def columns(self) -> list[Column]:
        """Return the columns of the table."""
        result = self.result
        by_line = result.central("cost_usd")
        lines = [
            Column(key=f"line {n}", name=n.replace("_", " "), values=v, total=float(v.sum()))
            for n, v in zip(self.lines, by_line, strict=True)
        ]
        first, last = lines[0].key, lines[-1].key
        capital, book_value = result.central("cost_of_capital_usd"), result.central("book_value_usd")
        cost = monthly(result, "cost_usd")
        return [
            *lines,
            Column(
                key="cost",
                name="cost",
                values=cost,
                formula=lambda row: f"SUM({self.table.part(row, first, last)})",
                total=over_horizon(result, "cost_usd"),
            ),
            Column(key="book", name="book value when the month begins", values=book_value[:-1]),
            Column(
                key="capital",
                name="cost of capital",
                values=capital,
                formula=lambda row: f"{self.table.cell(row, 'book')}*((1+{self.cash.rate})^(1/{MONTHS_PER_YEAR})-1)",
                total=over_horizon(result, "cost_of_capital_usd"),
            ),
            Column(
                key="full",
                name=f"cost, {FULL}",
                values=cost + capital,
                formula=lambda row: f"{self.table.cell(row, 'cost')}+{self.table.cell(row, 'capital')}",
                total=over_horizon(result, "cost_usd") + over_horizon(result, "cost_of_capital_usd"),
            ),
            *self._serving("workload_cost_usd", "serving", "serving"),
            *self._serving("full_workload_cost_usd", "full serving", f"serving, {FULL}"),
            self._tokens(),
            self._price("price", "serving", "cost_per_mtok_all_usd", "USD per million generated tokens"),
            self._price("full price", "full serving", "full_cost_per_mtok_all_usd", f"the same, {FULL}"),
        ]

    def _serving(self, quantity: str, key: str, name: str) -> list[Column]:
        """Return what each workload bears, and their sum."""
        each = [
            Column(key=f"{key} {w}", name=f"{name}: {w}", values=v, total=float(v.sum()))
            for w, v in zip(self.workloads, self.result.central(quantity), strict=True)
        ]
        first, last = each[0].key, each[-1].key
        whole = Column(
            key=key,
            name=name,
            values=monthly(self.result, quantity),
            formula=lambda row: f"SUM({self.table.part(row, first, last)})",
            total=over_horizon(self.result, quantity),
        )
        return [*each, whole]

    def _tokens(self) -> Column:
        total = over_horizon(self.result, "generated_tokens")
        values = monthly(self.result, "generated_tokens")
        return Column(
            key="tokens", name="generated tokens", values=values, total=total, style="large", total_style="large"
        )

    def _price(self, key: str, paid: str, quantity: str, name: str) -> Column:
        """Return a cost per million tokens, an empty text where there are none."""

        def formula(row: int) -> str:
            tokens, cost = self.table.cell(row, "tokens"), self.table.cell(row, paid)
            return per_mtok(cost, tokens)

        return Column(
            key=key,
            name=name,
            values=monthly(self.result, quantity),
            formula=formula,
            total=over_horizon(self.result, quantity),
            total_formula=formula,
            style="price",
            total_style="price",
        )


def per_mtok(cost: str, tokens: str) -> str:
    """Return the formula of a cost per million tokens.

    Parameters
    ----------
    cost, tokens : str
        The cells of both.
    """
    return f'IF({tokens}=0,"",{cost}/{tokens}*{PER_MTOK:.0f})'


def monthly(result: Result, name: str) -> Array:
    """Return a quantity of the central member by month, aggregated over all else.

    Parameters
    ----------
    result : Result
        A simulated plan.
    name : str
        A quantity.
    """
    return np.asarray(aggregate(result, name, ["month"], members="central").values)


def over_horizon(result: Result, name: str) -> float:
    """Return a quantity of the central member over the whole horizon.

    Parameters
    ----------
    result : Result
        A simulated plan.
    name : str
        A quantity.
    """
    return float(aggregate(result, name, [], members="central").values)
