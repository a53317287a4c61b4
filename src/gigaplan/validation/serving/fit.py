"""Fitting the serving model's constants, and testing it out of sample: no row is predicted with constants that saw its
own GPU generation with its own model family.

``python -m gigaplan.validation.serving.fit TABLE`` renews ``calibration_serving.csv`` and ``residuals_serving.csv``
of the catalog and the constants of each fold; it takes some minutes.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gigaplan.accuracy import serving as accuracy
from gigaplan.catalog.catalog import data_folder
from gigaplan.validation.residual_facts import Source, count_fact, fact_cells, spread_fact, write_catalog_table
from gigaplan.validation.serving.answers import Group, answers, groups
from gigaplan.validation.serving.constants import (
    NAMES,
    NOT_FITTED,
    NOT_FITTED_OF_ENGINES,
    Constants,
    constants,
    start_and_bounds,
)
from gigaplan.validation.serving.folds import FOLDS, WITHOUT, cell
from gigaplan.validation.serving.predictions import kind_of
from gigaplan.validation.serving.questions import read_questions
from gigaplan.validation.serving.rows import Question
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import DATA
from gigaplan.vocabulary.members import Array

FRONT_END = (
    "first_token_s",
    "eager_launch_s",
    "queueing_factor",
    "prompt_token_s",
    "arrival_s",
    "balance_steps",
    "cold_start_s",
    "handover_s",
    "draft_overhead_s",
    "draft_hold_steps",
    "scaleout_latency_s",
)
"""Constants of an engine's front end and scheduler, for which hardware says nothing: pulled to their start less."""

APART = ("handover_s", "scaleout_latency_s", "accepted_share")
"""Constants that rows of workers apart and over several domains show: fitted on all rows, all others staying."""
TOGETHER = tuple(dict.fromkeys(p for n in NAMES if (p := n.partition("@")[0]) not in APART))
"""All others, which co-located rows show."""

PULL, PULL_OF_FRONT_END, TTFT_WEIGHT, SOFT = 1.6, 0.3, 0.45, 0.04
"""Strengths of the pull, weight of the first token's time against the time per token, and the residual beyond which an
error counts by its size instead of its square."""

NUDGE, MARGIN = 1e-3, 1e-6
"""Steps of logarithms: of a difference, and of a start off its bounds."""
ROUNDS, FOLD_ROUNDS = 60, 12
"""Most evaluations of the whole fit, and of each fold's, which starts from it."""

SMALLEST_GROUP = 4
"""Groups smaller than this weigh as if they had so many rows: a handful of odd rows must not lead."""


@dataclass(frozen=True, slots=True)
class Table:
    """Measured rows as the fit sees them. Shapes: row."""

    grouped: list[Group]
    ttft: Array
    tpot: Array
    """Logarithms of seconds."""
    weight: Array
    engine: NDArray[np.str_]
    cells: NDArray[np.str_]
    """Which fold a row belongs to."""
    fitted: NDArray[np.bool_]
    """Whether the row may set constants: co-located, with every cell stated."""


def table(questions: Sequence[Question], ttft_ms: Array, tpot_ms: Array) -> Table:
    """Return the rows as the fit sees them: each group of GPU, model, precision and engine weighs by its root.

    Parameters
    ----------
    questions
        The question of each row.
    ttft_ms
        Measured time to first token [ms]; shape (row,).
    tpot_ms
        Measured time per output token [ms]; shape (row,).
    """
    names = [f"{q.system} {q.model} {q.precision} {q.engine}" for q in questions]
    counts = Counter(names)
    weight = np.array([max(counts[n], SMALLEST_GROUP) ** -0.5 for n in names])
    fitted = np.array([q.prefill is None or q.decode.stated for q in questions])
    return Table(
        groups(questions),
        np.log(ttft_ms / 1e3),
        np.log(tpot_ms / 1e3),
        weight / weight[fitted].mean(),
        np.array([q.engine for q in questions]),
        np.array([cell(q) for q in questions]),
        fitted,
    )


