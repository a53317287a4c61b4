"""The fast path of batteries and backup: what they carry while the grid is withheld, and what moving energy earns.

A battery of a plan has two uses. In hours in which the operator withholds the grid it gives what it holds, evenly over
the longest run of such hours in the month; backup burns what is then still lacking, within the hours of its permit. On
other days it moves energy once a day from the cheapest hours of the market to the dearest, as deep as pays (one cycle
within a day: the bulk of what the linear programme finds, Sioshansi et al. 2009 on arbitrage in PJM), no more than the
site's spare power can charge and its load takes up. It displaces the grid's energy, and where own fuel covers the load
no more than that fuel's cost; energy of sun and wind that would be spilled is charged first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.power.supply.dated import RENEWABLE, Hours, Trades
from gigaplan.power.supply.merit import MONTHS_PER_YEAR, Mix
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS

TINY_MW = 1e-9
"""Power that counts as none."""
DEPTHS = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
"""Shares of a battery's energy that a day may move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A battery of a site. Shapes: member or 1 M, month n."""

    power_mw: Array
    """(M, n) power [MW]."""
    hours: float
    """Energy held over power [h]."""
    round_trip_share: float
    """Energy given over energy taken in."""
    wear_usd_per_mwh: Array
    """(M,) what a megawatt-hour given costs in life [USD/MWh]."""
    trades: Trades
    """What its megawatt can earn on each day of the market."""

    @property
    def given_h(self) -> float:
        """Hours of full power that it gives from full to empty [h]."""
        return float(self.hours * self.round_trip_share**0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """Sets that may run while the grid is withheld. Shapes: member or 1 M, month n."""

    name: str
    """Its kind."""
    power_mw: Array
    """(M, n) power available [MW]."""
    usd_per_mwh: Array
    """(M,) fuel and operation [USD/MWh]."""
    co2_kg_per_mwh: Array
    """(M,) carbon dioxide [kg/MWh]."""
    hours_share: Array
    """(M,) hours of its permit over those withheld, 1 at most [share]."""


def trades(price: Array, hours: float, round_trip_share: float, closed: NDArray[np.bool_]) -> Trades:
    """Return what a megawatt of storage can move on each day of a year, at several depths.

    Parameters
    ----------
    price : Array, shape (T,)
        Price in each hour, in any unit; whole days.
    hours : float
        Energy held over power [h].
    round_trip_share : float
        Energy given over energy taken in, split evenly between both ways.
    closed : array of bool, shape (T,)
        Hours in which the grid is withheld; a day with any keeps the battery for them.

    Returns
    -------
    Trades
        Sums of the dearest and of the cheapest hours of each day.

    Examples
    --------
    A battery of two hours without losses gives in the two dearest hours what it took in the two cheapest:

    >>> day = trades(np.arange(24.0), 2.0, 1.0, np.zeros(24, dtype=bool))
    >>> float(day.dear[0, -1]), float(day.cheap[0, -1])
    (45.0, 1.0)
    """
    each_way = round_trip_share**0.5
    taken_h, given_h = hours / each_way, hours * each_way
    most = min(1.0, HOURS / (taken_h + given_h))
    ordered = np.sort(price.reshape(-1, HOURS), axis=1)
    depth = np.array(DEPTHS) * most
    return Trades(
        dear=_first_hours(ordered[:, ::-1], depth * given_h),
        cheap=_first_hours(ordered, depth * taken_h),
        given_h=depth * given_h,
        taken_h=depth * taken_h,
        open=np.asarray(~closed.reshape(-1, HOURS).any(axis=1)),
    )


def _first_hours(ordered: Array, hours: Array) -> Array:
    """Return the sums of the first hours of each day, the last of them in part: (day, depth)."""
    running = np.concatenate([np.zeros((len(ordered), 1)), np.cumsum(ordered, axis=1)], axis=1)
    whole = np.minimum(hours.astype(int), HOURS)
    after = np.minimum(whole + 1, HOURS)
    return np.asarray(running[:, whole] + (hours - whole) * (running[:, after] - running[:, whole]))


def carried(
    mix: Mix,
    hours: Hours,
    month_of_year: NDArray[np.int64],
    stores: Sequence[Store],
    backups: Sequence[Backup],
    price_usd_per_mwh: Array,
) -> Mix:
    """Return a mix in which batteries, then backup, carry what lacks in the hours in which the grid is withheld.

    Parameters
    ----------
    mix : Mix
        What the load is met with without them.
    hours : Hours
        Groups of alike hours.
    month_of_year : array of int, shape (n,)
        Month of the year of each month, from 0.
    stores : sequence of Store
        Batteries.
    backups : sequence of Backup
        Backup.
    price_usd_per_mwh : Array, shape (M,)
        Mean price of the grid's energy, at which batteries are filled again [USD/MWh].

    Returns
    -------
    Mix
        The load met, with what is still lacking.
    """
    closed = np.isfinite(hours.withheld_h)
    if not closed.any() or not mix.lacking_mw.any():
        return mix
    run_h = np.maximum(hours.run_h[month_of_year], 1.0)  # (n, K)
    lacking, usd, co2 = mix.lacking_mw, mix.usd_per_h, mix.co2_kg_per_h
    power = dict(mix.power_mw)

    def mean(mw: Array) -> Array:
        return np.asarray(np.einsum("mnk,nk->mn", mw, mix.weight))

    for store in stores:
        most = store.power_mw[..., None] * np.minimum(1.0, store.given_h / run_h)
        given = np.where(closed, np.minimum(lacking, most), 0.0)
        lacking = lacking - given
        out = mean(given)
        taken = out / store.round_trip_share
        power = _moved(power, out, taken, 0.0)
        usd = usd + taken * price_usd_per_mwh[:, None] + out * store.wear_usd_per_mwh[:, None]
    for backup in backups:
        most = (backup.power_mw * backup.hours_share[:, None])[..., None]
        given = np.where(closed, np.minimum(lacking, most), 0.0)
        lacking = lacking - given
        out = mean(given)
        power[backup.name] = power.get(backup.name, 0.0) + out
        usd = usd + out * backup.usd_per_mwh[:, None]
        co2 = co2 + out * backup.co2_kg_per_mwh[:, None]
    return replace(mix, power_mw=power, lacking_mw=lacking, usd_per_h=usd, co2_kg_per_h=co2)


def traded(
    mix: Mix,
    hours: Hours,
    month_of_year: NDArray[np.int64],
    stores: Sequence[Store],
    *,
    price_usd_per_mwh: Array,
    fuel_mw: Array,
    fuel_usd_per_mwh: Array,
) -> Mix:
    """Return a mix in which batteries move energy within days.

    Parameters
    ----------
    mix : Mix
        What the load is met with without that.
    hours : Hours
        Groups of alike hours.
    month_of_year : array of int, shape (n,)
        Month of the year of each month, from 0.
    stores : sequence of Store
        Batteries.
    price_usd_per_mwh : Array, shape (M,)
        Mean price of the grid's energy [USD/MWh].
    fuel_mw : Array, shape (M, n)
        Power of own fuel [MW].
    fuel_usd_per_mwh : Array, shape (M,)
        Its cost [USD/MWh].

    Returns
    -------
    Mix
        Energy and cost with what is moved.
    """
    level = np.ones(1) if hours.price_is_level else price_usd_per_mwh
    kg = (hours.co2_kg_per_mwh * hours.weight).sum(axis=1)[month_of_year]
    for store in stores:
        cheapest = _ends(hours, store.trades.taken_h[-1] / HOURS, dearest=False)[month_of_year]
        dearest = _ends(hours, store.trades.given_h[-1] / HOURS, dearest=True)[month_of_year]
        of_grid = np.einsum("mnk,nk->mn", mix.room_mw, cheapest)
        rest = np.einsum("mnk,nk->mn", mix.behind_mw, dearest)
        whole = np.minimum(np.minimum(store.power_mw, of_grid + fuel_mw + mix.spilled_mw), rest)
        if not whole.any():
            continue
        behind = np.minimum(whole, np.maximum(rest - fuel_mw, 0.0))  # displaces the grid in its dearest hours
        full = np.maximum(whole, TINY_MW)
        free = np.minimum(mix.spilled_mw * HOURS / (full * store.trades.taken_h[-1]), 1.0)
        cheap = np.minimum(of_grid / full, 1 - free)
        usd, given, taken = (np.zeros_like(whole) for _ in range(3))
        prices = (level[:, None, None] * store.trades.cheap, fuel_usd_per_mwh[:, None, None] * store.trades.taken_h)
        for cap, mw in ((np.inf, behind), (fuel_usd_per_mwh, whole - behind)):
            for paid, share in ((0.0, free), (prices[0], cheap), (prices[1], 1 - free - cheap)):
                if (part := mw * share).any():
                    day = _best(store, level, cap, paid)
                    usd = usd + part * day[0][:, month_of_year]
                    given, taken = given + part * day[1][:, month_of_year], taken + part * day[2][:, month_of_year]
        spilled = np.minimum(free * taken, mix.spilled_mw)
        power = _moved(mix.power_mw, given, taken, spilled)
        mix = replace(
            mix,
            power_mw=_less(power, given),
            spilled_mw=mix.spilled_mw - spilled,
            usd_per_h=mix.usd_per_h - usd,
            co2_kg_per_h=mix.co2_kg_per_h + (taken - spilled - given) * kg,
        )
    return mix


def _ends(hours: Hours, share: float, *, dearest: bool) -> Array:
    """Return the weights of each month's groups in the mean of its cheapest or dearest hours: (12, K)."""
    order = np.argsort(-hours.price if dearest else hours.price, axis=1, kind="stable")
    until = np.cumsum(np.take_along_axis(hours.weight, order, axis=1), axis=1)
    within = np.diff(np.minimum(until, share), axis=1, prepend=0.0)
    found = np.zeros_like(hours.weight)
    np.put_along_axis(found, order, within / np.maximum(within.sum(axis=1, keepdims=True), TINY_MW), axis=1)
    return found


def _best(store: Store, level: Array, cap: Array | float, paid: Array | float) -> tuple[Array, Array, Array]:
    """Return what a megawatt earns, gives and takes in a mean hour of each month at the depth of each day that pays
    most: (M, 12) each, where its energy is worth no more than a cap, and what is paid for it when it is taken in."""
    t, usd = store.trades, level[:, None, None]
    worth = np.minimum(usd * t.dear, np.reshape(cap, (-1, 1, 1)) * t.given_h)
    earns = worth - paid - store.wear_usd_per_mwh[:, None, None] * t.given_h
    earns = np.where(t.open[:, None], earns, 0.0)  # (M, day, depth)
    best = earns.argmax(axis=-1)
    most = np.take_along_axis(earns, best[..., None], axis=-1)[..., 0]
    pays = most > 0
    of_month = _days_of_month(len(t.open))
    parts = (np.where(pays, most, 0.0), np.where(pays, t.given_h[best], 0.0), np.where(pays, t.taken_h[best], 0.0))
    return tuple(part @ of_month / HOURS for part in parts)  # type: ignore[return-value]


def _days_of_month(days: int) -> Array:
    """Return the weight of each day of a year without 29 February in its month's mean: (day, 12)."""
    month = (np.datetime64("2001-01-01") + np.arange(days)).astype("datetime64[M]").astype(int) % MONTHS_PER_YEAR
    of_month = month[:, None] == np.arange(MONTHS_PER_YEAR)
    return np.asarray(of_month / np.maximum(of_month.sum(axis=0), 1))


def _moved(power: Mapping[str, Array], given: Array, taken: Array, spilled: Array | float) -> dict[str, Array]:
    """Return powers with what a battery gives and takes, of what would be spilled and else of the grid."""
    found = dict(power)
    found["battery"] = found.get("battery", 0.0) + given - taken
    found["grid"] = found["grid"] + taken - spilled
    left = spilled
    for name in (n for n in RENEWABLE if n in found):
        found[name] = found[name] + left
        left = 0.0
    return found


def _less(power: Mapping[str, Array], given: Array) -> dict[str, Array]:
    """Return powers of which what a battery gives takes the place: the grid's first."""
    found, left = dict(power), given
    for name in [n for n in ("grid", *power) if n != "battery" and n in power]:
        cut = np.minimum(found[name], left)
        found[name], left = found[name] - cut, left - cut
    return found
