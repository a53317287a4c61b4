"""A site's supply for the terminal, as a page and as the hours that a utility asks for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan._version import __version__
from gigaplan.layers.plan_supply import PlanSupply
from gigaplan.layers.site_load import year_hours
from gigaplan.layers.site_planned import Change
from gigaplan.layers.site_supply import SiteSupply
from gigaplan.report import html as page
from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart
from gigaplan.report.format import DASH, money, short
from gigaplan.report.page import style_sheet, template
from gigaplan.report.words import title as title_of
from gigaplan.vocabulary.members import Array

WEEK_H = 168
"""Hours of a week."""
SHOWN_SHARE = 1e-3
"""Capacity over load below which a unit is the solver's rounding, and left out of the sentence."""
NAMES = {"gas_turbine": "gas turbines", "engine": "gas engines", "fuel_cell": "fuel cells", "diesel": "diesel sets"}
"""Words for units whose name is not one already."""
UTILITY_COLUMNS = (
    "hour_utc",
    "hour_local_standard",
    "load_mw",
    "grid_import_mw",
    "grid_limit_mw",
    "ramp_mw_per_min",
    "put_off_mw",
    "caught_up_mw",
    "curtailed_mw",
    "unserved_mw",
)
LOAD_COLUMNS = ("it_mw", "can_wait_mw", "training_mw", "water_m3")
"""Of a plan's site."""
SHOWN_MWH = 0.5
"""Energy that is worth a word."""


def title(run: SiteSupply) -> str:
    """Return what is supplied."""
    job = run.job
    peak = _mw(run.site.load_mw.max() / job.drawn)
    return f"{peak} in {job.region}, {job.year}: " + ("dispatch" if job.dispatch else "least-cost supply")


def headline(run: SiteSupply) -> str:
    """Return the answer in a sentence."""
    lacking = run.shortfall
    if lacking is not None:
        what = "What stands does not carry" if run.job.dispatch else "No supply on offer carries"
        return (
            f"{what} the load in {lacking.hours:,} hours: {_mw(lacking.worst_mw)} lack at "
            f"{lacking.worst_hour} UTC, {short(lacking.energy_mwh)} MWh over the year"
        )
    standing = [
        f"{_mw(mw)} of {word(n)}" for n, mw in run.capacity_mw.items() if mw >= SHOWN_SHARE * run.site.load_mw.max()
    ]
    verb = ("stand" if standing else "stands") if run.job.dispatch else "of least cost"
    return f"{', '.join(standing) or 'nothing'} next to the grid {verb}: {short(run.usd_per_mwh)} USD/MWh"


def rows(run: SiteSupply) -> list[tuple[str, str]]:
    """Return the year's figures."""
    parts = sorted(run.usd_by_part.items(), key=lambda part: -abs(part[1]))
    share = {n: mwh / run.site.load_mw.sum() for n, mwh in run.energy_mwh.items() if mwh > 0}
    found = [
        ("cost", f"{money(run.usd_per_year)} a year: " + ", ".join(f"{part(n)} {money(v)}" for n, v in parts[:4])),
        (
            "energy",
            ", ".join(f"{word(n)} {v:.0%}" for n, v in sorted(share.items(), key=lambda s: -s[1]) if v >= 0.005),
        ),
        ("carbon", f"{short(run.co2_kg_per_mwh)} kg/MWh; highest draw of the grid {_mw(run.peak_grid_mw)}"),
    ]
    if run.shortfall is None:
        found.append(("one more MW of grid", f"saves {money(run.grid_usd_per_mw_year)} a year"))
    if run.year_without_grid_usd is not None:
        found.append(("the last tranche a year later", f"costs {money(run.year_without_grid_usd)}"))
    if run.withheld_usd_per_year is not None:
        hours = f"{run.job.withheld_h:g} hours without the grid"
        found.append((hours, f"cost {money(run.withheld_usd_per_year)} a year"))
    if run.water_m3 is not None and run.free_cooling_h is not None:
        found.append(("water", f"{short(run.water_m3)} m3; {run.free_cooling_h:,.0f} hours without chillers"))
    if run.earlier is not None:
        found += _change(f"a year earlier, {run.earlier.withheld_h:g} hours withheld", run.earlier)
    if run.later is not None:
        found += _change("a year later", run.later)
    if run.one_more is not None:
        gain = run.one_more
        brings = (
            f"{short(gain.tokens)} tokens, revenue {money(gain.revenue_usd)} and energy of {money(gain.energy_usd)}"
        )
        found.append(("one more MW, whole plan", f"{brings} more over the horizon"))
    if run.job.shiftable or run.job.curtailable or run.job.flexible:
        found.append(("load that waits", f"{short(run.shifted_mwh)} MWh later, {short(run.curtailed_mwh)} MWh never"))
    gap = (run.usd_per_year - run.bound_usd_per_year) / max(abs(run.usd_per_year), 1.0)
    how = "optimal" if run.optimal else "the time limit came first"
    found.append(("solved", f"{how}, within {100 * gap:.2g} % of the bound, in {run.seconds:.0f} s"))
    return found


