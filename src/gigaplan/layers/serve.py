"""Requests one by one on replicas of a model: will the limits hold, and for whom?

Traffic is a trace's or made (:mod:`gigaplan.layers.serve_traffic`), the replica the one that plans would choose or the
one stated (:mod:`gigaplan.layers.serve_replica`), its step times those of the serving model, the simulation that of
:mod:`gigaplan.inference.requests`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.layers.checks import catalog_name, too_long, unknown_names, unsuited_power
from gigaplan.layers.serve_answer import SHARES, FastModel, Moment, ServeRun, Times
from gigaplan.layers.serve_job import MADE, RANKS, ServeJob, impossible_job
from gigaplan.layers.serve_replica import ReplicaChoice, choose
from gigaplan.layers.serve_traces import BUILTIN, PLACE, Rows
from gigaplan.layers.serve_traffic import Traffic, traffic
from gigaplan.layers.serving_question import impossible
from gigaplan.layers.supply import supply
from gigaplan.plan.own.catalogs import own_catalog
from gigaplan.plan.ratings import node_at, node_draw_of
from gigaplan.power.node import it_w
from gigaplan.power.phases import phase_activity
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.interval import Interval
from gigaplan.vocabulary.labels import meant
from gigaplan.vocabulary.progress import Progress, report

if TYPE_CHECKING:
    from gigaplan.inference.requests.simulation import Counts, Simulation

MOMENTS = 96
"""Stretches into which an answer divides the arrivals' time."""
SECONDS_PER_HOUR, W_PER_KW, MTOK = 3600.0, 1e3, 1e6
GROWING = 3
"""Moments over which a queue must have grown to be one that grows without end."""


@dataclass(slots=True)
class _Watched:
    """A simulation under way, and what it had done at the end of each moment."""

    sim: Simulation
    edges: list[float]
    """Ends of moments [s]."""
    before: Counts
    moments: list[Moment] = field(default_factory=list)

    def close(self, end_s: float) -> None:
        """Note what was done in the moment that ends."""
        now, start = self.sim.counts(), self.moments[-1].start_s + self._length if self.moments else 0.0
        length, replicas = max(end_s - start, 1e-9), int(self.sim.accepts.sum())
        self.moments.append(
            Moment(
                start_s=start,
                arrived_per_s=(now.arrived - self.before.arrived) / length,
                done_per_s=(now.done - self.before.done) / length,
                running=(now.batch_s - self.before.batch_s) / length,
                waiting=now.waiting,
                kv_share=(now.block_s - self.before.block_s) / length / max(replicas, 1),
                replicas=replicas,
            )
        )
        self.before = now

    @property
    def _length(self) -> float:
        return self.edges[0]


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
        watched = _run(job, replica, coming, count, progress)
        return _answer(facts, job, replica, coming, count, watched, (*notes, *coming.notes, *replica.notes))


def _count(job: ServeJob, replica: ReplicaChoice, coming: Traffic) -> int:
    """Return how many replicas there are."""
    if job.question.gpus:
        count = job.question.gpus // replica.gpus
        if not count:
            value, remedy = f"--gpus {job.question.gpus}", f"give {replica.gpus} GPUs or more"
            raise PlanError([Problem("the GPUs make no whole replica", PLACE, value=value, remedy=remedy)])
        return count
    count = job.replicas or _fast_count(replica, coming)
    if not count:
        what = "the fast model keeps the limits with no number of replicas"
        raise PlanError([Problem(what, PLACE, value=replica.layout, remedy="state --replicas")])
    return count


def _fast_count(replica: ReplicaChoice, coming: Traffic) -> int:
    """Return the replicas that the fast model takes, 0 where no number keeps the limits."""
    if replica.requests_per_s <= 0:
        return 0
    return max(math.ceil(coming.rate_per_s / replica.requests_per_s), 1)


