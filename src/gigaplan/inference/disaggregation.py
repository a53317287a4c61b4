"""Reading and writing apart: the best pairing of workers that read prompts with workers that write answers.

Each kind has its own layout. A group is so many decode workers and as many prefill workers as keep up with them,
whole numbers both, so that its rate per GPU counts every GPU that it takes. Keys and values travel between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import CACHE_BYTES, Architecture
from gigaplan.inference.frontier import BATCHES, Mask, dominant_operator, layouts, pareto
from gigaplan.inference.inputs import Efficiency, Engine, Request
from gigaplan.inference.percentiles import Percentile, load_for_wait, percentile_tpot_s, percentile_wait_s
from gigaplan.inference.serving import MAX_LOAD
from gigaplan.inference.placement import DISCONNECTED
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array

DECODE_WORKER_COUNTS = np.array([1.0, 2, 3, 4, 6, 8, 12, 16])
"""Writers of a group that are tried: a search grid, as is the next."""
MAX_GPUS = 288
"""GPUs of the largest group that is tried."""
MIN_TIME_S = float(np.finfo(float).tiny)
"""Keeps a prompt that is all in the cache, which takes no time, out of denominators."""
PROMPTS_HELD = 2
"""Prompts that a reader's rank has room for: the one that it reads, and the one before that still travels."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers of one kind in a group: how many, and the layout of each."""

    count: int
    gpus: int
    """GPUs of one worker: ``pipeline`` stages of ``gpus / pipeline``."""
    pipeline: int
    data_parallel: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """A feasible group of prefill and decode workers."""

    requests_per_gpu_s: float
    """Over the GPUs of both kinds."""
    ttft_s: float
    """Of the mean request, or of all but the slowest where those keep the limits."""
    tpot_s: float
    prefill_workers: Workers
    decode_workers: Workers
    batch: int
    """Requests in flight on all writers of the group."""
    prefill_load: float
    """Share of time that readers read: below 1, or prompts would queue without end."""
    kv_transfer_s: float
    """Time that a request's keys and values take from reader to writer."""
    limit: str
    """What forbids a larger batch on the writers' layout: memory or tpot; 'none' where nothing does."""
    dominant_operator: str
    """What the writers spend most time on."""

    @property
    def gpus(self) -> int:
        """GPUs of the group, both kinds."""
        return sum(w.count * w.gpus for w in (self.prefill_workers, self.decode_workers))


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a group gives at each (prefill layout, decode layout and batch, decode workers). All arrays have one shape."""

    ttft_s: Array
    tpot_s: Array
    requests_per_s: Array
    gpus: Array
    prefill_count: Array
    prefill_load: Array
    kv_transfer_s: Array
    keeps_up: Mask
    """Whether readers exist that keep up within the limit of the first token, and the network carries their caches."""


@dataclass(frozen=True, slots=True)
class _Groups:
    """Every group that is tried, what it gives, and requests per GPU and second where it keeps all limits (else 0)."""

    prefill_stage: Stage
    decode_stage: Stage
    layout: NDArray[np.intp]
    point: NDArray[np.intp]
    fits: Mask
    meets_tpot: Mask
    found: Pairing
    score: Array
    request: Request

    def pair(self, k: int) -> Pair:
        """Return one group by its flat index."""
        r, w, n = (int(i) for i in np.unravel_index(k, self.score.shape))
        further = int(self.layout[w]), min(int(self.point[w]) + 1, len(BATCHES) - 1)
        limit = "memory" if not self.fits[further] else "none" if self.meets_tpot[further] else "tpot"
        batch = float(BATCHES[self.point[w]])
        return _pair(self.prefill_stage, self.decode_stage, self.found, batch, self.request, (r, w, n), limit)


def frontier(
    device: Device,
    architecture: Architecture,
    precision: str,
    request: Request,
    efficiency: Efficiency,
    engine: Engine,
    *,
    speculative: bool = False,
    percentile: Percentile | None = None,
    max_gpus: int = MAX_GPUS,
) -> tuple[Pair, ...]:
    """Return the groups that no other beats in both time per token and requests per GPU, from fast to cheap.

    Memory and the request's limits hold for every point: for the mean request or, with a ``percentile``, for all but its slowest.
    Searches all pairings of the layouts of :func:`gigaplan.inference.frontier.best` in one vectorised evaluation. Empty where
    nothing fits, or where no network joins the workers.
    """
    given = device, architecture, precision, efficiency, engine
    groups = _search(given, request, speculative=speculative, percentile=percentile, max_gpus=max_gpus)
    if groups is None:
        return ()
    return tuple(groups.pair(int(k)) for k in pareto(groups.score, groups.found.tpot_s))


def best(
    device: Device,
    architecture: Architecture,
    precision: str,
    request: Request,
    efficiency: Efficiency,
    engine: Engine,
    *,
    speculative: bool = False,
    percentile: Percentile | None = None,
    max_gpus: int = MAX_GPUS,
) -> Pair | None:
    """Return the group that serves most requests per GPU within the limits: the last of :func:`frontier`."""
    given = device, architecture, precision, efficiency, engine
    groups = _search(given, request, speculative=speculative, percentile=percentile, max_gpus=max_gpus)
    if groups is None or not groups.score.max() > 0:
        return None
    return groups.pair(int(np.argmax(groups.score)))


def _search(
    given: tuple[Device, Architecture, str, Efficiency, Engine],
    request: Request,
    *,
    speculative: bool,
    percentile: Percentile | None,
    max_gpus: int,
) -> _Groups | None:
    tried = [layout for layout in layouts(given[0], given[1]) if layout[0] * layout[1] < max(max_gpus, 2)]
    columns = np.array(tried, dtype=float).T
    grid = _stages(*given, columns[:, :, None], speculative=speculative)
    fits, meets_tpot = _decode_limits(grid, BATCHES, request, percentile)
    workers = (grid.gpus * grid.pipeline).ravel()
    layout, point = np.nonzero(fits & meets_tpot)
    tpot = _tpot_s(grid, BATCHES, request)[layout, point]
    chosen = _best_of_size(workers[layout], BATCHES[point] * grid.pipeline.ravel()[layout] / tpot, tpot)
    layout, point = layout[chosen], point[chosen]
    reading = np.flatnonzero(_prefill_fits(grid, request))
    first, prefill = (t.ravel()[reading] for t in _prefill_latency_s(grid, request))
    reading = reading[_best_of_size(workers[reading], 1 / np.maximum(prefill, MIN_TIME_S), first)]
    if not len(layout) or not len(reading):
        return None
    prefill_stage = _stages(*given, columns[:, reading, None, None])
    decode_stage = _stages(*given, columns[:, None, layout, None], speculative=speculative)
    found = pairing(prefill_stage, decode_stage, BATCHES[point][:, None], DECODE_WORKER_COUNTS, request, percentile)
    kept = found.keeps_up & (found.ttft_s <= request.ttft_s) & (found.gpus <= max_gpus)
    score = np.where(kept, found.requests_per_s / found.gpus, 0.0)
    return _Groups(prefill_stage, decode_stage, layout, point, fits, meets_tpot, found, score, request)


def _stages(
    device: Device,
    architecture: Architecture,
    precision: str,
    efficiency: Efficiency,
    engine: Engine,
    columns: Array,
    *,
    speculative: bool = False,
) -> Stage:
    """Return layouts as one stage of arrays; the first axis of ``columns`` is GPUs, stages, split by requests."""
    gpus, stages, by_requests = columns
    return Stage(
        device, architecture, precision, efficiency, engine, gpus, stages, by_requests, speculative=speculative
    )


def _pair(
    prefill_stage: Stage,
    decode_stage: Stage,
    found: Pairing,
    batch: float,
    request: Request,
    at: tuple[int, int, int],
    limit: str,
) -> Pair:
    r, w, n = at
    writer = _workers(decode_stage, (0, w, 0), int(DECODE_WORKER_COUNTS[n]))
    context = request.cached_input_tokens + request.uncached_input_tokens + request.output_tokens / 2
    return Pair(
        requests_per_gpu_s=float(found.requests_per_s[at] / found.gpus[at]),
        ttft_s=float(found.ttft_s[at]),
        tpot_s=float(found.tpot_s[at]),
        prefill_workers=_workers(prefill_stage, (r, 0, 0), int(found.prefill_count[at])),
        decode_workers=writer,
        batch=int(batch) * writer.pipeline * writer.count,
        prefill_load=float(found.prefill_load[at]),
        kv_transfer_s=float(found.kv_transfer_s[at]),
        limit=limit,
        dominant_operator=dominant_operator(decode_stage, (0, w, 0), batch, context),
    )


def pairing(
    prefill_stage: Stage,
    decode_stage: Stage,
    batch: Array,
    decode_count: Array,
    request: Request,
    percentile: Percentile | None = None,
) -> Pairing:
    """Return what ``decode_count`` decode workers give with just enough prefill workers.

    Readers take one prompt at a time (each rank one, when split by requests). A prompt waits behind others for
    ``load / (2 (1 - load)) x prefill`` (M/D/1: Pollaczek 1930, Khinchine 1932); so the limit of the first token sets
    how busy readers may be, and ``ceil(demand / supply)`` of them keep up: neither kind waits for the other. Keys and
    values travel over the scale-up network where the whole group lies in one domain, else over the scale-out
    network, one link for each request. With a ``percentile`` it is the slow requests' wait and prompt that keep the limit.
    """
    device, engine = prefill_stage.device, prefill_stage.engine
    uncached, cached, output = (
        np.asarray(n) for n in (request.uncached_input_tokens, request.cached_input_tokens, request.output_tokens)
    )
    tpot = _tpot_s(decode_stage, batch, request)
    rate = decode_count * decode_stage.pipeline * batch / (output * tpot)

    reading, prefill = _prefill_latency_s(prefill_stage, request)
    if percentile is not None:
        reading = reading + percentile.prompt_excess * prefill_stage.pipeline * prefill * prefill_stage.attention_dp
    cache = float(prefill_stage.architecture.kv_bytes(cached + uncached, CACHE_BYTES[prefill_stage.precision]))
    near, far = (
        max(b * engine.link_share, DISCONNECTED)
        for b in (device.scaleup_bandwidth_bytes_per_s, device.scaleout_bandwidth_bytes_per_s)
    )
    # Sized for the slower way where there is one; a group within one domain is then quicker than its limit.
    slack = np.maximum(request.ttft_s - reading - cache / (far if far > DISCONNECTED else near), 0.0)
    if percentile is None:
        busy = np.minimum(2 * slack / np.maximum(prefill + 2 * slack, MIN_TIME_S), MAX_LOAD)
    else:
        busy = load_for_wait(slack, np.maximum(prefill, MIN_TIME_S), percentile)
    enough = np.ceil(rate * prefill / np.where(busy > 0, busy, 1.0))
    count = np.maximum(enough, 1.0)
    gpus = (
        count * prefill_stage.gpus * prefill_stage.pipeline + decode_count * decode_stage.gpus * decode_stage.pipeline
    )
    link = np.where(gpus <= device.scaleup_gpus, near, far)
    links = np.minimum(
        count * prefill_stage.gpus * prefill_stage.pipeline, decode_count * decode_stage.gpus * decode_stage.pipeline
    )
    load = rate * prefill / count
    if percentile is None:
        wait = np.where(load < 1, load / (2 * (1 - np.minimum(load, MAX_LOAD))), np.inf) * prefill
    else:
        wait = np.where(load < 1, percentile_wait_s(load, prefill, percentile), np.inf)
    kv_transfer = cache / link

    def broadcast(x: Array) -> Array:
        return np.broadcast_to(x, gpus.shape)

    return Pairing(
        ttft_s=broadcast(reading + wait + kv_transfer),
        tpot_s=broadcast(tpot),
        requests_per_s=broadcast(rate),
        gpus=gpus,
        prefill_count=broadcast(count),
        prefill_load=broadcast(load),
        kv_transfer_s=broadcast(kv_transfer),
        keeps_up=(busy > 0) & (rate * cache <= MAX_LOAD * links * link),
    )


def _best_of_size(gpus: Array, rate: Array, time_s: Array) -> NDArray[np.intp]:
    """Return the indices of the workers that none of as many GPUs beats in both rate and time: groups of a beaten one
    can be had, or bettered, with the other."""
    best = [np.flatnonzero(gpus == n) for n in np.unique(gpus)]
    return np.concatenate([np.zeros(0, dtype=np.intp), *(k[pareto(rate[k], time_s[k])] for k in best)])


def _prefill_latency_s(prefill_stage: Stage, request: Request) -> tuple[Array, Array]:
    """Return the time from a prompt's turn to its first token, and the time of a worker that it takes [s]."""
    uncached, cached = np.asarray(request.uncached_input_tokens), np.asarray(request.cached_input_tokens)
    prefill = prefill_stage.prefill_s(uncached, cached)
    latency = np.maximum(prefill * prefill_stage.attention_dp, prefill_stage.launch_bound_s())
    return prefill_stage.pipeline * (
        latency + prefill_stage.pipeline_send_s(uncached)
    ) + prefill_stage.engine.frontend_overhead_s(uncached), prefill


