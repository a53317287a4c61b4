"""What a token and a task cost, what the cost is made of, and why it falls."""

from __future__ import annotations

import numpy as np

from gigaplan.report.charts import base, over_time
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.charts.palette import GREY, INK, NAVY
from gigaplan.report.format import fixed, percent, short
from gigaplan.report.words import title
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.results.spread import spread

DRIVERS = {
    "new_generations": "new generations",
    "same_generation": "the same generation, cheaper",
    "utilisation": "utilisation",
    "software": "serving software",
    "model": "models",
}
LINES = {
    "depreciation_it": "depreciation of IT",
    "depreciation_facility": "depreciation of facilities",
    "write_off": "write-off of scrapped racks",
    "energy": "energy",
    "operations": "operations",
    "rental": "rental",
    "lease": "lease",
}
"""Cost lines as people write them."""
FULL = "full_cost_per_mtok_all_usd"


def cost(result: Result, other: Result | None = None) -> Chart:
    """Return the cost per million generated tokens: all serving with its band, and workloads when they are chosen."""
    days = over_time.months(result)
    full = if_held(figures, result, FULL) is not None  # else saved before cost of capital was counted
    every, each = (FULL, "full_cost_per_mtok_usd") if full else ("cost_per_mtok_all_usd", "cost_per_mtok_usd")
    name = "full cost, all serving" if full else "all serving, without cost of capital"
    series = over_time.ranged(
        over_time.line(name, days, figures(result, every), NAVY, lineStyle={"width": 3}),
        days,
        spread(result, every, ["month"]),
    )
    if full:
        without = figures(result, "cost_per_mtok_all_usd")
        dashed = {"width": 1.5, "type": "dotted"}
        series.append(over_time.line("without cost of capital", days, without, NAVY, lineStyle=dashed))
    if other is not None and (theirs := if_held(figures, other, every)) is not None:
        dashed = {"width": 2, "type": "dashed"}
        series.append(over_time.line("plan B", over_time.months(other), theirs, INK, lineStyle=dashed))
    price, names = figures(result, each), [title(n) for n in result.labels["workload"]]
    thin = {"lineStyle": {"width": 1}, "endLabel": {"show": True, "formatter": "{a}", "color": GREY, "fontSize": 10}}
    series += [over_time.line(n, days, price[w], GREY, **thin) for w, n in enumerate(names)]
    drawn = over_time.log_option(result, series, "USD per million tokens")
    drawn["legend"] |= {"selected": dict.fromkeys(names, False)}
    more = ("cost_per_mtok_all_usd",) if full else ()
    values = np.vstack([base.yearly(result, every), *(base.yearly(result, v) for v in more)])
    values = np.vstack([values, base.yearly(result, each, "workload")])
    return Chart(
        "cost",
        "Cost of a million generated tokens",
        drawn,
        "Serving bears its idle GPUs, so an idle fleet shows as a high cost. Cost, not price. Workloads: click a name.",
        *base.table([name, *("without cost of capital" for _ in more), *names], years(result), values),
        figures="USD, mean of the year, weighted by tokens",
    )


def gpu_hour(result: Result) -> Chart | None:
    """What a GPU-hour of the fleet costs and is rented for, what one more would bring, and what all would clear at."""
    clears = figures(result, "clearing_price_usd_per_gpu_h")
    if not np.isfinite(clears).any():
        return None
    every = (
        ("clearing_price_usd_per_gpu_h", "would clear at", NAVY),
        ("marginal_revenue_usd_per_gpu_h", "one more would bring", base.PALETTE[1]),
        ("gpu_hour_rent_usd", "rented in the market", base.PALETTE[2]),
        ("gpu_hour_cost_usd", "costs at full use", GREY),
        ("full_gpu_hour_cost_usd", "costs, cost of capital included", base.RED),
    )
    held = [row for row in every if if_held(figures, result, row[0]) is not None]
    months = over_time.months(result)
    lines = [over_time.line(n, months, figures(result, q), c) for q, n, c in held]
    series = over_time.ranged(lines[0], months, spread(result, held[0][0], ["month"])) + lines[1:]
    return Chart(
        "gpu_hour",
        "What a GPU-hour is worth and what it costs",
        over_time.log_option(result, series, "USD per GPU-hour"),
        "The plan's prices decide what is paid: one more GPU-hour would bring what the next request pays, nothing if "
        "all are served. It would clear where buyers, at what they would pay, want just what there is: far above rent "
        "GPUs are missing, at the cost of energy there are more than anybody wants.",
        *base.table([n for _, n, _ in held], years(result), np.vstack([base.yearly(result, q) for q, _, _ in held])),
        figures="mean of the year",
    )


