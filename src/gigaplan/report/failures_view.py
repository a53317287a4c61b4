"""What failures leave of a run, for the terminal and as charts: days and goodput in their range, what time is lost
to, what is best."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.layers.failures import HOURS_PER_DAY, REASONS, FailureRun, Range
from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart
from gigaplan.report.fitting import Bars, Fitting
from gigaplan.report.format import fixed, percent, short
from gigaplan.validation.training.failures import FailureRow

COLOURS = ("red", "yellow", "magenta", "bright_red", "cyan", "bright_magenta", "blue", "bright_black", "green")
WORDS = {
    "restart": "all restart from the last checkpoint, a spare steps in",
    "elastic": "all restart, without a spare they go on with a replica less",
    "groups": "the group that failed restarts alone, the others go on",
}


def terminal(run: FailureRun) -> list[RenderableType]:
    """Return the figures and a bar for each reason of lost time."""
    heading = f"failures: means of {run.options.trials:,} trials of the run, in brackets their middle 80 %"
    lines: list[RenderableType] = [Text(), Text(heading, style="bold")]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, text in rows(run):
        table.add_row(name, text)
    lines += [table, Text(), Text(f"where the {short(run.lost.mean)} days lost go, means", style="bold")]
    names = [_reason(run, k) for k in run.lost_days]
    lines.append(
        Bars(dict(zip(names, run.lost_days.values(), strict=True)), dict(zip(names, COLOURS, strict=True)), "d")
    )
    return lines


def rows(run: FailureRun) -> list[tuple[str, str]]:
    """Return the figures as pairs of name and text."""
    best = "" if run.options.checkpoint_interval_s else " (the best)"
    most = "" if run.options.spares is not None else " (the best number)"
    named = f"{run.units:,} {run.unit}{'s' * (run.units > 1)} of {run.unit_gpus} GPUs"
    fixed = (
        "facts at their central values"
        if run.options.certain
        else "each with its own draw of the facts on failures from their ranges"
    )
    found = [
        ("recovery", WORDS[run.recovery] + (f" ({run.groups:,} groups)" if run.recovery == "groups" else "")),
        ("run", f"{_with_range(run.days)} days: {_parts(run)}"),
        (
            "goodput",
            f"{run.goodput_share.mean:.1%} ({run.goodput_share.p10:.1%} to {run.goodput_share.p90:.1%}) of the time; "
            f"closed form {run.expected_share:.1%}",
        ),
        ("interruptions", f"{_interruptions(run)}; {short(run.planned_stops)} planned stops"),
        ("checkpoints", f"every {_clock(run.interval_s)}{best}, safe after {_clock(run.write_s)}"),
        (
            "spares",
            f"{run.spares:,}{most} in addition to {named}; {_enough(run)}; {short(run.replaced)} {run.unit}s taken out "
            "for repair",
        ),
        ("cost", f"{_with_range(run.days, HOURS_PER_DAY * run.gpus_held)} GPU-hours, spares included"),
        ("trials", f"{fixed}; the step at its central value, whose own range comes on top"),
    ]
    if run.options.facts:
        found.append(("your own", ", ".join(f"{name} {short(value)}" for name, value in run.options.facts)))
    if run.finished_share < 1:
        given_up = f"{percent(1 - run.finished_share)} of the trials were given up long after their time"
        found.append(("unfinished", f"{given_up}, with {short(run.undone_days)} days of work not done, mean of all"))
    return found


def _parts(run: FailureRun) -> str:
    """Return of what the mean days consist, with as many places as they have."""
    places = max(2 - math.floor(math.log10(max(run.days.mean, 0.01))), 0)
    undone = f" less {fixed(run.undone_days, places)} not done" if run.undone_days else ""
    return f"{fixed(run.ideal_days, places)} without failures{undone} and {_with_range(run.lost)} lost"


def _interruptions(run: FailureRun) -> str:
    """Return the interruptions and the mean time between two."""
    every = f", one every {_clock(3600 * run.mtbf_h)} on average" if math.isfinite(run.mtbf_h) else ""
    return f"{_with_range(run.interruptions)}{every}"


def _enough(run: FailureRun) -> str:
    """Return in how many trials the spares were enough."""
    if run.enough_share == 1:
        return "enough throughout all trials"
    return f"enough throughout {percent(run.enough_share)} of the trials"


def _reason(run: FailureRun, name: str) -> str:
    return "standing for a group" if name == "restart_s" and run.recovery == "groups" else REASONS[name]


def _with_range(r: Range, size: float = 1.0) -> str:
    """Return the mean and the middle 80 % of some trials, times ``size``."""
    return f"{short(size * r.mean)} ({short(size * r.p10)} to {short(size * r.p90)})"


def _clock(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{short(seconds / size)} {unit}"
    return f"{short(seconds)} s"


def charts(run: FailureRun) -> list[Chart]:
    """Return lost time by reason, days by share of trials, goodput by interval, spares and size, interruptions by
    cause."""
    shown = {_reason(run, k): v for k, v in run.lost_days.items() if v > 0}
    lost = base.horizontal_bars([base.bar("days", list(shown.values()), base.PALETTE[5])], list(shown), "days")
    causes = run.interruptions_by_cause
    return [
        Chart(
            "lost",
            "What time is lost to",
            lost,
            "Mean days of all trials.",
            ("", "days"),
            tuple((k, short(v)) for k, v in shown.items()),
            300,
        ),
        _days(run),
        _curve(
            "interval",
            "Goodput by the interval between checkpoints",
            [_clock(t) for t, _ in run.interval_curve],
            {"goodput": [100 * v for _, v in run.interval_curve]},
            f"Closed form at the central facts; taken: {_clock(run.interval_s)}.",
            "between checkpoints",
        ),
        _curve(
            "spares",
            f"Goodput by spare {run.unit}s",
            [f"{k:,}" for k, _, _ in run.spare_curve],
            {
                "goodput": [100 * v for _, v, _ in run.spare_curve],
                "spares suffice at any one time": [100 * v for _, _, v in run.spare_curve],
            },
            f"Closed form at the central facts; taken: {run.spares:,}.",
            f"spare {run.unit}s",
        ),
        _curve(
            "sizes",
            "Goodput by size of the run",
            [f"{n:,}" for n, *_ in run.size_curve],
            {
                name: [100 * row[k] for row in run.size_curve]
                for k, name in ((1, "restart"), (2, "elastic"), (3, "groups"))
            },
            "Expected, each at its best interval and spares, groups of this run's size. "
            + "; ".join(f"{k}: {v}" for k, v in WORDS.items())
            + ".",
            "GPUs",
        ),
        Chart(
            "causes",
            "Interruptions by cause",
            base.horizontal_bars(
                [base.bar("interruptions", list(causes.values()), base.PALETTE[0])], list(causes), "interruptions"
            ),
            "Shares of server failures as in Llama 3's 419 interruptions; racks and outages by rates of their own.",
            ("", "interruptions"),
            tuple((k, short(v)) for k, v in causes.items()),
            300,
        ),
    ]


def _days(run: FailureRun) -> Chart:
    share = [f"{100 * k / (len(run.day_quantiles) - 1):.0f} %" for k in range(len(run.day_quantiles))]
    line = base.line("days", list(run.day_quantiles), base.PALETTE[0])
    flat = base.line(
        "without failures", [run.ideal_days] * len(share), base.GREY, lineStyle={"type": "dashed", "width": 1.5}
    )
    option = base.option([line, flat], share, "days")
    option["yAxis"] |= {"scale": True}
    option["xAxis"] |= _named("share of trials")
    option["grid"] |= {"bottom": 24}
    return Chart(
        "days",
        "Days until the last token",
        option,
        "Share of trials that are done by then.",
        ("share of trials", "days"),
        tuple((s, short(d)) for s, d in zip(share, run.day_quantiles, strict=True)),
        300,
    )


def _named(axis: str) -> base.Option:
    return {"name": axis, "nameLocation": "middle", "nameGap": 24}


def _curve(id: str, heading: str, x: list[str], lines: dict[str, list[float]], caption: str, axis: str) -> Chart:
    series = [base.line(name, values, base.PALETTE[k]) for k, (name, values) in enumerate(lines.items())]
    table = tuple((at, *(f"{values[k]:.1f}" for values in lines.values())) for k, at in enumerate(x))
    option = base.option(series, x, "% of the time")
    option["yAxis"] |= {"scale": True}
    option["xAxis"] |= _named(axis)
    option["grid"] |= {"bottom": 24}
    return Chart(id, heading, option, caption, ("", *(f"{n}, %" for n in lines)), table, 300)


def validation(found: tuple[FailureRow, ...]) -> RenderableType:
    """Return published and predicted figures of failures."""
    table_rows = []
    for r in found:
        span = f"{_number(r.low, r.unit)} to {_number(r.high, r.unit)}" if r.high > r.low else ""
        table_rows.append(
            (r.name, r.published, _number(r.predicted, r.unit), span, "yes" if r.holds else "no", r.rates_from)
        )
    columns = ("figure", "published", "predicted", "range", "holds", "rates from")
    return Group(Text("failures", style="bold"), Fitting(columns, table_rows, (0, 5)))


def _number(value: float, unit: str) -> str:
    return f"{value:.1%}" if unit == "share" else f"{short(value)} {unit}".strip()
