"""A run that would not fit into the free memory is refused before it begins, in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.simulate import memory
from gigaplan.vocabulary.errors import MachineError

GB = 10**9


def test_too_many_members_for_the_machine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 2 * GB)
    with pytest.raises(MachineError, match=r"5,000 members .* need about .* GB .* 2\.0 GB are free; [\d,]+ members"):
        gp.run("lab-1mw", {"uncertainty.members": 5000}, keep="all")
    with pytest.raises(SystemExit) as left:
        main(["run", "lab-1mw", "--set", "uncertainty.members=5000", "--keep", "all"])
    assert left.value.code == 3
    said = capsys.readouterr().err
    fits = int(said.split("uncertainty.members=")[1].split(")")[0])
    labels = gp.run("lab-1mw").labels
    assert memory.needed_bytes(labels, fits) <= 2 * GB < memory.needed_bytes(labels, fits + 1)


def test_not_even_one_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 10_000)
    with pytest.raises(MachineError, match="not even one member fits"):
        gp.run("lab-1mw")


def test_the_size_of_a_result_is_known_before_it_is_computed() -> None:
    result = gp.run("lab-1mw", {"uncertainty.members": 3}, keep="all")
    held = sum(a.size for a in result.arrays.values()) * memory.NUMBER_BYTES
    assert memory.result_bytes(result.labels, 3) == held
    assert memory.needed_bytes(result.labels, 3) == memory.FIXED_BYTES + memory.writing_bytes(3) + memory.WORKING * held


def test_a_system_that_does_not_tell_its_memory_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 0)
    memory.require_memory(gp.run("lab-1mw").labels, 10**9)


def system(root: Path, monkeypatch: pytest.MonkeyPatch, groups: str, files: dict[str, str]) -> None:
    """Lay out a system's files: 8 GB available, and control groups."""
    for name, text in {
        "proc/meminfo": "MemTotal: 1\nMemAvailable: 8000000 kB\n",
        "proc/self/cgroup": groups,
        **files,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(memory, "PROC", root / "proc")
    monkeypatch.setattr(memory, "CGROUPS", root / "cg")


def test_available_memory_counts_not_the_machines_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system(tmp_path, monkeypatch, "0::/\n", {})
    assert memory.free_bytes() == 8000000 * 1024


def test_a_group_of_version_2_limits_and_so_does_the_one_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = {
        "cg/a/memory.max": str(3 * GB),
        "cg/a/memory.current": str(GB),
        "cg/a/memory.stat": f"inactive_file {GB // 2}\n",
    }
    own = {"cg/a/b/memory.max": "max\n", "cg/a/b/memory.current": "5"}
    system(tmp_path, monkeypatch, "0::/a/b\n", above | own)
    assert memory.free_bytes() == 2.5 * GB
    (tmp_path / "cg/a/b/memory.max").write_text(str(GB))
    assert memory.free_bytes() == GB - 5


def test_a_group_of_version_1_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"cg/memory/memory.limit_in_bytes": str(2 * GB), "cg/memory/memory.usage_in_bytes": str(GB)}
    # Inside a container the group's path is the host's, which isn't there.
    system(tmp_path, monkeypatch, "5:cpu:/x\n4:memory:/docker/abc\n", files)
    assert memory.free_bytes() == GB
    (tmp_path / "cg/memory/memory.usage_in_bytes").write_text(str(3 * GB))
    assert memory.free_bytes() == 1  # nothing is left, which is not the same as unknown


def test_without_proc_the_machines_whole_memory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PROC", tmp_path)
    monkeypatch.setattr(memory.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}[name])
    assert memory.free_bytes() == 4096000
    monkeypatch.setattr(memory.os, "sysconf", lambda name: {}[name])
    monkeypatch.delattr(memory.os, "sysconf")
    assert memory.free_bytes() == 0


MEASURED = """
import sys, pathlib
import gigaplan as gp
from gigaplan.results import store
from gigaplan.simulate.memory import needed_bytes
def peak():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) * 1024 for x in lines if x.startswith("VmHWM:"))
gp.run("lab-1mw")
start = peak()
result = gp.run("lab-1mw", {"uncertainty.members": 200}, keep="all")
folder = pathlib.Path(sys.argv[1])
gp.save(result, folder)
size = sum(a.nbytes for a in result.arrays.values())
print(size, peak() - start, needed_bytes(result.labels, 200))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures with /proc")
def test_a_run_and_saving_it_take_no_more_than_the_estimate(tmp_path: Path) -> None:
    out = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "kept")], capture_output=True, text=True, check=True
    ).stdout
    size, taken, estimate = (float(n) for n in out.split())
    assert taken < estimate
    assert estimate < 10 * size  # and the estimate is not far off
