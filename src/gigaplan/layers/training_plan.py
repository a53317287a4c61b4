"""The layout of a training job: the one given, or the fastest that fits; or why none does, and what would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from gigaplan.compute.device import Device
from gigaplan.compute.memory import shortage_bytes
from gigaplan.compute.transformer import Architecture
from gigaplan.layers.training_job import PLACE, TrainingJob
from gigaplan.layers.training_layout import layout_text
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import FULL, SELECTIVE, Layouts
from gigaplan.training.search import RatedLayout, SearchResult, free_bytes, layout_at, layouts, memory_of, search
from gigaplan.vocabulary.errors import PlanError, Problem

MOST_DOUBLINGS = 10
BATCH_SCALES = tuple(2**k for k in range(1, MOST_DOUBLINGS + 1))
"""By which GPUs and batch are multiplied until a layout fits."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a step is calculated from, in addition to its layout."""

    device: Device
    model: Architecture
    batch: Batch
    efficiency: TrainingEfficiency

    def search(self, at: Layouts, limit_bytes: float | None = None) -> SearchResult:
        """Return the layouts that fit, from fast to slow; those that may be proposed, or that a limit [byte] holds."""
        return search(self.device, self.model, self.batch, at, self.efficiency, limit_bytes=limit_bytes)

    def layouts(self, gpus: int, *, offload: bool = False) -> Layouts:
        """Return all layouts of so many GPUs."""
        return layouts(self.device, self.model, self.batch, gpus, offload=offload)

    def memory_bytes(self, at: Layouts) -> float:
        """Return what one layout takes on each GPU [byte]."""
        return float(memory_of(self.model, self.batch, at, self.efficiency)[0])

    @property
    def free_bytes(self) -> float:
        """Memory of one GPU that a proposed layout may take: all but a reserve [byte]."""
        return free_bytes(self.device, self.efficiency)


def given_plan(given: Mapping[str, float], job: TrainingJob, setup: Setup) -> RatedLayout:
    """Return the plan of a job in the layout given.

    Parameters
    ----------
    given
        Ranks of the layout, from :func:`~gigaplan.layers.training_layout.read_layout`.
    job, setup
        What is trained, and on what.

    Raises
    ------
    PlanError
        If it needs more than all of the memory, with the first change that makes it fit. It may take the reserve, as in
        every verb: the rule is that of :mod:`gigaplan.compute.memory`.
    """
    fixed = dict.fromkeys(("tensor", "pipeline", "context", "micro_batch", "expert", "chunks"), 1.0)
    fixed.update(given)
    fixed["data"] = job.gpus / (fixed["tensor"] * fixed["pipeline"] * fixed["context"])
    at = Layouts(**{f.name: np.array([fixed.get(f.name, 0.0)]) for f in fields(Layouts)})
    if lacking := shortage_bytes(setup.memory_bytes(at), setup.device.hbm_bytes):
        raise PlanError([_too_large(at, lacking, job, setup)])
    return layout_at(setup.search(at, limit_bytes=setup.device.hbm_bytes), 0)


def best_plan(found: SearchResult, job: TrainingJob, setup: Setup) -> RatedLayout:
    """Return the fastest plan that was found.

    Parameters
    ----------
    found
        The layouts that fit, from fast to slow.
    job
        What is trained.
    setup
        What a step is calculated from.

    Raises
    ------
    PlanError
        If no layout shares the batch among the GPUs, or none fits the memory, with what would.
    """
    if not found.seen:
        sequences = setup.batch.global_batch_tokens / setup.batch.sequence_tokens
        raise PlanError(
            [
                Problem(
                    f"{job.gpus:,} GPUs can't share {sequences:,.0f} sequences",
                    PLACE,
                    value=f"{job.gpus:,} GPUs",
                    remedy="take a larger --global-batch, fewer GPUs, or a number with more divisors",
                )
            ]
        )
    if not found.fitting:
        raise PlanError([_none_fits(found.min_memory_bytes, job, setup)])
    return layout_at(found, 0)


def _none_fits(min_memory_bytes: float, job: TrainingJob, setup: Setup) -> Problem:
    """Return that no layout fits, with the number of GPUs of which one would."""
    for times in BATCH_SCALES:
        batch = replace(setup.batch, global_batch_tokens=setup.batch.global_batch_tokens * times)
        larger = replace(setup, batch=batch)
        if larger.search(larger.layouts(job.gpus * times)).fitting:
            break
    offload = ", or try --offload" if not job.offload and setup.device.host_bandwidth_bytes_per_s else ""
    return Problem(
        f"{job.model} does not fit: {min_memory_bytes / 1e9:,.0f} GB per GPU in the smallest layout, "
        f"{setup.free_bytes / 1e9:,.0f} GB free",
        PLACE,
        value=f"{job.gpus:,} GPUs of {job.system}",
        remedy=f"take {job.gpus * times:,} GPUs{offload}",
    )


def _too_large(at: Layouts, lacking_bytes: float, job: TrainingJob, setup: Setup) -> Problem:
    """Return by how much a layout is too large, and the first change that makes it fit."""
    there = setup.device.hbm_bytes / 1e9
    return Problem(
        f"the layout does not fit: {setup.memory_bytes(at) / 1e9:,.1f} GB a GPU are {lacking_bytes / 1e9:,.1f} GB more "
        f"than the {there:,.0f} GB of one",
        PLACE,
        value=job.layout,
        allowed=f"up to {there:,.0f} GB, {setup.free_bytes / 1e9:,.0f} GB with a reserve",
        remedy=_smaller(at, job, setup),
    )


def _smaller(at: Layouts, job: TrainingJob, setup: Setup) -> str:
    """Return the first change that makes a layout fit: recomputation, a smaller micro-batch, offload, or another
    layout."""
    changes: Sequence[dict[str, float]] = (
        {"recompute": SELECTIVE},
        {"recompute": FULL},
        {"micro_batch": 1.0, "recompute": FULL},
        {"offload": 1.0, "recompute": FULL} if setup.device.host_bandwidth_bytes_per_s else {"recompute": FULL},
    )
    for change in changes:
        other = replace(at, **{k: np.array([v]) for k, v in change.items()})
        if setup.memory_bytes(other) <= setup.free_bytes:
            return f"take '{layout_text(layout_at(setup.search(other), 0))}'"
    found = setup.search(setup.layouts(job.gpus))
    return (
        f"take '{layout_text(layout_at(found, 0))}'" if found.fitting else "take more GPUs: no layout of so many fits"
    )
