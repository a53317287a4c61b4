"""The processes that work off the jobs: each begun when it is first needed, watched, and begun again when it dies."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gigaplan.app.answers import problem_data
from gigaplan.app.queue.store import Job, JobStore
from gigaplan.app.verbs.kinds import kinds
from gigaplan.study.executors import ONE_THREAD
from gigaplan.vocabulary.errors import Place, Problem

NOTED_EVERY_S = 0.2
"""Seconds between two notes of how far a job is."""
IDLE_S = 5.0


class Crew:
    """Hands that work off a list of jobs.

    Parameters
    ----------
    store : JobStore
        The list.
    workers : int
        Processes for any job; one more takes quick jobs alone.
    """

    def __init__(self, store: JobStore, workers: int = 1) -> None:
        self.store = store
        self._news = threading.Condition()
        self._closing = False
        long = tuple(name for name, kind in kinds().items() if kind.long)
        self._hands = [_Hand(self, long, quick=k == workers) for k in range(workers + 1)]

    def start(self) -> None:
        """Begin with what waits."""
        self.store.resume()
        for hand in self._hands:
            hand.thread.start()

    def tell(self) -> None:
        """Say that there is a new job, or that one has ended."""
        with self._news:
            self._news.notify_all()

    def cancel(self, number: str, owner: str) -> bool:
        """Cancel an owner's job; return whether it ran or waited."""
        changed = self.store.cancel(number, owner)
        for hand in self._hands:
            hand.stop(number)
        self.tell()
        return changed

    def wait(self, seconds: float) -> None:
        """Wait until something happens to a job, or so many seconds."""
        with self._news:
            self._news.wait(seconds)

    def close(self) -> None:
        """Stop all; what ran goes on with the next server."""
        self._closing = True
        self.tell()
        for hand in self._hands:
            hand.end()
        for hand in self._hands:
            if hand.thread.ident:
                hand.thread.join(timeout=10)

    @property
    def closing(self) -> bool:
        """Whether it is being stopped."""
        return self._closing


class _Hand:
    """A thread with its process."""

    def __init__(self, crew: Crew, long: tuple[str, ...], *, quick: bool) -> None:
        self.crew, self.long, self.quick = crew, long, quick
        self.thread = threading.Thread(target=self._work, daemon=True, name="jobs")
        self._process: _Process | None = None
        self._job = ""
        self._lock = threading.Lock()

    def stop(self, number: str) -> None:
        """End the process if it does this job."""
        with self._lock:
            if self._job == number and self._process is not None:
                self._process.kill()

    def end(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def _work(self) -> None:
        store, lost = self.crew.store, ""
        while not self.crew.closing:
            try:
                if lost:
                    store.put_back(lost, counts=True)
                    lost = ""
                job = store.claim(self.long, only=self.quick)
                if job is None:
                    self.crew.wait(IDLE_S)
                    continue
                lost = job.id
                self._do(job)
                lost = ""
            except Exception:  # the list can't be written now: a full disk, a database that is away
                logging.getLogger("gigaplan").exception("a job can't be noted; it is begun again")
                if self._process is not None:
                    self._process.close()
                time.sleep(1.0)
            self.crew.tell()
        if self._process is not None:
            self._process.close()

    def _do(self, job: Job) -> None:
        """Have the process do a job, and note how it ended."""
        store, limits = self.crew.store, self.crew.store.limits
        with self._lock:
            if self._process is None or not self._process.alive:
                self._process = _Process()
            process, self._job = self._process, job.id
        late = threading.Event()

        def too_late() -> None:
            late.set()
            process.kill()

        clock = threading.Timer(limits.seconds, too_late)
        clock.daemon = True
        clock.start()
        try:
            ended = self._watch(process, job)
        finally:
            clock.cancel()
            with self._lock:
                self._job = ""
        if ended:
            return
        process.close()
        if late.is_set():
            text, remedy = (
                f"stopped after {limits.seconds:,.0f} s, the longest that a job may take",
                "take fewer members",
            )
            store.fail(job.id, [problem_data(Problem(text, Place(job.verb), remedy=remedy))])
        else:
            store.put_back(job.id, counts=not self.crew.closing)

    def _watch(self, process: _Process, job: Job) -> bool:
        """Note what the process says of a job until it has ended; False where the process ends first."""
        store, noted = self.crew.store, 0.0
        if not process.begin(store.home(job.id), asdict(store.limits)):
            return False
        for line in process.lines():
            if "files" in line:
                store.finish(job.id, line["files"])
                return True
            if "problems" in line:
                store.fail(job.id, line["problems"])
                return True
            if time.monotonic() - noted > NOTED_EVERY_S:
                noted = time.monotonic()
                store.progress(job.id, line["done"], line["total"], line["step"])
                self.crew.tell()
        return False


class _Process:
    """A process that answers jobs."""

    def __init__(self) -> None:
        above = str(Path(__file__).parents[3])
        paths = os.pathsep.join(filter(None, (above, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gigaplan.app.queue.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=tempfile.gettempdir(),
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths},
            start_new_session=True,  # Ctrl-C is the server's, which ends its processes
        )

    @property
    def alive(self) -> bool:
        """Whether it hasn't ended."""
        return self._process.poll() is None

    def begin(self, folder: Path, limits: dict[str, Any]) -> bool:
        """Give it a job; return whether it took it."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps({"folder": str(folder), "limits": limits}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return False
        return True

    def lines(self) -> Any:
        """Yield what it says; ends when it does."""
        assert self._process.stdout
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, and close what leads to it; for the thread that reads what it says."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream
            with contextlib.suppress(OSError):
                stream.close()
