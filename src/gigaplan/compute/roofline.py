"""Roofline times: work is done no faster than arithmetic or memory allows (Williams, Waterman and Patterson 2009)."""

from __future__ import annotations

import numpy as np

from gigaplan.vocabulary.members import Array


def gemm_share(rows: Array | float, best_share: float, half_rows: float) -> Array:
    """Return the share of peak that a matrix product of ``rows`` rows reaches.

    Equation: ``best * rows / (rows + half)``: tiles and waves fill as rows grow (saturation as in Hockney 1985).
    """
    rows = np.asarray(rows, dtype=float)
    return best_share * rows / (rows + half_rows)


def time_s(flops: Array | float, flops_per_s: Array | float, bytes_moved: Array | float, bytes_per_s: float) -> Array:
    """Return the larger of the arithmetic and the memory time [s]; overlap between the two is complete."""
    return np.maximum(flops / np.asarray(flops_per_s), np.asarray(bytes_moved) / bytes_per_s)


def gemm_s(
    rows: Array,
    flops_per_row: Array | float,
    weight_bytes: Array | float,
    flops_per_s: float,
    half_rows: float,
    bytes_per_s: float,
) -> Array:
    """Return the time of a matrix product [s] of ``rows`` rows whose weights are read once.

    Equation: ``max((rows + half) flops_per_row / flops_per_s, weight_bytes / bytes_per_s)``; the first term is
    :func:`gemm_share` written so that no rows take no time (a half-filled tile costs a whole one).
    """
    padded = np.where(rows > 0, rows + half_rows, 0.0)
    return time_s(padded * flops_per_row, flops_per_s, np.where(rows > 0, weight_bytes, 0.0), bytes_per_s)
