"""Who pays whom: flows of money between parties, and each party's books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gigaplan.finance.depreciation import running
from gigaplan.vocabulary.members import Array

PARTIES = ("plan", "vendor", "landlords", "lenders", "investors", "others")
"""The plan; the vendor who invests; owners of rented systems and leased buildings; lenders; investors other than the
vendor; and the rest of the world: users, other suppliers, utilities, staff and the state."""
PLAN, VENDOR, LANDLORDS, LENDERS, INVESTORS, OTHERS = PARTIES
FLOWS: Mapping[str, tuple[str, str]] = {
    "revenue": (OTHERS, PLAN),
    "systems of the vendor": (PLAN, VENDOR),
    "other systems": (PLAN, OTHERS),
    "facilities": (PLAN, OTHERS),
    "energy": (PLAN, OTHERS),
    "operations": (PLAN, OTHERS),
    "rent": (PLAN, LANDLORDS),
    "lease": (PLAN, LANDLORDS),
    "tax": (PLAN, OTHERS),
    "milestones and equity of the vendor": (VENDOR, PLAN),
    "milestones and equity of others": (INVESTORS, PLAN),
    "loans": (LENDERS, PLAN),
    "interest": (PLAN, LENDERS),
    "repayment": (PLAN, LENDERS),
    "landlords' systems of the vendor": (LANDLORDS, VENDOR),
    "landlords' other systems": (LANDLORDS, OTHERS),
    "landlords' facilities": (LANDLORDS, OTHERS),
    "landlords' energy": (LANDLORDS, OTHERS),
    "landlords' operations": (LANDLORDS, OTHERS),
    "what the vendor makes and buys": (VENDOR, OTHERS),
}
"""Every flow of money, with who pays it and who receives it."""
SHAREHOLDERS = ("milestones and equity of the vendor", "milestones and equity of others")
"""What shareholders pay in: no return of the plan, which is theirs together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Books of every party [USD]. Shapes: member M, flow F (``FLOWS``), party Q (``PARTIES``), month n, edge n + 1.

    Cash counts from the start of the horizon; below 0 it is what a party's owners have put in.
    """

    flow_usd: Array
    """(M, F, n) paid in the month."""
    cash_usd: Array
    """(M, Q, n) received less paid in the month."""
    assets_usd: Array
    """(M, Q, edge) owned besides cash, at book value; loans and shares at what was paid for them."""
    debt_usd: Array
    """(M, Q, edge) owed."""
    worth_usd: Array
    """(M, Q, edge) what was owned at the start, paid in by other parties for shares, and earned since."""


def books_of(flows: Mapping[str, Array], assets: Mapping[str, Array], debt: Array, worth: Mapping[str, Array]) -> Books:
    """Return the books of every party.

    Parameters
    ----------
    flows : Mapping[str, Array], of shape (M, n)
        Each flow of ``FLOWS`` [USD].
    assets : Mapping[str, Array], of shape (M, edge)
        What parties own besides cash [USD]; nothing where a party is missing.
    debt : Array, shape (M, edge)
        What the plan owes [USD].
    worth : Mapping[str, Array], of shape (M, edge)
        What parties had, were paid in and have earned by their own income statements [USD].

    Returns
    -------
    Books
        Flows, cash and balances.
    """
    stacked = np.stack(np.broadcast_arrays(*[flows[name] for name in FLOWS]), axis=1)
    edges = (len(stacked), stacked.shape[-1] + 1)

    def by_party(values: Mapping[str, Array]) -> Array:
        return np.stack([np.broadcast_to(values.get(name, np.zeros(edges)), edges) for name in PARTIES], axis=1)

    cash = np.einsum("fq,mfn->mqn", incidence(), stacked)
    return Books(
        flow_usd=stacked,
        cash_usd=cash,
        assets_usd=by_party(assets),
        debt_usd=by_party({PLAN: debt}),
        worth_usd=by_party(worth),
    )


def incidence() -> Array:
    """Return 1 where a party receives a flow and -1 where it pays it.

    Returns
    -------
    Array, shape (F, Q)
        The signs [1]; each row adds up to 0.
    """
    signs = np.zeros((len(FLOWS), len(PARTIES)))
    for k, (payer, receiver) in enumerate(FLOWS.values()):
        signs[k, PARTIES.index(payer)] -= 1
        signs[k, PARTIES.index(receiver)] += 1
    return signs


def out_of_balance(cash_usd: Array, assets_usd: Array, debt_usd: Array, worth_usd: Array) -> float:
    """Return the largest difference between what a party has and what it is worth, over the money that moved.

    Parameters
    ----------
    cash_usd : Array, shape (M, Q, n)
        Received less paid in the month [USD].
    assets_usd, debt_usd, worth_usd : Array, shape (M, Q, edge)
        As in :class:`Books` [USD].

    Returns
    -------
    float
        Relative difference [1]; 0 where all books balance.
    """
    gap = np.abs(running(cash_usd) + assets_usd - debt_usd - worth_usd).max(initial=0)
    scale = max(float(np.abs(cash_usd).sum(axis=-1).max(initial=0)), float(np.abs(assets_usd).max(initial=0)))
    return float(gap) / scale if scale else 0.0
