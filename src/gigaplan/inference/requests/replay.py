"""A stream of requests replayed through one replica, step by step."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from gigaplan.inference.requests.scheduler import Limits, Scheduler
from gigaplan.inference.requests.step_table import StepTable
from gigaplan.inference.step_times import StepTimes
from gigaplan.vocabulary.errors import UnsupportedError
from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class RequestTimes:
    """Times that each request experiences [s]; all arrays have shape (request,)."""

    ttft: Array
    """Time to first token, from arrival."""
    tpot: Array
    """Mean time per output token after the first."""
    latency: Array
    """Time from arrival to the last token."""


def replay(
    arrival_s: Array,
    input_tokens: Array,
    output_tokens: Array,
    times: StepTimes,
    limits: Limits,
    front_end_s: Array | float = 0.0,
) -> RequestTimes:
    """Replay requests that arrive at one replica, and return the times that they experience.

    Parameters
    ----------
    arrival_s : Array, shape (request,)
        When each request arrives [s], in any order.
    input_tokens : Array, shape (request,)
        Tokens of each prompt [token].
    output_tokens : Array, shape (request,)
        Tokens of each answer [token].
    times : StepTimes
        Source of step times.
    limits : Limits
        Limits of the replica.
    front_end_s : Array | float
        Front-end overhead of each request, outside the replica [s].

    Returns
    -------
    RequestTimes
        Time to first token, time per output token and latency of each request [s].

    Raises
    ------
    UnsupportedError
        If memory cannot hold the longest request alone.
    """
    longest = (input_tokens + output_tokens).max()
    table = StepTable.of(times, limits.max_sequences, limits.max_batched_tokens, float(longest))
    if limits.kv_cache_tokens < longest:
        raise UnsupportedError(
            f"memory holds {limits.kv_cache_tokens:,.0f} tokens, the longest request takes {longest:,.0f}"
        )
    first, last = _run(arrival_s, Scheduler(input_tokens, output_tokens, limits), table)
    return RequestTimes(
        first - arrival_s + front_end_s,
        (last - first) / np.maximum(output_tokens - 1, 1),
        last - arrival_s + front_end_s,
    )


def _run(arrival_s: Array, scheduler: Scheduler, table: StepTable) -> tuple[Array, Array]:
    """Return when each request's first and last token are made [s]."""
    coming = deque(np.argsort(arrival_s, kind="stable").tolist())
    first, last = np.full(len(arrival_s), np.nan), np.full(len(arrival_s), np.nan)
    now = float(arrival_s.min())
    while coming or not scheduler.idle:
        while coming and arrival_s[coming[0]] <= now:
            scheduler.waiting.append(coming.popleft())
        if scheduler.idle:
            now = float(arrival_s[coming[0]])
            continue
        step = scheduler.plan_step()
        now += table.step_s(step.decoding, step.context, step.prefill)
        stepped, done = scheduler.finish_step()
        for k in stepped:
            if np.isnan(first[k]):
                first[k] = now
        last[done] = now
    return first, last
