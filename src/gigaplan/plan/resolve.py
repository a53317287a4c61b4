"""Resolving a plan against the catalog: every input gets a value and a line in the ledger.

One rule fills everything: a field of a room's dataclass takes what the plan says, else the catalog's fact of the
same name for the named entity, else the dataclass's default; a field with none of these is a problem.
"""

from __future__ import annotations

import datetime as dt
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.demand.inputs import Adoption, DemandInputs, Shape, Workload
from gigaplan.finance.inputs import Contract, Costs, Equity, FinanceInputs, GenerationCost, Guaranty, Tranches
from gigaplan.finance.intelligence import Gains
from gigaplan.fleet.inputs import FleetInputs, Generation, Ladder, OpeningBlock, Phase, Site
from gigaplan.inference.inputs import Efficiency, Engine, Software
from gigaplan.plan.load import Plan, Provenance, serving_of, training_of
from gigaplan.plan.scenario import Scenario, TrainingPolicy
from gigaplan.power.chain import chain
from gigaplan.power.inputs import DrawCurve, Facility, NodeDraw
from gigaplan.power.node import Node
from gigaplan.training.capability import Capability
from gigaplan.training.inputs import Failures, Reliability, TrainingEfficiency
from gigaplan.training.programme import PlannedRun
from gigaplan.training.scaling import ScalingLaw, ScalingLaws
from gigaplan.training.sites import Fibre, LocalUpdates
from gigaplan.vocabulary.bases import Based, PowerBasis, Profile
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.facts import Fact, Ledger
from gigaplan.vocabulary.members import Array, Uncertain, triangular
from gigaplan.vocabulary.streams import stream
from gigaplan.vocabulary.time import Resolution, TimeAxis
from gigaplan.vocabulary.units import parse_date

T = TypeVar("T")
UNKNOWN_REGION = "us"
TRAINING_SOFTWARE = {"modern": "training_model", "classic": "training_model_2022"}
"""Kinds of training software and the entities that hold their constants."""
REPLICAS = (2, 4, 8)
"""Numbers of sites for which the catalog has what local updates cost in learning."""
NO_TRANCHES = Tranches(
    investor="",
    amount_per_milestone_usd=0.0,
    total_usd=0.0,
    milestone=Based(1e3, "MW", PowerBasis.IT),
    trigger_state="accepted",
)
"""Of a plan whose investment waits for no milestone."""


