"""What suppliers can deliver in each month: racks by generation, and packaged GPUs in all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gigaplan.fleet.inputs import Generation, Ladder
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

LONGEST_RAMP_YEARS = 50
"""No ramp grows longer than this: keeps the power finite; caps bind long before."""


def rack_supply(generations: Sequence[Generation], axis: TimeAxis) -> Array:
    """Return the racks of each generation that can be had in each month.

    Equation: ``start (1 + growth)^t`` up to the cap, t [years] since the first shipment; the first month counts
    for the part of it after that day. What is not taken is lost.

    Parameters
    ----------
    generations : Sequence[Generation]
        The generations.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (member or 1, generation, month)
        Supply [racks/month].
    """
    rows = []
    for g in generations:
        ship = ship_days(g, axis)
        shipping = np.clip((axis.edge_days[1:] - ship) / np.diff(axis.edge_days), 0.0, 1.0)
        years = np.maximum(axis.mid_days - ship, 0.0) / DAYS_PER_YEAR
        growth = (1 + column(g.supply_growth_per_year, 2)) ** np.minimum(years, LONGEST_RAMP_YEARS)
        ramp = column(g.supply_start_racks_per_month, 2) * growth
        rows.append(shipping * np.minimum(ramp, column(g.supply_cap_racks_per_month, 2)))
    return np.stack(np.broadcast_arrays(*rows), axis=1)


def ship_days(generation: Generation, axis: TimeAxis) -> Array:
    """Return the day of a generation's first shipment since the start of the horizon.

    Parameters
    ----------
    generation : Generation
        The generation.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (member or 1, 1)
        Day, negative before the horizon [day].
    """
    return axis.days_since_start(generation.first_ship_date) + column(generation.first_ship_date_delay_days, 2)


def packaging_supply(ladder: Ladder, axis: TimeAxis) -> Array:
    """Return the packaged GPUs that can be had in each month, over all generations.

    Equation: ``start (1 + growth)^t`` up to the cap, t [years] since the ramp's reference date, negative before it.

    Parameters
    ----------
    ladder : Ladder
        Source of the ramp and its cap.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (member or 1, month)
        Supply [GPUs/month].
    """
    years = np.clip(axis.years_since(ladder.packaging_reference_date), -LONGEST_RAMP_YEARS, LONGEST_RAMP_YEARS)
    ramp = column(ladder.packaging_start_gpus_per_month, 2) * (1 + column(ladder.packaging_growth_per_year, 2)) ** years
    return np.minimum(ramp, column(ladder.packaging_cap_gpus_per_month, 2))


def newest_shipping(generations: Sequence[Generation], axis: TimeAxis, among: Sequence[str] = ()) -> NDArray[np.int64]:
    """Return the newest generation that ships by the end of each month.

    Parameters
    ----------
    generations : Sequence[Generation]
        The generations.
    axis : TimeAxis
        Months of the horizon.
    among : Sequence[str]
        Names of the generations to choose from; empty: all.

    Returns
    -------
    NDArray[np.int64], shape (member or 1, month)
        Index of the generation, -1 before any ships.
    """
    chosen = [not among or g.name in among for g in generations]
    ship = np.stack(np.broadcast_arrays(*[ship_days(g, axis) for g in generations]), axis=1)  # (M, G, 1)
    ship = np.where(np.array(chosen)[:, None], ship, np.inf)
    shipping = ship < axis.edge_days[1:]
    newest = np.where(shipping, ship, -np.inf).argmax(axis=1)
    return np.where(shipping.any(axis=1), newest, -1)
