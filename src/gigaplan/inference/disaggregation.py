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
from gigaplan.inference.frontier import BATCHES, Mask, in_whole_replicas, layouts, pareto
from gigaplan.inference.inputs import NO_DRAFTS, Drafts, Efficiency, Engine, Request
from gigaplan.inference.pairing import Pairing, decode_rate, pairing, prefill_gpus_per_rate
from gigaplan.inference.percentiles import Percentile, percentile_tpot_s
from gigaplan.inference.step import Stage, dominant_operator
from gigaplan.vocabulary.members import Array

DECODE_WORKER_COUNTS = np.array([1.0, 2, 3, 4, 6, 8, 12, 16])
"""Decode workers of a group that are tried: a search grid, as is the next."""
MAX_GPUS = 288
"""GPUs of the largest group that is tried."""
ROUNDING = 1e-9
"""Relative rounding that a bound leaves room for."""
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
class _Candidates:
    """Layouts and batches that fit and keep the time per token: what groups are made of."""

    columns: Array
    """(3, layout): GPUs of a stage, stages, and data parallel attention of every layout."""
    prefill: NDArray[np.intp]
    """(P,) layouts of prefill workers."""
    prefill_gpus_per_rate: Array
    """(P,) their GPUs for each request per second at least [GPUs s]."""
    decode: NDArray[np.intp]
    """(D,) layouts of decode workers, small ones first, once for each batch."""
    point: NDArray[np.intp]
    """(D,) their batches, as indices of the grid."""
    rate: Array
    """(D,) requests per second of one decode worker [requests/s]."""
    tpot_s: Array
    """(D,) their time per output token [s]."""
    fits: Mask
    """(layout, batch) whether decode workers hold every request."""
    meets_tpot: Mask
    """(layout, batch) whether they keep the time per token."""

    @property
    def gpus(self) -> Array:
        """(layout,) GPUs of a worker of each layout."""
        return np.asarray(self.columns[0] * self.columns[1])


@dataclass(frozen=True, slots=True)
class _Groups:
    """Groups one by one (K of them), what each gives, and requests per GPU and second where it keeps all limits."""

    prefill_stage: Stage
    decode_stage: Stage
    candidates: _Candidates
    decode: NDArray[np.intp]
    decode_count: Array
    found: Pairing
    score: Array
    request: Request

    def pair(self, k: int) -> Pair:
        """Return one group by its index."""
        found, request, d = self.found, self.request, int(self.decode[k])
        batch = float(BATCHES[self.candidates.point[d]])
        decode = _of_kind(self.decode_stage, k, int(self.decode_count[k]))
        context = request.cached_input_tokens + request.uncached_input_tokens + request.output_tokens / 2
        return Pair(
            requests_per_gpu_s=float(found.requests_per_s[k] / found.gpus[k]),
            ttft_s=float(found.ttft_s[k]),
            tpot_s=float(found.tpot_s[k]),
            prefill_workers=_of_kind(self.prefill_stage, k, int(found.prefill_count[k])),
            decode_workers=decode,
            batch=int(batch) * decode.pipeline * decode.count,
            prefill_load=float(found.prefill_load[k]),
            kv_transfer_s=float(found.kv_transfer_s[k]),
            limit=self._limit(d),
            dominant_operator=dominant_operator(self.decode_stage, (k,), batch, context),
        )

    def _limit(self, decode: int) -> str:
        """Return the limit that the next larger batch of a decode layout breaks, or 'none'."""
        candidates = self.candidates
        # On the last batch of the grid it is the batch itself, which keeps both limits.
        next_batch = int(candidates.decode[decode]), min(int(candidates.point[decode]) + 1, len(BATCHES) - 1)
        if not candidates.fits[next_batch]:
            return "memory"
        return "none" if candidates.meets_tpot[next_batch] else "tpot"


