"""What a plan decides about training as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gigaplan.compute.transformer import Architecture
from gigaplan.training.inputs import GroupRecovery, LargeModel, Precisions, Reliability, TrainingEfficiency
from gigaplan.training.programme import PlannedRun
from gigaplan.training.scaling import ScalingLaws
from gigaplan.training.sites import LocalUpdates
from gigaplan.vocabulary.members import Array, Uncertain


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestRuns:
    """What the largest runs are like, which no plan names: their model, number formats, recovery and utilisation."""

    model: Architecture
    """Architecture, as wide as it is trained."""
    large: LargeModel
    """Sequence and batch."""
    precisions: Mapping[str, Precisions]
    """Since when narrow number formats are trained in, by generation of the plan."""
    recovery: GroupRecovery
    """How groups recover by themselves, and how failures get rarer."""
    mfu_share: Uncertain | None
    """Model FLOPs over the dense BF16 peak as the plan states it, in any format; None where the layout gives it."""
    step_over_predicted: Mapping[str, Uncertain] = field(default_factory=dict)
    """Time of a step over that of the model, by generation of the plan; 1 where none is stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPolicy:
    """Share of the fleet held for training and research, and how well it is used."""

    share: Array
    """(month,) or (member, month) share of the available GPUs that is held."""
    run_days: Uncertain
    """Longest time that a run may take [days]: the size of the largest run is calculated over it."""
    efficiency: TrainingEfficiency
    """Constants of the step-time model."""
    reliability: Reliability
    """Interruption rate of runs, and what an interruption costs."""
    scaling: ScalingLaws
    """Laws by which compute becomes parameters and tokens."""
    together: LocalUpdates
    """How sites learn together, at the steps between exchanges at which their loss was measured."""
    loss_rises: Mapping[float, Uncertain]
    """Increase of the loss by number of sites that learn together."""
    largest: LargestRuns
    """What the largest runs are like."""
    step_over_predicted: Mapping[tuple[str, str], Uncertain] = field(default_factory=dict)
    """Time of a step over that of the model, by run and what it trains; 1 where none is stated."""
    runs: tuple[PlannedRun, ...] = ()
    """Runs of the plan, which hold their blocks of the fleet."""
