"""Times of one pipeline stage, by operator: a decode step of a batch, and the prefill of one request.

A replica is ``pipeline`` stages of ``gpus`` GPUs. Within a stage attention is either split by heads (every rank sees
the whole batch; two all-reduces a layer) or by requests (DP attention: every rank sees its share of the batch; two
all-to-alls a layer carry tokens to their experts and back). Experts lie over all ranks of the stage either way. All
arguments broadcast; a scalar gives what a vector of it gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.collectives import Network, all_reduce_s, all_to_all_s, send_s
from gigaplan.compute.device import Device
from gigaplan.compute.memory import cache_bytes, cache_shards, weight_bytes
from gigaplan.compute.roofline import gemm_s, time_s
from gigaplan.compute.transformer import ACTIVATION_BYTES, CACHE_BYTES, WEIGHT_BYTES, Architecture, experts_touched
from gigaplan.inference.inputs import Efficiency, Engine
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
        return (
            self.projections
            + self.attention
            + self.feed_forward
            + self.collectives
            + self.activations
            + self.head
            + self.overhead
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """One pipeline stage: who works on what, in which precision. Arrays broadcast against batches."""

    device: Device
    architecture: Architecture
    precision: str
    efficiency: Efficiency
    engine: Engine
    gpus: Array
    pipeline: Array
    dp_attention: Array
    """1 where attention is split by requests, 0 where by heads."""
    tensor: Array | float = 1.0
    """GPUs over which one request's heads lie where attention is split by requests."""
    speculative: bool = False
    """Whether a step checks one drafted token for each request besides making one."""

    @property
    def layers(self) -> Array:
        """Layers of one stage."""
        return self.architecture.layers / self.pipeline

    @property
    def attention_tp(self) -> Array:
        """Ranks over which one request's attention lies."""
        return np.where(self.dp_attention > 0, self.tensor, self.gpus)

    @property
    def attention_dp(self) -> Array:
        """Groups of GPUs that each read requests of their own."""
        return self.gpus / self.attention_tp

    @property
    def network(self) -> Network:
        """The networks at the speeds that collectives reach."""
        d, e = self.device, self.efficiency
        up, out = (
            max(b * self.engine.link_share, DISCONNECTED)
            for b in (d.scaleup_bandwidth_bytes_per_s, d.scaleout_bandwidth_bytes_per_s)
        )
        return Network(d.scaleup_gpus, up, out, e.collective_latency_s)

    @property
    def verified_tokens(self) -> int:
        """Tokens of one request that a step works on: the next one, and a draft of the one after it."""
        return 2 if self.speculative else 1

    def requests_per_rank(self, batch: Array) -> Array:
        """Return the requests whose attention one rank works on (its fullest rank, when split by requests)."""
        return np.where(self.dp_attention > 0, np.ceil(batch / self.attention_dp), batch)

    def weight_bytes(self) -> Array:
        """Return the weight bytes that one GPU holds."""
        return weight_bytes(self.architecture, self.precision, self.attention_tp, self.gpus, self.pipeline)

    def cache_bytes(self, context: Array, batch: Array) -> Array:
        """Return the cache bytes that one GPU holds for a stage's ``batch`` requests, all stages' batches in turn."""
        in_flight = self.requests_per_rank(batch) * self.pipeline
        return cache_bytes(self.architecture, self.precision, context, in_flight, self.attention_tp, self.pipeline)

    def capacity(self, context: Array, room_bytes: Array | float) -> Array:
        """Return the most requests of ``context`` tokens that a stage can hold in ``room_bytes`` per GPU."""
        free = np.maximum(room_bytes - self.weight_bytes(), 0.0)
        one = cache_bytes(
            self.architecture,
            self.precision,
            context,
            np.ones_like(self.gpus),
            self.attention_tp,
            np.ones_like(self.gpus),
        )
        return np.floor(free / one) * self.attention_dp

    def decode(self, batch: Array, context: Array) -> Decode:
        """Return the time of one decode step of one stage for ``batch`` requests at a mean ``context`` [tokens]."""
        rows = self.requests_per_rank(batch)
        return Decode(
            projections=self.layers * self._projections_s(rows),
            attention=self.layers * self._decode_core_s(rows, context),
            feed_forward=self._feed_forward_s(batch, rows),
            collectives=self.layers * self._exchange_s(rows),
            activations=self.layers * self._activations_s(rows),
            head=self._head_s(rows),
            overhead=self._launches_s() + self.engine.step_overhead_s + rows * self.engine.request_overhead_s,
        )

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time that one stage takes for a further token of each request [s].

        Speculative, a step checks one drafted token for each request besides and yields the engine's ``accepted_tokens``
        (Leviathan et al. 2023); making the draft takes a layer more (DeepSeek-AI 2024, section 2.2).
        """
        if not self.speculative:
            return self.decode(batch, context).total
        nothing = np.zeros_like(self.gpus)
        step = self.mixed_step_s(batch, context, nothing, nothing)
        return step * (1 + 1 / self.architecture.layers) / self.engine.accepted_tokens

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        """Return the time of one stage [s] that reading ``uncached`` tokens of one request alone takes of all its ranks.

        Split by requests, attention_dp read a request each side by side, so one of them costs its share of the attention_dp.
        """
        nobody = np.zeros_like(uncached * self.gpus)
        step = self._layers_s(nobody, nobody, uncached, cached, self.attention_dp) + self._launches_s()
        return np.where(uncached > 0, step / self.attention_dp, 0.0)

    def mixed_step_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        """Return the time of one step of one stage [s] that decodes ``batch`` requests and reads one more.

        Both go through the layers together: weights are read and kernels launched once (Agrawal et al. 2023).
        """
        rows = self.requests_per_rank(batch)
        alone = self._launches_s() + self.engine.step_overhead_s + rows * self.engine.request_overhead_s
        return self._layers_s(batch, context, uncached, cached) + self._head_s(rows * self.verified_tokens) + alone

    def _layers_s(
        self, batch: Array, context: Array, uncached: Array, cached: Array, prompts: Array | float = 1.0
    ) -> Array:
        """Time of all layers [s] for the tokens of ``batch`` requests that decode and ``uncached`` ones of each prompt."""
        a, each = self.architecture, CACHE_BYTES[self.precision]
        read_rows = prompts * uncached / self.attention_dp
        rows = self.requests_per_rank(batch) * self.verified_tokens + read_rows
        # Keys and values of cached tokens are read once; the uncached ones stay on chip (FlashAttention, Dao 2022).
        per_token = a.kv_bytes_per_token_layer(each)
        reading = self._core_s(
            prompts * a.prefill_attention_flops(uncached, cached) / self.gpus,
            prompts * per_token * a.attended_tokens(cached) / self.gpus,
        )
        per_layer = self._projections_s(rows) + reading + self._exchange_s(rows) + self._activations_s(rows)
        writing = self._decode_core_s(self.requests_per_rank(batch), context, self.verified_tokens)
        return self.layers * (per_layer + writing) + self._feed_forward_s(
            batch * self.verified_tokens + prompts * uncached, rows
        )

    def pipeline_send_s(self, rows: Array) -> Array:
        """Return the time to hand the activations of ``rows`` tokens to the next stage [s]; 0 for one stage."""
        # Every rank hands over its share; the next stage gathers it inside its domain.
        share = rows * self.architecture.hidden * ACTIVATION_BYTES / self.gpus
        return np.where(self.pipeline > 1, send_s(share, self.network), 0.0)

    def _launches_s(self) -> Array:
        """Time of the stage's kernel launches [s]."""
        return self._kernels() / self.pipeline * self.engine.kernel_overhead_s

    def launch_bound_s(self) -> Array:
        """Return the host's time for launching the kernels that read one prompt [s]."""
        return self._kernels() / self.pipeline * self.engine.eager_launch_s

    def _kernels(self) -> int:
        """Kernels of one step over all stages."""
        return self.architecture.kernels(self.precision, fused=self.device.peak_fp4_flops_per_s > 0)

    def _projections_s(self, rows: Array) -> Array:
        """Time of the attention projections of one layer [s]."""
        a = self.architecture
        parameters = a.attention_parameters / self.attention_tp
        return self._gemm_s(
            rows,
            2 * parameters,
            parameters * a.attention_weight_bytes_each(self.precision),
            a.attention_math(self.precision),
        )

    def _decode_core_s(self, rows: Array, context: Array, tokens: int = 1) -> Array:
        """Time of attention of one layer [s] for new ``tokens`` of each of a rank's requests; its cache is read once."""
        a = self.architecture
        read = rows * a.kv_bytes_per_token_layer(CACHE_BYTES[self.precision]) * a.attended_tokens(context)
        return self._core_s(
            tokens * rows * a.decode_attention_flops(context) / self.attention_tp,
            read / cache_shards(a, self.attention_tp),
        )

    def _core_s(self, flops: Array, bytes_read: Array) -> Array:
        """Time of scores and values of one layer [s], in BF16."""
        e = self.efficiency
        return time_s(
            flops,
            self.device.peak_flops_per_s("bf16") * e.attention_share,
            bytes_read,
            self.device.hbm_bandwidth_bytes_per_s * e.cache_share,
        )

    def _feed_forward_s(self, tokens: Array, rows: Array) -> Array:
        """Time of all feed-forward layers of the stage [s]; experts touched by the whole batch are read once."""
        a, e, each = self.architecture, self.efficiency, WEIGHT_BYTES[self.precision]
        dense = a.dense_ffn_parameters / self.attention_tp
        dense_s = a.dense_layers / self.pipeline * self._gemm_s(rows, 2 * dense, dense * each, self.precision)
        if not a.experts:
            return dense_s
        # Every touched expert is one product over its visits; a rank has its share of the experts touched.
        touched = experts_touched(a.experts, a.experts_per_token, 1 + (tokens - 1) * e.routing_share)
        visits = tokens * a.experts_per_token / np.maximum(touched, 1.0)
        mine = touched / self.gpus * a.expert_parameters
        routed = self._grouped_s(visits, 2 * mine, mine * each, self.precision)
        shared = a.shared_experts * a.expert_parameters / self.attention_tp
        always = self._gemm_s(rows, 2 * shared, shared * each, self.precision)
        return dense_s + a.moe_layers / self.pipeline * (routed + always)

    def _gemm_s(self, rows: Array, flops_per_row: Array, weight_bytes: Array, precision: str) -> Array:
        """Time of a matrix product [s] of ``rows`` rows whose weights are read once."""
        e, native = self.efficiency, self._native(precision)
        reached: float = getattr(e, f"gemm_share_{native}")
        if native == "fp8" and self.architecture.fp8_blocks:
            reached *= e.block_share
        return self._product_s(rows, flops_per_row, weight_bytes, precision, reached, e.gemm_half_rows)

    def _grouped_s(self, visits: Array, flops_per_row: Array, weight_bytes: Array, precision: str) -> Array:
        """Time of a product over experts [s], each with its own ``visits`` rows."""
        e = self.efficiency
        reached: float = getattr(e, f"expert_share_{self._native(precision)}")
        return self._product_s(visits, flops_per_row, weight_bytes, precision, reached, e.expert_half_rows)

    def _product_s(
        self, rows: Array, flops_per_row: Array, weight_bytes: Array, precision: str, reached: float, half_rows: float
    ) -> Array:
        e, d = self.efficiency, self.device
        read = d.hbm_bandwidth_bytes_per_s * (e.hbm_share_fp4 if precision == "fp4" else e.hbm_share)
        return gemm_s(rows, flops_per_row, weight_bytes, d.peak_flops_per_s(precision) * reached, half_rows, read)

    def _native(self, precision: str) -> str:
        """Return the precision that the device computes in for weights of a precision."""
        peak = self.device.peak_flops_per_s(precision)
        return next(p for p in ("bf16", "fp8", "fp4") if getattr(self.device, f"peak_{p}_flops_per_s") == peak)

    def _exchange_s(self, rows: Array) -> Array:
        """Time of one layer's collectives [s]."""
        a = self.architecture
        reduce = ALL_REDUCES_PER_LAYER * all_reduce_s(rows * a.hidden * ACTIVATION_BYTES, self.gpus, self.network)
        # A token's copies to experts of one rank travel once, and cross once to those of another domain.
        copies = np.minimum(max(a.experts_per_token, 1), self.gpus)
        out, back = (
            all_to_all_s(rows * copies * a.hidden * each, self.gpus, self.network, rows * a.hidden * each)
            for each in (DISPATCH_BYTES, ACTIVATION_BYTES)
        )
        within = (
            ALL_REDUCES_PER_LAYER
            / 2
            * all_reduce_s(rows * a.hidden * ACTIVATION_BYTES, self.attention_tp, self.network)
        )
        return np.where(self.dp_attention > 0, out + back + within, reduce)

    def _activations_s(self, rows: Array) -> Array:
        """Time of one layer's small kernels [s]: hidden values to and from memory, copies for experts included."""
        a, e = self.architecture, self.efficiency
        copies = 1 + a.experts_per_token / self.gpus
        moved = e.activation_passes * rows * copies * a.hidden * ACTIVATION_BYTES
        return moved / (self.device.hbm_bandwidth_bytes_per_s * e.hbm_share)

    def _head_s(self, rows: Array) -> Array:
        """Time of the output head [s], spread over the stages; one rank's logits are of its own rows."""
        parameters = self.architecture.embedding_parameters / self.attention_tp / self.pipeline
        return self._gemm_s(rows, 2 * parameters, parameters * ACTIVATION_BYTES, "bf16")
