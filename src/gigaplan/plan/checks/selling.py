"""Rules of what a plan sells: tokens at prices per million, and GPUs that customers reserve."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from gigaplan.finance.customers import ANY
from gigaplan.plan.checks.common import as_read, first_of_month, known_name
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.errors import Problem
from gigaplan.vocabulary.time import DAYS_PER_YEAR

TOKEN_PRICES = ("usd_per_mtok_input", "usd_per_mtok_cached_input", "usd_per_mtok_output")
"""Lines of a workload that state what tokens bring."""
TIERS = {"batch_share": "batch_discount_share", "priority_share": "priority_premium_share"}
"""Shares of the tokens that are sold at other prices, and by how much these differ."""
SHARE_TOLERANCE = 1e-6


def token_prices(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A workload has a price of its requests or prices of its tokens, and discounts are of the latter."""
    for name, work in plan.demand.workloads.items():
        path = ("demand", "workloads", name)
        stated = [line for line in TOKEN_PRICES if getattr(work, line) is not None]
        if stated and work.revenue_usd_per_request is not None:
            yield Problem(
                "a price of the request and prices of its tokens",
                root.place((*path, "revenue_usd_per_request"), key=True),
                value=f"revenue_usd_per_request and {', '.join(stated)}",
                allowed="one of the two",
                remedy="remove revenue_usd_per_request: it follows from the tokens, or remove the prices of tokens",
            )
        if stated == ["usd_per_mtok_cached_input"]:
            yield Problem(
                "only cached input has a price",
                root.place((*path, stated[0]), key=True),
                value=stated[0],
                remedy="state usd_per_mtok_input and usd_per_mtok_output as well",
            )
        for share, differs in TIERS.items():
            yield from _tier(work, root, path, share, differs, priced=bool(stated))
        shares = sum(getattr(work, share) or 0.0 for share in TIERS)
        if shares > 1:
            yield Problem(
                "more tokens at other prices than there are",
                root.place((*path, "priority_share")),
                value=f"batch_share {work.batch_share:g}, priority_share {work.priority_share:g}",
                allowed="up to 1 together",
                remedy="lower one of the shares",
            )


def _tier(
    work: object, root: Node, path: tuple[str, ...], share: str, differs: str, *, priced: bool
) -> Iterator[Problem]:
    """Yield what is wrong with a discount or a premium: it needs prices of tokens, and a share that has it."""
    for line in (share, differs):
        if getattr(work, line) is not None and not priced:
            yield Problem(
                f"'{line}' is of prices of tokens, and none are stated",
                root.place((*path, line), key=True),
                value=f"{getattr(work, line):g}",
                remedy="state usd_per_mtok_input and usd_per_mtok_output, or remove the line",
            )
    if priced and getattr(work, differs) is not None and not getattr(work, share):
        yield Problem(
            f"'{differs}' has no effect: nothing is sold at it",
            root.place((*path, differs), key=True),
            value=f"{getattr(work, differs):g}",
            remedy=f"state {share} as well, or remove the line; the run goes on",
            severity="warning",
        )


def customers(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A customer reserves GPUs of a system of the plan, in a term that the horizon sees."""
    start, end = first_of_month(plan.horizon.start), first_of_month(plan.horizon.end)
    for name, customer in plan.customers.items():
        path = ("customers", name)
        if customer.system is not None:
            known = [*plan.fleet.generations, ANY]
            yield from known_name(customer.system, known, "system of this plan", root, (*path, "system"), kind="system")
        last = customer.start + dt.timedelta(days=customer.years * DAYS_PER_YEAR)
        if customer.start >= end or last <= start:
            yield Problem(
                "the term lies outside the horizon",
                root.place((*path, "start")),
                value=f"{as_read(customer.start, root.written((*path, 'start')))}, for {customer.years:g} years",
                allowed=f"a term that touches {start} to {end}",
                remedy="move the start, lengthen the term or the horizon, or leave the customer out",
            )


def sale_mix(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """The mix for sale is of the plan's workloads, and whole."""
    mix = (plan.market.sale_mix if plan.market is not None else None) or {}
    path = ("market", "sale_mix")
    for name in mix:
        yield from known_name(name, plan.demand.workloads, "workload of this plan", root, (*path, name), key=True)
    if mix and abs(sum(mix.values()) - 1) > SHARE_TOLERANCE:
        yield Problem(
            "the shares of the mix for sale don't add up",
            root.place(path),
            value=f"{sum(mix.values()):g}",
            allowed="1 together",
            remedy="state the shares of GPU-hours so that they are 1 together",
        )
