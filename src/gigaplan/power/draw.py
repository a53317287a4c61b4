"""Power drawn by racks from idle to busy, what the facility adds, and what the energy costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gigaplan.power.inputs import DrawCurve, Facility, WeatheredFacility
from gigaplan.power.outputs import PowerDraw
from gigaplan.vocabulary.errors import Fault, InputError
from gigaplan.vocabulary.members import Array, column, in_blocks, over
from gigaplan.vocabulary.time import HOURS, MONTHS_PER_YEAR, SEASONS, TimeAxis

ROUNDING = 1e-9
"""Shares that pass their bounds by less than this are rounding."""


def draw(
    *, rated_it_mw: Array, utilisation: Array, facilities: Sequence[Facility], curve: DrawCurve, axis: TimeAxis
) -> PowerDraw:
    """Return the power drawn and the energy used by the fleet.

    Equations: ``it = rated x drawn_share``, ``facility = it x PUE``, ``losses = it x loss_share``; the rest of the
    overhead is cooling. PUE is taken as independent of the load within a month, except at places whose weather is
    known: there losses, cooling and water follow the hour and the load, ``rated x (at_rest + slope x + bend x^2)`` at a
    share ``x`` of the rated power.

    Parameters
    ----------
    rated_it_mw : Array, shape (M, P, n) or (M, P, n, D)
        Rated IT power of the racks in place, mean over the month or day [MW].
    utilisation : Array, shape (M, n, D, H)
        Share of the fleet at work, training included [share].
    facilities : sequence of Facility
        One for each of the P places.
    curve : DrawCurve
        Power drawn over rated power, idle and busy.
    axis : TimeAxis
        Months n, days D and hours H.

    Returns
    -------
    PowerDraw
        Power [MW], energy [MWh] and its cost [USD].

    Raises
    ------
    InputError
        If a facility's losses exceed its whole overhead in some month: a PUE that leaves nothing for cooling; if the
        utilisation is not a share, idle draw exceeds busy draw, or places and facilities differ in number.
    """
    _check(rated_it_mw, utilisation, facilities, curve)
    pue = np.stack(np.broadcast_arrays(*[season_pue(f, axis) for f in facilities]), axis=1)  # (M or 1, P, n)
    loss = np.stack(np.broadcast_arrays(*[column(f.loss_share, 1) for f in facilities]), axis=1)  # (M or 1, P)
    _check_cooling(pue[:1], loss[0])
    loss = np.minimum(loss, (pue - 1).min(axis=2))  # (M or 1, P): a member with a low PUE has no more losses than that
    rated = rated_it_mw if rated_it_mw.ndim == 4 else rated_it_mw[..., None]
    share = drawn_share(utilisation, curve)
    curves = (
        tuple(_curves(facilities, axis, pue, loss)) if any(isinstance(f, WeatheredFacility) for f in facilities) else ()
    )
    added_up = in_blocks(partial(_added_up, axis), (rated, share, pue, loss, *curves), share[0].size * len(facilities))
    price = np.stack(np.broadcast_arrays(*[column(f.power_price_usd_per_mwh, 1) for f in facilities]), axis=1)
    return PowerDraw(
        **added_up, it_mw=added_up["it_mwh"] / axis.hours, energy_cost_usd=added_up["energy_mwh"] * price[:, :, None]
    )


def most_drawn_share(facility: Facility, curve: DrawCurve, axis: TimeAxis) -> Array:
    """Return what a facility draws with all racks busy, over their rated IT power, in the hour of each month that asks
    for most.

    Parameters
    ----------
    facility : Facility
        The facility.
    curve : DrawCurve
        Power drawn over rated power, idle and busy.
    axis : TimeAxis
        Months n.

    Returns
    -------
    Array, shape (M or 1, n)
        Facility power over rated IT power [share].
    """
    busy = np.maximum(column(curve.busy_share, 1), column(curve.idle_share, 1))
    if isinstance(facility, WeatheredFacility):
        return facility.hourly.facility_share(busy)[:, _month_of_year(axis)]
    return np.asarray(column(busy, 2) * season_pue(facility, axis))


def _curves(facilities: Sequence[Facility], axis: TimeAxis, pue: Array, loss: Array) -> Iterator[Array]:
    """Yield what stands at rest, the slope and the bend of losses, of the rest of the overhead and of water: each (M or
    1, P, 12, 24) by month of the year; at places whose weather is not known the slopes are the yearly figures, and no
    water is known."""
    months, first = np.unique(_month_of_year(axis), return_index=True)
    for name in ("losses", "rest", "water_l"):
        for end in ("at_rest", "slope", "bend"):
            parts = []
            for i, facility in enumerate(facilities):
                if isinstance(facility, WeatheredFacility):
                    parts.append(getattr(getattr(facility.hourly, name), end))
                    continue
                flat = np.zeros((len(pue), MONTHS_PER_YEAR, 1))
                if end == "slope" and name != "water_l":
                    lost = loss[:, i, None]
                    flat[:, months, 0] = lost if name == "losses" else pue[:, i, first] - 1 - lost
                parts.append(np.broadcast_to(flat, (*flat.shape[:2], HOURS)))
            yield np.stack(np.broadcast_arrays(*parts), axis=1)


def _month_of_year(axis: TimeAxis) -> NDArray[np.int64]:
    return np.array([edge.month - 1 for edge in axis.edges[:-1]])


def _added_up(axis: TimeAxis, rated: Array, share: Array, pue: Array, loss: Array, *curves: Array) -> dict[str, Array]:
    """Return the energy of IT, losses, overhead and facility by place and month, and the power of all by hour."""
    it = rated[..., None] * share[:, None]
    water = np.zeros_like(rated[..., 0])
    if curves:
        x, month = share[:, None], _month_of_year(axis)
        losses, rest, litres = (
            rated[..., None]
            * np.maximum(a[:, :, month, None] + x * (b[:, :, month, None] + x * c[:, :, month, None]), 0)
            for a, b, c in zip(curves[::3], curves[1::3], curves[2::3], strict=True)
        )
        facility = it + losses + rest
        water = axis.month_total(litres)  # MW x L/kWh is a cubic metre an hour
    else:
        losses = it * loss[..., None, None, None]
        facility = it * pue[..., None, None]
    return {
        "water_m3": water,
        "it_mwh": axis.month_total(it),
        "losses_mwh": axis.month_total(losses),
        "overhead_mwh": axis.month_total(facility - it - losses),
        "energy_mwh": axis.month_total(facility),
        "facility_mw": facility.sum(axis=1),
    }


def _check(rated_it_mw: Array, utilisation: Array, facilities: Sequence[Facility], curve: DrawCurve) -> None:
    """Raise InputError for inputs that don't fit together."""
    places = rated_it_mw.shape[1]
    if not places or len(facilities) != places:
        raise InputError(f"{len(facilities)} facilities for {places} places: give one for each, and at least one")
    idle, busy = (float(column(share, 1)[0]) for share in (curve.idle_share, curve.busy_share))
    if idle > busy:
        raise InputError(
            f"an idle rack can't draw more ({idle:g} of rated) than a busy one ({busy:g}): "
            "lower idle_share or raise busy_share",
            path=("power.draw.idle_share", "power.draw.busy_share"),
        )
    if not ((utilisation >= -ROUNDING) & (utilisation <= 1 + ROUNDING)).all():
        raise InputError("utilisation must be a share of the fleet: finite, from 0 to 1")


