"""The published trend of the largest training runs, to compare a plan's with; nothing is fitted to it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt

from gigaplan.vocabulary.members import Array, Uncertain, over
from gigaplan.vocabulary.units import Day, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierTrend:
    """How the largest published runs have grown: facts of the catalog's entity ``frontier_runs``."""

    reference_date: Annotated[dt.date, Day()]
    """Release of the largest published run."""
    reference_flop: Annotated[Uncertain, Gt(0), Unit("FLOP")]
    """Its training compute [FLOP]."""
    training_compute_growth_per_year: Annotated[Uncertain, Gt(0), Unit("1")]
    """Factor by which the largest runs grow in a year."""
    feasible_flop: Annotated[float, Gt(0), Unit("FLOP")]
    """Largest run judged feasible within the decade [FLOP]: the trend ends there."""


def trend_flop(years: Array | float, trend: FrontierTrend) -> Array:
    """Return what the largest run would be if the trend went on, ``C0 g^t``, until it meets the feasible.

    Parameters
    ----------
    years : float or numpy.ndarray
        Time since the reference date, t [year], any shape; members are the first axis where the facts have any.
    trend : FrontierTrend
        Reference C0, growth g, and the feasible.

    Returns
    -------
    numpy.ndarray
        Training compute [FLOP], shape of the time.

    Examples
    --------
    >>> trend = FrontierTrend(
    ...     reference_date=dt.date(2025, 1, 1),
    ...     reference_flop=1e26,
    ...     training_compute_growth_per_year=5.0,
    ...     feasible_flop=2e29,
    ... )
    >>> float(trend_flop(2.0, trend))
    2.5e+27
    """
    t = np.asarray(years, dtype=float)
    axes = max(t.ndim - 1, 0)
    grown = over(trend.reference_flop, axes) * over(trend.training_compute_growth_per_year, axes) ** t
    return np.asarray(np.minimum(grown, trend.feasible_flop))
