"""Refitting the training model's constants on a user's own step times, saved as an overlay of a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gigaplan.training.inputs import TrainingEfficiency
from gigaplan.validation.refit import (
    OverlayValue,
    Prior,
    Refit,
    Rows,
    distinct,
    enough,
    kinds_of,
    left_out,
    overlay_text,
    refit,
    unit_of,
    why_not_written,
)
from gigaplan.validation.training.anchors import scales_of
from gigaplan.validation.training.answers import answers, groups
from gigaplan.validation.training.constants import OWN, constants, shipped
from gigaplan.validation.training.fit import SOFT
from gigaplan.validation.training.questions import RowQuestion, layer_warnings, read_questions
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
TINY = 1e-12
"""Below any constant: what stands for one that is zero, which has no logarithm."""
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
    determined: tuple[str, ...]
    """Constants that the rows determine: only these differ from what ships, and are written."""
    ranges: Mapping[str, tuple[float, float]]
    """The middle 80 % of what the rows leave possible of each."""
    unsupported: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    """Files given twice, and models with another number of layers than theirs."""

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
        """Constants that the rows determine: shipped and refit."""
        return {k: (getattr(self.before, k), getattr(self.after, k)) for k in self.determined}

    @property
    def error_summary(self) -> str:
        """What the refit is worth: the rows, and the errors as shipped, refit, and on rows left out."""
        found = [f"{self.error_before:.1%} as shipped", f"{self.error_after:.1%} refit"]
        if self.error_left_out is not None:
            found.append(f"{self.error_left_out:.1%} on models or layouts left out")
        return f"{self.rows} rows, median error of the step: {'; '.join(found)}"

    @property
    def refusal(self) -> str:
        """Why no overlay is written unless it is forced, "" where one is."""
        return why_not_written(len(self.determined), self.error_before, self.error_left_out, self.error_left_out)

    def overlay(self, source: str) -> str:
        """Return the overlay file's text, with the constants that the rows determine.

        Parameters
        ----------
        source
            The files of the rows.
        """
        forced = f"; written with --force although {self.refusal}" if self.refusal else ""
        note = f"calibrated on {source}: {self.error_summary}{forced}"
        header = {"who": "gigaplan calibrate training", "why": "own measurements of training steps", "from": source}
        values = {k: OverlayValue(getattr(self.after, k), *self.ranges[k], unit_of(k)) for k in self.determined}
        return overlay_text(
            header, note, values, lambda constants: {"training": {"software": self.software, "efficiency": constants}}
        )


def calibrate_training(
    paths: Sequence[Path], progress: Progress | None = None, given: Mapping[str, str] | None = None
) -> TrainingCalibration:
    """Return the constants of one kind of training software refitted on measured steps, pulled to the shipped ones.

    Parameters
    ----------
    paths
        Tables of measured steps, or training logs.
    progress
        Called with (groups done, groups, what comes next); False cancels.
    given
        Values for what they leave open, by column.

    Raises
    ------
    PlanError
        If a table can't be read or lacks columns, fewer than four rows can be answered, or kinds of software are mixed.
    """
    paths, copies = distinct(paths)
    row_questions, unsupported = _measured(paths, given or {})
    place = Place(str(paths[0]))
    software = sorted({a.question.software for a in row_questions if a.question is not None})
    enough(len(row_questions), unsupported, place, "measure more layouts, batches or scales")
    if len(software) > 1:
        remedy = "give the rows of one, as tables of their own: the column 'software' says which each is of"
        raise PlanError([Problem("rows of several kinds of software", place, value=", ".join(software), remedy=remedy)])
    questions = [a.question for a in row_questions if a.question is not None]
    seconds = np.array([a.step_s for a in row_questions])
    before = shipped()[software[0]]
    fitted = _fitted(questions, seconds)
    after = _efficiency(fitted, software[0])
    own = [n for n, known in zip(OWN[software[0]], fitted.determined, strict=True) if known]
    ranges = dict(zip(OWN[software[0]], np.exp(np.stack([fitted.low, fitted.high], axis=1)).tolist(), strict=True))
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
        determined=tuple(own),
        ranges={n: tuple(ranges[n]) for n in own},
        unsupported=tuple(unsupported),
        warnings=(*copies, *layer_warnings(row_questions)),
    )


def _measured(paths: Sequence[Path], given: Mapping[str, str]) -> tuple[list[RowQuestion], list[str]]:
    """Return the rows that can be fitted, and why others can't; PlanError with every table's problems at once."""
    problems: list[Problem] = []
    rows: list[RowQuestion] = []
    for path in paths:
        try:
            rows += read_questions(path, RESULTS, given)
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    nothing = "no measured step"
    why = [a.why if a.question is None else "" if a.step_s > 0 else nothing for a in rows]
    unsupported = [f"row {k + 1}: {reason}" for k, reason in enumerate(why) if reason]
    return [a for a in rows if a.question is not None and a.fitted], unsupported


def _fitted(questions: Sequence[Question], seconds: Array) -> Refit:
    """Return logarithms of the software's constants that fit the rows."""
    software = questions[0].software
    spec = OWN[software]
    along = np.array([slower(name) for name in spec])
    prior = Prior(
        shipped=np.log([max(getattr(shipped()[software], name), TINY) for name in spec]),
        low=np.log([bounds[1] for bounds in spec.values()]) - SLOWEST * (along < 0),
        high=np.log([bounds[2] for bounds in spec.values()]) + SLOWEST * (along > 0),
        pull=PULL,
        soft=SOFT,
        along=along,
        common_pull=COMMON_PULL,
        farthest=SLOWEST,
    )
    grouped = groups(questions)

    def off(x: Array) -> Array:
        return np.log(answers(grouped, {software: constants(x, software)}, len(questions))[0] / seconds)

    return refit(off, prior)


def _efficiency(fitted: Refit, software: str) -> TrainingEfficiency:
    """Return the constants that ship, but for those that were determined."""
    pairs = zip(OWN[software], np.exp(fitted.x).tolist(), fitted.determined, strict=True)
    return replace(shipped()[software], **{name: value for name, value, known in pairs if known})


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
        apart = _efficiency(_fitted(others, seconds[fitted]), questions[0].software)
        return np.abs(_times(these, apart) / seconds[held_out] - 1)

    return left_out(kinds, off, progress)
