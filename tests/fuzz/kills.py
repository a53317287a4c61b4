"""Kill writing verbs at random instants and look whether anything is lost.

By hand: ``python tests/fuzz/kills.py 50`` kills and interrupts each verb 50 times; the suite does a few.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = (
    "gpu,num_gpus,model,seq_len,global_batch,micro_batch,tp,pp,dp,cp,ep,vpp,precision,recompute\n"
    "H100,512,Llama-3.1 405B,8192,256,1,8,8,8,1,1,8,BF16,\n"
)
VERBS = {
    "run": ("run", "lab-1mw", "--set", "horizon.end=2026-09", "--out", "out"),
    "export": ("export", "kept", "--to", "csv", "--out", "out.csv"),
    "predict": ("predict", "training", "steps.csv", "--out", "out.csv"),
    "schema": ("schema", "--out", "out.json"),
    "new": ("new", "out.yaml", "--force"),
}


def start(args: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """Start a verb in a folder."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", "gigaplan", *args], cwd=folder, stdout=quiet, stderr=quiet)


def contents(path: Path) -> dict[str, bytes]:
    """Return what a file or folder holds, by name."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files}


def prepared(verb: str, folder: Path) -> tuple[Path, float]:
    """Run a verb once; return what it wrote and how long it took [s]."""
    (folder / "steps.csv").write_text(STEPS)
    if verb == "export":
        assert start((*VERBS["run"][:-1], "kept"), folder).wait() == 0
    before = set(folder.iterdir())
    began = time.monotonic()
    assert start(VERBS[verb], folder).wait() == 0
    (target,) = set(folder.iterdir()) - before
    return target, time.monotonic() - began


def lost(verb: str, number: signal.Signals, times: int, folder: Path, seed: int = 0) -> list[str]:
    """Stop a verb at random instants; return what was lost, half-written or left behind."""
    target, lasts = prepared(verb, folder)
    whole, names, chance = contents(target), set(os.listdir(folder)), random.Random(seed)
    found = []
    for i in range(times):
        job = start(VERBS[verb], folder)
        time.sleep(chance.uniform(0.3 * lasts, 1.1 * lasts))
        job.send_signal(number)
        job.wait()
        if not target.exists() or contents(target) != whole:
            found.append(f"{verb} {number.name} {i}: the target is not whole")
    if start(VERBS[verb], folder).wait() != 0 or contents(target) != whole:
        found.append(f"{verb} {number.name}: the next run fails")
    left = set(os.listdir(folder)) - names
    return found + [f"{verb} {number.name}: left {name}" for name in left]


def main(times: int) -> int:
    """Stop every verb; print what was found."""
    found = []
    for verb in VERBS:
        for number in (signal.SIGKILL, signal.SIGINT):
            with tempfile.TemporaryDirectory() as folder:
                some = lost(verb, number, times, Path(folder))
            print(f"{verb:8} {number.name:8} {times} times: {len(some)} faults", flush=True)
            found += some
    print(*found, sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
