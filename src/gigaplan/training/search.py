"""The fastest layout that fits: every split of the GPUs that divides, evaluated at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.step import Layouts, step

MICRO_BATCHES = (1, 2, 4, 8)
"""Sequences per micro-batch that are tried; larger ones rarely fit and never fill the pipeline better."""
STAGES = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 32, 48, 64)
"""Stages that are tried; layers that don't divide leave the last stage lighter, and the fullest sets the pace."""

OPEN = 6
"""Fields of a layout that the search chooses: the first six; context stays whole, chunks are as usual."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A layout and what it gives, or why there is none (``tokens_per_s`` is then 0)."""

    tensor: int
    pipeline: int
    expert: int
    data: int
    micro_batch: int
    recompute: bool
    tokens_per_s: float
    mfu_share: float
    step_s: float
    memory_bytes: float
    reason: str = ""


def layouts(device: Device, model: Architecture, batch: Batch, gpus: int) -> Layouts:
    """Return every layout over a number of GPUs: tensor and expert ranks in powers of two within a scale-up domain's
    reach, stages up to 64, data ranks that the rest leaves, micro-batches that the batch fills."""
    sequences = batch.global_batch_tokens / batch.sequence_tokens
    tensor = [t for t in _powers(min(device.scaleup_gpus, model.heads)) if gpus % t == 0]
    stages = [p for p in STAGES if p <= model.layers]
    rows = [
        (t, p, e, d, b, r)
        for t in tensor
        for p in stages
        if gpus % (t * p) == 0
        for d in [gpus // (t * p)]
        for e in (_powers(min(model.experts, d * t)) if model.experts else [1])
        for b in MICRO_BATCHES
        if d * b <= sequences
        for r in (0, 1)
    ]
    columns = np.array(rows, dtype=float).reshape(-1, OPEN).T
    return Layouts(*columns)


def best_layout(device: Device, model: Architecture, batch: Batch, gpus: int, efficiency: TrainingEfficiency) -> Plan:
    """Return the layout that trains most tokens per second within memory; a reason in words where none fits."""
    at = layouts(device, model, batch, gpus)
    if not at.tensor.size:
        return _none(
            f"{gpus:,} GPUs can't share {batch.global_batch_tokens:,.0f} tokens of {batch.sequence_tokens:,}: "
            "take fewer GPUs, or a larger batch"
        )
    one = step(device, model, batch, at, efficiency)
    room = device.hbm_bytes * (1 - efficiency.training_reserve_share)
    speed = np.where(one.memory_bytes <= room, one.tokens_per_s, 0.0)
    k = int(np.argmax(speed))
    if speed[k] <= 0:
        least = float(one.memory_bytes.min())
        return _none(f"does not fit: {least / 1e9:,.0f} GB per GPU in the best layout, {room / 1e9:,.0f} GB free")
    return Plan(
        int(at.tensor[k]), int(at.pipeline[k]), int(at.expert[k]), int(at.data[k]), int(at.micro_batch[k]), bool(at.recompute[k]),
        float(one.tokens_per_s[k]), float(one.mfu_share[k]), float(one.total[k]), float(one.memory_bytes[k]),
    )  # fmt: skip


def _none(reason: str) -> Plan:
    return Plan(0, 0, 0, 0, 0, False, 0.0, 0.0, 0.0, 0.0, reason)


def _powers(most: int) -> list[int]:
    return [1 << k for k in range(max(int(most), 1).bit_length()) if 1 << k <= most]
