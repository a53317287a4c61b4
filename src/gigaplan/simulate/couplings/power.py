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
from gigaplan.vocabulary.members import Array

KW_PER_MW = 1e3


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
    return draw(
        rated_it_mw=scenario.axis.between(rated_mw(scenario, built)),
        utilisation=busy_share(scenario, built, allocated, service, trained, reserved),
        facilities=scenario.facilities,
        curve=scenario.draw,
        axis=scenario.axis,
    )


def rated_mw(scenario: Scenario, built: BuildOut) -> Array:
    """Return the rated IT power of the racks in place: (M, P, edge) [MW].

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    built : BuildOut
        Racks by generation, place and month.
    """
    return np.asarray(np.einsum("mgpe,mg->mpe", built.racks, scenario.fleet.it_kw_per_rack) / KW_PER_MW)


def busy_share(
    scenario: Scenario,
    built: BuildOut,
    allocated: Allocation,
    service: Service,
    trained: Trained,
    reserved: Reserved,
) -> Array:
    """Return the share of the fleet at work in each hour: requests, training as its steps draw, what idle hours are
    given to, and customers: (M, n, D, H)."""
    training = allocated.reserved_share - trained.spared_share
    busy = allocated.fleet_share.sum(axis=1) + training[:, :, None, None] + unrequested_share_used(allocated, service)
    if scenario.customers:
        held, used = (share_of_power(scenario, built, reserved, used=u) for u in (False, True))
        busy = busy * (1 - np.asarray(held)[..., None, None]) + np.asarray(used)[..., None, None]
    return np.asarray(busy)
