"""Verbs that take a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gigaplan.cli.base import NO, Json, Set, With, app, console, print_json, progress, show, warn
from gigaplan.cli.completion import Plan, PlanOrResult, having, plan_names


@app.command
def run(
    plan: Plan,
    /,
    *,
    set: Set = None,
    with_: With = None,
    resolution: Literal["representative", "hourly"] | None = None,
    out: Path | None = None,
    json: Json = False,
) -> int:
    """Simulate a plan, print a summary, keep the result and write its HTML report.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    resolution
        A weekday and a weekend day that stand for their like, or every hour of the calendar (default: the plan's).
    out
        Folder to keep the result in (default: gigaplan-results/<plan>-<hash>).
    """
    from gigaplan import api

    changes = [*(set or []), *([f"horizon.resolution={resolution}"] if resolution else [])]
    result = api.run(plan, changes, with_ or [])
    warn(result)
    folder = api.save(result, out)
    if json:
        from gigaplan.report.select import summary

        return print_json({**summary(result), "folder": str(folder)})
    from gigaplan.report.terminal import render

    terminal = console()
    terminal.print(render(result))
    terminal.print(f"[dim]kept in[/] {folder}   [dim]report[/] {folder / 'report.html'}", soft_wrap=True)
    return 0


@app.command
def check(plan: Plan, /, *, set: Set = None, with_: With = None, json: Json = False) -> int:
    """Hold the announcement's claims against the model, on each basis. Exit 1 if one does not hold.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    """
    from gigaplan import api

    result, holds = api.check(plan, set or [], with_ or [])
    warn(result)
    if json:
        import dataclasses

        print_json({"holds": holds, "claims": [dataclasses.asdict(c) for c in result.claims]})
    else:
        from gigaplan.report.terminal import claims_table

        console().print(claims_table(result))
    return 0 if holds else NO


@app.command
def new(
    path: Path = Path("plan.yaml"),
    /,
    *,
    from_: Annotated[str | None, Parameter(name="--from", completer=plan_names)] = None,
    power: str | None = None,
    generation: Annotated[str | None, having("rack_power_kw")] = None,
    model: Annotated[str | None, having("layers")] = None,
    region: Annotated[str | None, having("power_price_usd_per_mwh")] = None,
    start: str | None = None,
    set: Set = None,
    with_: With = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Write a commented starter plan that runs at once, or a copy of another plan.

    Parameters
    ----------
    path
        File to write; its name becomes the plan's.
    from_
        Copy this plan instead (a built-in plan's name or a YAML file), with --set and --with laid on it.
    power
        Power of the starter's one site: 100MW, 1.2 GW facility (basis it unless said).
    generation
        Its systems, by catalog name.
    model
        The model that serves, by catalog name.
    region
        Where power is bought, by catalog name.
    start
        Its first year.
    force
        Replace an existing file.
    """
    from gigaplan import api
    from gigaplan.plan.starter import Start

    given = {"power": power, "generation": generation, "model": model, "region": region, "start": start}
    said = {name: text for name, text in given.items() if text is not None}
    asked = Start(name=path.stem, **said) if said else None
    written = api.new(path, asked, like=from_, changes=set or [], overlays=with_ or [], force=force)
    if json:
        return print_json({"path": str(written)})
    print(f"wrote {written}; run it with: gigaplan run {written}")
    return 0


@app.command
def schema(
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    overlay: Annotated[bool, Parameter(negative="")] = False,
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

    made = api.schema(overlay=overlay)
    if out is None:
        return print_json(made)
    write_text(out, dumps(made, indent=1) + "\n")
    if json:
        return print_json({"path": str(out)})
    print(f"wrote {out}; put this in the first line of a plan beside it: # yaml-language-server: $schema={out.name}")
    return 0


@app.command
def compare(
    a: PlanOrResult,
    b: PlanOrResult | None = None,
    /,
    *,
    set: Set = None,
    with_: With = None,
    rows: int = 12,
    json: Json = False,
) -> int:
    """Lay two plans or kept results side by side: what differs, by what matters, and which inputs make it differ.

    Causes are found by running A again with one group of B's inputs at a time.

    Parameters
    ----------
    a
        A plan's name, a YAML file, or a folder that `gigaplan run` has written.
    b
        The other one; left out, A with the changes of --set and --with, which are laid on B.
    rows
        Figures shown in the terminal (JSON has them all).
    """
    from gigaplan import api

    with progress("comparing") as told:
        answer = api.compare(a, b, set or [], with_ or [], told)
    if json:
        from gigaplan.report.compare_view import as_data

        return print_json(as_data(answer))
    from gigaplan.report.compare_view import comparison

    return show(comparison(answer, rows))
