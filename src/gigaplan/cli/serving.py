"""The verb of serving: how fast, how many, at what power and cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from gigaplan.cli.base import NO, Json, app, console, print_json, show
from gigaplan.cli.completion import listed

if TYPE_CHECKING:
    from gigaplan.layers.serving import Frontiers, Mode
    from gigaplan.vocabulary.errors import Problem

Model = listed("layers")
System = listed("hbm_bandwidth_bytes_per_s")
Time = Parameter(consume_multiple=True, negative="")
"""``2s``, ``"2 s"`` or ``2 s``: what follows up to the next option."""


@app.command(name="frontier")
def frontier(
    model: Annotated[str, Model],
    system: Annotated[str, System],
    /,
    *more: Annotated[str, listed("layers", "hbm_bandwidth_bytes_per_s")],
    with_model: Annotated[list[str] | None, Model, Parameter(negative="")] = None,
    with_system: Annotated[list[str] | None, System, Parameter(negative="")] = None,
    isl: float = 1024,
    osl: float = 1024,
    cached: float = 0,
    ttft: Annotated[list[str] | None, Time] = None,
    tpot: Annotated[list[str] | None, Time] = None,
    precision: Literal["fp4", "fp8", "bf16"] | None = None,
    engine: Literal["trtllm", "vllm", "sglang"] = "trtllm",
    disaggregated: Annotated[bool, Parameter(negative="")] = False,
    co_located: Annotated[bool, Parameter(negative="")] = False,
    html: Path | None = None,
    json: Json = False,
) -> int:
    """Show how a model is served on a system from fastest to cheapest: layout, batch, waits, power, cost.

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
    isl
        Tokens of the prompt, cached ones included.
    osl
        Tokens generated, reasoning included.
    cached
        Tokens of the prompt whose keys and values are there already.
    ttft
        Longest time to the first token (default: 2 s).
    tpot
        Longest time for each further token (default: 50 ms).
    precision
        Of the weights (default: the narrowest that the system computes in).
    engine
        The serving software whose measured constants are used.
    disaggregated
        Only with prompts read and answers written by workers of their own (default: both ways).
    co_located
        Only with both on the same workers (default: both ways).
    html
        File for a page with charts that needs no network.
    """
    from gigaplan import api

    wait, each = _times(ttft, tpot)
    modes: tuple[Mode, ...] = ("co-located", "disaggregated")
    if disaggregated != co_located:
        modes = ("disaggregated",) if disaggregated else ("co-located",)
    answer = api.frontier(
        _names([model], with_model),
        _names([system], with_system),
        input_tokens=isl,
        output_tokens=osl,
        cached_tokens=cached,
        ttft_s=wait,
        tpot_s=each,
        precision=precision or "",
        engine=engine,
        modes=modes,
        more=_pairs(more),
    )
    _told(answer, html, json=json)
    return 0 if any(c.points for c in answer.curves) else NO


def _told(answer: Frontiers, html: Path | None, *, json: bool) -> None:
    from gigaplan.report import frontier_view
    from gigaplan.vocabulary.files import write_text

    if html is not None:
        write_text(html, frontier_view.html(answer))
    if json:
        print_json(answer.as_dict())
        return
    show(frontier_view.terminal(answer, console().width))
    if html is not None:
        print(f"the page is {html}")


def _names(first: Sequence[str], more: Sequence[str] | None) -> list[str]:
    """Return the names of words that may hold several with commas."""
    return [name.strip() for word in (*first, *(more or ())) for name in word.split(",") if name.strip()]


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return further pairs; a model without a system is a problem."""
    from gigaplan.vocabulary.errors import Place, PlanError, Problem

    if len(words) % 2:
        remedy = "give MODEL SYSTEM pairs, or --with-model and --with-system; times need a unit that is a time"
        raise PlanError([Problem("a name stands alone", Place("frontier"), value=words[-1], remedy=remedy)])
    couples = zip(words[::2], words[1::2], strict=True)
    return [(m, s) for models, systems in couples for m in _names([models], None) for s in _names([systems], None)]


def _times(ttft: Sequence[str] | None, tpot: Sequence[str] | None) -> tuple[float, float]:
    """Return both limits [s]; PlanError says all that is wrong with them."""
    from gigaplan.vocabulary.errors import Place, PlanError, Problem
    from gigaplan.vocabulary.units import parse_quantity

    found: list[float] = []
    problems: list[Problem] = []
    for name, words, usual in (("--ttft", ttft, "2 s"), ("--tpot", tpot, "50 ms")):
        text = " ".join(words or [usual])
        try:
            found.append(parse_quantity(text, "s"))
        except ValueError as error:
            remedy = f"write {name} '{usual}'; names of models and systems stand before the options"
            problems.append(Problem(str(error), Place("frontier", path=name), value=text, remedy=remedy))
    if problems:
        raise PlanError(problems)
    return found[0], found[1]
