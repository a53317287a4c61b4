"""Requests: from users to the demand of each workload in every hour of the days that represent a month.

    weekly users --reach, sessions, turns, calls, growth, season, price--> requests per day
                 --day type, hour, region--> per hour --less edge offload--> demand on the fleet

Interactive work follows people: their hours, their weekends, their summers, where they live. Deferrable work
arrives evenly.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.demand.adoption import weekly_users
from gigaplan.demand.inputs import TOKENS, DemandInputs, PublishedTokens, Shape, Workload
from gigaplan.demand.outputs import Demand
from gigaplan.demand.sessions import calls_per_session, input_tokens
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, Uncertain, column, over
from gigaplan.vocabulary.time import DAY_TYPES, DAYS_PER_YEAR, HOURS, SEASONS, TimeAxis, middle_of_year

SHARE_TOLERANCE = 1e-6


def compute_demand(inputs: DemandInputs, axis: TimeAxis) -> Demand:
    """Return the demand of users in every month of the axis at the prices of the reference date.

    Parameters
    ----------
    inputs : DemandInputs
        All inputs of the room.
    axis : TimeAxis
        Months, days and hours of the horizon.

    Returns
    -------
    Demand
        Users, requests, sessions and tokens; shapes in :class:`~gigaplan.demand.outputs.Demand`.

    Raises
    ------
    InputError
        If an input is impossible (see :func:`weekly_users`, :func:`region_patterns`) or member counts disagree.
    """
    users = weekly_users(inputs.adoption, axis.years_since(inputs.adoption.reference_date))  # (m, n)
    per_day = np.stack(np.broadcast_arrays(*_per_day(inputs, axis)), axis=1)  # (M, W, n, D)
    people = region_patterns(inputs.shape, axis)
    people = people.reshape(-1, *people.shape[-4:])  # (m, R, n, D, H)
    evenly = np.repeat((axis.day_counts > 0)[..., None], HOURS, axis=2).astype(float)[None]
    row_question = {False: people.sum(axis=1), True: evenly}  # by whether it can wait
    pattern = np.stack(np.broadcast_arrays(*[row_question[w.deferrable] for w in inputs.workloads]), axis=1)
    edge_share, every = np.asarray(inputs.edge_share, dtype=float), (len(inputs.workloads), axis.months)
    at_devices = np.broadcast_to(edge_share, np.broadcast_shapes(edge_share.shape, every)).reshape(-1, *every)
    on_fleet = (1 - at_devices)[..., None]
    per_h = (per_day * on_fleet)[..., None] / HOURS * pattern
    interactive = np.array([not w.deferrable for w in inputs.workloads])
    together = (per_day * on_fleet)[:, interactive].sum(axis=1)  # (M, n, D)
    everywhere = _month_mean(per_day, pattern, axis)
    users = np.broadcast_to(users, (max(len(per_day), len(users)), axis.months))
    on_fleet_per_day = everywhere * (1 - at_devices)
    tokens = tokens_of_workloads(inputs, axis)
    calls = np.stack(np.broadcast_arrays(*[column(calls_per_session(w), 2) for w in inputs.workloads]), axis=1)
    return Demand(
        weekly_users=users,
        requests_per_day=on_fleet_per_day,
        requests_per_h=per_h,
        on_devices_per_day=everywhere * at_devices,
        by_region_per_h=together[:, None, ..., None] / HOURS * people,
        sessions_per_day=everywhere / calls,
        tokens_per_request=tokens,
        tokens_per_day=on_fleet_per_day[:, :, None] * tokens[..., axis.year_of_month],
    )


def at_prices(at_reference: Demand, factor: Array, interactive: NDArray[np.bool_]) -> Demand:
    """Return demand at other prices than those of the reference date.

    What devices serve themselves stays: nobody pays for it by the request.

    Parameters
    ----------
    at_reference : Demand
        Demand at the prices of the reference date.
    factor : Array, shape (M, W, n)
        Requests to the fleet over those at these prices [1].
    interactive : NDArray[np.bool_], shape (W,)
        Whether a workload's requests can't wait.

    Returns
    -------
    Demand
        The demand, each of its quantities moved alike.
    """
    if np.all(factor == 1.0):
        return at_reference
    per_day, per_h = at_reference.requests_per_day * factor, at_reference.requests_per_h * factor[..., None, None]
    before, after = (r[:, interactive].sum(axis=1) for r in (at_reference.requests_per_h, per_h))  # (M, n, D, H)
    everywhere = at_reference.requests_per_day + at_reference.on_devices_per_day
    sessions = _over(per_day + at_reference.on_devices_per_day, everywhere)
    return replace(
        at_reference,
        requests_per_day=per_day,
        requests_per_h=per_h,
        by_region_per_h=at_reference.by_region_per_h * _over(after, before)[:, None],
        sessions_per_day=at_reference.sessions_per_day * sessions,
        tokens_per_day=at_reference.tokens_per_day * factor[:, :, None],
    )


def _over(part: Array, whole: Array) -> Array:
    """Return part over whole, 1 where the whole is nothing."""
    return np.divide(part, whole, out=np.ones(np.broadcast_shapes(part.shape, whole.shape)), where=whole > 0)


def _per_day(inputs: DemandInputs, axis: TimeAxis) -> list[Array]:
    """Return each workload's requests per day, on the fleet and on devices, before the day type: (m, n, D)."""

    def on_days(of: dt.date) -> Array:
        return axis.day_years_since(of).ravel()

    shape = (axis.months, len(axis.days))
    users = weekly_users(inputs.adoption, on_days(inputs.adoption.reference_date))
    found = []
    for w in inputs.workloads:
        rate = requests_per_day(w, users, on_days(w.reference_date)).reshape(-1, *shape)
        season = season_factor(w, inputs.shape, axis.season, season_of(w.reference_date))
        found.append(rate * season[..., None])
    known = inputs.published_tokens
    if known is not None and known.points:
        factor = _published_over_own(inputs, known, axis)
        for k, w in enumerate(inputs.workloads):
            found[k] = found[k] * factor if w.name in known.workloads else found[k]
    return found


