# Long: one subject whose pieces are documented at length, read together.
"""Time and memory of one optimiser step over a grid of parallel layouts, all at once.

Micro-batches flow through the pipeline stages one forward, one backward (Narayanan et al. 2021); activations are kept,
or recomputed (Korthikanti et al. 2022). The device's work on a stage is arithmetic, memory traffic and exchanges that
don't hide; the host's launches overlap with it. Layouts are those of :mod:`gigaplan.training.layout`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gigaplan.compute.collectives import Network, ring_or_tree_s
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import ACTIVATION_BYTES, MATRICES_OF_GATED_FFN, WEIGHT_BYTES, Architecture
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import DUALPIPE, FULL, SELECTIVE, Layouts, chunks_of, micro_batches, tensor_of_experts
from gigaplan.training.memory import PARAMETER_BYTES, memory_parts
from gigaplan.vocabulary.members import Array

FORWARD_AND_BACKWARD = 3.0
"""Backward takes twice the forward's products."""
FLASH_FORWARD_AND_BACKWARD = 3.5
"""Backward of flash attention forms the scores again: five products to the forward's two (Dao et al. 2022)."""
GRADIENT_WIRE_BYTES, PARAMETER_WIRE_BYTES = 2.0, 2.0
"""Per parameter on the wire: BF16 gradients to be summed and BF16 weights handed back."""
ACCUMULATED_BYTES = 8.0
"""Per weight and micro-batch: the sum of gradients, read and written in FP32 (Megatron's accumulation)."""
OPTIMISER_BYTES = 30.0
"""Per parameter that a rank updates: gradient, master weight and both moments read, the last three and the BF16 copy
written (Adam in mixed precision, Micikevicius et al. 2018)."""
TENSOR_COLLECTIVES = 4
"""Per layer, forward and backward: two all-reduces each way by tensor (with sequence: as gather and scatter)."""
CONTEXT_SENDS = 3
"""Keys and values go round once forward, and with their gradients twice backward."""
FSDP_TRIPS = 3
"""Weights are gathered for the forward and for the backward, gradients scattered once, for each micro-batch."""
LAUNCHES_OF_AN_END = 1.0
"""Embedding on the first stage, head and loss on the last: each as much to launch as a layer."""
CLOCK_OF_POWER = 1 / 3
"""Exponent of clock in power: dynamic power goes with frequency times voltage squared, and voltage with frequency
(Hennessy and Patterson, Computer Architecture, 2017)."""
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


@dataclass(frozen=True, slots=True)
class _Shape:
    """What one micro-batch asks of one layer. Shapes: layout."""

    device: Device
    model: Architecture
    batch: Batch
    at: Layouts
    e: TrainingEfficiency

    @property
    def tokens(self) -> Array:
        """Of one micro-batch on one context rank."""
        return self.at.micro_batch * float(self.batch.sequence_tokens) / self.at.context

    @property
    def rest(self) -> Array | float:
        """Ranks that share what tensor parallelism does not split."""
        return 1 + (self.at.tensor - 1) * self.e.sequence_parallel

    @property
    def clock(self) -> float:
        """Share of its clock that a package keeps at its rated power while products run: newer ones have fewer watts
        per FLOP/s."""
        if not self.device.rated_w:
            return 1.0
        watts = self.device.rated_w / self.device.peak_bf16_flops_per_s
        return float(min(watts / self.e.full_clock_j_per_flop, 1.0) ** CLOCK_OF_POWER)

    def peak(self, precision: str) -> float:
        """FLOP/s of products in a precision at that clock."""
        return self.device.peak_flops_per_s(precision) * self.clock

    @property
    def older(self) -> Array | float:
        return np.exp(self.e.training_gain_per_year * np.asarray(self.batch.years_behind))

    @property
    def older_experts(self) -> Array | float:
        return self.older * np.exp(self.e.expert_gain_per_year * np.asarray(self.batch.years_behind))

    @property
    def older_host(self) -> Array | float:
        return np.exp(self.e.host_gain_per_year * np.asarray(self.batch.years_behind))


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
    s = _Shape(device, model, batch, at, efficiency)
    micro, chunks = micro_batches(batch, at), chunks_of(model, at)
    stage = _slowest_stage(s, chunks)
    bubble = stage.others_s * _idle_share(at, chunks)
    gradients, optimiser = _gradients(s, stage.total_s), _optimiser(s)
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


