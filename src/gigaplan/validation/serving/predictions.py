"""Predicted times of serving rows, each with its interval and how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gigaplan.accuracy import levels
from gigaplan.accuracy import serving as accuracy
from gigaplan.accuracy.validity import unsupported
from gigaplan.catalog.names import generation
from gigaplan.plan.names import family
from gigaplan.validation.serving.answers import answers, groups, memory_bytes, shares
from gigaplan.validation.serving.constants import Constants, shipped
from gigaplan.validation.serving.folds import LeftOut, constants_for
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
    "output_low",
    "output_high",
    "validity",
    "memory_gb",
    "model_answered",
    "assumed",
)


UNSEEN: Mapping[str, str] = {
    "generation": accuracy.NEW_GENERATION,
    "family": accuracy.NEW_FAMILY,
    "board": accuracy.NEW_BOARD,
}
"""The reason that holds for what constants never saw whole."""


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
    output_low: float
    output_high: float
    """Of output tokens per second and GPU, from the error of whole requests: narrower than that of the time per token
    where prompts take most of it."""
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
    left_out: LeftOut = "cell",
    using: Constants | None = None,
) -> list[Answer]:
    """Return predictions; ``out_of_sample`` ones come from constants that never saw what is left out of the row's GPU
    generation and model, and what they never saw whole counts as not measured. All come from ``using`` if it is given.

    Parameters
    ----------
    row_questions
        Rows and their questions.
    out_of_sample
        Whether constants may not have seen rows of the same GPU generation and model.
    left_out
        Whether they may not have seen the two together, the GPU generation at all, or the model at all.
    using
        Own constants, or None.
    """
    index = [k for k, a in enumerate(row_questions) if a.question is not None]
    questions = [a.question for a in row_questions if a.question is not None]
    without = left_out if out_of_sample else None
    found_times = times(questions, using=using, without=without)
    memory = memory_bytes(groups(questions), using or shipped(), len(questions))
    found = [_unsupported(a.why, model_answered(a.row)) for a in row_questions]
    for k, q, m, *of in zip(index, questions, memory, *found_times, strict=True):
        # Constants of one's own hold their level; what never saw a cell knows none.
        level = levels.NONE if out_of_sample or using is not None else level_of(q)
        found[k] = _answer(q, _Times(*map(float, of)), float(m), reach_of(q, without, level), level)
    return found


@dataclass(frozen=True, slots=True)
class _Times:
    """Times of one row, and what its time per token is made of."""

    ttft_s: float
    tpot_s: float
    reading: float
    """Share of the time per token in which others' prompts are read [share]."""
    launches: float
    """Share of it that launches and the host take [share]."""


def times(questions: Sequence[Question], *, using: Constants | None = None, without: LeftOut | None = None) -> Array:
    """Return both times [s] and both shares, shape (4, row), with the constants that each row may be answered with.

    Parameters
    ----------
    questions
        The questions of rows.
    using
        Own constants, or None.
    without
        What constants may not have seen; None: anything goes.
    """
    by: dict[int, tuple[Constants, list[int]]] = {}
    for k, q in enumerate(questions):
        fitted = using or constants_for(q, without)
        by.setdefault(id(fitted), (fitted, []))[1].append(k)
    found = np.zeros((4, len(questions)))
    for fitted, index in by.values():
        grouped = groups([questions[k] for k in index])
        ttft, tpot = answers(grouped, fitted, len(index))
        of = shares(grouped, fitted, tpot)
        found[:, index] = ttft, tpot, of.reading, of.launches
    return found


def _unsupported(why: str, model: str) -> Answer:
    nan = float("nan")
    return Answer(nan, nan, nan, nan, nan, nan, nan, nan, nan, unsupported(why), model_answered=model)


