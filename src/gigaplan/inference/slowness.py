"""What slowness costs, and where on a serving frontier value is highest.

An answer may take the longest time to first token and the longest time for each of its tokens. What it takes beyond,
over all that it may take, makes it slow, and a slow answer is worth less:

    slowness = 1 + (first token's seconds over its limit + tokens x seconds of a token over its limit) / seconds allowed
    worth = slowness ^ -e

with the elasticity e that is the price of slowness. A GPU-hour costs the same at every point of the frontier, so value
less cost is highest where requests per GPU x worth is. Requests differ in what slowness costs them: e is spread
exponentially about its mean, and each request is served where its value is highest. No time is then a cliff: past a
limit, or a step of the frontier, only as many requests move as it pays for.

In logarithms worth falls along a straight line of slope e, so that only corners of the frontier's concave hull are ever
chosen, each by the requests whose e lies between the slopes of the hull on its two sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan.inference.inputs import Request
from gigaplan.vocabulary.members import Array

SMALLEST = 1e-12
"""Stands for a price of slowness of nothing, and keeps zero out of denominators."""


def log_slowness(ttft_s: Array, tpot_s: Array, request: Request) -> Array:
    """Return the logarithm of how long an answer takes over what its limits allow; 0 where both are kept.

    Parameters
    ----------
    ttft_s : Array, shape (...)
        Time to first token [s].
    tpot_s : Array, shape (...)
        Time per output token [s].
    request : Request
        Output tokens and limits.

    Returns
    -------
    Array, shape (...)
        Logarithm of the slowness [1].

    Examples
    --------
    Two seconds and 100 tokens of 80 ms are allowed; 100 ms a token make ten seconds twelve:

    >>> request = Request(uncached_input_tokens=1, cached_input_tokens=0, output_tokens=100, ttft_s=2, tpot_s=0.08)
    >>> float(np.exp(log_slowness(np.array(1.0), np.array(0.1), request)).round(2))
    1.2
    """
    allowed = request.ttft_s + request.output_tokens * request.tpot_s
    late = np.maximum(ttft_s - request.ttft_s, 0.0) + request.output_tokens * np.maximum(tpot_s - request.tpot_s, 0.0)
    return np.asarray(np.log1p(late / allowed))


def corners(slow: Sequence[float], log_rate: Sequence[float]) -> list[int]:
    """Return the corners of the concave hull over points that rise in both.

    Parameters
    ----------
    slow : sequence of float
        Logarithm of each point's slowness [1], rising.
    log_rate : sequence of float
        Logarithm of its rate [1], rising.

    Returns
    -------
    list of int
        Places of the corners, the first and the last point among them (Andrew 1979, one half of the monotone chain).

    Examples
    --------
    >>> corners([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 1.2, 2.4])
    [0, 1, 3]
    """
    found: list[int] = []
    for k in range(len(slow)):
        while len(found) > 1:
            a, b = found[-2:]
            up, along = log_rate[b] - log_rate[a], slow[b] - slow[a]
            if up * (slow[k] - slow[a]) > (log_rate[k] - log_rate[a]) * along:
                break
            found.pop()
        found.append(k)
    return found


def slopes_after(slow: Array, log_rate: Array) -> Array:
    """Return the slope of the hull after each of its corners; 0 after the last, beyond which nothing is gained.

    Parameters
    ----------
    slow : Array, shape (point,)
        Logarithm of the slowness of each corner [1], rising.
    log_rate : Array, shape (point,)
        Logarithm of its rate [1], rising.

    Returns
    -------
    Array, shape (point,)
        Slopes [1], falling: the elasticity above which requests stay at the corner or before it.
    """
    return np.append(np.diff(log_rate) / np.diff(slow), 0.0)


@dataclass(frozen=True, slots=True)
class Mixture:
    """How requests that differ in the price of slowness are spread over the corners of a frontier."""

    share: Array
    """(..., point) share of requests served at each corner [share]; the shares sum to 1."""
    worth: Array
    """(...) what the mean request is worth as it is served, over what it is worth within the limits [share]."""


def mixture(slow: Array, slope: Array, elasticity: Array) -> Mixture:
    """Return where requests are served, each at the corner where requests per GPU x worth is greatest for it.

    With the elasticity spread exponentially about its mean ``e``, the share of requests above a slope ``s`` is
    ``exp(-s / e)``, and those between the slopes on the two sides of a corner are served there. Their worth is the
    integral of ``exp(-x slow)`` over that share, in closed form.

    Parameters
    ----------
    slow : Array, shape (..., point)
        Logarithm of the slowness of each corner [1], rising; whatever fills up an axis has the slope 0.
    slope : Array, shape (..., point)
        Slopes of the hull after each corner, from :func:`slopes_after` [1].
    elasticity : Array, shape (..., 1)
        Mean price of slowness [1]; infinite where limits are hard, so that nothing late is worth anything.

    Returns
    -------
    Mixture
        Shares of requests and their mean worth.

    Examples
    --------
    A frontier that yields twice as much at twice the time allowed. At a price of 1 the share of requests that stay
    within the limits is exp(-1):

    >>> slow = np.log([1.0, 2.0])
    >>> found = mixture(slow, slopes_after(slow, slow), np.array([1.0]))
    >>> found.share.round(3).tolist(), float(found.worth.round(3))
    ([0.368, 0.632], 0.85)
    """
    e = np.maximum(elasticity, SMALLEST)
    above = np.exp(-slope / e)
    shares = np.diff(above, axis=-1, prepend=0.0)
    with np.errstate(invalid="ignore"):
        mean = np.where(slow > 0, 1 / (1 + e * slow), 1.0)
    rest = above * np.exp(-slope * slow)
    # What the slope before a corner leaves: nothing before the first, whose requests have no upper bound.
    of_others = above[..., :-1] * np.exp(-slope[..., :-1] * slow[..., 1:])
    before = np.concatenate([np.zeros_like(above[..., :1]), of_others], axis=-1)
    return Mixture(shares, np.asarray((mean * (rest - before)).sum(axis=-1)))
