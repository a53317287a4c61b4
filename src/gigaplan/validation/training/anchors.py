"""Predictions that follow measured steps of the same layout at other scales."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from gigaplan.accuracy.validity import INSIDE
from gigaplan.training.inputs import TrainingEfficiency
from gigaplan.validation.training.predictions import Answer, answer_all
from gigaplan.validation.training.questions import RowQuestion
from gigaplan.validation.training.rows import Question
from gigaplan.validation.training.sources import (
    table_of,
)

ANCHORED_SHARE = 0.05
"""Width in logarithms of an 80 % interval that follows two measured scales (what leave-one-out left on MLPerf rows)."""


def anchor_all(
    row_questions: Sequence[RowQuestion],
    found: Sequence[Answer],
    measured: Sequence[RowQuestion],
    using: Mapping[str, TrainingEfficiency] | None = None,
) -> list[Answer]:
    """Return answers that follow measured steps of the same layout where there are any: those of the row's own
    release of software, or all where it has none.

    Parameters
    ----------
    row_questions
        Rows and their questions.
    found
        Their predictions.
    measured
        Measured rows to follow.
    using
        Own constants by software.
    """
    lines: dict[tuple[object, ...], list[tuple[float, float, float]]] = defaultdict(list)
    for a, f in zip(measured, answer_all(measured, out_of_sample=False, using=using), strict=True):
        if a.question is not None and a.step_s > 0:
            point = (a.question.micro_batches, a.step_s, f.step_time_ms / 1e3)
            lines[same_layout(a.question)].append(point)
            lines[_same_release(a.question)].append(point)

    def points(q: Question) -> list[tuple[float, float, float]]:
        return lines.get(_same_release(q)) or lines.get(same_layout(q)) or []

    return [
        f
        if a.question is None or not (f.step_time_ms > 0 and points(a.question))
        else _follow(a.question, f, points(a.question))
        for a, f in zip(row_questions, found, strict=True)
    ]


def that_ran(row_questions: Sequence[RowQuestion], measured: Sequence[RowQuestion]) -> list[RowQuestion]:
    """Return rows with those marked as run whose layout was measured at another scale: it holds the model.

    Parameters
    ----------
    row_questions
        Rows and their questions.
    measured
        Measured rows.
    """
    layouts = {same_layout(a.question) for a in measured if a.question is not None and a.step_s > 0}
    return [
        a
        if a.question is None or same_layout(a.question) not in layouts
        else dataclasses.replace(a, question=dataclasses.replace(a.question, ran=True))
        for a in row_questions
    ]


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Return a and b of ``t = a m + b`` through measured (m, t), least squares of relative errors; None below two m.

    Neither is negative: more micro-batches never take less, and what a step takes in addition to them is no gain.
    """
    from scipy.optimize import nnls

    m, t = (np.array(v, dtype=float) for v in zip(*points, strict=True))
    if np.unique(m).size < 2:  # one number of micro-batches can't tell a from b
        return None
    a, b = nnls(np.stack([m / t, 1 / t], axis=1), np.ones_like(t))[0]
    return float(a), float(b)


def scales_of(row_questions: Sequence[RowQuestion]) -> int:
    """Return how many layouts are measured at two numbers of micro-batches or more: those that can be anchored."""
    seen: dict[tuple[object, ...], set[float]] = defaultdict(set)
    for a in row_questions:
        if a.question is not None and a.step_s > 0:
            seen[same_layout(a.question)].add(a.question.micro_batches)
    return sum(len(m) > 1 for m in seen.values())


def same_layout(q: Question) -> tuple[object, ...]:
    """Return what two rows share that differ in their number of data ranks and their batch only."""
    return (
        q.system,
        q.model,
        q.precision,
        q.software,
        q.sequence,
        q.tensor,
        q.pipeline,
        q.context,
        q.expert,
        q.chunks,
        q.micro_batch,
        q.recompute,
        q.fully_sharded,
    )


def _same_release(q: Question) -> tuple[object, ...]:
    """Return what two rows share that run the same layout on software of one age."""
    return (*same_layout(q), q.years_behind, q.launched_by_host, q.block_scaled)


def _follow(q: Question, plain: Answer, points: Sequence[tuple[float, float, float]]) -> Answer:
    own = line([(m, t) for m, t, _ in points])
    predicted = plain.step_time_ms / 1e3
    time = own[0] * q.micro_batches + own[1] if own else predicted * float(np.median([t / o for _, t, o in points]))
    if not time > 0:
        return plain
    ratio = time / predicted
    narrow = ANCHORED_SHARE / np.log(plain.high / plain.low) if own else 0.5
    low, high = (time * 1e3 * (edge / plain.step_time_ms) ** narrow for edge in (plain.low, plain.high))
    return dataclasses.replace(
        plain,
        step_time_ms=time * 1e3,
        tokens_per_s_per_gpu=plain.tokens_per_s_per_gpu / ratio,
        model_tflops_per_gpu=plain.model_tflops_per_gpu / ratio,
        low=low,
        high=high,
        validity=f"{INSIDE}: anchored on measured steps",
    )


def anchored_errors(row_questions: Sequence[RowQuestion]) -> list[float]:
    """Return for each row the error of the line through the other rows of its layout."""
    by: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for k, a in enumerate(row_questions):
        assert a.question is not None
        by[same_layout(a.question), table_of(a.row)].append(k)
    found = [float("nan")] * len(row_questions)
    for index in by.values():
        at = [(row_questions[k].question.micro_batches, row_questions[k].step_s) for k in index]  # type: ignore[union-attr]
        for i, k in enumerate(index):
            others = [p for p in at if p[0] != at[i][0]]
            own = line(others) if len(others) > 1 else None
            if own:
                found[k] = (own[0] * at[i][0] + own[1]) / at[i][1] - 1
    return found
