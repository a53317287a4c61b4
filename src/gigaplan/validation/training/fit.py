"""Fitting the training model's constants, and testing it out of sample: no row is predicted with constants that saw its
own configuration (GPU, model, precision and layout, whatever the release, the batch or the number of data ranks). Two
harder tests leave out a GPU generation with a model, and a whole GPU generation.

``python -m gigaplan.validation.training.fit TABLE TABLE ...`` renews ``calibration_training.csv`` and
``residuals_training.csv`` of the catalog and the constants of each fold; it takes some minutes.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gigaplan.accuracy import training as accuracy
from gigaplan.accuracy.training import SERVER_GPUS
from gigaplan.catalog.catalog import data_folder
from gigaplan.catalog.names import generation
from gigaplan.training.inputs import TrainingEfficiency
from gigaplan.validation.residual_facts import Source, count_fact, fact_cells, spread_fact, write_catalog_table
from gigaplan.validation.training.answers import Group, answers, groups
from gigaplan.validation.training.constants import ENTITIES, OWN, constants
from gigaplan.validation.training.folds import FOLDS, WITHOUT, board_out, cell, family, kind, part, without
from gigaplan.validation.training.questions import read_questions
from gigaplan.validation.training.rows import Question, sets_constants
from gigaplan.validation.training.sources import CLASSIC, MODERN
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import DATA
from gigaplan.vocabulary.members import Array

PULL, SOFT = 0.1, 0.1
"""Strength of the pull to where a constant starts, and the residual beyond which an error counts by its size."""
ROUNDS, FOLD_ROUNDS, BOARD_ROUNDS = 40, 6, 15
"""Most evaluations of the whole fit, and of each fold's, which starts from it; more where a whole board is left out."""
MARGIN = 1e-6
"""Of a start off its bounds, as a logarithm."""

SMALLEST_GROUP = 2
"""Groups smaller than this weigh as if they had so many rows."""


@dataclass(frozen=True, slots=True)
class Table:
    """Measured rows as the fit sees them. Shapes: row."""

    grouped: list[Group]
    seconds: Array
    """Logarithms."""
    weight: Array
    parts: NDArray[np.str_]
    """Which part of the configurations a row belongs to."""
    cells: NDArray[np.str_]
    """Which GPU generation with which model a row belongs to."""
    software: NDArray[np.str_]


def table(questions: Sequence[Question], seconds: Array) -> Table:
    """Return the rows as the fit sees them: each group of GPU, model, precision and scale weighs by its root, one on
    average over the rows of its software, so that the pull is as strong for each.

    Parameters
    ----------
    questions
        The question of each row.
    seconds
        Measured step times [s]; shape (row,).
    """
    names = [f"{q.system} {q.model} {q.precision} {q.gpus > SERVER_GPUS}" for q in questions]
    counts = Counter(names)
    weight = np.array([max(counts[n], SMALLEST_GROUP) ** -0.5 for n in names])
    software = np.array([q.software for q in questions])
    for name in np.unique(software):
        weight[software == name] /= weight[software == name].mean()
    return Table(
        groups(questions),
        np.log(seconds),
        weight,
        np.array([part(q) for q in questions]),
        np.array([cell(q) for q in questions]),
        np.array([q.software for q in questions]),
    )


def fit(rows: Table, use: NDArray[np.bool_], software: str, start: Array | None = None, rounds: int = ROUNDS) -> Array:
    """Return the logarithms of one software's constants that fit its rows in ``use`` best: soft-L1 least squares of
    logarithms of times, with a weak pull to where hardware suggests that a constant lies.

    Parameters
    ----------
    rows
        Measured rows.
    use
        Which of them to fit; shape (row,).
    software
        Kind of software whose constants are fitted.
    start
        Logarithms to start from; None: where hardware suggests that each lies.
    rounds
        Most evaluations.
    """
    from scipy.optimize import least_squares

    first, low, high = (np.log([spec[k] for spec in OWN[software].values()]) for k in (0, 1, 2))
    use = use & (rows.software == software)
    held = [g for g in rows.grouped if use[g.index].any()]

    def residual(x: Array) -> Array:
        time, _ = answers(held, {software: constants(x, software)}, len(rows.seconds))
        off = np.log(time[use]) - rows.seconds[use]
        return np.concatenate([rows.weight[use] * off, PULL * (x - first)])

    begin = np.clip(first if start is None else start, low + MARGIN, high - MARGIN)
    return np.asarray(
        least_squares(residual, begin, bounds=(low, high), loss="soft_l1", f_scale=SOFT, max_nfev=rounds).x
    )


