"""Percentile latencies: from mean times to the percentile that a service level limits.

Requests arrive as a Poisson stream (MLPerf's server scenario: Reddi et al. 2020). A mean is then no limit: the wait and
the number in flight vary from request to request. Three things spread, each with its own law:

- The wait for prefill is a queue's. Its tail is exponential, ``P(W > t) = C exp(-y t / s)`` for a mean prefill of ``s``
  seconds (Cramer and Lundberg; Asmussen 2003, XIII.5): ``y`` solves ``load (M(y) - 1) = y`` and
  ``C = (1 - load) / (load M'(y) - 1)``, where ``M(y) = (1 - v y)^(-1/v)`` is the moment generating function of
  gamma-distributed prefills of squared variation ``v``.
- A prompt's own prefill spreads as prompts do, by their coefficient of variation, up to the longest.
- A request's time per token is a mean over its time in flight, in which the number in flight varies as a Poisson count
  ``n`` does, by ``1 / sqrt(n)``; how far that moves it is the elasticity of the time per token to the number in flight.

Fixed parts (launches, transfer of keys and values, the step in which the first token is made) don't spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist

import numpy as np

from gigaplan.inference.inputs import Request
from gigaplan.inference.serving import MAX_LOAD, Service
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array

LOADS, BISECTIONS = 400, 60
"""Loads at which waits are tabulated, and halvings of the interval that holds a root: grids, not physics."""
SPREAD_SHARE = 0.8
"""Share from which on times at a percentile lie above the mean by enough to give their spread."""
FURTHER_SHARE = 0.9
"""Share whose times stand for the mean's below that."""
MIN_VARIATION = 1e-9
"""Stands for no variation at all, and keeps zero out of denominators."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """Which share of requests must keep the limits, and how prompts spread.

    Examples
    --------
    >>> p99 = Percentile(share=0.99, prompt_cv=0.1, longest_over_mean=9.0)
    >>> round(p99.deviations, 2), round(p99.prompt_excess, 2)
    (2.33, 0.23)
    """

    share: float
    """Share of requests that keep the limits: at 0.99 one request in a hundred may be slower."""
    prompt_cv: float
    """Standard deviation of prompt lengths over their mean."""
    longest_over_mean: float
    """Longest prompt over the mean one."""

    @property
    def deviations(self) -> float:
        """Standard deviations of a normal law up to the share."""
        return NormalDist().inv_cdf(self.share)

    @property
    def prompt_excess(self) -> float:
        """How far the prompt at the percentile is longer than the mean one, over the mean; bounded by the longest."""
        return min(self.deviations * self.prompt_cv, self.longest_over_mean - 1)


def percentile_wait_s(load: Array, prefill_s: Array, percentile: Percentile) -> Array:
    """Return the wait for prefill that the percentile's share of requests keeps within.

    Equation: ``t = s ln(C / (1 - share)) / y``, from the exponential tail of the module's first law. Valid for the
    tail; the wait is 0 where fewer than ``1 - share`` of the requests wait at all.

    Parameters
    ----------
    load : Array, shape (...)
        Share of time spent on prefill; taken as ``MAX_LOAD`` at most [share].
    prefill_s : Array, shape (...)
        Mean time of one prefill [s].
    percentile : Percentile
        Which share of requests, and how prompts spread.

    Returns
    -------
    Array, shape (...)
        Wait in the queue [s].

    Examples
    --------
    With exponential prefills the queue is M/M/1, of which ``t = s ln(load / (1 - share)) / (1 - load)`` is known:

    >>> float(percentile_wait_s(np.array(0.8), np.array(1.0), Percentile(0.99, 1.0, 9.0)).round(1))
    21.9
    """
    loads, waits = _waits(percentile)
    return np.asarray(np.interp(load, loads, waits) * prefill_s)


def load_for_wait(wait_s: Array, prefill_s: Array, percentile: Percentile) -> Array:
    """Return the largest load at which the percentile's share of requests waits no longer than allowed.

    The inverse of :func:`percentile_wait_s`.

    Parameters
    ----------
    wait_s : Array, shape (...)
        Wait that is allowed [s].
    prefill_s : Array, shape (...)
        Mean time of one prefill [s].
    percentile : Percentile
        Which share of requests, and how prompts spread.

    Returns
    -------
    Array, shape (...)
        Share of time that may be spent on prefill, ``MAX_LOAD`` at most [share].
    """
    loads, waits = _waits(percentile)
    return np.asarray(np.interp(wait_s / prefill_s, waits, loads, left=0.0))


@cache
def _waits(percentile: Percentile) -> tuple[Array, Array]:
    """Return loads, and the percentile wait at each over the time of one prefill."""
    load = np.linspace(0.0, MAX_LOAD, LOADS)[1:]
    v = max(percentile.prompt_cv**2, MIN_VARIATION)
    low, high = np.full_like(load, MIN_VARIATION), np.full_like(load, 1 / v - MIN_VARIATION)
    # The root lies between 0 and the pole at 1 / v; below it prefills are too quick for the decay y.
    for _ in range(BISECTIONS):
        y = (low + high) / 2
        below = np.log1p(y / load) > -np.log1p(-v * y) / v
        low, high = np.where(below, y, low), np.where(below, high, y)
    slope = (1 - v * y) ** (-1 / v - 1)
    constant = (1 - load) / np.maximum(load * slope - 1, MIN_VARIATION)
    waits = np.maximum(np.log(constant / (1 - percentile.share)), 0.0) / y
    # Bisection leaves rounding, which must not make the table fall: it is read in both directions.
    return np.concatenate([[0.0], load]), np.maximum.accumulate(np.concatenate([[0.0], waits]))


def percentile_tpot_s(tpot_s: Array, batch: Array, in_flight: Array, percentile: Percentile) -> Array:
    """Return the time per token that the percentile's share of requests keeps within.

    Equation: ``tpot (1 + z e sqrt((1 + cv^2) / n))`` with ``z`` the standard deviations up to the share, ``e`` the
    elasticity of the time per token to the batch (0 to 1) and ``n`` the requests in flight.

    Parameters
    ----------
    tpot_s : Array, shape (..., batch)
        Mean time per token over the grid of batches [s].
    batch : Array, shape (..., batch)
        That grid, along the last axis [requests].
    in_flight : Array, shape (..., batch)
        Requests that share a replica at each point [requests].
    percentile : Percentile
        Which share of requests, and how prompts spread.

    Returns
    -------
    Array, shape (..., batch)
        Time per token at the percentile [s].
    """
    # Clipped, because a grid's gradient may pass what is possible where a time jumps.
    elasticity = np.clip(np.gradient(np.log(tpot_s), np.log(batch.ravel()), axis=-1), 0.0, 1.0)
    spread = elasticity * math.sqrt(1 + percentile.prompt_cv**2) / np.sqrt(in_flight)
    return np.asarray(tpot_s * (1 + percentile.deviations * spread))


def percentile_ttft_s(
    service: Service,
    batch: Array,
    output: Array | float,
    pipeline: Array,
    attention_dp: Array,
    pipeline_send_s: Array,
    percentile: Percentile,
) -> Array:
    """Return the time to first token that the percentile's share of requests keeps within, in steady state.

    The mean's wait (a mean queue and half a cycle) is taken out of the mean time to first token. Put in are the
    percentile of the queue and the excess of the request's own prefill, independent and so added by squares, and a
    whole cycle.

    Parameters
    ----------
    service : Service
        Steady state of the replica, arrays of shape (layout, batch).
    batch : Array, shape (layout, batch)
        Requests in flight per stage [requests].
    output : Array, shape (layout, batch)
        Output tokens of a request [tokens].
    pipeline : Array, shape (layout, 1)
        Stages of the replica [1].
    attention_dp : Array, shape (layout, 1)
        Groups with data parallel attention [1].
    pipeline_send_s : Array, shape (layout, batch)
        Time to send a batch's activations to the next stage [s].
    percentile : Percentile
        Which share of requests, and how prompts spread.

    Returns
    -------
    Array, shape (layout, batch)
        Time to first token at the percentile [s].
    """
    cycle = service.tpot_s / pipeline - pipeline_send_s
    load = np.minimum(batch / output * service.prefill_s / cycle, MAX_LOAD)
    queue = load / (2 * (1 - load)) * service.prefill_s
    own = percentile.prompt_excess * pipeline * service.prefill_s * attention_dp
    wait = percentile_wait_s(load, service.prefill_s, percentile)
    return np.asarray(service.ttft_s - queue + cycle / 2 + np.hypot(wait, own))


def percentile_times_s(
    stage: Stage, service: Service, batch: Array, output: Array | float, percentile: Percentile | None
) -> tuple[Array, Array]:
    """Return the times that limits hold for: those at the percentile, or of the mean request where there is none.

    Parameters
    ----------
    stage : Stage
        Layouts.
    service : Service
        Steady state of the replica, arrays of shape (layout, batch).
    batch : Array, shape (1, batch)
        Requests in flight per stage [requests].
    output : Array or float
        Output tokens of a request [tokens].
    percentile : Percentile, optional
        Which share of requests, and how prompts spread.

    Returns
    -------
    tuple of Array, shape (layout, batch) each
        Time to first token and time per token [s].
    """
    if percentile is None:
        return service.ttft_s, service.tpot_s
    send = stage.pipeline_send_s(batch)
    ttft = percentile_ttft_s(service, batch, output, stage.pipeline, stage.attention_dp, send, percentile)
    return ttft, percentile_tpot_s(service.tpot_s, batch, batch * stage.pipeline, percentile)


def further(percentile: Percentile | None) -> Percentile | None:
    """Return the second percentile that gives, with the first, the spread of times.

    Parameters
    ----------
    percentile : Percentile, optional
        Which share of requests the limits hold for.

    Returns
    -------
    Percentile or None
        The one whose times are needed; None for those of the mean request.
    """
    if percentile is None or percentile.share >= SPREAD_SHARE:
        return None
    return replace(percentile, share=FURTHER_SHARE)


def share_within(limit_s: float, time_s: float, further_s: float, percentile: Percentile | None) -> float:
    """Return the share of requests that keep one limit.

    Times spread normally, through the two that are known: the one at the percentile and the mean, or the one at
    :func:`further`. That is the law of the time per token to the digit; of the first token it is one for the middle of
    its spread. A limit of just the time at the percentile is kept by just its share.

    Parameters
    ----------
    limit_s : float
        Longest time allowed [s].
    time_s : float
        Time at the percentile, or of the mean request without one [s].
    further_s : float
        Mean time, or the one at :func:`further` [s].
    percentile : Percentile, optional
        Which share of requests the limit holds for; without it all requests are as the mean one.

    Returns
    -------
    float
        Share of requests [share].

    Examples
    --------
    A tenth of requests takes more than 40 ms, and the mean is 30: half of them keep a limit of 30 ms.

    >>> p90 = Percentile(share=0.9, prompt_cv=1.0, longest_over_mean=9.0)
    >>> [round(share_within(limit, 0.04, 0.03, p90), 3) for limit in (0.03, 0.039, 0.04, 0.05)]
    [0.5, 0.876, 0.9, 0.995]
    """
    if percentile is None:
        return float(time_s <= limit_s)
    other = further(percentile)
    spread_s = (time_s - further_s) / (percentile.deviations - (other.deviations if other else 0.0))
    if spread_s <= 0:
        return float(time_s <= limit_s)
    return NormalDist().cdf(percentile.deviations + (limit_s - time_s) / spread_s)


def share_within_both(
    request: Request,
    times_s: tuple[Array, Array],
    further_s: tuple[Array, Array],
    at: tuple[np.intp, ...],
    percentile: Percentile | None,
) -> float:
    """Return the share of requests that keep both limits: the smaller of the two shares, as the same requests are slow.

    Parameters
    ----------
    request : Request
        Limits.
    times_s, further_s : tuple of Array
        Times to first token and per token, as in :func:`share_within` [s].
    at : tuple of int
        Place in these arrays.
    percentile : Percentile, optional
        Which share of requests the limits hold for.

    Returns
    -------
    float
        Share of requests [share].
    """
    pairs = zip((request.ttft_s, request.tpot_s), times_s, further_s, strict=True)
    return min(share_within(limit, float(time[at]), float(other[at]), percentile) for limit, time, other in pairs)
