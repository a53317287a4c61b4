"""Coupling of the fleet's work to power: racks draw by how busy they are."""

from __future__ import annotations

import numpy as np

from gigaplan.allocation.outputs import Allocation
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.draw import draw
from gigaplan.power.outputs import PowerDraw
from gigaplan.simulate.couplings.allocation import Service, unrequested_share_used
from gigaplan.simulate.couplings.customers import Reserved, share_of_power
from gigaplan.simulate.couplings.training import Trained


def power_drawn(
    scenario: Scenario,
    built: BuildOut,
    allocated: Allocation,
    service: Service,
    trained: Trained,
    reserved: Reserved,
) -> PowerDraw:
    """Return what the fleet draws: serving by its utilisation, the share held for training by its runs' steps,
    customers' GPUs by what these use."""
    rated_mw = np.einsum("mgpe,mg->mpe", built.racks, scenario.fleet.it_kw_per_rack) / 1e3
    training = allocated.reserved_share - trained.spared_share
    busy = allocated.fleet_share.sum(axis=1) + training[:, :, None, None] + unrequested_share_used(allocated, service)
    if scenario.customers:
        held, used = (share_of_power(scenario, built, reserved, used=u) for u in (False, True))
        busy = busy * (1 - np.asarray(held)[..., None, None]) + np.asarray(used)[..., None, None]
    return draw(
        rated_it_mw=scenario.axis.between(rated_mw),
        utilisation=busy,
        facilities=scenario.facilities,
        curve=scenario.draw,
        axis=scenario.axis,
    )
