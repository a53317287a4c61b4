"""The best layout and batch of a replica within the limits of memory, time to first token and time per token."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.inputs import Efficiency, Engine, Request
from gigaplan.inference.percentiles import Percentile, percentile_tpot_s, percentile_ttft_s
from gigaplan.inference.serving import Service, serve
from gigaplan.inference.step import Decode, Stage
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
    """A feasible point, or why there is none (``requests_per_gpu_s`` is then 0)."""

    requests_per_gpu_s: float
    ttft_s: float
    tpot_s: float
    gpus: int
    """GPUs of the replica: ``pipeline`` stages of ``gpus / pipeline``."""
    pipeline: int
    data_parallel: bool
    """Whether attention is split by requests (and experts lie over all GPUs of a stage) or by heads."""
    batch: int
    """Requests in flight on the replica."""
    reason: str = ""
    limit: str = ""
    """What forbids a larger batch on this layout: memory, tpot or ttft; 'none' where nothing does."""
    dominant_operator: str = ""
    """What the stage spends most time on: 'prefill' or an operator of the decode step."""


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
    """What the limits hold for: means, or slow requests' times."""
    fits: Mask
    meets_tpot: Mask
    meets_ttft: Mask

    @property
    def score(self) -> Array:
        """Requests per GPU and second where every limit is kept, else 0."""
        return np.where(
            self.fits & self.meets_tpot & self.meets_ttft, self.service.requests_per_s / self.service.gpus, 0.0
        )


