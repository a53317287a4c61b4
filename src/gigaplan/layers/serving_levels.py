"""Frontiers at the level that rows of the same system, model, engine and release were measured at."""

from __future__ import annotations

from dataclasses import replace

from gigaplan.accuracy import levels
from gigaplan.catalog import Catalog
from gigaplan.catalog.names import generation
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.frontier import Rate
from gigaplan.inference.inputs import Efficiency, Engine, Request
from gigaplan.inference.levelled import at_level
from gigaplan.layers.serving_question import ServingQuestion
from gigaplan.plan.names import family
from gigaplan.plan.resolve.drafts import accepted_of

Given = tuple[Device, Architecture, str, Request, Efficiency, Engine]
"""What a search for layouts is given."""


def level_of(names: tuple[str, str], precision: str, question: ServingQuestion) -> levels.Level:
    """Return the measured level of workers that do both prefill and decode; constants of one's own have none.

    Parameters
    ----------
    names
        Model and system of the catalog.
    precision
        Precision of the weights.
    question
        What is served, with the engine and its release.
    """
    model, system = names
    if question.overlays:
        return levels.NONE
    return levels.level_of(
        system=system,
        generation=generation(system),
        family=family(model),
        engine=question.engine,
        precision=precision,
        speculative=question.drafts > 0,
        release=question.engine_version,
    )


def levelled(given: Given, level: levels.Level) -> Given:
    """Return what a search is given at a level: constants by which steps take as long, and the limit of the first
    token's time as it is before its own level.

    Parameters
    ----------
    given
        Device, architecture, precision, request and constants.
    level
        The level.
    """
    device, architecture, precision, request, efficiency, engine = given
    request = replace(request, ttft_s=request.ttft_s * level.tpot / level.ttft)
    return (device, architecture, precision, request, *at_level(efficiency, engine, level.tpot))


def shown(rate: Rate, level: levels.Level) -> Rate:
    """Return a point with the first token's time at its own level.

    Parameters
    ----------
    rate
        What a search with :func:`levelled` constants found.
    level
        The level.
    """
    return replace(rate, ttft_s=rate.ttft_s * level.ttft / level.tpot)


def release_notes(names: tuple[str, str], precision: str, question: ServingQuestion) -> tuple[str, ...]:
    """Return what stands for a release of the engine that is not stated or was not measured.

    Parameters
    ----------
    names
        Model and system of the catalog.
    precision
        Precision of the weights.
    question
        What is served, with the engine and its release.
    """
    if "co-located" not in question.modes:
        return ()
    level, (model, system) = level_of(names, precision, question), names
    where, release = f"{model} on {system}", f"{question.engine} {question.engine_version}"
    if level.known == "any":
        return (f"{where}: mean of the measured releases of {question.engine}; --engine-version names one",)
    if question.engine_version and not level.measured:
        stand = "other releases stand for it" if level.known else "the mean of all measured systems stands for it"
        return (f"{where}: no measured row of {release} in {precision}: {stand}",)
    return ()


def draft_notes(facts: Catalog, model: str, question: ServingQuestion) -> tuple[str, ...]:
    """Return how many tokens a step with drafts is taken to yield, where the question doesn't state it.

    Parameters
    ----------
    facts
        The catalog.
    model
        Name of a model in it.
    question
        What is served, with the number of drafts.
    """
    if not question.drafts or question.accepted_tokens:
        return ()
    found = accepted_of(facts, model, question.drafts)
    whose = "of its maker's models" if found.of_model else "of all models"
    return (
        f"{model}: a step with {question.drafts} drafts yields {found.tokens:.2f} tokens, the median of published "
        f"counts {whose} ({found.low:.2f} to {found.high:.2f}); --accepted-tokens states your own",
    )
