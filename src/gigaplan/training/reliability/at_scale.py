"""Expected goodput of runs of any size, in closed form and for arrays: all restart, or groups recover by themselves.

The same causes as :mod:`.closed_form`, written so that members, months and numbers of GPUs are evaluated at once. A
GPU that needs a repair is not among those that are up: here it costs a stall, a restart, and spares for the months in
which more are in repair than usual.
"""

from __future__ import annotations

import numpy as np

from gigaplan.training.inputs import GroupRecovery, Reliability
from gigaplan.training.reliability.checkpoints import MAX_INTERVAL_S, daly_2006, renewal_share
from gigaplan.training.reliability.hazards import SECONDS_PER_DAY, SERVER_GPUS
from gigaplan.vocabulary.members import Array, over

SPARE_DEVIATIONS = 2.0
"""Standard deviations of the number of units in repair that spares cover: enough of the time, 98 %."""
MIN_PER_DAY = 1e-30
"""Keeps the mean time between failures finite where nothing fails."""


def rate_ratio(age_years: Array | float, recovery: GroupRecovery) -> Array:
    """Return the failure rate of systems over the published one, by the time since their first shipments.

    ``f + (1 - f) exp(-r (a - a0))``: 1 at the age a0 of the systems that the published rate is of, then down to the
    share f that stays.

    Parameters
    ----------
    age_years : float or numpy.ndarray
        Time since the generation was first shipped [year], any shape; members are the first axis where the facts have
        any. Before the first shipment it counts as none.
    recovery : GroupRecovery
        How rates fall.

    Returns
    -------
    numpy.ndarray
        Ratio [1], shape of the age.
    """
    age = np.maximum(np.asarray(age_years, dtype=float), 0.0)
    axes = max(age.ndim - 1, 0)
    floor, fall, at = (
        over(v, axes) for v in (recovery.rate_floor_share, recovery.rate_fall_per_year, recovery.rate_age_years)
    )
    return np.asarray(floor + (1 - floor) * np.exp(-fall * (age - at)))


def failures_per_gpu_day(ratio: Array, unit_gpus: int, reliability: Reliability, recovery: GroupRecovery) -> Array:
    """Return how often a GPU brings a failure that stops its group, with its share of those of its rack.

    Parameters
    ----------
    ratio : numpy.ndarray
        Failure rate over the published one [1], any shape with members first.
    unit_gpus : int
        GPUs that are replaced as one: 8 of a server, or all of a rack that is one scale-up domain.
    reliability : Reliability
        Rate of GPUs and their servers.
    recovery : GroupRecovery
        Rate that a rack adds.

    Returns
    -------
    numpy.ndarray
        Rate [1/day], shape of the ratio.
    """
    axes = max(np.ndim(ratio) - 1, 0)
    of_rack = over(recovery.domain_failures_per_gpu_day, axes) if unit_gpus > SERVER_GPUS else 0.0
    return np.asarray(ratio * (over(reliability.interruptions_per_gpu_day, axes) + of_rack))


def share_with_restarts(gpus: Array, per_gpu_day: Array, reliability: Reliability) -> Array:
    """Return the goodput of runs that all restart from the last checkpoint after every failure.

    :func:`~gigaplan.training.reliability.closed_form.goodput` at a rate that differs by place.

    Parameters
    ----------
    gpus : numpy.ndarray
        GPUs of each run, any shape with members first.
    per_gpu_day : numpy.ndarray
        Failures per GPU and day [1/day], any shape that broadcasts with it.
    reliability : Reliability
        Time of a restart and of a checkpoint.

    Returns
    -------
    numpy.ndarray
        Share of the time that makes progress, broadcast shape.
    """
    per_day = np.maximum(gpus * per_gpu_day, MIN_PER_DAY)
    m, axes = SECONDS_PER_DAY / per_day, max(per_day.ndim - 1, 0)
    c, r = (over(v, axes) for v in (reliability.checkpoint_write_s, reliability.restart_s))
    return renewal_share(daly_2006(c, m), m, c, restarted_share=m / (m + r))


