"""Requests one by one on replicas of a model: will the limits hold, and for whom?

Traffic is a trace's or made (:mod:`gigaplan.layers.serve_traffic`), the replica the one that plans would choose or the
one stated (:mod:`gigaplan.layers.serve_replica`), its step times those of the serving model, the simulation that of
:mod:`gigaplan.inference.requests`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.layers.checks import catalog_name, too_long, unknown_names, unsuited_power
from gigaplan.layers.serve_answer import SHARES, FastModel, Moment, ServeRun, Times, Watched
from gigaplan.layers.serve_fleet import Fleet, fleet
from gigaplan.layers.serve_job import MADE, ServeJob, events, impossible_job
from gigaplan.layers.serve_replica import ReplicaChoice, choose
from gigaplan.layers.serve_traces import BUILTIN, PLACE
from gigaplan.layers.serve_traffic import Traffic, traffic
from gigaplan.layers.serving_question import impossible
from gigaplan.layers.supply import supply
from gigaplan.plan.own.catalogs import own_catalog
from gigaplan.plan.ratings import GpuPower, node_at, node_draw_of
from gigaplan.power.node import it_w
from gigaplan.power.phases import phase_activity
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.interval import Interval
from gigaplan.vocabulary.labels import meant
from gigaplan.vocabulary.progress import Progress, report

if TYPE_CHECKING:
    from gigaplan.inference.requests.simulation import Counts, Simulation

MOST_AT_ONCE = 100_000_000
"""Requests at once that all replicas may run: some gigabytes of memory."""
MOST_TIMES = 16
"""Times the fast model's replicas up to which the fewest are searched for."""
SECONDS_PER_HOUR, W_PER_KW, MTOK = 3600.0, 1e3, 1e6
MOST_REPLICAS = 1024
"""Replicas up to which they are where the fast model says nothing."""
SHORTEST_S = 1e-3
"""Time of all arrivals below which there is no rate [s]."""


def serve_requests(job: ServeJob, progress: Progress | None = None) -> ServeRun:
    """Return what comes of requests on replicas of a model.

    Parameters
    ----------
    job
        The requests, what serves them, and how.
    progress
        Called with (requests done, requests, words); False cancels.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once; or if the trace can't be read, or no layout keeps the
        limits where none is stated.
    """
    question = job.question
    problems = [*impossible_job(job), *(replace(p, place=PLACE) for p in impossible(question))]
    if problems:
        raise PlanError(problems)
    own = question.model_configs, question.system_configs
    with own_catalog(*own, models=[job.model], systems=[job.system], used_for="replicas") as notes:
        if not Path(job.trace).is_file():
            job = replace(job, trace=meant(job.trace, (*BUILTIN, MADE), by_beginning=False))
        job = replace(job, model=catalog_name("model", job.model), system=catalog_name("system", job.system))
        facts = catalog.load()
        problems = unknown_names([job.model], [job.system], PLACE)
        problems = problems or unsuited_power(facts, [job.system], question.power, PLACE)
        if problems:
            raise PlanError(problems)
        coming = traffic(job)
        if problems := too_long(facts, [job.model], coming.mean_input + coming.mean_output, PLACE):
            raise PlanError(problems)
        report(progress, 0, coming.requests, "requests")
        replica = choose(facts, job, (coming.mean_input, coming.mean_cached, coming.mean_output))
        count = _count(job, replica, coming)
        tried: list[tuple[int, float]] = []
        if job.size:
            served, tried = _fewest(job, replica, coming, count, progress)
        else:
            served = _served(job, replica, coming, count, progress)
        return _answer(facts, coming, served, tried, (*notes, *coming.notes, *replica.notes))


def _count(job: ServeJob, replica: ReplicaChoice, coming: Traffic) -> int:
    """Return how many replicas there are."""
    if job.question.gpus:
        count = job.question.gpus // replica.gpus
        if not count:
            value, remedy = f"--gpus {job.question.gpus}", f"give {replica.gpus} GPUs or more"
            raise PlanError([Problem("the GPUs make no whole replica", PLACE, value=value, remedy=remedy)])
        return count
    if not job.replicas and coming.span_s < SHORTEST_S:
        what = "all requests come at once, so that no rate says how many replicas there are"
        raise PlanError([Problem(what, PLACE, value=f"{coming.span_s:g} s", remedy="state --replicas")])
    count = job.replicas or _fast_count(replica, coming)
    if not count and not job.size:
        what = "the fast model keeps the limits with no number of replicas"
        raise PlanError([Problem(what, PLACE, value=replica.layout, remedy="state --replicas")])
    return count


def _fast_count(replica: ReplicaChoice, coming: Traffic) -> int:
    """Return the replicas that the fast model takes, 0 where no number keeps the limits."""
    if replica.requests_per_s <= 0:
        return 0
    return max(math.ceil(coming.rate_per_s / replica.requests_per_s), 1)


