"""Continuous batching in steady state: a fixed number of requests in flight on one replica."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.inference.inputs import Request
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array

BUSIEST = 0.95
"""Cap on the share of time spent reading in the queueing formula, which has a pole at 1."""


@dataclass(frozen=True, slots=True)
class Service:
    """What one replica gives at each (layout, batch). All arrays have one shape."""

    ttft_s: Array
    tpot_s: Array
    requests_per_s: Array
    gpus: Array
    memory_bytes: Array
    """Weights and cache on one GPU."""
    prefill_s: Array
    """Time of the replica that reading one request takes."""


def serve(stage: Stage, batch: Array, request: Request) -> Service:
    """Return the steady state with ``batch`` requests in flight per stage, for the mean request."""
    return steady_state(stage, batch, np.asarray(request.fresh_input_tokens), np.asarray(request.cached_input_tokens),
                        np.asarray(request.generated_tokens))  # fmt: skip


def steady_state(stage: Stage, batch: Array, fresh: Array, cached: Array, generated: Array) -> Service:
    """Return the steady state with ``batch`` requests in flight per stage (``batch x pipeline`` on the replica).

    In the time that ``batch`` requests each make one token, ``batch / generated`` of them end and as many new ones
    are read (continuous batching: Yu et al. 2022), so a stage's cycle is ``decode + batch / generated x prefill``.
    A token takes one cycle per stage. A new request waits half a cycle for its turn and behind another's reading
    (mean wait of an M/D/1 queue whose load is the share of time spent reading: Pollaczek 1930, Khinchine 1932).
    Memory is that of every request at its full length: engines that never evict admit no more than that.
    """
    context = cached + fresh + generated / 2
    decode = stage.decode_s(batch, context)
    prefill = stage.prefill_s(fresh, cached)
    reading = batch / generated * prefill
    cycle = decode + reading
    tpot = stage.pipeline * (cycle + stage.hop_s(batch))
    load = np.minimum(reading / cycle, BUSIEST)
    wait = load / (2 * (1 - load)) * prefill + cycle / 2
    # Split by requests, one rank reads a request alone, while the others read theirs.
    latency = np.where(stage.data > 0, prefill * stage.gpus, prefill)
    ttft = stage.pipeline * (latency + stage.hop_s(fresh)) + wait + decode
    memory = stage.weight_bytes() + stage.cache_bytes(cached + fresh + generated, batch)
    rate = stage.pipeline * batch / (generated * tpot)
    shape = np.broadcast_shapes(tpot.shape, ttft.shape, memory.shape)
    gpus = stage.gpus * stage.pipeline
    return Service(*(np.broadcast_to(x, shape) for x in (ttft, tpot, rate, gpus, memory, prefill)))


def closed_loop(
    stage: Stage, users: Array, fresh: Array, generated: Array, prompts_per_user: float
) -> tuple[Array, Array]:
    """Return time to first token and per token [s] of a benchmark on one stage that starts all its users at once.

    Each of ``users`` sends a prompt at time zero and ``prompts_per_user`` in all, one after another. Requests beyond
    those that memory holds wait outside: ``users = rate x (wait + generated x tpot)`` (Little 1961). The first
    prompts queue behind each other, half of them on average, and are ``1 / prompts_per_user`` of the sample.
    """
    room = stage.device.hbm_bytes * (1 - stage.efficiency.memory_reserve_share)
    capacity = stage.capacity(fresh + generated, room)
    # Where by our count not one request fits, the layout ran all the same: then memory says nothing.
    running = np.where(capacity >= 1, np.minimum(users, capacity), users)
    service = steady_state(stage, running, fresh, np.zeros_like(fresh), generated)
    outside = (users - running) / service.requests_per_s
    burst = running / 2 * service.prefill_s / prompts_per_user
    return service.ttft_s + outside + burst, service.tpot_s
