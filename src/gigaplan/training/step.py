"""Time and memory of one optimiser step over a grid of parallel layouts, all at once.

Layouts split a model by tensor (TP, with sequence), pipeline stages (PP), experts (EP, within the data-parallel ranks)
and data (DP). Micro-batches flow through the stages one forward, one backward (Narayanan et al. 2021); activations are
kept with selective recomputation, or recomputed whole (Korthikanti et al. 2022); the optimiser's state is sharded over
the data-parallel ranks (Rajbhandari et al. 2020). All arrays of a :class:`Layouts` have one shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.collectives import Network, all_reduce_s, all_to_all_s, send_s
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import ACTIVATION_BYTES, Architecture
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.vocabulary.members import Array

FORWARD_AND_BACKWARD = 3.0
"""Backward takes twice the forward's products."""
GRADIENT_BYTES, PARAMETER_BYTES, STATE_BYTES = 4.0, 2.0, 12.0
"""Per parameter: FP32 gradients, BF16 working copy, FP32 master and two moments (mixed precision of Micikevicius et al. 2018
with Adam)."""
ACTIVATION_BYTES_SELECTIVE, ACTIVATION_BYTES_FULL = 34.0, 2.0
"""Per token, hidden value and layer: all but attention's own (selective), or the layer's input alone (Korthikanti et al.
2022, equations 1 to 6)."""
MOST_CHUNKS = 4.0
"""Parts of its layers that a stage takes in turn (interleaved schedule of Narayanan et al. 2021): the bubble falls, hand-overs grow."""
TENSOR_COLLECTIVES, EXPERT_COLLECTIVES = 4, 4
"""Per layer, forward and backward: two all-reduces each way by tensor, two all-to-alls each way by experts."""


@dataclass(frozen=True, slots=True)
class Layouts:
    """Candidate layouts: ranks by tensor, stage, expert and data, sequences of a micro-batch, whether all is recomputed."""

    tensor: Array
    pipeline: Array
    expert: Array
    data: Array
    micro_batch: Array
    recompute: Array


@dataclass(frozen=True, slots=True)
class Step:
    """Time of one optimiser step by part [s], memory of one GPU [byte] and speed; all of the layouts' shape."""

    compute: Array
    tensor_exchange: Array
    expert_exchange: Array
    pipeline_exchange: Array
    bubble: Array
    gradients: Array
    optimiser: Array
    overhead: Array
    memory_bytes: Array
    tokens_per_s: Array
    mfu_share: Array
    """Model FLOPs (causal attention counted once, no recomputation) over the dense peak of the precision."""

    @property
    def total(self) -> Array:
        """The step [s]."""
        return (self.compute + self.tensor_exchange + self.expert_exchange + self.pipeline_exchange + self.bubble
                + self.gradients + self.optimiser + self.overhead)  # fmt: skip


def model_flops_per_token(model: Architecture, sequence: float) -> float:
    """Return the model FLOPs of one trained token: six per active weight of a product, and causal attention."""
    weights = model.active_parameters - model.embedding_parameters
    attention = float(model.prefill_attention_flops(np.asarray(float(sequence)), np.asarray(0.0))) / sequence
    return FORWARD_AND_BACKWARD * (2 * weights + model.layers * attention)


