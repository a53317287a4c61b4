"""From a function of the API to the question that can be posted: its arguments, and the fields of its requests.

No verb has an endpoint written for it: a new argument or field of a request is in the interface at once. Arguments that
name files in the terminal are texts here; where a file is written the job has it.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from docstring_parser import parse as parse_docstring
from docstring_parser import parse_from_object
from pydantic import Field, create_model

from gigaplan import api
from gigaplan.api.arguments import CHANGES, PROGRESS, Fields
from gigaplan.api.requests import markers
from gigaplan.app.requests import MOST_CHANGES, Change, Strict
from gigaplan.app.verbs.bodies import (
    MOST_PARTS,
    ClaimSets,
    GivenPlan,
    GivenResult,
    GivenTable,
    GivenTrace,
    NamedTexts,
    PlanOrResult,
    Tables,
    Texts,
    Word,
)
from gigaplan.results.result import Result

NOT_POSTED = ("load", "request", "run_sources", "save", "to_json")
"""Functions of the API that serve Python alone: they build or keep what the interface posts and keeps."""
LONG = ("study_", "validate_", "calibrate_", "answer", "inputs", "rerun", "unused", "train", "serve", "power_supply")
"""Beginnings of the verbs that may take minutes."""
PLANS = ("plan", "a", "b", "like")
TABLES = ("table", "measured", "anchor", "tables")
NAMED_TEXTS = ("model_configs", "system_configs")
SAVED = {("export", "result"), ("rerun", "folder")}
"""Arguments that take a saved result alone."""
LEFT_OUT = {PROGRESS, "request", "inputs", "layout", "question", "keep", "from_xlsx", "out", "path", "folder"}
"""Arguments that are not posted: what other fields say, what would be a file of this machine, and what only changes
how much of a result is kept."""
LEFT_OUT_FIELDS = {"out", "on", "workers", "address"}
"""Fields of studies that say where these run, which is the server's to say."""
LEFT_OUT_OF = {"new": ("force",)}
Kind = Literal["plan", "result", "saved", "table", "tables", "trace", "texts", "claims", "named", "changes", "value"]
KINDS: dict[Kind, Any] = {
    "plan": GivenPlan,
    "result": PlanOrResult,
    "saved": GivenResult,
    "table": GivenTable,
    "tables": Tables,
    "trace": GivenTrace,
    "texts": Texts,
    "claims": ClaimSets,
    "named": NamedTexts,
    "changes": Annotated[list[Change], Field(max_length=MOST_CHANGES)],
}


@dataclass(frozen=True, slots=True)
class Given:
    """One key of a question."""

    name: str
    kind: Kind
    accepts: Any
    """Its type for pydantic, which says what the interface describes."""
    needed: bool
    by_place: bool
    """Whether the function takes it as one of any number of arguments by place."""
    text: str


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb as it can be posted."""

    name: str
    function: Callable[..., Any]
    given: tuple[Given, ...]
    fixed: dict[str, Any]
    """Arguments that the server gives: files of the job's folder."""
    body: type[Strict]
    title: str

    @property
    def long(self) -> bool:
        """Whether it may take minutes, so that quick ones don't wait for it."""
        return self.name.startswith(LONG)


def verb_of(name: str) -> Verb:
    """Return a function of the API as a verb that can be posted.

    Parameters
    ----------
    name : str
        A name of :mod:`gigaplan.api`.
    """
    function = getattr(api, name)
    parameters = inspect.signature(function).parameters.values()
    hints = typing.get_type_hints(function, include_extras=True)
    document = parse_docstring(function.__doc__ or "")
    texts = {n.strip(" *"): d.description or "" for d in document.params for n in d.arg_name.split(",")}
    given: dict[str, Given] = {}
    for parameter in parameters:
        hint = hints[parameter.name]
        if parameter.kind is parameter.VAR_KEYWORD:
            given |= {g.name: g for g in _fields(name, hint) if g.name not in given}
        elif parameter.name not in _left_out(name):
            given[parameter.name] = _argument(name, parameter, hint, texts.get(parameter.name, ""))
    title = " ".join((document.short_description or name).split()).rstrip(".")
    return Verb(name, function, tuple(given.values()), _fixed(name, hints), _body(name, given), title)


@functools.cache
def verbs() -> dict[str, Verb]:
    """Return every verb that can be posted, by its name in Python."""
    return {n: verb_of(n) for n in api.__all__ if n not in NOT_POSTED and inspect.isfunction(getattr(api, n))}


def _left_out(verb: str) -> set[str]:
    kept = {name for of, name in SAVED if of == verb}
    return (LEFT_OUT | set(LEFT_OUT_OF.get(verb, ()))) - kept


