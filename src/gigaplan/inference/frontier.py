"""The best layout and batch of a replica within the limits of memory, time to first token and time per token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.inputs import Efficiency, Request
from gigaplan.inference.serving import Service, serve
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array

Mask = NDArray[np.bool_]
PIPELINES = (1, 2, 3, 4, 6, 8)
BATCHES = np.unique(np.round(np.geomspace(1, 4096, 48)))


@dataclass(frozen=True, slots=True)
class Rate:
    """The best feasible point, or why there is none (``requests_per_gpu_s`` is then 0)."""

    requests_per_gpu_s: float
    ttft_s: float
    tpot_s: float
    gpus: int
    pipeline: int
    data_parallel: bool
    batch: int
    reason: str = ""


def precision_for(device: Device) -> str:
    """Return the narrowest precision that the device computes in: what operators serve large models in."""
    if device.peak_fp4_flops_per_s > 0:
        return "fp4"
    return "fp8" if device.peak_fp8_flops_per_s > 0 else "bf16"


def best(device: Device, architecture: Architecture, precision: str, request: Request, efficiency: Efficiency) -> Rate:
    """Return the layout and batch that serve most requests per GPU within the limits.

    Searches powers of two of GPUs within the scale-up domain, attention split by heads or (with experts) by
    requests, pipelines of up to eight domains, and batches on a logarithmic grid, in one vectorised evaluation.
    """
    stage, batch, service = _evaluate(device, architecture, precision, request, efficiency)
    room = device.hbm_bytes * (1 - efficiency.memory_reserve_share)
    fits = service.memory_bytes <= room
    quick = service.tpot_s <= request.tpot_s
    prompt = service.ttft_s <= request.ttft_s
    score = np.where(fits & quick & prompt, service.requests_per_s / service.gpus, 0.0)
    k = int(np.argmax(score))
    if score.flat[k] <= 0:
        return Rate(0.0, 0.0, 0.0, 0, 0, False, 0, _reason(fits, quick, prompt, service, request, room))
    at = np.unravel_index(k, score.shape)
    layout = at[0]
    return Rate(
        requests_per_gpu_s=float(score[at]), ttft_s=float(service.ttft_s[at]), tpot_s=float(service.tpot_s[at]),
        gpus=int(service.gpus[at]), pipeline=int(stage.pipeline[layout, 0]), data_parallel=bool(stage.data[layout, 0]),
        batch=int(batch[0, at[1]] * stage.pipeline[layout, 0]),
    )  # fmt: skip


def _evaluate(
    device: Device, architecture: Architecture, precision: str, request: Request, efficiency: Efficiency
) -> tuple[Stage, Array, Service]:
    """Return the stage, batches and service of every candidate: (layout, batch)."""
    layouts = [
        (g, p, d)
        for g in _gpu_counts(device)
        for p in PIPELINES
        for d in ((0, 1) if architecture.experts and g > 1 else (0,))
    ]
    gpus, pipeline, data = (np.array(column, dtype=float)[:, None] for column in zip(*layouts, strict=True))
    stage = Stage(device, architecture, precision, efficiency, gpus, pipeline, data)
    batch = BATCHES[None, :]
    return stage, batch, serve(stage, batch, request)


def _gpu_counts(device: Device) -> list[int]:
    counts = [1]
    while counts[-1] * 2 <= device.scaleup_gpus:
        counts.append(counts[-1] * 2)
    return counts


def _reason(fits: Mask, quick: Mask, prompt: Mask, service: Service, request: Request, room: float) -> str:
    """Say which limit leaves nothing, with the nearest figure."""
    if not fits.any():
        return f"does not fit: {service.memory_bytes.min() / 1e9:,.0f} GB per GPU in the best layout, {room / 1e9:,.0f} GB free"
    if not (fits & quick).any():
        least = service.tpot_s[fits].min()
        return f"too slow: {least * 1e3:,.1f} ms per token at best, {request.tpot_s * 1e3:,.1f} ms allowed"
    least = service.ttft_s[fits & quick].min()
    return f"too slow: {least * 1e3:,.0f} ms to the first token at best, {request.ttft_s * 1e3:,.0f} ms allowed"
