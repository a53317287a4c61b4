"""Verbs that take the catalog."""

from __future__ import annotations

from cyclopts import App

from gigaplan.cli.base import NO, Json, app, print_json

catalog_app = App(name="catalog", help="Facts and their sources.")
app.command(catalog_app)


@catalog_app.command(name="check")
def catalog_check(*, json: Json = False) -> int:
    """Find facts without source, unit or basis, and values outside their range. Exit 1 if there are any."""
    from gigaplan import catalog

    problems = catalog.check()
    if json:
        print_json({"facts": len(catalog.load().facts), "problems": [p.as_dict() for p in problems]})
    else:
        for problem in problems:
            print(problem)
        print(f"{len(catalog.load().facts):,} facts, {len(problems)} problems, vintage {catalog.load().vintage}")
    return NO if problems else 0
