"""Verbs that take a plan."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gigaplan.cli.base import (
    NO,
    OUTPUT,
    PLAN,
    FileOrNone,
    Html,
    Json,
    OutOrNone,
    Set,
    With,
    app,
    print_json,
    progress,
    show,
    verb,
    warn,
)
from gigaplan.cli.completion import Plan, PlanOrResult, plan_names
from gigaplan.cli.options import Given, flattened
from gigaplan.cli.streams import line, terminal


@verb(app, "run", "run announced-2025-09 --set training.mfu_share=35% --out mine")
def run(
    plan: Plan,
    /,
    *,
    set: Set = None,
    with_: With = None,
    resolution: Annotated[Literal["representative", "hourly"] | None, Parameter(group=PLAN)] = None,
    keep: Annotated[list[str] | None, Parameter(negative="", show_default=False, group=OUTPUT)] = None,
    out: OutOrNone = None,
    full: Annotated[bool, Parameter(negative="", show_default=False, group=OUTPUT)] = False,
    json: Json = False,
) -> int:
    """Simulate a plan, print a summary, save the result and write its HTML report.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    resolution
        A weekday and a weekend day that represent the others, or every hour of the calendar (default: the plan's).
    keep
        Hourly quantities that are saved for every member: all, summary (none but the power), or a name, which may be
        repeated (default: summary). The others are saved for the central member alone.
    out
        Folder to save the result in (default: gigaplan-results/<plan>-<hash>).
    full
        Print all years, dates, limits, returns and claims below the answer and its figures.
    """
    from gigaplan import api

    changes = [*(set or []), *([f"horizon.resolution={resolution}"] if resolution else [])]
    kept = keep[0] if keep and len(keep) == 1 else keep or "summary"
    with progress("run:") as bar:
        result, folder = api.run_and_save(plan, changes, with_ or [], out, bar, keep=kept)
    warn(result)
    if json:
        return print_json(result, folder)
    from rich.text import Text

    from gigaplan.report.terminal import render

    screen = terminal()
    screen.print(render(result, full=full))
    saved = Text.assemble(("saved in", "dim"), f" {folder}   ", ("report", "dim"), f" {folder / 'report.html'}")
    screen.print(saved, soft_wrap=True)
    return 0


@verb(app, "check", "check announced-2025-09")
def check(
    plan: Plan,
    /,
    *,
    claims: Annotated[list[str] | None, Parameter(negative="", show_default=False, group=PLAN)] = None,
    unused: Annotated[bool, Parameter(negative="", show_default=False, group=PLAN)] = False,
    set: Set = None,
    with_: With = None,
    json: Json = False,
) -> int:
    """Check the plan's claims with the model, on each basis. Exit 1 if one holds on none.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    claims
        Check this set instead of the plan's own claims: a YAML file or a shipped set. May be repeated.
    unused
        Find lines of the plan that change nothing instead: each is changed once. Exit 1 if there is one.
    """
    from gigaplan import api

    if unused:
        return _unused(plan, claims or [], set or [], with_ or [], json=json)
    with progress("simulating") as bar:
        answer = api.check(plan, set or [], with_ or [], bar, claims=claims or [])
    warn(answer.result)
    if json:
        print_json(answer)
    else:
        from gigaplan.report.terminal import claims_table

        terminal().print(claims_table(answer.result))
    return 0 if answer.holds else NO


def _unused(plan: str, claims: list[str], changes: list[str], overlays: list[str], *, json: bool) -> int:
    """Print which lines of a plan change nothing."""
    from gigaplan import api
    from gigaplan.vocabulary.errors import Place, PlanError, Problem

    if claims:
        remedy = "leave one of them out"
        raise PlanError(
            [Problem("--unused looks at the plan's own claims", Place("--claims"), claims[0], "", "", remedy)]
        )
    with progress("changing line by line:") as bar:
        answer = api.unused(plan, changes, overlays, bar)
    if json:
        print_json(answer)
    else:
        from gigaplan.report.unused_view import unused_lines

        terminal().print(unused_lines(answer))
    return 0 if answer.all_used else NO


@verb(app, "new", 'new site.yaml --power "40 MW it" --region ercot --start 2027')
@flattened(start="gigaplan.plan.starter:Start")
def new(
    path: Path = Path("plan.yaml"),
    /,
    *,
    start: Given,
    from_: Annotated[str | None, Parameter(name="--from", completer=plan_names, group=PLAN)] = None,
    set: Set = None,
    with_: With = None,
    from_xlsx: Annotated[Path | None, Parameter(name="--from-xlsx", group=PLAN)] = None,
    force: Annotated[bool, Parameter(negative="", show_default=False, group=OUTPUT)] = False,
    json: Json = False,
) -> int:
    """Write a commented starter plan that runs at once, a copy of another plan, or the plan of a workbook.

    Parameters
    ----------
    path
        File to write; its name becomes the plan's.
    from_
        Copy this plan instead (a built-in plan's name or a YAML file), with --set and --with applied to it.
    from_xlsx
        Take the plan of this workbook (gigaplan export RESULT --to xlsx) instead, with the values that were changed in
        its sheet Inputs.
    force
        Replace an existing file.
    """
    from gigaplan import api

    written = api.new(
        path, like=from_, changes=set or [], overlays=with_ or [], from_xlsx=from_xlsx, force=force, **start
    )
    if json:
        return print_json(written)
    line(f"wrote {written}; run it with: gigaplan run {shlex.quote(str(written))}")
    return 0


@verb(app, "schema", "schema --out gigaplan.schema.json")
def schema(
    *,
    out: FileOrNone = None,
    overlay: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    json: Json = False,
) -> int:
    """Print the JSON Schema of plans, with which editors complete names and show units and meanings.

    Parameters
    ----------
    out
        File to write it to (default: stdout).
    overlay
        The schema of overlays instead.
    """
    from json import dumps

    from gigaplan import api
    from gigaplan.vocabulary.files import write_text
    from gigaplan.vocabulary.files.kinds import SCHEMA

    made = api.schema(overlay=overlay)
    if out is not None:
        write_text(out, dumps(made, indent=1) + "\n", SCHEMA)
    if json:
        return print_json(made if out is None else out)
    if out is None:
        line(dumps(made, indent=1))
        return 0
    line(
        f"wrote {out}; put this in the first line of a plan in the same folder: # yaml-language-server: "
        f"$schema={out.name}"
    )
    return 0


@verb(app, "compare", "compare announced-2025-09 actual-2026-11")
def compare(
    a: PlanOrResult,
    b: PlanOrResult | None = None,
    /,
    *,
    set: Set = None,
    with_: With = None,
    rules: Annotated[str | None, Parameter(group=PLAN)] = None,
    year: Annotated[int | None, Parameter(group=PLAN)] = None,
    rows: Annotated[int, Parameter(group=OUTPUT)] = 12,
    html: Html = None,
    json: Json = False,
) -> int:
    """Compare two plans or saved results: what differs, by what matters, and which inputs make the difference.

    Causes are found by running A again with one group of B's inputs at a time. With --rules, one plan is compared with
    itself by other rules of allocation.

    Parameters
    ----------
    a
        A plan's name, a YAML file, or a folder that `gigaplan run` has written.
    b
        The other one; left out, A with the changes of --set and --with, which apply to B.
    rules
        Rules of allocation by which one plan is compared, as 'value,proportional', or all.
    year
        Year for which rules are compared (default: the one in which the least of demand is served).
    rows
        Figures shown in the terminal (JSON has them all).
    """
    from gigaplan import api

    if rules is not None or year is not None:
        return _compare_rules(a, b, set or [], with_ or [], rules or "all", year, html, json=json)
    with progress("comparing") as bar:
        answer = api.compare(a, b, set or [], with_ or [], bar)
    if html is not None:
        from gigaplan.report import compare_page
        from gigaplan.vocabulary.files import write_text
        from gigaplan.vocabulary.files.kinds import PAGE

        write_text(html, compare_page.html(answer), PAGE)
    if json:
        return print_json(answer)
    from gigaplan.report.compare_view import comparison

    show(comparison(answer, rows))
    if html is not None:
        line(f"Report written to {html}")
    return 0


def _compare_rules(
    plan: str | Path,
    b: str | Path | None,
    changes: list[str],
    overlays: Sequence[str | Path],
    rules: str,
    year: int | None,
    html: Path | None,
    *,
    json: bool,
) -> int:
    """Show one plan by several rules of allocation."""
    from gigaplan import api
    from gigaplan.report.rules_view import rule_comparison
    from gigaplan.vocabulary.errors import Place, PlanError, Problem

    if b is not None:
        remedy = "leave B out, or --rules and --year"
        raise PlanError([Problem("rules of allocation are compared within one plan", Place(str(b)), remedy=remedy)])
    if html is not None:
        remedy = "leave --html out, or take --json"
        raise PlanError([Problem("the comparison of rules has no page", Place("--html"), remedy=remedy)])
    with progress("comparing") as bar:
        chosen = [] if rules == "all" else [name.strip() for name in rules.split(",")]
        answer = api.compare_rules(plan, changes, overlays, bar, rules=chosen, year=year)
    return print_json(answer) if json else show(rule_comparison(answer))
