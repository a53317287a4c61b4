"""The least-cost supply of a site, and its dispatch with capacities fixed.

With capacities fixed the hours are a linear programme that HiGHS solves in half a second for a year, and in a tenth
when it starts from the last solution. The cost is convex in the few capacities, and each dispatch gives its slope: so
sizes are found by cutting planes (Benders, 1962; Kelley, 1960) that are kept near the best known point by a level
(Lemaréchal, Nemirovskii and Nesterov, 1995). Every step gives a bound below which no supply can cost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from gigaplan.power.supply.highs import Dispatcher
from gigaplan.power.supply.inputs import SiteYear
from gigaplan.power.supply.outputs import Supplied
from gigaplan.power.supply.program import KUSD, Columns, Index, program
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, report

LEVEL_SHARE = 0.3
"""Where the level lies between the bound and the best known cost."""
REACH_SHARE = 0.1
"""Capacity over load by which one step may change a unit, where the planes allow it."""
MOST_CUTS = 400
"""Dispatches after which sizes are as good as they get."""
TOLERANCE = 1e-4
"""Share of the cost by which an optimum may lie above its bound."""
BLOCK_H, COARSE_TOLERANCE = 4, 1e-3
"""Hours that are taken together to find where to begin, and how exactly."""
FEW_H = 1500
"""Hours up to which a site is sized at once."""


@dataclass(slots=True)
class _Cuts:
    """What is known of the cost as a function of capacities: planes below it, and what each says of the duals."""

    low: Array
    high: Array
    slopes: list[Array] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    energy: list[Array] = field(default_factory=list)
    grid: list[Array] = field(default_factory=list)
    bound: float = -np.inf
    weights: Array = field(default_factory=lambda: np.ones(1))

    def add(self, at: Array, cost: float, slope: Array, energy: Array, grid: Array) -> None:
        """Keep a plane that touches the cost at some capacities."""
        self.slopes.append(slope)
        self.heights.append(cost - float(slope @ at))
        self.energy.append(energy)
        self.grid.append(grid)

    def lowest(self) -> None:
        """Raise the bound to the planes' lowest point, whose weights mix the dispatches' duals into the whole one's."""
        from scipy.optimize import linprog

        n = len(self.low)
        found = linprog(
            np.r_[np.zeros(n), 1.0],
            A_ub=np.c_[np.array(self.slopes), -np.ones(len(self.slopes))] * KUSD,
            b_ub=-np.array(self.heights) * KUSD,
            bounds=[*zip(self.low, self.high, strict=True), (None, None)],
            method="highs",
        )
        if found.status == 0 and found.fun is not None and found.fun >= self.bound:
            self.bound = float(found.fun)
            self.weights = np.maximum(-found.ineqlin.marginals / KUSD, 0.0)

    def nearest(self, best: Array, level: float, reach: float = np.inf) -> Array:
        """Return the point nearest to the best one, and within a reach of it, at which the planes lie at the level or
        below; without the reach where there is none.
        """
        from scipy.optimize import linprog

        n, scale = len(self.low), np.maximum(self.high - self.low, 1e-9)
        eye = np.eye(n)
        away = np.r_[np.c_[eye, -eye], np.c_[-eye, -eye]]
        planes = np.c_[np.array(self.slopes), np.zeros((len(self.slopes), n))] * KUSD
        found = linprog(
            np.r_[np.zeros(n), 1.0 / scale],
            A_ub=np.r_[planes, away],
            b_ub=np.r_[(level - np.array(self.heights)) * KUSD, best, -best],
            bounds=[
                *zip(np.maximum(self.low, best - reach), np.minimum(self.high, best + reach), strict=True),
                *([(0, None)] * n),
            ],
            method="highs",
        )
        if found.status and np.isfinite(reach):
            return self.nearest(best, level)
        return best if found.status or found.x is None else np.clip(found.x[:n], self.low, self.high)


