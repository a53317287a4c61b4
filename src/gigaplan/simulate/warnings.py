"""What a reader must know of an answer: what can't be served, capacity that nobody requests, prices off the market.

Each looks at the central member.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gigaplan.finance.parties import PARTIES, PLAN
from gigaplan.finance.rents import rent_index, rents_by_month
from gigaplan.plan.scenario import Scenario
from gigaplan.power.supply.dated import LIMITS as LINKS
from gigaplan.simulate.collect import Stages
from gigaplan.simulate.couplings.owners import racks_let
from gigaplan.simulate.couplings.supply import sources_of
from gigaplan.vocabulary.figures import digits_of
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS

OVERBUILT_SHARE = 0.25
"""Share of a year's GPU-hours that nobody requests, above which a plan is said to overbuild (a choice)."""
FAR_OVER_RENT = 5.0
"""Revenue of a serving GPU-hour over its contract rent, above which demand or price look like another fleet's: the
largest service's own is 1 to 3 in 2024 to 2026."""
FAR_OVER_FLEET = 10.0
"""Demand over what the fleet could serve, above which it is likely another service's (a choice)."""
MONTHS_BELOW, BELOW_SHARE = 12, 0.9
"""Months in a row in which a price is below this share of full cost, from which on it is said (choices)."""
LET_SHARE = 0.1
"""Share of a generation's rented racks that are let below cost, above which it is said (a choice)."""
ROUNDED_SHARE = 0.005
"""Share of a load below which a source is left out of a sentence."""
KW_PER_GW, MW_PER_GW, KG_PER_T, MILLION, BILLION = 1e6, 1e3, 1e3, 1e6, 1e9
USES = {
    "research": "research takes {used} by the plan's rule (market.idle)",
    "batch": "{used} are sold as batch work by the plan's rule (market.idle)",
    "rent_out": "{used} are rented out by the plan's rule (market.idle)",
    "stand_idle": "none are used by the plan's rule (market.idle)",
}


def sentences(scenario: Scenario, stages: Stages) -> list[str]:
    """Return what a reader must be told, in sentences.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    stages : Stages
        What the stages of its run gave.
    """
    found = (_impossible, _outsized, _overbuilt, _off_market, _below_cost, _let_below_cost, _unprofitable, _supplied)
    whose = "in the central future: " if scenario.members > 1 else ""
    return [whose + sentence for look in found for sentence in look(scenario, stages)]


def _impossible(scenario: Scenario, stages: Stages) -> Iterator[str]:
    """Yield what can't be served or trained at all."""
    yield from (f"cannot be served: {reason}" for reason in stages.speed.reasons)
    for run, layout in zip(scenario.training.runs, stages.trained.layouts, strict=True):
        if layout.reason:
            yield f"cannot be trained: {run.name} on {run.gpus:,} {run.generation}: {layout.reason}"


def _outsized(scenario: Scenario, stages: Stages) -> Iterator[str]:
    """Yield that demand is many times what the fleet could serve: it is likely the size of another service."""
    hours = np.nan_to_num(stages.prices.gpu_hours_per_request[0])
    need = (stages.demand.requests_per_day[0] * hours).sum(axis=0) / HOURS * scenario.axis.hours
    there = stages.service.available_gpu_hours[0].sum(axis=0)
    years, over = _by_year(scenario, np.where(there > 0, need, 0.0), there)
    far = over > FAR_OVER_FLEET  # years without GPUs serve nobody, whatever is requested
    if far.any():
        users = digits_of(float(stages.demand.weekly_users[0].max()) / MILLION)
        when = (
            "in every year"
            if far[over > 0].all()
            else f"in {_spans([y for y, o in zip(years, far, strict=True) if o])}"
        )
        yield (
            f"demand is {over[far].min():,.0f} times what the fleet could serve, and more, {when} ({users} million "
            "weekly users at the most): unless the plan states its own, users and requests are those of the largest "
            "service; state demand.adoption, or requests of the workloads' own (driver: own, requests_per_day)"
        )


