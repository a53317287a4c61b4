"""What the terminal shows of the serving model's accuracy and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.report.format import short
from gigaplan.validation.published import TableComparison
from gigaplan.validation.refit import OTHERS_STAY
from gigaplan.validation.serving.calibrate import Calibration
from gigaplan.validation.serving.validate import InferenceValidation

SERVING = ("rows", "n", "TPOT", "mean", "bias", "in 80 %", "high/low", "TTFT", "bias")
HELD = ("rows", "n", "error", "bias", "in 80 %", "high/low")
WRITTEN = (
    "Written by `gigaplan validate inference --markdown FILE --images FOLDER`; "
    "[accuracy](accuracy.md) says what it means."
)
POINTS = ("figure", "GPU", "model", "published", "predicted", "error", "80 % interval", "inside")
MIN_WIDTH = 16
"""Letters that the first column keeps on narrow screens."""
FEW, FEWEST = 48, 12
"""Tables with no more figures than this are shown figure by figure, alone and among many."""
SEVERAL = 3
BRIEF = (
    "Samples that come with gigaplan, table by table. --all-rows shows each figure, "
    "--html a page with charts and all groups."
)
SERVED = "InferenceX and NVIDIA, collected by aiconfigurator (Apache-2.0)"
OUT_OF_SAMPLE = "Each row is answered with constants that never saw its own GPU generation with its own model."
APART = "No constant was fitted on these rows; intervals are what errors were on other systems, or on serving rows."


def serving_rows(answer: InferenceValidation) -> list[tuple[str, ...]]:
    """Return median absolute errors, means, biases and intervals by kind of row, as text."""
    return [
        (
            s.name,
            str(s.rows),
            f"{s.tpot_median_abs:.1%}",
            f"{s.tpot_mean_abs:.1%}",
            f"{s.tpot_bias:+.1%}",
            f"{s.tpot_covered:.0%}",
            f"{s.tpot_width:.2f}",
            f"{s.ttft_median_abs:.1%}",
            f"{s.ttft_bias:+.1%}",
        )
        for s in answer.summaries
    ]


def held_rows(answer: TableComparison, *, brief: bool = False) -> list[tuple[str, ...]]:
    """Return median absolute errors, biases and intervals of a table as text: by kind of row and, unless ``brief``,
    by system and model."""
    return [
        (e.kind, str(e.rows), f"{e.median_abs:.1%}", f"{e.bias:+.1%}", f"{e.covered:.0%}", f"{e.width:.2f}")
        for e in answer.errors
        if not (brief and e.of)
    ]


def point_rows(answer: TableComparison) -> list[tuple[str, ...]]:
    """Return every figure of a table that is compared, the prediction, the error and whether the interval holds it,
    as text."""
    return [
        (
            p.kind,
            p.gpu,
            p.model,
            short(p.published),
            short(p.predicted),
            f"{p.error:+.0%}",
            f"{short(p.low)}–{short(p.high)}",
            "yes" if p.low <= p.published <= p.high else "no",
        )
        for p in answer.points
        if p.answered
    ]


def validation(answers: Sequence[InferenceValidation | TableComparison], *, every: bool = False) -> RenderableType:
    """Return the errors of the serving model against each table of measured rows: point by point where they are few, or
    ``every`` one."""
    parts: list[RenderableType] = []
    brief = len(answers) > SEVERAL
    if brief:
        parts += [Text(BRIEF, style="dim"), Text("")]
    for answer in answers:
        title, columns, rows, words = table_content(answer, every=every, brief=brief)
        parts += [
            Text(title, style="bold"),
            _table(columns, rows) if rows else Text("no row is compared"),
            Text(words, style="dim"),
            Text(""),
        ]
    return Group(*parts[:-1])


def markdown(answers: Sequence[InferenceValidation | TableComparison], pictures: Sequence[str] = ()) -> str:
    """Return the same as a page of Markdown with tables, and with ``pictures`` by their addresses, for the
    documentation."""
    parts = [
        f"# Serving: predictions compared with what was published\n\n{WRITTEN}\n",
        *(f"![{Path(p).stem}]({p})\n" for p in pictures),
    ]
    for answer in answers:
        title, columns, rows, words = table_content(answer)
        lines = [columns, ("---", *("--:" for _ in columns[1:])), *rows]
        parts.append(f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{words}\n")
    return "\n".join(parts)


def table_content(
    answer: InferenceValidation | TableComparison, *, every: bool = False, brief: bool = False
) -> tuple[str, tuple[str, ...], list[tuple[str, ...]], str]:
    """Return a table of a comparison with published figures: title, columns, rows, and the note below it."""
    if isinstance(answer, TableComparison):
        why = "; ".join(
            f"{count} {'row' if count == 1 else 'rows'}: {reason}" for reason, count in answer.reasons.items()
        )
        left = f"Not compared: {why}." if why else "Every row is compared."
        found = point_rows(answer)
        if every or len(found) <= (FEW if not brief else FEWEST):
            return answer.source, POINTS, found, f"{APART} {left}"
        return answer.source, HELD, held_rows(answer, brief=brief), f"Median absolute errors. {APART} {left}"
    left = f"{answer.left_out} rows of the table are not answered."
    how = APART if answer.title else OUT_OF_SAMPLE
    return answer.title or SERVED, SERVING, serving_rows(answer), f"Median absolute errors of times. {how} {left}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim", show_edge=False)
    for k, column in enumerate(columns):
        words = column in ("GPU", "model")
        width = (
            max(len(line[k]) for line in (columns, *rows))
            if k
            else min(MIN_WIDTH, max(len(line[0]) for line in (columns, *rows)))
        )
        table.add_column(column, justify="right" if k and not words else "left", no_wrap=k > 0, min_width=width)
    for row in rows:
        table.add_row(*row)
    return table


def calibration(answer: Calibration, where: str) -> RenderableType:
    """Return an engine's constants before and after, and their errors."""
    constants = [
        (name, f"{getattr(answer.before, name):.4g}", f"{getattr(answer.after, name):.4g}", f"{low:.4g}–{high:.4g}")
        for name, (low, high) in answer.ranges.items()
    ]
    shown = {"as shipped": answer.error_before, "refit, on the same rows": answer.error_after}
    if answer.error_left_out:
        shown["refit, each layout left out in turn"] = answer.error_left_out
    errors = [(name, f"{error.tpot:.1%}", f"{error.ttft:.1%}") for name, error in shown.items()]
    advice = f"Written although {answer.refusal}: measure more before you use it." if answer.refusal else ""
    left = f"{len(answer.unsupported)} rows can't be answered: {answer.unsupported[0]}." if answer.unsupported else ""
    lines = [f"written to {where}; use it with: gigaplan run PLAN --with {where}", OTHERS_STAY, advice, left]
    table = _table((answer.engine, "shipped", "refit", "80 %"), constants)
    second = _table((f"median error, {answer.rows} rows", "TPOT", "TTFT"), errors)
    return Group(table, Text(""), second, Text("\n".join(line for line in lines if line), style="dim"))