@dataclass(frozen=True, slots=True)
class _Residuals:
    """Residuals of the fit and their slopes, at the logarithms of ``NAMES``."""

    rows: Table
    use: NDArray[np.bool_]
    first: Array
    high: Array
    weight: Array
    """Of each row's time per token, then of each row's time to first token."""
    pull: Array
    start: Array
    """Logarithms of all constants, of which those that aren't ``free`` stay."""
    free: NDArray[np.bool_]

    @classmethod
    def of(
        cls, rows: Table, use: NDArray[np.bool_], start: Array | None = None, only: Sequence[str] = ()
    ) -> _Residuals:
        """Return the residuals of the rows in ``use`` that may set constants; ``only`` some constants are free."""
        use = use & rows.fitted
        first, high = (np.log([start_and_bounds(n)[k] for n in NAMES]) for k in (0, 2))
        weight = np.concatenate([rows.weight[use], TTFT_WEIGHT * rows.weight[use]])
        pull = np.array([PULL_OF_FRONT_END if n.partition("@")[0] in FRONT_END else PULL for n in NAMES])
        free = np.array([not only or n.partition("@")[0] in only for n in NAMES])
        return cls(rows, use, first, high, weight, pull, first if start is None else start, free)

    def everything(self, free: Array) -> Array:
        """Return the logarithms of all constants with those of the free ones."""
        x = self.start.copy()
        x[self.free] = free
        return x

    def logarithms(self, x: Array) -> Array:
        """Return the logarithms of predicted times [s]."""
        ttft, tpot = answers(self.rows.grouped, constants(x), len(self.rows.tpot))
        return np.asarray(np.log(np.concatenate([tpot[self.use], ttft[self.use]])))

    def residual(self, free: Array) -> Array:
        """Return the weighted residuals of rows, then the pull to where each free constant starts."""
        x = self.everything(free)
        published = np.concatenate([self.rows.tpot[self.use], self.rows.ttft[self.use]])
        pull = (self.pull * (x - self.first))[self.free]
        return np.concatenate([self.weight * (self.logarithms(x) - published), pull])

    def jacobian(self, free: Array) -> Array:
        """Return slopes by differences; one constant of all engines is nudged at once, as each row has one engine."""
        x = self.everything(free)
        slopes = np.zeros((len(self.weight), len(x)))
        here = self.logarithms(x)
        engine = np.tile(self.rows.engine[self.use], 2)
        for constant in dict.fromkeys(n.partition("@")[0] for n, f in zip(NAMES, self.free, strict=True) if f):
            own = [k for k, n in enumerate(NAMES) if n.partition("@")[0] == constant]
            there = x.copy()
            there[own] += np.where(x[own] + NUDGE < self.high[own], NUDGE, -NUDGE)
            moved = self.logarithms(there) - here
            for k in own:
                of = NAMES[k].partition("@")[2]
                slopes[:, k] = np.where((engine == of) | (of == ""), moved / (there[k] - x[k]), 0.0)
        return np.vstack([self.weight[:, None] * slopes[:, self.free], np.diag(self.pull[self.free])])

    def loss(self, z: Array) -> Array:
        """Return soft-L1 for rows and squares for the pull, with both derivatives, as ``least_squares`` wants them."""
        root = np.sqrt(1 + z)
        rho = np.stack([2 * (root - 1), 1 / root, -0.5 / root**3])
        rho[:, len(self.weight) :] = np.stack([z, np.ones_like(z), np.zeros_like(z)])[:, len(self.weight) :]
        return rho


def fit(
    rows: Table,
    use: NDArray[np.bool_],
    start: Array | None = None,
    rounds: int = ROUNDS,
    only: Sequence[str] = (),
) -> Array:
    """Return the logarithms of ``NAMES`` that fit the rows in ``use`` best.

    Least squares of the logarithms of both times, soft-L1 (a few rows of another engine version don't decide), with a
    weak pull to where hardware suggests that a constant lies, for constants that the rows don't decide.

    Parameters
    ----------
    rows
        Measured rows.
    use
        Which of them to fit; shape (row,).
    start
        Logarithms to start from; None: where hardware suggests that each constant lies.
    rounds
        Most evaluations.
    only
        Constants that are fitted, all others staying where they start; none: all.
    """
    from scipy.optimize import least_squares

    low = np.log([start_and_bounds(n)[1] for n in NAMES])
    high = np.log([start_and_bounds(n)[2] for n in NAMES])
    begin = None if start is None else np.clip(start, low + MARGIN, high - MARGIN)
    of = _Residuals.of(rows, use, begin, only)
    found = least_squares(
        of.residual,
        np.clip(of.start, low + MARGIN, high - MARGIN)[of.free],
        of.jacobian,
        bounds=(low[of.free], high[of.free]),
        f_scale=SOFT,
        max_nfev=rounds,
        ftol=1e-5,
        loss=of.loss,  # type: ignore[arg-type]  # the stub asks for scipy's inner signature
    )
    return of.everything(np.asarray(found.x))