@dataclass
class Filler:
    """Fills dataclasses from the plan and the catalog, recording each reading and collecting what is missing."""

    facts: Catalog
    said: Mapping[str, Provenance]
    members: int
    seed: int
    ledger: Ledger = field(default_factory=Ledger)
    problems: list[Problem] = field(default_factory=list)

    def fill(
        self,
        cls: type[T],
        given: BaseModel | None,
        entity: str,
        path: str,
        *,
        at: str = "",
        bases: Mapping[str, str] | None = None,
        **known: Any,
    ) -> T:
        """Return a room's dataclass. ``at`` is the plan's own path where it differs from the ledger's ``path``."""
        values: dict[str, Any] = {}
        hints = typing.get_type_hints(cls, include_extras=True)
        for f in fields(typing.cast(Any, cls)):
            here = f"{path}.{f.name}"
            if f.name in known:
                values[f.name] = known[f.name]
                continue
            mine = getattr(given, f.name, None)
            if mine is not None:
                values[f.name] = mine
                self._said(f"{at or path}.{f.name}", here, mine)
            elif self.facts.has(entity, f.name):
                values[f.name] = self._value(here, self.facts.find(entity, f.name, **(bases or {})), hints[f.name])
            elif f.default is not MISSING:
                values[f.name] = f.default
            else:
                self.problems.append(
                    Problem(
                        f"'{f.name}' is neither in the plan nor a fact of '{entity}'",
                        Place(path=at or path),
                        remedy=f"add '{f.name}' here",
                    )
                )
                values[f.name] = dt.date(1970, 1, 1) if "date" in str(hints[f.name]) else 1.0
        return cls(**values)

    def number(self, path: str, entity: str, quantity: str, **bases: str) -> float:
        """Return one fact's number, recorded at ``path``."""
        return self.ledger.read(path, self.facts.find(entity, quantity, **bases)).number

    def path(
        self,
        given: Mapping[str, float] | None,
        entity: str,
        quantity: str,
        axis: TimeAxis,
        at: str,
        path: str,
        default: float,
    ) -> Array:
        """Return a path over the horizon's months: the plan's points, else the catalog's series of the entity, linear
        in between and level beyond; ``default`` where there is neither. Shape (month,)."""
        points: list[tuple[dt.date, float]] = []
        for key, value in (given or {}).items():
            points.append((parse_date(key), value))
            self._said(f"{at}.{key}", f"{path}.{key}", value)
        if not points:
            series = self.facts.series(entity, quantity)
            points = [(parse_date(f.date), self.ledger.read(f"{path}.{f.date}", f).number) for f in series]
        if not points:
            return np.full(axis.months, default)
        points.sort()
        days, values = [axis.days_since_start(d) for d, _ in points], [v for _, v in points]
        return np.asarray(np.interp(axis.mid_days, days, values))

    def _said(self, plan_path: str, path: str, value: object) -> None:
        note = self.said.get(plan_path, Provenance())
        self.ledger.plan(path, value, note.evidence, "; ".join(t for t in (note.source, note.note) if t))

    def _value(self, path: str, fact: Fact, hint: Any) -> Any:
        self.ledger.read(path, fact)
        if fact.unit == "date":
            return fact.day
        if fact.unit == "text":
            return str(fact.value)
        uncertain = typing.get_origin(hint) is Annotated and typing.get_args(hint)[0] == Uncertain
        if uncertain and self.members > 1 and fact.low is not None and fact.high is not None:
            return self._sample(fact, fact.low, fact.high)
        return int(fact.number) if hint is int or (typing.get_args(hint) or (None,))[0] is int else fact.number

    def _sample(self, fact: Fact, low: float, high: float) -> Array:
        """Return one value per member from the fact's range (triangular); the first is the central value."""
        unit = stream(self.seed, fact.id).random(self.members)
        sample = triangular(unit, low, fact.number, high)
        sample[0] = fact.number
        return sample


def resolve(plan: Plan) -> Scenario:
    """Return the scenario of a checked plan.

    Raises
    ------
    PlanError
        If an input is neither in the plan nor in the catalog.
    """
    doc = plan.document
    filler = Filler(catalog.load(), plan.said, doc.uncertainty.members, doc.uncertainty.seed)
    start, end = (day.replace(day=1) for day in (doc.horizon.start, doc.horizon.end))
    axis = TimeAxis(start, end, Resolution(doc.horizon.resolution))
    facilities, default = _facilities(filler, plan)
    software = filler.fill(
        Software, doc.demand.software, "serving_software", "inference.software", at="demand.software"
    )
    scenario = Scenario(
        name=doc.name,
        title=doc.title,
        notes=tuple(n.strip() for n in doc.notes),
        warnings=tuple(str(w) for w in plan.warnings),
        assumptions={k: f"{v.evidence}: {'; '.join(t for t in (v.note, v.source) if t)}" for k, v in plan.said.items()},
        plan_hash=plan.hash,
        seed=doc.uncertainty.seed,
        members=doc.uncertainty.members,
        axis=axis,
        claims=tuple(doc.claims),
        announced=doc.announced.power,
        reference_generation=doc.fleet.reference_generation,
        regions=_regions(filler, plan),
        demand=_demand(filler, plan, axis),
        fleet=_fleet(filler, plan, facilities, default),
        facilities=facilities,
        draw=filler.fill(DrawCurve, doc.power.draw, "draw_curve", "power.draw"),
        node_draw=filler.fill(NodeDraw, None, "node_draw", "power.node_draw"),
        nodes=_nodes(filler, plan),
        devices={g: _device(filler, g) for g in doc.fleet.generations},
        architectures={
            m: filler.fill(Architecture, doc.models.get(m), m, f"inference.models.{m}", at=f"models.{m}")
            for m in dict.fromkeys(
                [name for w in doc.demand.workloads.values() for name in (w.model, *(w.later_models or {}).values())]
                + [run.model for run in doc.training.runs.values()]
            )
        },
        efficiency=filler.fill(Efficiency, None, "serving_model", "inference.efficiency"),
        engine=filler.fill(
            Engine, doc.demand.engine, software.engine, f"inference.engines.{software.engine}", at="demand.engine"
        ),
        software=software,
        training=_training(filler, plan, axis),
        capability=filler.fill(Capability, None, "capability", "training.capability"),
        finance=_finance(filler, plan),
        gains=filler.fill(
            Gains,
            None,
            "intelligence",
            "finance.gains",
            software_gain_per_year=math.exp(software.gain_per_year),
            software_gain_decay_per_year=software.gain_decay_per_year,
        ),
        ledger=filler.ledger,
    )
    if filler.problems:
        name = plan.root.file
        raise PlanError(replace(p, place=replace(_place(plan, p.place.path), file=name)) for p in filler.problems)
    return scenario


