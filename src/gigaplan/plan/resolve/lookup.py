"""Look-ups by name in the catalog, for questions that need no plan: one system, one model, one engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from gigaplan.catalog import Catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.finance.inputs import Costs
from gigaplan.inference.inputs import Efficiency, Engine
from gigaplan.plan.load import serving_of, training_of
from gigaplan.plan.ratings import EFFICIENT, GpuPower, clock_at, rack_kw_at
from gigaplan.plan.resolve.filler import Filler, rated_w
from gigaplan.power.inputs import DrawCurve, Facility
from gigaplan.training.inputs import Failures, TrainingEfficiency
from gigaplan.training.scaling import ScalingLaw, ScalingLaws
from gigaplan.training.sites import Fibre, LocalUpdates
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.errors import PlanError

T = TypeVar("T")
UNKNOWN_REGION = "us"
TRAINING_SOFTWARE = {"modern": "training_model", "classic": "training_model_2022"}
"""Kinds of training software and the entities that hold their constants."""
REPLICAS = (2, 4, 8)
"""Numbers of sites for which the catalog has what local updates cost in learning."""


@dataclass(frozen=True, slots=True)
class ServingConstants:
    """Constants of the serving model and of one engine, and a note on each overlay that they come from."""

    efficiency: Efficiency
    engine: Engine
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingConstants:
    """Constants of a kind of training software, and a note on each overlay that they come from."""

    software: str
    efficiency: TrainingEfficiency
    notes: tuple[str, ...]


def from_facts(facts: Catalog, cls: type[T], entity: str, **known: Any) -> T:
    """Return a room's dataclass from the facts of one entity.

    Raises
    ------
    PlanError
        With every field that the catalog lacks.
    """
    filler = Filler(facts, {}, 1, 0)
    found = filler.fill(cls, None, entity, entity, **known)
    if filler.problems:
        raise PlanError(filler.problems)
    return found


def device_at(facts: Catalog, system: str, power: GpuPower) -> Device:
    """Return one system's device by name at the clock of a power limit, for verbs that need no plan."""
    return replace(device_of(facts, system), clock_share=clock_at(facts, system, power))


def device_of(facts: Catalog, system: str) -> Device:
    """Return one system's device by name at its rated power, as measured rows and their fits have it."""
    return from_facts(facts, Device, system, rated_w=rated_w(Filler(facts, {}, 1, 0), system, system))


def model_of(facts: Catalog, model: str) -> Architecture:
    """Return one model's architecture by name, for verbs that need no plan."""
    return from_facts(facts, Architecture, model)


def facility_of(facts: Catalog, region: str = UNKNOWN_REGION) -> Facility:
    """Return a facility of the catalog's figures that buys its power in a region."""
    price = facts.find(region, "power_price_usd_per_mwh").number
    return from_facts(facts, Facility, "facility", power_price_usd_per_mwh=price)


def costs_of(facts: Catalog) -> Costs:
    """Return capital other than the racks, operating cost and lives."""
    return from_facts(facts, Costs, "build")


def draw_curve_of(facts: Catalog) -> DrawCurve:
    """Return how much of its rated power a rack draws."""
    return from_facts(facts, DrawCurve, "draw_curve")


def it_kw_per_gpu(facts: Catalog, system: str, power: GpuPower = EFFICIENT) -> float:
    """Return the rated IT power of one GPU [kW], its share of rack, network and storage included: as plans count it.

    Raises
    ------
    UnknownFactError
        If the catalog has no rated power of the system's rack.
    """
    if not any(f.power_basis == PowerBasis.RACK_TDP and f.chosen for f in facts.all(system, "rack_power_kw")):
        facts.find(system, "rack_power_kw", power_basis=PowerBasis.RACK_TDP)
    rack_kw = rack_kw_at(facts, system, power)
    return rack_kw * facts.find("facility", "it_per_rack_power").number / facts.find(system, "gpus_per_rack").number


def efficiency_of(facts: Catalog) -> Efficiency:
    """Return the calibrated constants of the serving model."""
    return from_facts(facts, Efficiency, "serving_model")


def training_efficiency_of(facts: Catalog, entity: str = "training_model") -> TrainingEfficiency:
    """Return the calibrated constants of the training model for one kind of software."""
    return from_facts(facts, TrainingEfficiency, entity)


def fibre_of(facts: Catalog) -> Fibre:
    """Return how far signals between sites travel, and how fast."""
    return from_facts(facts, Fibre, "wan")


def local_updates_of(facts: Catalog) -> LocalUpdates:
    """Return how sites learn alone between two exchanges."""
    return from_facts(facts, LocalUpdates, "local_updates")


def scaling_laws_of(facts: Catalog) -> ScalingLaws:
    """Return the laws by which compute becomes parameters and tokens."""
    return ScalingLaws(
        tokens_per_parameter=facts.find("scaling_law", "tokens_per_parameter").number,
        corrected=from_facts(facts, ScalingLaw, "scaling_law"),
        published=from_facts(facts, ScalingLaw, "scaling_law_hoffmann"),
    )


def failures_of(facts: Catalog) -> Failures:
    """Return what fails in training, how often, and what it costs."""
    return from_facts(facts, Failures, "failures")


def engine_of(facts: Catalog, engine: str) -> Engine:
    """Return the calibrated times of one serving engine."""
    return from_facts(facts, Engine, engine)


def serving_constants(facts: Catalog, engine: str, overlays: Sequence[str | Path] = ()) -> ServingConstants:
    """Return the constants of the serving model and of one engine, those of overlays where they state any.

    Raises
    ------
    PlanError
        With all that is wrong with the overlays; or if one holds constants of another engine.
    """
    efficiency = efficiency_of(facts)
    if not overlays:
        return ServingConstants(efficiency, engine_of(facts, engine), ())
    given, notes = serving_of(overlays, engine)
    return ServingConstants(efficiency, Filler(facts, {}, 1, 0).fill(Engine, given, engine, "demand.engine"), notes)


def training_constants(facts: Catalog, overlays: Sequence[str | Path] = ()) -> TrainingConstants:
    """Return the constants of the training model, those of overlays where they state any, for verbs that need no plan.

    Raises
    ------
    PlanError
        With all that is wrong with the overlays.
    """
    if not overlays:
        return TrainingConstants("modern", training_efficiency_of(facts), ())
    given, notes = training_of(overlays)
    filler = Filler(facts, {}, 1, 0)
    found = filler.fill(TrainingEfficiency, given.efficiency, TRAINING_SOFTWARE[given.software], "training.efficiency")
    return TrainingConstants(given.software, found, notes)
