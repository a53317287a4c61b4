"""Refitting an engine's constants on a user's own measurements, saved as an overlay of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gigaplan.inference.inputs import Engine
from gigaplan.validation.cells import Cells, why_unreadable
from gigaplan.validation.formats.reports import Row
from gigaplan.validation.refit import Rows, enough, kinds_of, left_out, overlay_text, pulled
from gigaplan.validation.serving.answers import answers, groups
from gigaplan.validation.serving.constants import OF_ENGINES, Constants, shipped
from gigaplan.validation.serving.fit import SOFT, TTFT_WEIGHT
from gigaplan.validation.serving.measured import load_warnings, read_measured
from gigaplan.validation.serving.questions import question
from gigaplan.validation.serving.rows import Question
from gigaplan.vocabulary.errors import Place, PlanError, Problem, UnsupportedError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief, BriefRows, error_text

PULL = 0.5
TINY = 1e-12
"""Below any constant: what a change of one that is zero is compared with."""


@dataclass(frozen=True, slots=True, repr=False)
class Errors(Brief):
    """Median absolute errors, as shares."""

    ttft: float
    tpot: float

    def brief_line(self) -> str:
        """Return both errors."""
        return f"time per token {error_text(self.tpot)}, first token {error_text(self.ttft)}"


@dataclass(frozen=True, slots=True, repr=False)
class Calibration(Brief):
    """An engine's constants before and after, and the errors that go with them."""

    engine: str
    rows: int
    before: Engine
    after: Engine
    error_before: Errors
    error_after: Errors
    """On the rows that were fitted."""
    error_left_out: Errors | None
    """On rows of a model and layout that were left out in turn; None with fewer than three of them."""
    unsupported: tuple[str, ...]
    warnings: tuple[str, ...]
    """Loads that don't agree with their stated caps."""

    def brief_title(self) -> str:
        """Return what is calibrated on what."""
        return f"Calibration of {self.engine} on {self.rows} rows"

    def brief_rows(self) -> BriefRows:
        """Return the median errors before and after, and the constants that changed most."""
        yield "as shipped", self.error_before.brief_line()
        yield "refit, on the same rows", self.error_after.brief_line()
        if self.error_left_out is not None:
            yield "refit, on layouts left out", self.error_left_out.brief_line()
        pairs = {name: (getattr(self.before, name), getattr(self.after, name)) for name in OF_ENGINES}
        moved = [n for n, (a, b) in pairs.items() if a != b]
        for name in sorted(moved, key=lambda n: -abs(pairs[n][1] - pairs[n][0]) / max(abs(pairs[n][0]), TINY)):
            yield name, " → ".join(f"{value:.4g}" for value in pairs[name])

    def overlay(self, source: str) -> str:
        """Return the overlay file's text."""
        changed = {name: f"{getattr(self.after, name):.4g}{' s' * name.endswith('_s')}" for name in OF_ENGINES}
        held = self.error_left_out or self.error_after
        errors = f"time per token {held.tpot:.1%}, first token {held.ttft:.1%}"
        note = f"refit on {self.rows} measured rows; median error of {errors}"
        header = {"who": "gigaplan calibrate serving", "why": f"own measurements of {self.engine}", "from": source}
        return overlay_text(
            header,
            note,
            changed,
            lambda constants: {"demand": {"software": {"engine": self.engine}, "engine": constants}},
        )


