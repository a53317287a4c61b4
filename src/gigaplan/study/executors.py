"""Where the chunks of a study are computed, behind one ``map``: in processes on this machine, or by Ray.

A worker is a process of its own, fed by its standard input and ended when that closes, so that none outlives its study
whatever ends that. Python's own pools start a user's script again in each worker, and break as a whole when one worker
is killed; here its chunk alone is done again.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

C = TypeVar("C")
T = TypeVar("T")
R = TypeVar("R")
ATTEMPTS = 3
"""How often a chunk is begun whose worker dies."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
"""Workers share the processors: none starts threads for linear algebra."""
LONGEST_REASON = 400
"""Characters of a dead worker's last words that are kept."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A chunk that couldn't be done."""

    reason: str


class Executor(Protocol):
    """What computes chunks somewhere."""

    def map(
        self, work: Callable[[C, T], R], common: C, tasks: Iterable[T]
    ) -> contextlib.AbstractContextManager[Iterator[tuple[T, R | Lost]]]:
        """Give what ``work(common, task)`` returns for each task, in the order in which they are done.

        ``common`` is sent once to each worker. When the context ends, all workers do.
        """


@dataclass(frozen=True, slots=True)
class Local:
    """Processes on this machine; with one worker the chunks are computed in this process."""

    workers: int = 1

    @contextlib.contextmanager
    def map(self, work: Callable[[C, T], R], common: C, tasks: Iterable[T]) -> Iterator[Iterator[tuple[T, R | Lost]]]:
        """Give what ``work(common, task)`` returns for each task, in the order in which they are done."""
        if self.workers == 1:
            yield ((task, outcome(work, common, task)) for task in tasks)
            return
        crew = _Crew(work, common)
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="study")
        try:
            yield _as_done(pool, crew, tasks, 2 * self.workers)
        finally:
            crew.dismiss()
            pool.shutdown(wait=True, cancel_futures=True)


def outcome(work: Callable[[C, T], R], common: C, task: T) -> R | Lost:
    """Return what a chunk's work gives, or why it gives nothing."""
    try:
        return work(common, task)
    except Exception as error:
        return Lost(f"{type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST_REASON])


def _as_done(pool: ThreadPoolExecutor, crew: _Crew, tasks: Iterable[T], most: int) -> Iterator[tuple[T, Any]]:
    """Yield each task with its outcome; no more are handed out than are soon begun."""
    waiting, running = iter(tasks), dict[Future[Any], T]()
    while True:
        while len(running) < most:
            try:
                task = next(waiting)
            except StopIteration:
                break
            running[pool.submit(crew.do, task)] = task
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future.result()


@dataclass(eq=False)
class _Crew:
    """Workers that are idle, and all that live."""

    work: Callable[[Any, Any], Any]
    common: Any
    _idle: queue.SimpleQueue[_Worker] = field(default_factory=queue.SimpleQueue)
    _alive: set[_Worker] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def do(self, task: Any) -> Any:
        """Have one worker do a task; one whose worker dies is begun again by another."""
        reason = ""
        for _ in range(ATTEMPTS):
            worker = self._take()
            if worker is None:
                return Lost("the study was stopped")
            try:
                answer = worker.answer(task)
            except (OSError, EOFError, pickle.UnpicklingError):
                reason = worker.last_words()
                self._bury(worker)
                continue
            self._idle.put(worker)
            return answer
        return Lost(f"its worker died {ATTEMPTS} times: {reason}")

    def dismiss(self) -> None:
        """End all workers at once."""
        with self._lock:
            self._closed = True
            alive = tuple(self._alive)
        for worker in alive:
            self._bury(worker)

    def _take(self) -> _Worker | None:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        with self._lock:
            if self._closed:
                return None
            worker = _Worker()
            self._alive.add(worker)
        with contextlib.suppress(OSError):  # one that is dead already says so when it is asked
            worker.tell((self.work, self.common))
        return worker

    def _bury(self, worker: _Worker) -> None:
        worker.end()
        with self._lock:
            self._alive.discard(worker)


class _Worker:
    """A process that answers tasks."""

    def __init__(self) -> None:
        above = str(Path(__file__).parents[2])
        paths = os.pathsep.join(filter(None, (above, os.environ.get("PYTHONPATH"))))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gigaplan.study.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths},
            start_new_session=True,  # Ctrl-C is met by the study, which ends its workers
        )

    def tell(self, what: object) -> None:
        """Send something to the process; OSError if it is dead."""
        assert self.process.stdin
        pickle.dump(what, self.process.stdin)
        self.process.stdin.flush()

    def answer(self, task: object) -> object:
        """Return the outcome of a task; OSError or EOFError if the process dies."""
        self.tell(task)
        assert self.process.stdout
        return pickle.load(self.process.stdout)

    def last_words(self) -> str:
        """Return how a dead process ended, with the last line that it wrote to standard error."""
        code = self.process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        ended = f"signal {-code}" if code < 0 else f"exit {code}"
        return f"{ended}{f', {lines[-1]}' if lines else ''}"[:LONGEST_REASON]

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            with contextlib.suppress(OSError):
                stream.close()
        self.process.wait()
        self._errors.close()
