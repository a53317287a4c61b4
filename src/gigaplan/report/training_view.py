"""The terminal's view of training: published steps against ours, by table, GPU and kind of model, and memory."""

from __future__ import annotations

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.validation.training import Row, TrainingValidation

SHOWN = 12


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
    note = f"{answer.left_out} rows are not answered or hold no step time (no layout, LoRA, unknown architecture, other metrics)."
    if not every and len(rows) > SHOWN:
        note = f"The {SHOWN} largest errors of {len(rows)} rows; --every shows all. {note}"
    return Group(*parts, Text(note, style="dim"))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim", show_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=i > 0)
    return table


def _summaries(answer: TrainingValidation) -> Table:
    table = _table("rows", "n", "median |error|", "mean", "p90", "bias", "in 80 % range", "high/low")
    for s in answer.summaries:
        table.add_row(s.name, str(s.rows), f"{s.median_abs:.1%}", f"{s.mean_abs:.1%}", f"{s.p90_abs:.1%}", f"{s.bias:+.1%}",
                      f"{s.covered:.0%}", f"{s.width:.2f}")  # fmt: skip
    return table


def _rows(rows: list[Row]) -> Table:
    table = _table("layout", "table", "GPU", "GPUs", "model", "", "published ms", "ours ms", "error")
    for r in rows:
        table.add_row(r.layout, r.table, r.gpu, f"{r.gpus:,}", r.model, r.precision, f"{r.step_ms:,.0f}", f"{r.answer.step_time_ms:,.0f}",
                      f"{r.error:+.1%}")  # fmt: skip
    return table
