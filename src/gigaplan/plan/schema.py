"""The plan's schema: pydantic models over the rooms' own input dataclasses.

Every field of a room's dataclass may be written in a plan or left to the catalog, so the schema makes each
optional; :mod:`gigaplan.plan.resolve` fills the rest from the catalog's facts of the same name.
"""

from __future__ import annotations

import datetime as dt
import typing
from dataclasses import fields
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model

from gigaplan.compute.transformer import Architecture
from gigaplan.demand.inputs import Adoption, Shape, Workload
from gigaplan.finance.inputs import Contract, Costs, Equity, GenerationCost, Guaranty, Tranches
from gigaplan.fleet.inputs import Generation, Ladder, OpeningBlock, Phase
from gigaplan.inference.inputs import Engine, Software
from gigaplan.power.inputs import DrawCurve, Facility
from gigaplan.training.inputs import Reliability, TrainingEfficiency
from gigaplan.training.programme import PlannedRun
from gigaplan.vocabulary.bases import Based, OnBasis, PowerBasis
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.units import Day, Unit

STRICT = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True, frozen=True)


_FLOATS: Any = Annotated[
    tuple[Annotated[float, Gt(0)], ...], MinLen(1), BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)
]
"""Positive numbers that a person writes as a list and a room reads as a tuple."""


class Strict(BaseModel):
    """A section of the plan: unknown names are refused."""

    model_config = STRICT


def partial(
    cls: type[Any], *, required: tuple[str, ...] = (), without: tuple[str, ...] = (), **more: Any
) -> type[BaseModel]:
    """Return a model of a room's dataclass in which only ``required`` fields must be written in the plan.

    ``more`` are fields, by type, that the plan writes in another form than the room reads them; all optional.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    wanted: dict[str, Any] = {}
    for f in fields(cls):
        if f.name in without:
            continue
        kind = _as_written(hints[f.name])
        wanted[f.name] = (kind, ...) if f.name in required else (kind | None, None)
    wanted |= {name: (kind | None, None) for name, kind in more.items()}
    return create_model(f"{cls.__name__}Section", __config__=STRICT, __doc__=cls.__doc__, **wanted)


def _as_written(hint: Any) -> Any:
    """Return a field's type as a person writes it: one number where the room may hold one per member."""
    if typing.get_origin(hint) is Annotated:
        kind, *marks = typing.get_args(hint)
        kind = float if kind == Uncertain else kind
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return hint
        annotated: Any = Annotated
        return annotated[(kind, *marks)]
    return _FLOATS if hint == tuple[float, ...] else hint


class Horizon(Strict):
    """The first and the last-but-one edge of the plan, whole months, and how a month's hours are seen: by a weekday and
    a weekend day that stand for their like (``representative``), or every hour of the calendar (``hourly``)."""

    start: Annotated[dt.date, Day()]
    end: Annotated[dt.date, Day()]
    resolution: Literal["representative", "hourly"] = "representative"


class Uncertainty(Strict):
    """How many members to sample from the ranges of facts; the first is always the central one."""

    members: Annotated[int, Ge(1), Le(10_000)] = 1
    seed: Annotated[int, Ge(0)] = 0


ByDate = dict[str, Annotated[float, Ge(0), Le(1), Unit("share")]]
"""A share by date, linear in between."""
RunSection: Any = partial(
    PlannedRun,
    required=("model", "tokens", "site", "generation", "gpus", "start"),
    without=("name", "milestones"),
    milestones=ByDate,
)

ReliabilitySection: Any = partial(Reliability)
EfficiencySection: Any = partial(TrainingEfficiency)


class Training(Strict):
    """Share of the fleet held for training and research, by date (linear in between), the runs that are planned, and the
    constants of their steps: of software since 2023 (``modern``) or of 2022 (``classic``), as ``gigaplan calibrate training``
    writes them."""

    share: ByDate | None = None
    runs: dict[str, RunSection] = {}
    reliability: ReliabilitySection | None = None
    software: Literal["modern", "classic"] = "modern"
    efficiency: EfficiencySection | None = None
    run_days: Annotated[float, Gt(0), Le(3650), Unit("days")] | None = None
    mfu_share: Annotated[float, Gt(0), Le(1), Unit("share")] | None = None


