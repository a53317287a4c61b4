"""Continuous batching in steady state: a fixed number of requests in flight on one replica."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.transformer import CACHE_BYTES
from gigaplan.inference.inputs import Engine, Request
from gigaplan.inference.step import Stage
from gigaplan.vocabulary.members import Array

ITERATIONS = 12
"""Rounds in which users settle between reading and writing: the share in flight converges geometrically."""
MIN_TIME_S = 1e-12
"""Keeps a prompt that takes no time out of denominators."""
MAX_LOAD = 0.95
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
    return steady_state(
        stage,
        batch,
        np.asarray(request.uncached_input_tokens),
        np.asarray(request.cached_input_tokens),
        np.asarray(request.output_tokens),
    )


def steady_state(stage: Stage, batch: Array, uncached: Array, cached: Array, output: Array) -> Service:
    """Return the steady state with ``batch`` requests in flight per stage (``batch x pipeline`` on the replica).

    In the time that ``batch`` requests each make one token, ``batch / output`` of them end and as many new ones
    are read (continuous batching: Yu et al. 2022), so a stage's cycle is ``decode + batch / output x prefill``.
    A token takes one cycle per stage. A new request waits half a cycle for its turn and behind another's reading
    (mean wait of an M/D/1 queue whose load is the share of time spent reading: Pollaczek 1930, Khinchine 1932).
    Memory is that of every request at its full length: engines that never evict admit no more than that.
    """
    context = cached + uncached + output / 2
    decode = stage.decode_s(batch, context)
    prefill = added_prefill_s(stage, batch, context, uncached, cached)
    reading = batch / output * prefill
    cycle = decode + reading
    tpot = stage.pipeline * (cycle + stage.pipeline_send_s(batch))
    load = np.minimum(reading / (decode + reading), MAX_LOAD)
    wait = load / (2 * (1 - load)) * prefill + cycle / 2
    # Split by requests, one rank reads a request alone, while the others read theirs.
    latency = np.maximum(prefill * stage.attention_dp, stage.launch_bound_s())
    ttft = (
        stage.pipeline * (latency + stage.pipeline_send_s(uncached))
        + wait
        + decode
        + stage.engine.frontend_overhead_s(uncached)
    )
    memory = stage.weight_bytes() + stage.cache_bytes(cached + uncached + output, batch)
    rate = stage.pipeline * batch / (output * tpot)
    shape = np.broadcast_shapes(tpot.shape, ttft.shape, memory.shape)
    gpus = stage.gpus * stage.pipeline
    return Service(*(np.broadcast_to(x, shape) for x in (ttft, tpot, rate, gpus, memory, prefill)))


def added_prefill_s(stage: Stage, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
    """Return what reading one request costs a stage [s] beside a decode step of ``batch`` requests.

    Alone it takes the stage to itself; joined to the step it costs only what the step gets longer by. The engine's
    ``mixing_share`` says how far it joins.
    """
    alone = stage.prefill_s(uncached, cached)
    nothing = np.zeros_like(uncached)
    longer = stage.mixed_step_s(batch, context, uncached, cached) - stage.mixed_step_s(batch, context, nothing, nothing)
    joined = np.where(uncached > 0, longer, 0.0)
    return alone + stage.engine.mixing_share * (np.minimum(joined, alone) - alone)


def closed_loop(
    stage: Stage,
    users: Array,
    uncached: Array,
    output: Array,
    *,
    prompts: int,
    spread: float = 0.0,
    waited_steps: float = 0.0,
) -> tuple[Array, Array]:
    """Return mean time to first token and per token [s] of a benchmark on one stage that starts all its users at once.

    Each of ``users`` sends ``prompts`` prompts, one after another, so that they come in waves: the first all together,
    each later one as the answers before it end. Answers whose lengths are drawn evenly from a width of ``spread`` of
    their mean end further apart from wave to wave (:func:`later_wave_wait_s`). What a prompt waits, its user doesn't write:
    ``users = rate x (first token + output x tpot)`` (Little 1961), with the device never idle. Requests beyond those
    that memory holds wait outside. An engine may hold a prompt back for some ``waited_steps``, and where attention is
    split by requests until other ranks have one too.
    """
    engine, zero = stage.engine, np.zeros_like(uncached)
    free_bytes = stage.device.hbm_bytes * (1 - stage.efficiency.memory_reserve_share)
    capacity = stage.capacity(uncached + output, free_bytes)
    # Where by our count not one request fits, the layout ran all the same: then memory says nothing.
    running = np.where(capacity >= 1, np.minimum(users, capacity), users)
    context = uncached + output / 2
    decode = stage.decode_s(running, context)
    device_s = stage.prefill_s(uncached, zero)
    alone = np.maximum(device_s, stage.launch_bound_s() / stage.attention_dp)
    prefill = added_prefill_s(stage, running, context, uncached, zero)
    # One rank's requests and times, where attention is split by requests.
    mine, each = np.maximum(running / stage.attention_dp, 1.0), prefill * stage.attention_dp
    writing = output * decode
    at_once = (device_s + engine.arrival_s) * stage.attention_dp
    waits = first_wave_wait_s(mine, at_once, engine.chunk_tokens / uncached)
    for wave in range(1, prompts):
        waits = waits + later_wave_wait_s(mine, each, decode, writing, spread * np.sqrt(wave), engine)
    wait = waits / prompts
    reading = running * (alone + (prompts - 1) * prefill) / prompts
    tpot = np.maximum((writing + reading - wait - each) / output, decode)
    held = waited_steps + np.where(stage.attention_dp > 1, engine.balance_steps, 0.0)
    outside = np.maximum(users - running, 0) / running * (writing + reading)
    turn = decode * (0.5 + engine.mixing_share)
    return wait + np.maximum(each, stage.launch_bound_s()) + turn + engine.frontend_overhead_s(
        uncached
    ) + outside + held * tpot, tpot


def first_wave_wait_s(users: Array, each: Array, together: Array) -> Array:
    """Return the mean wait [s] of ``users`` prompts that come at once, before its own reading of ``each`` seconds.

    They are read one after another, ``together`` of them in a batch that ends as one:
    ``((users - 1) + (batch - 1)) / 2 x each``.
    """
    batch = np.clip(together, 1.0, users)
    return (users - 1 + batch - 1) / 2 * each


def later_wave_wait_s(
    users: Array, each: Array, step: Array, writing: Array, spread: Array | float, engine: Engine
) -> Array:
    """Return the mean wait [s] of prompts that come as answers of ``writing`` seconds end, ``spread`` of it apart.

    Where reading joins the step, prompts come over a window of the spread and of the reading itself and queue for a
    server of ``each`` seconds: ``(a + sqrt(a^2 + users)) / 2`` of them stand ahead, ``a = (users - window / each) / 2``.
    That is the fluid queue where more come than can be read, and the M/D/1 queue (Pollaczek 1930, Khinchine 1932) where
    they are few. Where reading stops the step, nobody ends meanwhile: a prompt waits for those of its own step only.
    """
    ends = spread * writing
    window = np.minimum(np.hypot(ends, users * each), writing + users * each)
    late = (users - window / np.maximum(each, MIN_TIME_S)) / 2
    joined = np.maximum((late + np.sqrt(late * late + users)) / 2 - 0.5, 0)
    apart = np.maximum(users * np.minimum(step / np.maximum(ends, step), 1.0) - 1, 0) / 2
    mixing = engine.mixing_share
    return engine.queueing_factor * (mixing * joined + (1 - mixing) * apart) * each


def disaggregated_loop(
    prefill_stage: Stage,
    prefill_count: Array,
    decode_stage: Stage,
    decode_count: Array,
    users: Array,
    uncached: Array,
    output: Array,
    kv_transfer_bytes_per_s: Array | float,
    *,
    prompts: int,
) -> tuple[Array, Array]:
    """Return time to first token and per token [s] where some workers read prompts and others write answers.

    Users circulate: ``users = rate x (first token + output x tpot)`` (Little 1961). Readers take one prompt at a
    time; with ``p`` seconds a prompt and ``S`` prefill workers the first token takes the larger of ``p`` and what the circle
    leaves, ``users p / S - output x tpot`` (asymptotic bounds of closed networks: Muntz and Wong 1974). Keys and
    values then travel to a decode worker. Prompts that come together queue behind each other, half of them on average.
    """
    one = np.ones_like(users)
    zero = np.zeros_like(uncached)
    prefill = prefill_stage.prefill_s(uncached, zero)
    latency = prefill * prefill_stage.attention_dp
    each = prefill / prefill_count
    cache = prefill_stage.architecture.kv_bytes(uncached, CACHE_BYTES[prefill_stage.precision])
    kv_transfer = cache / kv_transfer_bytes_per_s
    answering, first = users, latency
    for _ in range(ITERATIONS):
        batch = np.maximum(answering / decode_count, one)
        tpot = decode_stage.pipeline * (
            decode_stage.decode_s(batch, uncached + output / 2) + decode_stage.pipeline_send_s(batch)
        )
        first = np.maximum(latency, users * each - output * tpot) + kv_transfer
        answering = users * output * tpot / (output * tpot + first)
    engine = prefill_stage.engine
    burst = first_wave_wait_s(users, each + engine.arrival_s / prefill_count, one) / prompts
    late = np.maximum(prefill_stage.launch_bound_s() - latency, 0.0)
    return first + burst + late + engine.frontend_overhead_s(uncached), tpot
