"""What suppliers can deliver in each month: racks by generation, and packaged GPUs in all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gigaplan.fleet.inputs import Generation, Ladder
from gigaplan.vocabulary.members import Array
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
    Array, shape (generation, month)
        Supply [racks/month].
    """
    rows = []
    for g in generations:
        ship = axis.days_since_start(g.first_ship_date)
        shipping = np.clip((axis.edge_days[1:] - ship) / np.diff(axis.edge_days), 0.0, 1.0)
        years = np.maximum(axis.mid_days - ship, 0.0) / DAYS_PER_YEAR
        ramp = g.supply_start_racks_per_month * (1 + g.supply_growth_per_year) ** np.minimum(years, LONGEST_RAMP_YEARS)
        rows.append(shipping * np.minimum(ramp, g.supply_cap_racks_per_month))
    return np.array(rows)


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
    Array, shape (month,)
        Supply [GPUs/month].
    """
    years = np.clip(axis.years_since(ladder.packaging_reference_date), -LONGEST_RAMP_YEARS, LONGEST_RAMP_YEARS)
    ramp = ladder.packaging_start_gpus_per_month * (1 + ladder.packaging_growth_per_year) ** years
    return np.minimum(ramp, ladder.packaging_cap_gpus_per_month)


def newest_shipping(generations: Sequence[Generation], axis: TimeAxis, among: Sequence[str] = ()) -> Array:
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
    Array, shape (month,)
        Index of the generation, -1 before any ships.
    """
    chosen = [not among or g.name in among for g in generations]
    ship = np.array([axis.days_since_start(g.first_ship_date) for g in generations])
    ship = np.where(chosen, ship, np.inf)
    shipping = ship[:, None] < axis.edge_days[1:]
    newest = np.where(shipping, ship[:, None], -np.inf).argmax(axis=0)
    return np.where(shipping.any(axis=0), newest, -1)
