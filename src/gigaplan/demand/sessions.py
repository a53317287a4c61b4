"""Sessions: how long conversations and agents' loops get, and how many input tokens each call then has.

    session --turns--> turn of the user --calls--> call of the model (a request)

The input of each call is all that came before it in its session. What came before is mostly cached: it costs memory
and no prefill; what is new, and what has fallen out of the cache, is prefilled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.demand.inputs import Workload
from gigaplan.vocabulary.members import Array, Uncertain


@dataclass(frozen=True, slots=True)
class InputTokens:
    """Input tokens of the mean call [token], one number or one per member."""

    fresh: Uncertain
    """Uncached input tokens, which prefill computes."""
    cached: Uncertain
    """Input tokens whose keys and values are cached."""


def calls_per_session(work: Workload) -> Uncertain:
    """Return the calls of the model in one session.

    Parameters
    ----------
    work : Workload
        The workload.

    Returns
    -------
    float or Array
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
    new = np.asarray(work.new_tokens_per_call, dtype=float)
    if not new.any():
        return InputTokens(work.fresh_input_tokens, work.cached_input_tokens)
    growth = new + work.output_tokens
    history = mean_history_tokens(work.system_tokens, growth, calls_per_session(work), work.history_limit_tokens)
    lost = (1 - work.cache_hit_share) * history
    return InputTokens(
        np.where(new > 0, new + lost, work.fresh_input_tokens),
        np.where(new > 0, work.cache_hit_share * history, work.cached_input_tokens),
    )


def mean_history_tokens(start: Uncertain, growth: Uncertain, calls: Uncertain, limit: Uncertain) -> Array:
    """Return the mean over calls of ``min(start + k growth, limit)``, k from 0 to calls - 1 taken as evenly spread.

    Exact for a whole number of calls that stay below the limit; within half a call's growth beyond.

    Parameters
    ----------
    start : Uncertain
        Tokens of history at the first call [token].
    growth : Uncertain
        Tokens that each call adds [token].
    calls : Uncertain
        Number of calls, one or more; it may be fractional.
    limit : Uncertain
        Longest history that is carried on [token].

    Returns
    -------
    Array, shape () or (member,)
        Mean history [token].

    Examples
    --------
    >>> float(mean_history_tokens(start=100.0, growth=50.0, calls=3.0, limit=1e6))
    150.0
    """
    last = np.asarray(start + growth * (calls - 1))
    grown = np.where(last > start, last - start, 1.0)
    below = (limit - start) / grown
    cut = np.where(start >= limit, limit, below * (start + limit) / 2 + (1 - below) * limit)
    return np.where(last <= limit, (start + last) / 2, cut)
