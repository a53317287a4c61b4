"""Coupling of generations, their cost and their speed: what a request costs on the market's GPUs.

    growth of the world's GPUs, first shipments --all bought is the newest--> share of each generation in the market
    shares, owner's cost of an hour, requests per GPU-hour --> cost of a request in the market

It rests on no amount that the plan states, so that a plan with more GPUs has the same prices.
"""

from __future__ import annotations

import numpy as np

from gigaplan.finance.rates import in_the_plans_prices
from gigaplan.fleet.supply import ship_days
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.owners import hours_of_owners, of_new_places
from gigaplan.simulate.couplings.throughput import Throughput
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis


def cost_in_market(scenario: Scenario, axis: TimeAxis, speed: Throughput) -> Array:
    """Return what a request costs on the mean of the market's GPUs that can serve it, cost of capital included.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    axis : TimeAxis
        Months.
    speed : Throughput
        Requests per GPU-hour in the years of these months.

    Returns
    -------
    Array, shape (M, W, n)
        Cost at full use [USD/request]; nan before a generation ships that can serve it.
    """
    per_h = speed.requests_per_gpu_h  # (M, W, G, Y)
    share = market_shares(scenario, axis)  # (M or 1, G, n)
    cost = _owned_usd_per_gpu_h(scenario)  # (M or 1, G)
    requests = _by_month(share, per_h, axis)
    usd = _by_month(share, np.where(per_h > 0, cost[:, None, :, None], 0.0), axis)
    return np.asarray(np.divide(usd, requests, out=np.full(requests.shape, np.nan), where=requests > 0))


def market_shares(scenario: Scenario, axis: TimeAxis) -> Array:
    """Return each generation's share of the market's GPUs, of those of the plan's generations.

    The market's GPUs grow at a constant rate, and whatever is bought is of the newest generation that ships, so that
    the share of what was bought up to a day falls by that rate from then on (vintages: Solow 1960, "Investment and
    technical progress").

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    axis : TimeAxis
        Months.

    Returns
    -------
    Array, shape (M or 1, G, n)
        Share in the middle of each month [share]; 0 for all before the first one ships.
    """
    ship = np.stack(np.broadcast_arrays(*[ship_days(g, axis)[:, 0] for g in scenario.fleet.generations]), axis=1)
    rate = np.log1p(column(scenario.market.gpu_growth_per_year, 3)) / DAYS_PER_YEAR  # a day
    later = ship[:, None, :] > ship[:, :, None]
    ends = np.where(later, ship[:, None, :], np.inf).min(axis=-1)  # the next one ships, (M or 1, G)
    oldest = ship == ship.min(axis=1, keepdims=True)
    begun = np.where(oldest[..., None], 0.0, _bought_before(ship, axis, rate))
    bought = np.where(axis.mid_days >= ship[..., None], _bought_before(ends, axis, rate) - begun, 0.0)
    at_once = (ship[:, None, :] == ship[:, :, None]).sum(axis=-1)[..., None]
    return np.asarray(bought / at_once)


def _bought_before(day: Array, axis: TimeAxis, rate: Array) -> Array:
    """Return the share of the market's GPUs of each month that was bought before a day: (M, G, n)."""
    return np.exp(-rate * np.maximum(axis.mid_days - day[..., None], 0.0))


def _by_month(share: Array, of_generation: Array, axis: TimeAxis) -> Array:
    """Return the sum over generations of share times a yearly figure of each: (M, W, n)."""
    years = axis.year_of_month
    members = max(len(share), len(of_generation))
    share = np.broadcast_to(share, (members, *share.shape[1:]))
    found: Array = np.einsum("mgn,mwgn->mwn", share, of_generation[..., years])
    return found


def _owned_usd_per_gpu_h(scenario: Scenario) -> Array:
    """Return what a busy hour of each generation costs its owner, cost of capital included, in the mean of the plan's
    new places (of all where none is new): (M or 1, G) [USD/GPU/h]."""
    earn = in_the_plans_prices(scenario.finance.cost_of_capital.plan_per_year, scenario.finance)
    hours = of_new_places(scenario, hours_of_owners(scenario, earn).full_usd)
    return np.asarray(hours.T / column(scenario.fleet.ladder.availability, 2))
