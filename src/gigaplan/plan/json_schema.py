"""The plan as JSON Schema (draft 2020-12), so that an editor completes names and shows units, bases and meanings.

pydantic makes it from the models that a plan is validated with; here each value may also be written with its
provenance, and an overlay's variant makes everything optional. The schema says what a value looks like; 'gigaplan run'
says whether the whole makes sense.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from gigaplan.plan.choices import BESIDE, ONE_OF
from gigaplan.plan.claims import shipped_ids
from gigaplan.plan.overlay import HEADER, NEEDED
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.sampling import RANGE_SHARE, Shape

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
PROVENANCE: dict[str, Schema] = {
    "low": {"description": f"Low end of a range that holds {RANGE_SHARE:.0%} of what may be."},
    "high": {"description": f"High end of a range that holds {RANGE_SHARE:.0%} of what may be."},
    "dist": {"enum": [str(s) for s in Shape], "description": "Distribution of the value (default: by its unit)."},
    "group": {"type": "string", "description": "Values of one group move together."},
    "evidence": {"enum": [str(e) for e in Evidence], "description": "How the value is known, strongest first."},
    "source": {"type": ["string", "number"], "description": "Where the value is from."},
    "note": {"type": ["string", "number", "boolean"], "description": "What a reader should know of the value."},
}
"""What an author may state in addition to any value."""
ONE_OF_SEVERAL: Schema = {
    "type": "object",
    "properties": {
        ONE_OF: {
            "type": "object",
            "additionalProperties": {"type": ["number", "string"]},
            "minProperties": 2,
            "description": "Models of which each member has one, and how likely each is.",
        },
        **{name: {"$ref": f"#/$defs/{name}"} for name in BESIDE},
    },
    "required": [ONE_OF],
    "additionalProperties": False,
}
"""What a plan writes that leaves a choice open."""
UNWRITTEN_UNITS = ("", "1")
"""Units that a plain number has."""


def json_schema(*, overlay: bool = False) -> Schema:
    """Return the JSON Schema of a plan, or of an overlay: all optional, ``null`` removes, and a header is required."""
    made = PlanDocument.model_json_schema(schema_generator=_Generator)
    sections = {name: _section(part) for name, part in made.pop("$defs").items()}
    whole = _section(made)
    for part in (whole, *sections.values()):
        _describe_references(part, sections)
    whole["properties"]["claims"] = claims_schema(whole["properties"]["claims"]["description"])
    if overlay:
        sections = {name: _optional(part) for name, part in sections.items()}
        whole = _optional(whole)
        whole["properties"] = {HEADER: _header(), **whole["properties"]}
        whole["required"] = [HEADER]
    title = "An overlay for a plan of gigaplan" if overlay else "A plan of gigaplan"
    return {"$schema": DIALECT, "title": title, **whole, "$defs": sections | PROVENANCE}


def claims_schema(description: str) -> Schema:
    """Return the schema of a plan's claims: names of shipped ones, or claims of its own by id."""
    named: Schema = {"type": "array", "items": {"enum": list(shipped_ids())}}
    one: Schema = {
        "type": "object",
        "properties": {"says": {"type": "string", "description": "What is claimed, as a sentence."}},
        "required": ["says", "statements"],
    }
    own: Schema = {"type": "object", "properties": {"shipped": named}, "additionalProperties": one}
    return {"description": description, "anyOf": [named, own]}


class _Generator(GenerateJsonSchema):
    """Makes neither titles nor defaults: descriptions explain names, and ``null`` means that a line is left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return that no field has a title."""
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Schema:
        """Return the schema of the value itself: a plan leaves out what it does not state."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        """Return the schema of the value without its default."""
        return self.generate_inner(schema["schema"])


def _section(part: Schema) -> Schema:
    """Return a section whose values may be written with their provenance, and whose descriptions name their units."""
    properties = {name: _field(below) for name, below in part["properties"].items()}
    description = part["description"].split("\n\n")[0].replace("\n", " ")
    return {**{k: v for k, v in part.items() if k != "title"}, "description": description, "properties": properties}


def _field(part: Schema) -> Schema:
    """Return a field's schema: a section or a mapping as it is, a value with its unit and provenance."""
    if "$ref" in part:
        return part
    if part.get("type") == "object":
        entries = {k: _field(v) for k, v in part.get("properties", {}).items()}
        below = {**part, "additionalProperties": _field(part["additionalProperties"])}
        return {**below, "properties": entries} if entries else below
    description = " ".join(t for t in (" ".join(part.get("description", "").split()), _unit(part)) if t)
    outside = {"description": description} if description else {}
    outside |= {k: v for k, v in part.items() if k == "examples" or k.startswith("x-")}
    inner = {k: v for k, v in part.items() if k not in outside and k != "description"}
    stated = {
        "type": "object",
        "properties": {"value": inner, "central": inner, **{name: {"$ref": f"#/$defs/{name}"} for name in PROVENANCE}},
        "anyOf": [{"required": ["value"]}, {"required": ["central"]}, {"required": ["low", "high"]}],
        "additionalProperties": False,
    }
    several = [ONE_OF_SEVERAL] if _is_left_open(inner) else []
    return {**outside, "anyOf": [*(inner["anyOf"] if set(inner) == {"anyOf"} else [inner]), stated, *several]}


def _is_left_open(inner: Schema) -> bool:
    """Return whether a field takes a model's name, of which a plan may leave several open."""
    return any("deepseek_v3" in one.get("enum", ()) for one in inner.get("anyOf", ()))


def _describe_references(part: Schema, sections: Schema) -> None:
    """Describe an entry by its section's words where its own are the same: pydantic leaves those out."""
    for entry in part["properties"].values():
        if "$ref" in entry:
            entry.setdefault("description", sections[entry["$ref"].rpartition("/")[2]]["description"])


def _unit(part: Schema) -> str:
    """Return the sentence that names a value's unit, its bases where it has some, or how a period is read."""
    unit, bases = part.get("x-unit", ""), ", ".join(part.get("x-bases", ()))
    if bases:
        return f"Unit: {unit}, with its basis: {bases}."
    return part.get("x-period", "") if unit in UNWRITTEN_UNITS else f"Unit: {unit}."


def _optional(part: Schema) -> Schema:
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
    description = {"description": part["description"]} if "description" in part else {}
    return {**description, "anyOf": [_optional(part), {"type": "null"}]}


def _header() -> Schema:
    """Return the schema of an overlay's header."""
    text = {"type": ["string", "integer", "number"]}
    return {
        "type": "object",
        "description": "Who made the overlay, why, and from what.",
        "properties": {
            name: {**text, "description": f"{description.capitalize()}."} for name, description in NEEDED.items()
        },
        "required": list(NEEDED),
        "additionalProperties": False,
    }
