# Long: one subject whose pieces are documented at length, read together.
"""Time and memory of one optimiser step over a grid of parallel layouts, all at once.

Micro-batches flow through the pipeline stages one forward, one backward (Narayanan et al. 2021); activations are kept,
or recomputed (Korthikanti et al. 2022). The device's work on a stage is arithmetic, memory traffic and exchanges that
don't hide; the host's launches overlap with it. Layouts are those of :mod:`gigaplan.training.layout`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.training.exchanges import (
    GRADIENT_WIRE_BYTES,
    context_exchange_s,
    expert_exchange_s,
    exposed_expert_exchange_s,
    gathering_s,
    gradients_s,
    parameters_held,
    pipeline_send_s,
    replicas_of_weights,
    tensor_exchange_s,
)
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layer import (
    FORWARD_AND_BACKWARD,
    StepInputs,
    dense_layer_s,
    expert_launches_s,
    expert_layer_s,
    head_s,
)
from gigaplan.training.layout import DUALPIPE, FULL, Layouts, chunks_of, micro_batches
from gigaplan.training.memory import PARAMETER_BYTES, memory_parts
from gigaplan.vocabulary.members import Array

OPTIMISER_BYTES = 30.0
"""Per parameter that a rank updates: gradient, master weight and both moments read, the last three and the BF16 copy
written (Adam in mixed precision, Micikevicius et al. 2018)."""
LAUNCHES_OF_AN_END = 1.0
"""Embedding on the first stage, head and loss on the last: each as much to launch as a layer."""
SMOOTH_MAX_EXPONENT = 4
"""Exponent of the smooth maximum of device and host times: both at once, a little less than perfectly."""
MIN_TIME_S = 1e-30
"""Keeps times of nothing from being divided by."""


@dataclass(frozen=True, slots=True)
class Step:
    """Time of one optimiser step by part [s], memory of one GPU [byte] and speed; all of the layouts' shape."""

    compute: Array
    """Time of products, attention and memory traffic on the slowest stage [s]."""
    tensor_exchange: Array
    """Exposed exchange by tensor and context [s]."""
    expert_exchange: Array
    """Exposed exchange of tokens with experts [s]."""
    pipeline_exchange: Array
    """Exposed sends between stages [s]."""
    bubble: Array
    """Time of filling and draining the pipeline [s]."""
    gradients: Array
    """Exposed exchange of gradients and weights over the data ranks [s]."""
    optimiser: Array
    """Update of the weights [s]."""
    overhead: Array
    """Time that the device waits for the host's launches, and the fixed time of a step [s]."""
    memory_bytes: Array
    """Memory of the fullest GPU [byte]."""
    tokens_per_s: Array
    """Speed of the whole run [token/s]."""
    mfu_share: Array
    """Model FLOPs (causal attention counted once, no recomputation) over the dense peak of the precision."""

    @property
    def total(self) -> Array:
        """Time of the step [s]."""
        return (
            self.compute
            + self.tensor_exchange
            + self.expert_exchange
            + self.pipeline_exchange
            + self.bubble
            + self.gradients
            + self.optimiser
            + self.overhead
        )

    @property
    def activity(self) -> tuple[Array, Array, Array]:
        """Times in which a GPU computes, moves data without computing, and waits [s]."""
        moving = self.tensor_exchange + self.expert_exchange + self.pipeline_exchange + self.gradients + self.optimiser
        return self.compute, moving, self.bubble + self.overhead


def model_flops_per_token(model: Architecture, sequence: float) -> float:
    """Return the model FLOPs of one trained token: six per active weight of a product, and causal attention counted
    once.

    Recomputation does not count, nor does the look-up of embeddings (Chowdhery et al. 2022, appendix B).

    Parameters
    ----------
    model : Architecture
        Model.
    sequence : float
        Length of the sequences [token].

    Returns
    -------
    float
        FLOPs of forward and backward [FLOP/token].
    """
    weights = model.active_parameters - model.embedding_parameters
    attention = float(model.prefill_attention_flops(np.asarray(float(sequence)), np.asarray(0.0))) / sequence
    return FORWARD_AND_BACKWARD * (2 * weights + model.layers * attention)


