"""Rows of tables of training speeds, the question of each, and what was published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from gigaplan.validation.published_tables import training_table
from gigaplan.validation.training import own_rows, published_rows
from gigaplan.validation.training.measured import read_file
from gigaplan.validation.training.rows import Question
from gigaplan.validation.training.sources import (
    duplicate,
    published_memory_gib,
    published_step_s,
)
from gigaplan.vocabulary.errors import Place, PlanError, Problem, UnsupportedError

SAMPLE = "training_sample.csv"

NEEDED = ("gpu", "num_gpus", "model", "seq_len", "global_batch", "micro_batch", "tp", "pp", "dp", "precision")


@dataclass(frozen=True, slots=True)
class RowQuestion:
    """A row of a table, and its question; ``why`` says why it can't be answered."""

    row: Mapping[str, str]
    question: Question | None
    why: str
    step_s: float
    memory_gib: float
    """As published; nan where the table has no result."""

    @property
    def fitted(self) -> bool:
        """Whether the row may set constants."""
        return self.step_s > 0 and not duplicate(self.row)


def question(row: Mapping[str, str]) -> Question:
    """Return the question of a row: of a published table by its loader, of a user's table by the strict reader.

    Raises
    ------
    UnsupportedError
        If the row can't be answered; the message says why.
    """
    found: Question = published_rows.question(row) if training_table(row) else own_rows.question(row)
    return found


def read_questions(
    path: Path | None = None, needed: Sequence[Sequence[str]] = (), given: Mapping[str, str] | None = None
) -> list[RowQuestion]:
    """Return the rows of a file, or of the sample that comes with gigaplan, with the question of each.

    Parameters
    ----------
    path
        A table or a training log, or None for the sample that comes with gigaplan.
    needed
        Sets of further columns of which one must be whole.
    given
        Values for what it leaves open, by column.
    """
    return [_row_question(row) for row in read(path, needed, given)]


def read(
    path: Path | None = None, needed: Sequence[Sequence[str]] = (), given: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """Return the rows of a file, or of the sample that comes with gigaplan.

    Parameters
    ----------
    path
        A CSV table, or a training log.
    needed
        Sets of further columns of which one must be whole.
    given
        Values for what it leaves open, by column.

    Raises
    ------
    PlanError
        If the file can't be read, or with all the columns that it lacks.
    """
    source = path or Path(str(files("gigaplan.validation") / "data" / SAMPLE))
    found = read_file(source, given or {})
    there, rows = set(found.columns), found.rows
    missing = [] if found.tool else sorted(set(NEEDED) - there)
    if needed and not any(set(some) <= there for some in needed):
        missing.append(" or ".join("+".join(some) for some in needed))
    if missing:
        raise PlanError(
            [
                Problem(
                    "columns are missing",
                    Place(str(source), 1, 1),
                    value=", ".join(missing),
                    remedy="give a table with the columns of training_step.csv",
                )
            ]
        )
    return rows


def layer_warnings(row_questions: Sequence[RowQuestion]) -> tuple[str, ...]:
    """Return which rows' models have another number of layers than the catalog's, as the rows state.

    Parameters
    ----------
    row_questions
        Rows and their questions.
    """
    notes = [t for a in row_questions if a.question for t in a.question.assumed if t.startswith(f"{own_rows.LAYERS} ")]
    return tuple(f"rows with {words}: {count}" for words, count in Counter(notes).items())


def _row_question(row: Mapping[str, str]) -> RowQuestion:
    step, memory = published_step_s(row), published_memory_gib(row)
    try:
        found = question(row)
        ran = not found.by_user or step > 0 or memory > 0
        return RowQuestion(row, replace(found, ran=ran), "", step, memory)
    except UnsupportedError as error:
        return RowQuestion(row, None, str(error), step, memory)
