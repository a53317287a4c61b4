"""The plan as JSON Schema (draft 2020-12), so that an editor completes names and shows units, bases and meanings.

It is made from what reads a plan: the schema's models, the rooms' dataclasses with the words beside their fields, the
quantities of the catalog, and the catalog's own names. It says what a value looks like; 'gigaplan run' says whether the
whole makes sense.
"""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import textwrap
import typing
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel

from gigaplan import catalog
from gigaplan.fleet.inputs import LADDER
from gigaplan.plan import schema as sections
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.bases import Based, OnBasis
from gigaplan.vocabulary.claims import CLAIMS
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.units import Day, Unit, example

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
DATE = r"^\d{4}(-\d{2}(-\d{2})?|-?[QqHh][1-4])?$"
NUMBER = r"^[-+]?\s*\$?\s*[-+]?(\d|\.\d)"
BARE = ("share", "1", "token", "user")
"""Units that may be left out."""
BY_DATE = ("share", "edge_share", "price_index", "later_models", "milestones")
"""Fields that are written as ``{date: value}``."""
ABOUT: dict[str, Schema] = {
    "low": {"description": "Low end of the value's range."},
    "high": {"description": "High end of the value's range."},
    "evidence": {"enum": [str(e) for e in Evidence], "description": "How the value is known, strongest first."},
    "source": {"type": ["string", "number"], "description": "Where the value is from."},
    "note": {"type": ["string", "number", "boolean"], "description": "What a reader should know of the value."},
}
"""What an author may say of any value."""
MEANINGS = {
    "Horizon.resolution": "How hours are seen: representative (a weekday and a weekend day stand for their like) or hourly.",
    "PlanDocument.gigaplan": "Version of the format of plans.",
    "PlanDocument.name": "Short name; results are kept under it.",
    "PlanDocument.title": "One line for people.",
    "PlanDocument.notes": "What a reader of the results must know.",
    "PlanDocument.claims": "Claims of the announcement that 'gigaplan check' holds against the model.",
    "PlanDocument.models": "Architectures of the plan's own, by name, beside the catalog's.",
    "Horizon.start": "First day of the plan, the first of a month.",
    "Horizon.end": "End of the plan, the first of a month; at most 40 years after the start.",
    "Uncertainty.members": "Samples of the uncertain facts; the first is the central one.",
    "Uncertainty.seed": "Seed of the samples.",
    "Announced.power": "Power that the plan promises in all.",
    "Training.share": "Share of the fleet held for training and research, by date, linear in between.",
    "Training.runs": "Training runs that are planned, by name.",
    "Training.run_days": "Longest time that a training run may take.",
    "Training.software": "Kind of training software whose constants are taken: of 2023 and later (modern) or of 2022 (classic).",
    "Training.efficiency": "Constants of training steps, as 'gigaplan calibrate training' writes them.",
    "Training.mfu_share": "Model FLOPs utilisation of training, of the dense BF16 peak.",
    "SiteSection.region": "Where power is bought.",
    "SiteSection.phases": "Blocks of megawatts, by name.",
    "SiteSection.announced": "Date on which the site became known.",
    "SiteSection.utc_offset_h": "Hours that local time is ahead of UTC.",
    "SiteSection.rented": "Share of the site's systems that is rented from others.",
    "SiteSection.contract": "Terms on which the place belongs to somebody else.",
    "SiteSection.facility": "Cooling, losses and power price of this site, where they differ from the others'.",
    "Fleet.generations": "Systems that the plan may fill its halls with.",
    "Fleet.reference_generation": "The generation in whose GPU-hours and megawatts prices are told.",
    "Fleet.systems": "Changes to what suppliers can deliver, by generation.",
    "Fleet.newest_among": "Generations that 'newest' chooses from; left out: all.",
    "Fleet.profile": "Power profile of the racks: max_q (efficiency) or max_p (performance).",
    "Fleet.opening": "What stands already, by name.",
    "Fleet.sites": "Campuses with their phases, by name.",
    "Demand.regions": "Where users live.",
    "Demand.price_index": "Price of a request over that of the reference date, by date.",
    "Demand.workloads": "Classes of work, by name; names of the catalog bring their own facts.",
    "Finance.systems": "Changes to what systems cost, by generation.",
    "Finance.equity": "Money paid on a date, by name.",
    "Finance.guaranties": "Promises to pay, by name.",
    "Workload.later_models": "Models that take the first one's place, by date.",
    "Workload.edge_share": "Share of requests that devices serve themselves, by date.",
    "Phase.announced": "Date on which it became known; left out: the site's.",
    "Phase.contracted": "Date of its contract; left out: by the standard lags.",
    "Phase.construction": "Date on which building begins; left out: by the standard lags.",
    "Phase.energised": "Date on which grid power reaches it.",
    "Phase.power": "Power of this phase; all phases of a site on one basis.",
    "OpeningBlock.generation": "Systems that stand there: a generation of this plan.",
    "OpeningBlock.date": "Date on which all of it stands; it arrives evenly over the year before.",
    "OpeningBlock.power": "Power of what stands already.",
    "Contract.counterparty": "Whom it is rented or leased from.",
    "Workload.driver": "users: weekly users x reach x requests a day; own: requests a day of its own.",
    "PlannedRun.site": "Site of this plan where it runs.",
    "PlannedRun.generation": "Systems that it runs on: a generation of this plan.",
    "PlannedRun.deadline": "Date by which it should be done.",
    "PlannedRun.precision": "Number format of its matrix products.",
    "Costs.lives_compared_years": "Lives of systems whose costs are compared.",
    "Tranches.investor": "Who pays.",
    "Equity.investor": "Who pays.",
    "Equity.date": "Date of payment.",
    "Guaranty.guarantor": "Who promises.",
    "Guaranty.start": "Date from which it runs.",
    "PlannedRun.milestones": "Shares of the tokens that are to be done, by date.",
}
"""Words for fields that have none where they are defined."""


