"""Published figures of power next to gigaplan's: what every comparison of ``gigaplan validate power`` answers with.

Each comparison is a module of its own with a function that takes nothing and returns a :class:`Comparison`;
:data:`COMPARISONS` lists them, and adding a line there adds one to the command.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from gigaplan.vocabulary.show import Brief, BriefRows, error_text

COMPARISONS = (
    "gigaplan.validation.power.it_load:it_loads",
    "gigaplan.validation.power.facilities:operators",
    "gigaplan.validation.power.facilities:water",
    "gigaplan.validation.power.facilities:peaks",
    "gigaplan.validation.power.facilities:frontier_day",
    "gigaplan.validation.power.swings:step_cycles",
    "gigaplan.validation.power.energised:energisations",
)
"""Functions of the comparisons in the order of the command, ``module:name``."""


@dataclass(frozen=True, slots=True, repr=False)
class Compared(Brief):
    """One published figure and gigaplan's."""

    name: str
    published: float
    predicted: float
    unit: str
    low: float
    high: float
    """What gigaplan's figure lies between: over hours, places or the ranges of facts, as the note says."""
    source: str
    note: str

    @property
    def error(self) -> float:
        """Predicted over published, less one."""
        return self.predicted / self.published - 1

    def brief_line(self) -> str:
        """Return published, predicted and the error."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"{self.published:.4g}{unit} published, {self.predicted:.4g} predicted ({error_text(self.error)})"


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Brief):
    """Figures of one kind."""

    name: str
    rows: tuple[Compared, ...]
    note: str = ""
    """What all of them rest on."""

    def brief_title(self) -> str:
        """Return what is compared."""
        return self.name

    def brief_rows(self) -> BriefRows:
        """Return each figure."""
        yield from ((r.name, r.brief_line()) for r in self.rows)


def compare_all() -> tuple[Comparison, ...]:
    """Return every comparison of the command."""
    found = []
    for path in COMPARISONS:
        module, _, name = path.partition(":")
        found.append(getattr(importlib.import_module(module), name)())
    return tuple(found)
