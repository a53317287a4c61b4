"""Money in, money out and the running total: what comes in by year, where it goes, and how much is found elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gigaplan.report.charts import base, over_time
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.charts.cost import LINES
from gigaplan.report.charts.ladder import tranche_days
from gigaplan.report.charts.palette import GOLD, GREEN, GREY, INK, SKY, VIOLET, WINE
from gigaplan.report.format import Scale, in_dollars, money
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of, figures
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members, spread_of
from gigaplan.vocabulary.members import Array

CASH_LINES = ("energy", "operations", "rental", "lease")
SOURCES = {"revenue": SKY, "investment": GREEN, "loans": VIOLET}
USES = {"capital": WINE, "running costs and rent": GOLD, "tax and debt service": GREY}
OF_PARTS = {
    "revenue": ("revenue",),
    "investment": ("milestone investment", "equity on dates"),
    "loans": ("loans",),
    "capital": ("capital",),
    "running costs and rent": tuple(LINES[n] for n in CASH_LINES),
    "tax and debt service": ("tax", "interest", "repayment"),
}
"""What is drawn as one: at most six hues."""


def uses_and_sources(result: Result) -> tuple[dict[str, Array], dict[str, Array], Array]:
    """Return what money goes to and comes from by year, and the funding gap (below zero: surplus)."""
    lines = base.yearly(result, "cost_usd", "line")
    label = list(result.labels["line"])
    uses = {"capital": base.yearly(result, "capital_usd")}
    uses |= {LINES[n]: lines[label.index(n)] for n in CASH_LINES}
    if if_held(figures, result, "flow_usd") is not None:
        flows = dict(zip(result.labels["flow"], base.yearly(result, "flow_usd", "flow"), strict=True))
        uses |= {name: flows[name] for name in ("tax", "interest", "repayment")}
        lent = {"loans": flows["loans"]}
    else:  # saved before there were loans
        lent = {}
    sources = {
        "revenue": base.yearly(result, "revenue_usd"),
        "milestone investment": base.yearly(result, "tranche_usd"),
        "equity on dates": base.yearly(result, "equity_paid_usd"),
        **lent,
    }
    return _some(uses), _some(sources), base.yearly(result, "funding_gap_usd")


def _some(flows: dict[str, Array]) -> dict[str, Array]:
    return {n: v for n, v in flows.items() if np.abs(v).max() > 0}


def cash(result: Result, other: Result | None = None) -> Chart:
    """Return money in and out by calendar year, and the running total with its band and the tranches."""
    uses, sources, left = uses_and_sources(result)
    running = -np.cumsum(of_members(result, "funding_gap_usd", ["month"]), axis=-1)
    total = np.asarray(figure_of(result, running))
    parts = {n: _sum(sources, n) for n in SOURCES} | {n: -_sum(uses, n) for n in USES}
    unit = in_dollars(max(float(np.abs(v).max()) for v in (*parts.values(), total)))
    series: list[Option] = [
        over_time.of_years(n, result, v / unit.size, {**SOURCES, **USES}[n], stack="flow", unit=f"{unit.name} a year")
        for n, v in parts.items()
        if np.abs(v).max() > 0
    ]
    days = over_time.months(result)
    drawn = over_time.line("so far, in less out", days, total / unit.size, INK, lineStyle={"width": 3})
    known = spread_of(running) if len(running) > 1 else None
    series += over_time.ranged(_flagged(result, drawn, total / unit.size), days, known, unit.size)
    if other is not None:
        series.append(_of_other(other, unit))
    found = f"At the lowest point {money(-low)} are found elsewhere" if (low := float(total.min())) < 0 else ""
    flags = " ▲ a tranche is released." if result.labels["tranche"] else ""
    of_which = _of_which(result)
    rows = np.array([*sources.values(), *(-v for v in uses.values()), -left, *of_which.values()])
    names = [*sources, *uses, "in less out", *of_which]
    return Chart(
        "cash",
        "Money in, money out, and the running total",
        over_time.option(result, series, unit.name, events=[(str(d), text) for d, text in tranche_days(result)]),
        f"{found or 'Nothing is found elsewhere'}; at the end of {years(result)[-1]} the total stands at "
        f"{money(float(total[-1]))}. Areas are sums of years.{flags}",
        *base.table(names, years(result), rows / unit.size),
        height=400,
        figures=f"{unit.name}, sum over the year",
    )


def _of_which(result: Result) -> dict[str, Array]:
    """Return parts of capital and equity, and what others guarantee, by year."""
    capital = base.yearly(result, "capital_usd", "component")
    found = {f"capital, {n}": -capital[i] for i, n in enumerate(result.labels["component"])}
    if result.labels["instrument"]:
        equity = base.yearly(result, "equity_paid_usd", "instrument")
        found |= {f"equity, {n}": equity[i] for i, n in enumerate(result.labels["instrument"])}
    if (guaranteed := if_held(base.yearly, result, "guaranteed_usd")) is not None:
        found |= {"guaranteed by others, mean of the year": guaranteed}
    return _some(found)


def _sum(flows: Mapping[str, Array], name: str) -> Array:
    """Return what is drawn under one name; nothing where the plan has none of it."""
    empty = np.zeros_like(next(iter(flows.values()))) if flows else np.zeros(1)
    return np.asarray(sum((flows[n] for n in OF_PARTS[name] if n in flows), empty))


def _flagged(result: Result, drawn: Option, total: Array) -> Option:
    """Return the line with a flag on each day on which a tranche is released."""
    months, marks = list(result.labels["month"]), []
    for day, _ in tranche_days(result):
        k = months.index(f"{day:%Y-%m}") if f"{day:%Y-%m}" in months else len(months) - 1
        style = {"color": GOLD, "borderColor": "#fefefe", "borderWidth": 1}
        coord = [str(day), float(f"{total[k]:.6g}")]
        marks.append({"coord": coord, "symbol": "triangle", "symbolSize": 11, "itemStyle": style})
    return drawn | {"markPoint": {"data": marks, "silent": True, "label": {"show": False}}} if marks else drawn


def _of_other(other: Result, unit: Scale) -> Option:
    total = figure_of(other, -np.cumsum(of_members(other, "funding_gap_usd", ["month"]), axis=-1))
    dashed = {"width": 2, "type": "dashed"}
    return over_time.line("plan B, so far", over_time.months(other), total / unit.size, INK, lineStyle=dashed)
