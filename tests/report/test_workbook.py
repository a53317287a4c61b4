"""A workbook says what the engine says: every formula, headline figure and figure of a room, as the same bytes."""

from __future__ import annotations

import datetime as dt
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from openpyxl.formula import Tokenizer
from openpyxl.utils import range_boundaries
from scipy.optimize import brentq

import gigaplan as gp
from gigaplan.report.answer import answer
from gigaplan.report.headline import cards
from gigaplan.report.workbook.book import LONGEST_NAME, sheet_name
from gigaplan.results.quantiles import is_date
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError

XIRR_DAYS = 365.0


def numbers(cells: Iterable[Any]) -> list[float]:
    """Return the numbers of cells, as SUM, MIN and MAX see them."""
    found: list[float] = []
    for cell in cells:
        if isinstance(cell, list):
            found += numbers(cell)
        elif isinstance(cell, int | float) and not isinstance(cell, bool):
            found.append(float(cell))
    return found


def xirr(cash: list[Any], days: list[Any], _guess: float) -> float:
    """Return the rate at which cash is worth nothing, days counted whole as spreadsheets do."""
    years = (np.floor(days) - math.floor(days[0])) / XIRR_DAYS
    flows = np.array([value or 0.0 for value in cash])
    return float(brentq(lambda rate: (flows / (1 + rate) ** years).sum(), -0.9, 9.0, xtol=1e-14))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "SUM": lambda *cells: math.fsum(numbers(cells)),
    "MAX": lambda *cells: max(numbers(cells)),
    "MIN": lambda *cells: min(numbers(cells)),
    "SUMIF": lambda where, key, cells: math.fsum(numbers(c for k, c in zip(where, cells, strict=True) if k == key)),
    "XIRR": xirr,
}


class Sheets:
    """The formulas of a workbook, calculated from its cells of numbers alone."""

    def __init__(self, path: Path) -> None:
        book = openpyxl.load_workbook(path)
        self.cells = {
            (sheet.title, cell.coordinate): cell
            for sheet in book.worksheets
            for row in sheet.iter_rows()
            for cell in row
            if cell.value is not None
        }
        self.value = cache(self._value)

    def formulas(self) -> Iterator[tuple[str, str]]:
        """Yield the places of all formulas."""
        return (place for place, cell in self.cells.items() if cell.data_type == "f")

    def _value(self, sheet: str, name: str) -> Any:
        cell = self.cells.get((sheet, name))
        if cell is None or cell.data_type != "f":
            return None if cell is None else cell.value
        return self.calculated(sheet, cell.value)

    def calculated(self, sheet: str, formula: str) -> Any:
        """Return what a formula of the workbook gives."""
        code = []
        for token in Tokenizer(formula).items:
            if token.type == "OPERAND" and token.subtype == "RANGE":
                code.append(f"at({sheet!r}, {token.value!r})")
            elif token.type == "FUNC" and token.subtype == "OPEN":
                code.append("choose(" if token.value == "IF(" else f"F[{token.value[:-1]!r}](")
            elif token.type.startswith("OPERATOR"):
                code.append({"^": "**", "=": "=="}.get(token.value, token.value))
            elif token.type != "WHITE-SPACE":
                code.append(token.value)
        text = "".join(code)
        if text.startswith("choose("):  # of one division, which is not made where there is nothing to divide by
            condition, otherwise, then = re.fullmatch(r"choose\((.*==0),(\"\"),(.*)\)", text).groups()  # type: ignore[union-attr]
            text = f"({otherwise} if {condition} else {then})"
        return eval(text, {"F": FUNCTIONS, "at": self.at})

    def at(self, sheet: str, name: str) -> Any:
        """Return the value of a cell, or those of a range in a list."""
        other, _, cells = name.rpartition("!")
        sheet, cells = other.strip("'") or sheet, cells.replace("$", "")
        if ":" not in cells:
            return self.value(sheet, cells)
        left, top, right, bottom = range_boundaries(cells)
        return [
            self.value(sheet, f"{openpyxl.utils.get_column_letter(c)}{r}")
            for r in range(top, bottom + 1)
            for c in range(left, right + 1)
        ]


