"""The plan's schema: pydantic models over the rooms' own input dataclasses.

Every field of a room's dataclass may be written in a plan or left to the catalog, so the schema makes each
optional; :mod:`gigaplan.plan.resolve` fills the rest from the catalog's facts of the same name.
"""

from __future__ import annotations

import datetime as dt
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    TypeAdapter,
    create_model,
    with_config,
)
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from gigaplan import catalog
from gigaplan.compute.transformer import Architecture
from gigaplan.demand.inputs import Adoption, Shape, Workload
from gigaplan.finance.inputs import Contract, Costs, Equity, GenerationCost, Guaranty, Tranches
from gigaplan.fleet.inputs import LADDER, Generation, Ladder, OpeningBlock, Phase
from gigaplan.inference.inputs import Engine, Software
from gigaplan.power.inputs import DrawCurve, Facility
from gigaplan.training.inputs import Reliability, TrainingEfficiency
from gigaplan.training.programme import PlannedRun
from gigaplan.vocabulary.bases import Based, OnBasis, PowerBasis
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.units import DATE_PATTERN, Day, Unit

STRICT = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True, frozen=True)

FLOATS: Any = Annotated[
    tuple[Annotated[float, Gt(0)], ...], MinLen(1), BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)
]
"""Positive numbers that a person writes as a list and a room reads as a tuple."""


class Strict(BaseModel):
    """A section of the plan: unknown names are refused."""

    model_config = ConfigDict(**STRICT, use_attribute_docstrings=True)


@dataclass(frozen=True)
class Names:
    """Marker of a field that takes names of the catalog; an editor completes them.

    Parameters
    ----------
    known
        Returns the names, read from the catalog only when a JSON Schema is made.
    own
        Whether the plan may bring names of its own.
    """

    known: Callable[[], Sequence[str]]
    own: bool = False

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the names that the field takes (called by pydantic only)."""
        made, names = handler(schema), list(self.known())
        if made.get("type") == "object":
            return {**made, "properties": dict.fromkeys(names, made["additionalProperties"])}
        return {"anyOf": [{"enum": names}, made]} if self.own else {"enum": names}


class DatedKeys:
    """Marker of a section whose names are dates, such as ``{2027-01: 40 %}``."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the names as dates (called by pydantic only)."""
        return {**handler(schema), "propertyNames": {"pattern": DATE_PATTERN}}


def _facts_of(quantity: str) -> Callable[[], Sequence[str]]:
    """Return a function that returns the catalog's entities with a quantity."""
    return lambda: catalog.load().entities(quantity)


def _systems_or_newest() -> list[str]:
    return [*catalog.load().entities("rack_power_kw"), "newest"]


SYSTEMS = Names(_facts_of("rack_power_kw"))
SYSTEMS_OR_NEWEST = Names(_systems_or_newest, own=True)
MODELS = Names(_facts_of("layers"), own=True)
WORKLOADS = Names(_facts_of("output_tokens"))
POWER_REGIONS = Names(_facts_of("power_price_usd_per_mwh"), own=True)
USER_REGIONS = Names(_facts_of("share_of_use"))
STATES = Names(lambda: LADDER)


@dataclass(frozen=True)
class Form:
    """How a plan writes a field that the room reads in another form or doesn't have, and what it means."""

    kind: Any
    meaning: str


def partial(
    cls: type[Any],
    *,
    required: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    names: Mapping[str, Names] | None = None,
    **more: Form,
) -> type[BaseModel]:
    """Return a model of a room's dataclass in which only ``required`` fields must be written in the plan.

    Parameters
    ----------
    cls
        The room's dataclass.
    required
        Fields that a plan must state.
    without
        Fields that a plan does not state.
    names
        Fields that take names of the catalog.
    more
        Fields that the plan writes in another form than the room reads; all optional.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    annotated: Any = Annotated
    made: dict[str, Any] = {}
    for f in fields(cls):
        if f.name in without:
            continue
        kind = _as_written(hints[f.name])
        if names and f.name in names:
            kind = annotated[kind, names[f.name]]
        words = _described(cls, f.name, required=f.name in required)
        made[f.name] = (kind, words(...)) if f.name in required else (kind | None, words(None))
    made |= {name: (form.kind | None, Field(None, description=form.meaning)) for name, form in more.items()}
    return create_model(f"{cls.__name__}Section", __config__=STRICT, __doc__=cls.__doc__, **made)


def _described(cls: type, name: str, *, required: bool) -> Callable[[Any], Any]:
    """Return what makes a field that describes itself when a JSON Schema is made, and not before: reading the words
    beside a class's fields takes longer than loading a plan."""

    def describe(schema: dict[str, Any]) -> None:
        schema["description"] = meaning(cls, name, required=required)

    return lambda default: Field(default, json_schema_extra=describe)


