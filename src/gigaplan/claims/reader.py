"""A result beside the catalog, as claims read it."""

from __future__ import annotations

import numpy as np

from gigaplan.catalog import Catalog
from gigaplan.demand.inputs import GENERATED
from gigaplan.results.headlines import MONTHS, SERVED
from gigaplan.results.result import Result
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS

ANNOUNCED, DGX, RUBIN = "loi_2025_09", "dgx_1", "vr_nvl72"


class Reader:
    """A result beside the catalog; whatever a claim reads goes into the ledger, once."""

    def __init__(self, result: Result, facts: Catalog) -> None:
        self.result, self.facts = result, facts
        self._recorded = {e.path for e in result.ledger.under("claims")}

    def fact(self, claim: str, entity: str, quantity: str, **bases: str) -> Fact:
        """Return a fact, recorded under the claim that reads it."""
        fact = self.facts.find(entity, quantity, **bases)
        path = f"claims.{claim}.{fact.id}"
        if path not in self._recorded:
            self._recorded.add(path)
            self.result.ledger.read(path, fact)
        return fact

    def number(self, claim: str, entity: str, quantity: str, **bases: str) -> float:
        """Return a fact's number, recorded under the claim that reads it."""
        return self.fact(claim, entity, quantity, **bases).number

    def stated(self, path: str) -> str:
        """Return what the plan or its facts gave the input at a path, empty if it isn't recorded."""
        return next((e.value for e in self.result.ledger.under(path)), "")

    def sites(self) -> list[int]:
        """Return the places of the announced programme: all but the opening fleet."""
        return self.result.new_sites()

    def reached_mw(self, state: str) -> Array:
        """Return the announced sites' IT power in a state or beyond: (site, edge)."""
        states = self.result.labels["state"]
        return np.asarray(self.result.central("power_state_mw")[states.index(state) :, self.sites()].sum(axis=0))

    def date_of(self, path: Array, level: float) -> str:
        """Return the first edge (ISO date) at which a path reaches a level, or 'never'."""
        reached = np.flatnonzero(path >= level * (1 - 1e-9))
        return str(self.result.axis.edges[int(reached[0])]) if len(reached) else "never"

    def last_year(self) -> slice:
        """Return the horizon's last twelve months."""
        return slice(max(self.result.axis.months - MONTHS, 0), self.result.axis.months)

    def first_year(self) -> slice:
        """Return the horizon's first twelve months."""
        return slice(0, MONTHS)

    def waiting(self) -> Array:
        """Return whether each workload waits in each month: (workload, month)."""
        return np.asarray(self.result.central("served_share") < SERVED)

    def year(self, name: str, months: slice) -> float:
        """Return the sum of an amount over some months and everything else."""
        return float(self.result.central(name)[..., months].sum())

    def generated(self, months: slice) -> float:
        """Return the tokens generated for all workloads in some months."""
        made = [self.result.index("token", kind) for kind in GENERATED]
        per_day = self.result.central("tokens_served_per_day")[:, made].sum(axis=(0, 1))
        return float((per_day * self.result.axis.hours / HOURS)[months].sum())
