"""What can stop a synchronous run, how often, and what each stop costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from typing import Literal

import numpy as np

from gigaplan.training.inputs import Failures
from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.time import HOURS

SECONDS_PER_DAY = HOURS * 3600.0
SERVER_GPUS = 8
"""GPUs of a server, for which rates per server are stated."""
Recovery = Literal["restart", "elastic", "groups"]
"""What happens when a unit fails.

``restart``: all units stop, a spare takes the place of the one that failed (or all wait for a repair), and all load the
last checkpoint. ``elastic``: the same, but without a spare they go on with one data replica less. ``groups``: the group
that the unit belongs to restarts alone and takes its state from its peers; the others stand for a moment and go on
(fault-tolerant data parallelism).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazards:
    """Rates and costs of everything that can stop a run; each a number, or an array of shape (trial,).

    A unit is what is taken out and replaced as one: a server of eight GPUs, or a rack that is one scale-up domain.
    """

    units: Uncertain
    """Units that the run needs."""
    spares: Uncertain
    """Units that stand by."""
    unit_failures_per_s: Uncertain
    """Rate of failures of one healthy unit that stop the run [1/s]."""
    replaced_share: Uncertain
    """Share of these after which the unit is taken out for repair; after the rest (software, time-outs) it restarts."""
    rack_failures_per_s: Uncertain
    """Rate per unit of failures that take ``rack_units`` at once [1/s]."""
    rack_units: Uncertain
    """Units of one rack."""
    outages_per_s: Uncertain
    """Rate of what hits the whole run whatever its size [1/s]: storage, scheduler, services."""
    outage_s: Uncertain
    """Mean length of an outage [s] (exponential)."""
    detection_s: Uncertain
    """Time until a failure is noticed [s]."""
    hang_share: Uncertain
    """Share of failures that show as a hang only."""
    hang_detection_s: Uncertain
    """Time until a hang is noticed [s]: the time-out of collectives."""
    restart_s: Uncertain
    """Time from there to the first new step [s]: localise, replace, load, warm up."""
    stall_s: Uncertain
    """Time that other groups stand when one fails [s] (``groups``)."""
    repair_s: Uncertain
    """Mean time of a unit's repair [s] (exponential)."""
    rack_repair_s: Uncertain
    """Mean time of a unit's repair after the failure of its whole rack [s] (exponential)."""
    lemon_share: Uncertain
    """Share of units that are lemons: they fail ``lemon_multiple`` times as often as healthy ones."""
    lemon_multiple: Uncertain
    """Failure rate of a lemon over that of a healthy unit."""
    lemon_found_share: Uncertain
    """Share of a lemon's repairs that find and cure it. As many units turn into lemons as are found at
    ``lemon_share``."""
    stragglers_per_s: Uncertain
    """Rate at which one unit becomes a straggler [1/s]: it holds all others up."""
    straggler_s: Uncertain
    """Mean time that a unit stays a straggler [s] (exponential)."""
    straggler_speed_share: Uncertain
    """Speed of the run with stragglers over its full speed."""
    planned_per_s: Uncertain
    """Rate of planned stops [1/s]: new code, data, firmware."""
    planned_s: Uncertain
    """Time of a planned stop beyond its checkpoint [s]."""
    checkpoint_stop_s: Uncertain
    """Time that a checkpoint stops training [s]."""
    checkpoint_lag_s: Uncertain
    """Time from there until it is safe, while training goes on [s]; 0 where training waits for the write."""
    interval_s: Uncertain
    """Training time between two checkpoints [s]."""
    group_share: Uncertain
    """Share of the run's speed that is lost with a group or data replica where the others go on. Missing units are of
    as few groups as can be: one that lacks a unit gives its others to the next that fail."""


