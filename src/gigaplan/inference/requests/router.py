"""Requests to replicas, one after another, by what a router knows of them when each comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.compiled import compiled, lean_part, version_of
from gigaplan.inference.options import ROUTERS
from gigaplan.inference.requests.engine import advance, enqueue
from gigaplan.inference.requests.prefixes import find
from gigaplan.inference.requests.records import NONE
from gigaplan.inference.requests.steps import next_end
from gigaplan.vocabulary.members import Array

STATELESS = 2
"""How many routers don't look at replicas."""
ROUND_ROBIN, SESSION_STICKY, MIN_OUTSTANDING, MIN_KV, PREFIX_AWARE = range(len(ROUTERS))
CROWDED = 1.5
"""A replica with more than so many times the fewest outstanding requests, and ``CROWDED_BY`` more, gets none for its
prefixes."""
CROWDED_BY = 8
"""See ``CROWDED``."""


class Requests(NamedTuple):
    """Requests that come one after another; arrays of shape (request,)."""

    arrival: Array
    """When they come to the router, in order [s]."""
    since: Array
    """When their users sent them [s]."""
    input: NDArray[np.int64]
    """Prompt tokens."""
    output: NDArray[np.int64]
    """Output tokens."""
    rank: NDArray[np.int64]
    """Priorities, 0 first."""
    session: NDArray[np.int64]
    """What a sticky router keeps together."""
    hashes: NDArray[np.int64]
    """Where the hashes of each prompt begin."""
    n_hashes: NDArray[np.int64]
    """How many there are."""
    number: NDArray[np.int64]
    """Row of each in the array of times, ``NONE`` where its times aren't kept."""
    cached: NDArray[np.int64]
    """Tokens of each prompt whose keys and values are there already: they take memory and no reading [token]."""
    first: Array
    """When a prompt that was read elsewhere gave its first token [s]; nan where it is to be read here."""


@lean_part
def _outstanding(s: Any, r: int, now: float) -> int:
    """Return how many requests a replica has at a time: the last step may end after it."""
    rep = s.replicas[r]
    found: int = rep.arrived - rep.done - rep.refused_long - rep.refused_full - rep.removed
    if rep.now > now:
        found += rep.late
    return found


@lean_part
def _hits(s: Any, r: int, start: int, count: int) -> int:
    """Return how many blocks of a prefix a replica has."""
    node, depth = NONE, 0
    while depth < count:
        node = find(s.nodes[r], s.table[r], node, s.hashes[start + depth])
        if node == NONE:
            break
        depth += 1
    return depth


@lean_part
def _min_load(s: Any, accepts: Any, now: float, by_blocks: bool, turn: int) -> int:
    """Return the replica with the fewest requests or blocks; from among equals the next in turn."""
    n, best, found = len(accepts), np.inf, NONE
    for k in range(n):
        r = turn + k
        if r >= n:
            r -= n
        if accepts[r]:
            load = float(_outstanding(s, r, now))
            if by_blocks:
                load += s.replicas[r].held
            if load < best:
                best, found = load, r
    return found


@lean_part
def _pick(s: Any, q: Requests, i: int, router: int, accepts: Any, turn: int) -> int:
    """Return the replica that gets a request by a router that looks, ``NONE`` where none takes any."""
    n, now = len(accepts), q.arrival[i]
    best = _min_load(s, accepts, now, router == MIN_KV, turn)
    if router != PREFIX_AWARE or best == NONE or q.n_hashes[i] == 0:
        return best
    most, found = 0, best
    bound = CROWDED * _outstanding(s, best, now) + CROWDED_BY
    for r in range(n):
        if accepts[r] and _outstanding(s, r, now) <= bound:
            hits = _hits(s, r, q.hashes[i], q.n_hashes[i])
            if hits > most:
                most, found = hits, r
    return found