def step(device: Device, model: Architecture, batch: Batch, at: Layouts, efficiency: TrainingEfficiency) -> Step:
    """Return the time of one optimiser step and the memory of one GPU for every layout.

    ``t = m s + b + g + o + c`` with m micro-batches of time s on the slowest stage (the smooth maximum of what the
    device does and what the host launches), the bubble b of filling and draining the pipeline (Narayanan et al. 2021),
    the exposed exchange of gradients g, the optimiser o and a fixed time c. Fitted on and valid for dense models and
    models with experts on A100 to GB300; see docs/accuracy.md for its errors.

    Parameters
    ----------
    device : Device
        GPU and its networks.
    model : Architecture
        Model.
    batch : Batch
        What one step works on, in which precision, by software of which age.
    at : Layouts
        Layouts, any shape.
    efficiency : TrainingEfficiency
        Constants of the step-time model.

    Returns
    -------
    Step
        Times [s], memory [byte] and speed, shape of the layouts.
    """
    s = StepInputs(device, model, batch, at, efficiency)
    micro, chunks = micro_batches(batch, at), chunks_of(model, at)
    stage = _slowest_stage(s, chunks)
    bubble = stage.others_s * _idle_share(at, chunks)
    gradients, optimiser = gradients_s(s, stage.total_s), _optimiser(s)
    whole = micro * stage.total_s + bubble + gradients + optimiser + efficiency.step_overhead_s
    speed = batch.global_batch_tokens / whole
    gpus = at.tensor * at.pipeline * at.data * at.context
    return Step(
        compute=micro * stage.compute_s,
        tensor_exchange=micro * stage.tensor_s,
        expert_exchange=micro * stage.expert_s,
        pipeline_exchange=micro * stage.send_s,
        bubble=bubble,
        gradients=gradients + micro * stage.gather_s,
        optimiser=optimiser,
        overhead=micro * (stage.total_s - stage.device_s) + efficiency.step_overhead_s,
        memory_bytes=memory_parts(model, batch, at, efficiency, micro, chunks).total,
        tokens_per_s=speed,
        mfu_share=speed
        * model_flops_per_token(model, batch.sequence_tokens)
        / (gpus * device.peak_flops_per_s(batch.precision)),
    )


@dataclass(frozen=True, slots=True)
class _Stage:
    """One micro-batch on the slowest pipeline stage, forward and backward [s]. Shapes: layout."""

    compute_s: Array
    tensor_s: Array
    """Exposed exchange by tensor and context."""
    expert_s: Array
    """Exposed exchange of tokens with experts."""
    send_s: Array
    """Exposed sends to and from the neighbouring stages."""
    gather_s: Array
    """Exposed gathering of weights and scattering of gradients, where weights are fully sharded."""
    host_s: Array
    """Host's time to launch all this."""
    others_s: Array
    """Time of the same micro-batch on all other stages together."""

    @property
    def device_s(self) -> Array:
        return self.compute_s + self.tensor_s + self.expert_s + self.send_s + self.gather_s

    @property
    def total_s(self) -> Array:
        return _overlapped(self.device_s, self.host_s)