def step(device: Device, model: Architecture, batch: Batch, at: Layouts, efficiency: TrainingEfficiency) -> Step:
    """Return the time of one step and the memory of one GPU for every layout."""
    e, h, layers = efficiency, model.hidden, model.layers
    sequence, share = float(batch.sequence_tokens), e.training_link_share
    network = Network(
        device.scaleup_gpus, max(device.scaleup_bandwidth_bytes_per_s * share, 1.0), max(device.scaleout_bandwidth_bytes_per_s * share, 1.0), LATENCY_S
    )  # fmt: skip
    tokens = at.micro_batch * sequence
    micro = batch.global_batch_tokens / (tokens * at.data)  # micro-batches of one pipeline
    mine = np.ceil(layers / at.pipeline)  # of the fullest stage, which sets the pace
    dense_flops, expert_flops, attention = _flops(model, sequence)
    again = 1 + at.recompute / FORWARD_AND_BACKWARD
    peak, plain = device.peak_flops_per_s(batch.precision), device.peak_flops_per_s("bf16")
    seconds = (
        (dense_flops + expert_flops / _expert_share(model, e)) / (peak * e.training_gemm_share)
        + attention / (plain * e.training_attention_share)
    )  # fmt: skip
    compute = seconds * again * tokens / at.tensor * mine / layers
    hidden_bytes = tokens * h * ACTIVATION_BYTES
    tensor = mine * TENSOR_COLLECTIVES * again * all_reduce_s(hidden_bytes, at.tensor, network)
    experts = _expert_exchange(model, hidden_bytes / at.tensor, at, network) * mine / layers * (1 - e.hidden_share)
    chunks = np.clip(np.floor(layers / at.pipeline), 1.0, MOST_CHUNKS)
    hop = np.where(at.pipeline > 1, 2 * chunks * send_s(hidden_bytes / at.tensor, network), 0.0)
    small = mine * e.layer_overhead_s * again
    one = compute + tensor + experts + hop + small  # one micro-batch on one stage
    dense, routed = _parameters(model)
    held = (dense / at.tensor + routed / at.expert / _tensor_of_experts(at)) / at.pipeline
    ring = Network(1, network.scaleout_bytes_per_s, network.scaleout_bytes_per_s, LATENCY_S)
    gradients = all_reduce_s(held * PARAMETER_BYTES, at.data, ring) * (1 - e.hidden_share)
    optimiser = held * (STATE_BYTES + GRADIENT_BYTES) / at.data / device.hbm_bandwidth_bytes_per_s
    bubble = one * (at.pipeline - 1) / chunks
    whole = micro * one + bubble + gradients + optimiser
    speed = batch.global_batch_tokens / whole
    gpus = at.tensor * at.pipeline * at.data
    return Step(
        compute=micro * compute, tensor_exchange=micro * tensor, expert_exchange=micro * experts, pipeline_exchange=micro * hop,
        bubble=bubble, gradients=gradients, optimiser=optimiser, overhead=micro * small,
        memory_bytes=_memory(model, tokens, at, held, micro), tokens_per_s=speed,
        mfu_share=speed * model_flops_per_token(model, sequence) / (gpus * peak),
    )  # fmt: skip


LATENCY_S = 1e-5
"""Fixed time of one collective: tens of microseconds over a fabric (Hockney's a); seldom decides in training."""


def _flops(model: Architecture, sequence: float) -> tuple[float, float, float]:
    """Return the FLOPs of one token, forward and backward: of plain products, of experts' and of attention."""
    whole = model_flops_per_token(model, sequence)
    products = FORWARD_AND_BACKWARD * 2 * (model.active_parameters - model.embedding_parameters)
    experts = FORWARD_AND_BACKWARD * 2 * model.parameters_by_part(active=True)["routed_experts"]
    return products - experts, experts, whole - products


def _expert_share(model: Architecture, efficiency: TrainingEfficiency) -> float:
    """Return what grouped products over experts reach of plain ones: narrow experts fill tiles badly."""
    return model.ffn_expert / (model.ffn_expert + efficiency.expert_half_width) if model.experts else 1.0


def _parameters(model: Architecture) -> tuple[float, float]:
    routed = model.parameters_by_part()["routed_experts"]
    return model.parameters - routed, routed


def _tensor_of_experts(at: Layouts) -> Array:
    """Experts that are not spread over the tensor ranks are split by them."""
    return np.where(at.expert > 1, 1.0, at.tensor)


def _expert_exchange(model: Architecture, token_bytes: Array, at: Layouts, network: Network) -> Array:
    """Return the exchange of tokens with their experts over all layers of one micro-batch [s]."""
    if not model.experts:
        return np.zeros_like(at.expert)
    copies = np.minimum(float(model.experts_per_token), at.expert)
    return model.moe_layers * EXPERT_COLLECTIVES * all_to_all_s(token_bytes * copies, at.expert, network)


def _memory(model: Architecture, tokens: Array, at: Layouts, held: Array, micro: Array) -> Array:
    """Return the bytes of one GPU: parameters, gradients, sharded state, and the activations of the batches in flight."""
    state = held * (PARAMETER_BYTES + GRADIENT_BYTES + STATE_BYTES / at.data)
    each = np.where(at.recompute > 0, ACTIVATION_BYTES_FULL, ACTIVATION_BYTES_SELECTIVE)
    flight = np.minimum(at.pipeline, np.maximum(micro, 1.0))
    kept = tokens * model.hidden * each * model.layers / at.pipeline / at.tensor * flight
    working = tokens * model.hidden * ACTIVATION_BYTES_SELECTIVE / at.tensor
    return np.asarray(state + kept + working)
