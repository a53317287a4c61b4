"""The verb of serving: how fast, how many, at what power and cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gigaplan.cli.base import NO, Html, Json, app, print_json, progress, show, verb
from gigaplan.cli.completion import listed
from gigaplan.cli.options import GROUPS, Given, flattened
from gigaplan.cli.streams import line, terminal

if TYPE_CHECKING:
    from gigaplan.layers.serving import Frontiers

Model = listed("layers")
System = listed("hbm_bandwidth_bytes_per_s")
Pairs = Parameter(negative="", group=GROUPS["Model and system"])
Way = Parameter(negative="", show_default=False, group=GROUPS["Layout"])


@verb(app, "frontier", "frontier gpt_oss_120b gb200_nvl72,vr_nvl72 --ttft 1s --tpot 20ms")
@flattened(question="gigaplan.layers.serving:ServingQuestion")
def frontier(
    model: Annotated[str, Model],
    system: Annotated[str, System],
    /,
    *more: Annotated[str, listed("layers", "hbm_bandwidth_bytes_per_s")],
    with_model: Annotated[list[str] | None, Model, Pairs] = None,
    with_system: Annotated[list[str] | None, System, Pairs] = None,
    question: Given,
    disaggregated: Annotated[bool, Way] = False,
    co_located: Annotated[bool, Way] = False,
    html: Html = None,
    json: Json = False,
) -> int:
    """Show how a model is served on a system from fastest to cheapest: layout, batch, latencies, power, cost.

    Exit 1 if nothing serves any of the models within the limits.

    Parameters
    ----------
    model
        A model of the catalog, or several with commas.
    system
        A system of the catalog, or several with commas; every model is put on every system.
    more
        Further pairs: MODEL SYSTEM.
    with_model
        A further model for the same systems. May be repeated.
    with_system
        A further system for the same models. May be repeated.
    disaggregated
        Only with prefill and decode on workers of their own (default: both ways).
    co_located
        Only with both on the same workers (default: both ways).
    """
    from gigaplan import api

    if disaggregated != co_located:
        question["modes"] = ["disaggregated" if disaggregated else "co-located"]
    with progress("pairs") as bar:
        answer = api.frontier(
            [model, *(with_model or ())],
            [system, *(with_system or ())],
            more=_pairs(more),
            progress=bar,
            **_joined(question, "ttft_s", "tpot_s", "power_per_gpu_w"),
        )
    _print(answer, html, json=json)
    return 0 if any(c.points for c in answer.curves) else NO


def _print(answer: Frontiers, html: Path | None, *, json: bool) -> None:
    from gigaplan.report import frontier_view
    from gigaplan.vocabulary.files import write_text
    from gigaplan.vocabulary.files.kinds import PAGE

    if html is not None:
        write_text(html, frontier_view.html(answer), PAGE)
    if json:
        print_json(answer)
        return
    for note in answer.notes:
        line(note, stderr=True)
    show(frontier_view.terminal(answer, terminal().width))
    for curve in answer.curves if answer.question.gpus else ():
        words = curve.fleet.words if curve.fleet else f"{answer.question.gpus:,} GPUs: no replica fits them"
        line(f"{curve.model} on {curve.system}, {words}")
    if html is not None:
        line(f"Report written to {html}")


def _joined(question: Given, *names: str) -> Given:
    """Return what was given with the words of some options as one text: ``2 s`` needs no quotes."""
    return {k: " ".join(v) if k in names else v for k, v in question.items()}


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return further pairs; a model without a system is a problem."""
    from gigaplan.api.requests import names_of
    from gigaplan.vocabulary.errors import Place, PlanError, Problem

    if len(words) % 2:
        remedy = "give MODEL SYSTEM pairs, or --with-model and --with-system; times need a unit that is a time"
        raise PlanError([Problem("a name stands alone", Place("frontier"), value=words[-1], remedy=remedy)])
    couples = zip(words[::2], words[1::2], strict=True)
    return [(m, s) for models, systems in couples for m in names_of(models) for s in names_of(systems)]
