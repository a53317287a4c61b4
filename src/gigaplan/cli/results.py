"""Verbs that take a saved result."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from gigaplan.cli.base import NO, OUTPUT, FileOrNone, Json, OutOrNone, app, print_json, progress, verb
from gigaplan.cli.completion import PlanOrResult, ResultFolder, quantities
from gigaplan.cli.streams import line, terminal


@verb(app, "explain", "explain gigaplan-results/announced-2025-09-1a2b3c4d cost_per_mtok_usd")
def explain(
    result: PlanOrResult,
    quantity: Annotated[str, Parameter(completer=quantities)],
    /,
    *,
    at: str = "",
    depth: int = 1,
    json: Json = False,
) -> int:
    """Show where a number comes from: formula, inputs, facts, sources.

    Parameters
    ----------
    result
        A folder that `gigaplan run` has written, or a plan, which is run.
    quantity
        A result quantity, such as cost_per_mtok_usd.
    at
        Coordinates of the figure, as workload=chat,year=2031.
    depth
        Levels of quantities to open; the ones below stand in one line each (JSON has them all). With 1 the answer fits
        on a screen, with 2 it names every fact.
    """
    from gigaplan import api
    from gigaplan.api.plans import result_of
    from gigaplan.results.coordinates import parse_at

    saved = result_of(result)
    coordinates = parse_at(at, saved)
    tree = api.explain(saved, quantity, coordinates)
    if json:
        return print_json(tree)
    from gigaplan.report.explain_view import explanation_tree

    terminal().print(explanation_tree(saved, tree, depth))
    return 0


@verb(app, "export", "export gigaplan-results/announced-2025-09-1a2b3c4d --to csv --quantity cost_usd")
def export(
    result: ResultFolder,
    /,
    *,
    to: Annotated[Literal["parquet", "csv", "netcdf", "xlsx", "html"], Parameter(group=OUTPUT)],
    out: FileOrNone = None,
    quantity: Annotated[list[str] | None, Parameter(negative="", completer=quantities)] = None,
    members: Annotated[Literal["figures", "all"], Parameter(group=OUTPUT)] = "figures",
    view: Annotated[Literal["plan", "lender", "site"], Parameter(group=OUTPUT)] = "plan",
    site: Annotated[str, Parameter(group=OUTPUT, show_default=False)] = "",
    json: Json = False,
) -> int:
    """Write a saved result as one file for other tools.

    Parameters
    ----------
    result
        A folder that `gigaplan run` has written.
    to
        parquet or csv (a long table: one row per number, with its labels, unit and kind), netcdf, xlsx (a workbook:
        summary, inputs, every room by year, and money with live formulas), or html (a page that needs no network).
    out
        File to write (default: the plan's name with .parquet, .csv, .nc, .xlsx or .html).
    quantity
        Write this result quantity alone. May be repeated.
    members
        figures (the median with the ends of its range, where there are ranges) or all (a row for every member).
    view
        Whose page: plan (everything), lender (loans, cash, returns by party) or site (the developer of one site).
    site
        The site of that view (default: the one with most power).
    """
    from gigaplan import api

    with progress("exporting:") as bar:
        path = api.export(result, to, out, quantity or [], bar, members=members, view=view, site=site)
    if json:
        return print_json(path)
    size = f" ({path.stat().st_size:,} bytes)" if path.is_file() else ""
    line(f"wrote {path}{size}")
    return 0


@verb(app, "rerun", "rerun gigaplan-results/announced-2025-09-1a2b3c4d")
def rerun(result: ResultFolder, /, *, out: OutOrNone = None, json: Json = False) -> int:
    """Run a saved result's plan again: is it byte for byte the same? Exit 1 if not.

    Parameters
    ----------
    result
        A folder that `gigaplan run` has written.
    out
        Folder to save the second run in (default: it is deleted).
    """
    from gigaplan import api

    with progress("running again:") as bar:
        answer = api.rerun(result, out, bar)
    if json:
        print_json(answer)
    else:
        from gigaplan.report.compare_view import rerun as drawn

        terminal().print(drawn(answer))
    return 0 if answer.same else NO
