"""How an answer shows itself in Python: at most ten lines of text, and a table in a notebook.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True, slots=True, repr=False)
... class TrainRun(Brief):
...     model: str
...     steps: tuple[float, ...]
>>> TrainRun("gpt", (1.0, 2.0))
Train run
  model  gpt
  steps  1, 2
"""

from __future__ import annotations

import dataclasses
import html
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sized
from functools import cache
from typing import Any, ClassVar, TypeVar

from gigaplan.vocabulary.figures import DASH, number_of, short

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
K = TypeVar("K")
V = TypeVar("V")
BriefRows = Iterable[tuple[str, object]]
LINES, WIDTH, LABEL = 9, 120, 44
"""Most lines below the title, most columns of a line, and most of them that a label takes."""
FEW = 6
"""Words or numbers of a list that stand in one line; more are counted."""
SHARES = ("error", "bias", "share", "median_abs", "mean_abs", "p90_abs", "covered", "left_out_error")
"""Endings of names of figures that are shares."""


VIEWS: list[Callable[[object], str]] = []
"""What draws an answer for a notebook, set by the rooms above: HTML, or nothing where it has no view of the answer."""


def drawn(answer: object) -> str:
    """Return an answer as a notebook shows it, empty where no room above draws it."""
    return next((text for view in VIEWS if (text := view(answer))), "")