def dispatch(site: SiteYear, capacity_mw: dict[str, float]) -> Supplied:
    """Return what each hour is met with, at least cost, with capacities fixed.

    Parameters
    ----------
    site : SiteYear
        Load, grid, units, batteries and what can wait.
    capacity_mw : dict of str to float
        Capacity of each unit and battery [MW]; what is left out stands as built.

    Returns
    -------
    Supplied
        The hours.

    Raises
    ------
    NotSolvedError
        If HiGHS ends otherwise than with an optimum.
    """
    begun = time.perf_counter()
    columns = program(site)
    solver = Dispatcher(columns)
    at = np.array([capacity_mw.get(k.name, k.built_mw) for k in site.kinds])
    cost, values, _, duals = solver.solve(at)
    worths = (duals[columns.balance], -duals[columns.limit])
    return _answer(site, columns, values, cost, cost, worths, time.perf_counter() - begun, 1, optimal=True)


def size(
    site: SiteYear, *, tolerance: float = TOLERANCE, limit_s: float = np.inf, progress: Progress | None = None
) -> Supplied:
    """Return the capacities of least cost, and what each hour is met with.

    Parameters
    ----------
    site : SiteYear
        Load, grid, units, batteries and what can wait.
    tolerance : float
        Share of the cost by which the answer may lie above the bound.
    limit_s : float
        Time after which the best supply so far is given with its bound [s].
    progress : Progress, optional
        Called with (digits of agreement, digits needed, words); False cancels.

    Returns
    -------
    Supplied
        Capacities and hours.

    Raises
    ------
    NotSolvedError
        If HiGHS ends a dispatch otherwise than with an optimum.
    Cancelled
        If ``progress`` returns False.
    """
    begun = time.perf_counter()
    columns = program(site)
    solver = Dispatcher(columns)
    cuts = _Cuts(np.array([k.built_mw for k in site.kinds]), np.array([max(k.most_mw, k.built_mw) for k in site.kinds]))
    at = _coarse(site) if len(site.load_mw) >= FEW_H else _start(site)
    best, best_at, kept = np.inf, at, np.zeros(0)
    optimal, needed = False, -np.log10(tolerance)
    while solver.solves < MOST_CUTS:
        cost, values, reduced, duals = solver.solve(at)
        cuts.add(at, cost, reduced[columns.capacity], duals[columns.balance], -duals[columns.limit])
        if cost < best:
            best, best_at, kept = cost, at, values
        cuts.lowest()
        apart = (best - cuts.bound) / max(abs(best), 1.0)
        optimal = apart <= tolerance
        if optimal or time.perf_counter() - begun > limit_s:
            break
        digits = float(np.clip(-np.log10(apart), 0.0, needed))
        report(progress, int(10 * digits), int(10 * needed), f"within {100 * apart:.2g} % of the bound")
        at = cuts.nearest(
            best_at, cuts.bound + LEVEL_SHARE * (best - cuts.bound), REACH_SHARE * float(site.load_mw.max())
        )
    worths = _mixed(cuts)
    spent = time.perf_counter() - begun
    return _answer(site, columns, kept, best, min(cuts.bound, best), worths, spent, solver.solves, optimal=optimal)


def _start(site: SiteYear) -> Array:
    """Return capacities to begin with: as built, and the first firm unit that can carry what the grid cannot."""
    at = np.array([k.built_mw for k in site.kinds], dtype=float)
    lacking = float((site.load_mw - site.grid.limit_mw).max())
    for k, unit in enumerate(site.units):
        sure = float(np.min(unit.available))
        if lacking > 0 and sure > 0 and np.isinf(unit.full_hours) and not unit.through_grid:
            at[k] = min(max(at[k], lacking / sure), max(unit.most_mw, unit.built_mw))
            lacking -= at[k] * sure
    return at


def _coarse(site: SiteYear) -> Array:
    """Return the capacities that blocks of hours, taken together, would have."""
    whole = len(site.load_mw) // BLOCK_H * BLOCK_H

    def means(values: Array) -> Array:
        return values[:whole].reshape(-1, BLOCK_H).mean(axis=1) if len(values) > 1 else values

    grid = replace(
        site.grid,
        limit_mw=means(site.grid.limit_mw),
        usd_per_mwh=means(site.grid.usd_per_mwh),
        month=np.broadcast_to(site.grid.month, len(site.load_mw))[:whole:BLOCK_H],
        co2_kg_per_mwh=np.zeros(1),
        usd_per_mw_month=site.grid.usd_per_mw_month / BLOCK_H,
    )
    coarse = replace(
        site,
        load_mw=means(site.load_mw),
        grid=grid,
        units=tuple(replace(u, available=means(u.available), full_hours=u.full_hours / BLOCK_H) for u in site.units),
        batteries=tuple(replace(b, hours=b.hours / BLOCK_H) for b in site.batteries),
        flexible=replace(
            site.flexible,
            shiftable_share=means(np.atleast_1d(site.flexible.shiftable_share)),
            peak_mw=means(np.atleast_1d(site.flexible.peak_mw)),
            within_h=site.flexible.within_h // BLOCK_H,
            curtail_full_hours=site.flexible.curtail_full_hours / BLOCK_H,
        ),
        share_of_year=site.share_of_year / BLOCK_H,
    )
    found = size(coarse, tolerance=COARSE_TOLERANCE)
    return np.array([found.capacity_mw[k.name] for k in site.kinds])