def _published_over_own(inputs: DemandInputs, known: PublishedTokens, axis: TimeAxis) -> Array:
    """Return by how much published tokens lie above those of the workloads' own volumes: (m, n, D).

    The logarithm of the ratio is linear between the points; the first and the last one hold before and after, so that
    the workloads go on from the last point by their own growth.
    """
    works = [w for w in inputs.workloads if w.name in known.workloads]
    own = np.stack([sum((_tokens_on(inputs, w, day) for w in works), np.zeros(1)) for day, _ in known.points], axis=-1)
    ratio = np.log(np.array([tokens for _, tokens in known.points]) / own)  # (m, point)
    days = [axis.days_since_start(day) for day, _ in known.points]
    parts = np.stack([np.interp(axis.day_mid_days.ravel(), days, row) for row in np.eye(len(days))])
    return np.asarray(np.exp(ratio @ parts).reshape(-1, axis.months, len(axis.days)))


def _tokens_on(inputs: DemandInputs, work: Workload, day: dt.date) -> Array:
    """Return the tokens that a workload reads and makes on the mean day about a date: (m,)."""

    def since(start: dt.date, until: dt.date = day) -> Array:
        return np.array([(until - start).days / DAYS_PER_YEAR])

    users = weekly_users(inputs.adoption, since(inputs.adoption.reference_date))
    requests = requests_per_day(work, users, since(work.reference_date))
    season = season_factor(work, inputs.shape, np.array([season_of(day)]), season_of(work.reference_date))
    tokens = tokens_per_request(work, since(work.reference_date, middle_of_year(day.year))).sum(axis=-2)
    return np.asarray(requests[:, 0] * season[..., 0] * tokens[..., 0])


