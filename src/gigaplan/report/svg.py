"""Charts as SVG pictures without a browser: scatter, lines and horizontal bars of an ECharts option, for the
documentation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from gigaplan.report.charts.base import GREY, Chart, Option

WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 74, 20, 64, 44
NAMES = 210
"""Pixels for the names of bars."""
TICKS = (1, 2, 5)
FONT = 'font-family="system-ui, sans-serif" font-size="11" fill="#333"'
LEGEND_LETTER, LEGEND_ROW = 6.6, 16


def draw(chart: Chart) -> str:
    """Return a chart as an SVG document of fixed width; the same chart gives the same bytes."""
    option = chart.option
    parts = _bars(option, chart.height) if option["yAxis"].get("type") == "category" else _plane(option, chart.height)
    title = f'<text x="{LEFT}" y="18" {FONT} font-weight="600">{escape(chart.heading)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {chart.height}" '
        f'width="{WIDTH}" height="{chart.height}" '
        f'role="img" aria-label="{escape(chart.heading)}"><rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join([title, *_legend(option), *parts])
        + "\n</svg>\n"
    )


def _legend(option: Option) -> list[str]:
    found, x, y = [], float(LEFT), 34.0
    for s in option["series"]:
        if s.get("silent"):
            continue
        wide = 24 + LEGEND_LETTER * len(s["name"])
        if x + wide > WIDTH - RIGHT and x > LEFT:
            x, y = float(LEFT), y + LEGEND_ROW
        if y > TOP:
            break
        found.append(
            f'<rect x="{x:.0f}" y="{y - 8:.0f}" width="9" height="9" fill="{s["itemStyle"]["color"]}"/>'
            f'<text x="{x + 13:.0f}" y="{y:.0f}" {FONT}>{escape(s["name"])}</text>'
        )
        x += wide
    return found


def _scale(
    axis: Option, values: Sequence[float], start: float, end: float
) -> tuple[Callable[[float], float], list[float]]:
    """Return where a value lies, and the ticks of an axis."""
    low, high = float(axis.get("min") or min(values)), float(axis.get("max") or max(values))
    if axis.get("type") == "log":
        a, b = math.log10(low), math.log10(high) if high > low else math.log10(low) + 1
        decades = range(math.floor(a), math.ceil(b) + 1)
        ticks = [
            m * 10.0**d
            for d in decades
            for m in (TICKS if b - a < len(TICKS) else (1,))
            if a <= math.log10(m * 10.0**d) <= b
        ]
        return lambda v: start + (math.log10(max(v, low)) - a) / (b - a) * (end - start), ticks
    low, high = min(low, 0.0), max(high, 0.0)
    step = 10 ** math.floor(math.log10((high - low) or 1.0))
    step = next(m * step / 10 for m in (1, 2, 5, 10, 20, 50) if (high - low) / (m * step / 10) <= 8)
    ticks = [step * k for k in range(math.floor(low / step), math.ceil(high / step) + 1)]
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    return lambda v: start + (v - low) / ((high - low) or 1.0) * (end - start), ticks


def _plane(option: Option, height: int) -> list[str]:
    """Return points and lines over two number axes."""
    pairs = [d[:2] for s in option["series"] for d in s["data"] if None not in d[:2]]
    x, x_ticks = _scale(option["xAxis"], [p[0] for p in pairs], LEFT, WIDTH - RIGHT)
    y, y_ticks = _scale(option["yAxis"], [p[1] for p in pairs], height - BOTTOM, TOP)
    parts = [
        f'<line x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{TOP}" y2="{height - BOTTOM}" stroke="#e3e5e8"/>'
        f'<text x="{x(t):.1f}" y="{height - BOTTOM + 14}" text-anchor="middle" {FONT}>{t:g}</text>'
        for t in x_ticks
    ]
    parts += [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(t):.1f}" y2="{y(t):.1f}" stroke="#e3e5e8"/>'
        f'<text x="{LEFT - 6}" y="{y(t) + 4:.1f}" text-anchor="end" {FONT}>{t:g}</text>'
        for t in y_ticks
    ]
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{height - 8}" text-anchor="middle" {FONT}>'
        f"{escape(option['xAxis'].get('name', ''))}</text>"
    )
    parts.append(
        f'<text x="14" y="{(TOP + height - BOTTOM) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {(TOP + height - BOTTOM) / 2})" {FONT}>'
        f"{escape(option['yAxis'].get('name', ''))}</text>"
    )
    for s in option["series"]:
        places = [(x(d[0]), y(d[1])) for d in s["data"] if None not in d[:2]]
        colour = s["itemStyle"]["color"]
        if s["type"] == "line":
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        else:
            dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.3"/>' for a, b in places)
            parts.append(f'<g fill="{colour}" fill-opacity="{s["itemStyle"].get("opacity", 1)}">{dots}</g>')
    return parts


def _bars(option: Option, height: int) -> list[str]:
    """Return horizontal bars by name."""
    names: list[Any] = option["yAxis"]["data"]
    series = option["series"]
    x, ticks = _scale(option["xAxis"], [v for s in series for v in s["data"] if v is not None], NAMES, WIDTH - RIGHT)
    row = (height - TOP - BOTTOM / 2) / len(names)
    thick = row * 0.8 / len(series)
    parts = [
        f'<line x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{TOP}" y2="{height - BOTTOM / 2:.0f}" '
        f'stroke="{GREY if not t else "#e3e5e8"}"/>'
        f'<text x="{x(t):.1f}" y="{height - 8}" text-anchor="middle" {FONT}>{t:g}</text>'
        for t in ticks
    ]
    for k, name in enumerate(names):
        top = TOP + k * row + row * 0.1
        parts.append(
            f'<text x="{NAMES - 6}" y="{top + row * 0.4 + 4:.1f}" text-anchor="end" {FONT}>{escape(str(name))}</text>'
        )
        for i, s in enumerate(series):
            v = s["data"][k]
            if v is not None:
                a, b = sorted((x(0.0), x(v)))
                parts.append(
                    f'<rect x="{a:.1f}" y="{top + i * thick:.1f}" width="{b - a:.1f}" height="{thick:.1f}" '
                    f'fill="{s["itemStyle"]["color"]}"/>'
                )
    return parts
