"""Refitting the training model's constants on a user's own step times, saved as an overlay of a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gigaplan.training.inputs import TrainingEfficiency
from gigaplan.validation.refit import Rows, enough, kinds_of, left_out, overlay_text, pulled
from gigaplan.validation.training.anchors import scales_of
from gigaplan.validation.training.answers import answers, groups
from gigaplan.validation.training.constants import OWN, constants, shipped
from gigaplan.validation.training.fit import SOFT
from gigaplan.validation.training.questions import RowQuestion, read_questions
from gigaplan.validation.training.rows import Question
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.show import Brief, BriefRows, error_text

RESULTS = (("tokens_per_s_per_gpu",), ("metric", "value"))
"""Columns that hold a measured speed: one of these."""
COMMON_PULL, SLOWEST = 0.05, 0.8
"""A cluster that is slower is so in everything until its rows say otherwise: one factor for all that takes time moves
almost freely, and each constant about it. It may be slower than any that the shipped constants were bounded by, up to
the second number (a logarithm)."""
SPEEDS = ("gemm_share", "attention_share", "link_share", "scaleout_share", "exchange_share")
"""Words in the names of shares of the hardware's speed."""
PULL = 0.3
"""Chosen on seven published tables, each refit from constants that never saw its GPU generation: errors on models
left out are flat from 0.15 to 0.5 and larger from 1 on."""


@dataclass(frozen=True, slots=True, repr=False)
class TrainingCalibration(Brief):
    """Constants of a kind of training software before and after, and the errors that go with them."""

    software: str
    rows: int
    before: TrainingEfficiency
    after: TrainingEfficiency
    error_before: float
    """Median absolute errors, as shares."""
    error_after: float
    """On the rows that were fitted."""
    error_left_out: float | None
    """On rows of a model, or a layout, that were left out in turn; None with fewer than three of them."""
    anchors: int
    """Layouts measured at two scales or more: ``predict training --anchor`` follows those more closely than any refit.
    """
    unsupported: tuple[str, ...]

    def brief_title(self) -> str:
        """Return what is calibrated on what."""
        return f"Calibration of {self.software} training software on {self.rows} rows"

    def brief_rows(self) -> BriefRows:
        """Return the median errors before and after, and the constants that changed most."""
        yield "as shipped", error_text(self.error_before)
        yield "refit, on the same rows", error_text(self.error_after)
        yield "refit, on models or layouts left out", error_text(self.error_left_out)
        for name, (before, after) in sorted(self.changed.items(), key=lambda c: -abs(math.log(c[1][1] / c[1][0]))):
            yield name, f"{before:.4g} → {after:.4g}"

    @property
    def changed(self) -> Mapping[str, tuple[float, float]]:
        """Constants that the fit may move: shipped and refit."""
        return {k: (getattr(self.before, k), getattr(self.after, k)) for k in OWN[self.software]}

    def overlay(self, source: str) -> str:
        """Return the overlay file's text."""
        held = self.error_after if self.error_left_out is None else self.error_left_out
        where = "in sample" if self.error_left_out is None else "on rows left out"
        note = f"refit on {self.rows} measured steps; median error of the step {held:.1%} {where}"
        header = {"who": "gigaplan calibrate training", "why": "own measurements of training steps", "from": source}
        values = {k: f"{after:.5g}{' s' * k.endswith('_s')}" for k, (_, after) in self.changed.items()}
        values = {k: f"{v} 1/year" if k.endswith("_per_year") else v for k, v in values.items()}
        return overlay_text(
            header, note, values, lambda constants: {"training": {"software": self.software, "efficiency": constants}}
        )


