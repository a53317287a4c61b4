"""Amounts far outside what is plausible: a slip of a unit or of a zero that no bound of the schema refuses.

A line whose name is a quantity of the catalog has that quantity's range; ``data/plausible_ranges.csv`` has the others.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from gigaplan import catalog
from gigaplan.plan.document import Node
from gigaplan.plan.paths import settings, unit_at
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.bases import Based
from gigaplan.vocabulary.errors import Problem
from gigaplan.vocabulary.units import amount, factor


@dataclass(frozen=True)
class Range:
    """What is plausible at a line of a plan, both ends in the unit of that line."""

    low: float
    high: float
    unit: str

    def __str__(self) -> str:
        return f"{self.low:,.12g} to {amount(self.high, self.unit)}"


def ranges(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Every amount of a plan lies in its plausible range."""
    for line, span in plausible_ranges().items():
        for path, found in _values(plan, line, ()):
            number = found.value if isinstance(found, Based) else found
            if not isinstance(number, int | float):  # of the plan's own things: their reader says it
                continue
            if not span.low <= number <= span.high:
                written, read = root.written(path), amount(number, span.unit)
                same = written.replace(",", "") in ("", read.replace(",", ""), f"{number:g}")
                yield Problem(
                    "outside the plausible range",
                    root.place(path),
                    value=(written or read) if same else f"{written}, read as {read}",
                    allowed=str(span),
                    remedy="check the unit and the zeros; the run goes on",
                    severity="warning",
                )


@cache
def plausible_ranges() -> dict[tuple[str, ...], Range]:
    """Return the plausible range of each line of a plan that has one, ``*`` for an entry of the author's own name."""
    text = (files("gigaplan.plan") / "data" / "plausible_ranges.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    found = {tuple(r["line"].split(".")): Range(float(r["low"]), float(r["high"]), r["unit"]) for r in rows}
    quantities = catalog.load().quantities
    for line in settings():
        quantity, unit = quantities.get(line[-1]), unit_at(line) or "1"
        if quantity is None or quantity.low is None or quantity.high is None or line in found:
            continue
        if unit == "1" != quantity.unit:  # read as written there, and checked where it becomes a fact
            continue
        scale = 1.0 if unit == quantity.unit else factor(quantity.unit, unit)
        found[line] = Range(quantity.low * scale, quantity.high * scale, unit)
    return found


def _values(found: Any, line: tuple[str, ...], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each value that stands at a line, with its path."""
    if found is None:
        return
    if not line:
        yield path, found
        return
    names = found if line[0] == "*" else line[:1]
    for name in names:
        below = found[name] if isinstance(found, dict) else getattr(found, name)
        yield from _values(below, line[1:], (*path, name))
