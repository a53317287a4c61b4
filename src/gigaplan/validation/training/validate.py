"""Training: errors of predicted step times on the rows of published tables.

The rows are published step times and speeds: NVIDIA Megatron-Bridge and MLPerf Training on Hopper and Blackwell,
vTrain (Bang et al. 2024) on A100, SimuMax's memory on B200; others only test (Megatron's papers, torchtitan,
MosaicML). Errors are out of sample: a row's answer comes from constants fitted without its own configuration
(:mod:`gigaplan.validation.training.folds`); intervals are what such errors were.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gigaplan.accuracy import training as accuracy
from gigaplan.accuracy.residuals import COVERED
from gigaplan.accuracy.validity import is_supported
from gigaplan.measurements.tables import write_table
from gigaplan.validation.refit import distinct
from gigaplan.validation.training.anchors import anchor_all, anchored_errors, that_ran
from gigaplan.validation.training.constants import OWN
from gigaplan.validation.training.folds import board_out, cell, configuration, folds, without
from gigaplan.validation.training.names import known
from gigaplan.validation.training.predictions import ANSWER_COLUMNS, Answer, answer_all, own_constants, times_of
from gigaplan.validation.training.questions import RowQuestion, layer_warnings, read_questions
from gigaplan.validation.training.rows import Question
from gigaplan.validation.training.sources import (
    duplicate,
    table_of,
)
from gigaplan.vocabulary.files import refuse_unwritable
from gigaplan.vocabulary.files.kinds import PREDICTIONS
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief, BriefRows, error_text

GIB = 2**30  # bytes
CLUSTER_ROWS = 20
"""Rows of a board and kind of model from which on the coverage of their intervals is printed apart."""


@dataclass(frozen=True, slots=True, repr=False)
class Row(Brief):
    """One published step and its prediction; ``error`` is predicted over published, less one."""

    table: str
    gpu: str
    model: str
    experts: bool
    precision: str
    gpus: int
    layout: str
    step_ms: float
    answer: Answer
    error: float
    anchored_error: float
    """From other scales of the same layout (t = a m + b over micro-batches); nan where there are not two."""
    model_out_error: float
    """With constants that never saw the row's GPU generation with its model; nan where there are none."""
    left_out_error: float
    """With constants that never saw the row's GPU generation; nan where there are none."""
    board_out_error: float
    """With constants that never saw the row's board; nan where there are none."""


@dataclass(frozen=True, slots=True, repr=False)
class Summary(Brief):
    """Errors over some rows, as shares; the bias is the median error with its sign."""

    name: str
    rows: int
    median_abs: float
    mean_abs: float
    p90_abs: float
    bias: float
    covered: float
    """Share of rows whose published step lies in the interval."""
    width: float
    """Median high over low of these intervals."""

    def brief_line(self) -> str:
        """Return the median error."""
        return f"median error of {self.rows} rows {error_text(self.median_abs)}"


@dataclass(frozen=True, slots=True, repr=False)
class Memory(Brief):
    """One published peak of memory and the predicted one [GiB]."""

    model: str
    layout: str
    published_gib: float
    predicted_gib: float
    error: float


@dataclass(frozen=True, slots=True, repr=False)
class Noise(Brief):
    """How far published steps of one configuration lie apart over releases: largest over smallest, less one."""

    configurations: int
    median: float
    p90: float


@dataclass(frozen=True, repr=False)
class TrainingValidation(Brief):
    """Every answered row, the summaries by kind, memory, the noise floor, and how many rows can't be answered."""

    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    memory: tuple[Memory, ...]
    noise: Noise | None
    left_out: int
    warnings: tuple[str, ...] = ()
    """Files given twice, and models with another number of layers than theirs."""

    def brief_rows(self) -> BriefRows:
        """Return the errors of all rows, then of the first groups."""
        last = [s for s in self.summaries if s.name.startswith("all")]
        yield from ((s.name, s.brief_line()) for s in [*last, *(s for s in self.summaries if s not in last)])

    def brief_line(self) -> str:
        """Return the errors of all rows."""
        return "; ".join(f"{name}: {shown}" for name, shown in list(self.brief_rows())[:2])


