"""Verbs that take the catalog."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from gigaplan.cli.base import NO, Json, app, print_json, show
from gigaplan.cli.completion import fact_names, kinds

catalog_app = App(name="catalog", help="Facts and their sources: what is there, by kind, by words, one by one.")
app.command(catalog_app)


@catalog_app.default
def catalog(*, json: Json = False) -> int:
    """Say what the catalog holds: facts and entities by kind and by table."""
    from gigaplan import api
    from gigaplan.report import catalog_view

    told = api.catalog_overview()
    return _answer(told, catalog_view.overview, json)


@catalog_app.command(name="list")
def catalog_list(kind: Annotated[str, Parameter(completer=kinds)] = "", /, *, json: Json = False) -> int:
    """List the entities of a kind, or all.

    Parameters
    ----------
    kind
        systems, models, workloads, sites, deals, regions, users, prices, labs or fits.
    """
    from gigaplan import api
    from gigaplan.report import catalog_view

    return _answer(api.catalog_list(kind), catalog_view.listing, json)


@catalog_app.command(name="search")
def catalog_search(words: list[str], /, *, limit: int = 20, json: Json = False) -> int:
    """Find facts by words in their entity, quantity, meaning, note and source, best first.

    Parameters
    ----------
    words
        Such as: rubin power. Parts of words count too.
    limit
        Most facts shown.
    """
    from gigaplan import api
    from gigaplan.report import catalog_view

    return _answer(api.catalog_search(words, limit), catalog_view.found, json)


@catalog_app.command(name="show")
def catalog_show(name: Annotated[str, Parameter(completer=fact_names)], /, *, json: Json = False) -> int:
    """Show facts in full: value, basis, range, source, evidence, and the ones that say otherwise.

    Parameters
    ----------
    name
        An entity, a quantity, ENTITY.QUANTITY, or a fact's id.
    """
    from gigaplan import api
    from gigaplan.report import catalog_view

    return _answer(api.catalog_show(name), catalog_view.shown, json)


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


def _answer(told: Any, drawn: Any, json: bool) -> int:
    from gigaplan.report.catalog_view import as_data

    return print_json(as_data(told)) if json else show(drawn(told))
