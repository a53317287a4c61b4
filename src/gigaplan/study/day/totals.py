"""Sums over kinds of replicas as answers: of a workload, of a site, of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.inference.requests.histogram import BINS, percentiles
from gigaplan.layers.serve import it_power_w
from gigaplan.layers.supply import supply
from gigaplan.plan.ratings import EFFICIENT
from gigaplan.study.day.answer import SHARES, DayHour, DayPart, DayRun, DayTimes, DayWorkload
from gigaplan.study.day.fleet import DayFleet, load
from gigaplan.study.day.job import SECONDS_PER_DAY, DayJob
from gigaplan.study.day.replica_day import COARSE, SUMS
from gigaplan.study.day.streams import Streams
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS, SECONDS_PER_HOUR

W_PER_MW, MTOK = 1e6, 1e6
Found = Mapping[int, Mapping[str, Array]]


def answer(
    job: DayJob,
    fleet: DayFleet,
    coming: Streams,
    found: Found,
    lost: Mapping[tuple[int, str], float],
    about: tuple[str, int, int, int],
) -> DayRun:
    """Return what came of a day.

    Parameters
    ----------
    job : DayJob
        The question.
    fleet : DayFleet
        Kinds of replicas.
    coming : Streams
        When requests came to them.
    found : mapping
        By kind: sums by hour and histograms, of all its replicas.
    lost : mapping
        Requests that failed sites had.
    about : tuple
        The folder, how many tasks there were, how many an earlier start had done, requests simulated.
    """
    facts = catalog.load()
    loads = load(fleet)
    workloads = []
    for w, name in enumerate(fleet.workloads):
        kinds = fleet.kinds_of(name)
        if not kinds:
            continue
        near = float(coming.near_share[w])
        workloads.append(
            DayWorkload(
                part=_part(facts, fleet, found, kinds, (name, float(loads[w]))),
                model=fleet.kinds[kinds[0]].model,
                unserved_share=float(max(fleet.unserved_share[w], 0.0)),
                near_share=near if np.isfinite(near) else None,
                lost=round(sum(n for (_, of), n in lost.items() if of == name)),
                rejected=round(float(coming.rejected[w])),
                fast_good_share=float(fleet.within[w]),
                fast_ttft_ms=float(fleet.ttft_ms[w]),
                fast_tpot_ms=float(fleet.tpot_ms[w]),
            )
        )
    sites = []
    for s, name in enumerate(fleet.sites):
        kinds = [k for k, kind in enumerate(fleet.kinds) if kind.site == name]
        if kinds:
            sites.append(_part(facts, fleet, found, kinds, (name, _site_load(fleet, coming, s, kinds))))
    every = list(range(len(fleet.kinds)))
    folder, tasks, held, simulated = about
    return DayRun(
        job=job,
        plan=fleet.plan,
        day=f"{fleet.day}",
        day_type=fleet.day_type,
        simulated=simulated,
        whole=_part(facts, fleet, found, every, ("all", _whole_load(fleet))),
        workloads=tuple(workloads),
        sites=tuple(sites),
        kinds=len(fleet.kinds),
        tasks=tasks,
        done_before=held,
        folder=folder,
        notes=(*fleet.notes, *_notes(job, fleet)),
    )


def _notes(job: DayJob, fleet: DayFleet) -> list[str]:
    notes = [
        f"replicas are those of the plan's peak hour; a service takes {fleet.overhead:.3g} times their GPU-hours in "
        "this plan, for all that is not the model alone"
    ]
    if job.part < 1:
        notes.append(f"{job.part:.3g} of the replicas of each kind are simulated; the others are taken to be like them")
    return notes


def _whole_load(fleet: DayFleet) -> float:
    """Return the load of the peak hour of all, by the GPUs that requests take."""
    weight = np.array([sum(fleet.kinds[k].gpus * fleet.kinds[k].replicas for k in fleet.kinds_of(w))
                       for w in fleet.workloads])  # fmt: skip
    peak = fleet.demand_per_s.sum(axis=1)
    serves = load(fleet)
    hourly = peak / np.maximum(peak.max(axis=-1, keepdims=True), 1e-300) * (serves * weight)[:, None]
    return float(hourly.sum(axis=0).max() / weight.sum())


def _site_load(fleet: DayFleet, coming: Streams, site: int, kinds: Sequence[int]) -> float:
    """Return the load of a site's peak hour, by the GPUs that requests take."""
    gpus = np.array([fleet.kinds[k].gpus * fleet.kinds[k].replicas for k in kinds], dtype=float)
    loads = np.array([coming.per_replica_s[k] / fleet.kinds[k].per_s for k in kinds])
    return float((loads * gpus[:, None]).sum(axis=0).max() / gpus.sum())


