"""The terminal's view of training: published and predicted steps, by table, GPU and kind of model, and memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.validation.power.compared import Comparison
from gigaplan.validation.power.limits import LimitRow, limits_line
from gigaplan.validation.power.node_power import PowerValidation
from gigaplan.validation.refit import OTHERS_STAY
from gigaplan.validation.training.calibrate import TrainingCalibration
from gigaplan.validation.training.validate import Row, TrainingValidation

SHOWN = 12
WHOLE = "all tables"
"""The summary of all rows."""


def training_validation(answer: TrainingValidation, *, every: bool = False) -> RenderableType:
    """Return the errors by kind, the rows (the largest errors, unless ``every``), memory, and what was left out."""
    rows = sorted(answer.rows, key=lambda r: -abs(r.error))
    parts: list[RenderableType] = [_summaries(answer), Text(""), _rows(rows if every else rows[:SHOWN])]
    if answer.memory:
        size = np.abs([m.error for m in answer.memory])
        parts += [
            Text(""),
            Text(
                f"memory of {len(answer.memory)} rows: median |error| {np.median(size):.1%}, largest {size.max():.1%}"
            ),
        ]
    if answer.noise:
        n = answer.noise
        parts.append(
            Text(
                f"noise floor: {n.configurations} configurations measured again lie {n.median:.1%} apart "
                f"(median; p90 {n.p90:.0%})"
            )
        )
    reasons = "no layout, LoRA, unknown architecture, other metrics"
    note = f"{answer.left_out} rows are not answered or hold no step time ({reasons})."
    if not every and len(rows) > SHOWN:
        note = f"The {SHOWN} largest errors of {len(rows)} rows; --all-rows shows all. {note}"
    return Group(*parts, Text(note, style="dim"))


def power_validation(answer: PowerValidation, *, every: bool = False) -> RenderableType:
    """Return measured and predicted watts of nodes, errors and how often the interval holds."""
    summaries = _table("runs", "n", "median |error|", "p90", "bias", "in 80 % range", "high/low")
    for s in answer.summaries:
        summaries.add_row(
            s.name,
            str(s.rows),
            f"{s.median_abs:.1%}",
            f"{s.p90_abs:.1%}",
            f"{s.bias:+.1%}",
            f"{s.covered:.0%}",
            f"{s.width:.2f}",
        )
    rows = _table("node", "benchmark", "GPUs", "at", "published W", "predicted W", "80 % range", "error")
    shown: set[tuple[str, str, bool]] = set()
    for r in answer.rows:
        key = (r.system, r.benchmark, r.at_plug)
        if every or key not in shown:
            rows.add_row(
                r.system,
                r.benchmark,
                str(r.gpus),
                "plug" if r.at_plug else "dc",
                f"{r.published_w:,.0f}",
                f"{r.predicted_w:,.0f}",
                f"{r.low_w:,.0f} to {r.high_w:,.0f}",
                f"{r.error:+.1%}",
            )
        shown.add(key)
    notes = [
        "Constants of each answer never saw the row's system; the run's length is the row's own."
        + (
            ""
            if every or len(shown) == len(answer.rows)
            else f" One run of each; --all-rows shows all {len(answer.rows)}."
        ),
        f"{len(answer.unsupported)} rows can't be answered: {answer.unsupported[0]}." if answer.unsupported else "",
    ]
    noted = Text("\n".join(n for n in notes if n), style="dim")
    limits = _power_limits(answer.limits) if answer.limits else ()
    return Group(summaries, Text(""), rows, noted, *limits, *(part for c in answer.compared for part in _compared(c)))


def _power_limits(limits: Sequence[LimitRow]) -> Iterator[RenderableType]:
    """Yield published and predicted speeds under power limits, and what they rest on."""
    table = _table("GPU", "work", "bound", "limit", "published", "predicted", "error")
    for r in limits:
        error = f"{r.error:+.1%}" if r.valid else f"({r.error:+.1%})"
        cells = (r.gpu.removeprefix("NVIDIA "), r.work, r.bound, f"{r.limit_share:.0%}")
        table.add_row(*cells, f"{r.published:.3f}", f"{r.predicted:.3f}", error)
    yield from (Text(""), Text("Speed under a power limit, both over those at the rated power", style="bold"), table)
    yield Text(
        f"Median errors: {limits_line(limits)}. Rows of V100, RTX 6000 "
        "and A40 are predicted by constants fitted without their GPU; the others were never fitted on. In brackets: "
        "below the lowest limit that a plan may state.",
        style="dim",
    )


def _compared(comparison: Comparison) -> Iterator[RenderableType]:
    """Yield published figures of facilities and their load next to gigaplan's."""
    table = _table("", "published", "predicted", "low to high", "error")
    for r in comparison.rows:
        unit = "" if r.unit == "1" else f" {r.unit}"
        cells = (f"{r.published:.3g}{unit}", f"{r.predicted:.3g}", f"{r.low:.3g} to {r.high:.3g}")
        table.add_row(r.name, *cells, f"{r.error:+.1%}" if r.published else "")
    yield from (Text(""), Text(comparison.name, style="bold"), table, Text(comparison.note, style="dim"))