def json_schema(*, overlay: bool = False) -> Schema:
    """Return the JSON Schema of a plan, or of an overlay: all optional, ``null`` removes, and a header that is needed."""
    made = _Maker()
    whole = made.model(PlanDocument)
    if overlay:
        made.defs = {name: _loose(part) for name, part in made.defs.items()}
        whole = _loose(whole)
        text = {"type": ["string", "integer", "number"]}
        words = {"who": "Who made it.", "why": "What it is for.", "from": "Its source, or its date."}
        header = {
            "type": "object",
            "description": "Who says what follows, why, and from what.",
            "properties": {name: {**text, "description": said} for name, said in words.items()},
            "required": list(words),
            "additionalProperties": False,
        }
        whole = {**whole, "properties": {"overlay": header, **whole["properties"]}, "required": ["overlay"]}
    title = "An overlay on a plan of gigaplan" if overlay else "A plan of gigaplan"
    return {"$schema": DIALECT, "title": title, **whole, "$defs": made.defs}


def _loose(part: Schema) -> Schema:
    """Return a section's schema with nothing required and ``null`` allowed for every entry."""
    if "properties" not in part and "additionalProperties" not in part:
        return part
    loose = {k: v for k, v in part.items() if k not in ("required", "minProperties")}
    if "properties" in part:
        loose["properties"] = {name: _or_null(below) for name, below in part["properties"].items()}
    if isinstance(part.get("additionalProperties"), dict):
        loose["additionalProperties"] = _or_null(part["additionalProperties"])
    return loose


def _or_null(part: Schema) -> Schema:
    said = {"description": part["description"]} if "description" in part else {}
    return {**said, "anyOf": [_loose(part), {"type": "null"}]}


class _Maker:
    """Walks the plan's models; each becomes one definition."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}

    def model(self, model: type[BaseModel]) -> Schema:
        """Return a section's schema."""
        source = _source(model)
        properties = {}
        for name, field in model.model_fields.items():
            hint = field.annotation
            if field.metadata:
                hint = Annotated[(hint, *field.metadata)]  # type: ignore[assignment]
            below = self.of(hint, name)
            properties[name] = {**below, "description": _words(source, name, hint, required=field.is_required())}
        required = [name for name, field in model.model_fields.items() if field.is_required()]
        return {
            "type": "object",
            "description": inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].replace("\n", " "),
            "properties": properties,
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }

    def of(self, hint: Any, name: str) -> Schema:
        """Return the schema of a field's type; ``name`` says which of the catalog's names it takes."""
        hint, marks = _bare(hint)
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            if hint.__name__ not in self.defs:
                self.defs[hint.__name__] = {}
                self.defs[hint.__name__] = self.model(hint)
            return {"$ref": f"#/$defs/{hint.__name__}"}
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin is dict:
            return self._mapping(args[1], name, marks)
        if origin in (list, tuple):
            items = {"type": "number"} if origin is tuple else self._names(name) or _scalar(args[0], (), name)
            return _said({"type": "array", "items": items}, self.defs)
        return _said(self._names(name) or _scalar(hint, marks, name), self.defs)

    def _mapping(self, below: Any, name: str, marks: tuple[Any, ...]) -> Schema:
        value = self.of(below, "model" if name == "later_models" else "")
        made: Schema = {"type": "object", "additionalProperties": value}
        if any(isinstance(m, MinLen) for m in marks):
            made["minProperties"] = 1
        if name in BY_DATE:
            made["propertyNames"] = {"pattern": DATE}
        known = {"systems": _systems(), "workloads": catalog.load().entities("output_tokens")}.get(name, [])
        if known:
            made["properties"] = dict.fromkeys(known, value)
        return made

    def _names(self, name: str) -> Schema | None:
        """Return what names of the catalog a field takes; open where the plan may bring names of its own."""
        facts = catalog.load()
        closed = {
            "generations": _systems(),
            "newest_among": _systems(),
            "reference_generation": _systems(),
            "claims": list(CLAIMS),
            "regions": facts.entities("share_of_use"),
            "trigger_state": list(LADDER),
        }
        opened = {
            "generation": [*_systems(), "newest"],
            "model": facts.entities("layers"),
            "region": facts.entities("power_price_usd_per_mwh"),
        }
        if name in closed:
            return {"enum": closed[name]}
        return {"anyOf": [{"enum": opened[name]}, {"type": "string"}]} if name in opened else None


