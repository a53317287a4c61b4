"""Which inputs decide a figure: designs of points and the estimators over them, for any function of uniform draws.

Sobol' indices are those of Saltelli et al. (2010, doi:10.1016/j.cpc.2009.09.018): first-order by their equation (b) of
table 2, total by Jansen (1999), over points of one scrambled Sobol' sequence. Elementary effects are those of Morris
(1991), sampled and analysed by SALib.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from gigaplan.results.quantiles import FEWEST
from gigaplan.results.spread import ENDS
from gigaplan.vocabulary.members import Array

LOW, _, HIGH = ENDS
RESAMPLES = 200
"""Resamples of the bootstrap by which indices have a standard error."""
BINS = 10
"""Equal parts of an input's draws, within each of which the input counts as known."""


@dataclass(frozen=True, slots=True)
class OneAtATime:
    """Each input at the low and at the high end of its range, all others at their central values.

    A stream that is named in ``places`` is put at these draws instead: the middle of each option of a choice.
    """

    streams: tuple[str, ...]
    places: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def members(self) -> int:
        """Return how many members it has, the central one left out."""
        return len(self._all)

    @property
    def _all(self) -> list[tuple[str, float]]:
        return [(stream, at) for stream in self.streams for at in self.places.get(stream, (LOW, HIGH))]

    def rows(self, first: int, members: int) -> Mapping[str, Array]:
        """Return the draws of members ``first`` to ``first + members``, counted from 1: stream after stream."""
        found: dict[str, Array] = {}
        for row, (stream, at) in enumerate(self._all[first - 1 : first - 1 + members]):
            found.setdefault(stream, np.full(members, np.nan))[row] = at
        return found

    def of(self, stream: str) -> slice:
        """Return which members a stream has."""
        first = next(row for row, (name, _) in enumerate(self._all) if name == stream)
        return slice(first, first + len(self.places.get(stream, (LOW, HIGH))))


@dataclass(frozen=True, slots=True)
class Saltelli:
    """For each of many base rows: a point A, a point B, and A with one factor of B, factor by factor."""

    factors: tuple[tuple[str, ...], ...]
    """Streams that are exchanged together."""
    seed: int

    @property
    def each(self) -> int:
        """Return the members of a base row."""
        return len(self.factors) + 2

    def rows(self, first: int, members: int) -> Mapping[str, Array]:
        """Return the draws of members ``first`` to ``first + members``, counted from 1: base row by base row."""
        row, place = np.divmod(np.arange(first - 1, first - 1 + members), self.each)
        a, b = self.points(int(row[-1]) + 1)
        found, column = {}, 0
        for k, streams in enumerate(self.factors):
            other = (place == 1) | (place == k + 2)
            for stream in streams:
                found[stream] = np.where(other, b[row, column], a[row, column])
                column += 1
        return found

    def points(self, count: int) -> tuple[Array, Array]:
        """Return the first points A and B, each of shape (row, stream)."""
        width = sum(map(len, self.factors))
        points = _sobol(2 * width, self.seed, max(count - 1, 0).bit_length())[:count]
        return points[:, :width], points[:, width:]


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Points that are given one by one."""

    streams: tuple[str, ...]
    points: Array
    """Draws between 0 and 1, shape (member, stream)."""

    def rows(self, first: int, members: int) -> Mapping[str, Array]:
        """Return the draws of members ``first`` to ``first + members``, counted from 1."""
        some = self.points[first - 1 : first - 1 + members]
        return {stream: some[:, k] for k, stream in enumerate(self.streams)}


@lru_cache(maxsize=2)
def _sobol(width: int, seed: int, power: int) -> Array:
    from scipy.stats import qmc

    engine = qmc.Sobol(width, scramble=True, rng=np.random.default_rng([seed, width]))
    return np.asarray(engine.random_base2(power))


@dataclass(frozen=True, slots=True)
class Indices:
    """Sobol' indices of figures with respect to factors, each of shape (factor, figure); nan where nothing varies."""

    first: Array
    """Share of the variance that goes, on average, once the factor alone is known."""
    total: Array
    """Share of the variance that stays, on average, once all others are known."""
    first_error: Array
    total_error: Array
    """Their standard errors, by bootstrap over base rows."""


