"""Expected goodput of a run: from one interruption rate, or with every cause of loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.training.inputs import Reliability
from gigaplan.training.reliability.checkpoints import (
    daly_2006,
    progress_share,
    progress_share_of_groups,
    renewal_share,
)
from gigaplan.training.reliability.hazards import (
    SECONDS_PER_DAY,
    Hazards,
    Recovery,
    failures_per_s,
    unit_failures_per_s,
)
from gigaplan.training.reliability.spares import missing_groups, waiting_share
from gigaplan.vocabulary.members import Array, over


@dataclass(frozen=True, slots=True)
class Goodput:
    """Goodput of runs with one interruption rate. Shapes: as the number of GPUs."""

    share: Array
    """Time that makes progress over all time."""
    interval_s: Array
    """Training time between two checkpoints [s]."""
    mtbf_s: Array
    """Mean time between interruptions of the whole run [s]."""


def goodput(gpus: Array | float, reliability: Reliability) -> Goodput:
    """Return the expected goodput of runs on some GPUs.

    Interruptions come as a Poisson process with rate GPUs x rate per GPU; the interval is Daly's (2006) higher-order
    optimum, the share :func:`renewal_share` with restarts that last exponentially long, for which phi = M / (M + R)
    (some restarts take much longer than most; with a fixed R the share is 0.1 % lower for 16,384 GPUs, 4 % for
    100,000).

    Parameters
    ----------
    gpus : float or numpy.ndarray
        GPUs of each run, any shape; members are the first axis where the reliability has any.
    reliability : Reliability
        Interruption rate per GPU, time of a restart and of a checkpoint.

    Returns
    -------
    Goodput
        Share of time that makes progress, interval and mean time between interruptions.
    """
    n = np.asarray(gpus, dtype=float)
    axes = max(n.ndim - 1, 0)
    m = np.asarray(SECONDS_PER_DAY / (n * over(reliability.interruptions_per_gpu_day, axes)))
    c, r = (over(value, axes) for value in (reliability.checkpoint_write_s, reliability.restart_s))
    t = daly_2006(c, m)
    return Goodput(renewal_share(t, m, c, restarted_share=m / (m + r)), t, m)


def mean_speed_share(h: Hazards) -> float:
    """Return the mean speed with stragglers over the full speed: they overlap as in M/G/infinity, one is as bad as
    many.

    Parameters
    ----------
    h : Hazards
        What can stop the run, or slow it down.

    Returns
    -------
    float
        Share of the full speed, mean over the trials.
    """
    load = h.units * np.asarray(h.stragglers_per_s) * h.straggler_s
    return float(np.mean(1 + np.expm1(-load) * (1 - np.asarray(h.straggler_speed_share))))


def expected_share(h: Hazards, recovery: Recovery = "restart") -> float:
    """Return the expected goodput: ideal time of the work over the time it takes, all causes of loss included.

    ``restart`` and ``elastic``: :func:`renewal_share`, less waiting for repairs or missing replicas, less stragglers.
    ``groups``: failures of units cost a stall and their own group for its restart; only outages throw the run back.
    Causes are multiplied, as if independent: within 2 % of the time of simulated trials where they meet. At a million
    GPUs in groups it is three points too low.

    Parameters
    ----------
    h : Hazards
        What can stop the run.
    recovery : {'restart', 'elastic', 'groups'}
        What happens when a unit fails.

    Returns
    -------
    float
        Share of time, mean over the trials.
    """
    k = np.array([float(np.mean(h.spares))])
    full_speed = mean_speed_share(h)
    if recovery == "groups":
        return _expected_share_of_groups(h, k, full_speed)
    # with one goodput for time and one for speed the causes multiply: each acts on what the others leave
    share = progress_share(h, h.interval_s)
    if recovery == "elastic":
        complete = max(1 - missing_groups(h, k)[0] * float(np.mean(h.group_share)), 0.0)
        return float(np.mean(share) * full_speed * complete)
    return float(np.mean(share)) * full_speed * (1 - float(waiting_share(h, k)[0]))


def _expected_share_of_groups(h: Hazards, spares: Array, full_speed: float) -> float:
    """Return the expected goodput where groups restart alone: outages, stalls of all, and groups that are missing."""
    unit_rate = failures_per_s(h) - h.outages_per_s
    share = progress_share_of_groups(h, h.interval_s) * np.exp(-unit_rate * np.asarray(h.stall_s))
    noticed_s = h.detection_s + np.asarray(h.hang_share) * (np.asarray(h.hang_detection_s) - h.detection_s)
    groups_of_rack = np.maximum(np.ceil(h.rack_units / (h.units * np.asarray(h.group_share))), 1.0)
    groups_hit_per_s = float(
        np.mean(unit_failures_per_s(h) + h.units * np.asarray(h.rack_failures_per_s) * groups_of_rack)
    )
    missing = groups_hit_per_s * float(np.mean(noticed_s + h.restart_s)) + missing_groups(h, spares)[0]
    return float(np.mean(share) * full_speed * max(1 - missing * float(np.mean(h.group_share)), 0.0))
