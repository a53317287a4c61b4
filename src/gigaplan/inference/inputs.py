"""What the inference room needs beside a device and an architecture."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.units import Day, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The mean request: tokens by kind and the longest waits that its users accept."""

    uncached_input_tokens: Annotated[float, Ge(0), Unit("token")]
    cached_input_tokens: Annotated[float, Ge(0), Unit("token")]
    output_tokens: Annotated[float, Gt(0), Unit("token")]
    """Reasoning and output together: each costs a decode step."""
    ttft_s: Annotated[float, Gt(0), Unit("s")]
    tpot_s: Annotated[float, Gt(0), Unit("s")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """Calibrated constants of the serving model that hold for every engine: what part of each peak is reached.

    They are facts of the catalog (entity ``serving_model``); each says from which rows it was fitted and the residual.
    """

    gemm_share_bf16: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Largest share of the dense BF16 peak that a matrix product reaches."""
    gemm_share_fp8: Annotated[float, Gt(0), Le(1), Unit("share")]
    """The same in FP8."""
    block_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """What an FP8 product with a scale for each block reaches of a plain one's share."""
    gemm_share_fp4: Annotated[float, Gt(0), Le(1), Unit("share")]
    """The same in FP4: scales and conversion take their part."""
    gemm_half_rows: Annotated[float, Ge(0), Unit("1")]
    """Tokens in flight at which a matrix product reaches half of its share (tile and wave quantisation)."""
    expert_share_bf16: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Largest share of the dense BF16 peak that a grouped product over experts reaches."""
    expert_share_fp8: Annotated[float, Gt(0), Le(1), Unit("share")]
    """The same in FP8."""
    expert_share_fp4: Annotated[float, Gt(0), Le(1), Unit("share")]
    """The same in FP4."""
    expert_half_rows: Annotated[float, Ge(0), Unit("1")]
    """Tokens of one expert at which its product reaches half of its share."""
    attention_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the dense BF16 peak that attention over a prompt reaches."""
    cache_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the memory bandwidth at which cached keys and values are read."""
    hbm_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the memory bandwidth at which weights are read."""
    hbm_share_fp4: Annotated[float, Gt(0), Le(1), Unit("share")]
    """The same for FP4 weights: scales and unpacking take their part."""
    routing_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """How independently tokens choose their experts: what part of a batch chooses as if alone."""
    collective_latency_s: Annotated[float, Ge(0), Unit("s")]
    """Fixed time of one collective."""
    activation_passes: Annotated[float, Ge(0), Unit("1")]
    """Times that a token's hidden values travel to or from memory in one layer, matrix products apart (norms, residual,
    quantisation, routing)."""
    memory_reserve_share: Annotated[float, Ge(0), Le(0.5), Unit("share")]
    """Share of memory kept for activations, graphs and fragmentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Calibrated times of one serving engine: facts of its entity (``vllm``, ``sglang``, ``trtllm``)."""

    kernel_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Launch and ramp of one kernel, beside the work that it does."""
    step_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Scheduler and sampling time per step."""
    request_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Scheduler, sampling and detokenising time per request and step."""
    first_token_s: Annotated[float, Ge(0), Unit("s")]
    """Time from a request's arrival to its first token beside reading and waiting: network, tokeniser, scheduler."""
    eager_launch_s: Annotated[float, Ge(0), Unit("s")]
    """Host time per kernel of reading a prompt, which no graph holds."""
    mixing_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """How far reading joins the decode step: joined, both read the weights and launch the kernels once."""
    queueing_factor: Annotated[float, Ge(0), Unit("1")]
    """How long later prompts queue, over what chance alone would have."""
    prompt_token_s: Annotated[float, Ge(0), Unit("s")]
    """Front-end time per prompt token before reading starts: text to tokens."""
    arrival_s: Annotated[float, Ge(0), Unit("s")]
    """Time per prompt, one after another, of prompts that come together."""
    chunk_tokens: Annotated[float, Gt(0), Unit("token")]
    """Prompt tokens that are read together at most."""
    balance_steps: Annotated[float, Ge(0), Unit("1")]
    """Steps for which a prompt is held back, where attention is split by requests, until other ranks have one too."""
    link_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the scale-up bandwidth that a collective reaches."""
    accepted_tokens: Annotated[float, Ge(1), Unit("1")] = 1.0
    """Tokens that one step of speculative decoding yields on average, where it is used."""

    def frontend_overhead_s(self, uncached: Array) -> Array:
        """Return what a prompt of ``uncached`` tokens takes to its first token beside reading and waiting [s]."""
        return self.first_token_s + self.prompt_token_s * uncached


EngineName = Literal["vllm", "sglang", "trtllm"]
"""Engines that were measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """What serving software gains beyond the engines that the constants were measured on."""

    engine: EngineName = "trtllm"
    """Which engine serves: one of those that were measured."""
    reference_date: Annotated[dt.date, Day()]
    """When those engines ran."""
    gain_per_year: Annotated[float, Ge(0), Le(3), Unit("1/year")]
    """Logarithmic growth of throughput by software alone at that date."""
    gain_decay_per_year: Annotated[float, Ge(0), Le(10), Unit("1/year")]
    """Yearly decay of that growth: engines near the roofline."""
