"""Coupling of a site's dated supply to the merit order: what its load is met with in each month, and what stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from gigaplan.power.supply.dated import FIRM, RENEWABLE, SOURCES, OnSite, PlannedSupply
from gigaplan.power.supply.merit import Mix, Source, merit_order
from gigaplan.power.supply.storage import Backup, Store, carried, traded
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS_PER_YEAR, MONTHS_PER_YEAR, TimeAxis

NO_FUEL = np.zeros(1)
"""Cost of own fuel where there is none, so that none is bought."""


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
    month = np.array([edge.month - 1 for edge in axis.edges[:-1]]) % MONTHS_PER_YEAR
    price, sources = column(supply.price_usd_per_mwh, 1), [_source(u, axis) for u in supply.units if u.kind in FIRM]
    through = _sum((there(s, axis) for s in supply.substations), axis) if supply.substations else np.inf
    carried_mw = np.minimum(load_mw, through)
    resources = {
        kind: _sum((there(u, axis) for u in supply.units if u.kind == kind), axis)
        for kind in RENEWABLE
        if any(u.kind == kind for u in supply.units)
    }
    mix = merit_order(
        carried_mw,
        supply.hours,
        month,
        price_usd_per_mwh=price,
        grid_mw=_grid(supply, axis),
        resources_mw=resources,
        contracts=[
            (c.kind, there(c, axis), column(c.usd_per_mwh, 1), column(c.co2_kg_per_mwh, 1)) for c in supply.contracts
        ],
        sources=sources,
    )
    mix = carried(mix, supply.hours, month, _stores(supply, axis), _backup(supply, axis), price)
    mix = traded(
        mix,
        supply.hours,
        month,
        _stores(supply, axis),
        price_usd_per_mwh=price,
        fuel_mw=_sum((s.power_mw for s in sources), axis),
        fuel_usd_per_mwh=np.max(np.broadcast_arrays(*[s.usd_per_mwh for s in sources]), axis=0) if sources else NO_FUEL,
    )
    return replace(mix, lacking_mw=mix.lacking_mw + (load_mw - carried_mw)[..., None])


def standing_usd_per_h(supply: PlannedSupply, axis: TimeAxis) -> Array:
    """Return annuities and fixed operation of what stands next to a site, used or not: (M or 1, n) [USD/h].

    Parameters
    ----------
    supply : PlannedSupply
        What supplies the site.
    axis : TimeAxis
        Months.
    """
    return _sum((there(u, axis) * column(u.usd_per_mw_year, 2) / HOURS_PER_YEAR for u in supply.standing), axis)


def there(one: Any, axis: TimeAxis) -> Array:
    """Return the power of a dated part of a supply, mean over each month as racks are: (M or 1, n) [MW].

    Parameters
    ----------
    one : Any
        The part: it has a power, a date and a delay.
    axis : TimeAxis
        Months.
    """
    day = column(axis.days_since_start(one.energised) + one.energised_delay_days, 2)
    return mean_of_edges(column(one.power_mw, 2) * (axis.edge_days >= day))


def mean_of_edges(on_edges: Array) -> Array:
    """Return the mean over each month of what stands on edges, as racks do: (..., edge) -> (..., n)."""
    return np.asarray((on_edges[..., :-1] + on_edges[..., 1:]) / 2)


def _sum(parts: Iterable[Array], axis: TimeAxis) -> Array:
    return np.asarray(sum(parts, np.zeros((1, axis.months))))


def _grid(supply: PlannedSupply, axis: TimeAxis) -> Array:
    """Return the power of the grid, in each group of hours where the operator may withhold a part of it: (M, n, K)."""
    total: Array = np.zeros((1, axis.months, 1))
    for tranche in supply.grid:
        of_month = there(tranche, axis)[..., None]
        if tranche.withheld_hours > 0:
            firm = np.zeros(axis.months)
            if tranche.firm_from is not None:
                firm = mean_of_edges((axis.edge_days >= axis.days_since_start(tranche.firm_from)).astype(float))
            closed = supply.hours.withheld_h <= tranche.withheld_hours
            of_month = of_month * (1 - closed * (1 - firm[:, None]))
        total = total + of_month
    return total


def _source(unit: OnSite, axis: TimeAxis) -> Source:
    return Source(
        name=unit.kind,
        power_mw=there(unit, axis) * column(unit.available_share, 2),
        usd_per_mwh=column(unit.usd_per_mwh, 1),
        co2_kg_per_mwh=column(unit.co2_kg_per_mwh, 1),
    )


def _stores(supply: PlannedSupply, axis: TimeAxis) -> list[Store]:
    return [
        Store(
            power_mw=there(b, axis),
            hours=b.battery_hours,
            round_trip_share=b.round_trip_share,
            wear_usd_per_mwh=column(b.variable_usd_per_mwh, 1),
            trades=moves,
        )
        for b, moves in zip(supply.batteries, supply.trades, strict=True)
    ]


def _backup(supply: PlannedSupply, axis: TimeAxis) -> list[Backup]:
    withheld_h = max((t.withheld_hours for t in supply.grid), default=0.0)
    return [
        Backup(
            name=SOURCES[-1],
            power_mw=there(b, axis) * column(b.available_share, 2),
            usd_per_mwh=column(b.usd_per_mwh, 1),
            co2_kg_per_mwh=column(b.co2_kg_per_mwh, 1),
            hours_share=np.minimum(column(b.diesel_hours, 1) / max(withheld_h, 1.0), 1.0),
        )
        for b in supply.backup
    ]