def validate(rows: Sequence[Path] = (), given: Mapping[str, str] | None = None) -> TrainingValidation:
    """Return published, predicted and error for each row of tables with the columns of training_step.csv or its
    siblings.

    Parameters
    ----------
    rows
        Tables or training logs; without any the sample that comes with gigaplan.
    given
        Values for what they leave open, by column.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns.
    """
    paths, copies = distinct(rows)
    tables: list[Path | None] = [*paths] or [None]
    row_questions = [a for p in tables for a in read_questions(p, given=given)]
    row_questions = [a for a in row_questions if not duplicate(a.row)]
    found = answer_all(row_questions, out_of_sample=True)
    steps = [k for k, a in enumerate(row_questions) if a.question is not None and a.step_s > 0]
    anchored = anchored_errors([row_questions[k] for k in steps])
    questions: list[Question] = [row_questions[k].question for k in steps]  # type: ignore[misc]
    models = _left_out_times(questions, cell)
    apart, boards = _left_out_times(questions, without), _left_out_times(questions, board_out)
    compared = tuple(
        _row(row_questions[k], found[k], *left_out)
        for k, *left_out in zip(steps, anchored, models, apart, boards, strict=True)
    )
    memory = tuple(
        _memory(a, f) for a, f in zip(row_questions, found, strict=True) if a.question is not None and a.memory_gib > 0
    )
    noise = noise_floor(questions, [row_questions[k].step_s for k in steps])
    return TrainingValidation(
        compared,
        tuple(_summaries(compared)),
        memory,
        noise,
        len(row_questions) - len(compared) - len(memory),
        (*copies, *layer_warnings(row_questions)),
    )


def noise_floor(questions: Sequence[Question], seconds: Sequence[float]) -> Noise | None:
    """Return how far steps of one configuration lie apart: same layout, batch and GPUs, whatever the release; None
    below two.

    Parameters
    ----------
    questions
        The question of each row.
    seconds
        Published step times [s].
    """
    by: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for q, t in zip(questions, seconds, strict=True):
        by[*configuration(q), q.software, q.gpus, q.sequences].append(t)
    apart = [max(t) / min(t) - 1 for t in by.values() if len(t) > 1]
    return Noise(len(apart), float(np.median(apart)), float(np.quantile(apart, COVERED[1]))) if apart else None


def predict(
    rows: Path,
    out: Path,
    anchor: Path | None = None,
    overlays: Sequence[str | Path] = (),
    given: Mapping[str, str] | None = None,
) -> tuple[int, int]:
    """Write a table with predictions added to each of its rows; return how many rows it has and how many are answered.

    With ``anchor``, a table of measured steps, layouts that it holds at two or more numbers of micro-batches follow
    their own line ``t = a m + b``; with one, the prediction is scaled to it. With ``overlays``, your own constants
    (:mod:`gigaplan.validation.training.calibrate`) answer the rows of their kind of software.

    Parameters
    ----------
    rows
        A table, or a training log.
    out
        Where to write it with predictions.
    anchor
        A table or log of measured steps to follow, or None.
    overlays
        Files with own constants.
    given
        Values for what the files of rows leave open, by column.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns.
    """
    refuse_unwritable(out, PREDICTIONS)
    row_questions, using = read_questions(rows, given=given), own_constants(overlays)
    measured = [] if anchor is None else read_questions(anchor, given=given)
    row_questions = that_ran(row_questions, measured)
    found = answer_all(row_questions, out_of_sample=False, using=using)
    if measured:
        found = anchor_all(row_questions, found, measured, using)
    columns = list(dict.fromkeys([*(row_questions[0].row if row_questions else ()), *ANSWER_COLUMNS]))
    answered = zip(row_questions, found, strict=True)
    cells = ({**a.row, **{k: _cell(getattr(f, k)) for k in ANSWER_COLUMNS}} for a, f in answered)
    write_table(out, columns, cells, PREDICTIONS)
    return len(row_questions), sum(is_supported(f.validity) for f in found)


