"""Continuous batching in steady state: a fixed number of requests in flight on one replica."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.inference.inputs import Request
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class Service:
    """What one replica gives at each (layout, batch). All arrays have one shape."""

    ttft_s: Array
    tpot_s: Array
    requests_per_s: Array
    gpus: Array
    memory_bytes: Array
    """Weights and cache on one GPU."""


def serve(stage: Stage, batch: Array, request: Request) -> Service:
    """Return the steady state with ``batch`` requests in flight per stage (``batch x pipeline`` on the replica).

    In the time that ``batch`` requests each make one token, ``batch / generated`` of them end and as many new ones
    are read, so a stage's cycle is ``decode + batch / generated * prefill``. A token takes one cycle per stage.
    A new request waits half a cycle for its turn and, with probability of the share of time spent reading, behind
    another reading (mean residual, Pollaczek-Khinchine with deterministic service).
    """
    fresh, cached = np.asarray(request.fresh_input_tokens), np.asarray(request.cached_input_tokens)
    context = cached + fresh + request.generated_tokens / 2
    decode = stage.decode_s(batch, context)
    prefill = stage.prefill_s(fresh, cached)
    cycle = decode + batch / request.generated_tokens * prefill
    tpot = stage.pipeline * (cycle + stage.hop_s(batch))
    reading = np.minimum(batch / request.generated_tokens * prefill / cycle, 0.95)
    wait = reading / (2 * (1 - reading)) * prefill + cycle / 2
    # Split by requests, one rank reads a request alone, while the others read theirs.
    latency = np.where(stage.data > 0, prefill * stage.gpus, prefill)
    ttft = stage.pipeline * (latency + stage.hop_s(fresh)) + wait + decode
    memory = stage.weight_bytes() + stage.kv_bytes_per_gpu(np.asarray(context), batch * stage.pipeline)
    shape = np.broadcast_shapes(cycle.shape, tpot.shape, batch.shape)
    rate = batch / (request.generated_tokens * cycle)
    return Service(*(np.broadcast_to(x, shape) for x in (ttft, tpot, rate, stage.gpus * stage.pipeline, memory)))
