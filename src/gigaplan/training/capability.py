"""Capability: what a training run of a size and a date is worth on a published index, and how sure that is.

One relation, fitted on published models (``validation/capability.py``): the Epoch Capabilities Index (ECI) rises by so
many points per decade of training compute, and by so many per year for the same compute as methods improve::

    ECI = a + b log10(FLOP / FLOP0) + c (t - t0)

The form is that of Ho et al. (2024), arXiv:2403.05812, and of Ho et al. (2025), arXiv:2512.00193, with one slope at
all sizes. Both papers warn of it: whether the slope falls at the top can't be determined from the few runs there.
``smallest_flop`` to ``last_date`` of the relation say where an answer leaves what was ever seen.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, Uncertain, over
from gigaplan.vocabulary.time import DAYS_PER_YEAR
from gigaplan.vocabulary.units import Day, Unit

COVERAGE = 0.8
"""Probability that an interval is meant to hold by default: 80 %, as forecasters state ranges."""
ArrayLike = Array | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """The fitted relation of capability to training compute and date, with its errors.

    The reference point (compute and date) is where the fit knows the level best: there the errors of the level and
    of both slopes are uncorrelated, so that one correlation, of the slopes with each other, is all that is kept.
    """

    reference_date: Annotated[dt.date, Day()]
    """Reference date t0, from which years are counted."""
    reference_flop: Annotated[float, Gt(0), Unit("FLOP")]
    """Training compute at the reference point, FLOP0 [FLOP]."""
    eci_at_reference: Annotated[Uncertain, Unit("1")]
    """Capability at the reference point, a [ECI points]."""
    eci_at_reference_error: Annotated[float, Ge(0), Unit("1")]
    """Standard error of a [ECI points]."""
    eci_per_decade_flop: Annotated[Uncertain, Gt(0), Unit("1")]
    """Points for ten times the compute, b [ECI points]."""
    eci_per_decade_flop_error: Annotated[float, Ge(0), Unit("1")]
    """Standard error of b [ECI points]."""
    eci_per_year: Annotated[Uncertain, Gt(0), Unit("1/year")]
    """Points per year at the same compute, c [ECI points/year]: algorithms, data, post-training and reasoning, which
    the data can't separate."""
    eci_per_year_error: Annotated[float, Ge(0), Unit("1/year")]
    """Standard error of c [ECI points/year]."""
    slopes_correlation: Annotated[float, Ge(-1), Le(1), Unit("1")]
    """Correlation of the errors of b and c."""
    residual_eci: Annotated[float, Ge(0), Unit("1")]
    """Standard deviation of models about the line [ECI points]."""
    smallest_flop: Annotated[float, Gt(0), Unit("FLOP")]
    """Smallest training run that the relation was fitted on [FLOP]."""
    largest_flop: Annotated[float, Gt(0), Unit("FLOP")]
    """Largest training run whose compute and score are both known [FLOP]."""
    first_date: Annotated[dt.date, Day()]
    """Release of the oldest model that the relation was compared with."""
    last_date: Annotated[dt.date, Day()]
    """Release of the newest model that the relation was compared with."""


def years_since_reference(date: dt.date, capability: Capability) -> float:
    """Return the time from the relation's reference date to a date.

    Parameters
    ----------
    date : datetime.date
        Date.
    capability : Capability
        The fitted relation.

    Returns
    -------
    float
        Time [year], negative before the reference date.
    """
    return (date - capability.reference_date).days / DAYS_PER_YEAR


def eci(flop: ArrayLike, years: ArrayLike, capability: Capability) -> Array:
    """Return the expected capability of a model trained with some compute and released at some date.

    ``ECI = a + b log10(flop / flop0) + c years`` (Ho et al. 2024, 2025). Valid between ``smallest_flop`` and
    ``largest_flop`` and between ``first_date`` and ``last_date``; beyond, both slopes are assumed to go on.

    Parameters
    ----------
    flop : float or numpy.ndarray
        Training compute [FLOP], any shape; members are the first axis where the relation has any.
    years : float or numpy.ndarray
        Release, since the reference date [year], any shape that broadcasts with it.
    capability : Capability
        The fitted relation.

    Returns
    -------
    numpy.ndarray
        Capability [ECI points], broadcast shape of both.

    Raises
    ------
    InputError
        If a compute is not above zero.
    """
    c, decades = capability, _decades(flop, capability)
    axes = max(decades.ndim - 1, 0)
    level, per_decade, per_year = (over(x, axes) for x in (c.eci_at_reference, c.eci_per_decade_flop, c.eci_per_year))
    return np.asarray(level + per_decade * decades + per_year * np.asarray(years, dtype=float))


