"""Replicas over time: requests come, replicas are added and drained, some fail, and what was done is noted.

An autoscaler looks every quarter of a minute at the requests in flight and asks for as many replicas as hold them at
its target (horizontal pod autoscaling as Kubernetes does it: the largest number that it asked for within five minutes
stands); a new replica takes requests after its start-up. A replica that fails loses all that it has: its requests are
sent again, whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.transformer import CACHE_BYTES
from gigaplan.inference.placement import reached_bytes_per_s
from gigaplan.layers.serve_answer import Moment
from gigaplan.layers.serve_job import RANKS, ServeJob, events
from gigaplan.layers.serve_replica import ReplicaChoice
from gigaplan.layers.serve_traces import Rows
from gigaplan.layers.serve_traffic import Traffic
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, report

if TYPE_CHECKING:
    from gigaplan.inference.requests.router import Requests
    from gigaplan.inference.requests.simulation import Counts, Simulation

MOMENTS = 96
"""Stretches into which an answer divides the arrivals' time."""
Happening = tuple[float, str, int]
"""Something that happens at a time, to so many replicas."""
LOOK_S = 15.0
"""Between two looks of an autoscaler, as Kubernetes' [s]."""
MOST_KEPT = 20_000
"""Requests that a window keeps at most."""
CALM_S = 300.0
"""Time over which its largest wish stands, as Kubernetes' [s]."""


