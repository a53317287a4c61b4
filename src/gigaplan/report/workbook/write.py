"""A result written as one workbook (xlsx)."""

from __future__ import annotations

from pathlib import Path

from gigaplan.report.workbook.book import Book, Sheet
from gigaplan.report.workbook.by_year import by_year, charts
from gigaplan.report.workbook.cash import cash_flows
from gigaplan.report.workbook.costs import costs
from gigaplan.report.workbook.inputs import inputs
from gigaplan.report.workbook.rooms import rooms
from gigaplan.report.workbook.summary import summary
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import LackingQuantityError
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import EXPORTS
from gigaplan.vocabulary.progress import Progress, staged


def workbook(result: Result, path: Path, progress: Progress | None = None) -> Path:
    """Write a result as a workbook; the same result gives the same bytes.

    Parameters
    ----------
    result : Result
        A simulated plan.
    path : Path
        File to write.
    progress : callable, optional
        Called with (steps done, steps, the next one); False cancels, and nothing half-written stays.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    Cancelled
        If ``progress`` returns False.
    PlanError
        If the file exists and gigaplan has not written it, or somebody has saved it anew since.
    MachineError
        If it can't be written; nothing half-written stays.
    """
    names = dict.fromkeys(result.rows[name].room for name in result.arrays)
    begin = staged(progress, len(names) + 4)
    with whole_file(path, EXPORTS["xlsx"]) as work:
        book = Book(work, result.stamp.title)
        begin("summary")
        first, free = summary(book, result)
        begin("inputs")
        inputs(book, result)
        begin("money")
        _money(book, result, first, free)
        for room in rooms(book, result):
            begin(room)
        begin("writing")
        book.close()
    return path


def _money(book: Book, result: Result, first: Sheet, free: int) -> None:
    """Write cash, costs and years with their charts; a result of another version may lack what they rest on."""
    try:
        cash = cash_flows(book, result)
        made = by_year(book, result, cash, costs(book, result, cash))
    except LackingQuantityError:
        return
    charts(book, first, made, free)
