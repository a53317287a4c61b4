"""The member axis: samples of the uncertain inputs, always the first axis, length 1 when nothing is uncertain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Uncertain = float | Array
"""A number, or one number per member, shape (member,)."""
AT_ONCE = 200_000
"""Numbers of an array that are worked on at once: few enough to stay in a processor's cache."""


def column(value: Uncertain, ndim: int) -> Array:
    """Return ``value`` with shape (member, 1, ..., 1) of ``ndim`` axes, ready to broadcast over a room's axes."""
    array = np.atleast_1d(np.asarray(value, dtype=np.float64))
    return array.reshape(array.shape[0], *([1] * (ndim - 1)))


def stack(values: Iterable[Uncertain]) -> Array:
    """Return numbers, or one per member of each, side by side: shape (member or 1, item)."""
    columns = [column(value, 1) for value in values]
    return np.stack(np.broadcast_arrays(*columns), axis=1) if columns else np.zeros((1, 0))


def over(value: Uncertain, axes: int) -> Array:
    """Return ``value`` with so many axes of length 1 after it: a number broadcasts over a room's axes as it is, one
    number per member brings the member axis in front of them."""
    return np.asarray(value, dtype=np.float64)[(..., *([None] * axes))]


def in_blocks(
    work: Callable[..., Mapping[str, NDArray[Any]]], arrays: Iterable[NDArray[Any]], each: int
) -> dict[str, NDArray[Any]]:
    """Return what ``work(*arrays)`` does, calling it with some members at a time: large arrays cost more than sums.

    Parameters
    ----------
    work : callable
        Returns arrays by name, the member axis first, of some members; no member's numbers depend on another's.
    arrays : iterable of array, each of shape (M or 1, ...)
        What it takes.
    each : int
        Numbers that its largest array has for one member.
    """
    arrays = tuple(arrays)
    members, step = max(len(a) for a in arrays), max(AT_ONCE // max(each, 1), 1)
    found: dict[str, NDArray[Any]] = {}
    for first in range(0, members, step):
        rows = slice(first, first + step)
        for name, part in work(*(a if len(a) == 1 else a[rows] for a in arrays)).items():
            whole = found.setdefault(name, np.empty((members, *part.shape[1:]), part.dtype))
            whole[rows] = part
    return found


def triangular(unit: Array, low: float, mode: float, high: float) -> Array:
    """Return the triangular distribution's quantiles at ``unit`` in 0..1 (inverse of its distribution function)."""
    if not low <= mode <= high:
        raise ValueError(f"a range must hold its central value: {low} <= {mode} <= {high} is false")
    if low == high:
        return np.full_like(unit, mode)
    split = (mode - low) / (high - low)
    left = low + np.sqrt(np.maximum(unit * (high - low) * (mode - low), 0))
    right = high - np.sqrt(np.maximum((1 - unit) * (high - low) * (high - mode), 0))
    return np.where(unit < split, left, right)
