"""Figures of speed and size, printed; nothing here is asserted. Run with ``make bench``."""

from __future__ import annotations

import platform
import resource
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

PLAN = "announced-2025-09"


def timed(work: Callable[[], object], repeats: int = 7) -> tuple[float, float, float]:
    """Return the least, median and largest seconds over some repeats."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), statistics.median(seconds), max(seconds)


def show(what: str, seconds: tuple[float, float, float], target_s: float | None = None) -> None:
    low, middle, high = (f"{s * 1e3:8.0f}" for s in seconds)
    target = f"   target {target_s * 1e3:.0f} ms" if target_s else ""
    print(f"{what:<62}{low}{middle}{high} ms{target}")


def process(*args: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *args], check=True, capture_output=True)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}, least / median / largest of repeats\n")
    show("python -c pass (the floor of every process)", timed(process("-c", "pass")))
    show("gigaplan --help, whole process", timed(process("-m", "gigaplan", "--help")), 0.3)
    show(
        "gigaplan run, whole process, result and report kept",
        timed(process("-m", "gigaplan", "run", PLAN, "--out", "build/bench"), 3),
    )

    import gigaplan as gp
    from gigaplan import plan
    from gigaplan.simulate.couplings import throughput
    from gigaplan.simulate.engine import simulate

    start = time.perf_counter()
    gp.run(PLAN)
    show("ten years on representative days, first run after import", (time.perf_counter() - start,) * 3, 1.0)

    def cold() -> object:
        throughput._choice.cache_clear()
        return gp.run(PLAN)

    show("ten years, warm process, no rate remembered", timed(cold), 1.0)
    share = iter(range(1, 1000))
    show(
        "one changed input (training share), warm process",
        timed(lambda: gp.run(PLAN, {"training.mfu_share": f"{30 + next(share) / 100} %"})),
        0.15,
    )
    prices = iter(range(1, 1000))
    show(
        "one changed input (a site's power), warm process",
        timed(lambda: gp.run(PLAN, {"fleet.sites.Milam.phases.to 857 MW.power": f"{557 + next(prices)} MW it"})),
        0.15,
    )
    scenario = plan.resolve(plan.load(PLAN))
    show("  of which the engine", timed(lambda: simulate(scenario)))
    show("  of which loading and resolving the plan", timed(lambda: plan.resolve(plan.load(PLAN))))
    show("50 members, warm process", timed(lambda: gp.run(PLAN, {"uncertainty.members": 50}), 3))
    show("every hour of ten years", timed(lambda: gp.run(PLAN, {"horizon.resolution": "hourly"}), 3), 10.0)
    print(f"  memory of this process at its height: {peak_mb():,.0f} MB   target 2,000 MB")
    start = time.perf_counter()
    gp.compare(PLAN, "actual-2026-11")
    show("compare announced-2025-09 actual-2026-11, with causes", (time.perf_counter() - start,) * 3)
    pair = partial(gp.frontier, "deepseek_r1", "gb200_nvl72")
    show("frontier deepseek_r1 gb200_nvl72, both ways of serving, warm process", timed(pair), 0.5)
    for name in plan.builtin_names():
        show(f"{name}, warm process", timed(partial(gp.run, name), 3), 1.0)

    import failures

    print("\nA training run, failure by failure:")
    failures.main()

    size = sum(f.stat().st_size for f in Path(sysconfig.get_paths()["purelib"]).rglob("*") if f.is_file()) / 1e6
    own = sum(f.stat().st_size for f in Path(gp.__file__).parent.rglob("*") if f.is_file()) / 1e6
    print(
        f"\nsite-packages of this environment {size:,.0f} MB (development tools included); gigaplan itself {own:.1f} MB"
    )


if __name__ == "__main__":
    main()
