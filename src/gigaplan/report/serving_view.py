"""What the terminal shows of the serving model's accuracy and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.inference.inputs import Engine
from gigaplan.validation.inference import InferenceValidation
from gigaplan.validation.serving_calibrate import Calibration
from gigaplan.validation.throughput import ThroughputValidation

SERVING = ("rows", "n", "TPOT", "mean", "bias", "in 80 %", "high/low", "TTFT", "bias")
THROUGHPUT = ("rows", "n", "error", "bias", "in 80 %", "high/low")
HONEST = "Each row is answered with constants that never saw its own GPU generation with its own model."
APART = "No constant was fitted on such rows; the intervals are the spread of these errors."


def serving_rows(answer: InferenceValidation) -> list[tuple[str, ...]]:
    """Return median absolute errors, means, biases and intervals by kind of row, as text."""
    return [
        (
            s.name, str(s.rows), f"{s.tpot_median_abs:.1%}", f"{s.tpot_mean_abs:.1%}", f"{s.tpot_bias:+.1%}",
            f"{s.tpot_covered:.0%}", f"{s.tpot_width:.2f}", f"{s.ttft_median_abs:.1%}", f"{s.ttft_bias:+.1%}",
        )
        for s in answer.summaries
    ]  # fmt: skip


def throughput_rows(answer: ThroughputValidation) -> list[tuple[str, ...]]:
    """Return median absolute errors, biases and intervals of throughput by kind of row, as text."""
    return [
        (e.kind, str(e.rows), f"{e.median_abs:.1%}", f"{e.bias:+.1%}", f"{e.covered:.0%}", f"{e.width:.2f}")
        for e in answer.errors
    ]


def validation(answer: InferenceValidation | ThroughputValidation) -> RenderableType:
    """Return the errors of the serving model against measured rows."""
    columns, rows, words = _told(answer)
    return Group(_table(columns, rows), Text(words, style="dim"))


def markdown(answer: InferenceValidation | ThroughputValidation) -> str:
    """Return the same as a Markdown table, for the documentation."""
    columns, rows, words = _told(answer)
    lines = [columns, ("---", *("--:" for _ in columns[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{words}\n"


def _told(answer: InferenceValidation | ThroughputValidation) -> tuple[tuple[str, ...], list[tuple[str, ...]], str]:
    left = f"{answer.left_out} rows of the table are not answered."
    if isinstance(answer, ThroughputValidation):
        return (
            THROUGHPUT,
            throughput_rows(answer),
            f"Median absolute errors of tokens per second and GPU. {APART} {left}",
        )
    return SERVING, serving_rows(answer), f"Median absolute errors of times. {HONEST} {left}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim", show_edge=False)
    for k, column in enumerate(columns):
        width = max(len(line[k]) for line in (columns, *rows)) if k else None
        table.add_column(column, justify="right" if k else "left", no_wrap=k > 0, min_width=width)
    for row in rows:
        table.add_row(*row)
    return table


def calibration(answer: Calibration, where: str) -> RenderableType:
    """Return an engine's constants before and after, and their errors."""
    constants = [
        (f.name, f"{getattr(answer.before, f.name):.4g}", f"{getattr(answer.after, f.name):.4g}")
        for f in fields(Engine)
    ]
    told = {"as shipped": answer.error_before, "refit, on the same rows": answer.error_after}
    if answer.error_left_out:
        told["refit, each layout left out in turn"] = answer.error_left_out
    errors = [(name, f"{error.tpot:.1%}", f"{error.ttft:.1%}") for name, error in told.items()]
    worse = answer.error_left_out and answer.error_left_out.tpot > answer.error_before.tpot
    advice = "On rows left out the refit is no better: measure more before you use it." if worse else ""
    left = f"{len(answer.unsupported)} rows can't be answered: {answer.unsupported[0]}." if answer.unsupported else ""
    lines = [f"written to {where}; use it with: gigaplan run PLAN --with {where}", advice, left]
    table = _table((answer.engine, "shipped", "refit"), constants)
    second = _table((f"median error, {answer.rows} rows", "TPOT", "TTFT"), errors)
    return Group(table, Text(""), second, Text("\n".join(line for line in lines if line), style="dim"))