# Long: a line for each figure of the answer
def _part(facts: Catalog, fleet: DayFleet, found: Found, kinds: Sequence[int], about: tuple[str, float]) -> DayPart:
    """Return what some kinds of replicas did together."""
    sums = sum((found[k]["sums"] for k in kinds), np.zeros((HOURS, len(SUMS))))
    fine = sum((found[k]["fine"] for k in kinds), np.zeros((3, BINS)))
    coarse = sum((found[k]["coarse"] for k in kinds), np.zeros((HOURS, 3, BINS // COARSE)))
    day = dict(zip(SUMS, sums.sum(axis=0), strict=True))
    replicas = np.array([fleet.kinds[k].replicas for k in kinds])
    gpus = np.array([fleet.kinds[k].gpus for k in kinds])
    busy = day["decode_s"] + day["read_s"]
    came = day["arrived"] - day["removed"]
    power = _power_w(facts, fleet, found, kinds)
    tokens = day["output_tokens"]
    owned, rented = _usd(facts, fleet, kinds)

    def per_mtok(usd: float | None) -> float | None:
        return None if usd is None or not tokens else usd / tokens * MTOK

    return DayPart(
        name=about[0],
        replicas=int(replicas.sum()),
        gpus=int((replicas * gpus).sum()),
        peak_load=about[1],
        requests=round(came),
        served=round(day["done"]),
        refused=round(day["refused_long"] + day["refused_full"]),
        preempted=round(day["preempted"]),
        good_share=float(day["good"] / came) if came else None,
        ttft_ms=_times(fine[0], day["ttft_sum_s"], day["done"]),
        tpot_ms=_times(fine[1], day["tpot_sum_s"], day["tpot_count"]),
        latency_ms=_times(fine[2], day["latency_sum_s"], day["done"]),
        batch=float(day["batch_s"] / busy) if busy else 0.0,
        kv_share=float(day["block_s"] / (replicas.sum() * SECONDS_PER_DAY)),
        busy_share=min(float(busy / (replicas.sum() * SECONDS_PER_DAY)), 1.0),
        read_share=float(day["read_s"] / busy) if busy else 0.0,
        output_tokens=float(tokens),
        it_mw=None if power is None else power / W_PER_MW,
        joules_per_token=None if power is None or not tokens else power * SECONDS_PER_DAY / tokens,
        usd_per_mtok_owned=per_mtok(owned),
        usd_per_mtok_rented=per_mtok(rented),
        hours=tuple(_hour(h, sums[h], coarse[h], int(replicas.sum())) for h in range(HOURS)),
    )


def _times(counts: Array, total_s: float, count: float) -> DayTimes:
    """Return one kind of time."""
    found = 1e3 * percentiles(counts, tuple(SHARES.values()))
    known = {name: float(v) if np.isfinite(v) else None for name, v in zip(SHARES, found, strict=True)}
    return DayTimes(mean=1e3 * float(total_s / count) if count else None, **known)


def _hour(hour: int, sums: Array, coarse: Array, replicas: int) -> DayHour:
    """Return what was done in one hour."""
    of = dict(zip(SUMS, sums, strict=True))
    middle = np.zeros(BINS)
    middle[COARSE // 2 :: COARSE] = coarse[0]
    p99 = float(percentiles(middle, (0.99,))[0])
    refused = of["refused_long"] + of["refused_full"]
    over = of["done"] + refused
    return DayHour(
        hour=hour,
        arrived_per_s=float(of["arrived"] / SECONDS_PER_HOUR),
        good_share=float(of["good"] / over) if over else None,
        ttft_p99_ms=1e3 * p99 if np.isfinite(p99) else None,
        waiting=float(of["queue_s"] / SECONDS_PER_HOUR),
        busy_share=min(float((of["decode_s"] + of["read_s"]) / (replicas * SECONDS_PER_HOUR)), 1.0),
        refused=round(refused),
    )


@dataclass(frozen=True, slots=True)
class _OfSystem:
    """Kinds of one system together."""

    gpus: float
    read_s: float
    decode_s: float
    """GPU-seconds in which they read, and decode."""


def _by_system(fleet: DayFleet, found: Found, kinds: Sequence[int]) -> dict[str, _OfSystem]:
    at = SUMS.index("read_s"), SUMS.index("decode_s")
    systems: dict[str, _OfSystem] = {}
    for k in kinds:
        kind, before = fleet.kinds[k], systems.get(fleet.kinds[k].generation, _OfSystem(0.0, 0.0, 0.0))
        read, decode = (kind.gpus * float(found[k]["sums"][:, i].sum()) for i in at)
        now = _OfSystem(before.gpus + kind.gpus * kind.replicas, before.read_s + read, before.decode_s + decode)
        systems[kind.generation] = now
    return systems


def _power_w(facts: Catalog, fleet: DayFleet, found: Found, kinds: Sequence[int]) -> float | None:
    """Return the IT power on the mean of the day [W], None where the catalog lacks a rated one."""
    total = 0.0
    for system, of in _by_system(fleet, found, kinds).items():
        over = of.gpus * SECONDS_PER_DAY
        watts = it_power_w(facts, system, EFFICIENT, (of.read_s / over, of.decode_s / over), of.gpus)
        if watts is None:
            return None
        total += watts
    return total


def _usd(facts: Catalog, fleet: DayFleet, kinds: Sequence[int]) -> tuple[float | None, float | None]:
    """Return what the replicas' GPU-hours of the day cost, owned and rented [USD]; None where a fact is missing."""
    hours: dict[str, float] = {}
    for k in kinds:
        kind = fleet.kinds[k]
        hours[kind.generation] = hours.get(kind.generation, 0.0) + kind.gpus * kind.replicas * HOURS
    costs = {system: supply(facts, system, EFFICIENT) for system in hours}
    owned = [None if (c := costs[s].owned_usd_per_gpu_h) is None else c * h for s, h in hours.items()]
    rented = [None if (c := costs[s].rented_usd_per_gpu_h) is None else c * h for s, h in hours.items()]
    return (
        None if None in owned else float(sum(v for v in owned if v is not None)),
        None if None in rented else float(sum(v for v in rented if v is not None)),
    )
