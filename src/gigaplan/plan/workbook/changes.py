"""From changed cells to a plan: what a person changed in a workbook becomes lines of the plan that it was made of, and
is refused where no line says it."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gigaplan.plan.copies import copy_of
from gigaplan.plan.load import Plan, load_sources
from gigaplan.plan.resolve import resolve
from gigaplan.plan.workbook.layout import AS_RUN, CHANGED, COLUMNS, INPUTS, column_letter
from gigaplan.plan.workbook.lines import Cell, Line, lines_of
from gigaplan.plan.workbook.read import Book, Row, read_book
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.units import UNIT_UNSAID, parse_quantity

VALUE, LOW, HIGH = (COLUMNS.index(name) for name in CHANGED)
PATH, UNIT, HOME = (COLUMNS.index(name) for name in ("path", "unit", "line of the plan"))
FACT = COLUMNS.index("fact")
SAME = 1e-9
"""Relative difference up to which two numbers are the same: a spreadsheet keeps 15 digits."""
WHOLE = 1e15
"""Up to here a number without a fraction is written as a whole one."""
BASIS = re.compile(r"\((\w+)\)$")
"""How the ledger writes the basis of a power behind it."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One line of the inputs whose value or range a person changed.

    Attributes
    ----------
    row : int
        Its row in the sheet.
    path, home, unit : str
        The input, the line of the plan that states it, and the unit of its numbers.
    value, low, high : float, str, bool or None
        What is stated now.
    """

    row: int
    path: str
    home: str
    unit: str
    value: Cell
    low: Cell
    high: Cell

    @property
    def text(self) -> str:
        """Return the change as ``--set`` takes it."""
        if self.low is None:
            return f"{self.home}={_written(self.value, self.unit)}"
        names = zip(CHANGED, (self.value, self.low, self.high), strict=True)
        return f"{self.home}={{{', '.join(f'{name}: {_written(cell, self.unit)}' for name, cell in names)}}}"


def plan_text(path: Path, folder: Path) -> str:
    """Return the text of the plan that a workbook was made of, with the values that were changed in its inputs.

    Parameters
    ----------
    path : Path
        The workbook.
    folder : Path
        Where the plan will stand.

    Raises
    ------
    PlanError
        With everything in the workbook that can't be a line of the plan, each with its sheet and cell.
    """
    book = read_book(path)
    changed = changes_of(book)
    sources = book.kept.sources
    _refuse_missing_files(book)
    if not changed:
        return copy_of(sources, folder)
    sources = replace(sources, changes=(*sources.changes, *dict.fromkeys(c.text for c in changed)))
    try:
        plan = load_sources(sources)
        scenario = resolve(plan)
    except PlanError as error:
        raise PlanError(_at_cells(book, changed, error.problems)) from None
    if problems := [*_without_effect(book, changed, lines_of(scenario.ledger, plan), plan)]:
        raise PlanError(problems)
    return copy_of(sources, folder)


def changes_of(book: Book) -> list[Changed]:
    """Return the lines that differ from what was run.

    Parameters
    ----------
    book : Book
        A workbook.

    Raises
    ------
    PlanError
        With every cell that can't be read as an input, at once.
    """
    problems: list[Problem] = []
    pairs = _paired(book, problems)
    found = [line for now, before in pairs if (line := _changed(book, now, before, problems))]
    if problems:
        raise PlanError(problems)
    return found


def _paired(book: Book, problems: list[Problem]) -> list[tuple[Row, tuple[Cell, ...]]]:
    """Return each row as it is now with the same as it was run; rows may have been sorted."""
    before: dict[tuple[Cell, Cell], list[tuple[Cell, ...]]] = {}
    for _, cells in book.as_run:
        before.setdefault((cells[PATH], cells[FACT]), []).append(cells)
    pairs = []
    for number, cells in book.now:
        same = before.get((cells[PATH], cells[FACT]))
        if same:
            pairs.append(((number, cells), same.pop(0)))
            continue
        remedy = f"remove the row; state other lines with --set when the plan is run, or in its YAML (sheet '{AS_RUN}')"
        place = book.place(number, column_letter("path"))
        problems.append(Problem("no input of the run stands in this row", place, _shown(cells[PATH]), remedy=remedy))
    for (path, _), left in before.items():
        problems += [
            Problem("this input is missing", Place(f"{book.name} {INPUTS}", path=str(path)), remedy="put its row back")
            for _ in left
        ]
    return pairs


def _changed(book: Book, now: Row, before: tuple[Cell, ...], problems: list[Problem]) -> Changed | None:
    """Return what was changed in a row, None if nothing was or if it is a problem."""
    row, cells = now
    moved = [name for k, name in enumerate(COLUMNS) if not same(cells[k], before[k])]
    fixed = [name for name in moved if name not in CHANGED]
    for name in fixed:
        k = COLUMNS.index(name)
        remedy = f"put back '{_shown(before[k])}'; what is read are the columns {', '.join(CHANGED)}"
        message = f"'{name}' says what was run, and was changed"
        problems.append(Problem(message, book.place(row, column_letter(name)), _shown(cells[k]), remedy=remedy))
    if fixed or not moved:
        return None
    place = book.place(row, column_letter(moved[0]))
    if not before[HOME]:
        message = f"no line of a plan states {cells[PATH]} alone"
        remedy = "put the value back; lines that a plan may state have a 'line of the plan'"
        problems.append(Problem(message, place, _shown(cells[COLUMNS.index(moved[0])]), remedy=remedy))
        return None
    unit = str(before[UNIT] or "")
    values = []
    for k in (VALUE, LOW, HIGH):
        at = book.place(row, column_letter(COLUMNS[k]))
        values.append(cells[k] if same(cells[k], before[k]) else _read(cells[k], before[VALUE], unit, at, problems))
    value, low, high = values
    if wrong := _wrong_range(value, low, high):
        problems.append(Problem(*wrong[:1], place, _shown(cells[VALUE]), remedy=wrong[1]))
        return None
    return Changed(row, str(before[PATH]), str(before[HOME]), unit, value, low, high)


def _read(cell: Cell, before: Cell, unit: str, place: Place, problems: list[Problem]) -> Cell:
    """Return a changed cell as an input of the kind that stood there: a number may be written with its unit."""
    if isinstance(before, float) and isinstance(cell, str):
        try:
            return parse_quantity(cell, unit or "1")
        except ValueError as error:
            remedy = f"write a number{f' in {unit}' if unit not in UNIT_UNSAID else ''}; a range has its own columns"
            problems.append(Problem(str(error), place, cell, remedy=remedy))
            return None
    if isinstance(before, bool) != isinstance(cell, bool) and cell is not None:
        remedy = "write TRUE or FALSE" if isinstance(before, bool) else f"write a value such as {_shown(before)}"
        problems.append(Problem("this is of another kind than what was run", place, _shown(cell), remedy=remedy))
    if isinstance(before, str) and isinstance(cell, float):
        remedy = f"write a text such as {before}"
        problems.append(Problem("a number stands where a text or a date is meant", place, _shown(cell), remedy=remedy))
    return cell


def _wrong_range(value: Cell, low: Cell, high: Cell) -> tuple[str, str] | None:
    """Return what is wrong with a value and its range and what to do, None if nothing is."""
    if value is None:
        return "the value is missing", "write one, or put the old one back"
    if (low is None) != (high is None):
        return "a range has two ends", "write both low and high, or empty both"
    if low is not None and not (type(low) is type(value) is type(high) and low <= value <= high):  # type: ignore[operator]
        return (
            f"the range {_shown(low)} to {_shown(high)} does not hold the value",
            "change low and high too, or empty both for a value without a range",
        )
    return None


def _without_effect(book: Book, changed: Sequence[Changed], after: Sequence[Line], plan: Plan) -> Iterator[Problem]:
    """Yield the cells that the new plan does not say as the sheet does.

    A changed line is run as it stands. A line that was not changed may read another fact, as the prices of another
    region; a line of the plan must not have moved it.
    """
    by_row = {c.row: c for c in changed}
    found: dict[str, list[Line]] = {}
    for line in after:
        found.setdefault(line.path, []).append(line)
    for number, cells in book.now:
        one, lines = by_row.get(number), found.get(str(cells[PATH]), [])
        if not cells[HOME] or any(_says(line, cells, str(cells[UNIT] or "")) for line in lines):
            continue
        if one is not None:
            message = f"{one.home} does not move {one.path} here" if lines else f"{one.path} has no effect any more"
            remedy = f"put the value back, or change what it follows from in the plan {plan.sources.file}"
        elif lines and not any(line.fact for line in lines):
            likely = _likely_cause(changed, str(cells[PATH]))
            message = f"this follows from {likely.home}, which {INPUTS}!{column_letter('value')}{likely.row} changes"
            remedy = "change both alike, or put that value back"
        else:
            continue
        yield Problem(message, book.place(number, column_letter("value")), _shown(cells[VALUE]), remedy=remedy)


def _likely_cause(changed: Sequence[Changed], path: str) -> Changed:
    """Return the change of a quantity of the same name as an input's, the first change where there is none."""
    name = path.rpartition(".")[2]
    return next((c for c in changed if c.path.rpartition(".")[2] == name), changed[0])


