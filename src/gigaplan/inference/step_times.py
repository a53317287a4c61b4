"""Step times behind one interface, whatever they come from: the physics of a stage, or tables of measured kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gigaplan.inference.serving import added_prefill_s
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array

REFERENCE_TOKENS = 1024.0
"""Length of the requests by which the capacity of the key-value cache is counted."""


class StepTimes(Protocol):
    """Step times of one replica [s]. Arguments are arrays that broadcast against each other; the answer has their
    shape."""

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time of a step in which each of ``batch`` requests makes a token.

        Parameters
        ----------
        batch
            Requests that decode.
        context
            Mean tokens in the cache of each [token].
        """

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        """Return the time of a step that only prefills.

        Parameters
        ----------
        uncached, cached
            Input tokens of the step that are computed, and that are in the cache already [token].
        """

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        """Return by how much prefill lengthens a decode step that it is mixed into (chunked prefill).

        Parameters
        ----------
        batch, context
            Of the decode step.
        uncached, cached
            Of the prefill.
        """


@dataclass(frozen=True, slots=True)
class StageStepTimes:
    """Step times of one pipeline stage by the roofline (:mod:`gigaplan.inference.step`)."""

    stage: Stage

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time of a decode step [s]; see :class:`StepTimes`."""
        return np.asarray(self.stage.decode_s(batch, context))

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        """Return the time of a step that only prefills [s]; see :class:`StepTimes`."""
        return np.asarray(self.stage.prefill_s(uncached, cached))

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        """Return by how much prefill lengthens a decode step [s]; see :class:`StepTimes`."""
        return added_prefill_s(self.stage, batch, context, uncached, cached)


def kv_cache_tokens(stage: Stage) -> float:
    """Return the tokens of keys and values that one replica's memory holds beside weights and reserve.

    Parameters
    ----------
    stage
        The replica; its arrays hold one value.
    """
    room = stage.device.hbm_bytes * (1 - stage.efficiency.memory_reserve_share)
    return float(np.ravel(stage.capacity(np.array(REFERENCE_TOKENS), room))[0]) * REFERENCE_TOKENS
