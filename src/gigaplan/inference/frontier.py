"""The best layout and batch of a replica within the limits of memory, time to first token and time per token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.fit import splits_heads
from gigaplan.inference.inputs import NO_DRAFTS, Drafts, Efficiency, Engine, Request
from gigaplan.inference.percentiles import Percentile, further, percentile_times_s, share_within_both
from gigaplan.inference.serving import Service, serve
from gigaplan.inference.slowness import corners, log_slowness
from gigaplan.inference.step import Stage, dominant_operator
from gigaplan.vocabulary.members import Array

Mask = NDArray[np.bool_]
PIPELINES = (1, 2, 3, 4, 6, 8)
"""Stages of a pipeline over domains: a search grid, as are the next two."""
DOMAINS_OF_EXPERTS = (2, 4, 8)
"""Scale-up domains that experts may be spread over, through the scale-out network."""
NO_GPU_LIMIT = 10**6
"""Stands for no limit on the GPUs of a replica."""
BATCHES = np.unique(np.round(np.geomspace(1, 32768, 48)))
"""Requests in flight per stage that are tried: a search grid, not a limit of any engine."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A feasible layout and batch with what it gives, or the reason why there is none (``requests_per_gpu_s`` is 0)."""

    requests_per_gpu_s: float
    """Requests per second over the GPUs of the replica [requests/s]."""
    ttft_s: float
    """Mean time to first token [s]."""
    tpot_s: float
    """Mean time per output token [s]."""
    gpus: int
    """GPUs of the replica: ``pipeline`` stages of ``gpus / pipeline``."""
    pipeline: int
    """Pipeline stages of the replica."""
    data_parallel: bool
    """Whether attention is data parallel (with experts over all GPUs of a stage) rather than tensor parallel."""
    batch: int
    """Requests in flight on the replica."""
    reason: str = ""
    """Why nothing is feasible, in words; empty where something is."""
    limit: str = ""
    """What forbids a larger batch on this layout: memory, tpot or ttft; 'none' where nothing does."""
    dominant_operator: str = ""
    """What the stage spends most time on: 'prefill' or an operator of the decode step."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A layout and batch that some requests are served at, by what slowness costs them."""

    log_slowness: float
    """Logarithm of how long an answer takes over what its limits allow [1]; 0 within them."""
    requests_per_gpu_s: float
    """Requests per second over the GPUs of the replica [requests/s]."""
    ttft_s: float
    """Mean time to first token [s]."""
    tpot_s: float
    """Mean time per output token [s]."""
    gpus: int
    """GPUs of the replica."""
    batch: int
    """Requests in flight on the replica."""
    within: float
    """Share of requests that keep both limits as they are served here [share]."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The points that are best at some price of slowness, from the dearest to none, or the reason why there are
    none."""

    points: tuple[OperatingPoint, ...]
    """Corners of the frontier's hull (:mod:`gigaplan.inference.slowness`): the first is the best one within the limits,
    where one keeps them."""
    reason: str = ""
    """Why no point keeps the limits, in words; empty where one does."""


@dataclass(frozen=True, slots=True)
class _Search:
    """Every candidate (layout, batch), what it gives, and which limits it keeps."""

    stage: Stage
    batch: Array
    request: Request
    service: Service
    free_bytes: float
    ttft_s: Array
    tpot_s: Array
    """Times that the limits hold for: those of the mean request, or of the percentile."""
    fits: Mask
    meets_tpot: Mask
    meets_ttft: Mask

    @property
    def score_at_any_time(self) -> Array:
        """Requests per GPU and second where memory suffices, else 0."""
        return np.where(self.fits, self.service.requests_per_s / self.service.gpus, 0.0)

    @property
    def score(self) -> Array:
        """Requests per GPU and second where every limit is kept, else 0."""
        return np.where(self.meets_tpot & self.meets_ttft, self.score_at_any_time, 0.0)


