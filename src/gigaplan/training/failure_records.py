"""Records of a simulated training run: its constants, its state, what it comes to.

Records are elements of numpy structured arrays. The classes :class:`Constants`, :class:`Run` and :class:`Totals` name
and describe their fields; :func:`record_type` makes the array types of them. All fields are floats, counts too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np


class Constants:
    """What does not change in a trial: the fields of ``reliability.Hazards`` as numbers, and what follows from them."""

    safe_after_s: float
    """Time from the beginning of a cycle until the checkpoint of the cycle before is safe [s]."""
    group_units: float
    """Units of one group or data replica."""
    repairs_per_s: float
    """Rate at which one repair of a unit ends [1/s]."""
    rack_repairs_per_s: float
    """Rate at which one repair of a unit after the failure of its rack ends [1/s]."""
    straggler_ends_per_s: float
    """Rate at which one straggler recovers [1/s]."""
    group_restarts_per_s: float
    """Rate at which one group is back that restarts alone, from its failure on [1/s]."""
    new_lemons_per_s: float
    """Rate at which a healthy unit turns into a lemon [1/s]: as many do as are found where ``lemon_share`` of all are.
    """

    if TYPE_CHECKING:

        def __getattr__(self, hazard: str) -> float: ...


class Run:
    """The state of one run between two events."""

    now_s: float
    """Time since the launch [s]."""
    state: float
    """One of ``failure_events.TRAINING`` to ``IN_OUTAGE``."""
    state_ends_s: float
    """Time until the state ends by itself [s]; not used while training or lacking units."""
    unnoticed_s: float
    """Part of the coming time in which the last failure is not yet noticed [s]."""
    healthy: float
    """Healthy units that run."""
    lemons: float
    """Lemons that run."""
    spares: float
    """Units that stand by, lemons included."""
    spare_lemons: float
    """Lemons that stand by."""
    in_repair: float
    """Units in repair after a failure of their own, lemons included."""
    lemons_in_repair: float
    """Lemons in repair after a failure of their own."""
    racks_in_repair: float
    """Units in repair after the failure of a whole rack, lemons included."""
    rack_lemons_in_repair: float
    """Lemons in repair after the failure of a whole rack."""
    groups_restarting: float
    """Groups that restart alone while the others train."""
    stragglers: float
    """Units that hold the others up."""
    cycle_s: float
    """Where the run is in its cycle of training and checkpoint [s]."""
    fresh_s: float
    """Ideal time of the work since the last checkpoint [s]."""
    written_s: float
    """Ideal time of the work in a checkpoint that is not yet safe [s]."""
    safe_s: float
    """Ideal time of the work in safe checkpoints [s]."""


class Totals:
    """What one trial comes to, as in :class:`gigaplan.training.failures.SimulatedRuns`."""

    wall_s: float
    useful_s: float
    repeated_s: float
    straggler_s: float
    degraded_s: float
    checkpoint_s: float
    detection_s: float
    restart_s: float
    waiting_s: float
    planned_s: float
    outage_s: float
    interruptions: float
    planned_stops: float
    replaced: float
    min_spares: float


def record_type(*kinds: type) -> np.dtype[np.void]:
    """Return the numpy record type with one float for each annotated field of some classes.

    Parameters
    ----------
    *kinds : type
        Classes, in the order of their fields in the record.

    Returns
    -------
    numpy.dtype
        Structured type; an element of an array of it is passed to compiled functions by reference.
    """
    names = [name for kind in kinds for name in kind.__annotations__]
    return np.dtype((np.record, [(name, np.float64) for name in names]))