def _says(line: Line, cells: tuple[Cell, ...], unit: str) -> bool:
    """Return whether an input of the new plan is what the sheet says."""
    for found, cell in zip((line.value, line.low, line.high), (cells[VALUE], cells[LOW], cells[HIGH]), strict=True):
        written = isinstance(cell, str) and isinstance(found, float)
        if not same(found, parse_quantity(str(cell), unit or "1") if written else cell):
            return False
    return True


def _at_cells(book: Book, changed: Sequence[Changed], problems: Sequence[Problem]) -> list[Problem]:
    """Return problems of a plan at the cells that make them, where it is known which."""
    places = {f"--set {one.text}": book.place(one.row, column_letter("value")) for one in changed}
    return [
        replace(p, place=replace(places[p.place.file], path=p.place.path)) if p.place.file in places else p
        for p in problems
    ]


def _refuse_missing_files(book: Book) -> None:
    """Refuse a plan that names files which are not there: their texts are in the workbook, to be saved first."""
    missing = [name for name, _ in book.kept.sources.files if not Path(name).is_file()]
    if missing:
        remedy = "save their text, which is in the sheet 'Plan', in files of these names first"
        raise PlanError(
            [Problem("the plan names a file that is not here", Place(book.name), n, remedy=remedy) for n in missing]
        )


def same(a: Cell, b: Cell) -> bool:
    """Return whether two cells say the same, numbers to nine digits.

    Parameters
    ----------
    a, b : float, str, bool or None
        The cells.

    Examples
    --------
    >>> same(0.1 + 0.2, 0.3), same("a", None)
    (True, False)
    """
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=SAME)
    return (a or None) == (b or None)


def _written(cell: Cell, unit: str) -> str:
    """Return a value as a plan writes it."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float):
        number = repr(int(cell)) if float(cell).is_integer() and abs(cell) < WHOLE else repr(float(cell))
        if unit in UNIT_UNSAID:
            return number
        return f'"{number}{unit[1:]}"' if unit.startswith("1/") else f'"{number} {unit}"'
    text = BASIS.sub(r"\1", str(cell))
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shown(cell: Cell) -> str:
    return "" if cell is None else f"{cell:.12g}" if isinstance(cell, float) else str(cell)
