"""The largest run of some GPUs: as many of them as train most, in one step or as several learners.

What n GPUs train in one step is n times the speed of each times goodput; it rises, and falls again where failures stop
everybody too often. Nobody has to use every GPU: of N that are held, the best n up to N train in step. A site may also
train as two, four or eight learners that average what they learnt now and then (local updates, Douillard et al. 2023):
each has fewer failures, and their higher loss is what it costs. So more GPUs never train less.
"""

from __future__ import annotations

import numpy as np

from gigaplan.vocabulary.members import Array

STEPS_PER_OCTAVE = 4
"""Numbers of GPUs tried between one and twice as many: the best of them is within 1 % of the best of all."""
FIRST_OCTAVE, OCTAVES = 5, 20
"""Numbers of GPUs tried: 32 to 33 million; below the first, what they train is proportional."""
GRID = 2.0 ** (FIRST_OCTAVE + np.arange(OCTAVES * STEPS_PER_OCTAVE + 1) / STEPS_PER_OCTAVE)
"""Numbers of GPUs tried, shape (size,)."""
MOST_DOUBLINGS = 3
"""Doublings of the learners of a site: eight, the most for which local updates were compared with data parallel."""


def on_grid(values: Array, sizes: Array) -> Array:
    """Return values known at some sizes at those of ``GRID``: linear in the logarithm of the size, level beyond.

    Parameters
    ----------
    values : numpy.ndarray
        Values at the known sizes, shape (known,).
    sizes : numpy.ndarray
        Known numbers of GPUs in rising order, shape (known,).

    Returns
    -------
    numpy.ndarray
        Values, shape (size,).
    """
    return np.asarray(np.interp(np.log2(GRID), np.log2(sizes), values))


def best_in_step(speed: Array) -> Array:
    """Return the most that up to so many GPUs train in one step.

    Parameters
    ----------
    speed : numpy.ndarray
        What all GPUs of ``GRID`` train in one step, n x speed of each x goodput, shape (..., size).

    Returns
    -------
    numpy.ndarray
        Largest so far along the sizes, shape (..., size).
    """
    return np.asarray(np.maximum.accumulate(speed, axis=-1))


def best_of_learners(in_step: Array, counts: Array) -> tuple[Array, Array]:
    """Return the most that counts of what up to so many GPUs of a site train, as one learner or several.

    ``max over d of c_d 2^d f(N / 2^d)``: 2^d learners of N / 2^d GPUs each, of whose compute the share c_d counts.

    Parameters
    ----------
    in_step : numpy.ndarray
        Most that up to so many GPUs train in one step, :func:`best_in_step`, shape (..., size).
    counts : numpy.ndarray
        Share of the compute that counts with 1, 2, 4 .. learners, shape (doubling,) or (doubling, ...).

    Returns
    -------
    tuple of numpy.ndarray
        What counts, and how many learners train it, shape (..., size) each.
    """
    best, learners = in_step, np.ones_like(in_step)
    for doubling in range(1, len(counts)):
        back = doubling * STEPS_PER_OCTAVE
        share = np.asarray(counts[doubling])
        share = share.reshape(*share.shape, *([1] * (in_step.ndim - share.ndim))) if share.ndim else share
        several = np.zeros(np.broadcast(share, in_step).shape)
        several[..., back:] = share * 2.0**doubling * in_step[..., :-back]
        best, learners = np.maximum(best, several), np.where(several > best, 2.0**doubling, learners)
    return np.asarray(best), np.asarray(learners)


def training_gpus(gpus: Array, in_step: Array, learners: Array) -> tuple[Array, Array]:
    """Return how many of some GPUs train, and as how many learners, by the curves of their place and time.

    Parameters
    ----------
    gpus : numpy.ndarray
        GPUs held, shape (..., number): several numbers for each curve.
    in_step : numpy.ndarray
        Most that up to so many GPUs train in one step, :func:`best_in_step`, shape (..., size).
    learners : numpy.ndarray
        How many learners train most, :func:`best_of_learners`, shape (..., size).

    Returns
    -------
    tuple of numpy.ndarray
        GPUs that train and learners, shape (..., number) each; as of the next smaller size of ``GRID``.
    """
    rises = np.diff(in_step, axis=-1, prepend=0.0) > 0
    enough = np.maximum.accumulate(np.where(rises, GRID, 0.0), axis=-1)  # fewest GPUs that train as much in one step
    at = _place(gpus).astype(np.int64)
    several = np.take_along_axis(learners, at, axis=-1)
    of_each = np.maximum(at - np.round(np.log2(several) * STEPS_PER_OCTAVE).astype(np.int64), 0)
    each = np.asarray(gpus) / several
    most = np.take_along_axis(enough, of_each, axis=-1)
    return np.asarray(several * np.where(most < GRID[of_each], np.minimum(each, most), each)), np.asarray(several)


def _place(gpus: Array) -> Array:
    """Return the place of numbers of GPUs between the sizes of ``GRID``."""
    return np.asarray((np.log2(np.clip(gpus, GRID[0], GRID[-1])) - FIRST_OCTAVE) * STEPS_PER_OCTAVE)


def trained_by(gpus: Array, curve: Array) -> Array:
    """Return what some GPUs train, by the curve of their place and time: linear between the sizes of ``GRID``.

    Parameters
    ----------
    gpus : numpy.ndarray
        GPUs held, shape (..., number): several numbers for each curve.
    curve : numpy.ndarray
        What the sizes of ``GRID`` train, shape (..., size); its leading axes broadcast with those of the GPUs.

    Returns
    -------
    numpy.ndarray
        The same of the GPUs held, shape (..., number); proportional below the grid, level beyond it.
    """
    n = np.asarray(gpus, dtype=float)
    below = np.minimum(_place(n).astype(np.int64), len(GRID) - 2)
    low, high = (np.take_along_axis(curve, k, axis=-1) for k in (below, below + 1))
    part = np.clip((n - GRID[below]) / (GRID[below + 1] - GRID[below]), 0.0, 1.0)
    return np.asarray(np.where(n < GRID[0], n / GRID[0] * curve[..., :1], low + part * (high - low)))
