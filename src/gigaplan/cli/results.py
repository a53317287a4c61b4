"""Verbs that take a kept result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from gigaplan.cli.base import NO, Json, app, console, print_json
from gigaplan.cli.completion import ResultFolder, quantities


@app.command
def explain(
    result: ResultFolder,
    quantity: Annotated[str, Parameter(completer=quantities)],
    /,
    *,
    depth: int = 1,
    json: Json = False,
) -> int:
    """Show where a number comes from: formula, inputs, facts, sources.

    Parameters
    ----------
    result
        A folder that `gigaplan run` has written.
    quantity
        A result quantity, such as cost_per_mtok_usd.
    depth
        Levels of quantities to open; the ones below stand in one line each (JSON has them all).
    """
    from gigaplan import api

    kept = api.load(result)
    tree = api.explain(kept, quantity)
    if json:
        return print_json(_explanation(tree))
    from gigaplan.report.terminal import explain_tree

    console().print(explain_tree(kept, quantity, depth))
    return 0


@app.command
def export(
    result: ResultFolder,
    /,
    *,
    to: Literal["parquet", "csv", "netcdf"],
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    quantity: Annotated[list[str] | None, Parameter(negative="", completer=quantities)] = None,
    json: Json = False,
) -> int:
    """Write a kept result as one file for other tools.

    Parameters
    ----------
    result
        A folder that `gigaplan run` has written.
    to
        parquet or csv (a long table: one row per number, with its labels, unit and kind) or netcdf.
    out
        File to write (default: the plan's name with .parquet, .csv or .nc).
    quantity
        Write this result quantity alone. May be repeated.
    """
    from gigaplan import api

    path = api.export(result, to, out, quantity or [])
    if json:
        return print_json({"path": str(path), "bytes": path.stat().st_size})
    print(f"wrote {path} ({path.stat().st_size:,} bytes)")
    return 0


@app.command
def rerun(result: ResultFolder, /, *, out: Path | None = None, json: Json = False) -> int:
    """Run a kept result's plan again: is it byte for byte the same? Exit 1 if not.

    Parameters
    ----------
    result
        A folder that `gigaplan run` has written.
    out
        Folder to keep the second run in (default: it is thrown away).
    """
    import dataclasses

    from gigaplan import api

    answer = api.rerun(result, out)
    if json:
        print_json(dataclasses.asdict(answer))
    else:
        from gigaplan.report.compare_view import rerun as drawn

        console().print(drawn(answer))
    return 0 if answer.same else NO


def _explanation(tree: Any) -> dict[str, Any]:
    import dataclasses

    return {
        "quantity": dataclasses.asdict(tree.variable),
        "evidence": tree.evidence,
        "inputs": [_explanation(below) for below in tree.inputs],
        "facts": [dataclasses.asdict(e) for e in tree.entries],
    }