def precision_for(device: Device) -> str:
    """Return the narrowest precision that the device computes in, in which operators serve large models.

    FP4 where the device has FP4 arithmetic, else FP8, else BF16. Keys and values are FP8 with FP4 and FP8 weights;
    FP4 checkpoints keep embeddings and head, and with experts also attention, in BF16.

    Parameters
    ----------
    device : Device
        Accelerator.

    Returns
    -------
    str
        'fp4', 'fp8' or 'bf16'.

    Examples
    --------
    >>> precision_for(Device(peak_bf16_flops_per_s=312e12, hbm_bytes=80e9, hbm_bandwidth_bytes_per_s=2e12))
    'bf16'
    """
    if device.peak_fp4_flops_per_s > 0:
        return "fp4"
    return "fp8" if device.peak_fp8_flops_per_s > 0 else "bf16"


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
    max_gpus: int = NO_GPU_LIMIT,
    fleet_gpus: int = 0,
) -> Rate:
    """Return the layout and batch that serve most requests per GPU within memory and the request's limits.

    Searches, in one vectorised evaluation: powers of two of GPUs within the scale-up domain, tensor parallel or (with
    experts) data parallel attention; experts over up to eight domains; pipelines of up to eight stages; and batches on
    a logarithmic grid. Between two layouts that serve alike the first and smaller one wins.

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
        Tokens that are drafted for each request and verified in one step.
    percentile : Percentile, optional
        Which share of requests must keep the limits (:mod:`gigaplan.inference.percentiles`); without it the mean
        request must. The times returned are means either way.
    max_gpus : int
        Most GPUs of the replica [GPUs].
    fleet_gpus : int
        GPUs that whole replicas are to share [GPUs]: the layout is then the one of which they serve most together; 0
        for the most per GPU.

    Returns
    -------
    Rate
        Best point, or the reason why there is none.
    """
    search = _search(
        device,
        architecture,
        precision,
        request,
        efficiency,
        engine,
        drafts=drafts,
        percentile=percentile,
        max_gpus=min(max_gpus, fleet_gpus or max_gpus),
    )
    # argmax takes the first of equals, and layouts are ordered from small to large.
    score = search.score * in_whole_replicas(search.service.gpus, fleet_gpus) if fleet_gpus else search.score
    k = int(np.argmax(score))
    if score.flat[k] <= 0:
        return Rate(0.0, 0.0, 0.0, 0, 0, False, 0, _reason(search))
    return _rate(search, *(int(i) for i in np.unravel_index(k, score.shape)))


def choice(
    device: Device,
    architecture: Architecture,
    precision: str,
    request: Request,
    efficiency: Efficiency,
    engine: Engine,
    *,
    drafts: Drafts = NO_DRAFTS,
    percentile: Percentile | None = None,
) -> Choice:
    """Return the points among which the price of slowness chooses: those that serve most per GPU for their slowness.

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
        Tokens that are drafted for each request and verified in one step.
    percentile : Percentile, optional
        Which share of requests the limits hold for, so that slowness is that of the request at it; without it they hold
        for the mean request. The times returned are means either way.

    Returns
    -------
    Choice
        Points of rising slowness and rate; the first, where it is within the limits, is that of :func:`best`.
    """
    given = device, architecture, precision, request, efficiency, engine
    search = _search(*given, drafts=drafts, percentile=percentile)
    score, slow = search.score_at_any_time, log_slowness(search.ttft_s, search.tpot_s, request)
    undominated = pareto(score, slow)
    late, rate = slow.ravel()[undominated].tolist(), np.log(score.ravel()[undominated]).tolist()
    picks = [np.unravel_index(undominated[k], score.shape) for k in corners(late, rate)]
    # Means, or the second percentile: with the times that the limits hold for they give the spread of times.
    others = percentile_times_s(search.stage, search.service, search.batch, request.output_tokens, further(percentile))
    within = [share_within_both(request, (search.ttft_s, search.tpot_s), others, at, percentile) for at in picks]
    points = tuple(_operating_point(search, at, float(slow[at]), w) for at, w in zip(picks, within, strict=True))
    return Choice(points, "" if points and not points[0].log_slowness else _reason(search))


