"""Results of the finance room."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.vocabulary.members import Array

COMPONENTS = ("racks", "network", "facility")
COST_LINES = ("depreciation_it", "depreciation_facility", "energy", "operations", "rental", "lease")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Money by month [USD] except days.

    Shapes: member M, generation G, component C, cost line K, tranche T, instrument I, life B, place P, month n,
    edge n + 1.
    """

    capital_usd: Array
    """(M, G, C, n) capital spent, by generation and component (COMPONENTS)."""
    cost_usd: Array
    """(M, K, n) cost by line (COST_LINES), accrual."""
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
    funding_gap_usd: Array
    """(M, n) funding gap of the month (negative: surplus)."""
    book_value_usd: Array
    """(M, edge) capital less depreciation."""
    equity_usd: Array
    """(M, edge) tranches received plus retained earnings plus the funding gap met so far."""
    cost_by_life_usd: Array
    """(M, B, n) total cost if the book life of IT were each of ``lives_compared_years``."""