def _slowest_stage(s: _Shape, chunks: Array) -> _Stage:
    """Return the times of one micro-batch on the stage that sets the pace: a full one, or the last one with its head."""
    e, at, model = s.e, s.at, s.model
    whole_again = np.asarray(at.recompute) >= FULL
    again = 1 + np.where(whole_again, 1 / FORWARD_AND_BACKWARD, 0.0)
    sent_again = 1 + np.where(whole_again, 1 / 2, 0.0)  # the forward's exchanges are half of all
    experts = model.moe_layers / model.layers
    layer = (_dense_layer(s) + experts * _expert_layer(s)) * again  # the device's work on a layer, mean over layers
    tensor = _tensor_exchange(s) * sent_again + _context_exchange(s) * again
    moved = experts * _exposed_exchange(s, _expert_exchange(s) * sent_again, layer, chunks)
    full = np.ceil(model.layers / at.pipeline)
    last = np.maximum(model.layers - (at.pipeline - 1) * full, 0.0)
    head = _head(s)
    send = np.where(at.pipeline > 1, 2 * chunks * _pipeline_send_s(s), 0.0) * (1 - e.handover_hidden_share)
    # how far the last stage lags, which sends on one side only
    behind = np.maximum((last - full) * (layer + tensor + moved) + head - send / 2, 0.0)
    compute = full * layer + behind
    ends = np.where(at.pipeline > 1, LAUNCHES_OF_AN_END, 2 * LAUNCHES_OF_AN_END)
    # gathering hides behind the work of layers, not behind the fixed time of small kernels
    gathered = _gathering(s, compute)
    compute = compute + (full + ends) * e.layer_floor_s * again * s.older_host
    launched = (full + ends) * e.layer_overhead_s + full * experts * s.batch.launched_by_host * _launching_experts(s)
    stage = _Stage(compute, full * tensor, full * moved, send, gathered, s.older_host * launched * again, send)
    # fill and drain pass once through the other stages, which may be lighter than the one that sets the pace
    work = model.layers * (layer + tensor + moved) + head + (at.pipeline - 1) * send
    others = np.clip(work / np.maximum(stage.device_s, MIN_TIME_S) - 1, 0.0, at.pipeline - 1)
    return replace(stage, others_s=stage.total_s * others)


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


def _product_s(s: _Shape, rows: Array, inner: Array | float, outer: Array | float, precision: str) -> Array:
    """Return the time of a product ``(rows, inner) x (inner, outer)``, forward and backward [s]: arithmetic, and the
    part of its memory traffic that does not hide."""
    peak = s.peak(precision) * s.e.gemm_share(precision)
    bytes_moved = (rows * (inner + outer) + inner * outer) * max(WEIGHT_BYTES[precision], 1.0)
    bytes_moved = bytes_moved + inner * outer * ACCUMULATED_BYTES / FORWARD_AND_BACKWARD
    exposed = s.e.training_traffic_share * bytes_moved / s.device.hbm_bandwidth_bytes_per_s
    return np.asarray(FORWARD_AND_BACKWARD * (2 * rows * inner * outer / peak + exposed))


def _dense_layer(s: _Shape) -> Array:
    """Return the device's time for what every layer does: projections, attention, a dense or shared feed-forward [s].

    Layers with experts and layers without are taken together by their mean.
    """
    m, p, t = s.model, s.batch.precision, s.at.tensor
    share = m.dense_layers / m.layers
    time = _product_s(s, s.tokens, m.hidden, m.attention_parameters / m.hidden / t, p)
    if share:
        time = time + share * _product_s(s, s.tokens, m.hidden, m.ffn_matrices * m.ffn_dense / t, p)
    if m.shared_experts and share < 1:
        time = time + (1 - share) * _product_s(
            s, s.tokens, m.hidden, m.ffn_matrices * m.ffn_expert * m.shared_experts / t, p
        )
    wide = (
        (share * m.ffn_dense + (1 - share) * m.ffn_expert * m.shared_experts) * m.ffn_matrices / MATRICES_OF_GATED_FFN
    )
    passes = s.e.training_passes + (
        s.e.quantise_passes + s.batch.block_scaled * s.e.block_passes if p != "bf16" else 0.0
    )
    passes = passes * (1 + (np.asarray(s.at.recompute) == SELECTIVE) * SELECTIVE / FORWARD_AND_BACKWARD)
    elementwise = (
        passes * s.tokens * (m.hidden / s.rest + wide / t) * ACTIVATION_BYTES / s.device.hbm_bandwidth_bytes_per_s
    )
    return np.asarray((time + elementwise + _attention(s)) * s.older)