def _operating_point(search: _Search, at: tuple[np.intp, ...], slow: float, within: float) -> OperatingPoint:
    service = search.service
    return OperatingPoint(
        slow,
        float(search.score_at_any_time[at]),
        float(service.ttft_s[at]),
        float(service.tpot_s[at]),
        int(service.gpus[at]),
        int(search.batch[0, at[1]]) * int(search.stage.pipeline[at[0], 0]),
        within,
    )


def in_whole_replicas(gpus: Array, fleet_gpus: int) -> Array:
    """Return how many GPUs of a fleet stand in whole replicas.

    Parameters
    ----------
    gpus : Array, shape (...)
        GPUs of a replica [GPUs].
    fleet_gpus : int
        GPUs of the fleet [GPUs].

    Returns
    -------
    Array, shape (...)
        GPUs in replicas [GPUs].

    Examples
    --------
    >>> in_whole_replicas(np.array([4.0, 8.0, 16.0]), 12).tolist()
    [12.0, 8.0, 0.0]
    """
    return np.floor(fleet_gpus / gpus) * gpus


def frontier(
    device: Device,
    architecture: Architecture,
    precision: str,
    request: Request,
    efficiency: Efficiency,
    engine: Engine,
    *,
    drafts: Drafts = NO_DRAFTS,
) -> tuple[Rate, ...]:
    """Return the points that no other beats in both time per token and requests per GPU.

    Memory and the request's limits hold for every point; raise ``tpot_s`` of the request to see the whole curve.

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
        Tokens that are drafted for each request and verified in one step.

    Returns
    -------
    tuple of Rate
        Points from the shortest time per token to the most requests per GPU; empty where nothing is feasible.
    """
    search = _search(device, architecture, precision, request, efficiency, engine, drafts=drafts)
    score = search.score
    picks = pareto(score, search.service.tpot_s)
    return tuple(_rate(search, *(int(i) for i in np.unravel_index(k, score.shape))) for k in picks)


def pareto(score: Array, tpot_s: Array) -> NDArray[np.intp]:
    """Return the points that no other beats in both score and time: the Pareto frontier.

    Parameters
    ----------
    score : Array, shape (...)
        What is to be large; 0 where a point is not feasible.
    tpot_s : Array, shape (...)
        What is to be small [s].

    Returns
    -------
    Array of int, shape (points,)
        Flat indices, in the order of rising time and score.

    Examples
    --------
    >>> pareto(np.array([1.0, 3.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0, 0.5])).tolist()
    [0, 1]
    """
    flat, tpot = score.ravel(), tpot_s.ravel()
    order = np.flatnonzero(flat > 0)
    # By time, and at the same time the larger score first, so that a point is kept only if it betters all before it.
    order = order[np.lexsort((-flat[order], tpot[order]))]
    best_before = np.maximum.accumulate(np.concatenate([[0.0], flat[order][:-1]]))
    return order[flat[order] > best_before]


def _search(
    device: Device,
    architecture: Architecture,
    precision: str,
    request: Request,
    efficiency: Efficiency,
    engine: Engine,
    *,
    drafts: Drafts = NO_DRAFTS,
    percentile: Percentile | None = None,
    max_gpus: int = NO_GPU_LIMIT,
) -> _Search:
    """Evaluate every layout with every batch."""
    tried = [layout for layout in layouts(device, architecture) if layout[0] * layout[1] <= max_gpus]
    gpus, pipeline, dp_attention = (np.array(c, dtype=float)[:, None] for c in zip(*tried, strict=True))
    stage = Stage(device, architecture, precision, efficiency, engine, gpus, pipeline, dp_attention, drafts=drafts)
    batch = BATCHES[None, :]
    service = serve(stage, batch, request)
    ttft, tpot = percentile_times_s(stage, service, batch, request.output_tokens, percentile)
    return _Search(
        stage,
        batch,
        request,
        service,
        stage.free_bytes,
        ttft,
        tpot,
        fits=service.memory_bytes <= stage.free_bytes,
        meets_tpot=tpot <= request.tpot_s,
        meets_ttft=ttft <= request.ttft_s,
    )


