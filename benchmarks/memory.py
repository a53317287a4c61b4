"""Memory and time of running, saving and loading results of many members, each measured in a fresh process.

``python benchmarks/memory.py`` prints the figures that ``simulate/memory.py`` is calibrated on; nothing is asserted.
Arguments name other cases: ``lab-1mw:500`` or ``lab-1mw:20:hourly``.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CASES = (
    "lab-1mw:1",
    "lab-1mw:100",
    "lab-1mw:500",
    "lab-1mw:20:hourly",
    "campus-1gw:100",
    "announced-2025-09:1",
    "announced-2025-09:20",
    "announced-2025-09:1:hourly",
)


def peak_bytes() -> int:
    """Return this process's largest resident memory since the last reset."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reset_peak() -> None:
    """Start measuring the peak anew, where the system lets one."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def measure(case: str) -> dict[str, float]:
    """Run, save and load one case; return bytes and seconds."""
    plan, members, *resolution = case.split(":")
    import gigaplan as gp
    from gigaplan.simulate.memory import needed_bytes

    changes = {"uncertainty.members": members, "horizon.resolution": (resolution or ["representative"])[0]}
    gp.run(plan)  # what is imported and cached does not count
    found = {"start": peak_bytes()}

    def step(name: str, work: Callable[[], Any]) -> Any:
        reset_peak()
        start = time.perf_counter()
        answer = work()
        found[f"{name}_s"] = time.perf_counter() - start
        found[name] = peak_bytes()
        return answer

    result = step("run", lambda: gp.run(plan, changes))
    found["arrays"] = sum(a.nbytes for a in result.arrays.values())
    found["guard"] = needed_bytes(result.labels, int(members))
    with tempfile.TemporaryDirectory() as work:
        folder = step("save", lambda: gp.save(result, Path(work) / "kept"))
        found["disk"] = (folder / "result.parquet").stat().st_size
        result = None  # so that the memory of loading is that of one result
        step("load", lambda: gp.load(folder))
    return found


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2])))
        return
    print(
        "MB above the process before the run; 'x' is that over the arrays' size; 'guard' is the estimate before a run"
    )
    print(f"{'case':<28}{'arrays':>8}{'run':>8}{'x':>6}{'save':>8}{'x':>6}{'load':>8}{'guard':>8}{'disk':>8}", end="")
    print(f"{'run s':>8}{'save s':>8}{'load s':>8}")
    for case in sys.argv[1:] or CASES:
        out = subprocess.run(
            [sys.executable, __file__, "--one", case], capture_output=True, text=True, check=True
        ).stdout
        found = json.loads(out)
        size, start = found["arrays"], found["start"]
        mb = {n: (found[n] - start) / 1e6 for n in ("run", "save", "load")}
        print(f"{case:<28}{size / 1e6:>8.1f}", end="")
        print(
            f"{mb['run']:>8.0f}{mb['run'] * 1e6 / size:>6.1f}{mb['save']:>8.0f}{mb['save'] * 1e6 / size:>6.1f}", end=""
        )
        print(f"{mb['load']:>8.0f}{found['guard'] / 1e6:>8.0f}{found['disk'] / 1e6:>8.1f}", end="")
        print(f"{found['run_s']:>8.1f}{found['save_s']:>8.1f}{found['load_s']:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
