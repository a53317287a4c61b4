"""A device: one accelerator and the network it sits in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One accelerator package. Peaks are dense; 0 means that the precision is not supported in hardware.

    Bandwidths are per package and one way (vendors quote both ways added up).
    """

    peak_bf16_flops_per_s: Annotated[float, Gt(0), Unit("FLOP/s")]
    peak_fp8_flops_per_s: Annotated[float, Ge(0), Unit("FLOP/s")] = 0.0
    peak_fp4_flops_per_s: Annotated[float, Ge(0), Unit("FLOP/s")] = 0.0
    hbm_bytes: Annotated[float, Gt(0), Unit("byte")]
    hbm_bandwidth_bytes_per_s: Annotated[float, Gt(0), Unit("byte/s")]
    scaleup_bandwidth_bytes_per_s: Annotated[float, Ge(0), Unit("byte/s")] = 0.0
    scaleup_gpus: Annotated[int, Ge(1)] = 1
    scaleout_bandwidth_bytes_per_s: Annotated[float, Ge(0), Unit("byte/s")] = 0.0
    host_bandwidth_bytes_per_s: Annotated[float, Ge(0), Unit("byte/s")] = 0.0
    """To the host's memory, one way; 0 where it isn't known."""

    rated_w: Annotated[float, Ge(0), Unit("W")] = 0.0
    """Power that the package may draw; 0 where it isn't known."""
    pod_gpus: Annotated[int, Ge(0)] = 0
    """GPUs that the scale-out network joins at full speed; 0: all of them."""
    spine_share: Annotated[float, Gt(0), Le(1), Unit("share")] = 1.0
    """Share of the scale-out bandwidth that is left between pods (an oversubscribed spine)."""

    def peak_flops_per_s(self, precision: str) -> float:
        """Return the dense peak [FLOP/s] for 'bf16', 'fp8' or 'fp4'; weights narrower than the hardware's math are
        widened to BF16, as serving engines do (weight-only quantisation)."""
        if precision == "fp4" and self.peak_fp4_flops_per_s > 0:
            return self.peak_fp4_flops_per_s
        if precision == "fp8" and self.peak_fp8_flops_per_s > 0:
            return self.peak_fp8_flops_per_s
        return self.peak_bf16_flops_per_s