def _place(plan: Plan, path: str) -> Place:
    return plan.root.place(tuple(path.split(".")))


def _facilities(filler: Filler, plan: Plan) -> tuple[tuple[Facility, ...], Facility]:
    """Return one facility per place (sites, then opening blocks) and the default one."""
    doc = plan.document

    def one(path: str, given: BaseModel | None, region: str, at: str) -> Facility:
        price = getattr(given, "power_price_usd_per_mwh", None) or getattr(
            doc.power.facility, "power_price_usd_per_mwh", None
        )
        merged = _merge(doc.power.facility, given)
        if price is None:
            region_fact = filler.facts.find(region, "power_price_usd_per_mwh")
            price = filler._value(f"{path}.power_price_usd_per_mwh", region_fact, Annotated[Uncertain, None])
        else:
            filler._said(f"{at}.power_price_usd_per_mwh", f"{path}.power_price_usd_per_mwh", price)
        return filler.fill(Facility, merged, "facility", path, at=at, power_price_usd_per_mwh=price)

    sites = [
        one(f"power.facilities.{name}", site.facility, site.region, f"fleet.sites.{name}.facility")
        for name, site in doc.fleet.sites.items()
    ]
    default = one("power.facilities.opening", None, UNKNOWN_REGION, "power.facility")
    return (*sites, *([default] * len(doc.fleet.opening))), default


def _merge(base: BaseModel | None, over: BaseModel | None) -> BaseModel | None:
    """Return a section whose own settings win over the shared ones."""
    if base is None or over is None:
        return over or base
    return base.model_copy(update={k: v for k, v in over if v is not None})


