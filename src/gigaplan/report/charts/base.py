"""What all charts share: ECharts options as plain data, no code inside. One palette, units on every axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np

from gigaplan.report.charts import palette
from gigaplan.report.format import short, without_noise
from gigaplan.results.aggregate import aggregate
from gigaplan.results.labelled import central_alone
from gigaplan.results.quantiles import figure_of, has_ranges
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members
from gigaplan.vocabulary.members import Array

Option = dict[str, Any]
Table = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]
PALETTE = palette.HUES
GREY, RED = palette.GREY, palette.WINE
HEAT = ("#fff3d6", "#f2a541", "#c1121f", "#5f0f40")
ONE_FUTURE = "These are figures of the central future, so that the parts add up."
WIDE_CHART = 680
LIST_HEIGHT, ROW_HEIGHT = 90, 26
"""Pixels of a chart of rows: around them, and each."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its words: what it shows, what follows from it, and its numbers as a table."""

    id: str
    heading: str
    option: Option
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    height: int = 340
    min_width: int = 0
    """Pixels below which the drawing is scrolled instead of squeezed."""
    figures: str = ""
    """What each number of the table is, where it is one of a period: ``mean of the year``."""


def line(name: str, data: Array | Sequence[float], color: str, **more: Any) -> Option:
    """Return a line."""
    return {
        "name": name,
        "type": "line",
        "data": numbers(data),
        "showSymbol": False,
        "lineStyle": {"width": 2},
        "itemStyle": {"color": color},
        "emphasis": {"focus": "series"},
        **more,
    }


def area(name: str, data: Array | Sequence[float], color: str) -> Option:
    """Return a stacked area."""
    return line(name, data, color, stack="all", areaStyle={"opacity": 0.75}, lineStyle={"width": 0.5})


def bar(name: str, data: Array | Sequence[float], color: str, stack: str | None = "all") -> Option:
    """Return bars, stacked unless ``stack`` is None."""
    return {
        "name": name,
        "type": "bar",
        "data": numbers(data),
        "itemStyle": {"color": color},
        "barMaxWidth": 34,
        **({"stack": stack} if stack else {}),
    }


def unseen(data: Array | Sequence[float], stack: str) -> Option:
    """Return bars that only lift what is stacked on them."""
    hidden = bar("", data, "transparent", stack)
    return hidden | {"silent": True, "tooltip": {"show": False}}


def numbers(data: Array | Sequence[float]) -> list[float | None]:
    """Return numbers in six digits; what doesn't exist is a gap."""
    return [None if math.isnan(v) else float(f"{v:.6g}") for v in np.asarray(data, dtype=float).tolist()]


def option(series: Sequence[Option], x: Sequence[str], unit: str, **more: Any) -> Option:
    """Return a chart over categories with one value axis that names its unit."""
    return {
        "animation": False,
        "color": list(PALETTE),
        "grid": {"left": 8, "right": 28, "top": 64, "bottom": 8, "containLabel": True},
        "legend": {"top": 0, "icon": "roundRect", "itemWidth": 12, "itemHeight": 8},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "category", "data": list(x), "axisTick": {"show": False}, "axisLabel": {"hideOverlap": True}},
        "yAxis": {
            "type": "value",
            "name": unit,
            "nameLocation": "end",
            "nameTextStyle": {"align": "left"},
            "nameGap": 12,
        },
        "series": list(series),
        "shows": {"unit": unit},
        **more,
    }


def horizontal_bars(series: Sequence[Option], names: Sequence[str], unit: str) -> Option:
    """Return horizontal bars, the first on top: names of any length stand next to them."""
    drawn = option(series, [], unit)
    with_legend = len([s for s in series if s["name"]]) > 1
    return drawn | {
        "xAxis": {"type": "value", "name": unit, "nameLocation": "middle", "nameGap": 24},
        "yAxis": {"type": "category", "data": list(names), "inverse": True, "axisTick": {"show": False}},
        "grid": {"left": 8, "right": 24, "top": 40 if with_legend else 8, "bottom": 24, "containLabel": True},
        "legend": drawn["legend"] | ({} if with_legend else {"show": False}),
    }


