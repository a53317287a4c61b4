"""Memory of one GPU in training: weights, gradients, the optimiser's state, and the activations of the batches in
flight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan.compute.transformer import ACTIVATION_BYTES, Architecture
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import DUALPIPE, FULL, SELECTIVE, Layouts, tensor_of_experts
from gigaplan.vocabulary.members import Array

GRADIENT_BYTES, PARAMETER_BYTES, STATE_BYTES = 4.0, 2.0, 12.0
"""Per parameter: FP32 gradients, BF16 working copy, FP32 master and two moments (mixed precision of Micikevicius et
al. 2018 with Adam)."""
LOGIT_BYTES = 8.0
"""Per logit of the last stage at its peak: BF16 and FP32 copies, and their gradient."""


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """Memory of the fullest GPU by what it holds [byte]; all of the layouts' shape."""

    weights: Array
    """Working copies of the weights."""
    gradients: Array
    """Gradients."""
    optimiser: Array
    """The optimiser's state: master weights and both moments."""
    activations: Array
    """Activations of the micro-batches in flight."""
    logits: Array
    """Logits and their gradient, where the last stage is the fullest."""

    @property
    def total(self) -> Array:
        """Memory in all [byte]."""
        return self.weights + self.gradients + self.optimiser + self.activations + self.logits


def memory_parts(
    model: Architecture, batch: Batch, at: Layouts, e: TrainingEfficiency, micro: Array, chunks: Array
) -> MemoryParts:
    """Return the memory of the fullest GPU by part: of the first stage, or of the last with its logits.

    A stage holds the activations of as many micro-batches as are in flight on it: p on the first of p stages with one
    forward, one backward, more with chunks in turn (Narayanan et al. 2021), p + 1 with DualPipe (DeepSeek-AI 2024); at
    recomputation of whole layers only their inputs, and one layer in work (Korthikanti et al. 2022).

    Parameters
    ----------
    model : Architecture
        Model.
    batch : Batch
        What one step works on.
    at : Layouts
        Layouts, any shape.
    e : TrainingEfficiency
        Constants: whether what is not split by tensor is split by sequence, and whether the optimiser's state is
        sharded.
    micro : numpy.ndarray
        Micro-batches of a step, shape of the layouts.
    chunks : numpy.ndarray
        Chunks of a stage's layers, shape of the layouts.

    Returns
    -------
    MemoryParts
        Memory [byte], shape of the layouts.
    """
    weights, gradients, optimiser = _state(model, at, e)
    trained = 1 - np.asarray(batch.frozen)  # adapters are too small to count
    tokens = at.micro_batch * float(batch.sequence_tokens) / at.context
    rest = 1 + (at.tensor - 1) * e.sequence_parallel
    layer = tokens * activation_bytes_per_token(model, at, rest)
    whole_again = np.asarray(at.recompute) >= FULL
    kept = np.where(whole_again, tokens * model.hidden * ACTIVATION_BYTES / rest, layer)
    # a layer that is recomputed has all its activations again while its backward runs
    in_work = np.where(whole_again, layer, 0.0)
    stage_layers = np.ceil(model.layers / at.pipeline)
    turns = np.where(chunks > 1, at.pipeline * (1 + (at.pipeline - 1) / (at.pipeline * chunks)), at.pipeline)
    turns = np.where(np.asarray(at.schedule) >= DUALPIPE, at.pipeline + 1, turns)
    in_flight = np.minimum(turns, np.maximum(micro, 1.0))
    first = kept * stage_layers * in_flight + in_work
    # the last stage starts a backward right after each forward; with chunks, after those of its earlier chunks
    late = np.where(chunks > 1, np.minimum(in_flight, 1 + at.pipeline * (chunks - 1) / chunks), 1.0)
    last = kept * stage_layers * np.where(np.asarray(at.schedule) >= DUALPIPE, in_flight, late) + in_work
    logits = tokens * model.vocab / at.tensor * LOGIT_BYTES
    fullest_is_last = last + logits >= first
    parts = weights, gradients * trained, optimiser * trained
    return MemoryParts(*parts, np.where(fullest_is_last, last, first), np.where(fullest_is_last, logits, 0.0))


def activation_bytes_per_token(model: Architecture, at: Layouts, rest: Array | float) -> Array:
    """Return the bytes that one layer keeps of one token for its backward, mean over layers.

    Inputs of both norms and of what follows them; queries, keys, values and what attention gives; the feed-forward's
    inner values before and after their activation, of each expert that a token visits with its copy of the token
    (Korthikanti et al. 2022, with flash attention and gated units).

    Parameters
    ----------
    model : Architecture
        Model.
    at : Layouts
        Layouts, any shape.
    rest : float or numpy.ndarray
        Ranks that share what tensor parallelism does not split, shape of the layouts.

    Returns
    -------
    numpy.ndarray
        Bytes on one rank [byte/token], shape of the layouts.
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
    # one stage holds both ends, unless they share their weights
    held_ends = np.where(at.pipeline > 1, 1.0, 1.0 if model.tied_embeddings else 2.0)
    dense = (middle + ends * held_ends) / at.tensor
    layers_with_experts = np.minimum(np.ceil(model.layers / at.pipeline), model.moe_layers)
    experts = routed / at.expert / tensor_of_experts(at) * (layers_with_experts / max(model.moe_layers, 1))
    replicas = at.data * at.context
    expert_replicas = np.maximum(replicas * at.tensor / tensor_of_experts(at) / at.expert, 1.0)
    copies = np.where(np.asarray(at.schedule) >= DUALPIPE, 2.0, 1.0)  # two stages on each rank
    here = 1 - np.asarray(at.offload)
    sharded = np.asarray(at.fully_sharded) > 0

    def both(bytes_each: float, shards: Sequence[Array]) -> Array:
        return np.asarray(bytes_each * (experts / shards[0] + dense / shards[1]))

    fully = np.where(sharded, expert_replicas, 1.0), np.where(sharded, replicas, 1.0)
    state = tuple(np.where(sharded, r, 1 + (r - 1) * e.sharded_state) for r in (expert_replicas, replicas))
    return (
        copies * both(PARAMETER_BYTES, fully),
        copies * both(GRADIENT_BYTES, fully),
        copies * both(STATE_BYTES, state) * here,
    )
