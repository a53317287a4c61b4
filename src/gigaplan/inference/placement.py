"""Which part of a model lies on which GPU of a replica, and what that leaves for keys and values.

A replica is ``pipeline`` stages of ``gpus`` GPUs. Within a stage attention is parallel in one of two ways. With tensor
parallelism its heads are split, and every GPU works on the whole batch. With data parallelism (DP attention, as in
SGLang, vLLM and TensorRT-LLM) groups of ``tensor`` GPUs each work on their own share of the batch. Routed experts are
spread over all GPUs of the stage either way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.collectives import Network
from gigaplan.compute.device import Device
from gigaplan.compute.memory import cache_bytes, fillable_bytes, weight_bytes
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.inputs import NO_DRAFTS, Drafts, Efficiency, Engine
from gigaplan.vocabulary.members import Array

DISCONNECTED = 1e-9
"""Stands for no bandwidth, so that a layout over a missing network takes practically for ever [byte/s]."""


def reached_bytes_per_s(device: Device, engine: Engine, efficiency: Efficiency) -> tuple[float, float]:
    """Return the bandwidths of the scale-up and the scale-out network that messages reach.

    Parameters
    ----------
    device : Device
        Accelerator with its networks.
    engine : Engine
        Serving engine, whose ``link_share`` of the scale-up bandwidth is reached.
    efficiency : Efficiency
        Constants of all engines, with the ``scaleout_share`` that is reached.

    Returns
    -------
    tuple of float
        Scale-up and scale-out bandwidth, per GPU and one way [byte/s]; a missing network has ``DISCONNECTED``.
    """
    up = device.scaleup_bandwidth_bytes_per_s * engine.link_share
    out = device.scaleout_bandwidth_bytes_per_s * efficiency.scaleout_share
    return max(up, DISCONNECTED), max(out, DISCONNECTED)


@dataclass(frozen=True, slots=True)
class Placement:
    """One pipeline stage of a replica: the model, the device and how the one is spread over many of the other.

    Arrays broadcast against each other and against batches: shape (layout, 1) against (1, batch), say.
    """

    device: Device
    """Accelerator that the stage is made of."""
    architecture: Architecture
    """Shape of the model."""
    precision: str
    """Precision of the weights: 'bf16', 'fp8' or 'fp4'."""
    efficiency: Efficiency
    """Shares of each peak that are reached."""
    engine: Engine
    """Calibrated times of the serving engine."""
    gpus: Array
    """GPUs of one stage [GPUs]."""
    pipeline: Array
    """Stages of the replica [1]."""
    dp_attention: Array
    """1 where attention is data parallel, 0 where it is tensor parallel over all GPUs of the stage."""
    tensor: Array | float = 1.0
    """GPUs over which one request's heads are split where attention is data parallel [GPUs]."""
    drafts: Drafts = NO_DRAFTS
    """Tokens that are drafted for each request and verified in one step."""

    @property
    def layers(self) -> Array:
        """Layers of one stage [1]."""
        return self.architecture.layers / self.pipeline

    @property
    def attention_tp(self) -> Array:
        """GPUs over which one request's attention is split [GPUs]."""
        return np.where(self.dp_attention > 0, self.tensor, self.gpus)

    @property
    def attention_dp(self) -> Array:
        """Groups of GPUs that work on requests of their own [1]."""
        return self.gpus / self.attention_tp

    @property
    def network(self) -> Network:
        """The networks at the speeds that collectives reach."""
        up, out = reached_bytes_per_s(self.device, self.engine, self.efficiency)
        e = self.efficiency
        return Network(
            self.device.scaleup_gpus, up, out, e.collective_latency_s, scaleout_latency_s=e.scaleout_latency_s
        )

    @property
    def verified_tokens(self) -> int:
        """Tokens of one request that a step works on: the next one and the drafts of those after it."""
        return 1 + self.drafts.number

    @property
    def free_bytes(self) -> float:
        """Memory of one GPU for weights, keys and values, without what is reserved for activations [byte]."""
        return fillable_bytes(self.device.hbm_bytes, self.efficiency.memory_reserve_share)

    def requests_per_rank(self, batch: Array) -> Array:
        """Return the requests whose attention one GPU works on.

        With data parallelism it is the fullest group that counts, since the others wait for it: ``ceil(batch / dp)``.

        Parameters
        ----------
        batch : Array, shape (...)
            Requests in flight on the stage [requests].

        Returns
        -------
        Array, shape (...)
            Requests of one GPU [requests].
        """
        return np.where(self.dp_attention > 0, np.ceil(batch / self.attention_dp), batch)

    def weight_bytes(self) -> Array:
        """Return the weight bytes that one GPU holds.

        Returns
        -------
        Array, shape of the layouts
            Weights on one GPU [byte].
        """
        return weight_bytes(self.architecture, self.precision, self.attention_tp, self.gpus, self.pipeline)

    def cache_bytes(self, context: Array, batch: Array) -> Array:
        """Return the bytes of keys and values that one GPU holds.

        A stage holds the cache of its layers for the requests of all stages, which it works on in turn.

        Parameters
        ----------
        context : Array, shape (...)
            Tokens of one request [tokens].
        batch : Array, shape (...)
            Requests in flight per stage [requests].

        Returns
        -------
        Array, shape (...)
            Cache on one GPU [byte].
        """
        in_flight = self.requests_per_rank(batch) * self.pipeline
        return cache_bytes(self.architecture, self.precision, context, in_flight, self.attention_tp, self.pipeline)

    def capacity(self, context: Array, free_bytes: Array | float) -> Array:
        """Return the most requests that a stage can hold.

        Equation: ``floor((free - weights) / cache of one request) x attention groups``.

        Parameters
        ----------
        context : Array, shape (...)
            Tokens of one request [tokens].
        free_bytes : Array, shape (...)
            Memory of one GPU for weights, keys and values [byte].

        Returns
        -------
        Array, shape (...)
            Requests in flight per stage [requests]; 0 where the weights alone do not fit.
        """
        free = np.maximum(free_bytes - self.weight_bytes(), 0.0)
        # A stage has one share of the layers for the requests of all stages, so that the pipeline cancels.
        one = cache_bytes(
            self.architecture,
            self.precision,
            context,
            np.ones_like(self.gpus),
            self.attention_tp,
            np.ones_like(self.gpus),
        )
        return np.floor(free / one) * self.attention_dp
