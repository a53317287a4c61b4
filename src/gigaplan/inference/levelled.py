"""Constants at a measured level: every time of a step as many times as long as the pooled constants give."""

from __future__ import annotations

from dataclasses import fields, replace

from gigaplan.inference.inputs import Efficiency, Engine

NOT_SPEEDS = (
    "block_share",
    "routing_share",
    "memory_reserve_share",
    "mixing_share",
    "accepted_share",
    "held_output_share",
)
"""Shares that say something else than what part of a peak is reached, or multiply one that does."""


def at_level(efficiency: Efficiency, engine: Engine, factor: float) -> tuple[Efficiency, Engine]:
    """Return constants with which every time of a replica is multiplied.

    Shares of peaks are divided by the factor and times multiplied, so that what limits a step stays what it was.

    Parameters
    ----------
    efficiency : Efficiency
        Shares of peaks that all engines reach.
    engine : Engine
        Times of one engine.
    factor : float
        Measured over predicted times, above zero [1].

    Returns
    -------
    tuple of Efficiency and Engine
        Both at the level.
    """
    return replace(efficiency, **_scaled(efficiency, factor)), replace(engine, **_scaled(engine, factor))


def _scaled(of: Efficiency | Engine, factor: float) -> dict[str, float]:
    found = {f.name: getattr(of, f.name) for f in fields(of)}
    times = {n: v * factor for n, v in found.items() if n.endswith("_s")}
    return times | {n: v / factor for n, v in found.items() if "share" in n and n not in NOT_SPEEDS}
