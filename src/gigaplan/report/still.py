"""Charts as still pictures: an ECharts option drawn as SVG without a browser or a script, for notebooks.

Lines, areas, bars and points over time, categories or numbers, in one plot or two; what else an option has is left out.
Colours are variables of the style sheet, so that a picture follows the notebook's light or dark theme.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.charts.palette import NIGHT, VEIL
from gigaplan.report.format import digits_of, short

WIDTH = 620
LEFT, RIGHT, NAMES = 58.0, 14.0, 170.0
TOP, BOTTOM, GAP = 24.0, 24.0, 40.0
"""Pixels around the plots, and between two of them."""
UPPER = 0.6
"""Share of the height that the upper of two plots takes."""
TICKS, BAR = 5, 0.7
KINDS = ("line", "bar", "scatter")
DASHES = {"dashed": "6 4", "dotted": "1.5 3"}
SYMBOLS = {"diamond": "M0-6 6 0 0 6-6 0Z", "triangle": "M0-6 6 5-6 5Z"}
BASE = ("#2c3b7c", "#7d838c")
FONT = 'class="t" font-size="11"'
Place = Callable[[Any], float]
Ticks = tuple[tuple[float, str], ...]
Stacked = tuple[Any, float | None, float]
"""Place, upper end, and what it stands on."""
Run = list[tuple[float, float, float]]
"""The same in pixels."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot's rectangle and its axes: where a value lies, its ticks, and the unit."""

    left: float
    right: float
    top: float
    bottom: float
    x: Place
    y: Place
    x_ticks: Ticks
    y_ticks: Ticks
    unit: str
    x_name: str = ""


def variable(colour: str) -> str:
    """Return a colour as the style sheet's variable, itself where no sheet is."""
    return f"var(--gp-{colour[1:]},{colour})" if colour in NIGHT else colour


def variables(*, night: bool) -> str:
    """Return the style sheet's variables of all colours, by day or by night."""
    return ";".join(f"--gp-{day[1:]}:{dark if night else day}" for day, dark in NIGHT.items())


def can_draw(chart: Chart) -> bool:
    """Return whether a chart has only what a still picture can show."""
    kinds = {s["type"] for s in chart.option["series"]}
    return bool(kinds) and kinds <= set(KINDS) and "yAxis" in chart.option and not _of_rows(chart.option)


def _of_rows(option: Option) -> bool:
    """Return whether bars stand in rows of their own time, which need their lifts drawn."""
    return "rows" in option.get("shows", {})


def picture(chart: Chart, height: int = 0) -> str:
    """Return a chart as an SVG element that fills its room; the same chart gives the same bytes.

    Parameters
    ----------
    chart : Chart
        One of which :func:`can_draw` is true.
    height : int
        Pixels at a width of 620; the chart's own, made lower, if 0.
    """
    option, tall = chart.option, float(height or min(chart.height, 320))
    flat = _list(option["yAxis"])[0]["type"] == "category"
    if flat:
        tall = max(90, 26 * len(_list(option["yAxis"])[0]["data"]) + TOP + BOTTOM)
    plots = _plots(option, tall, flat=flat)
    parts = [part for plot in plots for part in _frame(plot, flat=flat)]
    for k, plot in enumerate(plots):
        own = [s for s in option["series"] if s.get("yAxisIndex", 0) == k and _visible(option, s)]
        parts += _flat_bars(own, plot, option) if flat else _drawn(own, plot)
    label = escape(f"{chart.heading}. {chart.caption}", quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {tall:g}" role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg">'
        + "".join(parts)
        + "</svg>"
    )


def legend(chart: Chart) -> str:
    """Return the names of a chart's series with their colours, as HTML."""
    found: dict[str, str] = {}
    for s in chart.option["series"]:
        if s.get("name") and not s.get("silent") and s["name"] not in found and _visible(chart.option, s):
            found[s["name"]] = _mark(s)
    if len(found) < 2:
        return ""
    return '<p class="k">' + " ".join(f"<span>{m}{escape(n)}</span>" for n, m in found.items()) + "</p>"


def _mark(series: Option) -> str:
    colour, kind = variable(_colour(series)), series.get("lineStyle", {}).get("type", "solid")
    filled = ("areaStyle" in series and series["areaStyle"]) or series["type"] != "line"
    style = f"background:{colour}" if filled else f"border-top:3px {kind} {colour};height:0"
    return f'<i style="{style}"></i>'


def _list(part: Any) -> list[Any]:
    return list(part) if isinstance(part, list | tuple) else [part]


def _colour(series: Option) -> str:
    return str(series.get("itemStyle", {}).get("color", BASE[0]))