def _overbuilt(scenario: Scenario, stages: Stages) -> Iterator[str]:
    """Yield what stands that nobody requests: since when, how much, at what cost, and what uses it."""
    service, kw = stages.service, scenario.fleet.it_kw_per_gpu[0][:, None]
    used = (service.research_on_idle_gpu_hours + service.sold_gpu_hours)[0]
    there = service.available_gpu_hours[0]
    free, all_kwh = ((hours * kw).sum(axis=0) for hours in (service.idle_gpu_hours[0] + used, there))
    years, shares = _by_year(scenario, free, all_kwh)
    known = scenario.ledger.known_until
    ahead = np.array([known is None or int(y) > known.year for y in years])  # what has been built is no plan
    over = (shares > OVERBUILT_SHARE) & ahead
    if not over.any():
        return
    worst = int(np.argmax(np.where(over, shares, 0)))
    in_year = scenario.axis.year_of_month == worst
    gw = free[in_year].sum() / scenario.axis.hours[in_year].sum() / KW_PER_GW
    usd = (stages.money.cost_usd[0].sum(axis=0) * free / np.maximum(all_kwh, 1e-30))[in_year].sum()
    taken = used.sum() / max((service.idle_gpu_hours[0] + used).sum(), 1e-30)
    power = f"{digits_of(gw)} GW (IT)" if gw >= 1 else f"{digits_of(gw * MW_PER_GW)} MW (IT)"
    cost = f"{digits_of(usd / BILLION)} billion USD" if usd >= BILLION else f"{digits_of(usd / MILLION)} million USD"
    yield (
        f"the plan builds more than is requested: in {years[worst]} nobody requests {power} of the fleet "
        f"({shares[worst]:.0%} of it), which cost {cost} that year; more than a quarter is free in "
        f"{_spans([y for y, o in zip(years, over, strict=True) if o])}; "
        + USES[scenario.market.idle].format(used=f"{taken:.0%} of such hours")
        + "; build later or smaller, or state more demand"
    )


def _off_market(scenario: Scenario, stages: Stages) -> Iterator[str]:
    """Yield that serving brings many times what its GPU-hours would cost to rent, or nothing near it.

    Rents are no lower than on the reference date: how far they fall after it is a guess, and prices follow cost.
    """
    revenue = stages.revenue.by_workload_usd[0].sum(axis=0)
    finance, axis = scenario.finance, scenario.axis
    rents = rents_by_month(finance, axis)[0] / np.minimum(rent_index(finance, axis)[0], 1.0)
    rent = (rents * stages.service.gpu_hours[0].sum(axis=0)).sum(axis=0)
    years, over = _by_year(scenario, revenue, rent)
    high = over > FAR_OVER_RENT
    if high.any():
        worst = int(np.argmax(np.where(high, over, 0)))
        yield (
            f"in {years[worst]} an hour of a serving GPU brings {over[worst]:.0f} times its contract rent, where the "
            "largest service's brings one to three times: demand, what a request brings or what it takes may be "
            "another fleet's; state demand.workloads.*.revenue_usd_per_request, or demand.software.overhead for what "
            "a service takes over its model"
        )


def _below_cost(scenario: Scenario, stages: Stages) -> Iterator[str]:
    """Yield that a GPU-hour sells well below its full cost for a year or more."""
    prices, known = stages.prices, scenario.ledger.known_until
    cost = prices.full_gpu_hour_cost_usd[0]
    sold = prices.clearing_usd_per_gpu_h[0]
    ahead = np.array([known is None or edge > known for edge in scenario.axis.edges[:-1]])
    if (below := _run_of(ahead & (sold < BELOW_SHARE * cost))) is not None:
        yield (
            f"from {_month(scenario, below)} on, for {MONTHS_BELOW} months or more, a GPU-hour clears below its full "
            f"cost ({sold[below]:.2f} of {cost[below]:.2f} USD at first): what is built earns less than its capital "
            "costs; build later or smaller (market.build: to_utilisation), or state more demand"
        )


def _let_below_cost(scenario: Scenario, stages: Stages) -> Iterator[str]:
    """Yield that landlords let much of a generation's racks for well below what these cost them."""
    let, axis = racks_let(scenario, stages.built), scenario.axis
    known = scenario.ledger.known_until
    ahead = np.array([known is None or edge > known for edge in axis.edges[:-1]])
    below = let.below(BELOW_SHARE) & ahead
    share = np.divide(
        (let.racks * below).sum(axis=1), let.racks.sum(axis=1), out=np.zeros(len(below)), where=below.any(axis=1)
    )
    if not (share > LET_SHARE).any():
        return
    g = int(np.argmax((let.racks * below).sum(axis=1) * scenario.fleet.it_kw_per_gpu[0] * (share > LET_SHARE)))
    first = int(below[g].argmax())
    name, since = scenario.fleet.generations[g].name, scenario.fleet.generations[g].first_ship_date
    yield (
        f"landlords let {share[g]:.0%} of their {name} for less than what it costs them: rents fall with the age of a "
        f"system, {name} ships since {since:%Y-%m}, and in {_month(scenario, first)} it is still bought at its first "
        f"price, when a GPU-hour rents for {let.rent_usd[g, first]:.2f} USD and costs {let.cost_usd[g, first]:.2f}; "
        f"nobody would build for such a rent: state later systems (fleet.generations), "
        f"finance.systems.{name}.rack_price_usd or finance.rents.change_per_year"
    )


