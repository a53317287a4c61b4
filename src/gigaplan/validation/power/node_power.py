"""Node power in training: predicted against measured nodes of MLPerf Training.

A row names a system and a benchmark (:mod:`gigaplan.validation.power.rows`). Errors are out of sample: a row is
predicted by constants that never saw its system, or its maker; intervals are what such errors were.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy import power as accuracy
from gigaplan.accuracy.residuals import COVERED
from gigaplan.accuracy.validity import validity
from gigaplan.plan.resolve import node_draw_of
from gigaplan.validation.power.compared import Comparison, compare_all
from gigaplan.validation.power.folds import folds
from gigaplan.validation.power.limits import LimitRow, limits_line, validate_limits
from gigaplan.validation.power.rows import MAKER, SYSTEM, Question, number, power_w, question, read
from gigaplan.vocabulary.errors import UnsupportedError
from gigaplan.vocabulary.show import Brief, BriefRows, error_text


@dataclass(frozen=True, slots=True, repr=False)
class Row(Brief):
    """One measured node and its prediction [W]; errors are predicted over measured, less one."""

    org: str
    system: str
    benchmark: str
    gpus: int
    at_plug: bool
    published_w: float
    predicted_w: float
    low_w: float
    high_w: float
    error: float
    """With constants that never saw the system."""
    maker_error: float
    """With constants that never saw any system of its maker."""
    rated_error: float
    """Of a busy rack's usual share of rated power, as plans assume where nothing else is known."""
    validity: str


@dataclass(frozen=True, slots=True, repr=False)
class Summary(Brief):
    """Errors over some rows, as shares; the bias is the median error with its sign."""

    name: str
    rows: int
    median_abs: float
    p90_abs: float
    bias: float
    covered: float
    width: float

    def brief_line(self) -> str:
        """Return the median error."""
        return f"median error of {self.rows} runs {error_text(self.median_abs)}"


@dataclass(frozen=True, repr=False)
class PowerValidation(Brief):
    """Every answered row, the summaries, and why others can't be answered."""

    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    unsupported: tuple[str, ...]
    limits: tuple[LimitRow, ...] = ()
    """Speeds under power limits, published and predicted; none where a table of the user's own is compared."""
    compared: tuple[Comparison, ...] = ()
    """Facilities and their load, published and predicted; none where a table of the user's own is compared."""

    def brief_rows(self) -> BriefRows:
        """Return the errors of all runs, then of the first groups."""
        last = [s for s in self.summaries if s.name.startswith(("all", "the same"))]
        yield from ((s.name, s.brief_line()) for s in [*last, *(s for s in self.summaries if s not in last)])
        if self.limits:
            yield "speeds under a power limit", limits_line(self.limits)
        yield from ((c.name, f"{len(c.rows)} figures") for c in self.compared)


def validate_power(path: Path | None = None) -> PowerValidation:
    """Return published, predicted and error of each row of a table with the columns of mlperf_training_power.csv.

    Raises
    ------
    PlanError
        If the table can't be read, or with all the columns that it lacks.
    """
    node_question = []
    unsupported = []
    for row in read(path, ("mean_node_W",)):
        try:
            node_question.append((row, question(row), number(row, "mean_node_W")))
        except UnsupportedError as error:
            unsupported.append(str(error))
    rows = tuple(_row(row, q, w) for row, q, w in node_question if w > 0)
    if path is not None:
        return PowerValidation(rows, tuple(_summaries(rows)), tuple(unsupported))
    return PowerValidation(rows, tuple(_summaries(rows)), tuple(unsupported), validate_limits(), compare_all())


def _row(row: Mapping[str, str], node_question: Question, published: float) -> Row:
    shipped = node_draw_of(catalog.load())
    predicted, apart = (
        power_w(node_question, folds().get(node_question.fold(kind), shipped)) for kind in (SYSTEM, MAKER)
    )
    figure = accuracy.interval(extrapolated=bool(node_question.guesses)).of(predicted)
    usual = catalog.load().find("draw_curve", "busy_share").number * float(node_question.node.rated_w)
    return Row(
        org=row.get("org", ""),
        system=node_question.name,
        benchmark=node_question.benchmark,
        gpus=node_question.gpus,
        at_plug=node_question.at_plug,
        published_w=published,
        predicted_w=predicted,
        low_w=figure.low,
        high_w=figure.high,
        error=predicted / published - 1,
        maker_error=apart / published - 1,
        rated_error=usual / published - 1,
        validity=validity(node_question.guesses),
    )


def _summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    by: dict[str, list[Row]] = defaultdict(list)
    for r in rows:
        by[f"{r.system}, {r.benchmark}, {'plug' if r.at_plug else 'behind supplies'}"].append(r)
    for name, some in by.items():
        yield _summary(name, some, "error")
    if rows:
        yield _summary("all, each system left out", rows, "error")
        yield _summary("all, each maker left out", rows, "maker_error")
        yield _summary("the same, a busy rack's share of rated power", rows, "rated_error")


def _summary(name: str, rows: Sequence[Row], error: str) -> Summary:
    off = np.array([getattr(r, error) for r in rows])
    predicted = [r.published_w * (1 + e) for r, e in zip(rows, off, strict=True)]
    inside = [
        o * r.low_w / r.predicted_w <= r.published_w <= o * r.high_w / r.predicted_w
        for o, r in zip(predicted, rows, strict=True)
    ]
    width = float(np.median([r.high_w / r.low_w for r in rows]))
    return Summary(
        name,
        len(rows),
        float(np.median(np.abs(off))),
        float(np.quantile(np.abs(off), COVERED[1])),
        float(np.median(off)),
        float(np.mean(inside)),
        width,
    )