def _served(job: ServeJob, replica: ReplicaChoice, coming: Traffic, count: int, progress: Progress | None) -> Fleet:
    """Return replicas that have served all requests."""
    if 0 < job.autoscale < count:
        what, value = "an autoscaler's most are fewer than there are at first", f"--autoscale {job.autoscale}"
        raise PlanError([Problem(what, PLACE, value=value, allowed=f"{count} and more", remedy="state --replicas too")])
    for event in events(job):
        if event.replicas > max(count, job.autoscale):
            what = f"more replicas {event.what} than there are"
            value = f"--{event.what} {event.replicas}@{event.at_s:g}s"
            raise PlanError([Problem(what, PLACE, value=value, allowed=f"1 to {count}", remedy="give fewer")])
    most = max(count, job.autoscale) + job.prefill_replicas
    if most * replica.sequences > MOST_AT_ONCE:
        what, remedy = "more requests at once than are simulated", "give fewer replicas or --max-sequences"
        value = f"{most:,} replicas of {replica.sequences:,} requests"
        raise PlanError([Problem(what, PLACE, value=value, allowed=f"{MOST_AT_ONCE:,}", remedy=remedy)])
    found = fleet(job, replica, coming, count)
    found.run(coming, progress)
    return found


def _fewest(
    job: ServeJob, replica: ReplicaChoice, coming: Traffic, first: int, progress: Progress | None
) -> tuple[Fleet, list[tuple[int, float]]]:
    """Return the fewest replicas that hold the limits, or the most that were tried, and what was tried."""
    tried: dict[int, Fleet] = {}

    def holds(count: int) -> bool:
        if count not in tried:
            report(progress, 0, coming.requests, f"{count:,} replicas")
            tried[count] = _served(job, replica, coming, count, None)
        return _good_share(tried[count]) >= job.share

    low, high = 0, max(first, 1)
    while not holds(high):
        # One replica for each request in flight can't be bettered by another one.
        if high >= (MOST_TIMES * first or MOST_REPLICAS) or high > coming.requests:
            break
        low, high = high, 2 * high
    if holds(high):
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(middle) else (middle, high)
    shares = [(n, _good_share(f)) for n, f in sorted(tried.items())]
    return tried[high], shares


def _good_share(of: Fleet) -> float:
    """Return the share of all requests that were served within both limits."""
    c = of.sim.counts()
    return c.good / max(c.arrived - c.removed + c.lost, 1)


# Long: a line for each figure of the answer
def _answer(
    facts: Catalog, coming: Traffic, served: Fleet, tried: list[tuple[int, float]], notes: tuple[str, ...]
) -> ServeRun:
    """Return the figures of a fleet that has served all requests."""
    job, replica, count = served.job, served.replica, served.count
    sim, moments, in_time = served.sim, served.moments, served.in_time
    c, span_s = sim.counts(), max(coming.span_s, 1e-9)
    end_s, gpu_s = max(c.now_s, span_s), served.replica_s * replica.gpus
    busy_s, came = c.decode_s + c.read_s, c.arrived - c.removed + c.lost
    replicas_in_time = served.replica_s * span_s / max(end_s, 1e-9)
    shares = c.read_s / served.replica_s, c.decode_s / served.replica_s
    power = it_power_w(facts, job.system, job.question.power, shares, gpu_s / end_s)
    cost = supply(facts, job.system, job.question.power)
    mtok = c.output_tokens / MTOK

    def per_mtok(usd_per_gpu_h: float | None) -> float | None:
        return None if usd_per_gpu_h is None or not mtok else usd_per_gpu_h * gpu_s / SECONDS_PER_HOUR / mtok

    growth = _growth(moments, in_time.waiting)
    found = list(notes)
    if growth > 0:
        found.append(
            f"the queue grows without end, by {growth:,.3g} requests a second: waits depend on how long one looks; "
            f"{in_time.done / span_s:,.3g} of {came / span_s:,.3g} requests a second are served meanwhile"
        )
    missing = ", ".join(cost.missing)
    found += [f"the catalog lacks {missing} of {job.system}"] if missing else []
    return ServeRun(
        job=job,
        precision=replica.precision,
        layout=replica.layout,
        validity=replica.validity,
        gpus_per_replica=replica.gpus,
        replicas=count,
        prefill_replicas=job.prefill_replicas,
        kv_tokens=replica.kv_tokens,
        max_sequences=replica.sequences,
        max_batched_tokens=replica.step_tokens,
        arrived=came,
        served=c.done,
        refused=_refused(c),
        mean_input=coming.mean_input,
        mean_output=coming.mean_output,
        span_s=span_s,
        end_s=end_s,
        ttft_ms=_times(sim, "ttft", c.mean_ttft_s, replica.errors.ttft),
        tpot_ms=_times(sim, "tpot", c.mean_tpot_s, replica.errors.tpot),
        latency_ms=_times(sim, "latency", c.mean_latency_s, replica.errors.latency),
        good_share=_good_share(served),
        output_tokens_per_s_per_gpu=c.output_tokens / max(gpu_s, 1e-12),
        batch=c.batch_s / max(busy_s, 1e-12),
        queue=in_time.queue_s / span_s,
        kv_share=in_time.block_s / max(replicas_in_time, 1e-12),
        busy_share=min((in_time.decode_s + in_time.read_s) / max(replicas_in_time, 1e-12), 1.0),
        read_share=c.read_s / max(busy_s, 1e-12),
        preempted=c.preempted,
        cached_share=c.hit_tokens / max(c.admitted_tokens, 1),
        it_kw=None if power is None else power / W_PER_KW,
        joules_per_token=None if power is None or not mtok else power * end_s / c.output_tokens,
        usd_per_mtok_owned=per_mtok(cost.owned_usd_per_gpu_h),
        usd_per_mtok_rented=per_mtok(cost.rented_usd_per_gpu_h),
        overloaded=growth > 0,
        most_replicas=served.most,
        replica_hours=served.replica_s / SECONDS_PER_HOUR,
        resent=c.removed,
        tried=tuple(tried),
        holds=_good_share(served) >= job.share if job.size else None,
        fast=FastModel(
            replicas=_fast_count(replica, coming) or None,
            requests_per_s=replica.requests_per_s,
            ttft_ms=1e3 * replica.ttft_s,
            tpot_ms=1e3 * replica.tpot_s,
        ),
        moments=tuple(moments),
        window=_window(served),
        notes=tuple(found),
    )