def _attention(s: _Shape) -> Array:
    """Return the time of attention on one layer, forward and backward [s]; unfused, the whole square of scores is
    formed."""
    sequence = float(s.batch.sequence_tokens)
    flops = (
        float(s.model.prefill_attention_flops(np.asarray(sequence), np.asarray(0.0)))
        / sequence
        * s.tokens
        / s.at.tensor
    )
    peak = s.peak("bf16") * s.e.training_attention_share
    if not s.e.score_passes:
        return np.asarray(FLASH_FORWARD_AND_BACKWARD * flops / peak)
    scores = s.tokens * sequence * s.model.heads / s.at.tensor * ACTIVATION_BYTES * s.e.score_passes
    return np.asarray(2 * FORWARD_AND_BACKWARD * flops / peak + scores / s.device.hbm_bandwidth_bytes_per_s)


def _expert_layer(s: _Shape) -> Array:
    """Return the device's time for the routed experts of one layer, forward and backward [s]: of the rank with most
    rows."""
    m = s.model
    if not m.experts:
        return np.zeros_like(s.at.tensor)
    split = tensor_of_experts(s.at)
    rows = s.tokens / (s.at.tensor / split) * m.experts_per_token * s.batch.imbalance  # that this rank's experts see
    each = rows * s.at.expert / m.experts
    width = m.ffn_matrices * m.ffn_expert / split
    peak = s.peak(s.batch.precision) * s.e.gemm_share(s.batch.precision) * s.e.training_expert_share
    weights = m.experts / s.at.expert * m.hidden * width
    traffic = (rows * (m.hidden + width) + weights) * max(WEIGHT_BYTES[s.batch.precision], 1.0)
    traffic = (traffic + weights * ACCUMULATED_BYTES / FORWARD_AND_BACKWARD) * s.e.training_traffic_share
    passes = s.e.expert_passes + np.asarray(s.batch.unfused_experts) * s.e.unfused_passes
    moved = passes * rows * (m.hidden + m.ffn_expert / split) * ACTIVATION_BYTES
    padded = rows * (1 + s.e.training_expert_half_rows / np.maximum(each, 1.0))
    return np.asarray(
        (
            FORWARD_AND_BACKWARD * (2 * padded * m.hidden * width / peak + traffic / s.device.hbm_bandwidth_bytes_per_s)
            + moved / s.device.hbm_bandwidth_bytes_per_s
        )
        * s.older_experts
    )


def _launching_experts(s: _Shape) -> Array:
    """Return the host's time to launch what experts add to one layer [s]: once a layer, and once for each expert of a
    rank, whose products are kernels of their own (as Transformer Engine's grouped linear layers loop over them)."""
    return np.asarray(s.e.expert_overhead_s + s.model.experts / s.at.expert * s.e.expert_launch_s)


def _head(s: _Shape) -> Array:
    """Return the time of the output head on the last stage, forward and backward [s]; it stays in BF16."""
    logits = s.tokens * s.model.vocab / s.at.tensor * ACTIVATION_BYTES / s.device.hbm_bandwidth_bytes_per_s
    product = _product_s(s, s.tokens, s.model.hidden, s.model.vocab / s.at.tensor, "bf16")
    product = product / (1 - np.asarray(s.batch.odd_vocabulary) * (1 - s.e.odd_share))
    return np.asarray((product + s.e.logit_passes * logits) * s.older)


