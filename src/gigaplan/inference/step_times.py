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
    """Step times of one replica [s]. Arguments are arrays that broadcast against each other."""

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time of a step in which each of ``batch`` requests generates a token.

        Parameters
        ----------
        batch : Array
            Requests that decode; any shape.
        context : Array
            Mean tokens in the cache of each [token].

        Returns
        -------
        Array
            Time of the step [s], in the common shape of the arguments.
        """

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        """Return the time of a step that only prefills.

        Parameters
        ----------
        uncached : Array
            Input tokens of the step that are computed [token].
        cached : Array
            Input tokens of the step that are in the cache already [token].

        Returns
        -------
        Array
            Time of the step [s], in the common shape of the arguments.
        """

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        """Return by how much prefill lengthens a decode step that it is mixed into (chunked prefill).

        Parameters
        ----------
        batch : Array
            Requests that decode; any shape.
        context : Array
            Mean tokens in the cache of each [token].
        uncached : Array
            Input tokens of the step that are computed [token].
        cached : Array
            Input tokens of the step that are in the cache already [token].

        Returns
        -------
        Array
            Time added [s], in the common shape of the arguments.
        """


@dataclass(frozen=True, slots=True)
class StageStepTimes:
    """Step times of one pipeline stage by the roofline (:mod:`gigaplan.inference.step`)."""

    stage: Stage
    """The stage whose step times these are."""

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time of a step in which each of ``batch`` requests generates a token.

        Parameters
        ----------
        batch : Array
            Requests that decode; any shape.
        context : Array
            Mean tokens in the cache of each [token].

        Returns
        -------
        Array
            Time of the step [s], in the common shape of the arguments.
        """
        return np.asarray(self.stage.decode_s(batch, context))

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        """Return the time of a step that only prefills.

        Parameters
        ----------
        uncached : Array
            Input tokens of the step that are computed [token].
        cached : Array
            Input tokens of the step that are in the cache already [token].

        Returns
        -------
        Array
            Time of the step [s], in the common shape of the arguments.
        """
        return np.asarray(self.stage.prefill_s(uncached, cached))

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        """Return by how much prefill lengthens a decode step that it is mixed into (chunked prefill).

        Parameters
        ----------
        batch : Array
            Requests that decode; any shape.
        context : Array
            Mean tokens in the cache of each [token].
        uncached : Array
            Input tokens of the step that are computed [token].
        cached : Array
            Input tokens of the step that are in the cache already [token].

        Returns
        -------
        Array
            Time added [s], in the common shape of the arguments.
        """
        return added_prefill_s(self.stage, batch, context, uncached, cached)


def kv_cache_tokens(stage: Stage) -> float:
    """Return the tokens whose keys and values fit in one replica's memory besides weights and reserve.

    Parameters
    ----------
    stage : Stage
        The replica; its arrays hold one value.

    Returns
    -------
    float
        Capacity of the cache [token].
    """
    return float(np.ravel(stage.capacity(np.array(REFERENCE_TOKENS), stage.free_bytes))[0]) * REFERENCE_TOKENS
