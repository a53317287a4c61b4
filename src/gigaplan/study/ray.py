"""Chunks on many machines: Ray starts here or is joined, and does the chunks of a failed worker again."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from gigaplan.study.executors import ATTEMPTS, LONGEST_REASON, ONE_THREAD, Lost, outcome
from gigaplan.vocabulary.errors import MachineError

C = TypeVar("C")
T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2
"""Chunks that are handed out per processor of the cluster, so that none waits."""


REACHED_S = 10.0
"""How long the head of a cluster may take to answer [s]."""


@dataclass(frozen=True, slots=True)
class OnRay:
    """Ray: one chunk per processor."""

    workers: int | None = None
    """Processors that are used at most; all if None."""
    address: str = ""
    """Cluster that is joined; empty to start Ray on this machine."""

    @contextlib.contextmanager
    def map(self, work: Callable[[C, T], R], common: C, tasks: Iterable[T]) -> Iterator[Iterator[tuple[T, R | Lost]]]:
        """Give what ``work(common, task)`` returns for each task, in the order in which they are done.

        Raises
        ------
        MachineError
            If Ray isn't installed or the cluster can't be reached.
        """
        ray = _imported()
        started = not ray.is_initialized()
        if not started and self.address:
            raise MachineError("Ray has been started in this process already: leave the address out to use that one")
        if started:
            self._begin(ray)
        try:
            yield self._answers(ray, work, ray.put(common), tasks)
        finally:
            if started:
                ray.shutdown()

    def _begin(self, ray: Any) -> None:
        how: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": "error",
            "runtime_env": {"env_vars": ONE_THREAD},
        }
        how |= {"address": self.address} if self.address else {"address": "local", "include_dashboard": False}
        if not self.address and self.workers:
            how["num_cpus"] = self.workers
        try:
            _reach(self.address)
            ray.init(**how)
        except (OSError, RuntimeError, ValueError) as error:
            raise MachineError(f"Ray can't be joined at {self.address or 'this machine'}: {error}") from None

    def _answers(self, ray: Any, work: Any, common: Any, tasks: Iterable[T]) -> Iterator[tuple[T, Any]]:
        """Yield each task with its outcome; chunks of a worker or machine that fails are begun again elsewhere."""
        do = ray.remote(num_cpus=1, max_retries=ATTEMPTS)(outcome)
        waiting, running = iter(tasks), dict[Any, T]()
        processors = int(ray.cluster_resources().get("CPU", 1))
        most = min(AHEAD * processors, self.workers) if self.workers and self.address else AHEAD * processors
        while True:
            while len(running) < most and (task := next(waiting, None)) is not None:
                running[do.remote(work, common, task)] = task
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=1)
            for reference in done:
                task = running.pop(reference)
                try:
                    yield task, ray.get(reference)
                except ray.exceptions.RayError as error:
                    yield task, Lost(" ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_REASON])


def _reach(address: str) -> None:
    """Raise OSError if nothing answers at an address: Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), REACHED_S).close()


def _imported() -> Any:
    try:
        import ray
    except ImportError:
        raise MachineError("this needs Ray, which isn't installed: pip install 'gigaplan[ray]'") from None
    return ray
