"""Times of the operators of one layer or stage, on one GPU of a placement.

Each is a roofline (:mod:`gigaplan.compute.roofline`) or a collective (:mod:`gigaplan.compute.collectives`) at the
calibrated shares of peak. ``rows`` are the tokens that one GPU works on in a step: the rows of its matrix products.
What lies on which GPU is a :class:`~gigaplan.inference.placement.Placement`.
"""

from __future__ import annotations

import numpy as np

from gigaplan.compute.collectives import all_reduce_s, all_to_all_s, send_s
from gigaplan.compute.kernels import kernels_per_step
from gigaplan.compute.memory import cache_shards
from gigaplan.compute.roofline import gemm_s, time_s
from gigaplan.compute.transformer import ACTIVATION_BYTES, CACHE_BYTES, WEIGHT_BYTES, experts_touched
from gigaplan.inference.placement import Placement
from gigaplan.vocabulary.members import Array

ALL_REDUCES_PER_LAYER = 2
DISPATCH_BYTES = 1.0
"""Bytes per value sent to an expert (FP8); results come back in BF16 (DeepSeek-AI 2024, section 3.2.2)."""


def projections_s(at: Placement, rows: Array) -> Array:
    """Return the time of the attention projections of one layer.

    Parameters
    ----------
    at : Placement
        Stage that computes.
    rows : Array, shape (...)
        Tokens that one GPU works on [tokens].

    Returns
    -------
    Array, shape (...)
        Time of one layer [s].
    """
    a = at.architecture
    parameters = a.attention_parameters / at.attention_tp
    return _gemm_s(
        at,
        rows,
        2 * parameters,
        parameters * a.attention_weight_bytes_each(at.precision),
        a.attention_math(at.precision),
    )


def decode_attention_s(at: Placement, requests: Array, context: Array, tokens: int = 1) -> Array:
    """Return the time of attention of one layer for new tokens of requests whose keys and values are in the cache.

    Parameters
    ----------
    at : Placement
        Stage that computes.
    requests : Array, shape (...)
        Requests that one GPU works on [requests].
    context : Array, shape (...)
        Mean tokens before the new ones [tokens].
    tokens : int
        New tokens of each request, for which its cache is read once together [tokens].

    Returns
    -------
    Array, shape (...)
        Time of one layer, projections apart [s].
    """
    a = at.architecture
    read = requests * a.kv_bytes_per_token_layer(CACHE_BYTES[at.precision]) * a.attended_tokens(context)
    return _scores_and_values_s(
        at,
        tokens * requests * a.decode_attention_flops(context) / at.attention_tp,
        read / cache_shards(a, at.attention_tp),
    )


def prefill_attention_s(at: Placement, prompts: Array | float, uncached: Array, cached: Array) -> Array:
    """Return the time of attention of one layer over prompts that all GPUs of the stage share.

    Keys and values of cached tokens are read once; those of uncached ones stay on chip (FlashAttention, Dao 2022).

    Parameters
    ----------
    at : Placement
        Stage that computes.
    prompts : Array, shape (...)
        Prompts of the step [requests].
    uncached : Array, shape (...)
        Tokens of one prompt that are computed [tokens].
    cached : Array, shape (...)
        Tokens of one prompt whose keys and values are in the cache [tokens].

    Returns
    -------
    Array, shape (...)
        Time of one layer, projections apart [s].
    """
    a = at.architecture
    per_token = a.kv_bytes_per_token_layer(CACHE_BYTES[at.precision])
    return _scores_and_values_s(
        at,
        prompts * a.prefill_attention_flops(uncached, cached) / at.gpus,
        prompts * per_token * a.attended_tokens(cached) / at.gpus,
    )


def feed_forward_s(at: Placement, tokens: Array, rows: Array) -> Array:
    """Return the time of all feed-forward layers of the stage.

    The tokens of the whole stage choose experts together, and each expert that is touched is read once. Tokens choose
    alike, so that a batch touches as many experts as ``1 + (tokens - 1) routing_share`` independent tokens would
    (:func:`gigaplan.compute.transformer.experts_touched`).

    Parameters
    ----------
    at : Placement
        Stage that computes.
    tokens : Array, shape (...)
        Tokens that the stage works on [tokens].
    rows : Array, shape (...)
        Tokens that one GPU works on [tokens].

    Returns
    -------
    Array, shape (...)
        Time of the stage's feed-forward layers [s].
    """
    a, e, each = at.architecture, at.efficiency, WEIGHT_BYTES[at.precision]
    dense = a.dense_ffn_parameters / at.attention_tp
    dense_s = a.dense_layers / at.pipeline * _gemm_s(at, rows, 2 * dense, dense * each, at.precision)
    if not a.experts:
        return dense_s
    touched = experts_touched(a.experts, a.experts_per_token, 1 + (tokens - 1) * e.routing_share)
    # Each touched expert is one product over the tokens that visit it; a GPU has its share of the experts touched.
    visits = tokens * a.experts_per_token / np.maximum(touched, 1.0)
    per_gpu = touched / at.gpus * a.expert_parameters
    routed = _grouped_gemm_s(at, visits, 2 * per_gpu, per_gpu * each, at.precision)
    shared = a.shared_experts * a.expert_parameters / at.attention_tp
    always = _gemm_s(at, rows, 2 * shared, shared * each, at.precision)
    return dense_s + a.moe_layers / at.pipeline * (routed + always)


