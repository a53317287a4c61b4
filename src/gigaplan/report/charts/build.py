"""Sites from announcement to first token, and what limits the build-out."""

from __future__ import annotations

import datetime as dt
import math

from gigaplan.report.charts import base, over_time, palette
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.events import first_tokens, limit_spans
from gigaplan.report.format import as_year
from gigaplan.report.words import limit
from gigaplan.results.result import Result

MOST_ROWS = 24
STEPS = ("announced", "construction", "energised", "ready", "first token")
SPANS = ("announced to construction", "construction to energised", "energised to ready", "ready to first token")
SHADES = (palette.GREY, palette.SKY, palette.GOLD, palette.NAVY)
SOME_MW = 1e-6


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
        _dots("a phase is energised", phases, "diamond", palette.INK),
        _dots("all produces", full, "circle", palette.GREEN),
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
        base.rows_option(
            series,
            [row[0] for row in rows],
            axis.start.year,
            math.ceil(as_year(axis.end)),
            [_dates(row) for row in rows],
        ),
        f"{caption} Bars are the site's first megawatts; dates are resolved to the month.{left_out}",
        ("site", *STEPS, "all produces"),
        table,
        base.LIST_HEIGHT + base.ROW_HEIGHT * max(len(rows), 4),
        base.WIDE_CHART,
    )


def _dates(row: Place) -> str:
    """Return a site's dates in words, for its tooltip."""
    name, dates, whole, _ = row
    steps = [f"{step}: {day:%Y-%m}" for step, day in zip((*STEPS, "all produces"), (*dates, whole), strict=True) if day]
    return "; ".join([name, *steps])


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
    months = over_time.months(result)
    marks: Option = {
        "type": "scatter",
        "name": "binds",
        "symbol": "rect",
        "symbolSize": [7, 16],
        "data": [[months[m], int(c)] for m, c in enumerate(codes) if c >= 0],
        "itemStyle": {"color": base.PALETTE[5]},
    }
    drawn = over_time.option(result, [marks], "")
    drawn["yAxis"] = {"type": "category", "data": names, "splitLine": {"show": True}, "axisTick": {"show": False}}
    drawn["grid"] |= {"top": 16, "left": 8, "containLabel": True}
    drawn.pop("legend")
    drawn.pop("tooltip")
    counts = {n: int((codes == i).sum()) for i, n in enumerate(names)}
    most = max(counts, key=lambda n: counts[n])
    spans = [f"{name} {a}" + (f" to {b}" if a != b else "") for name, a, b in limit_spans(result)]
    caption = f"Most often {most}, in {counts[most]} months; no" if counts[most] else "Nothing limits it: no"
    return Chart(
        "limits",
        "What limits the build-out, month by month",
        drawn,
        f"{caption} mark means that nothing was waiting to be installed.",
        ("limit and when it binds", "months"),
        (*((n, str(c)) for n, c in counts.items()), *((span, "") for span in spans)),
        240,
    )