def _left_out_times(questions: Sequence[Question], fold: Callable[[Question], str]) -> Array:
    """Return step times [s] with constants of a row's fold, which never saw the row; nan without a fold."""
    index = [k for k, q in enumerate(questions) if fold(q) in folds() and q.software in OWN]
    some = [questions[k] for k in index]
    time = np.full(len(questions), np.nan)
    time[index] = times_of(some, [folds()[fold(q)] for q in some])[0]
    return time


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.5g}" if np.isfinite(value) else ""


def _layout(q: Question) -> str:
    parts = {"tp": q.tensor, "pp": q.pipeline, "vpp": q.chunks, "cp": q.context, "ep": q.expert, "dp": q.data}
    return (
        " ".join(f"{k}{v}" for k, v in parts.items() if v > 1)
        + f" mb{q.micro_batch}"
        + (" fsdp" if q.fully_sharded else "")
    )


def _row(a: RowQuestion, f: Answer, anchored: float, model_out_s: float, apart_s: float, board_s: float) -> Row:
    q = a.question
    assert q is not None
    experts = known(q.system, q.model)[1].experts > 0
    return Row(
        table_of(a.row),
        q.system,
        q.model,
        experts,
        q.precision,
        q.gpus,
        _layout(q),
        1e3 * a.step_s,
        f,
        f.step_time_ms / 1e3 / a.step_s - 1,
        anchored,
        float(model_out_s) / a.step_s - 1,
        float(apart_s) / a.step_s - 1,
        float(board_s) / a.step_s - 1,
    )


def _memory(a: RowQuestion, f: Answer) -> Memory:
    assert a.question is not None
    predicted = f.memory_gb * 1e9 / GIB
    return Memory(a.question.model, _layout(a.question), a.memory_gib, predicted, predicted / a.memory_gib - 1)


def _summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    by: dict[str, list[Row]] = defaultdict(list)
    for r in rows:
        of = "stand-ins" if accuracy.is_stand_in(r.model) else "experts" if r.experts else "dense"
        by[f"{r.table}, {of}" if r.table == "Megatron-Bridge" else r.table].append(r)
        by[f"GPU {r.gpu}"].append(r)
        by[f"cluster {r.gpu}, {of}"].append(r)
        by[f"validity: {r.answer.validity.split(':')[0]}"].append(r)
        by["all tables"].append(r)
    for name, some in sorted(by.items()):
        if name.startswith("cluster") and len(some) < CLUSTER_ROWS:
            continue
        yield _summary(name, some, lambda r: r.error)
        if any(np.isfinite(r.anchored_error) for r in some) and name in ("MLPerf",):
            yield _summary(f"{name}, anchored", some, lambda r: r.anchored_error)
    if any(np.isfinite(r.model_out_error) for r in rows):
        yield _summary("GPU generation with its model left out", rows, lambda r: r.model_out_error)
        for name in sorted({"Megatron-Bridge, dense", "Megatron-Bridge, experts"} & by.keys()):
            if any(np.isfinite(r.model_out_error) for r in by[name]):
                yield _summary(f"{name}: generation with model left out", by[name], lambda r: r.model_out_error)
            if any(np.isfinite(r.board_out_error) for r in by[name]):
                yield _summary(f"{name}: board left out", by[name], lambda r: r.board_out_error)
    for name in sorted({r.gpu for r in rows if np.isfinite(r.left_out_error)}):
        yield _summary(
            f"generation left out, {name}",
            [r for r in rows if r.gpu == name],
            lambda r: r.left_out_error,
        )
    for name in sorted({r.gpu for r in rows if np.isfinite(r.board_out_error)}):
        yield _summary(f"board left out, {name}", [r for r in rows if r.gpu == name], lambda r: r.board_out_error)


def _summary(name: str, rows: Sequence[Row], error: Callable[[Row], float]) -> Summary:
    some = [r for r in rows if np.isfinite(error(r))]
    off = np.array([error(r) for r in some])
    inside = np.array([r.answer.low <= r.step_ms <= r.answer.high for r in some])
    width = np.array([r.answer.high / r.answer.low for r in some])
    size = np.abs(off)
    return Summary(
        name,
        len(some),
        float(np.median(size)),
        float(size.mean()),
        float(np.quantile(size, COVERED[1])),
        float(np.median(off)),
        float(inside.mean()),
        float(np.median(width)),
    )
