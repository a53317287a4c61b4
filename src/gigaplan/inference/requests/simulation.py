"""Replicas side by side, fed with requests piece by piece: memory grows with what is in flight, not with what was.

The kernel is in :mod:`gigaplan.inference.requests.engine`, routers in :mod:`gigaplan.inference.requests.router`. Times
are counted in histograms (:mod:`gigaplan.inference.requests.histogram`); the time of each request is kept only where it
is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.inference.options import ROUTERS
from gigaplan.inference.requests.grid import StepGrid
from gigaplan.inference.requests.histogram import BINS, percentiles
from gigaplan.inference.requests.limits import Limits
from gigaplan.inference.requests.records import NONE, Node, Replica, Slot, State, record_type
from gigaplan.inference.requests.router import Requests, assigned, feed
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array

KINDS = {"ttft": 0, "tpot": 1, "latency": 2}
"""Rows of the histogram."""
FIRST_SLOTS = 4096
"""Slots at the beginning; they double when they are full."""


def requests(
    arrival_s: Array, input_tokens: NDArray[Any], output_tokens: NDArray[Any], **more: NDArray[Any]
) -> Requests:
    """Return requests as replicas take them, one of each kind of array for each request.

    Parameters
    ----------
    arrival_s : Array, shape (request,)
        When they come, in order [s].
    input_tokens, output_tokens : NDArray, shape (request,)
        Lengths [token].
    **more : NDArray
        Further fields of :class:`Requests`.

    Returns
    -------
    Requests
        The same with all that is left open filled in.
    """
    n = len(arrival_s)
    zero = np.zeros(n, dtype=np.int64)
    fields: dict[str, NDArray[Any]] = {
        "arrival": np.ascontiguousarray(arrival_s, dtype=np.float64),
        "input": np.ascontiguousarray(input_tokens, dtype=np.int64),
        "output": np.ascontiguousarray(output_tokens, dtype=np.int64),
        "rank": zero,
        "session": zero,
        "hashes": zero,
        "n_hashes": zero,
        "cached": zero,
        "number": np.full(n, NONE),
        "first": np.full(n, np.nan),
    }
    fields |= {k: np.ascontiguousarray(v, dtype=fields[k].dtype if k in fields else None) for k, v in more.items()}
    fields.setdefault("since", fields["arrival"])
    return Requests(**fields)


@dataclass(frozen=True, slots=True)
class Counts:
    """What some replicas did up to a time, all together; counts of requests unless it says otherwise."""

    now_s: float
    """The time [s]."""
    arrived: int
    """Requests that came."""
    done: int
    """Those that made their last token."""
    running: int
    """Those that decode, or whose prompt is being read."""
    waiting: int
    """Those in queues."""
    refused_long: int
    """Refused: longer than what is taken, or than memory holds."""
    refused_full: int
    """Refused: too many waited."""
    lost: int
    """Those that came when no replica took any."""
    removed: int
    """Taken away from a replica that failed; they come again elsewhere."""
    preempted: int
    """Times that a request lost its memory and was read again."""
    good: int
    """Done within both limits."""
    output_tokens: int
    """Tokens of those that are done [token]."""
    read_tokens: int
    """Prompt tokens read [token]."""
    hit_tokens: int
    """Prompt tokens found in the prefix cache [token]."""
    admitted_tokens: int
    """Prompt tokens of those admitted [token]."""
    steps: int
    """Steps of all replicas."""
    decode_s: float
    """Time in decoding [s]."""
    read_s: float
    """Time by which reading lengthened steps [s]."""
    batch_s: float
    """Integral of the requests that decode [request s]."""
    queue_s: float
    """Integral of the requests that wait [request s]."""
    block_s: float
    """Integral of the share of blocks that are held, summed over replicas [s]."""
    mean_ttft_s: float
    """Mean time to first token of those done [s]."""
    mean_tpot_s: float
    """Mean time per further token [s]."""
    mean_latency_s: float
    """Mean time from sending to the last token [s]."""


class Simulation:
    """Replicas of one kind and what they have in flight.

    Parameters
    ----------
    grid : StepGrid
        Step times of one replica.
    limits : Limits
        What one replica can take.
    replicas : int
        How many there are.
    router : str
        How requests are given to them, one of ``ROUTERS``.
    hashes : NDArray, optional
        Hashes of prefixes that requests point to.

    Examples
    --------
    Two requests on one replica whose steps all take a second:

    >>> from gigaplan.inference.requests.grid import step_grid
    >>> class Second:
    ...     def decode_s(self, batch, context):
    ...         return 1.0 + 0 * batch
    ...
    ...     def prefill_s(self, uncached, cached):
    ...         return 1.0 + 0 * uncached
    ...
    ...     def added_prefill_s(self, batch, context, uncached, cached):
    ...         return 0 * uncached
    >>> limits = Limits(max_sequences=8, max_batched_tokens=64, kv_cache_tokens=1000)
    >>> replica = Simulation(step_grid(Second(), 8, 64, 100), limits)
    >>> replica.feed(requests(np.array([0.0, 0.0]), np.array([10, 10]), np.array([4, 2])))
    >>> replica.counts().mean_latency_s
    3.0
    """

    def __init__(
        self,
        grid: StepGrid,
        limits: Limits,
        replicas: int = 1,
        router: str = "round_robin",
        hashes: NDArray[np.int64] | None = None,
    ) -> None:
        if router not in ROUTERS:
            raise InputError(f"no router '{router}'; there are {', '.join(ROUTERS)}")
        if replicas < 1:
            raise InputError(f"{replicas} replicas serve nothing; give at least one")
        self.grid, self.rules, self.router = grid, limits.rules(), ROUTERS.index(router)
        self.accepts = np.ones(replicas, dtype=np.bool_)
        self.turn = 0
        if self.rules.most >= len(grid.low):
            raise InputError(f"step times go up to {len(grid.low) - 1} requests, the limit is {self.rules.most}")
        self.state = self._new(replicas, limits.ranks, hashes)

    def _new(self, replicas: int, ranks: int, hashes: NDArray[np.int64] | None) -> State:
        """Return replicas that have nothing to do."""
        rules = self.rules
        node_count = rules.blocks // rules.node_blocks + 1 if rules.node_blocks else 1
        reps, nodes = _zeros(replicas, Replica), _zeros((replicas, node_count), Node)
        for name in ("partial", "head", "tail", "oldest", "newest"):
            reps[name] = NONE
        reps["next_end_s"] = np.inf
        nodes["chain"] = np.arange(1, node_count + 1)
        nodes["chain"][:, -1] = NONE
        real = np.zeros(1)
        return State(
            replicas=reps,
            slots=_zeros(FIRST_SLOTS, Slot),
            free=np.append(np.arange(FIRST_SLOTS)[::-1], FIRST_SLOTS),
            heap=np.zeros((replicas, rules.most + 1), dtype=np.int64),
            phases=np.zeros((replicas, rules.block_steps), dtype=np.int64),
            queues=np.full((replicas, ranks, 2), NONE, dtype=np.int64),
            ready=np.zeros(rules.most + 1, dtype=np.int64),
            nodes=nodes,
            table=np.full((replicas, 1 << max(node_count - 1, 1).bit_length()), NONE, dtype=np.int64),
            hashes=np.zeros(1, dtype=np.int64) if hashes is None else hashes,
            counts=np.zeros((len(KINDS), BINS), dtype=np.int64),
            real=real,
            bits=real.view(np.int64),
            lost=np.zeros(1, dtype=np.int64),
            times=np.zeros((0, 3)),
        )

    def feed(self, some: Requests, until_s: float = np.inf, times: Array | None = None) -> None:
        """Send requests to the replicas, and let these work.

        Parameters
        ----------
        some : Requests
            Requests that come, in order, none before the last one that came.
        until_s : float
            Replicas begin steps up to this time; left out, until all are done [s].
        times : Array, optional
            (row, 3) array that is filled with when requests were admitted, made their first token and ended [s], in the
            rows that they name; it stays in use until another one is given.
        """
        self._make_room(len(some.arrival))
        if times is not None:
            self.state = self.state._replace(times=times)
        chosen, order, turn = assigned(self.router, some.session, self.accepts, self.turn)
        end = float(until_s)
        arguments = (self.router, self.accepts, turn, end, chosen, order)
        self.turn = feed(self.state, self.rules, self.grid, some, *arguments)

    def fail(self, replica: int, now_s: float) -> Requests:
        """Let a replica lose all that it has, and take no further requests until ``accepts`` says so.

        Parameters
        ----------
        replica : int
            The replica.
        now_s : float
            When it fails [s]; all have worked until then.

        Returns
        -------
        Requests
            What it had, to be sent again: whole, as their users sent them.
        """
        s, rep = self.state, self.state.replicas[replica]
        slots = []
        for first in (int(rep["head"]), *(int(q) for q in s.queues[replica, :, 0])):
            slot = first
            while slot != NONE:
                slots.append(slot)
                slot = int(s.slots["next"][slot])
        lost = s.slots[slots]
        s.free[s.free[-1] : s.free[-1] + len(slots)] = slots
        s.free[-1] += len(slots)
        for name in ("decoding", "tokens", "held", "cached", "waiting", "late"):
            rep[name] = 0
        for name in ("partial", "head", "tail", "oldest", "newest"):
            rep[name] = NONE
        rep["removed"] += len(slots)
        rep["spare"], rep["next_end_s"], rep["now"] = 0, np.inf, max(float(rep["now"]), now_s)
        s.phases[replica], s.queues[replica], s.table[replica] = 0, NONE, NONE
        s.nodes["users"][replica] = 0
        s.nodes["chain"][replica, :-1] = np.arange(1, s.nodes.shape[1])
        s.nodes["chain"][replica, -1] = NONE
        self.accepts[replica] = False
        order = np.argsort(lost["since"], kind="stable")
        lost = lost[order]
        return requests(
            np.full(len(lost), now_s),
            lost["input"],
            lost["output"],
            since=lost["since"],
            rank=lost["rank"],
            hashes=lost["hashes"],
            n_hashes=lost["n_hashes"],
            cached=lost["cached"],
        )

    def outstanding(self) -> NDArray[np.int64]:
        """Return how many requests each replica has.

        Returns
        -------
        NDArray, shape (replica,)
            Those that run and wait.
        """
        r = self.state.replicas
        return np.asarray(r.arrived - r.done - r.refused_long - r.refused_full - r.removed)

    def _make_room(self, more: int) -> None:
        """Make slots for further requests."""
        s = self.state
        slots, free = len(s.slots), int(s.free[-1])
        if free >= more:
            return
        size = max(2 * slots, slots + more - free)
        grown = _zeros(size, Slot)
        grown[:slots] = s.slots
        unused = np.concatenate([np.arange(slots, size)[::-1], s.free[:free]])
        room = np.concatenate([unused, np.zeros(size - len(unused), dtype=np.int64), [len(unused)]])
        self.state = s._replace(slots=grown, free=room)

    def counts(self) -> Counts:
        """Return what the replicas did so far.

        Returns
        -------
        Counts
            Counts and integrals of all replicas together.
        """
        r, s = self.state.replicas, self.state
        total = {name: r[name].sum() for name in Replica.__annotations__}
        done = max(int(total["done"]), 1)
        left = {
            name: int(total[name]) for name in ("arrived", "done", "refused_long", "refused_full", "removed", "waiting")
        }
        refused = left["refused_long"] + left["refused_full"]
        return Counts(
            now_s=float(r["now"].max()),
            running=left["arrived"] - left["done"] - refused - left["removed"] - left["waiting"],
            lost=int(s.lost[0]),
            preempted=int(total["preempted"]),
            good=int(total["good"]),
            output_tokens=int(total["made"]),
            read_tokens=int(total["read"]),
            hit_tokens=int(total["hit"]),
            admitted_tokens=int(total["admitted_tokens"]),
            steps=int(total["steps"]),
            decode_s=float(total["decode_s"]),
            read_s=float(total["read_s"]),
            batch_s=float(total["batch_s"]),
            queue_s=float(total["queue_s"]),
            block_s=float(total["block_s"]) / self.rules.blocks,
            mean_ttft_s=float(total["ttft_sum"]) / done,
            mean_tpot_s=float(total["tpot_sum"]) / max(int(total["tpot_count"]), 1),
            mean_latency_s=float(total["latency_sum"]) / done,
            **left,
        )

    def percentiles(self, kind: str, shares: tuple[float, ...]) -> Array:
        """Return percentiles of one kind of time, within 0.2 %.

        Parameters
        ----------
        kind : str
            ``ttft``, ``tpot`` or ``latency``.
        shares : tuple of float
            Shares of requests that are faster, 0 to 1.

        Returns
        -------
        Array, shape (share,)
            Times [s]; nan where no request is done.
        """
        return percentiles(self.state.counts[KINDS[kind]], shares)


def _zeros(shape: int | tuple[int, ...], kind: type) -> Any:
    """Return records of zeros."""
    return np.zeros(shape, dtype=record_type(kind)).view(np.recarray)