def _answer(q: Question, times: _Times, memory_bytes: float, reach: accuracy.Reach, level: levels.Level) -> Answer:
    ttft_s, tpot_s = times.ttft_s * level.ttft, times.tpot_s * level.tpot
    if not (np.isfinite(ttft_s) and np.isfinite(tpot_s) and ttft_s > 0 and tpot_s > 0):
        return _unsupported("the layout does not hold the model", q.model)
    # An output of one token has no further one: nothing is decoded after the prefill that yields it.
    one_token = q.output_tokens <= 1
    decode_s = 0.0 if one_token else q.output_tokens * tpot_s
    error = accuracy.interval(
        kind=kind_of(q),
        reach=reach,
        reading_share=times.reading,
        decode_share=decode_s / (ttft_s + decode_s),
        launch_share=times.launches,
        level=level,
    )
    rate = error.latency.inverse().of(q.concurrency * q.output_tokens / (ttft_s + decode_s) / q.gpus)
    first, each = error.ttft.of(1e3 * ttft_s), error.tpot.of(math.nan if one_token else 1e3 * tpot_s)
    if not all(math.isnan(f.value) or f.low <= f.value <= f.high < math.inf for f in (first, each)):
        return _unsupported("the models give no finite interval here", q.model)
    return Answer(
        first.value,
        each.value,
        rate.value,
        first.low,
        first.high,
        each.low,
        each.high,
        rate.low,
        rate.high,
        reach.validity,
        memory_bytes / 1e9,
        q.model,
        "; ".join([*q.guesses, *([words] if (words := level_words(q, level)) else [])]),
    )


def level_of(q: Question) -> levels.Level:
    """Return the level of a question's cell; none where prompts are read apart, whose levels narrow nothing.

    Parameters
    ----------
    q
        The question of a row.
    """
    if q.prefill is not None:
        return levels.NONE
    return levels.level_of(
        system=q.system,
        generation=generation(q.system),
        family=family(q.model),
        engine=q.engine,
        precision=q.precision,
        speculative=q.speculative,
        release=q.release,
    )


def level_words(q: Question, level: levels.Level) -> str:
    """Return what stands for a release that isn't stated or wasn't measured, "" where it was.

    Parameters
    ----------
    q
        The question of a row.
    level
        Its level.
    """
    if level.known == "any":
        return f"engine_version not stated: mean of the measured releases of {q.engine}"
    return f"{q.engine} {q.release} is not measured here: other releases stand for it" if level.known == "other" else ""


def reach_of(q: Question, without: LeftOut | None = None, level: levels.Level = levels.NONE) -> accuracy.Reach:
    """Return how far a question lies beyond the rows that the constants were fitted on.

    Parameters
    ----------
    q
        The question of a row.
    without
        What constants did not see; a whole generation, board or family of it counts as not measured.
    level
        The level of its cell: where that was measured, hardware and model are.
    """
    _, architecture = known(q.system, q.model)
    found = accuracy.reach(
        generation=generation(q.system),
        family=family(q.model),
        active_parameters=architecture.active_parameters,
        input_over_output=q.input_tokens / max(q.output_tokens, 1.0),
        engine=q.engine,
        # Where prompts are read apart, tables state the release of what couples the workers.
        release=q.release if q.prefill is None else "",
        workers_stated=q.prefill is None or q.decode.stated,
        board=q.system,
        level=level,
        further=(
            *q.reasons,
            *levels.unmeasured_drafts(family=family(q.model), engine=q.engine, speculative=q.speculative),
        ),
    )
    unseen = UNSEEN.get(without or "")
    return replace(found, reasons=found.reasons | {unseen}) if unseen else found


def kind_of(q: Question) -> str:
    """Return the key of residuals of a question."""
    experts = known(q.system, q.model)[1].experts > 0
    apart = q.prefill is not None
    return accuracy.kind(
        engine=q.engine,
        experts=experts,
        disaggregated=apart,
        workers_stated=q.decode.stated,
        drafts=q.speculative,
    )
