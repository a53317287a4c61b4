"""One labelled result: numpy arrays under the names, dims, kinds and units of the variable table, stamped."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from gigaplan.plan.load import Sources
from gigaplan.results.verdicts import Claim
from gigaplan.vocabulary.bases import Based
from gigaplan.vocabulary.facts import Evidence, Fact, Ledger, weakest
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import TimeAxis
from gigaplan.vocabulary.variables import Variable, variables

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What makes a result reproducible."""

    plan: str
    title: str
    plan_hash: str
    version: str
    catalog_vintage: str
    seed: int
    members: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """The answer to a plan.

    ``result["gpus_available"]`` is the array (dims in the variable table; the member axis comes first);
    ``labels`` names the entries along every dim; ``claims`` are the announcement's lines held against the model;
    ``ledger`` lists what was read, and ``notes`` what the plan's author wants its reader to know.
    """

    stamp: Stamp
    axis: TimeAxis
    labels: Mapping[str, tuple[str, ...]]
    arrays: Mapping[str, Array]
    ledger: Ledger
    claims: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    assumptions: Mapping[str, str] = field(default_factory=dict)
    announced: Based
    """The power that the plan promises, on its basis."""
    sources: Sources | None = None
    """The plan's text, its overlays and changes, where it was made from them: what runs it again."""

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def central(self, name: str) -> Array:
        """Return the first member's array (the central facts), without the member axis."""
        array = self.arrays[name]
        return np.asarray(array[0] if variables()[name].dims[:1] == ("member",) else array)

    def with_claims(self, claims: tuple[Claim, ...]) -> Result:
        """Return this result with its claims checked."""
        return replace(self, claims=claims)

    def index(self, dim: str, label: str) -> int:
        """Return the place of a label along a dim; ValueError lists the labels."""
        try:
            return self.labels[dim].index(label)
        except ValueError:
            raise ValueError(f"no '{label}' along {dim}: {', '.join(self.labels[dim])}") from None

    def variable(self, name: str) -> Variable:
        """Return the variable table's row."""
        return variables()[name]

    def day(self, days: float) -> dt.date | None:
        """Return a calendar day from days since the start of the horizon, None for nan."""
        return None if math.isnan(days) else self.axis.day_at(days)

    def lineage(self, name: str) -> set[str]:
        """Return the paths of all scenario inputs below a variable."""
        found: set[str] = set()
        todo, seen = [name], set()
        while todo:
            item = todo.pop()
            if item in seen:
                continue
            seen.add(item)
            if item.startswith("input:"):
                found.add(item.removeprefix("input:"))
            else:
                todo.extend(variables()[item].inputs)
        return found

    def evidence(self, name: str) -> Evidence:
        """Return the weakest evidence class that a variable rests on."""
        return weakest(e.evidence for path in self.lineage(name) for e in self.ledger.under(path))

    def to_xarray(self) -> xarray.Dataset:
        """Return this result as an xarray Dataset, labels as coordinates, units and meanings as attributes.

        MachineError says how to install xarray where it is missing.
        """
        from gigaplan.results.export import to_xarray

        return to_xarray(self)

    def facts(self) -> list[Fact]:
        """Return every fact that the run read."""
        return self.ledger.facts()