def _visible(option: Option, series: Option) -> bool:
    """Return whether a series is shown at first: others wait for a click on their name, which a picture can't have."""
    return bool(option.get("legend", {}).get("selected", {}).get(series.get("name"), True))


def _day(text: object) -> float:
    return float(dt.date.fromisoformat(str(text)[: len("2026-11-30")]).toordinal())


def _pairs(series: Option) -> list[tuple[Any, float | None]]:
    """Return (place, value) of each datum; a gap has None."""
    found: list[tuple[Any, float | None]] = []
    for k, datum in enumerate(series["data"]):
        value = datum.get("value") if isinstance(datum, dict) else datum
        x, y = value[:2] if isinstance(value, list | tuple) else (k, value)
        found.append((x, None if y is None or y == "-" else float(y)))
    return found


def _stacked(series: Sequence[Option]) -> Iterator[tuple[Option, list[Stacked]]]:
    """Yield each series with its points: place, upper end, and what it stands on; signs are stacked apart."""
    sums: dict[tuple[str, bool, Any], float] = {}
    for s in series:
        points = []
        for x, y in _pairs(s):
            low = 0.0
            if s.get("stack") and y is not None:
                apart = s.get("stackStrategy") != "all" and y < 0
                low = sums.get((s["stack"], apart, x), 0.0)
                sums[s["stack"], apart, x] = low + y
            points.append((x, None if y is None else low + y, low))
        yield s, points


def _plots(option: Option, tall: float, *, flat: bool) -> list[Plot]:
    """Return the plots of an option, one or two below each other."""
    xs, ys = _list(option["xAxis"]), _list(option["yAxis"])
    left, right, room = (NAMES if flat else LEFT), WIDTH - RIGHT, tall - TOP - BOTTOM
    if len(ys) == 1:
        ends = [(TOP, tall - BOTTOM)]
    else:
        middle = TOP + room * UPPER
        ends = [(TOP, middle - GAP / 2), (middle + GAP / 2, tall - BOTTOM)]
    found = []
    for k, (top, bottom) in enumerate(ends):
        own = [s for s in option["series"] if s.get("yAxisIndex", 0) == k and _visible(option, s)]
        value, along = (xs[0], ys[0]) if flat else (ys[k], xs[min(k, len(xs) - 1)])
        levels = [v for _, points in _stacked(own) for _, y, low in points if y is not None for v in (y, low)]
        tops = [v for s in own for _, v in _pairs(s) if v is not None]
        scale = _values(
            value, tops if value["type"] == "log" else levels, plain=bool(option.get("shows", {}).get("plain"))
        )
        if flat:
            names = along["data"]
            y = _spread(len(names), top, bottom)
            x = _between(scale[0], scale[1], left, right, log=False)
            rows = tuple((y(i), str(n)) for i, n in enumerate(names))
            found.append(Plot(left, right, top, bottom, x, y, _at(x, scale[2]), rows, value.get("name", "")))
            continue
        x, x_ticks = _along(along, own, left, right)
        y = _between(scale[0], scale[1], bottom, top, log=value["type"] == "log")
        name = along.get("name", "") if along["type"] in ("value", "log") else ""
        found.append(Plot(left, right, top, bottom, x, y, x_ticks, _at(y, scale[2]), value.get("name", ""), name))
    return found


def _at(place: Place, ticks: Sequence[tuple[float, str]]) -> Ticks:
    return tuple((place(v), text) for v, text in ticks)


def _spread(count: int, start: float, end: float) -> Place:
    """Return where the middle of each of so many categories lies."""
    step = (end - start) / max(count, 1)
    return lambda k: start + step * (float(k) + 0.5)


def _between(low: float, high: float, start: float, end: float, *, log: bool) -> Place:
    if not log:
        return lambda v: start + (float(v) - low) / ((high - low) or 1.0) * (end - start)
    a, b = math.log10(low), math.log10(high)
    return lambda v: start + (math.log10(max(float(v), low)) - a) / ((b - a) or 1.0) * (end - start)


