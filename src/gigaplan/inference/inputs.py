"""What serving models need besides a device and an architecture: the request, and calibrated constants."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.units import Day, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The mean request: its tokens by kind, and the longest times that its users accept."""

    uncached_input_tokens: Annotated[float, Ge(0), Unit("token")]
    """Input tokens that are computed."""
    cached_input_tokens: Annotated[float, Ge(0), Unit("token")]
    """Input tokens whose keys and values are in the cache."""
    output_tokens: Annotated[float, Gt(0), Unit("token")]
    """Output tokens, reasoning included: each takes a decode step."""
    ttft_s: Annotated[float, Gt(0), Unit("s")]
    """Longest time to first token."""
    tpot_s: Annotated[float, Gt(0), Unit("s")]
    """Longest time per output token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """Calibrated constants of the serving model that hold for every engine: which share of each peak is reached.

    They are facts of the catalog (entity ``serving_model``), whose notes say from which rows each was fitted.
    """

    gemm_share_bf16: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Largest share of the dense BF16 peak that a matrix product reaches."""
    gemm_share_fp8: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Largest share of the dense FP8 peak that a matrix product reaches."""
    block_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share that an FP8 product with a scale for each block reaches, over that of an FP8 product without."""
    gemm_share_fp4: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Largest share of the dense FP4 peak that a matrix product reaches, scales and conversion included."""
    gemm_half_rows: Annotated[float, Ge(0), Unit("1")]
    """Tokens in flight at which a matrix product reaches half of its share (tile and wave quantisation)."""
    expert_share_bf16: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Largest share of the dense BF16 peak that a grouped product over experts reaches."""
    expert_share_fp8: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Largest share of the dense FP8 peak that a grouped product over experts reaches."""
    expert_share_fp4: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Largest share of the dense FP4 peak that a grouped product over experts reaches."""
    expert_half_rows: Annotated[float, Ge(0), Unit("1")]
    """Tokens of one expert at which its product reaches half of its share."""
    attention_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the dense BF16 peak that attention over a prompt reaches."""
    cache_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the memory bandwidth at which cached keys and values are read."""
    hbm_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the memory bandwidth at which weights are read."""
    hbm_share_fp4: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the memory bandwidth at which FP4 weights are read, scales and unpacking included."""
    routing_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of a batch whose tokens choose their experts independently of the others."""
    collective_latency_s: Annotated[float, Ge(0), Unit("s")]
    """Fixed time of one collective within a scale-up domain."""
    scaleout_latency_s: Annotated[float, Ge(0), Unit("s")]
    """Fixed time of one exchange between scale-up domains."""
    handover_s: Annotated[float, Ge(0), Unit("s")]
    """Time in which a request's cache passes from a worker that reads prompts to one that decodes, bytes apart."""
    scaleout_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the scale-out bandwidth that large messages between servers reach."""
    activation_passes: Annotated[float, Ge(0), Unit("1")]
    """Times that a token's hidden values travel to or from memory in one layer outside matrix products: norms,
    residual, quantisation and routing."""
    accepted_share: Annotated[float, Gt(0), Le(1.5), Unit("share")]
    """Drafts that random prompts of benchmarks accept, over those that published code prompts accept."""
    memory_reserve_share: Annotated[float, Ge(0), Le(0.5), Unit("share")]
    """Share of memory reserved for activations, graphs and fragmentation."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Speculative decoding: tokens that are drafted one after another, and verified together in the next step."""

    number: Annotated[int, Ge(0)] = 0
    """Tokens drafted for each step; 0 for plain decoding."""
    accepted_tokens: Annotated[float, Ge(1), Unit("1")] = 1.0
    """Mean tokens that a step yields: the verified one and the drafts before the first that is refused."""


NO_DRAFTS = Drafts()
"""Plain decoding: a step yields one token."""


