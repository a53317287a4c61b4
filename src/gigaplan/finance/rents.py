"""Rents of GPU-hours over time: through published rents, then on by a rate, with the age of the generation."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.capital import by_generation
from gigaplan.finance.depreciation import MONTHS_PER_YEAR, running
from gigaplan.finance.inputs import FinanceInputs, Rents
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

NO_RACKS = 1e-9
"""Fewer racks than this are none."""


def rent_index(inputs: FinanceInputs, axis: TimeAxis) -> Array:
    """Return the rent of a GPU of each generation in the middle of each month over its stated one.

    The market's rent is linear in the logarithm between published rents, level before the first, and on by the yearly
    change after the last; without published rents nothing is known to move before the reference date. The stated
    rent of a generation is the market's on the reference date. One that ships later rents for it when it first ships
    and falls with the market from then on: the change of rents is that of an ageing product.

    Parameters
    ----------
    inputs : FinanceInputs
        Published rents, the change after them, their reference date, and when each generation first ships.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (M or 1, G, n)
        The index [1].
    """
    at = float(axis.days_since_start(inputs.rents.reference_date))
    since = np.maximum(_first_supply_days(inputs, axis, at), at)[..., None]  # (M or 1, G, 1)
    day = np.where(since > at, np.maximum(axis.mid_days, since), axis.mid_days)
    return np.asarray(np.exp(_log_rent(inputs.rents, axis, day) - _log_rent(inputs.rents, axis, since)))


def _first_supply_days(inputs: FinanceInputs, axis: TimeAxis, otherwise: float) -> Array:
    """Return the day of each generation's first shipment since the start of the horizon: (M or 1, G) [day]."""
    rows = [
        otherwise
        if g.first_supply_date is None
        else axis.days_since_start(g.first_supply_date) + np.asarray(g.first_supply_date_delay_days, dtype=float)
        for g in inputs.generations
    ]
    return np.stack(np.broadcast_arrays(*[column(row, 1) for row in rows]), axis=1)


def _log_rent(rents: Rents, axis: TimeAxis, day: Array) -> Array:
    """Return the logarithm of the market's rent of an ageing GPU on some days: (M or 1, G, day)."""
    points = sorted(rents.published) or [(rents.reference_date, 1.0)]
    days = np.array([axis.days_since_start(date) for date, _ in points])
    yearly = np.log1p(column(rents.change_per_year, 3))
    known: Array = np.interp(day, days, np.log([value for _, value in points]))
    return np.asarray(known + yearly * np.maximum(day - days[-1], 0.0) / DAYS_PER_YEAR)


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
    return by_generation(inputs, "rental_usd_per_gpu_h")[:, :, None] * rent_index(inputs, axis)


def agreed_index(racks_delivered: Array, earlier: int, inputs: FinanceInputs, axis: TimeAxis) -> Array:
    """Return the rent that is paid for racks in service over the stated one of their generation, as it was agreed on.

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
    now = rent_index(inputs, whole)  # (M or 1, G, N)
    members = max(len(racks_delivered), len(now))
    within = slice(earlier, earlier + axis.months)
    shape = (members, *racks_delivered.shape[1:3], axis.months)
    found = np.broadcast_to(now[:, :, None, within], shape).copy()
    bought = np.asarray((racks_delivered > 0).any(axis=(0, 3)))
    for g, generation in enumerate(inputs.generations):
        life = max(round(float(np.ravel(generation.service_life_years)[0]) * MONTHS_PER_YEAR), 1)
        for p in np.flatnonzero(bought[g]):
            years = inputs.contracts[p].years or inputs.rents.contract_years
            term = max(round(years * MONTHS_PER_YEAR), 1)
            paid = _agreed(racks_delivered[:, g, p], now[:, g], term, life)[:, within]
            found[:, g, p] = np.where(paid > 0, paid, found[:, g, p])
    return found


def _agreed(flow: Array, now: Array, term: int, life: int) -> Array:
    """Return the mean of the rents that racks in service pay, 0 without racks: (M, N).

    Those that are ``k`` terms old pay what was agreed on in the month of their delivery plus ``k`` terms.
    """
    months = flow.shape[-1]
    bought = running(flow)
    weighted = standing = np.zeros(1)
    for begins in range(0, min(life, months), term):
        ends = min(begins + term, life)
        later = now[:, np.minimum(np.arange(months) + begins, months - 1)]
        weighted = weighted + _held(running(flow * later), begins, ends)
        standing = standing + _held(bought, begins, ends)
    return np.divide(weighted, standing, out=np.zeros_like(weighted), where=standing > NO_RACKS)


def _held(on_edges: Array, begins: int, ends: int) -> Array:
    """Return what was bought between two ages before, mean over each month, of all that was bought by each edge."""
    edges = on_edges.shape[-1]

    def before(months: int) -> Array:
        out = np.zeros_like(on_edges)
        if months < edges:
            out[..., months:] = on_edges[..., : edges - months]
        return out

    window = before(begins) - before(ends)
    return np.asarray((window[..., :-1] + window[..., 1:]) / 2)
