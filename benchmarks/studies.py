"""Time and memory of studies, each in fresh processes; nothing is asserted.

``python benchmarks/studies.py`` prints 10,000 futures of the announced plan on two processors, Sobol' indices of 40
inputs with 40,000 members, and Ray with two processors against two processes. Words name single cases: ``montecarlo``,
``sobol``, ``ray`` (which needs the extra). The seconds of processors are what counts on a machine that others use; the
memory is the resident memory of all processes of the study together.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLAN = "announced-2025-09"
EVERY_S = 0.2
CASES: dict[str, tuple[tuple[str, ...], ...]] = {
    "montecarlo": (("montecarlo", PLAN, "--members", "10000", "--workers", "2"),),
    "sobol": (("sensitivity", PLAN, "--method", "sobol", "--inputs", "40", "--members", "40000", "--workers", "2"),),
    "ray": (
        ("montecarlo", PLAN, "--members", "2000", "--workers", "2"),
        ("montecarlo", PLAN, "--members", "2000", "--workers", "2", "--on", "ray"),
    ),
}


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and all below it."""
    found, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            pages = int(Path(f"/proc/{one}/statm").read_text().split()[1])
            below = [t.read_text().split() for t in Path(f"/proc/{one}/task").glob("*/children")]
        except (OSError, IndexError):
            continue
        found += pages * os.sysconf("SC_PAGE_SIZE")
        waiting += [int(p) for children in below for p in children]
    return found


def processor_s() -> float:
    """Return the seconds of processors of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(words: tuple[str, ...], folder: Path) -> str:
    """Run a study; return its seconds, its seconds of processors, and its peak memory."""
    start, begun, peak = time.perf_counter(), processor_s(), 0
    command = [sys.executable, "-m", "gigaplan", "study", *words, "--out", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as job:
        while job.poll() is None:
            peak = max(peak, resident_bytes(job.pid))
            time.sleep(EVERY_S)
    ended = f", exit {job.returncode}" * bool(job.returncode)
    seconds, processors = time.perf_counter() - start, processor_s() - begun
    return f"{seconds:.0f} s, {processors:.0f} s of processors, {peak / 1e9:.2f} GB{ended}"


def main(*names: str) -> None:
    """Print every case."""
    for name in names or CASES:
        for words in CASES[name]:
            with tempfile.TemporaryDirectory() as work:
                figures = measure(words, Path(work) / "study")
                size = sum(p.stat().st_size for p in Path(work).rglob("*") if p.is_file())
            print(f"{' '.join(words)}: {figures}, folder {size / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
