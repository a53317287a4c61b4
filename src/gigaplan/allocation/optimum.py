"""The most that a day's GPUs can serve, by linear programme: every workload takes any generation in any hour.

Merit order runs the fleet as one mix; this is what that leaves out, and the price of an hour of each generation.
SciPy's HiGHS solves it (Huangfu & Hall 2018), which is imported when a day is solved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array

ROUNDING = 1e-9
"""Relative amount by which what is promised may be missed: it was found by another algorithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BestDay:
    """The optimum of a day. Shapes: workload W, generation G, hour H."""

    value_usd: float
    """What the day's served requests are worth [USD]."""
    served: Array
    """(W,) requests served."""
    gpu_h: Array
    """(W, G, H) GPUs that each workload takes of each generation in each hour."""
    usd_per_gpu_h: Array
    """(G, H) what one more GPU of a generation would bring in an hour: the dual of its limit [USD/GPU/h]."""


def best_day(
    *,
    demand_per_h: Array,
    deferrable: NDArray[np.bool_],
    promised: Array,
    value_usd_per_request: Array,
    requests_per_gpu_h: Array,
    gpus: Array,
) -> BestDay:
    """Return the most value that GPUs serve in a day.

    Parameters
    ----------
    demand_per_h : Array, shape (W, H)
        Demand [1/h].
    deferrable : NDArray[np.bool_], shape (W,)
        Whether a workload may run at any hour of its day.
    promised : Array, shape (W,)
        Requests of the day that are served whatever they are worth.
    value_usd_per_request : Array, shape (W,)
        Value of one request [USD].
    requests_per_gpu_h : Array, shape (W, G)
        Requests served per GPU and hour [1/GPU/h], 0 where a generation cannot serve a workload.
    gpus : Array, shape (G,)
        GPUs that serve in every hour [GPU].

    Returns
    -------
    BestDay
        What is served, by which GPUs, and their prices.

    Raises
    ------
    InputError
        If there are not GPUs enough for what is promised.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    (count, hours), kinds = demand_per_h.shape, len(gpus)
    w, g, h = (i.ravel() for i in np.indices((count, kinds, hours)))
    whole = (requests_per_gpu_h * gpus)[w, g]  # requests per hour, if all of a generation serves one workload
    most = np.where(deferrable[:, None], demand_per_h.sum(axis=1, keepdims=True), demand_per_h)
    scale = np.where(most > 0, most, 1.0)  # rows of demand are shares of it, so that all coefficients are near 1
    of_demand = np.where(deferrable[w], 0, h)
    parts = (
        (g * hours + h, np.ones(w.size)),  # an hour of a generation is shared out once
        (kinds * hours + w * hours + of_demand, whole / scale[w, of_demand]),  # no more than demand, by hour or by day
        ((kinds + count) * hours + w, -whole / np.maximum(promised[w], 1.0)),  # no less than what is promised
    )
    rows, values = (np.concatenate(p) for p in zip(*parts, strict=True))
    limits = (np.ones(kinds * hours), (most / scale).ravel(), -promised / np.maximum(promised, 1.0) * (1 - ROUNDING))
    limit = np.concatenate(limits)
    matrix: Any = csr_array((values, (rows, np.tile(np.arange(w.size), len(parts)))), shape=(limit.size, w.size))
    worth = value_usd_per_request[w] * whole
    unit = float(worth.max(initial=0.0)) or 1.0
    cost: Array = -worth / unit
    found: Any = linprog(cost, A_ub=matrix, b_ub=limit, method="highs")
    if found.status != 0:
        raise InputError(f"a day can't be allocated: {found.message}")
    share = found.x.reshape(count, kinds, hours)
    price = -found.ineqlin.marginals[: kinds * hours].reshape(kinds, hours) * unit
    return BestDay(
        value_usd=float(-found.fun * unit),
        served=np.asarray((share * whole.reshape(count, kinds, hours)).sum(axis=(1, 2))),
        gpu_h=np.asarray(share * gpus[:, None]),
        usd_per_gpu_h=np.divide(price, gpus[:, None], out=np.zeros_like(price), where=gpus[:, None] > 0),
    )
