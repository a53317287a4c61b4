"""Charts over time: one axis for all, so that they stand below each other; a today rule, a paler future, bands.

An option stays plain data. What ECharts can't say without a function stands next to it, and the page's script
reads it: ``shows`` of an option (the unit of its values, what happens when), ``unit`` and ``range`` of a series.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np

from gigaplan.report.charts import base
from gigaplan.report.charts.base import Option
from gigaplan.report.charts.palette import GREY, VEIL
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, Spread
from gigaplan.vocabulary.members import Array

DAY_MS = 24 * 3600 * 1000
YEAR_MS = 365 * DAY_MS
"""Between two ticks of the axis: Januaries alone have one."""
LEFT, RIGHT, TOP, BOTTOM = 64, 22, 62, 26
"""Pixels around the plot of every chart over time: the same, so that months stand below each other."""
BETWEEN = 44
"""Pixels between two plots of one chart."""
Days = Sequence[str]


def months(result: Result) -> Days:
    """Return the first day of each month."""
    return [f"{m}-01" for m in result.labels["month"]]


def today(result: Result) -> tuple[dt.date, str]:
    """Return the day on which knowledge ends and what it is called: the plan's own, else that of the catalog."""
    if result.ledger.known_until:
        return result.ledger.known_until, f"known until {result.ledger.known_until:%b %Y}"
    stated = next((str(e.value) for e in result.ledger.under("known_until")), "")
    day = dt.date.fromisoformat((stated or result.stamp.catalog_vintage)[: len("2026-11-29")])
    return day, f"{'known until' if stated else 'today,'} {day:%b %Y}"


def points(days: Days, values: Array | Sequence[float]) -> list[list[Any]]:
    """Return (day, value) in six digits; what doesn't exist is a gap."""
    return [[day, value] for day, value in zip(days, base.numbers(values), strict=True)]


def line(name: str, days: Days, values: Array | Sequence[float], color: str, **more: Any) -> Option:
    """Return a line over days."""
    return base.line(name, [], color, **more) | {"data": points(days, values)}


def area(name: str, days: Days, values: Array | Sequence[float], color: str, **more: Any) -> Option:
    """Return an area over days, stacked on those before it."""
    style = {"areaStyle": {"opacity": 0.82}, "lineStyle": {"width": 0.5}, "stack": "parts", "symbol": "none"}
    return line(name, days, values, color, **(style | more))


def of_years(name: str, result: Result, values: Array, color: str, **more: Any) -> Option:
    """Return a figure of each calendar year as a level area over its months, stacked on those before it."""
    labels, covered = result.labels["month"], list(dict.fromkeys(m[:4] for m in result.labels["month"]))
    monthly = [float(values[covered.index(m[:4])]) for m in labels]
    days, last = [*months(result), str(result.axis.end)], [*monthly, monthly[-1]]
    return area(name, days, last, color, step="end", **more)


def ranged(drawn: Option, days: Days, found: Spread | None, size: float = 1.0, **more: Any) -> list[Option]:
    """Return a line on the band of its range over members; the line alone for a run of few members.

    Parameters
    ----------
    drawn : Option
        The line, which is given its ends for the tooltip.
    days : sequence of str
        Of the range.
    found : Spread, optional
        The range, in the quantity's own unit.
    size : float
        What the unit of the chart is of that.
    **more
        For both hidden lines that bound the band: their axes.
    """
    if found is None or found.members == 1:
        return [drawn]
    low, high = (np.asarray(end, dtype=float) / size for end in (found.low, found.high))
    color, stack = drawn["itemStyle"]["color"], f"band of {drawn['name']}"
    hidden = {
        "stack": stack,
        "silent": True,
        "lineStyle": {"width": 0},
        "symbol": "none",
        "z": 1,
        "stackStrategy": "all",
    } | more
    under = line("", days, low, color, **hidden)
    over = line("", days, high - low, color, **hidden, areaStyle={"opacity": 0.2})
    drawn = drawn | {"range": {"low": base.numbers(low), "high": base.numbers(high), "of": RANGE}}
    return [under, over, drawn]


def with_today(result: Result, series: Sequence[Option]) -> list[Option]:
    """Return the series, the first of which has the rule of today and the veil over what comes after it."""
    day, name = today(result)
    return ruled(series, day, name, result.axis.start, result.axis.end)


