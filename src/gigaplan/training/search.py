"""Layouts that fit, fastest first: every split of the GPUs that divides, evaluated at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.memory import FULL, SELECTIVE, memory_parts
from gigaplan.training.step import Layouts, Step, chunks_of, step
from gigaplan.vocabulary.members import Array

MICRO_BATCHES = (1, 2, 4, 8)
"""Sequences per micro-batch that are tried; larger ones rarely fit and never fill the pipeline better."""
STAGES = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 32, 48, 64)
"""Stages that are tried; layers that don't divide leave the last stage lighter, and the fullest sets the pace."""
RECOMPUTE = (0.0, SELECTIVE, FULL)
CHUNKS = (1, 2, 3, 4, 6, 8)
"""Chunks of a stage that are tried."""
LEAST_TOKENS = 1024
"""Tokens of a sequence that a context rank keeps at least: fewer don't fill a device."""
MOST_CONTEXT = 64
"""Ranks by context that are tried at most."""
OUTER = ("tensor", "pipeline", "context", "data", "fully_sharded", "schedule", "offload")
INNER = ("expert", "expert_tensor", "micro_batch", "recompute", "chunks")
"""Fields of a layout that split the GPUs, and those chosen beside them."""
AT_ONCE = 4096
"""Layouts evaluated in one call: their arrays stay in cache."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A layout and what it gives, or why there is none (``tokens_per_s`` is then 0)."""

    tensor: int
    pipeline: int
    expert: int
    data: int
    micro_batch: int
    recompute: float
    tokens_per_s: float
    mfu_share: float
    step_s: float
    memory_bytes: float
    reason: str = ""
    context: int = 1
    chunks: int = 1
    fully_sharded: bool = False
    expert_tensor: int = 0
    schedule: int = 0
    offload: bool = False

    @property
    def layout(self) -> Layouts:
        """The layout, as arrays of one."""
        return Layouts(**{f.name: np.array([float(getattr(self, f.name))]) for f in fields(Layouts)})


@dataclass(frozen=True, slots=True)
class Found:
    """What a search saw: layouts in all, those that fit from fast to slow, and the least memory of any [byte]."""

    seen: int
    at: Layouts
    step: Step
    least_bytes: float

    @property
    def fitting(self) -> int:
        """How many fit."""
        return int(np.size(self.at.tensor))


