"""Shadow prices: what one more GPU-hour would be worth while demand is unserved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array

NOTHING = 1e-9
"""Refused requests below this share of demand are rounding."""


def is_unserved(refused: Array, demand: Array) -> NDArray[np.bool_]:
    """Return whether part of a workload's demand in an hour stays unserved.

    Parameters
    ----------
    refused : Array, shape (M, W, n, D, H)
        Requests refused [1/h].
    demand : Array, shape (M, W, n, D, H)
        Demand [1/h].

    Returns
    -------
    NDArray[np.bool_], shape (M, W, n, D, H)
        True where more than rounding is refused.
    """
    return np.asarray(refused > NOTHING * demand)


def shadow_price(value_usd_per_gpu_h: Array, unserved: NDArray[np.bool_]) -> Array:
    """Return what one more GPU-hour would bring in each hour.

    The next GPU-hour goes to the workload of highest value with unserved demand in that hour (the dual of the merit
    order, Edmonds 1970). Work deferred out of the hour to make room is left out, so the price is biased low by that.

    Parameters
    ----------
    value_usd_per_gpu_h : Array, shape (M, W, n)
        Value of a GPU-hour on the reference generation [USD/GPU/h].
    unserved : NDArray[np.bool_], shape (M, W, n, D, H)
        Whether demand is unserved, from :func:`is_unserved`.

    Returns
    -------
    Array, shape (M, n, D, H)
        Shadow price [USD/GPU/h]; 0 where all demand is served.
    """
    price = np.zeros((unserved.shape[0], *unserved.shape[2:]))
    for w in range(unserved.shape[1]):
        np.maximum(price, np.where(unserved[:, w], value_usd_per_gpu_h[:, w, :, None, None], 0.0), out=price)
    return price


def marginal_revenue(order_usd: Array, brings_usd: Sequence[Array], unserved: NDArray[np.bool_]) -> list[Array]:
    """Return what the workload brings that one more GPU-hour would serve.

    The workload is chosen by its value (``order_usd``); what it brings may be something else (its revenue).

    Parameters
    ----------
    order_usd : Array, shape (M, W, n)
        Value of a GPU-hour, by which the workload is chosen [USD/GPU/h].
    brings_usd : sequence of Array, shape (M, W, n) each
        What a GPU-hour of each workload brings, on one GPU or another [USD/GPU/h].
    unserved : NDArray[np.bool_], shape (M, W, n, D, H)
        Whether demand is unserved, from :func:`is_unserved`.

    Returns
    -------
    list of Array, shape (M, n, D, H) each
        What the next GPU-hour brings [USD/GPU/h]; 0 where all demand is served.
    """
    best = np.full((unserved.shape[0], *unserved.shape[2:]), -np.inf)
    found = [np.zeros_like(best) for _ in brings_usd]
    for w in range(unserved.shape[1]):
        value = np.where(unserved[:, w], order_usd[:, w, :, None, None], -np.inf)
        ahead = value > best
        for k, brings in enumerate(brings_usd):
            found[k] = np.where(ahead, brings[:, w, :, None, None], found[k])
        best = np.where(ahead, value, best)
    return found
