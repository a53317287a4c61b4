"""Disaggregated serving: the best pairing of workers that compute prompts with workers that decode.

Each kind has its own layout. A group is so many decode workers and as many prefill workers as keep up with them, whole
numbers both, so that its rate per GPU counts every GPU that it takes (:mod:`gigaplan.inference.pairing`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.frontier import BATCHES, Mask, dominant_operator, in_whole_replicas, layouts, pareto
from gigaplan.inference.inputs import Efficiency, Engine, Request
from gigaplan.inference.pairing import MIN_TIME_S, Pairing, decode_rate, pairing, prefill_latency_s
from gigaplan.inference.percentiles import Percentile, percentile_tpot_s
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array

DECODE_WORKER_COUNTS = np.array([1.0, 2, 3, 4, 6, 8, 12, 16])
"""Decode workers of a group that are tried: a search grid, as is the next."""
MAX_GPUS = 288
"""GPUs of the largest group that is tried."""
PROMPTS_HELD = 2
"""Prompts that a prefill worker has room for: the one that it computes, and the one before that still travels."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers of one kind in a group: how many, and the layout of each."""

    count: int
    """Workers of this kind."""
    gpus: int
    """GPUs of one worker: ``pipeline`` stages of ``gpus / pipeline``."""
    pipeline: int
    """Pipeline stages of one worker."""
    data_parallel: bool
    """Whether attention is data parallel rather than tensor parallel."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A feasible group of prefill and decode workers."""

    requests_per_gpu_s: float
    """Requests per second over the GPUs of both kinds [requests/s]."""
    ttft_s: float
    """Time to first token of the mean request, or at the percentile where that keeps the limits [s]."""
    tpot_s: float
    """Mean time per output token [s]."""
    prefill_workers: Workers
    """Workers that compute prompts."""
    decode_workers: Workers
    """Workers that decode."""
    batch: int
    """Requests in flight on all decode workers of the group."""
    prefill_load: float
    """Share of time that prefill workers compute: below 1, or prompts would queue without end."""
    kv_transfer_s: float
    """Time that a request's keys and values take from prefill to decode worker [s]."""
    limit: str
    """What forbids a larger batch on the decode workers' layout: memory or tpot; 'none' where nothing does."""
    dominant_operator: str
    """What the decode workers spend most time on."""

    @property
    def gpus(self) -> int:
        """GPUs of the group, both kinds."""
        return sum(w.count * w.gpus for w in (self.prefill_workers, self.decode_workers))


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

    def pair(self, index: int) -> Pair:
        """Return one group by its flat index."""
        found, request = self.found, self.request
        p, d, n = (int(i) for i in np.unravel_index(index, self.score.shape))
        at = p, d, n
        # Axes: prefill layout, decode layout with its batch, decode workers.
        batch = float(BATCHES[self.point[d]])
        decode = _workers(self.decode_stage, (0, d, 0), int(DECODE_WORKER_COUNTS[n]))
        context = request.cached_input_tokens + request.uncached_input_tokens + request.output_tokens / 2
        return Pair(
            requests_per_gpu_s=float(found.requests_per_s[at] / found.gpus[at]),
            ttft_s=float(found.ttft_s[at]),
            tpot_s=float(found.tpot_s[at]),
            prefill_workers=_workers(self.prefill_stage, (p, 0, 0), int(found.prefill_count[at])),
            decode_workers=decode,
            batch=int(batch) * decode.pipeline * decode.count,
            prefill_load=float(found.prefill_load[at]),
            kv_transfer_s=float(found.kv_transfer_s[at]),
            limit=self._limit(d),
            dominant_operator=dominant_operator(self.decode_stage, (0, d, 0), batch, context),
        )

    def _limit(self, decode: int) -> str:
        """Return the limit that the next larger batch of a decode layout breaks, or 'none'."""
        # On the last batch of the grid it is the batch itself, which keeps both limits.
        next_batch = int(self.layout[decode]), min(int(self.point[decode]) + 1, len(BATCHES) - 1)
        if not self.fits[next_batch]:
            return "memory"
        return "none" if self.meets_tpot[next_batch] else "tpot"


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
    """Return the groups that no other beats in both time per token and requests per GPU.

    Memory and the request's limits hold for every point. Searches all pairings of the layouts of
    :func:`gigaplan.inference.frontier.best` in one vectorised evaluation.

    Parameters
    ----------
    device : Device
        Accelerator and its networks.
    architecture : Architecture
        Shape of the model.
    precision : str
        Precision of the weights: 'bf16', 'fp8' or 'fp4'.
    request : Request
        Mean request and the longest times that its users accept.
    efficiency : Efficiency
        Shares of each peak that are reached.
    engine : Engine
        Calibrated times of the serving engine.
    speculative : bool
        Whether a decode step verifies one drafted token of each request.
    percentile : Percentile, optional
        Which share of requests must keep the limits; without it the mean request must.
    max_gpus : int
        Most GPUs of a group [GPUs].

    Returns
    -------
    tuple of Pair
        Groups from the shortest time per token to the most requests per GPU; empty where nothing fits, or where no
        network joins the workers.
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
    fleet_gpus: int = 0,
) -> Pair | None:
    """Return the group that serves most requests per GPU within the limits: the last of :func:`frontier`.

    Parameters
    ----------
    device : Device
        Accelerator and its networks.
    architecture : Architecture
        Shape of the model.
    precision : str
        Precision of the weights: 'bf16', 'fp8' or 'fp4'.
    request : Request
        Mean request and the longest times that its users accept.
    efficiency : Efficiency
        Shares of each peak that are reached.
    engine : Engine
        Calibrated times of the serving engine.
    speculative : bool
        Whether a decode step verifies one drafted token of each request.
    percentile : Percentile, optional
        Which share of requests must keep the limits; without it the mean request must.
    max_gpus : int
        Most GPUs of a group [GPUs].
    fleet_gpus : int
        GPUs that whole groups are to share [GPUs]: the group is then the one of which they serve most together; 0 for
        the most per GPU.

    Returns
    -------
    Pair or None
        Best group; None where nothing is feasible.
    """
    given = device, architecture, precision, efficiency, engine
    groups = _search(
        given, request, speculative=speculative, percentile=percentile, max_gpus=min(max_gpus, fleet_gpus or max_gpus)
    )
    if groups is None:
        return None
    score = groups.score * in_whole_replicas(groups.found.gpus, fleet_gpus) if fleet_gpus else groups.score
    return groups.pair(int(np.argmax(score))) if score.max() > 0 else None


def _search(
    given: tuple[Device, Architecture, str, Efficiency, Engine],
    request: Request,
    *,
    speculative: bool,
    percentile: Percentile | None,
    max_gpus: int,
) -> _Groups | None:
    """Evaluate every pairing of layouts, batches and worker counts that may be on the frontier; None where none is."""
    # One worker leaves at least one GPU to the other kind.
    tried = [layout for layout in layouts(given[0], given[1]) if layout[0] * layout[1] < max(max_gpus, 2)]
    columns = np.array(tried, dtype=float).T
    grid = _stages(*given, columns[:, :, None], speculative=speculative)
    tpot = decode_rate(grid, BATCHES, 1.0, request)[1]
    fits, meets_tpot = _decode_limits(grid, BATCHES, tpot, request, percentile)
    gpus = (grid.gpus * grid.pipeline).ravel()
    # Workers that others of their size beat are left out first, which keeps the grid of pairings small.
    layout, point = np.nonzero(fits & meets_tpot)
    tpot = tpot[layout, point]
    chosen = _best_of_size(gpus[layout], BATCHES[point] * grid.pipeline.ravel()[layout] / tpot, tpot)
    layout, point = layout[chosen], point[chosen]
    prefill = np.flatnonzero(_prefill_fits(grid, request))
    latency, prefill_s = (t.ravel()[prefill] for t in prefill_latency_s(grid, request))
    prefill = prefill[_best_of_size(gpus[prefill], 1 / np.maximum(prefill_s, MIN_TIME_S), latency)]
    if not len(layout) or not len(prefill):
        return None
    # Three axes, so that one evaluation pairs every prefill layout with every decode layout and worker count.
    prefill_stage = _stages(*given, columns[:, prefill, None, None])
    decode_stage = _stages(*given, columns[:, None, layout, None], speculative=speculative)
    found = pairing(prefill_stage, decode_stage, BATCHES[point][:, None], DECODE_WORKER_COUNTS, request, percentile)
    feasible = found.keeps_up & (found.ttft_s <= request.ttft_s) & (found.gpus <= max_gpus)
    score = np.where(feasible, found.requests_per_s / found.gpus, 0.0)
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
    """Return layouts as one stage of arrays; ``columns`` are GPUs of a stage, stages, and data parallel attention."""
    gpus, stages, dp_attention = columns
    return Stage(
        device, architecture, precision, efficiency, engine, gpus, stages, dp_attention, speculative=speculative
    )


def _best_of_size(gpus: Array, rate: Array, time_s: Array) -> NDArray[np.intp]:
    """Return the indices of the workers that no other of as many GPUs beats in both rate and time.

    Any group with a worker that is left out can be had, or bettered, with the one that beats it.
    """
    best = [np.flatnonzero(gpus == n) for n in np.unique(gpus)]
    return np.concatenate([np.zeros(0, dtype=np.intp), *(k[pareto(rate[k], time_s[k])] for k in best)])


def _decode_limits(
    stage: Stage, batch: Array, tpot: Array, request: Request, percentile: Percentile | None
) -> tuple[Mask, Mask]:
    """Return whether decode workers hold every request at its full length, and whether they keep the time per token."""
    prompt = request.cached_input_tokens + request.uncached_input_tokens
    needed = stage.weight_bytes() + stage.cache_bytes(np.asarray(prompt + request.output_tokens), batch)
    if percentile is not None:
        tpot = percentile_tpot_s(tpot, batch, batch * stage.pipeline, percentile)
    fits, meets_tpot = np.broadcast_arrays(needed <= stage.free_bytes, tpot <= request.tpot_s)
    return fits, meets_tpot


def _prefill_fits(stage: Stage, request: Request) -> Mask:
    """Return whether prefill workers hold their weights and prompts."""
    prompt = np.asarray(request.cached_input_tokens + request.uncached_input_tokens)
    # Every group holds prompts of its own.
    prompts = PROMPTS_HELD * stage.attention_dp
    fits: Mask = stage.weight_bytes() + stage.cache_bytes(prompt, prompts) <= stage.free_bytes
    return fits.ravel()


def _workers(stage: Stage, at: tuple[int, ...], count: int) -> Workers:
    pipeline = int(stage.pipeline[at])
    return Workers(count, int(stage.gpus[at]) * pipeline, pipeline, bool(stage.dp_attention[at]))
