"""Requests: from users to what each workload asks in every hour of the representative days.

    weekly users --reach, requests per user, growth, season--> requests per day --day type, hour--> per hour

Interactive work follows people: their hours, their weekends, their summers. Deferrable work is asked evenly.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from gigaplan.demand.adoption import weekly_users
from gigaplan.demand.inputs import TOKENS, DemandInputs, Shape, Workload
from gigaplan.demand.outputs import Asked
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAY_TYPES, HOURS, SEASONS, TimeAxis

SHARE_TOLERANCE = 1e-6


def asked(inputs: DemandInputs, axis: TimeAxis) -> Asked:
    """Return what users ask for on every month of the axis.

    Raises
    ------
    InputError
        If an input can't be (see :func:`weekly_users`, :func:`hour_shape`) or member counts disagree.
    """
    users = weekly_users(inputs.adoption, axis.years_since(inputs.adoption.reference_date))  # (m, n)
    per_day = [
        requests_per_day(w, users, axis.years_since(w.reference_date))
        * season_factor(w, inputs.shape, axis.season, season_of(w.reference_date))
        for w in inputs.workloads
    ]
    users, *per_day = np.broadcast_arrays(users, *per_day)  # (M, n) each
    requests = np.stack(per_day, axis=1)  # (M, W, n)
    pattern = _pattern(inputs, axis)  # (W, n, D, H)
    return Asked(
        weekly_users=np.asarray(users),
        requests_per_day=requests,
        requests_per_h=requests[..., None, None] / HOURS * pattern,
        tokens_per_request=np.array([[getattr(w, f"{t}_tokens") for t in TOKENS] for w in inputs.workloads]),
    )


def requests_per_day(work: Workload, users: Array, years: Array) -> Array:
    """Return requests asked per day [1/day], shape (member, time), in the season of the reference date.

    ``users x reach x requests per user and day x G(t)`` or ``requests per day x G(t)``, by the work's driver.

    Parameters
    ----------
    users : weekly users [user], shape (member, time)
    years : time since the workload's reference date [year], shape (time,)
    """
    intensity = growth_factor(years, column(work.growth_per_year, 2), work.growth_decay_per_year)
    if work.driver == "users":
        return np.asarray(users * work.reach_share * column(work.requests_per_user_day, 2) * intensity)
    return np.asarray(column(work.requests_per_day, 2) * intensity)


def growth_factor(years: Array, growth_per_year: Array | float, decay_per_year: float) -> Array:
    """Return intensity over its reference: growth whose rate itself decays.

    ``G(t) = exp(g (1 - exp(-d t)) / d)`` for t > 0, which ends at ``exp(g / d)``; ``exp(g t)`` for d = 0 and
    for t <= 0, where the decay run backwards would make the past's rate explode.

    Parameters
    ----------
    years : t, since the reference date [year], shape (time,)
    growth_per_year : g, logarithmic growth at t = 0 [1/year], shape (member, 1)
    decay_per_year : d [1/year], d >= 0

    Source: Gompertz (1825), written as dG/dt = g exp(-d t) G.
    """
    elapsed = np.asarray(years, dtype=float)
    if decay_per_year > 0:
        faded = -np.expm1(-decay_per_year * np.maximum(elapsed, 0)) / decay_per_year
        elapsed = np.where(elapsed > 0, faded, elapsed)
    return np.asarray(np.exp(growth_per_year * elapsed))


def season_of(day: dt.date) -> int:
    """Return the season (index into ``SEASONS``) of a day, as ``TimeAxis.season`` counts them."""
    return day.month % 12 // 3


def season_factor(work: Workload, shape: Shape, season: NDArray[np.int64], reference_season: int) -> Array:
    """Return each month's volume over that of the reference date's season, shape (month,).

    What a workload asks is stated at its reference date, so that date's own season is the unit: a level
    measured in July is not lowered for being a summer's, and the winter after it lies ``1 / summer_share`` higher.
    Deferrable work knows no season.
    """
    if work.deferrable:
        return np.ones(len(season))
    volume = np.where(np.arange(len(SEASONS)) == SEASONS.index("summer"), shape.summer_share, 1.0)
    return np.asarray(volume[season] / volume[reference_season])


def day_factor(weekend_share: float, day_counts: Array) -> Array:
    """Return each day type's volume over the month's mean day, shape (month, day).

    ``f_D = v_D sum(n) / sum(n v)`` with v = (1, weekend share) and n the number of days, so that
    ``sum(n f) = sum(n)``: the month's total stays what the average day says.
    """
    volume = np.where(np.array(DAY_TYPES) == "weekend", weekend_share, 1.0)
    days = day_counts.sum(axis=1, keepdims=True)
    return np.asarray(volume * days / (day_counts * volume).sum(axis=1, keepdims=True))


def hour_shape(shape: Shape) -> Array:
    """Return the volume of each UTC hour over the day's mean, shape (hour,); its mean is 1.

    Local activity is a raised cosine between ``night_share`` and 1 with its top at ``peak_local_hour``, read at
    the middle of the hour, and mixed over the regions: ``a(h) = sum_r share_r local(h + offset_r)``.

    Raises
    ------
    InputError
        If offsets and shares differ in number or the shares do not sum to 1.
    """
    offsets, share = np.array(shape.region_offset_h), np.array(shape.region_share)
    if len(offsets) != len(share):
        raise InputError(f"{len(offsets)} region offsets and {len(share)} region shares: give one of each a region")
    if abs(share.sum() - 1) > SHARE_TOLERANCE:
        raise InputError(f"region shares sum to {share.sum():.6g}, not to 1: divide each by the sum")
    local_hour = np.arange(HOURS) + 0.5 + offsets[:, None]  # (region, hour)
    activity = share @ local_activity(local_hour, shape.night_share, shape.peak_local_hour)
    return np.asarray(activity / activity.mean())


def local_activity(local_hour: Array, night_share: float, peak_local_hour: float) -> Array:
    """Return activity over its daily high at a local hour (24 h round), between night_share and 1.

    ``night + (1 - night) (1 + cos(2 pi (h - peak) / 24)) / 2``, the first harmonic of a day.
    """
    swing = (1 + np.cos(2 * np.pi * (local_hour - peak_local_hour) / HOURS)) / 2
    return np.asarray(night_share + (1 - night_share) * swing)


def _pattern(inputs: DemandInputs, axis: TimeAxis) -> Array:
    """Return each hour's volume over the month's mean hour, shape (W, n, D, H)."""
    people = day_factor(inputs.shape.weekend_share, axis.day_counts)[:, :, None] * hour_shape(inputs.shape)
    even = np.ones_like(people)
    return np.stack([even if w.deferrable else people for w in inputs.workloads])
