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
from gigaplan.plan.scenario import Scenario
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


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for: the rate of a workload in a year, for a request on a device."""

    workload: int
    generation: str
    year: int
    request: Request
    device: Device


Searched = Callable[[Question], float]
"""Requests per GPU and second."""
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
) -> Array:
    """Return each member's rates over those at the central inputs.

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
        The rate of a question.

    Returns
    -------
    Array, shape (M, W, G, Y)
        Ratios [1]; 1 for the central member.
    """
    generations = [g.name for g in scenario.fleet.generations]
    shape = (scenario.members, len(models), len(generations), len(models[0]))
    if scenario.members == 1:
        return np.ones(shape)
    logs = np.zeros(shape)
    of_tokens = token_ratios(tokens_per_request)
    for w, row in enumerate(questions):
        for g, years in enumerate(row):
            inputs = [(ratio[:, w], _with_tokens(name), TOKEN_STEP) for name, ratio in of_tokens.items()]
            of_device = scenario.device_ratios.get(generations[g], {}).items()
            inputs += [(column(drawn, 2), _with_device(names), DEVICE_STEP) for names, drawn in of_device]
            for ratio, changed, step in inputs:
                if np.ptp(ratio, axis=0).any():
                    up, down = _elasticities(years, models[w], changed, step, searched)
                    logs[:, w, g] += np.where(ratio > 1, up, down) * np.log(ratio)
            errors = [column(scenario.serving_error.get((generations[g], m), 1.0), 1) for m in models[w]]
            logs[:, w, g] += np.log(np.stack(np.broadcast_arrays(*errors), axis=1))
    return np.exp(logs)


def _with_tokens(name: str) -> Changed:
    """Return what makes more or less of a kind of token."""
    return lambda q, by: replace(q, request=replace(q.request, **{name: getattr(q.request, name) * by}))


def _with_device(names: Sequence[str]) -> Changed:
    """Return what makes a device faster or larger in some fields together."""
    return lambda q, by: replace(q, device=replace(q.device, **{n: getattr(q.device, n) * by for n in names}))


def _elasticities(
    years: Sequence[Question], models: Sequence[str], changed: Changed, step: float, searched: Searched
) -> tuple[Array, Array]:
    """Return the elasticities of each year's rate for more and for less of an input, (Y,) each.

    They are searched in the first and last year of each model and taken as linear in between.
    """
    up, down = np.zeros(len(years)), np.zeros(len(years))
    for first, last in _spans(models):
        ends = [_both_sides(years[y], changed, step, searched) for y in dict.fromkeys((first, last))]
        at = np.linspace(0, 1, last - first + 1)
        up[first : last + 1], down[first : last + 1] = (
            (1 - at) * a + at * b for a, b in zip(ends[0], ends[-1], strict=True)
        )
    return up, down


def _spans(models: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first and last year of each model in turn."""
    first = 0
    for y in range(1, len(models) + 1):
        if y == len(models) or models[y] != models[first]:
            yield first, y - 1
            first = y


def _both_sides(question: Question, changed: Changed, step: float, searched: Searched) -> tuple[float, float]:
    """Return the elasticities for more and for less of an input; where one of them can't be served, the other's."""
    central = searched(question)
    more, less = (searched(changed(question, by)) for by in (step, 1 / step))
    if not (central and (more or less)):
        return 0.0, 0.0
    up = math.log(more / central) / math.log(step) if more else math.nan
    down = math.log(central / less) / math.log(step) if less else up
    return (up if more else down), down


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
