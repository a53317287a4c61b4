"""Refitting an engine's constants on a user's own measurements, saved as an overlay of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gigaplan.inference.inputs import Engine
from gigaplan.measurements.cells import Cells, why_unreadable
from gigaplan.measurements.reports import Row
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

    @property
    def together(self) -> float:
        """Both, weighed as the fit weighs them."""
        return (self.tpot + TTFT_WEIGHT * self.ttft) / (1 + TTFT_WEIGHT)

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
    determined: tuple[str, ...]
    """Constants that the rows determine: only these differ from what ships, and are written."""
    ranges: Mapping[str, tuple[float, float]]
    """The middle 80 % of what the rows leave possible of each."""
    unsupported: tuple[str, ...]
    warnings: tuple[str, ...]
    """Loads that don't agree with their stated caps, files given twice, and a time that the refit makes worse."""

    def brief_title(self) -> str:
        """Return what is calibrated on what."""
        return f"Calibration of {self.engine} on {self.rows} rows"

    def brief_rows(self) -> BriefRows:
        """Return the median errors before and after, and the constants that changed most."""
        yield "as shipped", self.error_before.brief_line()
        yield "refit, on the same rows", self.error_after.brief_line()
        if self.error_left_out is not None:
            yield "refit, on layouts left out", self.error_left_out.brief_line()
        pairs = {name: (getattr(self.before, name), getattr(self.after, name)) for name in self.determined}
        for name in sorted(pairs, key=lambda n: -abs(pairs[n][1] - pairs[n][0]) / max(abs(pairs[n][0]), TINY)):
            yield name, " → ".join(f"{value:.4g}" for value in pairs[name])

    @property
    def error_summary(self) -> str:
        """What the refit is worth: the rows, and the errors as shipped, refit, and on rows left out."""
        found = [f"{self.error_before.brief_line()} as shipped", f"{self.error_after.brief_line()} refit"]
        if self.error_left_out is not None:
            found.append(f"{self.error_left_out.brief_line()} on layouts left out")
        return f"{self.rows} rows, median error: {'; '.join(found)}"

    @property
    def refusal(self) -> str:
        """Why no overlay is written unless it is forced, "" where one is."""
        held = self.error_left_out
        both = (None, None) if held is None else (held.together, max(held.ttft, held.tpot))
        return why_not_written(len(self.determined), self.error_before.together, *both)

    @property
    def worse(self) -> str:
        """Which of the two times a refit that lowers their sum makes worse on rows left out, "" where none."""
        before, held = self.error_before, self.error_left_out or self.error_before
        times = {"the time per token": (before.tpot, held.tpot), "the first token": (before.ttft, held.ttft)}
        found = [f"{name} worse ({error_text(b)} to {error_text(h)})" for name, (b, h) in times.items() if h > b]
        return f"on rows left out the refit makes {found[0]} while it lowers the sum of both" if found else ""

    def overlay(self, source: str) -> str:
        """Return the overlay file's text, with the constants that the rows determine.

        Parameters
        ----------
        source
            The files of the rows.
        """
        values = {n: OverlayValue(getattr(self.after, n), *self.ranges[n], unit_of(n)) for n in self.determined}
        forced = f"; written with --force although {self.refusal}" if self.refusal else ""
        note = f"calibrated on {source}: {self.error_summary}{f'; {self.worse}' if self.worse else ''}{forced}"
        header = {"who": "gigaplan calibrate serving", "why": f"own measurements of {self.engine}", "from": source}
        return overlay_text(
            header,
            note,
            values,
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
    paths, copies = distinct(paths)
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
    fitted = _fitted(questions, ttft, tpot, start)
    after = _constants(fitted, start, engines[0])
    own = [n for n, known in zip(OF_ENGINES, fitted.determined, strict=True) if known]
    ranges = dict(zip(OF_ENGINES, np.exp(np.stack([fitted.low, fitted.high], axis=1)).tolist(), strict=True))
    found = Calibration(
        engine=engines[0],
        rows=len(questions),
        before=start.engines[engines[0]],
        after=after.engines[engines[0]],
        error_before=_errors(questions, ttft, tpot, start),
        error_after=_errors(questions, ttft, tpot, after),
        error_left_out=_left_out(questions, ttft, tpot, start),
        determined=tuple(own),
        ranges={n: tuple(ranges[n]) for n in own},
        unsupported=tuple(unsupported),
        warnings=(*copies, *load_warnings(rows)),
    )
    worse = (f"{found.worse}: measure more loads before you plan by it",) if found.worse else ()
    return replace(found, warnings=(*found.warnings, *worse))


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


def _fitted(questions: Sequence[Question], ttft: Array, tpot: Array, start: Constants) -> Refit:
    """Return logarithms of the engine's constants that fit the rows, pulled to where they started."""
    name = questions[0].engine
    low, high = (np.log([bounds[k] for bounds in OF_ENGINES.values()]) for k in (1, 2))
    begin = np.log([max(getattr(start.engines[name], q), TINY) for q in OF_ENGINES])
    grouped = groups(questions)
    everything = np.ones(len(OF_ENGINES), dtype=bool)

    def off(x: Array) -> Array:
        constants = _constants(Refit(x, everything, x, x), start, name)
        predicted = [np.log(a) for a in answers(grouped, constants, len(questions))]
        return np.concatenate([predicted[1] - np.log(tpot), TTFT_WEIGHT * (predicted[0] - np.log(ttft))])

    return refit(off, Prior(begin, low, high, pull=PULL, soft=SOFT, along=np.zeros(len(OF_ENGINES))))


def _constants(fitted: Refit, start: Constants, engine: str) -> Constants:
    """Return the constants that an engine started with, but for those that were determined."""
    pairs = zip(OF_ENGINES, np.exp(fitted.x).tolist(), fitted.determined, strict=True)
    moved = {name: value for name, value, known in pairs if known}
    return replace(start, engines={**start.engines, engine: replace(start.engines[engine], **moved)})


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
        apart = _constants(_fitted(others, ttft[fitted], tpot[fitted], start), start, questions[0].engine)
        predicted = answers(groups(these), apart, len(these))
        return np.abs(np.stack([predicted[0] / ttft[held_out], predicted[1] / tpot[held_out]]) - 1)

    found = left_out(kinds, off)
    return None if found is None else Errors(*(float(v) for v in np.median(found, axis=1)))
