"""Prefill and decode on replicas of their own, with keys and values sent from one to the other.

A prompt is read on a prefill replica, which makes the first token; its keys and values travel for a time, and a decode
replica makes the rest (disaggregated serving: Zhong et al. 2024; Patel et al. 2024). The first token reaches the user
when they have arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gigaplan.inference.requests.records import NONE
from gigaplan.inference.requests.router import Requests
from gigaplan.inference.requests.simulation import Counts, Simulation
from gigaplan.vocabulary.members import Array

FIRST_ROWS = 4096
"""Requests that the prefill replicas may have at the beginning; rows double when they are full."""


class Apart(Simulation):
    """Decode replicas that are fed by prefill replicas.

    Parameters
    ----------
    prefill : Simulation
        Replicas that read.
    decode : Simulation
        Replicas that decode; counts and percentiles of whole requests are theirs.
    transfer_s : callable
        Time of a transfer [s] for an array of prompt tokens.
    """

    def __init__(self, prefill: Simulation, decode: Simulation, transfer_s: Callable[[Array], Array]) -> None:
        self.__dict__.update(decode.__dict__)
        self.prefill, self.transfer_s = prefill, transfer_s
        self._times = np.full((FIRST_ROWS, 3), np.nan)
        self._numbers = np.full(FIRST_ROWS, NONE)
        self._read: Requests | None = None

    def feed(self, some: Requests, until_s: float = np.inf, times: Array | None = None) -> None:
        """Send requests to the prefill replicas, let all work, and send on what has been read.

        Parameters
        ----------
        some : Requests
            Requests that come, in order, none before the last one that came.
        until_s : float
            Replicas begin steps up to this time; left out, until all are done [s].
        times : Array, optional
            As of :meth:`Simulation.feed`; the time of admission is that at the decode replica.
        """
        rows = self._rows(some)
        self.prefill.feed(some._replace(output=np.ones_like(some.output), number=rows), until_s, self._times)
        new = some._replace(number=rows)
        self._read = new if self._read is None else _joined(self._read, new)
        first = self._times[self._read.number, 1]
        arrival = first + self.transfer_s(self._read.input.astype(float))
        sent = np.flatnonzero(arrival <= until_s)
        sent = sent[np.argsort(arrival[sent], kind="stable")]
        on, nothing = _taken(self._read, sent), np.zeros(len(sent), dtype=np.int64)
        self._times[on.number] = np.nan
        numbers = self._numbers[on.number]
        left = np.ones(len(first), dtype=np.bool_)
        left[sent] = False
        self._read = _taken(self._read, np.flatnonzero(left))
        there = arrival[sent]
        moved = on._replace(arrival=there, first=there, n_hashes=nothing, number=numbers)
        super().feed(moved, until_s, times)

    def _rows(self, some: Requests) -> NDArray[np.int64]:
        """Return unused rows of the times of prefill for some requests."""
        used = np.zeros(len(self._times), dtype=np.bool_)
        if self._read is not None:
            used[self._read.number] = True
        free, n = np.flatnonzero(~used), len(some.arrival)
        if len(free) < n:
            more = np.full((max(len(self._times), n), 3), np.nan)
            free = np.concatenate([free, len(self._times) + np.arange(len(more))])
            self._times = np.concatenate([self._times, more])
            self._numbers = np.concatenate([self._numbers, np.full(len(more), NONE)])
        rows = free[:n]
        self._times[rows] = np.nan
        self._numbers[rows] = some.number
        return rows

    def outstanding(self) -> NDArray[np.int64]:
        """Return how many requests each decode replica has; those that are read or travel count for the first one.

        Returns
        -------
        NDArray, shape (replica,)
            Those that run and wait.
        """
        found = super().outstanding()
        found[0] += 0 if self._read is None else int(np.isfinite(self._times[self._read.number, 1]).sum())
        found[0] += int(self.prefill.outstanding().sum())
        return found

    def counts(self) -> Counts:
        """Return what all replicas did so far.

        Returns
        -------
        Counts
            Counts of whole requests, and integrals of both kinds of replicas together.
        """
        read, made = self.prefill.counts(), super().counts()
        refused_long, refused_full = read.refused_long + made.refused_long, read.refused_full + made.refused_full
        waiting = read.waiting + made.waiting
        return replace(
            made,
            now_s=max(read.now_s, made.now_s),
            arrived=read.arrived,
            running=read.arrived - made.done - refused_long - refused_full - waiting - made.lost,
            waiting=waiting,
            refused_long=refused_long,
            refused_full=refused_full,
            lost=read.lost + made.lost,
            preempted=read.preempted + made.preempted,
            read_tokens=read.read_tokens + made.read_tokens,
            hit_tokens=read.hit_tokens,
            admitted_tokens=read.admitted_tokens,
            steps=read.steps + made.steps,
            decode_s=read.decode_s + made.decode_s,
            read_s=read.read_s + made.read_s,
            queue_s=read.queue_s + made.queue_s,
            block_s=read.block_s + made.block_s,
        )


def _taken(some: Requests, at: NDArray[np.intp]) -> Requests:
    """Return some of the requests."""
    fields: list[Any] = [field[at] for field in some]
    return Requests(*fields)


def _joined(one: Requests, other: Requests) -> Requests:
    """Return requests one after another."""
    fields: list[Any] = [np.concatenate(pair) for pair in zip(one, other, strict=True)]
    return Requests(*fields)
