"""The accounts: capital, cost by line, milestone money, the funding gap, and the books of all parties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.finance.assets import Assets, Purchases, assets_of, it_lost_over
from gigaplan.finance.capital import by_generation
from gigaplan.finance.contracts import commitment_usd, lease_usd, leased, rent_usd
from gigaplan.finance.debt import Loans, loans_of
from gigaplan.finance.depreciation import running
from gigaplan.finance.equity import equity_by_month, guaranteed_by_month
from gigaplan.finance.inputs import FinanceInputs, Tranches
from gigaplan.finance.outputs import COST_LINES, LOST, Accounts
from gigaplan.finance.parties import (
    INVESTORS,
    LANDLORDS,
    LENDERS,
    OTHERS,
    PARTIES,
    PLAN,
    VENDOR,
    Books,
    books_of,
    out_of_balance,
)
from gigaplan.finance.rates import in_the_plans_prices, monthly
from gigaplan.finance.rents import agreed_index
from gigaplan.finance.returns import returns_of
from gigaplan.finance.tax import tax_usd
from gigaplan.finance.tranches import amounts_usd, by_month, trigger_days
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS_PER_YEAR, TimeAxis


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owner:
    """One owner's assets and running cost within the horizon [USD]."""

    assets: Assets
    energy: Array
    """(M, n)."""
    operations: Array
    """(M, n)."""
    to_vendor: Array
    """(M, n) paid to the vendor who invests, for racks and network."""

    @property
    def lost(self) -> Array:
        """Depreciation and write-offs: (M, n)."""
        a = self.assets
        return a.depreciation_it_usd + a.depreciation_facility_usd + a.write_off_usd

    @property
    def systems(self) -> Array:
        """Paid for racks and network: (M, n)."""
        return np.asarray(self.assets.capital_usd[:, :, :2].sum(axis=(1, 2)))

    @property
    def facilities(self) -> Array:
        """Paid for facilities: (M, n)."""
        return np.asarray(self.assets.capital_usd[:, :, 2].sum(axis=1))


