"""Step times on grids, compiled once from any source of them, since a day takes billions of steps.

A step decodes ``batch`` requests of a mean context and reads ``prompt`` tokens. Attention over what is read grows with
pairs of tokens, ``sum of chunk x (before + chunk / 2)`` over the chunks of the step, so that many short prompts in one
step cost less than a long one of as many tokens. Between grid points times are linear.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gigaplan.inference.step_times import StepTimes
from gigaplan.vocabulary.members import Array

CONTEXTS, PROMPTS, BATCHES = 33, 65, 40
"""Points on each axis: with twice as many no mean time moves by 0.1 %."""


class StepGrid(NamedTuple):
    """Step times [s] of one replica, linear in between; plain arrays, so that compiled code reads them too."""

    low: NDArray[np.int64]
    """(batch + 1,) index of the grid batch below each batch."""
    above: Array
    """(batch + 1,) share of the way from it to the next one."""
    context_step: float
    """Distance of two contexts of the grid [token]."""
    decode: Array
    """(batches, contexts) time of a decode step [s]."""
    prompt_step: float
    """Distance of two numbers of prompt tokens of the grid [token]."""
    added: Array
    """(batches, prompts) time by which reading lengthens a decode step [s]; the first row is of a step that only reads.
    """
    ranks: float
    """Prompts up to which a step of several groups of GPUs takes as long as one of a single prompt, since each group
    reads its own: the time of a lone prompt over its share of a step in which all have one."""
    pair: Array
    """(batches, prompts) further time for each pair of tokens beyond those of a single prompt of each group [s]."""
    groups: float
    """Groups of GPUs, or stages, over which the tokens that are read are spread evenly."""


def step_grid(
    times: StepTimes,
    most_requests: int,
    most_prompt_tokens: int,
    longest_tokens: float,
    accepted: float = 1.0,
    ranks: float = 1.0,
    groups: float = 1.0,
) -> StepGrid:
    """Return one source of step times on grids.

    Parameters
    ----------
    times : StepTimes
        Source of step times.
    most_requests : int
        Largest batch [requests].
    most_prompt_tokens : int
        Most prompt tokens of a step [token].
    longest_tokens : float
        Longest context [token].
    accepted : float
        Tokens that a step yields for each request; the source's times are per token [token].
    ranks : float
        Time of a lone prompt over the source's, which is its share of a step in which all groups have one [1].
    groups : float
        Groups of data parallel attention times stages of the pipeline: each reads its part of a step's tokens, and the
        source's times are one group's share of a step in which all read as much [1].

    Returns
    -------
    StepGrid
        Step times up to these limits.
    """
    batches = np.unique(np.round(np.geomspace(1, max(most_requests, 2), BATCHES)))
    contexts = np.linspace(0, longest_tokens, CONTEXTS)
    prompts = np.linspace(0, max(most_prompt_tokens, 2), PROMPTS)
    batch, context = np.meshgrid(batches, np.maximum(contexts, 1.0), indexing="ij")
    decode = accepted * np.asarray(times.decode_s(batch, context))
    # A step of no prompt tokens isn't looked up; the first point is that of one token for each group.
    batch, prompt = np.meshgrid(batches, np.maximum(prompts, groups), indexing="ij")
    middle, none, whole = (np.full_like(batch, v) for v in (longest_tokens / 2, 0.0, longest_tokens))
    part = prompt / groups
    added = groups * np.asarray(times.added_prefill_s(batch, middle, part, none))
    pair = groups * np.asarray(times.added_prefill_s(batch, middle, part, whole)) - added
    alone = groups * np.asarray(times.prefill_s(part[:1], none[:1]))
    alone_pair = groups * np.asarray(times.prefill_s(part[:1], whole[:1])) - alone
    pair, alone_pair = pair / (prompt * longest_tokens), alone_pair / (prompt[:1] * longest_tokens)
    every = np.arange(max(most_requests, 2) + 1)
    low = np.clip(np.searchsorted(batches, every, side="right") - 1, 0, len(batches) - 2)
    above = np.clip((every - batches[low]) / (batches[low + 1] - batches[low]), 0.0, 1.0)
    return StepGrid(
        low.astype(np.int64),
        above,
        float(contexts[1]),
        np.ascontiguousarray(decode),
        float(prompts[1]),
        np.ascontiguousarray(np.vstack([alone, added])),
        float(ranks),
        np.ascontiguousarray(np.vstack([alone_pair, pair])),
        float(groups),
    )
