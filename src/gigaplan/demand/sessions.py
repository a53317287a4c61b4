"""Sessions: how long conversations and agents' loops get, and how many input tokens each call then has.

    session --turns--> turn of the user --calls--> call of the model (a request)

The input of each call is all that came before it in its session. What came before is mostly cached: it costs memory
and no prefill; what is new, and what has fallen out of the cache, is prefilled.
"""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.demand.inputs import Workload


@dataclass(frozen=True, slots=True)
class InputTokens:
    """Input tokens of the mean call [token]."""

    fresh: float
    """Uncached input tokens, which prefill computes."""
    cached: float
    """Input tokens whose keys and values are cached."""


def calls_per_session(work: Workload) -> float:
    """Return the calls of the model in one session.

    Parameters
    ----------
    work : Workload
        The workload.

    Returns
    -------
    float
        Calls [1]: turns per session times calls per turn.
    """
    return work.turns_per_session * work.calls_per_turn


def input_tokens(work: Workload) -> InputTokens:
    """Return the input of the mean call: as stated, or from the session where ``new_tokens_per_call`` is given.

    The k-th of N calls finds a history of ``min(system + k (new + output), limit)``, k = 0..N-1; reasoning is dropped
    between calls, as serving interfaces do. A share of it is cached; the rest and the new tokens are prefilled.

    Parameters
    ----------
    work : Workload
        The workload.

    Returns
    -------
    InputTokens
        Uncached and cached input tokens of the mean call [token].
    """
    if not work.new_tokens_per_call:
        return InputTokens(work.fresh_input_tokens, work.cached_input_tokens)
    growth = work.new_tokens_per_call + work.output_tokens
    history = mean_history_tokens(work.system_tokens, growth, calls_per_session(work), work.history_limit_tokens)
    lost = (1 - work.cache_hit_share) * history
    return InputTokens(work.new_tokens_per_call + lost, work.cache_hit_share * history)


def mean_history_tokens(start: float, growth: float, calls: float, limit: float) -> float:
    """Return the mean over calls of ``min(start + k growth, limit)``, k from 0 to calls - 1 taken as evenly spread.

    Exact for a whole number of calls that stay below the limit; within half a call's growth beyond.

    Parameters
    ----------
    start : float
        Tokens of history at the first call [token].
    growth : float
        Tokens that each call adds [token].
    calls : float
        Number of calls, one or more; it may be fractional.
    limit : float
        Longest history that is carried on [token].

    Returns
    -------
    float
        Mean history [token].

    Examples
    --------
    >>> mean_history_tokens(start=100.0, growth=50.0, calls=3.0, limit=1e6)
    150.0
    """
    last = start + growth * (calls - 1)
    if last <= limit:
        return (start + last) / 2
    if start >= limit:
        return limit
    below = (limit - start) / (last - start)
    return below * (start + limit) / 2 + (1 - below) * limit
