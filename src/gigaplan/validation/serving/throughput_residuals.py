"""Errors on rows of throughput, and their spread by kind, vendor and round."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from gigaplan.accuracy import serving as accuracy
from gigaplan.accuracy.residuals import COVERED
from gigaplan.validation.serving.loads import Load, vendor
from gigaplan.vocabulary.interval import Interval

RESIDUALS = "throughput_residuals.csv"

ROUNDS = ("first", "later")
MIN_GROUPS = 6
"""Kinds with errors of fewer systems and models than this take a wider kind's."""


@dataclass(frozen=True, slots=True)
class Residual:
    """Measured over predicted on one row, as a logarithm."""

    kind: str
    vendor: str
    round: str
    system: str
    model: str
    log: float


@cache
def residuals() -> tuple[Residual, ...]:
    """Return the errors that come with gigaplan."""
    path = Path(str(files("gigaplan.validation") / "data" / RESIDUALS))
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Residual(r["kind"], r["vendor"], r["round"], r["system"], r["model"], float(r["log"]))
            for r in csv.DictReader(file)
        )


def kind_of(load: Load) -> str:
    """Return the key of residuals of a row."""
    return accuracy.throughput_kind(scenario=load.kind, vendor=vendor(load.system), first_round=load.first_round)


def spread(load: Load, *, without: str = "", new_hardware: bool = False) -> Interval:
    """Return the 80 % interval of measured over predicted on rows like this one.

    Like are rows of one kind, on hardware of the same vendor (whose software it is), of first or later rounds; where
    those are of fewer than ``MIN_GROUPS`` systems and models, all rounds count, then all vendors. A system and
    model with many rows weighs by their root: many submit the same.

    Parameters
    ----------
    load
        The question of the row.
    without
        A system whose own errors count for nothing.
    new_hardware
        Whether the interval is widened about the median error, as that of serving rows is.
    """
    found, _ = quantiles(load.kind, vendor(load.system), ROUNDS[not load.first_round], without)
    return accuracy.about_median(*found, new_hardware=new_hardware)


@cache
def quantiles(kind: str, vendor: str, round_: str, without: str) -> tuple[tuple[float, float, float], int]:
    """Return low, median and high of measured over predicted, and of how many rows.

    Parameters
    ----------
    kind
        ``saturated`` or an MLPerf scenario.
    vendor
        ``nvidia`` or ``other``.
    round_
        ``first`` or ``later``.
    without
        A system whose own errors count for nothing.
    """
    of_kind = [r for r in residuals() if r.kind == kind and r.system != without]
    likes = (
        [r for r in of_kind if r.vendor == vendor and r.round == round_],
        [r for r in of_kind if r.vendor == vendor],
        of_kind,
    )
    some = next((x for x in likes if len({(r.system, r.model) for r in x}) >= MIN_GROUPS), of_kind)
    count = Counter((r.system, r.model) for r in some)
    logs, weights = [r.log for r in some], [count[r.system, r.model] ** -0.5 for r in some]
    found = np.exp(np.quantile(logs, (COVERED[0], 0.5, COVERED[1]), weights=weights, method="inverted_cdf"))
    return (float(found[0]), float(found[1]), float(found[2])), len(some)
