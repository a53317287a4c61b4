"""How long prompts of a benchmark wait that come in waves: the first all at once, later ones as outputs end."""

from __future__ import annotations

import numpy as np

from gigaplan.inference.inputs import Engine, Harness
from gigaplan.vocabulary.members import Array

MIN_TIME_S = 1e-12
"""Keeps a prompt that takes no time out of denominators [s]."""


def cold_start_s(engine: Engine, harness: Harness, first_tokens: Array) -> Array:
    """Return how long the first wave waits for kernels of its shape, which are compiled when it comes.

    A single prompt is read before the measured ones. What it leaves uncompiled is the full chunk, which only prompts of
    more tokens together fill.

    Parameters
    ----------
    engine : Engine
        Serving engine.
    harness : Harness
        How the engine was launched and prepared.
    first_tokens : Array, shape (...)
        Tokens of the prompts that come at once to one group of GPUs [tokens].

    Returns
    -------
    Array, shape (...)
        Wait of the first wave [s].
    """
    full = first_tokens > (harness.chunk_tokens or engine.chunk_tokens)
    return np.where(full & harness.cold, engine.cold_start_s, 0.0)


def first_wave_wait_s(users: Array, prefill_s: Array, together: Array) -> Array:
    """Return the mean wait of prompts that all come at once, before their own prefill.

    Prompts are computed one after another, some together in a batch that ends as one:
    ``((users - 1) + (batch - 1)) / 2 x prefill``.

    Parameters
    ----------
    users : Array, shape (...)
        Prompts that come at once [requests].
    prefill_s : Array, shape (...)
        Time of one prefill [s].
    together : Array, shape (...)
        Prompts that one step has room for; between 1 and ``users`` are taken [requests].

    Returns
    -------
    Array, shape (...)
        Mean wait [s].

    Examples
    --------
    >>> float(first_wave_wait_s(np.array(5.0), np.array(0.1), np.array(1.0)))
    0.2
    """
    batch = np.clip(together, 1.0, users)
    return (users - 1 + batch - 1) / 2 * prefill_s


def later_wave_wait_s(
    users: Array, prefill_s: Array, read_s: Array, decode_s: Array, spread: Array | float, engine: Engine
) -> Array:
    """Return the mean wait of prompts that come as the outputs before them end.

    Where prefill joins the decode step, prompts come over a window of the spread and of the prefill itself and queue
    for a server of ``prefill_s`` seconds: ``(a + sqrt(a^2 + users)) / 2`` of them stand ahead, with
    ``a = (users - window / prefill) / 2``. That is the fluid queue where more come than can be computed, and the M/D/1
    queue (Pollaczek 1930, Khinchine 1932) where they are few. Where prefill stops the decode step, no output ends
    meanwhile, so that a prompt waits for those of its own step only. The engine's ``mixing_share`` weighs the two, its
    ``queueing_factor`` scales both.

    Parameters
    ----------
    users : Array, shape (...)
        Requests that share the device [requests].
    prefill_s : Array, shape (...)
        Time of one prefill [s].
    read_s : Array, shape (...)
        Time between two looks at what has come: that of a decode step, or of as many as the engine waits [s].
    decode_s : Array, shape (...)
        Time of a whole output without prefills between its steps [s].
    spread : Array, shape (...)
        How far outputs end apart, over ``decode_s`` [share].
    engine : Engine
        Serving engine.

    Returns
    -------
    Array, shape (...)
        Mean wait [s].
    """
    ends = spread * decode_s
    window = np.minimum(np.hypot(ends, users * prefill_s), decode_s + users * prefill_s)
    late = (users - window / np.maximum(prefill_s, MIN_TIME_S)) / 2
    mixed = np.maximum((late + np.sqrt(late * late + users)) / 2 - 0.5, 0)
    separate = np.maximum(users * np.minimum(read_s / np.maximum(ends, read_s), 1.0) - 1, 0) / 2
    share = engine.mixing_share
    return engine.queueing_factor * (share * mixed + (1 - share) * separate) * prefill_s
