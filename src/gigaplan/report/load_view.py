"""What the sites of a plan draw, for the terminal, as a page and in the tables that utilities ask for."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan._version import __version__
from gigaplan.layers.site_load import LoadOfYear, PlanLoad, SiteHours, year_hours
from gigaplan.report import html as page
from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart
from gigaplan.report.format import DASH, short
from gigaplan.report.page import style_sheet, template
from gigaplan.report.words import place

HOUR_COLUMNS = (
    "hour_utc",
    "hour_local_standard",
    "load_mw",
    "site",
    "ramp_mw_per_min",
    "it_mw",
    "can_wait_mw",
    "training_mw",
    "water_m3",
)
WEEK_H = 168
"""Hours of a week."""
MWH_PER_GWH = 1e3


def headline(run: PlanLoad) -> str:
    """Return the answer in a sentence."""
    of_year = run.of_year
    total = np.sum([one.load_mw for one in run.sites], axis=0)
    what = place(of_year[0].site) if len(of_year) == 1 else f"{len(of_year)} sites"
    draws = "draws" if len(of_year) == 1 else "together draw"
    flexible = float(np.sum([one.can_wait_mw + one.training_mw for one in run.sites]) / max(total.sum(), 1e-9))
    return (
        f"In {run.year} {what} {draws} a mean of {_mw(total.mean())} and {_mw(total.max())} in the highest hour; "
        f"{flexible:.0%} of the energy is training, or work that can wait"
    )


def _mw(power: float) -> str:
    return f"{power:,.0f} MW" if power >= 100 else f"{short(power)} MW"


def terminal(run: PlanLoad) -> RenderableType:
    """Return the sites of the year, and of one site alone every year.

    Parameters
    ----------
    run : PlanLoad
        The answer of the verb.
    """
    alone = len(run.sites) == 1
    rows = run.years if alone else run.of_year
    table = Table(box=None, pad_edge=False)
    for k, name in enumerate(_heads(rows, alone=alone)):
        table.add_column(name, justify="right" if k else "left", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row, rows, alone=alone))
    lines: list[RenderableType] = [Text(run.title, style="bold"), Text(headline(run) + "."), table]
    return Group(*lines, *(Text(n, style="dim") for n in run.notes))


def _heads(rows: tuple[LoadOfYear, ...], *, alone: bool) -> list[str]:
    heads = ["year" if alone else "site", "peak MW", "mean MW", "GWh"]
    if _weathered(rows):
        return [*heads, "can wait", "PUE", "water m3", "free cooling h"]
    return [*heads, "design MW", "ramp MW/min", "stops at once MW", "can wait"]


def _cells(row: LoadOfYear, rows: tuple[LoadOfYear, ...], *, alone: bool) -> list[str]:
    powers = (row.peak_mw, row.mean_mw, row.energy_mwh / MWH_PER_GWH)
    cells = [str(row.year) if alone else place(row.site), *(short(v) for v in powers)]
    if _weathered(rows):
        known = not math.isnan(row.free_cooling_h)
        weather = (short(row.water_m3), f"{row.free_cooling_h:,.0f}") if known else (DASH, DASH)
        return [*cells, f"{row.can_wait_share:.1%}", f"{row.pue:.3f}", *weather]
    ramp = f"{row.ramp_mw_per_min:.2g}"
    return [*cells, short(row.design_mw), ramp, short(row.stops_at_once_mw), f"{row.can_wait_share:.1%}"]


def _weathered(rows: tuple[LoadOfYear, ...]) -> bool:
    return any(not math.isnan(row.free_cooling_h) for row in rows)


def hours_csv(run: PlanLoad) -> str:
    """Return each hour of each site, in UTC and local standard time: load, its ramp, IT power, work that can wait,
    training, and water.

    Parameters
    ----------
    run : PlanLoad
        The answer of the verb.
    """
    return "\n".join([",".join(HOUR_COLUMNS), *(line for one in run.sites for line in _lines(one)), ""])


def _lines(one: SiteHours) -> Iterator[str]:
    local = dt.timedelta(hours=one.utc_offset_h)
    columns = (one.ramp_mw_per_min, one.it_mw, one.can_wait_mw, one.training_mw, one.water_m3)
    for hour, load, values in zip(year_hours(one.year), one.load_mw, np.array(columns).T, strict=True):
        times = f"{hour:%Y-%m-%dT%H:%MZ},{hour + local:%Y-%m-%dT%H:%M}"
        yield ",".join([times, f"{load:.4f}", _quoted(one.site), *(f"{v:.4f}" for v in values + 0.0)])


def years_csv(run: PlanLoad) -> str:
    """Return each site in each year: design, peak and least load, energy, load factor, ramp and what can wait.

    Parameters
    ----------
    run : PlanLoad
        The answer of the verb.
    """
    names = [f.name for f in fields(LoadOfYear)]
    lines = [",".join(_cell(getattr(row, name)) for name in names) for row in run.years]
    return "\n".join([",".join(names), *lines, ""])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}" if abs(value) < 1 else f"{value:.3f}"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text


def charts(run: PlanLoad) -> list[Chart]:
    """Return a week of hours, the load-duration curve, and peak and mean load by year, of all sites together.

    Parameters
    ----------
    run : PlanLoad
        The answer of the verb.
    """
    return [_week(run), _duration(run), _by_year(run)]


def _week(run: PlanLoad) -> Chart:
    """Return the week with the highest hour, in UTC where sites differ: training, what can wait, and the rest."""
    parts = {
        "training": np.sum([one.training_mw for one in run.sites], axis=0),
        "work that can wait": np.sum([one.can_wait_mw for one in run.sites], axis=0),
    }
    load = np.sum([one.load_mw for one in run.sites], axis=0)
    parts = {"requests that cannot wait, idle racks and cooling": load - sum(parts.values()), **parts}
    first = min(max(int(load.argmax()) - WEEK_H // 2, 0), len(load) - WEEK_H)
    at = slice(first, first + WEEK_H)
    offsets = {one.utc_offset_h for one in run.sites}
    offset = dt.timedelta(hours=offsets.pop() if len(offsets) == 1 else 0)
    zone = "UTC" if len({one.utc_offset_h for one in run.sites}) > 1 else "the site's standard time"
    names = [f"{hour + offset:%d %b %H:00}" for hour in year_hours(run.year)[at]]
    series = [base.area(n, mw[at], base.PALETTE[k]) for k, (n, mw) in enumerate(parts.items())]
    table = tuple((n, *(short(v) for v in mw[at].reshape(7, 24).mean(axis=1))) for n, mw in parts.items())
    days = tuple(name[:6] for name in names[::24])
    caption = f"the week around the highest hour, {zone}"
    return Chart(
        "week", "A week, hour by hour", base.option(series, names, "MW"), caption, ("MW, daily mean", *days), table
    )


def _duration(run: PlanLoad) -> Chart:
    """Return the load of each site, sorted from its highest hour down."""
    shares = np.linspace(0, 1, 101)
    curves = {place(one.site): np.quantile(one.load_mw, 1 - shares) for one in run.sites}
    names = [f"{s:.0%}" for s in shares]
    series = [base.line(n, mw, base.PALETTE[k % len(base.PALETTE)]) for k, (n, mw) in enumerate(curves.items())]
    table = tuple((n, *(short(v) for v in mw[::20])) for n, mw in curves.items())
    caption = "the power that is reached or passed in a share of the year's hours"
    columns = ("MW", *names[::20])
    return Chart("duration", "How long at which power", base.option(series, names, "MW"), caption, columns, table)


def _by_year(run: PlanLoad) -> Chart:
    """Return each site's highest hour by year."""
    years = sorted({row.year for row in run.years})
    peaks = {name: dict.fromkeys(years, 0.0) for name in dict.fromkeys(row.site for row in run.years)}
    for row in run.years:
        peaks[row.site][row.year] = row.peak_mw
    series = [
        base.bar(place(name), list(mw.values()), base.PALETTE[k % len(base.PALETTE)])
        for k, (name, mw) in enumerate(peaks.items())
    ]
    labels = [str(y) for y in years]
    table = tuple((place(name), *(short(v) for v in mw.values())) for name, mw in peaks.items())
    caption = "the highest hour of each site in each year, which need not be the same hour"
    return Chart("years", "Year by year", base.option(series, labels, "MW"), caption, ("MW", *labels), table)


