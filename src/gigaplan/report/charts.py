"""Charts as ECharts options: plain data made from a result, no code inside. One palette, units on every axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gigaplan.report import select
from gigaplan.report.select import by_year, money, short, title
from gigaplan.simulate.result import Result
from gigaplan.vocabulary.members import Array

Option = dict[str, Any]
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A7A00", "#6A51A3", "#525252")
"""Okabe and Ito's colours for all kinds of colour vision, darkened where a line would be too faint."""
GREY = "#8a8f98"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its words: what it shows, what follows from it, and its numbers as a table."""

    id: str
    heading: str
    option: Option
    says: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    height: int = 340


def all_charts(result: Result) -> dict[str, Chart]:
    """Return every chart of the report, by id."""
    makers = (
        buildout,
        power_states,
        timeline,
        limits,
        tokens,
        waits,
        waits_by_hour,
        cost,
        capital,
        lives,
        gap,
        tranches,
        load,
    )
    return {c.id: c for c in (make(result) for make in makers)}


def _line(name: str, data: Array | Sequence[float], color: str, **more: Any) -> Option:
    return {
        "name": name,
        "type": "line",
        "data": _numbers(data),
        "showSymbol": False,
        "lineStyle": {"width": 2},
        "itemStyle": {"color": color},
        "emphasis": {"focus": "series"},
        **more,
    }


def _area(name: str, data: Array | Sequence[float], color: str) -> Option:
    return _line(name, data, color, stack="all", areaStyle={"opacity": 0.75}, lineStyle={"width": 0.5})


def _bar(name: str, data: Array | Sequence[float], color: str, stack: str | None = "all") -> Option:
    return {
        "name": name,
        "type": "bar",
        "data": _numbers(data),
        "itemStyle": {"color": color},
        "barMaxWidth": 34,
        **({"stack": stack} if stack else {}),
    }


def _numbers(data: Array | Sequence[float]) -> list[float | None]:
    """Return numbers in six digits; what doesn't exist is a gap."""
    return [None if math.isnan(v) else float(f"{v:.6g}") for v in np.asarray(data, dtype=float).tolist()]


def _option(series: Sequence[Option], x: Sequence[str], unit: str, **more: Any) -> Option:
    """Return a chart over categories with one value axis that names its unit."""
    return {
        "animation": False,
        "aria": {"enabled": True},
        "color": list(PALETTE),
        "grid": {"left": 8, "right": 28, "top": 64, "bottom": 8, "containLabel": True},
        "legend": {"top": 0, "type": "scroll", "icon": "roundRect", "itemWidth": 12, "itemHeight": 8},
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
        **more,
    }


