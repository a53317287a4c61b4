"""Workers: each task is answered once, whatever becomes of a worker."""

from __future__ import annotations

import operator
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gigaplan.study.executors import Local, Lost


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_answered_once(workers: int) -> None:
    with Local(workers).map(operator.truediv, 12, range(-3, 20)) as answers:
        found = dict(answers)
    assert found.pop(0) == Lost("ZeroDivisionError: division by zero")
    assert found == {k: 12 / k for k in range(-3, 20) if k}


def test_what_a_worker_prints_is_no_answer() -> None:
    with Local(2).map(print, "common", ["a", "b"]) as answers:
        assert sorted(answers) == [("a", None), ("b", None)]


def test_a_task_whose_worker_dies_each_time_is_lost_and_the_others_are_not() -> None:
    """What stands for a task here is a signal that the worker sends to itself: none, or one that ends it."""
    tasks = [0, int(signal.SIGKILL), 0]
    with Local(2).map(operator.call, signal.raise_signal, tasks) as answers:
        found = list(answers)
    assert [a for t, a in found if t == 0] == [None, None]
    (lost,) = (a for t, a in found if t)
    assert isinstance(lost, Lost) and "died 3 times: signal 9" in lost.reason


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_workers_end_with_their_study(tmp_path: Path) -> None:
    """Also where that is killed: none is left that works for nobody."""
    script = (
        "import time, operator\nfrom gigaplan.study.executors import Local\n"
        "with Local(2).map(operator.concat, [1], [[2]]) as answers:\n"
        "    print(next(answers), flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as study:
        assert study.stdout
        study.stdout.readline()
        workers = _children(study.pid)
        assert workers
        study.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(map(_lives, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_lives, workers))


def _children(parent: int) -> list[int]:
    every = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for thread in every for pid in thread.read_text().split()]


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
