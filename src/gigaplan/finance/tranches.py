"""Milestone tranches: money released as deployed power passes each milestone."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.inputs import Tranches
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import TimeAxis

MOST_TRANCHES = 1000
"""More milestones than this are a mistake in the plan, and would fill memory."""

ROUNDING = 1e-9
"""A milestone or a sum counts as reached when no more than this share of it is missing."""


def amounts_usd(terms: Tranches) -> Array:
    """Return what each tranche pays; the last one pays what is left of the total.

    Parameters
    ----------
    terms : Tranches
        Terms of the investment.

    Returns
    -------
    Array, shape (tranche,)
        Amounts [USD].

    Raises
    ------
    InputError
        If there are more than ``MOST_TRANCHES`` tranches.
    """
    if terms.amount_per_milestone_usd <= 0:
        return np.zeros(0)
    exact = terms.total_usd / terms.amount_per_milestone_usd
    if exact > MOST_TRANCHES:
        raise InputError(
            f"{terms.total_usd:,.0f} USD in tranches of {terms.amount_per_milestone_usd:,.0f} are more than "
            f"{MOST_TRANCHES}: raise the amount per milestone",
            path=("finance.tranches.amount_per_milestone_usd", "finance.tranches.total_usd"),
            value=f"{terms.amount_per_milestone_usd:,.0f} USD",
        )
    count = int(np.ceil(exact * (1 - 1e-12)))  # rounding adds no tranche
    left = terms.total_usd - terms.amount_per_milestone_usd * np.arange(count)
    return np.asarray(np.minimum(terms.amount_per_milestone_usd, left))


def trigger_days(deployed_mw: Array, milestone_mw: float, count: int, axis: TimeAxis) -> Array:
    """Return the day on which deployed power first reaches each milestone.

    The k-th milestone is k times ``milestone_mw``; power is taken to move evenly within a month. What is deployed
    when the horizon begins has reached its milestones on day 0, and so has a milestone of zero.

    Parameters
    ----------
    deployed_mw : Array, shape (member, edge)
        Deployed power on the milestones' basis [MW].
    milestone_mw : float
        Power of one milestone [MW].
    count : int
        Number of tranches.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (member, tranche)
        Days since the start of the horizon [day]; nan if never.
    """
    marks = milestone_mw * np.arange(1, count + 1) * (1 - ROUNDING)
    passed = deployed_mw[:, None, :] >= marks[:, None]  # (M, T, edge)
    edge = passed.argmax(axis=-1)  # the first that passed
    before = np.maximum(edge - 1, 0)
    low, high = (np.take_along_axis(deployed_mw, at, axis=-1) for at in (before, edge))
    part = np.divide(marks - low, high - low, out=np.zeros_like(low), where=edge > 0)
    days = axis.edge_days[before] + part * (axis.edge_days[edge] - axis.edge_days[before])
    return np.where(passed.any(axis=-1), days, np.nan)


def by_month(days: Array, paid_usd: Array, axis: TimeAxis) -> Array:
    """Return the money received in each month.

    Parameters
    ----------
    days : Array, shape (member, tranche)
        Day of each tranche since the start of the horizon [day]; nan if never.
    paid_usd : Array, shape (member, tranche)
        What each tranche pays [USD].
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (member, month)
        Money received [USD].
    """
    received = np.zeros((days.shape[0], axis.months))
    member, tranche = np.nonzero(np.isfinite(days))
    month = np.searchsorted(axis.edge_days, days[member, tranche], side="right") - 1
    np.add.at(received, (member, np.minimum(month, axis.months - 1)), paid_usd[member, tranche])
    return received
