"""Returns of the parties: present value, internal rate, when the money is back, and the most that is put in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.finance.depreciation import running
from gigaplan.finance.inputs import FinanceInputs
from gigaplan.finance.parties import FLOWS, INVESTORS, OTHERS, PARTIES, PLAN, SHAREHOLDERS, Books, incidence
from gigaplan.finance.rates import in_the_plans_prices
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

RATES, GRID, HALVINGS, DAYS_OF_RATE = (-0.99, 10.0), 240, 40, 365.0
"""Internal rates that are looked for [1/year], on how many points, how often their bracket is halved, and the days of
their year (XIRR's)."""
ROUNDING = 1e-9
"""A sum counts as nothing below this share of the money that moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyReturns:
    """Returns of every party over the horizon, nan of the rest of the world; of investors, whose share no plan
    states, only what they put in. Shapes: member M, party Q (``PARTIES``)."""

    npv_usd: Array
    """(M, Q) present value at the start of the horizon [USD]."""
    npv_of_end_usd: Array
    """(M, Q) part of it that is what the party owns at the end, less its debt [USD]."""
    irr_per_year: Array
    """(M, Q) internal rate of return [1/year], real where the plan is in one year's prices; nan where nothing is put
    in, where no cash comes back before the end, or where not exactly one rate between the bounds solves it."""
    payback_days: Array
    """(M, Q) day on which all that was put in is back for good, since the start of the horizon [day]; nan if never."""
    peak_funding_usd: Array
    """(M, Q) most that has been put in and is not back [USD]."""


def returns_of(books: Books, owned_usd: Array, inputs: FinanceInputs, axis: TimeAxis) -> PartyReturns:
    """Return the returns of every party.

    A party buys what it owns when the horizon begins, receives and pays in the middle of each month, and sells what it
    owns at the end, less its debt: racks at what was paid less the part of their time in service that is over, which
    is book value unless the plan states another life for the books. The plan's are those of all its shareholders
    together: what they pay in is no receipt.

    Parameters
    ----------
    books : Books
        The parties' books.
    owned_usd : Array, shape (M, Q, edge)
        What each party owns less what it owes [USD].
    inputs : FinanceInputs
        What each party's money must earn.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    PartyReturns
        Present values, rates, dates and sums.
    """
    signs = incidence()
    paid_in = [list(FLOWS).index(name) for name in SHAREHOLDERS]
    cash = books.cash_usd.copy()
    plan = PARTIES.index(PLAN)
    cash[:, plan] -= np.einsum("f,mfn->mn", signs[paid_in, plan], books.flow_usd[:, paid_in])
    flows = np.concatenate([-owned_usd[..., :1], cash, owned_usd[..., -1:]], axis=-1)
    days = np.concatenate([[0.0], axis.mid_days, axis.edge_days[-1:]])
    so_far = running(flows[..., :-1])[..., 1:]  # when the horizon begins, and at the end of each month
    scale = np.abs(flows).sum(axis=-1, keepdims=True) * ROUNDING
    invests = np.array([name != OTHERS for name in PARTIES])
    gains = invests & np.array([name != INVESTORS for name in PARTIES])  # whose share is worth what, no plan states
    present = flows * _discount(inputs, days)
    return PartyReturns(
        npv_usd=np.where(gains, present.sum(axis=-1), np.nan),
        npv_of_end_usd=np.where(gains, present[..., -1], np.nan),
        irr_per_year=np.where(gains, internal_rate(np.where(np.abs(flows) > scale, flows, 0.0), days), np.nan),
        payback_days=np.where(gains, _payback(so_far, scale, axis), np.nan),
        peak_funding_usd=np.where(invests, np.maximum(-so_far.min(axis=-1), 0.0), np.nan),
    )


def _discount(inputs: FinanceInputs, days: Array) -> Array:
    """Return the present value of a dollar on each day, by party: (M or 1, Q, day)."""
    earn = inputs.cost_of_capital
    rates = [earn.plan_per_year, earn.vendor_per_year, earn.landlords_per_year, earn.lenders_per_year]
    rates += [earn.investors_per_year, earn.plan_per_year]  # the rest of the world at the plan's
    yearly = np.stack(np.broadcast_arrays(*[column(in_the_plans_prices(r, inputs), 1) for r in rates]), axis=1)
    return np.asarray((1 + yearly[..., None]) ** (-days / DAYS_PER_YEAR))


def internal_rate(flows: Array, days: Array) -> Array:
    """Return the rate at which flows of cash are worth nothing.

    Equation: sum of flow / (1 + rate) ^ (days / 365) = 0 (XIRR), for a rate within ``RATES``. Present values on a
    grid of rates show whether there is one such rate; its bracket is then halved, for all parties and members at once.

    Parameters
    ----------
    flows : Array, shape (M, Q, day)
        Received less paid; the last is what is owned at the end [USD].
    days : Array, shape (day,)
        When they come [day].

    Returns
    -------
    Array, shape (M, Q)
        The rate [1/year]; nan where nothing is put in, where nothing comes back before the end, or where no rate or
        more than one solves it.

    Examples
    --------
    >>> internal_rate(np.array([[[-100.0, 60.0, 0.0, 61.0]]]), np.array([0.0, 365.0, 500.0, 730.0])).round(4).tolist()
    [[0.1367]]
    """
    years = days / DAYS_OF_RATE
    grid = np.linspace(np.log1p(RATES[0]), np.log1p(RATES[1]), GRID)
    above = flows @ np.exp(-years[:, None] * grid) > 0  # (M, Q, rate)
    changes = above[..., 1:] != above[..., :-1]
    invests = (flows.cumsum(axis=-1) < 0).any(axis=-1) & (flows[..., 1:-1] > 0).any(axis=-1)
    at = changes.argmax(axis=-1)
    low, high = grid[at], grid[at + 1]
    rises = np.take_along_axis(above, at[..., None] + 1, axis=-1)[..., 0]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        after = ((flows * np.exp(-years * middle[..., None])).sum(axis=-1) > 0) == rises
        low, high = np.where(after, low, middle), np.where(after, middle, high)
    return np.where(invests & (changes.sum(axis=-1) == 1), np.expm1((low + high) / 2), np.nan)


def _payback(so_far: Array, scale: Array, axis: TimeAxis) -> Array:
    """Return the day at the end of the first month from which on no party has money in: (M, Q), nan if never."""
    out = so_far < -scale
    last = so_far.shape[-1] - 1 - out[..., ::-1].argmax(axis=-1)  # the last edge at which money is in
    back = out.any(axis=-1) & (last < so_far.shape[-1] - 1)
    return np.where(back, axis.edge_days[np.minimum(last + 1, len(axis.edge_days) - 1)], np.nan)
