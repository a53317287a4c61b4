"""Serving: errors of predicted times on the rows of a benchmark's table.

The rows are measured points (SemiAnalysis InferenceX and NVIDIA, collected by aiconfigurator, Apache-2.0). Errors are
out of sample: a row's answer comes from constants fitted without its own GPU generation x model family
(:mod:`gigaplan.validation.serving.folds`); intervals are what such errors were, by kind of row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gigaplan.accuracy.validity import INSIDE, UNSUPPORTED
from gigaplan.validation.serving import levels
from gigaplan.validation.serving.folds import LeftOut
from gigaplan.validation.serving.measured import load_warnings
from gigaplan.validation.serving.predictions import Answer, answer_all
from gigaplan.validation.serving.questions import RowQuestion, read_questions
from gigaplan.vocabulary.show import Brief, BriefRows, error_text

LEFT_OUT: Mapping[str, LeftOut] = {"GPU generation": "generation", "board": "board", "model family": "family"}
"""What is left out of the fit whole, by name."""
FEWEST_LEVELLED = 100
"""Rows of a table at least from which levels are measured, so that a fifth of them can be left out."""


@dataclass(frozen=True, slots=True, repr=False)
class Row(Brief):
    """One measured point and its prediction; errors are predicted over published, less one."""

    id: str
    gpu: str
    model: str
    precision: str
    engine: str
    mode: str
    concurrency: float
    ttft_ms: float
    tpot_ms: float
    answer: Answer
    ttft_error: float
    tpot_error: float
    set_aside: str
    drafts: int = 0
    """Tokens drafted for each step."""


@dataclass(frozen=True, slots=True, repr=False)
class Summary(Brief):
    """Errors over some rows, as shares; the bias is the median error with its sign."""

    name: str
    rows: int
    tpot_median_abs: float
    tpot_mean_abs: float
    tpot_bias: float
    ttft_median_abs: float
    ttft_bias: float
    tpot_covered: float
    """Share of rows whose published time per token lies in the interval."""
    tpot_width: float
    """Median high over low of these intervals."""

    def brief_line(self) -> str:
        """Return the median errors."""
        tpot, ttft = error_text(self.tpot_median_abs), error_text(self.ttft_median_abs)
        return f"median error of {self.rows} rows: time per token {tpot}, first token {ttft}"


@dataclass(frozen=True, repr=False)
class InferenceValidation(Brief):
    """Every answered row, the summaries by kind, and how many rows can't be answered."""

    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    left_out: int
    warnings: tuple[str, ...] = ()
    """Loads that don't agree with their stated caps."""
    title: str = ""
    """Whose rows they are, where no constant was fitted on them."""

    def brief_rows(self) -> BriefRows:
        """Return the errors of the first groups of rows."""
        return ((s.name, s.brief_line()) for s in self.summaries)

    def brief_line(self) -> str:
        """Return the errors of the first group of rows."""
        whose = self.title or "measured serving"
        return f"{whose}: {self.summaries[0].brief_line()}" if self.summaries else "no row is answered"


def validate(rows: Path | None = None, given: Mapping[str, str] | None = None) -> InferenceValidation:
    """Return published, predicted and error for each row of a table with the columns of inference_serving.csv.

    Parameters
    ----------
    rows
        A table, or a result file of a benchmark; without it the sample that comes with gigaplan.
    given
        Values for what it leaves open, by column.

    Raises
    ------
    PlanError
        If the table can't be read or lacks columns.
    """
    row_questions = read_questions(rows, given)
    compared = _compared(row_questions, answer_all(row_questions, out_of_sample=True))
    summaries = [*_summaries(compared), *_left_out(row_questions), *_levelled(row_questions)]
    warnings = load_warnings([a.row for a in row_questions])
    return InferenceValidation(compared, tuple(summaries), len(row_questions) - len(compared), warnings)


def _left_out(row_questions: Sequence[RowQuestion]) -> Iterator[Summary]:
    """Return the errors of co-located rows whose generation or family the constants never saw at all."""
    for name, left_out in LEFT_OUT.items():
        found = _compared(row_questions, answer_all(row_questions, out_of_sample=True, left_out=left_out))
        if some := [r for r in found if r.mode == "agg" and not r.set_aside]:
            yield _summary(f"co-located, {name} left out", some)


