"""Coupling of the fleet's work to power: racks draw by how busy they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.allocation.outputs import Allocation
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.draw import draw
from gigaplan.power.outputs import PowerDraw
from gigaplan.simulate.couplings.allocation import Service, unrequested_share_used
from gigaplan.simulate.couplings.training import Trained
from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """What the drawn power adds up to in a month. Shapes: member M, place P, month n, day D, hour H."""

    it_mwh: Array
    """(M, P, n) IT energy [MWh]."""
    losses_mwh: Array
    """(M, P, n) electrical losses between the meter and the IT [MWh]."""
    overhead_mwh: Array
    """(M, P, n) cooling and other overhead [MWh]."""
    facility_mwh: Array
    """(M, P, n) energy metered at the site [MWh]."""
    it_mw: Array
    """(M, P, n) IT power drawn, mean over the month [MW]."""
    facility_mw: Array
    """(M, n, D, H) facility power drawn over all sites [MW]."""
    cost_usd: Array
    """(M, P, n) cost of the energy [USD]."""


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


def energy_of(scenario: Scenario, drawn: PowerDraw) -> Energy:
    """Add up drawn power to months."""
    axis = scenario.axis
    it_mwh = axis.month_total(drawn.it_mw)
    return Energy(
        it_mwh=it_mwh,
        losses_mwh=axis.month_total(drawn.losses_mw),
        overhead_mwh=axis.month_total(drawn.overhead_mw),
        facility_mwh=drawn.energy_mwh,
        it_mw=it_mwh / axis.hours,
        facility_mw=drawn.facility_mw.sum(axis=1),
        cost_usd=drawn.energy_cost_usd,
    )