def accounts(
    *,
    bought: Purchases,
    rented_share: Array,
    producing_gpu_h: Array,
    accepted_it_mw: Array,
    energy_cost_usd: Array,
    revenue_usd: Array,
    deployed_mw: Array,
    axis: TimeAxis,
    inputs: FinanceInputs,
) -> Accounts:
    """Return the accounts of a plan, cash held at zero by funding the gap each month, and every party's books.

    Parameters
    ----------
    bought : Purchases
        What is bought and scrapped, months before and after the horizon included.
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
    owned, lease_free = 1 - rented_share, 1 - leased(inputs.contracts)
    use = (energy_cost_usd, accepted_it_mw, axis, inputs)
    plan = _owner(bought, owned, owned * lease_free, *use)
    landlords = _owner(bought, rented_share, 1 - owned * lease_free, *use)
    index = agreed_index(bought.racks_delivered, bought.earlier, inputs, axis) if rented_share.any() else 1.0
    rent = rent_usd(producing_gpu_h, accepted_it_mw, rented_share, inputs, axis, index)
    lease = lease_usd(accepted_it_mw, owned, inputs, axis)
    assets = plan.assets
    lines = (
        *(assets.depreciation_it_usd, assets.depreciation_facility_usd, assets.write_off_usd),
        *(plan.energy, plan.operations, rent.sum(axis=1), lease.sum(axis=1)),
    )
    cost = np.stack(np.broadcast_arrays(*lines), axis=1)
    spent, run = assets.capital_usd.sum(axis=(1, 2)), cost[:, LOST:].sum(axis=1)
    days, paid_usd = _milestones(inputs.tranches, deployed_mw, axis)
    tranche, equity = by_month(days, paid_usd, axis), equity_by_month(inputs.equity, axis)
    loans = loans_of(spent, inputs)
    tax = tax_usd(revenue_usd - run - loans.interest_usd, assets, bought, inputs.tax)
    received = tranche + equity.sum(axis=0)
    gap = spent + run + loans.served_usd - loans.drawn_usd + tax - revenue_usd - received
    books = _books(plan, landlords, cost, revenue_usd, tranche, equity, loans, tax, inputs)
    return Accounts(
        capital_usd=assets.capital_usd,
        cost_usd=cost,
        cost_of_capital_usd=_cost_of_capital(assets, inputs),
        revenue_usd=revenue_usd,
        tranche_usd=tranche,
        tranche_days=days,
        tranche_paid_usd=paid_usd,
        equity_paid_usd=equity,
        guaranteed_usd=guaranteed_by_month(inputs.guaranties, axis),
        rent_usd=rent + lease,
        commitment_usd=commitment_usd(rent + lease, inputs, axis),
        vendor_flow_usd=plan.to_vendor,
        vendor_flow_landlords_usd=landlords.to_vendor,
        interest_usd=loans.interest_usd,
        tax_usd=tax,
        debt_usd=loans.owed_usd,
        debt_service_usd=loans.served_usd,
        debt_service_cover=loans.cover(revenue_usd - run - tax),
        funding_gap_usd=gap,
        book_value_usd=assets.book_value_usd,
        # What the income statement leaves, and what flows of cash took from the owners: apart from each other.
        equity_usd=books.worth_usd[:, 0] - running(books.cash_usd[:, 0]),
        cost_by_life_usd=_by_life(plan.assets, cost, inputs, bought),
        books=books,
        returns=returns_of(books, _in_use(books, plan, landlords), inputs, axis),
    )


def _cost_of_capital(assets: Assets, inputs: FinanceInputs) -> Array:
    """Return what the books must earn: book value when the month begins x the plan's rate for a month: (M, n)."""
    yearly = in_the_plans_prices(inputs.cost_of_capital.plan_per_year, inputs)
    return assets.book_value_usd[:, :-1] * column(monthly(yearly), 2)


def _owner(
    bought: Purchases,
    systems: Array,
    buildings: Array,
    energy_cost_usd: Array,
    accepted_it_mw: Array,
    axis: TimeAxis,
    inputs: FinanceInputs,
) -> _Owner:
    """Return what the owner of a share of the systems and buildings of each place has and pays."""
    assets = assets_of(bought, systems, buildings, inputs)
    energy = (energy_cost_usd * systems[:, None]).sum(axis=1)
    in_use = (accepted_it_mw * systems[:, None]).sum(axis=1)
    operations = column(inputs.costs.operations_usd_per_it_mw_year, 2) * in_use * axis.hours / HOURS_PER_YEAR
    within = slice(bought.earlier, bought.earlier + bought.months)
    to_vendor = _to_vendor(bought.racks_delivered[..., within], systems, inputs)
    return _Owner(assets=assets, energy=energy, operations=operations, to_vendor=to_vendor)


