"""Rows of a serving benchmark's table, the question of each, and what was published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gigaplan.measurements.cells import Cells, why_unreadable
from gigaplan.validation.published_tables import serving_table
from gigaplan.validation.serving import own_rows, published_rows
from gigaplan.validation.serving.measured import read_file
from gigaplan.validation.serving.rows import Question, known
from gigaplan.vocabulary.errors import Place, PlanError, Problem

SAMPLE = "inference_serving_sample.csv"

NEEDED = ("gpu", "model", "isl", "osl", "concurrency")


@dataclass(frozen=True, slots=True)
class RowQuestion:
    """A row of a table, and its question; ``why`` says why it can't be answered."""

    row: Mapping[str, str]
    question: Question | None
    why: str
    ttft_ms: float
    tpot_ms: float
    """As published; nan where the table has no result."""
    set_aside: str = ""
    """Why the published result counts in no summary, if so."""


def question(row: Mapping[str, str]) -> Question:
    """Return the question of a row: of a published table by its loader, of a user's table by the strict reader.

    Raises
    ------
    UnsupportedError
        If the row can't be answered; the message says why.
    """
    found: Question = published_rows.question(row) if serving_table(row) else own_rows.question(row)
    return found


def read_questions(path: Path | None = None, given: Mapping[str, str] | None = None) -> list[RowQuestion]:
    """Return the rows of a file, or of the sample that comes with gigaplan, with the question of each; see
    :func:`read`."""
    return [row_question(row) for row in read(path, given)]


def read(path: Path | None = None, given: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Return the rows of a file, or of the sample that comes with gigaplan; PlanError if it can't be read.

    Parameters
    ----------
    path
        A table, or a result file of a benchmark.
    given
        Values for what it leaves open, by column.
    """
    source = path or Path(str(files("gigaplan.validation") / "data" / SAMPLE))
    found = read_file(source, given or {})
    if missing := sorted(set(NEEDED) - set(found.columns)):
        raise PlanError(
            [
                Problem(
                    "columns are missing",
                    Place(str(source), 1, 1),
                    value=", ".join(missing),
                    remedy="give a table with the columns of inference_serving.csv",
                )
            ]
        )
    return found.rows


def row_question(row: Mapping[str, str]) -> RowQuestion:
    """Return a row with its question, or with the reason why it can't be answered."""
    try:
        found = question(row)
        known(found.system, found.model)
    except (ValueError, ArithmeticError, LookupError) as error:  # odd cells too, whatever is odd about them
        return RowQuestion(
            row, None, why_unreadable(row, error), _published(row, "ttft_ms"), _published(row, "tpot_ms")
        )
    return RowQuestion(
        row, found, "", _published(row, "ttft_ms"), _published(row, "tpot_ms"), published_rows.set_aside(row)
    )


def _published(row: Mapping[str, str], name: str) -> float:
    return Cells(row).result(name)
