"""The accounts: capital, cost by line, milestone money, and the funding gap."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.capital import by_generation, capital_by_part
from gigaplan.finance.contracts import commitment_usd, lease_usd, leased, rent_usd
from gigaplan.finance.depreciation import straight_line
from gigaplan.finance.equity import equity_by_month, guaranteed_by_month
from gigaplan.finance.inputs import FinanceInputs, Tranches
from gigaplan.finance.outputs import Accounts
from gigaplan.finance.tranches import amounts_usd, by_month, trigger_days
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS_PER_YEAR, TimeAxis


def accounts(
    *,
    racks_delivered: Array,
    ready_mw_added: Array,
    rented_share: Array,
    producing_gpu_h: Array,
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
    racks_delivered : Array, shape (M, G, P, n)
        Racks delivered in the month [racks].
    ready_mw_added : Array, shape (M, P, n)
        IT power made ready in the month [MW]; its facility is paid then.
    rented_share : Array, shape (P,)
        Share of each place that is rented [1].
    producing_gpu_h : Array, shape (M, G, P, n)
        GPU-hours of producing racks [GPU h].
    accepted_it_mw : Array, shape (M, P, n)
        IT power of accepted racks, mean over the month [MW].
    energy_cost_usd : Array, shape (M, P, n)
        Energy of whole places [USD]; the owned part is charged, rent includes the rest.
    revenue_usd : Array, shape (M, n)
        Revenue [USD].
    deployed_mw : Array, shape (M, edge)
        Power that counts for milestones, on their basis [MW].
    axis : TimeAxis
        Months of the horizon.
    inputs : FinanceInputs
        Prices, lives, contracts and terms of investment.

    Returns
    -------
    Accounts
        Money by month; shapes in :class:`~gigaplan.finance.outputs.Accounts`.
    """
    costs, terms = inputs.costs, inputs.tranches
    owned = 1 - rented_share
    built = owned * (1 - leased(inputs.contracts))
    capital = capital_by_part(racks_delivered, ready_mw_added, owned, inputs, built)
    it_capital, facility_capital = capital[:, :, :2].sum(axis=(1, 2)), capital[:, :, 2].sum(axis=1)
    energy = (energy_cost_usd * owned[:, None]).sum(axis=1)
    in_use = (accepted_it_mw * owned[:, None]).sum(axis=1)
    operations = column(costs.operations_usd_per_it_mw_year, 2) * in_use * axis.hours / HOURS_PER_YEAR
    rent = rent_usd(producing_gpu_h, accepted_it_mw, rented_share, inputs, axis)
    lease = lease_usd(accepted_it_mw, owned, inputs, axis)
    running = (energy, operations, rent.sum(axis=1), lease.sum(axis=1))
    lost = (
        straight_line(it_capital, costs.it_life_years, "finance.costs.it_life_years"),
        straight_line(facility_capital, costs.facility_life_years, "finance.costs.facility_life_years"),
    )
    cost = np.stack(np.broadcast_arrays(*lost, *running), axis=1)
    days, paid_usd = _milestones(terms, deployed_mw, axis)
    tranche = by_month(days, paid_usd, axis)
    equity = equity_by_month(inputs.equity, axis)
    received = tranche + equity.sum(axis=0)
    spent = capital.sum(axis=(1, 2))
    gap = spent + sum(running) - revenue_usd - received
    return Accounts(
        capital_usd=capital,
        cost_usd=cost,
        revenue_usd=revenue_usd,
        tranche_usd=tranche,
        tranche_days=days,
        tranche_paid_usd=paid_usd,
        equity_paid_usd=equity,
        guaranteed_usd=guaranteed_by_month(inputs.guaranties, axis),
        rent_usd=rent + lease,
        commitment_usd=commitment_usd(rent + lease, inputs, axis),
        vendor_flow_usd=_to_vendor(racks_delivered, owned, inputs),
        vendor_flow_landlords_usd=_to_vendor(racks_delivered, rented_share, inputs),
        funding_gap_usd=gap,
        book_value_usd=_running(spent - cost[:, :2].sum(axis=1)),
        equity_usd=_running(received + revenue_usd - cost.sum(axis=1) + gap),
        cost_by_life_usd=_by_life(it_capital, cost, costs.lives_compared_years),
    )


def _milestones(terms: Tranches, deployed_mw: Array, axis: TimeAxis) -> tuple[Array, Array]:
    """Return the days of milestones and what each pays: (M, T) each."""
    amounts = amounts_usd(terms)
    days = trigger_days(deployed_mw, terms.milestone.value, len(amounts), axis)
    return days, np.where(np.isfinite(days), amounts, 0.0)


def _to_vendor(racks_delivered: Array, share: Array, inputs: FinanceInputs) -> Array:
    """Return the month's rack and network spending on a share of each place that the vendor receives: (M, n)."""
    costs = inputs.costs
    bought = (racks_delivered * share[:, None]).sum(axis=2) * by_generation(inputs, "rack_price_usd")[:, :, None]
    from_vendor = np.array([g.vendor in ("", costs.vendor) or not costs.vendor for g in inputs.generations])
    received = (1 + column(costs.network_share, 2)) * bought[:, from_vendor].sum(axis=1)
    return np.asarray(received * column(costs.vendor_share, 2))


def imbalance(books: Accounts) -> float:
    """Return the largest difference between assets and what paid for them, over the largest of either.

    Assets are the book value (cash is held at zero); what paid for them is the equity. Without assets it is 0.

    Parameters
    ----------
    books : Accounts
        The accounts of a plan.

    Returns
    -------
    float
        Relative difference [1]; 0 where the accounts balance.
    """
    scale = max(float(np.abs(books.book_value_usd).max()), float(np.abs(books.equity_usd).max()))
    gap = float(np.abs(books.book_value_usd - books.equity_usd).max())
    return gap / scale if scale else 0.0


def _by_life(it_capital: Array, cost: Array, book_lives: tuple[float, ...]) -> Array:
    """Return total cost if IT lived each of some lives: (M, life, n)."""
    others = cost[:, 1:].sum(axis=1)
    path = "finance.costs.lives_compared_years"
    return np.stack(
        np.broadcast_arrays(*[straight_line(it_capital, life, path) + others for life in book_lives]), axis=1
    )


def _running(flow: Array) -> Array:
    """Return the running sum on edges, 0 at the first."""
    return np.concatenate([np.zeros((flow.shape[0], 1)), np.cumsum(flow, axis=-1)], axis=-1)
