"""Serving speed by member: rates are searched once, at the central inputs, and follow those of each member by
elasticities.

An elasticity is the change of the logarithm of a rate over that of an input, from the same search with the service
limits kept: one for more of the input and one for less of it, for more may meet a limit that less does not. The
model's own error is drawn for each member too, by system and model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gigaplan.compute.device import Device
from gigaplan.demand.inputs import GENERATED, TOKENS
from gigaplan.inference.inputs import Request
from gigaplan.inference.percentiles import Percentile
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.rate_cache import WholeSearch
from gigaplan.vocabulary.members import Array, column

TOKEN_STEP, DEVICE_STEP = 2.0, 1.1
"""Factors by which tokens and a device's figures are raised and lowered: about what members differ by from the central
one. benchmarks/member_speeds.py prints what that leaves in error against a search for each member."""
TOKEN_INPUTS: Mapping[str, tuple[str, ...]] = {
    "uncached_input_tokens": ("fresh_input", "media"),
    "cached_input_tokens": ("cached_input",),
    "output_tokens": GENERATED,
}
"""Fields of a request, and the kinds of token that each adds up."""
HALVINGS = 3
"""How often a step that can't be served is halved to find the limit."""
Side = tuple[float, ...]
"""The elasticities of each figure for more or for less of an input, and one over the logarithm of the factor that is
its limit."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for: the rate of a workload in a year, for a request on a device."""

    workload: int
    generation: str
    year: int
    request: Request
    device: Device
    percentile: Percentile | None = None
    """Which share of requests the limits hold for."""


Figures = tuple[float, ...]
"""Requests per GPU and second, and further figures above 0 where that is."""
Searched = Callable[[Question], Figures]
"""The figures of a question."""
Changed = Callable[[Question, float], Question]
"""More or less of an input."""


def token_ratios(tokens_per_request: Array) -> dict[str, Array]:
    """Return the tokens of a request over the central member's by field, (M, W, Y) each; 1 where that has none.

    Parameters
    ----------
    tokens_per_request : Array, shape (M, W, token, Y)
        Tokens of each kind, the central member first.
    """
    found = {}
    for name, kinds in TOKEN_INPUTS.items():
        tokens = tokens_per_request[:, :, [TOKENS.index(k) for k in kinds]].sum(axis=2)
        found[name] = np.divide(tokens, tokens[:1], out=np.ones_like(tokens), where=tokens[:1] > 0)
    return found


def member_factors(
    scenario: Scenario,
    tokens_per_request: Array,
    models: Sequence[Sequence[str]],
    questions: Sequence[Sequence[Sequence[Question]]],
    searched: Searched,
    figures: int = 2,
    whole: WholeSearch | None = None,
) -> tuple[Array, ...]:
    """Return each member's rates, and further figures, over those at the central inputs.

    Parameters
    ----------
    scenario : Scenario
        Scenario with the draws of devices and of the serving model's errors.
    tokens_per_request : Array, shape (M, W, token, Y)
        Tokens of each kind, the central member first.
    models : sequence of sequence of str
        Model of each workload and year.
    questions : sequence of sequence of sequence of Question
        Central requests and devices, by workload, generation and year.
    searched : callable
        The rate of a question, which alone has the serving model's own errors, and further figures.
    figures : int
        How many figures that returns.
    whole : WholeSearch, optional
        Elasticities that were searched before; it takes those that weren't.

    Returns
    -------
    tuple of Array, shape (M, W, G, Y) each
        Ratios of each figure [1]; 1 for the central member, 0 where a member can't be served within the limits.
    """
    generations = [g.name for g in scenario.fleet.generations]
    shape = (scenario.members, len(models), len(generations), len(models[0]))
    whole = whole or WholeSearch(None)
    if scenario.members == 1:
        return (np.ones(shape),) * figures
    logs, served = np.zeros((figures, *shape)), np.ones(shape, dtype=bool)
    of_tokens = token_ratios(tokens_per_request)
    for w, row in enumerate(questions):
        for g, years in enumerate(row):
            inputs = [(ratio[:, w], name, _with_tokens(name), TOKEN_STEP) for name, ratio in of_tokens.items()]
            of_device = scenario.device_ratios.get(generations[g], {}).items()
            inputs += [(column(drawn, 2), ",".join(n), _with_device(n), DEVICE_STEP) for n, drawn in of_device]
            for ratio, name, changed, step in inputs:
                if np.ptp(ratio, axis=0).any():
                    at = f"{w} {g} {name}"
                    sides = whole.sides(at, (len(years), figures + 1))
                    if sides is None:
                        sides = _elasticities(years, models[w], changed, step, searched)
                        whole.put_sides(at, *sides)
                    up, down = sides
                    more, change = ratio > 1, np.log(ratio)
                    for k in range(figures):
                        logs[k, :, w, g] += np.where(more, up[:, k], down[:, k]) * change
                    served[:, w, g] &= np.where(more, up[:, -1], down[:, -1]) * np.abs(change) <= 1
            errors = [column(scenario.serving_error.get((generations[g], m), 1.0), 1) for m in models[w]]
            logs[0, :, w, g] += np.log(np.stack(np.broadcast_arrays(*errors), axis=1))
    return tuple(np.where(served, np.exp(logs), 0.0))


