"""Which site takes whose requests: near ones first, what they can't take to the next ones, stretch of day by stretch.

A router of regions knows the load of sites, not single requests: each stretch of the day has a share of each region's
requests at each site.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array

HOURS_OF_DAY = 24.0


def nearest_first(region_offset_h: Array, site_offset_h: Array) -> NDArray[np.intp]:
    """Return the sites by how far they lie from each region.

    Distance is that of their hours of the day, round the earth. A site without a place (nan) is near everybody.

    Parameters
    ----------
    region_offset_h, site_offset_h : Array, shape (region,) and (site,)
        Hours from UTC [h].

    Returns
    -------
    NDArray, shape (region, site)
        Places of the sites, the nearest first; of equals the first.

    Examples
    --------
    >>> nearest_first(np.array([-6.0, 9.0]), np.array([4.0, -5.0])).tolist()
    [[1, 0], [0, 1]]
    """
    apart = np.abs(region_offset_h[:, None] - site_offset_h[None, :])
    apart = np.minimum(apart, HOURS_OF_DAY - apart)
    return np.argsort(np.nan_to_num(apart, nan=0.0), axis=1, kind="stable")


def spread(demand_per_s: Array, capacity_per_s: Array, order: NDArray[np.intp], spill: float) -> Array:
    """Return the requests of each region that each site takes.

    Sites take requests of the regions that they are near to, up to a share of what they can serve; what is left asks
    the next site, and so on. What no site takes below that share goes to all by how much they could still serve, and
    beyond by how much they serve in all, so that nobody is turned away here.

    Parameters
    ----------
    demand_per_s : Array, shape (region,)
        Requests per second of each region [1/s].
    capacity_per_s : Array, shape (site,)
        Requests per second that each site can serve [1/s].
    order : NDArray, shape (region, site)
        Sites of each region, those first that it prefers.
    spill : float
        Share of its capacity up to which a site takes requests of those that prefer it [share].

    Returns
    -------
    Array, shape (region, site)
        Requests per second [1/s]; the sums over sites are the demand.

    Examples
    --------
    One region prefers the first site, which is full at 8 of 10; the rest goes to the second one:

    >>> spread(np.array([12.0]), np.array([10.0, 10.0]), np.array([[0, 1]]), 0.8).tolist()
    [[8.0, 4.0]]
    """
    left, found = demand_per_s.astype(float), np.zeros((len(demand_per_s), len(capacity_per_s)))
    room = spill * capacity_per_s
    for k in range(order.shape[1]):
        request_rate = np.zeros_like(found)
        request_rate[np.arange(len(left)), order[:, k]] = left
        total = request_rate.sum(axis=0)
        granted = request_rate * np.minimum(np.divide(room, total, out=np.ones_like(room), where=total > room), 1.0)
        found += granted
        room = np.maximum(room - granted.sum(axis=0), 0.0)
        left = left - granted.sum(axis=1)
    taken = found.sum(axis=0)
    for most in (np.maximum(capacity_per_s - taken, 0.0), capacity_per_s):
        rest = left.sum()
        if rest > 0 and most.sum() > 0:
            part = 1.0 if most is capacity_per_s else min(most.sum() / rest, 1.0)
            found += part * left[:, None] * most / most.sum()
            left = (1 - part) * left
    return found
