"""Constants of the training model that are fitted: where each may lie, and a set of them as the model takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from gigaplan import catalog
from gigaplan.plan.resolve import training_efficiency_of
from gigaplan.training.inputs import TrainingEfficiency
from gigaplan.validation.training.sources import CLASSIC, CLASSIC_SPLIT, MODERN
from gigaplan.vocabulary.members import Array

ENTITIES = {MODERN: "training_model", CLASSIC: "training_model_2022"}

Spec = tuple[float, float, float]

OWN: Mapping[str, Mapping[str, Spec]] = {
    MODERN: {
        "training_gemm_share_bf16": (0.72, 0.4, 0.85),
        "training_traffic_share": (0.4, 0.02, 2),
        "training_link_share": (0.8, 0.3, 1),
        "training_scaleout_share": (0.7, 0.3, 0.98),
        "exchange_share": (0.6, 0.03, 1.0),
        "training_latency_s": (1e-5, 1e-6, 6e-5),
        "training_gemm_share_fp8": (0.62, 0.3, 0.85),
        "training_gemm_share_fp4": (0.45, 0.15, 0.8),
        "training_expert_share": (0.7, 0.2, 1),
        "training_expert_half_rows": (64, 1, 800),
        "training_attention_share": (0.5, 0.2, 0.75),
        "training_passes": (12, 1, 60),
        "logit_passes": (8, 2, 60),
        "quantise_passes": (4, 0.1, 40),
        "block_passes": (3, 0.1, 40),
        "expert_passes": (8, 0.5, 60),
        "unfused_passes": (16, 0.5, 60),
        "dispatch_passes": (8, 0.5, 60),
        "tensor_hidden_share": (0.5, 0.02, 0.98),
        "expert_hidden_share": (0.7, 0.02, 0.98),
        "hidden_share": (0.8, 0.1, 0.98),
        "layer_overhead_s": (1e-3, 1e-5, 4e-3),
        "layer_floor_s": (1e-4, 1e-6, 2e-3),
        "expert_overhead_s": (1e-3, 1e-5, 6e-3),
        "expert_launch_s": (1e-4, 1e-6, 6e-4),
        "cast_launches": (1, 0.05, 4),
        "step_overhead_s": (0.02, 1e-3, 0.2),
        "training_gain_per_year": (0.04, 0.001, 0.3),
        "expert_gain_per_year": (0.1, 0.001, 0.6),
        "host_gain_per_year": (0.5, 0.001, 3),
    },
    CLASSIC: {
        "training_gemm_share_bf16": (0.72, 0.4, 0.85),
        "training_traffic_share": (0.4, 0.02, 4),
        "training_link_share": (0.7, 0.2, 0.95),
        "training_attention_share": (0.5, 0.2, 0.8),
        "score_passes": (8, 1, 40),
        "training_passes": (25, 1, 120),
        "logit_passes": (16, 2, 100),
        "odd_share": (0.4, 0.15, 1),
        "layer_overhead_s": (3.3e-3, 1e-3, 6e-3),
        "layer_floor_s": (1.5e-3, 1e-5, 4e-3),
        "step_overhead_s": (0.01, 1e-4, 0.1),
        "training_latency_s": (1e-5, 1e-6, 2e-4),
        "training_scaleout_share": (0.4, 0.1, 0.9),
    },
}
"""Constants by software: start, and the bounds that hardware and sense allow. The fit is pulled weakly to the start."""

Constants = Mapping[str, TrainingEfficiency]


@cache
def shipped() -> Constants:
    """Return the constants of the catalog, by software."""
    facts = catalog.load()
    found = {s: training_efficiency_of(facts, e) for s, e in ENTITIES.items()}
    return {**found, CLASSIC_SPLIT: replace(found[CLASSIC], sequence_parallel=1.0)}


def constants(x: Array, software: str) -> TrainingEfficiency:
    """Return the constants of a point of the fit.

    Parameters
    ----------
    x
        Logarithms of the software's constants, in the order of ``OWN``.
    software
        Kind of software.
    """
    return replace(shipped()[software], **dict(zip(OWN[software], np.exp(x).tolist(), strict=True)))
