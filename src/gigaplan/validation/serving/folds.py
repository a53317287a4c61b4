"""Constants of the serving model that never saw a row's own GPU generation with its own model family, for errors on
unseen rows."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from gigaplan.catalog.names import generation
from gigaplan.plan.names import family
from gigaplan.validation.serving.constants import NAMES, Constants, constants, shipped
from gigaplan.validation.serving.rows import Question

FOLDS = "serving_folds.csv"
WITHOUT = "generation "
"""Begins the names of folds that leave out a whole hardware generation."""


def cell(question: Question) -> str:
    """Return the fold of a question: its GPU's generation with its model's family."""
    return f"{generation(question.system)} {family(question.model)}"


@cache
def folds() -> Mapping[str, Constants]:
    """Return the constants of each fold that come with gigaplan."""
    path = Path(str(files("gigaplan.validation") / "data" / FOLDS))
    by: dict[str, dict[str, float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by.setdefault(row["fold"], {})[row["constant"]] = float(row["value"])
    return {name: constants(np.log([values[n] for n in NAMES])) for name, values in by.items()}


def constants_for(question: Question, *, out_of_sample: bool) -> Constants:
    """Return the shipped constants, or for a ``out_of_sample`` answer those of a fit that never saw the question's
    fold.

    Parameters
    ----------
    question
        The question of a row.
    out_of_sample
        Whether constants may not have seen rows of its fold.
    """
    return folds().get(cell(question), shipped()) if out_of_sample else shipped()


def without_its_generation(question: Question) -> Constants:
    """Return constants of a fit that never saw the question's hardware generation at all."""
    return folds().get(f"{WITHOUT}{generation(question.system)}", shipped())
