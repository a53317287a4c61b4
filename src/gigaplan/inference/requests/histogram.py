"""Percentiles of any number of times in constant memory: a histogram whose bins are a fixed share wide.

A bin is what binary numbers with the same exponent and the same first bits of their fraction share, so that finding it
takes a shift (HdrHistogram: Tene 2012). Each octave has 512 bins, so that no percentile is further than 0.2 % from the
exact one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array

OCTAVE = 512
"""Bins of an octave."""
SHIFT = 43
"""Bits of the fraction that don't count: 52 less those of ``OCTAVE``."""
LOWEST, HIGHEST = -24, 24
"""Powers of two between which times are distinguished: 60 ns to half a year."""
FIRST = (1023 + LOWEST) * OCTAVE
"""The bits of the lowest time, shifted: 1,023 is the exponent of one."""
BINS = (HIGHEST - LOWEST) * OCTAVE
"""Bins of all octaves; times beyond them are counted in the last ones."""
ERROR = 1 / OCTAVE
"""Largest error of a percentile [share]."""


def edges() -> Array:
    """Return the lower edges of all bins, and the upper one of the last.

    Returns
    -------
    Array, shape (bin + 1,)
        Times [s].
    """
    k = np.arange(BINS + 1)
    return np.asarray(np.ldexp(1 + (k % OCTAVE) / OCTAVE, LOWEST + k // OCTAVE))


def percentiles(counts: NDArray[Any], shares: tuple[float, ...]) -> Array:
    """Return percentiles of what was counted, evenly spread within each bin.

    Parameters
    ----------
    counts : NDArray, shape (bin,)
        Times by bin; parts of a time where each stands for others.
    shares : tuple of float
        Shares of the times that lie below, 0 to 1.

    Returns
    -------
    Array, shape (share,)
        Times [s]; nan where nothing was counted.

    Examples
    --------
    >>> counts = np.zeros(BINS, dtype=np.int64)
    >>> counts[-LOWEST * OCTAVE] = 100  # one second, and less than 1/512 more
    >>> bool(abs(percentiles(counts, (0.5,))[0] - 1.0) < ERROR)
    True
    """
    total = counts.sum()
    if not total:
        return np.full(len(shares), np.nan)
    below = np.concatenate([[0], np.cumsum(counts)])
    found = np.zeros(len(shares))
    bounds = edges()
    for i, share in enumerate(shares):
        target = max(share * total, np.finfo(float).tiny)  # the first bin that is not empty, at share 0
        k = int(np.clip(np.searchsorted(below, target, side="left") - 1, 0, BINS - 1))
        part = (target - below[k]) / counts[k] if counts[k] else 0.0
        found[i] = bounds[k] + min(max(part, 0.0), 1.0) * (bounds[k + 1] - bounds[k])
    return found
