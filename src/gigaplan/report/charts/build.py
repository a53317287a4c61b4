"""What is built: GPUs and megawatts, the ladder, sites from announcement to first token, limits."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.events import first_tokens
from gigaplan.report.format import as_year, count, counted, in_watts
from gigaplan.report.words import limit, place, system
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import years
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.results.spread import spread

MOST_ROWS, MOST_AREAS = 24, 8
STEPS = ("announced", "construction", "energised", "ready", "first token")
SPANS = ("announced to construction", "construction to energised", "energised to ready", "ready to first token")
SHADES = ("#d9dde3", "#93a8c2", "#E69F00", "#009E73")
SOME_MW = 1e-6


def buildout(result: Result) -> Chart:
    """GPUs producing by generation."""
    data = figures(result, "gpus_producing")
    some = [g for g, row in enumerate(data) if row.max() > 0]
    names = [system(result.labels["generation"][g]) for g in some]
    unit = counted(float(data.sum(axis=0).max()), "GPUs")
    colours = [base.colour(result, "generation", result.labels["generation"][g]) for g in some]
    series = [base.area(n, data[g] / unit.size, c) for n, g, c in zip(names, some, colours, strict=True)]
    series += base.band("all", spread(result, "gpus_producing", ["month"]), unit.size, base.GREY)
    total = data.sum(axis=0)
    when = result.labels["month"][int(total.argmax())]
    return Chart(
        "buildout",
        "GPUs producing, by generation",
        base.option(series, result.labels["month"], unit.name),
        f"{unit.of(float(total.max()))} (packages) produce in {when}, the existing fleet included.",
        *base.table(names, years(result), base.yearly(result, "gpus_in_production", "generation")[some], count),
        figures="year end",
    )


def power(result: Result) -> Chart:
    """IT power that produces, by site: the largest, and the others together."""
    states = list(result.labels["state"])
    data = figures(result, "power_state_mw")[states.index("producing")]
    yearly = base.yearly(result, "power_state_mw", "site", at={"state": "producing"})
    order = np.argsort(-data.max(axis=1), kind="stable")
    shown, others = [int(i) for i in order[:MOST_AREAS] if data[i].max() > 0], order[MOST_AREAS:]
    rows = [(place(result.labels["site"][i]), data[i], yearly[i]) for i in shown]
    if len(others) and data[others].max() > 0:
        rows.append((f"{len(others)} others", data[others].sum(axis=0), yearly[others].sum(axis=0)))
    unit = in_watts(float(data.sum(axis=0).max()))
    series = [base.area(n, v / unit.size, base.PALETTE[k % len(base.PALETTE)]) for k, (n, v, _) in enumerate(rows)]
    known = spread(result, "power_state_mw", ["edge"], {"state": "producing"})
    series += base.band("all", known, unit.size, base.GREY)
    return Chart(
        "power",
        "IT power producing, by place",
        base.option(series, [e[:7] for e in result.labels["edge"]], f"{unit.name} of IT power"),
        f"{unit.of(float(data.sum(axis=0).max()))} (IT) produce at the peak, existing fleet included.",
        *base.table(
            [n for n, _, _ in rows],
            [f"{y}, MW" for y in years(result)],
            np.array([y for _, _, y in rows]).reshape(len(rows), len(years(result))),
        ),
        figures="year end",
    )


def power_states(result: Result) -> Chart:
    """IT power of the announced sites by state of the delivery ladder."""
    at = {"site": "announced"}
    data = aggregate(result, "power_state_mw", ["state", "edge"], at).values
    unit = in_watts(float(data.sum(axis=0).max()))
    shades = ("#d9dde3", "#b9c3d0", "#93a8c2", "#E69F00", "#F0C75E", "#7fbf9f", "#009E73")
    states = result.labels["state"]
    series = [base.area(s, data[i] / unit.size, shades[i]) for i, s in reversed(list(enumerate(states)))]
    yearly = base.yearly(result, "power_state_mw", "state", at=at)
    return Chart(
        "ladder",
        "Announced power on the delivery ladder",
        base.option(series, [e[:7] for e in result.labels["edge"]], f"{unit.name} of IT power"),
        f"{unit.of(float(data[-1].max()))} (IT) of the announced sites produce at the peak; every "
        "announced megawatt is in one state.",
        *base.table(states, [f"{y}, MW" for y in years(result)], yearly),
        figures="year end",
    )


def gantt(result: Result) -> Chart:
    """Each announced site's way from announcement to its first token, its phases and when all of it produces."""
    places = sorted(_places(result), key=lambda row: (row[1][-1] is None, str(row[1][-1])))
    whole = {name: at for name, _, at, _ in places}
    largest = {name for name, *_ in sorted(places, key=lambda row: -row[3])[:MOST_ROWS]}
    rows = [row for row in reversed(places) if row[0] in largest]
    dates = [[as_year(d) for d in row[1]] for row in rows]
    series: list[Option] = [base.unseen([y[0] for y in dates], "t")]
    for k, (name, shade) in enumerate(zip(SPANS, SHADES, strict=True)):
        spans = [max(y[k + 1] - y[k], 0.0) if not math.isnan(y[k + 1]) else math.nan for y in dates]
        series.append(base.bar(name, spans, shade, "t") | {"barMaxWidth": 14})
    phases = [(as_year(day), k) for k, row in enumerate(rows) for day in _energised(result, row[0])]
    full = [(as_year(day), k) for k, row in enumerate(rows) if (day := whole[row[0]])]
    series += [
        _dots("a phase is energised", phases, "diamond", "#7a4a00"),
        _dots("all produces", full, "circle", "#0b5d45"),
    ]
    axis = result.axis
    ends = [row[1][-1] for row in places if row[1][-1]]
    left_out = f" The {len(rows)} largest of {len(places)} sites." if len(rows) < len(places) else ""
    caption = (
        f"First tokens from {min(ends):%B %Y} to {max(ends):%B %Y}." if ends else "No site produces within the horizon."
    )
    table = tuple(
        (name, *(str(d) if d else "not within the horizon" for d in (*dates, at))) for name, dates, at, _ in places
    )
    return Chart(
        "timeline",
        "From announcement to first token, by site",
        base.rows_option(series, [row[0] for row in rows], axis.start.year, math.ceil(as_year(axis.end))),
        f"{caption} Bars are the site's first megawatts; dates are resolved to the month.{left_out}",
        ("site", *STEPS, "all produces"),
        table,
        base.LIST_HEIGHT + base.ROW_HEIGHT * max(len(rows), 4),
        base.WIDE_CHART,
    )