@dataclass(slots=True)
class Fleet:
    """Replicas of a job over time."""

    job: ServeJob
    replica: ReplicaChoice
    sim: Simulation
    count: int
    """Replicas at the beginning."""
    span_s: float
    """Time in which requests come [s]."""
    moments: list[Moment] = field(default_factory=list)
    replica_s: float = 0.0
    """Time for which replicas were held: starting, at work or draining, all together [s]."""
    in_time: Counts = field(init=False)
    """What was done by the last arrival."""
    most: int = field(init=False)
    """Most replicas that were held at once."""
    kept: list[tuple[float, int, int]] = field(default_factory=list)
    """Requests of the window: when they were sent [s], and their lengths [token]."""
    times: NDArray[np.float64] = field(init=False)
    """(request, 3) when each of them was admitted, made its first token and ended [s]."""
    _before: Counts = field(init=False)
    _now: float = 0.0
    _held: NDArray[np.bool_] = field(init=False)
    _starting: list[tuple[float, int]] = field(default_factory=list)
    _wishes: list[tuple[float, int]] = field(default_factory=list)
    _broken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._before = self.in_time = self.sim.counts()
        self._held = np.arange(len(self.sim.accepts)) < self.count
        self.sim.accepts[:] = self._held
        self.most = self.count
        self.times = np.full((MOST_KEPT if self.job.window_s else 0, 3), np.nan)

    def run(self, coming: Traffic, progress: Progress | None) -> None:
        """Serve all requests, to the end of the last one."""
        from gigaplan.inference.requests.simulation import requests

        hashes, timeline, done = _Hashes(self.sim), self._timeline(), 0
        at, what, number = next(timeline)
        for rows in coming.pieces():
            some, begin = self._requests(rows, hashes.keep(rows)), 0
            while True:
                end = int(np.searchsorted(some.arrival, at))
                part = some._replace(**{k: v[begin:end] for k, v in some._asdict().items()})
                begin, happens = end, end < len(some.arrival)
                self._advance(part, at if happens else float(some.arrival[-1]))
                if not happens:
                    break
                self._do(what, number)
                at, what, number = next(timeline)
            done += len(some.arrival)
            report(progress, min(done, coming.requests - 1), coming.requests, "requests")
        nothing = requests(*(np.zeros(0) for _ in range(3)))
        while at < self.span_s:  # what is left of the timeline
            self._advance(nothing, at)
            self._do(what, number)
            at, what, number = next(timeline)
        self._advance(nothing, self.span_s)
        self._close()
        self.in_time = self.sim.counts()
        self._finish(nothing, timeline, (at, what, number))

    def _finish(self, nothing: Requests, timeline: Iterator[Happening], following: Happening) -> None:
        """Wait for the last request; what fails or starts meanwhile does so."""
        at, what, number = following
        while self.sim.outstanding().sum() and at < math.inf:
            self._advance(nothing, at)
            if what != "moment":
                self._do(what, number)
            at, what, number = next(timeline)
        self.sim.feed(nothing)
        end = max(self.sim.counts().now_s, self._now)
        self.replica_s += self._held.sum() * (end - self._now)
        self.replica_s *= 1 + self.job.prefill_replicas / self.count

    def _requests(self, rows: Rows, firsts: NDArray[np.int64]) -> Requests:
        """Return rows of traffic as replicas take them."""
        rank = rows.priority if self.job.scheduler == "priority" else np.zeros(len(rows.arrival_s), dtype=np.int64)
        return self._kept(rows, firsts, rank)

    def _kept(self, rows: Rows, firsts: NDArray[np.int64], rank: NDArray[np.int64]) -> Requests:
        """Return rows of traffic, those of the window with the row in which their times are kept."""
        from gigaplan.inference.requests.records import NONE
        from gigaplan.inference.requests.simulation import requests

        begin = self.job.window_start_s
        inside = (rows.arrival_s >= begin) & (rows.arrival_s < begin + self.job.window_s)
        at = np.flatnonzero(inside)[: MOST_KEPT - len(self.kept)]
        number = np.full(len(rows.arrival_s), NONE)
        number[at] = len(self.kept) + np.arange(len(at))
        lengths = zip(rows.arrival_s[at], rows.input_tokens[at], rows.output_tokens[at], strict=True)
        self.kept += [(float(t), int(i), int(o)) for t, i, o in lengths]
        return requests(
            rows.arrival_s,
            rows.input_tokens,
            rows.output_tokens,
            rank=np.clip(rank, 0, RANKS - 1),
            session=rows.session,
            hashes=firsts,
            n_hashes=rows.n_hashes,
            number=number,
        )

    def _advance(self, some: Requests, until_s: float) -> None:
        """Let requests come, and replicas work until a time."""
        self.sim.feed(some, until_s, self.times if len(self.times) and len(some.arrival) else None)
        self.replica_s += float(self._held.sum()) * max(until_s - self._now, 0.0)
        self._now = max(until_s, self._now)
        # A replica that takes no more requests is given up when its last one is done.
        drained = self._held & ~self.sim.accepts & (self.sim.outstanding() == 0)
        drained[[i for _, i in self._starting]] = False
        self._held &= ~drained

    def _timeline(self) -> Iterator[Happening]:
        """Yield what happens, in order: ends of moments, looks of the autoscaler, failures, repairs and drains."""
        found = [(self.span_s * (k + 1) / MOMENTS, "moment", 0) for k in range(MOMENTS - 1)]
        stated = [(e.at_s, e.what, e.replicas) for e in events(self.job)]
        for at, what, number in stated:
            if what == "fail" and math.isfinite(self.job.repair_s):
                found.append((at + self.job.repair_s, "repair", number))
        found += stated
        found.sort(key=lambda e: (e[0], e[1] != "moment"))
        looks, k, i = self.job.autoscale > self.count, 1, 0
        while True:
            listed = found[i][0] if i < len(found) else math.inf
            if looks and k * LOOK_S < listed:
                yield k * LOOK_S, "look", 0
                k += 1
                continue
            yield found[i] if i < len(found) else (math.inf, "", 0)
            i += 1

    def _do(self, what: str, number: int) -> None:
        """Let one thing of the timeline happen."""
        if what == "moment":
            self._close()
        elif what == "look":
            self._look()
        elif what == "fail":
            for i in self._working()[:number]:
                self._broken.add(i)
                self._held[i] = False
                again = self.sim.fail(i, self._now)
                self.sim.feed(again, self._now)
        elif what == "repair":
            for i in sorted(self._broken)[:number]:
                self._broken.discard(i)
                self._start(i)
        elif what == "drain":
            self.sim.accepts[self._working()[-number:]] = False

    def _working(self) -> list[int]:
        """Return the replicas that take requests."""
        return [int(i) for i in np.flatnonzero(self.sim.accepts)]

    def _start(self, i: int) -> None:
        self.sim.accepts[i] = self._held[i] = True
        self.most = max(self.most, int(self._held.sum()))

    def _look(self) -> None:
        """Add replicas, or drain some, by what is in flight."""
        for at, i in self._starting:
            if at <= self._now and i not in self._broken:
                self._start(i)
        self._starting = [(at, i) for at, i in self._starting if at > self._now]
        wish = math.ceil(float(self.sim.outstanding().sum()) / (self.job.scale_target * self.replica.in_flight))
        wish = min(max(wish, self.count), self.job.autoscale)
        self._wishes = [(at, n) for at, n in self._wishes if at > self._now - CALM_S] + [(self._now, wish)]
        calm = max(n for _, n in self._wishes)
        working = self._working()
        there = len(working) + len(self._starting)
        idle = [i for i in range(len(self._held)) if not self._held[i] and i not in self._broken]
        for i in idle[: max(wish - there, 0)]:
            self._held[i] = True
            self._starting.append((self._now + self.job.startup_s, i))
        self.most = max(self.most, int(self._held.sum()))
        if calm < there and working:
            self.sim.accepts[working[max(len(working) - (there - calm), 1) :]] = False

    def _close(self) -> None:
        """Note what was done in the moment that ends."""
        start = self.moments[-1].start_s + self.span_s / MOMENTS if self.moments else 0.0
        counts, length = self.sim.counts(), max(self._now - start, 1e-9)
        before, working = self._before, int(self.sim.accepts.sum())
        new = counts.arrived - counts.removed - before.arrived + before.removed + counts.lost - before.lost
        self.moments.append(
            Moment(
                start_s=start,
                arrived_per_s=new / length,
                done_per_s=(counts.done - before.done) / length,
                running=(counts.batch_s - before.batch_s) / length,
                waiting=counts.waiting,
                kv_share=(counts.block_s - before.block_s) / length / max(working, 1),
                replicas=working,
            )
        )
        self._before = counts


