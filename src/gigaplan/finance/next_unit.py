"""Whether one more unit of capacity is worth its cost: its revenue over the years in which it serves, discounted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.finance.rates import monthly
from gigaplan.vocabulary.members import Array, Uncertain, column

MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class LifetimeValue:
    """Revenue and cost of a unit over its time in service, by the month in which it starts, as of the start of the
    horizon."""

    revenue_usd: Array
    """(M, n) present value of what it brings [USD]."""
    cost_usd: Array
    """(M, n) present value of what it costs [USD]."""

    @property
    def benefit_cost_ratio(self) -> Array:
        """Revenue over cost (M, n) [USD/USD]: 1 or more where a unit is worth what it costs."""
        return _over(self.revenue_usd, self.cost_usd)

    def of_additions(self, added: Array) -> Array:
        """Return revenue over cost of all units that are added.

        Parameters
        ----------
        added : Array, shape (M or 1, n)
            Units that start in each month.

        Returns
        -------
        Array, shape (M,)
            The ratio [USD/USD]; nan where none is added.
        """
        return _over((added * self.revenue_usd).sum(axis=-1), (added * self.cost_usd).sum(axis=-1))


def _over(a: Array, b: Array) -> Array:
    return np.asarray(np.divide(a, b, out=np.full(np.broadcast_shapes(a.shape, b.shape), np.nan), where=b > 0))


def lifetime_value(
    revenue_usd_per_year: Array, cost_usd_per_year: Array, life_years: Uncertain, yearly: Uncertain
) -> LifetimeValue:
    """Return what a unit brings and costs over its time in service, for a start in each month.

    The cost is an even payment over the whole life, cost of capital included. Of a life that is longer than what is
    left of the horizon, revenue and payments are those within it. The ratio is the profitability index of Brealey and
    Myers (2003), chapter 5, with payments in place of the sum that is invested.

    Parameters
    ----------
    revenue_usd_per_year : Array, shape (M, n)
        What the unit brings in a year of such months [USD/year].
    cost_usd_per_year : Array, shape (M or 1,)
        What it costs in a year [USD/year].
    life_years : Uncertain
        Time in service [year].
    yearly : Uncertain
        Cost of capital [1/year].

    Returns
    -------
    LifetimeValue
        Present values by the month of the start.

    Examples
    --------
    >>> one = lifetime_value(np.array([[0.0, 12.0, 24.0]]), np.array([12.0]), 2 / 12, 0.0)
    >>> one.benefit_cost_ratio[0].tolist(), one.of_additions(np.array([[1.0, 0.0, 2.0]])).tolist()
    ([0.5, 1.5, 2.0], [1.25])
    """
    months = revenue_usd_per_year.shape[-1]
    start = np.arange(months)
    life = np.maximum(np.rint(column(np.asarray(life_years, dtype=float) * MONTHS_PER_YEAR, 2)), 1).astype(int)
    worth = (1 + column(monthly(yearly), 2)) ** -(start + 0.5)
    shape = np.broadcast_shapes(revenue_usd_per_year.shape, worth.shape, life.shape, (len(cost_usd_per_year), 1))
    end = np.broadcast_to(np.minimum(start + life, months), shape)

    def present(yearly_usd: Array) -> Array:
        paid = np.broadcast_to(yearly_usd * worth / MONTHS_PER_YEAR, shape)
        sums = np.concatenate([np.zeros((shape[0], 1)), np.cumsum(paid, axis=-1)], axis=-1)
        return np.asarray(np.take_along_axis(sums, end, axis=-1) - sums[:, :-1])

    return LifetimeValue(present(revenue_usd_per_year), present(column(cost_usd_per_year, 2)))