def _levelled(row_questions: Sequence[RowQuestion]) -> Iterator[Summary]:
    """Return the errors of co-located rows at the level of their cell's other rows, by kind of row where the release is
    given: another figure than that of cells left out, whose level nobody knows."""
    found = [a for a in row_questions if levels.is_levelled(a)]
    if len(found) < FEWEST_LEVELLED:
        return
    rows = levels.rows_of(row_questions, out_of_sample=True)
    for what, name in levels.HELD.items():
        tpot, ttft = (levels.held_out(rows, time, what) for time in levels.TIMES)
        if tpot.known.any():
            yield _level_summary(f"co-located, {name}", tpot, ttft, tpot.known)
        if what != "release":
            continue
        by: dict[str, list[int]] = defaultdict(list)
        for k, a in enumerate(found):
            if (q := a.question) is not None and tpot.known[k]:
                for key in (q.system, q.model, q.engine, q.precision):
                    by[key].append(k)
        for key, some in sorted(by.items()):
            yield _level_summary(f"co-located, {name}, {key}", tpot, ttft, np.isin(np.arange(len(found)), some))


def _level_summary(name: str, tpot: levels.Held, ttft: levels.Held, use: NDArray[np.bool_]) -> Summary:
    low, high = levels.edges(tpot)
    log, spread, first = tpot.log[use], tpot.scale[use], np.expm1(-ttft.log[use])
    each = np.expm1(-log)
    return Summary(
        name,
        int(use.sum()),
        float(np.median(np.abs(each))),
        float(np.abs(each).mean()),
        float(np.median(each)),
        float(np.median(np.abs(first))),
        float(np.median(first)),
        float(((log >= low * spread) & (log <= high * spread)).mean()),
        float(np.exp(np.median((high - low) * spread))),
    )


def _row(a: RowQuestion, f: Answer) -> Row:
    q = a.question
    assert q is not None
    return Row(
        a.row.get("id", ""),
        a.row["gpu"],
        q.model,
        q.precision,
        q.engine,
        "agg" if q.prefill is None else "disagg",
        q.concurrency,
        a.ttft_ms,
        a.tpot_ms,
        f,
        f.ttft_ms / a.ttft_ms - 1,
        f.tpot_ms / a.tpot_ms - 1,
        a.set_aside,
        q.drafts,
    )


def _compared(row_questions: Sequence[RowQuestion], found: Sequence[Answer]) -> tuple[Row, ...]:
    """Return the rows that have a result and an answer."""
    return tuple(
        _row(a, f)
        for a, f in zip(row_questions, found, strict=True)
        if not f.validity.startswith(UNSUPPORTED) and a.tpot_ms > 0
    )


def _summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    by: dict[str, list[Row]] = defaultdict(list)
    for r in rows:
        if r.set_aside:
            by["set aside"].append(r)
            continue
        trust = r.answer.validity.split(":")[0]
        kind = (
            "co-located"
            if r.mode == "agg"
            else "disaggregated, workers stated"
            if trust == INSIDE
            else "disaggregated, other"
        )
        by[kind].append(r)
        by[f"validity: {trust}"].append(r)
        if r.drafts or kind == "disaggregated, workers stated":
            by[f"{kind}, {'drafts' if r.drafts else 'no drafts'}"].append(r)
        if r.mode == "agg":
            for key in (r.gpu, r.model, r.engine, r.precision):
                by[f"co-located, {key}"].append(r)
    for name, some in sorted(by.items()):
        yield _summary(name, some)


def _summary(name: str, some: Sequence[Row]) -> Summary:
    tpot, ttft = (np.array([getattr(r, k) for r in some]) for k in ("tpot_error", "ttft_error"))
    inside = np.array([r.answer.tpot_low <= r.tpot_ms <= r.answer.tpot_high for r in some])
    width = np.array([r.answer.tpot_high / r.answer.tpot_low for r in some])
    return Summary(
        name,
        len(some),
        float(np.median(np.abs(tpot))),
        float(np.abs(tpot).mean()),
        float(np.median(tpot)),
        float(np.median(np.abs(ttft))),
        float(np.median(ttft)),
        float(inside.mean()),
        float(np.median(width)),
    )
