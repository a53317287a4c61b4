"""Constants of the serving model that never saw a row's own GPU generation with its own model family, for errors on
unseen rows."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np

from gigaplan.catalog.names import generation
from gigaplan.plan.names import family
from gigaplan.validation.serving.constants import NAMES, Constants, constants, shipped
from gigaplan.validation.serving.rows import Question

FOLDS, LEFT_OUT = "serving_folds.csv", "serving_left_out.csv"
WITHOUT, WITHOUT_FAMILY, WITHOUT_BOARD = "generation ", "family ", "board "
"""Begin the names of folds that leave out a whole hardware generation, model family or board."""
LeftOut = Literal["cell", "generation", "family", "board"]
"""What constants may not have seen: a row's hardware generation with its model family, or all of one of them, or
all rows of its board."""


def cell(question: Question) -> str:
    """Return the fold of a question: its GPU's generation with its model's family."""
    return f"{generation(question.system)} {family(question.model)}"


@cache
def folds() -> Mapping[str, Constants]:
    """Return the constants of each fold that come with gigaplan."""
    return read_folds(Path(str(files("gigaplan.validation") / "data" / FOLDS)))


@cache
def left_out() -> Mapping[str, Constants]:
    """Return the constants of fits without whole model families, and without rows at the edge of the measured."""
    return read_folds(Path(str(files("gigaplan.validation") / "data" / LEFT_OUT)))


def read_folds(path: Path) -> Mapping[str, Constants]:
    """Return the constants of folds in a table, by fold.

    Parameters
    ----------
    path
        The table.
    """
    by: dict[str, dict[str, float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by.setdefault(row["fold"], {})[row["constant"]] = float(row["value"])
    return {name: constants(np.log([values[n] for n in NAMES])) for name, values in by.items()}


def constants_for(question: Question, without: LeftOut | None) -> Constants:
    """Return the shipped constants, or those of a fit that never saw what they may not have seen of a question.

    Parameters
    ----------
    question
        The question of a row.
    without
        What constants may not have seen; None: anything goes.
    """
    if without is None:
        return shipped()
    if without == "family":
        return left_out().get(f"{WITHOUT_FAMILY}{family(question.model)}", shipped())
    if without == "board":
        return left_out().get(f"{WITHOUT_BOARD}{question.system}", shipped())
    name = cell(question) if without == "cell" else f"{WITHOUT}{generation(question.system)}"
    return folds().get(name, shipped())