def _values(axis: Option, levels: Sequence[float], *, plain: bool) -> tuple[float, float, list[tuple[float, str]]]:
    """Return the ends of a value axis and its ticks."""
    words = _plain if plain else short
    if axis["type"] == "log":
        there = [v for v in levels if v > 0] or [1.0, 10.0]
        a, b = math.floor(math.log10(min(there))), math.ceil(math.log10(max(there)))
        b, step = max(b, a + 1), max(1, math.ceil((b - a) / TICKS))
        return 10.0**a, 10.0**b, [(10.0**d, words(10.0**d) if plain else _power(d)) for d in range(a, b + 1, step)]
    low, high = min(levels, default=0.0), max(levels, default=1.0)
    if not axis.get("scale"):
        low, high = min(low, 0.0), max(high, 0.0)
    if axis.get("max") is not None and not isinstance(axis["max"], str):
        high = float(axis["max"])
    each = _step((high - low) or 1.0)
    first, last = math.floor(low / each + 1e-9), math.ceil(high / each - 1e-9)
    last = max(last, first + 1)
    return first * each, last * each, [(k * each, words(k * each)) for k in range(first, last + 1)]


def _step(room: float) -> float:
    size = 10.0 ** math.floor(math.log10(room))
    return next(m * size / 10 for m in (1, 2, 5, 10, 20, 50) if room / (m * size / 10) <= TICKS)


def _plain(value: float) -> str:
    if abs(value) >= 1000 or not value:
        return f"{value:,.0f}"
    return f"{value:g}" if abs(value) >= 1e-3 else digits_of(value)


def _power(exponent: int) -> str:
    if -4 < exponent < 0:
        return f"{10.0**exponent:g}"
    return short(10.0**exponent, digits=1) if 0 <= exponent < 15 else f"1e{exponent}"


def _along(axis: Option, series: Sequence[Option], left: float, right: float) -> tuple[Place, Ticks]:
    """Return where a place of the horizontal axis lies, and its ticks."""
    if axis["type"] == "time":
        low, high = _day(axis["min"]), _day(axis["max"])
        at = _between(low, high, left, right, log=False)
        years = range(int(str(axis["min"])[:4]), int(str(axis["max"])[:4]) + 1)
        starts = [(float(dt.date(y, 1, 1).toordinal()), str(y)) for y in years]
        shown = [(day, text) for day, text in starts if low <= day <= high]
        every = math.ceil(len(shown) / 11)
        return (lambda day: at(_day(day))), _at(at, shown[::every])
    if axis["type"] == "category":
        names, at = axis["data"], _spread(len(axis["data"]), left, right)
        every = max(1, math.ceil(len(names) / 9))
        place = {str(n): k for k, n in enumerate(names)}
        ticks = tuple((at(k), str(names[k])) for k in range(0, len(names), every))
        return (lambda k: at(place.get(k, k) if isinstance(k, str) else k)), ticks
    places = [float(x) for s in series for x, y in _pairs(s) if y is not None]
    low, high, values = _values(axis, places, plain=False)
    at = _between(low, high, left, right, log=axis["type"] == "log")
    return at, _at(at, values)


def _frame(plot: Plot, *, flat: bool) -> Iterator[str]:
    """Yield grid lines, ticks and units."""
    if flat:
        for x, text in plot.x_ticks:
            yield f'<path class="g" d="M{x:.1f} {plot.top}V{plot.bottom:.1f}"/>'
            yield f'<text {FONT} x="{x:.1f}" y="{plot.bottom + 14:.1f}" text-anchor="middle">{escape(text)}</text>'
        for y, text in plot.y_ticks:
            cut = text if len(text) < 30 else f"{text[:28]}…"
            yield f'<text {FONT} x="{plot.left - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(cut)}</text>'
        yield f'<text {FONT} x="{plot.right}" y="{plot.top - 8:.1f}" text-anchor="end">{escape(plot.unit)}</text>'
        return
    for y, text in plot.y_ticks:
        yield f'<path class="g" d="M{plot.left} {y:.1f}H{plot.right}"/>'
        yield f'<text {FONT} x="{plot.left - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
    for x, text in plot.x_ticks:
        yield f'<path class="g" d="M{x:.1f} {plot.bottom:.1f}v4"/>'
        yield f'<text {FONT} x="{x:.1f}" y="{plot.bottom + 16:.1f}" text-anchor="middle">{escape(text)}</text>'
    yield f'<text {FONT} x="{plot.left - 44}" y="{plot.top - 10:.1f}">{escape(plot.unit)}</text>'
    if plot.x_name:
        yield f'<text {FONT} x="{plot.right}" y="{plot.bottom - 6:.1f}" text-anchor="end">{escape(plot.x_name)}</text>'


