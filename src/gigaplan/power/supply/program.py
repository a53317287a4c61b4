"""The linear programme of one site's hours, as arrays: columns, rows and what they mean.

Capacities are columns of their own, fixed for a dispatch. Costs are in thousands of dollars, so that the programme's
numbers lie within a few powers of ten of each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gigaplan.power.supply.inputs import FIRM_USD_PER_MWH, SiteYear
from gigaplan.vocabulary.members import Array

Index = NDArray[np.intp]
"""Numbers of columns or of rows."""
Parts = list[tuple[Index, Array | float]]
"""Columns with their factors."""

KUSD = 1e-3
"""Thousands of dollars of a dollar."""


@dataclass(slots=True)
class Program:
    """Columns and rows while they are put together."""

    costs: list[Array] = field(default_factory=list)
    """Cost of each column [kUSD]."""
    lows: list[Array] = field(default_factory=list)
    """Least of each column."""
    highs: list[Array] = field(default_factory=list)
    """Most of each column."""
    row_lows: list[Array] = field(default_factory=list)
    """Least of each row."""
    row_highs: list[Array] = field(default_factory=list)
    """Most of each row."""
    entries: list[tuple[Index, Index, Array]] = field(default_factory=list)
    """Rows, columns and factors."""
    columns: int = 0
    """Columns so far."""
    rows: int = 0
    """Rows so far."""

    def add(self, n: int, usd: Array | float, low: Array | float = 0.0, high: Array | float = np.inf) -> Index:
        """Return the numbers of new columns.

        Parameters
        ----------
        n : int
            How many.
        usd : array or float
            Cost of a unit of each [USD].
        low, high : array or float
            Bounds.

        Returns
        -------
        array
            Their numbers.
        """
        for kept, value in ((self.costs, np.asarray(usd) * KUSD), (self.lows, low), (self.highs, high)):
            kept.append(np.broadcast_to(np.asarray(value, dtype=float), n))
        found = np.arange(self.columns, self.columns + n)
        self.columns += n
        return found

    def where(self, n: int, parts: Parts, low: Array | float, high: Array | float) -> Index:
        """Return the numbers of new rows: sums of columns times factors, between two bounds.

        Parameters
        ----------
        n : int
            How many.
        parts : Parts
            Columns, one for each row or one for all, with their factors.
        low, high : array or float
            Bounds of the sums.

        Returns
        -------
        array
            Their numbers.
        """
        found = np.arange(self.rows, self.rows + n)
        for columns, factor in parts:
            self.entries.append(
                (found, np.broadcast_to(columns, n), np.broadcast_to(np.asarray(factor, dtype=float), n))
            )
        for kept, value in ((self.row_lows, low), (self.row_highs, high)):
            kept.append(np.broadcast_to(np.asarray(value, dtype=float), n))
        self.rows += n
        return found

    def total(self, parts: Parts, high: float) -> None:
        """Add one row: the sum of whole groups of columns times factors.

        Parameters
        ----------
        parts : Parts
            Groups of columns with their factors.
        high : float
            Most that the sum may be.
        """
        for columns, factor in parts:
            n = len(columns)
            self.entries.append(
                (np.full(n, self.rows), columns, np.broadcast_to(np.asarray(factor, dtype=float), n).copy())
            )
        self.row_lows.append(np.array([-np.inf]))
        self.row_highs.append(np.array([high]))
        self.rows += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where each quantity stands in the solution."""

    program: Program
    """Columns and rows."""
    capacity: Index
    """Of units, then batteries."""
    grid: Index
    """Import by hour."""
    units: tuple[Index, ...]
    """Power of each unit by hour."""
    charge: tuple[Index, ...]
    """Power into each battery."""
    discharge: tuple[Index, ...]
    """Power out of each battery."""
    stored: tuple[Index, ...]
    """Energy in each battery."""
    exported: Index | None
    """Power sold."""
    put_off: Index | None
    """Load put off."""
    caught_up: Index | None
    """Load caught up."""
    backlog: Index | None
    """Load put off and not yet done."""
    curtailed: Index | None
    """Load left undone."""
    unserved: Index
    """Load that is lacking."""
    peaks: Index | None
    """Highest import of each month."""
    balance: Index
    """Rows of the energy balance."""
    limit: Index
    """Rows of the grid's limit."""


