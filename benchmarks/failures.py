"""Figures of the failure simulator's speed, printed; run with ``python benchmarks/failures.py``."""

from __future__ import annotations

import time
from dataclasses import replace

from gigaplan import catalog
from gigaplan.plan.resolve import failures_of
from gigaplan.training import failures
from gigaplan.training.reliability import (
    SECONDS_PER_DAY,
    Hazards,
    Recovery,
    best_interval_s,
    best_spares,
    expected_share,
    hazards,
)

DAYS, TRIALS = 256, 1000
STATE_BYTES = 14 * 405e9


def exposed(gpus: int, recovery: Recovery, groups: int = 64) -> Hazards:
    h = hazards(
        failures_of(catalog.load()),
        gpus=gpus,
        unit_gpus=8,
        state_bytes=STATE_BYTES,
        groups=groups,
        waits_for_write=False,
    )
    h = replace(h, interval_s=best_interval_s(h, recovery))
    return replace(h, spares=best_spares(h, recovery))


def timed(h: Hazards, recovery: Recovery, days: float, n_trials: int) -> tuple[float, float, failures.SimulatedRuns]:
    """Return wall and processor seconds, and the trials."""
    wall, own = time.perf_counter(), time.process_time()
    trials = failures.simulate_runs(h, recovery, days * SECONDS_PER_DAY, n_trials=n_trials, seed=0)
    return time.perf_counter() - wall, time.process_time() - own, trials


def main() -> None:
    start = time.perf_counter()
    timed(exposed(1024, "restart"), "restart", 1, 1)
    print(f"first call, code compiled or read from disk: {time.perf_counter() - start:.1f} s")
    h = exposed(4096 * 8, "restart")
    for watched in (False, True):
        best = min(
            (timed(h, "restart", DAYS * (expected_share(h) if watched else 1.0), TRIALS) for _ in range(5)),
            key=lambda t: t[1],
        )
        wall, own, trials = best
        what = "of wall clock" if watched else "of work"
        print(
            f"{TRIALS:,} trials, 4,096 servers, {DAYS} days {what}: {own:.2f} s of a core ({wall:.2f} s passed) "
            "  target 1 s   "
            f"{trials.interruptions.mean():,.0f} failures, {trials.replaced.mean():,.0f} repairs a trial, "
            f"goodput {trials.goodput_share.mean():.1%}"
        )
    print("\n100 trials of 30 days of work, 64 fault-tolerant groups (and all restarting):")
    for gpus in (8192, 65_536, 262_144, 524_288, 1_048_576):
        h = exposed(gpus, "groups")
        _, own, trials = timed(h, "groups", 30, 100)
        line = (
            f"{gpus:>10,} GPUs: {own:6.2f} s   goodput {trials.goodput_share.mean():6.1%}   "
            f"closed form {expected_share(h, 'groups'):6.1%}"
        )
        r = exposed(gpus, "restart")
        if expected_share(r) > 0.2:
            _, own, trials = timed(r, "restart", 30, 100)
            line += f"   all restart: {own:5.2f} s   goodput {trials.goodput_share.mean():6.1%}"
        print(line)


if __name__ == "__main__":
    main()