def cross_validate(
    rows: Table, names: NDArray[np.str_], whole: Mapping[str, Array], rounds: int = FOLD_ROUNDS
) -> dict[str, TrainingEfficiency]:
    """Return the constants of each fold that ``names`` the rows' are in, fitted on all rows of its software but its
    own.

    Parameters
    ----------
    rows
        Measured rows.
    names
        Fold of each row, "" where it is left out of none; shape (row,).
    whole
        Logarithms of constants of the whole fit, by software.
    rounds
        Most evaluations of each fit.
    """
    found = {}
    for name in (n for n in np.unique(names) if n):
        software = str(rows.software[names == name][0])
        found[str(name)] = constants(fit(rows, names != name, software, whole[software], rounds), software)
    return found


def leave_out_generations(rows: Table, generations: NDArray[np.str_]) -> dict[str, TrainingEfficiency]:
    """Return the constants fitted without each generation whose software has rows on another one; from the same start
    as the whole fit, so that what other generations can't determine stays there.

    Parameters
    ----------
    rows
        Measured rows.
    generations
        Hardware generation of each row; shape (row,).
    """
    found = {}
    for name in np.unique(generations):
        software = str(rows.software[generations == name][0])
        rest = generations != name
        if (rest & (rows.software == software)).any():
            found[f"{WITHOUT} {name}"] = constants(fit(rows, rest, software), software)
    return found


def main(paths: Sequence[Path]) -> None:
    """Fit on whole tables and write what the package ships."""
    rows_to_fit = [
        a
        for p in paths
        for a in read_questions(p)
        if a.question is not None and a.fitted and sets_constants(a.row, a.question)
    ]
    questions = [a.question for a in rows_to_fit if a.question is not None]
    seconds = np.array([a.step_s for a in rows_to_fit])
    rows = table(questions, seconds)
    everything = np.ones(len(rows_to_fit), dtype=bool)
    whole = {s: fit(rows, everything, s) for s in OWN if (rows.software == s).any()}
    write_facts(whole, rows)
    apart = cross_validate(rows, rows.parts, whole)
    models = cross_validate(rows, rows.cells, whole)
    generations = np.array([generation(q.system) for q in questions])
    folds_without = leave_out_generations(rows, generations)
    modern = rows.software == MODERN
    boards = np.array([board_out(q) if m else "" for q, m in zip(questions, modern.tolist(), strict=True)])
    folds_boards = cross_validate(rows, boards, whole, BOARD_ROUNDS)
    write_folds({**apart, **models, **folds_without, **folds_boards}, rows)
    write_residuals(questions, rows, {**apart, **folds_without, **folds_boards})


def write_folds(apart: Mapping[str, TrainingEfficiency], rows: Table) -> None:
    """Write the constants of each fold.

    Parameters
    ----------
    apart
        Constants by fold.
    rows
        The rows that folds were made of.
    """
    names = [*rows.cells.tolist(), *rows.parts.tolist()]
    software = dict(zip(names, [*rows.software.tolist(), *rows.software.tolist()], strict=True))
    with whole_file(_data() / FOLDS, DATA) as work, work.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["fold", "software", "constant", "value"])
        for name, e in apart.items():
            own = software.get(name, MODERN)
            writer.writerows([name, own, n, f"{getattr(e, n):.6g}"] for n in OWN[own])


