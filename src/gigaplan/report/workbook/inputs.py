"""The sheets that are read back: every input of the run with its source, the same as it was run, the plan's text."""

from __future__ import annotations

from gigaplan.plan.load import Plan, load_sources
from gigaplan.plan.workbook.layout import AS_RUN, CHANGED, COLUMNS, HEADER_ROW, INPUTS, PLAN
from gigaplan.plan.workbook.lines import Line, lines_of
from gigaplan.plan.workbook.text import Kept, cells_of, digest_of_lines, kept_rows
from gigaplan.report.workbook.book import Book, Sheet
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError

HOW = (
    "change value, low or high (blue) of inputs that have a line of the plan, save, and run: gigaplan new PLAN.yaml "
    "--from-xlsx THIS.xlsx"
)
WITHOUT = "this result was saved without its plan's text: no plan can be made of the workbook"
WIDTHS = (52, 22, 14, 14, 16, 16, 48, 14, 40, 12, 30, 40, 60)


def inputs(book: Book, result: Result) -> None:
    """Write the sheet of inputs; where the result has its plan's text, also what is needed to read it back.

    Parameters
    ----------
    book : Book
        The workbook.
    result : Result
        A simulated plan.
    """
    plan = _plan(result)
    lines = lines_of(result.ledger, plan)
    _sheet(book, INPUTS, lines, HOW if plan else WITHOUT)
    if result.sources is None or plan is None:
        return
    _sheet(book, AS_RUN, lines, f"as '{INPUTS}' was when it was written; changes are found by comparing").sheet.hide()
    stamp = result.stamp
    digest = digest_of_lines(cells_of(lines))
    kept = Kept(stamp.plan, stamp.plan_hash, stamp.version, stamp.catalog_vintage, len(lines), digest, result.sources)
    sheet = book.bare_sheet(PLAN)
    for row, cells in enumerate(kept_rows(kept)):
        sheet.row(row, 0, cells)
    sheet.widths(20, 28, 10, 120)


def _plan(result: Result) -> Plan | None:
    """Return the plan of a result, None where its text was not kept, or this version can't read it."""
    if result.sources is None:
        return None
    try:
        return load_sources(result.sources)
    except PlanError:
        return None


def _sheet(book: Book, name: str, lines: list[Line], note: str) -> Sheet:
    sheet = book.sheet(name, "Inputs: every line of the plan and every fact that the run read", note)
    head = HEADER_ROW - 1
    sheet.row(head, 0, COLUMNS, "head")
    first = COLUMNS.index(CHANGED[0])
    for k, line in enumerate(lines):
        row, cells = head + 1 + k, line.cells
        sheet.row(row, 0, cells[:first])
        sheet.row(row, first, cells[first : first + len(CHANGED)], "input" if line.home else "right")
        sheet.row(row, first + len(CHANGED), cells[first + len(CHANGED) :])
    sheet.widths(*WIDTHS)
    sheet.sheet.freeze_panes(head + 1, 2)
    sheet.sheet.autofilter(head, 0, head + max(len(lines), 1), len(COLUMNS) - 1)
    return sheet