def _slowest_stage(s: StepInputs, chunks: Array) -> _Stage:
    """Return the times of one micro-batch on the stage that sets the pace: a full one, or the last with its head."""
    e, at, model = s.e, s.at, s.model
    whole_again = np.asarray(at.recompute) >= FULL
    again = 1 + np.where(whole_again, 1 / FORWARD_AND_BACKWARD, 0.0)
    sent_again = 1 + np.where(whole_again, 1 / 2, 0.0)  # the forward's exchanges are half of all
    experts = model.moe_layers / model.layers
    layer = _layer_s(s, experts) * again  # the device's work on a layer, mean over layers
    tensor = tensor_exchange_s(s) * sent_again + context_exchange_s(s) * again
    moved = experts * exposed_expert_exchange_s(s, expert_exchange_s(s) * sent_again, layer, chunks)
    full = np.ceil(model.layers / at.pipeline)
    last = np.maximum(model.layers - (at.pipeline - 1) * full, 0.0)
    head = head_s(s)
    send = np.where(at.pipeline > 1, 2 * chunks * pipeline_send_s(s), 0.0) * (1 - e.handover_hidden_share)
    # how far the last stage lags, which sends on one side only
    behind = np.maximum((last - full) * (layer + tensor + moved) + head - send / 2, 0.0)
    compute = full * layer + behind
    ends = np.where(at.pipeline > 1, LAUNCHES_OF_AN_END, 2 * LAUNCHES_OF_AN_END)
    # gathering hides behind the work of layers, not behind the fixed time of small kernels
    gathered = gathering_s(s, compute)
    compute = compute + (full + ends) * e.layer_floor_s * again * s.older_host
    by_host = 1 - np.asarray(s.batch.dense_graphs)
    launched = (
        full + ends
    ) * e.layer_overhead_s * by_host + full * experts * s.batch.launched_by_host * expert_launches_s(s)
    stage = _Stage(compute, full * tensor, full * moved, send, gathered, s.older_host * launched * again, send)
    # fill and drain pass once through the other stages, which may be lighter than the one that sets the pace
    work = model.layers * (layer + tensor + moved) + head + (at.pipeline - 1) * send
    others = np.clip(work / np.maximum(stage.device_s, MIN_TIME_S) - 1, 0.0, at.pipeline - 1)
    return replace(stage, others_s=stage.total_s * others)


def _layer_s(s: StepInputs, experts: float) -> Array:
    """Return the device's work on a layer, mean over layers, of which some may keep their products in BF16."""
    narrow = dense_layer_s(s) + experts * expert_layer_s(s)
    wide = np.minimum(np.asarray(s.batch.wide_layers) / s.model.layers, 1.0)
    if s.batch.precision == "bf16" or not (wide > 0).any():
        return np.asarray(narrow)
    w = replace(s, batch=replace(s.batch, precision="bf16", block_scaled=0.0))
    return np.asarray(narrow + wide * (dense_layer_s(w) + experts * expert_layer_s(w) - narrow))


def _idle_share(at: Layouts, chunks: Array) -> Array:
    """Return how much of one micro-batch's way through the other stages waits, forward and both halves of the backward
    equally long.

    One forward, one backward in chunks: ``1 / v`` (Narayanan et al. 2021). Zero bubble, ZB-H1: a third (Qi et al.
    2023). DualPipe: ``(p / 2 - 1)`` times forward-with-backward plus backward less three weight passes, two thirds of
    a micro-batch (DeepSeek-AI 2024), for ``p - 1`` other stages.
    """
    schedule = np.asarray(at.schedule)
    dualpipe = np.maximum(at.pipeline / 2 - 1, 0.0) * 2 / FORWARD_AND_BACKWARD / np.maximum(at.pipeline - 1, 1.0)
    return np.where(schedule >= DUALPIPE, dualpipe, np.where(schedule > 0, 1 / FORWARD_AND_BACKWARD, 1 / chunks))


def _overlapped(device_s: Array, host_s: Array) -> Array:
    """Return the smooth maximum of two times that overlap, ``(a^n + b^n)^(1/n)``."""
    larger, smaller = np.maximum(device_s, host_s), np.minimum(device_s, host_s)
    # written as a factor on the larger one, so that the powers can't overflow
    ratio = smaller / np.maximum(larger, MIN_TIME_S)
    return larger * (1 + ratio**SMOOTH_MAX_EXPONENT) ** (1 / SMOOTH_MAX_EXPONENT)


def _optimiser(s: StepInputs) -> Array:
    """Return the time to update the weights of one rank [s]; in the host, gradients go there and weights come back."""
    ranks = zip(parameters_held(s), replicas_of_weights(s), strict=True)
    held = sum(h / (1 + (r - 1) * s.e.sharded_state) for h, r in ranks) * (1 - np.asarray(s.batch.frozen))
    here = held * OPTIMISER_BYTES / s.device.hbm_bandwidth_bytes_per_s
    offloaded = np.asarray(s.at.offload)
    if not (offloaded > 0).any():
        return np.asarray(here)
    link = max(s.device.host_bandwidth_bytes_per_s, 1.0)
    # the host's memory is taken to be no faster than its link, so that all passes go at the link's speed
    there = held * (GRADIENT_WIRE_BYTES + PARAMETER_BYTES + OPTIMISER_BYTES) / link
    return np.where(offloaded > 0, there, here)