def _window(served: Fleet) -> tuple[Watched, ...]:
    """Return the requests of the window that were served."""
    return tuple(
        Watched(
            sent_s=sent,
            admitted_s=float(admitted),
            first_token_s=float(first),
            end_s=float(end),
            input_tokens=inputs,
            output_tokens=outputs,
        )
        for (sent, inputs, outputs), (admitted, first, end) in zip(served.kept, served.times, strict=False)
        if np.isfinite(end)
    )


def _refused(c: Counts) -> dict[str, int]:
    """Return the requests that were not served, by reason."""
    reasons = {
        "longer than the model or the key-value cache takes": c.refused_long,
        "too many waited": c.refused_full,
        "no replica took requests": c.lost,
    }
    return {k: v for k, v in reasons.items() if v}


def _times(sim: Simulation, kind: str, mean_s: float, interval: Interval) -> Times:
    """Return one kind of time."""
    found = 1e3 * sim.percentiles(kind, tuple(SHARES.values()))
    if np.isnan(found).all():  # none made a second token
        mean_s = math.nan
    known = {name: None if np.isnan(v) else float(v) for name, v in zip(SHARES, found, strict=True)}
    return Times(mean=interval.of(1e3 * mean_s), **known)


def _growth(moments: list[Moment], waiting: int) -> float:
    """Return by how many requests a second the queue grows at the end of the arrivals, 0 where it doesn't.

    It does where more wait throughout the last third than on the mean of the one before, more there than in the first,
    and by the end more than are decoded.
    """
    third = len(moments) // 3
    if not third or waiting <= moments[-1].running:
        return 0.0
    first, middle, last = (np.array([m.waiting for m in moments[k * third : (k + 1) * third]]) for k in range(3))
    if not last.min() > middle.mean() > first.mean():
        return 0.0
    return float(last.mean() - middle.mean()) / (moments[2 * third].start_s - moments[third].start_s)


def it_power_w(facts: Catalog, system: str, power: GpuPower, shares: tuple[float, float], gpus: float) -> float | None:
    """Return the IT power of some GPUs that read and decode for shares of their time.

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of a system in the catalog.
    power
        Power profile and limit of its GPUs.
    shares
        Shares of the time in which they read, and in which they decode.
    gpus
        How many they are.

    Returns
    -------
    float or None
        Power on the mean [W]; None where the catalog lacks a rated one.
    """
    try:
        node = node_at(facts, system, power)
    except (PlanError, UnknownFactError):
        return None
    rated = supply(facts, system, power).it_kw_per_gpu
    if rated is None:
        return None
    read, decode = (float(np.clip(share, 0.0, 1.0)) for share in shares)
    activity = phase_activity(read, min(decode, 1 - read))
    per_node = it_w(activity, node, W_PER_KW * rated * node.gpus, node_draw_of(facts))
    return float(np.ravel(per_node)[0]) * gpus / float(node.gpus)
