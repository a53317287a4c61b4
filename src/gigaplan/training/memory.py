"""Memory of one GPU in training: weights, gradients, the optimiser's state, and the activations of the batches in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gigaplan.compute.transformer import ACTIVATION_BYTES, Architecture
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.vocabulary.members import Array

if TYPE_CHECKING:
    from gigaplan.training.step import Layouts

GRADIENT_BYTES, PARAMETER_BYTES, STATE_BYTES = 4.0, 2.0, 12.0
"""Per parameter: FP32 gradients, BF16 working copy, FP32 master and two moments (mixed precision of Micikevicius et al. 2018
with Adam)."""
LOGIT_BYTES = 8.0
"""Per logit of the last stage at its peak: BF16 and FP32 copies, and their gradient."""


def memory_bytes(
    model: Architecture, batch: Batch, at: Layouts, e: TrainingEfficiency, micro: Array, chunks: Array
) -> Array:
    """Return the bytes of the fullest GPU for every layout."""
    first = last = _state(model, at, e)
    tokens = at.micro_batch * float(batch.sequence_tokens) / at.context
    rest = 1 + (at.tensor - 1) * e.sequence_parallel
    layer = tokens * activation_bytes_per_token(model, at, rest)
    kept = np.where(at.recompute > 0, tokens * model.hidden * ACTIVATION_BYTES / rest, layer)
    mine = np.ceil(model.layers / at.pipeline)
    turns = np.where(chunks > 1, at.pipeline * (1 + (at.pipeline - 1) / (at.pipeline * chunks)), at.pipeline)
    flight = np.minimum(turns, np.maximum(micro, 1.0))
    working = np.where(at.recompute > 0, layer, 0.0)
    logits = tokens * model.vocab / at.tensor * LOGIT_BYTES
    begin = first + kept * mine * flight + working
    end = (
        last
        + kept * mine * np.where(chunks > 1, np.minimum(flight, 1 + at.pipeline * (chunks - 1) / chunks), 1.0)
        + working
        + logits
    )
    return np.asarray(np.maximum(begin, end))


def activation_bytes_per_token(model: Architecture, at: Layouts, rest: Array | float) -> Array:
    """Return the bytes that one layer keeps of one token for its backward, mean over layers.

    Inputs of both norms and of what follows them; queries, keys, values and what attention gives; the feed-forward's
    inner values before and after their activation, of each expert that a token visits with its copy of the token
    (Korthikanti et al. 2022, with flash attention and gated units).
    """
    m = model
    attention = m.heads * m.head_width * 2 + 2 * m.kv_heads * m.head_width
    if m.mla:
        attention = m.heads * (2 * (m.mla_qk_nope + m.mla_qk_rope) + 2 * m.mla_v_head) + m.mla_q_lora + m.mla_kv_lora
    inner = m.ffn_matrices
    dense = m.dense_layers / m.layers
    wide = inner * (dense * m.ffn_dense + (1 - dense) * m.shared_experts * m.ffn_expert)
    routed = (1 - dense) * m.experts_per_token * (m.hidden + inner * m.ffn_expert / tensor_of_experts(at))
    return np.asarray(
        ACTIVATION_BYTES
        * (4 * m.hidden / rest + (attention + wide) / at.tensor + routed * tensor_of_experts(at) / at.tensor)
    )


def tensor_of_experts(at: Layouts) -> Array:
    """Return the ranks that split one expert: those spread over ranks are whole, others are split by tensor."""
    return np.where(at.expert > 1, 1.0, at.tensor)


def _state(model: Architecture, at: Layouts, e: TrainingEfficiency) -> Array:
    """Return weights, gradients and state of the fullest stage: an end, with its embedding or head."""
    routed = model.parameters_by_part()["routed_experts"]
    ends = model.embedding_parameters
    middle = (model.parameters - routed - (1 if model.tied_embeddings else 2) * ends) / at.pipeline
    replicas = at.data * at.context
    of_experts = np.maximum(replicas * at.tensor / tensor_of_experts(at) / at.expert, 1.0)
    most = np.minimum(np.ceil(model.layers / at.pipeline), model.moe_layers) / max(
        model.moe_layers, 1
    )  # of the layers with experts
    mine = routed / at.expert / tensor_of_experts(at) * most * _bytes_each(of_experts, at, e)
    each = _bytes_each(replicas, at, e) / at.tensor
    alone = np.where(at.pipeline > 1, 1.0, 1.0 if model.tied_embeddings else 2.0)
    return np.asarray(mine + (middle + ends * alone) * each)


def _bytes_each(replicas: Array, at: Layouts, e: TrainingEfficiency) -> Array:
    shards = 1 + (replicas - 1) * e.sharded_state
    whole = PARAMETER_BYTES + GRADIENT_BYTES + STATE_BYTES / shards
    return np.where(
        np.asarray(at.fully_sharded) > 0, (PARAMETER_BYTES + GRADIENT_BYTES + STATE_BYTES) / replicas, whole
    )