def layouts(device: Device, architecture: Architecture) -> list[tuple[int, int, int]]:
    """Return the layouts of a replica that are tried, small ones first.

    Parameters
    ----------
    device : Device
        Accelerator and its networks.
    architecture : Architecture
        Shape of the model: GPUs of one stage divide its heads, or are no more than its experts.

    Returns
    -------
    list of tuple of int
        GPUs of a stage, pipeline stages, and whether attention is data parallel (1) or tensor parallel (0).

    Examples
    --------
    >>> pair = Device(peak_bf16_flops_per_s=1e15, hbm_bytes=8e10, hbm_bandwidth_bytes_per_s=3e12, scaleup_gpus=2)
    >>> layouts(pair, Architecture(layers=32, hidden=4096, heads=32, kv_heads=8, ffn_dense=14336, vocab=128256))
    [(1, 1, 0), (2, 1, 0)]
    """
    counts = [1]
    while counts[-1] * 2 <= device.scaleup_gpus:
        counts.append(counts[-1] * 2)
    scales_out = device.scaleout_bandwidth_bytes_per_s > 0
    stages = PIPELINES if scales_out else (1,)
    tensor = [(g, p, 0) for g in counts for p in stages if splits_heads(architecture, g) and p <= architecture.layers]
    if not architecture.experts:
        return tensor
    # Beyond a domain tensor parallel attention would send every layer's activations over the slower network.
    wide = [device.scaleup_gpus * n for n in DOMAINS_OF_EXPERTS] if scales_out else []
    data = [(g, p, 1) for g in counts[1:] for p in stages] + [(g, 1, 1) for g in wide]
    return tensor + [layout for layout in data if layout[0] <= architecture.experts]


def _rate(search: _Search, layout: int, point: int) -> Rate:
    stage, service = search.stage, search.service
    pipeline = int(stage.pipeline[layout, 0])
    at = layout, point
    return Rate(
        requests_per_gpu_s=float(search.score[at]),
        ttft_s=float(service.ttft_s[at]),
        tpot_s=float(service.tpot_s[at]),
        gpus=int(service.gpus[at]),
        pipeline=pipeline,
        data_parallel=bool(stage.dp_attention[layout, 0]),
        batch=int(search.batch[0, point]) * pipeline,
        limit=_limit(search, layout, point),
        dominant_operator=_dominant(search, layout, point),
    )


def _limit(search: _Search, layout: int, point: int) -> str:
    """Return the limit that the next larger batch of the layout breaks, or 'none'."""
    if point + 1 < search.batch.shape[1]:
        at = layout, point + 1
        for name, kept in (("memory", search.fits), ("tpot", search.meets_tpot), ("ttft", search.meets_ttft)):
            if not kept[at]:
                return name
    return "none"


def _dominant(search: _Search, layout: int, point: int) -> str:
    """Return what the layout spends most of its cycle on at a batch."""
    r, batch = search.request, float(search.batch[0, point])
    context = r.cached_input_tokens + r.uncached_input_tokens + r.output_tokens / 2
    prefills_s = batch / r.output_tokens * float(search.service.prefill_s[layout, point])
    return dominant_operator(search.stage, (layout, 0), batch, context, prefills_s)


def _reason(search: _Search) -> str:
    """Return which limit leaves nothing, with the nearest figure."""
    request = search.request
    if not search.fits.any():
        minimum = search.service.memory_bytes.min() / 1e9
        return f"does not fit: {minimum:,.0f} GB per GPU in the best layout, {search.free_bytes / 1e9:,.0f} GB free"
    if not (search.fits & search.meets_tpot).any():
        minimum = search.tpot_s[search.fits].min() * 1e3
        return f"too slow: {minimum:,.1f} ms per token at best, {request.tpot_s * 1e3:,.1f} ms allowed"
    minimum = search.ttft_s[search.fits & search.meets_tpot].min() * 1e3
    return f"too slow: {minimum:,.0f} ms to the first token at best, {request.ttft_s * 1e3:,.0f} ms allowed"
