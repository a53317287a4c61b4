"""Requests: the questions of verbs, as dataclasses that the terminal flattens, JSON spells out and Python builds.

A field's docstring is the terminal's help, its annotation says unit, choices and the option's name
(:mod:`gigaplan.vocabulary.options`). Here they are read, all problems at once:

>>> read(Start, {"power": "40 MW it", "region": "ercot"}).region
'ercot'
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from gigaplan.layers.serving import ServingQuestion
from gigaplan.measurements.given import about
from gigaplan.validation.serving.measured import ABOUT, OPTIONS
from gigaplan.validation.training import measured as training
from gigaplan.vocabulary.errors import Place, PlanError, Problem, allowed_names, nearest_name
from gigaplan.vocabulary.labels import meant
from gigaplan.vocabulary.options import Option

R = TypeVar("R")
ENGINES = ("trtllm", "vllm", "sglang")
PRECISIONS = ("bf16", "fp8", "fp4")
MODEL, SYSTEM = ("layers",), ("hbm_bandwidth_bytes_per_s",)
"""Quantities by which the catalog knows a model and a system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierRequest:
    """Models on systems, and the question that is the same for all of them."""

    models: tuple[str, ...] = ()
    """Models of the catalog."""
    systems: tuple[str, ...] = ()
    """Systems of the catalog; every model is put on every system."""
    more: tuple[tuple[str, str], ...] = ()
    """Further (model, system) pairs."""
    question: ServingQuestion = field(default_factory=ServingQuestion)
    """The request, its limits and the software."""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All (model, system) pairs."""
        return [*((m, s) for m in self.models for s in self.systems), *self.more]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelComparison:
    """One layout whose steps are compared with measured kernels; without model and system the set that ships."""

    model: Annotated[str, Option(argument=True, entities=MODEL)] = ""
    """A model of the catalog."""
    system: Annotated[str, Option(argument=True, entities=SYSTEM)] = ""
    """A system of the catalog."""
    precision: Annotated[str, Option(group="Layout", choices=PRECISIONS)] = ""
    """Precision of the weights (default: the narrowest that the system computes in)."""
    engine: Annotated[str, Option(group="Layout", choices=ENGINES)] = "trtllm"
    """Serving software whose kernels and constants are used."""
    tensor: Annotated[int, Option(group="Layout")] = 1
    """Tensor-parallel GPUs of one replica's attention."""
    data: Annotated[int, Option(group="Layout")] = 1
    """Attention data-parallel groups, each with requests of its own (models with experts)."""
    expert: Annotated[int, Option(group="Layout")] = 1
    """Expert-parallel groups."""
    batch: Annotated[tuple[int, ...], Option(group="Layout", words=True)] = ()
    """Requests of each group (default: 1 16 64 256)."""
    context: Annotated[tuple[int, ...], Option(group="Layout", words=True)] = ()
    """Tokens of each request, and of a prompt (default: 1024 8192)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationInputs:
    """What measurements of serving leave open, the same for all their rows."""

    gpu: Annotated[str, Option(group="What the files leave open")] = ""
    """GPU or system, as h100_sxm."""
    model: Annotated[str, Option(group="What the files leave open", entities=MODEL)] = ""
    """Model, by its catalog or Hugging Face name."""
    precision: Annotated[str, Option(group="What the files leave open")] = ""
    """Precision of the weights, as fp8."""
    engine: Annotated[str, Option(group="What the files leave open")] = ""
    """Serving software: trtllm, vllm or sglang."""
    tp: Annotated[int | None, Option(group="What the files leave open")] = None
    """GPUs of one replica (tensor parallelism)."""
    concurrency: Annotated[int | None, Option(group="What the files leave open")] = None
    """Concurrent requests."""
    about: Annotated[tuple[str, ...], Option(group="What the files leave open")] = ()
    """Further columns, as pp=2,dp=4, or a YAML or CSV file of them. May be repeated."""

    @property
    def columns(self) -> dict[str, str]:
        """What is given, by column; PlanError with all that is wrong with ``about``."""
        own = [f"{k}={v}" for k in OPTIONS if (v := getattr(self, k))]
        return about([*own, *self.about], ABOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingInputs:
    """What measurements of training leave open, the same for all their rows."""

    gpu: Annotated[str, Option(group="What the files leave open")] = ""
    """GPU or system, as h100_sxm."""
    model: Annotated[str, Option(group="What the files leave open", entities=MODEL)] = ""
    """Model, by its catalog or Hugging Face name."""
    precision: Annotated[str, Option(group="What the files leave open")] = ""
    """Precision of matrix products, as bf16 or mxfp8."""
    about: Annotated[tuple[str, ...], Option(group="What the files leave open")] = ()
    """Further columns, as tp=8,micro_batch=1, or a YAML or CSV file of them. May be repeated."""

    @property
    def columns(self) -> dict[str, str]:
        """What is given, by column; PlanError with all that is wrong with ``about``."""
        own = [f"{k}={v}" for k in training.OPTIONS if (v := getattr(self, k))]
        return about([*own, *self.about], training.ABOUT)


_NUMBER = ("a number", "give one, as 1.5")
_WHOLE = ("a whole number", "give one, as 8")
_DATE = ("a date", "write it as 2026-09-22")
_ENTRIES = ("as many entries as it takes", "give one for each")
_FIELDS = ("fields by name", "write {...}")
KIND_WORDS = {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": ("a finite number", "give one, as 1.5"),
    "bool_parsing": ("true or false", "write one of these"),
    "string_type": ("text", "put it in quotes"),
    "path_type": ("a path", "put it in quotes"),
    "date": _DATE,
    "missing": _ENTRIES,
    "too_long": _ENTRIES,
    "too_short": _ENTRIES,
    "dict_type": _FIELDS,
    "mapping_type": _FIELDS,
}
"""What requests say otherwise than :data:`gigaplan.plan.words.TYPES`: what is allowed, and what to do."""
KINDS = {
    "frontier": "gigaplan.api.requests:FrontierRequest",
    "train": "gigaplan.layers.training:TrainingJob",
    "train sites": "gigaplan.layers.sites:SitesJob",
    "power supply": "gigaplan.layers.site_supply_job:SupplyJob",
    "serve": "gigaplan.layers.serve_job:ServeJob",
    "failures": "gigaplan.layers.failures:FailureOptions",
    "power swings": "gigaplan.layers.swings:SwingsQuestion",
    "new": "gigaplan.plan.starter:Start",
    "validate kernels": "gigaplan.api.requests:KernelComparison",
    "calibrate serving": "gigaplan.api.requests:CalibrationInputs",
    "calibrate training": "gigaplan.api.requests:TrainingInputs",
    "study": "gigaplan.study.request:StudyRequest",
    "study sensitivity": "gigaplan.study.sensitivity:SensitivityRequest",
    "study sweep": "gigaplan.study.sweep:SweepRequest",
}
"""Each request's dataclass."""


