"""Slow requests: from mean times to the percentile that a service level limits, for requests that come at random.

Requests arrive as a Poisson stream (MLPerf's server scenario: Reddi et al. 2020). A mean is then no limit: what waits, and
how many are in flight, varies from request to request. Three things spread, each with its own law:

- The wait for reading is a queue's. Its percentile is exponential, ``P(W > t) = C exp(-y t / s)`` for a mean reading ``s`` (Cramer
  and Lundberg; Asmussen 2003, XIII.5): ``y`` solves ``load (M(y) - 1) = y`` and ``C = (1 - load) / (load M'(y) - 1)``, where
  ``M(y) = (1 - v y)^(-1/v)`` is what gamma-distributed readings of squared variation ``v`` have.
- A prompt's own reading spreads as prompts do, by their coefficient of variation, up to the longest_over_mean.
- A request's time per token is a mean over its life, in which the number in flight varies as a Poisson count ``n`` does,
  by ``1 / sqrt(n)``; what that moves is the elasticity of the time per token to the number in flight.

Fixed parts (launches, hand-over, the step in which the first token is made) don't spread and count once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from gigaplan.inference.serving import MAX_LOAD, Service
from gigaplan.vocabulary.members import Array

LOADS, BISECTIONS = 400, 60
"""Loads at which waits are tabulated, and halvings of the interval that holds a root: grids, not physics."""
MIN_VARIATION = 1e-9
"""Stands for no variation at all, and keeps zero out of denominators."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """Which share of requests keeps the limits, and how prompts spread."""

    share: float
    """0.99: one request in a hundred may be slower."""
    prompt_cv: float
    """Standard deviation of prompt lengths over their mean."""
    longest_over_mean: float
    """Longest prompt over the mean one."""

    @property
    def deviations(self) -> float:
        """Standard deviations of a normal law up to the share."""
        from scipy.special import ndtri

        return float(ndtri(self.share))

    @property
    def prompt_excess(self) -> float:
        """What the share's longest_over_mean prompt has beyond the mean one, over the mean one: no more than the longest_over_mean of all."""
        return min(self.deviations * self.prompt_cv, self.longest_over_mean - 1)


def percentile_wait_s(load: Array, prefill_s: Array, percentile: Percentile) -> Array:
    """Return the wait for reading that the percentile's share of requests keeps within [s]."""
    loads, waits = _waits(percentile)
    return np.asarray(np.interp(load, loads, waits) * prefill_s)


def load_for_wait(wait_s: Array, prefill_s: Array, percentile: Percentile) -> Array:
    """Return the share of time that may be spent reading so that all but the slowest wait no longer than ``wait_s``."""
    loads, waits = _waits(percentile)
    return np.asarray(np.interp(wait_s / prefill_s, waits, loads, left=0.0))


@cache
def _waits(percentile: Percentile) -> tuple[Array, Array]:
    """Return loads, and the slow wait at each over the time of reading one prompt."""
    load = np.linspace(0.0, MAX_LOAD, LOADS)[1:]
    v = max(percentile.prompt_cv**2, MIN_VARIATION)
    low, high = np.full_like(load, MIN_VARIATION), np.full_like(load, 1 / v - MIN_VARIATION)
    for _ in range(BISECTIONS):  # the root lies between 0 and the pole at 1 / v; below it readings are too quick for y
        y = (low + high) / 2
        below = np.log1p(y / load) > -np.log1p(-v * y) / v
        low, high = np.where(below, y, low), np.where(below, high, y)
    slope = (1 - v * y) ** (-1 / v - 1)
    constant = (1 - load) / np.maximum(load * slope - 1, MIN_VARIATION)
    waits = np.maximum(np.log(constant / (1 - percentile.share)), 0.0) / y
    return np.concatenate([[0.0], load]), np.maximum.accumulate(np.concatenate([[0.0], waits]))


def percentile_tpot_s(tpot_s: Array, batch: Array, in_flight: Array, percentile: Percentile) -> Array:
    """Return the time per token that the percentile's share of requests keeps within [s].

    ``tpot_s`` over a grid of ``batch`` along the last axis, of which ``in_flight`` requests share a replica.
    """
    moves = np.clip(np.gradient(np.log(tpot_s), np.log(batch.ravel()), axis=-1), 0.0, 1.0)
    spread = moves * math.sqrt(1 + percentile.prompt_cv**2) / np.sqrt(in_flight)
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
    """Return the time to first token that the percentile's share of requests keeps within [s], of a replica in steady state.

    The mean's wait (a mean queue and half a cycle) is taken out, and the slow one put in: the percentile of the queue and of the
    request's own reading, independent and so added by squares, and a whole cycle.
    """
    cycle = service.tpot_s / pipeline - pipeline_send_s
    load = np.minimum(batch / output * service.prefill_s / cycle, MAX_LOAD)
    queue = load / (2 * (1 - load)) * service.prefill_s
    own = percentile.prompt_excess * pipeline * service.prefill_s * attention_dp
    wait = percentile_wait_s(load, service.prefill_s, percentile)
    return np.asarray(service.ttft_s - queue + cycle / 2 + np.hypot(wait, own))
