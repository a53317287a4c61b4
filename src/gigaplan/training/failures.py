"""A training run failure by failure, from launch to the last token, in independent trials (Monte Carlo).

States follow each other by the next of several exponential clocks (Gillespie 1977): a unit fails (a lemon more often),
a rack fails, an outage hits the whole run, a repair ends, a unit becomes a straggler or recovers, a planned stop is
due. The events are in :mod:`gigaplan.training.failure_events`, closed forms of the same in
:mod:`gigaplan.training.reliability`; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from gigaplan.training.failure_events import ELASTIC, GROUPS, RESTART, launch, trial
from gigaplan.training.failure_records import Constants, Run, Totals, record_type
from gigaplan.training.reliability import Hazards, Recovery
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.streams import stream

RECOVERIES: dict[Recovery, int] = {"restart": RESTART, "elastic": ELASTIC, "groups": GROUPS}
"""Codes of the ways to recover in compiled functions."""
ROUNDING = 1e-9
"""Share of the work that may be missing at the end of a run that is done."""


@dataclass(frozen=True, slots=True)
class SimulatedRuns:
    """What simulated runs came to. Shapes: trial.

    The parts of the time, ``useful_s`` to ``outage_s``, add up to ``wall_s``.
    """

    wall_s: Array
    """Time from launch to the last token, or to the limit [s]."""
    useful_s: Array
    """Ideal time of the work that was kept [s]."""
    repeated_s: Array
    """Training time lost with work that was not yet in a safe checkpoint [s]."""
    straggler_s: Array
    """Training time lost to stragglers, which slow all units down [s]."""
    degraded_s: Array
    """Training time lost to degraded capacity: data replicas or groups were missing [s]."""
    checkpoint_s: Array
    """Time in which checkpoints stopped training [s]."""
    detection_s: Array
    """Time until failures were noticed [s]."""
    restart_s: Array
    """Time of restarts: localise, replace, load; with groups, the time in which the others stand [s]."""
    waiting_s: Array
    """Time of waiting for a repair where no spare was left [s]."""
    planned_s: Array
    """Time of planned stops [s]."""
    outage_s: Array
    """Time of outages [s]."""
    interruptions: Array
    """Number of unexpected interruptions."""
    planned_stops: Array
    """Number of planned stops."""
    replaced: Array
    """Units taken out for repair."""
    min_spares: Array
    """Spares left at the worst moment; below zero, units that were missing."""
    finished: Array
    """1 where the work was done within the limit, else 0."""

    @property
    def goodput_share(self) -> Array:
        """Ideal time of the work over the time it took."""
        return self.useful_s / self.wall_s


def simulate_runs(
    hazards: Hazards, recovery: Recovery, work_s: float, *, n_trials: int, seed: int, limit_s: float = np.inf
) -> SimulatedRuns:
    """Simulate a run in independent trials, event by event (Gillespie 1977).

    Each trial has its own random stream, so that the first trials stay the same when more are simulated.

    Parameters
    ----------
    hazards : Hazards
        What can stop the run; each field a number, or an array of shape (trial,).
    recovery : {'restart', 'elastic', 'groups'}
        What happens when a unit fails.
    work_s : float
        Time that all work takes where nothing ever fails [s]; infinite with a ``limit_s`` to watch a run for so long.
    n_trials : int
        Number of trials.
    seed : int
        Seed of the random streams; the same seed gives the same trials, byte for byte.
    limit_s : float
        Time after the launch at which a trial ends, done or not [s].

    Returns
    -------
    SimulatedRuns
        What each trial came to.

    Raises
    ------
    InputError
        If neither the work nor the limit is finite.
    """
    if not (np.isfinite(work_s) or np.isfinite(limit_s)):
        raise InputError(f"a run needs an end: work of {work_s} s and a limit of {limit_s} s; give one of the two")
    constants = _constants(hazards, n_trials)
    runs, totals = (np.zeros(n_trials, dtype=record_type(kind)) for kind in (Run, Totals))
    for k in range(n_trials):
        rng = stream(seed, f"training life {k}")  # under another name of the stream every result would change
        launch(rng, constants[k], runs[k])
        trial(rng, k, constants, runs, totals, RECOVERIES[recovery], work_s, limit_s)
    finished = (totals["useful_s"] >= work_s * (1 - ROUNDING)).astype(float)
    return SimulatedRuns(**{name: totals[name].copy() for name in Totals.__annotations__}, finished=finished)


def _constants(hazards: Hazards, n_trials: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Return the hazards of each trial as records with what follows from them, see :class:`Constants`."""
    records = np.zeros(n_trials, dtype=record_type(Hazards, Constants))
    p = records.view(np.recarray)
    for f in fields(Hazards):
        p[f.name] = getattr(hazards, f.name)
    p.safe_after_s = np.minimum(p.checkpoint_lag_s, p.interval_s + p.checkpoint_stop_s)
    p.group_units = p.group_share * p.units
    noticed_s = p.detection_s + p.hang_share * (p.hang_detection_s - p.detection_s)
    with np.errstate(divide="ignore"):  # what takes no time ends at an infinite rate
        p.repairs_per_s = 1 / p.repair_s
        p.rack_repairs_per_s = 1 / p.rack_repair_s
        p.straggler_ends_per_s = 1 / p.straggler_s
        p.group_restarts_per_s = 1 / (noticed_s + p.restart_s)
    lemons_per_healthy_unit = p.lemon_share / np.maximum(1 - p.lemon_share, 1e-9)
    p.new_lemons_per_s = lemons_per_healthy_unit * p.lemon_multiple * p.unit_failures_per_s
    p.new_lemons_per_s = p.new_lemons_per_s * p.replaced_share * p.lemon_found_share
    return records