def meaning(cls: type, name: str, *, required: bool) -> str:
    """Return what a room's field means: the words beside it, else those of the catalog's quantity of that name."""
    quantity = catalog.load().quantities.get(name)
    words = _words_beside(cls).get(name) or (f"{quantity.meaning}." if quantity else "")
    return f"{words} Left out: the catalog's fact." if quantity and not required else words


@cache
def _words_beside(cls: type) -> dict[str, str]:
    """Return the words beside the fields of a room's dataclass, by field."""
    adapter: TypeAdapter[Any] = TypeAdapter(
        with_config(ConfigDict(use_attribute_docstrings=True, arbitrary_types_allowed=True))(cls)
    )
    found = adapter.json_schema(schema_generator=_Lenient)["properties"]
    return {name: " ".join(part["description"].split()) for name, part in found.items() if "description" in part}


class _Lenient(GenerateJsonSchema):
    """Says nothing of types that have no JSON Schema: only the words are of interest."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
        """Return a schema that anything matches."""
        return {}


def _as_written(hint: Any) -> Any:
    """Return a field's type as a person writes it: one number where the room may hold one per member."""
    if typing.get_origin(hint) is Annotated:
        kind, *marks = typing.get_args(hint)
        kind = float if kind == Uncertain else kind
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return hint
        annotated: Any = Annotated
        return annotated[(kind, *marks)]
    return FLOATS if hint == tuple[float, ...] else hint


class Horizon(Strict):
    """The months that the plan covers, and how a month's hours are seen."""

    start: Annotated[dt.date, Day()]
    """First day of the plan, the first of a month."""
    end: Annotated[dt.date, Day()]
    """End of the plan, the first of a month; at most 40 years after the start."""
    resolution: Literal["representative", "hourly"] = "representative"
    """Days that are simulated: one weekday and one weekend day that represent each month (representative), or every day
    of the calendar (hourly)."""


class Uncertainty(Strict):
    """How many members to sample from the ranges of facts; the first is always the central one."""

    members: Annotated[int, Ge(1), Le(10_000)] = 1
    """Samples of the uncertain facts; the first is the central one."""
    seed: Annotated[int, Ge(0)] = 0
    """Seed of the random samples: the same seed gives the same samples."""


Share = Annotated[float, Ge(0), Le(1), Unit("share")]
ByDate = Annotated[dict[str, Share], DatedKeys()]
"""A share by date, linear in between."""
RunSection: Any = partial(
    PlannedRun,
    required=("model", "tokens", "site", "generation", "gpus", "start"),
    without=("name", "milestones"),
    names={"model": MODELS, "generation": SYSTEMS},
    milestones=Form(ByDate, "Shares of the tokens that are to be trained, by date."),
)

ReliabilitySection: Any = partial(Reliability)
EfficiencySection: Any = partial(TrainingEfficiency)


class Training(Strict):
    """What the laboratory keeps for itself: the share of the fleet for training and research, the runs that are
    planned, and the constants of their steps."""

    share: ByDate | None = None
    """Share of the fleet held for training and research, by date, linear in between."""
    runs: dict[str, RunSection] = {}
    """Training runs that are planned, by name."""
    reliability: ReliabilitySection | None = None
    """How often training is interrupted, and what an interruption costs."""
    software: Literal["modern", "classic"] = "modern"
    """Kind of training software whose constants are used: of 2023 and later (modern) or of 2022 (classic)."""
    efficiency: EfficiencySection | None = None
    """Constants of training steps, as 'gigaplan calibrate training' writes them."""
    run_days: Annotated[float, Gt(0), Le(3650), Unit("days")] | None = None
    """Longest time that a training run may take."""
    mfu_share: Annotated[float, Gt(0), Le(1), Unit("share")] | None = None
    """Model FLOPs utilisation of training, of the dense BF16 peak."""


