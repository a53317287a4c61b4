"""The fast path of a site's supply: merit order over groups of alike hours, for all members and months at once.

In each group of hours sun, wind and contracts are used first, then fuel and the grid in the order of their cost, each
within its power; a grid that pays for being used comes before all of them. Without storage this is what a least-cost
dispatch does hour by hour; what a battery earns by moving energy between hours is left out here, and found by
:mod:`gigaplan.power.supply.size`. What is lacking is drawn by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gigaplan.power.supply.dated import Hours
from gigaplan.vocabulary.members import Array

MONTHS_PER_YEAR = 12
TAIL_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0)
"""Quantiles of the price between which hours are alike where sun or wind differ too; dear hours are few."""
FINE_SHARES = (*np.linspace(0, 0.9, 19).tolist(), 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)
"""The same where the price alone differs."""
RESOURCE_GROUPS = 12
"""Groups of alike sun and wind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One kind of supply. Shapes: member or 1 M, month n."""

    name: str
    """Its kind."""
    power_mw: Array
    """(M, n) power available [MW]."""
    usd_per_mwh: Array
    """(M,) cost of a megawatt-hour [USD/MWh]."""
    co2_kg_per_mwh: Array
    """(M,) carbon dioxide of a megawatt-hour [kg/MWh]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What a site's load is met with: (M, n) each where nothing else is said, means over the month."""

    power_mw: Mapping[str, Array]
    """Mean power by source, the grid and contracts among them [MW]."""
    lacking_mw: Array
    """(M, n, K) power that is lacking in each group of hours, which nobody draws [MW]."""
    behind_mw: Array
    """(M, n, K) load that sun and wind next to the site leave [MW]."""
    room_mw: Array
    """(M, n, K) power of the grid that is not used [MW]."""
    spilled_mw: Array
    """Mean power of sun and wind next to the site that nothing uses [MW]."""
    weight: Array
    """(n, K) share of the month's hours."""
    usd_per_h: Array
    """Cost of an hour's energy [USD/h]."""
    co2_kg_per_h: Array
    """Carbon dioxide of an hour's energy [kg/h]."""

    @property
    def lacking_mean_mw(self) -> Array:
        """(M, n) mean power that is lacking [MW]."""
        return np.asarray(np.einsum("mnk,nk->mn", self.lacking_mw, self.weight))


def groups(
    month: NDArray[np.int64],
    price: Array,
    solar: Array,
    wind: Array,
    co2: Array,
    *,
    price_is_level: bool,
    capacity_mw: tuple[float, float] = (1.0, 1.0),
    withheld_h: Sequence[float] = (),
) -> Hours:
    """Return a year's hours in groups of alike ones: by what sun and wind give together, then by price, those in which
    the grid pays apart.

    Parameters
    ----------
    month : array of int, shape (T,)
        Month of the year of each hour, from 1.
    price, solar, wind, co2 : Array, shape (T,)
        Price over its mean or in USD/MWh, capacity factors, and carbon dioxide [kg/MWh].
    price_is_level : bool
        Whether the price is in USD/MWh.
    capacity_mw : tuple of (float, float)
        Sun and wind of the site, which weigh what they give together [MW].
    withheld_h : sequence of float
        Hours of the year in which parts of the grid may be withheld, the dearest ones: groups of their own [h].

    Returns
    -------
    Hours
        Means of each group: sums over the year are kept.
    """
    together = capacity_mw[0] * solar + capacity_mw[1] * wind
    varies = bool(np.ptp(together))
    shares = np.array(TAIL_SHARES if varies else FINE_SHARES)
    names = ("weight", "price", "solar", "wind", "co2_kg_per_mwh", "run_h")
    bands, usual = _bands(price, withheld_h), ~closed_hours(price, withheld_h)
    rows: dict[str, list[Array]] = {name: [] for name in names}
    series = {"price": price, "solar": solar, "wind": wind, "co2_kg_per_mwh": co2}
    for m in range(1, MONTHS_PER_YEAR + 1):
        at = np.flatnonzero(month == m)
        parts = _parts(at[usual[at]], together, RESOURCE_GROUPS if varies else 1)
        found = [one for part in parts for one in _alike(part, price, shares)]
        closed = [band[month[band] == m] for band in bands]
        runs = [_longest(np.concatenate(closed[: k + 1])) for k in range(len(closed))]
        rows["run_h"].append(np.array([*np.zeros(len(found)), *runs]))
        found += closed
        rows["weight"].append(np.array([len(one) / len(at) for one in found]))
        for name, values in series.items():
            rows[name].append(np.array([values[one].mean() if len(one) else 0.0 for one in found]))
    groups_of_month = len(rows["weight"][0])
    return Hours(
        **{name: np.array(values) for name, values in rows.items()},
        withheld_h=np.array([np.inf] * (groups_of_month - len(bands)) + sorted(set(withheld_h))),
        price_is_level=price_is_level,
    )


