"""GPUs that are held for customers before anything else is served or trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gigaplan.vocabulary.members import Array


def hold(reserved: Array, available: Array, systems: Sequence[int | None]) -> Array:
    """Return the GPUs that customers get: of their system first, then of any.

    Customers of one system share what there is of it in proportion to what they reserved; those of any system share
    what these leave, of each system its part.

    Parameters
    ----------
    reserved : Array, shape (M, C, n)
        GPUs that each customer has reserved, mean over the month [GPU].
    available : Array, shape (M, G, n)
        GPUs that are up [GPU].
    systems : sequence of int or None
        Generation that each customer has reserved, None for any.

    Returns
    -------
    Array, shape (M, C, G, n)
        GPUs delivered [GPU]; no more than reserved for a customer, no more than there are of a generation.

    Examples
    --------
    Two customers of 60 and 40 GPUs share the 50 of a generation:

    >>> hold(np.array([[[60.0], [40.0]]]), np.array([[[50.0]]]), [0, None])[0, :, 0, 0].tolist()
    [50.0, 0.0]
    >>> hold(np.array([[[60.0], [40.0]]]), np.array([[[50.0]]]), [0, 0])[0, :, 0, 0].tolist()
    [30.0, 20.0]
    """
    generations = available.shape[1]
    named = np.array([[s == g for g in range(generations)] for s in systems], dtype=float)[..., None]  # (C, G, 1)
    theirs = reserved[:, :, None] * named
    first = theirs * _part(available, theirs.sum(axis=1))[:, None]
    left = np.maximum(available - first.sum(axis=1), 0.0)
    of_any = reserved * np.array([s is None for s in systems], dtype=float)[:, None]
    whole = left.sum(axis=1)
    mix = np.divide(left, whole[:, None], out=np.zeros_like(left), where=whole[:, None] > 0)
    return np.asarray(first + of_any[:, :, None] * _part(whole, of_any.sum(axis=1))[:, None, None] * mix[:, None])


def _part(there: Array, reserved: Array) -> Array:
    """Return the share of what is reserved that is there, 1 at most."""
    there, reserved = np.broadcast_arrays(there, reserved)
    return np.minimum(np.divide(there, reserved, out=np.ones(reserved.shape), where=reserved > there), 1.0)
