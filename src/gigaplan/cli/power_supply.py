"""The verb of power: a site's supply."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gigaplan.cli.base import OUTPUT, Html, Json, Set, With, as_named_file, print_json, progress, show, verb
from gigaplan.cli.options import Given, flattened
from gigaplan.cli.power_swings import power_app
from gigaplan.cli.streams import line

PLAN_FILES = (".yaml", ".yml")
Csv = Annotated[
    Path | None,
    Parameter(
        group=OUTPUT, converter=as_named_file, help="File for every hour, in the columns that utilities ask for."
    ),
]
NetCdf = Annotated[
    Path | None,
    Parameter(
        name="--netcdf",
        group=OUTPUT,
        converter=as_named_file,
        help="File for the site as a network of PyPSA, which must be installed, to go on with elsewhere.",
    ),
]


@verb(power_app, "supply", "power supply ercot --load 1GW --grid 500MW,700MW@2027-06")
@flattened(job="gigaplan.layers.site_supply_job:SupplyJob")
def power_supply(
    *,
    job: Given,
    set: Set = None,
    with_: With = None,
    csv: Csv = None,
    html: Html = None,
    netcdf: NetCdf = None,
    json: Json = False,
) -> int:
    """Show what of least cost stands next to a site's grid, each hour's dispatch, and what one more megawatt is worth.

    Parameters
    ----------
    csv
        File for every hour.
    netcdf
        File for the network.
    """
    from gigaplan import api
    from gigaplan.layers.plan_supply import PlanSupply
    from gigaplan.report import supply_view
    from gigaplan.vocabulary.files import write_text
    from gigaplan.vocabulary.files.kinds import HOURS, PAGE

    with progress("sizing") as bar:
        run = api.power_supply(**_of_plan(job), changes=set or (), overlays=with_ or (), progress=bar)
    if isinstance(run, PlanSupply):
        return _whole_plan(run, csv, html, netcdf, json=json)
    if csv is not None:
        write_text(csv, supply_view.utility_csv(run), HOURS)
    if netcdf is not None:
        _write_network(run, netcdf)
    if html is not None:
        write_text(html, supply_view.html(run), PAGE)
    if json:
        print_json(run)
    else:
        show(supply_view.terminal(run))
        for path, what in ((csv, "Hours"), (html, "Page"), (netcdf, "Network")):
            if path is not None:
                line(f"{what} written to {path}{_without(run) if path == netcdf else ''}")
    return 0 if run.shortfall is None else 1


def _without(run: Any) -> str:
    """Return what a network does not hold, of a question that has some of it."""
    from gigaplan.layers.site_network import LEFT_OUT

    job = run.job
    has = job.shiftable or job.flexible or job.curtailable or run.site.grid.usd_per_mw_month
    has = has or any(unit.full_hours < len(run.site.load_mw) for unit in run.site.units)
    return f"; a network cannot say {LEFT_OUT}" if has else ""


def _whole_plan(run: Any, csv: Path | None, html: Path | None, netcdf: Path | None, *, json: bool) -> int:
    """Show every site of a plan; pages and networks are of one site."""
    from gigaplan.report import supply_view
    from gigaplan.vocabulary.errors import Place, PlanError, Problem
    from gigaplan.vocabulary.files import write_text
    from gigaplan.vocabulary.files.kinds import HOURS

    for name, path in (("--html", html), ("--netcdf", netcdf)):
        if path is not None:
            what, remedy = f"{name} is of one site", f"name one, as {run.plan}/{run.sites[0].job.region}"
            raise PlanError([Problem(what, Place("power supply"), value=run.plan, remedy=remedy)])
    if csv is not None:
        write_text(csv, supply_view.plan_csv(run), HOURS)
    if json:
        print_json(run)
    else:
        show(supply_view.of_plan(run))
        if csv is not None:
            line(f"Hours written to {csv}")
    return 0 if all(one.shortfall is None for one in run.sites) else 1


def _of_plan(job: Given) -> Given:
    """Return what was asked for: PLAN/SITE split into the site and its plan, and a plan alone as all of its sites."""
    from gigaplan.plan import builtin_names

    text = str(job["region"])
    if text in builtin_names() or Path(text).suffix in PLAN_FILES:
        return {**job, "region": "*", "plan": text}
    plan, _, site = text.rpartition("/")
    return {**job, "region": site, "plan": plan} if plan else job


def _write_network(run: Any, path: Path) -> None:
    """Write the network with the capacities found."""
    from gigaplan.layers.site_network import network
    from gigaplan.vocabulary.files import whole_file
    from gigaplan.vocabulary.files.kinds import NETWORK

    made = network(run.site, run.capacity_mw, year=run.job.year)
    with whole_file(path, NETWORK) as work:
        made.export_to_netcdf(work)
