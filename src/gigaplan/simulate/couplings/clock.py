"""Coupling of power to speed: the clock that each generation's power limit leaves, by member.

Layouts are searched at the central clock; speeds of members follow theirs by elasticities, as they follow other
uncertain figures of a device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gigaplan.compute.device import Device
from gigaplan.plan.scenario import Scenario
from gigaplan.vocabulary.members import Array, Uncertain, column, stack

CLOCK_STEP = 1.1
"""Factor on the clock by which an elasticity is found: about what members differ by from the central one."""


def clock_shares(scenario: Scenario) -> Array:
    """Return the clock of each generation's GPUs at their power limit over that at the rated power: (M or 1, G)."""
    return stack(d.clock_share * clock_ratio(scenario, name) for name, d in scenario.devices.items())


def clock_ratio(scenario: Scenario, generation: str) -> Uncertain:
    """Return the clock of a generation in each member over that of the central one.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    generation : str
        Name of the generation.

    Returns
    -------
    float or Array, shape (M,)
        Ratio [1]; 1 where the clock is not uncertain.
    """
    return scenario.device_ratios.get(generation, {}).get(("clock_share",), 1.0)


def clock_factor(scenario: Scenario, generation: str, speed_of: Callable[[Device], Array], axes: int) -> Array:
    """Return each member's training speed over that at the central clock, by the elasticity of a speed to the clock.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    generation : str
        Name of the generation.
    speed_of : callable
        Speed on a device, shape (...).
    axes : int
        Axes of the result, the member first.

    Returns
    -------
    Array, shape (M or 1, ...)
        Ratio [1]; 1 where the clock is not uncertain, or nothing is trained.
    """
    ratio = column(clock_ratio(scenario, generation), axes)
    if len(ratio) == 1:
        return ratio
    device = scenario.devices[generation]
    here, faster = (speed_of(d) for d in (device, replace(device, clock_share=device.clock_share * CLOCK_STEP)))
    trained = (here > 0) & (faster > 0)
    change = np.divide(faster, here, out=np.ones(np.shape(here)), where=trained)
    return np.asarray(ratio ** (np.log(change) / np.log(CLOCK_STEP)))
