"""How an answer shows itself in Python: at most ten lines of text, and a table in a notebook.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True, slots=True, repr=False)
... class Answer(Brief):
...     model: str
...     steps: tuple[float, ...]
>>> Answer("gpt", (1.0, 2.0))
Answer
  model  gpt
  steps  2 entries
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable, Mapping, Sized
from typing import ClassVar, TypeVar

T_co = TypeVar("T_co", covariant=True)
LINES, WIDTH = 9, 100
"""Most lines below the title, and most characters of a value."""


class Brief:
    """Mixin of answers: shows the fields and properties that ``BRIEF`` names (default: the first ones) in ten lines.

    A dataclass that has it is declared with ``repr=False``.
    """

    __slots__ = ()
    BRIEF: ClassVar[tuple[str, ...]] = ()

    def brief_rows(self) -> Iterable[tuple[str, object]]:
        """Return what is shown: names with values; dots lead into a part."""
        names = self.BRIEF or tuple(f.name for f in dataclasses.fields(self))  # type: ignore[arg-type]
        return ((name, _part(self, name)) for name in names)

    def __repr__(self) -> str:
        rows = _shown(self.brief_rows())
        wide = max((len(name) for name, _ in rows), default=0)
        return "\n".join([type(self).__name__, *(f"  {name:{wide}}  {text}".rstrip() for name, text in rows)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
            for name, text in _shown(self.brief_rows())
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"


class Items(Brief, tuple[T_co, ...]):
    """Answers in a row, shown in ten lines."""

    __slots__ = ()

    def brief_rows(self) -> Iterable[tuple[str, object]]:
        """Return the first ones by number."""
        return ((str(k), one) for k, one in enumerate(self))


def _part(value: object, path: str) -> object:
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    return value


def _shown(rows: Iterable[tuple[str, object]]) -> list[tuple[str, str]]:
    """Return rows as text, the last of too many saying how many more there are."""
    every = list(rows)
    cut = every if len(every) <= LINES else every[: LINES - 1]
    found = [(name, _short(text(value))) for name, value in cut]
    return found if len(every) == len(cut) else [*found, ("...", f"{len(every) - len(cut)} more")]


def text(value: object) -> str:
    """Return a value in one short line."""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e5 else f"{value:.4g}"
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str) or not isinstance(value, Sized | Mapping):
        return _figure(value) if dataclasses.is_dataclass(value) else str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {text(v)}" for k, v in value.items()) or "none"
    if value and all(isinstance(v, str | int | float) for v in value) and len(value) <= 6:  # type: ignore[attr-defined]
        return ", ".join(text(v) for v in value)  # type: ignore[attr-defined]
    return f"{len(value):,} {'entry' if len(value) == 1 else 'entries'}" if value else "none"


def _figure(value: object) -> str:
    """Return a number with its interval, or any other part of an answer by its first fields."""
    names = [f.name for f in dataclasses.fields(value)]  # type: ignore[arg-type]
    if names[:3] == ["value", "low", "high"]:
        number, low, high = (text(getattr(value, name)) for name in names[:3])
        return f"{number} ({low} to {high})"
    return ", ".join(f"{name} {text(getattr(value, name))}" for name in names[:5])


def _short(line: str) -> str:
    one = " ".join(line.split())
    return one if len(one) <= WIDTH else one[: WIDTH - 3] + "..."