Place = tuple[str, list[dt.date | None], dt.date | None, float]


def _places(result: Result) -> list[Place]:
    """Return each announced site with the dates of its steps, the date on which all of it produces, and its MW."""
    states = list(result.labels["state"])
    power_mw = result.central("power_state_mw")
    first = {s.name: s.first_token for s in first_tokens(result)}
    found: list[Place] = []
    for i in result.new_sites():
        name = result.labels["site"][i]
        reached = [power_mw[states.index(s) :, i].sum(axis=0) > SOME_MW for s in STEPS[:-1]]
        dates = [result.axis.edges[int(r.argmax())] if r.any() else None for r in reached]
        height = float(power_mw[:, i].sum(axis=0).max())
        there = power_mw[states.index("producing"), i] >= height * (1 - 1e-3)  # racks come whole
        full = result.axis.edges[int(there.argmax())] if there.any() and height > SOME_MW else None
        found.append((name, [*dates, first[name]], full, height))
    return found


def _energised(result: Result, site: str) -> list[dt.date]:
    """Return the days on which a site's phases are energised, within the horizon."""
    stated = [e.value for e in result.ledger.under(f"fleet.sites.{site}.phases") if e.path.endswith(".energised")]
    days = [dt.date.fromisoformat(v) for v in stated if len(v) == len("2026-01-01")]
    return [d for d in days if result.axis.start <= d < result.axis.end]


def _dots(name: str, points: list[tuple[float, int]], symbol: str, colour: str) -> Option:
    data = [[round(x, 3), y] for x, y in points]
    return {
        "type": "scatter",
        "name": name,
        "symbol": symbol,
        "symbolSize": 8,
        "data": data,
        "itemStyle": {"color": colour},
    }


def limits(result: Result) -> Chart:
    """Which limit binds the build-out in each month."""
    names = [limit(n) for n in result.labels["limit"]]
    codes = result.central("binding_limit").astype(int)
    marks: Option = {
        "type": "scatter",
        "symbol": "rect",
        "symbolSize": [7, 16],
        "data": [[m, int(c)] for m, c in enumerate(codes) if c >= 0],
        "itemStyle": {"color": base.PALETTE[5]},
    }
    drawn = base.option([marks], result.labels["month"], "")
    drawn["yAxis"] = {"type": "category", "data": names, "splitLine": {"show": True}, "axisTick": {"show": False}}
    drawn["grid"]["top"] = 16
    drawn.pop("legend")
    counts = {n: int((codes == i).sum()) for i, n in enumerate(names)}
    most = max(counts, key=lambda n: counts[n])
    caption = f"Most often {most}, in {counts[most]} months; no" if counts[most] else "Nothing limits it: no"
    return Chart(
        "limits",
        "What limits the build-out, month by month",
        drawn,
        f"{caption} mark means that nothing was waiting to be installed.",
        ("limit", "months"),
        tuple((n, str(c)) for n, c in counts.items()),
        240,
    )
