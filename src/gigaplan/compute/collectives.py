"""Times of collectives by the latency-bandwidth model (Hockney 1994; Thakur, Rabenseifner and Gropp 2005)."""

from __future__ import annotations

import numpy as np

from gigaplan.vocabulary.members import Array


def all_reduce_s(bytes_each: Array, ranks: Array, bytes_per_s: float, latency_s: float) -> Array:
    """Return the time of an all-reduce [s] of ``bytes_each`` on every rank, one-way bandwidth per rank.

    Equation: ``2 (n - 1)/n * bytes / bandwidth + latency``; zero for one rank. In-network or one-shot reduction
    in the scale-up domain makes the latency independent of n.
    """
    moved = 2 * (ranks - 1) / ranks * bytes_each / bytes_per_s
    return np.where(ranks > 1, moved + latency_s, 0.0)


def all_to_all_s(bytes_each: Array, ranks: Array, bytes_per_s: float, latency_s: float) -> Array:
    """Return the time of an all-to-all [s] in which every rank sends ``bytes_each`` in all, evenly."""
    moved = (ranks - 1) / ranks * bytes_each / bytes_per_s
    return np.where(ranks > 1, moved + latency_s, 0.0)