def closed_hours(price: Array, withheld_h: Sequence[float]) -> NDArray[np.bool_]:
    """Return the hours of a year in which some part of the grid may be withheld.

    Parameters
    ----------
    price : Array, shape (T,)
        Price in each hour.
    withheld_h : sequence of float
        Hours of the year in which parts of the grid may be withheld, the dearest ones [h].

    Returns
    -------
    array of bool, shape (T,)
        Whether it may be.
    """
    found = np.zeros(len(price), dtype=bool)
    for band in _bands(price, withheld_h):
        found[band] = True
    return found


def _bands(price: Array, withheld_h: Sequence[float]) -> list[NDArray[np.intp]]:
    """Return the hours that each number of withheld ones adds to the one before it, from the dearest on."""
    dearest = np.argsort(-price, kind="stable")
    edges = [0, *(round(h) for h in sorted(set(withheld_h)))]
    return [dearest[a:b] for a, b in pairwise(edges)]


def _longest(hours: NDArray[np.intp]) -> float:
    """Return the longest run of hours that follow each other, of some hours of a year [h]."""
    if not len(hours):
        return 0.0
    breaks = np.flatnonzero(np.diff(np.sort(hours)) > 1)
    return float(np.diff(np.concatenate([[-1], breaks, [len(hours) - 1]])).max())


def _parts(at: NDArray[np.intp], by: Array, count: int) -> Sequence[NDArray[np.intp]]:
    """Return hours in groups of equal number, in the order of a series."""
    return np.array_split(at[np.argsort(by[at], kind="stable")], count)


def _at_shares(ordered: NDArray[np.intp], shares: Array) -> list[NDArray[np.intp]]:
    """Return ordered hours split at shares of their number."""
    edges = np.round(shares * len(ordered)).astype(int)
    return [ordered[a:b] for a, b in pairwise(edges)]


def _alike(part: NDArray[np.intp], price: Array, shares: Array) -> list[NDArray[np.intp]]:
    """Return hours in groups of alike prices, those in which the grid pays first."""
    ordered = part[np.argsort(price[part], kind="stable")]
    pays = int((price[part] < 0).sum())
    return [ordered[:pays], *_at_shares(ordered[pays:], shares)]


