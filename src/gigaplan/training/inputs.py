"""What the training room needs to know besides a device and an architecture."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.time import HOURS
from gigaplan.vocabulary.units import Day, Unit

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEfficiency:
    """Constants of the step-time model, one set for each kind of training software: facts of the catalog's entities
    ``training_model`` (Megatron-Core of 2023 and later) and ``training_model_2022`` (Megatron-DeepSpeed of 2022)."""

    training_gemm_share_bf16: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the dense peak that large BF16 products reach."""
    training_gemm_share_fp8: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the dense peak that large FP8 products reach."""
    training_gemm_share_fp4: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the dense peak that large FP4 products reach."""
    full_clock_j_per_flop: Annotated[float, Gt(0), Unit("J/FLOP")]
    """Power per dense BF16 FLOP/s from which on products run at the clock that the peak is quoted at."""
    training_traffic_share: Annotated[float, Ge(0), Le(8), Unit("share")]
    """Part of a product's memory traffic (inputs, weights, result, once each) that its arithmetic does not hide."""
    training_expert_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of what plain products reach that grouped products over experts reach with many rows each."""
    training_expert_half_rows: Annotated[float, Ge(0), Unit("1")]
    """Tokens of one expert and micro-batch at which grouped products reach half of that."""
    training_attention_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the dense BF16 peak that attention reaches, forward and backward."""
    score_passes: Annotated[float, Ge(0), Unit("1")]
    """Times that attention's scores pass memory; 0 with flash attention (Dao et al. 2022), which also halves causal
    work."""
    training_passes: Annotated[float, Ge(0), Unit("1")]
    """Times that a layer's activations pass memory outside of products, forward and backward."""
    odd_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of its speed that a product keeps whose width is no multiple of 8, which tensor cores load by (NVIDIA,
    Matrix multiplication background, 2020)."""
    logit_passes: Annotated[float, Ge(0), Unit("1")]
    """Times that the logits pass memory outside of the head's product: softmax and loss, in BF16 passes."""
    quantise_passes: Annotated[float, Ge(0), Unit("1")]
    """Further passes to scale and cast activations, where products are narrower than BF16."""
    block_passes: Annotated[float, Ge(0), Unit("1")]
    """Further passes where scales go by blocks (MXFP8, NVFP4): copies by rows and by columns."""
    expert_passes: Annotated[float, Ge(0), Unit("1")]
    """Times that tokens pass memory for each expert that they visit: permute, pad, combine."""
    unfused_passes: Annotated[float, Ge(0), Unit("1")]
    """Further passes where permuting, padding, casting and combining are kernels of their own."""
    dispatch_passes: Annotated[float, Ge(0), Unit("1")]
    """Further passes of a dispatcher that sends a copy for each expert: tokens are sorted by rank and by expert, and
    combined by kernels of their own."""
    training_link_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the scale-up bandwidth that a collective reaches."""
    training_scaleout_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the scale-out bandwidth that a collective reaches."""
    exchange_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the scale-out bandwidth that the exchange of tokens with experts reaches."""
    training_latency_s: Annotated[float, Ge(0), Unit("s")]
    """Fixed time of one collective."""
    tensor_hidden_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Share of tensor and context exchange that hides behind arithmetic."""
    expert_hidden_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Share of the exchange of tokens with experts that hides behind arithmetic."""
    handover_hidden_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Share of the hand-overs between stages that hides behind arithmetic."""
    hidden_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Share of gradient and weight traffic that hides behind arithmetic."""
    sequence_parallel: Annotated[float, Ge(0), Le(1), Unit("1")]
    """1 where what is not split by tensor is split by sequence among the same ranks (Korthikanti et al. 2022)."""
    sharded_state: Annotated[float, Ge(0), Le(1), Unit("1")]
    """1 where the optimiser's state is sharded over the data ranks (Rajbhandari et al. 2020)."""
    layer_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Host time to launch one dense layer of one micro-batch, forward and backward; counts where the device is faster.
    """
    layer_floor_s: Annotated[float, Ge(0), Unit("s")]
    """Device time of one layer and micro-batch that does not depend on its work: kernels too small to fill a device."""
    expert_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Host time to launch what experts add to one layer of one micro-batch, where the host launches them [s]."""
    expert_launch_s: Annotated[float, Ge(0), Unit("s")]
    """Host time to launch the products of each expert of a rank [s]."""
    cast_launches: Annotated[float, Ge(0), Unit("1")]
    """Further launches for each expert, over those of its products, where one scale serves a tensor in FP8."""
    step_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Fixed time of a step: data, clipping, bookkeeping."""
    training_gain_per_year: Annotated[float, Ge(0), Le(1), Unit("1/year")]
    """Yearly gain of software in what the device does (logarithm), for software older than what the constants
    describe."""
    expert_gain_per_year: Annotated[float, Ge(0), Le(1), Unit("1/year")]
    """Yearly gain of software in what experts take (logarithm), on top."""
    host_gain_per_year: Annotated[float, Ge(0), Le(4), Unit("1/year")]
    """Yearly gain of software in host time (logarithm): graphs and fused kernels launch more at once."""
    training_reserve_share: Annotated[float, Ge(0), Le(0.5), Unit("share")]
    """Share of memory kept for buffers and fragmentation."""

    def gemm_share(self, precision: str) -> float:
        """Return the share of the dense peak that large products reach.

        Parameters
        ----------
        precision : {'bf16', 'fp8', 'fp4'}
            Precision of the products.

        Returns
        -------
        float
            Share of that precision's peak, 0..1.
        """
        return float(getattr(self, f"training_gemm_share_{precision}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How often training is interrupted and what that costs: facts of the catalog's entity ``reliability``."""

    interruptions_per_gpu_day: Annotated[Uncertain, Gt(0), Unit("1/day")]
    """Unexpected interruptions of a synchronous run per GPU and day [1/day]."""
    restart_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Time from the interruption to the first new step [s]: detection, replacement, loading."""
    checkpoint_write_s: Annotated[Uncertain, Gt(0), Unit("s")]
    """Time that a checkpoint stops training [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRecovery:
    """How the largest runs live with failures where groups recover by themselves, and how failures get rarer: facts of
    the catalog's entities ``recovery`` and ``failures``."""

    groups_since: Annotated[dt.date, Day()]
    """Publication of the first run on some 100,000 GPUs whose replica groups recover by themselves."""
    learners_since: Annotated[dt.date, Day()]
    """Publication of training in which learners of one site learn apart so that failures stop only their own."""
    practice_lag_years: Annotated[Uncertain, Unit("year")]
    """Time from the publication of a practice to the months in which the largest runs use it [year]; below zero
    before it."""
    rate_age_years: Annotated[Uncertain, Ge(0), Unit("year")]
    """Time since their first shipments of the systems that published failure rates are of [year]."""
    rate_fall_per_year: Annotated[Uncertain, Ge(0), Unit("1/year")]
    """How fast failure rates of a generation fall as it matures (logarithm) [1/year]."""
    rate_floor_share: Annotated[Uncertain, Gt(0), Le(1), Unit("share")]
    """Share of the published rate that stays however mature it is."""
    domain_failures_per_gpu_day: Annotated[Uncertain, Ge(0), Unit("1/day")]
    """Rate that a rack which is one scale-up domain adds [1/day per GPU]: switches, backplane, cooling."""
    group_stall_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Time that the others stand where a group restarts alone [s]."""
    outages_per_day: Annotated[Uncertain, Ge(0), Unit("1/day")]
    """Rate of outages of storage, scheduler or services [1/day]: they stop a run of any size."""
    outage_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Mean length of an outage [s]."""
    checkpoint_stop_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Time that training pauses for a checkpoint that is written out while training goes on [s]."""
    replaced_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of failures after which a server or rack is taken out."""
    server_repair_s: Annotated[Uncertain, Gt(0), Unit("s")]
    """Mean time of a server's repair [s]."""
    tray_repair_s: Annotated[Uncertain, Gt(0), Unit("s")]
    """Mean time of the repair of a tray of a rack that is one scale-up domain [s]; the rack is drained meanwhile."""
    slow_spells_per_server_day: Annotated[Uncertain, Ge(0), Unit("1/day")]
    """Rate at which a server becomes a straggler, which holds all others up [1/day]."""
    slow_spell_s: Annotated[Uncertain, Gt(0), Unit("s")]
    """Mean time that a server stays a straggler [s]."""
    slow_speed_share: Annotated[Uncertain, Gt(0), Le(1), Unit("share")]
    """Speed of a run with stragglers over its full speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precisions:
    """Since when the largest runs of a hardware generation may train in narrow formats: facts of the catalog's entities
    ``trained_on_<generation>``, else ``trained_on_any``."""

    fp8_since: Annotated[dt.date, Day()]
    """Publication of the first large run in FP8."""
    fp4_since: Annotated[dt.date, Day()]
    """Publication of the first large run in FP4 (NVFP4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What fails how often and what that costs, by what it happens to: facts of the catalog's entity ``failures``.

    A server has eight GPUs.
    """

    failures_per_server_day: Annotated[Uncertain, Gt(0), Unit("1/day")]
    """Rate of failures of a server that stop a run [1/day], its usual lemons and whole racks included."""
    rack_wide_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of them that take all servers of an air-cooled rack."""
    rack_servers: Annotated[Uncertain, Ge(1), Unit("1")]
    """Servers of an air-cooled rack."""
    domain_failures_per_gpu_day: Annotated[Uncertain, Ge(0), Unit("1/day")]
    """Rate that a rack which is one scale-up domain adds to its servers [1/day per GPU]: switches, backplane, cooling.
    """
    outages_per_day: Annotated[Uncertain, Ge(0), Unit("1/day")]
    """Rate of outages of storage, scheduler or services [1/day]: they stop a run of any size."""
    outage_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Mean length of an outage [s]."""
    replaced_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of failures after which a server is taken out."""
    hang_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of failures that show as a hang only."""
    detection_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Time until a failure is noticed [s]."""
    hang_detection_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Time until a hang is noticed [s]: the time-out of collectives."""
    recovery_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Time from the detection to the first new step, where all restart [s]."""
    group_stall_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Time that the others stand where a group restarts alone [s]."""
    server_repair_s: Annotated[Uncertain, Gt(0), Unit("s")]
    """Mean time of a server's repair [s]."""
    tray_repair_s: Annotated[Uncertain, Gt(0), Unit("s")]
    """Mean time of the repair of a tray of a rack that is one scale-up domain [s]; the rack is drained meanwhile."""
    rack_repair_s: Annotated[Uncertain, Gt(0), Unit("s")]
    """Mean time of the repair of a rack that is one scale-up domain [s]."""
    lemon_share: Annotated[Uncertain, Ge(0), Le(0.5), Unit("share")]
    """Share of servers that are lemons: they fail again and again."""
    lemon_multiple: Annotated[Uncertain, Ge(1), Unit("1")]
    """Failure rate of a lemon over that of a healthy server."""
    lemon_found_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of a lemon's repairs that cure it."""
    slow_spells_per_server_day: Annotated[Uncertain, Ge(0), Unit("1/day")]
    """Rate at which a server becomes a straggler, which holds all others up [1/day]."""
    slow_spell_s: Annotated[Uncertain, Gt(0), Unit("s")]
    """Mean time that a server stays a straggler [s]."""
    slow_speed_share: Annotated[Uncertain, Gt(0), Le(1), Unit("share")]
    """Speed of a run with stragglers over its full speed."""
    planned_stops_per_day: Annotated[Uncertain, Ge(0), Unit("1/day")]
    """Rate of planned stops [1/day]: new code, data, firmware."""
    checkpoint_stop_s: Annotated[Uncertain, Ge(0), Unit("s")]
    """Time that training pauses for a checkpoint that is written out while training goes on [s]."""
    checkpoint_bandwidth_bytes_per_s: Annotated[Uncertain, Gt(0), Unit("byte/s")]
    """Bandwidth per GPU to where checkpoints are safe [byte/s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeModel:
    """What the largest runs train, and in what batches: facts of the catalog's entity ``largest_run``."""

    model_width: Annotated[float, Gt(0), Unit("1")]
    """How many times as wide the model is as the published one whose shape it has."""
    sequence_tokens: Annotated[int, Ge(1), Unit("token")]
    """Length of the sequences [token]."""
    reference_batch_tokens: Annotated[float, Gt(0), Unit("token")]
    """Batch of the largest published run that states it [token]."""
    reference_batch_flop: Annotated[float, Gt(0), Unit("FLOP")]
    """Compute of that run [FLOP]."""
    batch_exponent: Annotated[float, Ge(0), Le(1), Unit("1")]
    """Power of compute with which the best batch grows."""
    dense_mfu_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Model FLOPs utilisation from which the size of a run, and so its batch, is estimated; of the BF16 peak."""
    days: Annotated[float, Gt(0), Unit("day")]
    """Days of a run, for the same estimate [day]."""

    def batch_tokens(self, peak_flops_per_s: Array) -> Array:
        """Return the batch of runs on GPUs of some peak together: ``B0 (C / C0)^e``, C what they train.

        Parameters
        ----------
        peak_flops_per_s : numpy.ndarray
            Dense BF16 peak of all GPUs of the run [FLOP/s], any shape.

        Returns
        -------
        numpy.ndarray
            Tokens of an optimiser step, the same shape.
        """
        flop = peak_flops_per_s * self.dense_mfu_share * self.days * HOURS * SECONDS_PER_HOUR
        return np.asarray(self.reference_batch_tokens * (flop / self.reference_batch_flop) ** self.batch_exponent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one optimiser step works on."""

    global_batch_tokens: Annotated[float, Gt(0), Unit("token")]
    """Tokens of one optimiser step, over all ranks."""
    sequence_tokens: Annotated[int, Ge(1), Unit("token")]
    """Length of the sequences [token]."""
    precision: str
    """Precision of matrix products: bf16, fp8 or fp4; attention and the head stay in BF16."""
    years_behind: Annotated[float, Ge(0), Unit("year")] = 0.0
    """How much older the software is than what the constants describe [year]."""
    block_scaled: Annotated[float, Ge(0), Le(1), Unit("1")] = 0.0
    """1 where narrow products have scales by blocks (MXFP8, NVFP4), 0 where one scale serves a tensor."""
    launched_by_host: Annotated[float, Ge(0), Le(1), Unit("1")] = 0.0
    """1 where the host launches experts kernel by kernel and waits for their counts (software before mid-2026)."""
    unfused_experts: Annotated[float, Ge(0), Le(1), Unit("1")] = 0.0
    """1 where tokens are permuted, padded and cast for their experts by kernels of their own (software before
    mid-2026)."""
    odd_vocabulary: Annotated[float, Ge(0), Le(1), Unit("1")] = 0.0
    """1 where the vocabulary is left as it is (GPT-2's 50,257) instead of padded, as Megatron does."""
    copy_per_expert: Annotated[float, Ge(0), Le(1), Unit("1")] = 0.0
    """1 where the dispatcher sends a token once for each chosen expert (all-to-all), 0 where once to each rank and node
    that holds any (DeepEP, HybridEP: DeepSeek-AI 2025)."""
    every_token: Annotated[float, Ge(0), Le(1), Unit("1")] = 0.0
    """1 where every rank gathers all tokens of the others (all-gather), whatever experts they chose."""
    expert_overlap: Annotated[float, Ge(-1), Le(1), Unit("1")] = -1.0
    """1 where the exchange with experts takes place while another micro-batch computes, 0 where not; below 0 as the
    layout allows: in chunks, or with stages of both ends on a rank."""
    dense_graphs: Annotated[float, Ge(0), Le(1), Unit("1")] = 0.0
    """1 where what all layers do is launched from graphs, so that the host's time for it is nothing."""
    wide_layers: Annotated[float, Ge(0), Unit("1")] = 0.0
    """Layers whose products stay in BF16, as recipes in narrow formats keep some at the ends (NVIDIA 2025)."""
    narrow_attention: Annotated[float, Ge(0), Le(1), Unit("1")] = 0.0
    """1 where attention's products are in FP8 too."""
    frozen: Annotated[float, Ge(0), Le(1), Unit("1")] = 0.0
    """1 where weights are frozen and small adapters are trained (LoRA: Hu et al. 2021): no gradients of weights."""
    imbalance: Annotated[float, Ge(1), Unit("1")] = 1.0
    """Tokens of the rank whose experts are visited most over the mean; 1 where routing is balanced."""
