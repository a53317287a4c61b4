"""The journey of a number: a scenario becomes one labelled result, one named line per stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gigaplan import catalog
from gigaplan._version import __version__
from gigaplan.demand.requests import compute_demand
from gigaplan.fleet.buildout import build
from gigaplan.plan.scenario import Scenario
from gigaplan.results.result import Result, Stamp
from gigaplan.simulate import laws
from gigaplan.simulate.assemble import assemble
from gigaplan.simulate.collect import Stages, collect, labels
from gigaplan.simulate.couplings.allocation import serve, service_of
from gigaplan.simulate.couplings.customers import held_for_customers
from gigaplan.simulate.couplings.market import meet, most_it_mw
from gigaplan.simulate.couplings.money import books, months_of_construction, revenue_of
from gigaplan.simulate.couplings.power import power_drawn
from gigaplan.simulate.couplings.sales import sales_of
from gigaplan.simulate.couplings.supply import powered, priced, supplied
from gigaplan.simulate.couplings.throughput import rates
from gigaplan.simulate.couplings.training import train
from gigaplan.simulate.couplings.unit_economics import unit_economics
from gigaplan.simulate.keep import Keep, checked_keep, retain
from gigaplan.simulate.warnings import sentences
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, staged

STAGES = 8
"""Stages of a run that are reported."""


def simulate(scenario: Scenario, keep: Keep = "all", progress: Progress | None = None) -> Result:
    """Run a scenario from demand to money and return the one labelled result.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    keep : str or collection of str
        Which hourly quantities the result holds for every member: ``all``, ``summary`` (none), or their names. The
        others are held for the central member alone. The laws are checked before any number is dropped.
    progress : callable, optional
        Called with (stages done, stages, the next stage); False cancels.

    Returns
    -------
    Result
        Every quantity of the variable table, checked against the laws.

    Raises
    ------
    UnknownQuantityError
        If ``keep`` names something that is no hourly quantity.
    LawError
        If energy, GPUs, requests or money are not conserved: a bug in gigaplan, never in the plan.
    """
    return with_stages(scenario, keep, progress)[0]


def with_stages(
    scenario: Scenario, keep: Keep = "all", progress: Progress | None = None
) -> tuple[Result, Scenario, Stages]:
    """Run a scenario and return its result, the scenario at the prices of its supplies, and what each stage found.

    Parameters
    ----------
    scenario, keep, progress
        As of :func:`simulate`.

    Raises
    ------
    UnknownQuantityError, LawError
        As of :func:`simulate`.
    """
    keep = checked_keep(keep)
    names = labels(scenario)
    begin = staged(progress, STAGES)
    scenario = priced(scenario)
    stages = _stages(scenario, begin)
    begin("checks")
    arrays = assemble(collect(scenario, stages), names, scenario.members)
    laws.check(arrays, scenario.axis)
    result = _result(scenario, arrays, names, stages)
    return replace(result, arrays=retain(result, keep), keep=keep), scenario, stages


def _stages(scenario: Scenario, begin: Callable[[str], None]) -> Stages:
    """Run the stages in the order of the journey."""
    begin("demand")
    at_reference = compute_demand(scenario.demand, scenario.axis)
    begin("fleet")
    after = months_of_construction(scenario)
    reserved, built = held_for_customers(scenario, powered(scenario, build(scenario.fleet, scenario.axis, after)))
    begin("throughput")
    speed = rates(scenario, at_reference.tokens_per_request)
    begin("training")
    trained = train(scenario, built)
    begin("prices")
    prices, demand = meet(scenario, at_reference, built, speed, trained)
    if scenario.market.build == "to_utilisation":
        most = most_it_mw(scenario, demand, built, prices, trained)
        built = powered(scenario, build(replace(scenario.fleet, most_it_mw=most), scenario.axis, after))
        reserved, built = held_for_customers(scenario, built)
        trained = train(scenario, built)
        prices, demand = meet(scenario, at_reference, built, speed, trained)
    begin("allocation")
    allocated = serve(scenario, demand, built, speed, trained, prices)
    service = service_of(scenario, demand, built, allocated, trained, prices)
    begin("power and money")
    drawn, supply = supplied(scenario, power_drawn(scenario, built, allocated, service, trained, reserved))
    paid = reserved.bills.revenue_usd.sum(axis=1)
    revenue = revenue_of(scenario, built, allocated, prices.per_request_usd, prices.worth, service.sold_usd, paid)
    money = books(scenario, built, revenue, drawn)
    units = unit_economics(scenario, built, demand, speed, allocated, service, money, prices, revenue, reserved)
    sales = sales_of(scenario, built, speed, demand, prices, service, money, units, reserved, drawn, revenue)
    return Stages(
        demand=demand,
        built=built,
        speed=speed,
        trained=trained,
        reserved=reserved,
        prices=prices,
        allocated=allocated,
        service=service,
        drawn=drawn,
        supply=supply,
        revenue=revenue,
        money=money,
        units=units,
        sales=sales,
    )


def _result(scenario: Scenario, arrays: dict[str, Array], names: dict[str, tuple[str, ...]], stages: Stages) -> Result:
    stamp = Stamp(
        plan=scenario.name,
        title=scenario.title,
        plan_hash=scenario.plan_hash,
        version=__version__,
        catalog_vintage=catalog.load().vintage,
        seed=scenario.seed,
        members=scenario.members,
    )
    return Result(
        stamp=stamp,
        axis=scenario.axis,
        labels=names,
        arrays=arrays,
        ledger=scenario.ledger,
        draws=scenario.draws,
        notes=scenario.notes,
        warnings=(*scenario.warnings, *sentences(scenario, stages)),
        assumptions=scenario.assumptions,
        announced=scenario.announced,
        existing=(*(False for _ in scenario.fleet.sites), *(True for _ in scenario.fleet.opening)),
        to_be_named=(*(s.to_be_named for s in scenario.fleet.sites), *(False for _ in scenario.fleet.opening)),
    )
