"""Predicted step times of training rows, each with its interval and how far to trust it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy import training as accuracy
from gigaplan.accuracy.validity import INSIDE, unsupported
from gigaplan.catalog.names import generation
from gigaplan.plan.resolve import training_constants
from gigaplan.training.inputs import TrainingEfficiency
from gigaplan.training.step import model_flops_per_token
from gigaplan.validation.training.answers import answers, groups
from gigaplan.validation.training.fits import shortage
from gigaplan.validation.training.folds import constants_for, family, kind
from gigaplan.validation.training.names import known
from gigaplan.validation.training.own_rows import model_answered
from gigaplan.validation.training.questions import RowQuestion
from gigaplan.validation.training.rows import Question
from gigaplan.validation.training.sources import MODERN
from gigaplan.vocabulary.members import Array

ANSWER_COLUMNS = (
    "step_time_ms",
    "tokens_per_s_per_gpu",
    "model_tflops_per_gpu",
    "low",
    "high",
    "memory_gb",
    "validity",
    "model_answered",
    "assumed",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The prediction for a row: the step [ms] with an 80 % interval, speed, memory, and how far to trust it."""

    step_time_ms: float
    tokens_per_s_per_gpu: float
    model_tflops_per_gpu: float
    low: float
    high: float
    memory_gb: float
    validity: str
    model_answered: str = ""
    """The catalog's model, with its number of layers behind a ``+`` where the row states another, or ``gpt`` and a
    plain GPT's shape; "" where the row's name means none."""
    assumed: str = ""
    """What stands for cells that the row leaves empty."""


def own_constants(overlays: Sequence[str | Path]) -> Mapping[str, TrainingEfficiency]:
    """Return the constants that overlays hold, by software; PlanError with all that is wrong with them."""
    if not overlays:
        return {}
    found = training_constants(catalog.load(), overlays)
    return {found.software: found.efficiency}


def answer_all(
    row_questions: Sequence[RowQuestion], *, out_of_sample: bool, using: Mapping[str, TrainingEfficiency] | None = None
) -> list[Answer]:
    """Return predictions; ``out_of_sample`` ones come from constants that never saw the row's configuration.

    ``using`` are constants of one's own by software, taken before any.

    Parameters
    ----------
    row_questions
        Rows and their questions.
    out_of_sample
        Whether constants may not have seen the row's configuration.
    using
        Own constants by software.
    """
    own = using or {}
    index = [k for k, a in enumerate(row_questions) if a.question is not None]
    questions = [a.question for a in row_questions if a.question is not None]
    time, memory = times_of(
        questions, [own.get(q.software) or constants_for(q, out_of_sample=out_of_sample) for q in questions]
    )
    found = [_unsupported(a.why, model_answered(a.row)) for a in row_questions]
    for k, q, t, m in zip(index, questions, time, memory, strict=True):
        found[k] = _answer(q, float(t), float(m))
    return found


def times_of(questions: Sequence[Question], with_: Sequence[TrainingEfficiency]) -> tuple[Array, Array]:
    """Return step times [s] and memory [byte], each (row,), with the constants that each row may be answered with.

    Parameters
    ----------
    questions
        The question of each row.
    with_
        Constants of each row.
    """
    by: dict[TrainingEfficiency, list[int]] = defaultdict(list)
    for k, e in enumerate(with_):
        by[e].append(k)
    time, memory = np.zeros(len(questions)), np.zeros(len(questions))
    for e, index in by.items():
        some = [questions[k] for k in index]
        time[index], memory[index] = answers(groups(some), {q.software: e for q in some}, len(some))
    return time, memory


def _unsupported(why: str, model: str) -> Answer:
    nan = float("nan")
    return Answer(nan, nan, nan, nan, nan, nan, unsupported(why), model)


def _answer(q: Question, time_s: float, memory: float) -> Answer:
    _, model = known(q.system, q.model)
    lack = shortage(q, memory) if q.by_user else ""
    if lack and not q.ran:
        return _unsupported(lack, q.model)
    validity = validity_of(q, [f"it was measured, and yet {lack}"] if lack else [])
    step_ms = accuracy.interval(kind=kind(q), extrapolated=validity != INSIDE).of(1e3 * time_s)
    if not 0 < step_ms.low <= step_ms.value <= step_ms.high < math.inf:
        return _unsupported("the models give no finite interval here", q.model)
    speed = q.tokens / time_s / q.gpus
    return Answer(
        step_ms.value,
        speed,
        speed * model_flops_per_token(model, q.sequence) / 1e12,
        step_ms.low,
        step_ms.high,
        memory / 1e9,
        validity,
        q.model,
        "; ".join((*q.guesses, *q.assumed)),
    )


def validity_of(q: Question, further: Sequence[str] = ()) -> str:
    """Return whether constants were fitted on this GPU generation and kind of model, else what they were not.

    Parameters
    ----------
    q
        The question of a row.
    further
        Other reasons against the answer.
    """
    return accuracy.validity(
        generation=generation(q.system),
        precision=q.precision,
        kind=kind(q),
        family=family(q),
        modern=q.software == MODERN,
        board=q.system,
        guesses=(*q.guesses, *further),
    )
