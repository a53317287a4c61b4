"""The variable table: the one home of every result quantity's name, dims, kind, unit, meaning and lineage."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

DIMS = (
    "member",
    "month",
    "edge",
    "day",
    "hour",
    "workload",
    "generation",
    "site",
    "state",
    "limit",
    "component",
    "line",
    "tranche",
    "token",
    "life",
    "region",
    "year",
    "instrument",
    "run",
    "milestone",
    "scope",
    "bound",
    "driver",
)
KINDS = ("rate", "amount", "level", "price", "share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One result quantity.

    ``kind`` fixes how it resamples: an amount adds up, a rate or level is averaged over time, a price is averaged
    over what it prices, a share over what it is a share of. ``formula`` says how it is computed and ``inputs``
    from what: names of other variables, or ``input:path`` for scenario inputs recorded in the ledger.
    """

    name: str
    room: str
    dims: tuple[str, ...]
    kind: str
    unit: str
    meaning: str
    formula: str
    inputs: tuple[str, ...]


@cache
def variables() -> dict[str, Variable]:
    """Return the variable table, by name, in the order of the journey.

    Raises
    ------
    ValueError
        If a row names an unknown dim or kind, or an input that is no variable.
    """
    text = (files("gigaplan.vocabulary") / "variables.csv").read_text(encoding="utf-8")
    table: dict[str, Variable] = {}
    for row in csv.DictReader(text.splitlines()):
        dims, inputs = tuple(row["dims"].split()), tuple(row["inputs"].split())
        words = {k: row[k] for k in ("name", "room", "kind", "unit", "meaning", "formula")}
        table[row["name"]] = Variable(dims=dims, inputs=inputs, **words)
    for v in table.values():
        known = all(d in DIMS for d in v.dims) and v.kind in KINDS
        if not known or any(not i.startswith("input:") and i not in table for i in v.inputs):
            raise ValueError(f"variables.csv: row '{v.name}' names an unknown dim, kind or input")
    return table
