"""Costs of a plan and who pays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, TypeVar

from annotated_types import Ge, Le
from pydantic import BaseModel

from gigaplan.catalog import history
from gigaplan.finance.inputs import (
    Contract,
    CostOfCapital,
    Costs,
    Debt,
    Equity,
    FinanceInputs,
    GenerationCost,
    Guaranty,
    Rents,
    Tax,
    Tranches,
)
from gigaplan.finance.rates import real_rate
from gigaplan.fleet.inputs import FleetInputs
from gigaplan.plan.checks.knowledge import PRICES, stated
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.members import Uncertain

T = TypeVar("T")
NO_TRANCHES = Tranches(
    investor="",
    amount_per_milestone_usd=0.0,
    total_usd=0.0,
    milestone=Based(1e3, "MW", PowerBasis.IT),
    trigger_state="accepted",
)
"""Of a plan in which no investment is tied to a milestone."""


def finance(filler: Filler, doc: PlanDocument, fleet: FleetInputs) -> FinanceInputs:
    """Return the finance room's inputs; racks are written off over the time that they serve, unless the plan says."""
    given = doc.finance
    costs = filler.fill(Costs, given.costs, "build", "finance.costs")
    generations = tuple(
        filler.fill(
            GenerationCost,
            given.systems.get(g.name),
            g.name,
            f"finance.generations.{g.name}",
            name=g.name,
            book_life_years=g.life_years if costs.it_life_years is None else costs.it_life_years,
            service_life_years=g.life_years,
            first_supply_date=g.first_ship_date,
            first_supply_date_delay_days=g.first_ship_date_delay_days,
        )
        for g in fleet.generations
    )
    places = [*doc.fleet.sites.items(), *doc.fleet.opening.items()]
    contracts = tuple(
        filler.fill(Contract, place.contract, "contract", f"finance.contracts.{name}") for name, place in places
    )
    capital = filler.fill(CostOfCapital, given.cost_of_capital, "cost_of_capital", "finance.cost_of_capital")
    return FinanceInputs(
        generations=generations,
        costs=costs,
        tranches=filler.fill(Tranches, given.tranches, "tranches", "finance.tranches")
        if given.tranches
        else NO_TRANCHES,
        contracts=contracts,
        equity=_named(filler, Equity, given.equity, "equity"),
        guaranties=_named(filler, Guaranty, given.guaranties, "guaranties"),
        published_revenue=_published_revenue(filler, doc),
        rents=_rents(filler, doc, capital),
        cost_of_capital=capital,
        vendor_margin_share=_vendor_margin(filler, doc),
        debt=filler.fill(Debt, given.debt, "debt", "finance.debt") if given.debt else None,
        tax=filler.fill(Tax, given.tax, "tax", "finance.tax") if given.tax else None,
        one_price_year=doc.price_year is not None,
    )


def _rents(filler: Filler, doc: PlanDocument, capital: CostOfCapital) -> Rents:
    """Return how rents move: through the published ones that were known, or known when the rents by generation were;
    in the prices of the plan's year, where it states one, and their change less inflation."""
    rents = filler.fill(Rents, doc.finance.rents, "rents", "finance.rents", published=())
    until = doc.known_until
    if until is not None and doc.hindsight:
        until = max(until, rents.reference_date)
    points = filler.published(history.RENT_OF, history.RENT, until, "finance.rents.published", real=True)
    change = rents.change_per_year
    if doc.price_year is not None:
        change = real_rate(change, capital.inflation_per_year)
    return replace(rents, published=points, change_per_year=change)


def _vendor_margin(filler: Filler, doc: PlanDocument) -> Uncertain:
    """Return the share of its receipts that the vendor keeps."""
    path, hint, stated = (
        "finance.vendor_margin_share",
        Annotated[Uncertain, Ge(0), Le(1)],
        doc.finance.vendor_margin_share,
    )
    if stated is not None:
        return filler.state(path, stated, hint)
    found: Uncertain = filler.value(path, filler.facts.find("build", "vendor_margin_share"), hint)
    return found


def _published_revenue(filler: Filler, doc: PlanDocument) -> tuple[tuple[dt.date, float], ...]:
    """Return the revenue that the plan goes through: its history's, unless it states what requests bring."""
    if doc.history is None or stated(doc.demand, PRICES):
        return ()
    return filler.published(doc.history, history.REVENUE, doc.known_until, "finance.published_revenue")


def _named(filler: Filler, cls: type[T], section: Mapping[str, BaseModel] | None, kind: str) -> tuple[T, ...]:
    """Return a room's dataclass for each entry of a section."""
    entries = (section or {}).items()
    return tuple(filler.fill(cls, one, kind, f"finance.{kind}.{name}", name=name) for name, one in entries)
