"""Cost per million tokens: the month's whole cost shared out over what ran."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class TokenCost:
    """Cost of tokens by month; a price is nan where nothing was served. Shapes: member M, workload W, month n."""

    workload_usd: Array
    """(M, W, n) cost borne by each workload [USD]."""
    training_usd: Array
    """(M, n) cost borne by training and research [USD]."""
    sold_usd: Array
    """(M, n) cost borne by GPU-hours that are sold to others [USD]."""
    workload_usd_per_mtok: Array
    """(M, W, n) cost per million generated tokens of each workload [USD/Mtok]."""
    serving_usd_per_mtok: Array
    """(M, n) cost of all serving per million generated tokens [USD/Mtok]."""
    full_workload_usd: Array
    """(M, W, n) cost borne by each workload, cost of capital included [USD]."""
    full_workload_usd_per_mtok: Array
    """(M, W, n) the same per million generated tokens [USD/Mtok]."""
    full_serving_usd_per_mtok: Array
    """(M, n) cost of all serving per million generated tokens, cost of capital included [USD/Mtok]."""


def cost_per_mtok(
    *,
    cost_usd: Array,
    cost_of_capital_usd: Array,
    gpu_hours: Array,
    training_gpu_hours: Array,
    sold_gpu_hours: Array,
    gpu_hours_available: Array,
    it_kw_per_gpu: Array,
    generated_tokens: Array,
) -> TokenCost:
    """Share a month's total cost over training, sold hours and workloads by the IT power rating of their GPU-hours.

    A GPU-hour is weighted by its IT power (racks of all generations cost about the same per megawatt, so a
    newer GPU carries its larger share). GPU-hours that nothing uses are kept for serving, so the workloads bear them in
    proportion to their own. Training, sold hours and workloads add up to the total exactly.

    Parameters
    ----------
    cost_usd : Array, shape (M, K, n)
        Cost of the month by line [USD].
    cost_of_capital_usd : Array, shape (M, n)
        What the money in the books must earn in the month, shared out like the cost [USD].
    gpu_hours : Array, shape (M, W, G, n)
        GPU-hours of each workload [GPU h].
    training_gpu_hours : Array, shape (M, G, n)
        GPU-hours of training and research [GPU h].
    sold_gpu_hours : Array, shape (M, G, n)
        GPU-hours sold to others [GPU h].
    gpu_hours_available : Array, shape (M, G, n)
        GPU-hours of all GPUs that are up [GPU h].
    it_kw_per_gpu : Array, shape (G,) or (M, G)
        IT power of a GPU with its share of the rack [kW].
    generated_tokens : Array, shape (M, W, n)
        Tokens generated in the month [token].

    Returns
    -------
    TokenCost
        Cost borne by training and by each workload, and cost per million generated tokens.
    """
    total = cost_usd.sum(axis=1)
    weigh = it_kw_per_gpu[..., None]
    whole = (gpu_hours_available * weigh).sum(axis=1)
    training = total * _ratio((training_gpu_hours * weigh).sum(axis=1), whole)
    sold = total * _ratio((sold_gpu_hours * weigh).sum(axis=1), whole)
    used = (gpu_hours * weigh[..., None, :, :]).sum(axis=2)  # (M, W, n)
    busy = used.sum(axis=1)
    serving = total - training - sold
    workload = serving[:, None] * _ratio(used, busy[:, None])
    with_capital = serving + cost_of_capital_usd * (1 - _ratio(training + sold, total))
    full = with_capital[:, None] * _ratio(used, busy[:, None])
    return TokenCost(
        workload_usd=workload,
        training_usd=training,
        sold_usd=sold,
        workload_usd_per_mtok=_price(workload, generated_tokens),
        serving_usd_per_mtok=_price(np.where(busy > 0, serving, np.nan), generated_tokens.sum(axis=1)),
        full_workload_usd=full,
        full_workload_usd_per_mtok=_price(full, generated_tokens),
        full_serving_usd_per_mtok=_price(np.where(busy > 0, with_capital, np.nan), generated_tokens.sum(axis=1)),
    )


def _ratio(part: Array, whole: Array) -> Array:
    whole = np.broadcast_to(whole, np.broadcast_shapes(part.shape, whole.shape))
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0)


def _price(usd: Array, tokens: Array) -> Array:
    usd, tokens = np.broadcast_arrays(usd, tokens)
    price: Array = np.divide(usd * 1e6, tokens, out=np.full(usd.shape, np.nan), where=tokens > 0)
    return price
