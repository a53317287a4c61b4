"""Results of the allocation room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Requests served now, deferred (served later in the day) and refused. Shapes: M, W, n months, D days, H hours."""

    served_now: Array
    """(M, W, n, D, H) requests per hour served in the hour of their demand."""
    deferred: Array
    """(M, W, n, D, H) requests per hour of this hour's demand that are served in another hour of the same day."""
    refused: Array
    """(M, W, n, D, H) requests per hour not served that day."""
    run: Array
    """(M, W, n, D, H) requests per hour that run in this hour, whichever hour's demand they serve."""
    fleet_share: Array
    """(M, W, n, D, H) share of the fleet's available GPUs that the workload occupies in this hour."""
    reserved_share: Array
    """(M, n) share of the fleet held for training and research."""
    order: NDArray[np.intp]
    """(M, n, W) workloads from first served to last, where the plan's rule serves one after the other."""
