"""What the plan's schema is built with: sections over the rooms' own dataclasses, and markers of their fields."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Annotated, Any

from annotated_types import Gt, MinLen
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
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.units import DATE_PATTERN

STRICT = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True, frozen=True, defer_build=True)

FLOATS: Any = Annotated[
    tuple[Annotated[float, Gt(0)], ...], MinLen(1), BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)
]
"""Positive numbers that a person writes as a list and a room reads as a tuple."""


@dataclass(frozen=True)
class Names:
    """Marker of a field that takes names of the catalog; an editor completes them.

    Parameters
    ----------
    known
        Returns the names, read from the catalog only when a JSON Schema is made.
    others
        Whether other names are taken too: the plan's own, or the catalog's in another spelling.
    """

    known: Callable[[], Sequence[str]]
    others: bool = False

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the names that the field takes (called by pydantic only)."""
        made, names = handler(schema), list(self.known())
        if made.get("type") == "object":
            return {**made, "properties": dict.fromkeys(names, made["additionalProperties"])}
        return {"anyOf": [{"enum": names}, made]} if self.others else {"enum": names}


class GpuCount:
    """Marker of a number of GPUs: ``18,000 GB300``, ``18000``, or ``{gpus: 18000, generation: gb300_nvl72}``."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the forms that the field takes (called by pydantic only)."""
        number = {"type": "integer", "minimum": 1}
        text = {"type": "string", "pattern": r"^\s*\d"}
        below = {"gpus": {"anyOf": [number, text]}, "generation": {"type": "string"}}
        whole = {"type": "object", "properties": below, "required": ["gpus"], "additionalProperties": False}
        return {"anyOf": [number, text, whole], "examples": ["18,000 GB300"]}


class DatedKeys:
    """Marker of a section whose names are dates, such as ``{2027-01: 40 %}``."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the names as dates (called by pydantic only)."""
        return {**handler(schema), "propertyNames": {"pattern": DATE_PATTERN}}


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
    instead: Mapping[str, tuple[str, ...]] | None = None,
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
    instead
        Fields of which each stands for some of those that a plan must state: loading fills these in.
    more
        Fields that the plan writes in another form than the room reads; all optional.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    annotated: Any = Annotated
    made: dict[str, Any] = {}
    for f in fields(cls):
        if f.name in without:
            continue
        kind = as_written(hints[f.name])
        if names and f.name in names:
            kind = annotated[kind, names[f.name]]
        words = _described(cls, f.name, required=f.name in required)
        made[f.name] = (kind, words(...)) if f.name in required else (kind | None, words(None))
    made |= {name: (form.kind | None, Field(None, description=form.meaning)) for name, form in more.items()}
    config = ConfigDict(**STRICT, json_schema_extra=_alternatives(instead)) if instead else STRICT
    return create_model(f"{cls.__name__}Section", __config__=config, __doc__=cls.__doc__, **made)


def _alternatives(instead: Mapping[str, tuple[str, ...]]) -> Callable[[dict[str, Any]], None]:
    """Return what makes a JSON Schema accept a field in place of those that it stands for."""

    def describe(schema: dict[str, Any]) -> None:
        for name, others in instead.items():
            schema["required"] = [n for n in schema["required"] if n not in others]
            schema["anyOf"] = [{"required": list(others)}, {"required": [name]}]

    return describe


def _described(cls: type, name: str, *, required: bool) -> Callable[[Any], Any]:
    """Return what makes a field that describes itself when a JSON Schema is made, and not before: reading the
    docstrings of a class's fields takes longer than loading a plan."""

    def describe(schema: dict[str, Any]) -> None:
        schema["description"] = meaning(cls, name, required=required)

    return lambda default: Field(default, json_schema_extra=describe)


def meaning(cls: type, name: str, *, required: bool) -> str:
    """Return what a room's field means: its docstring, else that of the catalog's quantity of that name."""
    quantity = catalog.load().quantities.get(name)
    words = _field_comments(cls).get(name) or (f"{quantity.meaning}." if quantity else "")
    return f"{words} Left out: the catalog's fact." if quantity and not required else words


@cache
def _field_comments(cls: type) -> dict[str, str]:
    """Return the docstrings of the fields of a room's dataclass, by field."""
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


def as_written(hint: Any) -> Any:
    """Return a field's type as a person writes it: one number where the room may hold one per member."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:  # one that may be left out
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is Annotated:
        kind, *marks = typing.get_args(hint)
        kind = float if kind == Uncertain else kind
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return hint
        annotated: Any = Annotated
        return annotated[(kind, *marks)]
    return FLOATS if hint == tuple[float, ...] else hint
