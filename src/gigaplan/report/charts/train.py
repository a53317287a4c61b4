"""Training: the runs of the plan, the largest run that the fleet could do, and what that could be capable of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.format import as_year, percent, scientific, short, span
from gigaplan.report.runs import missed
from gigaplan.report.words import title
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.results.spread import spread
from gigaplan.vocabulary.members import Array

TREND = "Epoch AI's trend"
"""Name of the published trend of the largest runs."""


def runs(result: Result) -> Chart | None:
    """The planned runs from start to end, their deadlines, how fast and how much of it makes progress."""
    names = result.labels["run"]
    if not names:
        return None
    dates = {w: [result.day(float(d)) for d in figures(result, f"run_{w}_day")] for w in ("start", "done", "deadline")}
    start = [as_year(d) for d in dates["start"]]
    done = [as_year(d) if d else as_year(result.axis.end) for d in dates["done"]]
    late = [d is not None and (e is None or e > d) for d, e in zip(dates["deadline"], dates["done"], strict=True)]
    spans = [max(b - a, 0.0) if not math.isnan(a) else math.nan for a, b in zip(start, done, strict=True)]
    deadlines: Option = {
        "type": "scatter",
        "name": "deadline",
        "symbol": "diamond",
        "symbolSize": 10,
        "itemStyle": {"color": base.RED},
        "data": [[round(as_year(d), 3), k] for k, d in enumerate(dates["deadline"]) if d],
    }
    series = [base.unseen(start, "t"), base.bar("trains", spans, base.PALETTE[0], "t"), deadlines]
    mfu, goodput = figures(result, "run_mfu_share"), figures(result, "run_goodput_share")
    gpus = figures(result, "run_gpus").max(axis=1)
    rows = tuple(
        (
            title(n),
            str(dates["start"][k] or "never"),
            str(dates["done"][k] or "not within the horizon"),
            str(dates["deadline"][k] or "–"),
            "late" if late[k] else "",
            short(float(gpus[k])),
            percent(float(mfu[k])),
            f"{goodput[k]:.1%}",
        )
        for k, n in enumerate(names)
    )
    axis = result.axis
    return Chart(
        "runs",
        "Training runs",
        base.rows_option(series, [title(n) for n in names], axis.start.year, math.ceil(as_year(axis.end))),
        " ".join(missed(result)) or "No run misses a deadline or a milestone.",
        ("run", "starts", "ends", "deadline", "", "GPUs", "model FLOPs utilisation", "goodput"),
        rows,
        base.LIST_HEIGHT + base.ROW_HEIGHT * max(len(names), 4),
    )


def largest(result: Result) -> Chart:
    """The largest run that could end with each month, on one site and on all, next to the published trend; scopes that
    are equal stand once."""
    data = figures(result, "largest_run_flop")
    scopes = _different(result.labels["scope"], data)
    kinds = ("solid", "dotted", "dashed")
    series = [
        base.line(
            name, np.where(data[i] > 0, data[i], np.nan), base.PALETTE[i], lineStyle={"width": 2, "type": kinds[i]}
        )
        for i, name in scopes.items()
    ]
    known = spread(result, "largest_run_flop", ["month"], {"scope": "one site"})
    series += base.band("one site", known, 1, base.PALETTE[0])
    ends = base.yearly(result, "largest_run_flop", "scope")
    rows = [(name, *(scientific(float(v)) for v in ends[i])) for i, name in scopes.items()]
    words = [_largest_words(data, tuple(scopes.values()))]
    trend = if_held(figures, result, "trend_run_flop")
    if trend is not None:
        series.append(base.line(TREND, trend, base.GREY, lineStyle={"width": 1, "type": "dashed"}))
        over = base.yearly(result, "largest_run_over_trend", "scope")
        rows += [(TREND, *(scientific(float(v)) for v in aggregate(result, "trend_run_flop", ["year"]).values))]
        rows += [(f"{name}, of the trend", *(percent(float(v)) for v in over[i])) for i, name in scopes.items()]
        words.append(_trend_words(over, years(result)))
    if who := if_held(_who_trains, result):
        words.append(who[0])
        rows += who[1]
    return Chart(
        "largest",
        "The largest training run that could end in the month",
        base.log_option(series, result.labels["month"], "model FLOP"),
        " ".join(words),
        ("", *(f"{y}, FLOP" for y in years(result))),
        tuple(rows),
        figures="year end",
    )


def _who_trains(result: Result) -> tuple[str, list[tuple[str, ...]]]:
    """Return how many GPUs of one site train its largest run and as how many learners, in words and as rows by year."""
    gpus, learners = (aggregate(result, f"largest_run_{n}", ["year"]).values for n in ("gpus", "learners"))
    several = f" as {learners[-1]:.0f} learners that average what they learnt" if learners[-1] > 1 else " in one step"
    words = f"At the end of {years(result)[-1]} {short(float(gpus[-1]))} GPUs of the site train it{several}."
    rows = [("GPUs of one site that train it", *(short(float(v)) for v in gpus))]
    return words, [*rows, ("learners that they are", *(f"{v:.0f}" for v in learners))]


def _trend_words(over: Array, labels: Sequence[str]) -> str:
    """Say how the runs compare with the trend, with the first and the last year's end."""
    first, last = (percent(float(over[0, k])) for k in (0, -1))
    together = percent(float(over[1, -1]))
    return (
        f"Epoch AI's trend goes from the largest published run until it meets what Epoch judged feasible by 2030, and "
        f"nothing here is fitted to it: one site has {first} of it at the end of {labels[0]} and {last} at the end of "
        f"{labels[-1]}, sites together then {together}."
    )