def hazards(
    f: Failures,
    *,
    gpus: int,
    unit_gpus: int,
    state_bytes: float,
    groups: int = 1,
    spares: int = 0,
    interval_s: float = SECONDS_PER_DAY,
    waits_for_write: bool = False,
) -> Hazards:
    """Return what a run of some GPUs is exposed to, by unit.

    Rates per server hold for its GPUs: a rack of 72 has nine servers' worth of failures, and those of a rack on top.
    The published rate is a mean over healthy servers and lemons, so that a healthy one has rate / (1 + s (m - 1)) with
    a share s of lemons that fail m times as often. A checkpoint is written by all GPUs at once; training pauses for a
    copy, or for the whole write.

    Parameters
    ----------
    f : Failures
        Rates and times as published; each a number, or an array of shape (trial,).
    gpus : int
        GPUs that train.
    unit_gpus : int
        GPUs of one unit: 8, or all of a rack that is one scale-up domain.
    state_bytes : float
        Size of a checkpoint [byte].
    groups : int
        Groups or data replicas of equal size that the run consists of.
    spares : int
        Units that stand by.
    interval_s : float
        Training time between two checkpoints [s].
    waits_for_write : bool
        Whether training stands until a checkpoint is written.

    Returns
    -------
    Hazards
        Rates per unit and second, and times.
    """
    servers = unit_gpus / SERVER_GPUS
    domain = unit_gpus > SERVER_GPUS
    units = int(np.ceil(gpus / unit_gpus))
    rate = np.asarray(f.failures_per_server_day) * servers / SECONDS_PER_DAY
    healthy = rate / (1 + np.asarray(f.lemon_share) * (np.asarray(f.lemon_multiple) - 1))
    write_s = state_bytes / (gpus * np.asarray(f.checkpoint_bandwidth_bytes_per_s))
    # The servers of an air-cooled rack fail together as a share of their own rate; a rack that is one scale-up domain
    # is a unit, whose switches and cooling add to it.
    domain_rate = np.asarray(f.domain_failures_per_gpu_day) * unit_gpus / SECONDS_PER_DAY
    return Hazards(
        units=units,
        spares=spares,
        unit_failures_per_s=healthy if domain else healthy * (1 - np.asarray(f.rack_wide_share)),
        replaced_share=f.replaced_share,
        rack_failures_per_s=domain_rate if domain else rate * f.rack_wide_share / f.rack_servers,
        rack_units=1 if domain else np.minimum(np.round(f.rack_servers), units),
        outages_per_s=np.asarray(f.outages_per_day) / SECONDS_PER_DAY,
        outage_s=f.outage_s,
        detection_s=f.detection_s,
        hang_share=f.hang_share,
        hang_detection_s=f.hang_detection_s,
        restart_s=f.recovery_s,
        stall_s=f.group_stall_s,
        repair_s=f.tray_repair_s if domain else f.server_repair_s,
        rack_repair_s=f.rack_repair_s if domain else f.server_repair_s,
        lemon_share=f.lemon_share,
        lemon_multiple=f.lemon_multiple,
        lemon_found_share=f.lemon_found_share,
        stragglers_per_s=np.asarray(f.slow_spells_per_server_day) * servers / SECONDS_PER_DAY,
        straggler_s=f.slow_spell_s,
        straggler_speed_share=f.slow_speed_share,
        planned_per_s=np.asarray(f.planned_stops_per_day) / SECONDS_PER_DAY,
        planned_s=f.recovery_s,
        checkpoint_stop_s=f.checkpoint_stop_s + (write_s if waits_for_write else 0.0),
        checkpoint_lag_s=0.0 if waits_for_write else write_s,
        interval_s=interval_s,
        group_share=max(1 / groups, 1 / units),
    )


def mean_time_to_failure_s(servers: Uncertain, failures_per_server_day: float, outages_per_day: float) -> Array:
    """Return the mean time to failure of a job, every cause counted: ``1 / (a + n r)``.

    Counting only failures that a health check attributes to hardware overstates it; so does leaving out a, for small
    jobs. Valid while failures of servers are independent.

    Parameters
    ----------
    servers : float or numpy.ndarray
        Servers of the job, n, any shape.
    failures_per_server_day : float
        All that a server brings, r [1/day]: hardware with its lemons, links, the software on it.
    outages_per_day : float
        What a job of any size meets, a [1/day]: storage, scheduler, services.

    Returns
    -------
    numpy.ndarray
        Mean time to failure [s], shape of ``servers``.

    Examples
    --------
    >>> round(float(mean_time_to_failure_s(128, 0.02, 0.0)) / 86400, 3)  # 128 servers, one failure in 50 days each
    0.391
    """
    return np.asarray(SECONDS_PER_DAY / (outages_per_day + np.asarray(servers, dtype=float) * failures_per_server_day))


def failures_per_s(h: Hazards) -> Array:
    """Return how often failures stop the run, lemons, racks and outages included.

    Parameters
    ----------
    h : Hazards
        What can stop the run.

    Returns
    -------
    numpy.ndarray
        Rate [1/s], shape () or (trial,).
    """
    return np.asarray(unit_failures_per_s(h) + h.units * np.asarray(h.rack_failures_per_s) + h.outages_per_s)


def unit_failures_per_s(h: Hazards) -> Array:
    """Return how often single units fail, all units of the run and its lemons together.

    Parameters
    ----------
    h : Hazards
        What can stop the run.

    Returns
    -------
    numpy.ndarray
        Rate [1/s], shape () or (trial,).
    """
    lemons = 1 + np.asarray(h.lemon_share) * (np.asarray(h.lemon_multiple) - 1)
    return np.asarray(h.units * np.asarray(h.unit_failures_per_s) * lemons)


def trial_by_trial(h: Hazards, most: int) -> Iterator[Hazards]:
    """Yield the hazards of one trial after another.

    Parameters
    ----------
    h : Hazards
        What can stop the run; fields of shape () hold for every trial.
    most : int
        Number of trials to yield at most.

    Yields
    ------
    Hazards
        Hazards with a number in each field.
    """
    columns = {f.name: np.ravel(np.asarray(getattr(h, f.name), dtype=float)) for f in fields(h)}
    trials = max(c.size for c in columns.values())
    for k in islice(range(trials), most):
        yield Hazards(**{name: float(c[k % c.size]) for name, c in columns.items()})
