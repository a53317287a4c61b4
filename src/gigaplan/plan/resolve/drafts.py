"""Speculative decoding: how many tokens a step yields with a number of drafts, from published counts by model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median

from gigaplan.catalog import Catalog
from gigaplan.inference.inputs import NO_DRAFTS, Drafts
from gigaplan.vocabulary.errors import UnsupportedError

MOST_DRAFTS = 8
"""Largest number of drafts for which accepted tokens are published."""
OWN_LAYER = "mtp"
"""Kind of drafts that a model's own further layer makes: taken where its maker has counts of it."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Tokens that a step yields on average, the verified one included."""

    tokens: float
    low: float
    high: float
    """Least and largest published figure that it rests on."""
    of_model: bool
    """Whether counts of the model's own maker were found, rather than those of all models."""


def accepted_of(facts: Catalog, model: str, number: int) -> Accepted:
    """Return the accepted tokens of a model: the median of counts of its maker's models, else of all models.

    Parameters
    ----------
    facts : Catalog
        The catalog.
    model : str
        Name of a model in the catalog.
    number : int
        Tokens drafted for each step, 1 to ``MOST_DRAFTS`` [1].

    Raises
    ------
    UnsupportedError
        If no count of so many drafts is published.
    """
    if not 1 <= number <= MOST_DRAFTS:
        raise UnsupportedError(
            f"accepted tokens of {number} drafts aren't published: give 1 to {MOST_DRAFTS} drafts, or state "
            "accepted_tokens"
        )
    quantity = f"accepted_tokens_{number}"
    entities = facts.entities(quantity, prefix="drafts.")
    maker = _maker(model)
    own = [e for e in entities if _maker(e.split(".")[2]) == maker]
    counted = [e for e in own if e.split(".")[1] == OWN_LAYER] or own or list(entities)
    found = [facts.find(e, quantity) for e in counted]
    edges = [edge for f in found for edge in (f.number, f.low, f.high) if edge is not None]
    return Accepted(float(median(f.number for f in found)), min(edges), max(edges), bool(own))


def drafts_of(facts: Catalog, model: str, number: int, accepted_tokens: float = 0.0) -> Drafts:
    """Return speculative decoding with a number of drafts, at stated or published accepted tokens.

    Parameters
    ----------
    facts : Catalog
        The catalog.
    model : str
        Name of a model in the catalog.
    number : int
        Tokens drafted for each step; 0 for plain decoding [1].
    accepted_tokens : float
        Tokens that a step yields on average, the verified one included; 0 for what is published [1].

    Raises
    ------
    UnsupportedError
        If no count of so many drafts is published, or more tokens are accepted than a step verifies.
    """
    if not number:
        return NO_DRAFTS
    if not accepted_tokens:
        return Drafts(number, accepted_of(facts, model, number).tokens)
    if not 1 <= accepted_tokens <= number + 1:
        raise UnsupportedError(
            f"{accepted_tokens:g} accepted tokens of a step with {number} drafts: give 1 to {number + 1}, "
            "the verified token included"
        )
    return Drafts(number, accepted_tokens)


def _maker(model: str) -> str:
    """Return the letters that a model's name begins with: the name of its maker's series."""
    found = re.match(r"[a-z]+", model)
    return found[0] if found else ""
