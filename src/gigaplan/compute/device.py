"""A device: one accelerator and the networks that join it to others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One accelerator package, its memory and its networks.

    Peaks are dense. Bandwidths are per package and one way (vendors quote both ways added up).
    """

    peak_bf16_flops_per_s: Annotated[float, Gt(0), Unit("FLOP/s")]
    """Dense peak in BF16."""
    peak_fp8_flops_per_s: Annotated[float, Ge(0), Unit("FLOP/s")] = 0.0
    """Dense peak in FP8; 0 where the hardware has no FP8 arithmetic."""
    peak_fp4_flops_per_s: Annotated[float, Ge(0), Unit("FLOP/s")] = 0.0
    """Dense peak in FP4; 0 where the hardware has no FP4 arithmetic."""
    hbm_bytes: Annotated[float, Gt(0), Unit("byte")]
    """Memory of the package."""
    hbm_bandwidth_bytes_per_s: Annotated[float, Gt(0), Unit("byte/s")]
    """Bandwidth of that memory."""
    scaleup_bandwidth_bytes_per_s: Annotated[float, Ge(0), Unit("byte/s")] = 0.0
    """Bandwidth to other GPUs of the scale-up domain; 0 where there is no such network."""
    scaleup_gpus: Annotated[int, Ge(1)] = 1
    """GPUs of one scale-up domain."""
    scaleout_bandwidth_bytes_per_s: Annotated[float, Ge(0), Unit("byte/s")] = 0.0
    """Bandwidth to GPUs of other domains; 0 where there is no such network."""
    host_bandwidth_bytes_per_s: Annotated[float, Ge(0), Unit("byte/s")] = 0.0
    """Bandwidth to the host's memory, one way; 0 where it isn't known."""

    rated_w: Annotated[float, Ge(0), Unit("W")] = 0.0
    """Power that the package may draw at most, at which its peaks hold; 0 where it isn't known."""
    clock_share: Annotated[float, Gt(0), Unit("share")] = 1.0
    """Clock that its power limit leaves over that at the rated power: arithmetic is as fast as the clock, memory and
    networks are not."""
    pod_gpus: Annotated[int, Ge(0)] = 0
    """GPUs that the scale-out network joins at full speed; 0 means all of them."""
    spine_share: Annotated[float, Gt(0), Le(1), Unit("share")] = 1.0
    """Share of the scale-out bandwidth that is left between pods (an oversubscribed spine)."""

    def peak_flops_per_s(self, precision: str) -> float:
        """Return the dense peak for products of weights in a precision.

        Weights narrower than the hardware's arithmetic are widened to BF16, as serving engines do (weight-only
        quantisation).

        Parameters
        ----------
        precision : str
            Precision of the weights: 'bf16', 'fp8' or 'fp4'.

        Returns
        -------
        float
            Dense peak [FLOP/s].

        Examples
        --------
        >>> h100 = Device(
        ...     peak_bf16_flops_per_s=989e12,
        ...     peak_fp8_flops_per_s=1979e12,
        ...     hbm_bytes=80e9,
        ...     hbm_bandwidth_bytes_per_s=3.35e12,
        ... )
        >>> h100.peak_flops_per_s("fp4") == h100.peak_bf16_flops_per_s
        True
        """
        if precision == "fp4" and self.peak_fp4_flops_per_s > 0:
            return self.peak_fp4_flops_per_s
        if precision == "fp8" and self.peak_fp8_flops_per_s > 0:
            return self.peak_fp8_flops_per_s
        return self.peak_bf16_flops_per_s

    def arithmetic_flops_per_s(self, precision: str) -> float:
        """Return the dense speed of products at the clock that the power limit leaves.

        Parameters
        ----------
        precision : str
            Precision of the weights: 'bf16', 'fp8' or 'fp4'.

        Returns
        -------
        float
            Speed [FLOP/s]: the peak at the rated power.

        Examples
        --------
        >>> capped = Device(
        ...     peak_bf16_flops_per_s=1e15, hbm_bytes=80e9, hbm_bandwidth_bytes_per_s=3.35e12, clock_share=0.5
        ... )
        >>> capped.arithmetic_flops_per_s("bf16"), capped.peak_flops_per_s("bf16")
        (500000000000000.0, 1000000000000000.0)
        """
        return self.peak_flops_per_s(precision) * self.clock_share