def eci_error(flop: ArrayLike, years: ArrayLike, capability: Capability, *, of_the_mean: bool = False) -> Array:
    """Return the standard deviation of a model's capability about :func:`eci`.

    ``sqrt(s² + sa² + (sb x)² + (sc t)² + 2 rho sb sc x t)``, x in decades of compute and t in years from the reference
    point: the usual error of a prediction by a fitted line.

    Parameters
    ----------
    flop : float or numpy.ndarray
        Training compute [FLOP], any shape.
    years : float or numpy.ndarray
        Release, since the reference date [year], any shape that broadcasts with it.
    capability : Capability
        The fitted relation.
    of_the_mean : bool
        Whether the scatter of single models, s, is left out.

    Returns
    -------
    numpy.ndarray
        Standard deviation [ECI points], broadcast shape of both.

    Raises
    ------
    InputError
        If a compute is not above zero.
    """
    c = capability
    x = c.eci_per_decade_flop_error * _decades(flop, c)
    t = c.eci_per_year_error * np.asarray(years, dtype=float)
    scatter = 0.0 if of_the_mean else c.residual_eci**2
    return np.asarray(np.sqrt(scatter + c.eci_at_reference_error**2 + x**2 + t**2 + 2 * c.slopes_correlation * x * t))


def eci_interval(
    flop: ArrayLike, years: ArrayLike, capability: Capability, coverage: float = COVERAGE
) -> tuple[Array, Array]:
    """Return the interval that holds a new model's capability with some probability.

    Parameters
    ----------
    flop : float or numpy.ndarray
        Training compute [FLOP], any shape.
    years : float or numpy.ndarray
        Release, since the reference date [year], any shape that broadcasts with it.
    capability : Capability
        The fitted relation.
    coverage : float
        Probability that the interval is meant to hold, between 0 and 1.

    Returns
    -------
    tuple of numpy.ndarray
        Low and high [ECI points], broadcast shape of both.

    Raises
    ------
    InputError
        If a compute is not above zero, or the coverage not inside 0..1.
    """
    middle = eci(flop, years, capability)
    half = _normal(coverage) * eci_error(flop, years, capability)
    return middle - half, middle + half


def compute_fall_per_year(capability: Capability, coverage: float = COVERAGE) -> tuple[float, float, float]:
    """Return by what factor per year the compute for one and the same capability falls.

    ``10^(c / b)``; the range by the error of a ratio to first order, taken in decades. Where b is known badly it is
    wide, and rightly: the same data then can't tell more compute from better methods.

    Parameters
    ----------
    capability : Capability
        The fitted relation.
    coverage : float
        Probability that the interval is meant to hold, between 0 and 1.

    Returns
    -------
    tuple of float
        Value, low and high [1/year].

    Raises
    ------
    InputError
        If the coverage is not inside 0..1.
    """
    c = capability
    ratio = c.eci_per_year / c.eci_per_decade_flop
    y, x = c.eci_per_year_error, ratio * c.eci_per_decade_flop_error
    error = np.sqrt(y**2 + x**2 - 2 * c.slopes_correlation * x * y) / c.eci_per_decade_flop
    half = _normal(coverage) * error
    return float(10**ratio), float(10 ** (ratio - half)), float(10 ** (ratio + half))


def eci_growth_per_year(
    flop_growth: float, capability: Capability, coverage: float = COVERAGE
) -> tuple[float, float, float]:
    """Return how fast capability rises when runs grow by a factor every year.

    ``c + b log10(flop_growth)``; the range by the errors of both slopes.

    Parameters
    ----------
    flop_growth : float
        Factor by which the compute of runs grows in a year.
    capability : Capability
        The fitted relation.
    coverage : float
        Probability that the interval is meant to hold, between 0 and 1.

    Returns
    -------
    tuple of float
        Value, low and high [ECI points/year].

    Raises
    ------
    InputError
        If the factor is not above zero, or the coverage not inside 0..1.
    """
    if not flop_growth > 0:
        raise InputError(f"runs can't grow by a factor of {flop_growth:g} a year: give a factor above 0 (5: fivefold)")
    c, decades = capability, np.log10(flop_growth)
    x, y = c.eci_per_decade_flop_error * decades, c.eci_per_year_error
    half = _normal(coverage) * float(np.sqrt(x**2 + y**2 + 2 * c.slopes_correlation * x * y))
    rise = float(c.eci_per_year + c.eci_per_decade_flop * decades)
    return rise, rise - half, rise + half


def _decades(flop: ArrayLike, capability: Capability) -> Array:
    """Return the powers of ten between the reference compute and another."""
    compute = np.asarray(flop, dtype=float)
    if not (compute > 0).all():
        raise InputError(f"training compute must be above 0 FLOP; got {np.min(compute):g}")
    return np.log10(compute / capability.reference_flop)


def _normal(coverage: float) -> float:
    """Return how many standard deviations either side hold a share of the normal distribution."""
    if not 0 < coverage < 1:
        raise InputError(f"a coverage lies between 0 and 1 (0.8: 80 %); got {coverage:g}")
    return NormalDist().inv_cdf((1 + coverage) / 2)
