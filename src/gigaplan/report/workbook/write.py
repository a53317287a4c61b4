"""A result written as one workbook (xlsx)."""

from __future__ import annotations

from pathlib import Path

from gigaplan.report.workbook.book import Book
from gigaplan.report.workbook.by_year import by_year, charts
from gigaplan.report.workbook.cash import cash_flows
from gigaplan.report.workbook.costs import costs
from gigaplan.report.workbook.inputs import inputs
from gigaplan.report.workbook.monthly import CENTRAL
from gigaplan.report.workbook.rooms import rooms
from gigaplan.report.workbook.summary import summary
from gigaplan.results.result import Result
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import EXPORTS
from gigaplan.vocabulary.progress import Progress, staged

RESTS_ON = (
    "flow_usd",
    *(f"party_{name}" for name in ("cash_usd", "assets_usd", "debt_usd", "npv_usd", "npv_of_end_usd", "irr")),
    "party_peak_funding_usd",
    "cost_usd",
    "cost_of_capital_usd",
    "book_value_usd",
    "workload_cost_usd",
    "full_workload_cost_usd",
    "generated_tokens",
    "cost_per_mtok_all_usd",
    "full_cost_per_mtok_all_usd",
    "power_state_mw",
)
"""Quantities of the sheets of money: a result of another version that lacks one has none of these sheets, which the
summary says."""


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
        summary(book, result)
        begin("money")
        if all(name in result for name in RESTS_ON):
            _money(book, result)
        for room in rooms(book, result):
            begin(room)
        begin("inputs")
        inputs(book, result)
        begin("writing")
        book.close()
    return path


def _money(book: Book, result: Result) -> None:
    """Write cash, costs and years with their charts."""
    drawn = book.sheet("Charts", result.stamp.title, f"Figures {CENTRAL}")
    cash = cash_flows(book, result)
    charts(book, drawn, by_year(book, result, cash, costs(book, result, cash)))
