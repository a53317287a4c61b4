"""Verbs that take the catalog."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from gigaplan.cli.base import NO, Json, app, print_json, show, verb
from gigaplan.cli.completion import fact_names, kinds
from gigaplan.cli.streams import line
from gigaplan.vocabulary.errors import Place, PlanError, Problem

catalog_app = App(
    name="catalog",
    help="Facts and their sources: what is there, by kind, by words, one by one.",
    help_epilogue="Example: gigaplan catalog show vr_nvl72.rack_power_kw",
)
app.command(catalog_app)


@catalog_app.default
def catalog(*, json: Json = False) -> int:
    """Show what the catalog holds: facts and entities by kind and by table."""
    from gigaplan import api
    from gigaplan.report import catalog_view

    return _answer(api.catalog_overview(), catalog_view.overview, json)


@verb(catalog_app, "list", "catalog list systems")
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


@verb(catalog_app, "search", "catalog search rubin power")
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


@verb(catalog_app, "show", "catalog show vr_nvl72.rack_power_kw")
def catalog_show(
    name: Annotated[str, Parameter(completer=fact_names)],
    /,
    *,
    yaml: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    json: Json = False,
) -> int:
    """Show facts in full: value, basis, range, source, evidence, and the ones that differ.

    Parameters
    ----------
    name
        An entity, a quantity, ENTITY.QUANTITY, or a fact's id.
    yaml
        Print a system or a region as the YAML of one of your own, to start from.
    """
    from gigaplan import api
    from gigaplan.report import catalog_view

    if yaml and json:
        raise PlanError([Problem("one answer has one form", Place("--json"), remedy="leave out --yaml or --json")])
    if yaml:
        line(api.catalog_yaml(name).rstrip("\n"))
        return 0
    return _answer(api.catalog_show(name), catalog_view.shown, json)


@verb(catalog_app, "check", "catalog check")
def catalog_check(*, json: Json = False) -> int:
    """Find facts without source, unit or basis, and values outside their range. Exit 1 if there are any."""
    from gigaplan import api

    answer = api.catalog_check()
    if json:
        print_json(answer)
    else:
        for problem in answer.problems:
            line(problem)
        line(f"{answer.facts:,} facts, {len(answer.problems)} problems, vintage {answer.vintage}")
    return 0 if answer.holds else NO


def _answer(answer: Any, drawn: Any, json: bool) -> int:
    return print_json(answer) if json else show(drawn(answer))