def ruled(series: Sequence[Option], day: dt.date, name: str, start: dt.date, end: dt.date) -> list[Option]:
    """Return the series, the first of which has a rule at a day and the veil over what comes after it.

    Parameters
    ----------
    series : sequence of Option
        Of a chart over time.
    day : date
        Where the rule stands; there is none where that isn't inside the axis.
    name : str
        What stands at the rule.
    start, end : date
        Ends of the axis.
    """
    if not series or not start < day < end:
        return list(series)
    rule = {
        "silent": True,
        "symbol": "none",
        "animation": False,
        "label": {"formatter": name, "position": "insideEndTop", "fontSize": 10, "color": GREY},
        "lineStyle": {"color": GREY, "width": 1, "type": "solid"},
        "data": [{"xAxis": str(day)}],
    }
    veil = {
        "silent": True,
        "z": 4,
        "itemStyle": {"color": VEIL, "opacity": 0.32},
        "data": [[{"xAxis": str(day)}, {"xAxis": str(end)}]],
    }
    return [series[0] | {"markLine": rule, "markArea": veil}, *series[1:]]


def option(
    result: Result,
    series: Sequence[Option],
    unit: str,
    *,
    events: Sequence[tuple[str, str]] = (),
    total: str = "",
    **more: Any,
) -> Option:
    """Return a chart over the horizon.

    Parameters
    ----------
    result : Result
        The plan, whose horizon the axis is.
    series : sequence of Option
        Lines, areas and bars over days.
    unit : str
        Of the values: the axis and the tooltip name it.
    events : sequence of (str, str)
        Days and what happens then, for the tooltip.
    total : str
        What the sum of the stacked parts is called in the tooltip; empty for none.
    **more
        Other parts of the option.
    """
    axis = result.axis
    return between(with_today(result, series), axis.start, axis.end, unit) | {
        "shows": shows(unit, events=events, total=total),
        **more,
    }


def between(series: Sequence[Option], start: dt.date, end: dt.date, unit: str) -> Option:
    """Return a chart between two days.

    Parameters
    ----------
    series : sequence of Option
        Lines, areas and bars over days.
    start, end : date
        Ends of the axis.
    unit : str
        Of the values.
    """
    drawn = base.option(series, [], unit)
    return drawn | {
        "grid": {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM, "containLabel": False},
        "xAxis": time_axis(start, end),
        "legend": drawn["legend"] | {"data": _named(series)},
        "shows": shows(unit),
    }


def log_option(result: Result, series: Sequence[Option], unit: str) -> Option:
    """Return a chart over the horizon with a logarithmic value axis."""
    drawn = option(result, series, unit)
    drawn["yAxis"] |= {"type": "log", "name": f"{unit} (log scale)"}
    drawn["shows"] |= {"plain": False}
    return drawn


def looks(count: int) -> list[dict[str, Any]]:
    """Return the looks of so many lines of one kind: six hues, then the same dashed, then dotted."""
    kinds = ("solid", "dashed", "dotted")
    return [
        {"color": base.PALETTE[k % len(base.PALETTE)], "lineStyle": {"width": 2, "type": kinds[k // 6 % 3]}}
        for k in range(count)
    ]


def shows(unit: str, *, events: Sequence[tuple[str, str]] = (), total: str = "", time: bool = True) -> dict[str, Any]:
    """Return what the page's script needs besides the option: units, whether they are scaled so that plain numbers do,
    sums and events."""
    happens = [{"day": day, "text": text} for day, text in sorted(events)]
    return {
        "unit": unit,
        "plain": True,
        "time": time,
        **({"total": total} if total else {}),
        **({"events": happens} if events else {}),
    }


def two_plots(upper: Option, lower: Option, lower_unit: str, *, share: float = 0.56) -> Option:
    """Return two plots below each other on one horizontal axis; series of the lower one name ``yAxisIndex`` 1.

    Parameters
    ----------
    upper, lower : Option
        A whole chart, and the value axis of the other plot.
    lower_unit : str
        Of the lower plot.
    share : float
        Of the height that the upper plot takes, 0 to 1.
    """
    grid, axis = upper["grid"], upper["xAxis"]
    name = {"name": lower_unit, "nameLocation": "end", "nameTextStyle": {"align": "left"}, "nameGap": 10}
    return upper | {
        "grid": [grid | {"bottom": f"{round(100 * (1 - share))}%"}, grid | {"top": f"{round(100 * share) + 11}%"}],
        "xAxis": [axis | {"axisLabel": {"show": False}}, axis | {"gridIndex": 1}],
        "yAxis": [upper["yAxis"], {"type": "value", "gridIndex": 1, "splitNumber": 3, **name, **lower}],
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
    }


LOWER: Option = {"xAxisIndex": 1, "yAxisIndex": 1}
"""Where a series of the lower plot stands."""


def time_axis(start: dt.date, end: dt.date) -> Option:
    """Return the axis of a horizon, which names Januaries."""
    return {
        "type": "time",
        "min": str(start),
        "max": str(end),
        "minInterval": YEAR_MS,
        "maxInterval": YEAR_MS + DAY_MS,
        "axisTick": {"show": True},
        "splitLine": {"show": False},
        "axisLabel": {"formatter": "{yyyy}", "hideOverlap": True},
    }


def _named(series: Sequence[Option]) -> list[str]:
    return list(dict.fromkeys(s["name"] for s in series if s["name"]))