def _systems() -> list[str]:
    return catalog.load().entities("rack_power_kw")


def _bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a type without Optional and Annotated, and the marks that it bore."""
    marks: tuple[Any, ...] = ()
    while True:
        if typing.get_origin(hint) is Annotated:
            hint, *more = typing.get_args(hint)
            marks = (*marks, *more)
        elif type(None) in typing.get_args(hint):
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        else:
            return hint, marks


def _scalar(hint: Any, marks: tuple[Any, ...], name: str) -> Schema:
    unit = next((m.symbol for m in marks if isinstance(m, Unit)), None)
    basis = next((m for m in marks if isinstance(m, OnBasis)), None)
    if basis is not None or hint is Based:
        assert basis is not None, f"{name} is a based number without its bases"
        names = "|".join(b.value for b in basis.bases)
        return {"type": "string", "pattern": rf"[\s,(]({names})\)?$", "examples": [f"{example(basis.symbol)} it"]}
    if any(isinstance(m, Day) for m in marks) or hint is dt.date:
        return {
            "anyOf": [{"type": "string", "pattern": DATE}, {"type": "integer", "minimum": 1900, "maximum": 2200}],
            "examples": ["2027-03-15", "2027-03", "2027-Q2", "2027-H1", "2027"],
        }
    if unit is not None:
        text = {"type": "string", "pattern": NUMBER}
        bare = [{"type": "number", **_bounds(marks)}] if unit in BARE else []
        return {"anyOf": [text, *bare], "examples": [example(unit)]}
    if typing.get_origin(hint) is Literal:
        return {"enum": list(typing.get_args(hint))}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [str(member) for member in hint]}
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    if hint in kinds:
        return {"type": kinds[hint], **_bounds(marks)}
    raise TypeError(f"no JSON Schema for {name}: {hint}")


def _bounds(marks: tuple[Any, ...]) -> Schema:
    made: Schema = {}
    for m in marks:
        if isinstance(m, Ge):
            made["minimum"] = m.ge
        elif isinstance(m, Gt):
            made["exclusiveMinimum"] = m.gt
        elif isinstance(m, Le):
            made["maximum"] = m.le
        elif isinstance(m, Lt):
            made["exclusiveMaximum"] = m.lt
    return made


def _said(value: Schema, defs: dict[str, Schema]) -> Schema:
    """Return a value's schema, or the value with what its author says of it."""
    inner = {k: v for k, v in value.items() if k != "examples"}
    defs.update(ABOUT)
    wrapped = {
        "type": "object",
        "properties": {"value": inner, **{name: {"$ref": f"#/$defs/{name}"} for name in ABOUT}},
        "required": ["value"],
        "additionalProperties": False,
    }
    examples = {"examples": value["examples"]} if "examples" in value else {}
    return {"anyOf": [*inner["anyOf"], wrapped] if set(inner) == {"anyOf"} else [inner, wrapped], **examples}


def _source(model: type[BaseModel]) -> type:
    """Return the room's dataclass that a section was made of, or the section itself."""
    found: type = getattr(sections, model.__name__.removesuffix("Section"), model)
    return found


@cache
def _beside(cls: type) -> dict[str, str]:
    """Return the words that stand below the fields of a class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    told = {}
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            told[field.target.id] = " ".join(str(after.value.value).split())
    return told


def _words(source: type, name: str, hint: Any, *, required: bool) -> str:
    """Return what a field means, its unit or bases, and what holds where it is left out."""
    inner, marks = _bare(hint)
    meaning = _beside(source).get(name, "") or MEANINGS.get(f"{source.__name__}.{name}", "")
    quantity = catalog.load().quantities.get(name)
    if not meaning and quantity is not None:
        meaning = f"{quantity.meaning}."
    if not meaning and isinstance(inner, type) and issubclass(inner, BaseModel):
        meaning = inspect.cleandoc(inner.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    if not meaning:
        meaning = f"{name.replace('_', ' ').capitalize()}."
    unit = next((m.symbol for m in marks if isinstance(m, Unit)), "")
    basis = next((m for m in marks if isinstance(m, OnBasis)), None)
    if basis is not None:
        meaning += f" Unit: {basis.symbol}, with its basis: {', '.join(b.value for b in basis.bases)}."
    elif unit and unit != "1":
        meaning += f" Unit: {unit}."
    if not required and quantity is not None:
        meaning += " Left out: the catalog's fact."
    return meaning
