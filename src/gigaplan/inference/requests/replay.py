"""A stream of requests replayed through one replica, with the times of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.inference.requests.grid import step_grid
from gigaplan.inference.requests.limits import Limits
from gigaplan.inference.requests.simulation import Simulation, requests
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
    longest = float((input_tokens + output_tokens).max())
    grid = step_grid(times, limits.max_sequences, limits.max_batched_tokens, longest)
    order = np.argsort(arrival_s, kind="stable")
    start = float(arrival_s[order[0]])
    found = np.full((len(order), 3), np.nan)
    rows = np.arange(len(order))
    come = requests(arrival_s[order] - start, input_tokens[order], output_tokens[order], number=rows)
    Simulation(grid, limits).feed(come, times=found)
    if np.isnan(found).any():
        raise UnsupportedError(
            f"memory holds {limits.kv_cache_tokens:,.0f} tokens, the longest request takes {longest:,.0f}"
        )
    first, last = np.zeros_like(arrival_s), np.zeros_like(arrival_s)
    first[order], last[order] = found[:, 1] + start, found[:, 2] + start
    return RequestTimes(
        first - arrival_s + front_end_s,
        (last - first) / np.maximum(output_tokens - 1, 1),
        last - arrival_s + front_end_s,
    )
