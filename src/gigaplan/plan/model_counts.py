"""Published counts of parameters compared with those that follow from the architecture, model by model.

A count is rounded by its author and leaves out norms and biases, or counts a predictor of further tokens: within
:data:`TOLERANCE` it is the architecture's. What a count of active parameters leaves out is a fact of its own
(``params_active_without``): the embedding is a look-up, and some leave out the output head too.
"""

from __future__ import annotations

from collections.abc import Iterator

from gigaplan.catalog import Catalog
from gigaplan.plan.architectures import architecture_of
from gigaplan.vocabulary.errors import Place, Problem, nearest_name

TOLERANCE = 0.035
"""By how much a published count may differ from the architecture's, as a share: most have two digits."""
WITHOUT = "params_active_without"
"""The fact that says what a model's count of active parameters leaves out."""
LEFT_OUT = {"": frozenset[str](), "embedding": {"embedding"}, "embedding and head": {"embedding", "head"}}
"""What that fact may say, and the parts of the architecture that it means."""
BILLION = 1e9


def wrong_counts(facts: Catalog) -> list[Problem]:
    """Return a problem for each published count of parameters that is not the architecture's.

    Parameters
    ----------
    facts
        The catalog.
    """
    return [problem for model in facts.entities("layers") for problem in _of_model(facts, model)]


def _of_model(facts: Catalog, model: str) -> Iterator[Problem]:
    """Yield the problems of one model's counts."""
    architecture = architecture_of(facts, model)
    if facts.has(model, "params_total"):
        yield from _compared(facts, model, "params_total", architecture.parameters, "its architecture has")
    if not facts.has(model, "params_active"):
        return
    without = str(facts.find(model, WITHOUT).value) if facts.has(model, WITHOUT) else ""
    if without not in LEFT_OUT:
        place, allowed = Place("catalog", path=f"{model}.{WITHOUT}"), ", ".join(filter(None, LEFT_OUT))
        nearest = nearest_name(without, LEFT_OUT)
        yield Problem("no part that a count may leave out", place, without, allowed, nearest, "name one of these")
        return
    parts = architecture.parameters_by_part(active=True)
    counted = sum(parts.values()) - sum(parts[name] for name in LEFT_OUT[without])
    words = f"without {without} its architecture has" if without else "its architecture has"
    yield from _compared(facts, model, "params_active", counted, words)


def _compared(facts: Catalog, model: str, quantity: str, counted: float, words: str) -> Iterator[Problem]:
    """Yield the problem of one published count, if it is not the one that was counted."""
    published = facts.find(model, quantity).number
    if abs(counted / published - 1) > TOLERANCE:
        yield Problem(
            f"the count differs from the architecture's by {counted / published - 1:+.1%}",
            Place("catalog", path=f"{model}.{quantity}"),
            value=f"{published / BILLION:.4g} billion",
            allowed=f"{words} {counted / BILLION:.4g} billion, give or take {TOLERANCE:.1%}",
            remedy=f"check both with the model's configuration; what an active count leaves out is {model}.{WITHOUT}",
        )
