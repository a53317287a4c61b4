"""Requests made inside compiled code: gaps and lengths from tables of equally likely values, one random number each.

A day of some billions is made in a small part of the time that it takes to simulate. Of a stream that a router deals
out in turn to ``n`` replicas each gets every n-th request, so that its gaps are sums of ``n``: Gamma again, and each
replica is made, and simulated, by itself.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.compiled import compiled, lean_part
from gigaplan.vocabulary.members import Array

TABLE_BITS = 14
"""Binary digits of a place in a table."""
TABLE = 1 << TABLE_BITS
"""Equally likely values of a gap or a length."""
GOLDEN, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Constants of SplitMix64 (Steele, Lea and Flood 2014)."""
SHIFT_1, SHIFT_2, SHIFT_3 = 30, 27, 31
"""Its shifts, in their order [binary digits]."""


class Lengths(NamedTuple):
    """Equally likely gaps and lengths of requests; (TABLE,) each."""

    gaps: Array
    """Gaps between two arrivals over their mean [1]."""
    inputs: NDArray[np.int64]
    """Prompt tokens that are read [token]."""
    outputs: NDArray[np.int64]
    """Output tokens [token]."""


def gaps(shape: float) -> Array:
    """Return equally likely values of a Gamma distribution with a mean of one.

    Parameters
    ----------
    shape : float
        Its shape; 1 is the exponential of Poisson arrivals, ``n`` that of every n-th of them.

    Returns
    -------
    Array, shape (TABLE,)
        Gaps [1].

    Examples
    --------
    >>> bool(abs(gaps(4.0).std() - 0.5) < 0.001)
    True
    """
    from scipy.special import gammaincinv

    found = np.asarray(gammaincinv(shape, _shares())) / shape
    return np.asarray(found / found.mean())


def lengths(mean: float, variation: float) -> NDArray[np.int64]:
    """Return equally likely lengths of a log-normal distribution, at least one token each.

    Parameters
    ----------
    mean : float
        Mean length [token].
    variation : float
        Standard deviation over the mean [1].

    Returns
    -------
    NDArray, shape (TABLE,)
        Lengths [token]; their mean is the stated one to a token's rounding.

    Examples
    --------
    >>> bool(abs(lengths(350.0, 0.8).mean() - 350.0) < 0.5)
    True
    """
    from scipy.special import ndtri

    sigma = math.sqrt(math.log1p(variation * variation))
    found = np.exp(sigma * np.asarray(ndtri(_shares())))
    return np.asarray(np.maximum(np.round(found * (mean / found.mean())), 1.0), dtype=np.int64)


def _shares() -> Array:
    return np.asarray((np.arange(TABLE) + 0.5) / TABLE)


@lean_part
def _mixed(state: Any) -> Any:
    """Return the random number of a state."""
    z = np.uint64(state)
    z = (z ^ (z >> np.uint64(SHIFT_1))) * np.uint64(MIX_1)
    z = (z ^ (z >> np.uint64(SHIFT_2))) * np.uint64(MIX_2)
    return np.int64((z ^ (z >> np.uint64(SHIFT_3))) >> np.uint64(1))


def _fill(
    seeds: NDArray[np.uint64],
    place: Array,
    tables: Lengths,
    per_s: float,
    until: float,
    arrival: Array,
    inputs: NDArray[np.int64],
    outputs: NDArray[np.int64],
) -> int:
    """Make requests of a constant rate up to a time, as many as fit, and return how many they are.

    Parameters
    ----------
    seeds : NDArray, shape (1,)
        State of the random numbers; it moves on.
    place : Array, shape (2,)
        The time up to which requests are made [s], and what is left of the gap to the next one over a mean gap; both
        move on. The time is ``until`` once all fitted.
    tables : Lengths
        Gaps and lengths.
    per_s : float
        Mean rate [1/s].
    until : float
        The time [s].
    arrival, inputs, outputs : NDArray, shape (request,)
        Filled with the requests.

    Returns
    -------
    int
        How many they are.
    """
    n, most = 0, len(arrival)
    now, left = place[0], place[1]
    if per_s <= 0.0:
        place[0] = until
        return 0
    mask = np.int64(TABLE - 1)
    state = seeds[0]
    gap_s = 1.0 / per_s
    while n < most:
        then = now + left * gap_s
        if then >= until:
            left -= (until - now) * per_s
            now = until
            break
        state += np.uint64(GOLDEN)
        bits = _mixed(state)
        arrival[n] = then
        inputs[n] = tables.inputs[bits & mask]
        outputs[n] = tables.outputs[(bits >> TABLE_BITS) & mask]
        left = tables.gaps[(bits >> (2 * TABLE_BITS)) & mask]
        now = then
        n += 1
    seeds[0] = state
    place[0], place[1] = now, left
    return n


fill = compiled(_fill, lean=True)