def request(kind: str, data: str | Mapping[str, Any]) -> Any:
    """Return the request that a JSON text, or its dictionary, spells out.

    Parameters
    ----------
    kind : str
        ``frontier``, ``train``, ``train sites``, ``serve``, ``power supply``, ``failures``, ``power swings``,
        ``new``, ``validate kernels``, ``calibrate serving``, ``calibrate training``, ``study``,
        ``study sensitivity`` or ``study sweep``.
    data : str or mapping
        Fields by name; a quantity is a number in the unit of its name, or text with a unit.

    Returns
    -------
    object
        The dataclass, which the verb takes: ``gp.train(gp.request("train", text))``.

    Raises
    ------
    PlanError
        With every unknown field (the nearest is given) and every wrong value at once.
    """
    kind = meant(kind, KINDS, by_beginning=False)
    if kind not in KINDS:
        near = nearest_name(kind, KINDS)
        allowed, remedy = ", ".join(KINDS), "name a kind of request"
        raise PlanError(
            [Problem("no such request", Place("request"), value=kind, allowed=allowed, nearest=near, remedy=remedy)]
        )
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except ValueError as error:
            raise PlanError([Problem(f"not JSON: {error}", Place("request"), remedy="give an object")]) from None
    if not isinstance(data, Mapping):
        raise PlanError(
            [Problem("a request is an object of fields", Place("request"), value=str(data), remedy="write {...}")]
        )
    return read(load_class(KINDS[kind]), data, kind)