def calibrate_serving(paths: Sequence[Path], given: Mapping[str, str]) -> Calibration:
    """Return an engine's constants refitted on measured rows; constants of hardware stay as they ship.

    Parameters
    ----------
    paths
        Tables, or result files of benchmarks.
    given
        Columns for what they leave open.

    Raises
    ------
    PlanError
        If a file can't be read, a column is missing, fewer than four rows can be answered, or engines are mixed.
    """
    rows = read_measured(paths, given)
    questions, ttft, tpot, unsupported = _questions(rows)
    place = Place(str(paths[0]))
    engines = sorted({q.engine for q in questions})
    enough(len(questions), unsupported, place, "measure more concurrencies or lengths")
    if len(engines) > 1:
        raise PlanError(
            [Problem("rows of several engines", place, value=", ".join(engines), remedy="give one engine's rows")]
        )
    start = shipped()
    after = _fitted(questions, ttft, tpot, start)
    return Calibration(
        engine=engines[0],
        rows=len(questions),
        before=start.engines[engines[0]],
        after=after.engines[engines[0]],
        error_before=_errors(questions, ttft, tpot, start),
        error_after=_errors(questions, ttft, tpot, after),
        error_left_out=_left_out(questions, ttft, tpot, start),
        unsupported=tuple(unsupported),
        warnings=load_warnings(rows),
    )


def _questions(rows: Sequence[Row]) -> tuple[list[Question], Array, Array, list[str]]:
    found: list[Question] = []
    measured: list[tuple[float, float]] = []
    unsupported: list[str] = []
    for k, row in enumerate(rows):
        try:
            row_question = question(row)
            cells = Cells(row)
            times = cells.number("ttft_ms"), cells.number("tpot_ms")
            cells.check()
        except (UnsupportedError, ValueError) as error:
            unsupported.append(f"row {k + 1}: {why_unreadable(row, error)}")
            continue
        found.append(row_question)
        measured.append(times)
    ttft, tpot = np.array(measured, dtype=float).reshape(-1, 2).T / 1e3
    return found, ttft, tpot, unsupported


def _fitted(questions: Sequence[Question], ttft: Array, tpot: Array, start: Constants) -> Constants:
    """Return constants whose engine fits the rows, pulled to where it started."""
    name = questions[0].engine
    low, high = (np.log([bounds[k] for bounds in OF_ENGINES.values()]) for k in (1, 2))
    engine = start.engines[name]
    grouped = groups(questions)

    def made(x: Array) -> Constants:
        times = dict(zip(OF_ENGINES, np.exp(x).tolist(), strict=True))
        return replace(start, engines={**start.engines, name: replace(engine, **times)})

    def off(x: Array) -> Array:
        predicted = [np.log(a) for a in answers(grouped, made(x), len(questions))]
        return np.concatenate([predicted[1] - np.log(tpot), TTFT_WEIGHT * (predicted[0] - np.log(ttft))])

    shipped_here = np.log([max(getattr(engine, q), 1e-12) for q in OF_ENGINES])
    return made(pulled(off, shipped_here, (low, high), pull=PULL, soft=SOFT))


def _errors(questions: Sequence[Question], ttft: Array, tpot: Array, constants: Constants) -> Errors:
    predicted = answers(groups(questions), constants, len(questions))
    return Errors(float(np.median(np.abs(predicted[0] / ttft - 1))), float(np.median(np.abs(predicted[1] / tpot - 1))))


def _left_out(questions: Sequence[Question], ttft: Array, tpot: Array, start: Constants) -> Errors | None:
    """Return the errors of each model and layout with constants that were fitted on the others."""
    kinds = kinds_of(
        [f"{q.system} {q.model} {q.precision} {q.decode.gpus}" for q in questions],
        [f"{q.input_tokens:.0f} {q.output_tokens:.0f} {q.concurrency:.0f}" for q in questions],
    )

    def off(fitted: Rows, held_out: Rows) -> Array:
        others, these = ([q for q, m in zip(questions, rows, strict=True) if m] for rows in (fitted, held_out))
        predicted = answers(groups(these), _fitted(others, ttft[fitted], tpot[fitted], start), len(these))
        return np.abs(np.stack([predicted[0] / ttft[held_out], predicted[1] / tpot[held_out]]) - 1)

    found = left_out(kinds, off)
    return None if found is None else Errors(*(float(v) for v in np.median(found, axis=1)))
