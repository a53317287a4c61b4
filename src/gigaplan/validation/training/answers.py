"""Step times and memory of many questions at once, with any set of constants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from gigaplan.training.inputs import Batch
from gigaplan.training.layout import Layouts
from gigaplan.training.step import step
from gigaplan.validation.training.constants import Constants
from gigaplan.validation.training.names import known
from gigaplan.validation.training.rows import Question
from gigaplan.vocabulary.members import Array

SOFTWARE_OF_A_ROW = tuple(
    f.name
    for f in fields(Batch)
    if f.name in {g.name for g in fields(Question)} and f.name not in ("precision", "global_batch_tokens")
)
"""Fields of a batch that rows state each for itself: how old the software is, and what it launches, fuses and sends."""


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about one system, model, precision, software and sequence, with their layouts (row,)."""

    first: Question
    index: list[int]
    batch: Batch
    """With the row's own tokens and software: its numbers are arrays."""
    layouts: Layouts


def groups(questions: Sequence[Question]) -> list[Group]:
    """Return the questions in groups that are answered in one call each."""
    by: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for k, q in enumerate(questions):
        by[q.system, q.model, q.precision, q.software, q.sequence].append(k)
    return [_group([questions[k] for k in index], index) for index in by.values()]


def _group(some: Sequence[Question], index: list[int]) -> Group:
    def column(name: str) -> Array:
        return np.array([getattr(q, name) for q in some], dtype=float)

    question_fields = {f.name for f in fields(Question)}
    layouts = Layouts(**{f.name: column(f.name) for f in fields(Layouts) if f.name in question_fields})
    q = some[0]
    batch = Batch(
        global_batch_tokens=column("tokens"),  # type: ignore[arg-type]
        sequence_tokens=q.sequence,
        precision=q.precision,
        **{n: column(n) for n in SOFTWARE_OF_A_ROW},  # type: ignore[arg-type]
    )
    return Group(q, index, batch, layouts)


def answers(grouped: Sequence[Group], constants: Constants, count: int) -> tuple[Array, Array]:
    """Return the step time [s] and the memory of one GPU [byte] of each question, each (row,).

    Parameters
    ----------
    grouped
        Questions in groups.
    constants
        Constants by software.
    count
        Questions in all.
    """
    time, memory = np.zeros(count), np.zeros(count)
    for g in grouped:
        q = g.first
        device, model = known(q.system, q.model)
        found = step(device, model, g.batch, g.layouts, constants[q.software])
        time[g.index], memory[g.index] = found.total, found.memory_bytes
    return time, memory
