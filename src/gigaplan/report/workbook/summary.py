"""The first sheet: the answer, headline figures with their ranges, and the yearly table, as the terminal has them."""

from __future__ import annotations

import datetime as dt
import math

from gigaplan.plan.workbook.lines import Cell
from gigaplan.report.answer import answer, ranges
from gigaplan.report.headline import Card, cards
from gigaplan.report.workbook.book import Book, Sheet
from gigaplan.report.years import rows
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import left_out
from gigaplan.results.quantiles import is_date
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE

FIGURES_ROW = 6
"""Row of the heading of the headline figures, from 0."""
HEADING = (
    "figure",
    "value",
    f"{RANGE} range",
    "number",
    "unit",
    "low",
    "high",
)
ABOUT = ("quantity", "at", "what it is", "detail")


def summary(book: Book, result: Result) -> None:
    """Write the sheet.

    Parameters
    ----------
    book : Book
        The workbook.
    result : Result
        A simulated plan.
    """
    stamp = result.stamp
    words = f"plan {stamp.plan_hash[:8]}, gigaplan {stamp.version}, catalog {stamp.catalog_vintage}, seed {stamp.seed}"
    sheet = book.sheet("Summary", stamp.title, f"{words}, {stamp.members:,} member{'s' * (stamp.members != 1)}")
    sheet.widths(44, *[21] * (len(HEADING) + len(ABOUT) - 1))
    sheet.put(2, 0, answer(result), "bold")
    sheet.put(3, 0, ranges(result))
    sheet.put(4, 0, left_out(result), "note")
    sheet.row(FIGURES_ROW, 0, (*HEADING, *ABOUT), "head")
    for name in ("number", "low", "high"):
        sheet.put(FIGURES_ROW, HEADING.index(name), name, "heads")
    row = FIGURES_ROW
    for card in cards(result):
        row += 1
        _card(sheet, row, card, result)
    _yearly(sheet, row + 2, result)


def _card(sheet: Sheet, row: int, card: Card, result: Result) -> None:
    """Write one headline figure: as text as it is shown, and as a number with the ends of its range."""
    at = ",".join(f"{dim}={label}" for dim, label in card.at.items())
    sheet.row(row, 0, (card.name, card.value, card.range))
    sheet.row(row, len(HEADING), (card.variable, at, card.reduction, card.detail))
    variable = result.variable(card.variable)
    ends = (card.span.low, card.span.high) if card.span else (math.nan, math.nan)
    date = is_date(variable)
    style = "date" if date else style_of(variable.unit, card.number)
    numbers: list[Cell | dt.date] = [result.day(v) if date else v for v in (card.number, *ends)]
    sheet.put(row, 3, numbers[0], style)
    sheet.put(row, 4, "date" if date else variable.unit)
    sheet.row(row, 5, numbers[1:], style)


def _yearly(sheet: Sheet, row: int, result: Result) -> None:
    """Write the yearly table with its ranges, as texts."""
    reduction = ""
    for line in rows(result):
        if line.reduction != reduction:
            reduction = line.reduction
            sheet.put(row, 0, reduction.capitalize(), "head")
            sheet.row(row, 1, years(result), "heads")
            row += 1
        sheet.put(row, 0, line.name if line.leads else f"  {line.name}", "bold" if line.leads else "")
        sheet.row(row, 1, line.texts, "right")
        row += 1
        if line.leads and line.ranges:
            sheet.put(row, 0, f"  {RANGE}", "note")
            sheet.row(row, 1, line.ranges, "right")
            row += 1


def style_of(unit: str, value: float) -> str:
    """Return the look of a number in a unit.

    Parameters
    ----------
    unit : str
        Its unit.
    value : float
        The number, or the largest of those that share a look.
    """
    if unit == "share":
        return "share"
    if "USD/" in unit:
        return "price"
    size = abs(value) if math.isfinite(value) else 0.0
    if unit == "USD":
        return "USD"
    return "large" if size >= 1e12 or 0 < size < 1e-2 else "number"