def _month_mean(per_day: Array, pattern: Array, axis: TimeAxis) -> Array:
    """Return requests on the month's average day: (M, W, n, D) and (m, W, n, D, H) -> (M, W, n)."""
    day = pattern.mean(axis=-1) * axis.day_counts
    return np.asarray(np.einsum("mwnd,mwnd->mwn", per_day, day) / axis.day_counts.sum(axis=1))


def tokens_of_workloads(inputs: DemandInputs, axis: TimeAxis) -> Array:
    """Return the tokens of each kind in one request of every workload.

    Parameters
    ----------
    inputs : DemandInputs
        All inputs of the room.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    Array, shape (member or 1, workload, token, year)
        Tokens of a request [token], in the order of ``TOKENS``.
    """
    by_workload = [tokens_by_year(w, axis).reshape(-1, len(TOKENS), len(axis.years)) for w in inputs.workloads]
    return np.stack(np.broadcast_arrays(*by_workload), axis=1)


def tokens_by_year(work: Workload, axis: TimeAxis) -> Array:
    """Return the tokens of each kind in one request by calendar year.

    Input grows by ``context_growth_per_year``, reasoning by ``reasoning_growth_per_year``, both fading; a year's
    mean request is that of its middle.

    Parameters
    ----------
    work : Workload
        The workload.
    axis : TimeAxis
        Months, days and hours of the horizon.

    Returns
    -------
    Array, shape (token, year) or (member, token, year)
        Tokens of a request [token], in the order of ``TOKENS``.
    """
    return tokens_per_request(
        work, np.array([(m - work.reference_date).days for m in axis.year_middles]) / DAYS_PER_YEAR
    )


def tokens_per_request(work: Workload, years: Array) -> Array:
    """Return the tokens of each kind in one request; see :func:`tokens_by_year`.

    Parameters
    ----------
    work : Workload
        The workload.
    years : Array, shape (time,)
        Time since the workload's reference date [year].

    Returns
    -------
    Array, shape (token, time) or (member, token, time)
        Tokens of a request [token], in the order of ``TOKENS``.
    """
    decay = over(work.token_growth_decay_per_year, 1)
    longer = growth_factor(years, over(work.context_growth_per_year, 1), decay)
    harder = growth_factor(years, over(work.reasoning_growth_per_year, 1), decay)
    read = input_tokens(work)
    rows = {
        "fresh_input": over(read.fresh, 1) * longer,
        "cached_input": over(read.cached, 1) * longer,
        "media": over(work.media_tokens, 1) * longer,
        "reasoning": over(work.reasoning_tokens, 1) * harder,
        "output": over(work.output_tokens, 1),
    }
    return np.stack(np.broadcast_arrays(*[rows[kind] for kind in TOKENS], years)[:-1], axis=-2)


def requests_per_day(work: Workload, users: Array, years: Array) -> Array:
    """Return requests per day in the season of the reference date.

    ``users x reach x requests per user and day x G(t)`` or ``requests per day x G(t)``, by the workload's driver.

    Parameters
    ----------
    work : Workload
        The workload.
    users : Array, shape (member, time)
        Weekly users [user].
    years : Array, shape (time,)
        Time since the workload's reference date [year].

    Returns
    -------
    Array, shape (member, time)
        Requests per day [1/day].
    """
    intensity = growth_factor(years, column(work.growth_per_year, 2), column(work.growth_decay_per_year, 2))
    if work.driver == "users":
        return np.asarray(users * column(work.reach_share, 2) * column(work.requests_per_user_day, 2) * intensity)
    return np.asarray(column(work.requests_per_day, 2) * intensity)


