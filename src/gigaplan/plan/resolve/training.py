"""What a plan decides about training."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, cast

from annotated_types import Ge, Gt, Le

from gigaplan.catalog.names import generation
from gigaplan.compute.transformer import Architecture
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.resolve.lookup import REPLICAS, TRAINING_SOFTWARE
from gigaplan.plan.schema import PlanDocument
from gigaplan.training.inputs import GroupRecovery, LargeModel, Precisions, Reliability, TrainingEfficiency
from gigaplan.training.policy import LargestRuns, TrainingPolicy
from gigaplan.training.programme import PlannedRun
from gigaplan.training.scaling import ScalingLaw, ScalingLaws
from gigaplan.training.sites import LocalUpdates
from gigaplan.training.utilisation import widened
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.time import TimeAxis
from gigaplan.vocabulary.units import parse_date

LOSS_RISES = "local_updates.loss_rise_share"
"""Increases of the loss by number of sites move together."""
SHARE = Annotated[Uncertain, Ge(0), Le(1)]


def training(filler: Filler, doc: PlanDocument, axis: TimeAxis) -> TrainingPolicy:
    """Return the training policy; its share by month is the plan's points, else the catalog's series."""
    given = doc.training
    share = filler.series(given.share, "training", "training_share", axis, "allocation.training_share", 0.0, SHARE)
    days = _number(filler, given.run_days, "run_days", Annotated[Uncertain, Gt(0)])
    runs = tuple(_run(filler, name, run) for name, run in given.runs.items())
    together = filler.fill(LocalUpdates, None, "local_updates", "training.together")
    entity = TRAINING_SOFTWARE[given.software]
    return TrainingPolicy(
        share=share,
        run_days=days,
        efficiency=filler.fill(TrainingEfficiency, given.efficiency, entity, "training.efficiency"),
        reliability=filler.fill(Reliability, given.reliability, "reliability", "training.reliability"),
        scaling=ScalingLaws(
            tokens_per_parameter=filler.number("training.scaling.ratio", "scaling_law", "tokens_per_parameter"),
            corrected=filler.fill(ScalingLaw, None, "scaling_law", "training.scaling.corrected"),
            published=filler.fill(ScalingLaw, None, "scaling_law_hoffmann", "training.scaling.published"),
        ),
        together=replace(together, inner_steps=together.reference_inner_steps),
        loss_rises={
            float(n): filler.value(
                f"training.together.loss_rise_{n}",
                filler.facts.find(f"local_updates_{n}", "loss_rise_share"),
                Annotated[Uncertain, None],
                group=LOSS_RISES,
            )
            for n in REPLICAS
        },
        largest=_largest(filler, doc),
        runs=runs,
    )


def _largest(filler: Filler, doc: PlanDocument) -> LargestRuns:
    """Return what the largest runs are like; the utilisation is the plan's only where it states one."""
    given, path = doc.training, "training.largest"
    stated = given.mfu_share
    mfu = filler.state("training.mfu_share", stated, SHARE) if stated is not None else None
    large = filler.fill(
        LargeModel,
        None,
        "largest_run",
        path,
        dense_mfu_share=stated
        if stated is not None
        else filler.number(f"{path}.dense_mfu_share", "training", "mfu_share"),
        days=given.run_days or filler.facts.find("training", "run_days").number,
    )
    name = str(filler.ledger.read(f"{path}.model", filler.facts.find("largest_run", "model")).value)
    model = filler.fill(Architecture, None, name, f"inference.models.{name}")
    return LargestRuns(
        model=widened(model, large.model_width),
        large=large,
        precisions={g: _precisions(filler, g) for g in doc.fleet.generations},
        recovery=filler.fill(GroupRecovery, given.recovery, ("recovery", "failures"), "training.recovery"),
        mfu_share=mfu,
    )


def _precisions(filler: Filler, system: str) -> Precisions:
    """Return since when a system may train in narrow formats: as its hardware generation, else as any."""
    entities = (f"trained_on_{generation(system)}", "trained_on_any")
    return filler.fill(Precisions, None, entities, f"training.precisions.{system}")


def _number(filler: Filler, stated: float | None, name: str, hint: Any) -> Uncertain:
    """Return a number of the training section: the plan's, else the catalog's."""
    path = f"training.{name}"
    if stated is not None:
        return filler.state(path, stated, hint)
    return cast(Uncertain, filler.value(path, filler.facts.find("training", name), hint))


def _run(filler: Filler, name: str, given: Any) -> PlannedRun:
    """Return one planned training run, its milestones in order of their dates."""
    path, stated = f"training.runs.{name}", given.milestones or {}
    milestones = sorted((parse_date(day), filler.state(f"{path}.milestones.{day}", s)) for day, s in stated.items())
    return filler.fill(PlannedRun, given, "training_run", path, name=name, milestones=tuple(milestones))
