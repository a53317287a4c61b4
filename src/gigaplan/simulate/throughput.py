"""Coupling of inference to the fleet: the best serving rate of every workload on every generation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.demand.inputs import Workload
from gigaplan.inference.frontier import Rate, best, precision_for
from gigaplan.inference.inputs import Efficiency, Request
from gigaplan.plan.scenario import Scenario
from gigaplan.vocabulary.members import Array

SECONDS_PER_HOUR = 3600.0
REMEMBERED = 4096
"""Rates kept in memory, far more than a plan has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Serving rates at the central facts. Shapes: workload W, generation G."""

    requests_per_gpu_s: Array
    ttft_ms: Array
    tpot_ms: Array
    replica_gpus: Array
    replica_batch: Array
    reasons: tuple[str, ...]
    """Why a workload can't be served on a generation, in words; empty where it can."""

    @property
    def requests_per_gpu_h(self) -> Array:
        """(W, G) requests per GPU and hour."""
        return self.requests_per_gpu_s * SECONDS_PER_HOUR


def rates(scenario: Scenario) -> Throughput:
    """Return the best feasible rate of every workload on every generation (search over layouts and batches)."""
    generations = [g.name for g in scenario.fleet.generations]
    found = [
        [
            _rate(scenario.devices[g], scenario.architectures[w.model], _request(w), scenario.efficiency)
            for g in generations
        ]
        for w in scenario.demand.workloads
    ]

    def table(name: str, scale: float = 1.0) -> Array:
        return np.array([[getattr(r, name) * scale for r in row] for row in found], dtype=float)

    reasons = tuple(
        f"{w.name} on {g}: {r.reason}"
        for w, row in zip(scenario.demand.workloads, found, strict=True)
        for g, r in zip(generations, row, strict=True)
        if r.reason
    )
    return Throughput(
        requests_per_gpu_s=table("requests_per_gpu_s"),
        ttft_ms=table("ttft_s", 1e3),
        tpot_ms=table("tpot_s", 1e3),
        replica_gpus=table("gpus"),
        replica_batch=table("batch"),
        reasons=reasons,
    )


def _request(work: Workload) -> Request:
    return Request(
        fresh_input_tokens=work.fresh_input_tokens,
        cached_input_tokens=work.cached_input_tokens,
        generated_tokens=work.reasoning_tokens + work.output_tokens,
        ttft_s=work.ttft_s,
        tpot_s=work.tpot_s,
    )


@lru_cache(maxsize=REMEMBERED)
def _rate(device: Device, architecture: Architecture, request: Request, efficiency: Efficiency) -> Rate:
    """Remember rates within a process: a changed input elsewhere leaves them as they are."""
    return best(device, architecture, precision_for(device), request, efficiency)