def share_with_groups(
    gpus: Array,
    per_gpu_day: Array,
    group_gpus: Array | float,
    unit_gpus: int,
    reliability: Reliability,
    recovery: GroupRecovery,
) -> Array:
    """Return the goodput of runs whose replica groups recover by themselves, spares counted as part of the run.

    ``g0 exp(-n r s) (1 - r min(G, n) R) (1 - 2 sigma / n)``: outages throw all back to a checkpoint at the best
    interval (g0); each failure makes all stand for s, alone or with others as in M/G/infinity, and takes its group of G
    GPUs out for R; spares stand by for two standard deviations of the units in repair, whose number is Poisson.

    Parameters
    ----------
    gpus : numpy.ndarray
        GPUs of each run that are up, n, any shape with members first.
    per_gpu_day : numpy.ndarray
        Failures per GPU and day, r [1/day], any shape that broadcasts with it.
    group_gpus : float or numpy.ndarray
        GPUs of a replica group, G, any shape that broadcasts with it.
    unit_gpus : int
        GPUs that are replaced as one.
    reliability : Reliability
        Time of a restart.
    recovery : GroupRecovery
        Stalls, outages and repairs.

    Returns
    -------
    numpy.ndarray
        Share of the time that makes progress, broadcast shape.
    """
    per_s = np.asarray(per_gpu_day) / SECONDS_PER_DAY
    axes = max(np.broadcast(gpus, per_s, group_gpus).ndim - 1, 0)
    stall, restart, repair = (
        over(v, axes) for v in (recovery.group_stall_s, reliability.restart_s, _repair_s(unit_gpus, recovery))
    )
    stalls = np.exp(-gpus * per_s * stall)
    missing = np.maximum(1 - per_s * np.minimum(group_gpus, gpus) * restart, 0.0)
    in_repair = gpus * per_s * repair
    spares = SPARE_DEVIATIONS * np.sqrt(in_repair) * unit_gpus
    staffed = np.maximum(1 - spares / gpus, 0.0)
    return np.asarray(over(_share_of_outages(recovery, reliability), axes) * stalls * missing * staffed)


def straggler_share(gpus: Array, recovery: GroupRecovery) -> Array:
    """Return the mean speed of runs with stragglers over their full speed: one is as bad as many.

    Parameters
    ----------
    gpus : numpy.ndarray
        GPUs of each run, any shape with members first.
    recovery : GroupRecovery
        How often servers become stragglers, for how long, and how slow the run is then.

    Returns
    -------
    numpy.ndarray
        Share of the full speed, shape of the GPUs.
    """
    axes = max(np.ndim(gpus) - 1, 0)
    rate, length, speed = (
        over(v, axes) for v in (recovery.slow_spells_per_server_day, recovery.slow_spell_s, recovery.slow_speed_share)
    )
    load = gpus / SERVER_GPUS * rate * length / SECONDS_PER_DAY
    return np.asarray(speed + (1 - speed) * np.exp(-load))


def _repair_s(unit_gpus: int, recovery: GroupRecovery) -> Array:
    """Return the mean time in repair that a failure brings [s]: of a server, or of a tray during which its rack is
    drained."""
    repair = recovery.tray_repair_s if unit_gpus > SERVER_GPUS else recovery.server_repair_s
    return np.asarray(np.asarray(recovery.replaced_share) * repair)


def _share_of_outages(recovery: GroupRecovery, reliability: Reliability) -> Array:
    """Return the goodput where only outages of what all share throw a run back, at the best interval (Daly 2006)."""
    m = SECONDS_PER_DAY / np.maximum(np.asarray(recovery.outages_per_day, dtype=float), MIN_PER_DAY)
    c, r = np.asarray(recovery.checkpoint_stop_s), np.asarray(reliability.restart_s)
    interval = np.clip(daly_2006(np.maximum(c, 1.0), m), None, MAX_INTERVAL_S)
    return renewal_share(interval, m, c, restarted_share=m / (m + r), outage_s=recovery.outage_s)
