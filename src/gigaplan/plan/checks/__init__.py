"""Rules that cross sections of a plan: each is one small function that yields problems.

A wrong plan gives errors; an implausible but possible one gives warnings, and the run goes on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from gigaplan import catalog
from gigaplan.plan.checks import demand, finance, fleet, knowledge, own, plausible, selling, supply, training, weather
from gigaplan.plan.checks.common import as_read, first_of_month
from gigaplan.plan.claims import plan_claims
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.errors import Problem
from gigaplan.vocabulary.files.names import LONGEST_NAME, name_fault
from gigaplan.vocabulary.units import parse_date

MAX_HORIZON_YEARS = 40


def check(plan: PlanDocument, root: Node) -> list[Problem]:
    """Return every problem of a document that its schema alone can't see."""
    rules = (
        name,
        horizon,
        claims,
        knowledge.information_date,
        knowledge.hindsight,
        knowledge.labs,
        knowledge.set_aside,
        knowledge.in_time,
        dated_keys,
        draws,
        fleet.names,
        fleet.systems,
        fleet.power_caps,
        fleet.profile,
        fleet.newest,
        fleet.positions,
        fleet.powers,
        fleet.gpus,
        fleet.promised,
        weather.weather,
        supply.supply,
        fleet.dates,
        fleet.packaging,
        fleet.existing,
        fleet.existing_in_time,
        demand.names,
        demand.models,
        demand.whose_users,
        demand.volumes,
        demand.users,
        demand.service,
        demand.slowness,
        demand.later_in_time,
        training.runs,
        training.run_sizes,
        training.milestones,
        training.runs_in_time,
        finance.contracts,
        finance.rates_and_tax,
        finance.trigger,
        finance.tranches,
        finance.money_in_time,
        selling.token_prices,
        selling.customers,
        selling.sale_mix,
        own.used,
        own.supply,
        own.climate,
        plausible.ranges,
    )
    return [problem for rule in rules for problem in rule(plan, root)]


def name(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """The plan's name can stand in the path of its results."""
    fault = name_fault(plan.name)
    if fault:
        allowed = f"up to {LONGEST_NAME} visible characters without / and \\, the first no full stop"
        remedy = "give the plan a short name; the title may be long"
        yield Problem(
            fault, root.place(("name",)), value=repr(plan.name)[:LONGEST_NAME], allowed=allowed, remedy=remedy
        )


def horizon(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """The horizon runs forward over whole months."""
    place = root.place(("horizon",))
    written = " to ".join(root.written(("horizon", name)) for name in ("start", "end"))
    start, end = first_of_month(plan.horizon.start), first_of_month(plan.horizon.end)
    if end <= start:
        yield Problem("the horizon ends before it starts", place, value=written, remedy="give an end after the start")
    for name, day in (("start", start), ("end", end)):
        text = root.written(("horizon", name))
        if text not in (str(day), f"{day:%Y-%m}"):
            yield Problem(
                "the horizon begins and ends on the first day of a month",
                root.place(("horizon", name)),
                value=as_read(day, text),
                remedy=f"write the month, as {day:%Y-%m}; the run goes on",
                severity="warning",
            )
    if (end - start).days > MAX_HORIZON_YEARS * 366:
        yield Problem(
            "the horizon is too long",
            place,
            value=written,
            allowed=f"at most {MAX_HORIZON_YEARS} years",
            remedy="shorten it",
        )


def claims(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Claims are known by name, or written in the language of claims."""
    yield from plan_claims(root)[1]


def dated_keys(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What is stated by date is stated by dates."""
    by_date: dict[tuple[str, ...], Iterable[str]] = {
        ("training", "share"): plan.training.share or {},
        ("demand", "price_index"): plan.demand.price_index or {},
    }
    for name, work in plan.demand.workloads.items():
        for what in ("later_models", "edge_share"):
            by_date["demand", "workloads", name, what] = getattr(work, what) or {}
    for name, run in plan.training.runs.items():
        by_date["training", "runs", name, "milestones"] = run.milestones or {}
    for where, keys in by_date.items():
        seen: dict[dt.date, str] = {}
        for key in keys:
            place = root.place((*where, key), key=True)
            try:
                day = parse_date(key)
            except ValueError as error:
                fault = str(error).partition("; ")[0]
                yield Problem(fault, place, value=key, remedy="write a date, such as 2026-09 or 2026-09-22")
                continue
            if day in seen:
                remedy = "remove one: a month, quarter, half or year stands for its middle day"
                yield Problem("two values for one day", place, value=f"{key} and {seen[day]}", remedy=remedy)
            seen[day] = key


def draws(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """An idle rack draws no more than a busy one."""
    facts, given = catalog.load(), plan.power.draw
    shares = [getattr(given, k, None) for k in ("idle_share", "busy_share")]
    idle, busy = (
        facts.find("draw_curve", k).number if s is None else s
        for k, s in zip(("idle_share", "busy_share"), shares, strict=True)
    )
    if idle > busy:
        yield Problem(
            "an idle rack draws more than a busy one",
            root.place(("power", "draw", "busy_share" if shares[0] is None else "idle_share")),
            value=f"idle_share {idle:g}, busy_share {busy:g}",
            allowed="idle_share up to busy_share",
            remedy="lower idle_share or raise busy_share",
        )