def _decode_limits(
    decode_stage: Stage, batch: Array, request: Request, percentile: Percentile | None = None
) -> tuple[Mask, Mask]:
    """Return whether writers hold every request at its full length, and whether a token comes in time."""
    prompt = request.cached_input_tokens + request.uncached_input_tokens
    held = decode_stage.weight_bytes() + decode_stage.cache_bytes(np.asarray(prompt + request.output_tokens), batch)
    tpot = _tpot_s(decode_stage, batch, request)
    if percentile is not None:
        tpot = percentile_tpot_s(tpot, batch, batch * decode_stage.pipeline, percentile)
    fits, meets_tpot = np.broadcast_arrays(held <= _free_bytes(decode_stage), tpot <= request.tpot_s)
    return fits, meets_tpot


def _prefill_fits(prefill_stage: Stage, request: Request) -> Mask:
    """Return whether readers hold their weights and prompts."""
    prompt = np.asarray(request.cached_input_tokens + request.uncached_input_tokens)
    held = PROMPTS_HELD * prefill_stage.attention_dp
    fits: Mask = prefill_stage.weight_bytes() + prefill_stage.cache_bytes(prompt, held) <= _free_bytes(prefill_stage)
    return fits.ravel()


def _free_bytes(stage: Stage) -> float:
    return stage.device.hbm_bytes * (1 - stage.efficiency.memory_reserve_share)


def _tpot_s(decode_stage: Stage, batch: Array, request: Request) -> Array:
    context = np.asarray(request.cached_input_tokens + request.uncached_input_tokens + request.output_tokens / 2)
    return decode_stage.pipeline * (decode_stage.decode_s(batch, context) + decode_stage.pipeline_send_s(batch))


def _workers(stage: Stage, at: tuple[int, ...], count: int) -> Workers:
    pipeline = int(stage.pipeline[at])
    return Workers(count, int(stage.gpus[at]) * pipeline, pipeline, bool(stage.dp_attention[at]))