def merit_order(
    load_mw: Array,
    hours: Hours,
    month_of_year: NDArray[np.int64],
    *,
    price_usd_per_mwh: Array,
    grid_mw: Array,
    resources_mw: Mapping[str, Array],
    contracts: Sequence[tuple[str, Array, Array, Array]],
    sources: Sequence[Source],
) -> Mix:
    """Return what a load is met with, at least cost, in each month.

    Parameters
    ----------
    load_mw : Array, shape (M, n)
        Facility power of the site, mean over the month [MW].
    hours : Hours
        Groups of alike hours.
    month_of_year : array of int, shape (n,)
        Month of the year of each month, from 0.
    price_usd_per_mwh : Array, shape (M,)
        Mean price of the grid's energy; a level in ``hours`` takes its place [USD/MWh].
    grid_mw : Array, shape (M, n) or (M, n, K)
        Power of the connection, in each group where it is withheld in some [MW].
    resources_mw : mapping of str to Array, shape (M, n) each
        Capacity of sun and wind next to the site [MW].
    contracts : sequence of (str, Array, Array, Array)
        Kind of each contract for energy, its capacity (M, n) [MW], price (M,) [USD/MWh] and carbon (M,) [kg/MWh].
    sources : sequence of Source
        Fuel, in any order.

    Returns
    -------
    Mix
        Mean powers, cost and carbon.
    """
    at = _Groups(hours, month_of_year, price_usd_per_mwh)
    of_sources = (values for s in sources for values in (s.power_mw, s.usd_per_mwh, s.co2_kg_per_mwh))
    of_contracts = (values for _, *of_contract in contracts for values in of_contract)
    given = (load_mw, price_usd_per_mwh, grid_mw, *resources_mw.values(), *of_contracts, *of_sources)
    members = max(map(len, given))
    rest = np.broadcast_to(load_mw[..., None], (members, *at.weight.shape))
    room = np.broadcast_to(grid_mw if grid_mw.ndim > 2 else grid_mw[..., None], rest.shape)
    pays = np.where(at.price < 0, np.minimum(rest, room), 0.0)  # a grid that pays comes before all else
    rest, room = rest - pays, room - pays
    found: dict[str, Array] = {}
    usd = co2 = np.zeros(1)
    spilled = np.zeros(rest.shape[:2])
    for kind, capacity in resources_mw.items():
        there = capacity[..., None] * at.factor(kind)
        used = np.minimum(rest, there)
        rest = rest - used
        found[kind], spilled = at.mean(used), spilled + at.mean(there - used)
    behind = rest + pays
    for kind, capacity, usd_per_mwh, kg in contracts:
        there = capacity[..., None] * at.factor(kind)
        used = np.minimum(np.minimum(rest, there), room)
        rest, room = rest - used, room - used
        found["contract"] = found.get("contract", 0.0) + at.mean(used)
        usd = usd + at.mean(np.broadcast_to(there, used.shape)) * usd_per_mwh[:, None]
        co2 = co2 + at.mean(used) * kg[:, None]
    ranked = _Ranked(sources, members, rest.shape[1])
    rest, cheap = ranked.burn(rest, at, dearer=False)
    taken = np.where(at.price < 0, 0.0, np.minimum(rest, room))
    rest, bought = rest - taken, taken + pays
    rest, dear = ranked.burn(rest, at, dearer=True)
    burnt = cheap + dear  # (source, M, n)
    usd = usd + at.mean(bought * at.price) + (burnt * ranked.usd_per_mwh).sum(axis=0)
    co2 = co2 + at.mean(bought * at.co2) + (burnt * ranked.co2_kg_per_mwh).sum(axis=0)
    found["grid"] = at.mean(bought)
    for source, power in zip(sources, burnt, strict=True):
        found[source.name] = found.get(source.name, 0.0) + power
    shape = rest.shape[:2]
    return Mix(
        power_mw={name: np.broadcast_to(p, shape) for name, p in found.items()},
        lacking_mw=rest,
        behind_mw=behind,
        room_mw=room - taken,
        spilled_mw=spilled,
        weight=at.weight,
        usd_per_h=np.broadcast_to(usd, shape),
        co2_kg_per_h=np.broadcast_to(co2, shape),
    )


class _Groups:
    """The groups of the plan's months: (n, K), with a member axis in front where prices have one."""

    def __init__(self, hours: Hours, month_of_year: NDArray[np.int64], price_usd_per_mwh: Array) -> None:
        self.weight = hours.weight[month_of_year]
        level = 1.0 if hours.price_is_level else price_usd_per_mwh[:, None, None]
        self.price: Array = np.asarray(hours.price[month_of_year] * level)
        self.co2 = hours.co2_kg_per_mwh[month_of_year]
        self._factors = {"solar": hours.solar[month_of_year], "wind": hours.wind[month_of_year]}

    def factor(self, kind: str) -> Array:
        """Return what a kind gives over its capacity: 1 in every hour of what is firm."""
        return self._factors.get(kind, np.ones_like(self.weight))

    def mean(self, power: Array) -> Array:
        """Return the month's mean of a power by group: (M, n, K) -> (M, n)."""
        return np.asarray(np.einsum("mnk,nk->mn", power, self.weight))


class _Ranked:
    """Fuel in the order of its cost, of each member's own."""

    def __init__(self, sources: Sequence[Source], members: int, months: int) -> None:
        shape = (len(sources), members)
        self.usd_per_mwh = np.zeros((*shape, 1))
        self.co2_kg_per_mwh, self._power = np.zeros((*shape, 1)), np.zeros((*shape, months))
        for k, s in enumerate(sources):
            self._power[k] = s.power_mw
            self.usd_per_mwh[k, :, 0], self.co2_kg_per_mwh[k, :, 0] = s.usd_per_mwh, s.co2_kg_per_mwh
        self._order = np.argsort(self.usd_per_mwh[..., 0], axis=0, kind="stable")

    def burn(self, rest: Array, at: _Groups, *, dearer: bool) -> tuple[Array, Array]:
        """Return what is left of a load after the sources that are cheaper than the grid, or dearer, and the mean power
        of each: (M, n, K) and (source, M, n)."""
        member, found = np.arange(rest.shape[0]), np.zeros_like(self._power)
        for of_rank in self._order:
            usd = self.usd_per_mwh[of_rank, member, 0]
            runs = (usd[:, None, None] > at.price) == dearer
            used = np.where(runs, np.minimum(rest, self._power[of_rank, member][..., None]), 0.0)
            rest = rest - used
            found[of_rank, member] = at.mean(used)
        return rest, found
