"""Times of one pipeline stage, by operator: a decode step of a batch, and the prefill of one request.

A replica is ``pipeline`` stages of ``gpus`` GPUs in one scale-up domain. Within a stage attention is either split
by heads (``tensor``: every rank sees the whole batch, two all-reduces a layer) or by requests (``data``: every rank
sees its share of the batch, two all-to-alls a layer carry tokens to their experts). All arguments broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.collectives import all_reduce_s, all_to_all_s
from gigaplan.compute.device import Device
from gigaplan.compute.roofline import gemm_share, time_s
from gigaplan.compute.transformer import Architecture, experts_touched
from gigaplan.inference.inputs import Efficiency
from gigaplan.vocabulary.members import Array

BYTES = {"bf16": 2.0, "fp8": 1.0, "fp4": 0.5 + 1 / 16}
"""Bytes per weight; FP4 with one 8-bit scale for every 16 weights (NVFP4)."""
ATTENTION_BYTES = {"bf16": 2.0, "fp8": 1.0, "fp4": 2.0}
"""FP4 checkpoints keep attention (and embeddings) in BF16."""
ACTIVATION_BYTES = 2.0
KV_BYTES = {"bf16": 2.0, "fp8": 1.0, "fp4": 1.0}


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
        """Ranks that share one attention head group."""
        return np.where(self.data > 0, 1.0, self.gpus)

    def weight_bytes(self) -> Array:
        """Return the weight bytes that one GPU holds."""
        a = self.architecture
        attention = a.layers * a.attention_parameters * ATTENTION_BYTES[self.precision] / self.head_split
        moe = a.moe_layers * (a.experts / self.gpus + np.where(self.data > 0, a.shared_experts, a.shared_experts / self.gpus))
        dense = (a.layers - a.moe_layers) * a.dense_ffn_parameters / self.head_split
        ffn = (moe * a.expert_parameters + dense) * BYTES[self.precision]
        embedding = 2 * a.embedding_parameters * ACTIVATION_BYTES / self.head_split
        return (attention + ffn + embedding) / self.pipeline

    def kv_bytes_per_gpu(self, context: Array, batch: Array) -> Array:
        """Return the cache bytes that one GPU holds for a stage's ``batch`` requests of ``context`` tokens."""
        a = self.architecture
        per_request = a.kv_bytes_per_token_layer(KV_BYTES[self.precision]) * a.attended_tokens(context) * self.layers
        # Split by heads, a latent (or a lone key/value head) is copied to every rank; split by requests, never.
        copies = 1.0 if a.mla else np.minimum(a.kv_heads, self.head_split)
        return per_request * np.where(self.data > 0, np.ceil(batch / self.gpus), batch / copies)

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time of one decode step of one stage [s] for ``batch`` requests at a mean ``context``."""
        a = self.architecture
        rows = np.where(self.data > 0, np.ceil(batch / self.gpus), batch)
        attention = self._projections_s(rows) + self._core_s(
            rows * a.decode_attention_flops(context) / self.head_split,
            self.kv_bytes_per_gpu(context, batch) / self.layers,
        )
        per_layer = attention + self._exchange_s(rows) + self.efficiency.layer_overhead_s
        return self.layers * per_layer + self._ffn_s(batch, rows) + self._head_s(rows)

    def prefill_s(self, fresh: Array, cached: Array) -> Array:
        """Return the time of one stage [s] to read ``fresh`` tokens of one request, all ranks at work on it.

        Split by requests, several requests are read side by side, so one of them costs its share of the ranks.
        """
        a = self.architecture
        rows = np.where(self.data > 0, fresh / self.gpus, fresh)
        # Keys and values of the cached tokens are read once; the fresh ones stay on chip (FlashAttention, Dao 2022).
        cache_read = a.kv_bytes_per_token_layer(KV_BYTES[self.precision]) * cached / self.gpus
        core = self._core_s(a.prefill_attention_flops(fresh, cached) / self.gpus, cache_read)
        per_layer = self._projections_s(rows) + core + self._exchange_s(rows) + self.efficiency.layer_overhead_s
        return self.layers * per_layer + self._ffn_s(fresh, rows)

    def _projections_s(self, rows: Array) -> Array:
        """Time of the attention projections of one layer [s]."""
        parameters = self.architecture.attention_parameters / self.head_split
        wide = "bf16" if self.precision == "fp4" else self.precision
        return self._gemm_s(2 * parameters * rows, rows, parameters * ATTENTION_BYTES[self.precision], wide)

    def _core_s(self, flops: Array, bytes_read: Array) -> Array:
        """Time of scores and values of one layer [s], in BF16."""
        e = self.efficiency
        return time_s(flops, self.device.peak_flops_per_s("bf16") * e.gemm_share, bytes_read,
                      self.device.hbm_bandwidth_bytes_per_s * e.hbm_share)  # fmt: skip

    def _ffn_s(self, tokens: Array, rows: Array) -> Array:
        """Time of all feed-forward layers of the stage [s]; experts touched by the whole batch are read once."""
        a = self.architecture
        split = self.head_split
        dense_layers = (a.layers - a.moe_layers) / self.pipeline
        dense = a.dense_ffn_parameters / split
        time = dense_layers * self._gemm_s(2 * dense * rows, rows, dense * BYTES[self.precision], self.precision)
        if not a.experts:
            return time
        touched = experts_touched(a.experts, a.experts_per_token, tokens)
        visits = tokens * a.experts_per_token
        # Experts are spread over all ranks: each computes its share of the visits and reads its share of those touched.
        routed = self._gemm_s(2 * visits / self.gpus * a.expert_parameters, visits / np.maximum(touched, 1.0),
                              touched / self.gpus * a.expert_parameters * BYTES[self.precision], self.precision)  # fmt: skip
        shared = a.shared_experts * a.expert_parameters / split
        always = self._gemm_s(2 * shared * rows, rows, shared * BYTES[self.precision], self.precision)
        return time + a.moe_layers / self.pipeline * (routed + always)

    def _gemm_s(self, flops: Array, rows: Array, weight_bytes: Array, precision: str) -> Array:
        """Time of a matrix product [s] of ``rows`` rows whose weights are read once."""
        e = self.efficiency
        peak = self.device.peak_flops_per_s(precision) * gemm_share(rows, e.gemm_share, e.gemm_half_rows)
        return time_s(flops, peak, weight_bytes, self.device.hbm_bandwidth_bytes_per_s * e.hbm_share)

    def _exchange_s(self, rows: Array) -> Array:
        """Time of one layer's collectives [s]."""
        e, a = self.efficiency, self.architecture
        speed = max(self.device.scaleup_bandwidth_bytes_per_s, 1.0) * e.link_share
        reduce = 2 * all_reduce_s(rows * a.hidden * ACTIVATION_BYTES, self.gpus, speed, e.collective_latency_s)
        # Tokens go out in one byte per value and come back in two; a token's copies to one rank travel once.
        copies = np.minimum(a.experts_per_token, self.gpus)
        sent = rows * copies * a.hidden * (1 + ACTIVATION_BYTES)
        exchange = all_to_all_s(sent, self.gpus, speed, 2 * e.collective_latency_s)
        return np.where(self.data > 0, exchange, reduce)

    def _head_s(self, rows: Array) -> Array:
        """Time of the output head, sampling and the scheduler [s], borne by every stage alike."""
        parameters = self.architecture.embedding_parameters / self.head_split / self.pipeline
        logits = self._gemm_s(2 * parameters * rows, rows, parameters * ACTIVATION_BYTES, "bf16")
        return logits + self.efficiency.step_overhead_s

    def hop_s(self, batch: Array) -> Array:
        """Time to hand a batch's activations to the next stage over the scale-out network [s]; 0 for one stage."""
        rows = np.where(self.data > 0, np.ceil(batch / self.gpus), batch)
        speed = max(self.device.scaleout_bandwidth_bytes_per_s, 1.0) * self.efficiency.link_share
        hop = rows * self.architecture.hidden * ACTIVATION_BYTES / speed + self.efficiency.collective_latency_s
        return np.where(self.pipeline > 1, hop, 0.0)
