"""The clearing price: what a GPU-hour costs where all that buyers want at that price is just what there is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gigaplan.vocabulary.members import Array

STEPS = 40
"""Halvings of the interval of log prices: it ends narrower than a millionth."""


def clearing_log_price(needed: Callable[[Array], Array], supply: Array, low: Array, high: Array) -> Array:
    """Return the logarithm of the price at which what is needed equals supply.

    Bisection. Where even the lowest price leaves supply over, it is that price; where even the highest leaves demand
    unserved, it is that one. Since what is needed never grows with the price, more supply never raises it.

    Parameters
    ----------
    needed : callable
        Returns the need [any unit], which doesn't grow with the logarithm of the price, of prices of shape (M, n).
    supply : Array, shape (M, n)
        What there is, in the same unit.
    low, high : Array, shape (M, n)
        Logarithms of the lowest and the highest price.

    Returns
    -------
    Array, shape (M, n)
        Natural logarithm of the clearing price.
    """
    lower, upper = np.broadcast_arrays(low, high)
    lower, upper = np.array(lower), np.array(upper)
    for _ in range(STEPS):
        middle = (lower + upper) / 2
        short = needed(middle) > supply
        lower = np.where(short, middle, lower)
        upper = np.where(short, upper, middle)
    return np.asarray(np.where(needed(upper) > supply, high, upper))
