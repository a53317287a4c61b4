"""Reading and writing apart: the best pairing of workers that read prompts with workers that write answers.

Each kind has its own layout. A group is so many writers and as many readers as keep up with them, both whole numbers,
so that its rate per GPU counts every GPU that it takes. Keys and values travel from reader to writer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import CACHE_BYTES, Architecture
from gigaplan.inference.frontier import BATCHES, Mask, busiest_operator, layouts, pareto
from gigaplan.inference.inputs import Efficiency, Engine, Request
from gigaplan.inference.serving import BUSIEST
from gigaplan.inference.step import DISCONNECTED, Stage
from gigaplan.inference.tails import Tail, busiest_load, slow_tpot_s, slow_wait_s
from gigaplan.vocabulary.members import Array

WRITERS = np.array([1.0, 2, 3, 4, 6, 8, 12, 16])
"""Writers of a group that are tried: a search grid, as is the next."""
MOST_GPUS = 288
"""GPUs of the largest group that is tried."""
LEAST = float(np.finfo(float).tiny)
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
    """A feasible group of readers and writers."""

    requests_per_gpu_s: float
    """Over the GPUs of both kinds."""
    ttft_s: float
    """Of the mean request, or of all but the slowest where those keep the limits."""
    tpot_s: float
    readers: Workers
    writers: Workers
    batch: int
    """Requests in flight on all writers of the group."""
    reader_load: float
    """Share of time that readers read: below 1, or prompts would queue without end."""
    travel_s: float
    """Time that a request's keys and values take from reader to writer."""
    limit: str
    """What forbids a larger batch on the writers' layout: memory or tpot; 'none' where nothing does."""
    busiest: str
    """What the writers spend most time on."""

    @property
    def gpus(self) -> int:
        """GPUs of the group, both kinds."""
        return sum(w.count * w.gpus for w in (self.readers, self.writers))


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a group gives at each (reader layout, writer layout and batch, writers). All arrays have one shape."""

    ttft_s: Array
    tpot_s: Array
    requests_per_s: Array
    gpus: Array
    reader_count: Array
    reader_load: Array
    travel_s: Array
    keeps_up: Mask
    """Whether readers exist that keep up within the limit of the first token, and the network carries their caches."""


@dataclass(frozen=True, slots=True)
class _Groups:
    """Every group that is tried, what it gives, and requests per GPU and second where it keeps all limits (else 0)."""

    readers: Stage
    writers: Stage
    layout: NDArray[np.intp]
    point: NDArray[np.intp]
    fits: Mask
    quick: Mask
    found: Pairing
    score: Array
    request: Request

    def pair(self, k: int) -> Pair:
        """Return one group by its flat index."""
        r, w, n = (int(i) for i in np.unravel_index(k, self.score.shape))
        further = int(self.layout[w]), min(int(self.point[w]) + 1, len(BATCHES) - 1)
        limit = "memory" if not self.fits[further] else "none" if self.quick[further] else "tpot"
        batch = float(BATCHES[self.point[w]])
        return _pair(self.readers, self.writers, self.found, batch, self.request, (r, w, n), limit)


def frontier(
    device: Device,
    architecture: Architecture,
    precision: str,
    request: Request,
    efficiency: Efficiency,
    engine: Engine,
    *,
    speculative: bool = False,
    tail: Tail | None = None,
    most_gpus: int = MOST_GPUS,
) -> tuple[Pair, ...]:
    """Return the groups that no other beats in both time per token and requests per GPU, from fast to cheap.

    Memory and the request's limits hold for every point: for the mean request or, with a ``tail``, for all but its slowest.
    Searches all pairings of the layouts of :func:`gigaplan.inference.frontier.best` in one vectorised evaluation. Empty where
    nothing fits, or where no network joins the workers.
    """
    given = device, architecture, precision, efficiency, engine
    groups = _search(given, request, speculative=speculative, tail=tail, most_gpus=most_gpus)
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
    tail: Tail | None = None,
    most_gpus: int = MOST_GPUS,
) -> Pair | None:
    """Return the group that serves most requests per GPU within the limits: the last of :func:`frontier`."""
    given = device, architecture, precision, efficiency, engine
    groups = _search(given, request, speculative=speculative, tail=tail, most_gpus=most_gpus)
    if groups is None or not groups.score.max() > 0:
        return None
    return groups.pair(int(np.argmax(groups.score)))


def _search(
    given: tuple[Device, Architecture, str, Efficiency, Engine],
    request: Request,
    *,
    speculative: bool,
    tail: Tail | None,
    most_gpus: int,
) -> _Groups | None:
    tried = [layout for layout in layouts(given[0], given[1]) if layout[0] * layout[1] < max(most_gpus, 2)]
    columns = np.array(tried, dtype=float).T
    grid = _stages(*given, columns[:, :, None], speculative=speculative)
    fits, quick = _writes(grid, BATCHES, request, tail)
    workers = (grid.gpus * grid.pipeline).ravel()
    layout, point = np.nonzero(fits & quick)
    tpot = _tpot_s(grid, BATCHES, request)[layout, point]
    chosen = _best_of_size(workers[layout], BATCHES[point] * grid.pipeline.ravel()[layout] / tpot, tpot)
    layout, point = layout[chosen], point[chosen]
    reading = np.flatnonzero(_reads(grid, request))
    first, prefill = (t.ravel()[reading] for t in _reading_s(grid, request))
    reading = reading[_best_of_size(workers[reading], 1 / np.maximum(prefill, LEAST), first)]
    if not len(layout) or not len(reading):
        return None
    readers = _stages(*given, columns[:, reading, None, None])
    writers = _stages(*given, columns[:, None, layout, None], speculative=speculative)
    found = pairing(readers, writers, BATCHES[point][:, None], WRITERS, request, tail)
    kept = found.keeps_up & (found.ttft_s <= request.ttft_s) & (found.gpus <= most_gpus)
    score = np.where(kept, found.requests_per_s / found.gpus, 0.0)
    return _Groups(readers, writers, layout, point, fits, quick, found, score, request)


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
    readers: Stage, writers: Stage, found: Pairing, batch: float, request: Request, at: tuple[int, int, int], limit: str
) -> Pair:
    r, w, n = at
    writer = _workers(writers, (0, w, 0), int(WRITERS[n]))
    context = request.cached_input_tokens + request.fresh_input_tokens + request.generated_tokens / 2
    return Pair(
        requests_per_gpu_s=float(found.requests_per_s[at] / found.gpus[at]),
        ttft_s=float(found.ttft_s[at]),
        tpot_s=float(found.tpot_s[at]),
        readers=_workers(readers, (r, 0, 0), int(found.reader_count[at])),
        writers=writer,
        batch=int(batch) * writer.pipeline * writer.count,
        reader_load=float(found.reader_load[at]),
        travel_s=float(found.travel_s[at]),
        limit=limit,
        busiest=busiest_operator(writers, (0, w, 0), batch, context),
    )


def pairing(
    readers: Stage, writers: Stage, batch: Array, writer_count: Array, request: Request, tail: Tail | None = None
) -> Pairing:
    """Return what ``writer_count`` writers of ``batch`` requests per stage give with just enough readers.

    Readers take one prompt at a time (each rank one, when split by requests). A prompt waits behind others for
    ``load / (2 (1 - load)) x prefill`` (M/D/1: Pollaczek 1930, Khinchine 1932); so the limit of the first token sets
    how busy readers may be, and ``ceil(demand / supply)`` of them keep up: neither kind waits for the other. Keys and
    values travel over the scale-up network where the whole group lies in one domain, else over the scale-out
    network, one link for each request. With a ``tail`` it is the slow requests' wait and prompt that keep the limit.
    """
    device, engine = readers.device, readers.engine
    fresh, cached, generated = (
        np.asarray(n) for n in (request.fresh_input_tokens, request.cached_input_tokens, request.generated_tokens)
    )
    tpot = _tpot_s(writers, batch, request)
    asked = writer_count * writers.pipeline * batch / (generated * tpot)

    reading, prefill = _reading_s(readers, request)
    if tail is not None:
        reading = reading + tail.longer_prompt * readers.pipeline * prefill * readers.groups
    cache = float(readers.architecture.kv_bytes(cached + fresh, CACHE_BYTES[readers.precision]))
    near, far = (
        max(b * engine.link_share, DISCONNECTED)
        for b in (device.scaleup_bandwidth_bytes_per_s, device.scaleout_bandwidth_bytes_per_s)
    )
    # Sized for the slower way where there is one; a group within one domain is then quicker than its limit.
    slack = np.maximum(request.ttft_s - reading - cache / (far if far > DISCONNECTED else near), 0.0)
    if tail is None:
        busy = np.minimum(2 * slack / np.maximum(prefill + 2 * slack, LEAST), BUSIEST)
    else:
        busy = busiest_load(slack, np.maximum(prefill, LEAST), tail)
    enough = np.ceil(asked * prefill / np.where(busy > 0, busy, 1.0))
    count = np.maximum(enough, 1.0)
    gpus = count * readers.gpus * readers.pipeline + writer_count * writers.gpus * writers.pipeline
    link = np.where(gpus <= device.scaleup_gpus, near, far)
    links = np.minimum(count * readers.gpus * readers.pipeline, writer_count * writers.gpus * writers.pipeline)
    load = asked * prefill / count
    if tail is None:
        wait = np.where(load < 1, load / (2 * (1 - np.minimum(load, BUSIEST))), np.inf) * prefill
    else:
        wait = np.where(load < 1, slow_wait_s(load, prefill, tail), np.inf)
    travel = cache / link

    def whole(x: Array) -> Array:
        return np.broadcast_to(x, gpus.shape)

    return Pairing(
        ttft_s=whole(reading + wait + travel),
        tpot_s=whole(tpot),
        requests_per_s=whole(asked),
        gpus=gpus,
        reader_count=whole(count),
        reader_load=whole(load),
        travel_s=whole(travel),
        keeps_up=(busy > 0) & (asked * cache <= BUSIEST * links * link),
    )


def _best_of_size(gpus: Array, rate: Array, time_s: Array) -> NDArray[np.intp]:
    """Return the indices of the workers that none of as many GPUs beats in both rate and time: groups of a beaten one
    can be had, or bettered, with the other."""
    best = [np.flatnonzero(gpus == n) for n in np.unique(gpus)]
    return np.concatenate([np.zeros(0, dtype=np.intp), *(k[pareto(rate[k], time_s[k])] for k in best)])


def _reading_s(readers: Stage, request: Request) -> tuple[Array, Array]:
    """Return the time from a prompt's turn to its first token, and the time of a worker that it takes [s]."""
    fresh, cached = np.asarray(request.fresh_input_tokens), np.asarray(request.cached_input_tokens)
    prefill = readers.prefill_s(fresh, cached)
    latency = np.maximum(prefill * readers.groups, readers.eager_s())
    return readers.pipeline * (latency + readers.hop_s(fresh)) + readers.engine.front_end_s(fresh), prefill


