"""Cost per million tokens: the month's whole cost shared out over what ran."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class TokenCost:
    """Shapes: member M, workload W, month n. A price is nan where nothing was served: that never means zero."""

    workload_usd: Array
    """(M, W, n) cost borne by each workload."""
    training_usd: Array
    """(M, n) cost borne by training and research."""
    workload_usd_per_mtok: Array
    """(M, W, n) per million generated tokens."""
    serving_usd_per_mtok: Array
    """(M, n) all serving, per million generated tokens."""


def cost_per_mtok(
    *,
    cost_usd: Array,
    gpu_hours: Array,
    training_gpu_hours: Array,
    gpu_hours_available: Array,
    it_kw_per_gpu: Array,
    generated_tokens: Array,
) -> TokenCost:
    """Share a month's total cost over training and workloads by the IT energy rating of the GPU-hours they hold.

    A GPU-hour weighs what its IT power weighs (racks of all generations cost about the same per megawatt, so a
    newer GPU carries its larger share). Idle GPU-hours are kept for serving, so the workloads bear them in
    proportion to their own. Training and workloads add up to the total exactly.

    Parameters
    ----------
    cost_usd : (M, K, n). gpu_hours : (M, W, G, n). training_gpu_hours, gpu_hours_available : (M, G, n).
    it_kw_per_gpu : (G,). generated_tokens : (M, W, n) tokens in the month.
    """
    total = cost_usd.sum(axis=1)
    weigh = it_kw_per_gpu[:, None]
    whole = (gpu_hours_available * weigh).sum(axis=1)
    training = total * _ratio((training_gpu_hours * weigh).sum(axis=1), whole)
    used = (gpu_hours * weigh).sum(axis=2)  # (M, W, n)
    busy = used.sum(axis=1)
    serving = total - training
    workload = serving[:, None] * _ratio(used, busy[:, None])
    return TokenCost(
        workload_usd=workload,
        training_usd=training,
        workload_usd_per_mtok=_price(workload, generated_tokens),
        serving_usd_per_mtok=_price(np.where(busy > 0, serving, np.nan), generated_tokens.sum(axis=1)),
    )


def _ratio(part: Array, whole: Array) -> Array:
    whole = np.broadcast_to(whole, np.broadcast_shapes(part.shape, whole.shape))
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0)


def _price(usd: Array, tokens: Array) -> Array:
    usd, tokens = np.broadcast_arrays(usd, tokens)
    price: Array = np.divide(usd * 1e6, tokens, out=np.full(usd.shape, np.nan), where=tokens > 0)
    return price
