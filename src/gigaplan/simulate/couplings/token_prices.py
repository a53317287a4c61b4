"""Coupling of tokens to prices: what a request brings at the prices of the reference date, as its tokens change."""

from __future__ import annotations

import numpy as np

from gigaplan.demand.inputs import TOKENS
from gigaplan.demand.requests import tokens_by_year
from gigaplan.demand.token_prices import sold_by_token, usd_per_mtok, usd_per_request
from gigaplan.plan.scenario import Scenario
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import TimeAxis


def at_reference_prices(scenario: Scenario, axis: TimeAxis) -> Array:
    """Return what a request brings in each month at the prices of the reference date.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    axis : TimeAxis
        The months.

    Returns
    -------
    Array, shape (member or 1, workload, n or 1)
        Price of a request [USD]: one number where it is stated, by month where tokens have prices.
    """
    rows = []
    for work in scenario.demand.workloads:
        if sold_by_token(work):
            rows.append(usd_per_request(work, tokens_by_year(work, axis))[..., axis.year_of_month])
        else:
            rows.append(column(work.revenue_usd_per_request, 2))
    return np.stack(np.broadcast_arrays(*rows), axis=1)


def amount_sold(scenario: Scenario, axis: TimeAxis) -> Array:
    """Return how much of what has a price a request takes: its tokens at their reference prices, or one request.

    Rules of price move the price of this amount, so that longer requests cost more without a rise of any price.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    axis : TimeAxis
        The months.

    Returns
    -------
    Array, shape (member or 1, workload, n or 1)
        Amount [USD or request], above 0.
    """
    by_token = np.array([sold_by_token(w) for w in scenario.demand.workloads])[:, None]
    if not by_token.any():
        return np.ones((1, len(by_token), 1))
    amount = at_reference_prices(scenario, axis)
    return np.where(by_token & (amount > 0), amount, 1.0)


def price_per_mtok(scenario: Scenario, index: Array) -> Array:
    """Return what a million tokens of each kind bring, discount and premium averaged.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    index : Array, shape (M, W, n)
        Price over that of the reference date [1].

    Returns
    -------
    Array, shape (M, W, token, n)
        Prices [USD/Mtok]; nan where requests have a price instead.
    """
    nothing = np.full((1, len(TOKENS)), np.nan)
    rows = [usd_per_mtok(w) if sold_by_token(w) else nothing for w in scenario.demand.workloads]
    return np.asarray(np.stack(np.broadcast_arrays(*rows), axis=1)[..., None] * index[:, :, None])
