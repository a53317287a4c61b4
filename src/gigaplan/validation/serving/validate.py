"""Serving: our times for rows of a benchmark's table, each with its interval and how far to trust it, and the errors.

The rows are measured points (SemiAnalysis InferenceX and NVIDIA, collected by aiconfigurator, Apache-2.0). Errors are
honest: a row's answer comes from constants fitted without its own GPU generation x model family
(:mod:`gigaplan.validation.serving.fit`); intervals are what such errors were, by kind of row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from gigaplan.validation.serving.answers import Constants, answers, groups
from gigaplan.validation.serving.fit import cell, constants_for, fitted_cells, spreads, without_its_generation
from gigaplan.validation.serving.rows import Question, UnsupportedError, known, question, set_aside
from gigaplan.validation.tables import read_table
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief

SAMPLE = "inference_serving_sample.csv"
NEEDED = ("gpu", "model", "isl", "osl", "concurrency")
INSIDE, EXTRAPOLATED, UNSUPPORTED = "inside", "extrapolated", "unsupported"
ANSWER_COLUMNS = (
    "ttft_ms",
    "tpot_ms",
    "output_tokens_per_s_per_gpu",
    "ttft_low",
    "ttft_high",
    "tpot_low",
    "tpot_high",
    "validity",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A row of a table, and what it asks; ``why`` says why it can't be asked."""

    row: Mapping[str, str]
    question: Question | None
    why: str
    ttft_ms: float
    tpot_ms: float
    """As published; nan where the table has no result."""
    set_aside: str = ""
    """Why the published result counts in no summary, if so."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Our answer to a row: times with an 80 % interval, tokens per GPU, and how far to trust it."""

    ttft_ms: float
    tpot_ms: float
    output_tokens_per_s_per_gpu: float
    ttft_low: float
    ttft_high: float
    tpot_low: float
    tpot_high: float
    validity: str


@dataclass(frozen=True, slots=True)
class Row:
    """One measured point and our answer; errors are ours over published, less one."""

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


@dataclass(frozen=True, slots=True)
class Summary:
    """Errors over some rows, as shares; the bias is the median error with its sign."""

    name: str
    rows: int
    tpot_median_abs: float
    tpot_mean_abs: float
    tpot_bias: float
    ttft_median_abs: float
    ttft_bias: float
    tpot_covered: float
    """Share of rows whose published time per token lies in our interval."""
    tpot_width: float
    """Median high over low of these intervals."""


@dataclass(frozen=True, repr=False)
class InferenceValidation(Brief):
    """Every answered row, the summaries by kind, and how many rows can't be answered."""

    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    left_out: int


def validate(rows: Path | None = None) -> InferenceValidation:
    """Return published, ours and error for each row of a table with the columns of inference_serving.csv.

    Parameters
    ----------
    rows
        The table; without it the sample that comes with gigaplan.

    Raises
    ------
    PlanError
        If the table can't be read or lacks columns.
    """
    asked = read_questions(rows)
    compared = _compared(asked, answer_all(asked, honest=True))
    new = [
        r
        for r in _compared(asked, answer_all(asked, honest=True, new_hardware=True))
        if r.mode == "agg" and not r.set_aside
    ]
    summaries = [*_summaries(compared), *([_summary("co-located, GPU generation left out", new)] if new else [])]
    return InferenceValidation(compared, tuple(summaries), len(asked) - len(compared))


def read_questions(path: Path | None = None) -> list[Asked]:
    """Return the rows of a table, or of the sample that comes with gigaplan, and what each asks."""
    return [_asked(row) for row in read(path)]


def read(path: Path | None = None) -> list[dict[str, str]]:
    """Return the rows of a table, or of the sample that comes with gigaplan; PlanError if it can't be read."""
    source = path or Path(str(files("gigaplan.validation") / "data" / SAMPLE))
    columns, rows = read_table(source)
    if missing := sorted(set(NEEDED) - set(columns)):
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
    return rows


