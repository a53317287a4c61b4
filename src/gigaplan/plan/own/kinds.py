"""What a system or a region of the user's own may state: the facts that rooms read, as the rooms declare them."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, TypeAdapter, create_model
from pydantic_core import CoreSchema

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.finance.inputs import GenerationCost
from gigaplan.fleet.inputs import Generation
from gigaplan.plan.partial import STRICT, Names, as_written
from gigaplan.power.inputs import Facility
from gigaplan.vocabulary.bases import OnBasis, PowerBasis
from gigaplan.vocabulary.units import LARGEST, Unit


class RackBasis(StrEnum):
    """Basis of a rack's power that plans read."""

    RACK_TDP = PowerBasis.RACK_TDP.value


def _declared(cls: type[Any], *without: str) -> dict[str, Any]:
    """Return the fields of a room's dataclass as a person writes them."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {f.name: _bounded(as_written(hints[f.name])) for f in fields(cls) if f.name not in without}


def _bounded(kind: Any) -> Any:
    """Return the type of a whole number with the largest that a plan may state; units bound the others."""
    annotated: Any = Annotated
    return annotated[kind, Le(int(LARGEST["1"]))] if is_whole(kind) else kind


def is_whole(kind: Any) -> bool:
    """Return whether a type is that of a whole number."""
    return int in (kind, *typing.get_args(kind)[:1])


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that a user may bring.

    Attributes
    ----------
    name : str
        What it is called: ``system`` or ``region``.
    section : str
        The plan's section of such things.
    option : str
        The verbs' option of such things, "" where they have none.
    mark : str
        The quantity that every such thing of the catalog has.
    facts : mapping of str to type
        What may be stated, and how it is written.
    needed : tuple of str
        What must be stated where nothing of the catalog is named that it is like.
    needed_in_plans : tuple of str
        What a plan that uses it needs in addition, here or in a section of its own.
    """

    name: str
    section: str
    option: str
    mark: str
    facts: Mapping[str, Any]
    needed: tuple[str, ...]
    needed_in_plans: tuple[str, ...] = ()


BY_PROFILE = ("gpu_tgp_w", "rack_power_kw")
"""Facts that may be stated for each power profile, max_q and max_p."""
SYSTEM = Kind(
    "system",
    "systems",
    "--system-config",
    "hbm_bandwidth_bytes_per_s",
    {
        **_declared(Device, "rated_w", "clock_share", "pod_gpus", "spine_share"),
        "gpu_tgp_w": Annotated[float, Gt(0), Unit("W")],
        "rack_power_kw": Annotated[Any, OnBasis("kW", RackBasis)],
        **_declared(
            GenerationCost,
            "name",
            "book_life_years",
            "service_life_years",
            "first_supply_date",
            "first_supply_date_delay_days",
        ),
        **_declared(
            Generation, "name", "it_kw_per_rack", "life_years", "first_ship_date_delay_days", "gpu_power_cap_w"
        ),
    },
    ("peak_bf16_flops_per_s", "hbm_bytes", "hbm_bandwidth_bytes_per_s", "scaleup_gpus", "gpus_per_rack"),
    (
        "rack_power_kw",
        "rack_price_usd",
        "rental_usd_per_gpu_h",
        "first_ship_date",
        "supply_start_racks_per_month",
        "supply_growth_per_year",
        "supply_cap_racks_per_month",
    ),
)
COST = ("rack_power_kw", "rack_price_usd", "rental_usd_per_gpu_h", "gpus_per_rack")
SUPPLY = (
    "first_ship_date",
    "supply_start_racks_per_month",
    "supply_growth_per_year",
    "supply_cap_racks_per_month",
)
WITHOUT_EFFECT = {
    "a frontier": ("host_bandwidth_bytes_per_s", *SUPPLY),
    "a training run alone": ("vendor", *SUPPLY),
    "predictions of serving": ("gpu_tgp_w", "host_bandwidth_bytes_per_s", *COST, *SUPPLY),
    "predictions of training": ("host_bandwidth_bytes_per_s", "vendor", *COST, *SUPPLY),
    "a plan": ("host_bandwidth_bytes_per_s",),
}
"""Facts of a system that no answer of a kind depends on."""
REGION = Kind(
    "region",
    "regions",
    "",
    "power_price_usd_per_mwh",
    {**_declared(Facility), "utc_offset_h": Annotated[float, Ge(-12), Le(14), Unit("h")]},
    ("power_price_usd_per_mwh",),
)
KINDS = (SYSTEM, REGION)


@dataclass(frozen=True, slots=True)
class StatedFact:
    """Marker of a fact of an own thing: its value, which the reader of own things has checked, or one per profile."""

    kind: Any
    several: bool

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the value (called by pydantic only)."""
        made = TypeAdapter(self.kind, config=None).json_schema()
        if not self.several:
            return made
        made.pop("pattern", None)  # a profile may follow
        items = {"anyOf": [{"type": "string"}, {"type": "object", "required": ["value"]}]}
        words: dict[str, Any] = {k: made.pop(k) for k in ("examples", "x-unit", "x-bases") if k in made}
        return {"anyOf": [made, {"type": "array", "minItems": 1, "items": items}], **words}


def section_of(kind: Kind) -> type[BaseModel]:
    """Return the plan's section of one own thing: all optional, since the reader of own things says what is missing.

    Parameters
    ----------
    kind
        What it is.
    """
    annotated: Any = Annotated
    stated: dict[str, Any] = {
        name: (
            annotated[Any, StatedFact(how, name in BY_PROFILE)] | None,
            Field(None, json_schema_extra=_meaning(name)),
        )
        for name, how in kind.facts.items()
    }
    words = f"{kind.name.capitalize()} of the catalog whose facts fill in what this one does not state."
    file = f"YAML file with the {kind.name}'s facts, relative to the plan's file; lines here win over its lines."
    made: dict[str, Any] = {
        "like": (
            annotated[str, Names(lambda: catalog.load().entities(kind.mark))] | None,
            Field(None, description=words),
        ),
        "config": (str | None, Field(None, description=file)),
        **stated,
    }
    config = ConfigDict(**STRICT)
    doc = f"A {kind.name} of the plan's own."
    return create_model(f"Own{kind.name.capitalize()}", __config__=config, __doc__=doc, **made)


def _meaning(name: str) -> Any:
    """Return what describes a fact by the catalog's meaning of its quantity when a JSON Schema is made."""

    def describe(schema: dict[str, Any]) -> None:
        each = " Or a list with one for each power profile: 190 kW rack_tdp max_q." if name in BY_PROFILE else ""
        schema["description"] = f"{catalog.load().quantities[name].meaning}.{each}"

    return describe
