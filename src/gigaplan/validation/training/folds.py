"""Constants of the training model that never saw a row's own configuration, its model on its GPU generation, or its
generation."""

from __future__ import annotations

import csv
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from gigaplan.accuracy import training as accuracy
from gigaplan.catalog.names import generation
from gigaplan.plan.names import shape_name
from gigaplan.training.inputs import TrainingEfficiency
from gigaplan.validation.training.constants import shipped
from gigaplan.validation.training.names import known
from gigaplan.validation.training.rows import Question
from gigaplan.validation.training.sources import MODERN

FOLDS = "training_folds.csv"

CONFIGURATION_FOLDS = 20
"""Parts in which configurations are left out."""

WITHOUT = "without"
WITHOUT_BOARD = "without board"


def configuration(q: Question) -> tuple[object, ...]:
    """Return what rows of one configuration share, which may differ in release, batch and number of data ranks."""
    return (
        q.system,
        q.model,
        q.precision,
        q.block_scaled,
        q.sequence,
        q.tensor,
        q.pipeline,
        q.context,
        q.expert,
        q.chunks,
        q.micro_batch,
        q.recompute,
        q.fully_sharded,
    )


def part(question: Question) -> str:
    """Return the part of the configurations that a question's is in, by a checksum of it."""
    return (
        f"configurations {question.software} {zlib.crc32(repr(configuration(question)).encode()) % CONFIGURATION_FOLDS}"
    )


def cell(question: Question) -> str:
    """Return a question's GPU generation with its model, whatever the number of its layers."""
    model = question.model if question.model.startswith("gpt:") else shape_name(question.model.partition("+")[0])
    return f"{generation(question.system)} {model}"


def without(question: Question) -> str:
    """Return the fold that leaves out a question's hardware generation."""
    return f"{WITHOUT} {generation(question.system)}"


def board_out(question: Question) -> str:
    """Return the fold that leaves out a question's board: its system, whatever limits are stated."""
    return f"{WITHOUT_BOARD} {question.system.partition('@')[0]}"


def family(question: Question) -> str:
    """Return the family of a question's model, whatever the number of its layers: ``gpt`` for plain GPTs."""
    return accuracy.PLAIN_GPT if question.model.startswith("gpt:") else shape_name(question.model.partition("+")[0])


def kind(question: Question) -> str:
    """Return the key of residuals of a question."""
    experts = known(question.system, question.model)[1].experts > 0
    return accuracy.kind(modern=question.software == MODERN, experts=experts, gpus=question.gpus)


@cache
def folds() -> Mapping[str, TrainingEfficiency]:
    """Return the constants of each fold that come with gigaplan."""
    path = Path(str(files("gigaplan.validation") / "data" / FOLDS))
    by: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by[row["fold"], row["software"]][row["constant"]] = float(row["value"])
    return {name: replace(shipped()[software], **values) for (name, software), values in by.items()}


def constants_for(question: Question, *, out_of_sample: bool) -> TrainingEfficiency:
    """Return the shipped constants, or for a ``out_of_sample`` answer those of a fit that never saw the question's
    configuration.

    Parameters
    ----------
    question
        The question of a row.
    out_of_sample
        Whether constants may not have seen rows of its configuration.
    """
    plain = shipped()[question.software]
    return folds().get(part(question), plain) if out_of_sample else plain
