"""Verbs that take a plan."""

from __future__ import annotations

from pathlib import Path

from gigaplan.cli.base import NO, Json, Set, With, app, console, print_json, progress, show, warn


@app.command
def run(plan: str, /, *, set: Set = None, with_: With = None, out: Path | None = None, json: Json = False) -> int:
    """Simulate a plan, print a summary, keep the result and write its HTML report.

    Parameters
    ----------
    plan
        A built-in plan's name or a YAML file.
    out
        Folder to keep the result in (default: gigaplan-results/<plan>-<hash>).
    """
    from gigaplan import api

    result = api.run(plan, set or [], with_ or [])
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
def check(plan: str, /, *, set: Set = None, with_: With = None, json: Json = False) -> int:
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
def compare(
    a: str,
    b: str | None = None,
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
