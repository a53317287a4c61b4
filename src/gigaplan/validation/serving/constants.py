"""Constants of the serving model that are fitted: where each may lie, and a set of them as the models take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from gigaplan import catalog
from gigaplan.inference.inputs import Efficiency, Engine
from gigaplan.inference.options import ENGINES
from gigaplan.plan.resolve import efficiency_of, engine_of
from gigaplan.vocabulary.members import Array

SHARED: Mapping[str, tuple[float, float, float]] = {
    "gemm_share_bf16": (0.75, 0.3, 0.9),
    "gemm_share_fp8": (0.7, 0.25, 0.9),
    "block_share": (0.75, 0.6, 1),
    "gemm_share_fp4": (0.45, 0.2, 0.8),
    "gemm_half_rows": (40, 1, 600),
    "expert_share_bf16": (0.6, 0.05, 1),
    "expert_share_fp8": (0.4, 0.05, 1),
    "expert_share_fp4": (0.4, 0.03, 1),
    "expert_half_rows": (64, 8, 600),
    "attention_share": (0.6, 0.15, 0.85),
    "cache_share": (0.7, 0.3, 0.95),
    "hbm_share": (0.9, 0.5, 0.95),
    "hbm_share_fp4": (0.75, 0.3, 0.95),
    "routing_share": (0.7, 0.1, 1),
    "collective_latency_s": (6e-6, 1e-6, 4e-5),
    "scaleout_latency_s": (2e-5, 2e-6, 2e-4),
    "handover_s": (0.05, 1e-3, 0.5),
    "activation_passes": (10, 0.01, 200),
    "accepted_share": (1.0, 0.3, 1.5),
}
"""Constants of all engines: start, and the bounds that hardware and sense allow. The fit is pulled weakly to the start.
"""

OF_ENGINES: Mapping[str, tuple[float, float, float]] = {
    "kernel_overhead_s": (5e-6, 1e-7, 2e-5),
    "step_overhead_s": (3e-4, 1e-5, 4e-3),
    "request_overhead_s": (8e-6, 1e-8, 1e-4),
    "first_token_s": (0.02, 1e-3, 0.6),
    "eager_launch_s": (5e-5, 1e-6, 5e-4),
    "mixing_share": (0.75, 0.01, 1),
    "queueing_factor": (0.9, 0.01, 2),
    "prompt_token_s": (1e-5, 1e-8, 4e-5),
    "arrival_s": (3e-3, 1e-5, 0.2),
    "balance_steps": (10, 0.1, 100),
    "link_share": (0.6, 0.1, 0.9),
    "cold_start_s": (1.0, 0.05, 300),
    "draft_overhead_s": (5e-4, 1e-5, 1e-2),
    "draft_hold_steps": (3.0, 0.1, 50),
}

OF_ONE_ENGINE: Mapping[str, tuple[float, float, float]] = {"cold_start_s@sglang": (69.0, 0.05, 300)}
"""Where one engine starts elsewhere: SGLang compiles kernels of matrix products at their first use, in 44 s for one of
them on B200 (sgl-project/sglang, pull request 10424) to 108 s for a run's first prompts (issue 4773)."""

NAMES = (*SHARED, *(f"{q}@{e}" for q in OF_ENGINES for e in ENGINES))
"""All fitted constants; those of one engine with its name behind an ``@``."""
NOT_FITTED = ("memory_reserve_share", "scaleout_share")
"""Constants of all engines that measured rows don't show: facts with a source or an assumption of their own."""
NOT_FITTED_OF_ENGINES = ("chunk_tokens", "held_output_share")
"""Settings of engines, by their documentation."""
assert {f.name for f in fields(Engine)} == {*OF_ENGINES, *NOT_FITTED_OF_ENGINES}


@dataclass(frozen=True, slots=True)
class Constants:
    """One set of the serving model's calibrated constants."""

    efficiency: Efficiency
    engines: Mapping[str, Engine]


@cache
def shipped() -> Constants:
    """Return the constants of the catalog."""
    facts = catalog.load()
    return Constants(efficiency_of(facts), {e: engine_of(facts, e) for e in ENGINES})


@cache
def shipped_logarithms() -> Array:
    """Return the logarithms of ``NAMES`` of the catalog."""
    of = shipped()
    engine = next(iter(of.engines))
    parts = (n.partition("@") for n in NAMES)
    return np.log([getattr(of.efficiency if p in SHARED else of.engines[e or engine], p) for p, _, e in parts])


def constants(x: Array) -> Constants:
    """Return the constants of a point of the fit.

    Parameters
    ----------
    x
        Logarithms of ``NAMES``, in their order.
    """
    value = dict(zip(NAMES, np.exp(x).tolist(), strict=True))
    given = {n: catalog.load().find("serving_model", n).number for n in NOT_FITTED}
    efficiency = Efficiency(**given, **{n: value[n] for n in SHARED})
    engines = {
        e: Engine(
            **{q: setting(e, q) for q in NOT_FITTED_OF_ENGINES},
            **{q: value[f"{q}@{e}"] for q in OF_ENGINES},
        )
        for e in ENGINES
    }
    return Constants(efficiency, engines)


@cache
def setting(engine: str, quantity: str) -> float:
    """Return a setting of an engine: its default, not fitted.

    Parameters
    ----------
    engine
        Name of an engine.
    quantity
        One of ``NOT_FITTED_OF_ENGINES``.
    """
    return catalog.load().find(engine, quantity).number


def start_and_bounds(name: str) -> tuple[float, float, float]:
    """Return where the fit of a constant starts, and its least and largest value."""
    plain = name.split("@", maxsplit=1)[0]
    return OF_ONE_ENGINE.get(name) or {**SHARED, **OF_ENGINES}[plain]
