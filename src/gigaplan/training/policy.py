"""What a plan decides about training as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gigaplan.training.inputs import Reliability, TrainingEfficiency
from gigaplan.training.programme import PlannedRun
from gigaplan.training.scaling import ScalingLaws
from gigaplan.training.sites import LocalUpdates
from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPolicy:
    """Share of the fleet held for training and research, and how well it is used."""

    share: Array
    """(month,) share of the available GPUs."""
    mfu_share: float
    """Model FLOPs utilisation of training, of the dense BF16 peak."""
    run_days: float
    """Longest time that a run may take [days]: the size of the largest run is calculated over it."""
    efficiency: TrainingEfficiency
    reliability: Reliability
    scaling: ScalingLaws
    """Laws by which compute becomes parameters and tokens."""
    together: LocalUpdates
    """How sites learn together, at the steps between exchanges at which their loss was measured."""
    loss_rises: Mapping[float, float]
    """Rise of the loss by number of sites that learn together."""
    runs: tuple[PlannedRun, ...] = ()
