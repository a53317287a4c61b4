"""Frontiers of serving, for the terminal and as a page: fast answers against many, and what each point takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan._version import __version__
from gigaplan.layers.serving import MODES, Curve, Frontiers, Point
from gigaplan.report import html as page
from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.format import short
from gigaplan.report.page import style_sheet, template
from gigaplan.report.words import engine, model, system
from gigaplan.vocabulary.interval import Figure

ROWS = 14
"""Most rows of the terminal's table."""
CHART_ROWS, CHART_COLUMNS, MARGIN = 12, 92, 9
WIDE = 118
"""Columns from which intervals stand next to their numbers."""
MARKS = "●▲■◆○△□◇"
COLOURS = ("cyan", "yellow", "green", "magenta", "bright_blue", "red", "bright_green", "bright_magenta")
BOTH_MODES, LEVELS, NAMED = 3, 10, 2
"""Pairs up to which both ways of serving are drawn apart; speeds at which pairs are shown side by side; pairs named
each in a title."""
STEPS = (1.0, 2.0, 5.0)
BASES = {
    "owned": (
        "rack, network and facility over their lives, operations and energy, all hours busy; "
        "before tax and cost of capital"
    ),
    "rented": "contract rental with power, all hours busy",
}


def terminal(answer: Frontiers, width: int) -> RenderableType:
    """Return the curves as a chart and a table of at most ``ROWS`` rows, with what they rest on."""
    head = Text(question(answer), style="bold")
    drawn = [c for c in answer.curves if c.points]
    lines = [_about(c, mark, colour) for c, (mark, colour) in zip(answer.curves, _marks(), strict=False)]
    if not drawn:
        return Group(head, *lines)
    return Group(head, *lines, *_plot(answer.curves, min(width, CHART_COLUMNS)), _table(answer, width), *_foot(drawn))


def question(answer: Frontiers) -> str:
    """Return the question in words."""
    a = answer.question
    cached = f" ({a.cached_tokens:,.0f} cached)" if a.cached_tokens else ""
    waits = f"first token within {a.ttft_s:g} s, each further one within {a.tpot_s * 1e3:g} ms"
    return f"{a.input_tokens:,.0f} tokens in{cached}, {a.output_tokens:,.0f} out; {waits}; engine {engine(a.engine)}"


def name(curve: Curve) -> str:
    """Return a pair's name."""
    return f"{model(curve.model)} on {system(curve.system)}"


def layout(point: Point) -> str:
    """Return a layout in short: workers x GPUs, stages, attention by heads (H) or requests (R)."""
    return "+".join(
        f"{w.count}x{w.gpus}{f'p{w.pipeline}' if w.pipeline > 1 else ''}{'H' if w.attention == 'heads' else 'R'}"
        for w in point.workers
    )


def basis(curve: Curve) -> str:
    """Return on which basis a pair's cost is shown: owned where the catalog knows the rack's price, else rented."""
    if curve.supply.owned_usd_per_gpu_h is not None:
        return "owned"
    return "rented" if curve.supply.rented_usd_per_gpu_h is not None else ""