def _network(s: _Shape, domain: Array | int, stride: Array | float = 1.0) -> Network:
    """Return the networks as a collective sees them whose ranks lie so many to a scale-up domain, and every ``stride``
    GPUs."""
    up, out = s.device.scaleup_bandwidth_bytes_per_s, s.device.scaleout_bandwidth_bytes_per_s
    pod = np.maximum(np.floor(s.device.pod_gpus / stride), 1.0) if s.device.pod_gpus else np.inf
    return Network(
        domain,  # type: ignore[arg-type]
        max(up * s.e.training_link_share, 1.0),
        max(out * s.e.training_scaleout_share, 1.0),
        s.e.training_latency_s,
        pod,  # type: ignore[arg-type]
        s.device.spine_share,
    )


def _tensor_exchange(s: _Shape) -> Array:
    """Return the exposed exchange by tensor of one layer, forward and backward [s]."""
    moved = s.tokens * s.model.hidden * ACTIVATION_BYTES
    time = TENSOR_COLLECTIVES * ring_or_tree_s(moved, s.at.tensor, _network(s, s.device.scaleup_gpus))
    return np.asarray(time * (1 - s.e.tensor_hidden_share))


def _context_exchange(s: _Shape) -> Array:
    """Return the exposed exchange of keys and values by context of one layer, forward and backward [s] (a ring)."""
    context = np.asarray(s.at.context)
    if not (context > 1).any():
        return np.zeros_like(s.at.tensor)
    moved = s.tokens * s.model.kv_bytes_per_token_layer(ACTIVATION_BYTES) / s.at.tensor
    net = _network(s, s.device.scaleup_gpus)
    speed = np.where(s.at.tensor * context <= s.device.scaleup_gpus, net.scaleup_bytes_per_s, net.scaleout_bytes_per_s)
    time = CONTEXT_SENDS * (context - 1) * (moved / speed + net.latency_s)
    return np.asarray(time * (1 - s.e.tensor_hidden_share))


def _expert_exchange(s: _Shape) -> Array:
    """Return the exchange of tokens with the experts of one layer, there and back, forward and backward [s].

    Inside the domain a copy goes to every expert's rank; between domains one copy to each that holds a chosen expert
    (the expected number of distinct ones, as in :func:`gigaplan.compute.transformer.experts_touched`).
    """
    m = s.model
    if not m.experts:
        return np.zeros_like(s.at.expert)
    net, ranks = _network(s, s.device.scaleup_gpus), s.at.expert
    one = s.tokens / s.at.tensor * m.hidden * ACTIVATION_BYTES * s.batch.imbalance
    near = np.minimum(ranks, float(s.device.scaleup_gpus))
    domains = ranks / near
    k = float(m.experts_per_token)
    inside = np.minimum(k, ranks) * (near - 1) / near * one / net.scaleup_bytes_per_s
    touched = domains * (1 - (1 - 1 / np.maximum(domains, 1.0)) ** k)
    outside = (
        touched * (domains - 1) / domains * one / max(s.device.scaleout_bandwidth_bytes_per_s * s.e.exchange_share, 1.0)
    )
    return np.where(ranks > 1, 4 * (net.latency_s + np.maximum(inside, outside)), 0.0)


def _exposed_exchange(s: _Shape, exchange: Array, layer: Array, chunks: Array) -> Array:
    """Return what of the exchange with experts does not hide: with chunks taken in turn, or stages of both ends on a
    rank, another micro-batch computes meanwhile (Megatron's batch-level overlap; DualPipe, DeepSeek-AI 2024), else
    nothing does."""
    overlapped = (chunks > 1) | (np.asarray(s.at.schedule) >= DUALPIPE)
    hidden = np.minimum(exchange * s.e.expert_hidden_share, layer)
    return np.where(overlapped, exchange - hidden, exchange) * s.older_experts