def program(site: SiteYear) -> Columns:
    """Return the programme of a site's hours.

    Parameters
    ----------
    site : SiteYear
        Load, grid, units, batteries and what can wait.

    Returns
    -------
    Columns
        The programme, and where each quantity stands in it.
    """
    lp, hours = Program(), len(site.load_mw)
    capacity = np.concatenate(
        [lp.add(1, k.usd_per_mw_year * site.share_of_year, k.built_mw, max(k.most_mw, k.built_mw)) for k in site.kinds]
        or [np.zeros(0, dtype=int)]
    )
    grid = lp.add(hours, site.grid.usd_per_mwh)
    given: Parts = [(grid, 1.0)]
    over_grid: Parts = [(grid, 1.0)]
    units = []
    for unit, size in zip(site.units, capacity, strict=False):
        power = lp.add(hours, unit.usd_per_mwh)
        lp.where(hours, [(power, 1.0), (np.array(size), -unit.available)], -np.inf, 0.0)
        if np.isfinite(unit.full_hours):
            lp.total([(power, 1.0), (np.array([size]), -unit.full_hours)], 0.0)
        given.append((power, 1.0))
        over_grid += [(power, 1.0)] * unit.through_grid
        units.append(power)
    charge, discharge, stored = _batteries(lp, site, capacity[len(site.units) :], given)
    exported = None
    if site.grid.export_mw > 0:
        exported = lp.add(hours, site.grid.export_fee_usd_per_mwh - site.grid.usd_per_mwh, 0.0, site.grid.export_mw)
        given.append((exported, -1.0))
    put_off, caught_up, backlog, curtailed = _flexible(lp, site, given)
    unserved = lp.add(hours, _unserved_usd_per_mwh(site), 0.0, site.load_mw)
    given.append((unserved, 1.0))
    peaks = _peaks(lp, site, over_grid)
    return Columns(
        program=lp,
        capacity=capacity,
        grid=grid,
        units=tuple(units),
        charge=charge,
        discharge=discharge,
        stored=stored,
        exported=exported,
        put_off=put_off,
        caught_up=caught_up,
        backlog=backlog,
        curtailed=curtailed,
        unserved=unserved,
        peaks=peaks,
        balance=lp.where(hours, given, site.load_mw, site.load_mw),
        limit=lp.where(hours, over_grid, -np.inf, site.grid.limit_mw),
    )


def _unserved_usd_per_mwh(site: SiteYear) -> float:
    """Return the price of a shortfall, which never lies below what the compute is worth."""
    return max(FIRM_USD_PER_MWH, site.flexible.worth_usd_per_mwh)


def _batteries(
    lp: Program, site: SiteYear, sizes: Index, given: Parts
) -> tuple[tuple[Index, ...], tuple[Index, ...], tuple[Index, ...]]:
    """Add each battery: power within its capacity, energy within its hours, the end of the chronology as its start."""
    hours = len(site.load_mw)
    found = []
    for battery, size in zip(site.batteries, sizes, strict=True):
        at = np.array(size)
        taken, out, held = lp.add(hours, 0.0), lp.add(hours, battery.wear_usd_per_mwh), lp.add(hours, 0.0)
        for columns, factor in ((taken, 1.0), (out, 1.0), (held, battery.hours)):
            lp.where(hours, [(columns, 1.0), (at, -factor)], -np.inf, 0.0)
        parts: Parts = [(held, 1.0), (np.roll(held, 1), -1.0)]
        lp.where(hours, [*parts, (taken, -battery.charge_share), (out, 1.0 / battery.discharge_share)], 0.0, 0.0)
        given += [(taken, -1.0), (out, 1.0)]
        found.append((taken, out, held))
    charge, discharge, stored = zip(*found, strict=True) if found else ((), (), ())
    return charge, discharge, stored


def _flexible(
    lp: Program, site: SiteYear, given: Parts
) -> tuple[Index | None, Index | None, Index | None, Index | None]:
    """Add load that can wait, as a backlog no older than its deadline, and load that can be left undone."""
    hours, flexible, load = len(site.load_mw), site.flexible, site.load_mw
    put_off = caught_up = backlog = curtailed = None
    if np.any(np.asarray(flexible.shiftable_share) > 0) and flexible.within_h > 0:
        peak = flexible.peak_mw if np.any(flexible.peak_mw) else load.max()
        put_off = lp.add(hours, 0.0, 0.0, flexible.shiftable_share * load)
        caught_up = lp.add(hours, 0.0, 0.0, np.maximum(peak - load, 0.0))
        backlog = lp.add(hours, 0.0)
        parts: Parts = [(backlog, 1.0), (np.roll(backlog, 1), -1.0)]
        lp.where(hours, [*parts, (put_off, -1.0), (caught_up, 1.0)], 0.0, 0.0)
        recent: Parts = [(np.roll(put_off, k), -1.0) for k in range(flexible.within_h)]
        lp.where(hours, [(backlog, 1.0), *recent], -np.inf, 0.0)
        given += [(put_off, 1.0), (caught_up, -1.0)]
    if flexible.curtailable_share > 0:
        most = flexible.curtailable_share * load
        curtailed = lp.add(hours, flexible.worth_usd_per_mwh, 0.0, most)
        if np.isfinite(flexible.curtail_full_hours):
            lp.total([(curtailed, 1.0)], flexible.curtail_full_hours * float(most.max()))
        given.append((curtailed, 1.0))
    return put_off, caught_up, backlog, curtailed


def _peaks(lp: Program, site: SiteYear, over_grid: Parts) -> Index | None:
    """Add the highest draw of each month, which is charged for."""
    if site.grid.usd_per_mw_month <= 0:
        return None
    hours = len(site.load_mw)
    months, at = np.unique(np.broadcast_to(site.grid.month, hours), return_inverse=True)
    peaks = lp.add(len(months), site.grid.usd_per_mw_month)
    lp.where(hours, [*over_grid, (peaks[at], -1.0)], -np.inf, 0.0)
    return peaks