def _books(
    plan: _Owner,
    landlords: _Owner,
    cost: Array,
    revenue: Array,
    tranche: Array,
    equity: Array,
    loans: Loans,
    tax: Array,
    inputs: FinanceInputs,
) -> Books:
    """Return every party's books: cash from flows between two parties, worth from each one's income statement."""
    line = dict(zip(COST_LINES, np.moveaxis(cost, 1, 0), strict=True))
    by_vendor, by_others = _by_investor(tranche, equity, inputs)
    sold = plan.to_vendor + landlords.to_vendor
    kept = sold * column(inputs.vendor_margin_share, 2)
    flows = {
        "revenue": revenue,
        "systems of the vendor": plan.to_vendor,
        "other systems": plan.systems - plan.to_vendor,
        "facilities": plan.facilities,
        "energy": plan.energy,
        "operations": plan.operations,
        "rent": line["rental"],
        "lease": line["lease"],
        "tax": tax,
        "milestones and equity of the vendor": by_vendor,
        "milestones and equity of others": by_others,
        "loans": loans.drawn_usd,
        "interest": loans.interest_usd,
        "repayment": loans.repaid_usd,
        "landlords' systems of the vendor": landlords.to_vendor,
        "landlords' other systems": landlords.systems - landlords.to_vendor,
        "landlords' facilities": landlords.facilities,
        "landlords' energy": landlords.energy,
        "landlords' operations": landlords.operations,
        "what the vendor makes and buys": sold - kept,
    }
    own, theirs = plan.assets.book_value_usd, landlords.assets.book_value_usd
    earned = revenue - cost.sum(axis=1) - loans.interest_usd - tax
    let = line["rental"] + line["lease"] - landlords.lost - landlords.energy - landlords.operations
    bought = plan.assets.capital_usd.sum(axis=(1, 2)) + landlords.assets.capital_usd.sum(axis=(1, 2)) - kept
    used = line["energy"] + line["operations"] + landlords.energy + landlords.operations
    return books_of(
        flows,
        assets={
            PLAN: own,
            VENDOR: running(by_vendor),
            LANDLORDS: theirs,
            LENDERS: loans.owed_usd,
            INVESTORS: running(by_others),
        },
        debt=loans.owed_usd,
        worth={
            PLAN: own[:, :1] + running(earned + tranche + equity.sum(axis=0)),
            VENDOR: running(kept),
            LANDLORDS: theirs[:, :1] + running(let),
            LENDERS: running(loans.interest_usd),
            OTHERS: running(bought + used + tax - revenue),
        },
    )


def _in_use(books: Books, plan: _Owner, landlords: _Owner) -> Array:
    """Return what each party owns less what it owes, racks at their value in use: (M, Q, edge)."""
    owned = books.assets_usd - books.debt_usd
    for name, assets in ((PLAN, plan.assets), (LANDLORDS, landlords.assets)):
        owned[:, PARTIES.index(name)] += assets.value_in_use_usd - assets.book_value_usd
    return owned


def _by_investor(tranche: Array, equity: Array, inputs: FinanceInputs) -> tuple[Array, Array]:
    """Return what the vendor and what other investors pay for milestones and on dates: (M, n) each."""
    of_vendor = _is_vendor(inputs)
    tied, dated = of_vendor[0], of_vendor[1:, None]
    return tranche * tied + (equity * dated).sum(axis=0), tranche * ~tied + (equity * ~dated).sum(axis=0)


def _is_vendor(inputs: FinanceInputs) -> NDArray[np.bool_]:
    """Return whether the investor of the tranches, then each of the equity, is the vendor who is followed."""
    names = {inputs.costs.vendor} if inputs.costs.vendor else {g.vendor for g in inputs.generations if g.vendor}
    return np.array([i in names for i in (inputs.tranches.investor, *(e.investor for e in inputs.equity))])


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


def imbalance(accounts: Accounts) -> float:
    """Return the largest difference between what a party has and what it is worth, over the money that moved.

    What it has is cash from the flows between parties, and assets less debt; what it is worth follows from its income
    statement. One that no money reaches is in balance.

    Parameters
    ----------
    accounts : Accounts
        The accounts of a plan.

    Returns
    -------
    float
        Relative difference [1]; 0 where all books balance.
    """
    books = accounts.books
    return out_of_balance(books.cash_usd, books.assets_usd, books.debt_usd, books.worth_usd)


def _by_life(assets: Assets, cost: Array, inputs: FinanceInputs, bought: Purchases) -> Array:
    """Return total cost if IT lived each of some lives: (M, life, n)."""
    it = [COST_LINES.index("depreciation_it"), COST_LINES.index("write_off")]
    others = cost.sum(axis=1) - cost[:, it].sum(axis=1)
    path = "finance.costs.lives_compared_years"
    lives = inputs.costs.lives_compared_years
    return np.stack(
        np.broadcast_arrays(*[it_lost_over(assets, life, path, inputs, bought) + others for life in lives]), axis=1
    )
