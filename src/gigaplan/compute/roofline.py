"""Roofline times: work is done no faster than arithmetic or memory allows (Williams, Waterman and Patterson 2009)."""

from __future__ import annotations

import numpy as np

from gigaplan.vocabulary.members import Array


def gemm_share(rows: Array, best_share: float, half_rows: float) -> Array:
    """Return the share of peak that a matrix product of ``rows`` rows reaches.

    Equation: ``best * rows / (rows + half)``: tiles and waves fill as rows grow (saturation as in Hockney 1985).
    """
    return best_share * rows / (rows + half_rows)


def time_s(flops: Array, flops_per_s: Array | float, bytes_moved: Array, bytes_per_s: float) -> Array:
    """Return the larger of the arithmetic and the memory time [s]; overlap between the two is complete."""
    return np.maximum(flops / flops_per_s, bytes_moved / bytes_per_s)
