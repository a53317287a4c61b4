"""Goodput of runs of some size on some system at some time: with the recovery that is practised by then, and the
failure rates of systems of that age."""

from __future__ import annotations

import numpy as np

from gigaplan.plan.scenario import Scenario
from gigaplan.training.policy import TrainingPolicy
from gigaplan.training.reliability import (
    SERVER_GPUS,
    failures_per_gpu_day,
    rate_ratio,
    share_with_groups,
    share_with_restarts,
    straggler_share,
)
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR


def kept_share(scenario: Scenario, generation: str, gpus: Array, days: Array, group_gpus: Array | float) -> Array:
    """Return the share of the time that makes progress, times the mean speed with stragglers.

    Parameters
    ----------
    scenario : Scenario
        Scenario with its training policy.
    generation : str
        System of the plan that the runs are on.
    gpus : numpy.ndarray
        GPUs of the runs, shape (1, 1, size).
    days : numpy.ndarray
        When they train, days since the start of the horizon, shape (1, time).
    group_gpus : float or numpy.ndarray
        GPUs of a replica group, any shape that broadcasts with the GPUs.

    Returns
    -------
    numpy.ndarray
        Share 0..1, shape (M or 1, time, size).
    """
    policy = scenario.training
    recovery, reliability = policy.largest.recovery, policy.reliability
    unit = max(scenario.devices[generation].scaleup_gpus, SERVER_GPUS)
    ratio = rate_ratio(_age_years(scenario, generation, days), recovery)
    rate = failures_per_gpu_day(ratio, unit, reliability, recovery)[..., None]
    stragglers = straggler_share(gpus, recovery)
    restarts = share_with_restarts(gpus, rate, reliability)
    grouped = days >= scenario.axis.days_since_start(recovery.groups_since) + lag_days(policy)
    if not grouped.any():
        return np.asarray(restarts * stragglers)
    groups = share_with_groups(gpus, rate, group_gpus, unit, reliability, recovery)
    return np.asarray(np.where(grouped[..., None], np.maximum(groups, restarts), restarts) * stragglers)


def lag_days(policy: TrainingPolicy) -> Array:
    """Return how long after its publication large runs take up a practice.

    Parameters
    ----------
    policy : TrainingPolicy
        The plan's training.

    Returns
    -------
    numpy.ndarray
        Time [day], shape (M or 1, 1).
    """
    return column(policy.largest.recovery.practice_lag_years, 2) * DAYS_PER_YEAR


def _age_years(scenario: Scenario, generation: str, days: Array) -> Array:
    """Return the time since the first shipments of a system, shape (M or 1, time)."""
    its = next(g for g in scenario.fleet.generations if g.name == generation)
    shipped = scenario.axis.days_since_start(its.first_ship_date)
    return np.asarray((days - shipped - column(its.first_ship_date_delay_days, 2)) / DAYS_PER_YEAR)
