"""A second process that does part of a command's work, into memory or files that both processes have.

The second process is a fork: it has the plan, the catalog and every module already, and what it made is in place when
it ends, so that nothing is sent. Where a fork isn't safe or no processor is free, the caller does all of the work.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence


@contextlib.contextmanager
def second_process(work: Callable[[int], object], tasks: Sequence[int]) -> Iterator[Callable[[], Sequence[int]]]:
    """Do tasks in a forked process while the block runs.

    Parameters
    ----------
    work : callable
        Does a task; what it returns is dropped, and an error leaves all tasks undone, so that the caller meets it too.
    tasks : sequence of int
        The tasks, done in order.

    Yields
    ------
    callable
        Waits for the process and returns the tasks that are not done: none or all of them.
    """
    process = os.fork() if tasks and can_fork() else None
    if process == 0:
        _do_and_end(work, tasks)

    def left_undone() -> Sequence[int]:
        nonlocal process
        if process is None:
            return tasks
        done = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
        process = None
        return () if done else tasks

    try:
        yield left_undone
    finally:
        if process is not None:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def can_fork() -> bool:
    """Return whether a fork is safe, which it is not among threads that may hold a lock, and a processor is free."""
    alone = threading.active_count() == 1 and threading.current_thread() is threading.main_thread()
    return sys.platform == "linux" and alone and len(os.sched_getaffinity(0)) > 1


def _do_and_end(work: Callable[[int], object], tasks: Sequence[int]) -> None:
    """Do the tasks of the second process and end it, unseen and unheard; it doesn't outlive the first one for long."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's, which then ends this one
        first = os.getppid()
        for task in tasks:
            work(task)
            if os.getppid() != first:
                break
        else:
            code = 0
    finally:
        os._exit(code)  # without the cleaning up that the first process will do