def _pipeline_send_s(s: _Shape) -> Array:
    """Return the time to hand one micro-batch's activations to the next stage [s]; each tensor rank sends its part,
    which is gathered on arrival where it is not kept in parts (scatter and gather of Narayanan et al. 2021)."""
    net = _network(s, 1)
    whole = s.at.tensor * s.at.context * s.at.data * s.at.pipeline
    speed = np.where(whole <= s.device.scaleup_gpus, net.scaleup_bytes_per_s, net.scaleout_bytes_per_s)
    if s.device.pod_gpus:  # stages at the edge of a pod send through its share of the spine
        stage = s.at.tensor * s.at.context * s.at.data
        left = s.device.spine_share * np.maximum(s.device.pod_gpus / stage, 1.0)
        speed = np.where(whole > s.device.pod_gpus, speed * np.minimum(left, 1.0), speed)
    moved = s.tokens * s.model.hidden * ACTIVATION_BYTES
    gathered = moved * (1 / s.rest - 1 / s.at.tensor) / net.scaleup_bytes_per_s
    return np.asarray(net.latency_s + moved / s.at.tensor / speed + gathered)


def _held(s: _Shape) -> tuple[Array, Array]:
    """Return the parameters of one rank outside of experts, and of experts."""
    routed = s.model.parameters_by_part()["routed_experts"]
    dense = (s.model.parameters - routed) / s.at.tensor / s.at.pipeline
    return np.asarray(dense), np.asarray(routed / s.at.expert / tensor_of_experts(s.at) / s.at.pipeline)


def _replicas(s: _Shape) -> tuple[Array, Array]:
    """Return how many ranks hold the same weights outside of experts, and of experts."""
    same = s.at.data * s.at.context
    return np.asarray(same), np.maximum(same * s.at.tensor / tensor_of_experts(s.at) / s.at.expert, 1.0)


def _gradients(s: _Shape, one: Array) -> Array:
    """Return the exposed sum of gradients and return of weights over the data ranks [s], where not fully sharded.

    A stated share hides, and no more than lasts as long as one micro-batch: only the last one's backward and the next
    step's first forward run beside it (buckets of Li et al. 2020).
    """
    time = np.zeros_like(s.at.tensor)
    for held, ranks, stride in zip(_held(s), _replicas(s), (s.at.tensor, s.at.expert), strict=True):
        near = np.clip(np.floor(s.device.scaleup_gpus / stride), 1.0, ranks)
        wire = held * (GRADIENT_WIRE_BYTES + PARAMETER_WIRE_BYTES) / 2
        time = time + np.where(ranks > 1, ring_or_tree_s(wire, ranks, _network(s, near, stride)), 0.0)
    exposed = np.maximum(time * (1 - s.e.hidden_share), time - one)
    return np.asarray(exposed * (1 - np.asarray(s.at.fully_sharded)))


def _gathering(s: _Shape, compute: Array) -> Array:
    """Return the exposed gathering of weights and scattering of gradients of one micro-batch where weights are sharded
    [s]."""
    sharded = np.asarray(s.at.fully_sharded)
    if not (sharded > 0).any():
        return np.zeros_like(s.at.tensor)
    time = np.zeros_like(s.at.tensor)
    for held, ranks, stride in zip(_held(s), _replicas(s), (s.at.tensor, s.at.expert), strict=True):
        near = np.clip(np.floor(s.device.scaleup_gpus / stride), 1.0, ranks)
        trip = ring_or_tree_s(held * PARAMETER_WIRE_BYTES, ranks, _network(s, near, stride))
        time = time + np.where(ranks > 1, FSDP_TRIPS / 2 * trip, 0.0)
    return np.asarray(sharded * np.maximum(time * (1 - s.e.hidden_share), time - compute))


def _optimiser(s: _Shape) -> Array:
    """Return the time to update the weights of one rank [s]; in the host, gradients go there and weights come back."""
    held = sum(h / (1 + (r - 1) * s.e.sharded_state) for h, r in zip(_held(s), _replicas(s), strict=True))
    here = held * OPTIMISER_BYTES / s.device.hbm_bandwidth_bytes_per_s
    away = np.asarray(s.at.offload)
    if not (away > 0).any():
        return np.asarray(here)
    link = max(s.device.host_bandwidth_bytes_per_s, 1.0)
    there = (
        held * (GRADIENT_WIRE_BYTES + PARAMETER_BYTES + OPTIMISER_BYTES) / link
    )  # its memory is no faster than the link
    return np.where(away > 0, there, here)
