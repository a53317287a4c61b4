"""Capital: what racks, the network between them and the buildings around them cost."""

from __future__ import annotations

import numpy as np

from gigaplan.finance.inputs import FinanceInputs
from gigaplan.vocabulary.members import Array, Uncertain, column


def capital_by_part(
    racks_delivered: Array,
    ready_mw_added: Array,
    owned_share: Array,
    inputs: FinanceInputs,
    built_share: Array | None = None,
) -> Array:
    """Return the capital spent on owned capacity, by generation and component.

    Equations, month by month: racks = delivered x price; network = racks x network share; facility = IT megawatts
    made ready x price per megawatt, all paid in the month in which they are delivered or made ready. A month's
    facility is booked under the generations whose racks arrive in it, by what they cost, or under the last
    generation when none do, so that the parts add up to the whole.

    Parameters
    ----------
    racks_delivered : Array, shape (M, G, P, n)
        Racks delivered in the month [racks].
    ready_mw_added : Array, shape (M, P, n)
        IT power made ready in the month [MW].
    owned_share : Array, shape (P,)
        Share of each place whose systems are owned [1].
    inputs : FinanceInputs
        Prices of racks, network and facilities.
    built_share : Array | None, shape (P,)
        Share of each place whose building is bought too [1] (default: as owned); leased buildings are not.

    Returns
    -------
    Array, shape (M, G, C, n)
        Capital spent [USD]; C as in ``COMPONENTS``.
    """
    built = owned_share if built_share is None else built_share
    bought = (racks_delivered * owned_share[:, None]).sum(axis=2)  # (M, G, n)
    rack_usd = bought * by_generation(inputs, "rack_price_usd")[:, :, None]
    network_usd = rack_usd * column(inputs.costs.network_share, 3)
    facility_usd = column(inputs.costs.facility_usd_per_it_mw, 2) * (ready_mw_added * built[:, None]).sum(axis=1)
    total = rack_usd.sum(axis=1, keepdims=True)
    share = np.divide(rack_usd, total, out=np.zeros_like(rack_usd), where=total > 0)
    share[:, -1:] += np.where(total > 0, 0.0, 1.0)
    parts = np.broadcast_arrays(rack_usd, network_usd, share * facility_usd[:, None])
    return np.stack(parts, axis=2)


def by_generation(inputs: FinanceInputs, name: str) -> Array:
    """Return a price by generation.

    Parameters
    ----------
    inputs : FinanceInputs
        Inputs of the room.
    name : str
        Field of :class:`~gigaplan.finance.inputs.GenerationCost`.

    Returns
    -------
    Array, shape (M or 1, G)
        The price, in the unit of its field.
    """
    values: list[Uncertain] = [getattr(g, name) for g in inputs.generations]
    return np.stack(np.broadcast_arrays(*[column(v, 1) for v in values]), axis=1)
