"""Exchanges between ranks in one step: by tensor, context, expert, stage and data; what of them does not hide.

Collectives take the time of a ring or a tree over the scale-up and the scale-out network
(:mod:`gigaplan.compute.collectives`); which of the two they cross follows from the order of ranks
(:mod:`gigaplan.training.layout`).
"""

from __future__ import annotations

import numpy as np

from gigaplan.compute.collectives import Network, ring_or_tree_s
from gigaplan.compute.transformer import ACTIVATION_BYTES
from gigaplan.training.layer import StepInputs
from gigaplan.training.layout import DUALPIPE, tensor_of_experts
from gigaplan.vocabulary.members import Array

GRADIENT_WIRE_BYTES, PARAMETER_WIRE_BYTES = 2.0, 2.0
"""Per parameter on the wire: BF16 gradients to be summed and BF16 weights handed back."""
TENSOR_COLLECTIVES = 4
"""Per layer, forward and backward: two all-reduces each way by tensor (with sequence: as gather and scatter)."""
CONTEXT_SENDS = 3
"""Keys and values go round once forward, and with their gradients twice backward."""
FSDP_TRIPS = 3
"""Weights are gathered for the forward and for the backward, gradients scattered once, for each micro-batch."""


def network_of(s: StepInputs, domain: Array | int, stride: Array | float = 1.0) -> Network:
    """Return the networks as a collective sees them, by how its ranks lie in scale-up domains and pods.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.
    domain : int or numpy.ndarray
        Ranks of a collective that lie in one scale-up domain.
    stride : float or numpy.ndarray
        GPUs from one rank of a collective to the next.

    Returns
    -------
    Network
        Bandwidths that collectives reach, latency and pods.
    """
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


def tensor_exchange_s(s: StepInputs) -> Array:
    """Return the exposed exchange by tensor of one layer, forward and backward [s].

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    moved = s.tokens * s.model.hidden * ACTIVATION_BYTES
    time = TENSOR_COLLECTIVES * ring_or_tree_s(moved, s.at.tensor, network_of(s, s.device.scaleup_gpus))
    return np.asarray(time * (1 - s.e.tensor_hidden_share))


def context_exchange_s(s: StepInputs) -> Array:
    """Return the exposed exchange of keys and values by context of one layer, forward and backward [s] (a ring).

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    # context ranks follow the tensor ranks, so that both together decide whether a ring stays in the domain
    context = np.asarray(s.at.context)
    if not (context > 1).any():
        return np.zeros_like(s.at.tensor)
    moved = s.tokens * s.model.kv_bytes_per_token_layer(ACTIVATION_BYTES) / s.at.tensor
    net = network_of(s, s.device.scaleup_gpus)
    speed = np.where(s.at.tensor * context <= s.device.scaleup_gpus, net.scaleup_bytes_per_s, net.scaleout_bytes_per_s)
    time = CONTEXT_SENDS * (context - 1) * (moved / speed + net.latency_s)
    return np.asarray(time * (1 - s.e.tensor_hidden_share))


def expert_exchange_s(s: StepInputs) -> Array:
    """Return the exchange of tokens with the experts of one layer, there and back, forward and backward [s].

    A copy goes to each rank, and between domains to each domain, that holds a chosen expert (the expected number of
    distinct ones, as in :func:`gigaplan.compute.transformer.experts_touched`); an all-to-all sends one for each chosen
    expert wherever it lies, an all-gather one to each rank.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    m = s.model
    if not m.experts:
        return np.zeros_like(s.at.expert)
    net, ranks = network_of(s, s.device.scaleup_gpus), s.at.expert
    one = s.tokens / s.at.tensor * m.hidden * ACTIVATION_BYTES * s.batch.imbalance
    near = np.minimum(ranks, float(s.device.scaleup_gpus))
    domains = ranks / near
    k = float(m.experts_per_token)
    each, every = np.asarray(s.batch.copy_per_expert), np.asarray(s.batch.every_token)
    copies = _copies(_distinct(ranks, k), np.minimum(k, ranks), ranks, each, every)
    inside = copies * (near - 1) / near * one / net.scaleup_bytes_per_s
    sent = _copies(_distinct(domains, k), np.minimum(k, ranks), domains, each, every)
    speed = max(s.device.scaleout_bandwidth_bytes_per_s * s.e.exchange_share, 1.0)
    outside = sent * (domains - 1) / domains * one / speed
    return np.where(ranks > 1, 4 * (net.latency_s + np.maximum(inside, outside)), 0.0)


def _distinct(places: Array, chosen: float) -> Array:
    """Return the expected number of distinct places that some experts lie in, chosen evenly (Feller 1968)."""
    return np.asarray(places * (1 - (1 - 1 / np.maximum(places, 1.0)) ** chosen))


def _copies(distinct: Array, chosen: Array, every: Array, each: Array, gathered: Array) -> Array:
    """Return the copies of a token that a dispatcher sends: one to each distinct place, each expert, or each place."""
    return np.where(gathered > 0, every, each * chosen + (1 - each) * distinct)


def exposed_expert_exchange_s(s: StepInputs, exchange: Array, layer: Array, chunks: Array) -> Array:
    """Return what of the exchange with experts does not hide.

    With chunks taken in turn, or stages of both ends on a rank, another micro-batch computes meanwhile (Megatron's
    batch-level overlap; DualPipe, DeepSeek-AI 2024), else nothing does.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.
    exchange : numpy.ndarray
        Time of the exchange of one layer [s].
    layer : numpy.ndarray
        Device's work on one layer, behind which it hides [s].
    chunks : numpy.ndarray
        Chunks of a stage's layers.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    stated = np.asarray(s.batch.expert_overlap)
    overlapped = np.where(stated >= 0, stated > 0, (chunks > 1) | (np.asarray(s.at.schedule) >= DUALPIPE))
    hidden = np.minimum(exchange * s.e.expert_hidden_share, layer)
    return np.where(overlapped, exchange - hidden, exchange) * s.older_experts