def _writes(writers: Stage, batch: Array, request: Request, tail: Tail | None = None) -> tuple[Mask, Mask]:
    """Return whether writers hold every request at its full length, and whether a token comes in time."""
    prompt = request.cached_input_tokens + request.fresh_input_tokens
    held = writers.weight_bytes() + writers.cache_bytes(np.asarray(prompt + request.generated_tokens), batch)
    tpot = _tpot_s(writers, batch, request)
    if tail is not None:
        tpot = slow_tpot_s(tpot, batch, batch * writers.pipeline, tail)
    fits, quick = np.broadcast_arrays(held <= _room_bytes(writers), tpot <= request.tpot_s)
    return fits, quick


def _reads(readers: Stage, request: Request) -> Mask:
    """Return whether readers hold their weights and prompts."""
    prompt = np.asarray(request.cached_input_tokens + request.fresh_input_tokens)
    held = PROMPTS_HELD * readers.groups
    fits: Mask = readers.weight_bytes() + readers.cache_bytes(prompt, held) <= _room_bytes(readers)
    return fits.ravel()


def _room_bytes(stage: Stage) -> float:
    return stage.device.hbm_bytes * (1 - stage.efficiency.memory_reserve_share)


def _tpot_s(writers: Stage, batch: Array, request: Request) -> Array:
    context = np.asarray(request.cached_input_tokens + request.fresh_input_tokens + request.generated_tokens / 2)
    return writers.pipeline * (writers.decode_s(batch, context) + writers.hop_s(batch))


def _workers(stage: Stage, at: tuple[int, ...], count: int) -> Workers:
    pipeline = int(stage.pipeline[at])
    return Workers(count, int(stage.gpus[at]) * pipeline, pipeline, bool(stage.data[at]))
