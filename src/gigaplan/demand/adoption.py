"""Weekly users over time: rival curves of one signature, chosen by name.

Both pass through one reference point and rise to one ceiling. They differ in where they bend: the logistic at
half of the ceiling, Gompertz already at 1/e of it, with a longer tail. Which one fits is a question for the data:
``validation/demand.py`` compares them, and the catalog's ``adoption.curve`` names the better one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gigaplan.demand.inputs import Adoption
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, column

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


CURVES: Mapping[str, Curve] = {"gompertz": gompertz_1825, "logistic": verhulst_1838}


def weekly_users(adoption: Adoption, years: Array) -> Array:
    """Return weekly users on the adoption curve that is chosen.

    Parameters
    ----------
    adoption : Adoption
        Curve, ceiling, reference point and rate.
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
    return CURVES[adoption.curve](years, ceiling, reference, column(adoption.rate_per_year, 2))
