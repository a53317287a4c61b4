"""What one GPU must hold: its share of the weights, and of the keys and values of the requests in flight."""

from __future__ import annotations

import numpy as np

from gigaplan.compute.transformer import ACTIVATION_BYTES, CACHE_BYTES, WEIGHT_BYTES, Architecture
from gigaplan.vocabulary.members import Array


def weight_bytes(
    architecture: Architecture, precision: str, attention_tp: Array, expert_parallel: Array, pipeline: Array
) -> Array:
    """Return the weight bytes that one GPU holds.

    Attention, dense and shared feed-forward, embedding and head lie over ``attention_tp`` ranks, routed experts over
    ``expert_parallel`` ranks, layers over ``pipeline`` stages.
    """
    a, part = architecture, architecture.parameters_by_part()
    each = WEIGHT_BYTES[precision]
    replicated = part["attention"] * a.attention_weight_bytes_each(precision)
    replicated += (part["dense_ffn"] + part["shared_experts"]) * each
    replicated += (part["router"] + part["embedding"] + part["head"]) * ACTIVATION_BYTES
    return (replicated / attention_tp + part["routed_experts"] * each / expert_parallel) / pipeline


def cache_shards(architecture: Architecture, attention_tp: Array) -> Array:
    """Return over how many ranks the cache of one request lies: key/value heads split, a latent is copied to all."""
    heads = 1 if architecture.mla else architecture.kv_heads
    return np.minimum(heads, attention_tp)


def cache_bytes(
    architecture: Architecture, precision: str, context: Array, requests: Array, attention_tp: Array, pipeline: Array
) -> Array:
    """Return the cache bytes that one GPU holds for ``requests`` requests of ``context`` tokens."""
    per_request = architecture.kv_bytes(context, CACHE_BYTES[precision])
    return requests * per_request / cache_shards(architecture, attention_tp) / pipeline
