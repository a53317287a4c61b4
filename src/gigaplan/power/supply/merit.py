"""The fast path of a site's supply: merit order over groups of alike hours, for all members and months at once.

In each group of hours sun, wind and contracts are used first, then fuel and the grid in the order of their cost, each
within its power. Without storage this is what a least-cost dispatch does hour by hour; what a battery earns by moving
energy between hours is left out here, and found by :mod:`gigaplan.power.supply.size`. What is lacking is never free: it
costs as much as the dearest source of its hours.
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
RESOURCE_GROUPS = 6
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
    """What a site's load is met with: (M, n) each, means over the month."""

    power_mw: Mapping[str, Array]
    """Mean power by source, the grid and contracts among them [MW]."""
    unserved_mw: Array
    """Mean power that is lacking, which costs as the dearest source does [MW]."""
    usd_per_h: Array
    """Cost of an hour's energy [USD/h]."""
    co2_kg_per_h: Array
    """Carbon dioxide of an hour's energy [kg/h]."""


def groups(
    month: NDArray[np.int64], price: Array, solar: Array, wind: Array, co2: Array, *, price_is_level: bool
) -> Hours:
    """Return a year's hours in groups of alike ones: by what sun and wind give together, then by price.

    Parameters
    ----------
    month : array of int, shape (T,)
        Month of the year of each hour, from 1.
    price, solar, wind, co2 : Array, shape (T,)
        Price over its mean or in USD/MWh, capacity factors, and carbon dioxide [kg/MWh].
    price_is_level : bool
        Whether the price is in USD/MWh.

    Returns
    -------
    Hours
        Means of each group: sums over the year are kept.
    """
    varies = bool(np.ptp(solar) or np.ptp(wind))
    shares = np.array(TAIL_SHARES if varies else FINE_SHARES)
    names = ("weight", "price", "solar", "wind", "co2_kg_per_mwh")
    rows: dict[str, list[Array]] = {name: [] for name in names}
    series = {"price": price, "solar": solar, "wind": wind, "co2_kg_per_mwh": co2}
    for m in range(1, MONTHS_PER_YEAR + 1):
        at = np.flatnonzero(month == m)
        parts = _parts(at, solar + wind, RESOURCE_GROUPS if varies else 1)
        found = [one for part in parts for one in _at_shares(part[np.argsort(price[part], kind="stable")], shares)]
        rows["weight"].append(np.array([len(one) / len(at) for one in found]))
        for name, values in series.items():
            rows[name].append(np.array([values[one].mean() if len(one) else 0.0 for one in found]))
    return Hours(**{name: np.array(values) for name, values in rows.items()}, price_is_level=price_is_level)


def _parts(at: NDArray[np.intp], by: Array, count: int) -> Sequence[NDArray[np.intp]]:
    """Return hours in groups of equal number, in the order of a series."""
    return np.array_split(at[np.argsort(by[at], kind="stable")], count)


def _at_shares(ordered: NDArray[np.intp], shares: Array) -> list[NDArray[np.intp]]:
    """Return ordered hours split at shares of their number."""
    edges = np.round(shares * len(ordered)).astype(int)
    return [ordered[a:b] for a, b in pairwise(edges)]


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
    grid_mw : Array, shape (M, n)
        Power of the connection [MW].
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
    weight = hours.weight[month_of_year]  # (n, K)
    price = hours.price[month_of_year] * (1.0 if hours.price_is_level else price_usd_per_mwh[:, None, None])
    factors = {"solar": hours.solar, "wind": hours.wind}
    load_mw = np.broadcast_to(load_mw, (max(len(load_mw), len(price), len(grid_mw)), load_mw.shape[1]))

    def mean(power: Array) -> Array:
        return np.asarray(np.einsum("mnk,nk->mn", power, weight))

    rest = load_mw[..., None]
    found: dict[str, Array] = {}
    usd = co2 = np.zeros(1)
    for kind, capacity in resources_mw.items():
        used = np.minimum(rest, capacity[..., None] * factors[kind][month_of_year])
        rest = rest - used
        found[kind] = mean(used)
    room = np.broadcast_to(grid_mw[..., None], rest.shape)
    of_contracts = np.zeros((1, 1))
    for kind, capacity, usd_per_mwh, kg in contracts:
        given = capacity[..., None] * (factors[kind][month_of_year] if kind in factors else np.ones_like(weight))
        used = np.minimum(np.minimum(rest, given), room)
        rest, room = rest - used, room - used
        of_contracts = of_contracts + mean(used)
        usd = usd + mean(np.broadcast_to(given, used.shape)) * usd_per_mwh[:, None]
        co2 = co2 + mean(used) * kg[:, None]
    ordered = sorted(sources, key=lambda s: float(np.mean(s.usd_per_mwh)))
    burnt = {s.name: np.zeros((1, 1)) for s in ordered}
    for dearer in (False, True):
        for s in ordered:
            runs = (s.usd_per_mwh[:, None, None] > price) == dearer
            used = np.where(runs, np.minimum(rest, s.power_mw[..., None]), 0.0)
            rest = rest - used
            power, burnt[s.name] = mean(used), burnt[s.name] + mean(used)
            usd, co2 = usd + power * s.usd_per_mwh[:, None], co2 + power * s.co2_kg_per_mwh[:, None]
        if not dearer:
            taken = np.minimum(rest, room)
            rest = rest - taken
            usd = usd + mean(taken * price)
            co2 = co2 + mean(taken * hours.co2_kg_per_mwh[month_of_year])
            found["grid"] = mean(taken)
    usd = usd + mean(rest * _dearest(price, sources))
    if contracts:
        found["contract"] = of_contracts
    shape = load_mw.shape
    return Mix(
        power_mw={name: np.broadcast_to(p, shape) for name, p in (found | burnt).items()},
        unserved_mw=mean(rest),
        usd_per_h=np.broadcast_to(usd, shape),
        co2_kg_per_h=np.broadcast_to(co2, shape),
    )


def _dearest(price: Array, sources: Sequence[Source]) -> Array:
    """Return the cost of the dearest source in each group of hours, 0 at least: what is lacking earns nothing."""
    found = np.maximum(price, 0.0)
    for s in sources:
        found = np.maximum(found, s.usd_per_mwh[:, None, None])
    return found