def _with_tokens(name: str) -> Changed:
    """Return what makes more or less of a kind of token."""
    return lambda q, by: replace(q, request=replace(q.request, **{name: getattr(q.request, name) * by}))


def _with_device(names: Sequence[str]) -> Changed:
    """Return what makes a device faster or larger in some fields together."""
    return lambda q, by: replace(q, device=replace(q.device, **{n: getattr(q.device, n) * by for n in names}))


def _elasticities(
    years: Sequence[Question], models: Sequence[str], changed: Changed, step: float, searched: Searched
) -> tuple[Array, Array]:
    """Return how each year's rate follows an input: for more of it and for less, each with the room that it has.

    They are searched in the first and last year of each model and taken as linear in between.

    Returns
    -------
    tuple of Array, shape (Y, figure + 1) each
        The elasticity of each figure, and one over the logarithm of the factor by which the input may change before
        nothing can be served within the limits; 0 where there is no such factor.
    """
    spans = []
    for first, last in _spans(models):
        ends = [_both_sides(years[y], changed, step, searched) for y in dict.fromkeys((first, last))]
        at = np.linspace(0, 1, last - first + 1)[:, None]
        spans.append([(1 - at) * np.array(a) + at * np.array(b) for a, b in zip(ends[0], ends[-1], strict=True)])
    up, down = (np.concatenate(parts) for parts in zip(*spans, strict=True))
    return up, down


def _spans(models: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first and last year of each model in turn."""
    first = 0
    for y in range(1, len(models) + 1):
        if y == len(models) or models[y] != models[first]:
            yield first, y - 1
            first = y


def _both_sides(question: Question, changed: Changed, step: float, searched: Searched) -> tuple[Side, Side]:
    """Return how a rate follows more and less of an input."""
    central = searched(question)
    if not central[0]:
        nothing = (0.0,) * (len(central) + 1)
        return nothing, nothing
    return _one_side(central, step, lambda by: searched(changed(question, by))), _one_side(
        central, 1 / step, lambda by: searched(changed(question, by))
    )


def _one_side(central: Figures, step: float, searched: Callable[[float], Figures]) -> Side:
    """Return the elasticity of each figure on one side and how little room there is.

    Where the whole step can't be served, it is halved in logarithms until the limit is known to an eighth of it; the
    elasticities are those of the largest step that can be served.
    """
    whole = math.log(step)
    found = searched(step)
    if found[0]:
        return *(math.log(a / b) / whole for a, b in zip(found, central, strict=True)), 0.0
    served, lost, elasticities = 0.0, 1.0, (0.0,) * len(central)
    for _ in range(HALVINGS):
        share = (served + lost) / 2
        found = searched(math.exp(share * whole))
        if found[0]:
            served = share
            elasticities = tuple(math.log(a / b) / (share * whole) for a, b in zip(found, central, strict=True))
        else:
            lost = share
    return *elasticities, 2 / ((served + lost) * abs(whole))


def searched_alone(scenario: Scenario, tokens_per_request: Array, member: int, question: Question) -> Question:
    """Return a question with the tokens and the device of one member, to search its rate in full.

    Parameters
    ----------
    scenario : Scenario
        Scenario with the draws of devices.
    tokens_per_request : Array, shape (M, W, token, Y)
        Tokens of each kind, the central member first.
    member : int
        Number of the member.
    question : Question
        The central question.

    Returns
    -------
    Question
        That of the member.
    """
    for name, ratio in token_ratios(tokens_per_request).items():
        question = _with_tokens(name)(question, float(ratio[member, question.workload, question.year]))
    for names, drawn in scenario.device_ratios.get(question.generation, {}).items():
        question = _with_device(names)(question, float(column(drawn, 1)[member]))
    return question