def load_class(path: str) -> Any:
    """Return the class at an import path ``module:name``."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def read(cls: type[R], given: Mapping[str, Any], place: str = "") -> R:
    """Return a request of the values given by field or option name.

    Raises
    ------
    PlanError
        With every unknown name (the nearest known one is given), wrong value and missing field at once.
    """
    problems: list[Problem] = []
    found = _read(cls, given, place or cls.__name__, problems)
    if problems or found is None:
        raise PlanError(problems)
    return found


def split(given: Mapping[str, Any], *classes: type) -> list[dict[str, Any]]:
    """Return the values of each class, by field or option name; what none of them has stays with the first."""
    taken = [set(names(cls)) for cls in classes]
    parts: list[dict[str, Any]] = [{} for _ in classes]
    for name, value in given.items():
        parts[next((k for k, known in enumerate(taken) if name in known), 0)][name] = value
    return parts


@functools.cache
def markers(cls: type) -> dict[str, tuple[Any, Option]]:
    """Return the annotation of each field of a request and how the doors offer it."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {f.name: (hints[f.name], _option(hints[f.name])) for f in dataclasses.fields(cls)}


def _option(hint: Any) -> Option:
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Option)), Option())


def names(cls: type) -> dict[str, str]:
    """Return the field of each name that it may be given by: its own, and its option's."""
    named = {name: name for name in markers(cls)}
    options = {option.name: name for name, (_, option) in markers(cls).items() if option.name}
    return {**options, **{o.replace("-", "_"): name for o, name in options.items()}, **named}


def _read(cls: type[R], given: Mapping[str, Any], place: str, problems: list[Problem]) -> R | None:
    before = len(problems)
    values = _values(cls, given, place, problems)
    needed = [f.name for f in dataclasses.fields(cls) if _needed(f) and f.name not in values]  # type: ignore[arg-type]
    problems += [Problem("this field is missing", Place(place, path=name), remedy="give it") for name in needed]
    return cls(**values) if len(problems) == before else None


def wrong_values(cls: type, given: Mapping[str, Any], place: str) -> list[Problem]:
    """Return the problems of values given by field or option name, whatever else is missing."""
    problems: list[Problem] = []
    _values(cls, given, place, problems)
    return problems


def _values(cls: type, given: Mapping[str, Any], place: str, problems: list[Problem]) -> dict[str, Any]:
    """Return the fields' values, parsed; note every unknown name and wrong value."""
    named, fields = names(cls), markers(cls)
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in named:
            known = list(fields)
            near = nearest_name(key, named)
            problems.append(
                Problem(
                    "no such field",
                    Place(place),
                    value=key,
                    allowed=allowed_names(known),
                    nearest=near,
                    remedy="check the spelling",
                )
            )
            continue
        hint, option = fields[named[key]]
        values[named[key]] = _value(hint, option, value, named[key], place, problems)
    return values


def _needed(one: dataclasses.Field[Any]) -> bool:
    return one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING


def _value(hint: Any, option: Option, value: Any, name: str, place: str, problems: list[Problem]) -> Any:
    """Return one field's value, parsed by its markers and of its type."""
    from pydantic import TypeAdapter, ValidationError

    nested = _dataclass_of(hint)
    if nested is not None:
        if isinstance(value, Mapping):
            return _read(nested, value, f"{place} {name}", problems)
        if not isinstance(value, nested) and not (value is None and type(None) in typing.get_args(hint)):
            where = Place(place, path=name)
            problems.append(Problem("is an object of fields", where, value=str(value), remedy="write {...}"))
        return value
    label = f"{name} (--{option.name})" if option.name else name
    where = Place(place, path=label)
    if isinstance(value, str):
        value = as_choice(hint, option, value)
    if is_stray_bool(hint, value):
        allowed, remedy = KIND_WORDS["float_type" if float in _kinds(hint) else "int_type"]
        problems.append(Problem("not allowed here", where, value=str(value), allowed=allowed, remedy=remedy))
        return None
    try:
        found = TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        problems += (_wrong(e, where, value) for e in error.errors(include_url=False)[:1])
        return None
    except PlanError as error:
        problems += error.problems
        return None
    return found


