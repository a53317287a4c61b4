"""Published history and plans' figures side by side, for the terminal and the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.report.format import short
from gigaplan.validation.history.compare import Point
from gigaplan.validation.history.validate import HistoryValidation

SUMMARY = ("published figures", "n", "median error", "bias", "in 80 % range")
POINTS = ("figure", "of", "published", "predicted", "80 %", "error", "futures below")
FAN = "Where the latest published figures fell among the futures of the facts known on 2025-09-22"
LEGEND = (
    "given: the plan goes through this figure or states it, so that its error says nothing; hindsight: rests on "
    "what was not public yet; neither counts."
)


def terminal(answer: HistoryValidation, *, every: bool = False) -> RenderableType:
    """Return errors by quantity, where the latest figures fell, and all points on request."""
    parts: list[RenderableType] = [Fitting(SUMMARY, list(_summaries(answer)), (0,)), Text("")]
    for title, points in _tables(answer, every=every):
        parts += [
            Text(title, style="bold"),
            Fitting(POINTS, [_row(p, dated=points is answer.ahead) for p in points], (0, 1)),
            Text(""),
        ]
    return Group(*parts, Text("\n".join(_words(answer)), style="dim"))


def markdown(answer: HistoryValidation) -> str:
    """Return the same as Markdown, with every point."""
    parts = [
        "# Published history and the plans\n",
        "Written by `gigaplan validate history --markdown FILE`; [accuracy](accuracy.md#published-history) says "
        "what it means.\n",
        _lines(SUMMARY, list(_summaries(answer))),
    ]
    for title, points in _tables(answer, every=True):
        parts += [f"## {title}\n", _lines(POINTS, [_row(p, dated=points is answer.ahead) for p in points])]
    return "\n".join([*parts, *(f"- {line}" for line in _words(answer)), ""])


def _summaries(answer: HistoryValidation) -> Iterator[tuple[str, ...]]:
    for s in answer.summary:
        inside = f"{s.inside} of {s.points} ({s.inside / s.points:.0%})"
        yield s.name, str(s.points), f"{s.median_abs_error:.1%}", f"{s.bias:+.1%}", inside


def _tables(answer: HistoryValidation, *, every: bool) -> Iterator[tuple[str, Sequence[Point]]]:
    """Yield the tables of points: those that count, or all."""
    if every:
        yield "Inside the data", answer.inside
        yield "A year ahead, with the facts of the day that is named", answer.ahead
    yield FAN, answer.fan


def _row(p: Point, *, dated: bool) -> tuple[str, ...]:
    marks = [m for m in ("given" if p.given else "", "hindsight" if p.hindsight else "") if m]
    origin = f", facts of {p.origin}" if p.origin and dated else ""
    system = f", {p.entity}" if "," in p.entity else ""
    name = f"{p.name}{system}{origin}" + (f" ({', '.join(marks)})" if marks else "")
    many = p.published_low < p.published_high
    published = short(p.published) + (f" ({short(p.published_low)}–{short(p.published_high)})" if many else "")
    span = short(p.low) if p.low == p.high else f"{short(p.low)}–{short(p.high)}"
    below = "" if p.below != p.below else f"{p.below:.0%}"
    return name, str(p.date), published, short(p.predicted), span, f"{p.error:+.1%}", below


def _words(answer: HistoryValidation) -> list[str]:
    fair = [p for p in answer.fan if not p.hindsight and not p.given]
    counted = sum(p.inside for p in fair)
    later = ", ".join(f"{day}: {count}" for day, count in answer.hindsight.items())
    left = "; ".join(f"{count} {reason}" for reason, count in answer.reasons.items())
    return [
        f"Of {len(fair)} latest figures that rest on nothing later, {counted} fell in the range of 80 % of futures.",
        LEGEND,
        *answer.notes,
        f"Facts later than each origin that its run reads: {later}.",
        f"Not compared: {left}.",
    ]


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ("---", *("--:" for _ in columns[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