def cost(curve: Curve, point: Point) -> Figure | None:
    """Return USD per million output tokens on the pair's basis."""
    return point.usd_per_mtok_owned if basis(curve) == "owned" else point.usd_per_mtok_rented


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most ``most`` points, spread evenly over the speed per user, both ends kept."""
    if len(points) <= most:
        return list(points)
    speeds = np.array([p.tokens_per_s_per_user.value for p in points])
    requested = np.linspace(speeds.max(), speeds.min(), most)
    return [points[i] for i in sorted({int(np.abs(speeds - w).argmin()) for w in requested})]


def _marks() -> Iterator[tuple[str, str]]:
    while True:
        yield from zip(MARKS, COLOURS, strict=True)


def _about(curve: Curve, mark: str, colour: str) -> Text:
    """Return a pair's line: what it is, what a GPU takes, how far to trust it, or why there is nothing."""
    s = curve.supply
    parts = [curve.precision]
    if s.it_kw_per_gpu is not None and s.drawn_kw_per_gpu is not None:
        parts.append(f"{s.it_kw_per_gpu:.2f} kW IT per GPU rated, {s.drawn_kw_per_gpu:.2f} drawn")
    if s.gpu_limit_w is not None and s.clock_share < 1:
        parts.append(f"at {s.gpu_limit_w:,.0f} W and {s.clock_share:.0%} clock")
    for usd, word in ((s.owned_usd_per_gpu_h, "owned"), (s.rented_usd_per_gpu_h, "rented")):
        if usd is not None:
            parts.append(f"{usd:.2f} USD per GPU-hour {word}")
    text = Text.assemble((f"{mark} ", colour), (name(curve), "bold"), f"  {', '.join(parts)}; {curve.validity}")
    for mode, why in curve.reasons.items():
        text.append(f"\n  {mode}: {why}", style="red" if not curve.points else "dim")
    if s.missing:
        text.append(f"\n  the catalog has no {', '.join(s.missing)}: what needs it is left out", style="dim")
    return text


def _plot(curves: Sequence[Curve], width: int) -> list[Text]:
    """Return a chart of marks: tokens/s per user across, output tokens/s per GPU upwards on a log scale."""
    found = [[_xy(p) for p in c.frontier] for c in curves]
    every = np.array([xy for some in found for xy in some])
    right, (low, high) = float(every[:, 0].max()), np.log10([every[:, 1].min(), every[:, 1].max()])
    across, span = width - MARGIN - 2, max(float(high - low), 1e-9)
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for some, look in zip(found, _marks(), strict=False):
        for x, y in some:
            column = round(x / right * (across - 1))
            cells.setdefault((round((high - math.log10(y)) / span * (CHART_ROWS - 1)), column), look)
    lines = [Text("output tokens/s per GPU (log scale)", style="dim")]
    for row in range(CHART_ROWS):
        value = 10 ** (high - row * span / (CHART_ROWS - 1))
        text = Text(f"{short(value, digits=2) if row % 3 == 2 or row == 0 else '':>{MARGIN - 2}} ┤", style="dim")
        for column in range(across):
            mark, colour = cells.get((row, column), (" ", ""))
            text.append(mark, colour or "default")
        text.rstrip()
        lines.append(text)
    ticks = [f"{right * k / 4:.0f}" for k in range(5)]
    step = (across - 1) / 4
    scale = list(" " * (across + 4))
    for k, tick in enumerate(ticks):
        at = min(round(k * step), across - len(tick))
        scale[at : at + len(tick)] = tick
    lines.append(Text(" " * (MARGIN - 1) + "└" + "─" * across, style="dim"))
    lines.append(Text(" " * MARGIN + "".join(scale).rstrip(), style="dim"))
    lines.append(Text(" " * MARGIN + "tokens/s per user", style="dim"))
    return lines


def _xy(point: Point) -> tuple[float, float]:
    return point.tokens_per_s_per_user.value, point.output_tokens_per_s_per_gpu.value


COLUMNS = (
    "",
    "tok/s\nuser",
    "tok/s\nGPU",
    "TTFT\nms",
    "TPOT\nms",
    "layout",
    "GPUs",
    "in\nflight",
    "tok/s\nIT MW",
    "USD\nMtok",
)
LEAVE_OUT = (6, 8, 7, 3)
"""Columns that a narrow terminal goes without, the first first."""