@lean_part
def _slot(s: Any, q: Requests, i: int) -> int:
    """Return a slot with a request in it."""
    n = s.free[-1] - 1
    slot = s.free[n]
    s.free[-1] = n
    new = s.slots[slot]
    new.since, new.scheduled, new.first = q.since[i], -1.0, -1.0
    new.number, new.input, new.output = q.number[i], q.input[i], q.output[i]
    new.made, new.moved, new.rank = 0, 0, q.rank[i]
    new.hashes, new.n_hashes, new.cached = q.hashes[i], q.n_hashes[i], q.cached[i]
    new.leaf, new.depth, new.next, new.prev = NONE, 0, NONE, NONE
    if not np.isnan(q.first[i]):
        new.first, new.made, new.moved = q.first[i], 1, 1
    return int(slot)


# Long: half of it says what its arguments are
def _compiled(version: int) -> Callable[..., int]:
    """Return the function that Python calls; its cache on disk holds for one version of what is compiled into it."""

    def feed(
        s: Any,
        rules: Any,
        grid: Any,
        q: Requests,
        router: int,
        accepts: Any,
        turn: int,
        until: float,
        chosen: Any,
        order: Any,
    ) -> int:
        """Send requests to replicas, and let all replicas work until a time.

        Parameters
        ----------
        s : State
            Replicas and the requests that they have.
        rules : Rules
            Limits of a replica.
        grid : StepGrid
            Step times.
        q : Requests
            Those that come.
        router : int
            Place in ``ROUTERS``.
        accepts : Array, shape (replica,)
            Whether each replica takes requests.
        turn : int
            Replica whose turn it is.
        until : float
            Time up to which replicas begin steps [s].
        chosen, order : Array, shape (request,)
            Replica of each request and requests by replica, for a router that doesn't look.

        Returns
        -------
        int
            Replica whose turn it is next.
        """
        n, replicas = version and len(q.arrival), len(accepts)
        for j in range(n + 1):
            # All replicas work until the end; a router that looks needs all those on which something may have ended.
            last = j == n
            i = j if last or router >= STATELESS else order[j]
            now = until if last else q.arrival[i]
            for k in range(0 if last or router >= STATELESS else replicas, replicas + (0 if last else 1)):
                r = k
                if k == replicas:
                    r = chosen[i] if router < STATELESS else _pick(s, q, i, router, accepts, turn)
                    if r == NONE:
                        s.lost[0] += 1
                        continue
                elif not last and s.replicas[r].next_end_s >= now:
                    continue
                advance(s, rules, grid, r, now)
                rep = s.replicas[r]
                if k == replicas:
                    rep.now = max(rep.now, now)
                    enqueue(s, rules, r, _slot(s, q, i))
                    if router >= STATELESS:
                        turn = r + 1 if r + 1 < replicas else 0
                if router >= STATELESS:
                    rep.next_end_s = next_end(s, rules, grid, r)
        return int(turn)

    return compiled(feed, lean=True)


feed = _compiled(version_of(Path(__file__).parent))


def assigned(
    router: int, session: NDArray[np.int64], accepts: NDArray[np.bool_], turn: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return where a router that doesn't look sends requests.

    Parameters
    ----------
    router : int
        Place in ``ROUTERS``.
    session : NDArray, shape (request,)
        What a sticky router keeps together.
    accepts : NDArray, shape (replica,)
        Whether each replica takes requests.
    turn : int
        Replica whose turn it is.

    Returns
    -------
    tuple of NDArray, NDArray, int
        Replica of each request (``NONE`` where none takes any), requests by replica, and whose turn it is next.
    """
    n, replicas, taking = len(session), len(accepts), np.flatnonzero(accepts)
    if router >= STATELESS:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), turn
    if not len(taking):
        return np.full(n, NONE), np.arange(n), turn
    if replicas == 1:
        return np.zeros(n, dtype=np.int64), np.arange(n), turn
    # A replica that takes none leaves its requests to the next one that does.
    if router == SESSION_STICKY:
        places = np.searchsorted(taking, session % replicas)
    else:
        places = np.searchsorted(taking, turn) + np.arange(n)
    chosen = taking[places % len(taking)]
    short = chosen.astype(np.int16) if replicas < np.iinfo(np.int16).max else chosen  # which numpy sorts by digits
    following = int(chosen[-1] + 1) % replicas if n and router == ROUND_ROBIN else turn
    return chosen, np.argsort(short, kind="stable"), following
