"""Requests in the terminal: a dataclass's fields become a verb's options, each written once, where the field is.

A verb that is decorated with ``@flattened(job="gigaplan.layers.training:TrainingJob")`` takes a parameter ``job``: the
options given, by field name and as text, which the API reads (:mod:`gigaplan.api.requests`). The request's module is
imported when the verb's own help or options are needed, not at start.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any

from cyclopts import Group, Parameter

from gigaplan.cli.completion import listed

Given = dict[str, Any]
"""Values of a request by field name, as they were written."""
ORDER = (
    "Model and system",
    "Requests",
    "Request",
    "Replicas",
    "Fleet over time",
    "A plan's day",
    "Layout",
    "Several sites",
    "Failures",
    "Site",
    "Supply",
    "Load that can wait",
    "Swings",
    "Starter plan",
    "What the files leave open",
    "Study",
    "Plan",
    "Output",
)
GROUPS = {name: Group(name, sort_key=k) for k, name in enumerate(ORDER)}
"""Headings of options, in the order in which help shows them."""


class Flattened:
    """A verb whose request parameters are shown, and parsed, as the options that their fields are."""

    def __init__(self, verb: Callable[..., int], requests: dict[str, str]) -> None:
        self.verb, self.requests, self.registered = verb, requests, False
        self.__name__, self.__doc__, self.__module__ = verb.__name__, verb.__doc__, verb.__module__

    def __call__(self, *args: Any, **given: Any) -> int:
        """Run the verb with the options of each request as one dictionary of what was given."""
        owners = self._owners
        parts: dict[str, Given] = {name: {} for name in self.requests}
        values = iter(args)
        own_args: list[Any] = []
        for parameter in self._signature.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                own_args += values
            elif parameter.kind is parameter.POSITIONAL_ONLY:
                value = next(values, parameter.default)
                if parameter.name not in owners:
                    own_args.append(value)
                elif value is not None:
                    parts[owners[parameter.name]][parameter.name] = value
            elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name not in given:
                own_args += [value for value in (next(values, None),) if value is not None]
        for name, value in given.items():
            if name in owners and value is not None:
                parts[owners[name]][name] = value
        own = {name: value for name, value in given.items() if name not in owners}
        return self.verb(*own_args, **own, **parts)

    @cached_property
    def _fields(self) -> dict[str, list[inspect.Parameter]]:
        """The options of each request."""
        from gigaplan.api.requests import load_class

        return {name: _parameters(load_class(path)) for name, path in self.requests.items()}

    @cached_property
    def _owners(self) -> dict[str, str]:
        """The request of each field."""
        return {p.name: name for name, some in self._fields.items() for p in some}

    @property
    def __signature__(self) -> inspect.Signature:
        """Nothing while the verb is registered, since cyclopts looks then and requests would be imported at start."""
        return self._signature if self.registered else inspect.Signature()

    @cached_property
    def _signature(self) -> inspect.Signature:
        """The verb's own parameters with the fields of its requests in place of these."""
        own = inspect.signature(self.verb)
        hints = typing.get_type_hints(self.verb, include_extras=True)
        every: list[inspect.Parameter] = []
        for name, parameter in own.parameters.items():
            every += self._fields.get(name) or [parameter.replace(annotation=hints[name])]
        every.sort(key=lambda p: p.kind)  # stable: arguments by place first, as Python wants them
        return own.replace(parameters=every, return_annotation=int)

    @property
    def __annotations__(self) -> dict[str, Any]:  # type: ignore[override]
        return {name: p.annotation for name, p in self.__signature__.parameters.items()}


def flattened(**requests: str) -> Callable[[Callable[..., int]], Flattened]:
    """Return a decorator that shows some parameters as a request's fields, given by import path ``module:class``."""
    return lambda verb: Flattened(verb, requests)


def _parameters(cls: type) -> list[inspect.Parameter]:
    """Return the options of a request, those that the doors offer."""
    from gigaplan.api.requests import markers

    texts = _docs(cls)
    every = []
    for field in dataclasses.fields(cls):
        hint, option = markers(cls)[field.name]
        if any(type(m).__name__ == "Option" for m in getattr(hint, "__metadata__", ())):
            every.append(_parameter(field, hint, option, texts.get(field.name, "")))
    return every


def _parameter(field: dataclasses.Field[Any], hint: Any, option: Any, text: str) -> inspect.Parameter:
    kind, *marks = typing.get_args(hint)
    name = option.name or field.name.replace("_", "-")
    several = typing.get_origin(kind) is tuple
    needed = field.default is dataclasses.MISSING
    shown = "" if needed or several or kind is bool else _written(field.default, name)
    how: dict[str, Any] = {"help": text, "negative": "", "show_default": shown or False}
    if not option.argument:
        how |= {"name": f"--{name}", "group": GROUPS[option.group], "metavar": _metavar(kind, marks)}
    if option.choices:
        how |= {"choices": option.choices, "metavar": None}
    if option.words:
        how["consume_multiple"] = True
    if option.entities:
        how["completer"] = listed(*option.entities).completer
    accepted: Any = bool if kind is bool else list[str] if several or option.words else str
    return inspect.Parameter(
        field.name,
        inspect.Parameter.POSITIONAL_ONLY if option.argument else inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if option.argument and needed else None,
        annotation=Annotated[accepted if option.argument and needed else accepted | None, Parameter(**how)],
    )


def _metavar(kind: Any, marks: list[Any]) -> str | None:
    """Return what stands for an option's value in help."""
    if kind is bool:
        return None
    marked = {"Quantity": "QUANTITY", "Count": "COUNT", "DayOf": "DATE"}
    of_mark = next((marked[type(m).__name__] for m in marks if type(m).__name__ in marked), "")
    names = [t.__name__.upper() for t in (kind, *typing.get_args(kind)) if t in (int, float, str)]
    return of_mark or {"STR": "TEXT", "FLOAT": "NUMBER", "INT": "N"}[names[0] if names else "STR"]


def _written(default: Any, name: str) -> str:
    """Return a default as it would be written; nothing where it stands for a choice that the text explains."""
    if not default:
        return ""
    if name in ("ttft", "tpot"):
        return f"{default:g} s" if default >= 1 else f"{1e3 * default:g} ms"
    if name == "efficiency":
        return f"{100 * default:g} %"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _docs(cls: type) -> dict[str, str]:
    """Return the docstring of each field, those of a class that it extends among them."""
    from docstring_parser import parse_from_object

    own = (parse_from_object(c).params for c in reversed(cls.__mro__) if c is not object)
    return {p.arg_name: " ".join((p.description or "").split()) for params in own for p in params}
