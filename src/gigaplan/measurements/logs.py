"""Training logs: the times of iterations that a log prints, as rows of a training table.

Each kind of log has a module with ``recognise(text)`` and ``runs(text)``. A row is the median of what is logged for one
batch size of one run, with the middle 80 %.

**Warm-up.** The first line of a run, lines of the ten iterations after it, and the first line of a new batch size are
left out: they hold compilation, the capture of graphs, and a change of batch. At least three lines must stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from gigaplan.accuracy.residuals import COVERED
from gigaplan.measurements.reports import Row, cell
from gigaplan.vocabulary.errors import UnsupportedError

COLUMNS = (
    "gpu",
    "num_gpus",
    "model",
    "layers",
    "hidden",
    "heads",
    "seq_len",
    "global_batch",
    "micro_batch",
    "tp",
    "pp",
    "dp",
    "cp",
    "ep",
    "vpp",
    "precision",
    "recompute",
    "fsdp",
    "metric",
    "value",
    "value_p10",
    "value_p90",
    "lines",
    "notes",
)
"""Columns of training rows that logs fill, in order: ``value`` is the median time of an iteration [ms], ``value_p10``
and ``value_p90`` the middle 80 % of the lines, ``lines`` how many they are."""
WARM_UP = 10
"""Iterations after a run's first line that are left out."""
MIN_LINES = 3
"""Lines that a median needs."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one line of a log says of an iteration, or of the mean of those since the line before."""

    iteration: int
    time_ms: float
    batch: float
    """Sequences of an iteration, nan where the line states none."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run in a log: its settings by column, and its lines."""

    settings: Row = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)


def add(runs: list[Run], line: Line) -> None:
    """Add a line to the last run, or to a new one with its settings where iterations begin again.

    Parameters
    ----------
    runs
        Runs so far, at least one.
    line
        The line; one that repeats the iteration before it is left out.
    """
    last = runs[-1].lines[-1].iteration if runs[-1].lines else -1
    if line.iteration < last:
        runs.append(Run(dict(runs[-1].settings)))
    if line.iteration != last:
        runs[-1].lines.append(line)


def rows(runs: Sequence[Run]) -> list[Row]:
    """Return the row of each batch size of each run.

    Parameters
    ----------
    runs
        The runs of a log.

    Raises
    ------
    UnsupportedError
        If no run has enough lines after its warm-up.
    """
    found = [row for run in runs for row in _rows(run)]
    if not found:
        most = max((len(run.lines) for run in runs), default=0)
        raise UnsupportedError(
            f"it has {most} lines of iterations, too few: the first and those of the {WARM_UP} iterations after it are "
            f"left out, and {MIN_LINES} must stay"
        )
    return found


def _rows(run: Run) -> list[Row]:
    found = []
    begin = run.lines[0].iteration + WARM_UP if run.lines else 0
    for batch, group in groupby(run.lines, key=lambda line: cell(line.batch)):
        kept = [line.time_ms for line in list(group)[1:] if line.iteration > begin]
        if len(kept) < MIN_LINES:
            continue
        low, median, high = (float(v) for v in np.quantile(kept, (COVERED[0], 0.5, COVERED[1])))
        cells: dict[str, object] = {
            **run.settings,
            **({"global_batch": batch} if batch else {}),
            "metric": "iteration_time_ms",
            "value": median,
            "value_p10": low,
            "value_p90": high,
            "lines": len(kept),
            "notes": f"median of {len(kept)} lines after warm-up; the middle 80 % are {low:.6g} to {high:.6g} ms",
        }
        found.append({name: text for name in COLUMNS if (text := cell(cells.get(name)))})
    return found
