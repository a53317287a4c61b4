"""Money by calendar year, as formulas over the sheets of months, and the charts that are drawn of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from gigaplan.report.workbook.book import Book, Sheet, cell_name
from gigaplan.report.workbook.cash import Cash
from gigaplan.report.workbook.costs import FULL, Costs, over_horizon, per_mtok
from gigaplan.report.workbook.monthly import CENTRAL, Table
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held
from gigaplan.results.result import Result
from gigaplan.vocabulary.members import Array

HEAD_ROW = 3
FIRST = 1
"""Column of the first year; the horizon follows the last."""
PRODUCING = {"state": "producing"}
CHART = {"width": 760, "height": 320}
"""Size of a chart [pixels]."""
FEW = 5
"""From so many thousands, millions or billions on, an axis counts in them."""
CHART_ROWS = 17
"""Rows that a chart takes."""
HUES = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#999999")
"""Colours that colour-blind readers can tell from each other (Tol 2021, bright)."""


@dataclass(slots=True)
class Years:
    """The sheet of years while it is written: its rows by key."""

    sheet: Sheet
    result: Result
    rows: dict[str, int] = field(default_factory=dict)
    drawn: list[str] = field(default_factory=list)
    """Rows of power that the chart shows."""
    largest_usd: float = 0.0
    """The largest amount of cash that the chart shows."""
    next_row: int = HEAD_ROW

    @property
    def count(self) -> int:
        """Return how many years there are."""
        return len(years(self.result))

    def cell(self, key: str, k: int) -> str:
        """Return the name of the cell of a row in a year, by its place."""
        return cell_name(self.rows[key], FIRST + k)

    def head(self, text: str) -> None:
        """Write a heading with the years."""
        self.next_row += 1 if self.rows else 0
        self.sheet.put(self.next_row, 0, text, "head")
        self.sheet.row(self.next_row, FIRST, [float(year) for year in years(self.result)], "heads")
        self.sheet.put(self.next_row, FIRST + self.count, "horizon", "heads")
        self.next_row += 1

    def add(
        self,
        key: str,
        name: str,
        values: Array,
        formula: Callable[[int], str] | None,
        total: float = float("nan"),
        total_formula: Callable[[int], str] | None = None,
        style: str = "USD",
    ) -> None:
        """Write a row: numbers or a formula for each year, and what they are over the horizon."""
        row = self.rows[key] = self.next_row
        self.next_row += 1
        self.sheet.put(row, 0, name, "bold" if style == "total" else "")
        for k, value in enumerate(values):
            if formula is None:
                self.sheet.put(row, FIRST + k, float(value), style)
            else:
                self.sheet.formula(row, FIRST + k, f"={formula(k)}", float(value), style)
        if total_formula is not None:
            text = total_formula(self.count)
            self.sheet.formula(row, FIRST + self.count, f"={text}", total, style)

    def summed(self, key: str, name: str, table: Table, column: str, values: Array, style: str = "USD") -> None:
        """Write a row of sums over the months of each year."""

        def formula(k: int) -> str:
            return table.of_year(column, f"{cell_name(HEAD_ROW, FIRST + k, fixed=True)}")

        self.add(key, name, values, formula, float(values.sum()), lambda n: self.over(key), style)

    def over(self, key: str) -> str:
        """Return the formula of a row's sum over all years."""
        return f"SUM({self.cell(key, 0)}:{self.cell(key, self.count - 1)})"


def by_year(book: Book, result: Result, cash: Cash, costs: Costs) -> Years:
    """Write the sheet and return where its rows stand.

    Parameters
    ----------
    book : Book
        The workbook.
    result : Result
        A simulated plan.
    cash : Cash
        The sheet of cash flows.
    costs : Costs
        The sheet of costs.
    """
    sheet = book.sheet("By year", "Money, tokens and power by year", f"Figures {CENTRAL}; formulas sum the months")
    made = Years(sheet, result)
    _cash(made, cash)
    _costs(made, costs)
    _power(made)
    sheet.widths(48)
    sheet.sheet.set_column(FIRST, FIRST + made.count, 19)
    sheet.sheet.freeze_panes(HEAD_ROW + 1, FIRST)
    return made


def _cash(made: Years, cash: Cash) -> None:
    made.head("cash [USD]")
    signs = {name: cash.sign(name) for name in cash.flows}
    flows = aggregate(made.result, "flow_usd", ["flow", "year"], members="central")
    by_flow = dict(zip(flows.labels["flow"], flows.values, strict=True))
    for name in cash.flows:
        if by_flow[name].any():
            made.summed(f"flow {name}", name, cash.table, name, signs[name] * by_flow[name])
    net = np.sum([signs[name] * by_flow[name] for name in cash.flows], axis=0)
    made.summed("net", "net cash, shareholders' money left out", cash.table, "net", net, "total")

    def running(k: int) -> str:
        return f"{made.cell('running', k - 1)}+{made.cell('net', k)}" if k else made.cell("net", 0)

    made.add("running", "running sum of net cash", np.cumsum(net), running)
    made.largest_usd = max(float(np.abs(values).max(initial=0.0)) for values in (flows.values, np.cumsum(net)))


