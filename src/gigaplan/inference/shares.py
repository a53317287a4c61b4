"""What a token's time is made of: reading others' prompts, launches and the host's work, and the rest.

Errors differ by part. How an engine shares the reading of prompts out between the first token and the others is
uncertain where the sum of both is not, and launches depend on a host that no data sheet states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class TokenShares:
    """Shares of the time per output token. All arrays have one shape."""

    reading: Array
    """Reading prompts of other requests [share]."""
    launches: Array
    """Kernel launches, scheduler and sampling [share]."""


def token_shares(stage: Stage, batch: Array, context: Array, tpot_s: Array) -> TokenShares:
    """Return shares of the time per output token: what goes beyond decode steps is reading.

    Parameters
    ----------
    stage : Stage
        Layouts of the replica.
    batch : Array, shape (...)
        Requests in flight per stage [requests].
    context : Array, shape (...)
        Mean tokens of such a request so far [tokens].
    tpot_s : Array, shape (...)
        Time per output token [s].

    Returns
    -------
    TokenShares
        Both between 0 and 1, together at most 1.
    """
    decode = stage.pipeline * (stage.decode_s(batch, context) + stage.pipeline_send_s(batch))
    parts = stage.decode(batch, context)
    reading = np.clip(1 - decode / tpot_s, 0.0, 1.0)
    return TokenShares(reading, (1 - reading) * parts.overhead / parts.total)
