"""Shadow prices: what one more GPU-hour would be worth while somebody waits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array

NOTHING = 1e-9
"""Refused requests below this share of what is asked are rounding."""


def waiting(refused: Array, asked: Array) -> NDArray[np.bool_]:
    """Return whether a workload's requests of an hour wait in vain: (M, W, n, D, H)."""
    return np.asarray(refused > NOTHING * asked)


def shadow_price(worth_usd_per_gpu_h: Array, waits: NDArray[np.bool_]) -> Array:
    """Return what one more GPU-hour would bring in each hour [USD/GPU-h]: (M, n, D, H); 0 where nobody waits.

    The next GPU-hour goes to the workload that waits in that hour and is worth most (the dual of the merit order,
    Edmonds 1970). Work deferred out of the hour to make room is not reckoned, so the price leans low by that.

    Parameters
    ----------
    worth_usd_per_gpu_h : (M, W, n) worth of a GPU-hour on the reference generation.
    waits : (M, W, n, D, H) from :func:`waiting`.
    """
    price = np.zeros((waits.shape[0], *waits.shape[2:]))
    for w in range(waits.shape[1]):
        np.maximum(price, np.where(waits[:, w], worth_usd_per_gpu_h[:, w, :, None, None], 0.0), out=price)
    return price


def next_in_line(order_usd: Array, brings_usd: Array, waits: NDArray[np.bool_]) -> Array:
    """Return what the workload that is served next brings [USD/GPU-h]: (M, n, D, H); 0 where nobody waits.

    Who is next is decided by ``order_usd`` (worth), what it brings may be something else (revenue). Both (M, W, n).
    """
    best = np.full((waits.shape[0], *waits.shape[2:]), -np.inf)
    brings = np.zeros_like(best)
    for w in range(waits.shape[1]):
        worth = np.where(waits[:, w], order_usd[:, w, :, None, None], -np.inf)
        ahead = worth > best
        brings = np.where(ahead, brings_usd[:, w, :, None, None], brings)
        best = np.where(ahead, worth, best)
    return brings
