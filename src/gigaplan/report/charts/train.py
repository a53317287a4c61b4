"""Training: the runs of the plan, the largest run that the fleet could do, and what that could be capable of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gigaplan.report.charts import base, over_time, palette
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.format import as_year, percent, scientific, short, span
from gigaplan.report.runs import missed
from gigaplan.report.words import title
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.results.spread import Spread, spread
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
        base.rows_option(
            series,
            [title(n) for n in names],
            axis.start.year,
            math.ceil(as_year(axis.end)),
            [f"{row[0]}; starts: {row[1]}; ends: {row[2]}; deadline: {row[3]}" for row in rows],
        ),
        " ".join(missed(result)) or "No run misses a deadline or a milestone.",
        ("run", "starts", "ends", "deadline", "", "GPUs", "model FLOPs utilisation", "goodput"),
        rows,
        base.LIST_HEIGHT + base.ROW_HEIGHT * max(len(names), 4),
    )


def training(result: Result, other: Result | None = None) -> Chart:
    """Return the largest run that could end with each month next to the published trend, and below what a model of it
    could be capable of."""
    data = figures(result, "largest_run_flop")
    days = over_time.months(result)
    scopes = _different(result.labels["scope"], data)
    kinds = ("solid", "dotted", "dashed")
    series: list[Option] = []
    for i, name in scopes.items():
        shown = np.where(data[i] > 0, data[i], np.nan)
        drawn = over_time.line(name, days, shown, palette.NAVY, lineStyle={"width": 2, "type": kinds[i]})
        known = spread(result, "largest_run_flop", ["month"], {"scope": result.labels["scope"][i]})
        series += over_time.ranged(drawn, days, known) if not i else [drawn]
    trend = if_held(figures, result, "trend_run_flop")
    if trend is not None:
        series.append(over_time.line(TREND, days, trend, palette.GOLD, lineStyle={"width": 2}))
    if other is not None:
        theirs = figures(other, "largest_run_flop")[0]
        theirs, dashed = np.where(theirs > 0, theirs, np.nan), {"width": 2, "type": "dashed"}
        series.append(
            over_time.line("plan B, one site", over_time.months(other), theirs, palette.INK, lineStyle=dashed)
        )
    unit = "model FLOP"
    words, rows = _words_and_rows(result, data, scopes, trend)
    index = _capability(result)
    drawn = over_time.log_option(result, [*series, *index], unit)
    if index:
        drawn = over_time.two_plots(drawn, {"scale": True}, "capability, ECI points")
    return Chart(
        "training",
        "The largest training run that could end in the month",
        drawn,
        " ".join(words),
        ("", *years(result)),
        tuple(rows),
        height=440 if index else 340,
        figures="year end",
    )


def _words_and_rows(
    result: Result, data: Array, scopes: dict[int, str], trend: Array | None
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return what is said of the largest runs, and their table."""
    ends = base.yearly(result, "largest_run_flop", "scope")
    rows = [(f"{name}, FLOP", *(scientific(float(v)) for v in ends[i])) for i, name in scopes.items()]
    words = [_largest_words(data, tuple(scopes.values()))]
    if trend is not None:
        over = base.yearly(result, "largest_run_over_trend", "scope")
        rows += [(TREND, *(scientific(float(v)) for v in aggregate(result, "trend_run_flop", ["year"]).values))]
        rows += [(f"{name}, of the trend", *(percent(float(v)) for v in over[i])) for i, name in scopes.items()]
        words.append(_trend_words(over, years(result)))
    for more in (_who_trains, _size, _rise):
        rows += if_held(more, result) or []
    return words, rows


def _capability(result: Result) -> list[Option]:
    """Return the lower plot: what a model of the largest run so far could be capable of, with its range."""
    found = if_held(figures, result, "capability_eci")
    if found is None or np.isnan(found[1]).all():
        return []
    low, central, high = found
    days = over_time.months(result)
    known = Spread(low, central, high, np.zeros(len(low)), 2)
    at = dict(over_time.LOWER)
    drawn = over_time.line("capability of its model", days, central, palette.GREEN, unit="ECI points", **at)
    return over_time.ranged(drawn, days, known, **at)


def _who_trains(result: Result) -> list[tuple[str, ...]]:
    """Return rows by year of how many GPUs of one site train its largest run, and as how many learners."""
    gpus, learners = (aggregate(result, f"largest_run_{n}", ["year"]).values for n in ("gpus", "learners"))
    return [
        ("GPUs of one site that train it", *(short(float(v)) for v in gpus)),
        ("learners that average what they learnt", *(f"{v:.0f}" for v in learners)),
    ]


def _trend_words(over: Array, labels: Sequence[str]) -> str:
    """Say how the runs compare with the trend at the last year's end."""
    last, together = (percent(float(over[k, -1])) for k in (0, 1))
    return f"That is {last} of Epoch AI's trend at the end of {labels[-1]}, and {together} with sites together."


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
    site = f"Up to {one} FLOP at one site"
    if len(names) == 1:
        return f"{site}; no more is held for training."
    if any(name.endswith("sites together = whole fleet") for name in names):
        return f"{site}; {whole} on all that is held for training."
    return f"{site}; {together} with sites together, by local updates; {whole} if all were one site."


def _size(result: Result) -> list[tuple[str, ...]]:
    """Return rows by year of the compute-optimal model of the largest run of one site, with the range of scaling laws.

    Hoffmann et al. 2022: twenty tokens for each parameter; the bounds are their fit of the loss, as published and as
    corrected by Besiroglu et al. 2024.
    """
    at, rows = {"scope": "one site"}, []
    for what in ("parameters", "tokens"):
        ends = base.yearly(result, f"largest_run_{what}", "bound", at=at)
        texts = (span(float(a), float(b)) for a, b in zip(ends[0], ends[-1], strict=True))
        rows.append((f"{what} of the model that it is best spent on", *texts))
    return rows


def _rise(result: Result) -> list[tuple[str, ...]]:
    """Return rows by year of what the rise of capability rests on."""
    names = {"larger runs": "capability_from_compute_eci", "better methods": "capability_from_methods_eci"}
    rises = {name: aggregate(result, variable, ["year"]).values for name, variable in names.items()}
    return [(f"capability, rise by {n}, points", *(f"{float(x):.1f}" for x in v)) for n, v in rises.items()]