def html(run: PlanLoad) -> str:
    """Return a page that needs no network.

    Parameters
    ----------
    run : PlanLoad
        The answer of the verb.
    """
    drawn = charts(run)
    rows = [
        (place(row.site) if len(run.sites) > 1 else str(row.year), _fact(row))
        for row in (run.of_year if len(run.sites) > 1 else run.years)
    ]
    return template("supply.html.j2").render(
        run=run,
        kicker="the load of a plan's sites",
        title=f"{run.title}: load in {run.year}",
        question=headline(run),
        rows=rows,
        notes=run.notes,
        style=Markup(style_sheet()),
        charts={c.id: c for c in drawn},
        version=__version__,
        echarts=Markup(page.echarts()),
        options=page.script({c.id: c.option for c in drawn}),
        draw=Markup(page.draw()),
    )


def _fact(row: LoadOfYear) -> str:
    """Return a site's year in a line."""
    energy = short(row.energy_mwh / MWH_PER_GWH)
    text = (
        f"peak {short(row.peak_mw)} MW at {row.peak_hour}, mean {short(row.mean_mw)} MW (load factor "
        f"{row.load_factor:.0%}), {energy} GWh; up to {row.ramp_mw_per_min:.2g} MW/min from hour to hour, "
        f"{short(row.stops_at_once_mw)} MW of training may stop at once; {row.can_wait_share:.1%} can wait"
    )
    if math.isnan(row.free_cooling_h):
        return text
    return (
        f"{text}; PUE {row.pue:.3f}, {short(row.water_m3)} m3 of water, {row.free_cooling_h:,.0f} hours without "
        f"chillers, {short(row.heat_mwh / MWH_PER_GWH)} GWh of heat in warm water"
    )
