"""Layouts that fit, fastest first: every split of the GPUs that divides, evaluated at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.memory import fillable_bytes
from gigaplan.compute.transformer import Architecture
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import FULL, SELECTIVE, Layouts, chunks_of, micro_batches
from gigaplan.training.memory import memory_parts
from gigaplan.training.step import Step, step
from gigaplan.vocabulary.members import Array

MICRO_BATCHES = (1, 2, 4, 8)
"""Sequences per micro-batch that are tried; larger ones rarely fit and never fill the pipeline better."""
STAGES = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 32, 48, 64)
"""Stages that are tried; layers that don't divide leave the last stage lighter, and the fullest sets the pace."""
RECOMPUTE = (0.0, SELECTIVE, FULL)
"""Kinds of recomputation that are tried."""
CHUNKS = (1, 2, 3, 4, 6, 8)
"""Chunks of a stage that are tried."""
MIN_CONTEXT_TOKENS = 1024
"""Tokens of a sequence that a context rank keeps at least: fewer don't fill a device."""
MAX_CONTEXT = 64
"""Ranks by context that are tried at most."""
OUTER = ("tensor", "pipeline", "context", "data", "fully_sharded", "schedule", "offload")
INNER = ("expert", "expert_tensor", "micro_batch", "recompute", "chunks")
"""Fields of a layout that split the GPUs, and those chosen for each split."""
LAYOUTS_PER_CALL = 4096
"""Layouts evaluated in one call: their arrays stay in cache."""


@dataclass(frozen=True, slots=True)
class RatedLayout:
    """A layout and what it gives, or why there is none (``tokens_per_s`` is then 0). Fields as in :class:`Layouts`."""

    tensor: int
    """Ranks by tensor."""
    pipeline: int
    """Pipeline stages."""
    expert: int
    """Ranks by expert."""
    data: int
    """Data ranks."""
    micro_batch: int
    """Sequences of a micro-batch."""
    recompute: float
    """Recomputation of activations: 0 none, ``SELECTIVE`` or ``FULL``."""
    tokens_per_s: float
    """Speed [token/s], without failures."""
    mfu_share: float
    """Model FLOPs over the dense peak of the precision."""
    step_s: float
    """Time of one step [s]."""
    memory_bytes: float
    """Memory of the fullest GPU [byte]."""
    reason: str = ""
    """Why there is no layout; empty where there is one."""
    context: int = 1
    """Ranks by context."""
    chunks: int = 1
    """Chunks of a stage's layers."""
    fully_sharded: bool = False
    """Whether weights are sharded over the data ranks."""
    expert_tensor: int = 0
    """Ranks that split one expert; 0 as usual."""
    schedule: int = 0
    """0 one forward, one backward; 1 zero bubble; 2 DualPipe."""
    offload: bool = False
    """Whether the optimiser's state lies in the host's memory."""

    @property
    def group_gpus(self) -> int:
        """GPUs of a replica group: those of all stages, and of all that experts are spread over."""
        return self.pipeline * max(self.tensor * self.context, self.expert)

    @property
    def layout(self) -> Layouts:
        """The layout, as arrays of one."""
        return Layouts(**{f.name: np.array([float(getattr(self, f.name))]) for f in fields(Layouts)})


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found. Shapes: layouts that fit, from fast to slow."""

    seen: int
    """Layouts in all, those that don't fit included."""
    at: Layouts
    """Layouts that fit."""
    step: Step
    """Times, memory and speed of these."""
    min_memory_bytes: float
    """Least memory that any of all layouts takes [byte]."""

    @property
    def fitting(self) -> int:
        """Number of layouts that fit."""
        return int(np.size(self.at.tensor))