@dataclass(frozen=True, slots=True)
class Harness:
    """How a benchmark launches and prepares an engine, as its scripts say."""

    held_steps: float = 0.0
    """Steps for which the engine is told to hold a new prompt back, to read it with others [1]."""
    read_every: float = 1.0
    """Steps after which the engine looks for prompts that have come, or after it has read one [1]."""
    chunk_tokens: float = 0.0
    """Most prompt tokens of one prefill step; 0 for the engine's own [tokens]."""
    memory_share: float = 0.0
    """Share of a GPU's memory that weights, keys and values may take; 0 for the usual one [share]."""
    cold: bool = False
    """Whether measured prompts are the first that the engine sees, but for a single one."""


WARMED = Harness()
"""An engine as it is by default, which has read prompts before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Calibrated times of one serving engine: facts of its entity (``vllm``, ``sglang``, ``trtllm``)."""

    kernel_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Time of the launch and ramp of one kernel, besides the work that it does."""
    step_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Scheduler and sampling time per step."""
    request_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Scheduler, sampling and detokenising time per request and step."""
    first_token_s: Annotated[float, Ge(0), Unit("s")]
    """Time from a request's arrival to its first token besides prefill and waiting: network and scheduler."""
    eager_launch_s: Annotated[float, Ge(0), Unit("s")]
    """Host time per kernel of a prefill, which no graph holds."""
    mixing_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Share of prefill that overlaps with decode steps (mixed batches), where weights are read once for both."""
    queueing_factor: Annotated[float, Ge(0), Unit("1")]
    """Time that later prompts queue, over what a queue of random arrivals would give."""
    prompt_token_s: Annotated[float, Ge(0), Unit("s")]
    """Front-end time per prompt token before prefill starts, from text to tokens."""
    arrival_s: Annotated[float, Ge(0), Unit("s")]
    """Time that each of several prompts that arrive together adds, one after another."""
    cold_start_s: Annotated[float, Ge(0), Unit("s")]
    """Time that the first full chunk of prompts waits for kernels that are compiled at their first use."""
    draft_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Host time of each draft of a step, besides its pass."""
    draft_hold_steps: Annotated[float, Ge(0), Unit("1")]
    """Steps by which drafts delay the first token: those that make the first drafts before a prompt is answered."""
    chunk_tokens: Annotated[float, Gt(0), Unit("token")]
    """Most prompt tokens of one prefill step."""
    held_output_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Share of a request's output for which memory is taken, on average or when the request is admitted."""
    balance_steps: Annotated[float, Ge(0), Unit("1")]
    """Steps for which data parallel attention holds a prompt back until other groups have one too."""
    link_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the scale-up bandwidth that a collective reaches."""

    def frontend_overhead_s(self, uncached: Array) -> Array:
        """Return the front-end overhead of a prompt: its time to first token besides prefill and waiting.

        Equation: ``first_token_s + prompt_token_s x uncached``.

        Parameters
        ----------
        uncached : Array, shape (...)
            Tokens of the prompt that are computed [tokens].

        Returns
        -------
        Array, shape (...)
            Time [s].
        """
        return self.first_token_s + self.prompt_token_s * uncached


EngineName = Literal["vllm", "sglang", "trtllm"]
"""Engines that were measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """Gains of serving software over the engines that the constants were measured on."""

    engine: EngineName = "trtllm"
    """Serving engine, one of those that were measured."""
    drafts: Annotated[int, Ge(0), Le(8)] = 0
    """Tokens that are drafted for each step and verified in the next one (speculative decoding); 0 for none."""
    reference_date: Annotated[dt.date, Day()]
    """Date at which those engines were measured."""
    gain_per_year: Annotated[Uncertain, Ge(0), Le(3), Unit("1/year")]
    """Yearly logarithmic growth of throughput by software alone at the reference date."""
    gain_decay_per_year: Annotated[Uncertain, Ge(0), Le(10), Unit("1/year")]
    """Yearly decay of that growth, as engines come near the roofline."""
    overhead: Annotated[Uncertain, Ge(1), Le(100), Unit("1")] = 1.0
    """GPU-hours that a service takes for its requests over those of the model alone at full batches: replicas kept
    ready, checks, repeated answers, and what its own models take more than those that stand in for them."""
