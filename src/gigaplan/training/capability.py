"""Capability: what a training run of a size and a date is worth on a published index, and how sure that is.

One relation, fitted on published models (``validation/capability.py``): the Epoch Capabilities Index (ECI) rises by so
many points per decade of training compute, and by so many per year for the same compute as methods improve::

    ECI = a + b log10(FLOP / FLOP0) + c (t - t0)

The form is that of Ho et al. (2024), arXiv:2403.05812, and of Ho et al. (2025), arXiv:2512.00193, with one slope at
all sizes. Both papers warn of it: whether the slope falls at the top can't be told from the few runs there.
``validity`` says where an answer leaves what was ever seen.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR
from gigaplan.vocabulary.units import Day, Unit

COVERAGE = 0.8
"""Probability that an interval is meant to hold, unless another is asked for: 80 %, as forecasters state ranges."""
ArrayLike = Array | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """The fitted relation of capability to training compute and date, with its errors.

    The reference point (compute and date) is where the fit knows the level best: there the errors of the level and
    of both slopes are uncorrelated, so that one correlation, of the slopes with each other, is all that is kept.
    """

    reference_date: Annotated[dt.date, Day()]
    """t0; years are counted from here."""
    reference_flop: Annotated[float, Gt(0), Unit("FLOP")]
    eci_at_reference: Annotated[float, Unit("1")]
    """a [ECI points]."""
    eci_at_reference_error: Annotated[float, Ge(0), Unit("1")]
    """Standard error of a."""
    eci_per_decade_flop: Annotated[float, Gt(0), Unit("1")]
    """b: points for ten times the compute."""
    eci_per_decade_flop_error: Annotated[float, Ge(0), Unit("1")]
    eci_per_year: Annotated[float, Gt(0), Unit("1/year")]
    """c: points per year at the same compute: algorithms, data, post-training, reasoning; nothing tells them apart."""
    eci_per_year_error: Annotated[float, Ge(0), Unit("1/year")]
    slopes_correlation: Annotated[float, Ge(-1), Le(1), Unit("1")]
    """Correlation of the errors of b and c."""
    residual_eci: Annotated[float, Ge(0), Unit("1")]
    """Standard deviation of models about the line."""
    smallest_flop: Annotated[float, Gt(0), Unit("FLOP")]
    largest_flop: Annotated[float, Gt(0), Unit("FLOP")]
    """Largest training run whose compute and score are both known."""
    first_date: Annotated[dt.date, Day()]
    last_date: Annotated[dt.date, Day()]
    """Release of the newest model that the relation was held against."""


@dataclass(frozen=True, slots=True)
class Validity:
    """Where a question leaves what the relation was ever held against. Booleans of the question's shape."""

    above_known_runs: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    """More compute than any run with a known score: nobody has seen whether the slope holds there."""
    below_known_runs: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    after_known_models: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    """Later than any model that it was held against: progress is assumed to go on at the same pace."""
    before_known_models: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    @property
    def seen(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Return where the question lies inside the known runs and dates."""
        return ~(self.above_known_runs | self.below_known_runs | self.after_known_models | self.before_known_models)


def years_since_reference(date: dt.date, capability: Capability) -> float:
    """Return the years [year] from the relation's reference date to a date, negative before it."""
    return (date - capability.reference_date).days / DAYS_PER_YEAR


def eci(flop: ArrayLike, years: ArrayLike, capability: Capability) -> Array:
    """Return the expected capability [ECI points] of a model trained with some compute and released at some date.

    ``ECI = a + b log10(flop / flop0) + c years`` (Ho et al. 2024, 2025)

    Parameters
    ----------
    flop : training compute [FLOP], any shape.
    years : release, since the reference date [year], any shape that broadcasts with it.

    Raises
    ------
    InputError
        If a compute is not above zero.
    """
    c = capability
    return np.asarray(
        c.eci_at_reference + c.eci_per_decade_flop * _decades(flop, c) + c.eci_per_year * np.asarray(years, dtype=float)
    )


def eci_error(flop: ArrayLike, years: ArrayLike, capability: Capability, *, of_the_mean: bool = False) -> Array:
    """Return the standard deviation [ECI points] of a model's capability about :func:`eci`.

    ``sqrt(s² + sa² + (sb x)² + (sc t)² + 2 rho sb sc x t)``, x in decades of compute and t in years from the reference
    point: the usual error of a prediction by a fitted line. ``of_the_mean`` leaves out s, the scatter of single models.
    """
    c = capability
    x = c.eci_per_decade_flop_error * _decades(flop, c)
    t = c.eci_per_year_error * np.asarray(years, dtype=float)
    scatter = 0.0 if of_the_mean else c.residual_eci**2
    return np.asarray(np.sqrt(scatter + c.eci_at_reference_error**2 + x**2 + t**2 + 2 * c.slopes_correlation * x * t))


def eci_interval(
    flop: ArrayLike, years: ArrayLike, capability: Capability, coverage: float = COVERAGE
) -> tuple[Array, Array]:
    """Return low and high [ECI points] that hold a new model's capability with probability ``coverage``.

    Raises
    ------
    InputError
        If a compute is not above zero, or the coverage not inside 0..1.
    """
    middle = eci(flop, years, capability)
    half = _normal(coverage) * eci_error(flop, years, capability)
    return middle - half, middle + half


def eci_of_members(flop: ArrayLike, years: ArrayLike, capability: Capability, normals: Array) -> Array:
    """Return the capability [ECI points] in each member, shape (member, ...).

    Parameters
    ----------
    flop, years : as in :func:`eci`; scalars, or arrays with the member axis first (length 1 will do).
    normals : (member, 4) standard normal numbers: of level, compute slope, date slope, and of a model's own scatter,
        which one lab's models keep from one to the next. Zeros give :func:`eci`.
    """
    c = capability
    shape = np.broadcast_shapes(np.shape(flop), np.shape(years))
    level, compute, date, scatter = (normals[:, i].reshape(-1, *([1] * max(len(shape) - 1, 0))) for i in range(4))
    date = c.slopes_correlation * compute + np.sqrt(1 - c.slopes_correlation**2) * date
    off = (
        c.eci_at_reference_error * level
        + c.eci_per_decade_flop_error * compute * _decades(flop, c)
        + c.eci_per_year_error * date * np.asarray(years, dtype=float)
        + c.residual_eci * scatter
    )
    return np.asarray(eci(flop, years, c) + off)


def flop_for(target_eci: ArrayLike, years: ArrayLike, capability: Capability) -> Array:
    """Return the training compute [FLOP] that is expected to give a capability at a date: the inverse of :func:`eci`."""
    c = capability
    missing = np.asarray(target_eci, dtype=float) - c.eci_at_reference - c.eci_per_year * np.asarray(years, dtype=float)
    return np.asarray(c.reference_flop * 10 ** (missing / c.eci_per_decade_flop))


def effective_compute(flop: ArrayLike, years: ArrayLike, capability: Capability) -> Array:
    """Return the compute [FLOP] that methods of the reference date would have needed for the same capability.

    ``flop 10^(c years / b)``: physical compute times what methods gained since (Ho et al. 2024).
    """
    c = capability
    return np.asarray(flop * 10 ** (c.eci_per_year * np.asarray(years, dtype=float) / c.eci_per_decade_flop))


def compute_fall_per_year(capability: Capability, coverage: float = COVERAGE) -> tuple[float, float, float]:
    """Return by what factor per year the compute for one and the same capability falls: value, low, high.

    ``10^(c / b)``; the range by the error of a ratio to first order, taken in decades. Where b is known badly it is
    wide, and rightly: the same data then can't tell more compute from better methods.
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
    """Return how fast capability rises when runs grow by a factor every year: value, low, high [ECI points/year].

    ``c + b log10(flop_growth)``; the range by the errors of both slopes.

    Raises
    ------
    InputError
        If the factor is not above zero.
    """
    if not flop_growth > 0:
        raise InputError(f"runs can't grow by a factor of {flop_growth:g} a year: give a factor above 0 (5: fivefold)")
    c, decades = capability, np.log10(flop_growth)
    x, y = c.eci_per_decade_flop_error * decades, c.eci_per_year_error
    half = _normal(coverage) * float(np.sqrt(x**2 + y**2 + 2 * c.slopes_correlation * x * y))
    rise = float(c.eci_per_year + c.eci_per_decade_flop * decades)
    return rise, rise - half, rise + half


def validity(flop: ArrayLike, years: ArrayLike, capability: Capability) -> Validity:
    """Return where a question lies outside of the runs and dates that the relation was held against."""
    c = capability
    compute, when = np.broadcast_arrays(np.asarray(flop, dtype=float), np.asarray(years, dtype=float))
    return Validity(
        above_known_runs=compute > c.largest_flop,
        below_known_runs=compute < c.smallest_flop,
        after_known_models=when > years_since_reference(c.last_date, c),
        before_known_models=when < years_since_reference(c.first_date, c),
    )


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
