"""Loans on what is bought: drawn with the capital, repaid in equal parts, with interest on what is owed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.finance.depreciation import running, straight_line
from gigaplan.finance.inputs import FinanceInputs
from gigaplan.finance.rates import in_the_plans_prices, monthly
from gigaplan.vocabulary.members import Array, column

CENT_USD = 0.01
"""Less than this is nothing that falls due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loans:
    """Loans of a plan [USD]. Shapes: member M, month n, edge n + 1."""

    drawn_usd: Array
    """(M, n) lent in the month."""
    repaid_usd: Array
    """(M, n) repaid in the month."""
    interest_usd: Array
    """(M, n) interest on what is owed when the month begins."""
    owed_usd: Array
    """(M, edge) owed."""

    @property
    def served_usd(self) -> Array:
        """(M, n) interest and repayment."""
        return self.interest_usd + self.repaid_usd

    def cover(self, earned_usd: Array) -> Array:
        """Return how often the cash of operations pays what is due, the debt service cover ratio (Yescombe 2014).

        Parameters
        ----------
        earned_usd : Array, shape (M, n)
            Revenue less running costs and tax [USD].

        Returns
        -------
        Array, shape (M, n)
            Earned over due; nan where less than a cent is due.
        """
        earned, service = np.broadcast_arrays(earned_usd, self.served_usd)
        return np.asarray(np.divide(earned, service, out=np.full(service.shape, np.nan), where=service > CENT_USD))


def loans_of(capital_usd: Array, inputs: FinanceInputs) -> Loans:
    """Return the loans on what a plan buys.

    Parameters
    ----------
    capital_usd : Array, shape (M, n)
        Capital of the month [USD].
    inputs : FinanceInputs
        Terms of the loans; without them nothing is lent.

    Returns
    -------
    Loans
        What is lent, repaid and owed [USD].
    """
    terms = inputs.debt
    if terms is None:
        nothing = np.zeros_like(capital_usd)
        return Loans(drawn_usd=nothing, repaid_usd=nothing, interest_usd=nothing, owed_usd=running(nothing))
    drawn = capital_usd * column(terms.loan_share, 2)
    repaid = straight_line(drawn, terms.repayment_years, "finance.debt.repayment_years")
    owed = running(drawn - repaid)
    interest = owed[:, :-1] * column(monthly(in_the_plans_prices(terms.interest_per_year, inputs)), 2)
    drawn, repaid, interest = np.broadcast_arrays(drawn, repaid, interest)
    return Loans(drawn_usd=drawn, repaid_usd=repaid, interest_usd=interest, owed_usd=owed)