@cache
def _field_names(cls: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields."""
    return tuple(f.name for f in dataclasses.fields(cls))


class Brief:
    """Mixin of answers and their parts: shows the fields and properties that ``BRIEF`` names (default: the first ones)
    in ten lines, and its own lists likewise.

    A dataclass that has it is declared with ``repr=False``.
    """

    __slots__ = ()
    BRIEF: ClassVar[tuple[str, ...]] = ()
    MANY: ClassVar[str] = ""
    """What several are called; the class's name in the plural if empty."""

    def __post_init__(self) -> None:
        for name in _field_names(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if type(value) is tuple:
                object.__setattr__(self, name, Items(value))

    def brief_title(self) -> str:
        """Return what this is, in plain text."""
        return _words(type(self))

    def brief_rows(self) -> BriefRows:
        """Return what is shown: labels with values; dots in ``BRIEF`` lead into a part."""
        names = self.BRIEF or tuple(f.name for f in dataclasses.fields(self))  # type: ignore[arg-type]
        return ((name.rsplit(".", 1)[-1], _part(self, name)) for name in names)

    def brief_line(self) -> str:
        """Return the same in one line, for lists."""
        found = [(name, _text_of(name, value)) for name, value in self.brief_rows()]
        return ", ".join(f"{name} {shown}" for name, shown in found if shown not in ("", DASH))

    def __repr__(self) -> str:
        return as_text(self.brief_title(), self.brief_rows())

    def _repr_html_(self) -> str:
        return drawn(self) or as_table(self.brief_title(), self.brief_rows())


class Items(Brief, tuple[T_co, ...]):
    """Answers in a row, shown in ten lines."""

    __slots__ = ()

    def brief_title(self) -> str:
        """Return how many there are of what."""
        return _how_many(self)

    def brief_rows(self) -> BriefRows:
        """Return the first ones by number."""
        return ((str(k), one) for k, one in enumerate(self))


class Lines(Brief, list[T]):
    """A list that grows, shown in ten lines."""

    __slots__ = ()

    def brief_title(self) -> str:
        """Return how many there are of what."""
        return _how_many(tuple(self))

    def brief_rows(self) -> BriefRows:
        """Return the first ones by number."""
        return ((str(k), one) for k, one in enumerate(self))


class Named(Brief, dict[K, V]):
    """Values by name, shown in ten lines."""

    __slots__ = ()

    def brief_title(self) -> str:
        """Return how many there are of what."""
        return _how_many(tuple(self.values()))

    def brief_rows(self) -> BriefRows:
        """Return the first ones by name."""
        return ((str(name), value) for name, value in self.items())


def as_text(title: str, rows: BriefRows) -> str:
    """Return a title and labelled values in at most ten lines of at most 120 columns."""
    shown = _shown(rows)
    wide = max((len(name) for name, _ in shown), default=0)
    return "\n".join(
        [cut(title, WIDTH), *(f"  {name:{wide}}  {cut(text, WIDTH - wide - 4)}".rstrip() for name, text in shown)]
    )


def as_table(title: str, rows: BriefRows) -> str:
    """Return the same as an HTML table."""
    body = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
        for name, text in _shown(rows)
    )
    return f"<table><caption>{html.escape(title)}</caption>{body}</table>"


def text(value: object) -> str:
    """Return a value in one short line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number_of(value)
    if value is None:
        return DASH
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Brief) and dataclasses.is_dataclass(value):
        return value.brief_line()
    if hasattr(value, "shape") and hasattr(value, "dtype"):  # an array, without importing numpy here
        return f"array of {' x '.join(map(str, value.shape))}" if value.shape else text(value.item())  # type: ignore[attr-defined]
    if isinstance(value, str) or not isinstance(value, Sized | Mapping):
        return _figure(value) if dataclasses.is_dataclass(value) else str(value)
    return _of_many(value)


def with_unit(figure: Any, unit: str) -> str:
    """Return a number, or one with its interval, in a unit ('29.5 (27.0 to 42.1) s'); a dash for None."""
    if figure is None:
        return DASH
    if not hasattr(figure, "low"):
        return short(figure, unit)
    return f"{short(figure.value)} ({short(figure.low)} to {short(figure.high)}) {unit}".strip()


def error_text(share: float | None) -> str:
    """Return an error as a percentage with its first decimal, as tables of errors do; a dash where there is none."""
    return DASH if share is None or math.isnan(share) else f"{share:.1%}"


def cut(line: str, width: int) -> str:
    """Return a text on one line of at most so many columns."""
    one = " ".join(line.split())
    return one if len(one) <= width else one[: width - 3] + "..."


def _of_many(value: Any) -> str:
    if isinstance(value, Mapping):
        if len(value) <= 2 * FEW:
            return ", ".join(f"{k} {text(v)}" for k, v in value.items()) or "none"
    elif value and all(isinstance(v, str | int | float) for v in value) and len(value) <= FEW:
        return ", ".join(text(v) for v in value)
    return _how_many(tuple(value)) if value else "none"


def _how_many(items: tuple[object, ...]) -> str:
    """Return ``3 curves`` for three of a kind, ``3 entries`` for what has no name of its own."""
    kinds = {type(one) for one in items}
    kind = kinds.pop() if len(kinds) == 1 else tuple
    word = _words(kind).lower() if dataclasses.is_dataclass(kind) else "entry"
    many = word if word.endswith("s") else word[:-1] + "ies" if word.endswith("y") else word + "s"
    return f"{len(items):,} {word if len(items) == 1 else getattr(kind, 'MANY', '') or many}"


def _words(kind: type) -> str:
    """Return ``Train run`` for ``TrainRun``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).capitalize()


def _part(value: object, path: str) -> object:
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    return value


def _shown(rows: BriefRows) -> list[tuple[str, str]]:
    """Return rows as text without those that say nothing, the last of too many saying how many more there are."""
    every = [(name, value) for name, value in rows if not (isinstance(value, str) and not value)]
    kept = every if len(every) <= LINES else every[: LINES - 1]
    found = [(cut(name, LABEL), " ".join(_text_of(name, value).split())) for name, value in kept]
    return found if len(every) == len(kept) else [*found, ("...", f"{len(every) - len(kept)} more")]


def _text_of(name: str, value: object) -> str:
    return error_text(value) if isinstance(value, float) and name.endswith(SHARES) else text(value)


def _figure(value: object) -> str:
    """Return a number with its interval, or any other part of an answer by its first fields."""
    names = [f.name for f in dataclasses.fields(value)]  # type: ignore[arg-type]
    if names[:3] == ["value", "low", "high"]:
        return with_unit(value, "")
    found = ((name, text(getattr(value, name))) for name in names[:FEW])
    return ", ".join(f"{name} {shown}" for name, shown in found if shown not in ("", DASH))
