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


def marginal_revenue(order_usd: Array, brings_usd: Sequence[Array], unserved: NDArray[np.bool_]) -> list[Array]:
    """Return what the workload brings that one more GPU-hour would serve.

    The next GPU-hour goes to the first workload in order with unserved demand in that hour: where the order is that of
    what is brought, this is the shadow price (the dual of the merit order, Edmonds 1970). Work deferred out of the hour
    to make room is left out, so the price is biased low by that.

    Parameters
    ----------
    order_usd : Array, shape (M, W, n)
        Value of a GPU-hour, or any other number by which the workload is chosen, the highest first.
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


def shared_revenue(brings_usd: Sequence[Array], parts: Array, unserved: NDArray[np.bool_]) -> list[Array]:
    """Return what all workloads with unserved demand bring that one more GPU-hour is shared out among.

    Parameters
    ----------
    brings_usd : sequence of Array, shape (M, W, n) each
        What a GPU-hour of each workload brings, on one GPU or another [USD/GPU/h].
    parts : Array, broadcastable to (M, W, n, D, H)
        Parts of the GPU-hour that unserved workloads take, in any unit.
    unserved : NDArray[np.bool_], shape (M, W, n, D, H)
        Whether demand is unserved, from :func:`is_unserved`.

    Returns
    -------
    list of Array, shape (M, n, D, H) each
        What the next GPU-hour brings [USD/GPU/h]; 0 where all demand is served.
    """
    whole = np.zeros((unserved.shape[0], *unserved.shape[2:]))
    found = [np.zeros_like(whole) for _ in brings_usd]
    for w in range(unserved.shape[1]):
        part = np.where(unserved[:, w], parts[:, w], 0.0)
        whole += part
        for k, brings in enumerate(brings_usd):
            found[k] += part * brings[:, w, :, None, None]
    return [np.divide(f, whole, out=np.zeros_like(f), where=whole > 0) for f in found]