SystemSection: Any = partial(Generation, without=("name", "gpus_per_rack", "it_kw_per_rack"))
PriceSection: Any = partial(GenerationCost, without=("name",))
PhaseSection: Any = partial(Phase, required=("power", "energised"), without=("name",))
ModelSection: Any = partial(Architecture, required=("layers", "hidden", "heads", "kv_heads", "vocab"))
ContractSection: Any = partial(Contract)
OpeningSection: Any = partial(
    OpeningBlock, required=("power", "generation", "date"), without=("name",), contract=ContractSection
)
LadderSection: Any = partial(Ladder)
FacilitySection: Any = partial(Facility)
DrawSection: Any = partial(DrawCurve)
WorkloadSection: Any = partial(
    Workload,
    required=("model", "driver"),
    without=("name", "later_models"),
    later_models=dict[str, str],
    edge_share=ByDate,
)
SoftwareSection: Any = partial(Software)
EngineSection: Any = partial(Engine)
AdoptionSection: Any = partial(Adoption)
ShapeSection: Any = partial(Shape, without=("region_offset_h", "region_share"))
CostsSection: Any = partial(Costs)
TranchesSection: Any = partial(Tranches, required=("investor", "milestone", "trigger_state"))
EquitySection: Any = partial(Equity, required=("investor", "amount_usd", "date"), without=("name",))
GuarantySection: Any = partial(Guaranty, required=("guarantor", "amount_usd", "start", "years"), without=("name",))


class SiteSection(Strict):
    """A campus with its phases."""

    region: str
    phases: Annotated[dict[str, PhaseSection], MinLen(1)]
    announced: Annotated[dt.date, Day()] | None = None
    utc_offset_h: Annotated[float, Ge(-12), Le(14), Unit("h")] | None = None
    rented: Annotated[float, Ge(0), Le(1), Unit("share")] | None = None
    contract: ContractSection | None = None
    facility: FacilitySection | None = None


class Fleet(Strict):
    """Systems, what stands already, and what is to be built."""

    generations: Annotated[list[str], MinLen(1)]
    reference_generation: str
    systems: dict[str, SystemSection] = {}
    newest_among: list[str] | None = None
    profile: Literal["max_q", "max_p"] = "max_q"
    opening: dict[str, OpeningSection] = {}
    sites: Annotated[dict[str, SiteSection], MinLen(1)]
    ladder: LadderSection | None = None


class Power(Strict):
    """What all sites share unless a site says otherwise."""

    facility: FacilitySection | None = None
    draw: DrawSection | None = None


class Demand(Strict):
    """Users, the shape of their day, and the classes of work that they ask for."""

    adoption: AdoptionSection | None = None
    shape: ShapeSection | None = None
    software: SoftwareSection | None = None
    engine: EngineSection | None = None
    regions: list[str] | None = None
    price_index: dict[str, Annotated[float, Gt(0), Unit("1")]] | None = None
    workloads: Annotated[dict[str, WorkloadSection], MinLen(1)]


class Finance(Strict):
    """Costs and who pays."""

    systems: dict[str, PriceSection] = {}
    costs: CostsSection | None = None
    tranches: TranchesSection | None = None
    equity: dict[str, EquitySection] | None = None
    guaranties: dict[str, GuarantySection] | None = None


class Announced(Strict):
    """The power that the plan promises in all, on a stated basis."""

    power: Annotated[Based, OnBasis("MW", PowerBasis)]


class PlanDocument(Strict):
    """A whole plan."""

    gigaplan: Literal[1]
    name: str
    title: str
    notes: list[str] = []
    claims: list[str] = []
    horizon: Horizon
    uncertainty: Uncertainty = Uncertainty()
    announced: Announced
    models: dict[str, ModelSection] = {}
    fleet: Fleet
    power: Power = Power()
    demand: Demand
    training: Training = Training()
    finance: Finance


@cache
def section_fields(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names allowed at a path of the document (names of entries are any), for messages."""
    model: Any = PlanDocument
    for part in path:
        model = _below(model, part)
        if model is None:
            return ()
    return tuple(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else ()


def _below(model: Any, part: str) -> Any:
    if isinstance(model, type) and issubclass(model, BaseModel):
        hint: Any = model.model_fields[part].annotation if part in model.model_fields else None
    elif typing.get_origin(model) in (dict, list):
        hint = typing.get_args(model)[-1]
    else:
        return None
    return _strip(hint)


def _strip(hint: Any) -> Any:
    """Drop Optional and Annotated from a type."""
    while True:
        if typing.get_origin(hint) is Annotated:
            hint = typing.get_args(hint)[0]
        elif type(None) in typing.get_args(hint):
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        else:
            return hint
