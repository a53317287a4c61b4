"""Demand and what is served: tokens, what is unserved, the worth of a GPU-hour, the day of regions and power."""

from __future__ import annotations

import numpy as np

from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart
from gigaplan.report.events import all_served_from, unserved, weekday
from gigaplan.report.format import counted, in_watts, percent, short
from gigaplan.report.words import region, title
from gigaplan.results.coordinates import years
from gigaplan.results.headlines import SERVED
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.results.spread import spread
from gigaplan.vocabulary.members import Array

SEEN_PERCENT = 0.005
"""Less than this is not drawn as unserved."""
SETTLED_MONTHS = 12
"""The first months are set by the existing fleet; the tightest month is looked for after them."""


def tokens(result: Result) -> Chart:
    """Generated tokens a day, demand and what is served."""
    at = {"token": "generated"}
    served, demand = (base.monthly(result, f"tokens_{k}_per_day", "workload", at=at) for k in ("served", "asked"))
    names = result.labels["workload"]
    unit = counted(float(demand.sum(axis=0).max()), "tokens a day")
    series = [
        base.area(title(n), served[w] / unit.size, base.colour(result, "workload", n)) for w, n in enumerate(names)
    ]
    dashed = {"width": 2, "type": "dashed"}
    series.append(base.line("demand in all", demand.sum(axis=0) / unit.size, base.RED, lineStyle=dashed))
    known = spread(result, "tokens_asked_per_day", ["month"], at)
    series += base.band("demand in all", known, unit.size, base.RED)
    yearly = base.yearly(result, "tokens_served_per_day", "workload", at=at)
    last = float(base.yearly(result, "tokens_served_per_day", at=at)[-1])
    return Chart(
        "tokens",
        "Generated tokens a day: served, and demand",
        base.option(series, result.labels["month"], unit.name),
        f"Served: {short(last)} reasoning and output tokens a day in {years(result)[-1]}; input tokens are apart.",
        *base.table([title(n) for n in names], years(result), yearly),
        figures="mean of the year",
    )


def waits(result: Result) -> Chart | None:
    """Unserved demand: share of each workload's requests not served, by month."""
    found = unserved(result)
    if not found:
        return None
    refused = (1 - figures(result, "served_share")) * 100
    names = [title(n) for n in result.labels["workload"]]
    rows = tuple((title(x.workload), str(x.months), x.first, x.last, percent(x.worst_share)) for x in found)
    free = all_served_from(result)
    caption = f"All demand is served from {free} on." if free else "Some demand is unserved to the end of the horizon."
    return Chart(
        "waits",
        "Unserved demand: share of requests not served on their day",
        base.heat_option(_cells(refused.T), result.labels["month"], names, 100, "100 % refused"),
        f"{caption} Empty means served in full.",
        ("workload", "months", "first", "last", "worst month, served"),
        rows,
        base.LIST_HEIGHT + base.ROW_HEIGHT * max(len(names), 6),
    )


def waits_by_hour(result: Result) -> Chart | None:
    """Unserved demand by hour of the day, in the month in which most is refused."""
    refused, demand = weekday(result, "requests_refused_per_h"), weekday(result, "requests_asked_per_h")
    month = _tightest(result, refused)
    share = 100 * np.divide(
        refused[:, month], demand[:, month], out=np.zeros_like(demand[:, month]), where=demand[:, month] > 0
    )
    if not share.max() > SEEN_PERCENT:
        return None
    names = [title(n) for n in result.labels["workload"]]
    hours = [f"{h}:00" for h in result.labels["hour"]]
    when = result.labels["month"][month]
    tight = f"A weekday of {when}, the tightest month after the first year, hours in UTC."
    return Chart(
        "waits_by_hour",
        "Unserved demand, hour by hour",
        base.heat_option(_cells(share.T), hours, names, 100, "100 % refused"),
        f"{tight} Work that may wait within its day is refused only if the day has no room.",
        *base.table(names, hours, share),
        base.LIST_HEIGHT + base.ROW_HEIGHT * max(len(names), 6),
    )


def _tightest(result: Result, refused: Array) -> int:
    """Return the month in which the largest shares go unserved, after the first year if any do then."""
    waiting = (1 - figures(result, "served_share")).sum(axis=0)
    later = waiting[SETTLED_MONTHS:]
    if len(later) and later.max() > 1 - SERVED:
        return int(later.argmax()) + SETTLED_MONTHS
    return int(refused.sum(axis=(0, 2)).argmax())


def _cells(values: Array) -> list[tuple[int, int, float]]:
    """Return (x, y, value) of all that is large enough to be seen."""
    return [(x, y, round(float(v), 2)) for (x, y), v in np.ndenumerate(values) if v > SEEN_PERCENT]


def shadow(result: Result) -> Chart | None:
    """What one more GPU-hour would be worth, by month and hour of the day."""
    price = weekday(result, "shadow_price_usd_per_gpu_h")
    months, hours = result.labels["month"], [f"{h}:00" for h in result.labels["hour"]]
    cells = [(m, h, round(float(v), 3)) for (m, h), v in np.ndenumerate(price) if v > 0]
    if not cells:
        return None
    top = float(price.max())
    value = f"At the peak {short(top)} USD for an hour of one GPU of the reference generation"
    columns, rows = base.table(
        ["USD per GPU-hour", "USD per IT megawatt and year"],
        years(result),
        np.stack([base.yearly(result, f"shadow_price_usd_per_{n}") for n in ("gpu_h", "mw_year")]),
    )
    return Chart(
        "shadow",
        "What one more GPU-hour would be worth",
        base.heat_option(cells, months, hours, round(top, 3), f"{top:.2f} USD per GPU-hour"),
        f"{value}, by the plan's own values of requests; weekdays, hours in UTC. Empty: all demand is served.",
        columns,
        rows,
        400,
        figures="mean of the year",
    )


def regions(result: Result) -> Chart:
    """Requests over the day by region, in the last month."""
    data = weekday(result, "requests_by_region_per_h")[:, -1]
    names = [region(n) for n in result.labels["region"]]
    unit = counted(float(data.sum(axis=0).max()), "requests an hour")
    series = [base.area(n, data[i] / unit.size, base.PALETTE[i % len(base.PALETTE)]) for i, n in enumerate(names)]
    total = data.sum(axis=0)
    swing = (
        f"the peak hour has {total.max() / total.min():.1f} times the requests of the lowest" if total.min() > 0 else ""
    )
    return Chart(
        "regions",
        "Requests by region over the day",
        base.option(series, [f"{h}:00" for h in result.labels["hour"]], unit.name),
        f"A weekday of {result.labels['month'][-1]}, hours in UTC, work that may wait "
        f"apart{'; ' + swing if swing else ''}.",
        *base.table(names, result.labels["hour"], data),
        300,
    )


def load(result: Result) -> Chart:
    """Power drawn at the meter over the day."""
    power = weekday(result, "facility_power_mw")
    unit = in_watts(float(power.max()))
    picks = list(range(6, power.shape[0], 24)) or [0]
    months = [result.labels["month"][m] for m in picks]
    series = [
        base.line(name, power[m] / unit.size, base.PALETTE[i % len(base.PALETTE)])
        for i, (name, m) in enumerate(zip(months, picks, strict=True))
    ]
    return Chart(
        "load",
        "Power drawn on a weekday, all sites",
        base.option(series, [f"{h}:00" for h in result.labels["hour"]], f"{unit.name} at the meter (facility)"),
        "Hours in UTC. Training draws steadily; serving follows the world's day.",
        *base.table([f"{m}, MW" for m in months], result.labels["hour"], power[picks]),
        300,
    )