def _table(
    names: Sequence[str], columns: Sequence[str], values: Array
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows = tuple((str(n), *(short(float(v)) for v in row)) for n, row in zip(names, values, strict=True))
    return ("", *columns), rows


def _colour(result: Result, dim: str, name: str) -> str:
    return PALETTE[result.labels[dim].index(name) % len(PALETTE)]


def buildout(result: Result) -> Chart:
    """GPUs producing by generation."""
    data = result.central("gpus_producing") / 1e6
    names = [n for n, row in zip(result.labels["generation"], data, strict=True) if row.max() > 0]
    series = [
        _area(title(n), data[result.labels["generation"].index(n)], _colour(result, "generation", n)) for n in names
    ]
    yearly = by_year(result, "gpus_producing")[[result.labels["generation"].index(n) for n in names]]
    peak = data.sum(axis=0)
    says = f"{peak.max():.1f} million GPUs (packages) produce in {result.labels['month'][int(peak.argmax())]}, the opening fleet included."
    return Chart(
        "buildout",
        "GPUs producing, by generation",
        _option(series, result.labels["month"], "million GPUs"),
        says,
        *_table([title(n) for n in names], select.years(result), yearly),
    )


def power_states(result: Result) -> Chart:
    """IT power of the announced sites by state of the delivery ladder."""
    ours = select.sites(result)
    data = result.central("power_state_mw")[:, ours].sum(axis=1) / 1e3
    states = result.labels["state"]
    shades = ("#d9dde3", "#b9c3d0", "#93a8c2", "#E69F00", "#F0C75E", "#7fbf9f", "#009E73")
    series = [_area(s, data[i], shades[i]) for i, s in reversed(list(enumerate(states)))]
    yearly = select.at_year_end(result, "power_state_mw")[:, ours].sum(axis=1) / 1e3
    end = [e[:7] for e in result.labels["edge"]]
    return Chart(
        "ladder",
        "Announced power on the delivery ladder",
        _option(series, end, "GW of IT power"),
        f"{data[-1].max():.1f} GW (IT) of the announced sites produce at the height; every announced megawatt is in one state.",
        *_table(states, [f"end {y}" for y in select.years(result)], yearly),
    )


def timeline(result: Result) -> Chart:
    """Each announced site's way from announcement to its first token."""
    states = list(result.labels["state"])
    steps = ("announced", "construction", "energised", "ready", "first token")
    power = result.central("power_state_mw")
    origin = result.axis.start.year
    first = {s.name: s.first_token for s in select.first_tokens(result)}
    rows, starts = [], []
    for i in select.sites(result):
        reached = [power[states.index(s) :, i].sum(axis=0) > 1e-6 for s in steps[:-1]]
        dates = [result.axis.edges[int(r.argmax())] if r.any() else None for r in reached]
        rows.append((result.labels["site"][i], [*dates, first[result.labels["site"][i]]]))
    rows.sort(key=lambda row: (row[1][-1] is None, str(row[1][-1])), reverse=True)
    years = [
        [(d.year + (d.timetuple().tm_yday - 1) / 366 - origin) if d else math.nan for d in dates] for _, dates in rows
    ]
    starts = [y[0] for y in years]
    shades = ("#d9dde3", "#93a8c2", "#E69F00", "#009E73")
    series: list[Option] = [
        {
            "type": "bar",
            "stack": "t",
            "silent": True,
            "data": _numbers(starts),
            "itemStyle": {"color": "transparent"},
            "tooltip": {"show": False},
            "name": "",
        }
    ]
    for k, (name, shade) in enumerate(
        zip(
            ("announced to construction", "construction to energised", "energised to ready", "ready to first token"),
            shades,
            strict=True,
        )
    ):
        spans = [max(y[k + 1] - y[k], 0.0) if not math.isnan(y[k + 1]) else math.nan for y in years]
        series.append(
            {
                "type": "bar",
                "stack": "t",
                "name": name,
                "data": _numbers(spans),
                "itemStyle": {"color": shade},
                "barMaxWidth": 16,
            }
        )
    option = _option(series, [], "")
    option["xAxis"] = {
        "type": "value",
        "name": f"years after the start of {origin}",
        "nameLocation": "middle",
        "nameGap": 26,
        "interval": 1,
    }
    option["yAxis"] = {"type": "category", "data": [name for name, _ in rows], "axisTick": {"show": False}}
    option["legend"]["data"] = [s["name"] for s in series[1:]]
    option["grid"] |= {"bottom": 28}
    option.pop("tooltip")
    table = tuple((name, *(str(d) if d else "not within the horizon" for d in dates)) for name, dates in reversed(rows))
    ends = [d[-1] for _, d in rows if d[-1]]
    says = (
        f"First phase of each site: first tokens from {min(ends):%B %Y} to {max(ends):%B %Y}."
        if ends
        else "No site produces within the horizon."
    )
    return Chart(
        "timeline",
        "From announcement to first token, by site",
        option,
        says + " Dates are resolved to the month.",
        ("site", *steps),
        table,
    )


def limits(result: Result) -> Chart:
    """Which limit binds the build-out in each month."""
    names = ["site dates" if n == "power" else n for n in result.labels["limit"]]
    codes = result.central("binding_limit").astype(int)
    data = [[m, int(c)] for m, c in enumerate(codes) if c >= 0]
    option = _option(
        [
            {
                "type": "scatter",
                "symbol": "rect",
                "symbolSize": [7, 16],
                "data": data,
                "itemStyle": {"color": PALETTE[5]},
            }
        ],
        result.labels["month"],
        "binding limit",
    )
    option["yAxis"] = {"type": "category", "data": names, "splitLine": {"show": True}, "axisTick": {"show": False}}
    option["grid"]["top"] = 16
    option.pop("legend")
    counts = {n: int((codes == i).sum()) for i, n in enumerate(names)}
    most = max(counts, key=lambda n: counts[n])
    return Chart(
        "limits",
        "What limits the build-out, month by month",
        option,
        f"Most often {most}, in {counts[most]} months; no mark means that nothing was waiting to be installed.",
        ("limit", "months"),
        tuple((n, str(c)) for n, c in counts.items()),
        240,
    )


def tokens(result: Result) -> Chart:
    """Generated tokens a day, asked against served."""
    kinds = [result.labels["token"].index(t) for t in select.GENERATED]
    served, asked = (result.central(f"tokens_{k}_per_day")[:, kinds].sum(axis=1) / 1e12 for k in ("served", "asked"))
    names = result.labels["workload"]
    series = [_area(title(n), served[w], _colour(result, "workload", n)) for w, n in enumerate(names)]
    series.append(_line("asked in all", asked.sum(axis=0), "#c1121f", lineStyle={"width": 2, "type": "dashed"}))
    yearly = select.generated_per_day(result, "tokens_served_per_day")
    return Chart(
        "tokens",
        "Generated tokens a day: served, against what is asked",
        _option(series, result.labels["month"], "trillion tokens a day"),
        f"Served: {short(float(yearly.sum(axis=0)[-1]))} reasoning and output tokens a day in {select.years(result)[-1]}; input tokens are apart.",
        *_table([title(n) for n in names], select.years(result), yearly),
    )


def waits(result: Result) -> Chart:
    """Who waits: share of each workload's requests not served, by month."""
    refused = (1 - result.central("served_share")) * 100
    names = [title(n) for n in result.labels["workload"]]
    data = [
        [m, w, round(float(refused[w, m]), 2)]
        for w in range(len(names))
        for m in range(refused.shape[1])
        if refused[w, m] > 0.005
    ]
    option = _option([{"type": "heatmap", "data": data, "progressive": 0}], result.labels["month"], "")
    option |= {
        "yAxis": {"type": "category", "data": names, "inverse": True, "axisTick": {"show": False}},
        "visualMap": {
            "min": 0,
            "max": 100,
            "calculable": False,
            "orient": "horizontal",
            "right": 0,
            "top": 0,
            "itemHeight": 90,
            "text": ["100 % refused", "0 %"],
            "inRange": {"color": ["#fff3d6", "#f2a541", "#c1121f", "#5f0f40"]},
        },
        "tooltip": {"confine": True},
    }
    option.pop("legend")
    rows = tuple(
        (title(x.workload), str(x.months), x.first, x.last, f"{x.worst_share:.0%}") for x in select.waiting(result)
    )
    free = select.nobody_waits_from(result)
    says = (
        f"Nobody waits from {free} on." if free else "Someone waits to the end of the horizon."
    ) + " Empty means served in full."
    return Chart(
        "waits",
        "Who waits: share of requests not served on their day",
        option,
        says,
        ("workload", "months", "first", "last", "worst month, served"),
        rows,
        300,
    )


def waits_by_hour(result: Result) -> Chart:
    """Who waits by hour of the day, in the month in which most are refused."""
    refused, asked = result.central("requests_refused_per_h"), result.central("requests_asked_per_h")
    month = (
        int(np.argmax((1 - result.central("served_share")[:, 12:]).sum(axis=0))) + 12 if refused.shape[1] > 12 else 0
    )
    if refused[:, month].sum() == 0:
        month = int(np.argmax(refused.sum(axis=(0, 2, 3))))
    share = (
        np.divide(
            refused[:, month, 0],
            asked[:, month, 0],
            out=np.zeros_like(refused[:, month, 0]),
            where=asked[:, month, 0] > 0,
        )
        * 100
    )
    names = result.labels["workload"]
    series = [
        _line(title(n), share[w], _colour(result, "workload", n), step="middle")
        for w, n in enumerate(names)
        if share[w].max() > 0.05
    ]
    when = result.labels["month"][month]
    says = (
        f"A weekday of {when}, the tightest month after the first year, hours in UTC."
        if series
        else f"In {when} nobody waits at any hour."
    )
    return Chart(
        "waits_by_hour",
        "Who waits, hour by hour",
        _option(series, [f"{h}:00" for h in result.labels["hour"]], "% of requests asked in the hour"),
        says,
        *_table([title(n) for n in names], result.labels["hour"], share),
        280,
    )


def cost(result: Result) -> Chart:
    """Cost per million generated tokens by workload."""
    price = result.central("cost_per_mtok_usd")
    names = result.labels["workload"]
    series = [_line(title(n), price[w], _colour(result, "workload", n)) for w, n in enumerate(names)]
    series.append(
        _line("all serving", result.central("cost_per_mtok_all_usd"), GREY, lineStyle={"width": 3, "type": "dashed"})
    )
    option = _option(series, result.labels["month"], "USD per million generated tokens (log scale)")
    option["yAxis"] |= {"type": "log"}
    yearly = np.vstack([by_year(result, "cost_per_mtok_usd"), by_year(result, "cost_per_mtok_all_usd")])
    return Chart(
        "cost",
        "Cost per million generated tokens",
        option,
        "Whole cost shared by GPU-hours held; serving bears its idle GPUs, so an empty fleet shows as dear tokens. Cost, not price.",
        *_table([*(title(n) for n in names), "all serving"], select.years(result), yearly),
    )


def capital(result: Result) -> Chart:
    """Capital by component and year."""
    data = by_year(result, "capital_usd").sum(axis=0) / 1e9
    names = result.labels["component"]
    series = [_bar(n, data[c], PALETTE[c]) for c, n in enumerate(names)]
    return Chart(
        "capital",
        "Capital spent on owned capacity",
        _option(series, select.years(result), "billion USD a year"),
        f"{money(float(data.sum()) * 1e9)} over the horizon; rented capacity costs rent instead.",
        *_table(names, select.years(result), data * 1e9),
    )


def lives(result: Result) -> Chart:
    """Yearly cost if IT lived 3, 5 or 7 years in the books."""
    data = by_year(result, "cost_by_life_usd") / 1e9
    names = [f"IT lives {n}" for n in result.labels["life"]]
    series = [_line(n, data[i], PALETTE[i]) for i, n in enumerate(names)]
    return Chart(
        "lives",
        "Yearly cost, by how long IT lives in the books",
        _option(series, select.years(result), "billion USD a year"),
        "Depreciation, energy, operations and rent; the plan's own life is in its costs, the others for comparison.",
        *_table(names, select.years(result), data * 1e9),
        300,
    )


def gap(result: Result) -> Chart:
    """Where money comes from and goes."""
    years = select.years(result)
    lines = by_year(result, "cost_usd") / 1e9
    label = list(result.labels["line"])
    uses = {
        "capital": by_year(result, "capital_usd").sum(axis=(0, 1)) / 1e9,
        "energy and operations": lines[label.index("energy")] + lines[label.index("operations")],
        "rental": lines[label.index("rental")],
    }
    sources = {
        "revenue": by_year(result, "revenue_usd") / 1e9,
        "milestone investment": by_year(result, "tranche_usd") / 1e9,
    }
    left = by_year(result, "funding_gap_usd") / 1e9
    series = [_bar(n, -v, PALETTE[i], "flow") for i, (n, v) in enumerate(uses.items())]
    series += [_bar(n, v, PALETTE[i + 4], "flow") for i, (n, v) in enumerate(sources.items())]
    series.append(_line("to be funded elsewhere (below zero: surplus)", left, "#c1121f", showSymbol=True))
    table = np.array([*uses.values(), *sources.values(), left]) * 1e9
    return Chart(
        "gap",
        "Where the money comes from and goes",
        _option(series, years, "billion USD a year"),
        f"To be found elsewhere in the years that need it: {money(float(np.maximum(left, 0).sum()) * 1e9)}.",
        *_table([*uses, *sources, "to be funded elsewhere"], years, table),
    )


def tranches(result: Result) -> Chart:
    """Milestone investment against deployed power."""
    paid = np.cumsum(result.central("tranche_usd")) / 1e9
    flow = np.cumsum(result.central("vendor_flow_usd")) / 1e9
    months = result.labels["month"]
    series = [
        _line(
            "milestone investment received, running total", paid, PALETTE[2], step="end", areaStyle={"opacity": 0.25}
        ),
        _line("purchases that flow back to the investor, running total", flow, PALETTE[5]),
    ]
    days = [result.day(float(d)) for d in result.central("tranche_day")]
    amounts = result.central("tranche_paid_usd")
    rows = tuple(
        (str(k + 1), str(d) if d else "not reached", money(float(a)))
        for k, (d, a) in enumerate(zip(days, amounts, strict=True))
    )
    return Chart(
        "tranches",
        "Milestone tranches, and what flows back",
        _option(series, months, "billion USD, running total"),
        f"{sum(d is not None for d in days)} of {len(days)} milestones are reached; {money(float(flow[-1]) * 1e9)} of purchases go to the investor.",
        ("tranche", "triggered", "pays"),
        rows,
    )


def load(result: Result) -> Chart:
    """Power drawn at the meter over the day."""
    power = result.central("facility_power_mw") / 1e3
    hours = [f"{h}:00" for h in result.labels["hour"]]
    picks = list(range(6, power.shape[0], 24)) or [0]
    series = [_line(result.labels["month"][m], power[m, 0], PALETTE[i % len(PALETTE)]) for i, m in enumerate(picks)]
    return Chart(
        "load",
        "Power drawn on a weekday, all sites",
        _option(series, hours, "GW at the meter (facility)"),
        "Hours in UTC. Training draws steadily; serving follows the world's day.",
        *_table([result.labels["month"][m] for m in picks], result.labels["hour"], power[picks, 0] * 1e9),
        280,
    )