def _fixed(verb: str, hints: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that the server gives."""
    if verb.startswith("study_"):
        return {"out": Path("study"), "workers": 1}
    if verb.startswith("predict_"):
        return {"out": Path("answer.csv")}
    if verb.startswith("calibrate_"):
        return {"out": Path("answer.yaml")}
    return {"path": Path("answer.yaml")} if verb == "new" else {}


def _argument(verb: str, parameter: inspect.Parameter, hint: Any, text: str) -> Given:
    """Return an argument of a function as a key of the question."""
    name, several = parameter.name, parameter.kind is parameter.VAR_POSITIONAL
    kind = _kind(verb, name, hint)
    needed = parameter.default is parameter.empty and not several
    accepts = KINDS[kind] if kind != "value" else _plain(hint)
    if kind == "table" and (several or name == "measured"):
        kind, accepts = "tables", Tables
    return Given(name, kind, accepts, needed, several, text)


def _kind(verb: str, name: str, hint: Any) -> Kind:
    parts = set(_parts(hint))
    if (verb, name) in SAVED:
        return "saved"
    if name == CHANGES:
        return "changes"
    if name == "claims" and Path in parts:
        return "claims"
    if name == "overlays":
        return "texts"
    if name in NAMED_TEXTS:
        return "named"
    if name in TABLES:
        return "table"
    if name == "trace":
        return "trace"
    if name in PLANS or Result in parts:
        return "result" if Result in parts else "plan"
    if Path in parts:
        raise TypeError(f"{verb}: how '{name}' is posted isn't known")  # else a file of this machine could be named
    return "value"


def _parts(hint: Any) -> list[Any]:
    """Return the plain types of an annotation, without its markers."""
    if typing.get_origin(hint) is Annotated:
        return _parts(typing.get_args(hint)[0])
    return [hint] if not typing.get_args(hint) else [p for part in typing.get_args(hint) for p in _parts(part)]


def _plain(hint: Any) -> Any:
    """Return an annotation as JSON has it: lists for what can be gone through, objects for requests."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _plain(parts[0])
    if origin in (typing.Union, types.UnionType):
        named = [p for p in parts if not (str in parts and dataclasses.is_dataclass(p))]  # whose fields are posted
        return typing.Union[tuple(_plain(p) for p in named)]  # noqa: UP007
    if origin is Literal or hint is type(None):
        return hint
    if hint is str:
        return Word
    if dataclasses.is_dataclass(hint):
        return dict[str, Any]
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[Word, Word]
    if origin is tuple and parts[-1] is not ...:
        return tuple[tuple(_plain(p) for p in parts)]  # type: ignore[misc]
    if origin is not None and parts:
        return Annotated[list[_plain(parts[0])], Field(max_length=100)] if parts[0] is not str else list[Word]  # type: ignore[misc]
    return hint


def _fields(verb: str, hint: Any) -> list[Given]:
    """Return the fields of the requests that a function takes as options."""
    classes = next((m.classes for m in getattr(hint, "__metadata__", ()) if isinstance(m, Fields)), ())
    found = []
    for cls in classes:
        texts = {
            p.arg_name: p.description or "" for c in reversed(cls.__mro__[:-1]) for p in parse_from_object(c).params
        }
        for field in dataclasses.fields(cls):
            if field.name in LEFT_OUT_FIELDS or (cls.__name__ == "Start" and field.name == "name"):
                continue
            if any(dataclasses.is_dataclass(p) for p in _parts(markers(cls)[field.name][0])):
                continue  # a request inside a request: the function has an argument of this name, or its fields
            kind = _kind(verb, field.name, markers(cls)[field.name][0])
            accepts = KINDS[kind] if kind != "value" else _written(markers(cls)[field.name][0])
            found.append(Given(field.name, kind, accepts, False, False, " ".join(texts.get(field.name, "").split())))
    return found


def _written(hint: Any) -> Any:
    """Return how a field of a request may be written: of its type, or as a text with a unit, as in the terminal."""
    parts = set(_parts(hint))
    if typing.get_origin(typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint) is tuple:
        return Annotated[list[Word | float], Field(max_length=10 * MOST_PARTS)]
    if parts == {bool}:
        return bool
    return typing.Union[(*(p for p in (int, float) if p in parts), Word, None)]


def _body(verb: str, given: dict[str, Given]) -> type[Strict]:
    """Return the model of a question."""
    fields: dict[str, Any] = {}
    for one in given.values():
        about = one.text or None
        if one.name == "members" and int in _parts(one.accepts):
            fields[one.name] = (int | None, Field(default=None, ge=1, description=one.text or None))
        elif one.needed:
            fields[one.name] = (one.accepts, Field(description=about))
        else:
            fields[one.name] = (one.accepts | None, Field(default=None, description=about))
    words = "".join(word.capitalize() for word in verb.split("_"))
    return create_model(f"{words}Question", __base__=Strict, **fields)
