"""Times of one pipeline stage, by operator: a decode step of a batch, and the prefill of one request.

A replica is ``pipeline`` stages of ``gpus`` GPUs. Within a stage attention is either split by heads (every rank sees
the whole batch; two all-reduces a layer) or by requests (``data``: every rank sees its share of the batch; two
all-to-alls a layer carry tokens to their experts and back). Experts lie over all ranks of the stage either way. All
arguments broadcast; a scalar gives what a vector of it gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.collectives import Network, all_reduce_s, all_to_all_s, send_s
from gigaplan.compute.device import Device
from gigaplan.compute.memory import cache_bytes, cache_split, weight_bytes
from gigaplan.compute.roofline import gemm_s, time_s
from gigaplan.compute.transformer import ACTIVATION_BYTES, CACHE_BYTES, WEIGHT_BYTES, Architecture, experts_touched
from gigaplan.inference.inputs import Efficiency
from gigaplan.vocabulary.members import Array

ALL_REDUCES_PER_LAYER = 2
DISPATCH_BYTES = 1.0
"""Bytes per value sent to an expert (FP8); results come back in BF16 (DeepSeek-AI 2024, section 3.2.2)."""
DISCONNECTED = 1e-9
"""Stands for no bandwidth, so that a layout over a missing network takes practically for ever [byte/s]."""


@dataclass(frozen=True, slots=True)
class Decode:
    """Time of one decode step of one stage by operator [s]; all arrays have the step's shape."""

    projections: Array
    attention: Array
    feed_forward: Array
    collectives: Array
    activations: Array
    head: Array
    overhead: Array

    @property
    def total(self) -> Array:
        """The step [s]."""
        return (self.projections + self.attention + self.feed_forward + self.collectives + self.activations
                + self.head + self.overhead)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """One pipeline stage: who works on what, in which precision. Arrays broadcast against batches."""

    device: Device
    architecture: Architecture
    precision: str
    efficiency: Efficiency
    gpus: Array
    pipeline: Array
    data: Array
    """1 where attention is split by requests, 0 where by heads."""

    @property
    def layers(self) -> Array:
        """Layers of one stage."""
        return self.architecture.layers / self.pipeline

    @property
    def head_split(self) -> Array:
        """Ranks over which one request's attention lies."""
        return np.where(self.data > 0, 1.0, self.gpus)

    @property
    def network(self) -> Network:
        """The networks at the speeds that collectives reach."""
        d, e = self.device, self.efficiency
        up, out = (max(b * e.link_share, DISCONNECTED) for b in (d.scaleup_bandwidth_bytes_per_s,
                                                                 d.scaleout_bandwidth_bytes_per_s))  # fmt: skip
        return Network(d.scaleup_gpus, up, out, e.collective_latency_s)

    def rows(self, batch: Array) -> Array:
        """Return the requests whose attention one rank works on (its fullest rank, when split by requests)."""
        return np.where(self.data > 0, np.ceil(batch / self.gpus), batch)

    def weight_bytes(self) -> Array:
        """Return the weight bytes that one GPU holds."""
        return weight_bytes(self.architecture, self.precision, self.head_split, self.gpus, self.pipeline)

    def cache_bytes(self, context: Array, batch: Array) -> Array:
        """Return the cache bytes that one GPU holds for a stage's ``batch`` requests, all stages' batches in turn."""
        in_flight = self.rows(batch) * self.pipeline
        return cache_bytes(self.architecture, self.precision, context, in_flight, self.head_split, self.pipeline)

    def capacity(self, context: Array, room_bytes: Array | float) -> Array:
        """Return the most requests of ``context`` tokens that a stage can hold in ``room_bytes`` per GPU."""
        free = np.maximum(room_bytes - self.weight_bytes(), 0.0)
        one = cache_bytes(
            self.architecture,
            self.precision,
            context,
            np.ones_like(self.gpus),
            self.head_split,
            np.ones_like(self.gpus),
        )
        return np.floor(free / one) * np.where(self.data > 0, self.gpus, 1.0)

    def decode(self, batch: Array, context: Array) -> Decode:
        """Return the time of one decode step of one stage for ``batch`` requests at a mean ``context`` [tokens]."""
        a, e, rows = self.architecture, self.efficiency, self.rows(batch)
        read = rows * a.kv_bytes_per_token_layer(CACHE_BYTES[self.precision]) * a.attended_tokens(context)
        core = self._core_s(rows * a.decode_attention_flops(context) / self.head_split,
                            read / cache_split(a, self.head_split))  # fmt: skip
        return Decode(
            projections=self.layers * self._projections_s(rows),
            attention=self.layers * core,
            feed_forward=self._feed_forward_s(batch, rows),
            collectives=self.layers * self._exchange_s(rows),
            activations=self.layers * self._activations_s(rows),
            head=self._head_s(rows),
            overhead=self._launches_s() + e.step_overhead_s + rows * e.request_overhead_s,
        )

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time of one decode step of one stage [s]."""
        return self.decode(batch, context).total

    def prefill_s(self, fresh: Array, cached: Array) -> Array:
        """Return the time of one stage [s] that reading ``fresh`` tokens of one request takes of all its ranks.

        Split by requests, ranks read a request each side by side, so one of them costs its share of the ranks.
        """
        a = self.architecture
        rows = np.where(self.data > 0, fresh / self.gpus, fresh)
        # Keys and values of cached tokens are read once; the fresh ones stay on chip (FlashAttention, Dao 2022).
        cache_read = a.kv_bytes_per_token_layer(CACHE_BYTES[self.precision]) * a.attended_tokens(cached) / self.gpus
        core = self._core_s(a.prefill_attention_flops(fresh, cached) / self.gpus, cache_read)
        per_layer = self._projections_s(rows) + core + self._exchange_s(rows) + self._activations_s(rows)
        time = self.layers * per_layer + self._feed_forward_s(fresh, rows) + self._launches_s()
        return np.where(fresh > 0, time, 0.0)

    def hop_s(self, rows: Array) -> Array:
        """Return the time to hand the activations of ``rows`` tokens to the next stage [s]; 0 for one stage."""
        # Every rank hands over its share; the next stage gathers it inside its domain.
        share = rows * self.architecture.hidden * ACTIVATION_BYTES / self.gpus
        return np.where(self.pipeline > 1, send_s(share, self.network), 0.0)

    def _launches_s(self) -> Array:
        """Time of the stage's kernel launches [s]."""
        return self.architecture.kernels() / self.pipeline * self.efficiency.kernel_overhead_s

    def _projections_s(self, rows: Array) -> Array:
        """Time of the attention projections of one layer [s]."""
        a = self.architecture
        parameters = a.attention_parameters / self.head_split
        return self._gemm_s(rows, 2 * parameters, parameters * a.attention_weight_bytes_each(self.precision),
                            a.attention_math(self.precision))  # fmt: skip

    def _core_s(self, flops: Array, bytes_read: Array) -> Array:
        """Time of scores and values of one layer [s], in BF16."""
        e = self.efficiency
        return time_s(flops, self.device.peak_flops_per_s("bf16") * e.gemm_share, bytes_read,
                      self.device.hbm_bandwidth_bytes_per_s * e.hbm_share)  # fmt: skip

    def _feed_forward_s(self, tokens: Array, rows: Array) -> Array:
        """Time of all feed-forward layers of the stage [s]; experts touched by the whole batch are read once."""
        a, each = self.architecture, WEIGHT_BYTES[self.precision]
        dense = a.dense_ffn_parameters / self.head_split
        dense_s = a.dense_layers / self.pipeline * self._gemm_s(rows, 2 * dense, dense * each, self.precision)
        if not a.experts:
            return dense_s
        # Every touched expert is one product over its visits; a rank has its share of the experts touched.
        touched = experts_touched(a.experts, a.experts_per_token, tokens)
        visits = tokens * a.experts_per_token / np.maximum(touched, 1.0)
        mine = touched / self.gpus * a.expert_parameters
        routed = self._gemm_s(visits, 2 * mine, mine * each, self.precision)
        shared = a.shared_experts * a.expert_parameters / self.head_split
        always = self._gemm_s(rows, 2 * shared, shared * each, self.precision)
        return dense_s + a.moe_layers / self.pipeline * (routed + always)

    def _gemm_s(self, rows: Array, flops_per_row: Array, weight_bytes: Array, precision: str) -> Array:
        """Time of a matrix product [s] of ``rows`` rows whose weights are read once."""
        e, d = self.efficiency, self.device
        return gemm_s(rows, flops_per_row, weight_bytes, d.peak_flops_per_s(precision) * e.gemm_share,
                      e.gemm_half_rows, d.hbm_bandwidth_bytes_per_s * e.hbm_share)  # fmt: skip

    def _exchange_s(self, rows: Array) -> Array:
        """Time of one layer's collectives [s]."""
        a = self.architecture
        reduce = ALL_REDUCES_PER_LAYER * all_reduce_s(rows * a.hidden * ACTIVATION_BYTES, self.gpus, self.network)
        # A token's copies to experts of one rank travel once.
        copies = np.minimum(max(a.experts_per_token, 1), self.gpus)
        values = rows * copies * a.hidden
        out = all_to_all_s(values * DISPATCH_BYTES, self.gpus, self.network)
        back = all_to_all_s(values * ACTIVATION_BYTES, self.gpus, self.network)
        return np.where(self.data > 0, out + back, reduce)

    def _activations_s(self, rows: Array) -> Array:
        """Time of one layer's small kernels [s]: hidden values to and from memory, copies for experts included."""
        a, e = self.architecture, self.efficiency
        copies = 1 + a.experts_per_token / self.gpus
        moved = e.activation_passes * rows * copies * a.hidden * ACTIVATION_BYTES
        return moved / (self.device.hbm_bandwidth_bytes_per_s * e.hbm_share)

    def _head_s(self, rows: Array) -> Array:
        """Time of the output head [s], spread over the stages; one rank's logits are of its own rows."""
        parameters = self.architecture.embedding_parameters / self.head_split / self.pipeline
        return self._gemm_s(rows, 2 * parameters, parameters * ACTIVATION_BYTES, "bf16")