def growth_factor(years: Array, growth_per_year: Uncertain, decay_per_year: Uncertain) -> Array:
    """Return intensity over its reference: growth whose rate itself decays.

    ``G(t) = exp(g (1 - exp(-d t)) / d)`` for t > 0, which ends at ``exp(g / d)``; ``exp(g t)`` for d = 0 and
    for t <= 0, where the decay run backwards would make the past's rate explode.

    Source: Gompertz (1825), written as dG/dt = g exp(-d t) G.

    Parameters
    ----------
    years : Array, shape (time,)
        t, time since the reference date [year].
    growth_per_year : Uncertain
        g, logarithmic growth at t = 0 [1/year], one number or shape (member, 1).
    decay_per_year : Uncertain
        d, rate at which the growth decays [1/year], d >= 0, one number or shape (member, 1).

    Returns
    -------
    Array, shape (time,) or (member, time)
        Intensity over that of the reference date [1].
    """
    elapsed, decay = np.asarray(years, dtype=float), np.asarray(decay_per_year, dtype=float)
    faded = -np.expm1(-decay * np.maximum(elapsed, 0)) / np.where(decay > 0, decay, 1.0)
    elapsed = np.where((elapsed > 0) & (decay > 0), faded, elapsed)
    return np.asarray(np.exp(growth_per_year * elapsed))


def season_of(day: dt.date) -> int:
    """Return the season of a day, counted as ``TimeAxis.season`` counts them.

    Parameters
    ----------
    day : dt.date
        The day.

    Returns
    -------
    int
        Index into ``SEASONS``.
    """
    return day.month % 12 // 3


def season_factor(work: Workload, shape: Shape, season: NDArray[np.int64], reference_season: int) -> Array:
    """Return each month's volume over that of the reference date's season.

    Demand is stated at the workload's reference date, so that date's own season is the unit: a level
    measured in July is not lowered for being a summer's, and the winter after it lies ``1 / summer_share`` higher.
    Deferrable work has no season.

    Parameters
    ----------
    work : Workload
        The workload.
    shape : Shape
        Source of the summer's volume.
    season : NDArray[np.int64], shape (month,)
        Season of each month, as an index into ``SEASONS``.
    reference_season : int
        Season of the workload's reference date.

    Returns
    -------
    Array, shape (month,) or (member, month)
        Volume over that of the reference season [1].
    """
    if work.deferrable:
        return np.ones(len(season))
    volume = np.where(np.arange(len(SEASONS)) == SEASONS.index("summer"), over(shape.summer_share, 1), 1.0)
    return np.asarray(volume[..., season] / volume[..., reference_season, None])


def day_factor(weekend_share: Uncertain, day_counts: Array) -> Array:
    """Return each day type's volume over the month's mean day.

    ``f_D = v_D sum(n) / sum(n v)`` with v = (1, weekend share) and n the number of days, so that
    ``sum(n f) = sum(n)``: the month's total stays that of its average day.

    Parameters
    ----------
    weekend_share : Uncertain
        Volume of a weekend day over that of a weekday [1].
    day_counts : Array, shape (month, day)
        Days of each type in each month [day].

    Returns
    -------
    Array, shape (month, day) or (member, month, day)
        Volume over that of the mean day [1].
    """
    volume = np.where(np.array(DAY_TYPES) == "weekend", over(weekend_share, 2), 1.0)
    days = day_counts.sum(axis=1, keepdims=True)
    return np.asarray(volume * days / (day_counts * volume).sum(axis=-1, keepdims=True))


def hour_shape(shape: Shape) -> Array:
    """Return the volume of each UTC hour over the day's mean, all regions together.

    Parameters
    ----------
    shape : Shape
        Hours and regions of interactive demand.

    Returns
    -------
    Array, shape (hour,) or (member, hour)
        Volume over the day's mean [1]; its mean is 1.
    """
    return np.asarray(region_shapes(shape).sum(axis=-2))