@dataclass(frozen=True, slots=True)
class Both:
    """Co-located rows, which set all constants but those of workers apart, and all rows, which set these."""

    together: Table
    everything: Table

    def fit(
        self, kept: Callable[[Table], NDArray[np.bool_]], start: Array | None = None, rounds: int = ROUNDS
    ) -> Array:
        """Return the logarithms of ``NAMES`` that fit the rows which are kept.

        Parameters
        ----------
        kept
            Which rows of a table count.
        start
            Logarithms to start from; None: where hardware suggests that each constant lies.
        rounds
            Most evaluations.
        """
        x = fit(self.together, kept(self.together), start, rounds, TOGETHER)
        return fit(self.everything, kept(self.everything), x, rounds, APART)


def cross_validate(rows: Both, start: Array, rounds: int = FOLD_ROUNDS) -> dict[str, Array]:
    """Return the constants of each fold, fitted on all rows but its own.

    Parameters
    ----------
    rows
        Measured rows.
    start
        Logarithms of ``NAMES`` to start from.
    rounds
        Most evaluations of each fit.
    """
    found = {}
    for c in np.unique(rows.together.cells):

        def kept(table: Table, left_out: str = str(c)) -> NDArray[np.bool_]:
            return np.asarray(table.cells != left_out)

        found[str(c)] = rows.fit(kept, start, rounds)
    return found


def without_generation(rows: Both, start: Array, rounds: int = FOLD_ROUNDS) -> dict[str, Array]:
    """Return the constants fitted without any row of a hardware generation, by ``generation NAME``.

    Parameters
    ----------
    rows
        Measured rows.
    start
        Logarithms of ``NAMES`` to start from.
    rounds
        Most evaluations of each fit.
    """

    def of(table: Table) -> NDArray[np.str_]:
        return np.array([c.split(" ", 1)[0] for c in table.cells])

    found = {}
    for g in np.unique(of(rows.together)):

        def kept(table: Table, left_out: str = str(g)) -> NDArray[np.bool_]:
            return np.asarray(of(table) != left_out)

        found[f"{WITHOUT}{g}"] = rows.fit(kept, start, rounds)
    return found


def main(path: Path) -> None:
    """Fit on a whole table and write what the package ships."""
    questions, everything, rows = read_rows(path)
    both = Both(rows, everything)
    whole = both.fit(lambda table: np.ones(len(table.tpot), dtype=bool))
    write_facts(whole, rows)
    here = Path(str(files("gigaplan.validation"))) / "data"
    apart = cross_validate(both, whole)
    write_folds({**apart, **without_generation(both, whole)}, here / FOLDS)
    by = {name: constants(x) for name, x in apart.items()}
    write_residuals(questions, everything, by, constants(whole))


def read_rows(path: Path) -> tuple[list[Question], Table, Table]:
    """Return the questions of a table's answerable rows, all these rows as the fit sees them, and the co-located ones.

    Parameters
    ----------
    path
        The table.
    """
    answerable = [a for a in read_questions(path) if a.tpot_ms > 0 and not a.set_aside and a.question is not None]
    questions = [a.question for a in answerable if a.question is not None]
    ttft, tpot = (np.array([getattr(a, n) for a in answerable]) for n in ("ttft_ms", "tpot_ms"))
    together = np.array([q.prefill is None for q in questions])
    co_located = table([q for q in questions if q.prefill is None], ttft[together], tpot[together])
    return questions, table(questions, ttft, tpot), co_located


def write_folds(found: Mapping[str, Array], path: Path) -> None:
    """Write the constants of folds.

    Parameters
    ----------
    found
        Logarithms of ``NAMES`` by fold.
    path
        The table to write.
    """
    with whole_file(path, DATA) as work, work.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["fold", "constant", "value"])
        for name, x in found.items():
            writer.writerows([name, n, f"{np.exp(v):.6g}"] for n, v in zip(NAMES, x, strict=True))


