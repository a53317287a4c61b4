"""Predicted times of serving rows, each with its interval and how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan.accuracy import serving as accuracy
from gigaplan.accuracy.validity import INSIDE, unsupported
from gigaplan.catalog.names import generation
from gigaplan.plan.names import family
from gigaplan.validation.serving.answers import answers, groups, memory_bytes
from gigaplan.validation.serving.constants import Constants, shipped
from gigaplan.validation.serving.folds import constants_for, without_its_generation
from gigaplan.validation.serving.own_rows import model_answered
from gigaplan.validation.serving.questions import RowQuestion
from gigaplan.validation.serving.rows import Question, known
from gigaplan.vocabulary.members import Array

ANSWER_COLUMNS = (
    "ttft_ms",
    "tpot_ms",
    "output_tokens_per_s_per_gpu",
    "ttft_low",
    "ttft_high",
    "tpot_low",
    "tpot_high",
    "validity",
    "memory_gb",
    "model_answered",
    "assumed",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The prediction for a row: times with an 80 % interval, tokens per GPU, and how far to trust it."""

    ttft_ms: float
    tpot_ms: float
    output_tokens_per_s_per_gpu: float
    ttft_low: float
    ttft_high: float
    tpot_low: float
    tpot_high: float
    validity: str
    memory_gb: float = math.nan
    """Weights, keys and values on one decoding GPU [GB]."""
    model_answered: str = ""
    """The catalog's model, "" where the row's name means none."""
    assumed: str = ""
    """What stands for cells that the row leaves empty."""


def answer_all(
    row_questions: Sequence[RowQuestion],
    *,
    out_of_sample: bool,
    new_hardware: bool = False,
    using: Constants | None = None,
) -> list[Answer]:
    """Return predictions; ``out_of_sample`` ones come from constants that never saw the row's GPU generation and
    model, with
    ``new_hardware`` from those that never saw the generation at all. All come from ``using`` if it is given.

    Parameters
    ----------
    row_questions
        Rows and their questions.
    out_of_sample
        Whether constants may not have seen rows of the same GPU generation and model.
    new_hardware
        Whether they may not have seen the GPU generation at all.
    using
        Own constants, or None.
    """
    index = [k for k, a in enumerate(row_questions) if a.question is not None]
    questions = [a.question for a in row_questions if a.question is not None]
    ttft, tpot = _times(questions, out_of_sample=out_of_sample, new_hardware=new_hardware, using=using)
    memory = memory_bytes(groups(questions), using or shipped(), len(questions))
    found = [_unsupported(a.why, model_answered(a.row)) for a in row_questions]
    for k, q, t, p, m in zip(index, questions, ttft, tpot, memory, strict=True):
        found[k] = _answer(q, float(t), float(p), float(m))
    return found


def _times(
    questions: Sequence[Question], *, out_of_sample: bool, new_hardware: bool, using: Constants | None
) -> tuple[Array, Array]:
    """Return both times [s], each (row,), with the constants that each row may be answered with."""
    by: dict[int, tuple[Constants, list[int]]] = {}
    for k, q in enumerate(questions):
        fitted = using or (without_its_generation(q) if new_hardware else constants_for(q, out_of_sample=out_of_sample))
        by.setdefault(id(fitted), (fitted, []))[1].append(k)
    ttft, tpot = np.zeros(len(questions)), np.zeros(len(questions))
    for fitted, index in by.values():
        ttft[index], tpot[index] = answers(groups([questions[k] for k in index]), fitted, len(index))
    return ttft, tpot


def _unsupported(why: str, model: str) -> Answer:
    nan = float("nan")
    return Answer(nan, nan, nan, nan, nan, nan, nan, unsupported(why), model_answered=model)


def _answer(q: Question, ttft_s: float, tpot_s: float, memory_bytes: float) -> Answer:
    if not (np.isfinite(ttft_s) and np.isfinite(tpot_s) and ttft_s > 0 and tpot_s > 0):
        return _unsupported("the layout does not hold the model", q.model)
    validity = validity_of(q)
    error = intervals_of(q, validity)
    # An output of one token has no further one: nothing is decoded after the prefill that yields it.
    one_token = q.output_tokens <= 1
    decode_s = 0.0 if one_token else q.output_tokens * tpot_s
    rate = q.concurrency * q.output_tokens / (ttft_s + decode_s) / q.gpus
    t, p = 1e3 * ttft_s, math.nan if one_token else 1e3 * tpot_s
    first, each = error.ttft.of(t), error.tpot.of(p)
    if not all(math.isnan(f.value) or f.low <= f.value <= f.high < math.inf for f in (first, each)):
        return _unsupported("the models give no finite interval here", q.model)
    return Answer(
        t,
        p,
        rate,
        first.low,
        first.high,
        each.low,
        each.high,
        validity,
        memory_bytes / 1e9,
        q.model,
        "; ".join(q.guesses),
    )


def validity_of(q: Question) -> str:
    """Return whether constants were fitted on a question's GPU generation and model family."""
    return accuracy.validity(
        generation=generation(q.system),
        family=family(q.model),
        workers_stated=q.prefill is None or q.decode.stated,
        further=(*q.reasons, *_beyond_range(q)),
    )


def _beyond_range(q: Question) -> tuple[str, ...]:
    _, architecture = known(q.system, q.model)
    ratio = q.input_tokens / max(q.output_tokens, 1.0)
    return accuracy.beyond_range(input_over_output=ratio, active_parameters=architecture.active_parameters)


def intervals_of(q: Question, validity: str) -> accuracy.TimeIntervals:
    """Return the 80 % intervals of measured over predicted times of a question with a validity.

    Parameters
    ----------
    q
        The question of a row.
    validity
        How far its answer is to be trusted.
    """
    return accuracy.interval(kind=kind_of(q), extrapolated=validity != INSIDE)


def kind_of(q: Question) -> str:
    """Return the key of residuals of a question."""
    return accuracy.kind(engine=q.engine, disaggregated=q.prefill is not None, workers_stated=q.decode.stated)
