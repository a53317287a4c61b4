"""What a plan says of one of its days: kinds of replicas at each site, and whose requests come there when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gigaplan.demand.inputs import Workload
from gigaplan.inference.frontier import Choice, OperatingPoint, choice, precision_for
from gigaplan.inference.inputs import NO_DRAFTS, Request
from gigaplan.inference.points import stages_of
from gigaplan.inference.slowness import mixture, slopes_after
from gigaplan.inference.step import Stage
from gigaplan.layers.plan_sites import Central, central
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings import slowness
from gigaplan.simulate.couplings.throughput import models_by_year, questions, software_gain
from gigaplan.study.day.job import PLACE, DayJob
from gigaplan.vocabulary.errors import PlanError, Problem, allowed_names, nearest_name
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import SECONDS_PER_HOUR

WEEKEND = 5
"""First day of a weekend, Monday being 0."""
ENOUGH = 0.5
"""Replicas of a kind at a site from which on there is one; of a workload there is one in any case."""


@dataclass(frozen=True, slots=True)
class ReplicaKind:
    """Replicas at one site that serve one workload in one way."""

    workload: str
    generation: str
    model: str
    site: str
    stage: Stage
    """One stage of a replica."""
    gain: float
    """Speed by software alone over that of the step times."""
    replicas: int
    request: Request
    """Mean request, and the limits."""
    prompt_cv: float
    point: OperatingPoint
    """What the fast model says of it."""

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.point.gpus

    @property
    def per_s(self) -> float:
        """Requests that one replica serves by the fast model [1/s]."""
        return self.point.requests_per_gpu_s * self.point.gpus * self.gain


@dataclass(frozen=True, slots=True)
class DayFleet:
    """A plan's fleet on a day. Shapes: kind K, workload W, region R, site S, hour H."""

    plan: str
    day: dt.date
    day_type: str
    kinds: tuple[ReplicaKind, ...]
    workloads: tuple[str, ...]
    regions: tuple[str, ...]
    region_offset_h: Array
    sites: tuple[str, ...]
    site_offset_h: Array
    """Hours from UTC of each site, nan where it has no place [h]."""
    demand_per_s: Array
    """(W, R, H) requests per second that the plan's fleet serves in each hour, UTC [1/s]."""
    unserved_share: Array
    """(W,) requests that the plan itself does not serve [share]."""
    within: Array
    """(W,) share of requests within the limits by the fast model [share]."""
    ttft_ms: Array
    """(W,) mean time to first token by the fast model [ms]."""
    tpot_ms: Array
    overhead: float
    """GPU-hours of the service over those of the model alone."""
    notes: tuple[str, ...]

    def kinds_of(self, workload: str) -> list[int]:
        """Return the places of a workload's kinds."""
        return [k for k, kind in enumerate(self.kinds) if kind.workload == workload]


def fleet_of_day(job: DayJob, changes: Sequence[str] = (), overlays: Sequence[str | Path] = ()) -> DayFleet:
    """Return the fleet of a plan's central future on a day, and the requests that the plan lets it serve.

    Parameters
    ----------
    job : DayJob
        The day, the plan and its workloads.
    changes, overlays : sequence
        What is changed of the plan.

    Raises
    ------
    PlanError
        If the plan is wrong, or has no such day, workload or fleet.
    """
    found = central(job.plan, changes, overlays)
    scenario = found.scenario
    assert job.day is not None
    if not scenario.axis.start <= job.day < scenario.axis.end:
        what, allowed = "the plan has no such day", f"{scenario.axis.start} to {scenario.axis.end}"
        raise PlanError([Problem(what, PLACE, value=f"{job.day}", allowed=allowed, remedy="give a day of its horizon")])
    names = tuple(w.name for w in scenario.demand.workloads)
    for name in job.workload:
        if name not in names:
            what, near = "the plan has no such workload", nearest_name(name, names)
            allowed = allowed_names(names)
            raise PlanError([Problem(what, PLACE, value=name, allowed=allowed, nearest=near, remedy="name one of it")])
    return _fleet(found, job, [w for w in names if w in job.workload or not job.workload])


