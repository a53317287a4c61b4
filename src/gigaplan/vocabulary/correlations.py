"""Correlated draws: rank correlations between inputs become a Gaussian copula, whatever their distributions are.

The normal scores of the draws are mixed so that they have the correlations ``2 sin(pi rank / 6)``, of which the ranks
have the stated ones (Kruskal 1958; Iman and Conover 1982 induce them likewise). Not every table of correlations can
be: the nearest one that can is found by Higham's alternating projections (2002).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan.vocabulary.members import Array

SMALLEST = 1e-6
"""Least eigenvalue of a table of correlations that can be: with a smaller one, an input is fixed by the others."""
TURNS = 500
"""Projections at most."""
CLOSE = 1e-10
"""Change of the table at which they end."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """A rank correlation between two inputs.

    Attributes
    ----------
    first, second : str
        The inputs: facts, paths of the plan, or groups.
    rank : float
        Spearman's correlation, between -1 and 1.
    """

    first: str
    second: str
    rank: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Inputs that are correlated with one another, directly or by others.

    Attributes
    ----------
    names : tuple of str
        The inputs.
    ranks : Array, shape (input, input)
        Their rank correlations, 0 where none is stated.
    """

    names: tuple[str, ...]
    ranks: Array

    @property
    def scores(self) -> Array:
        """Return the correlations of the normal scores, shape (input, input)."""
        found = 2 * np.sin(np.pi / 6 * self.ranks)
        np.fill_diagonal(found, 1.0)
        return np.asarray(found)

    @property
    def possible(self) -> bool:
        """Return whether there are draws with such correlations."""
        return float(np.linalg.eigvalsh(self.scores)[0]) >= SMALLEST

    @property
    def mixing(self) -> Array:
        """Return the rows by which independent normal scores become correlated ones, shape (input, input)."""
        return np.asarray(np.linalg.cholesky(self.scores))

    def nearest(self) -> list[Correlation]:
        """Return the nearest correlations that can be, in two digits, all that aren't zero."""
        ranks = 6 / np.pi * np.arcsin(nearest_correlations(self.scores) / 2)
        for smaller in np.arange(1.0, 0.0, -0.01):  # rounding may undo it: then all a little smaller
            rounded = np.round(smaller * ranks, 2)
            np.fill_diagonal(rounded, 1.0)
            if Cluster(self.names, rounded).possible:
                break
        pairs = [(k, i) for i in range(len(self.names)) for k in range(i)]
        return [Correlation(self.names[k], self.names[i], float(rounded[k, i])) for k, i in pairs if rounded[k, i]]


def nearest_correlations(table: Array) -> Array:
    """Return the nearest table of correlations whose eigenvalues are positive (Higham 2002).

    Parameters
    ----------
    table : Array, shape (input, input)
        Symmetric, with ones on the diagonal.

    Returns
    -------
    Array
        Of the same shape.
    """
    found, correction = table.copy(), np.zeros_like(table)
    for _ in range(TURNS):
        before = found
        shifted = found - correction
        values, vectors = np.linalg.eigh(shifted)
        projected = (vectors * np.maximum(values, 2 * SMALLEST)) @ vectors.T
        correction = projected - shifted
        found = projected.copy()
        np.fill_diagonal(found, 1.0)
        if np.abs(found - before).max() < CLOSE:
            break
    smallest = float(np.linalg.eigvalsh(found)[0])
    shrunk = min(1.0, (1 - 2 * SMALLEST) / (1 - smallest)) if smallest < 2 * SMALLEST else 1.0
    return np.asarray(shrunk * found + (1 - shrunk) * np.eye(len(found)))


def clusters(correlations: Sequence[Correlation]) -> Iterator[Cluster]:
    """Yield the inputs that hang together, each set with its table of correlations.

    Parameters
    ----------
    correlations : sequence of Correlation
        The pairs.
    """
    sets: list[list[str]] = []
    for one in correlations:
        touched = [s for s in sets if one.first in s or one.second in s]
        joined = list(dict.fromkeys([*(n for s in touched for n in s), one.first, one.second]))
        sets = [s for s in sets if s not in touched] + [joined]
    for names in sets:
        places = {name: k for k, name in enumerate(names)}
        ranks = np.eye(len(names))
        for one in correlations:
            if one.first in places:
                i, k = places[one.first], places[one.second]
                ranks[i, k] = ranks[k, i] = one.rank
        yield Cluster(tuple(names), ranks)


def by_name(found: Sequence[Cluster]) -> Mapping[str, Cluster]:
    """Return the cluster of each correlated input."""
    return {name: cluster for cluster in found for name in cluster.names}
