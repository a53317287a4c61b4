"""Requests that come: those of a trace, stretched and repeated, or made ones, piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gigaplan.layers.serve_job import RANKS, ServeJob
from gigaplan.layers.serve_traces import PIECE, Rows, Trace, open_trace
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.streams import stream

MADE_REQUESTS = 20_000
"""Requests of made traffic where their number is left open."""
SECONDS_PER_MINUTE = 60.0
SECONDS_PER_DAY = 86_400.0
PEAK_S = 20 * 3600.0
"""Eight in the evening [s]."""
SHARED_TOKENS = 16
"""Tokens of each hash of the prefix that made prompts share."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests to come, and what is known of all of them."""

    requests: int
    span_s: float
    """From the first to the last [s]."""
    mean_input: float
    mean_cached: float
    """Mean tokens of prompts that all share [token]."""
    mean_output: float
    longest: int
    """Longest input and output together [token]."""
    hash_tokens: int
    """Tokens of each prefix hash; 0 without hashes."""
    notes: tuple[str, ...]
    trace: Trace | None
    job: ServeJob

    @property
    def rate_per_s(self) -> float:
        """Mean rate [1/s]."""
        return self.requests / max(self.span_s, 1e-9)

    def pieces(self) -> Iterator[Rows]:
        """Yield requests in order, piece by piece."""
        rows = _made(self) if self.trace is None else _read(self, self.trace)
        return (replace(r, priority=np.clip(r.priority, 0, RANKS - 1)) for r in rows)


def traffic(job: ServeJob) -> Traffic:
    """Return the requests of a job.

    Parameters
    ----------
    job
        What is served.

    Raises
    ------
    PlanError
        If its trace can't be read.
    """
    question = job.question
    if job.is_made:
        n = int(job.requests) or MADE_REQUESTS
        longest = sum(
            m * math.exp(4 * math.sqrt(math.log1p(v * v)))
            for m, v in ((question.input_tokens, job.input_variation), (question.output_tokens, job.output_variation))
        )
        return Traffic(
            requests=n,
            span_s=float(_by_the_hour(np.array([n / job.rate_per_s]), job.swing)[0]),
            mean_input=question.input_tokens,
            mean_cached=question.cached_tokens,
            mean_output=question.output_tokens,
            longest=math.ceil(longest),
            hash_tokens=SHARED_TOKENS if question.cached_tokens else 0,
            notes=(),
            trace=None,
            job=job,
        )
    trace = open_trace(job.trace, job.time_unit)
    usable = trace.rows - sum(trace.dropped.values())
    n = int(job.requests) or usable
    rate = job.rate_per_s or trace.rate_per_s
    notes = list(trace.notes)
    if n > usable:
        notes.append(f"the trace's {usable:,} requests come over and over until there are {n:,}")
    return Traffic(
        requests=n,
        span_s=n / rate,
        mean_input=trace.mean_input,
        mean_cached=0.0,
        mean_output=trace.mean_output,
        longest=trace.longest,
        hash_tokens=job.hash_tokens if trace.has_hashes else 0,
        notes=tuple(notes),
        trace=trace,
        job=job,
    )


def _read(of: Traffic, trace: Trace) -> Iterator[Rows]:
    """Yield a trace's requests, stretched to the rate and repeated until there are enough."""
    usable = trace.rows - sum(trace.dropped.values())
    stretch = trace.rate_per_s / of.rate_per_s if trace.span_s > 0 else 1.0
    left, shift = of.requests, 0.0
    while left > 0:
        for rows in trace.pieces():
            n = min(len(rows.arrival_s), left)
            left -= n
            counted = int(rows.n_hashes[:n].sum())
            yield Rows(
                rows.arrival_s[:n] * stretch + shift,
                rows.input_tokens[:n],
                rows.output_tokens[:n],
                rows.session[:n],
                rows.priority[:n],
                rows.hashes[:counted],
                rows.n_hashes[:n],
            )
            if left <= 0:
                return
        shift += max(trace.span_s, 1e-9) * stretch * usable / max(usable - 1, 1)


def _made(of: Traffic) -> Iterator[Rows]:
    """Yield made requests: Gamma gaps, log-normal lengths."""
    job, question = of.job, of.job.question
    streams = [stream(job.seed, f"requests {name}") for name in ("gaps", "inputs", "outputs")]
    now, left = 0.0, of.requests
    shape, shared = 1 / job.burst**2, int(question.cached_tokens) // SHARED_TOKENS
    while left > 0:
        n = min(PIECE, left)
        left -= n
        even = now + np.cumsum(streams[0].gamma(shape, 1 / (job.rate_per_s * shape), n))
        now = float(even[-1])
        times = _by_the_hour(even, job.swing)
        inputs = _lengths(streams[1], question.input_tokens, job.input_variation, n)
        outputs = _lengths(streams[2], question.output_tokens, job.output_variation, n)
        zero = np.zeros(n, dtype=np.int64)
        hashes = np.tile(np.arange(shared), n) if shared else zero[:0]
        yield Rows(times, inputs.astype(np.int64), outputs.astype(np.int64), zero, zero, hashes, zero + shared)


def _by_the_hour(even: Array, swing: float) -> Array:
    """Return arrivals of an even rate as they come when the rate follows the hour.

    The rate is ``1 + swing cos(w (t - 20 h))`` of its mean. What comes up to a time is its integral, which is inverted
    between minutes (an inhomogeneous process by a change of time: Cinlar 1975).
    """
    if not swing:
        return even
    w = 2 * np.pi / SECONDS_PER_DAY
    clock = np.arange(0.0, even[-1] / (1 - swing) + SECONDS_PER_DAY, SECONDS_PER_MINUTE)
    come = clock + swing / w * (np.sin(w * (clock - PEAK_S)) + np.sin(w * PEAK_S))
    return np.asarray(np.interp(even, come, clock))


def _lengths(rng: np.random.Generator, mean: float, variation: float, n: int) -> Array:
    """Return lengths of a mean and a variation, at least one token."""
    if variation == 0:
        return np.full(n, max(round(mean), 1), dtype=float)
    sigma = math.sqrt(math.log1p(variation * variation))
    return np.asarray(np.maximum(np.round(rng.lognormal(math.log(mean) - sigma * sigma / 2, sigma, n)), 1))
