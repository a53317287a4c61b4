"""What one GPU must hold: its share of the weights, and of the keys and values of the requests in flight."""

from __future__ import annotations

import numpy as np

from gigaplan.compute.transformer import ACTIVATION_BYTES, CACHE_BYTES, WEIGHT_BYTES, Architecture
from gigaplan.vocabulary.members import Array


def weight_bytes(
    architecture: Architecture, precision: str, attention_tp: Array, expert_parallel: Array, pipeline: Array
) -> Array:
    """Return the weight bytes that one GPU holds.

    Equation: ``(replicated / attention_tp + routed / expert_parallel) / pipeline``, where ``replicated`` are the bytes
    of attention, dense and shared feed-forward, router, embedding and head, and ``routed`` those of the routed experts.

    Parameters
    ----------
    architecture : Architecture
        Shape of the model.
    precision : str
        Precision of the weights: 'bf16', 'fp8' or 'fp4'.
    attention_tp : Array, shape (...)
        GPUs over which attention and all that is not a routed expert is split (tensor parallelism) [GPUs].
    expert_parallel : Array, shape (...)
        GPUs over which the routed experts are spread [GPUs].
    pipeline : Array, shape (...)
        Pipeline stages over which the layers are spread [1].

    Returns
    -------
    Array, shape (...)
        Weights on one GPU [byte].

    Examples
    --------
    Llama 3.1 8B in BF16 on one GPU takes 16 GB:

    >>> llama = Architecture(layers=32, hidden=4096, heads=32, kv_heads=8, ffn_dense=14336, vocab=128256)
    >>> one = np.array(1.0)
    >>> round(float(weight_bytes(llama, "bf16", one, one, one)) / 1e9, 1)
    16.1
    """
    a, part = architecture, architecture.parameters_by_part()
    each = WEIGHT_BYTES[precision]
    replicated = part["attention"] * a.attention_weight_bytes_each(precision)
    replicated += (part["dense_ffn"] + part["shared_experts"]) * each
    replicated += (part["router"] + part["embedding"] + part["head"]) * ACTIVATION_BYTES
    return (replicated / attention_tp + part["routed_experts"] * each / expert_parallel) / pipeline


def cache_shards(architecture: Architecture, attention_tp: Array) -> Array:
    """Return over how many GPUs the cache of one request is split: ``min(key/value heads, attention_tp)``.

    Key/value heads can be split, and are copied where there are more GPUs than heads; the latent of multi-head latent
    attention belongs to all heads and is copied to every GPU.

    Parameters
    ----------
    architecture : Architecture
        Shape of the model.
    attention_tp : Array, shape (...)
        GPUs over which attention is split [GPUs].

    Returns
    -------
    Array, shape (...)
        GPUs that each hold a different part of the cache [GPUs].
    """
    # Every head reads the whole latent, so that it counts as one key/value head.
    heads = 1 if architecture.mla else architecture.kv_heads
    return np.minimum(heads, attention_tp)


def cache_bytes(
    architecture: Architecture, precision: str, context: Array, requests: Array, attention_tp: Array, pipeline: Array
) -> Array:
    """Return the bytes of keys and values that one GPU holds.

    Equation: ``requests x bytes per request / cache_shards / pipeline``.

    Parameters
    ----------
    architecture : Architecture
        Shape of the model.
    precision : str
        Precision of the weights, which sets that of the cache (``CACHE_BYTES``).
    context : Array, shape (...)
        Tokens of one request [tokens].
    requests : Array, shape (...)
        Requests whose cache the GPUs of one attention group hold [requests].
    attention_tp : Array, shape (...)
        GPUs of that group [GPUs].
    pipeline : Array, shape (...)
        Pipeline stages over which the layers are spread [1].

    Returns
    -------
    Array, shape (...)
        Cache on one GPU [byte].
    """
    per_request = architecture.kv_bytes(context, CACHE_BYTES[precision])
    return requests * per_request / cache_shards(architecture, attention_tp) / pipeline