def write_residuals(questions: Sequence[Question], rows: Table, apart: Mapping[str, TrainingEfficiency]) -> None:
    """Write measured over predicted of each kind of row, and what was fitted, as facts of the catalog.

    Rows are predicted by constants that never saw their configuration and, for what has not been measured, by constants
    that never saw their GPU generation.

    Parameters
    ----------
    questions
        The question of each row.
    rows
        The rows.
    apart
        Constants by fold.
    """
    kinds = np.array([kind(q) for q in questions])
    new = np.array([without(q) for q in questions])
    facts = []
    board = np.array([board_out(q) for q in questions])
    for quantity, names, note in (
        (accuracy.STEP, rows.parts, NOTE),
        (accuracy.STEP_NEW_GENERATION, new, NOTE_NEW),
        (accuracy.STEP_NEW_BOARD, board, NOTE_BOARD),
    ):
        off = _off(questions, rows, names, apart)
        for name in np.unique(kinds):
            some = off[(kinds == name) & np.isfinite(off)]
            entity, source = f"{accuracy.RESIDUALS}.{name}", _source(name)
            if some.size and quantity == accuracy.STEP:
                facts.append(count_fact(entity, some.size, source, note))
            if some.size:
                facts.append(spread_fact(entity, quantity, some, source, note))
    counted = Counter((generation(q.system), q.precision, kind(q)) for q in questions)
    systems = Counter(q.system.partition("@")[0] for q in questions)
    for name, count in sorted(systems.items()):
        facts.append(count_fact(f"{accuracy.BOARDS}.{name}", count, _source(accuracy.RESIDUALS), FITTED))
    families = Counter(family(q) for q in questions if family(q) != accuracy.PLAIN_GPT)
    for key, count in sorted(counted.items()):
        facts.append(count_fact(".".join((accuracy.ROWS, *key)), count, _source(key[-1]), FITTED))
    for name, count in sorted(families.items()):
        facts.append(count_fact(f"{accuracy.MODELS}.{name}", count, SOURCES[MODERN], FITTED))
    write_catalog_table("residuals_training.csv", facts)


def _source(kind: str) -> Source:
    return SOURCES[CLASSIC if kind.startswith(CLASSIC) else MODERN]


def _off(
    questions: Sequence[Question], rows: Table, names: NDArray[np.str_], apart: Mapping[str, TrainingEfficiency]
) -> Array:
    """Return the logarithms of published over predicted, each by its own fold's constants; nan without a fold."""
    off = np.full(len(questions), np.nan)
    for name in np.unique(names):
        if name in apart:
            own = (names == name) & (rows.software == (MODERN if name.startswith(WITHOUT) else rows.software))
            held = [g for g in rows.grouped if own[g.index].any()]
            time, _ = answers(held, dict.fromkeys(OWN, apart[name]), len(questions))
            off[own] = rows.seconds[own] - np.log(time[own])
    return off


def write_facts(whole: Mapping[str, Array], rows: Table) -> None:
    """Write the fitted constants as facts of the catalog; those that are no result of the fit stay as they are.

    Parameters
    ----------
    whole
        Logarithms of constants by software.
    rows
        The rows that they were fitted on.
    """
    path = data_folder() / "calibration_training.csv"
    table_rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    for software, x in whole.items():
        own = rows.software == software
        held = [g for g in rows.grouped if g.first.software == software]
        time, _ = answers(held, {software: constants(x, software)}, len(rows.seconds))
        left = np.median(np.abs(np.expm1(np.log(time[own]) - rows.seconds[own])))
        note = (
            f"fitted with the other constants of this software on {int(own.sum())} published step times; median error "
            f"left {left:.1%} in sample; errors out of sample are those of folds (docs/accuracy.md)"
        )
        for name, value in zip(OWN[software], np.exp(x).tolist(), strict=True):
            fact = next(r for r in table_rows if r["id"] == f"{ENTITIES[software]}.{name}")
            fact.update(fact_cells(ENTITIES[software], name, SOURCES[software], note) | {"unit": fact["unit"]})
            fact["value"] = f"{value:.4g}"
    write_catalog_table(path.name, table_rows)


SOURCES = {
    MODERN: Source(
        "gigaplan's fit on NVIDIA Megatron-Bridge, MLPerf Training and SimuMax rows",
        "https://github.com/NVIDIA-NeMo/Megatron-Bridge",
        "2026-11-24",
    ),
    CLASSIC: Source(
        "gigaplan's fit on measured rows of vTrain (Bang et al. 2024)",
        "https://github.com/VIA-Research/vTrain",
        "2026-11-24",
    ),
}
NOTE = "each row predicted by constants fitted without its own configuration (docs/accuracy.md)"
NOTE_NEW = "each row predicted by constants fitted without its hardware generation (docs/accuracy.md)"
NOTE_BOARD = "each row predicted by constants fitted without its board (docs/accuracy.md)"
FITTED = "rows that the training constants were fitted on"


def _data() -> Path:
    return Path(str(files("gigaplan.validation"))) / "data"


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:]])