def layouts(device: Device, model: Architecture, batch: Batch, gpus: int, *, offload: bool = False) -> Layouts:
    """Return every layout over a number of GPUs.

    Tensor and expert ranks in powers of two within reach of a scale-up domain and of the data ranks, context ranks that
    leave a sequence ``LEAST_TOKENS``, stages up to 64 in up to eight chunks, data ranks that the rest leaves, micro-batches
    that divide the batch (or, where none does, that it fills on average), weights kept or sharded (without stages), three kinds of recomputation.
    """
    rows = [
        np.column_stack([np.broadcast_to(_outer(t, p, c, d, f, offload), (len(some), len(OUTER))), some])
        for t in _powers(min(device.scaleup_gpus, model.heads))
        for p in STAGES
        if p <= model.layers
        for c in _powers(min(MOST_CONTEXT, batch.sequence_tokens // LEAST_TOKENS))
        if gpus % (t * p * c) == 0
        for d in [gpus // (t * p * c)]
        if d <= batch.global_batch_tokens / batch.sequence_tokens
        for f in ((0, 1) if p == 1 else (0,))
        for some in [_inner(device, model, batch, t, p, c, d, f)]
        if len(some)
    ]
    if not rows:
        return Layouts(*(np.zeros(0) for _ in fields(Layouts)))
    every = dict(zip((*OUTER, *INNER), np.concatenate(rows).T, strict=True))
    even = batch.global_batch_tokens / batch.sequence_tokens % (every["data"] * every["micro_batch"]) == 0
    return Layouts(**{k: v[even] if even.any() else v for k, v in every.items()})


def _outer(t: int, p: int, c: int, d: int, f: int, offload: bool) -> NDArray[np.float64]:
    return np.array([[t, p, c, d, f, 0, offload]], dtype=float)


def _inner(
    device: Device, model: Architecture, batch: Batch, t: int, p: int, c: int, d: int, f: int
) -> NDArray[np.float64]:
    """Return experts' ranks and splits, micro-batches, recomputation and chunks beside one split of the GPUs."""
    sequences = batch.global_batch_tokens / batch.sequence_tokens
    experts = [(1, 0)]
    if model.experts:
        spread = _powers(min(model.experts, d * t * c))
        experts = [(e, x) for e in spread for x in (0, t) if (x == 0 or (e > 1 and t > 1 and e * x <= d * t * c))]
    micro = [b for b in MICRO_BATCHES if d * b <= sequences]
    chunks = [v for v in CHUNKS if v == 1 or (p > 1 and v * p <= model.layers)]
    grid = np.meshgrid(np.arange(len(experts)), micro, RECOMPUTE, chunks, indexing="ij")
    which, b, r, v = (g.ravel() for g in grid)
    pairs = np.array(experts, dtype=float)[which.astype(int)]
    return np.column_stack([pairs, b, r, v]).astype(float)


def search(device: Device, model: Architecture, batch: Batch, at: Layouts, efficiency: TrainingEfficiency) -> Found:
    """Return the layouts that fit memory, from fast to slow; memory decides first, so only what fits is timed."""
    room = free_bytes(device, efficiency)
    kept: list[tuple[Layouts, Step]] = []
    least, count = np.inf, int(np.size(at.tensor))
    for begin in range(0, count, AT_ONCE):
        some = _taken(at, np.arange(begin, min(begin + AT_ONCE, count)))
        memory = memory_of(model, batch, some, efficiency)
        least = min(least, float(memory.min()))
        fits = np.flatnonzero(memory <= room)
        if fits.size:
            some = _taken(some, fits)
            kept.append((some, step(device, model, batch, some, efficiency)))
    every = Layouts(*(_joined([getattr(a, f.name) for a, _ in kept]) for f in fields(Layouts)))
    steps = Step(*(_joined([getattr(s, f.name) for _, s in kept]) for f in fields(Step)))
    order = np.argsort(-steps.tokens_per_s, kind="stable")
    steps = Step(*(getattr(steps, f.name)[order] for f in fields(Step)))
    return Found(count, _taken(every, order), steps, least)


def memory_of(model: Architecture, batch: Batch, at: Layouts, efficiency: TrainingEfficiency) -> Array:
    """Return the bytes of the fullest GPU for every layout."""
    micro = batch.global_batch_tokens / (at.micro_batch * float(batch.sequence_tokens) * at.data)
    return memory_parts(model, batch, at, efficiency, micro, chunks_of(model, at)).total


def free_bytes(device: Device, efficiency: TrainingEfficiency) -> float:
    """Return what a layout may take of a device's memory [byte]."""
    return device.hbm_bytes * (1 - efficiency.training_reserve_share)


def pareto(found: Found) -> NDArray[np.intp]:
    """Return the layouts that no other beats in both speed and memory, from fast to small."""
    lightest = np.minimum.accumulate(found.step.memory_bytes)
    before = np.concatenate([[np.inf], lightest[:-1]])
    return np.flatnonzero(found.step.memory_bytes < before)


def plan_at(found: Found, k: int) -> Plan:
    """Return one layout of a search with what it gives."""
    one = {f.name: _whole(getattr(found.at, f.name)[k], f.name) for f in fields(Layouts)}
    s = found.step
    return Plan(
        tokens_per_s=float(s.tokens_per_s[k]),
        mfu_share=float(s.mfu_share[k]),
        step_s=float(s.total[k]),
        memory_bytes=float(s.memory_bytes[k]),
        **one,  # type: ignore[arg-type]
    )


def best_layout(device: Device, model: Architecture, batch: Batch, gpus: int, efficiency: TrainingEfficiency) -> Plan:
    """Return the layout that trains most tokens per second within memory; a reason in words where none fits."""
    at = layouts(device, model, batch, gpus)
    if not np.size(at.tensor):
        return _none(
            f"{gpus:,} GPUs can't share {batch.global_batch_tokens:,.0f} tokens of {batch.sequence_tokens:,}: "
            "take fewer GPUs, or a larger batch"
        )
    found = search(device, model, batch, at, efficiency)
    if not found.fitting:
        room = free_bytes(device, efficiency)
        return _none(
            f"does not fit: {found.least_bytes / 1e9:,.0f} GB per GPU in the best layout, {room / 1e9:,.0f} GB free"
        )
    return plan_at(found, 0)


def _whole(value: float, name: str) -> float | int | bool:
    if name in ("fully_sharded", "offload"):
        return bool(value)
    return float(value) if name == "recompute" else int(value)


def _taken(at: Layouts, index: NDArray[np.intp]) -> Layouts:
    return Layouts(*(np.asarray(getattr(at, f.name))[index] for f in fields(Layouts)))


def _joined(parts: Sequence[Array | float]) -> Array:
    return np.concatenate([np.asarray(p) for p in parts]) if parts else np.zeros(0)


def _none(reason: str) -> Plan:
    return Plan(0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, reason)


def _powers(most: int) -> list[int]:
    return [1 << k for k in range(max(int(most), 1).bit_length()) if 1 << k <= most]
