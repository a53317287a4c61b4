"""Expected goodput of a run by checkpoint interval, by spares and by size, from the closed form."""

from __future__ import annotations

import typing
from dataclasses import replace

import numpy as np

from gigaplan.layers.failure_options import FailureOptions
from gigaplan.training.inputs import Failures
from gigaplan.training.reliability import (
    Hazards,
    Recovery,
    best_interval_s,
    best_spares,
    enough_share,
    expected_share,
    hazards,
)

OCTAVES, POINTS = 3, 25
"""Doublings of the interval on either side, and points of a curve."""
MIN_SPARES = 8
"""To which the curve by spares goes at least."""
SIZES = (1024, 4096, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576)
"""GPUs of the curve by size."""

MODES: tuple[Recovery, ...] = ("restart", "elastic", "groups")


def interval_curve(h: Hazards, recovery: Recovery) -> tuple[tuple[float, float], ...]:
    """Return (interval [s], expected goodput) about the interval of a run.

    Parameters
    ----------
    h
        What hits the run, at its interval and spares.
    recovery
        What happens when a server fails.
    """
    t = float(np.mean(h.interval_s)) * np.exp2(np.linspace(-OCTAVES, OCTAVES, POINTS))
    return tuple((float(v), expected_share(replace(h, interval_s=v), recovery)) for v in t)


def spare_curve(h: Hazards, recovery: Recovery) -> tuple[tuple[int, float, float], ...]:
    """Return (spares, expected goodput, probability that they suffice) up to twice the spares of a run.

    Parameters
    ----------
    h
        What hits the run, at its interval and spares.
    recovery
        What happens when a server fails.
    """
    most = max(2 * int(np.mean(h.spares)), MIN_SPARES)
    ks = np.unique(np.round(np.linspace(0, most, min(most + 1, POINTS)))).astype(int)
    enough = enough_share(h, int(ks[-1]))
    return tuple((int(k), expected_share(replace(h, spares=int(k)), recovery), float(enough[k])) for k in ks)


def size_curve(f: Failures, size: dict[str, typing.Any], groups: int) -> tuple[tuple[int, float, float, float], ...]:
    """Return the expected goodput by GPUs, with groups of the same size as this run's.

    Parameters
    ----------
    f
        Rates of failures.
    size
        The run's ``gpus``, ``unit_gpus`` and ``state_bytes``.
    groups
        Fault-tolerant groups of the run.
    """
    found = []
    for n in SIZES:
        some = max(round(groups * n / size["gpus"]), 1)
        h = hazards(f, gpus=n, unit_gpus=size["unit_gpus"], state_bytes=size["state_bytes"], groups=some)
        shares = [
            expected_share(
                with_best(
                    replace(h, spares=0), FailureOptions(elastic=m == "elastic", groups=some if m == "groups" else 0)
                ),
                m,
            )
            for m in MODES
        ]
        found.append((n, shares[0], shares[1], shares[2]))
    return tuple(found)


def with_best(h: Hazards, options: FailureOptions) -> Hazards:
    """Return the hazards with the interval and the spares that the options state, or the best of each.

    Parameters
    ----------
    h
        What hits the run.
    options
        How it recovers.
    """
    interval = options.checkpoint_interval_s or best_interval_s(h, options.recovery)
    h = replace(h, interval_s=interval)
    return replace(h, spares=best_spares(h, options.recovery) if options.spares is None else options.spares)