def _different(names: Sequence[str], data: Array) -> dict[int, str]:
    """Return the place of each scope whose runs no scope before it has, with the names of all that have them."""
    found: dict[int, str] = {}
    for i, name in enumerate(names):
        same = next((k for k in found if np.array_equal(data[k], data[i])), i)
        found[same] = f"{found[same]} = {name}" if same in found else name
    return found


def _largest_words(data: Array, names: Sequence[str]) -> str:
    """Say how large runs could be, once for all scopes that are equal."""
    one, together, whole = (scientific(float(v.max())) for v in data)
    site = f"Up to {one} FLOP at one site, on what is held for training"
    if len(names) == 1:
        return f"{site}: no more is held, so that other sites would add nothing."
    if any(name.endswith("sites together = whole fleet") for name in names):
        return (
            f"{site}; {whole} on all that is held for training, which sites that train together with local updates "
            "could use in full."
        )
    return (
        f"{site}; {together} that count if sites train together with local updates, at most all that is held; "
        f"{whole} if all were one site."
    )


def size(result: Result) -> Chart | None:
    """The compute-optimal model of the largest run of one site, with the range of scaling laws."""
    low, central, high = figures(result, "largest_run_parameters")[0]
    if not central.max() > 0:
        return None
    shown = [np.where(v > 0, v, np.nan) for v in (low, central, high)]
    series = [
        base.line(name, v, base.PALETTE[0], lineStyle={"width": 2 if name == "central" else 1, "type": kind})
        for name, v, kind in zip(result.labels["bound"], shown, ("dotted", "solid", "dashed"), strict=True)
    ]
    at = {"scope": "one site"}
    ends = np.vstack([base.yearly(result, f"largest_run_{n}", "bound", at=at) for n in ("parameters", "tokens")])
    names = [f"{what}, {b}" for what in ("parameters", "tokens") for b in result.labels["bound"]]
    return Chart(
        "size",
        "The model that the largest run of one site is best spent on",
        base.log_option(series, result.labels["month"], "parameters"),
        f"Up to {span(float(low.max()), float(high.max()))} parameters, twenty tokens each (Hoffmann "
        "et al. 2022); bounds are their fit of the "
        "loss, as published and as corrected (Besiroglu et al. 2024). A smaller model on more tokens "
        "is cheaper to serve.",
        ("", *years(result)),
        tuple((n, *(short(float(v)) for v in row)) for n, row in zip(names, ends, strict=True)),
        figures="year end",
    )


def capability(result: Result) -> Chart | None:
    """What the largest run of one site could be capable of, with its range."""
    low, central, high = figures(result, "capability_eci")
    if np.isnan(central).all():
        return None
    floor = float(np.floor(np.nanmin(low) / 10) * 10)
    series = [
        base.line("", low, "transparent", stack="band", silent=True, lineStyle={"width": 0}, tooltip={"show": False}),
        base.line(
            "80 % range", high - low, base.PALETTE[0], stack="band", areaStyle={"opacity": 0.18}, lineStyle={"width": 0}
        ),
        base.line("central", central, base.PALETTE[0]),
    ]
    drawn = base.option(series, result.labels["month"], "points of Epoch AI's capabilities index")
    drawn["yAxis"] |= {"min": floor}
    drawn["legend"]["data"] = ["80 % range", "central"]
    drawn["tooltip"] = {"show": False}
    columns, rows = base.table(result.labels["bound"], years(result), base.yearly(result, "capability_eci", "bound"))
    parts = if_held(_rise, result)
    return Chart(
        "capability",
        "What a model of the largest run so far could be capable of",
        drawn,
        "From training compute and date, fitted on published models; beyond the largest known run it "
        "is an extrapolation." + (parts[0] if parts else ""),
        columns,
        (*rows, *parts[1]) if parts else rows,
        figures="year end",
    )


def _rise(result: Result) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """Return what the rise of capability rests on, in words and as rows by year."""
    names = {"larger runs": "capability_from_compute_eci", "better methods": "capability_from_methods_eci"}
    rises = {name: aggregate(result, variable, ["year"]).values for name, variable in names.items()}
    compute, methods = (float(v[-1]) for v in rises.values())
    grown = f"{compute:.1f} points by larger runs" if compute > 0 else "none by larger runs, since they don't grow"
    words = f" Of its rise since the first run {grown}, {methods:.1f} by better methods at the same compute."
    return words, tuple((f"rise by {name}", *(f"{float(x):.1f}" for x in v)) for name, v in rises.items())