def _run(job: ServeJob, replica: ReplicaChoice, coming: Traffic, count: int, progress: Progress | None) -> _Watched:
    """Return the simulation of all requests, to the end of the last one."""
    from gigaplan.inference.requests.simulation import requests

    sim = _simulation(job, replica, coming, count)
    edges = [coming.span_s * (k + 1) / MOMENTS for k in range(MOMENTS)]
    watched, done, moment = _Watched(sim, edges, sim.counts()), 0, 0
    hashes = _Hashes(sim)
    for rows in coming.pieces():
        firsts = hashes.keep(rows)
        begin = 0
        while begin < len(rows.arrival_s):
            edge = edges[moment] if moment < MOMENTS - 1 else math.inf
            end = int(np.searchsorted(rows.arrival_s, edge))
            part = slice(begin, end)
            some = requests(
                rows.arrival_s[part],
                rows.input_tokens[part],
                rows.output_tokens[part],
                rank=rows.priority[part] if job.scheduler == "priority" else np.zeros(max(end - begin, 0), np.int64),
                session=rows.session[part],
                hashes=firsts[part],
                n_hashes=rows.n_hashes[part],
            )
            at_edge = end < len(rows.arrival_s)
            sim.feed(some, edge if at_edge else float(rows.arrival_s[-1]))
            if at_edge:
                watched.close(edge)
                moment += 1
            begin = end
        done += len(rows.arrival_s)
        report(progress, min(done, coming.requests - 1), coming.requests, "requests")
    watched.close(max(coming.span_s, watched.before.now_s if not watched.moments else 0.0))
    sim.feed(requests(*(np.zeros(0) for _ in range(3))))
    return watched


def _simulation(job: ServeJob, replica: ReplicaChoice, coming: Traffic, count: int) -> Simulation:
    """Return replicas that have nothing to do yet."""
    from gigaplan.inference.requests.grid import step_grid
    from gigaplan.inference.requests.limits import MOST_WAITING, Limits
    from gigaplan.inference.requests.simulation import Simulation

    engine, question = replica.stage.engine, job.question
    longest = min(float(coming.longest), replica.longest_tokens, replica.kv_tokens)
    limits = Limits(
        max_sequences=replica.sequences,
        max_batched_tokens=replica.step_tokens,
        kv_cache_tokens=replica.kv_tokens,
        block_tokens=job.block_tokens,
        longest_tokens=replica.longest_tokens,
        most_waiting=job.max_waiting or MOST_WAITING,
        ranks=RANKS if job.scheduler == "priority" else 1,
        prefix_tokens=coming.hash_tokens,
        first_s=engine.first_token_s,
        first_token_s=engine.prompt_token_s,
        ttft_s=question.ttft_s,
        tpot_s=question.tpot_s,
    )
    grid = step_grid(replica.times, replica.sequences, replica.step_tokens, max(longest, 2.0))
    return Simulation(grid, limits, count, job.router)


