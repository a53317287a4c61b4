"""One replica of a run over several sites: its layout, and sites that hold whole ones."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.layers.sites import PLACE, Site, SitesJob
from gigaplan.layers.training import train
from gigaplan.layers.training_job import default_sequences
from gigaplan.layers.training_layout import layout_text, read_layout
from gigaplan.layers.training_plan import Setup
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import Layouts
from gigaplan.training.search import RatedLayout, layout_at
from gigaplan.vocabulary.errors import PlanError, Problem

MOST_DOUBLINGS, USEFUL_SHARE = 10, 1.1
"""A batch that is not given is doubled while that makes a GPU faster by a tenth, up to the largest known."""


@dataclass(frozen=True, slots=True)
class Replica:
    """What one replica is: its layout and the sequences that it takes in a step."""

    layout: str
    gpus: int
    multiple: int
    """Replicas of a site come in multiples of this: experts are spread over them."""
    sequences: float


def replica_of(
    job: SitesJob, sites: Sequence[Site], device: Device, model: Architecture, efficiency: TrainingEfficiency
) -> Replica:
    """Return the replica of a run: of the layout given, or of the fastest on the smallest site with its part of the
    batch.

    Parameters
    ----------
    job, sites
        The run, and its sites with their GPUs.
    device, model, efficiency
        What a step is calculated from.

    Raises
    ------
    PlanError
        If no layout fits the smallest site.
    """
    gpus = sum(s.gpus for s in sites)
    batch = job.run.global_batch_sequences or default_sequences(replace(job.run, gpus=_power_of_two(gpus)))
    if job.run.layout:
        given = read_layout(job.run.layout)
        split = int(given.get("tensor", 1) * given.get("pipeline", 1) * given.get("context", 1))
        words = re.sub(r"\bdp=?\d+\b", "", job.run.layout).strip()
        return _sized(words, given, split, batch, gpus)
    plan, whole = _fastest(job, sites, batch, (device, model, efficiency))
    at = {f.name: float(getattr(plan, f.name)) for f in fields(Layouts)}
    words = " ".join(w for w in layout_text(plan).split() if not w.startswith("dp"))
    return _sized(words, at, plan.tensor * plan.pipeline * plan.context, whole, gpus)


def _fastest(
    job: SitesJob, sites: Sequence[Site], batch: float, known: tuple[Device, Architecture, TrainingEfficiency]
) -> tuple[RatedLayout, float]:
    """Return the fastest plan on the smallest site, and the sequences of the whole step.

    A batch that is not given is doubled while a GPU gets faster by it, up to the largest that is known.
    """
    device, model, efficiency = known
    gpus, minimum = sum(s.gpus for s in sites), min(s.gpus for s in sites)
    some = minimum if job.run.gpus or minimum == _power_of_two(minimum) else _power_of_two(minimum)
    most = catalog.load().find("training", "largest_batch_tokens").number / job.run.sequence_tokens
    best, speed = None, 0.0
    for times in range(1 if job.run.global_batch_sequences else MOST_DOUBLINGS):
        whole = batch * 2**times
        part = float(max(round(whole * some / gpus), 1))
        shape = Batch(
            global_batch_tokens=part * job.run.sequence_tokens,
            sequence_tokens=job.run.sequence_tokens,
            precision=job.run.math,
        )
        tried = Setup(device, model, shape, efficiency)
        found = tried.search(tried.layouts(some, offload=job.run.offload))
        if best is not None and (
            whole > most or not found.fitting or found.step.tokens_per_s[0] < speed * USEFUL_SHARE
        ):
            break
        if found.fitting:
            best, speed = (layout_at(found, 0), whole), float(found.step.tokens_per_s[0])
    if best is None:
        raise PlanError(_no_replica(job, sites, some, part))
    return best


def _no_replica(job: SitesJob, sites: Sequence[Site], gpus: int, sequences: float) -> list[Problem]:
    """Return why no layout fits the smallest site."""
    name = min(sites, key=lambda s: s.gpus).name
    try:
        train(replace(job.run, gpus=gpus, global_batch_sequences=sequences, layout=""))
    except PlanError as error:
        return [
            replace(
                p,
                place=PLACE,
                message=f"the smallest site, {name}: {p.message}",
                remedy=f"{p.remedy}, or leave {name} out",
            )
            for p in error.problems
        ]
    return [Problem("no layout fits the smallest site", PLACE, value=name, remedy="leave it out, or give it more GPUs")]


def _sized(words: str, at: Mapping[str, float], split: int, batch: float, gpus: int) -> Replica:
    """Return a replica with its sequences of a step, whole micro-batches."""
    micro = int(at.get("micro_batch", 1) or 1)
    spread = int((at.get("expert", 1) or 1) * (at.get("expert_tensor", 0) or 1))
    within = int((at.get("tensor", 1) or 1) * (at.get("context", 1) or 1))
    each = max(round(batch / max(gpus // split, 1) / micro), 1) * micro
    return Replica(words, split, spread // math.gcd(spread, within), float(each))


def _power_of_two(gpus: int) -> int:
    """Return the largest power of two that is no more than a number."""
    return 1 << (max(gpus, 1).bit_length() - 1)


def whole_replicas(sites: Sequence[Site], replica: Replica) -> tuple[Site, ...]:
    """Return the sites with their GPUs rounded down to whole replicas.

    Parameters
    ----------
    sites, replica
        Sites with all their GPUs, and one replica.

    Raises
    ------
    PlanError
        With every site that holds none.
    """
    unit = replica.gpus * replica.multiple
    found = tuple(replace(s, gpus=s.gpus // unit * unit) for s in sites)
    small = [(was, s) for was, s in zip(sites, found, strict=True) if not s.gpus]
    if small:
        raise PlanError(
            [
                Problem(
                    f"a site holds at least one replica, {unit:,} GPUs of layout '{replica.layout}'",
                    PLACE,
                    value=f"{s.name} with {was.gpus:,}",
                    remedy="give it more GPUs, leave it out, or take a --layout with fewer GPUs to a replica",
                )
                for was, s in small
            ]
        )
    return found
