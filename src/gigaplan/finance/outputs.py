"""Results of the finance room."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.finance.parties import Books
from gigaplan.finance.returns import PartyReturns
from gigaplan.vocabulary.members import Array

COMPONENTS = ("racks", "network", "facility")
COST_LINES = ("depreciation_it", "depreciation_facility", "write_off", "energy", "operations", "rental", "lease")
LOST = COST_LINES.index("energy")
"""Lines before this one are losses of value, the others are paid in the month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Money by month [USD] except days.

    Shapes: member M, generation G, component C, cost line K, tranche T, instrument I, life B, place P, month n,
    edge n + 1.
    """

    capital_usd: Array
    """(M, G, C, n) capital spent, by generation and component (COMPONENTS)."""
    cost_usd: Array
    """(M, K, n) cost by line (COST_LINES), accrual; without cost of capital, interest and tax."""
    cost_of_capital_usd: Array
    """(M, n) what the money in the books must earn in the month."""
    revenue_usd: Array
    """(M, n) revenue."""
    tranche_usd: Array
    """(M, n) investment received on reaching milestones."""
    tranche_days: Array
    """(M, T) day on which each tranche was triggered, days since start; nan if never."""
    tranche_paid_usd: Array
    """(M, T) what each tranche paid."""
    equity_paid_usd: Array
    """(I, n) equity received, by instrument."""
    guaranteed_usd: Array
    """(n,) most that guarantors may have to pay, by month."""
    rent_usd: Array
    """(M, P, n) rent and lease of each place."""
    commitment_usd: Array
    """(M, edge) rent and lease committed for the rest of their terms, for accepted capacity."""
    vendor_flow_usd: Array
    """(M, n) spending on owned capacity that flows to the investing vendor."""
    vendor_flow_landlords_usd: Array
    """(M, n) spending of the owners of rented capacity with that vendor."""
    interest_usd: Array
    """(M, n) interest on loans."""
    tax_usd: Array
    """(M, n) tax on profit."""
    debt_usd: Array
    """(M, edge) owed to lenders."""
    debt_service_usd: Array
    """(M, n) interest and repayment that fall due."""
    debt_service_cover: Array
    """(M, n) cash of operations after tax over that; nan where nothing is due."""
    funding_gap_usd: Array
    """(M, n) funding gap of the month (negative: surplus)."""
    book_value_usd: Array
    """(M, edge) capital less depreciation and write-offs, what was bought before the horizon included."""
    equity_usd: Array
    """(M, edge) what was owned at the start, paid in and earned, and what the owners have put in since."""
    cost_by_life_usd: Array
    """(M, B, n) total cost if the book life of IT were each of ``lives_compared_years``."""
    books: Books
    """Books of every party."""
    returns: PartyReturns
    """Returns of every party."""
