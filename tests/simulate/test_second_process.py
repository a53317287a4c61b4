"""Half of a run in a second process gives the numbers of one process, and no process or error is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.simulate import memory
from gigaplan.vocabulary import second_process

needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
SMALL = {"horizon.end": "2026-07", "uncertainty.members": 12}


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[int]]:
    """Fork whatever threads the test runner has; return the tasks that each fork had."""
    had: list[Sequence[int]] = []

    def can_fork() -> bool:
        had.append(())
        return True

    monkeypatch.setattr(second_process, "can_fork", can_fork)
    return had


@needs_fork
def test_two_processes_give_the_numbers_of_one(monkeypatch: pytest.MonkeyPatch, forked: list[Sequence[int]]) -> None:
    whole = gp.run("lab-1mw", SMALL)
    assert not forked
    monkeypatch.setattr(memory, "members_at_once", lambda *_: 4)
    monkeypatch.setattr("gigaplan.simulate.parts.members_at_once", lambda *_: 4)
    shared = gp.run("lab-1mw", SMALL)
    assert len(forked) == 1
    monkeypatch.setattr(second_process, "can_fork", lambda: False)
    alone = gp.run("lab-1mw", SMALL)
    assert set(shared.arrays) == set(alone.arrays) == set(whole.arrays)
    for name in whole.arrays:
        np.testing.assert_array_equal(shared[name], alone[name], err_msg=name)
        assert shared[name].shape == whole[name].shape
        assert not shared[name].flags.writeable


@needs_fork
def test_what_a_second_process_leaves_undone_is_for_the_first(forked: list[Sequence[int]]) -> None:
    def fails(task: int) -> None:
        raise RuntimeError(task)

    with second_process.second_process(fails, (1, 2)) as left_undone:
        assert left_undone() == (1, 2)
    with second_process.second_process(lambda task: task, (1, 2)) as left_undone:
        assert left_undone() == ()
    assert len(forked) == 2


@needs_fork
def test_a_second_process_ends_with_the_block(forked: list[Sequence[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    made, fork = list[int](), os.fork
    monkeypatch.setattr(os, "fork", lambda: made.append(fork()) or made[-1])

    def broken() -> None:
        with second_process.second_process(lambda _: threading.Event().wait(), (1,)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    with pytest.raises(ChildProcessError):
        os.waitpid(made[0], os.WNOHANG)  # it is gone and waited for


def test_no_fork_among_threads() -> None:
    code = (
        "import threading; from gigaplan.vocabulary.second_process import can_fork\n"
        "thread = threading.Timer(9, print); thread.daemon = True; thread.start(); print(can_fork())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
