"""One training run over several sites: each method's step and losses, the network that it needs, the largest run by a
date.

The step on one site is that of :mod:`gigaplan.layers.training`; what the exchange between sites adds comes from the
training room (:mod:`gigaplan.training.sites`), positions and power of sites, the network and the losses of local
updates from the catalog.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.compute.transformer import Architecture
from gigaplan.layers.checks import unknown_names, unsuited_power
from gigaplan.layers.site_failures import goodput_by_size
from gigaplan.layers.site_fleet import apart_km, counted, sites_of
from gigaplan.layers.site_largest import Largest, largest_runs
from gigaplan.layers.site_methods import (
    BITS_PER_BYTE,
    GRID_BITS_PER_S,
    METHODS,
    Exchange,
    Method,
    best_pace,
    method_of,
)
from gigaplan.layers.site_replica import replica_of, whole_replicas
from gigaplan.layers.sites import Site, SitesJob, impossible, read_sites
from gigaplan.layers.training import TrainRun, train
from gigaplan.layers.training_job import PLACE as TRAIN_PLACE
from gigaplan.layers.training_job import impossible as impossible_job
from gigaplan.layers.training_job import named_in_catalog
from gigaplan.plan.own.catalogs import own_catalog
from gigaplan.plan.resolve import (
    device_at,
    fibre_of,
    local_updates_of,
    model_of,
    training_constants,
)
from gigaplan.training.inputs import Batch
from gigaplan.training.sites import (
    BACKWARD_SHARE,
    Link,
    latency_s,
)
from gigaplan.training.step import step
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.figures import short
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, staged
from gigaplan.vocabulary.show import Brief, BriefRows, with_unit

__all__ = ["METHODS", "Largest", "Method", "SitesRun", "train_at_sites"]
FP32_BYTES = 4.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SitesRun(Brief):
    """A run over several sites."""

    job: SitesJob
    one: TrainRun
    """The same GPUs on one site."""
    sites: tuple[Site, ...]
    distance_km: float
    """Longest between two sites, as the crow flies."""
    latency_ms: float
    """One way, along the fibre."""
    uplink_bits_per_s: float
    hidden_s: float
    """Time behind which the exchange of gradients hides: the backward pass of the last micro-batch."""
    outer_gb_per_gpu: float
    """Further memory of local updates: parameters at the last exchange and their momentum, in FP32, sharded over a
    site."""
    methods: tuple[Method, ...]
    best: str
    fibre_pairs: int
    """Of each site, for its uplink."""
    route_usd: float
    """Of routes from each site to the next nearest, if they were built."""
    grid_bits_per_s: tuple[float, ...]
    run_days: float
    largest: tuple[Largest, ...]
    """All sites together by each method, the best single site, and the best of all choices, without repetition."""
    notes: tuple[str, ...]
    catalog_vintage: str

    def brief_title(self) -> str:
        """Return what is trained on what, where."""
        run, gpus = self.job.run, self.one.job.gpus
        return f"Training of {run.model} on {gpus:,} GPUs of {run.system} at {len(self.sites)} sites"

    def brief_rows(self) -> BriefRows:
        """Return the best method, each method's days, and the largest run."""
        yield "best", f"{self.best}: {self.method(self.best).over_largest_site:.2f} times the largest site alone"
        yield "distance", f"{self.distance_km:,.0f} km, {self.latency_ms:.3g} ms along the fibre"
        yield "one site", f"a step of {with_unit(self.one.step_s, 's')}, {with_unit(self.one.days, 'days')}"
        for m in self.methods:
            share = f"{m.share.value:.0%} of one site with all GPUs"
            yield m.name, f"step {short(m.step_s.value)} s, {short(m.days.value)} days, {share}"
        if self.largest:
            largest = max(self.largest, key=lambda r: r.counted_flop.value)
            yield "largest", f"{largest.flop.value:.1e} FLOP by {self.job.by}, {largest.method}".replace("e+", "e")

    def method(self, name: str) -> Method:
        """Return one method by name."""
        return next(m for m in self.methods if m.name == name)


def train_at_sites(job: SitesJob, progress: Progress | None = None) -> SitesRun:
    """Return how sites train one model together by every method, and the largest run by a date if one is given for.

    Parameters
    ----------
    job
        The run, its sites, and the network between them.
    progress
        Called with (stages done, stages, what comes next); False cancels.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once; or if a site can't hold one replica, with what would.
    """
    own = job.run.model_configs, job.run.system_configs
    with own_catalog(*own, models=[job.run.model], systems=[job.run.system]) as notes:
        run = _train_at_sites(job, progress)
    return replace(run, notes=(*notes, *run.notes))


def _train_at_sites(job: SitesJob, progress: Progress | None) -> SitesRun:
    """Return the answer with a model of the catalog in use; see :func:`train_at_sites` for what raises."""
    facts, job = catalog.load(), replace(job, run=named_in_catalog(job.run))
    named, problems = read_sites(job.sites)
    problems += unknown_names([job.run.model], [job.run.system], TRAIN_PLACE)
    problems += [*impossible_job(replace(job.run, gpus=job.run.gpus or 1)), *impossible(job)]
    if not problems:
        problems = unsuited_power(facts, [job.run.system], job.run.power, TRAIN_PLACE)
    if problems:
        raise PlanError(problems)
    begin = staged(progress, 4)
    begin("GPUs of each site")
    all_gpus = counted(sites_of(facts, job, named), job)
    apart, problems = apart_km(all_gpus, job)
    if problems:
        raise PlanError(problems)
    model, device = model_of(facts, job.run.model), device_at(facts, job.run.system, job.run.power)
    efficiency = training_constants(facts, job.run.overlays).efficiency
    begin("layout of a replica")
    replica = replica_of(job, all_gpus, device, model, efficiency)
    sites = whole_replicas(all_gpus, replica)
    together = sum(s.gpus for s in sites) // replica.gpus
    begin("the run on one site")
    one = train(
        replace(
            job.run,
            gpus=together * replica.gpus,
            global_batch_sequences=together * replica.sequences,
            layout=replica.layout,
        )
    )
    begin("methods and the largest run")
    return _answer(_exchange(facts, job, sites, apart, one, model), apart, model)