def _fleet(of: Central, job: DayJob, workloads: list[str]) -> DayFleet:
    assert job.day is not None
    scenario, stages = of.scenario, of.stages
    axis, works = scenario.axis, scenario.demand.workloads
    month = axis.month_of(job.day)
    weekend = job.day.weekday() >= WEEKEND
    d = 1 if weekend and len(axis.days) > 1 else 0
    at = [i for i, w in enumerate(works) if w.name in workloads]
    run = stages.allocated.run[0, at, month, d] / SECONDS_PER_HOUR
    regions = stages.demand.by_region_per_h[0, :, month, d]
    shares = np.divide(regions, regions.sum(axis=0), out=np.zeros_like(regions), where=regions.sum(axis=0) > 0)
    sites, offsets, by_site = _sites(scenario, stages.built.gpus_in_production[0], month)
    free = stages.built.gpus_free[0, :, month]
    of_all = np.divide(by_site, by_site.sum(axis=1, keepdims=True), out=np.zeros_like(by_site), where=by_site > 0)
    gpus = free[:, None] * of_all
    overhead = float(np.ravel(scenario.software.overhead)[0])
    year = int(axis.year_of_month[month])
    kinds: list[ReplicaKind] = []
    notes: list[str] = []
    for i in at:
        share = float(stages.allocated.fleet_share[0, i, month, d].max())
        found = _kinds_of(scenario, stages.demand.tokens_per_request, (i, year), gpus * share / overhead, sites)
        kinds += found
        if not found and run[at.index(i)].sum() > 0:
            notes.append(f"{works[i].name}: no system of the plan serves it; its requests are left out")
    if not kinds:
        what, remedy = "the plan serves none of these workloads on that day", "give a later day, or other workloads"
        raise PlanError([Problem(what, PLACE, value=f"{job.day}", allowed=", ".join(workloads), remedy=remedy)])
    demanded = stages.demand.requests_per_h[0, at, month, d].sum(axis=-1)
    served = run.sum(axis=-1) * SECONDS_PER_HOUR
    return DayFleet(
        plan=scenario.name,
        day=job.day,
        day_type=axis.days[d],
        kinds=tuple(kinds),
        workloads=tuple(workloads),
        regions=tuple(r.removeprefix("region_") for r in _regions(scenario)),
        region_offset_h=np.array(scenario.demand.shape.region_offset_h),
        sites=sites,
        site_offset_h=offsets,
        demand_per_s=run[:, None] * shares,
        unserved_share=1 - np.divide(served, demanded, out=np.ones_like(served), where=demanded > 0),
        within=_mean(stages.speed.within[0, at, :, year], free, stages.speed.requests_per_gpu_s[0, at, :, year]),
        ttft_ms=_mean(stages.speed.ttft_ms[at, :, year], free, stages.speed.requests_per_gpu_s[0, at, :, year]),
        tpot_ms=_mean(stages.speed.tpot_ms[at, :, year], free, stages.speed.requests_per_gpu_s[0, at, :, year]),
        overhead=overhead,
        notes=tuple(notes),
    )


def _mean(of: Array, gpus: Array, rate: Array) -> Array:
    """Return a mean over generations, by the requests that each serves."""
    weight = gpus * rate
    total = weight.sum(axis=-1)
    return np.asarray(np.divide((of * weight).sum(axis=-1), total, out=np.full(total.shape, np.nan), where=total > 0))


def _regions(scenario: Scenario) -> list[str]:
    from gigaplan.simulate.collect import labels

    return list(labels(scenario)["region"])


def _sites(scenario: Scenario, in_production: Array, month: int) -> tuple[tuple[str, ...], Array, Array]:
    """Return the places that have GPUs at work in a month, their hours from UTC, and their GPUs (G, S)."""
    sites, opening = scenario.fleet.sites, scenario.fleet.opening
    names = [*(s.name for s in sites), *(b.name for b in opening)]
    offsets = [*(s.utc_offset_h for s in sites), *(np.nan for _ in opening)]
    gpus = in_production[:, :, month : month + 2].mean(axis=-1)
    at = np.flatnonzero(gpus.sum(axis=0) > 0)
    return tuple(names[k] for k in at), np.array([offsets[k] for k in at], dtype=float), np.asarray(gpus[:, at])


