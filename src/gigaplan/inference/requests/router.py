"""Requests to replicas, one after another, by what a router knows of them when each comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.compiled import compiled, part, version_of
from gigaplan.inference.requests.engine import advance, enqueue
from gigaplan.inference.requests.prefixes import find
from gigaplan.inference.requests.records import NONE
from gigaplan.inference.requests.steps import next_end
from gigaplan.vocabulary.members import Array

ROUTERS = ("round_robin", "session_sticky", "least_outstanding", "least_kv", "prefix_aware")
"""Routers; the first two don't look at replicas, so that these can be simulated one after another."""
STATELESS = 2
"""How many of them don't."""
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
    first: Array
    """When a prompt that was read elsewhere gave its first token [s]; nan where it is to be read here."""


@part
def _outstanding(s: Any, r: int, now: float) -> int:
    """Return how many requests a replica has at a time: the last step may end after it."""
    rep = s.replicas[r]
    found: int = rep.arrived - rep.done - rep.refused_long - rep.refused_full - rep.removed
    if rep.now > now:
        found += rep.late
    return found


@part
def _hits(s: Any, r: int, start: int, count: int) -> int:
    """Return how many blocks of a prefix a replica has."""
    node, depth = NONE, 0
    while depth < count:
        node = find(s.nodes[r], s.table[r], node, s.hashes[start + depth])
        if node == NONE:
            break
        depth += 1
    return depth


@part
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


@part
def _pick(s: Any, q: Requests, i: int, router: int, accepts: Any, turn: int) -> int:
    """Return the replica that gets a request, ``NONE`` where none takes any."""
    n, now = len(accepts), q.arrival[i]
    if router < STATELESS:
        r = turn if router == ROUND_ROBIN else int(q.session[i] % n)
        for _ in range(n):
            if accepts[r]:
                return r
            r = r + 1 if r + 1 < n else 0
        return NONE
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


@part
def _slot(s: Any, q: Requests, i: int, number: int) -> int:
    """Return a slot with a request in it."""
    n = s.free[-1] - 1
    slot = s.free[n]
    s.free[-1] = n
    new = s.slots[slot]
    new.since, new.scheduled, new.first = q.since[i], -1.0, -1.0
    new.number, new.input, new.output = number, q.input[i], q.output[i]
    new.made, new.moved, new.rank = 0, 0, q.rank[i]
    new.hashes, new.n_hashes = q.hashes[i], q.n_hashes[i]
    new.leaf, new.depth, new.next, new.prev = NONE, 0, NONE, NONE
    if not np.isnan(q.first[i]):
        new.first, new.made, new.moved = q.first[i], 1, 1
    return int(slot)


@part
def _in_order(s: Any, q: Requests, router: int, accepts: Any, turn: int) -> tuple[Any, Any, int]:
    """Return the replica of each request where the router doesn't look, and requests by replica."""
    n, replicas = len(q.arrival), len(accepts)
    chosen, order = np.empty(n, np.int64), np.empty(n, np.int64)
    if router >= STATELESS:
        for i in range(n):
            order[i] = i
        return chosen, order, turn
    place = np.zeros(replicas + 2, np.int64)
    for i in range(n):
        r = _pick(s, q, i, router, accepts, turn)
        chosen[i] = r
        place[r + 2] += 1
        if r != NONE:
            turn = r + 1 if r + 1 < replicas else 0
    for r in range(replicas + 1):
        place[r + 1] += place[r]
    for i in range(n):
        r = chosen[i]
        order[place[r + 1]] = i
        place[r + 1] += 1
    return chosen, order, turn


# Long: half of it says what its arguments are
def _compiled(version: int) -> Callable[..., int]:
    """Return the function that Python calls; its cache on disk holds for one version of what is compiled into it."""

    @compiled
    def feed(
        s: Any, rules: Any, grid: Any, q: Requests, router: int, accepts: Any, turn: int, number: int, until: float
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
        number : int
            Row of the first request in the array of times, ``NONE`` where times aren't wanted.
        until : float
            Time up to which replicas begin steps [s].

        Returns
        -------
        int
            Replica whose turn it is next.
        """
        n, replicas = version and len(q.arrival), len(accepts)
        chosen, order, turn = _in_order(s, q, router, accepts, turn)
        for j in range(n + 1):
            # All replicas work until the end; a router that looks needs all those on which something may have ended.
            last = j == n
            i = n if last else order[j]
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
                    enqueue(s, rules, r, _slot(s, q, i, number + i if number != NONE else NONE))
                    if router >= STATELESS:
                        turn = r + 1 if r + 1 < replicas else 0
                if router >= STATELESS:
                    rep.next_end_s = next_end(s, rules, grid, r)
        return int(turn)

    return feed


feed = _compiled(version_of(Path(__file__).parent))
