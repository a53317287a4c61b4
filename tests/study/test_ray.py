"""Ray: the same bytes as on this machine, and chunks of a worker that dies are done again or told."""

from __future__ import annotations

import operator
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.study.test_montecarlo import contents, study

import gigaplan as gp
from gigaplan.study.executors import Lost

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


def test_law_ray_writes_what_one_process_does(cluster: None, tmp_path: Path) -> None:
    study(tmp_path / "ray", members=200, on="ray")
    study(tmp_path / "one", members=200, workers=1)
    assert contents(tmp_path / "ray") == contents(tmp_path / "one")


def test_every_task_is_answered_whatever_becomes_of_its_worker(cluster: None) -> None:
    from gigaplan.study.ray import OnRay

    with OnRay().map(operator.truediv, 12, [3, 0, 4]) as answers:
        found = dict(answers)
    assert found == {3: 4.0, 4: 3.0, 0: Lost("ZeroDivisionError: division by zero")}
    with OnRay().map(operator.call, signal.raise_signal, [0, int(signal.SIGKILL), 0]) as answers:
        ended = list(answers)
    assert [a for t, a in ended if t == 0] == [None, None]
    (lost,) = (a for t, a in ended if t)
    assert isinstance(lost, Lost) and "Crashed" in lost.reason


def test_without_ray_the_message_says_how_to_install_it(tmp_path: Path) -> None:
    try:
        import ray  # noqa: F401
    except ImportError:
        with pytest.raises(gp.MachineError, match=r"pip install 'gigaplan\[ray\]'"):
            study(tmp_path / "no", members=20, on="ray")


def test_an_address_isnt_passed_over(cluster: None, tmp_path: Path) -> None:
    with pytest.raises(gp.MachineError, match="leave the address out"):
        study(tmp_path / "none", members=20, on="ray", address="127.0.0.1:1")


def test_a_cluster_that_isnt_there_is_told(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    words = ("study", "montecarlo", "lab-1mw", "--members", "20", "--on", "ray", "--address", "127.0.0.1:1")
    job = subprocess.run(
        [sys.executable, "-m", "gigaplan", *words, "--out", str(tmp_path / "none")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert job.returncode == 3 and "Ray can't be joined at 127.0.0.1:1" in job.stdout, job.stdout
    assert not (tmp_path / "none").exists()


def test_a_study_that_computed_nothing_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import contextlib

    from gigaplan.study.executors import Local

    @contextlib.contextmanager
    def nowhere(self: object, *args: object) -> Iterator[None]:
        raise gp.MachineError("it can't be joined")
        yield

    monkeypatch.setattr(Local, "map", nowhere)
    out = tmp_path / "a" / "b"
    with pytest.raises(gp.MachineError, match="joined"):
        study(out, members=20, workers=1)
    assert not (tmp_path / "a").exists()
    out.mkdir(parents=True)  # what was there stays
    with pytest.raises(gp.MachineError, match="joined"):
        study(out, members=20, workers=1)
    assert out.exists()
