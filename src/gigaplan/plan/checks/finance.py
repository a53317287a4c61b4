"""Rules of contracts, tranches and other money."""

from __future__ import annotations

from collections.abc import Iterator

from gigaplan.fleet.inputs import LADDER
from gigaplan.plan.checks.common import first_of_month, known_name, outside
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.errors import Problem


def contracts(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A contract's money runs: rent on what is rented, lease for what is owned."""
    places = [("sites", n, s.contract, s.rented or 0.0) for n, s in plan.fleet.sites.items()]
    blocks = plan.fleet.opening.items()
    places += [("opening", n, b.contract, 1.0 if b.rented is None else b.rented) for n, b in blocks]
    for home, name, terms, rented in places:
        if terms is None:
            continue
        path = ("fleet", home, name, "contract")
        rent, lease = terms.usd_per_it_mw_year or 0.0, terms.lease_usd_per_it_mw_year or 0.0
        share = f"rented: {rented:g}"
        if rented == 0 and rent > 0:
            yield _without_effect(
                "nothing is rented, so the rent is never paid", root, (*path, "usd_per_it_mw_year"), share
            )
        elif rented == 0 and lease == 0:
            yield _without_effect("neither rent nor lease, so the contract costs nothing", root, path, share)
        if rented == 1 and lease > 0:
            yield _without_effect(
                "all is rented, so the lease is never paid", root, (*path, "lease_usd_per_it_mw_year"), share
            )


def _without_effect(message: str, root: Node, path: tuple[str, ...], value: str) -> Problem:
    allowed = "usd_per_it_mw_year where a share is rented, lease_usd_per_it_mw_year where a share is owned"
    remedy = "state the share that is 'rented' next to the contract, or change its terms; the run goes on"
    return Problem(message, root.place(path), value=value, allowed=allowed, remedy=remedy, severity="warning")


def rates_and_tax(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What is stated of rates and tax acts on something."""
    capital, tax = plan.finance.cost_of_capital, plan.finance.tax
    if capital is not None and capital.inflation_per_year is not None and plan.price_year is None:
        yield Problem(
            "inflation has no effect: no price year is stated, so rates stay nominal",
            root.place(("finance", "cost_of_capital", "inflation_per_year")),
            remedy="state price_year, or leave this line out; the run goes on",
            severity="warning",
        )
    if tax is not None and tax.bonus_share and tax.schedule != "macrs":
        yield Problem(
            "the bonus has no effect: it belongs to the schedule macrs",
            root.place(("finance", "tax", "bonus_share")),
            allowed="schedule: macrs",
            remedy="state that schedule, or leave this line out; the run goes on",
            severity="warning",
        )


def trigger(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """The state that pays a tranche is a state of delivery."""
    if plan.finance.tranches is not None:
        path = ("finance", "tranches", "trigger_state")
        yield from known_name(plan.finance.tranches.trigger_state, LADDER, "state of the ladder", root, path)


def tranches(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A milestone of investment is some power, on a basis that the fleet is counted in."""
    if plan.finance.tranches is None:
        return
    place, power = root.place(("finance", "tranches", "milestone")), plan.finance.tranches.milestone
    if power.value == 0:
        remedy = "give the power of one milestone, or leave finance.tranches out"
        yield Problem("a milestone without power", place, value=str(power), allowed="more than 0", remedy=remedy)
    if power.basis not in (PowerBasis.IT, PowerBasis.FACILITY):
        remedy = "state the milestone on one of these bases"
        yield Problem(
            "no milestone is counted on this basis", place, value=str(power), allowed="it, facility", remedy=remedy
        )


def money_in_time(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Money outside the horizon does nothing."""
    start, end = first_of_month(plan.horizon.start), first_of_month(plan.horizon.end)
    for name, promise in (plan.finance.guaranties or {}).items():
        if promise.start >= end:
            path = ("finance", "guaranties", name, "start")
            yield outside("after the horizon ends", root, path, promise.start, "it guarantees nothing")
    for name, paid in (plan.finance.equity or {}).items():
        path, why = ("finance", "equity", name, "date"), "its money is not counted"
        if paid.date >= end:
            yield outside("after the horizon ends", root, path, paid.date, why)
        if paid.date < start:
            yield outside("before the horizon starts", root, path, paid.date, why)
