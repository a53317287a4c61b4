"""What the inference room needs beside a device and an architecture."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.units import Day, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The mean request: tokens by kind and the longest waits that its users accept."""

    fresh_input_tokens: Annotated[float, Ge(0), Unit("token")]
    cached_input_tokens: Annotated[float, Ge(0), Unit("token")]
    generated_tokens: Annotated[float, Gt(0), Unit("token")]
    """Reasoning and output together: each costs a decode step."""
    ttft_s: Annotated[float, Gt(0), Unit("s")]
    tpot_s: Annotated[float, Gt(0), Unit("s")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """Calibrated constants of the serving model: what part of each peak is reached, and fixed times.

    They are facts of the catalog (entity ``serving_model``); each says from which rows it was fitted and the residual.
    """

    gemm_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Largest share of the dense peak that a matrix product reaches."""
    gemm_half_rows: Annotated[float, Ge(0), Unit("1")]
    """Tokens in flight at which a matrix product reaches half of ``gemm_share`` (tile and wave quantisation)."""
    hbm_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the memory bandwidth that is reached."""
    link_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the scale-up bandwidth that a collective reaches."""
    collective_latency_s: Annotated[float, Ge(0), Unit("s")]
    """Fixed time of one collective."""
    activation_passes: Annotated[float, Ge(0), Unit("1")]
    """Times that a token's hidden values travel to or from memory in one layer, matrix products apart (norms, residual,
    quantisation, routing)."""
    kernel_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Launch and ramp of one kernel, beside the work that it does."""
    step_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Scheduler and sampling time per step."""
    request_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Scheduler, sampling and detokenising time per request and step."""
    memory_reserve_share: Annotated[float, Ge(0), Le(0.5), Unit("share")]
    """Share of memory kept for activations, graphs and fragmentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """What serving software gains beyond the engines that the constants were measured on."""

    reference_date: Annotated[dt.date, Day()]
    """When those engines ran."""
    gain_per_year: Annotated[float, Ge(0), Le(3), Unit("1/year")]
    """Logarithmic growth of throughput by software alone at that date."""
    gain_decay_per_year: Annotated[float, Ge(0), Le(10), Unit("1/year")]
    """Yearly decay of that growth: engines near the roofline."""