def _costs(made: Years, costs: Costs) -> None:
    result, table = made.result, costs.table
    made.head("costs [USD]")
    lines = yearly(result, "cost_usd", ["line", "year"])
    for name, values in zip(costs.lines, lines, strict=True):
        if values.any():
            made.summed(f"line {name}", name.replace("_", " "), table, f"line {name}", values)
    sums = {"cost": "cost_usd", "capital": "cost_of_capital_usd"}
    names = {"cost": "cost", "capital": "cost of capital"}
    for key, quantity in sums.items():
        made.summed(key, names[key], table, key, yearly(result, quantity), "total")
    made.head("serving")
    for key, name, quantity in (
        ("serving", "cost of serving [USD]", "workload_cost_usd"),
        ("full serving", f"cost of serving, {FULL} [USD]", "full_workload_cost_usd"),
    ):
        made.summed(key, name, table, key, yearly(result, quantity))
    made.summed("tokens", "generated tokens", table, "tokens", yearly(result, "generated_tokens"), "large")
    for key, paid, name, quantity in (
        ("price", "serving", "USD per million generated tokens", "cost_per_mtok_all_usd"),
        ("full price", "full serving", f"USD per million generated tokens, {FULL}", "full_cost_per_mtok_all_usd"),
    ):
        made.add(
            key,
            name,
            yearly(result, quantity),
            partial(_per_mtok, made, paid),
            over_horizon(result, quantity),
            partial(_per_mtok, made, paid),
            "price",
        )


def _per_mtok(made: Years, paid: str, k: int) -> str:
    return per_mtok(made.cell(paid, k), made.cell("tokens", k))


def _power(made: Years) -> None:
    """Write the IT power that produces at each year's end, by site."""
    result = made.result
    made.head("IT power producing at the year's end [MW]")
    values = if_held(yearly, result, "power_state_mw", ["site", "year"], PRODUCING)
    if values is None:
        return
    shown = {f"site {site}": mw for site, mw in zip(result.labels["site"], values, strict=True) if mw.any()}
    if not shown:
        return
    for key, mw in shown.items():
        made.add(key, key.removeprefix("site "), mw, None, style="number")
    first, *_, last = (*shown, *shown)
    whole = yearly(result, "power_state_mw", ["year"], PRODUCING)
    made.add("power", "all sites", whole, lambda k: f"SUM({made.cell(first, k)}:{made.cell(last, k)})", style="number")
    made.drawn = sorted(shown, key=lambda key: -shown[key][-1])[: len(HUES) - (len(shown) > len(HUES))]
    if len(shown) > len(HUES):
        rest = whole - np.sum([shown[key] for key in made.drawn], axis=0)

        def others(k: int) -> str:
            return "-".join(made.cell(key, k) for key in ("power", *made.drawn))

        made.add("others", f"{len(shown) - len(made.drawn)} smaller sites", rest, others, style="number")
        made.drawn.append("others")


def yearly(result: Result, name: str, by: Sequence[str] = ("year",), at: Mapping[str, str] | None = None) -> Array:
    """Return a quantity of the central member by year, aggregated over all that is not in ``by``.

    Parameters
    ----------
    result : Result
        A simulated plan.
    name, by, at
        As in :func:`~gigaplan.results.aggregate.aggregate`.
    """
    return np.asarray(aggregate(result, name, by, at, members="central").values)


def charts(book: Book, sheet: Sheet, made: Years) -> None:
    """Draw power by site, cost per million tokens and cash.

    Parameters
    ----------
    book : Book
        The workbook.
    sheet : Sheet
        Where they stand.
    made : Years
        The sheet that holds what is drawn.
    """
    flows = [key for key in made.rows if key.startswith("flow ")]
    drawn = (
        ("column", "IT power producing at the year's end", "MW", made.drawn),
        ("line", "Cost of serving", "USD per million tokens", ["full price", "price"]),
        ("column", "Cash of the plan and its running sum", "USD", flows),
    )
    for number, (kind, title, unit, keys) in enumerate(drawn):
        if not keys:
            continue
        chart = book.file.add_chart({"type": kind, **({"subtype": "stacked"} if kind == "column" else {})})
        for k, key in enumerate(keys):
            chart.add_series(_series(made, key, HUES[k % len(HUES)], kind))
        if unit == "USD":
            line = book.file.add_chart({"type": "line"})
            line.add_series(_series(made, "running", "#000000", "line"))
            chart.combine(line)
        chart.set_title({"name": title, "name_font": {"size": 12}})
        chart.set_y_axis(axis_of(unit, made.largest_usd))
        chart.set_x_axis({"label_position": "low"})
        chart.set_legend({"position": "right", "font": {"size": 8}})
        chart.set_size(CHART)
        words = f"{title} by year, {unit}; figures {CENTRAL}. The numbers stand in the sheet 'By year'."
        sheet.sheet.fit_to_pages(1, 1)
        sheet.sheet.insert_chart(3 + number * CHART_ROWS, 0, chart, {"description": words})


def axis_of(unit: str, largest: float) -> dict[str, str]:
    """Return the name and the form of the numbers of an axis: dollars in thousands, millions or billions.

    Parameters
    ----------
    unit : str
        Unit of what is drawn.
    largest : float
        The largest amount of dollars.

    Examples
    --------
    >>> axis_of("USD", 3e10), axis_of("MW", 3e10)["num_format"]
    ({'name': 'billion USD', 'num_format': '#,##0,,,'}, '#,##0.##')
    """
    if unit != "USD":
        return {"name": unit, "num_format": "#,##0.##"}
    steps = sum(largest >= step for step in (FEW * 1e3, FEW * 1e6, FEW * 1e9))
    words = ("", "thousand ", "million ", "billion ")
    return {"name": f"{words[steps]}USD", "num_format": "#,##0" + "," * steps}


def _series(made: Years, key: str, hue: str, kind: str) -> dict[str, Any]:
    name, row, last = made.sheet.name, made.rows[key], FIRST + made.count - 1
    look = {"line": {"color": hue, "width": 2}} if kind == "line" else {"fill": {"color": hue}, "gap": 60}
    return {
        "name": [name, row, 0],
        "categories": [name, HEAD_ROW, FIRST, HEAD_ROW, last],
        "values": [name, row, FIRST, row, last],
        **look,
    }
