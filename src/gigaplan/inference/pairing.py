"""What a group of prefill and decode workers gives: just enough prefill workers for its decode workers.

Keys and values travel from prefill to decode workers, so neither kind does the other's work (DistServe: Zhong et al.
2024; Splitwise: Patel et al. 2024). All arguments broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.transformer import CACHE_BYTES
from gigaplan.inference.inputs import Request
from gigaplan.inference.percentiles import Percentile, load_for_wait, percentile_wait_s
from gigaplan.inference.placement import DISCONNECTED, reached_bytes_per_s
from gigaplan.inference.serving import MAX_LOAD
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array

MIN_TIME_S = float(np.finfo(float).tiny)
"""Keeps a prompt that is all in the cache, which takes no time, out of denominators [s]."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """What groups give at each (prefill layout, decode layout and batch, decode workers). All arrays have one shape."""

    ttft_s: Array
    """Time to first token, of the mean request or at the percentile [s]."""
    tpot_s: Array
    """Mean time per output token [s]."""
    requests_per_s: Array
    """Requests of the group per second [requests/s]."""
    gpus: Array
    """GPUs of the group, both kinds of worker [GPUs]."""
    prefill_count: Array
    """Prefill workers of the group [1]."""
    prefill_load: Array
    """Share of time that prefill workers compute [share]."""
    kv_transfer_s: Array
    """Time that a request's keys and values take from prefill to decode worker [s]."""
    keeps_up: NDArray[np.bool_]
    """Whether enough prefill workers exist within the limit of the first token, and the network carries the caches."""


def pairing(
    prefill_stage: Stage,
    decode_stage: Stage,
    batch: Array,
    decode_count: Array,
    request: Request,
    percentile: Percentile | None = None,
) -> Pairing:
    """Return what some decode workers give with just enough prefill workers.

    A prefill worker takes one prompt at a time (each of its groups one, with data parallel attention). A prompt waits
    behind others for ``load / (2 (1 - load)) x prefill`` (M/D/1: Pollaczek 1930, Khinchine 1932), so the limit of the
    first token bounds the load of prefill workers, and ``ceil(rate x prefill / load)`` of them keep up. Keys and values
    travel over the scale-up network where the whole group lies in one domain, else over the scale-out network, one link
    for each request.

    Parameters
    ----------
    prefill_stage : Stage
        Layouts of one prefill worker.
    decode_stage : Stage
        Layouts of one decode worker.
    batch : Array, shape (...)
        Requests in flight per stage of a decode worker [requests].
    decode_count : Array, shape (...)
        Decode workers of the group [1].
    request : Request
        Mean request and the longest times that its users accept.
    percentile : Percentile, optional
        Which share of requests must keep the limit of the first token; without it the mean request must.

    Returns
    -------
    Pairing
        Times, rates and sizes of the groups, arrays of shape (...).
    """
    rate, tpot = decode_rate(decode_stage, batch, decode_count, request)
    latency, prefill, cache, load_limit = _prefill(prefill_stage, request, percentile)
    near, far = reached_bytes_per_s(prefill_stage.device, prefill_stage.engine, prefill_stage.efficiency)
    enough = np.ceil(rate * prefill / np.where(load_limit > 0, load_limit, 1.0))
    # A group has a prefill worker also where every prompt is all in the cache and takes no time.
    count = np.maximum(enough, 1.0)
    prefill_gpus = count * prefill_stage.gpus * prefill_stage.pipeline
    decode_gpus = decode_count * decode_stage.gpus * decode_stage.pipeline
    gpus = prefill_gpus + decode_gpus
    link = np.where(gpus <= prefill_stage.device.scaleup_gpus, near, far)
    links = np.minimum(prefill_gpus, decode_gpus)
    load = rate * prefill / count
    wait = _wait_s(load, prefill, percentile)
    transfer = cache / link

    def broadcast(x: Array) -> Array:
        return np.broadcast_to(x, gpus.shape)

    return Pairing(
        ttft_s=broadcast(latency + wait + transfer),
        tpot_s=broadcast(tpot),
        requests_per_s=broadcast(rate),
        gpus=gpus,
        prefill_count=broadcast(count),
        prefill_load=broadcast(load),
        kv_transfer_s=broadcast(transfer),
        keeps_up=(load_limit > 0) & (rate * cache <= MAX_LOAD * links * link),
    )


