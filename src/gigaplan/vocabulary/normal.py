"""The standard normal distribution, by Python's own library: SciPy takes longer to import than a run takes to draw."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from gigaplan.vocabulary.members import Array

_quantile = np.frompyfunc(NormalDist().inv_cdf, 1, 1)
_complement = np.frompyfunc(math.erfc, 1, 1)


def normal_scores(probability: Array | float) -> Array:
    """Return the values below which a share of a standard normal lies (Wichura 1988, algorithm AS 241).

    Parameters
    ----------
    probability : Array or float
        Shares above 0 and below 1, of any shape.

    Returns
    -------
    Array
        Scores [standard deviations], of the same shape.
    """
    return np.asarray(_quantile(probability), dtype=float)


def normal_shares(score: Array | float) -> Array:
    """Return the share of a standard normal below some values.

    Parameters
    ----------
    score : Array or float
        Values [standard deviations], of any shape.

    Returns
    -------
    Array
        Shares, 0 to 1, of the same shape.
    """
    return np.asarray(_complement(np.asarray(score) * -math.sqrt(0.5)), dtype=float) / 2