def _drawn(series: Sequence[Option], plot: Plot) -> Iterator[str]:
    """Yield bands and areas, then bars, lines and points, and last today's rule and marks."""
    above: list[str] = []
    bars = [s for s in series if s["type"] == "bar"]
    for s, points in _stacked(series):
        known = [(plot.x(x), _in(plot, y), _in(plot, low)) for x, y, low in points if y is not None]
        colour = variable(_colour(s))
        if s["type"] == "bar":
            stacks = len({b.get("stack") or b.get("name", "") for b in bars})
            wide = BAR * (plot.right - plot.left) / max(len(s["data"]), 1) / stacks
            yield from (_rect(x - wide / 2, y, wide, low, colour) for x, y, low in known)
        elif s["type"] == "scatter":
            dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y, _ in known)
            above.append(f'<g style="fill:{colour}">{dots}</g>')
        else:
            runs = _runs(points, plot, stepped=s.get("step") == "end")
            if shade := s.get("areaStyle"):
                yield "".join(_area(run, colour, float(shade.get("opacity", 0.7))) for run in runs)
            above += [_line(run, s, colour) for run in runs]
        above += _marks(s, plot)
    yield from above


def _in(plot: Plot, value: float) -> float:
    return min(max(plot.y(value), plot.top - 2), plot.bottom)


def _runs(points: Sequence[Stacked], plot: Plot, *, stepped: bool) -> list[Run]:
    """Return the stretches of a line without gaps in pixels: x, y, and the y that it stands on."""
    runs: list[Run] = [[]]
    for x, y, low in points:
        if y is None:
            runs.append([])
            continue
        at = (plot.x(x), _in(plot, y), _in(plot, low))
        if stepped and runs[-1]:
            runs[-1].append((at[0], *runs[-1][-1][1:]))
        runs[-1].append(at)
    return [run for run in runs if run]


def _area(run: Run, colour: str, opacity: float) -> str:
    there = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in run)
    back = " ".join(f"{x:.1f},{low:.1f}" for x, _, low in reversed(run))
    return f'<polygon points="{there} {back}" style="fill:{colour}" fill-opacity="{opacity:g}"/>'


def _line(run: Run, series: Option, colour: str) -> str:
    look = series.get("lineStyle", {})
    if not (wide := look.get("width", 2)):
        return ""
    dash = DASHES.get(str(look.get("type")), "")
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    there = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in run)
    return f'<polyline points="{there}" fill="none" style="stroke:{colour}" stroke-width="{wide}"{dashed}/>'


def _rect(x: float, y: float, wide: float, low: float, colour: str) -> str:
    top, tall = min(y, low), abs(low - y)
    return f'<rect x="{x:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{tall:.1f}" style="fill:{colour}"/>'


def _flat_bars(series: Sequence[Option], plot: Plot, option: Option) -> Iterator[str]:
    """Yield horizontal bars, stacked where they have one stack."""
    bars = [s for s in series if s["type"] == "bar" and _visible(option, s)]
    stacks = list(dict.fromkeys(s.get("stack") or s.get("name", "") for s in bars))
    row = (plot.bottom - plot.top) / max(len(plot.y_ticks), 1)
    thick = row * BAR / max(len(stacks), 1)
    for s, points in _stacked(bars):
        if _colour(s) == "transparent":
            continue
        k = stacks.index(s.get("stack") or s.get("name", ""))
        for i, (_, end, start) in enumerate(points):
            if end is None or end == start:
                continue
            a, b = sorted((plot.x(start), plot.x(end)))
            y = plot.y(i) - thick * len(stacks) / 2 + k * thick
            yield _rect(a, y, b - a, y + thick, variable(_colour(s)))


def _marks(series: Option, plot: Plot) -> Iterator[str]:
    """Yield the veil over the future, the rule of today with its name, and marks of events."""
    for one in series.get("markArea", {}).get("data", ()):
        a, b = (plot.x(end["xAxis"]) for end in one)
        yield _rect(a, plot.top, b - a, plot.bottom, variable(VEIL)).replace("/>", ' fill-opacity="0.32"/>')
    rule = series.get("markLine", {})
    for one in rule.get("data", ()):
        x, name = plot.x(one["xAxis"]), str(rule.get("label", {}).get("formatter", ""))
        yield f'<path d="M{x:.1f} {plot.top}V{plot.bottom:.1f}" style="stroke:{variable(BASE[1])}"/>'
        yield f'<text class="t" font-size="10" x="{x + 4:.1f}" y="{plot.top + 10:.1f}">{escape(name)}</text>'
    for one in series.get("markPoint", {}).get("data", ()):
        x, y = plot.x(one["coord"][0]), _in(plot, float(one["coord"][1]))
        shape, colour = SYMBOLS.get(one.get("symbol", ""), SYMBOLS["diamond"]), variable(one["itemStyle"]["color"])
        look = f"fill:{colour};stroke:{variable(VEIL)}"
        yield f'<path d="{shape}" transform="translate({x:.1f} {y:.1f})" style="{look}"/>'
