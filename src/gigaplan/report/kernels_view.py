"""Predicted step times compared with those of measured kernels, for the terminal and the documentation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.validation.kernels.compare import Comparison, Row, Summary

COLUMNS = ("step", "requests", "tokens", "predicted ms", "tables ms", "ratio", "host ms", "measured")
SUMMARY = ("predicted/tables", "decode", "n", "80 % of rows", "off by", "prefill", "n", "off by")


def terminal(answer: Comparison, *, every: bool = False) -> RenderableType:
    """Return what the rows say together; every step where there is one layout, or on request."""
    parts: list[RenderableType] = []
    layouts = {r.layout for r in answer.rows}
    for layout, rows in groupby(answer.rows, lambda r: r.layout) if every or len(layouts) == 1 else ():
        parts += [Text(str(layout), style="bold"), _table(COLUMNS, [_row(r) for r in rows]), Text("")]
    if len(layouts) > 1:
        parts += [_table(SUMMARY, _summaries(answer)), Text("")]
    return Group(*parts, Text("\n".join(_words(answer)), style="dim"))


def markdown(answer: Comparison) -> str:
    """Return the same as a page of Markdown."""
    steps = [(str(r.layout), *_row(r)) for r in answer.rows]
    parts = [
        "# Step times: predicted and measured kernels\n",
        "Written by `gigaplan validate kernels --markdown FILE`; "
        "[accuracy](accuracy.md#step-times-compared-with-measured-kernels) says what it means.\n",
        _lines(SUMMARY, _summaries(answer)),
        *(f"{line}\n" for line in _words(answer)),
        "## Step by step\n",
        _lines(("layout", *COLUMNS), steps),
    ]
    return "\n".join(parts)


def _row(r: Row) -> tuple[str, ...]:
    share = "" if math.isnan(r.tables.measured_share) else f"{r.tables.measured_share:.0%}"
    host = _ms(r.predicted.host_s) if r.does == "decode" else ""
    times = (_ms(r.predicted.kernels_s), _ms(r.tables.kernels_s))
    return r.does, f"{r.requests:,}", f"{r.tokens:,}", *times, f"{r.ratio:.2f}", host, share


def _summaries(answer: Comparison) -> list[tuple[str, ...]]:
    """Return a line for each group of rows, both kinds of step side by side."""
    found: dict[str, dict[str, Summary]] = {}
    for s in answer.summaries:
        found.setdefault(s.name, {})[s.does] = s
    lines: list[tuple[str, ...]] = []
    for name, kinds in found.items():
        d, p = kinds.get("decode"), kinds.get("prefill")
        left = (f"{d.ratio:.2f}", str(d.rows), f"{d.low:.2f} to {d.high:.2f}", f"{d.error:.0%}") if d else ("",) * 4
        right = (f"{p.ratio:.2f}", str(p.rows), f"{p.error:.0%}") if p else ("",) * 3
        lines.append((name, *left, *right))
    return lines


def _words(answer: Comparison) -> list[str]:
    lines = [
        f"Tables: {answer.source}. A decode step makes a token for each request; a prefill step reads a prompt "
        "on each group of ranks. "
        "Both count what GPUs work; 'host' is what the prediction adds for scheduling and sampling. 'off by': "
        "median of |predicted/tables - 1|. "
        "'measured': share of the tables' time measured on such a kernel, neither derived nor in part. Two "
        "models differ: neither is the truth.",
    ]
    if answer.left_out:
        lines.append(f"{answer.left_out} steps are left out: by the prediction so many requests don't fit in memory.")
    return lines + [f"unsupported: {layout}: {why}" for layout, why in answer.unsupported.items()]


def _ms(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ("---", *("--:" for _ in columns[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim", show_edge=False)
    for k, column in enumerate(columns):
        table.add_column(column, justify="right" if k else "left", no_wrap=k > 0)
    for row in rows:
        table.add_row(*row)
    return table