def _kinds_of(
    scenario: Scenario, tokens: Array, which: tuple[int, int], gpus: Array, sites: tuple[str, ...]
) -> list[ReplicaKind]:
    """Return the kinds of replicas that serve a workload in a year on so many GPUs (G, S)."""
    w, year = which
    work, gain = scenario.demand.workloads[w], float(software_gain(scenario)[0, year])
    model = models_by_year(scenario)[w][year]
    by_generation = questions(scenario, tokens)[w]
    found: list[tuple[float, ReplicaKind]] = []
    for g, (generation, per_site) in enumerate(zip(scenario.fleet.generations, gpus, strict=True)):
        if not per_site.sum() > 0:
            continue
        request = by_generation[g][year].request
        served, stages = _points(scenario, generation.name, model, request, work)
        if not served.points:
            continue
        part = _gpu_shares(served, slowness.prices_of_slowness([work])[0, 0])
        for point, stage, share in zip(served.points, stages, part, strict=True):
            for site, count in zip(sites, share * per_site / point.gpus, strict=True):
                if count > 0:
                    whole = max(round(float(count)), 1)
                    about = work.name, generation.name, model, site, stage, gain, whole, request
                    found.append((float(count), ReplicaKind(*about, float(work.prompt_cv), point)))
    # Where there is less than half a replica of any kind, one serves all.
    fewest = min(ENOUGH, max((count for count, _ in found), default=0.0))
    return [kind for count, kind in found if count >= fewest]


def _points(
    scenario: Scenario, generation: str, model: str, request: Request, work: Workload
) -> tuple[Choice, list[Stage]]:
    """Return where requests are served on a generation, and one stage of each replica."""
    device, architecture = scenario.devices[generation], scenario.architectures[model]
    drafts = scenario.drafts.get(model, NO_DRAFTS)
    given = device, architecture, precision_for(device), request, scenario.efficiency, scenario.engine
    found = choice(*given, drafts=drafts, percentile=slowness.percentile_of(work))
    return found, stages_of(found.points, *given, drafts)


def _gpu_shares(served: Choice, price: float) -> NDArray[np.float64]:
    """Return the share of the GPUs at each point, at a mean price of slowness."""
    slow = np.array([p.log_slowness for p in served.points])
    rate = np.array([p.requests_per_gpu_s for p in served.points])
    share = mixture(slow, slopes_after(slow, np.log(rate)), np.array([price])).share
    gpus = share / rate
    return np.asarray(gpus / gpus.sum())


def scaled(fleet: DayFleet, peak_load: float) -> DayFleet:
    """Return the fleet with as many replicas as bear a load in each workload's peak hour.

    Parameters
    ----------
    fleet : DayFleet
        The plan's fleet.
    peak_load : float
        Load over what the fast model says that they serve [share]; 0 for the plan's replicas.
    """
    if not peak_load:
        return fleet
    now = load(fleet)

    @cache
    def factor(workload: str) -> float:
        return float(now[fleet.workloads.index(workload)]) / peak_load

    kinds = (replace(k, replicas=max(round(k.replicas * factor(k.workload)), 1)) for k in fleet.kinds)
    return replace(fleet, kinds=tuple(kinds))


def load(fleet: DayFleet) -> Array:
    """Return the load of each workload's replicas in its peak hour, over what the fast model says: (W,)."""
    most = fleet.demand_per_s.sum(axis=1).max(axis=-1)
    serves = np.array([sum(fleet.kinds[k].per_s * fleet.kinds[k].replicas for k in fleet.kinds_of(w))
                       for w in fleet.workloads])  # fmt: skip
    return np.asarray(np.divide(most, serves, out=np.zeros_like(most), where=serves > 0))
