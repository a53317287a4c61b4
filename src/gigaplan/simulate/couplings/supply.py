"""Coupling of a site's supply to the plan: what its energy comes from and costs, and what limits its power.

Power by date has limited the build-out before rates and allocation see it (:mod:`gigaplan.fleet.ladder`); here the load
that the fleet's work makes is met in merit order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gigaplan.fleet.ladder import limits_mw
from gigaplan.plan.scenario import Scenario
from gigaplan.power.outputs import PowerDraw
from gigaplan.power.supply.dated import FIRM, LIMITS, RENEWABLE, PlannedSupply
from gigaplan.power.supply.merit import Mix, Source, merit_order
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS_PER_YEAR, MONTHS_PER_YEAR, TimeAxis

DECIMALS_MW = 6
"""Limits closer than a watt bind together; buildings come first."""


def supplied(scenario: Scenario, drawn: PowerDraw) -> PowerDraw:
    """Return what is drawn with the cost of its energy by what supplies each site.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    drawn : PowerDraw
        Power and energy by place and month.
    """
    if not any(scenario.supplies):
        return drawn
    cost = drawn.energy_cost_usd.copy()
    for p, supply in enumerate(scenario.supplies):
        if supply is not None:
            mix = mix_of(supply, scenario.axis, drawn.energy_mwh[:, p] / scenario.axis.hours)
            usd_per_h = mix.usd_per_h + _standing_usd_per_h(supply, scenario.axis)
            cost[:, p] = usd_per_h * scenario.axis.hours
    return replace(drawn, energy_cost_usd=cost)


def mix_of(supply: PlannedSupply, axis: TimeAxis, load_mw: Array) -> Mix:
    """Return what a site's load is met with in each month.

    Parameters
    ----------
    supply : PlannedSupply
        What supplies the site.
    axis : TimeAxis
        Months.
    load_mw : Array, shape (M, n)
        Facility power, mean over the month [MW].
    """
    nothing = np.zeros((1, axis.months))
    resources = {
        kind: sum((_there(u, axis) for u in supply.units if u.kind == kind), nothing)
        for kind in RENEWABLE
        if any(u.kind == kind for u in supply.units)
    }
    return merit_order(
        load_mw,
        supply.hours,
        np.array([edge.month - 1 for edge in axis.edges[:-1]]) % MONTHS_PER_YEAR,
        price_usd_per_mwh=column(supply.price_usd_per_mwh, 1),
        grid_mw=sum((_there(t, axis) for t in supply.grid), nothing),
        resources_mw=resources,
        contracts=[
            (c.kind, _there(c, axis), column(c.usd_per_mwh, 1), column(c.co2_kg_per_mwh, 1)) for c in supply.contracts
        ],
        sources=[
            Source(
                name=u.name,
                power_mw=_there(u, axis) * column(u.available_share, 2),
                usd_per_mwh=column(u.usd_per_mwh, 1),
                co2_kg_per_mwh=column(u.co2_kg_per_mwh, 1),
            )
            for u in supply.units
            if u.kind in FIRM
        ],
    )


def _there(one: Any, axis: TimeAxis) -> Array:
    """Return the power of a dated part of a supply, mean over each month: (M or 1, n) [MW]."""
    day = column(axis.days_since_start(one.energised) + one.energised_delay_days, 2)
    share = np.clip((axis.edge_days[1:] - day) / np.diff(axis.edge_days), 0.0, 1.0)
    return np.asarray(column(one.power_mw, 2) * share)


def _standing_usd_per_h(supply: PlannedSupply, axis: TimeAxis) -> Array:
    """Return annuities and fixed operation of what stands next to the site, used or not: (M or 1, n) [USD/h]."""
    of_units = (_there(u, axis) * column(u.usd_per_mw_year, 2) / HOURS_PER_YEAR for u in supply.units)
    return sum(of_units, np.zeros((1, axis.months)))


def binding_of(scenario: Scenario, site: int) -> tuple[Array, list[str]]:
    """Return the IT power that reaches a site in the central future, and what limits it at each edge.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    site : int
        Number of the site; it states its supply.

    Returns
    -------
    Array, shape (edge,)
        Power [MW].
    list of str
        The limit that binds; buildings where nothing else does.
    """
    one, axis = scenario.fleet.sites[site], scenario.axis
    limits = limits_mw(one, axis)[0]
    halls = np.zeros(axis.months + 1)
    for phase in one.phases:
        day = axis.days_since_start(phase.energised) + float(column(phase.energised_delay_days, 1)[0])
        halls += phase.power.value * (axis.edge_days >= day)
    rows = np.vstack([halls, limits])
    names = [LIMITS[-1], *(limit.name for limit in one.power_limits)]
    return rows.min(axis=0), [names[k] for k in np.round(rows, DECIMALS_MW).argmin(axis=0)]
