"""Rules by which scarce capacity is shared out among all who ask for it, instead of going to one after the other."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array

SharingRule = Literal["proportional", "max_min"]


def allocate_by_shares(
    demand_share: Array,
    capacity: Array,
    deferrable: NDArray[np.bool_],
    guaranteed_share: Array,
    rule: SharingRule,
) -> tuple[Array, Array]:
    """Return allocated interactive work by hour and allocated deferrable work by day, both as shares of the fleet.

    Guaranteed parts first, then the rest. Interactive work shares each hour, and all work the day: what interactive
    work was given in its hours is cut by the day's share of its workload. As much of the fleet serves as by merit
    order, since whoever can still be served is.

    Parameters
    ----------
    demand_share : Array, shape (M, W, n, D, H)
        Share of the fleet that would serve all demand [1].
    capacity : Array, shape (M, n, D, H)
        Share of the fleet free for serving [1].
    deferrable : NDArray[np.bool_], shape (W,)
        Whether a workload may run at any hour of its day.
    guaranteed_share : Array, shape (W,) or (M, W)
        Share of demand that is served before anything else.
    rule : SharingRule
        How capacity is shared, as :func:`ration` takes it.

    Returns
    -------
    tuple[Array, Array]
        Interactive work by hour [1], shape (M, W, n, D, H), and deferrable work by day [h], shape (M, W, n, D).
    """
    free = np.array(capacity)
    slack = free.sum(axis=-1)
    hourly = np.zeros((free.shape[0], *demand_share.shape[1:]))
    daily = np.zeros(hourly.shape[:-1])
    by_day = deferrable[:, None, None]
    for part in (np.atleast_2d(guaranteed_share), 1 - np.atleast_2d(guaranteed_share)):
        demand = part[:, :, None, None, None] * demand_share
        fits = ration(np.where(by_day[..., None], 0.0, demand), free, rule)
        total = np.where(by_day, demand.sum(axis=-1), fits.sum(axis=-1))
        taken = ration(total, slack, rule)
        fits *= np.divide(taken, total, out=np.ones_like(total), where=total > taken)[..., None]
        hourly += fits
        daily += np.where(by_day, taken, 0.0)
        free = np.maximum(free - fits.sum(axis=1), 0.0)
        slack = np.maximum(slack - taken.sum(axis=1), 0.0)
    return hourly, daily


def ration(demand: Array, capacity: Array, rule: SharingRule) -> Array:
    """Return who gets how much of what there is.

    Proportional: the same share of what each wants. Max-min: the same amount each, but nobody more than it demands, so
    that the smallest wants are met first (progressive filling).

    Source: Bertsekas & Gallager (1992), Data Networks, 2nd ed., section 6.5.2.

    Parameters
    ----------
    demand : Array, shape (M, W, ...)
        What each workload wants.
    capacity : Array, shape (M, ...)
        What there is.
    rule : SharingRule
        ``proportional`` or ``max_min``.

    Returns
    -------
    Array, shape (M, W, ...)
        What each gets; all of it where there is enough.

    Examples
    --------
    >>> wants = np.array([[1.0, 4.0, 5.0]])
    >>> ration(wants, np.array([5.0]), "proportional").tolist()
    [[0.5, 2.0, 2.5]]
    >>> ration(wants, np.array([5.0]), "max_min").tolist()
    [[1.0, 2.0, 2.0]]
    """
    total = demand.sum(axis=1)
    if rule == "proportional":
        share = np.divide(
            capacity, total, out=np.ones(np.broadcast_shapes(capacity.shape, total.shape)), where=total > capacity
        )
        return np.asarray(demand * share[:, None])
    return np.asarray(np.minimum(demand, np.where(total > capacity, _level(demand, capacity), np.inf)[:, None]))


def _level(demand: Array, capacity: Array) -> Array:
    """Return the most that anyone gets, so that all of what there is is given out: the highest of the levels at which
    the smallest wants are met and the others share the rest."""
    smallest_first = np.sort(demand, axis=1)
    count = demand.shape[1]
    met = np.zeros_like(smallest_first[:, 0])
    level = capacity / count
    for k in range(1, count):
        met = met + smallest_first[:, k - 1]
        level = np.maximum(level, (capacity - met) / (count - k))
    return np.asarray(level)