def _mixed(cuts: _Cuts) -> tuple[Array, Array]:
    """Return duals of the hours' energy and of the grid's limit: those of the dispatches, by the planes' weights."""
    weights = cuts.weights / max(cuts.weights.sum(), 1e-12)
    n = len(weights)
    return (
        np.einsum("k,kt->t", weights, np.array(cuts.energy[:n])),
        np.einsum("k,kt->t", weights, np.array(cuts.grid[:n])),
    )


def _answer(
    site: SiteYear,
    columns: Columns,
    values: Array,
    cost: float,
    bound: float,
    worths: tuple[Array, Array],
    seconds: float,
    solves: int,
    *,
    optimal: bool,
) -> Supplied:
    """Return a solution's columns under their names."""
    hours = len(site.load_mw)

    def of(numbers: Index | None) -> Array:
        return np.zeros(hours) if numbers is None else values[numbers]

    capacity = dict(zip((k.name for k in site.kinds), map(float, values[columns.capacity]), strict=True))
    power = {"grid": of(columns.grid)}
    power |= {u.name: of(c) for u, c in zip(site.units, columns.units, strict=True)}
    power |= {
        b.name: of(out) - of(taken)
        for b, taken, out in zip(site.batteries, columns.charge, columns.discharge, strict=True)
    }
    return Supplied(
        optimal=optimal,
        cost_usd=cost,
        bound_usd=bound,
        capacity_mw=capacity,
        power_mw=power,
        stored_mwh={b.name: of(c) for b, c in zip(site.batteries, columns.stored, strict=True)},
        exported_mw=of(columns.exported),
        put_off_mw=of(columns.put_off),
        caught_up_mw=of(columns.caught_up),
        backlog_mwh=of(columns.backlog),
        curtailed_mw=of(columns.curtailed),
        unserved_mw=of(columns.unserved),
        cost_parts_usd=_parts(site, columns, values),
        co2_t=_co2_t(site, power),
        energy_usd_per_mwh=worths[0],
        grid_usd_per_mw=worths[1],
        seconds=seconds,
        solves=solves,
    )


def _parts(site: SiteYear, columns: Columns, values: Array) -> dict[str, float]:
    """Return the cost by what it is for."""
    lp = columns.program
    spent = np.concatenate(lp.costs) * values / KUSD
    parts = {"grid energy": spent[columns.grid].sum()}
    if columns.peaks is not None:
        parts["grid demand charge"] = spent[columns.peaks].sum()
    for k, kind in enumerate(site.kinds):
        parts[f"{kind.name} capacity"] = spent[columns.capacity[k]]
    for unit, power in zip(site.units, columns.units, strict=True):
        parts[f"{unit.name} energy"] = spent[power].sum()
    for battery, out in zip(site.batteries, columns.discharge, strict=True):
        parts[f"{battery.name} wear"] = spent[out].sum()
    for name, numbers in (
        ("sold energy", columns.exported),
        ("compute left undone", columns.curtailed),
        ("unserved", columns.unserved),
    ):
        if numbers is not None:
            parts[name] = spent[numbers].sum()
    return {name: float(value) for name, value in parts.items() if abs(value) > 0}


def _co2_t(site: SiteYear, power: dict[str, Array]) -> float:
    """Return the carbon dioxide of grid and fuel."""
    kg = float((site.grid.co2_kg_per_mwh * power["grid"]).sum())
    kg += sum(u.co2_kg_per_mwh * float(power[u.name].sum()) for u in site.units)
    return kg / 1e3
