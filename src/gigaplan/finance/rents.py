"""Rents of GPU-hours over time: through published rents, then on by a rate."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.capital import by_generation
from gigaplan.finance.depreciation import MONTHS_PER_YEAR, running
from gigaplan.finance.inputs import FinanceInputs, Rents
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

NO_RACKS = 1e-9
"""Fewer racks than this are none."""


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
        known: Array = np.interp(day, days, logs)
        return np.asarray(known + yearly * np.maximum(day - days[-1], 0.0) / DAYS_PER_YEAR)

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
    fleet pays the mean of what was agreed on for its racks. Terms and times in service count in whole months here, the
    latter those of the central member.

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
    members = max(len(racks_delivered), len(now))
    within = slice(earlier, earlier + axis.months)
    shape = (members, *racks_delivered.shape[1:3], axis.months)
    found = np.broadcast_to(now[:, None, None, within], shape).copy()
    bought = np.asarray((racks_delivered > 0).any(axis=(0, 3)))
    for g, generation in enumerate(inputs.generations):
        life = max(round(float(np.ravel(generation.service_life_years)[0]) * MONTHS_PER_YEAR), 1)
        for p in np.flatnonzero(bought[g]):
            years = inputs.contracts[p].years or inputs.rents.contract_years
            term = max(round(years * MONTHS_PER_YEAR), 1)
            paid = _agreed(racks_delivered[:, g, p], now, term, life)[:, within]
            found[:, g, p] = np.where(paid > 0, paid, found[:, g, p])
    return found


def _agreed(flow: Array, now: Array, term: int, life: int) -> Array:
    """Return the mean of the rents that racks in service pay, 0 without racks: (M, N).

    Those that are ``k`` terms old pay what was agreed on in the month of their delivery plus ``k`` terms.
    """
    months = flow.shape[-1]
    weighted = standing = np.zeros(1)
    for begins in range(0, min(life, months), term):
        ends = min(begins + term, life)
        later = now[:, np.minimum(np.arange(months) + begins, months - 1)]
        weighted = weighted + _held(flow * later, begins, ends)
        standing = standing + _held(flow, begins, ends)
    return np.divide(weighted, standing, out=np.zeros_like(weighted), where=standing > NO_RACKS)


def _held(flow: Array, begins: int, ends: int) -> Array:
    """Return what was bought between two ages before, mean over each month."""
    on_edges = running(flow)
    edges = on_edges.shape[-1]

    def before(months: int) -> Array:
        out = np.zeros_like(on_edges)
        if months < edges:
            out[..., months:] = on_edges[..., : edges - months]
        return out

    window = before(begins) - before(ends)
    return np.asarray((window[..., :-1] + window[..., 1:]) / 2)