def sobol_indices(f_a: Array, f_b: Array, f_ab: Array, seed: int = 0) -> Indices:
    """Return Sobol' indices from a function's values at the points of :class:`Saltelli`.

    Parameters
    ----------
    f_a, f_b : Array
        Values at A and at B, shape (row, figure); a row with a nan counts for none of the figure's factors.
    f_ab : Array
        Values at A with one factor of B, shape (factor, row, figure).
    seed : int
        Seed of the bootstrap.
    """
    figures = range(f_a.shape[1])
    parts = [_of_one(f_a[:, h], f_b[:, h], f_ab[:, :, h], np.random.default_rng([seed, h])) for h in figures]
    return Indices(*(np.stack([p[k] for p in parts], axis=1) for k in range(4)))


def _of_one(a: Array, b: Array, ab: Array, chance: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Return first-order and total indices of one figure and their standard errors, each of shape (factor,)."""
    whole = np.isfinite(a) & np.isfinite(b) & np.isfinite(ab).all(axis=0)
    a, b, ab = a[whole], b[whole], ab[:, whole]
    nothing = np.full(len(ab), np.nan)
    if len(a) < FEWEST or np.ptp(np.concatenate([a, b])) == 0:
        return nothing, nothing, nothing, nothing
    first, total = saltelli_2010(a, b, ab)
    drawn = (chance.integers(len(a), size=len(a)) for _ in range(RESAMPLES))
    with np.errstate(divide="ignore", invalid="ignore"):
        again = np.array([saltelli_2010(a[i], b[i], ab[:, i]) for i in drawn])
    errors = np.nanstd(np.where(np.isfinite(again), again, np.nan), axis=0)  # a resample may have no variance
    return first, total, errors[0], errors[1]


def saltelli_2010(a: Array, b: Array, ab: Array) -> tuple[Array, Array]:
    """Return first-order and total indices, each of shape (factor,).

    Parameters
    ----------
    a, b : Array
        Values at A and at B, shape (row,).
    ab : Array
        Values at A with one factor of B, shape (factor, row).
    """
    both = np.concatenate([a, b])
    mean, variance = both.mean(), both.var()
    first = ((b - mean) * (ab - a)).mean(axis=1) / variance
    total = ((a - ab) ** 2).mean(axis=1) / (2 * variance)
    return first, total


def range_left(draws: Array, values: Array) -> float:
    """Return the width of a figure's range, on average, once an input is known, over the width while it isn't.

    Parameters
    ----------
    draws : Array
        Draws of the input between 0 and 1, shape (member,), independent of all others.
    values : Array
        The figure, shape (member,).

    Returns
    -------
    float
        1 where knowing the input narrows nothing; nan where the figure doesn't vary or there are too few members.
    """
    there = np.isfinite(values)
    draws, values = draws[there], values[there]
    if len(values) < BINS * FEWEST:
        return float("nan")
    whole = float(np.diff(np.quantile(values, [LOW, HIGH]))[0])
    if whole <= 0:
        return float("nan")
    parts = np.array_split(values[np.argsort(draws, kind="stable")], BINS)
    return float(np.mean([np.diff(np.quantile(p, [LOW, HIGH]))[0] for p in parts])) / whole


def shares(influence: Array) -> Array:
    """Return influences as shares of their sum, along the first axis; 0 where nothing varies."""
    whole = np.nansum(np.maximum(influence, 0.0), axis=0)
    kept = np.nan_to_num(np.maximum(influence, 0.0))
    return np.asarray(np.divide(kept, whole, out=np.zeros_like(kept), where=whole > 0))


def deciding(influence: Array, weights: Sequence[float]) -> Array:
    """Return how much each factor decides all figures together, shape (factor,).

    Parameters
    ----------
    influence : Array
        A share of the variance of each figure that rests on each factor, shape (factor, figure).
    weights : sequence of float
        How much the figures matter.
    """
    share = shares(influence)
    varies = share.sum(axis=0) > 0
    weight = np.asarray(weights) * varies
    return np.asarray(share @ weight / weight.sum()) if varies.any() else np.zeros(len(share))
