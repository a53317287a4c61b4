"""Contracts: what capacity that belongs to others costs, and how much of that is promised ahead."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.capital import by_generation
from gigaplan.finance.inputs import Contract, FinanceInputs
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS_PER_YEAR, TimeAxis


def by_place(contracts: tuple[Contract, ...], name: str) -> Array:
    """Return one term of each place's contract: (M or 1, P)."""
    return np.stack(np.broadcast_arrays(*[column(getattr(c, name), 1) for c in contracts]), axis=1)


def rent_usd(
    producing_gpu_h: Array, accepted_it_mw: Array, rented_share: Array, inputs: FinanceInputs, axis: TimeAxis
) -> Array:
    """Return the month's rent of each place [USD]: (M, P, n).

    Where the contract names a price per megawatt it is paid for what is accepted, used or not; else GPU-hours that
    produce are paid at their generation's rate.

    Parameters
    ----------
    producing_gpu_h : (M, G, P, n). accepted_it_mw : (M, P, n) mean over the month. rented_share : (P,).
    """
    per_mw = by_place(inputs.contracts, "usd_per_it_mw_year")[..., None]
    by_capacity = accepted_it_mw * per_mw * axis.hours / HOURS_PER_YEAR
    by_hour = (producing_gpu_h * by_generation(inputs, "rental_usd_per_gpu_h")[:, :, None, None]).sum(axis=1)
    return np.asarray(np.where(per_mw > 0, by_capacity, by_hour) * rented_share[:, None])


def lease_usd(accepted_it_mw: Array, owned_share: Array, inputs: FinanceInputs, axis: TimeAxis) -> Array:
    """Return the month's lease of buildings and power for owned systems [USD]: (M, P, n)."""
    per_mw = by_place(inputs.contracts, "lease_usd_per_it_mw_year")[..., None]
    return np.asarray(accepted_it_mw * owned_share[:, None] * per_mw * axis.hours / HOURS_PER_YEAR)


def commitment_usd(rent_and_lease_usd: Array, inputs: FinanceInputs, axis: TimeAxis) -> Array:
    """Return what is promised for the rest of each term for what is in use, at the month's rate [USD]: (M, edge).

    A place's term runs from the first month that pays; a contract without a term promises nothing.
    """
    years = by_place(inputs.contracts, "years")
    paying = rent_and_lease_usd > 0
    first = np.where(paying.any(axis=-1), paying.argmax(axis=-1), axis.months)
    begun = axis.edge_days[first] / HOURS_PER_YEAR * 24
    ends = (axis.edge_days[1:] / HOURS_PER_YEAR * 24)[None, None]
    left = np.clip(begun[..., None] + years[..., None] - ends, 0.0, years[..., None])
    yearly = rent_and_lease_usd / axis.hours * HOURS_PER_YEAR
    ahead = (yearly * left).sum(axis=1)
    return np.concatenate([np.zeros((ahead.shape[0], 1)), ahead], axis=-1)


def leased(contracts: tuple[Contract, ...]) -> Array:
    """Return whether each place's building is leased, so that no capital is spent on it: (P,) 0 or 1."""
    return np.asarray(by_place(contracts, "lease_usd_per_it_mw_year").max(axis=0) > 0, dtype=float)
