"""What one GPU must hold: its share of the weights, and of the keys and values of the requests in flight; and how much
it can hold.

One rule says what fits, for serving and training, for every verb:

- A layout that gigaplan **proposes** leaves a reserve of the memory free (:func:`fillable_bytes`). The count knows
  weights, caches, gradients, states and activations; it doesn't know communication buffers, workspaces, graphs and
  fragmentation, and a plan must hold with them.
- A layout that a user **states** is refused only if it can't be: where what is counted is more than all of the memory
  (:func:`shortage_bytes`). Published layouts do run within the reserve, because what is not counted is often small.
- A layout with a **measured** result ran, whatever is counted. It is answered, with the shortage as a doubt.
"""

from __future__ import annotations

import numpy as np

from gigaplan.compute.transformer import ACTIVATION_BYTES, CACHE_BYTES, WEIGHT_BYTES, Architecture
from gigaplan.vocabulary.members import Array


def fillable_bytes(hbm_bytes: float, reserve_share: float) -> float:
    """Return how much of a GPU's memory a proposed layout may fill by what is counted.

    Parameters
    ----------
    hbm_bytes : float
        Memory of the GPU [byte].
    reserve_share : float
        Share that is left free for what is not counted.

    Returns
    -------
    float
        Memory [byte].
    """
    return hbm_bytes * (1 - reserve_share)


def shortage_bytes(needed_bytes: float, hbm_bytes: float) -> float:
    """Return by how much a stated layout needs more than all of a GPU's memory; zero where it can be.

    Parameters
    ----------
    needed_bytes : float
        Memory of the fullest GPU, as counted [byte].
    hbm_bytes : float
        Memory of the GPU [byte].

    Returns
    -------
    float
        Memory that is missing [byte].
    """
    return max(needed_bytes - hbm_bytes, 0.0)


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