def prefill_gpus_per_rate(stage: Stage, request: Request, percentile: Percentile | None = None) -> Array:
    """Return the GPUs of prefill workers that a request per second takes at least: parts of a worker counted as such.

    Parameters
    ----------
    stage : Stage
        Layouts of one prefill worker.
    request : Request
        Mean request and the longest times that its users accept.
    percentile : Percentile, optional
        Which share of requests must keep the limit of the first token; without it the mean request must.

    Returns
    -------
    Array, shape (...)
        GPUs over requests per second, of the layouts' shape; infinite where the first token comes too late [GPUs s].
    """
    _, prefill, _, load_limit = _prefill(stage, request, percentile)
    busy = np.maximum(prefill, MIN_TIME_S) / np.where(load_limit > 0, load_limit, 1.0)
    return np.where(load_limit > 0, stage.gpus * stage.pipeline * busy, np.inf)


def _prefill(stage: Stage, request: Request, percentile: Percentile | None) -> tuple[Array, Array, float, Array]:
    """Return latency and time of a prefill [s], bytes of its keys and values, and the load that keeps its limit."""
    latency, prefill = prefill_latency_s(stage, request)
    if percentile is not None:
        latency = latency + percentile.prompt_excess * stage.pipeline * prefill * stage.attention_dp
    tokens = np.asarray(request.cached_input_tokens) + np.asarray(request.uncached_input_tokens)
    cache = float(stage.architecture.kv_bytes(tokens, CACHE_BYTES[stage.precision]))
    near, far = reached_bytes_per_s(stage.device, stage.engine, stage.efficiency)
    # Sized for the slower network where there is one; a group within one domain is then faster than its limit.
    slack = np.maximum(request.ttft_s - latency - cache / (far if far > DISCONNECTED else near), 0.0)
    return latency, prefill, cache, _load_limit(slack, prefill, percentile)


def decode_rate(stage: Stage, batch: Array, count: Array | float, request: Request) -> tuple[Array, Array]:
    """Return the requests that decode workers end per second, and the time per output token.

    Equation: ``rate = workers x pipeline x batch / (output x tpot)``.

    Parameters
    ----------
    stage : Stage
        Layouts of one decode worker.
    batch : Array, shape (...)
        Requests in flight per stage of a worker [requests].
    count : Array, shape (...)
        Decode workers [1].
    request : Request
        Mean request.

    Returns
    -------
    tuple of Array
        Requests per second [requests/s] and time per output token [s], each of shape (...).
    """
    prompt = request.cached_input_tokens + request.uncached_input_tokens
    context = np.asarray(prompt + request.output_tokens / 2)
    tpot = stage.pipeline * (stage.decode_s(batch, context) + stage.pipeline_send_s(batch))
    return count * stage.pipeline * batch / (np.asarray(request.output_tokens) * tpot), tpot


def prefill_latency_s(stage: Stage, request: Request) -> tuple[Array, Array]:
    """Return the time from a prompt's turn to its first token, and the time of a worker that it takes.

    Parameters
    ----------
    stage : Stage
        Layouts of one prefill worker.
    request : Request
        Mean request.

    Returns
    -------
    tuple of Array
        Latency, front-end overhead included, and time of a worker per prompt, each of the layouts' shape [s].
    """
    uncached, cached = np.asarray(request.uncached_input_tokens), np.asarray(request.cached_input_tokens)
    prefill = stage.prefill_s(uncached, cached)
    latency = np.maximum(prefill * stage.attention_dp, stage.launch_bound_s())
    through_stages = stage.pipeline * (latency + stage.pipeline_send_s(uncached))
    return through_stages + stage.engine.frontend_overhead_s(uncached), prefill


def _load_limit(slack_s: Array, prefill_s: Array, percentile: Percentile | None) -> Array:
    """Return the share of time that prefill workers may compute, so that a prompt waits no longer than the slack."""
    if percentile is not None:
        return load_for_wait(slack_s, np.maximum(prefill_s, MIN_TIME_S), percentile)
    # The mean wait of M/D/1, solved for the load.
    return np.minimum(2 * slack_s / np.maximum(prefill_s + 2 * slack_s, MIN_TIME_S), MAX_LOAD)


def _wait_s(load: Array, prefill_s: Array, percentile: Percentile | None) -> Array:
    """Return how long a prompt waits behind others [s]; without end where they can't keep up."""
    if percentile is not None:
        return np.where(load < 1, percentile_wait_s(load, prefill_s, percentile), np.inf)
    return np.where(load < 1, load / (2 * (1 - np.minimum(load, MAX_LOAD))), np.inf) * prefill_s
