"""Contracts: what rented and leased capacity costs, and how much of that is committed ahead."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.capital import by_generation
from gigaplan.finance.inputs import Contract, FinanceInputs
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS_PER_YEAR, TimeAxis


def by_place(contracts: tuple[Contract, ...], name: str) -> Array:
    """Return one term of each place's contract.

    Parameters
    ----------
    contracts : tuple[Contract, ...]
        One contract for each place.
    name : str
        Field of :class:`~gigaplan.finance.inputs.Contract`.

    Returns
    -------
    Array, shape (M or 1, P)
        The term, in the unit of its field.
    """
    return np.stack(np.broadcast_arrays(*[column(getattr(c, name), 1) for c in contracts]), axis=1)


def rent_usd(
    producing_gpu_h: Array,
    accepted_it_mw: Array,
    rented_share: Array,
    inputs: FinanceInputs,
    axis: TimeAxis,
    index: Array | float = 1.0,
) -> Array:
    """Return the month's rent of each place.

    Where the contract names a price per megawatt it is paid for what is accepted, used or not; otherwise the
    GPU-hours of producing racks are paid at their generation's rate.

    Parameters
    ----------
    producing_gpu_h : Array, shape (M, G, P, n)
        GPU-hours of producing racks [GPU h].
    accepted_it_mw : Array, shape (M, P, n)
        IT power of accepted racks, mean over the month [MW].
    rented_share : Array, shape (P,)
        Share of each place that is rented [1].
    inputs : FinanceInputs
        Contracts and rental rates.
    axis : TimeAxis
        Months of the horizon.
    index : Array | float, shape (M, G, P, n)
        Rent of a GPU-hour as it was agreed on, over that of the reference date [1].

    Returns
    -------
    Array, shape (M, P, n)
        Rent [USD].
    """
    per_mw = by_place(inputs.contracts, "usd_per_it_mw_year")[..., None]
    by_capacity = accepted_it_mw * per_mw * axis.hours / HOURS_PER_YEAR
    rate = by_generation(inputs, "rental_usd_per_gpu_h")[:, :, None, None] * index
    by_hour = (producing_gpu_h * rate).sum(axis=1)
    return np.asarray(np.where(per_mw > 0, by_capacity, by_hour) * rented_share[:, None])


def lease_usd(accepted_it_mw: Array, owned_share: Array, inputs: FinanceInputs, axis: TimeAxis) -> Array:
    """Return the month's lease of buildings and power for owned systems.

    Parameters
    ----------
    accepted_it_mw : Array, shape (M, P, n)
        IT power of accepted racks, mean over the month [MW].
    owned_share : Array, shape (P,)
        Share of each place whose systems are owned [1].
    inputs : FinanceInputs
        Contracts and rental rates.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M, P, n)
        Lease [USD].
    """
    per_mw = by_place(inputs.contracts, "lease_usd_per_it_mw_year")[..., None]
    return np.asarray(accepted_it_mw * owned_share[:, None] * per_mw * axis.hours / HOURS_PER_YEAR)


def commitment_usd(rent_and_lease_usd: Array, inputs: FinanceInputs, axis: TimeAxis) -> Array:
    """Return what is committed for the rest of each term for capacity in use, at the month's rate.

    A place's term runs from its first month with a payment; a contract without a term commits to nothing.

    Parameters
    ----------
    rent_and_lease_usd : Array, shape (M, P, n)
        Rent and lease of the month [USD].
    inputs : FinanceInputs
        Contracts and their terms.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M, edge)
        Commitment [USD]; 0 at the first edge.
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
    """Return whether each place's building is leased, so that no capital is spent on it.

    Parameters
    ----------
    contracts : tuple[Contract, ...]
        One contract for each place.

    Returns
    -------
    Array, shape (P,)
        1 where the building is leased, else 0.
    """
    return np.asarray(by_place(contracts, "lease_usd_per_it_mw_year").max(axis=0) > 0, dtype=float)
