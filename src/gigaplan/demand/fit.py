"""Fitting an adoption curve to published users: level, rate, and how far users stray from it between points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import numpy as np

from gigaplan.demand.adoption import weekly_users
from gigaplan.demand.inputs import Adoption
from gigaplan.vocabulary.files.stored import key_of, stored_numbers
from gigaplan.vocabulary.members import Array

FITTED = 2
"""Constants of a curve that are fitted: the users at the reference date, and the rate."""
FEWEST_POINTS = FITTED + 1
"""Points that hold these and leave an error."""
FITS_KEPT = 64
"""Fits that are kept: a plan has one, and a study that changes its users a few."""
ROOMS = ("demand",)
"""Rooms whose source a stored fit follows from."""


@dataclass(frozen=True, slots=True)
class CurveFit:
    """A curve fitted to points, the ceiling given."""

    adoption: Adoption
    """The curve with the fitted users at the reference date and rate."""
    residuals: Array
    """(point,) ln(fitted / published)."""
    covariance: Array
    """(2, 2) of ln(users at the reference date) and ln(rate)."""
    stray_per_root_year: float
    """How far users stray from the curve through one point until the next: standard deviation of their logit (users
    over what is left to the ceiling), over the square root of the years between."""

    @property
    def freedom(self) -> int:
        """Return the degrees of freedom that the fitted constants leave."""
        return len(self.residuals) - FITTED

    def width(self, share: float) -> float:
        """Return Student's quantile: an estimate lies within so many standard errors with a probability.

        Parameters
        ----------
        share : float
            The probability, 0 to 1.

        Returns
        -------
        float
            Half the width of the interval [standard errors].
        """
        return _student(self.freedom, share)


def fit_curve(start: Adoption, years: Array, users: Array) -> CurveFit:
    """Fit users at the reference date and rate of a curve to ln(users); its ceiling and reference date are given.

    Parameters
    ----------
    start : Adoption
        The curve, its ceiling and its reference date; without points of its own.
    years : Array, shape (point,)
        Time of the points since the reference date [year], rising.
    users : Array, shape (point,)
        Published weekly users [user].

    Returns
    -------
    CurveFit
        The fitted curve and its errors.

    Raises
    ------
    ValueError
        If there are fewer than ``FEWEST_POINTS`` points.
    """
    if len(users) < FEWEST_POINTS:
        raise ValueError(f"{len(users)} points can't hold two constants and an error; give at least {FEWEST_POINTS}")
    plain = replace(start, reference_users=1.0, rate_per_year=1.0, stray=0.0)  # of which nothing depends on these
    return _fitted(plain, tuple(years.tolist()), tuple(users.tolist()))


@lru_cache(maxsize=FITS_KEPT)
def _student(freedom: int, share: float) -> float:
    """Return Student's quantile, stored between runs: SciPy takes longer to import than all other work on a curve."""

    def compute() -> list[float]:
        from scipy.special import stdtrit

        return [float(stdtrit(freedom, (1 + share) / 2))]

    return stored_numbers("curves", ROOMS, key_of("student", freedom, share), 1, compute)[0]


@lru_cache(maxsize=FITS_KEPT)
def _fitted(start: Adoption, at_years: tuple[float, ...], published: tuple[float, ...]) -> CurveFit:
    """Return what :func:`fit_curve` does; remembered, for each run of a plan fits its curve twice, and stored."""
    years, users = np.array(at_years), np.array(published)
    key, count = key_of(start, at_years, published), FITTED + FITTED**2 + len(users)
    found = stored_numbers("curves", ROOMS, key, count, lambda: _least_squares(start, years, users))
    constants, covariance, error = np.split(np.array(found), [FITTED, FITTED + FITTED**2])
    fitted = _at(start, constants)
    return CurveFit(fitted, error, covariance.reshape(FITTED, FITTED), _stray(fitted, years, users))


def _at(start: Adoption, constants: Array) -> Adoption:
    """Return a curve with the fitted constants: ln(users at the reference date) and ln(rate)."""
    users, rate = np.exp(constants).tolist()
    return replace(start, reference_users=users, rate_per_year=rate)


def _least_squares(start: Adoption, years: Array, users: Array) -> list[float]:
    """Return the fitted constants, their covariance, and the error of each point, one after the other."""
    from scipy.optimize import least_squares

    def residuals(x: Array) -> Array:
        return np.asarray(np.log(weekly_users(_at(start, x), years)[0] / users))

    top = float(np.log(start.ceiling_users)) - 1e-9  # exp(ln K) may round above K
    guess = np.array([np.log(np.median(users)), 0.0])  # the middle of what is known, and 1 a year
    found = least_squares(residuals, guess, bounds=([-np.inf, -np.inf], [top, np.inf]), x_scale="jac")
    slope, error = np.asarray(found.jac, dtype=float), np.asarray(found.fun, dtype=float)
    covariance = np.linalg.inv(slope.T @ slope) * (error @ error) / (len(users) - FITTED)
    return [*found.x.tolist(), *covariance.ravel().tolist(), *error.tolist()]


def _stray(fitted: Adoption, years: Array, users: Array) -> float:
    """Return the spread of what users did from each point to the next, over the curve through the first of the two."""
    ceiling = cast(float, fitted.ceiling_users)
    steps = np.diff(years)
    ahead = [
        weekly_users(replace(fitted, reference_users=float(u)), np.array([step]))[0, 0]
        for u, step in zip(users[:-1], steps, strict=True)
    ]
    miss = _logit(users[1:] / ceiling) - _logit(np.array(ahead) / ceiling)
    return float(np.sqrt((miss**2 / steps).sum() / max(len(steps) - 1, 1)))


def _logit(share: Array) -> Array:
    """Return ln(s / (1 - s)) of shares between 0 and 1, of any shape [1]."""
    return np.asarray(np.log(share) - np.log1p(-share))