def _change(name: str, gain: Change) -> list[tuple[str, str]]:
    """Return what another connection brings or costs."""
    if not gain.from_day:
        return [(name, f"changes no power: what limits the site is still {gain.still_limits}")]
    sign = 1 if gain.power_mw > 0 else -1
    more = "more" if sign > 0 else "less"
    served = sorted(((n, sign * v) for n, v in gain.served_more.items() if sign * v > 0), key=lambda x: -x[1])
    who = ", ".join(f"{title_of(n)} {short(v)}" for n, v in served[:3])
    when = f"from {gain.from_day} to {gain.until_day}"
    lacks = f"{short(gain.unpowered_mwh)} MWh more lack" if gain.unpowered_mwh > SHOWN_MWH else ""
    dollars = f"revenue {money(gain.revenue_usd)}, energy {money(gain.energy_usd)} over the horizon"
    none = "none: all demand was served" if sign > 0 else "none: all demand is served"
    limits = f"{_mw(abs(gain.power_mw))} (IT) {more} {when}; what limits the site is then {gain.still_limits}"
    return [
        (name, limits),
        ("tokens", "; ".join(filter(None, (f"{_signed(gain.tokens)} ({gain.tokens_share:+.2%})", lacks)))),
        ("dollars", dollars),
        ("demand met" if sign > 0 else "unserved demand", f"requests served {more}: {who}" if who else none),
    ]


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '-'}{short(abs(value))}"


def of_plan(run: PlanSupply) -> RenderableType:
    """Return every site of a plan in a line.

    Parameters
    ----------
    run : PlanSupply
        The answer of the verb.
    """
    table = Table(box=None, pad_edge=False)
    for k, name in enumerate(("site", "peak MW", "grid MW", "USD/MWh", "kg/MWh", "one more MW", "lacks MWh")):
        table.add_column(name, justify="right" if k else "left", overflow="fold")
    for one in run.sites:
        lacking = one.shortfall
        worth = DASH if lacking else money(one.grid_usd_per_mw_year)
        numbers = (one.site.load_mw.max(), one.peak_grid_mw, one.usd_per_mwh, one.co2_kg_per_mwh)
        cells = (*map(short, numbers), worth, short(lacking.energy_mwh) if lacking else "0")
        table.add_row(one.job.region, *cells)
    lines = [
        f"{one.job.region}: {lacking.worst_mw:,.0f} MW lack at {lacking.worst_hour} UTC, in {lacking.hours:,} hours"
        for one in run.sites
        if (lacking := one.shortfall) is not None
    ]
    total = f"{len(run.sites)} sites: {money(run.usd_per_year)} and {short(run.co2_t)} t of carbon dioxide in the year"
    return Group(Text(f"{run.plan}, {run.year}", style="bold"), Text(total), table, *(Text(one) for one in lines))


def plan_csv(run: PlanSupply) -> str:
    """Return each hour of each site; units that a site has not are left empty.

    Parameters
    ----------
    run : PlanSupply
        The answer of the verb.
    """
    units = list(dict.fromkeys(name for one in run.sites for name in _unit_columns(one)))
    lines = [",".join(["site", *UTILITY_COLUMNS, *LOAD_COLUMNS, *units])]
    for one in run.sites:
        own = _unit_columns(one)
        places = [own.index(name) if name in own else None for name in units]
        name = f'"{one.job.region}"' if "," in one.job.region else one.job.region
        for cells in _rows(one):
            given = cells[len(cells) - len(own) :]
            lines.append(
                ",".join([name, *cells[: len(cells) - len(own)], *("" if k is None else given[k] for k in places)])
            )
    return "\n".join([*lines, ""])


def terminal(run: SiteSupply) -> RenderableType:
    """Return the answer and the year's figures."""
    lines: list[RenderableType] = [Text(title(run), style="bold"), Text(headline(run)), _grid(rows(run))]
    return Group(*lines, *(Text(n, style="dim") for n in run.notes))


