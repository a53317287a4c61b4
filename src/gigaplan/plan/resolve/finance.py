"""Costs of a plan and who pays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel

from gigaplan.catalog import history
from gigaplan.finance.inputs import Contract, Costs, Equity, FinanceInputs, GenerationCost, Guaranty, Tranches
from gigaplan.plan.checks.knowledge import PRICES, stated
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.bases import Based, PowerBasis

T = TypeVar("T")
NO_TRANCHES = Tranches(
    investor="",
    amount_per_milestone_usd=0.0,
    total_usd=0.0,
    milestone=Based(1e3, "MW", PowerBasis.IT),
    trigger_state="accepted",
)
"""Of a plan in which no investment is tied to a milestone."""


def finance(filler: Filler, doc: PlanDocument) -> FinanceInputs:
    """Return the finance room's inputs."""
    given = doc.finance
    generations = tuple(
        filler.fill(GenerationCost, given.systems.get(name), name, f"finance.generations.{name}", name=name)
        for name in doc.fleet.generations
    )
    places = [*doc.fleet.sites.items(), *doc.fleet.opening.items()]
    contracts = tuple(
        filler.fill(Contract, place.contract, "contract", f"finance.contracts.{name}") for name, place in places
    )
    return FinanceInputs(
        generations=generations,
        costs=filler.fill(Costs, given.costs, "build", "finance.costs"),
        tranches=filler.fill(Tranches, given.tranches, "tranches", "finance.tranches")
        if given.tranches
        else NO_TRANCHES,
        contracts=contracts,
        equity=_named(filler, Equity, given.equity, "equity"),
        guaranties=_named(filler, Guaranty, given.guaranties, "guaranties"),
        published_revenue=_published_revenue(filler, doc),
    )


def _published_revenue(filler: Filler, doc: PlanDocument) -> tuple[tuple[dt.date, float], ...]:
    """Return the revenue that the plan goes through: its history's, unless it states what requests bring."""
    if doc.history is None or stated(doc.demand, PRICES):
        return ()
    return filler.published(doc.history, history.REVENUE, doc.known_until, "finance.published_revenue")


def _named(filler: Filler, cls: type[T], section: Mapping[str, BaseModel] | None, kind: str) -> tuple[T, ...]:
    """Return a room's dataclass for each entry of a section."""
    entries = (section or {}).items()
    return tuple(filler.fill(cls, one, kind, f"finance.{kind}.{name}", name=name) for name, one in entries)
