"""Equity that is tied to no milestone, and guaranties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gigaplan.finance.inputs import Equity, Guaranty
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis


def equity_by_month(equity: Sequence[Equity], axis: TimeAxis) -> Array:
    """Return what each equity instrument pays in each month.

    Parameters
    ----------
    equity : Sequence[Equity]
        The instruments.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (instrument, month)
        Equity received [USD]; payments outside the horizon are left out.
    """
    paid = np.zeros((len(equity), axis.months))
    for i, e in enumerate(equity):
        month = axis.month_of(e.date)
        if 0 <= month < axis.months:
            paid[i, month] = e.amount_usd
    return paid


def guaranteed_by_month(guaranties: Sequence[Guaranty], axis: TimeAxis) -> Array:
    """Return the most that guarantors may have to pay, at the middle of each month.

    A guaranty of residual values falls evenly from its amount to nothing over its years, as what it covers is paid
    off.

    Parameters
    ----------
    guaranties : Sequence[Guaranty]
        The guaranties.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (month,)
        Sum of the guaranties [USD].
    """
    total = np.zeros(axis.months)
    for g in guaranties:
        years = (axis.mid_days - axis.days_since_start(g.start)) / DAYS_PER_YEAR
        total += np.where((years >= 0) & (years < g.years), g.amount_usd * (1 - years / g.years), 0.0)
    return total