def as_choice(hint: Any, option: Option, value: str) -> str:
    """Return the choice that a text means, in any case, or the text itself where it means none or there are none."""
    plain = _literals(hint)
    return meant(value, plain or option.choices, by_beginning=False) if value and (plain or option.choices) else value


def _literals(hint: Any) -> tuple[str, ...]:
    """Return the words of an annotation of which one must be given, none if any may be."""
    if typing.get_origin(hint) is typing.Literal:
        return tuple(v for v in typing.get_args(hint) if isinstance(v, str))
    return tuple(word for part in typing.get_args(hint) for word in _literals(part))


def is_stray_bool(hint: Any, value: Any) -> bool:
    """Return whether a value is True or False where the annotation wants a number: Python counts them as 1 and 0."""
    if isinstance(value, list | tuple):
        return any(is_stray_bool(hint, one) for one in value)
    kinds = set(_kinds(hint))
    return isinstance(value, bool) and not kinds & {bool, Any, object} and bool(kinds & {int, float})


def _kinds(hint: Any) -> list[Any]:
    """Return the plain types of an annotation."""
    return [hint] if not typing.get_args(hint) else [kind for part in typing.get_args(hint) for kind in _kinds(part)]


def _wrong(error: Any, where: Place, value: Any) -> Problem:
    """Return what pydantic finds wrong, in the words of gigaplan's messages."""
    from gigaplan.plan.words import NO_REMEDY, TYPES, none_of_a_choice

    kind = error["type"]
    shown = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if kind in ("literal_error", "enum"):
        return none_of_a_choice(error, where, shown)
    if kind == "value_error":  # what the markers of units say, with what to do behind a semicolon
        message, _, remedy = str(error["msg"]).removeprefix("Value error, ").partition("; ")
        return Problem(message[:1].lower() + message[1:], where, value=shown, remedy=remedy or NO_REMEDY)
    words = {**TYPES, **KIND_WORDS}
    allowed, remedy = words.get("date" if kind.startswith("date") else kind, ("", NO_REMEDY))
    return Problem("not allowed here", where, value=shown, allowed=allowed, remedy=remedy)


def _dataclass_of(hint: Any) -> Any:
    """Return the dataclass of an annotation, also where it may be None; None if it is something else."""
    parts: Iterable[Any] = typing.get_args(hint) if not isinstance(hint, type) else (hint,)
    return next((p for p in parts if isinstance(p, type) and dataclasses.is_dataclass(p)), None)


def names_of(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return names given one by one, or several in a text with commas."""
    texts = [given] if isinstance(given, str) else given
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def named_texts(given: str | Path | Mapping[str, Any] | Iterable[Any]) -> tuple[str, ...]:
    """Return what a verb takes as ``NAME=FILE``, of a mapping of names to files or to facts.

    Parameters
    ----------
    given : str, Path, mapping, or iterable of str or Path
        ``{"my_rack": "rack.yaml"}``, ``{"my_rack": {"like": "gb300_nvl72"}}`` or ``["my_rack=rack.yaml"]``.

    Examples
    --------
    >>> named_texts({"my_rack": {"like": "gb300_nvl72"}})
    ('my_rack={"like": "gb300_nvl72"}',)
    """
    if isinstance(given, str | Path):
        return (str(given),)
    if not isinstance(given, Mapping):
        return tuple(map(str, given))
    facts = ((name, json.dumps(v, default=str) if isinstance(v, Mapping) else str(v)) for name, v in given.items())
    return tuple(f"{name}={text}" for name, text in facts)