def precision_for(device: Device) -> str:
    """Return the narrowest precision that the device computes in: what operators serve large models in.

    FP4 where the device has FP4 arithmetic, else FP8, else BF16. Keys and values are FP8 beside FP4 and FP8 weights.
    FP4 checkpoints keep embeddings and head, and with experts also attention, in BF16.
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
    speculative: bool = False,
    percentile: Percentile | None = None,
    max_gpus: int = NO_GPU_LIMIT,
) -> Rate:
    """Return the layout and batch that serve most requests per GPU within the limits, for the mean request or, with a
    ``percentile``, for all but its slowest (:mod:`gigaplan.inference.percentiles`); the times given are means either way.

    Searches, in one vectorised evaluation: powers of two of GPUs within the scale-up domain, attention split by heads
    or (with experts) by requests; experts over up to eight domains; pipelines of up to eight stages; and batches on a
    logarithmic grid. Between two layouts that serve alike the first and smaller one wins.
    """
    search = _search(
        device,
        architecture,
        precision,
        request,
        efficiency,
        engine,
        speculative=speculative,
        percentile=percentile,
        max_gpus=max_gpus,
    )
    k = int(np.argmax(search.score))
    if search.score.flat[k] <= 0:
        return Rate(0.0, 0.0, 0.0, 0, 0, False, 0, _reason(search))
    return _rate(search, *(int(i) for i in np.unravel_index(k, search.score.shape)))


def frontier(
    device: Device, architecture: Architecture, precision: str, request: Request, efficiency: Efficiency, engine: Engine
) -> tuple[Rate, ...]:
    """Return the points that no other beats in both time per token and requests per GPU, from fast to cheap.

    Memory and the request's limits hold for every point; raise ``tpot_s`` to see the whole curve.
    """
    search = _search(device, architecture, precision, request, efficiency, engine)
    score = search.score
    picks = pareto(score, search.service.tpot_s)
    return tuple(_rate(search, *(int(i) for i in np.unravel_index(k, score.shape))) for k in picks)


def pareto(score: Array, tpot_s: Array) -> NDArray[np.intp]:
    """Return the flat indices of the points that no other beats in both, from fast to cheap.

    ``score`` is what is to be large, 0 where a point is not feasible; ``tpot_s`` is what is to be small.
    """
    flat, tpot = score.ravel(), tpot_s.ravel()
    order = np.flatnonzero(flat > 0)
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
    speculative: bool = False,
    percentile: Percentile | None = None,
    max_gpus: int = NO_GPU_LIMIT,
) -> _Search:
    tried = [layout for layout in layouts(device, architecture) if layout[0] * layout[1] <= max_gpus]
    gpus, pipeline, data = (np.array(c, dtype=float)[:, None] for c in zip(*tried, strict=True))
    stage = Stage(device, architecture, precision, efficiency, engine, gpus, pipeline, data, speculative=speculative)
    batch = BATCHES[None, :]
    service = serve(stage, batch, request)
    free_bytes = device.hbm_bytes * (1 - efficiency.memory_reserve_share)
    ttft, tpot = service.ttft_s, service.tpot_s
    if percentile is not None:
        ttft = percentile_ttft_s(
            service,
            batch,
            request.output_tokens,
            pipeline,
            stage.attention_dp,
            stage.pipeline_send_s(batch),
            percentile,
        )
        tpot = percentile_tpot_s(service.tpot_s, batch, batch * pipeline, percentile)
    return _Search(
        stage,
        batch,
        request,
        service,
        free_bytes,
        ttft,
        tpot,
        fits=service.memory_bytes <= free_bytes,
        meets_tpot=tpot <= request.tpot_s,
        meets_ttft=ttft <= request.ttft_s,
    )


def layouts(device: Device, architecture: Architecture) -> list[tuple[int, int, int]]:
    """Return (GPUs of a stage, stages, whether by requests): small first."""
    counts = [1]
    while counts[-1] * 2 <= device.scaleup_gpus:
        counts.append(counts[-1] * 2)
    joined = device.scaleout_bandwidth_bytes_per_s > 0
    stages = PIPELINES if joined else (1,)
    heads = [(g, p, 0) for g in counts for p in stages if g <= architecture.heads and p <= architecture.layers]
    if not architecture.experts:
        return heads
    wide = [device.scaleup_gpus * n for n in DOMAINS_OF_EXPERTS] if joined else []
    spread = [(g, p, 1) for g in counts[1:] for p in stages] + [(g, 1, 1) for g in wide]
    return heads + [layout for layout in spread if layout[0] <= architecture.experts]


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
    """Say which limit the next larger batch of the layout breaks, if any."""
    if point + 1 < search.batch.shape[1]:
        at = layout, point + 1
        for name, kept in (("memory", search.fits), ("tpot", search.meets_tpot), ("ttft", search.meets_ttft)):
            if not kept[at]:
                return name
    return "none"


def _dominant(search: _Search, layout: int, point: int) -> str:
    """Say on what the layout spends most of its cycle at a batch."""
    r, batch = search.request, float(search.batch[0, point])
    context = r.cached_input_tokens + r.uncached_input_tokens + r.output_tokens / 2
    reading = batch / r.output_tokens * float(search.service.prefill_s[layout, point])
    return dominant_operator(search.stage, (layout, 0), batch, context, reading)


def dominant_operator(stage: Stage, at: tuple[int, ...], batch: float, context: float, prefill_s: float = 0.0) -> str:
    """Return the operator that takes most of a decode step of one of the stages, or 'prefill' if ``prefill_s`` is more."""
    gpus, pipeline, data = (np.array([x[at]]) for x in (stage.gpus, stage.pipeline, stage.dp_attention))
    one = replace(stage, gpus=gpus, pipeline=pipeline, dp_attention=data)
    step = one.decode(np.array([batch]), np.array([context]))
    times = {f.name: float(np.max(getattr(step, f.name))) for f in fields(Decode)} | {"prefill": prefill_s}
    return max(times, key=lambda name: times[name]).replace("_", " ")


def _reason(search: _Search) -> str:
    """Say which limit leaves nothing, with the nearest figure."""
    request = search.request
    if not search.fits.any():
        least = search.service.memory_bytes.min() / 1e9
        return f"does not fit: {least:,.0f} GB per GPU in the best layout, {search.free_bytes / 1e9:,.0f} GB free"
    if not (search.fits & search.meets_tpot).any():
        least = search.tpot_s[search.fits].min() * 1e3
        return f"too slow: {least:,.1f} ms per token at best, {request.tpot_s * 1e3:,.1f} ms allowed"
    least = search.ttft_s[search.fits & search.meets_tpot].min() * 1e3
    return f"too slow: {least:,.0f} ms to the first token at best, {request.ttft_s * 1e3:,.0f} ms allowed"