SystemSection: Any = partial(Generation, without=("name", "gpus_per_rack", "it_kw_per_rack"))
PriceSection: Any = partial(GenerationCost, without=("name",))
PhaseSection: Any = partial(
    Phase, required=("power", "energised"), without=("name",), names={"generation": SYSTEMS_OR_NEWEST}
)
ModelSection: Any = partial(Architecture, required=("layers", "hidden", "heads", "kv_heads", "vocab"))
ContractSection: Any = partial(Contract)
OpeningSection: Any = partial(
    OpeningBlock,
    required=("power", "generation", "date"),
    without=("name",),
    names={"generation": SYSTEMS},
    contract=Form(ContractSection, "Terms on which the place belongs to somebody else."),
)
LadderSection: Any = partial(Ladder)
FacilitySection: Any = partial(Facility)
DrawSection: Any = partial(DrawCurve)
WorkloadSection: Any = partial(
    Workload,
    required=("model", "driver"),
    without=("name", "later_models"),
    names={"model": MODELS},
    like=Form(Annotated[str, WORKLOADS], "Workload of the catalog whose facts fill in what this one does not state."),
    later_models=Form(
        Annotated[dict[str, Annotated[str, MODELS]], DatedKeys()], "Models that take the first one's place, by date."
    ),
    edge_share=Form(ByDate, "Share of requests that users' own devices serve, by date."),
)
SoftwareSection: Any = partial(Software)
EngineSection: Any = partial(Engine)
AdoptionSection: Any = partial(Adoption)
ShapeSection: Any = partial(Shape, without=("region_offset_h", "region_share"))
CostsSection: Any = partial(Costs)
TranchesSection: Any = partial(
    Tranches, required=("investor", "milestone", "trigger_state"), names={"trigger_state": STATES}
)
EquitySection: Any = partial(Equity, required=("investor", "amount_usd", "date"), without=("name",))
GuarantySection: Any = partial(Guaranty, required=("guarantor", "amount_usd", "start", "years"), without=("name",))


class SiteSection(Strict):
    """A campus with its phases."""

    region: Annotated[str, POWER_REGIONS]
    """Where power is bought; it sets the price of power."""
    phases: Annotated[dict[str, PhaseSection], MinLen(1)]
    """Blocks of megawatts, by name."""
    announced: Annotated[dt.date, Day()] | None = None
    """Date on which the site became known."""
    utc_offset_h: Annotated[float, Ge(-12), Le(14), Unit("h")] | None = None
    """Hours that local time is ahead of UTC."""
    rented: Annotated[float, Ge(0), Le(1), Unit("share")] | None = None
    """Share of the site's systems that is rented from others."""
    contract: ContractSection | None = None
    """Terms on which the place belongs to somebody else."""
    facility: FacilitySection | None = None
    """Cooling, losses and power price of this site, where they differ from the others'."""


class Fleet(Strict):
    """Systems, what exists already, and what is to be built."""

    generations: Annotated[list[Annotated[str, SYSTEMS]], MinLen(1)]
    """Systems that the plan may fill its halls with."""
    reference_generation: Annotated[str, SYSTEMS]
    """The generation in whose GPU-hours and megawatts prices are stated."""
    systems: Annotated[dict[str, SystemSection], SYSTEMS] = {}
    """Changes to what suppliers can deliver, by generation."""
    newest_among: list[Annotated[str, SYSTEMS]] | None = None
    """Generations that 'newest' chooses from; left out: all of the plan."""
    profile: Literal["max_q", "max_p"] = "max_q"
    """Power profile of the racks: max_q (efficiency) or max_p (performance)."""
    opening: dict[str, OpeningSection] = {}
    """Capacity that exists already, by name."""
    sites: Annotated[dict[str, SiteSection], MinLen(1)]
    """Campuses with their phases, by name."""
    ladder: LadderSection | None = None
    """Standard lags of delivery, and limits of the build-out that all sites share."""


class Power(Strict):
    """What all sites share unless a site says otherwise."""

    facility: FacilitySection | None = None
    """Cooling, losses and power price of every site that does not state its own."""
    draw: DrawSection | None = None
    """How much of its rated power a rack draws when idle and when busy."""