class _Hashes:
    """Hashes of all prompts, as the simulation needs them until requests are admitted."""

    def __init__(self, sim: Simulation) -> None:
        self.sim, self.used = sim, 0

    def keep(self, rows: Rows) -> NDArray[np.int64]:
        """Keep the hashes of a piece, and return where those of each request begin."""
        sim = getattr(self.sim, "prefill", self.sim)  # prefixes are those of the replicas that read
        kept, new = sim.state.hashes, len(rows.hashes)
        if self.used + new > len(kept):
            kept = np.concatenate([kept[: self.used], np.zeros(max(self.used, new), dtype=np.int64)])
            sim.state = sim.state._replace(hashes=kept)
        kept[self.used : self.used + new] = rows.hashes
        firsts = self.used + np.cumsum(rows.n_hashes) - rows.n_hashes
        self.used += new
        return np.asarray(firsts)


def fleet(job: ServeJob, replica: ReplicaChoice, coming: Traffic, count: int) -> Fleet:
    """Return replicas that have nothing to do yet.

    Parameters
    ----------
    job
        The requests, what serves them, and how.
    replica
        One of them.
    coming
        What is known of the requests.
    count
        Replicas at the beginning.
    """
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
        tokens_per_step=replica.tokens_per_step,
        gather_prompts=job.gather or 1,
        prefix_tokens=coming.hash_tokens,
        first_s=engine.first_token_s,
        first_token_s=engine.prompt_token_s,
        ttft_s=question.ttft_s,
        tpot_s=question.tpot_s,
    )
    prompt = np.array(min(max(coming.mean_input, 1.0), float(replica.step_tokens)))
    lone = replica.stage.lone_prompt_s(prompt) / replica.stage.prefill_s(prompt, np.zeros(()))
    ranks = max(float(np.ravel(lone)[0]), 1.0)
    at_once = replica.sequences, replica.step_tokens, max(longest, 2.0)
    grid = step_grid(replica.times, *at_once, accepted=replica.tokens_per_step, ranks=ranks, groups=replica.groups)
    sim = Simulation(grid, limits, max(count, job.autoscale), job.router)
    if job.prefill_replicas:
        from gigaplan.inference.requests.apart import Apart

        decode = sim if job.router != "prefix_aware" else Simulation(grid, limits, count, "least_kv")
        sim = Apart(Simulation(grid, limits, job.prefill_replicas, job.router), decode, _transfer_s(job, replica))
    return Fleet(job, replica, sim, count, coming.span_s)


def _transfer_s(job: ServeJob, replica: ReplicaChoice) -> Callable[[Array], Array]:
    """Return the time in which the keys and values of a prompt travel, as disaggregated frontiers take it."""
    stage = replica.stage
    near, far = reached_bytes_per_s(stage.device, stage.engine, stage.efficiency)
    gpus = replica.gpus * (job.replicas + job.prefill_replicas)
    link = near if gpus <= stage.device.scaleup_gpus else far
    return lambda tokens: stage.architecture.kv_bytes(tokens, CACHE_BYTES[stage.precision]) / link