def calibrate_training(paths: Sequence[Path], progress: Progress | None = None) -> TrainingCalibration:
    """Return the constants of one kind of training software refitted on measured steps, pulled to the shipped ones.

    Parameters
    ----------
    paths
        Tables of measured steps.
    progress
        Called with (groups done, groups, what comes next); False cancels.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns, fewer than four rows can be answered, or kinds of software are mixed.
    """
    row_questions, unsupported = _measured(paths)
    place = Place(str(paths[0]))
    software = sorted({a.question.software for a in row_questions if a.question is not None})
    enough(len(row_questions), unsupported, place, "measure more layouts, batches or scales")
    if len(software) > 1:
        remedy = "give the rows of one, as tables of their own: the column 'software' says which each is of"
        raise PlanError([Problem("rows of several kinds of software", place, value=", ".join(software), remedy=remedy)])
    questions = [a.question for a in row_questions if a.question is not None]
    seconds = np.array([a.step_s for a in row_questions])
    before = shipped()[software[0]]
    after = _fitted(questions, seconds)
    found = _left_out(questions, seconds, progress)
    return TrainingCalibration(
        software=software[0],
        rows=len(questions),
        before=before,
        after=after,
        error_before=_error(questions, seconds, before),
        error_after=_error(questions, seconds, after),
        error_left_out=None if found is None else float(np.median(found)),
        anchors=scales_of(row_questions),
        unsupported=tuple(unsupported),
    )


def _measured(paths: Sequence[Path]) -> tuple[list[RowQuestion], list[str]]:
    """Return the rows that can be fitted, and why others can't; PlanError with every table's problems at once."""
    problems: list[Problem] = []
    rows: list[RowQuestion] = []
    for path in paths:
        try:
            rows += read_questions(path, needed=RESULTS)
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    nothing = "no measured step"
    why = [a.why if a.question is None else "" if a.step_s > 0 else nothing for a in rows]
    unsupported = [f"row {k + 1}: {reason}" for k, reason in enumerate(why) if reason]
    return [a for a in rows if a.question is not None and a.fitted], unsupported


def _fitted(questions: Sequence[Question], seconds: Array) -> TrainingEfficiency:
    software = questions[0].software
    spec = OWN[software]
    before = shipped()[software]
    along = np.array([slower(name) for name in spec])
    low = np.log([bounds[1] for bounds in spec.values()]) - SLOWEST * (along < 0)
    high = np.log([bounds[2] for bounds in spec.values()]) + SLOWEST * (along > 0)
    grouped = groups(questions)

    def moved(x: Array) -> Array:
        return np.asarray(np.clip(x[:-1] + x[-1] * along, low, high))

    def off(x: Array) -> Array:
        return np.log(answers(grouped, {software: constants(moved(x), software)}, len(questions))[0] / seconds)

    begin = np.log([max(getattr(before, name), 1e-12) for name in spec])
    wide = np.append(low, -SLOWEST), np.append(high, SLOWEST)
    pull = np.append(np.full(len(spec), PULL), COMMON_PULL)
    return constants(moved(pulled(off, np.append(begin, 0.0), wide, pull=pull, soft=SOFT)), software)


def slower(name: str) -> float:
    """Return how a constant moves where everything takes longer by one: times and passes up, shares of speed down."""
    if name.endswith("_s") or "passes" in name or "traffic" in name:
        return 1.0
    return -1.0 if any(word in name for word in SPEEDS) else 0.0


def _times(questions: Sequence[Question], efficiency: TrainingEfficiency) -> Array:
    return answers(groups(questions), {questions[0].software: efficiency}, len(questions))[0]


def _error(questions: Sequence[Question], seconds: Array, efficiency: TrainingEfficiency) -> float:
    return float(np.median(np.abs(_times(questions, efficiency) / seconds - 1)))


def _left_out(questions: Sequence[Question], seconds: Array, progress: Progress | None) -> Array | None:
    """Return the errors of each model, or of each layout, with constants that were fitted on the others."""
    kinds = kinds_of(
        [f"{q.system} {q.model} {q.precision}" for q in questions],
        [f"{q.tensor} {q.pipeline} {q.context} {q.expert} {q.chunks} {q.micro_batch} {q.recompute}" for q in questions],
        [f"{q.gpus} {q.micro_batches}" for q in questions],
    )

    def off(fitted: Rows, held_out: Rows) -> Array:
        others, these = ([q for q, m in zip(questions, rows, strict=True) if m] for rows in (fitted, held_out))
        return np.abs(_times(these, _fitted(others, seconds[fitted])) / seconds[held_out] - 1)

    return left_out(kinds, off, progress)
