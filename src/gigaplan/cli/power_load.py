"""The verb of power: what a plan's sites draw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gigaplan.cli.base import OUTPUT, Html, Json, Set, With, as_named_file, print_json, progress, show, verb
from gigaplan.cli.completion import Plan
from gigaplan.cli.power_swings import power_app
from gigaplan.cli.streams import line

Csv = Annotated[
    Path | None,
    Parameter(group=OUTPUT, converter=as_named_file, help="File for every hour of the year, site by site."),
]
Years = Annotated[
    Path | None,
    Parameter(name="--years", group=OUTPUT, converter=as_named_file, help="File for every year, site by site (CSV)."),
]


@verb(power_app, "load", "power load announced-2025-09 --year 2030 --csv hours.csv --years years.csv")
def power_load(
    plan: Plan,
    /,
    *,
    site: str | None = None,
    year: int | None = None,
    set: Set = None,
    with_: With = None,
    csv: Csv = None,
    years: Years = None,
    html: Html = None,
    json: Json = False,
) -> int:
    """Show what a plan's sites draw hour by hour and year by year, as a utility asks for it.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    site
        Name of one site, which is then shown year by year (default: all).
    year
        Calendar year of the hours (default: the last one that the plan holds all of).
    """
    from gigaplan import api
    from gigaplan.report import load_view
    from gigaplan.vocabulary.files import write_text
    from gigaplan.vocabulary.files.kinds import HOURS, LOADS, PAGE

    with progress("simulating"):
        run = api.power_load(plan, site=site, year=year, changes=set or (), overlays=with_ or ())
    if csv is not None:
        write_text(csv, load_view.hours_csv(run), HOURS)
    if years is not None:
        write_text(years, load_view.years_csv(run), LOADS)
    if html is not None:
        write_text(html, load_view.html(run), PAGE)
    if json:
        return print_json(run)
    show(load_view.terminal(run))
    for path, what in ((csv, "Hours"), (years, "Years"), (html, "Page")):
        if path is not None:
            line(f"{what} written to {path}")
    return 0