def write_residuals(
    questions: Sequence[Question], rows: Table, apart: Mapping[str, Constants], whole: Constants
) -> None:
    """Write measured over predicted of each kind of row, each predicted by its own fold's constants, and what was
    fitted, as facts.

    Parameters
    ----------
    questions
        The question of each row.
    rows
        The rows.
    apart
        Constants of each fold.
    whole
        Those of the fit on all rows, for rows without a fold.
    """
    output = np.array([q.output_tokens for q in questions])
    off = np.zeros((3, len(questions)))
    for name in np.unique(rows.cells):
        own = rows.cells == name
        ttft, tpot = answers(rows.grouped, apart.get(str(name), whole), len(questions))
        off[:, own] = measured_over_predicted(rows, output, ttft, tpot)[:, own]
    kinds = np.array([kind_of(q) for q in questions])
    facts = []
    engines = np.array([accuracy.of_engine(k) for k in kinds.tolist()])
    for kind in sorted({*kinds.tolist(), *engines.tolist()}):
        entity, some = f"{accuracy.RESIDUALS}.{kind}", (kinds == kind) | (engines == kind)
        facts.append(count_fact(entity, int(some.sum()), SOURCE, NOTE))
        for time, log in zip(accuracy.TIMES, off, strict=True):
            facts.append(spread_fact(entity, f"{time}_over_predicted", log[some], SOURCE, NOTE))
    counted = Counter(c for c, q in zip(rows.cells.tolist(), questions, strict=True) if q.prefill is None)
    for cell_, count in sorted(counted.items()):
        facts.append(count_fact(f"{accuracy.ROWS}.{'.'.join(cell_.split(' ', 1))}", count, SOURCE, FITTED))
    write_catalog_table("residuals_serving.csv", facts)


def measured_over_predicted(rows: Table, output_tokens: Array, ttft_s: Array, tpot_s: Array) -> Array:
    """Return logarithms of measured over predicted time to first token, time per token, and time of a whole request;
    shape (3, row).

    Parameters
    ----------
    rows
        Measured rows.
    output_tokens
        Tokens of each row's output [tokens]; shape (row,).
    ttft_s
        Predicted time to first token [s]; shape (row,).
    tpot_s
        Predicted time per output token [s]; shape (row,).
    """
    first, each = np.exp(rows.ttft), np.exp(rows.tpot)
    whole = (first + output_tokens * each) / (ttft_s + output_tokens * tpot_s)
    return np.log(np.stack([first / ttft_s, each / tpot_s, whole]))


def write_facts(x: Array, rows: Table) -> None:
    """Write the fitted constants as facts of the catalog.

    Parameters
    ----------
    x
        Logarithms of ``NAMES``.
    rows
        The rows that they were fitted on.
    """
    _, tpot = answers(rows.grouped, constants(x), len(rows.tpot))
    left = np.abs(np.expm1(np.log(tpot) - rows.tpot))[rows.fitted]
    note = (
        f"fitted with the other serving constants on {int(rows.fitted.sum())} co-located rows of all GPUs, models and "
        f"engines; median error left {np.median(left):.1%} of TPOT in sample; errors out of sample are those of folds "
        "(docs/accuracy.md)"
    )
    path = data_folder() / "calibration_serving.csv"
    kept = [
        r
        for r in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        if r["entity"].startswith(("inferencex", "nvidia_runs", accuracy.RANGE))
        or r["quantity"] in (*NOT_FITTED, *NOT_FITTED_OF_ENGINES)
    ]
    facts = []
    for name, v in zip(NAMES, np.exp(x), strict=True):
        plain, _, engine = name.partition("@")
        unit = next(u for end, u in UNITS.items() if plain.endswith(end) or end in plain)
        for entity in [engine or "serving_model"]:
            fact = fact_cells(entity, plain, SOURCE, note)
            facts.append(fact | {"value": f"{v:.4g}", "unit": unit})
    write_catalog_table(path.name, [*facts, *kept])


SOURCE = Source(
    "gigaplan's fit on SemiAnalysis InferenceX and NVIDIA rows (collected by aiconfigurator, Apache-2.0)",
    "https://github.com/ai-dynamo/aiconfigurator",
    "2026-11-24",
)
NOTE = "each row predicted by constants fitted without its own hardware generation and model family (docs/accuracy.md)"
FITTED = "co-located rows that the serving constants were fitted on"
UNITS = {"share": "share", "half_rows": "1", "factor": "1", "steps": "1", "passes": "1", "_s": "s"}
"""Units of constants by what their names hold; the first that fits counts."""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
