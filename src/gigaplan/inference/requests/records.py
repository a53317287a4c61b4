"""What replicas, their requests and their caches are, as records of numpy arrays that compiled code works on.

The classes name and describe the fields; :func:`record_type` makes the array types of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NONE = -1
"""Stands for no slot, no node, no number."""


class Rules(NamedTuple):
    """What one replica can take, and what is counted; numbers that compiled code reads.

    Memory is counted in blocks. Decoding advances by steps, each of ``growth`` tokens for each request, so that a block
    is full after a whole number of steps.
    """

    most: int
    """Most requests that run at once."""
    budget: int
    """Most tokens of one step, decoded and read."""
    blocks: int
    """Blocks of the key-value cache."""
    block_steps: int
    """Decode steps that fill a block, a power of two."""
    shift: int
    """Its logarithm to the base of two."""
    growth: float
    """Tokens that a step yields for each request; above one with speculative decoding."""
    reserve: int
    """Blocks that admission leaves free for those that run (the watermark)."""
    longest: int
    """Tokens of the longest request that is taken, input and output."""
    most_waiting: int
    """Most requests that wait at one replica; one that finds so many is refused."""
    first_s: float
    """Time of the front end for each request [s]."""
    first_token_s: float
    """Further time of the front end for each token that is read [s]."""
    ttft_s: float
    """Limit of the time to first token [s]."""
    tpot_s: float
    """Limit of the time per token [s]."""
    node_tokens: int
    """Tokens of one prefix block of a request's hashes; 0 without a prefix cache."""
    node_blocks: int
    """Blocks of memory that one of these takes."""
    gather: int
    """Prompts that are read together; fewer wait for others while requests decode."""
    gather_steps: int
    """Steps after which they are read though they are fewer."""


class Replica:
    """The state of one replica between two steps, and sums of what it did."""

    now: float
    """Time at which the next step can begin [s]."""
    step: int
    """Steps that decoded so far."""
    decoding: int
    """Requests that decode."""
    tokens: float
    """Tokens in the cache of those that decode [token]."""
    held: int
    """Blocks that requests hold."""
    cached: int
    """Blocks that nobody holds, kept for their prefix."""
    read_step: int
    """Steps that had decoded when a step last read."""
    partial: int
    """Slot of the request whose prompt is read in part."""
    waiting: int
    """Requests that wait."""
    late: int
    """Requests that ended with the last step."""
    head: int
    """First slot of those that run, in order of admission."""
    tail: int
    """Last one."""
    oldest: int
    """Prefix node to be dropped first."""
    newest: int
    """Prefix node to be dropped last."""
    spare: int
    """First unused prefix node."""
    next_end_s: float
    """Earliest time at which a request can end [s]."""
    decode_s: float
    """Time in decode steps, or in the decoding part of mixed ones [s]."""
    read_s: float
    """Time by which reading lengthened steps [s]."""
    batch_s: float
    """Integral of the requests that decode over time [request s]."""
    queue_s: float
    """Integral of the requests that wait [request s]."""
    block_s: float
    """Integral of the blocks that are held [block s]."""
    steps: int
    """Steps, those that only read included."""
    arrived: int
    done: int
    refused_long: int
    """Requests refused since they are longer than what is taken or than memory holds."""
    refused_full: int
    """Requests refused since too many waited."""
    removed: int
    """Requests taken away before they were done, since the replica failed."""
    preempted: int
    """Times that a request lost its memory and began anew."""
    made: int
    """Output tokens of requests that are done."""
    read: int
    """Prompt tokens read, those read again included."""
    hit: int
    """Prompt tokens found in the prefix cache."""
    admitted_tokens: int
    """Prompt tokens of all requests admitted."""
    good: int
    """Requests done within both limits."""
    ttft_sum: float
    tpot_sum: float
    latency_sum: float
    tpot_count: int


class Slot:
    """One request from its arrival to its end."""

    since: float
    """When the user sent it [s]."""
    scheduled: float
    """When it was first admitted [s]."""
    first: float
    """When its first token was made [s]."""
    number: int
    """Its row among the arrays of times, or ``NONE``."""
    input: int
    output: int
    made: int
    """Output tokens made before the current stretch of decoding."""
    left: int
    """Tokens of the prompt still to be read."""
    before: int
    """Tokens of the prompt in the cache."""
    begun: int
    """Step at which the current stretch of decoding began."""
    ends: int
    """Step after which it is done."""
    blocks: int
    """Blocks held when decoding began, shared ones included."""
    room: int
    """Steps from then on that need no further block."""
    leaf: int
    """Last prefix node that it holds."""
    depth: int
    """Prefix nodes that it holds."""
    hashes: int
    """Where its hashes begin."""
    n_hashes: int
    cached: int
    """Tokens of its prompt whose keys and values are there already: they take memory and no reading."""
    rank: int
    """Priority; lower ones first."""
    came: int
    """Steps that had decoded when it began to wait."""
    moved: int
    """1 where its prompt was read elsewhere, and its keys and values come with it."""
    next: int
    prev: int


class Node:
    """One block of a prefix in a replica's cache."""

    parent: int
    hash: int
    users: int
    """Requests that hold it."""
    chain: int
    """Next node of the same bucket of the hash table."""
    older: int
    newer: int


def record_type(kind: type) -> np.dtype[np.void]:
    """Return the type of an element of a record array with the fields of a class.

    Parameters
    ----------
    kind : type
        Class whose annotations are ``float`` or ``int``.

    Returns
    -------
    numpy.dtype
        Structured type with 64 bits for each field.
    """
    types = {"float": np.float64, "int": np.int64}
    return np.dtype((np.record, [(name, types[of]) for name, of in kind.__annotations__.items()]))


class State(NamedTuple):
    """Arrays of some replicas and of the requests that they have."""

    replicas: Any
    """(replica,) of :class:`Replica`."""
    slots: Any
    """(slot,) of :class:`Slot`."""
    free: NDArray[np.int64]
    """(slot + 1,) unused slots; the last element counts them."""
    heap: NDArray[np.int64]
    """(replica, most) ends and slots of those that decode, the earliest first."""
    phases: NDArray[np.int64]
    """(replica, block_steps) requests that need a block in a step, by the step's rest."""
    queues: NDArray[np.int64]
    """(replica, rank, 2) first and last slot of those that wait."""
    ready: NDArray[np.int64]
    """(most + 1,) slots whose prompt is read to its end in the current step; the last element counts them."""
    nodes: Any
    """(replica, node) of :class:`Node`."""
    table: NDArray[np.int64]
    """(replica, bucket) first node of each bucket."""
    hashes: NDArray[np.int64]
    """Hashes of prefixes, one request's after another's."""
    counts: NDArray[np.int64]
    """(3, bin) times to first token, times per token and latencies, see ``histogram``."""
    real: NDArray[np.float64]
    """One number, whose bits are those of ``bits``."""
    bits: NDArray[np.int64]
    lost: NDArray[np.int64]
    """(1,) requests that came when no replica took any."""
    times: NDArray[np.float64]
    """(request, 3) when each request was admitted, made its first token and ended [s]; no rows where not wanted."""
