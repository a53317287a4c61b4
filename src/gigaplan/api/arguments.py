"""Wrong calls of a verb in plain words: all at once, each argument by name, with what is allowed and the nearest name.

Python's own TypeError names one argument at a time, and a value of the wrong kind would fail deep inside. The check
looks only at kinds: names, numbers and files are the verbs' own business. It imports nothing that a verb doesn't, and
costs microseconds; pydantic would build a schema of every request and result that a verb takes.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union

from gigaplan.vocabulary.errors import ArgumentsError, Place, Problem, nearest_name, unknown_choice
from gigaplan.vocabulary.show import VIEWS

V = TypeVar("V", bound=Callable[..., Any])
C = TypeVar("C", bound=type[Any])
ACCEPTED: dict[Any, Any] = {int: Integral, float: Real, Path: os.PathLike}
"""What counts as a kind: numpy's whole numbers are whole numbers."""
WORDS = {
    str: ("text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("True or False", "True or False"),
    Path: ("a path", "paths"),
}
"""A kind in words, one and many."""
LONGEST_VALUE = 60
"""Characters of a value that a message shows at most."""
CHANGES = "changes"
"""The argument that changes lines of the plan."""
STUDY = "study"
"""The section of the plan that changes none of its figures."""
PROGRESS = "progress"
"""The argument that goes with a request that says all else."""


def _in_a_notebook(answer: object) -> str:
    """Return an answer as a notebook shows it; what draws it is imported only then."""
    from gigaplan.report.notebook import html

    return html(answer)


VIEWS.append(_in_a_notebook)


class Fields:
    """Marker of ``**options`` that are the fields of some requests.

    Parameters
    ----------
    *classes : type
        The requests' dataclasses.
    """

    def __init__(self, *classes: type) -> None:
        self.classes = classes


@functools.cache
def checked(verb: V) -> V:
    """Return a verb that refuses wrong arguments before it begins; it looks like the verb to help and to editors.

    Parameters
    ----------
    verb : function
        A public function.

    Returns
    -------
    function
        The same one each time, which raises :class:`ArgumentsError` with every wrong argument at once.
    """

    @functools.wraps(verb)
    def door(*args: Any, **named: Any) -> Any:
        problems = _Call(verb, _taken(verb), args, named).problems()
        if problems:
            raise ArgumentsError(problems)
        return verb(*args, **named)

    door.__module__ = "gigaplan"  # where pickle finds it, so that a pool of processes may map it
    return typing.cast(V, door)


@functools.cache
def checked_class(cls: C) -> C:
    """Return a request's class, which from now on refuses wrong names as verbs do, and reads a choice in any case.

    Parameters
    ----------
    cls : type
        A public request.

    Returns
    -------
    type
        The same class; calling it raises :class:`ArgumentsError` with every wrong name at once.
    """
    begin, taken = cls.__init__, _taken(typing.cast(Callable[..., Any], cls))

    @functools.wraps(begin)
    def door(self: Any, *args: Any, **named: Any) -> None:
        problems = _Call(cls, taken, args, named).wrong_names()
        if problems:
            raise ArgumentsError(problems)
        begin(self, *args, **{n: _as_choice(cls, n, v) if isinstance(v, str) else v for n, v in named.items()})

    setattr(cls, "__init__", door)  # noqa: B010
    return cls


def _as_choice(cls: type, name: str, value: str) -> str:
    """Return the choice that a text means for a field of a request, or the text itself."""
    from gigaplan.api.requests import as_choice, markers

    return as_choice(*markers(cls)[name], value)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a verb takes: its arguments in order, their types, and the requests whose fields it takes too."""

    ordered: tuple[str, ...]
    """Arguments that may be given by place."""
    named: tuple[str, ...]
    """Arguments that may be given by name: those, and the others."""
    required: tuple[str, ...]
    rest: str
    """The argument that takes all further ones by place, "" where there is none."""
    hints: Mapping[str, Any]
    classes: tuple[type, ...]
    fields: tuple[str, ...]
    """Fields of these requests."""
    options: frozenset[str]
    """Those, also as their options are called."""
    written: str
    """How the verb is called."""


@functools.cache
def _taken(verb: Callable[..., Any]) -> _Taken:
    parameters = inspect.signature(verb).parameters.values()
    hints = typing.get_type_hints(verb, include_extras=True)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    options = next((hints.get(p.name) for p in parameters if p.kind is p.VAR_KEYWORD), None)
    classes = next((m.classes for m in getattr(options, "__metadata__", ()) if isinstance(m, Fields)), ())
    fields, more = list[str](), list[str]()
    if classes:
        from gigaplan.api.requests import names

        fields = [f.name for cls in classes for f in dataclasses.fields(cls)]
        more = [name for cls in classes for name in names(cls)]
    plain = [p.replace(annotation=p.empty) for p in parameters]
    return _Taken(
        ordered=tuple(p.name for p in named if p.kind is p.POSITIONAL_OR_KEYWORD),
        named=tuple(p.name for p in named),
        required=tuple(p.name for p in named if p.default is p.empty),
        rest=next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), ""),
        hints=hints,
        classes=classes,
        fields=tuple(n for n in dict.fromkeys(fields) if n not in {p.name for p in named}),
        options=frozenset(more),
        written=f"{verb.__name__}{inspect.Signature(plain)}",
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a verb."""

    verb: Callable[..., Any]
    taken: _Taken
    args: tuple[Any, ...]
    named: Mapping[str, Any]

    def problems(self) -> list[Problem]:
        """Return what is wrong with the call, in the order of the verb's arguments."""
        taken = self.taken
        given = {**dict(zip(taken.ordered, self.args, strict=False)), **self.named}
        options = {n: v for n, v in self.named.items() if n not in taken.named and n in taken.options}
        found = self.wrong_names()
        found += (p for n in taken.named if n in given for p in self._wrong_kind(n, given[n], taken.hints[n]))
        found += self._beside_request(given, options)
        return [*found, *self._wrong_fields(options)] if found else []

    def wrong_names(self) -> list[Problem]:
        """Return the problems of arguments that are missing, unknown or too many."""
        taken = self.taken
        given = {**dict(zip(taken.ordered, self.args, strict=False)), **self.named}
        unknown = [n for n in self.named if n not in taken.named and n not in taken.options]
        needed = [n for n in taken.required if n not in given]
        others = [n for n in (*taken.named, *taken.options) if n not in given]
        meant = {n: nearest_name(n, needed) or nearest_name(n, others) for n in unknown}
        missing = [n for n in needed if n not in meant.values()]
        found = [self._problem(n, f"'{n}' is missing", remedy=f"call {taken.written}") for n in missing]
        found += self._by_place()
        return [*found, *(self._unknown(n, meant[n]) for n in unknown)]

    def _problem(self, argument: str, message: str, value: str = "", allowed: str = "", remedy: str = "") -> Problem:
        place = Place(f"gigaplan.{self.verb.__name__}()", path=argument)
        return Problem(message, place, value=value, allowed=allowed, remedy=remedy)

    def _by_place(self) -> list[Problem]:
        """Return the problems of what is given by place: kinds of the rest, too many, what is also given by name."""
        taken, count = self.taken, len(self.taken.ordered)
        more = self.args[count:]
        if taken.rest:
            return [p for v in more for p in self._wrong_kind(taken.rest, v, taken.hints[taken.rest])]
        repeated = [n for n in taken.ordered[: len(self.args)] if n in self.named]
        found = [self._problem(n, "given by place and by name", remedy="remove one") for n in repeated]
        if more:
            others = ", ".join(f"{n}=" for n in taken.named[count:])
            remedy = f"give the others by name: {others}" if others else f"call {taken.written}"
            allowed = f"{count} ({', '.join(taken.ordered)})" if count else "none"
            message = "too many arguments without a name"
            found.append(self._problem("", message, value=str(len(self.args)), allowed=allowed, remedy=remedy))
        return found

    def _unknown(self, name: str, near: str) -> Problem:
        known = [*self.taken.named, *self.taken.fields]
        place = Place(f"gigaplan.{self.verb.__name__}()")
        listed = f"help(gigaplan.{self.taken.classes[0].__name__})" if self.taken.classes else ""
        remedy = f"write {near}=" if near else self._setting(name) or "remove it"
        one = unknown_choice(
            "no such argument", place, name, known, remedy, meant=[near] if near else [], listed_by=listed
        )
        return one if known else Problem(one.message, place, value=name, allowed="no arguments", remedy=remedy)

    def _setting(self, name: str) -> str:
        """Return how to state what is no argument, but a line of the plan that the verb runs; "" where it is none."""
        if CHANGES not in self.taken.named:
            return ""
        from gigaplan.plan.paths import settings

        lines = [path for path in settings() if path[0] != STUDY]
        near = nearest_name(name, (path[-1] for path in lines))
        paths = [".".join(path) for path in lines if path[-1] == near]
        if len(paths) != 1:
            return ""
        value = self.named[name] if isinstance(self.named[name], str | int | float) else ...
        return f"change the plan: {CHANGES}={{'{paths[0]}': {'...' if value is ... else repr(value)}}}"

    def _wrong_kind(self, name: str, value: Any, hint: Any) -> list[Problem]:
        if _fits(value, hint):
            return []
        listed = [value]
        remedy = f"write {listed!r}" if isinstance(value, str) and _fits(listed, hint) else f"call {self.taken.written}"
        return [self._problem(name, "of the wrong kind", value=_shown(value), allowed=_words(hint), remedy=remedy)]

    def _beside_request(self, given: Mapping[str, Any], options: Mapping[str, Any]) -> list[Problem]:
        """Return the problem of arguments next to a request that already says them: they would be ignored."""
        first = next(iter(self.taken.named), "")
        for name, value in given.items():
            kinds = typing.get_args(self.taken.hints.get(name))
            if not self.taken.classes or not _is_request(value) or type(value) not in kinds:
                continue
            if name != first and type(value) not in self.taken.classes:
                continue
            others = [n for n in given if n not in (name, PROGRESS)] if name == first else list(options)
            if others:
                message = f"the {type(value).__name__} says this already"
                remedy = f"remove {', '.join(others)}, or state them in the {type(value).__name__}"
                return [self._problem(name, message, value=", ".join(f"{n}=" for n in others), remedy=remedy)]
        return []

    def _wrong_fields(self, options: Mapping[str, Any]) -> list[Problem]:
        """Return what is wrong with the values of a request's fields, which the verb itself would say else."""
        if not options:
            return []
        from gigaplan.api.requests import split, wrong_values

        parts = zip(self.taken.classes, split(options, *self.taken.classes), strict=True)
        return [p for cls, values in parts for p in wrong_values(cls, values, f"gigaplan.{self.verb.__name__}()")]


def _is_request(value: Any) -> bool:
    return hasattr(type(value), "__dataclass_fields__")


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of the kind that an annotation says; what can be read only once isn't looked into."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint in (Any, object):
        return True
    if origin is Annotated:
        return _fits(value, parts[0])
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is None:
        return isinstance(value, ACCEPTED.get(hint, hint)) and (hint is bool or not isinstance(value, bool))
    if not isinstance(value, origin) or isinstance(value, str | bytes):  # a text is no list of its letters
        return False
    if isinstance(value, Mapping):
        return all(_fits(k, parts[0]) and _fits(v, parts[-1]) for k, v in value.items())
    if not isinstance(value, Collection):
        return True
    if origin is tuple and parts[-1] is not ...:
        return len(value) == len(parts) and all(map(_fits, value, parts))
    return all(_fits(one, parts[0]) for one in value)


def _words(hint: Any, many: bool = False) -> str:
    """Return the kind that an annotation says, in words: one of it, or many."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _words(parts[0], many)
    if origin in (Union, UnionType):
        *others, last = dict.fromkeys(_words(part, many) for part in parts if part is not NoneType)
        return f"{', '.join(others)} or {last}" if others else last
    if origin is None:
        return WORDS[hint][many] if hint in WORDS else f"{hint.__name__}s" if many else f"a {hint.__name__}"
    if issubclass(origin, Mapping):
        return "dictionaries" if many else "a dictionary"
    if origin is tuple and parts[-1] is not ...:
        return f"{'tuples' if many else 'a tuple'} ({', '.join(_words(part) for part in parts)})"
    if not issubclass(origin, Iterable):
        return "functions" if many else "a function"
    return f"{'lists' if many else 'a list'} of {_words(parts[0], many=True)}"


def _shown(value: Any) -> str:
    """Return a value as its author wrote it, cut where it is long; of an object its class."""
    if not isinstance(value, str | int | float | list | tuple | dict | set | NoneType):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
