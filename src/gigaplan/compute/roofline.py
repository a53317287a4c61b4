"""Roofline times: work is done no faster than arithmetic or memory allows (Williams, Waterman and Patterson 2009)."""

from __future__ import annotations

import numpy as np

from gigaplan.vocabulary.members import Array


def time_s(flops: Array | float, flops_per_s: Array | float, bytes_moved: Array | float, bytes_per_s: float) -> Array:
    """Return the roofline time of a kernel: the larger of its arithmetic and its memory time.

    Equation: ``max(flops / flops_per_s, bytes_moved / bytes_per_s)`` (Williams, Waterman and Patterson 2009). Overlap
    between the two is taken as complete, so the result is a lower bound at the speeds given.

    Parameters
    ----------
    flops : Array, shape (...)
        Operations, a multiply-add counted as two [FLOP].
    flops_per_s : Array, shape (...)
        Arithmetic speed reached [FLOP/s].
    bytes_moved : Array, shape (...)
        Bytes to and from memory [byte].
    bytes_per_s : float
        Memory bandwidth reached [byte/s].

    Returns
    -------
    Array, shape (...)
        Time of the kernel [s].

    Examples
    --------
    At 1 PFLOP/s and 3 TB/s, 1 TFLOP over 1 GB is bound by arithmetic, over 9 GB by memory:

    >>> time_s(1e12, 1e15, np.array([1e9, 9e9]), 3e12).tolist()
    [0.001, 0.003]
    """
    return np.maximum(flops / np.asarray(flops_per_s), np.asarray(bytes_moved) / bytes_per_s)


def gemm_s(
    rows: Array,
    flops_per_row: Array | float,
    weight_bytes: Array | float,
    flops_per_s: float,
    half_rows: float,
    bytes_per_s: float,
) -> Array:
    """Return the time of a matrix product whose weights are read once.

    Equation: ``max((rows + half) flops_per_row / flops_per_s, weight_bytes / bytes_per_s)``. The first term says that
    ``rows`` rows reach the share ``rows / (rows + half)`` of the speed: tiles and waves of thread blocks fill as rows
    grow, which saturates as pipelines do (Hockney 1985). Valid where the other two sides of the product are much larger
    than a tile.

    Parameters
    ----------
    rows : Array, shape (...)
        Rows of the product: tokens in flight [tokens].
    flops_per_row : Array, shape (...)
        Operations on one row, two per weight [FLOP].
    weight_bytes : Array, shape (...)
        Bytes of the weights [byte]; activations are counted elsewhere.
    flops_per_s : float
        Arithmetic speed that many rows reach [FLOP/s].
    half_rows : float
        Rows at which half of that speed is reached [tokens].
    bytes_per_s : float
        Memory bandwidth at which weights are read [byte/s].

    Returns
    -------
    Array, shape (...)
        Time of the product [s]; zero for no rows.

    Examples
    --------
    One token through 1 GB of weights is bound by memory, a thousand tokens by arithmetic:

    >>> gemm_s(np.array([1.0, 1000.0]), 1e9, 1e9, 0.5e15, half_rows=0.0, bytes_per_s=2e12).tolist()
    [0.0005, 0.002]
    """
    padded = np.where(rows > 0, rows + half_rows, 0.0)
    return time_s(padded * flops_per_row, flops_per_s, np.where(rows > 0, weight_bytes, 0.0), bytes_per_s)
