"""How a field of a request is written at the doors: its option in the terminal, its choices, its unit.

A request is a dataclass of plain values. Its markers say what the doors need beyond the type; they import neither the
terminal's library nor pydantic, so that any room may use them:

>>> from typing import Annotated
>>> TimeLimit = Annotated[float, Option("ttft"), Quantity("s")]
>>> Quantity("s").parse("80 ms")
0.08
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gigaplan.vocabulary.units import example, parse_date, parse_quantity

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

SCALES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


@dataclass(frozen=True, slots=True)
class Option:
    """Marker of a field that the doors offer under a name of its own, with choices or in a group.

    Parameters
    ----------
    name : str
        The option without its dashes; the field's own name if empty.
    group : str
        Heading below which the terminal's help lists it.
    entities : tuple of str
        Quantities; the field names an entity of the catalog that has one of them.
    choices : tuple of str
        Words that are allowed.
    argument : bool
        Whether the terminal takes it by place instead of by name.
    words : bool
        Whether the terminal joins what follows up to the next option, so that ``--ttft 2 s`` needs no quotes.
    """

    name: str = ""
    group: str = ""
    entities: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    argument: bool = False
    words: bool = False


class _Parsed:
    """A marker that lets pydantic run :meth:`parse` before its own checks."""

    __slots__ = ()

    def parse(self, value: object) -> object:
        """Return the plain value; ValueError says what to write."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic parse first (called by pydantic only)."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.parse, handler(source))


class Quantity(_Parsed):
    """Marker of a number in a unit: a bare number is in that unit, text says its own.

    Parameters
    ----------
    unit : str
        Canonical unit, as ``s``, ``bit/s``, ``km`` or ``share``.
    written : str, optional
        How a person would write one, for messages.
    bare : bool
        Whether text may leave the unit out.
    """

    __slots__ = ("bare", "unit", "written")

    def __init__(self, unit: str, written: str = "", *, bare: bool = False) -> None:
        self.unit = unit
        self.written = written or example(unit)
        self.bare = bare

    def parse(self, value: object) -> object:
        """Return a number in this unit of a person's text, or the value itself if it is no text."""
        if not isinstance(value, str):
            return value
        if self.bare and re.fullmatch(r"\s*[0-9.]+\s*", value):
            return float(value)
        text = re.sub(r"([bB]ps|b/s|bits/s)\s*$", "bit/s", value) if self.unit == "bit/s" else value
        try:
            return parse_quantity(text, self.unit)
        except ValueError as error:
            raise ValueError(f"{error}; write it like '{self.written}'") from None


class Count(_Parsed):
    """Marker of a number of things, which text may scale: ``15.6T``, ``14.8 T tokens``, ``2e12``."""

    __slots__ = ("things",)

    def __init__(self, things: str) -> None:
        self.things = things

    def parse(self, value: object) -> object:
        """Return a number of a person's text, or the value itself if it is no text."""
        if not isinstance(value, str):
            return value
        singular = self.things.removesuffix("s")
        pattern = rf"\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([kMBT]?)\s*(?:{singular}s?)?\s*"
        found = re.fullmatch(pattern, value, re.IGNORECASE)
        try:
            return float(found[1]) * SCALES[found[2].upper()] if found else float(value)
        except ValueError:
            raise ValueError(f"not a number of {self.things}; write 15.6e12 or 15.6T") from None


class DayOf(_Parsed):
    """Marker of a date: ``2028-06-30``, ``2028-06``, ``2028-Q2``, ``2028-H1`` or ``2028``."""

    __slots__ = ()

    def parse(self, value: object) -> object:
        """Return a date of a person's text, or the value itself if it is no text."""
        return parse_date(value) if isinstance(value, str) else value


class Reads(_Parsed):
    """Marker of a field that a function reads from a list of texts, as ``recovery_s=5 min``."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[list[str]], object]) -> None:
        self.read = read

    def parse(self, value: object) -> object:
        """Return what the function makes of a text or a list of texts, or the value itself if it is neither."""
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not all(isinstance(v, str) for v in texts):
            return value
        return self.read([str(text) for text in texts])