def pipeline_send_s(s: StepInputs) -> Array:
    """Return the time to send one micro-batch's activations to the next stage.

    Each tensor rank sends its part, which is gathered on arrival where it is not kept in parts (scatter and gather of
    Narayanan et al. 2021).

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    net = network_of(s, 1)
    whole = s.at.tensor * s.at.context * s.at.data * s.at.pipeline
    speed = np.where(whole <= s.device.scaleup_gpus, net.scaleup_bytes_per_s, net.scaleout_bytes_per_s)
    if s.device.pod_gpus:  # stages at the edge of a pod send through its share of the spine
        stage = s.at.tensor * s.at.context * s.at.data
        left = s.device.spine_share * np.maximum(s.device.pod_gpus / stage, 1.0)
        speed = np.where(whole > s.device.pod_gpus, speed * np.minimum(left, 1.0), speed)
    moved = s.tokens * s.model.hidden * ACTIVATION_BYTES
    gathered = moved * (1 / s.rest - 1 / s.at.tensor) / net.scaleup_bytes_per_s
    return np.asarray(net.latency_s + moved / s.at.tensor / speed + gathered)


def parameters_held(s: StepInputs) -> tuple[Array, Array]:
    """Return the parameters of one rank outside of experts, and of experts.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    tuple of numpy.ndarray
        Parameters outside of experts, and of experts, shape of the layouts.
    """
    routed = s.model.parameters_by_part()["routed_experts"]
    dense = (s.model.parameters - routed) / s.at.tensor / s.at.pipeline
    return np.asarray(dense), np.asarray(routed / s.at.expert / tensor_of_experts(s.at) / s.at.pipeline)


def replicas_of_weights(s: StepInputs) -> tuple[Array, Array]:
    """Return how many ranks hold the same weights outside of experts, and of experts.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    tuple of numpy.ndarray
        Ranks outside of experts, and of experts, shape of the layouts.
    """
    same = s.at.data * s.at.context
    return np.asarray(same), np.maximum(same * s.at.tensor / tensor_of_experts(s.at) / s.at.expert, 1.0)


def gradients_s(s: StepInputs, one: Array) -> Array:
    """Return the exposed sum of gradients and return of weights over the data ranks, where not fully sharded.

    A stated share hides, and no more than lasts as long as one micro-batch: only the last one's backward and the next
    step's first forward overlap with it (buckets of Li et al. 2020).

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.
    one : numpy.ndarray
        Time of one micro-batch on the slowest stage [s].

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    time = np.zeros_like(s.at.tensor)
    for held, ranks, stride in zip(parameters_held(s), replicas_of_weights(s), (s.at.tensor, s.at.expert), strict=True):
        near = np.clip(np.floor(s.device.scaleup_gpus / stride), 1.0, ranks)
        wire = held * (GRADIENT_WIRE_BYTES + PARAMETER_WIRE_BYTES) / 2
        time = time + np.where(ranks > 1, ring_or_tree_s(wire, ranks, network_of(s, near, stride)), 0.0)
    exposed = np.maximum(time * (1 - s.e.hidden_share), time - one)
    return np.asarray(exposed * (1 - np.asarray(s.at.fully_sharded)) * (1 - np.asarray(s.batch.frozen)))


def gathering_s(s: StepInputs, compute: Array) -> Array:
    """Return the exposed gathering of weights and scattering of gradients of a micro-batch, where weights are sharded.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.
    compute : numpy.ndarray
        Work of the layers of one micro-batch, behind which it hides [s].

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    sharded = np.asarray(s.at.fully_sharded)
    if not (sharded > 0).any():
        return np.zeros_like(s.at.tensor)
    time = np.zeros_like(s.at.tensor)
    for held, ranks, stride in zip(parameters_held(s), replicas_of_weights(s), (s.at.tensor, s.at.expert), strict=True):
        near = np.clip(np.floor(s.device.scaleup_gpus / stride), 1.0, ranks)
        trip = ring_or_tree_s(held * PARAMETER_WIRE_BYTES, ranks, network_of(s, near, stride))
        time = time + np.where(ranks > 1, FSDP_TRIPS / 2 * trip, 0.0)
    return np.asarray(sharded * np.maximum(time * (1 - s.e.hidden_share), time - compute))