def _fleet(filler: Filler, plan: Plan, facilities: tuple[Facility, ...], default: Facility) -> FleetInputs:
    doc = plan.document
    profile = Profile(doc.fleet.profile)
    ratio = filler.number("fleet.generations.it_per_rack_power", "facility", "it_per_rack_power")
    life = filler.number("fleet.generations.life_years", "build", "life_years")
    generations = []
    for name in doc.fleet.generations:
        path = f"fleet.generations.{name}"
        rack_kw = filler.ledger.read(f"{path}.rack_power_kw", _profiled(filler.facts, name, "rack_power_kw", profile))
        given = doc.fleet.systems.get(name)
        known: dict[str, Any] = {"name": name, "it_kw_per_rack": rack_kw.number * ratio}
        if getattr(given, "life_years", None) is None:
            known["life_years"] = life
        generations.append(filler.fill(Generation, given, name, path, at=f"fleet.systems.{name}", **known))
    sites = []
    for (name, site), facility in zip(doc.fleet.sites.items(), facilities, strict=False):
        path = f"fleet.sites.{name}"
        phases = []
        for phase_name, phase in site.phases.items():
            at = f"{path}.phases.{phase_name}"
            power = _it_power(filler, plan, phase.power, facility, ratio, f"{at}.power")
            announced = phase.announced or site.announced or phase.energised
            phases.append(
                filler.fill(
                    Phase,
                    phase,
                    "phase",
                    at,
                    name=phase_name,
                    power=power,
                    announced=announced,
                    contracted=phase.contracted,
                    construction=phase.construction,
                )
            )
        sites.append(
            Site(
                name=name,
                region=site.region,
                phases=tuple(phases),
                utc_offset_h=site.utc_offset_h or 0.0,
                rented=site.rented or 0.0,
            )
        )
    opening = []
    for name, block in doc.fleet.opening.items():
        path = f"fleet.opening.{name}"
        power = _it_power(filler, plan, block.power, default, ratio, f"{path}.power")
        opening.append(filler.fill(OpeningBlock, block, "opening", path, name=name, power=power))
    ladder = filler.fill(Ladder, doc.fleet.ladder, "ladder", "fleet.ladder")
    return FleetInputs(
        generations=tuple(generations),
        sites=tuple(sites),
        opening=tuple(opening),
        ladder=ladder,
        newest_among=tuple(doc.fleet.newest_among or ()),
    )


def _profiled(
    facts: Catalog, system: str, quantity: str, profile: Profile, basis: PowerBasis = PowerBasis.RACK_TDP
) -> Fact:
    """Return a system's fact at a power profile, or its only one where the vendor names no profile."""
    rated = [f for f in facts.all(system, quantity) if f.chosen and f.power_basis == basis]
    return next((f for f in rated if f.profile == profile), None) or next(f for f in rated if not f.profile)


def _it_power(filler: Filler, plan: Plan, power: Based, facility: Facility, ratio: float, path: str) -> Based:
    """Return a stated power on the IT basis by the sourced ratios, recording the stated value."""
    filler._said(path, path, power)
    known = chain(facility_to_it_peak=facility.facility_to_it_peak, it_per_rack_power=ratio)
    try:
        return power.to(PowerBasis.IT, *known)
    except ValueError as error:
        filler.problems.append(
            Problem(
                str(error),
                Place(path=path),
                value=str(power),
                allowed="it, facility, rack_tdp",
                remedy="state the power on one of these bases",
            )
        )
        return Based(power.value, power.unit, PowerBasis.IT)


def _nodes(filler: Filler, plan: Plan) -> dict[str, Node]:
    """Return the racks of each generation as rated, where the catalog knows their GPUs' limit."""
    found = {}
    for name in plan.document.fleet.generations:
        try:
            found[name] = node_of(filler.facts, name, Profile(plan.document.fleet.profile))
        except UnknownFactError:
            continue
        limit = _profiled(filler.facts, name, "gpu_tgp_w", Profile(plan.document.fleet.profile), PowerBasis.GPU_TGP)
        filler.ledger.read(f"power.nodes.{name}.gpu_limit_w", limit)
    return found


def _device(filler: Filler, name: str) -> Device:
    path = f"inference.devices.{name}"
    return filler.fill(Device, None, name, path, rated_w=_rated_w(filler, name, path))


def _alone(facts: Catalog, cls: type[T], entity: str, **known: Any) -> T:
    filler = Filler(facts, {}, 1, 0)
    found = filler.fill(cls, None, entity, entity, **known)
    if filler.problems:
        raise PlanError(filler.problems)
    return found


def device_of(facts: Catalog, system: str) -> Device:
    """Return one system's device by name, for verbs that need no plan."""
    return _alone(facts, Device, system, rated_w=_rated_w(Filler(facts, {}, 1, 0), system, system))


