"""Kill studies and their workers at random instants, and look whether anything is lost, counted twice or otherwise.

``python tests/fuzz/studies.py 50`` ends a study 50 times before it may go on to its end (``make fuzz``), by turns with
kill -9 of the study, of a worker, and with Ctrl-C; then its folder has to be, byte for byte, that of one that nobody
disturbed. The suite does it a few times.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = {
    "montecarlo": ("study", "montecarlo", "lab-1mw", "--members", "2000"),
    "sobol": ("study", "sensitivity", "lab-1mw", "--method", "sobol", "--inputs", "5", "--members", "1500"),
    "sweep": ("study", "sweep", "lab-1mw", "--over", "power.facility.pue=1.1..1.5 step 0.02"),
    "compare": ("study", "compare", "lab-1mw", "--set", "fleet.profile=max_p", "--members", "800"),
}
WAYS = ("study", "worker", "interrupt")
LONGEST_S = 6.0
"""A study is ended within so many seconds of its start."""


def contents(folder: Path) -> dict[str, str]:
    """Return the checksum of every file of a study; temporary ones of dead runs don't count."""
    files = (p for p in folder.rglob("*") if p.is_file() and ".gigaplan-part" not in str(p))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def start(kind: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a study on two workers."""
    command = [sys.executable, "-m", "gigaplan", *WORDS[kind], "--workers", "2", "--out", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def workers_of(job: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that a study has started."""
    found: list[int] = []
    for thread in Path(f"/proc/{job.pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, thread.read_text().split())
    return found


def disturb(kind: str, folder: Path, chance: random.Random, way: str) -> str:
    """Start a study and end it, or one of its workers, at a random instant; return what is wrong, empty if nothing."""
    with start(kind, folder) as job:
        time.sleep(chance.uniform(0.3, LONGEST_S))
        if way == "worker":
            for pid in workers_of(job)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(chance.uniform(0, 1))
        job.send_signal(signal.SIGINT if way == "interrupt" else signal.SIGKILL)
        _, said = job.communicate()
    fine = job.returncode in ((0, 130) if way == "interrupt" else (0, -signal.SIGKILL))
    return "" if fine and b"Traceback" not in said else f"exit {job.returncode}: {said[-300:]!r}"


def run(kind: str, times: int, base: Path) -> list[str]:
    """End one kind of study so many times; return what was found."""
    chance, found = random.Random(kind), []
    with start(kind, base / "calm") as job:
        _, said = job.communicate()
    assert job.returncode == 0, said
    for k in range(times):
        wrong = disturb(kind, base / "disturbed", chance, WAYS[k % len(WAYS)])
        found += [f"{kind} {k} {WAYS[k % len(WAYS)]}: {wrong}"] * bool(wrong)
    with start(kind, base / "disturbed") as job:
        _, said = job.communicate()
    if job.returncode:
        found.append(f"{kind}: it doesn't go on: {said[-300:]!r}")
    calm, disturbed = contents(base / "calm"), contents(base / "disturbed")
    apart = sorted(n for n in {*calm, *disturbed} if calm.get(n) != disturbed.get(n))
    return found + [f"{kind}: {name} differs" for name in apart]


def main(times: int, *kinds: str) -> int:
    """End every kind of study; print what was found."""
    faults: list[str] = []
    for kind in kinds or WORDS:
        with tempfile.TemporaryDirectory() as base:
            found = run(kind, times, Path(base))
        print(f"{kind}: ended {times} times, {len(found)} faults", *found, sep="\n", flush=True)
        faults += found
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, *sys.argv[2:]))