def answer_all(
    asked: Sequence[Asked], *, honest: bool, new_hardware: bool = False, using: Constants | None = None
) -> list[Answer]:
    """Return our answers; ``honest`` ones come from constants that never saw the row's GPU generation and model, with
    ``new_hardware`` from those that never saw the generation at all. All come from ``using`` if it is given."""
    index = [k for k, a in enumerate(asked) if a.question is not None]
    questions = [a.question for a in asked if a.question is not None]
    ttft, tpot = _times(questions, honest=honest, new_hardware=new_hardware, using=using)
    found = [_unsupported(a.why) for a in asked]
    for k, q, t, p in zip(index, questions, ttft, tpot, strict=True):
        found[k] = _answer(q, float(t), float(p))
    return found


def _times(
    questions: Sequence[Question], *, honest: bool, new_hardware: bool, using: Constants | None
) -> tuple[Array, Array]:
    """Return both times [s], each (row,), with the constants that each row may be answered with."""
    by: dict[int, tuple[Constants, list[int]]] = {}
    for k, q in enumerate(questions):
        mine = using or (without_its_generation(q) if new_hardware else constants_for(q, honest=honest))
        by.setdefault(id(mine), (mine, []))[1].append(k)
    ttft, tpot = np.zeros(len(questions)), np.zeros(len(questions))
    for mine, index in by.values():
        ttft[index], tpot[index] = answers(groups([questions[k] for k in index]), mine, len(index))
    return ttft, tpot


def _unsupported(why: str) -> Answer:
    nan = float("nan")
    return Answer(nan, nan, nan, nan, nan, nan, nan, f"{UNSUPPORTED}: {why}")


def _answer(q: Question, ttft_s: float, tpot_s: float) -> Answer:
    if not (np.isfinite(ttft_s) and np.isfinite(tpot_s)):
        return _unsupported("the layout does not hold the model")
    validity = _validity(q)
    (first_low, first_high), (low, high) = spreads(q, extrapolated=validity != INSIDE)
    gpus = max(q.decode.count, 1) * q.decode.gpus + (max(q.prefill.count, 1) * q.prefill.gpus if q.prefill else 0)
    rate = q.concurrency * q.generated / (ttft_s + q.generated * tpot_s) / gpus
    t, p = 1e3 * ttft_s, 1e3 * tpot_s
    return Answer(t, p, rate, t * first_low, t * first_high, p * low, p * high, validity)


def _validity(q: Question) -> str:
    """Return whether constants were fitted on this GPU generation and model family, else what they were not."""
    seen = fitted_cells()
    why = []
    mine = cell(q).split(" ", 1)
    if mine[0] not in {c.split(" ", 1)[0] for c in seen}:
        why.append(f"no measured row of {mine[0]} hardware")
    if mine[1] not in {c.split(" ", 1)[1] for c in seen}:
        why.append(f"no measured row of {mine[1]}")
    if q.prefill is not None and not q.decode.stated:
        why.append("the number of workers is not stated")
    return f"{EXTRAPOLATED}: {'; '.join(why)}" if why else INSIDE


def _asked(row: Mapping[str, str]) -> Asked:
    try:
        asked = question(row)
        known(asked.system, asked.model)
    except (ValueError, ArithmeticError, LookupError) as error:  # odd cells too, whatever is odd about them
        why = str(error) if isinstance(error, UnsupportedError) else f"a cell can't be read ({error})"
        return Asked(row, None, why, _published(row, "ttft_ms"), _published(row, "tpot_ms"))
    return Asked(row, asked, "", _published(row, "ttft_ms"), _published(row, "tpot_ms"), set_aside(row))


def _published(row: Mapping[str, str], name: str) -> float:
    try:
        return float(row.get(name) or "nan")
    except ValueError:
        return float("nan")


def _row(a: Asked, f: Answer) -> Row:
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
    )


def _compared(asked: Sequence[Asked], found: Sequence[Answer]) -> tuple[Row, ...]:
    """Return the rows that have a result and an answer."""
    return tuple(
        _row(a, f)
        for a, f in zip(asked, found, strict=True)
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
