"""Memory of one GPU in training: weights, gradients, the optimiser's state, and the activations of the batches in flight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan.compute.transformer import ACTIVATION_BYTES, Architecture
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import DUALPIPE, FULL, SELECTIVE, Layouts, tensor_of_experts
from gigaplan.vocabulary.members import Array

GRADIENT_BYTES, PARAMETER_BYTES, STATE_BYTES = 4.0, 2.0, 12.0
"""Per parameter: FP32 gradients, BF16 working copy, FP32 master and two moments (mixed precision of Micikevicius et al. 2018
with Adam)."""
LOGIT_BYTES = 8.0
"""Per logit of the last stage at its peak: BF16 and FP32 copies, and their gradient."""


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """Bytes of the fullest GPU by what holds them; all of the layouts' shape."""

    weights: Array
    gradients: Array
    optimiser: Array
    activations: Array
    logits: Array

    @property
    def total(self) -> Array:
        """All of them."""
        return self.weights + self.gradients + self.optimiser + self.activations + self.logits


def memory_parts(
    model: Architecture, batch: Batch, at: Layouts, e: TrainingEfficiency, micro: Array, chunks: Array
) -> MemoryParts:
    """Return the bytes of the fullest GPU by part for every layout: of the first stage, or of the last with its logits."""
    held = _state(model, at, e)
    tokens = at.micro_batch * float(batch.sequence_tokens) / at.context
    rest = 1 + (at.tensor - 1) * e.sequence_parallel
    layer = tokens * activation_bytes_per_token(model, at, rest)
    whole = np.asarray(at.recompute) >= FULL
    kept = np.where(whole, tokens * model.hidden * ACTIVATION_BYTES / rest, layer)
    mine = np.ceil(model.layers / at.pipeline)
    turns = np.where(chunks > 1, at.pipeline * (1 + (at.pipeline - 1) / (at.pipeline * chunks)), at.pipeline)
    turns = np.where(np.asarray(at.schedule) >= DUALPIPE, at.pipeline + 1, turns)
    flight = np.minimum(turns, np.maximum(micro, 1.0))
    working = np.where(whole, layer, 0.0)
    logits = tokens * model.vocab / at.tensor * LOGIT_BYTES
    begin = kept * mine * flight + working
    late = np.where(chunks > 1, np.minimum(flight, 1 + at.pipeline * (chunks - 1) / chunks), 1.0)
    end = kept * mine * np.where(np.asarray(at.schedule) >= DUALPIPE, flight, late) + working
    at_end = end + logits >= begin
    return MemoryParts(*held, np.where(at_end, end, begin), np.where(at_end, logits, 0.0))


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
    split = tensor_of_experts(at)
    again = np.asarray(at.recompute) == SELECTIVE  # what norms and activations give is formed again
    inputs = np.where(again, 2.0, 4.0)
    part = np.where(again, (inner - 1) / inner, 1.0)
    copies = (1 - dense) * m.experts_per_token * m.hidden
    routed = copies + (1 - dense) * m.experts_per_token * inner * part * m.ffn_expert / split
    return np.asarray(
        ACTIVATION_BYTES
        * (inputs * m.hidden / rest + (attention + wide * part) / at.tensor + routed * split / at.tensor)
    )


def _state(model: Architecture, at: Layouts, e: TrainingEfficiency) -> tuple[Array, Array, Array]:
    """Return weights, gradients and the optimiser's state of the fullest stage: an end, with its embedding or head."""
    routed = model.parameters_by_part()["routed_experts"]
    ends = model.embedding_parameters
    middle = (model.parameters - routed - (1 if model.tied_embeddings else 2) * ends) / at.pipeline
    replicas = at.data * at.context
    of_experts = np.maximum(replicas * at.tensor / tensor_of_experts(at) / at.expert, 1.0)
    most = np.minimum(np.ceil(model.layers / at.pipeline), model.moe_layers) / max(
        model.moe_layers, 1
    )  # of the layers with experts
    mine = routed / at.expert / tensor_of_experts(at) * most
    alone = np.where(at.pipeline > 1, 1.0, 1.0 if model.tied_embeddings else 2.0)
    rest = (middle + ends * alone) / at.tensor
    copies = np.where(np.asarray(at.schedule) >= DUALPIPE, 2.0, 1.0)  # two stages on each rank
    here = 1 - np.asarray(at.offload)
    sharded = np.asarray(at.fully_sharded) > 0

    def both(bytes_each: float, shards: Sequence[Array]) -> Array:
        return np.asarray(bytes_each * (mine / shards[0] + rest / shards[1]))

    fully = np.where(sharded, of_experts, 1.0), np.where(sharded, replicas, 1.0)
    state = tuple(np.where(sharded, r, 1 + (r - 1) * e.sharded_state) for r in (of_experts, replicas))
    return (
        copies * both(PARAMETER_BYTES, fully),
        copies * both(GRADIENT_BYTES, fully),
        copies * both(STATE_BYTES, state) * here,
    )
