"""A day of some replicas of one kind: requests made, served one by one, and counted hour by hour."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.inference.requests.grid import StepGrid, step_grid
from gigaplan.inference.requests.limits import Limits
from gigaplan.inference.step import Stage
from gigaplan.inference.step_times import StepTimes, kv_cache_tokens
from gigaplan.layers.serve_replica import STEP_TOKENS, groups_of, replica_times
from gigaplan.study.day.fleet import ReplicaKind
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.streams import stream
from gigaplan.vocabulary.time import HOURS, SECONDS_PER_HOUR

Counted = dict[str, NDArray[Any]]
"""What was counted, by name."""
PIECE = 32_768
"""Requests that are made at once."""
COARSE = 8
"""Bins of the histogram that are one in those by hour: percentiles within 1.6 %."""
SEQUENCES = 256
"""Most requests that an engine runs at once by itself (vLLM's default); more where the fast model has more."""
MORE = 2
"""Times the fast model's requests in flight up to which a replica takes some."""
PATIENCE = 0.5
"""Share of the limit of the time to first token for which prompts wait for others to be read with."""
MOST_GATHER_STEPS = 50
"""Steps for which they do at most (TensorRT-LLM's ``timeout_iters`` of its AttentionDpConfig)."""
SUMS = (
    "arrived", "done", "good", "refused_long", "refused_full", "removed", "preempted", "output_tokens", "read_tokens",
    "steps", "decode_s", "read_s", "batch_s", "queue_s", "block_s", "ttft_sum_s", "tpot_sum_s", "tpot_count",
    "latency_sum_s",
)  # fmt: skip
"""What is counted of each hour."""


@dataclass(frozen=True, slots=True)
class KindDay:
    """One kind of replica on a day, with the requests that come to each of them."""

    kind: ReplicaKind
    number: int
    """Its place among the kinds."""
    edges_s: Array
    """(stretch + 1,) [s]."""
    per_s: Array
    """(stretch,) requests per second to one replica [1/s]."""
    fails: NDArray[np.bool_]
    """(stretch,) whether it fails as the stretch begins."""
    again_share: Array
    """(stretch,) share of requests that were sent before."""
    failed_s: Array
    """(stretch,) when these were sent in vain [s]."""
    gap_shape: float
    """Shape of the Gamma distribution of its gaps."""
    output_cv: float
    max_waiting: int
    seed: int


@dataclass(frozen=True, slots=True)
class Timed:
    """Step times of a replica that software has made faster."""

    times: StepTimes
    gain: float

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time of a decode step [s]."""
        return self.times.decode_s(batch, context) / self.gain

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        """Return the time of a step that only reads [s]."""
        return self.times.prefill_s(uncached, cached) / self.gain

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        """Return by how much reading lengthens a step [s]."""
        return self.times.added_prefill_s(batch, context, uncached, cached) / self.gain


def limits_of(of: KindDay) -> Limits:
    """Return what one replica can take."""
    kind = of.kind
    stage, request = kind.stage, kind.request
    sequences = max(SEQUENCES, MORE * kind.point.batch)
    groups = groups_of(stage)
    return Limits(
        max_sequences=sequences,
        max_batched_tokens=max(int(STEP_TOKENS * groups), sequences),
        kv_cache_tokens=kv_cache_tokens(stage) * float(stage.pipeline),
        most_waiting=of.max_waiting or sequences,
        tokens_per_step=stage.drafts.accepted_tokens if stage.drafts.number else 1.0,
        gather_prompts=int(groups),
        gather_steps=_gather_steps(kind),
        first_s=stage.engine.first_token_s,
        first_token_s=stage.engine.prompt_token_s,
        ttft_s=request.ttft_s,
        tpot_s=request.tpot_s,
    )


def _gather_steps(kind: ReplicaKind) -> int:
    """Return for how many steps groups wait for each other's prompts: the engine's most, or half the limit of TTFT."""
    return int(np.clip(PATIENCE * kind.request.ttft_s / kind.point.tpot_s, 1, MOST_GATHER_STEPS))


def serve_day(of: KindDay, first: int, count: int) -> Counted:
    """Serve a day of some replicas, one after another.

    Parameters
    ----------
    of : KindDay
        The kind, and its requests.
    first, count : int
        Which of its replicas.

    Returns
    -------
    dict of str to Array
        ``sums`` (hour, ``SUMS``) and ``coarse`` (hour, 3, bin), where what ends after midnight is counted in the last
        hour; ``fine`` (3, bin) of the whole day; ``lost`` (stretch,) requests that a failure took.
    """
    from gigaplan.inference.requests.arrivals import Lengths, gaps, lengths
    from gigaplan.inference.requests.histogram import BINS

    request = of.kind.request
    inputs = lengths(max(request.uncached_input_tokens, 1.0), of.kind.prompt_cv)
    outputs = lengths(max(request.output_tokens, 1.0), of.output_cv)
    tables = Lengths(gaps(of.gap_shape), inputs + round(request.cached_input_tokens), outputs)
    limits = limits_of(of)
    longest = float(min(tables.inputs[-1] + outputs[-1], limits.kv_cache_tokens))
    grid = _grid(_Hashed(of.kind.stage, of.kind.gain, request.uncached_input_tokens), limits, longest)
    found: Counted = {
        "sums": np.zeros((HOURS, len(SUMS))),
        "coarse": np.zeros((HOURS, 3, BINS // COARSE), dtype=np.int64),
        "fine": np.zeros((3, BINS), dtype=np.int64),
        "lost": np.zeros(len(of.per_s)),
    }
    for replica in range(first, first + count):
        _one(of, replica, grid, limits, tables, found)
    return found


def _one(of: KindDay, replica: int, grid: StepGrid, limits: Limits, tables: Any, found: Counted) -> None:
    """Serve a day of one replica, and add what it did."""
    from gigaplan.inference.requests.arrivals import fill
    from gigaplan.inference.requests.simulation import Simulation, requests

    sim = Simulation(grid, limits)
    rng = stream(of.seed, f"day {of.number} {replica}")
    seeds = rng.integers(1, 1 << 62, 1).astype(np.uint64)
    place = np.array([0.0, float(rng.choice(tables.gaps)) * float(rng.random())])
    cached = np.full(PIECE, round(of.kind.request.cached_input_tokens))
    blank = requests(*(np.zeros(PIECE) for _ in range(3)), cached=cached)
    before = np.zeros(len(SUMS))
    for x, begin in enumerate(of.edges_s[:-1]):
        end = float(of.edges_s[x + 1])
        if of.fails[x]:
            found["lost"][x] += len(sim.fail(0, float(begin)).arrival)
            sim.accepts[:] = True
        place[0] = begin
        while place[0] < end:
            n = fill(seeds, place, tables, float(of.per_s[x]), end, blank.arrival, blank.input, blank.output)
            some = blank._replace(**{k: v[:n] for k, v in blank._asdict().items()})
            if of.again_share[x] > 0:
                earlier = some.arrival - rng.random(n) * (some.arrival - of.failed_s[x])
                some = some._replace(since=np.where(rng.random(n) < of.again_share[x], earlier, some.arrival))
            else:
                some = some._replace(since=some.arrival)
            sim.feed(some, float(place[0]))
        if end % SECONDS_PER_HOUR == 0 and end < HOURS * SECONDS_PER_HOUR:
            before = _close(sim, round(end / SECONDS_PER_HOUR) - 1, before, found)
    sim.feed(blank._replace(**{k: v[:0] for k, v in blank._asdict().items()}))
    _close(sim, HOURS - 1, before, found)


def _close(sim: Any, hour: int, before: Array, found: Counted) -> Array:
    """Add what was done in an hour, and return the sums so far."""
    c = sim.counts()
    done = max(c.done, 1)
    r = sim.state.replicas
    sums = {"ttft_sum_s": c.mean_ttft_s * done, "latency_sum_s": c.mean_latency_s * done}
    sums |= {"tpot_sum_s": float(r.tpot_sum.sum()), "tpot_count": float(r.tpot_count.sum())}
    now = np.array([sums.get(name, getattr(c, name, 0.0)) for name in SUMS], dtype=float)
    found["sums"][hour] += now - before
    counts = sim.state.counts
    found["coarse"][hour] += counts.reshape(counts.shape[0], -1, COARSE).sum(axis=-1)
    found["fine"] += counts
    counts[:] = 0
    return now


@dataclass(frozen=True)
class _Hashed:
    """A stage, equal to another one of the same numbers."""

    stage: Stage
    gain: float
    prompt: float
    """Mean tokens of a prompt that are read [token]."""

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self._key == other._key

    @property
    def _key(self) -> tuple[object, ...]:
        s = self.stage
        numbers = tuple(float(np.ravel(v)[0]) for v in (s.gpus, s.pipeline, s.dp_attention))
        return (s.device, s.architecture, s.precision, s.drafts, numbers, self.gain, self.prompt)


@lru_cache(maxsize=64)
def _grid(of: _Hashed, limits: Limits, longest: float) -> StepGrid:
    """Return the step times of a replica on a grid."""
    stage = of.stage
    prompt = np.array(float(min(max(of.prompt, 1.0), STEP_TOKENS)))
    lone = stage.lone_prompt_s(prompt) / stage.prefill_s(prompt, np.zeros(()))
    return step_grid(
        Timed(replica_times(stage), of.gain),
        limits.max_sequences,
        limits.max_batched_tokens,
        max(longest, 2.0),
        accepted=limits.tokens_per_step,
        ranks=max(float(np.ravel(lone)[0]), 1.0),
        groups=groups_of(stage),
    )


def packed(found: Counted) -> bytes:
    """Return what was counted, as a file holds it."""
    out = io.BytesIO()
    np.savez_compressed(out, **found)  # type: ignore[arg-type]
    return out.getvalue()


def unpacked(data: bytes) -> Counted:
    """Return what a file holds; ValueError or OSError where it isn't whole."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def gap_shape(site_replicas: float, burst: float) -> float:
    """Return the shape of a replica's gaps, of a stream that a site deals out in turn.

    Parameters
    ----------
    site_replicas : float
        Replicas like it that share the stream [replicas].
    burst : float
        Variation of the stream's gaps [1].

    Examples
    --------
    >>> gap_shape(4.0, 1.0)
    4.0
    """
    return max(site_replicas, 1.0) / (burst * burst) if math.isfinite(site_replicas) else 1.0
