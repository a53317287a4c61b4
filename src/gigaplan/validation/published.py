"""Published figures compared with predictions: one point each, and how far they lie apart over many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gigaplan.vocabulary.show import Brief, BriefRows, error_text


@dataclass(frozen=True, slots=True, repr=False)
class Point(Brief):
    """One published figure and the predicted one with its 80 % interval (nan where there is no answer), and how far
    to trust it."""

    kind: str
    """What was measured, as the summaries name it."""
    gpu: str
    model: str
    precision: str
    engine: str
    unit: str
    published: float
    predicted: float
    low: float
    high: float
    validity: str
    """``inside``, ``extrapolated: why`` or ``unsupported: why``."""

    @property
    def error(self) -> float:
        """Predicted over published, less one."""
        return self.predicted / self.published - 1

    @property
    def answered(self) -> bool:
        """Whether there is an answer and something to compare it with."""
        return self.published > 0 and not self.validity.startswith("unsupported")


@dataclass(frozen=True, slots=True, repr=False)
class Errors(Brief):
    """Errors of one kind of points, as shares."""

    kind: str
    of: str
    """What these points share in addition to their kind: nothing, ``gpu`` or ``model``."""
    rows: int
    median_abs: float
    bias: float
    covered: float
    """Share of published values inside the interval."""
    width: float
    """Median high over low."""

    def brief_line(self) -> str:
        """Return the median error."""
        return f"median error of {self.rows} rows {error_text(self.median_abs)}"


@dataclass(frozen=True, slots=True, repr=False)
class TableComparison(Brief):
    """A table's points, their errors by kind, system and model, and why rows aren't answered (or have nothing to
    compare)."""

    table: str
    source: str
    points: tuple[Point, ...]
    errors: tuple[Errors, ...]
    reasons: dict[str, int]

    @property
    def left_out(self) -> int:
        """Rows without an answer, or without a figure to compare it with."""
        return sum(self.reasons.values())

    def brief_title(self) -> str:
        """Return whose table it is."""
        return self.source

    def brief_rows(self) -> BriefRows:
        """Return the errors by kind of figure, and what isn't compared."""
        yield from ((f"{e.kind} {e.of}".strip(), e.brief_line()) for e in self.errors)
        yield "left out", self.left_out

    def brief_line(self) -> str:
        """Return the errors of the first kind of figure."""
        first = next(iter(self.errors), None)
        return f"{self.source}: {f'{first.kind}, {first.brief_line()}' if first else f'{len(self.points)} points'}"


def compare(table: str, source: str, points: Iterable[Point]) -> TableComparison:
    """Return the errors of points that are answered, and the reasons of those that aren't.

    Parameters
    ----------
    table
        Name of the table.
    source
        Who published it.
    points
        Its figures.
    """
    points = tuple(points)
    by: dict[tuple[str, str], list[Point]] = {}
    for p in points:
        if p.answered:
            for of, name in (("", p.kind), ("gpu", f"{p.kind}, {p.gpu}"), ("model", f"{p.kind}, {p.model}")):
                by.setdefault((name, of), []).append(p)
    reasons = Counter(
        p.validity.partition(": ")[2] if p.validity.startswith("unsupported") else "no published figure"
        for p in points
        if not p.answered
    )
    return TableComparison(
        table, source, points, tuple(_errors(*n, some) for n, some in sorted(by.items())), dict(reasons.most_common())
    )


def _errors(name: str, of: str, some: list[Point]) -> Errors:
    errors = np.array([p.error for p in some])
    covered = float(np.mean([p.low <= p.published <= p.high for p in some]))
    width = float(np.median([p.high / p.low for p in some]))
    return Errors(name, of, len(some), float(np.median(np.abs(errors))), float(np.median(errors)), covered, width)