def calibration(answer: TrainingCalibration, where: str) -> RenderableType:
    """Return the constants that a refit moved, and the errors before and after."""
    constants = _table(f"constants ({answer.software})", "shipped", "refit", "", "80 %")
    moved = sorted(answer.changed.items(), key=lambda c: -abs(np.log(c[1][1] / c[1][0])))
    for name, (before, after) in moved[:SHOWN]:
        low, high = answer.ranges[name]
        constants.add_row(name, f"{before:.4g}", f"{after:.4g}", f"{after / before - 1:+.0%}", f"{low:.4g}–{high:.4g}")
    errors = _table(f"median error of the step, {answer.rows} rows", "")
    median_errors = {"as shipped": answer.error_before, "refit, on the same rows": answer.error_after}
    if answer.error_left_out is not None:
        median_errors["refit, each model or layout left out in turn"] = answer.error_left_out
    for words, error in median_errors.items():
        errors.add_row(words, f"{error:.1%}")
    lines = [
        f"written to {where}; use it with: gigaplan train MODEL SYSTEM --gpus N --with {where}; or with run, or "
        "predict training",
        OTHERS_STAY,
        f"Written although {answer.refusal}: measure more models or layouts before you use it."
        if answer.refusal
        else "",
        f"{answer.anchors} layouts are measured at two scales or more: for those, predict training --anchor "
        "comes closer still."
        if answer.anchors
        else "",
        f"{len(answer.unsupported)} rows can't be used: {answer.unsupported[0]}." if answer.unsupported else "",
    ]
    return Group(constants, Text(""), errors, Text("\n".join(line for line in lines if line), style="dim"))


def _table(*columns: str) -> _ResultTable:
    return _ResultTable(columns, [])


@dataclass(frozen=True, slots=True)
class _ResultTable(Fitting):
    """A table that grows by rows."""

    rows: list[tuple[str, ...]]

    def add_row(self, *cells: str) -> None:
        self.rows.append(cells)


def _summaries(answer: TrainingValidation) -> _ResultTable:
    table = _table("rows", "n", "median |error|", "mean", "p90", "bias", "in 80 % range", "high/low")
    for s in sorted(answer.summaries, key=lambda s: s.name == WHOLE):  # the whole after its parts
        table.add_row(
            s.name,
            str(s.rows),
            f"{s.median_abs:.1%}",
            f"{s.mean_abs:.1%}",
            f"{s.p90_abs:.1%}",
            f"{s.bias:+.1%}",
            f"{s.covered:.0%}",
            f"{s.width:.2f}",
        )
    return table


def _rows(rows: list[Row]) -> _ResultTable:
    table = _table("layout", "table", "GPU", "GPUs", "model", "", "published ms", "predicted ms", "error")
    for r in rows:
        table.add_row(
            r.layout,
            r.table,
            r.gpu,
            f"{r.gpus:,}",
            r.model,
            r.precision,
            f"{r.step_ms:,.0f}",
            f"{r.answer.step_time_ms:,.0f}",
            f"{r.error:+.1%}",
        )
    return table
