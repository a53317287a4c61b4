"""Coupling of the fleet's work to power: racks draw by how busy they are."""

from __future__ import annotations

import numpy as np

from gigaplan.allocation.outputs import Allocation
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.draw import draw
from gigaplan.power.outputs import PowerDraw
from gigaplan.simulate.couplings.allocation import Service, unrequested_share_used
from gigaplan.simulate.couplings.training import Trained


def power_drawn(
    scenario: Scenario, built: BuildOut, allocated: Allocation, service: Service, trained: Trained
) -> PowerDraw:
    """Return what the fleet draws: serving by its utilisation, the share held for training by its runs' steps."""
    rated_mw = np.einsum("mgpe,mg->mpe", built.racks, scenario.fleet.it_kw_per_rack) / 1e3
    training = allocated.reserved_share - trained.spared_share
    busy = allocated.fleet_share.sum(axis=1) + training[:, :, None, None]
    return draw(
        rated_it_mw=scenario.axis.between(rated_mw),
        utilisation=busy + unrequested_share_used(allocated, service),
        facilities=scenario.facilities,
        curve=scenario.draw,
        axis=scenario.axis,
    )