def region_shapes(shape: Shape) -> Array:
    """Return each region's part of the volume of each UTC hour over the day's mean.

    Local activity is a raised cosine between ``night_share`` and 1 with its top at ``peak_local_hour``, taken at
    the middle of the hour: ``a(h) = share local(h + offset)``, over its mean.

    Parameters
    ----------
    shape : Shape
        Hours and regions of interactive demand.

    Returns
    -------
    Array, shape (region, hour) or (member, region, hour)
        Part of the volume [1]; summed over regions its mean is 1.

    Raises
    ------
    InputError
        If offsets and shares differ in number or the shares do not sum to 1.
    """
    offsets, share = np.array(shape.region_offset_h), np.array(shape.region_share)
    if len(offsets) != len(share):
        raise InputError(
            f"{len(offsets)} region offsets and {len(share)} region shares: give one of each a region",
            path="demand.regions",
        )
    if abs(share.sum() - 1) > SHARE_TOLERANCE:
        raise InputError(
            f"region shares sum to {share.sum():.6g}, not to 1: divide each by the sum", path="demand.regions"
        )
    activity = local_activity(_local_hour(offsets), over(shape.night_share, 2), over(shape.peak_local_hour, 2))
    return np.asarray(share[:, None] * activity / activity.mean(axis=-1, keepdims=True))


def region_patterns(shape: Shape, axis: TimeAxis) -> Array:
    """Return each region's part of each hour's volume over the month's mean hour.

    Hours and weekends are those of the region: on Saturday morning in Tokyo it is Friday in UTC.

    Parameters
    ----------
    shape : Shape
        Hours, weekends and regions of interactive demand.
    axis : TimeAxis
        Months, days and hours of the horizon.

    Returns
    -------
    Array, shape (region, month, day, hour) or (member, region, month, day, hour)
        Part of the volume [1]; summed over regions the mean over the month's hours is 1.
    """
    hours = region_shapes(shape)[..., None, None, :]  # (..., R, 1, 1, H)
    weekday, weekend = np.moveaxis(day_factor(shape.weekend_share, _calendar(axis)), -1, 0)  # (..., n) each
    ahead = np.floor(_local_hour(np.array(shape.region_offset_h)) / HOURS).astype(int)  # (R, H) days before or after
    likely = {shift: axis.weekend(shift) for shift in np.unique(ahead)}
    volume = np.zeros((len(ahead), axis.months, len(axis.days), HOURS))
    for shift, is_weekend in likely.items():
        factor = weekday[..., None] + (weekend - weekday)[..., None] * is_weekend  # (..., n, D)
        volume = np.where((ahead == shift)[:, None, None], factor[..., None, :, :, None], volume)
    pattern = hours * volume * (axis.day_counts > 0)[..., None]
    mean = np.einsum("...rndh,nd->...n", pattern, axis.day_counts) / axis.hours
    return np.asarray(pattern / mean[..., None, :, None, None])


def _local_hour(offsets: Array) -> Array:
    """Return the local time at the middle of each UTC hour, not wrapped [h]: (region, hour)."""
    return np.arange(HOURS) + 0.5 + offsets[:, None]


def _calendar(axis: TimeAxis) -> Array:
    """Return how many weekdays and weekend days each month has: (month, 2)."""
    return axis.day_counts if not axis.hourly else TimeAxis(axis.start, axis.end).day_counts


def local_activity(local_hour: Array, night_share: Uncertain, peak_local_hour: Uncertain) -> Array:
    """Return activity at a local hour over its daily high.

    ``night + (1 - night) (1 + cos(2 pi (h - peak) / 24)) / 2``, the first harmonic of a day.

    Parameters
    ----------
    local_hour : Array
        h, local time, of period 24 h [h]; any shape.
    night_share : Uncertain
        Activity at its nightly low over its daily high [1]; any shape that broadcasts with the hours.
    peak_local_hour : Uncertain
        Local time of the daily high [h], likewise.

    Returns
    -------
    Array
        Activity between ``night_share`` and 1 [1], in the shape of all of them together.
    """
    swing = (1 + np.cos(2 * np.pi * (local_hour - peak_local_hour) / HOURS)) / 2
    return np.asarray(night_share + (1 - night_share) * swing)