def _exchange(
    facts: Catalog, job: SitesJob, sites: tuple[Site, ...], apart: Array, one: TrainRun, model: Architecture
) -> Exchange:
    """Return what the methods share."""
    fibre = fibre_of(facts)
    uplink = job.uplink_bits_per_s or facts.find("wan", "uplink_bits_per_s").number
    link = Link(float(len(sites)), uplink / BITS_PER_BYTE, float(latency_s(float(apart.max()), fibre)))
    step_s, hidden_s = _step_s(one, sites, facts)
    some = [n for s in sites for n in (*s.counts, s.gpus) if n > 0]
    most = sum(max(*s.counts, s.gpus) for s in sites)
    replica = one.plan.tensor * one.plan.pipeline * one.plan.context
    parameters = float(model.parameters)
    return Exchange(
        job=job,
        one=one,
        sites=sites,
        parameters=parameters,
        layers=model.layers,
        fibre=fibre,
        link=link,
        step_s=step_s,
        hidden_s=hidden_s,
        goodput=goodput_by_size(facts, one.job.system, min(some), most, replica, parameters),
        facts=facts,
    )


def _answer(x: Exchange, apart: Array, model: Architecture) -> SitesRun:
    """Return the run by every method."""
    job, facts, local = x.job, x.facts, local_updates_of(x.facts)
    pace = {name: best_pace(name, x, local) for name in METHODS}
    methods = tuple(method_of(name, x, pace[name]) for name in METHODS)
    days = job.run_days or facts.find("training", "run_days").number
    uplink = job.uplink_bits_per_s or facts.find("wan", "uplink_bits_per_s").number
    route_km = _tree_km(apart) * x.fibre.route_factor
    return SitesRun(
        job=job,
        one=x.one,
        sites=x.sites,
        distance_km=float(apart.max()),
        latency_ms=float(x.link.latency_s) * 1e3,
        uplink_bits_per_s=uplink,
        hidden_s=float(x.hidden_s[0]),
        outer_gb_per_gpu=_outer_gb(model, x.sites),
        methods=methods,
        best=max(methods, key=lambda m: m.share.value * m.goodput_share).name,
        fibre_pairs=math.ceil(uplink / facts.find("wan", "fibre_pair_bits_per_s").number),
        route_usd=route_km * facts.find("wan", "route_usd_per_km").number,
        grid_bits_per_s=tuple(float(b) for b in GRID_BITS_PER_S),
        run_days=days,
        largest=largest_runs(x, job.by, days, apart, pace) if job.by else (),
        notes=_notes(job, x.sites, x.one),
        catalog_vintage=facts.vintage,
    )


def _step_s(one: TrainRun, sites: Sequence[Site], facts: Catalog) -> tuple[Array, Array]:
    """Return the slowest site's step alone, and the time behind which gradients hide [s]: central, low and high.

    A site sums gradients over its own ranks only, which takes no longer than over all.
    """
    plan = one.plan
    efficiency = training_constants(facts, one.job.overlays).efficiency
    per_replica = one.batch_tokens / plan.data
    slowest = 0.0
    for gpus in {s.gpus for s in sites}:
        data = gpus // (plan.tensor * plan.pipeline * plan.context)
        at = replace(plan.layout, data=np.array([float(data)]))
        batch = Batch(
            global_batch_tokens=per_replica * data, sequence_tokens=one.job.sequence_tokens, precision=one.job.math
        )
        alone = step(
            device_at(facts, one.job.system, one.job.power), model_of(facts, one.job.model), batch, at, efficiency
        )
        slowest = max(slowest, float(alone.total[0]))
    spread = np.array([1.0, one.step_s.low / one.step_s.value, one.step_s.high / one.step_s.value])
    micro = per_replica / (plan.micro_batch * one.job.sequence_tokens)
    return slowest * spread, BACKWARD_SHARE * one.best.parts_s["compute"] / micro * spread


def _outer_gb(model: Architecture, sites: Sequence[Site]) -> float:
    """Return what local updates keep on each GPU of the smallest site [GB].

    That is parameters and momentum in FP32 (Douillard et al. 2025).
    """
    return 2 * FP32_BYTES * float(model.parameters) / min(s.gpus for s in sites) / 1e9


def _tree_km(apart: Array) -> float:
    """Return the length of the shortest routes that join all sites [km] (a minimum spanning tree)."""
    from scipy.sparse.csgraph import minimum_spanning_tree

    return float(minimum_spanning_tree(apart).sum())


def _notes(job: SitesJob, sites: Sequence[Site], one: TrainRun) -> tuple[str, ...]:
    given = job.run.global_batch_sequences
    sequences = one.batch_tokens / job.run.sequence_tokens
    notes = []
    if given and round(sequences) != round(given):
        notes.append(
            f"a step is {sequences:,.0f} sequences instead of {given:,.0f}: each replica takes whole micro-batches"
        )
    left = sum(int(s.on([job.by or dt.date.max])[0]) - s.gpus for s in sites)
    if left > 0 and not job.by:
        notes.append(f"{left:,} GPUs are left over: sites hold whole replicas")
    return tuple(notes)