def _rated_w(filler: Filler, system: str, path: str) -> float:
    """Return the power that a GPU of a system may draw [W]: of the profile with most, at which its peaks hold; 0 if unknown."""
    rated = [f for f in filler.facts.all(system, "gpu_tgp_w") if f.chosen]
    return max((filler.ledger.read(f"{path}.rated_w", f).number for f in rated), default=0.0)


def model_of(facts: Catalog, model: str) -> Architecture:
    """Return one model's architecture by name, for verbs that need no plan."""
    return _alone(facts, Architecture, model)


def facility_of(facts: Catalog, region: str = UNKNOWN_REGION) -> Facility:
    """Return a facility of the catalog's figures that buys its power in a region."""
    price = facts.find(region, "power_price_usd_per_mwh").number
    return _alone(facts, Facility, "facility", power_price_usd_per_mwh=price)


def costs_of(facts: Catalog) -> Costs:
    """Return capital beside the racks, operating cost and lives."""
    return _alone(facts, Costs, "build")


def draw_curve_of(facts: Catalog) -> DrawCurve:
    """Return how much of its rated power a rack draws."""
    return _alone(facts, DrawCurve, "draw_curve")


def node_draw_of(facts: Catalog) -> NodeDraw:
    """Return what a node draws while it trains, by what its GPUs do."""
    return _alone(facts, NodeDraw, "node_draw")


def node_of(facts: Catalog, system: str, profile: Profile = Profile.MAX_Q) -> Node:
    """Return a system's rack, or its node of eight GPUs, as rated.

    Raises
    ------
    UnknownFactError
        If the catalog has no rated power of the system's rack, or no limit of its GPUs.
    """
    for quantity, basis in (("rack_power_kw", PowerBasis.RACK_TDP), ("gpu_tgp_w", PowerBasis.GPU_TGP)):
        if not any(f.chosen and f.power_basis == basis for f in facts.all(system, quantity)):
            facts.find(system, quantity, power_basis=basis)
    gpus = facts.find(system, "gpus_per_rack").number
    return Node(
        gpus=gpus,
        gpu_limit_w=_profiled(facts, system, "gpu_tgp_w", profile, PowerBasis.GPU_TGP).number,
        rated_w=1e3 * _profiled(facts, system, "rack_power_kw", profile).number,
        air_cooled=float(gpus <= AIR_COOLED_GPUS),
    )


AIR_COOLED_GPUS = 8
"""Racks with more GPUs than one node of eight are cooled by liquid (vendors' data sheets)."""


def it_kw_per_gpu(facts: Catalog, system: str, profile: Profile = Profile.MAX_Q) -> float:
    """Return the rated IT power of one GPU [kW], its share of rack, network and storage included: as plans count it.

    Raises
    ------
    UnknownFactError
        If the catalog has no rated power of the system's rack.
    """
    if not any(f.power_basis == PowerBasis.RACK_TDP and f.chosen for f in facts.all(system, "rack_power_kw")):
        facts.find(system, "rack_power_kw", power_basis=PowerBasis.RACK_TDP)
    rack_kw = _profiled(facts, system, "rack_power_kw", profile).number
    return rack_kw * facts.find("facility", "it_per_rack_power").number / facts.find(system, "gpus_per_rack").number


def efficiency_of(facts: Catalog) -> Efficiency:
    """Return the calibrated constants of the serving model."""
    return _alone(facts, Efficiency, "serving_model")


def training_efficiency_of(facts: Catalog, entity: str = "training_model") -> TrainingEfficiency:
    """Return the calibrated constants of the training model for one kind of software."""
    return _alone(facts, TrainingEfficiency, entity)


def reliability_of(facts: Catalog) -> Reliability:
    """Return how often training is interrupted."""
    return _alone(facts, Reliability, "reliability")


def fibre_of(facts: Catalog) -> Fibre:
    """Return how far signals between sites travel, and how fast."""
    return _alone(facts, Fibre, "wan")


def local_updates_of(facts: Catalog) -> LocalUpdates:
    """Return how sites learn alone between two exchanges."""
    return _alone(facts, LocalUpdates, "local_updates")