class Demand(Strict):
    """Users, the shape of their day, and the classes of work that they ask for."""

    adoption: AdoptionSection | None = None
    """Weekly users over time: a curve through a reference point up to a ceiling."""
    shape: ShapeSection | None = None
    """How demand varies over the hours of a day."""
    software: SoftwareSection | None = None
    """The serving engine, and how fast serving software improves."""
    engine: EngineSection | None = None
    """Measured times of the serving engine, as 'gigaplan calibrate serving' writes them."""
    regions: list[Annotated[str, USER_REGIONS]] | None = None
    """Where users are; left out: all regions of the catalog."""
    price_index: Annotated[dict[str, Annotated[float, Gt(0), Unit("1")]], DatedKeys()] | None = None
    """Price of a request over that of the reference date, by date."""
    workloads: Annotated[dict[str, WorkloadSection], MinLen(1), WORKLOADS]
    """Classes of work, by name. A name of the catalog brings that workload's facts; any other name may state whose
    facts it uses with 'like'."""


class Finance(Strict):
    """Costs and who pays."""

    systems: Annotated[dict[str, PriceSection], SYSTEMS] = {}
    """Changes to what systems cost, by generation."""
    costs: CostsSection | None = None
    """Capital beside the racks, operating cost and lives."""
    tranches: TranchesSection | None = None
    """Investment that is paid as milestones of power are reached."""
    equity: dict[str, EquitySection] | None = None
    """Money paid on a date, by name."""
    guaranties: dict[str, GuarantySection] | None = None
    """Promises to pay, by name."""


class Announced(Strict):
    """The power that the plan promises in all, on a stated basis."""

    power: Annotated[Based, OnBasis("MW", PowerBasis)]
    """Power that the plan promises in all."""


class PlanDocument(Strict):
    """A whole plan."""

    gigaplan: Literal[1]
    """Version of the format of plans."""
    name: str
    """Short name; results are kept under it."""
    title: str
    """One line for people."""
    notes: list[str] = []
    """What a reader of the results must know."""
    claims: list[str] = []
    """Claims of the announcement that 'gigaplan check' compares with the model."""
    horizon: Horizon
    """The months that the plan covers."""
    uncertainty: Uncertainty = Uncertainty()
    """How many members to sample from the ranges of facts."""
    announced: Announced
    """The power that the plan promises in all, on a stated basis."""
    models: dict[str, ModelSection] = {}
    """Architectures of the plan's own, by name, beside the catalog's."""
    fleet: Fleet
    """Systems, what exists already, and what is to be built."""
    power: Power = Power()
    """What all sites share unless a site says otherwise."""
    demand: Demand
    """Users, the shape of their day, and the classes of work that they ask for."""
    training: Training = Training()
    """What the laboratory keeps for itself."""
    finance: Finance
    """Costs and who pays."""


@cache
def section_fields(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names allowed at a path of the document (names of entries are any), for messages."""
    model = type_at(path)
    return tuple(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else ()


@cache
def type_at(path: tuple[str, ...]) -> Any:
    """Return the type of what stands at a path of the document, None where the schema has no such path."""
    found: Any = PlanDocument
    for part in path:
        found = _below(found, part)
    return found


def takes_entries(path: tuple[str, ...]) -> bool:
    """Return whether entries of the author's own names stand at a path."""
    return typing.get_origin(type_at(path)) is dict


def is_section(path: tuple[str, ...]) -> bool:
    """Return whether settings by name stand at a path: of the schema's names, or of the author's own."""
    return takes_entries(path) or bool(section_fields(path))


def is_date(path: tuple[str, ...]) -> bool:
    """Return whether a date stands at a path."""
    return type_at(path) is dt.date


def has_dated_keys(path: tuple[str, ...]) -> bool:
    """Return whether the names of the entries at a path are dates."""
    if not path:
        return False
    above = type_at(path[:-1])
    if not (isinstance(above, type) and issubclass(above, BaseModel)) or path[-1] not in above.model_fields:
        return False
    field = above.model_fields[path[-1]]
    return any(isinstance(mark, DatedKeys) for mark in (*field.metadata, *_marks(field.annotation)))


def _marks(hint: Any) -> tuple[Any, ...]:
    """Return the markers of a type and of what it may be."""
    if typing.get_origin(hint) is Annotated:
        return typing.get_args(hint)[1:]
    return tuple(
        mark for part in typing.get_args(hint) if typing.get_origin(part) is Annotated for mark in _marks(part)
    )


def _below(model: Any, part: str) -> Any:
    if isinstance(model, type) and issubclass(model, BaseModel):
        hint: Any = model.model_fields[part].annotation if part in model.model_fields else None
    elif typing.get_origin(model) in (dict, list, tuple):
        hint = next(a for a in reversed(typing.get_args(model)) if a is not Ellipsis)
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
