"""What files leave open, given with them: columns by name, on the command line or in a file of their own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gigaplan.measurements.files import Found
from gigaplan.measurements.reports import Row
from gigaplan.measurements.tables import parse_table, read_text
from gigaplan.plan import document
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_name
from gigaplan.vocabulary.files import reads_texts_only, refuse_files

PLACE = Place("--about")
ALIASES = {"system": "gpu"}
WORDS = ("gpu", "model", "engine", "precision", "recompute")
"""Columns whose words in a result file may be a user's own, such as the name that a model is served under."""


def about(given: Iterable[str], columns: Sequence[str]) -> Row:
    """Return columns that are given as ``name=value`` with commas, or as a YAML or CSV file of them.

    Parameters
    ----------
    given
        What was given, each a text or the path of a file.
    columns
        Columns that may be given.

    Raises
    ------
    PlanError
        With every column that is unknown, empty, or given twice with different values.
    """
    found: Row = {}
    problems: list[Problem] = []
    for name, value in (pair for part in given for pair in _pairs(part, problems)):
        column = ALIASES.get(name, name)
        if column not in columns:
            allowed, near = ", ".join(columns), nearest_name(name, columns)
            problem = Problem("no such column", PLACE, value=name, allowed=allowed, nearest=near, remedy="name one")
            problems.append(problem)
        elif found.get(column, value) != value:
            problems.append(Problem(f"'{column}' is given twice", PLACE, value=value, remedy="give it once"))
        else:
            found[column] = value
    if problems:
        raise PlanError(problems)
    return found


def _pairs(part: str, problems: list[Problem]) -> list[tuple[str, str]]:
    """Return the names and values of one text or file."""
    path = Path(part)
    if "=" not in part or (not reads_texts_only() and path.is_file()):
        refuse_files(path)
        text = read_text(path)
        if ":" in text.splitlines()[0] if text.strip() else False:
            plain = document.parse(text, part).plain()
            return [(str(k), str(v)) for k, v in plain.items()] if isinstance(plain, Mapping) else []
        rows = parse_table(text, path)[1]
        if len(rows) != 1:
            problems.append(Problem("has not one row", Place(part), value=str(len(rows)), remedy="give one row"))
        return [(k, v) for row in rows[:1] for k, v in row.items() if v]
    found = []
    for piece in part.split(","):
        name, mark, value = (s.strip() for s in piece.partition("="))
        if not (name and mark and value):
            problems.append(Problem("is no name=value", PLACE, value=piece, remedy="write tp=8,precision=fp8"))
            continue
        found.append((name, value))
    return found


def filled(found: Found, given: Mapping[str, str], path: Path) -> Found:
    """Return rows whose open cells hold what was given.

    In a table, what was given fills empty cells. In a result file the words that are given take the place of the
    file's, which may be a user's own; a number that contradicts the file is refused.

    Parameters
    ----------
    found
        Rows of a file.
    given
        Values by column.
    path
        The file, for messages.

    Raises
    ------
    PlanError
        With every number that contradicts the file.
    """
    given = {k: v for k, v in given.items() if v}
    if not given:
        return found
    problems = [
        Problem(f"row {k + 1} states {name} {stated}", Place(str(path)), value=value, remedy=f"leave {name} out")
        for k, row in enumerate(found.rows if found.tool else [])
        for name, value in given.items()
        if name not in WORDS and (stated := _stated(row, name)) and not _alike(stated, value)
    ]
    if problems:
        raise PlanError(problems)
    over = {k: v for k, v in given.items() if k in WORDS} if found.tool else {}
    rows = [{**given, **{k: v for k, v in row.items() if v}, **over} for row in found.rows]
    columns = tuple(dict.fromkeys([*found.columns, *given]))
    return Found(found.tool, columns, [{**dict.fromkeys(found.columns, ""), **row} for row in rows])


def _stated(row: Row, name: str) -> str:
    """Return what a row states of a column: of its load the cap, where it states one."""
    return (row.get("max_concurrency") if name == "concurrency" else "") or row.get(name, "")


def _alike(one: str, other: str) -> bool:
    """Return whether two cells hold the same number or word."""
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-6)
    except ValueError:
        return one == other
