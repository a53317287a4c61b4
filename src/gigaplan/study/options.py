"""Options of the choices that a plan leaves open, as a study sets them: each by a draw in the middle of its part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gigaplan.results.spread import ENDS
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.sampling import Choice

LOW, _, HIGH = ENDS
LEVELS = 4
"""Levels of elementary effects (Morris 1991)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One option of a choice, or of several that share a draw.

    Attributes
    ----------
    name : str
        The option; those of several choices in a row.
    at : float
        The draw in the middle of its part, 0 to 1.
    weight : float
        How likely it is.
    """

    name: str
    at: float
    weight: float


def parts_of(choices: Sequence[Choice]) -> tuple[Part, ...]:
    """Return the parts of a draw that choices have: one for each option, finer where several choices share the draw.

    Examples
    --------
    >>> [(p.name, round(p.at, 2)) for p in parts_of([Choice(("a", "b"), (0.6, 0.4))])]
    [('a', 0.3), ('b', 0.8)]
    """
    if not choices:
        return ()
    ends = [np.cumsum(choice.weights)[:-1] for choice in choices]
    cuts = np.unique(np.round(np.concatenate([[0.0, 1.0], *ends]), 12))
    found = []
    for low, high in pairwise(cuts):
        at = float((low + high) / 2)
        names = [c.options[int(np.searchsorted(e, at, side="right"))] for c, e in zip(choices, ends, strict=True)]
        found.append(Part(", ".join(dict.fromkeys(names)), at, float(high - low)))
    return tuple(found)


def places(parts: Mapping[str, Sequence[Part]], with_numbers: frozenset[str]) -> dict[str, tuple[float, ...]]:
    """Return the draws at which a tornado puts streams with choices: each option, and both ends if numbers follow.

    Parameters
    ----------
    parts : mapping of str to sequence of Part
        Options by stream.
    with_numbers : frozenset of str
        Streams that numbers follow too.
    """
    return {s: (*((LOW, HIGH) if s in with_numbers else ()), *(p.at for p in of)) for s, of in parts.items()}


def influence_of(parts: Sequence[Part], values: Array) -> Array:
    """Return the variance that a choice gives figures, on the scale of the squared width of a range of 80 %.

    Parameters
    ----------
    parts : sequence of Part
        Its options.
    values : Array
        Figures with each option, shape (option, figure); nan where one doesn't exist: it is left out.

    Returns
    -------
    Array
        Shape (figure,).
    """
    from scipy.special import ndtri

    weights = np.array([p.weight for p in parts])[:, None] * np.isfinite(values)
    whole = weights.sum(axis=0)
    shares = np.divide(weights, whole, out=np.zeros_like(weights), where=whole > 0)
    known = np.nan_to_num(values)
    mean = (shares * known).sum(axis=0)
    width = float(ndtri(HIGH) - ndtri(LOW))
    return np.asarray(width**2 * (shares * (known - mean) ** 2).sum(axis=0))


def levels_of(parts: Mapping[str, Sequence[Part]]) -> int:
    """Return how many levels elementary effects need, an even number: each option has one at least."""
    most = max((len(of) for of in parts.values()), default=0)
    return max(LEVELS, most + most % 2)


def draws_at(parts: Sequence[Part], share: Array, *, with_numbers: bool) -> Array:
    """Return the draws at shares of the way between the ends of a stream with choices.

    Parameters
    ----------
    parts : sequence of Part
        Its options.
    share : Array
        0 to 1.
    with_numbers : bool
        Whether numbers follow the stream too: then it moves evenly, as far as the outer options at least.
    """
    at = np.array([p.at for p in parts])
    if with_numbers:
        low, high = min(LOW, at[0]), max(HIGH, at[-1])
        return np.asarray(low + share * (high - low))
    return np.asarray(at[np.rint(share * (len(at) - 1)).astype(np.int64)])