def _check_cooling(pue: Array, loss: Array) -> None:
    """Raise InputError with every facility whose losses alone are more than the overhead that PUE counts."""
    # The lowest month decides: winter's PUE must still leave room for losses that do not follow the season.
    slack = (pue - 1).min(axis=(0, 2)) - loss
    faults = [
        Fault(
            f"losses of {loss[i]:.1%} of IT energy exceed the overhead of a PUE of {pue[:, i].min():.3f} (its lowest "
            "month): raise pue, or lower loss_share or pue_summer_rise",
            tuple(f"power.facilities[{i}].{name}" for name in ("loss_share", "pue", "pue_summer_rise")),
            f"loss_share {loss[i]:.1%}, pue {pue[:, i].min():.3f} in the lowest month",
        )
        for i in np.flatnonzero(slack < -ROUNDING)
    ]
    if faults:
        raise InputError(faults)


def drawn_share(utilisation: Array, curve: DrawCurve) -> Array:
    """Return power drawn over rated power: linear in utilisation from idle to busy (Fan, Weber and Barroso 2007).

    Equation: ``idle + (busy - idle) utilisation``.

    Parameters
    ----------
    utilisation : Array, shape (...) or (M, ...)
        Share of the racks at work; clipped to 0 to 1, beyond which it can only be rounding [share].
    curve : DrawCurve
        Power drawn over rated power, idle and busy; a member in which idle racks drew more draws as much busy.

    Returns
    -------
    Array, shape (...) or (M, ...)
        Power drawn over rated power [share].

    Examples
    --------
    >>> drawn_share(np.array([0.0, 0.5, 1.0]), DrawCurve(idle_share=0.2, busy_share=0.8)).tolist()
    [0.2, 0.5, 0.8]
    """
    axes = max(np.ndim(utilisation) - 1, 0)
    idle = over(curve.idle_share, axes)
    busy = np.maximum(over(curve.busy_share, axes), idle)
    return np.asarray(idle + (busy - idle) * np.clip(utilisation, 0.0, 1.0))


def season_pue(facility: Facility, axis: TimeAxis) -> Array:
    """Return each month's PUE: facility over IT energy.

    The overhead swings about the yearly mean: ``1 + (PUE - 1)(1 + rise s)`` with s = 1 in summer, -1 in winter and 0 in
    between. Summer and winter balance, so the mean over the year's seasons is the stated PUE.

    Parameters
    ----------
    facility : Facility
        Yearly PUE, one number or one per member, and its rise in summer.
    axis : TimeAxis
        Months and their seasons.

    Returns
    -------
    Array, shape (M or 1, n)
        PUE by member and month [1].

    Examples
    --------
    A PUE of 1.2 with a summer rise of half: an overhead of 0.3 in summer and of 0.1 in winter.

    >>> import datetime as dt
    >>> site = Facility(
    ...     facility_to_it_peak=1.3, pue=1.2, pue_summer_rise=0.5, loss_share=0.03, power_price_usd_per_mwh=60.0
    ... )
    >>> pue = season_pue(site, TimeAxis(dt.date(2026, 1, 1), dt.date(2027, 1, 1)))
    >>> round(float(pue.min()), 2), round(float(pue.max()), 2)
    (1.1, 1.3)
    """
    swing = np.where(
        axis.season == SEASONS.index("summer"), 1.0, np.where(axis.season == SEASONS.index("winter"), -1.0, 0.0)
    )
    return 1 + (column(facility.pue, 2) - 1) * (1 + column(facility.pue_summer_rise, 2) * swing)