def layouts(device: Device, model: Architecture, batch: Batch, gpus: int, *, offload: bool = False) -> Layouts:
    """Return every layout over a number of GPUs.

    Tensor and expert ranks in powers of two within reach of a scale-up domain and of the data ranks, context ranks that
    leave a sequence ``MIN_CONTEXT_TOKENS``, stages up to 64 in up to eight chunks, data ranks that the rest leaves,
    micro-batches that divide the batch (or, where none does, that it fills on average), weights kept or sharded
    (without stages), three kinds of recomputation.

    Parameters
    ----------
    device : Device
        GPU, for its scale-up domain.
    model : Architecture
        Model, for its layers, heads and experts.
    batch : Batch
        What one step works on.
    gpus : int
        GPUs to split, all of them.
    offload : bool
        Whether the optimiser's state lies in the host's memory.

    Returns
    -------
    Layouts
        All layouts, shape (layout,); empty where the GPUs can't share the batch.
    """
    sequences = batch.global_batch_tokens / batch.sequence_tokens
    rows = [
        np.column_stack([np.broadcast_to(_outer(t, p, c, d, f, offload), (len(some), len(OUTER))), some])
        for t in _powers(min(device.scaleup_gpus, model.heads))
        for p in STAGES
        if p <= model.layers
        for c in _powers(min(MAX_CONTEXT, batch.sequence_tokens // MIN_CONTEXT_TOKENS))
        if gpus % (t * p * c) == 0
        for d in [gpus // (t * p * c)]
        if d <= sequences
        for f in ((0, 1) if p == 1 else (0,))
        for some in [_inner(model, sequences, t, p, c, d)]
        if len(some)
    ]
    if not rows:
        return Layouts(*(np.zeros(0) for _ in fields(Layouts)))
    every = dict(zip((*OUTER, *INNER), np.concatenate(rows).T, strict=True))
    # a batch that no micro-batch divides is still trained, in one micro-batch more or less from step to step
    even = sequences % (every["data"] * every["micro_batch"]) == 0
    return Layouts(**{k: v[even] if even.any() else v for k, v in every.items()})


def _outer(t: int, p: int, c: int, d: int, f: int, offload: bool) -> NDArray[np.float64]:
    return np.array([[t, p, c, d, f, 0, offload]], dtype=float)


def _inner(model: Architecture, sequences: float, t: int, p: int, c: int, d: int) -> NDArray[np.float64]:
    """Return experts' ranks and splits, micro-batches, recomputation and chunks for one split of the GPUs."""
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


def search(
    device: Device,
    model: Architecture,
    batch: Batch,
    at: Layouts,
    efficiency: TrainingEfficiency,
    *,
    limit_bytes: float | None = None,
) -> SearchResult:
    """Return the layouts that fit memory, from fast to slow.

    Parameters
    ----------
    device : Device
        GPU and its networks.
    model : Architecture
        Model.
    batch : Batch
        What one step works on.
    at : Layouts
        Candidates, shape (layout,).
    efficiency : TrainingEfficiency
        Constants of the step-time model.
    limit_bytes : float, optional
        Memory that a layout may take [byte]; by default that of :func:`free_bytes`.

    Returns
    -------
    SearchResult
        Layouts that fit, with their steps.
    """
    free = free_bytes(device, efficiency) if limit_bytes is None else limit_bytes
    fitting: list[tuple[Layouts, Step]] = []
    minimum, count = np.inf, int(np.size(at.tensor))
    for begin in range(0, count, LAYOUTS_PER_CALL):
        some = _taken(at, np.arange(begin, min(begin + LAYOUTS_PER_CALL, count)))
        memory = memory_of(model, batch, some, efficiency)
        minimum = min(minimum, float(memory.min()))
        # memory is quicker to evaluate than time, so only what fits is timed
        fits = np.flatnonzero(memory <= free)
        if fits.size:
            some = _taken(some, fits)
            fitting.append((some, step(device, model, batch, some, efficiency)))
    every = Layouts(*(_joined([getattr(a, f.name) for a, _ in fitting]) for f in fields(Layouts)))
    steps = Step(*(_joined([getattr(s, f.name) for _, s in fitting]) for f in fields(Step)))
    # stable: of equally fast layouts the first of the grid comes first, on every machine
    order = np.argsort(-steps.tokens_per_s, kind="stable")
    steps = Step(*(getattr(steps, f.name)[order] for f in fields(Step)))
    return SearchResult(count, _taken(every, order), steps, minimum)


def memory_of(model: Architecture, batch: Batch, at: Layouts, efficiency: TrainingEfficiency) -> Array:
    """Return the memory of the fullest GPU for every layout.

    Parameters
    ----------
    model : Architecture
        Model.
    batch : Batch
        What one step works on.
    at : Layouts
        Layouts, any shape.
    efficiency : TrainingEfficiency
        Constants of the step-time model.

    Returns
    -------
    numpy.ndarray
        Memory [byte], shape of the layouts.
    """
    micro = micro_batches(batch, at)
    return memory_parts(model, batch, at, efficiency, micro, chunks_of(model, at)).total


def free_bytes(device: Device, efficiency: TrainingEfficiency) -> float:
    """Return what a layout that is proposed may take of a device's memory, see :mod:`gigaplan.compute.memory`.

    Parameters
    ----------
    device : Device
        GPU.
    efficiency : TrainingEfficiency
        Constants, for the share of memory kept for buffers and fragmentation.

    Returns
    -------
    float
        Memory [byte].
    """
    return fillable_bytes(device.hbm_bytes, efficiency.training_reserve_share)


def pareto(found: SearchResult) -> NDArray[np.intp]:
    """Return the layouts that no other beats in both speed and memory.

    Parameters
    ----------
    found : SearchResult
        Result of a search.

    Returns
    -------
    numpy.ndarray
        Indices into ``found.at``, from fast to small, shape (layout,).
    """
    lightest = np.minimum.accumulate(found.step.memory_bytes)
    before = np.concatenate([[np.inf], lightest[:-1]])
    return np.flatnonzero(found.step.memory_bytes < before)


def layout_at(found: SearchResult, k: int) -> RatedLayout:
    """Return one layout of a search with what it gives.

    Parameters
    ----------
    found : SearchResult
        Result of a search.
    k : int
        Index of the layout; 0 is the fastest.

    Returns
    -------
    RatedLayout
        The layout in whole numbers, with its speed and memory.
    """
    one = {f.name: _whole(getattr(found.at, f.name)[k], f.name) for f in fields(Layouts)}
    s = found.step
    return RatedLayout(
        tokens_per_s=float(s.tokens_per_s[k]),
        mfu_share=float(s.mfu_share[k]),
        step_s=float(s.total[k]),
        memory_bytes=float(s.memory_bytes[k]),
        **one,  # type: ignore[arg-type]
    )


def best_layout(
    device: Device, model: Architecture, batch: Batch, gpus: int, efficiency: TrainingEfficiency
) -> RatedLayout:
    """Return the layout that trains most tokens per second within memory.

    Parameters
    ----------
    device : Device
        GPU and its networks.
    model : Architecture
        Model.
    batch : Batch
        What one step works on.
    gpus : int
        GPUs that train.
    efficiency : TrainingEfficiency
        Constants of the step-time model.

    Returns
    -------
    RatedLayout
        The fastest layout; where none fits, one without speed that has the reason in words.
    """
    at = layouts(device, model, batch, gpus)
    if not np.size(at.tensor):
        return _none(
            f"{gpus:,} GPUs can't share {batch.global_batch_tokens:,.0f} tokens of {batch.sequence_tokens:,}: "
            "take fewer GPUs, or a larger batch"
        )
    found = search(device, model, batch, at, efficiency)
    if not found.fitting:
        minimum, free = found.min_memory_bytes / 1e9, free_bytes(device, efficiency) / 1e9
        return _none(f"does not fit: {minimum:,.0f} GB per GPU in the best layout, {free:,.0f} GB free")
    return layout_at(found, 0)


def _whole(value: float, name: str) -> float | int | bool:
    if name in ("fully_sharded", "offload"):
        return bool(value)
    return float(value) if name == "recompute" else int(value)


def _taken(at: Layouts, index: NDArray[np.intp]) -> Layouts:
    return Layouts(*(np.asarray(getattr(at, f.name))[index] for f in fields(Layouts)))


def _joined(parts: Sequence[Array | float]) -> Array:
    return np.concatenate([np.asarray(p) for p in parts]) if parts else np.zeros(0)


def _none(reason: str) -> RatedLayout:
    return RatedLayout(0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, reason)


def _powers(most: int) -> list[int]:
    return [1 << k for k in range(max(int(most), 1).bit_length()) if 1 << k <= most]