def scaling_laws_of(facts: Catalog) -> ScalingLaws:
    """Return the laws by which compute becomes parameters and tokens."""
    return ScalingLaws(
        tokens_per_parameter=facts.find("scaling_law", "tokens_per_parameter").number,
        corrected=_alone(facts, ScalingLaw, "scaling_law"),
        published=_alone(facts, ScalingLaw, "scaling_law_hoffmann"),
    )


def failures_of(facts: Catalog) -> Failures:
    """Return what fails in training, how often, and what it costs."""
    return _alone(facts, Failures, "failures")


def training_constants(facts: Catalog, overlays: Sequence[str | Path] = ()) -> TrainingConstants:
    """Return the constants of the training model, with what overlays lay on the catalog's, for verbs that need no plan.

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


def serving_constants(facts: Catalog, engine: str, overlays: Sequence[str | Path] = ()) -> ServingConstants:
    """Return the constants of the serving model and of one engine, with overlays on the catalog's.

    Raises
    ------
    PlanError
        With all that is wrong with the overlays; or if one holds constants of another engine.
    """
    efficiency = efficiency_of(facts)
    if not overlays:
        return ServingConstants(efficiency, engine_of(facts, engine), ())
    given, notes = serving_of(overlays, engine)
    filler = Filler(facts, {}, 1, 0)
    return ServingConstants(efficiency, filler.fill(Engine, given, engine, "demand.engine"), notes)


@dataclass(frozen=True, slots=True)
class ServingConstants:
    """Constants of the serving model and of an engine, and what the overlays say of themselves."""

    efficiency: Efficiency
    engine: Engine
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingConstants:
    """Constants of a kind of training software, and what the overlays say of themselves that they come from."""

    software: str
    efficiency: TrainingEfficiency
    notes: tuple[str, ...]


def _regions(filler: Filler, plan: Plan) -> tuple[str, ...]:
    return tuple(plan.document.demand.regions or filler.facts.entities("share_of_use"))


def engine_of(facts: Catalog, engine: str) -> Engine:
    """Return the calibrated times of one serving engine."""
    return _alone(facts, Engine, engine)


def _demand(filler: Filler, plan: Plan, axis: TimeAxis) -> DemandInputs:
    doc = plan.document
    workloads = tuple(_workload(filler, name, given) for name, given in doc.demand.workloads.items())
    regions = _regions(filler, plan)
    offsets = tuple(filler.number(f"demand.shape.{r}.utc_offset_h", r, "utc_offset_h") for r in regions)
    shares = np.array([filler.number(f"demand.shape.{r}.share_of_use", r, "share_of_use") for r in regions])
    shape = filler.fill(
        Shape,
        doc.demand.shape,
        "demand_shape",
        "demand.shape",
        region_offset_h=offsets,
        region_share=tuple(shares / shares.sum()),
    )
    adoption = filler.fill(Adoption, doc.demand.adoption, "adoption", "demand.adoption")
    edge = [
        filler.path(given.edge_share, name, "edge_share", axis, at, at, 0.0)
        for name, given in doc.demand.workloads.items()
        for at in (f"demand.workloads.{name}.edge_share",)
    ]
    price = filler.path(
        doc.demand.price_index, "demand", "price_index", axis, "demand.price_index", "demand.price_index", 1.0
    )
    return DemandInputs(
        adoption=adoption, shape=shape, workloads=workloads, edge_share=np.array(edge), price_index=price
    )


def _workload(filler: Filler, name: str, given: Any) -> Workload:
    """Return one workload, the models that take over from its first one in order of their dates."""
    path = f"demand.workloads.{name}"
    later = sorted((parse_date(day), model) for day, model in (given.later_models or {}).items())
    for day, model in (given.later_models or {}).items():
        filler._said(f"{path}.later_models.{day}", f"{path}.later_models.{day}", model)
    return filler.fill(Workload, given, name, path, name=name, later_models=tuple(later))


def _training(filler: Filler, plan: Plan, axis: TimeAxis) -> TrainingPolicy:
    """Return the training share by month: the plan's points, else the catalog's series, linear in between."""
    given = plan.document.training
    share = filler.path(
        given.share, "training", "training_share", axis, "training.share", "allocation.training_share", 0.0
    )
    if given.mfu_share is not None:
        filler._said("training.mfu_share", "training.mfu_share", given.mfu_share)
    mfu = given.mfu_share or filler.number("training.mfu_share", "training", "mfu_share")
    if given.run_days is not None:
        filler._said("training.run_days", "training.run_days", given.run_days)
    days = given.run_days or filler.number("training.run_days", "training", "run_days")
    runs = tuple(_run(filler, name, run) for name, run in given.runs.items())
    together = filler.fill(LocalUpdates, None, "local_updates", "training.together")
    return TrainingPolicy(
        share=share,
        mfu_share=mfu,
        run_days=days,
        efficiency=filler.fill(
            TrainingEfficiency, given.efficiency, TRAINING_SOFTWARE[given.software], "training.efficiency"
        ),
        reliability=filler.fill(Reliability, given.reliability, "reliability", "training.reliability"),
        scaling=ScalingLaws(
            tokens_per_parameter=filler.number("training.scaling.ratio", "scaling_law", "tokens_per_parameter"),
            corrected=filler.fill(ScalingLaw, None, "scaling_law", "training.scaling.corrected"),
            published=filler.fill(ScalingLaw, None, "scaling_law_hoffmann", "training.scaling.published"),
        ),
        together=replace(together, inner_steps=together.reference_inner_steps),
        loss_rises={
            float(n): filler.number(f"training.together.loss_rise_{n}", f"local_updates_{n}", "loss_rise_share")
            for n in REPLICAS
        },
        runs=runs,
    )


def _run(filler: Filler, name: str, given: Any) -> PlannedRun:
    """Return one planned training run, its milestones in order of their dates."""
    path = f"training.runs.{name}"
    for day, share in (given.milestones or {}).items():
        filler._said(f"{path}.milestones.{day}", f"{path}.milestones.{day}", share)
    milestones = sorted((parse_date(day), share) for day, share in (given.milestones or {}).items())
    return filler.fill(PlannedRun, given, "training_run", path, name=name, milestones=tuple(milestones))


def _finance(filler: Filler, plan: Plan) -> FinanceInputs:
    doc = plan.document
    given = doc.finance
    generations = tuple(
        filler.fill(
            GenerationCost,
            given.systems.get(name),
            name,
            f"finance.generations.{name}",
            at=f"finance.systems.{name}",
            name=name,
        )
        for name in doc.fleet.generations
    )
    places: list[tuple[str, Any]] = [*doc.fleet.sites.items(), *doc.fleet.opening.items()]
    homes = ["sites"] * len(doc.fleet.sites) + ["opening"] * len(doc.fleet.opening)
    contracts = tuple(
        filler.fill(
            Contract, place.contract, "contract", f"finance.contracts.{name}", at=f"fleet.{home}.{name}.contract"
        )
        for home, (name, place) in zip(homes, places, strict=True)
    )

    def named(cls: type[T], section: Mapping[str, BaseModel] | None, kind: str) -> tuple[T, ...]:
        at = f"finance.{kind}"
        return tuple(filler.fill(cls, one, kind, f"{at}.{name}", name=name) for name, one in (section or {}).items())

    return FinanceInputs(
        generations=generations,
        costs=filler.fill(Costs, given.costs, "build", "finance.costs"),
        tranches=filler.fill(Tranches, given.tranches, "tranches", "finance.tranches")
        if given.tranches
        else NO_TRANCHES,
        contracts=contracts,
        equity=named(Equity, given.equity, "equity"),
        guaranties=named(Guaranty, given.guaranties, "guaranties"),
    )
