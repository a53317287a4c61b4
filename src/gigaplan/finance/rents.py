"""Rents of GPU-hours over time: through published rents, then on by a rate."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.capital import by_generation
from gigaplan.finance.depreciation import MONTHS_PER_YEAR, aged, months_of, running
from gigaplan.finance.inputs import FinanceInputs, Rents
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis


def rent_index(rents: Rents, axis: TimeAxis) -> Array:
    """Return the rent of a GPU of one kind in the middle of each month over that of the reference date.

    Linear in the logarithm between published rents, level before the first, and on by the yearly change after the
    last. Without published rents nothing is known to move before the reference date.

    Parameters
    ----------
    rents : Rents
        Published rents, the change after them and the reference date.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M or 1, n)
        The index [1].
    """
    points = sorted(rents.published) or [(rents.reference_date, 1.0)]
    days = np.array([axis.days_since_start(day) for day, _ in points])
    logs = np.log([value for _, value in points])
    yearly = np.log1p(column(rents.change_per_year, 2))

    def log_rent(day: Array) -> Array:
        return np.interp(day, days, logs) + yearly * np.maximum(day - days[-1], 0.0) / DAYS_PER_YEAR

    at = np.array([axis.days_since_start(rents.reference_date)])
    return np.asarray(np.exp(log_rent(axis.mid_days) - log_rent(at)))


def rents_by_month(inputs: FinanceInputs, axis: TimeAxis) -> Array:
    """Return the contract rent of a GPU-hour of each generation in each month.

    Parameters
    ----------
    inputs : FinanceInputs
        Rents by generation and how they move.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M or 1, G, n)
        Rent [USD/h].
    """
    return by_generation(inputs, "rental_usd_per_gpu_h")[:, :, None] * rent_index(inputs.rents, axis)[:, None]


def agreed_index(racks_delivered: Array, earlier: int, inputs: FinanceInputs, axis: TimeAxis) -> Array:
    """Return the rent that is paid for racks in service over that of the reference date, as it was agreed on.

    A rent is agreed on in the month of delivery and again after each term of the contract, and stands in between: the
    fleet pays the mean of the months in which the rents of its racks were agreed on.

    Parameters
    ----------
    racks_delivered : Array, shape (M, G, P, N)
        Racks delivered in each month, those before the horizon included [racks].
    earlier : int
        Months before the horizon among them.
    inputs : FinanceInputs
        How rents move, terms of contracts, and time in service.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M, G, P, n)
        The index, weighted by the racks in service in the middle of each month; that of the month where there are
        none [1].
    """
    whole = axis.extended(earlier, racks_delivered.shape[-1] - earlier - axis.months)
    now = rent_index(inputs.rents, whole)  # (M or 1, N)
    service = months_of(inputs.service_life_years)[:, :, None]  # (M or 1, G, 1)
    own = [c.years for c in inputs.contracts]
    terms = np.stack(
        np.broadcast_arrays(*[column(y or inputs.rents.contract_years, 1) for y in own]), axis=1
    )  # (M or 1, P)
    term = np.maximum(terms[:, None] * MONTHS_PER_YEAR, 1.0)  # (M or 1, 1, P)
    members = max(len(racks_delivered), len(now), len(service), len(term))
    bought = np.broadcast_to(racks_delivered, (members, *racks_delivered.shape[1:]))
    weighted, standing = np.zeros(bought.shape), np.zeros(bought.shape)
    for k in range(int(np.ceil(float(np.max(service / term))))):
        begins, ends = (np.minimum(term * turn, service) for turn in (k, k + 1))
        at_rent = bought * _later(now, np.broadcast_to(term * k, (members, *bought.shape[1:3])))
        for total, flow in ((weighted, at_rent), (standing, bought)):
            total += _mid(aged(running(flow), begins) - aged(running(flow), ends))
    found = np.divide(weighted, standing, out=np.zeros_like(weighted), where=standing > 0)
    found = np.where(standing > 0, found, now[:, None, None])
    return np.asarray(found[..., earlier : earlier + axis.months])


def _later(index: Array, months: Array) -> Array:
    """Return an index, (M or 1, N), as it stands some months later, (M, G, P): (M, G, P, N), level at its end."""
    last = index.shape[-1] - 1
    at = np.minimum(np.arange(last + 1) + np.round(months).astype(int)[..., None], last)
    return np.asarray(np.take_along_axis(np.broadcast_to(index[:, None, None], at.shape), at, axis=-1))


def _mid(on_edges: Array) -> Array:
    """Return the mean over each month of what stands on edges."""
    return np.asarray((on_edges[..., :-1] + on_edges[..., 1:]) / 2)