def waterfall(result: Result) -> Chart | None:
    """What a million generated tokens cost in the last year: by line of cost, less training and hours sold."""
    year = -1
    made = float(base.yearly(result, "generated_tokens")[year]) / 1e6
    if not made > 0:
        return None
    lines = base.yearly(result, "cost_usd", "line")[:, year] / made
    training, sold = (float(base.yearly(result, f"{n}_cost_usd")[year]) / made for n in ("training", "sold"))
    names = [LINES.get(n, title(n)) for n in result.labels["line"]]
    some = [i for i, v in enumerate(lines) if v > 0]
    less = [(n, -v) for n, v in (("training's share", training), ("hours sold", sold)) if v > 0]
    steps = [(names[i], float(lines[i])) for i in some] + less
    level, floors, rises, falls = 0.0, [], [], []
    for _, step in steps:
        floors.append(min(level, level + step))
        rises.append(step if step > 0 else np.nan)
        falls.append(-step if step < 0 else np.nan)
        level += step
    blank = [np.nan] * len(steps)
    series: list[Option] = [
        base.unseen([*floors, np.nan], "t"),
        base.bar("adds", [*rises, np.nan], base.PALETTE[1], "t"),
        base.bar("takes away", [*falls, np.nan], base.PALETTE[2], "t"),
        base.bar("a million tokens", [*blank, level], base.PALETTE[0], "t"),
    ]
    drawn = base.option(series, [*(n for n, _ in steps), "serving"], "USD per million generated tokens")
    drawn["legend"]["data"] = [s["name"] for s in series[1:]]
    drawn["xAxis"]["axisLabel"] = {"interval": 0, "hideOverlap": False, "width": 76, "overflow": "break"}
    when = years(result)[year]
    return Chart(
        "waterfall",
        f"What a million generated tokens are made of, {when}",
        drawn,
        f"{fixed(level)} USD in {when}, all workloads together; energy is "
        f"{percent(float(lines[_line(result, 'energy')]) / float(lines.sum()))} of the whole cost.",
        ("", "USD per million tokens"),
        (*((n, fixed(v, 3)) for n, v in steps), ("a million generated tokens", fixed(level, 3))),
        min_width=base.WIDE_CHART,
    )


def _line(result: Result, name: str) -> int:
    return result.labels["line"].index(name)


def intelligence(result: Result) -> Chart | None:
    """Cost of a task of the first month, done as well by the cheapest model that can."""
    price = figures(result, "cost_at_constant_capability_usd")
    some = [w for w in range(len(price)) if np.isfinite(price[w]).any()]
    if not some:
        return None
    names = [title(result.labels["workload"][w]) for w in some]
    months, looks = over_time.months(result), over_time.looks(len(some))
    series = [over_time.line(n, months, price[w], **look) for n, w, look in zip(names, some, looks, strict=True)]
    return Chart(
        "intelligence",
        "Cost of a task at constant capability",
        over_time.log_option(result, series, "USD per task"),
        "A task of the first served month, done as well by the cheapest model that can: what it "
        "costs, not what is charged.",
        *base.table(
            [f"{n}, USD per task" for n in names],
            years(result),
            base.yearly(result, "cost_at_constant_capability_usd", "workload")[some],
        ),
        figures="mean of the year",
    )


@base.one_future
def fall(result: Result) -> Chart | None:
    """Why the cost at constant capability falls: shares of each driver, in factors of two."""
    data = result.central("cost_fall_log")
    if np.isnan(data).all():
        return None
    ends = base.yearly(result, "cost_fall_log", "driver")
    halvings = ends / np.log(2)
    names = [DRIVERS.get(n, title(n)) for n in result.labels["driver"]]
    series = [base.bar(n, halvings[i], base.PALETTE[i]) for i, n in enumerate(names)]
    whole = halvings.sum(axis=0)
    last = whole[np.isfinite(whole)][-1] if np.isfinite(whole).any() else np.nan
    return Chart(
        "fall",
        "Why intelligence gets cheaper",
        base.option(series, years(result), "halvings of the cost since the first served month"),
        f"By the end of {years(result)[-1]} the same task costs one part in "
        f"{short(2.0 ** float(last), digits=2)} of what it did. "
        "The parts add up to the whole (logarithmic mean Divisia index); below zero: raised it.",
        *base.table([f"{n}, halvings" for n in names], years(result), halvings),
        figures="year end",
    )
