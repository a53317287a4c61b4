"""Continuous batching in steady state: a fixed number of requests in flight on one replica."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.transformer import CACHE_BYTES
from gigaplan.inference.inputs import Request
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array

CIRCLES = 12
"""Rounds in which users settle between reading and writing: the share in flight converges geometrically."""
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
    prefill = reading_s(stage, batch, context, decode, fresh, cached)
    reading = batch / generated * prefill
    cycle = decode + reading
    tpot = stage.pipeline * (cycle + stage.hop_s(batch))
    load = np.minimum(reading / (decode + reading), BUSIEST)
    wait = load / (2 * (1 - load)) * prefill + cycle / 2
    # Split by requests, one rank reads a request alone, while the others read theirs.
    latency = prefill * stage.groups
    ttft = (
        stage.pipeline * (latency + stage.eager_s() + stage.hop_s(fresh)) + wait + decode + stage.engine.first_token_s
    )
    memory = stage.weight_bytes() + stage.cache_bytes(cached + fresh + generated, batch)
    rate = stage.pipeline * batch / (generated * tpot)
    shape = np.broadcast_shapes(tpot.shape, ttft.shape, memory.shape)
    gpus = stage.gpus * stage.pipeline
    return Service(*(np.broadcast_to(x, shape) for x in (ttft, tpot, rate, gpus, memory, prefill)))


def reading_s(stage: Stage, batch: Array, context: Array, decode: Array, fresh: Array, cached: Array) -> Array:
    """Return what reading one request costs a stage [s] beside a decode step of ``batch`` requests.

    Alone it takes the stage to itself; joined to the step it costs only what the step gets longer by. The engine's
    ``mixing_share`` says how far it joins.
    """
    alone = stage.prefill_s(fresh, cached)
    joined = np.where(fresh > 0, stage.joined_s(batch, context, fresh, cached) - decode, 0.0)
    return alone + stage.engine.mixing_share * (np.minimum(joined, alone) - alone)


def closed_loop(
    stage: Stage,
    users: Array,
    fresh: Array,
    generated: Array,
    *,
    drawn: bool = False,
    waited_steps: float = 0.0,
) -> tuple[Array, Array]:
    """Return time to first token and per token [s] of a benchmark on one stage that starts all its users at once.

    Each of ``users`` sends a prompt at time zero and then one after another. Requests beyond those that memory holds
    wait outside: ``users = rate x (wait + generated x tpot)`` (Little 1961). Prompts that come together queue behind
    each other, half of them on average, and no answer waits for them later: that half of the reading moves from the time
    per token to the time to the first one. The engine's ``bunching_share`` says how many come together; where lengths
    are ``drawn``, fewer do. An engine may hold a new prompt back for some ``waited_steps`` to batch it with others.
    """
    room = stage.device.hbm_bytes * (1 - stage.efficiency.memory_reserve_share)
    capacity = stage.capacity(fresh + generated, room)
    # Where by our count not one request fits, the layout ran all the same: then memory says nothing.
    running = np.where(capacity >= 1, np.minimum(users, capacity), users)
    service = steady_state(stage, running, fresh, np.zeros_like(fresh), generated)
    outside = (users - running) / service.requests_per_s
    together = stage.engine.bunching_share * (stage.efficiency.drawn_bunching_share if drawn else 1.0)
    burst = together * running / 2 * service.prefill_s
    held = waited_steps * service.tpot_s
    return service.ttft_s + outside + burst + held, service.tpot_s - burst / generated


def disaggregated_loop(
    readers: Stage,
    reader_count: Array,
    writers: Stage,
    writer_count: Array,
    users: Array,
    fresh: Array,
    generated: Array,
    hand_over_bytes_per_s: Array | float,
) -> tuple[Array, Array]:
    """Return time to first token and per token [s] where some workers read prompts and others write answers.

    Users circulate: ``users = rate x (first token + generated x tpot)`` (Little 1961). Readers take one prompt at a
    time; with ``p`` seconds a prompt and ``S`` readers the first token takes the larger of ``p`` and what the circle
    leaves, ``users p / S - generated x tpot`` (asymptotic bounds of closed networks: Muntz and Wong 1974). Keys and
    values then travel to a writer. Prompts that come together queue behind each other, half of them on average.
    """
    one = np.ones_like(users)
    zero = np.zeros_like(fresh)
    prefill = readers.prefill_s(fresh, zero)
    latency = prefill * readers.groups
    each = prefill / reader_count
    cache = readers.architecture.kv_bytes(fresh, CACHE_BYTES[readers.precision])
    travel = cache / hand_over_bytes_per_s
    answering, first = users, latency
    for _ in range(CIRCLES):
        batch = np.maximum(answering / writer_count, one)
        tpot = writers.pipeline * (writers.decode_s(batch, fresh + generated / 2) + writers.hop_s(batch))
        first = np.maximum(latency, users * each - generated * tpot) + travel
        answering = users * generated * tpot / (generated * tpot + first)
    burst = users / 2 * each * readers.engine.bunching_share
    return first + burst + readers.eager_s() + readers.engine.first_token_s, tpot
