"""A sheet for each room: its quantities by year and label, aggregated by their rule, with the ends of their ranges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gigaplan.plan.workbook.lines import Cell
from gigaplan.report.workbook.book import NEVER, Book, Sheet
from gigaplan.report.workbook.summary import style_of
from gigaplan.results.aggregate import Aggregate, aggregate
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of, has_ranges, is_date
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, spread_of
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.variables import TIME, Variable

HEAD_ROW = 3
ABOUT = ("quantity", "at", "unit", "what it is", "once")
"""Columns before the years; ``once`` has the figures of quantities that have no time."""


def rooms(book: Book, result: Result) -> Iterator[str]:
    """Write a sheet for each room, yielding its name before it is written.

    Parameters
    ----------
    book : Book
        The workbook.
    result : Result
        A simulated plan.
    """
    names = [name for name in result.rows if name in result]
    for room in dict.fromkeys(result.rows[name].room for name in names):
        yield room
        note = "figures that stand for all members (medians), then the low and the high ends of their ranges"
        if not has_ranges(result):
            note = "figures of the central member"
        sheet = book.sheet(
            room.capitalize(), f"{room.capitalize()}, by year", f"{note}; docs/glossary.md says what each is"
        )
        _room(sheet, result, [result.rows[name] for name in names if result.rows[name].room == room])


def _room(sheet: Sheet, result: Result, variables: list[Variable]) -> None:
    covered = years(result)
    shown = ("", f"low, {RANGE}", f"high, {RANGE}") if has_ranges(result) else ("",)
    dated = [f"{year} {block}".strip() for block in shown for year in covered]
    once = [f"{ABOUT[-1]} {block}".strip() for block in shown[1:]]
    sheet.row(HEAD_ROW, 0, ABOUT, "head")
    sheet.row(HEAD_ROW, len(ABOUT), (*once, *dated), "heads")
    sheet.widths(34, 44, 16, 20, 16)
    sheet.sheet.set_column(len(ABOUT), len(ABOUT) + len(once) + len(dated) - 1, 16)
    sheet.sheet.freeze_panes(HEAD_ROW + 1, 2)
    row = HEAD_ROW
    for variable in variables:
        figures = if_held(_figures, result, variable)
        if figures is None:
            continue
        date = is_date(variable)
        for at, blocks in _lines(figures):
            row += 1
            sheet.row(row, 0, (variable.name, at, "date" if date else variable.unit, figures.found.reduction))
            style = "date" if date else style_of(variable.unit, _largest(blocks[0]))
            timed = "year" in figures.found.dims
            for k, numbers in enumerate(blocks):
                column = len(ABOUT) + len(once) + k * len(covered) if timed else len(ABOUT) - 1 + k
                sheet.row(row, column, [_cell(result, float(v), date=date) for v in numbers], style)
    sheet.sheet.autofilter(HEAD_ROW, 0, max(row, HEAD_ROW), len(ABOUT) - 2)


@dataclass(frozen=True, slots=True)
class Figures:
    """A quantity by its labels and by year: what it is, its figures, and the low and high ends of their ranges."""

    found: Aggregate
    values: Array
    ends: tuple[Array, ...]


def _cell(result: Result, value: float, *, date: bool) -> Cell | dt.date:
    return (result.day(value) or NEVER) if date else value


def _largest(values: Array) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))


def _figures(result: Result, variable: Variable) -> Figures | None:
    """Return a quantity by label and year with its ranges; None where it has nothing, or can't be aggregated."""
    dims = [d for d in variable.dims if d not in ("member", *TIME)]
    by = [*dims, *(["year"] if set(variable.dims) & {"month", "edge", "year"} else [])]
    if 0 in result[variable.name].shape or variable.unit == "index":  # a place in a list has no mean
        return None
    found = aggregate(result, variable.name, by, members="all")
    date = is_date(variable)
    values = figure_of(result, found.values, date=date)
    ends: tuple[Array, ...] = ()
    if has_ranges(result):
        of_all = spread_of(found.values, date=date)
        ends = (of_all.low, of_all.high) if "member" in variable.dims else (values, values)
    return Figures(found, values, ends)


def _lines(figures: Figures) -> Iterator[tuple[str, list[Array]]]:
    """Yield each row: its coordinates, and its figures and the ends of their ranges, by year or once."""
    labels = {d: names for d, names in figures.found.labels.items() if d not in ("member", "year")}
    for place in np.ndindex(*map(len, labels.values())):
        at = ",".join(f"{d}={names[k]}" for (d, names), k in zip(labels.items(), place, strict=True))
        yield at, [np.atleast_1d(block[place]) for block in (figures.values, *figures.ends)]
