"""The accounts: capital, cost by line, milestone money, and the gap that is left to fund."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.capital import by_generation, capital_by_part
from gigaplan.finance.depreciation import straight_line
from gigaplan.finance.inputs import FinanceInputs
from gigaplan.finance.outputs import Accounts
from gigaplan.finance.tranches import amounts_usd, by_month, trigger_days
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS_PER_YEAR, TimeAxis


def accounts(
    *,
    racks_delivered: Array,
    ready_mw_added: Array,
    rented_share: Array,
    producing_gpu_h_rented: Array,
    accepted_it_mw: Array,
    energy_cost_usd: Array,
    revenue_usd: Array,
    deployed_mw: Array,
    axis: TimeAxis,
    inputs: FinanceInputs,
) -> Accounts:
    """Return the accounts of a plan; undiscounted, cash held at zero by funding the gap each month.

    Capacity that was there before the horizon began was paid for before it: it has running cost or rent here, and
    neither capital nor depreciation.

    Parameters
    ----------
    racks_delivered : (M, G, P, n) racks.
    ready_mw_added : (M, P, n) IT power made ready in the month [MW]; its facility is paid then.
    rented_share : (P,) share of each place that is rented.
    producing_gpu_h_rented : (M, G, n) rented GPU-hours.
    accepted_it_mw : (M, P, n) owned IT power in use [MW].
    energy_cost_usd : (M, P, n) energy of whole places; the owned part is charged, rent has the rest in it.
    revenue_usd : (M, n).
    deployed_mw : (M, edge) power that counts for milestones, on their basis [MW].
    """
    costs, terms = inputs.costs, inputs.tranches
    owned = 1 - rented_share
    capital = capital_by_part(racks_delivered, ready_mw_added, owned, inputs)
    it_capital, facility_capital = capital[:, :, :2].sum(axis=(1, 2)), capital[:, :, 2].sum(axis=1)
    energy = (energy_cost_usd * owned[:, None]).sum(axis=1)
    years = axis.hours / HOURS_PER_YEAR
    operations = column(costs.operations_usd_per_it_mw_year, 2) * accepted_it_mw.sum(axis=1) * years
    rental = (producing_gpu_h_rented * by_generation(inputs, "rental_usd_per_gpu_h")[:, :, None]).sum(axis=1)
    lines = (
        straight_line(it_capital, costs.it_life_years),
        straight_line(facility_capital, costs.facility_life_years),
        energy,
        operations,
        rental,
    )
    cost = np.stack(np.broadcast_arrays(*lines), axis=1)
    paid = amounts_usd(terms)
    days = trigger_days(deployed_mw, terms.milestone.value, len(paid), axis)
    paid_usd = np.where(np.isfinite(days), paid, 0.0)
    tranche = by_month(days, paid_usd, axis)
    spent = capital.sum(axis=(1, 2))
    gap = spent + energy + operations + rental - revenue_usd - tranche
    return Accounts(
        capital_usd=capital,
        cost_usd=cost,
        revenue_usd=revenue_usd,
        tranche_usd=tranche,
        tranche_days=days,
        tranche_paid_usd=paid_usd,
        vendor_flow_usd=it_capital * costs.vendor_share,
        funding_gap_usd=gap,
        book_value_usd=_running(spent - cost[:, :2].sum(axis=1)),
        equity_usd=_running(tranche + revenue_usd - cost.sum(axis=1) + gap),
        cost_by_life_usd=_by_life(it_capital, cost, costs.lives_compared_years),
    )


def imbalance(books: Accounts) -> float:
    """Return the largest difference between what is owned and what paid for it, over the largest of either.

    What is owned is the book value (cash is held at zero); what paid for it is the equity. Nothing owned is 0.
    """
    scale = max(float(np.abs(books.book_value_usd).max()), float(np.abs(books.equity_usd).max()))
    gap = float(np.abs(books.book_value_usd - books.equity_usd).max())
    return gap / scale if scale else 0.0


def _by_life(it_capital: Array, cost: Array, lives: tuple[float, ...]) -> Array:
    """Return total cost if IT lived each of some lives: (M, life, n)."""
    others = cost[:, 1:].sum(axis=1)
    return np.stack(np.broadcast_arrays(*[straight_line(it_capital, life) + others for life in lives]), axis=1)


def _running(flow: Array) -> Array:
    """Return the running sum on edges, 0 at the first."""
    return np.concatenate([np.zeros((flow.shape[0], 1)), np.cumsum(flow, axis=-1)], axis=-1)
