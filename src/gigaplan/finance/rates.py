"""Rates of interest and return: by the year and the month, in nominal terms and in the prices of one year."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.inputs import FinanceInputs
from gigaplan.vocabulary.members import Array, Uncertain

MONTHS_PER_YEAR = 12


def in_the_plans_prices(nominal: Uncertain, inputs: FinanceInputs) -> Array:
    """Return a nominal rate as the plan's money counts it: less inflation where all of it is in one year's prices.

    Equation: (1 + nominal) / (1 + inflation) - 1 (Fisher 1930).

    Parameters
    ----------
    nominal : Uncertain
        The rate that contracts and markets name [1/year].
    inputs : FinanceInputs
        Inflation, and whether the plan is in one year's prices.

    Returns
    -------
    Array
        The rate [1/year], of the shape of what is uncertain in it.
    """
    rate = np.asarray(nominal, dtype=float)
    if not inputs.one_price_year:
        return rate
    return real_rate(rate, inputs.cost_of_capital.inflation_per_year)


def real_rate(nominal: Uncertain, inflation: Uncertain) -> Array:
    """Return a nominal rate less inflation: (1 + nominal) / (1 + inflation) - 1 (Fisher 1930).

    Parameters
    ----------
    nominal, inflation : Uncertain
        The rate and the rise of prices [1/year].

    Returns
    -------
    Array
        The rate in the prices of one year [1/year].

    Examples
    --------
    >>> round(float(real_rate(0.1, 0.025)), 4)
    0.0732
    """
    return np.asarray((1 + np.asarray(nominal, dtype=float)) / (1 + np.asarray(inflation, dtype=float)) - 1)


def level_payment_worth(inflation: Uncertain, years: Uncertain, begins_years: Uncertain = 0.0) -> Array:
    """Return what an equal nominal payment is worth on average in the prices of one year, over its amount.

    Equation: mean of ``(1 + inflation) ^ -t`` over the time in which it is paid; 1 without inflation.

    Parameters
    ----------
    inflation : Uncertain
        Rise of prices [1/year].
    years : Uncertain
        Time over which it is paid [year].
    begins_years : Uncertain
        When it begins after the year of the prices [year].

    Returns
    -------
    Array
        Its worth over its amount [1].

    Examples
    --------
    >>> float(level_payment_worth(0.0, 5.0)), round(float(level_payment_worth(0.03, 5.0)), 3)
    (1.0, 0.93)
    """
    log = np.log1p(np.asarray(inflation, dtype=float))
    safe, time = np.where(log == 0, 1.0, log), np.asarray(years, dtype=float)
    mean = np.where(log == 0, 1.0, -np.expm1(-safe * time) / (safe * time))
    return np.asarray(mean * np.exp(-log * np.asarray(begins_years, dtype=float)))


def monthly(yearly: Uncertain) -> Array:
    """Return the rate of a month that compounds to a yearly one.

    Parameters
    ----------
    yearly : Uncertain
        The rate [1/year].

    Returns
    -------
    Array
        The rate [1/month].

    Examples
    --------
    >>> round(float((1 + monthly(0.1)) ** 12), 9)
    1.1
    """
    return np.asarray((1 + np.asarray(yearly, dtype=float)) ** (1 / MONTHS_PER_YEAR) - 1)


def annuity_share(yearly: Uncertain, life_years: Uncertain) -> Array:
    """Return the equal yearly payment that pays back a sum and its cost of capital, over that sum.

    Equation: capital recovery factor r / (1 - (1 + r)^-n) with monthly payments at the month's rate; 1 / n without a
    cost of capital.

    Parameters
    ----------
    yearly : Uncertain
        Cost of capital [1/year].
    life_years : Uncertain
        Time over which it is paid back [year].

    Returns
    -------
    Array
        The payment in a year over the sum [1/year].

    Examples
    --------
    >>> float(annuity_share(0.0, 5.0)), round(float(annuity_share(0.1, 5.0)), 4)
    (0.2, 0.2524)
    """
    rate, months = monthly(yearly), np.asarray(life_years, dtype=float) * MONTHS_PER_YEAR
    safe = np.where(rate > 0, rate, 1.0)
    return np.asarray(np.where(rate > 0, safe / (1 - (1 + safe) ** -months), 1 / months) * MONTHS_PER_YEAR)