class _Hashes:
    """Hashes of all prompts, as the simulation needs them until requests are admitted."""

    def __init__(self, sim: Simulation) -> None:
        self.sim, self.used = sim, 0

    def keep(self, rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Keep the hashes of a piece, and return where those of each request begin."""
        kept, new = self.sim.state.hashes, len(rows.hashes)
        if self.used + new > len(kept):
            kept = np.concatenate([kept[: self.used], np.zeros(max(self.used, new), dtype=np.int64)])
            self.sim.state = self.sim.state._replace(hashes=kept)
        kept[self.used : self.used + new] = rows.hashes
        firsts = self.used + np.cumsum(rows.n_hashes) - rows.n_hashes
        self.used += new
        return np.asarray(firsts)


# Long: a line for each figure of the answer
def _answer(
    facts: Catalog,
    job: ServeJob,
    replica: ReplicaChoice,
    coming: Traffic,
    count: int,
    watched: _Watched,
    notes: tuple[str, ...],
) -> ServeRun:
    sim, moments = watched.sim, watched.moments
    c, in_time = sim.counts(), watched.before
    span_s, gpus = max(moments[-1].start_s + watched.edges[0], 1e-9), replica.gpus * count
    end_s = max(c.now_s, span_s)
    busy_s = c.decode_s + c.read_s
    power = _power(facts, job, c, gpus, count * end_s)
    cost = supply(facts, job.system, job.question.power)
    mtok = c.output_tokens / MTOK
    hours = gpus * end_s / SECONDS_PER_HOUR

    def per_mtok(usd_per_gpu_h: float | None) -> float | None:
        return None if usd_per_gpu_h is None or not mtok else usd_per_gpu_h * hours / mtok

    growth = _growth(moments, in_time.waiting)
    found = list(notes)
    if growth > 0:
        found.append(
            f"the queue grows without end, by {growth:,.3g} requests a second: waits depend on how long one looks; "
            f"{in_time.done / span_s:,.3g} of {c.arrived / span_s:,.3g} requests a second are served meanwhile"
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
        kv_tokens=replica.kv_tokens,
        max_sequences=replica.sequences,
        max_batched_tokens=replica.step_tokens,
        arrived=c.arrived + c.lost,
        served=c.done,
        refused=_refused(c),
        mean_input=coming.mean_input,
        mean_output=coming.mean_output,
        span_s=span_s,
        end_s=end_s,
        ttft_ms=_times(sim, "ttft", c.mean_ttft_s, replica.errors.ttft),
        tpot_ms=_times(sim, "tpot", c.mean_tpot_s, replica.errors.tpot),
        latency_ms=_times(sim, "latency", c.mean_latency_s, replica.errors.latency),
        good_share=c.good / max(c.arrived + c.lost, 1),
        output_tokens_per_s_per_gpu=c.output_tokens / end_s / gpus,
        batch=c.batch_s / max(busy_s, 1e-12),
        queue=in_time.queue_s / span_s,
        kv_share=in_time.block_s / span_s / count,
        busy_share=min((in_time.decode_s + in_time.read_s) / (count * span_s), 1.0),
        read_share=c.read_s / max(busy_s, 1e-12),
        preempted=c.preempted,
        cached_share=c.hit_tokens / max(c.admitted_tokens, 1),
        it_kw=None if power is None else power / W_PER_KW,
        joules_per_token=None if power is None or not mtok else power * end_s / c.output_tokens,
        usd_per_mtok_owned=per_mtok(cost.owned_usd_per_gpu_h),
        usd_per_mtok_rented=per_mtok(cost.rented_usd_per_gpu_h),
        overloaded=growth > 0,
        fast=FastModel(
            replicas=_fast_count(replica, coming) or None,
            requests_per_s=replica.requests_per_s,
            ttft_ms=1e3 * replica.ttft_s,
            tpot_ms=1e3 * replica.tpot_s,
        ),
        moments=tuple(moments),
        notes=tuple(found),
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
    known = {name: None if np.isnan(v) else float(v) for name, v in zip(SHARES, found, strict=True)}
    return Times(mean=interval.of(1e3 * mean_s), **known)


def _growth(moments: list[Moment], waiting: int) -> float:
    """Return by how many requests a second the queue grows at the end of the arrivals, 0 where it doesn't.

    It does where it grew in each of the last quarters, and by the end more wait than are decoded.
    """
    if len(moments) <= GROWING or waiting <= moments[-1].running:
        return 0.0
    at = [moments[k].waiting for k in np.linspace(0, len(moments) - 1, GROWING + 1).astype(int)]
    if any(b <= a for a, b in pairwise(at)):
        return 0.0
    half = len(moments) // 2
    return float(at[-1] - moments[half].waiting) / max(moments[-1].start_s - moments[half].start_s, 1e-9)


def _power(facts: Catalog, job: ServeJob, c: Counts, gpus: int, replica_s: float) -> float | None:
    """Return the IT power of all replicas on the mean [W], None where the catalog lacks a rated one."""
    try:
        node = node_at(facts, job.system, job.question.power)
    except (PlanError, UnknownFactError):
        return None
    rated = supply(facts, job.system, job.question.power).it_kw_per_gpu
    if rated is None:
        return None
    read, decode = (float(np.clip(s / replica_s, 0.0, 1.0)) for s in (c.read_s, c.decode_s))
    activity = phase_activity(read, min(decode, 1 - read))
    per_node = it_w(activity, node, W_PER_KW * rated * node.gpus, node_draw_of(facts))
    return float(np.ravel(per_node)[0]) * gpus / float(node.gpus)