def _grid(pairs: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, text in pairs:
        table.add_row(name, text)
    return table


def _mw(power: float) -> str:
    return f"{power:,.0f} MW" if power >= 100 else f"{short(power)} MW"


def word(name: str) -> str:
    """Return a unit's name for people."""
    return NAMES.get(name, name)


def part(name: str) -> str:
    """Return the name of a part of the cost for people."""
    unit, _, what = name.rpartition(" ")
    return f"{word(unit)} {what}" if unit in NAMES else name


def charts(run: SiteSupply) -> list[Chart]:
    """Return a stacked week of dispatch, the load-duration curve, capacity and cost."""
    return [_week(run), _duration(run), _bars(run, "capacity"), _bars(run, "cost")]


def _week(run: SiteSupply) -> Chart:
    """Return the week with the dearest hour, stacked by what gives the power."""
    dearest = int(run.supplied.energy_usd_per_mwh.argmax())
    first = min(max(dearest - WEEK_H // 2, 0), len(run.site.load_mw) - WEEK_H)
    at = slice(first, first + WEEK_H)
    names = [f"{hour:%d %b %H:00}" for hour in year_hours(run.job.year)[at]]
    series = [
        base.area(word(n), np.maximum(mw[at], 0), base.PALETTE[k % len(base.PALETTE)])
        for k, (n, mw) in enumerate(run.supplied.power_mw.items())
        if mw.max() > 0
    ]
    series.append(base.line("load", run.site.load_mw[at], base.PALETTE[-1]))
    table = tuple(
        (word(n), *(short(v) for v in mw[at].reshape(7, 24).mean(axis=1))) for n, mw in run.supplied.power_mw.items()
    )
    days = tuple(name[:6] for name in names[::24])
    caption = "the week around the dearest hour; what lies above the load charges batteries or catches up on work"
    return Chart(
        "week", "A week, hour by hour", base.option(series, names, "MW"), caption, ("MW, daily mean", *days), table
    )


def _duration(run: SiteSupply) -> Chart:
    """Return load, grid import and own generation, each sorted from its highest hour down."""
    taken = run.supplied.power_mw["grid"]
    beside = sum((mw for n, mw in run.supplied.power_mw.items() if n != "grid"), np.zeros(len(taken)))
    curves = {"load": run.site.load_mw, "grid": taken, "next to the grid": beside}
    shares = np.linspace(0, 1, 101)
    sorted_mw = {n: np.quantile(mw, 1 - shares) for n, mw in curves.items()}
    names = [f"{s:.0%}" for s in shares]
    series = [base.line(n, mw, base.PALETTE[k]) for k, (n, mw) in enumerate(sorted_mw.items())]
    table = tuple((n, *(short(v) for v in mw[::20])) for n, mw in sorted_mw.items())
    caption = "the power that is reached or passed in a share of the year's hours"
    columns = ("MW", *names[::20])
    return Chart("duration", "How long at which power", base.option(series, names, "MW"), caption, columns, table)


def _bars(run: SiteSupply, which: str) -> Chart:
    """Return bars of capacity, or of the parts of the cost."""
    if which == "capacity":
        values = {word(n): mw for n, mw in run.capacity_mw.items()}
        heading, unit, caption = "What stands next to the grid", "MW", "capacity of each unit on offer"
    else:
        values = {part(n): usd / 1e6 for n, usd in run.usd_by_part.items()}
        heading, unit, caption = "What the year costs", "M USD", "annual cost by what it is for"
    names = list(values)
    drawn = base.horizontal_bars([base.bar(heading, list(values.values()), base.PALETTE[0])], names, unit)
    table = tuple((n, short(v)) for n, v in values.items())
    return Chart(
        which, heading, drawn, caption, ("", unit), table, height=base.LIST_HEIGHT + base.ROW_HEIGHT * len(names)
    )


def html(run: SiteSupply) -> str:
    """Return a page that needs no network."""
    drawn = charts(run)
    return template("supply.html.j2").render(
        run=run,
        kicker="the supply of a site",
        title=title(run),
        question=headline(run),
        rows=rows(run),
        notes=run.notes,
        style=Markup(style_sheet()),
        charts={c.id: c for c in drawn},
        version=__version__,
        echarts=Markup(page.echarts()),
        options=page.script({c.id: c.option for c in drawn}),
        draw=Markup(page.draw()),
    )


def utility_csv(run: SiteSupply) -> str:
    """Return each hour in UTC and local standard time: load, import and its limit, ramp, and what waits or is left out;
    of a plan's site its IT power, what can wait, training and water too.

    The ramp is the change of import since the hour before, over sixty minutes: what a schedule by hours shows.

    Parameters
    ----------
    run : SiteSupply
        The answer of the verb.
    """
    columns = [*UTILITY_COLUMNS, *(LOAD_COLUMNS if run.hours is not None else ()), *_unit_columns(run)]
    return "\n".join([",".join(columns), *(",".join(cells) for cells in _rows(run)), ""])


def _unit_columns(run: SiteSupply) -> list[str]:
    return [f"{n}_mw" for n in run.supplied.power_mw if n != "grid"]


def _rows(run: SiteSupply) -> Iterator[list[str]]:
    found, of_plan = run.supplied, run.hours
    taken = found.power_mw["grid"]
    ramp = np.diff(taken, prepend=taken[:1]) / 60
    columns: list[Array] = [run.site.load_mw, taken, run.site.grid.limit_mw, ramp]
    columns += [found.put_off_mw, found.caught_up_mw, found.curtailed_mw, found.unserved_mw]
    if of_plan is not None:
        columns += [of_plan.it_mw, of_plan.can_wait_mw, of_plan.training_mw, of_plan.water_m3]
    columns += [mw for n, mw in found.power_mw.items() if n != "grid"]
    local = dt.timedelta(hours=run.utc_offset_h)
    for hour, values in zip(year_hours(run.job.year), np.array(columns).T, strict=True):
        times = [f"{hour:%Y-%m-%dT%H:%MZ}", f"{hour + local:%Y-%m-%dT%H:%M}"]
        yield [*times, *(f"{v:.4f}" for v in values + 0.0)]
