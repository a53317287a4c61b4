"""The clock that a power limit leaves to a GPU.

A GPU at its limit lowers clock and voltage until it draws no more than that. Part of its power does not follow the
clock (leakage, memory and links); the rest goes with clock times voltage squared, and voltage rises with the clock
(Hennessy and Patterson, Computer Architecture, 2017), so that it goes with a power of the clock. Arithmetic is as fast
as the clock; memory and networks have clocks of their own, which a limit leaves alone. Valid for limits from about
0.4 of the rated one; below, voltage is at its least and speed falls faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.units import Unit

CUBE = 1 / 3
"""Exponent of power in clock where voltage rises in step with the clock and nothing draws power besides (Hennessy and
Patterson 2017): between generations, whose limits differ from what their products would draw by little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockCurve:
    """How a GPU's power follows its clock: facts of the entity ``gpu_clock``, fitted on measured power limits."""

    static_power_share: Annotated[Uncertain, Ge(0), Lt(1), Unit("share")]
    """Share of the rated power that does not follow the clock."""
    clock_exponent: Annotated[Uncertain, Ge(1), Le(8), Unit("1")]
    """Exponent of the clock in the rest of the power."""
    min_clock_share: Annotated[float, Gt(0), Le(1), Unit("share")]
    """Lowest clock over that at the rated power."""


def clock_share(limit_share: Array | float, curve: ClockCurve) -> Array:
    """Return the clock at a power limit over that at the rated power.

    Equation: ``f = ((c - s) / (1 - s)) ^ (1 / e)`` from the lowest clock to 1, with the limit over the rated power
    ``c``, the static share ``s`` and the exponent ``e``: the inverse of :func:`power_share`.

    Parameters
    ----------
    limit_share : Array, shape (...)
        Power limit over the rated one [share].
    curve : ClockCurve
        Constants; numbers, or arrays that broadcast against the limit.

    Returns
    -------
    Array, shape (...)
        Clock over that at the rated power [share]; exactly 1 at and above it.

    Examples
    --------
    With nothing static and a cube, an eighth of the power is half of the clock:

    >>> cube = ClockCurve(static_power_share=0.0, clock_exponent=3.0, min_clock_share=0.1)
    >>> [round(float(f), 3) for f in clock_share(np.array([1 / 8, 1.0, 2.0]), cube)]
    [0.5, 1.0, 1.0]
    """
    static = np.asarray(curve.static_power_share)
    dynamic = np.clip((np.asarray(limit_share, dtype=float) - static) / (1 - static), 0.0, 1.0)
    return np.asarray(np.maximum(dynamic ** (1 / np.asarray(curve.clock_exponent)), curve.min_clock_share))


def power_share(clock: Array | float, curve: ClockCurve) -> Array:
    """Return what a GPU draws at a clock while it computes, over its rated power.

    Equation: ``s + (1 - s) f ^ e``.

    Parameters
    ----------
    clock : Array, shape (...)
        Clock over that at the rated power [share].
    curve : ClockCurve
        Constants; numbers, or arrays that broadcast against the clock.

    Returns
    -------
    Array, shape (...)
        Power over the rated one [share].

    Examples
    --------
    >>> half = ClockCurve(static_power_share=0.5, clock_exponent=3.0, min_clock_share=0.1)
    >>> float(power_share(0.5, half))
    0.5625
    """
    static = np.asarray(curve.static_power_share)
    return np.asarray(static + (1 - static) * np.asarray(clock, dtype=float) ** np.asarray(curve.clock_exponent))


def rated_clock(power_per_speed: float, full_power_per_speed: float) -> float:
    """Return the clock that a package keeps at its rated power while products run, over that of its peak.

    Equation: ``min(p / p0, 1) ^ (1/3)``, with the rated power over the peak ``p`` and the one ``p0`` from which on the
    peak's clock is kept: newer packages have fewer watts per FLOP/s.

    Parameters
    ----------
    power_per_speed : float
        Rated power over the dense peak [J/FLOP].
    full_power_per_speed : float
        The same from which on the full clock is kept [J/FLOP].

    Returns
    -------
    float
        Share of the clock [share].

    Examples
    --------
    >>> rated_clock(1.0, 8.0), rated_clock(9.0, 8.0)
    (0.5, 1.0)
    """
    return float(min(power_per_speed / full_power_per_speed, 1.0) ** CUBE)
