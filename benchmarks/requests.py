"""Requests per second of a core that the serving simulator takes, printed; run with ``python benchmarks/requests.py``.

Blocks of memory, preemption and chunked prefill are on. Loads are near 70 % of what a replica serves at most.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from gigaplan import catalog
from gigaplan.inference.requests.grid import step_grid
from gigaplan.inference.requests.limits import Limits
from gigaplan.inference.requests.simulation import Simulation, requests
from gigaplan.inference.step import Stage
from gigaplan.inference.step_times import StageStepTimes, kv_cache_tokens
from gigaplan.layers.serve_traces import open_trace
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of

PIECE, LOAD = 65_536, 0.7
DAY_S, DAY_REQUESTS, CORES = 86_400.0, 2.6e9, 2
PEERS = {"Vidur": 80, "BLIS inference-sim": 110, "vllm-sr-sim": 5_100}
"""Requests per CPU-second of other simulators, measured on a machine of two cores in 2026-11 (a trace of conversations,
their own defaults); Vidur does not install next to this package."""
Lengths = tuple[np.ndarray, np.ndarray]


def stage() -> Stage:
    facts, one = catalog.load(), np.array(1.0)
    device, architecture = device_of(facts, "h100_hgx"), model_of(facts, "llama_3_1_8b")
    return Stage(device, architecture, "fp8", efficiency_of(facts), engine_of(facts, "vllm"), one, one, 0 * one)


def simulation(replicas: int, router: str = "round_robin", longest: float = 16_384.0) -> Simulation:
    one = stage()
    grid = step_grid(StageStepTimes(one), 256, 8192, longest)
    limits = Limits(max_sequences=256, max_batched_tokens=8192, kv_cache_tokens=kv_cache_tokens(one))
    return Simulation(grid, limits, replicas, router)


def lengths(name: str, n: int) -> Lengths:
    """Return input and output lengths: 1,024 and 256, or those of a trace over and over."""
    if name == "1024/256":
        return np.full(n, 1024), np.full(n, 256)
    pieces = list(open_trace(name).pieces())
    inputs, outputs = (np.concatenate([getattr(p, k) for p in pieces]) for k in ("input_tokens", "output_tokens"))
    return np.resize(inputs, n), np.resize(outputs, n)


def gaps(name: str, n: int) -> np.ndarray:
    """Return gaps between arrivals of a mean of one: Poisson, or those of a trace."""
    if name == "1024/256":
        return np.random.default_rng(0).exponential(1.0, n)
    times = np.concatenate([p.arrival_s for p in open_trace(name).pieces()])
    found = np.diff(times, append=times[-1])
    return np.resize(found / found.mean(), n)


def run(sim: Simulation, arrival: np.ndarray, some: Lengths) -> float:
    """Feed requests piece by piece; return processor seconds."""
    taken = 0.0
    for begin in range(0, len(arrival), PIECE):
        part = slice(begin, begin + PIECE)
        piece = requests(arrival[part], some[0][part], some[1][part])
        start = time.process_time()
        sim.feed(piece, float(arrival[part][-1]))
        taken += time.process_time() - start
    start = time.process_time()
    sim.feed(requests(*(np.zeros(0) for _ in range(3))))
    return taken + time.process_time() - start


def capacity(name: str) -> float:
    """Return the requests per second that one replica serves when there are always more."""
    n = 20_000
    sim = simulation(1)
    run(sim, np.zeros(n), lengths(name, n))
    return n / sim.counts().now_s


def main(n: int = 1_000_000) -> None:
    start = time.perf_counter()
    run(simulation(1), np.zeros(1), (np.ones(1), np.ones(1)))
    print(f"first call, code compiled or read from disk: {time.perf_counter() - start:.1f} s")
    for name, target in (("1024/256", 1.5e6), ("azure_conv_2023", 1e6), ("azure_code_2023", 1e6)):
        most, some, spread = capacity(name), lengths(name, n), gaps(name, n)
        for replicas, router in ((1, "round_robin"), (64, "round_robin"), (64, "least_outstanding")):
            sims = [simulation(replicas, router) for _ in range(3)]
            taken = min(run(s, np.cumsum(spread) / (LOAD * most * replicas), some) for s in sims)
            c = sims[0].counts()
            speed = n / taken
            ratios = ", ".join(f"{speed / v:,.0f} x {k}" for k, v in PEERS.items())
            print(
                f"{name} on {replicas} x H100 at {LOAD * most:.3g}/s each, {router}: {speed / 1e6:.2f} M requests per "
                f"CPU-second   target {target / 1e6:g} M   batch {c.batch_s / (c.decode_s + c.read_s):.0f}, "
                f"{c.steps / n:.1f} steps a request, {c.preempted:,} preempted, p99 TTFT "
                f"{1e3 * sims[0].percentiles('ttft', (0.99,))[0]:.0f} ms   ({ratios})"
            )
            if (name, router, replicas) == ("azure_conv_2023", "round_robin", 64):
                day = DAY_REQUESTS / speed / CORES / 60
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
                print(
                    f"a day of {DAY_REQUESTS:.2g} requests, estimated from this part: {day:.0f} minutes on {CORES} "
                    f"cores   target 30; {memory:.2f} GB, whatever the number   target 4"
                )


if __name__ == "__main__":
    main(*(int(float(a)) for a in sys.argv[1:2]))