def collectives_s(at: Placement, rows: Array) -> Array:
    """Return the time of one layer's collectives.

    With tensor parallel attention there are two all-reduces a layer (Shoeybi et al. 2019). With data parallel attention
    two all-to-alls carry tokens to their experts and back, and one all-reduce joins the heads within each group.

    Parameters
    ----------
    at : Placement
        Stage that computes.
    rows : Array, shape (...)
        Tokens that one GPU works on [tokens].

    Returns
    -------
    Array, shape (...)
        Time of one layer [s].
    """
    a = at.architecture
    reduce = ALL_REDUCES_PER_LAYER * all_reduce_s(rows * a.hidden * ACTIVATION_BYTES, at.gpus, at.network)
    # A token's copies to experts on one GPU travel once, and cross once to the GPUs of another domain.
    copies = np.minimum(max(a.experts_per_token, 1), at.gpus)
    out, back = (
        all_to_all_s(rows * copies * a.hidden * each, at.gpus, at.network, rows * a.hidden * each)
        for each in (DISPATCH_BYTES, ACTIVATION_BYTES)
    )
    heads = all_reduce_s(rows * a.hidden * ACTIVATION_BYTES, at.attention_tp, at.network)
    within = ALL_REDUCES_PER_LAYER / 2 * heads
    return np.where(at.dp_attention > 0, out + back + within, reduce)


def activations_s(at: Placement, rows: Array) -> Array:
    """Return the time of one layer's small kernels: norms, residuals, quantisation and routing.

    They are bound by memory: ``activation_passes`` trips of the hidden values, copies for experts included.

    Parameters
    ----------
    at : Placement
        Stage that computes.
    rows : Array, shape (...)
        Tokens that one GPU works on [tokens].

    Returns
    -------
    Array, shape (...)
        Time of one layer [s].
    """
    a, e = at.architecture, at.efficiency
    copies = 1 + a.experts_per_token / at.gpus
    moved = e.activation_passes * rows * copies * a.hidden * ACTIVATION_BYTES
    return moved / (at.device.hbm_bandwidth_bytes_per_s * e.hbm_share)


def head_s(at: Placement, rows: Array) -> Array:
    """Return the time of the output head, spread over the stages; one GPU's logits are of its own rows.

    Parameters
    ----------
    at : Placement
        Stage that computes.
    rows : Array, shape (...)
        Tokens that one GPU works on [tokens].

    Returns
    -------
    Array, shape (...)
        Time of the stage's share of the head [s].
    """
    parameters = at.architecture.embedding_parameters / at.attention_tp / at.pipeline
    # Checkpoints keep the head in BF16 in every precision.
    return _gemm_s(at, rows, 2 * parameters, parameters * ACTIVATION_BYTES, "bf16")


def kernels_of_stage(at: Placement) -> Array:
    """Return the kernels that one stage launches in one step.

    Parameters
    ----------
    at : Placement
        Stage that computes.

    Returns
    -------
    Array, shape of the layouts
        Launches of one step [1].
    """
    fp4_hardware = at.device.peak_fp4_flops_per_s > 0
    return kernels_per_step(at.architecture, at.precision, fp4_hardware=fp4_hardware) / at.pipeline


def pipeline_send_s(at: Placement, rows: Array) -> Array:
    """Return the time to send the activations of some tokens to the next pipeline stage.

    Every GPU sends its share over the scale-out network; the next stage gathers them inside its domain.

    Parameters
    ----------
    at : Placement
        Stage that sends.
    rows : Array, shape (...)
        Tokens that travel [tokens].

    Returns
    -------
    Array, shape (...)
        Time of the send [s]; zero where there is one stage.
    """
    share = rows * at.architecture.hidden * ACTIVATION_BYTES / at.gpus
    return np.where(at.pipeline > 1, send_s(share, at.network), 0.0)


def _scores_and_values_s(at: Placement, flops: Array, bytes_read: Array) -> Array:
    """Return the time of scores and values of one layer [s], which are computed in BF16."""
    e = at.efficiency
    return time_s(
        flops,
        at.device.arithmetic_flops_per_s("bf16") * e.attention_share,
        bytes_read,
        at.device.hbm_bandwidth_bytes_per_s * e.cache_share,
    )


def _gemm_s(at: Placement, rows: Array, flops_per_row: Array, weight_bytes: Array, precision: str) -> Array:
    """Return the time of a matrix product [s] whose weights are read once."""
    e, native = at.efficiency, _native(at, precision)
    reached: float = getattr(e, f"gemm_share_{native}")
    if native == "fp8" and at.architecture.fp8_blocks:
        reached *= e.block_share
    return _product_s(at, rows, flops_per_row, weight_bytes, precision, reached, e.gemm_half_rows)


def _grouped_gemm_s(at: Placement, visits: Array, flops_per_row: Array, weight_bytes: Array, precision: str) -> Array:
    """Return the time of a product over several experts [s], each with ``visits`` rows of its own."""
    e = at.efficiency
    reached: float = getattr(e, f"expert_share_{_native(at, precision)}")
    return _product_s(at, visits, flops_per_row, weight_bytes, precision, reached, e.expert_half_rows)


def _product_s(
    at: Placement,
    rows: Array,
    flops_per_row: Array,
    weight_bytes: Array,
    precision: str,
    reached: float,
    half_rows: float,
) -> Array:
    e, d = at.efficiency, at.device
    read = d.hbm_bandwidth_bytes_per_s * (e.hbm_share_fp4 if precision == "fp4" else e.hbm_share)
    return gemm_s(rows, flops_per_row, weight_bytes, d.arithmetic_flops_per_s(precision) * reached, half_rows, read)


def _native(at: Placement, precision: str) -> str:
    """Return the precision that the device computes in for weights of a precision."""
    peak = at.device.peak_flops_per_s(precision)
    return next(p for p in ("bf16", "fp8", "fp4") if getattr(at.device, f"peak_{p}_flops_per_s") == peak)