def _table(answer: Frontiers, width: int) -> RenderableType:
    """Return some points of each curve; where columns are left out for lack of room, a line says which."""
    drawn = [(c, look) for c, look in zip(answer.curves, _marks(), strict=False) if c.points]
    each = max(ROWS // len(drawn), 1)
    cells_of_points = [
        (look, [look[0], *_cells(curve, p, wide=width >= WIDE)])
        for curve, look in drawn[:ROWS]
        for p in thinned(curve.frontier, each)
    ]
    wide = [
        max(len(w) for w in (*head.split("\n"), *(cells[k] for _, cells in cells_of_points)))
        for k, head in enumerate(COLUMNS)
    ]
    shown_columns = list(range(len(COLUMNS)))
    for k in LEAVE_OUT:
        if sum(wide[c] for c in shown_columns) + 2 * (len(shown_columns) - 1) > width:
            shown_columns.remove(k)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for k in shown_columns:
        table.add_column(COLUMNS[k], justify="left" if COLUMNS[k] in ("", "layout") else "right", no_wrap=True)
    for (mark, colour), cells in cells_of_points:
        table.add_row(*(cells[k] if k else Text(mark, colour) for k in shown_columns))
    left_out = [COLUMNS[k].replace("\n", " ") for k in LEAVE_OUT if k not in shown_columns]
    if not left_out:
        return table
    return Group(table, Text(f"no room for {', '.join(left_out)}: --json and --html have all", style="dim"))


def _cells(curve: Curve, p: Point, *, wide: bool) -> Iterator[str]:
    def figure(f: Figure | None) -> str:
        if f is None:
            return "–"
        return f"{short(f.value)} ({short(f.low, digits=2)}–{short(f.high, digits=2)})" if wide else short(f.value)

    yield short(p.tokens_per_s_per_user.value)
    yield short(p.output_tokens_per_s_per_gpu.value)
    yield figure(p.ttft_ms)
    yield figure(p.tpot_ms)
    yield layout(p)
    yield short(p.gpus)
    yield short(p.batch)
    yield "–" if p.output_tokens_per_s_per_it_mw is None else short(p.output_tokens_per_s_per_it_mw.value)
    yield figure(cost(curve, p))


def _foot(curves: Sequence[Curve]) -> list[Text]:
    """Return how to read the layouts, how sure the speeds are and what the money counts."""
    lines = ["layout: workers x GPUs, p stages, attention by heads (H) or requests (R); prefill + decode where apart"]
    sure = {
        f"{mode}, {curve.validity.split(':')[0]}": next(p for p in curve.points if p.mode == mode)
        for mode in MODES
        for curve in curves
        if any(p.mode == mode for p in curve.points)
    }
    lines += [f"80 % interval {k}: TTFT x{_factors(p.ttft_ms)}, TPOT x{_factors(p.tpot_ms)}" for k, p in sure.items()]
    lines += [f"USD per Mtok, {word}: {BASES[word]}" for word in dict.fromkeys(map(basis, curves)) if word]
    return [Text("\n".join(lines), style="dim")]


def _factors(f: Figure) -> str:
    return f"{f.low / f.value:.2f}–{f.high / f.value:.2f}"


def html(answer: Frontiers) -> str:
    """Return a page with charts and every point; the same answer gives the same bytes."""
    drawn = {c.id: c for c in all_charts(answer)}
    return (
        template("frontier.html.j2").render(
            answer=answer,
            question=question(answer),
            style=Markup(style_sheet()),
            title=_title(answer),
            charts=drawn,
            cards=list(cards(answer)),
            bases={name(c): BASES[basis(c)] for c in answer.curves if basis(c)},
            options=page.script({c.id: c.option for c in drawn.values()}),
            echarts=Markup(page.echarts()),
            draw=Markup(page.draw()),
            name=name,
            layout=layout,
            cost=cost,
            basis=basis,
            figure=_with_range,
            short=short,
            version=__version__,
        )
        + "\n"
    )


def _title(answer: Frontiers) -> str:
    if len(answer.curves) <= NAMED:
        return " · ".join(name(c) for c in answer.curves)
    models, systems = (list(dict.fromkeys(getattr(c, k) for c in answer.curves)) for k in ("model", "system"))
    return f"{', '.join(map(model, models))} on {', '.join(map(system, systems))}"


def _with_range(f: Figure | None) -> str:
    return "–" if f is None else f"{short(f.value)} ({short(f.low)} to {short(f.high)})"


def cards(answer: Frontiers) -> Iterator[dict[str, str]]:
    """Return for each pair its cheapest point, and its fastest."""
    for c in answer.curves:
        if not c.points:
            why = "; ".join(c.reasons.values())
            yield {"name": name(c), "value": "not served", "layout": "", "detail": why, "trust": c.validity}
            continue
        fast, cheap = c.frontier[0], c.frontier[-1]
        usd = cost(c, cheap)
        most = f"{short(cheap.output_tokens_per_s_per_gpu.value)} tokens/s per GPU"
        yield {
            "name": name(c),
            "value": f"{short(usd.value)} USD per Mtok" if usd else most,
            "layout": f"{layout(cheap)}; fastest {layout(fast)}",
            "detail": f"{basis(c) + ': ' if usd else ''}{most} at "
            f"{short(cheap.tokens_per_s_per_user.value)} tokens/s per user; "
            f"up to {short(fast.tokens_per_s_per_user.value)} tokens/s per user",
            "trust": c.validity,
        }


def all_charts(answer: Frontiers) -> list[Chart]:
    """Return the charts that have something to show."""
    served = [c for c in answer.curves if c.points]
    if not served:
        return []
    columns, rows = _side_by_side(served)
    speed = Chart(
        "frontier",
        "Fast for one, or many at once",
        _option(answer, "output_tokens_per_s_per_gpu", "output tokens/s per GPU", interval=len(served) == 1),
        "Output tokens per second and GPU (log scale) against tokens per second that each user sees. Upper "
        "right is better." + (" Dotted: 80 % interval." if len(served) == 1 else ""),
        columns,
        rows,
        480,
    )
    found = [speed]
    longest = f"{answer.question.ttft_s:g} s"
    for id, quantity, unit, heading, caption in (
        (
            "wait",
            "ttft_ms",
            "ms to the first token",
            "How long the first token takes",
            f"The same points by their mean time to the first token; {longest} are the longest wait. Lower right is "
            "better.",
        ),
        (
            "power",
            "output_tokens_per_s_per_it_mw",
            "output tokens/s per IT MW",
            "What a megawatt gives",
            "Per megawatt of rated IT power, which is what a site has: fair between systems.",
        ),
        (
            "cost",
            "usd",
            "USD per million output tokens",
            "What a million tokens cost",
            "Lower right is better. "
            + " ".join(f"{w.capitalize()}: {BASES[w]}." for w in dict.fromkeys(map(basis, served)) if w),
        ),
    ):
        those = [c for c in served if _value(c, c.points[0], quantity) is not None]
        if those:
            rows = tuple(
                (name(c), short(p.tokens_per_s_per_user.value), short(value.value))
                for c in those
                for p in thinned(c.frontier, LEVELS)
                if (value := _value(c, p, quantity))
            )
            option = _option(answer, quantity, unit)
            if id == "wait":
                option["yAxis"] |= _around(answer)
            found.append(Chart(id, heading, option, caption, ("", "tokens/s per user", unit), rows, 380))
    return found


def _around(answer: Frontiers) -> Option:
    """Return ends of an axis of waits [ms], whole powers of ten, between which the points and the limit lie."""
    shortest = min(p.ttft_ms.value for c in answer.curves for p in c.points)
    limit = 1e3 * answer.question.ttft_s
    return {"min": 10.0 ** math.floor(math.log10(shortest)), "max": 10.0 ** (math.floor(math.log10(limit)) + 1)}


def _side_by_side(curves: Sequence[Curve]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the most that each pair gives at the same speeds per user."""
    speeds = [p.tokens_per_s_per_user.value for c in curves for p in c.frontier]
    scale = [s * 10.0**k for k in range(5) for s in STEPS]
    levels = [v for v in scale if min(speeds) <= v <= max(speeds)][:LEVELS] or [min(speeds)]
    rows = []
    for level in levels:
        most = [max((y for x, y in map(_xy, c.frontier) if x >= level), default=math.nan) for c in curves]
        rows.append((f"{short(level)} tokens/s per user or faster", *(short(v) for v in most)))
    return ("output tokens/s per GPU", *(name(c) for c in curves)), tuple(rows)


def _value(curve: Curve, point: Point, quantity: str) -> Figure | None:
    found: Figure | None = cost(curve, point) if quantity == "usd" else getattr(point, quantity)
    return found


LOOKS = (("solid", "circle"), ("dashed", "emptyCircle"), ("dotted", "diamond"), ("solid", "emptyTriangle"))
"""Line and symbol of the models, or of both ways of serving: systems have the colours."""


def _option(answer: Frontiers, quantity: str, unit: str, *, interval: bool = False) -> Option:
    """Return curves of a quantity over the speed per user; their points show layout and times on hover."""
    served = sum(bool(c.points) for c in answer.curves)
    models, systems = (list(dict.fromkeys(getattr(c, k) for c in answer.curves)) for k in ("model", "system"))
    series: list[Option] = []
    for i, c in enumerate(answer.curves):
        for k, mode in enumerate(MODES if served <= BOTH_MODES else ("",)):
            points = [p for p in c.points if p.mode == mode] if mode else list(c.frontier)
            points = [p for p in points if _value(c, p, quantity) is not None]
            if points:
                place = systems.index(c.system) if not mode else i + k if served == 1 else i
                colour = base.PALETTE[place % len(base.PALETTE)]
                look = models.index(c.model) + place // len(base.PALETTE) if not mode else int(mode == "disaggregated")
                label = name(c)
                if mode and len(answer.question.modes) > 1:
                    label = mode if served == 1 else f"{label}, {mode}"
                series.append(_curve(label, c, points, quantity, unit, colour, look))
                if interval:
                    series += [_edge(label, c, points, quantity, colour, side) for side in ("low", "high")]
    option = base.option(series, [], unit)
    named = [s["name"] for s in series if not s.get("silent")]
    return option | {
        "xAxis": {"type": "value", "name": "tokens/s per user", "nameLocation": "middle", "nameGap": 26, "min": 0},
        "yAxis": option["yAxis"] | {"type": "log", "name": f"{unit} (log scale)"},
        "grid": {"left": 8, "right": 28, "top": 62, "bottom": 26, "containLabel": True},
        "legend": {"top": 0, "itemWidth": 26, "itemHeight": 14, "data": named},
        "tooltip": {"trigger": "item", "confine": True},
    }


def _curve(
    label: str, curve: Curve, points: Sequence[Point], quantity: str, unit: str, colour: str, look: int
) -> Option:
    dimensions = [
        "tokens/s per user",
        unit,
        "TTFT, ms",
        "TPOT, ms",
        "80 % interval of TPOT, ms",
        "layout",
        "GPUs",
        "in flight",
    ]
    data: list[list[Any]] = []
    for p in points:
        value = _value(curve, p, quantity)
        assert value is not None
        x, y = base.numbers([p.tokens_per_s_per_user.value, value.value])
        data.append(
            [
                x,
                y,
                round(p.ttft_ms.value),
                short(p.tpot_ms.value),
                f"{short(p.tpot_ms.low)} to {short(p.tpot_ms.high)}",
                layout(p),
                p.gpus,
                p.batch,
            ]
        )
    kind, symbol = LOOKS[look % len(LOOKS)]
    style = {"width": 2.5, "type": kind}
    more = {"showSymbol": True, "symbolSize": 6, "symbol": symbol, "lineStyle": style}
    encode = {"x": 0, "y": 1, "tooltip": list(range(len(dimensions)))}
    return base.line(label, [], colour, **more) | {"data": data, "dimensions": dimensions, "encode": encode}


def _edge(label: str, curve: Curve, points: Sequence[Point], quantity: str, colour: str, side: str) -> Option:
    """Return one edge of the interval: both speeds at their low, or at their high."""
    data = []
    for p in points:
        value = _value(curve, p, quantity)
        if value is not None:
            data.append(base.numbers([getattr(p.tokens_per_s_per_user, side), getattr(value, side)]))
    dotted = {"lineStyle": {"width": 1, "type": "dotted", "opacity": 0.8}, "silent": True, "tooltip": {"show": False}}
    return base.line(f"{label}, 80 % {side}", [], colour, **dotted) | {"data": data}
