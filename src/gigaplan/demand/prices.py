"""What demand does when prices move, and how a price follows cost or the market."""

from __future__ import annotations

import numpy as np

from gigaplan.vocabulary.members import Array

HIGHEST_LOG = 30.0
"""Bound of a price's logarithm, so that no price overflows."""


def demand_factor(log_index: Array, elasticity: Array, saturation: Array) -> Array:
    """Return demand over that at the reference price.

    ``K ^ (1 - i ^ b)`` with ``b = -e / ln K``: 1 at the reference price, with the elasticity ``e`` there; ``K`` where
    there is no price, since a day has an end; ever more elastic as prices rise, since budgets have one too. It is the
    share of buyers who would pay as much if what they would pay is spread as by Weibull (1951).

    Parameters
    ----------
    log_index : Array
        Natural logarithm of the price over the reference price [1].
    elasticity : Array
        Relative change of demand over that of the price at the reference price, 0 or below [1].
    saturation : Array
        Demand at no price over that at the reference price, above 1 [1].

    Returns
    -------
    Array
        Demand over that at the reference price [1], in the broadcast shape.

    Examples
    --------
    >>> float(demand_factor(np.log(0.5), np.array(-1.0), np.array(4.0)).round(3))
    1.725
    """
    widest = np.log(saturation)
    power = np.minimum(log_index * (-elasticity / widest), HIGHEST_LOG)
    return np.asarray(np.exp(-widest * np.expm1(power)))


def followed(log_target: Array, start: Array, months: Array) -> Array:
    """Return the logarithm of prices that follow a target month by month with a lag.

    Each month a price closes the part ``1 - exp(-1 / months)`` of its distance to the target (partial adjustment,
    Nerlove 1958). Up to its start, and where there is no target, it stays.

    Parameters
    ----------
    log_target : Array, shape (M, W, n)
        Natural logarithm of what the price follows, over its value at the start; nan where there is none.
    start : Array of int, shape (M, W)
        Month from which the price follows.
    months : Array, shape (M, 1) or (1, 1)
        Mean lag [months], above 0.

    Returns
    -------
    Array, shape (M, W, n)
        Natural logarithm of the price over that at the start; 0 up to it.
    """
    part = 1 - np.exp(-1 / months)
    moves = (np.arange(log_target.shape[-1]) > start[..., None]) & np.isfinite(log_target)
    target = np.ascontiguousarray(np.moveaxis(np.where(moves, log_target, 0.0), -1, 0))
    closed = np.ascontiguousarray(np.moveaxis(np.where(moves, part[..., None], 0.0), -1, 0))
    found = np.zeros_like(target)
    for n in range(1, len(target)):
        last = found[n - 1]
        found[n] = last + closed[n] * (target[n] - last)
    return np.ascontiguousarray(np.moveaxis(found, 0, -1))
