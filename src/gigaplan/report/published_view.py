"""A page that compares published figures with predicted ones: all points on log axes, errors by what was run, and
coverage."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from markupsafe import Markup

from gigaplan._version import __version__
from gigaplan.report import html as page
from gigaplan.report import svg
from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.format import short
from gigaplan.report.page import style_sheet, template
from gigaplan.report.serving_view import table_content
from gigaplan.validation.published import Point, TableComparison
from gigaplan.validation.serving.validate import InferenceValidation

FAMILIES: dict[str, tuple[str, Callable[[Point], bool]]] = {
    "ttft": (
        "Time to first token and of prompts, s",
        lambda p: _seconds(p) > 0 and ("ttft" in p.kind or "prompt" in p.kind),
    ),
    "tpot": ("Time per token, s", lambda p: _seconds(p) > 0 and ("tpot" in p.kind or "token_time" in p.kind)),
    "throughput": ("Tokens per second", lambda p: "tok" in p.unit),
}
BY = {"gpu": "GPU", "model": "model", "engine": "engine", "precision": "precision"}
MOST_POINTS = 1500
"""Points of one series that are drawn: more only make the page heavy."""
MIN_ROWS = 4
"""Groups with fewer rows have no bar of their own."""
MOST_BARS = 24


def points_of(answers: Sequence[InferenceValidation | TableComparison]) -> list[Point]:
    """Return every answered point of all tables; serving rows give two each."""
    return [
        p
        for answer in answers
        for p in (answer.points if isinstance(answer, TableComparison) else _serving(answer))
        if p.answered
    ]


def _serving(answer: InferenceValidation) -> Iterator[Point]:
    for r in answer.rows:
        a = r.answer
        mode = "co-located" if r.mode == "agg" else "disaggregated"
        what = (r.gpu, r.model, r.precision, r.engine, "ms")
        yield Point(f"ttft, {mode}", *what, r.ttft_ms, a.ttft_ms, a.ttft_low, a.ttft_high, a.validity)
        yield Point(f"tpot, {mode}", *what, r.tpot_ms, a.tpot_ms, a.tpot_low, a.tpot_high, a.validity)


def _seconds(p: Point) -> float:
    """Return the published time [s], 0 where the unit is none of time."""
    return {"ms": 1e-3, "s": 1.0}.get(p.unit, 0.0) * p.published


def all_charts(answers: Sequence[InferenceValidation | TableComparison]) -> list[Chart]:
    """Return the charts that have something to show."""
    points = points_of(answers)
    found = []
    for id, (words, belongs) in FAMILIES.items():
        some = [p for p in points if belongs(p)]
        if some:
            found.append(_parity(id, words, some))
    for attribute, word in BY.items():
        groups = _groups(points, attribute)
        if len(groups) > 1:
            found.append(_errors(attribute, word, groups))
    kinds = _groups(points, "kind")
    return [*found, _coverage(kinds)] if kinds else found


def _groups(points: Sequence[Point], attribute: str) -> dict[str, list[Point]]:
    """Return points by one of their attributes, the largest groups first."""
    by: dict[str, list[Point]] = {}
    for p in points:
        if name := getattr(p, attribute).lower():
            by.setdefault(name, []).append(p)
    some = sorted(((n, g) for n, g in by.items() if len(g) >= MIN_ROWS), key=lambda x: (-len(x[1]), x[0]))
    return dict(some[:MOST_BARS])


def _parity(id: str, words: str, points: Sequence[Point]) -> Chart:
    by: dict[str, list[Point]] = {}
    for p in points:
        by.setdefault(p.kind, []).append(p)
    series: list[Option] = []
    scale = 1e-3 if all(p.unit == "ms" for p in points) else None
    low, high = np.inf, 0.0
    for k, (kind, some) in enumerate(sorted(by.items(), key=lambda x: -len(x[1]))):
        data = []
        for p in some[:: max(1, -(-len(some) // MOST_POINTS))]:
            factor = scale or (_seconds(p) / p.published if _seconds(p) else 1.0)
            x, y = base.numbers([p.published * factor, p.predicted * factor])
            data.append([x, y, p.gpu, p.model, f"{p.error:+.0%}"])
            low, high = (
                min(low, p.published * factor, p.predicted * factor),
                max(high, p.published * factor, p.predicted * factor),
            )
        series.append(
            {
                "name": f"{kind} ({len(some)})",
                "type": "scatter",
                "symbolSize": 5,
                "data": data,
                "itemStyle": {"color": base.PALETTE[k % len(base.PALETTE)], "opacity": 0.55},
                "dimensions": ["published", "predicted", "GPU", "model", "error"],
                "encode": {"x": 0, "y": 1, "tooltip": [0, 1, 2, 3, 4]},
            }
        )
    edges = base.numbers([_nice(low, math.floor), _nice(high, math.ceil)])
    series.append(
        base.line("equal", [], base.GREY, silent=True, tooltip={"show": False}) | {"data": [[e, e] for e in edges]}
    )
    axis = {"type": "log", "min": edges[0], "max": edges[1]}
    option = base.option(series, [], "") | {
        "xAxis": axis | {"name": f"published: {words.lower()}", "nameLocation": "middle", "nameGap": 28},
        "yAxis": axis | {"name": "predicted (log scale)"},
        "grid": {"left": 12, "right": 24, "top": 62, "bottom": 30, "containLabel": True},
        "legend": {"top": 0, "data": [s["name"] for s in series[:-1]]},
        "tooltip": {"trigger": "item", "confine": True},
    }
    rows = tuple((kind, str(len(some)), *_figures(some)) for kind, some in sorted(by.items()))
    return Chart(
        id,
        words,
        option,
        "Each point is one published figure; on the line the prediction is the same.",
        ("rows", "n", "error", "bias", "in 80 %"),
        rows,
        460,
    )


def _nice(value: float, way: Callable[[float], int]) -> float:
    """Return the next value of one digit, down (``floor``) or up (``ceil``): an axis starts and ends there."""
    size = 10.0 ** math.floor(math.log10(value))
    return way(value / size) * size


def _figures(some: Sequence[Point]) -> tuple[str, str, str]:
    errors = np.array([p.error for p in some])
    return f"{np.median(np.abs(errors)):.1%}", f"{np.median(errors):+.1%}", f"{_covered(some):.0%}"


def _covered(some: Sequence[Point]) -> float:
    return float(np.mean([p.low <= p.published <= p.high for p in some]))


def _errors(attribute: str, word: str, groups: dict[str, list[Point]]) -> Chart:
    medians = [float(np.median([abs(p.error) for p in some])) for some in groups.values()]
    biases = [float(np.median([p.error for p in some])) for some in groups.values()]
    series = [
        base.bar("median absolute error, %", [100 * v for v in medians], base.PALETTE[0], None),
        base.bar("bias, %", [100 * v for v in biases], base.PALETTE[1], None),
    ]
    rows = tuple((name, str(len(some)), *_figures(some)) for name, some in groups.items())
    return Chart(
        f"by-{attribute}",
        f"Error by {word}",
        base.horizontal_bars(series, list(groups), "%"),
        "Median over all figures of a group, times and throughputs alike.",
        (word, "n", "error", "bias", "in 80 %"),
        rows,
        base.LIST_HEIGHT + base.ROW_HEIGHT * len(groups),
    )


def _coverage(groups: dict[str, list[Point]]) -> Chart:
    shares = [100 * _covered(some) for some in groups.values()]
    option = base.horizontal_bars(
        [base.bar("inside the predicted 80 % interval, %", shares, base.PALETTE[2], None)], list(groups), "%"
    )
    option["xAxis"] |= {"min": 0, "max": 100}
    rows = tuple((name, str(len(some)), *_figures(some)) for name, some in groups.items())
    return Chart(
        "coverage",
        "How often the published figure lies inside the predicted interval",
        option,
        "80 % is what an interval promises; much less says that the model is surer than it should be.",
        ("rows", "n", "error", "bias", "in 80 %"),
        rows,
        base.LIST_HEIGHT + base.ROW_HEIGHT * len(groups),
    )


def pictures(answers: Sequence[InferenceValidation | TableComparison]) -> dict[str, str]:
    """Return the charts as SVG, by name."""
    return {f"serving-{c.id}": svg.draw(c) for c in all_charts(answers)}


def html(answers: Sequence[InferenceValidation | TableComparison]) -> str:
    """Return a page with charts and tables; the same answers give the same bytes."""
    drawn = all_charts(answers)
    count = short(float(len(points_of(answers))))
    return (
        template("tables.html.j2").render(
            title="Serving: published and predicted",
            kicker="accuracy",
            intro=f"{count} published figures, each with the predicted figure and its 80 % interval. Serving rows are "
            "answered with constants that never saw their own GPU generation with their own model; no constant was "
            "fitted on any other row.",
            notes=(),
            cards=(),
            footer="",
            charts_heading="Published and predicted",
            tables_heading="Errors, table by table",
            style=Markup(style_sheet()),
            charts=drawn,
            tables=[table_content(a) for a in answers],
            options=page.script({c.id: c.option for c in drawn}),
            echarts=Markup(page.echarts()),
            draw=Markup(page.draw()),
            version=__version__,
        )
        + "\n"
    )
