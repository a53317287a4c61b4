"""Step times tabulated once, since a run takes thousands of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.inference.step_times import StepTimes
from gigaplan.vocabulary.members import Array

GRID = 24
"""Points on each axis of the table."""


@dataclass(frozen=True, slots=True)
class StepTable:
    """Step times [s] on grids of batch, context and prefill tokens, linear in between."""

    batches: Array
    """(batch,) grid of batch sizes."""
    contexts: Array
    """(context,) grid of mean contexts [token]."""
    prefills: Array
    """(prefill,) grid of prefilled tokens [token]."""
    decode: Array
    """(batch, context) time of a decode step [s]."""
    added: Array
    """(batch, prefill) time by which prefill lengthens a decode step, at half the longest context [s]."""
    alone: Array
    """(prefill,) time of a step that only prefills [s]."""

    @classmethod
    def of(cls, times: StepTimes, max_sequences: int, max_batched_tokens: int, longest_tokens: float) -> StepTable:
        """Return the table of one source of step times.

        Parameters
        ----------
        times : StepTimes
            Source of step times.
        max_sequences : int
            Largest batch.
        max_batched_tokens : int
            Most tokens that one step prefills [token].
        longest_tokens : float
            Longest context [token].

        Returns
        -------
        StepTable
            Step times on grids up to these limits.
        """
        # Two points at least, between which a line can be drawn.
        batches = np.unique(np.round(np.geomspace(1, max(max_sequences, 2), GRID)))
        contexts = np.linspace(1, longest_tokens, GRID)
        prefills = np.geomspace(1, max(max_batched_tokens, 2), GRID)
        batch, context = np.meshgrid(batches, contexts, indexing="ij")
        decode = np.asarray(times.decode_s(batch, context))
        batch, prefill = np.meshgrid(batches, prefills, indexing="ij")
        middle = np.full_like(batch, longest_tokens / 2)
        added = times.added_prefill_s(batch, middle, prefill, np.zeros_like(prefill))
        alone = np.ravel(times.prefill_s(prefills, np.zeros_like(prefills)))
        return cls(batches, contexts, prefills, decode, added, alone)

    def step_s(self, batch: int, context: float, prefill: int) -> float:
        """Return the time of one step.

        Parameters
        ----------
        batch : int
            Requests that decode.
        context : float
            Mean context of these requests [token].
        prefill : int
            Tokens that are prefilled in the same step [token].

        Returns
        -------
        float
            Time of the step [s]; 0 for a step without work.
        """
        if not batch:
            return float(np.interp(prefill, self.prefills, self.alone)) if prefill else 0.0
        decode = _bilinear(self.batches, self.contexts, self.decode, batch, context)
        return decode + (_bilinear(self.batches, self.prefills, self.added, batch, prefill) if prefill else 0.0)


def _bilinear(xs: Array, ys: Array, table: Array, x: float, y: float) -> float:
    """Return a table's value at a point, linear between its neighbours and level beyond its edges."""
    i, j = (min(max(int(np.searchsorted(a, v)), 1), len(a) - 1) for a, v in ((xs, x), (ys, y)))
    u, v = (min(max((w - a[k - 1]) / (a[k] - a[k - 1]), 0.0), 1.0) for a, k, w in ((xs, i, x), (ys, j, y)))
    low, high = (table[k, j - 1] * (1 - v) + table[k, j] * v for k in (i - 1, i))
    return float(low * (1 - u) + high * u)
