"""Continuous batching on one replica: in steady state, and in a benchmark's closed loop of users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.transformer import CACHE_BYTES
from gigaplan.inference.inputs import WARMED, Harness, Request
from gigaplan.inference.step import Stage
from gigaplan.inference.waves import cold_start_s, first_wave_wait_s, later_wave_wait_s
from gigaplan.vocabulary.members import Array

ITERATIONS = 12
"""Iterations in which users settle between prefill and decode: the share in decode converges geometrically."""
MIN_REQUESTS = 1e-3
"""Fewer requests than this in a last wave are rounding."""
MAX_LOAD = 0.95
"""Cap on the share of time spent on prefill in the queueing formula, which has a pole at 1."""


@dataclass(frozen=True, slots=True)
class Service:
    """What one replica gives at each (layout, batch). All arrays have one shape."""

    ttft_s: Array
    """Mean time to first token [s]."""
    tpot_s: Array
    """Mean time per output token [s]."""
    requests_per_s: Array
    """Requests of the replica per second [requests/s]."""
    gpus: Array
    """GPUs of the replica [GPUs]."""
    memory_bytes: Array
    """Weights and cache on one GPU [byte]."""
    prefill_s: Array
    """Time of one stage that the prefill of one request takes [s]."""


def serve(stage: Stage, batch: Array, request: Request) -> Service:
    """Return the steady state of a replica for the mean request.

    Parameters
    ----------
    stage : Stage
        Layouts of the replica, arrays of shape (layout, 1).
    batch : Array, shape (1, batch)
        Requests in flight per stage [requests].
    request : Request
        Mean request.

    Returns
    -------
    Service
        Times, rates and memory, arrays of shape (layout, batch).
    """
    return steady_state(
        stage,
        batch,
        np.asarray(request.uncached_input_tokens),
        np.asarray(request.cached_input_tokens),
        np.asarray(request.output_tokens),
    )


def steady_state(stage: Stage, batch: Array, uncached: Array, cached: Array, output: Array) -> Service:
    """Return the steady state of a replica with a fixed number of requests in flight per stage.

    In the time in which each request in flight makes one token, ``batch / output`` of them end and as many new prompts
    are computed (continuous batching: Yu et al. 2022), so a stage's cycle is ``decode + batch / output x prefill``, and
    a token takes one cycle per stage. A new request waits half a cycle for its turn, and behind others' prefills:
    ``load / (2 (1 - load)) x prefill`` (mean wait of an M/D/1 queue whose load is the share of time spent on prefill:
    Pollaczek 1930, Khinchine 1932), with the load capped at ``MAX_LOAD``.

    Parameters
    ----------
    stage : Stage
        Layouts of the replica.
    batch : Array, shape (...)
        Requests in flight per stage, ``batch x pipeline`` on the replica [requests].
    uncached : Array, shape (...)
        Input tokens that are computed [tokens].
    cached : Array, shape (...)
        Input tokens whose keys and values are in the cache [tokens].
    output : Array, shape (...)
        Output tokens [tokens].

    Returns
    -------
    Service
        Times, rates and memory, arrays of shape (...).
    """
    # On average a request in flight is half way through its output.
    context = cached + uncached + output / 2
    decode = stage.decode_s(batch, context)
    prefill = added_prefill_s(stage, batch, context, uncached, cached)
    prefills = batch / output * prefill
    cycle = decode + prefills
    tpot = stage.pipeline * (cycle + stage.pipeline_send_s(batch))
    load = np.minimum(prefills / (decode + prefills), MAX_LOAD)
    wait = load / (2 * (1 - load)) * prefill + cycle / 2
    # With data parallel attention one group computes a prompt alone, while the others compute theirs.
    latency = np.maximum(prefill * stage.attention_dp, stage.launch_bound_s())
    through_stages = stage.pipeline * (latency + stage.pipeline_send_s(uncached))
    ttft = through_stages + wait + decode + stage.engine.frontend_overhead_s(uncached)
    # Engines that never evict admit only what memory holds at every request's full length.
    memory = stage.weight_bytes() + stage.cache_bytes(cached + uncached + output, batch)
    rate = stage.pipeline * batch / (output * tpot)
    shape = np.broadcast_shapes(tpot.shape, ttft.shape, memory.shape)
    gpus = stage.gpus * stage.pipeline
    return Service(*(np.broadcast_to(x, shape) for x in (ttft, tpot, rate, gpus, memory, prefill)))


def queue_requests_per_s(
    stage: Stage, batch: Array, queued: Array, uncached: Array, cached: Array, output: Array
) -> Array:
    """Return the rate at which a replica works off requests that are all there at once, first to last.

    Requests of one length that start together end together, so that they are served in waves of as many as the replica
    works on, each as long as the steady state of its own size: ``queued / (whole waves x t(batch) + t(rest))`` with
    ``t(n) = output x tpot(n)``. The last wave is rarely full, and takes nearly as long.

    Parameters
    ----------
    stage : Stage
        Layouts of the replica.
    batch : Array, shape (...)
        Requests in flight per stage at most [requests].
    queued : Array, shape (...)
        Requests in all; infinite for an endless queue [requests].
    uncached, cached : Array, shape (...)
        Input tokens that are computed, and those whose keys and values are in the cache [tokens].
    output : Array, shape (...)
        Output tokens [tokens].

    Returns
    -------
    Array, shape (...)
        Requests of the replica per second [requests/s].
    """
    on_stage = np.minimum(np.where(np.isfinite(queued), queued, 0.0) / stage.pipeline, 1e12)
    size = np.where(on_stage > 0, np.minimum(batch, on_stage), batch)
    whole = np.floor(on_stage / size * (1 + 1e-9))
    rest = np.maximum(on_stage - whole * size, 0.0)
    full, last = (steady_state(stage, n, uncached, cached, output) for n in (size, np.maximum(rest, MIN_REQUESTS)))
    taken = output * (whole * full.tpot_s + np.where(rest > MIN_REQUESTS, last.tpot_s, 0.0))
    return np.where(on_stage > 0, queued / np.where(on_stage > 0, taken, 1.0), full.requests_per_s)


def added_prefill_s(stage: Stage, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
    """Return the time that the prefill of one request adds to a stage's decode steps.

    In a step of its own a prefill has the stage to itself; in a mixed-batch step (chunked prefill: Agrawal et al. 2023)
    it costs only what the step takes longer. The engine's ``mixing_share`` interpolates between the two:
    ``own + share x (min(mixed, own) - own)``.

    Parameters
    ----------
    stage : Stage
        Layouts of the replica.
    batch : Array, shape (...)
        Requests that decode meanwhile [requests].
    context : Array, shape (...)
        Mean tokens of such a request so far [tokens].
    uncached : Array, shape (...)
        Tokens of the prompt that are computed [tokens].
    cached : Array, shape (...)
        Tokens of the prompt whose keys and values are in the cache [tokens].

    Returns
    -------
    Array, shape (...)
        Time of one stage per request [s]; zero where all tokens are cached.
    """
    own_step = stage.prefill_s(uncached, cached)
    nothing = np.zeros_like(uncached)
    with_prompt = stage.mixed_step_s(batch, context, uncached, cached)
    extra = with_prompt - stage.mixed_step_s(batch, context, nothing, nothing)
    mixed = np.where(uncached > 0, extra, 0.0)
    return own_step + stage.engine.mixing_share * (np.minimum(mixed, own_step) - own_step)


def closed_loop(
    stage: Stage,
    users: Array,
    uncached: Array,
    output: Array,
    *,
    prompts: int,
    spread: float = 0.0,
    harness: Harness = WARMED,
) -> tuple[Array, Array]:
    """Return mean times of a benchmark on one replica that starts all its users at once.

    Each user sends its prompts one after another, so that they come in waves: the first all together
    (:func:`first_wave_wait_s`), each later one as the outputs before it end (:func:`later_wave_wait_s`). The device is
    never idle, and a user without a first token yet receives no tokens, so the time per token follows from
    ``users = rate x (first token + output x tpot)`` (Little 1961). Requests beyond those that memory holds wait outside
    the engine. The stages of a pipeline work on one part of the requests each, in turn, so that a token takes as many
    steps of a stage as there are stages, each of its part only (Huang et al. 2019). Valid for benchmarks with a fixed
    number of users and no cached input.

    Parameters
    ----------
    stage : Stage
        Layouts of the replica.
    users : Array, shape (...)
        Users, each with one request at a time [requests].
    uncached : Array, shape (...)
        Input tokens of a prompt [tokens].
    output : Array, shape (...)
        Mean output tokens of a request [tokens].
    prompts : int
        Prompts that each user sends [1].
    spread : float
        Width of the even distribution of output lengths over their mean, so that outputs end apart [share].
    harness : Harness
        How the engine was launched and prepared.

    Returns
    -------
    tuple of Array
        Mean time to first token and mean time per output token, each of shape (...) [s].
    """
    engine, zero = stage.engine, np.zeros_like(uncached)
    running = requests_in_flight(stage, users, uncached, output, harness)
    on_stage = requests_on_stage(stage, running)
    context = uncached + output / 2
    step = stage.pipeline * (stage.decode_s(on_stage, context) + stage.pipeline_send_s(on_stage))
    device_s = stage.prefill_s(uncached, zero)
    own_step = np.maximum(device_s, stage.launch_bound_s() / stage.attention_dp)
    prefill = added_prefill_s(stage, on_stage, context, uncached, zero)
    # With data parallel attention a prompt queues behind those of its own group only, which takes the group longer.
    per_group, group_prefill = np.maximum(running / stage.attention_dp, 1.0), prefill * stage.attention_dp
    decode = output * step
    at_once = (device_s + engine.arrival_s) * stage.attention_dp
    chunk = harness.chunk_tokens or engine.chunk_tokens
    waits = first_wave_wait_s(per_group, at_once, chunk / uncached)
    waits = waits + cold_start_s(engine, harness, per_group * uncached)
    # With drafts one step of the engine yields several tokens.
    whole_step = step * stage.drafts.accepted_tokens
    read_s = harness.read_every * whole_step
    for wave in range(1, prompts):
        # Outputs of independent lengths drift apart as a random walk does.
        drift = spread * np.sqrt(wave)
        waits = waits + later_wave_wait_s(per_group, group_prefill, read_s, decode, drift, engine)
    wait = waits / prompts
    # The first wave meets no decode to mix with, so its prefills have steps of their own.
    prefills = running * (own_step + (prompts - 1) * prefill) / prompts
    tpot = np.maximum((decode + prefills - wait - group_prefill) / output, step)
    # An engine may hold a prompt back until other groups have one too, so that none computes while the rest idle.
    by_scripts = harness.held_steps + (harness.read_every - 1) / 2
    by_drafts = engine.draft_hold_steps if stage.drafts.number else 0.0
    held_steps = np.where(stage.attention_dp > 1, engine.balance_steps, 0.0) + by_scripts + by_drafts
    whole = tpot * stage.drafts.accepted_tokens
    outside = np.maximum(users - running, 0) / running * (decode + prefills)
    turn = whole_step * (0.5 + engine.mixing_share)
    # A prompt passes every stage, while each stage computes only its own layers of the prompts that queue for it.
    latency = stage.pipeline * np.maximum(group_prefill, stage.launch_bound_s())
    latency = latency + (stage.pipeline - 1) * stage.pipeline_send_s(uncached)
    return wait + latency + turn + engine.frontend_overhead_s(uncached) + outside + held_steps * whole, tpot


def requests_in_flight(stage: Stage, users: Array, uncached: Array, output: Array, harness: Harness = WARMED) -> Array:
    """Return the requests that a replica works on at once: those of all users, as far as its memory holds them.

    Engines differ in what they hold for a request: TensorRT-LLM keeps memory for its whole output, so that it never
    evicts one; vLLM takes blocks as tokens come, on average for half of it (Kwon et al. 2023); SGLang admits by a share
    of it. That share is the engine's ``held_output_share``.

    Whether it holds a single one is asked elsewhere (:func:`gigaplan.inference.fit.one_request_bytes`); here one is at
    work at least, in the memory that is kept in reserve, so that less memory never makes a request faster.

    Parameters
    ----------
    stage : Stage
        Layouts of the replica.
    users : Array, shape (...)
        Users, each with one request at a time [requests].
    uncached, output : Array, shape (...)
        Tokens of a request's input and output [tokens].
    harness : Harness
        How the engine was launched.

    Returns
    -------
    Array, shape (...)
        Requests in flight [requests].
    """
    free = harness.memory_share * stage.device.hbm_bytes or stage.free_bytes
    capacity = stage.capacity(uncached + stage.engine.held_output_share * output, free)
    return np.minimum(users, np.maximum(capacity * stage.pipeline, 1.0))


def requests_on_stage(stage: Stage, running: Array) -> Array:
    """Return how many of the requests in flight one stage of a pipeline works on at once.

    Parameters
    ----------
    stage : Stage
        Layouts of the replica.
    running : Array, shape (...)
        Requests in flight on the replica [requests].

    Returns
    -------
    Array, shape (...)
        Requests of one stage, one at least where there are several stages [requests].
    """
    return np.where(stage.pipeline > 1, np.maximum(running / stage.pipeline, 1.0), running)


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
    harness: Harness = WARMED,
) -> tuple[Array, Array]:
    """Return mean times of a benchmark where some workers compute prompts and others decode.

    Users circulate: ``users = rate x (first token + output x tpot)`` (Little 1961). Prefill workers take one prompt at
    a time; with ``p`` seconds a prompt and ``S`` workers the first token takes the larger of ``p`` and what the loop
    leaves, ``users p / S - output x tpot`` (asymptotic bounds of closed networks: Muntz and Wong 1974). Keys and values
    then travel to a decode worker. A prompt waits for those of the other users that are read before it
    (:func:`_prefill_queue_s`). In the first wave, which comes at once, half of them stand ahead on average.

    Parameters
    ----------
    prefill_stage : Stage
        Layouts of one prefill worker.
    prefill_count : Array, shape (...)
        Prefill workers [1].
    decode_stage : Stage
        Layouts of one decode worker.
    decode_count : Array, shape (...)
        Decode workers [1].
    users : Array, shape (...)
        Users, each with one request at a time [requests].
    uncached : Array, shape (...)
        Input tokens of a prompt [tokens].
    output : Array, shape (...)
        Mean output tokens of a request [tokens].
    kv_transfer_bytes_per_s : Array, shape (...)
        Bandwidth at which keys and values travel between workers [byte/s].
    prompts : int
        Prompts that each user sends [1].
    harness : Harness
        How the engine was launched and prepared.

    Returns
    -------
    tuple of Array
        Mean time to first token and mean time per output token, each of shape (...) [s].
    """
    one = np.ones_like(users)
    zero = np.zeros_like(uncached)
    prefill = prefill_stage.prefill_s(uncached, zero)
    latency = prefill_stage.pipeline * prefill * prefill_stage.attention_dp
    latency = latency + (prefill_stage.pipeline - 1) * prefill_stage.pipeline_send_s(uncached)
    per_prompt = prefill / prefill_count
    cache = prefill_stage.architecture.kv_bytes(uncached, CACHE_BYTES[prefill_stage.precision])
    transfer = cache / kv_transfer_bytes_per_s
    decoding, first = users, latency
    # The time per token depends on how many decode, and that on the time per token: a fixed point, halved on the way.
    for _ in range(2 * ITERATIONS):
        batch = np.maximum(decoding / decode_count / decode_stage.pipeline, one)
        step = decode_stage.decode_s(batch, uncached + output / 2)
        tpot = decode_stage.pipeline * (step + decode_stage.pipeline_send_s(batch))
        others = np.maximum(users - 1, 0) / (first + output * tpot)
        wait = _prefill_queue_s(prefill_stage, prefill, others * per_prompt)
        later = np.maximum(latency + wait, users * per_prompt - output * tpot) + transfer
        first = (first + later) / 2
        decoding = users * output * tpot / (output * tpot + first)
    engine = prefill_stage.engine
    burst = first_wave_wait_s(users, per_prompt + engine.arrival_s / prefill_count, one) / prompts
    late = np.maximum(prefill_stage.launch_bound_s() - latency, 0.0)
    cold = cold_start_s(engine, harness, users / prefill_count * uncached) / prompts
    late = late + prefill_stage.efficiency.handover_s + cold
    return first + burst + late + engine.frontend_overhead_s(uncached), tpot


def _prefill_queue_s(stage: Stage, prefill_s: Array, load: Array) -> Array:
    """Return the mean wait of a prompt at prefill workers.

    The M/D/1 queue (Pollaczek 1930, Khinchine 1932), whose load is that of the other users (arrival theorem: Reiser and
    Lavenberg 1980). Groups of data parallel attention compute in step, so that a prompt also waits for half of the step
    that others began, as likely as one of the groups has a prompt.

    Parameters
    ----------
    stage : Stage
        Layouts of one prefill worker.
    prefill_s : Array, shape (...)
        Time of a worker per prompt [s].
    load : Array, shape (...)
        Share of time in which workers read prompts of other users [share]; capped at ``MAX_LOAD``.

    Returns
    -------
    Array, shape (...)
        Mean wait [s].
    """
    busy, step = np.minimum(load, MAX_LOAD), prefill_s * stage.attention_dp
    in_step = np.where(stage.attention_dp > 1, np.minimum(busy * stage.attention_dp, 1.0) / 2, 0.0)
    return np.asarray((busy / (2 * (1 - busy)) + in_step) * step)