def log_option(series: Sequence[Option], x: Sequence[str], unit: str) -> Option:
    """Return a chart over categories with a logarithmic value axis."""
    drawn = option(series, x, f"{unit} (log scale)")
    drawn["yAxis"] |= {"type": "log"}
    return drawn | {"shows": {"unit": unit}}


def heat_option(data: Sequence[Sequence[float]], x: Sequence[str], y: Sequence[str], top: float, unit: str) -> Option:
    """Return a heat map of (x, y, value) from 0 to ``top`` in a unit."""
    drawn = option([{"type": "heatmap", "data": list(data), "progressive": 0}], x, "")
    drawn |= {
        "yAxis": {"type": "category", "data": list(y), "inverse": True, "axisTick": {"show": False}},
        "visualMap": {
            "min": 0,
            "max": top,
            "calculable": False,
            "orient": "horizontal",
            "right": 0,
            "top": 0,
            "itemHeight": 90,
            "text": [f"{short(top)} {unit}", "0"],
            "inRange": {"color": list(HEAT)},
        },
        "tooltip": {"confine": True},
        "shows": {"unit": unit},
    }
    drawn.pop("legend")
    return drawn


def rows_option(
    series: Sequence[Option], names: Sequence[str], first: float, last: float, texts: Sequence[str]
) -> Option:
    """Return bars in rows over calendar years, each row with its tooltip; the series without a name lifts the others
    and has no legend."""
    drawn = option(series, [], "")
    drawn["xAxis"] = {
        "type": "value",
        "min": first,
        "max": last,
        "minInterval": 1,
        "calendar_years": True,
    }
    drawn["yAxis"] = {"type": "category", "data": list(names), "axisTick": {"show": False}}
    drawn["legend"]["data"] = [s["name"] for s in series if s["name"]]
    drawn["tooltip"]["axisPointer"] = {"type": "shadow"}
    return drawn | {"shows": {"rows": list(texts)}}


def table(names: Sequence[str], columns: Sequence[str], values: Array, text: Callable[[float], str] = short) -> Table:
    """Return a table of short numbers, one row for each name."""
    rows = tuple((str(n), *(text(float(v)) for v in row)) for n, row in zip(names, without_noise(values), strict=True))
    return ("", *columns), rows


def yearly(result: Result, name: str, *dims: str, at: Mapping[str, str] | None = None) -> Array:
    """Return a quantity by some of its dims and calendar year, aggregated by its own rule: (*dims, year)."""
    return aggregate(result, name, [*dims, "year"], at).values


def monthly(result: Result, name: str, *dims: str, at: Mapping[str, str] | None = None) -> Array:
    """Return a quantity by some of its dims and month, aggregated by its own rule: (*dims, month)."""
    return aggregate(result, name, [*dims, "month"], at).values


def one_future(make: Callable[[Result], Chart | None]) -> Callable[[Result], Chart | None]:
    """Return a maker of a chart that is of the central future alone: medians of parts don't add up to the whole."""

    @wraps(make)
    def made(result: Result) -> Chart | None:
        found = make(central_alone(result))
        if found is None or not has_ranges(result):
            return found
        return replace(found, caption=f"{found.caption} {ONE_FUTURE}")

    return made


def running(result: Result, name: str, period: str = "month") -> Array:
    """Return the running total of an amount by month or calendar year, that of each member by itself."""
    return figure_of(result, np.cumsum(of_members(result, name, [period]), axis=-1))


def colour(result: Result, dim: str, name: str) -> str:
    """Return the colour of a label along a dim, the same in all charts."""
    return PALETTE[result.labels[dim].index(name) % len(PALETTE)]