def frontier(
    device: Device,
    architecture: Architecture,
    precision: str,
    request: Request,
    efficiency: Efficiency,
    engine: Engine,
    *,
    drafts: Drafts = NO_DRAFTS,
    percentile: Percentile | None = None,
    max_gpus: int = MAX_GPUS,
) -> tuple[Pair, ...]:
    """Return the groups that no other beats in both time per token and requests per GPU.

    Memory and the request's limits hold for every point. Searches all pairings of the layouts of
    :func:`gigaplan.inference.frontier.best`; a pairing is left out only where a bound proves that it is not on the
    frontier.

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
    drafts : Drafts
        Tokens that are drafted for each request and verified in one decode step.
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
    groups = _search(given, request, drafts=drafts, percentile=percentile, max_gpus=max_gpus)
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
    drafts: Drafts = NO_DRAFTS,
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
    drafts : Drafts
        Tokens that are drafted for each request and verified in one decode step.
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
        given,
        request,
        drafts=drafts,
        percentile=percentile,
        max_gpus=min(max_gpus, fleet_gpus or max_gpus),
        fleet_gpus=fleet_gpus,
    )
    if groups is None or groups.score.max(initial=0.0) <= 0:
        return None
    return groups.pair(int(np.argmax(groups.score)))


def _search(
    given: tuple[Device, Architecture, str, Efficiency, Engine],
    request: Request,
    *,
    drafts: Drafts,
    percentile: Percentile | None,
    max_gpus: int,
    fleet_gpus: int = 0,
) -> _Groups | None:
    """Return every pairing of layouts, batches and worker counts that may be on the frontier; None where none is.

    Branch and bound (Land and Doig 1960): promising workers are paired first, and after them only what could serve
    more per GPU than those at its time per token.
    """
    candidates = _candidates(given, request, drafts=drafts, percentile=percentile, max_gpus=max_gpus)
    if not len(candidates.decode) or not len(candidates.prefill):
        return None

    def evaluated(p: NDArray[np.intp], d: NDArray[np.intp], n: NDArray[np.intp]) -> _Groups:
        prefill_stage = _stages(*given, candidates.columns[:, candidates.prefill[p]])
        decode_stage = _stages(*given, candidates.columns[:, candidates.decode[d]], drafts=drafts)
        count, batch = DECODE_WORKER_COUNTS[n], BATCHES[candidates.point[d]]
        found = pairing(prefill_stage, decode_stage, batch, count, request, percentile)
        feasible = found.keeps_up & (found.ttft_s <= request.ttft_s) & (found.gpus <= max_gpus)
        score = np.where(feasible, found.requests_per_s / found.gpus, 0.0)
        if fleet_gpus:
            score = score * in_whole_replicas(found.gpus, fleet_gpus) / fleet_gpus
        return _Groups(prefill_stage, decode_stage, candidates, d, count, found, score, request)

    p, d, n = np.meshgrid(*_promising(candidates), indexing="ij")
    first = evaluated(p.ravel(), d.ravel(), n.ravel())
    return evaluated(*_may_improve(candidates, first, max_gpus))


def _candidates(
    given: tuple[Device, Architecture, str, Efficiency, Engine],
    request: Request,
    *,
    drafts: Drafts,
    percentile: Percentile | None,
    max_gpus: int,
) -> _Candidates:
    """Return the layouts and batches that groups of up to ``max_gpus`` are made of."""
    # One worker leaves at least one GPU to the other kind.
    tried = [layout for layout in layouts(given[0], given[1]) if layout[0] * layout[1] < max(max_gpus, 2)]
    columns = np.array(tried, dtype=float).T
    grid = _stages(*given, columns[:, :, None], drafts=drafts)
    rate, tpot = np.broadcast_arrays(*decode_rate(grid, BATCHES, 1.0, request))
    fits, meets_tpot = _decode_limits(grid, BATCHES, tpot, request, percentile)
    decode, point = np.nonzero(fits & meets_tpot)
    per_rate = prefill_gpus_per_rate(grid, request, percentile).ravel()
    prefill = np.flatnonzero(_prefill_fits(grid, request) & np.isfinite(per_rate))
    small_first = np.argsort((columns[0] * columns[1])[decode], kind="stable")
    decode, point = decode[small_first], point[small_first]
    return _Candidates(
        columns,
        prefill,
        per_rate[prefill],
        decode,
        point,
        rate[decode, point],
        tpot[decode, point],
        fits,
        meets_tpot,
    )


def _promising(candidates: _Candidates) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return prefill and decode workers that no other of their size beats, with every count of decode workers.

    They need not be the best: a faster decode worker may take one more prefill worker, and so serve less per GPU.
    """
    p = pareto(1 / candidates.prefill_gpus_per_rate, candidates.gpus[candidates.prefill])
    d = _best_of_size(candidates.gpus[candidates.decode], candidates.rate, candidates.tpot_s)
    return p, d, np.arange(len(DECODE_WORKER_COUNTS))


def _may_improve(
    candidates: _Candidates, first: _Groups, max_gpus: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the groups that may serve more per GPU than the first ones as fast, as (prefill, decode, count).

    A group has at least one prefill worker, and ``rate x prefill_gpus_per_rate`` GPUs of them at least, as whole
    workers take no less.
    """
    known = pareto(first.score, first.found.tpot_s)
    tpot, score = first.found.tpot_s[known], first.score[known]
    reached = np.concatenate([[0.0], score])[np.searchsorted(tpot, candidates.tpot_s, side="right")]
    minimum, per_rate = candidates.gpus[candidates.prefill], candidates.prefill_gpus_per_rate
    rate = candidates.rate[:, None] * DECODE_WORKER_COUNTS
    gpus = candidates.gpus[candidates.decode][:, None] * DECODE_WORKER_COUNTS

    def may(d: NDArray[np.intp], n: NDArray[np.intp], minimum: Array, per_rate: Array) -> Mask:
        group = gpus[d, n] + np.maximum(minimum, rate[d, n] * per_rate)
        worth: Mask = (rate[d, n] * (1 + ROUNDING) >= reached[d] * group) & (group <= max_gpus * (1 + ROUNDING))
        return worth

    d, n = (x.ravel() for x in np.indices(rate.shape))
    # With the smallest prefill worker and the most productive one in one: few pass, and are looked at with each.
    passed = may(d, n, minimum.min(), per_rate.min())
    d, n = d[passed], n[passed]
    p, k = np.nonzero(may(d, n, minimum[:, None], per_rate[:, None]))
    return p, d[k], n[k]


def _stages(
    device: Device,
    architecture: Architecture,
    precision: str,
    efficiency: Efficiency,
    engine: Engine,
    columns: Array,
    *,
    drafts: Drafts = NO_DRAFTS,
) -> Stage:
    """Return layouts as one stage of arrays; ``columns`` are GPUs of a stage, stages, and data parallel attention."""
    gpus, stages, dp_attention = columns
    return Stage(device, architecture, precision, efficiency, engine, gpus, stages, dp_attention, drafts=drafts)


def _best_of_size(gpus: Array, rate: Array, time_s: Array) -> NDArray[np.intp]:
    """Return the indices of the workers that no other of as many GPUs beats in both rate and time."""
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


def _of_kind(stage: Stage, k: int, count: int) -> Workers:
    pipeline = int(stage.pipeline[k])
    return Workers(count, int(stage.gpus[k]) * pipeline, pipeline, bool(stage.dp_attention[k]))