def _run_of(below: NDArray[np.bool_]) -> int | None:
    """Return the first month from which on something holds for ``MONTHS_BELOW`` months, None if nowhere."""
    held = np.convolve(below.astype(int), np.ones(MONTHS_BELOW, dtype=int), mode="valid") == MONTHS_BELOW
    return int(held.argmax()) if held.any() else None


def _month(scenario: Scenario, month: int) -> str:
    """Return a month as its year and month."""
    return f"{scenario.axis.edges[month]:%Y-%m}"


def _unprofitable(scenario: Scenario, stages: Stages) -> Iterator[str]:
    """Yield that a plan that sells earns less than its money must."""
    worth = float(stages.money.returns.npv_usd[0, PARTIES.index(PLAN)])
    if worth < 0 and stages.money.revenue_usd[0].any():
        size, unit = (BILLION, "billion") if -worth >= BILLION else (MILLION, "million")
        yield (
            f"the plan earns less than its cost of capital: its present value is -{digits_of(-worth / size)} {unit} "
            "USD; build later or smaller, state more demand or what a request brings, or lower costs "
            "(finance.cost_of_capital.plan_per_year says what the money must earn)"
        )


def _supplied(scenario: Scenario, stages: Stages) -> Iterator[str]:
    """Yield what limits the power of each site that states its supply, and what its energy comes from at the end."""
    use, axis = stages.supply, scenario.axis
    for p, supply in enumerate(scenario.supplies):
        if supply is None:
            continue
        name, energy = scenario.fleet.sites[p].name, stages.drawn.energy_mwh[0, p]
        mw, binds = np.nanmin(use.limit_mw[0, :, p], axis=0), use.binding[0, p]
        news = [k for k in range(len(mw)) if not k or (mw[k], binds[k]) != (mw[k - 1], binds[k - 1])]
        steps = (f"{digits_of(float(mw[k]))} MW from {axis.edges[k]:%Y-%m} ({LINKS[int(binds[k])]})" for k in news)
        yield f"power of {name} (IT), and what limits it: {', '.join(steps)}"
        lacks = use.unpowered_mwh[0, p]
        lacking = np.divide(lacks, energy + lacks, out=np.zeros(axis.months), where=energy + lacks > 0)
        if lacking.max() > ROUNDED_SHARE:
            yield (
                f"the supply of {name} lacks {lacking.max():.1%} of what its racks would draw in "
                f"{_month(scenario, int(lacking.argmax()))}: clocks fall, and racks stand still where that is not "
                "enough (unpowered_energy_mwh)"
            )
        if energy[-1] <= 0:
            continue
        found = zip(sources_of(scenario), use.by_source_mwh[0, :, p, -1] / energy[-1], strict=True)
        parts = (f"{n} {s:.0%}" for n, s in sorted(found, key=lambda x: -x[1]) if s >= ROUNDED_SHARE)
        kg = KG_PER_T * float(use.co2_t[0, p, -1] / energy[-1])
        yield (
            f"energy of {name} in {_month(scenario, axis.months - 1)}: {', '.join(parts)}; a megawatt-hour costs "
            f"{digits_of(float(stages.drawn.energy_cost_usd[0, p, -1] / energy[-1]))} USD"
            + (f" and {digits_of(kg)} kg of carbon dioxide" if kg > 0 else "")
        )


def _by_year(scenario: Scenario, part: Array, whole: Array) -> tuple[tuple[int, ...], Array]:
    """Return the years, and part over whole of each; 0 where the whole is nothing."""
    years = tuple(int(y) for y in scenario.axis.years)
    sums = [np.bincount(scenario.axis.year_of_month, weights=a, minlength=len(years)) for a in (part, whole)]
    return years, np.divide(sums[0], sums[1], out=np.zeros(len(years)), where=sums[1] > 0)


def _spans(years: list[int]) -> str:
    """Return years as spans: 2028, 2030 to 2033."""
    breaks: NDArray[np.intp] = np.flatnonzero(np.diff(years) > 1) + 1
    runs = np.split(np.array(years), breaks)
    return ", ".join(f"{r[0]}" if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in runs)
