"""How long a site takes from land clearing to its first power: a distribution fitted on sites that were watched.

Times are lognormal, and sites that had no power yet count as taking longer than they have been watched (right-censored
observations: Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, 2002), so that the many that have
just begun don't make the known ones look typical. It knows nothing of a site but when it began.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array

EIGHTY = 1.2815515655446004
"""Standard deviations on both sides of the median that hold 80 % of a normal distribution."""
START = (3.0, -0.5)
"""Logarithms of months and of their spread at which the search begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Months from land clearing to the first power, lognormal."""

    median_months: float
    """Half of the sites take longer."""
    log_spread: float
    """Standard deviation of the logarithm."""

    def months(self, deviations: float) -> float:
        """Return the months at some standard deviations from the median, in logarithms.

        Parameters
        ----------
        deviations : float
            Standard deviations; ``EIGHTY`` on both sides for 80 % of the sites.

        Returns
        -------
        float
            Time [month].
        """
        return float(self.median_months * np.exp(deviations * self.log_spread))


def fit_delays(months: Array, seen: NDArray[np.bool_]) -> Delays:
    """Return the distribution under which what was seen is likeliest.

    Parameters
    ----------
    months : Array, shape (site,)
        Time to the first power, or so far without any, above 0 [month].
    seen : array of bool, shape (site,)
        Whether there is power.

    Returns
    -------
    Delays
        The distribution.

    Examples
    --------
    Sites that all have power: the geometric mean, and the spread of the logarithms.

    >>> found = fit_delays(np.array([10.0, 40.0]), np.array([True, True]))
    >>> round(found.median_months, 2), round(found.log_spread, 2)
    (20.0, 0.69)
    """
    from scipy.optimize import minimize
    from scipy.special import log_ndtr

    log_months = np.log(months)

    def surprise(p: Array) -> float:
        z = (log_months - p[0]) / np.exp(p[1])
        return float(-np.where(seen, -(z**2) / 2 - p[1], log_ndtr(-z)).sum())

    found = minimize(surprise, START, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    return Delays(median_months=float(np.exp(found.x[0])), log_spread=float(np.exp(found.x[1])))
