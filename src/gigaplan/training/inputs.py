"""What the training room needs to know beside a device and an architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEfficiency:
    """Constants of the step-time model: facts of the catalog's entity ``training_model``."""

    training_gemm_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the dense peak that large matrix products reach in training."""
    expert_half_width: Annotated[float, Ge(0), Unit("1")]
    """Inner width of an expert at which grouped products reach half of what plain ones do."""
    training_attention_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of the dense BF16 peak that attention reaches, forward and backward."""
    training_link_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Share of a link's bandwidth that a collective reaches."""
    hidden_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Share of gradient traffic and of expert exchange that hides behind arithmetic."""
    layer_overhead_s: Annotated[float, Ge(0), Unit("s")]
    """Launches and small kernels of one layer and micro-batch, forward and backward."""
    training_reserve_share: Annotated[float, Ge(0), Le(0.5), Unit("share")]
    """Share of memory kept for buffers and fragmentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How often training is interrupted and what that costs: facts of the catalog's entity ``reliability``."""

    interruptions_per_gpu_day: Annotated[float, Gt(0), Unit("1/day")]
    """Unexpected interruptions of a synchronous run per GPU and day."""
    restart_s: Annotated[float, Ge(0), Unit("s")]
    """From the interruption to the first new step: detection, replacement, loading."""
    checkpoint_write_s: Annotated[float, Gt(0), Unit("s")]
    """Time that a checkpoint stops training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one optimiser step works on."""

    global_batch_tokens: Annotated[float, Gt(0), Unit("token")]
    sequence_tokens: Annotated[int, Ge(1), Unit("token")]
    precision: str
    """Of matrix products: bf16, fp8 or fp4; attention and the head stay in BF16."""