@pytest.fixture(scope="module")
def values(written: Path) -> dict[tuple[str, str], Any]:
    return kept(written)


@pytest.fixture(scope="module")
def written(announced: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gp.export(announced, "xlsx", tmp_path_factory.mktemp("books") / "announced.xlsx")


def kept(path: Path) -> dict[tuple[str, str], Any]:
    """Return the values that a reader sees who calculates nothing."""
    book = openpyxl.load_workbook(path, data_only=True)
    return {
        (sheet.title, cell.coordinate): cell.value
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    }


BOOKS_OF_ANOTHER_LIFE = {
    "finance.costs.it_life_years": "4 years",
    "finance.debt.loan_share": 0.5,
    "finance.debt.interest_per_year": "8 %/year",
    "finance.debt.repayment_years": "5 years",
    "finance.tax.rate_share": 0.25,
}
NPV, IRR = ("Cash flows", "D7"), ("Cash flows", "D8")


def differing(sheets: Sheets, values: dict[tuple[str, str], Any]) -> dict[tuple[str, str], tuple[Any, Any]]:
    """Return the formulas that don't give what the engine has: nine digits, and a cent of running sums of billions."""
    wrong = {}
    for place in sheets.formulas():
        engine, found = values.get(place, ""), sheets.value(*place)
        if engine == "" or found == "":
            same = engine == found
        else:
            cent = 1e-2 if abs(engine) > 1e5 else 0.0
            same = math.isclose(found, engine, rel_tol=1e-6 if place == IRR else 1e-9, abs_tol=cent)
        if not same:
            wrong[place] = (engine, found)
    return wrong


def test_every_formula_gives_the_engines_figure(written: Path, values: dict[tuple[str, str], Any]) -> None:
    sheets = Sheets(written)
    assert sum(1 for _ in sheets.formulas()) > 1_500
    assert differing(sheets, values) == {}
    sheets.cells["Cash flows", "D20"].value += 1e9  # what one number moves is seen: the test can fail
    sheets.value.cache_clear()
    moved = differing(sheets, values)
    assert {NPV, IRR} <= moved.keys() and {sheet for sheet, _ in moved} == {"Cash flows", "By year"}


@pytest.mark.parametrize("changes", [{}, BOOKS_OF_ANOTHER_LIFE], ids=["as it is", "life, loans and tax"])
def test_formulas_of_a_small_plan(changes: dict[str, Any], tmp_path: Path) -> None:
    path = gp.export(gp.run("lab-1mw", changes), "xlsx", tmp_path / "book.xlsx")
    assert differing(Sheets(path), kept(path)) == {}


def test_headlines_are_those_of_the_summary_and_of_explain(
    announced: Result, values: dict[tuple[str, str], Any]
) -> None:
    assert values["Summary", "A3"] == answer(announced)
    rows: dict[str, str] = {}
    for (sheet, place), value in values.items():
        if sheet == "Summary" and place.startswith("A"):
            rows.setdefault(value, place[1:])  # headlines stand above the years
    for card in cards(announced):
        row = rows[card.name]
        assert values["Summary", f"B{row}"] == card.value
        assert values["Summary", f"H{row}"] == card.variable
        number = values["Summary", f"D{row}"]
        if is_date(announced.variable(card.variable)):
            assert number.date() == announced.day(card.number)
        else:
            assert number == pytest.approx(card.number, rel=1e-12)
        if card.at:  # a peak stands at no coordinates
            at = values["Summary", f"I{row}"]
            assert float(gp.explain(announced, card.variable, at).aggregate.values) == pytest.approx(card.number)


def test_every_figure_of_a_room_is_the_tables(announced: Result, written: Path) -> None:
    sheet = openpyxl.load_workbook(written, data_only=True)["Finance"]
    head = [cell.value for cell in sheet[4]]
    rows = {(row[0], row[1] or ""): row for row in sheet.iter_rows(min_row=5, values_only=True)}
    table = announced.table("cost_usd", by=("line", "year"))
    for i, line in enumerate(table.labels["line"]):
        for j, year in enumerate(table.labels["year"]):
            cell = rows["cost_usd", f"line={line}"][head.index(year)]
            assert cell == pytest.approx(table.values[i, j], rel=1e-12)
    assert rows["party_irr", "party=plan"][head.index("once")] == pytest.approx(
        announced.central("party_irr")[announced.index("party", "plan")]
    )
    never = rows["tranche_day", "tranche=10"]
    assert never[2] == "date" and (never[4] == "never" or isinstance(never[4], dt.datetime))


def test_ranges_are_those_of_the_spread(tmp_path: Path) -> None:
    result = gp.run("lab-1mw", {"uncertainty.members": 10})
    sheet = openpyxl.load_workbook(gp.export(result, "xlsx", tmp_path / "r.xlsx"), data_only=True)["Finance"]
    head = [cell.value for cell in sheet[4]]
    row = next(r for r in sheet.iter_rows(min_row=5, values_only=True) if r[0] == "revenue_usd")
    table = result.table("revenue_usd")
    assert table.ranges is not None
    for j, year in enumerate(table.labels["year"]):
        expected = (table.values[j], table.ranges.low[j], table.ranges.high[j])
        found = [row[head.index(name)] for name in (year, f"{year} low, 80 %", f"{year} high, 80 %")]
        assert found == pytest.approx(expected)


def test_the_same_result_gives_the_same_bytes(announced: Result, written: Path, tmp_path: Path) -> None:
    assert gp.export(announced, "xlsx", tmp_path / "again.xlsx").read_bytes() == written.read_bytes()


NASTY = '=HYPERLINK("http://x",1)'


def test_names_that_begin_like_formulas_stay_texts(tmp_path: Path) -> None:
    text = gp.new(tmp_path / "lab.yaml", like="lab-1mw").read_text("utf-8")
    text = text.replace("Campus hall", f"'{NASTY}'").replace("second half", "+_x0041_ 'half'")
    plan = tmp_path / "nasty.yaml"
    plan.write_text(re.sub(r"(?m)^title: .*$", 'title: "-2+3 lab"', text), "utf-8")
    path = gp.export(gp.run(plan), "xlsx", tmp_path / "nasty.xlsx")
    cells = Sheets(path).cells
    holding = [cell for cell in cells.values() if isinstance(cell.value, str) and NASTY in cell.value]
    assert holding and all(cell.data_type != "f" for cell in holding)
    begins = [cell for cell in cells.values() if cell.value in (NASTY, "-2+3 lab")]
    assert begins and all(cell.data_type == "s" and cell.quotePrefix for cell in begins)
    again = gp.new(tmp_path / "again.yaml", from_xlsx=path)
    assert again.read_text("utf-8") == plan.read_text("utf-8")


def test_sheets_have_names_that_spreadsheets_take() -> None:
    taken: list[str] = []
    for name in ("a" * 40, "a" * 40, "A" * 31, "x/y:z?[1]*\\", "'quoted'", "History", "", "''"):
        fit = sheet_name(name, taken)
        assert 0 < len(fit) <= LONGEST_NAME
        assert not set(fit) & set("[]:*?/\\") and fit.strip("'") == fit
        assert fit.lower() not in [t.lower() for t in taken] + ["history"]
        taken.append(fit)


def test_only_a_workbook_that_nobody_changed_is_replaced(tmp_path: Path) -> None:
    result = gp.run("lab-1mw")
    path = gp.export(result, "xlsx", tmp_path / "lab.xlsx")
    assert gp.export(result, "xlsx", path).read_bytes()[:2] == b"PK"
    openpyxl.load_workbook(path).save(path)  # as a spreadsheet saves it
    with pytest.raises(PlanError, match="not a workbook that gigaplan has written"):
        gp.export(result, "xlsx", path)
    with pytest.raises(PlanError) as refused:
        gp.export(result, "xlsx", tmp_path / "x.xlsx", ["cost_usd"], members="all")
    assert len(refused.value.problems) == 2


def test_no_date_of_writing_is_in_it(written: Path) -> None:
    with zipfile.ZipFile(written) as parts:
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"2000-01-01" in parts.read("docProps/core.xml")
