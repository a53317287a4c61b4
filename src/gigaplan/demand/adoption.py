"""Weekly users over time: rival curves of one signature, chosen by name.

Both pass through one reference point and rise to one ceiling. They differ in where they bend: the logistic at
half of the ceiling, Gompertz already at 1/e of it, with a longer tail. Which one fits is a question for the data:
``validation/demand.py`` compares them, and the catalog's ``adoption.curve`` names the better one.
Where users are published they are those: the curve begins at the last published point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gigaplan.demand.inputs import Adoption
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR

Curve = Callable[[Array, Array, Array, Array], Array]
"""(years since the reference, ceiling, reference, rate) -> users."""


def gompertz_1825(years: Array, ceiling_users: Array, reference_users: Array, rate_per_year: Array) -> Array:
    """Return weekly users on a Gompertz curve through (0, reference).

    ``users(t) = K exp(-ln(K / U0) exp(-c t))``

    Source: Gompertz (1825), Phil. Trans. R. Soc. 115; Winsor (1932), PNAS 18, as a growth curve.

    Parameters
    ----------
    years : Array, shape (time,)
        t, time since the reference date [year], of any sign.
    ceiling_users : Array, shape (member, 1)
        K, level of saturation [user].
    reference_users : Array, shape (member, 1)
        U0, users at t = 0 [user], 0 < U0 <= K.
    rate_per_year : Array, shape (member, 1)
        c, rate of growth [1/year].

    Returns
    -------
    Array, shape (member, time)
        Weekly users [user]; they rise from 0 to K, steepest at K/e.
    """
    gap = np.log(ceiling_users / reference_users)
    return np.asarray(ceiling_users * np.exp(-gap * np.exp(-rate_per_year * years)))


def verhulst_1838(years: Array, ceiling_users: Array, reference_users: Array, rate_per_year: Array) -> Array:
    """Return weekly users on a logistic curve through (0, reference).

    ``users(t) = K / (1 + (K / U0 - 1) exp(-c t))``

    Source: Verhulst (1838), Corr. Math. Phys. 10.

    Parameters
    ----------
    years : Array, shape (time,)
        t, time since the reference date [year], of any sign.
    ceiling_users : Array, shape (member, 1)
        K, level of saturation [user].
    reference_users : Array, shape (member, 1)
        U0, users at t = 0 [user], 0 < U0 <= K.
    rate_per_year : Array, shape (member, 1)
        c, rate of growth [1/year].

    Returns
    -------
    Array, shape (member, time)
        Weekly users [user]; they rise from 0 to K, steepest at K/2, and grow at the rate c while far below the ceiling.
    """
    gap = ceiling_users / reference_users - 1
    return np.asarray(ceiling_users / (1 + gap * np.exp(-rate_per_year * years)))


NEAR_ZERO = 1e-12
"""How near a share comes to 0 and 1, where its odds end."""
CURVES: Mapping[str, Curve] = {"gompertz": gompertz_1825, "logistic": verhulst_1838}


def weekly_users(adoption: Adoption, years: Array) -> Array:
    """Return weekly users: the published ones up to the last, and on the chosen curve from there.

    Between two published points the logarithm of users is linear in time. After the last one, where the curve begins,
    users stray from it: ``logit(users / K) = logit(curve / K) + s sqrt(t)``, nothing at the point itself.

    Parameters
    ----------
    adoption : Adoption
        Curve, ceiling, reference point, rate, and the published points if there are any.
    years : Array, shape (time,)
        Time since the adoption's reference date [year].

    Returns
    -------
    Array, shape (member, time)
        Weekly users [user].

    Raises
    ------
    InputError
        If the curve's name is unknown, or the reference lies above the ceiling in any member.
    """
    if adoption.curve not in CURVES:
        raise InputError(
            f"no adoption curve '{adoption.curve}'; choose one of: {', '.join(CURVES)}", path="demand.adoption.curve"
        )
    ceiling, reference = column(adoption.ceiling_users, 2), column(adoption.reference_users, 2)
    if (reference > ceiling).any():
        raise InputError(
            f"reference_users ({np.max(reference):,.0f}) lies above ceiling_users ({np.min(ceiling):,.0f}): "
            "raise the ceiling or lower the reference",
            path=("demand.adoption.reference_users", "demand.adoption.ceiling_users"),
        )
    curve, rate = CURVES[adoption.curve], column(adoption.rate_per_year, 2)
    if not adoption.points:
        return curve(years, ceiling, reference, rate)
    return _through(adoption, years, curve, rate)


def _through(adoption: Adoption, years: Array, curve: Curve, rate: Array) -> Array:
    """Return users through the points of an adoption, on its curve before the first and after the last."""
    ceiling, reference = column(adoption.ceiling_users, 2), column(adoption.reference_users, 2)
    when = np.array([(day - adoption.reference_date).days / DAYS_PER_YEAR for day, _ in adoption.points])
    users = np.array([number for _, number in adoption.points])
    before = curve(years - when[0], ceiling, np.minimum(users[:1], ceiling), rate)
    after = curve(years, ceiling, reference, rate)
    share = np.clip(after / ceiling, NEAR_ZERO, 1 - NEAR_ZERO)
    odds = share / (1 - share) * np.exp(column(adoption.stray, 2) * np.sqrt(np.maximum(years, 0)))
    between = np.exp(np.interp(years, when, np.log(users)))
    return np.where(years < when[0], before, np.where(years > 0, ceiling * odds / (1 + odds), between))
