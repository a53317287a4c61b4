"""Work that takes longer than a drag, in a second process: ranges, comparisons, files. It says how far it is, and stops
when its answer is no longer of use."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from gigaplan.vocabulary.progress import Cancelled, Progress

with contextlib.suppress(ImportError):
    import fcntl  # not on Windows

SLOTS = 256
"""Jobs whose progress is kept at once; a slot is used again after so many others."""
POLL_S = 0.05
LOOK_S = 0.25
"""How often it is looked whether an answer without progress is still of use."""
WAITING, STOPPED = 0, -1
_steps: dict[str, Any] = {}


def _begin(shared: Any) -> None:
    """Take the memory in which jobs say how far they are; run once in the second process, which ends with the first."""
    _steps["shared"] = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which then ends this one
    _end_with(multiprocessing.parent_process())


def _end_with(first: Any) -> None:
    """End this process once the one that began it has ended, however it did.

    Linux sends a signal, which ends it, when the pipe closes that the first process holds open: next to a thread that
    waits for that, no process would be forked, and ranges would be computed on one processor.
    """
    if sys.platform == "linux":
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(first.sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(first.sentinel, fcntl.F_SETFL, fcntl.fcntl(first.sentinel, fcntl.F_GETFL) | os.O_ASYNC)
        if connection.wait([first.sentinel], 0):
            os._exit(0)
    else:
        threading.Thread(target=_wait_and_end, args=(first.sentinel,), daemon=True).start()


def _wait_and_end(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(0)


def _do(slot: int, work: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """Run a job of the second process."""
    shared = _steps["shared"]

    def progress(done: int, total: int, _: str) -> bool:
        if shared[2 * slot] == STOPPED:
            return False
        shared[2 * slot], shared[2 * slot + 1] = done, total
        return True

    if shared[2 * slot] == STOPPED:
        raise Cancelled("its answer is no longer of use")
    given_progress: Progress = progress
    return work(*given, progress=given_progress)


@dataclass(frozen=True, slots=True)
class Step:
    """How far a job is; ``answer`` where it is done."""

    done: int
    total: int
    answer: Any = None


class Worker:
    """One process that does one job at a time."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._shared = self._context.Array("q", 2 * SLOTS)
        self._pool: ProcessPoolExecutor | None = None
        self._next = 0
        self._others: list[Worker] = []

    def another(self) -> Worker:
        """Return one more process, begun when it is first needed, that ends with this one."""
        made = Worker()
        self._others.append(made)
        return made

    def close(self) -> None:
        """End the process; what it does is stopped."""
        for other in self._others:
            other.close()
        for slot in range(SLOTS):
            self._shared[2 * slot] = STOPPED
        if self._pool is not None:
            begun = list((getattr(self._pool, "_processes", None) or {}).values())
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in begun:
                process.kill()  # else the server's end would wait for the end of its work

    def start(self) -> ProcessPoolExecutor:
        """Return the process, begun if it isn't there or has ended."""
        if self._pool is None or getattr(self._pool, "_broken", False):
            self._pool = ProcessPoolExecutor(1, self._context, _begin, (self._shared,))
        return self._pool

    async def answer(self, work: Callable[..., Any], *given: Any, mark: threading.Event) -> Any:
        """Return what a job returns, without its progress: to look for that takes time from the answers of a crowd.

        Parameters
        ----------
        work, *given
            As :meth:`steps` takes them.
        mark : threading.Event
            Set where the answer is no longer of use.

        Raises
        ------
        PlanError, Cancelled
            What the job raises.
        """
        slot, future = self._begun(work, given)
        answer = asyncio.wrap_future(future)
        try:
            while not mark.is_set():
                if (await asyncio.wait({answer}, timeout=LOOK_S))[0]:
                    return answer.result()
            raise Cancelled("a newer question came")
        finally:
            self._shared[2 * slot] = STOPPED
            future.cancel()

    def _begun(self, work: Callable[..., Any], given: tuple[Any, ...]) -> tuple[int, Future[Any]]:
        """Return where a job says how far it is, and its answer to be."""
        slot = self._next = (self._next + 1) % SLOTS
        self._shared[2 * slot], self._shared[2 * slot + 1] = WAITING, 0
        return slot, self.start().submit(_do, slot, work, given)

    async def steps(
        self, work: Callable[..., Any], *given: Any, mark: threading.Event | None = None
    ) -> AsyncIterator[Step]:
        """Yield how far a job is until it is done; whoever stops listening cancels it.

        Parameters
        ----------
        work : callable
            A function of a module, called with ``given`` and ``progress``.
        *given
            Its arguments, which travel to the process.
        mark : threading.Event, optional
            Set where the answer is no longer of use.

        Raises
        ------
        PlanError, Cancelled
            What the job raises.
        """
        slot, future = self._begun(work, given)
        try:
            last = (-1, -1)
            while not future.done():
                if mark is not None and mark.is_set():
                    raise Cancelled("a newer question came")
                now = (self._shared[2 * slot], self._shared[2 * slot + 1])
                if now != last:
                    last = now
                    yield Step(*now)
                await asyncio.sleep(POLL_S)
            yield Step(1, 1, future.result())
        finally:
            self._shared[2 * slot] = STOPPED
            future.cancel()
