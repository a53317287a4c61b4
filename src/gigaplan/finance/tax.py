"""Tax on profit: what is written off for tax, losses carried forward, and what is paid."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.assets import Assets, Purchases
from gigaplan.finance.depreciation import MONTHS_PER_YEAR, aged, running, straight_line
from gigaplan.finance.inputs import Tax
from gigaplan.vocabulary.members import Array, column

DECLINING, RECOVERY_YEARS, BUILDING_YEARS = 2.0, 5, 39.0
"""US federal law (26 USC 168): twice the straight-line rate over 5 years for computers, 39 years for buildings."""


def macrs_shares(recovery_years: int = RECOVERY_YEARS) -> tuple[float, ...]:
    """Return the share of cost that is written off for tax in each year of the general depreciation system.

    Equation: twice the straight-line rate on what is left, or what is left over the years left if that is more; half a
    year in the first and in the last (IRS publication 946, table A-1).

    Parameters
    ----------
    recovery_years : int
        Recovery period [year].

    Returns
    -------
    tuple[float, ...]
        The shares [1], one more than the years; they add up to 1.

    Examples
    --------
    >>> [round(100 * share, 2) for share in macrs_shares(5)]
    [20.0, 32.0, 19.2, 11.52, 11.52, 5.76]
    """
    rate, left, shares = DECLINING / recovery_years, 1.0, []
    for year in range(recovery_years):
        years_left = recovery_years - year + (0.5 if year else 0.0)
        share = rate * left / 2 if not year else max(rate * left, left / years_left)
        shares.append(share)
        left -= share
    return (*shares, left)


def tax_usd(profit_before_usd: Array, assets: Assets, bought: Purchases, terms: Tax | None) -> Array:
    """Return the tax of each month.

    Equation: rate x the rise of the highest cumulative taxable profit so far, so that losses are carried forward
    without a limit and never back.

    Parameters
    ----------
    profit_before_usd : Array, shape (M, n)
        Revenue less running cost and interest [USD].
    assets : Assets
        What is written off in the books, and what was bought when.
    bought : Purchases
        Months before the horizon and in it.
    terms : Tax | None
        Rate and schedule; no tax without them.

    Returns
    -------
    Array, shape (M, n)
        Tax [USD].
    """
    if terms is None:
        return np.zeros_like(profit_before_usd)
    written_off = assets.depreciation_it_usd + assets.depreciation_facility_usd + assets.write_off_usd
    if terms.schedule == "macrs":
        it = _by_schedule(running(assets.it_placed_usd.sum(axis=1)), terms.bonus_share)
        whole = it + straight_line(assets.facility_placed_usd, BUILDING_YEARS)
        written_off = whole[:, bought.earlier : bought.earlier + bought.months]
    highest = np.maximum.accumulate(running(profit_before_usd - written_off), axis=-1)
    return np.asarray(np.diff(highest, axis=-1) * column(terms.rate_share, 2))


def _by_schedule(placed_usd: Array, bonus_share: float) -> Array:
    """Return what is written off of a running sum of purchases: a share at once, the rest over the years of the
    schedule, the first and the last of which are half as long."""
    shares = macrs_shares()
    months = np.array([0.5, *[1.0] * (len(shares) - 2), 0.5]) * MONTHS_PER_YEAR
    ends = np.cumsum(months)
    lost = bonus_share * (placed_usd - aged(placed_usd, np.asarray(1.0)))[..., :-1]
    for share, length, end in zip(shares, months, ends, strict=True):
        held = aged(placed_usd, np.asarray(end - length)) - aged(placed_usd, np.asarray(end))
        lost = lost + (1 - bonus_share) * share / length * held[..., :-1]
    return np.asarray(lost)
