"""A sheet for each room: its quantities by year and label, aggregated by their rule, with the ends of their ranges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

import numpy as np

from gigaplan.plan.workbook.lines import Cell
from gigaplan.report.workbook.book import NEVER, Book, Sheet
from gigaplan.report.workbook.summary import style_of
from gigaplan.results.aggregate import Aggregate, aggregate
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import has_ranges, is_date
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, Spread, spread
from gigaplan.vocabulary.errors import PlanError
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
        sheet = book.sheet(room.capitalize(), f"{room.capitalize()}, by year", f"{note}; docs/glossary.md says what each is")
        _room(sheet, result, [result.rows[name] for name in names if result.rows[name].room == room])


def _room(sheet: Sheet, result: Result, variables: list[Variable]) -> None:
    covered = years(result)
    blocks = ("", f"low, {RANGE}", f"high, {RANGE}") if has_ranges(result) else ("",)
    names = [f"{year} {block}".strip() for block in blocks for year in covered]
    once = [f"{ABOUT[-1]} {block}".strip() for block in blocks[1:]]
    sheet.row(HEAD_ROW, 0, (*ABOUT, *once, *names), "head")
    sheet.widths(34, 44, 16, 20, 16)
    sheet.sheet.set_column(len(ABOUT), len(ABOUT) + len(once) + len(names) - 1, 16)
    sheet.sheet.freeze_panes(HEAD_ROW + 1, 2)
    row = HEAD_ROW
    for variable in variables:
        found = if_held(_figures, result, variable)
        for at, values, ends in _lines(*found) if found else ():
            row += 1
            figure, _ = found  # type: ignore[misc]
            date = is_date(variable)
            sheet.row(row, 0, (variable.name, at, "date" if date else variable.unit, figure.reduction))
            style = "date" if date else style_of(variable.unit, _largest(values))
            timed = "year" in figure.dims
            for k, numbers in enumerate((values, *ends)):
                column = len(ABOUT) + len(once) + k * len(covered) if timed else len(ABOUT) - 1 + k
                sheet.row(row, column, [_cell(result, v, date=date) for v in numbers], style)
    sheet.sheet.autofilter(HEAD_ROW, 0, max(row, HEAD_ROW), len(ABOUT) - 2)


def _cell(result: Result, value: float, *, date: bool) -> Cell | dt.date:
    return (result.day(value) or NEVER) if date else value


def _largest(values: Array) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))


def _figures(result: Result, variable: Variable) -> tuple[Aggregate, Spread | None] | None:
    """Return a quantity by its labels and by year, with its ranges; None where it has nothing, or can't be aggregated."""
    labels = [d for d in variable.dims if d not in ("member", *TIME)]
    by = [*labels, *(["year"] if set(variable.dims) & {"month", "edge", "year"} else [])]
    if 0 in result[variable.name].shape:
        return None
    try:
        return aggregate(result, variable.name, by), spread(result, variable.name, by)
    except PlanError:  # a place in a list has no mean
        return None


def _lines(figure: Aggregate, found: Spread | None) -> Iterator[tuple[str, Array, tuple[Array, ...]]]:
    """Yield each row: its coordinates, its figures and the ends of their ranges, by year or once."""
    dims = [d for d in figure.dims if d != "year"]
    ends = (found.low, found.high) if found else ()
    for place in np.ndindex(*(len(figure.labels[d]) for d in dims)):
        at = ",".join(f"{d}={figure.labels[d][k]}" for d, k in zip(dims, place, strict=True))
        yield at, np.atleast_1d(figure.values[place]), tuple(np.atleast_1d(end[place]) for end in ends)


def labels_of(at: Mapping[str, str]) -> str:
    """Return coordinates as ``--at`` writes them.

    Parameters
    ----------
    at : mapping of str to str
        Labels by dim.
    """
    return ",".join(f"{dim}={label}" for dim, label in at.items())
