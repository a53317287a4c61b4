"""Coupling of cost, prices and demand: what a request costs moves its price, its price moves demand, and demand and
capacity have a price at which they meet.

    cost of a request on the market's GPUs --rule of its price--> price --demand--> requests
    demand at every price, capacity --> clearing price of a GPU-hour (--last month's--> price, by rule)

The clearing price rests on what buyers would pay, not on the price that is set, so all months are solved at once and
nothing is iterated.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.allocation.clearing import clearing_log_price
from gigaplan.demand.inputs import Workload
from gigaplan.demand.outputs import Demand
from gigaplan.demand.prices import demand_factor, followed
from gigaplan.demand.requests import at_prices, compute_demand, tokens_of_workloads
from gigaplan.finance.capital import by_generation
from gigaplan.finance.rates import in_the_plans_prices
from gigaplan.finance.rents import agreed_index, rents_by_month
from gigaplan.fleet.buildout import build
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.customers import held_for_customers
from gigaplan.simulate.couplings.market_cost import cost_in_market
from gigaplan.simulate.couplings.money import per_request, rented_share
from gigaplan.simulate.couplings.owners import hours_of_owners
from gigaplan.simulate.couplings.slowness import log_price_factor, mean_worth
from gigaplan.simulate.couplings.throughput import Throughput, rates
from gigaplan.simulate.couplings.token_prices import amount_sold, at_reference_prices
from gigaplan.simulate.couplings.training import Trained, train
from gigaplan.vocabulary.members import Array, Uncertain, column, stack
from gigaplan.vocabulary.time import HOURS, HOURS_PER_YEAR, TimeAxis

KW_PER_MW, MONTHS_PER_YEAR = 1e3, 12
NOTHING = 1e-12
HIGHEST_OVER_REFERENCE = 20.0
"""Highest clearing price over what the best-paying workload pays at reference prices: far above any market."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices and what they do to demand. Shapes: member M, workload W, month n."""

    gpu_hour_cost_usd: Array
    """(M, n) cost of an hour of the fleet's mean GPU at full use [USD/GPU/h]."""
    full_gpu_hour_cost_usd: Array
    """(M, n) the same, cost of capital included [USD/GPU/h]."""
    gpu_hour_rent_usd: Array
    """(M, n) contract rent of an hour of the fleet's mean GPU [USD/GPU/h]."""
    generation_rent_usd: Array
    """(M or 1, G, n) contract rent of an hour of each generation's GPU in the market [USD/GPU/h]."""
    gpu_hours_per_request: Array
    """(M, W, n) GPU-hours of the fleet's mix that a request takes; nan where none can serve it."""
    cost_per_request_usd: Array
    """(M, W, n) cost of serving a request on the fleet at full use, cost of capital included [USD]."""
    market_cost_per_request_usd: Array
    """(M, W, n) the same on the market's GPUs, whatever the fleet has: what cost_plus prices follow [USD]."""
    clearing_usd_per_gpu_h: Array
    """(M, n) price of a GPU-hour at which what buyers want is what there is; nan where nobody pays or no GPU serves."""
    load_share: Array
    """(M, n) GPUs that requests need in the mean hour over those of the hour that decides [share]; 1 where none do."""
    index: Array
    """(M, W, n) price of a request, or of its tokens where these have prices, over that of the reference date [1]."""
    per_request_usd: Array
    """(M, W, n) price of a request [USD]."""
    worth: Array
    """(M, W, n) what the mean request is worth as fast as it is served, over what it is worth within the limits
    [share]; 1 where nothing serves."""
    slowness_factor: Array
    """(M, W, n) the price that a request seems to have, slowness counted, over the price that is set [1]: 1 at the
    reference date."""


def meet(
    scenario: Scenario, at_reference: Demand, built: BuildOut, speed: Throughput, trained: Trained
) -> tuple[Prices, Demand]:
    """Return prices, and demand at them.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    at_reference : Demand
        Demand at the prices of the reference date.
    built : BuildOut
        The fleet.
    speed : Throughput
        Requests per GPU-hour.
    trained : Trained
        What training holds.
    """
    hour = _gpu_hour(scenario, built)
    hours, worth = _hours_per_request(scenario, built, speed), _worth(scenario, built, speed)
    reference, amount = at_reference_prices(scenario, scenario.axis), amount_sold(scenario, scenario.axis)
    market_cost = cost_in_market(scenario, scenario.axis, speed)
    cost_since, worth_since = _since_reference(scenario, market_cost, worth)
    log_slow = _log_slowness_factor(scenario, worth_since)
    worth_usd = reference / np.exp(log_slow)
    clearing = _clearing(
        scenario, at_reference, built, hours, trained, worth_usd, _energy_price(scenario, scenario.axis.months)
    )
    cost_of_amount = cost_since / amount_sold(scenario, _from_reference(scenario))
    market_since = _market_since_reference(scenario, clearing[:, None] * hours / amount, worth_since)
    index = _index(scenario, cost_of_amount, market_since)
    factor = demand_factor(np.log(index) + log_slow, *response(scenario))
    prices = Prices(
        gpu_hour_cost_usd=hour.cost,
        full_gpu_hour_cost_usd=hour.full_cost,
        gpu_hour_rent_usd=hour.rent,
        generation_rent_usd=hour.rents,
        gpu_hours_per_request=hours,
        cost_per_request_usd=hours * hour.full_cost[:, None],
        market_cost_per_request_usd=market_cost,
        clearing_usd_per_gpu_h=clearing,
        load_share=np.ones_like(clearing),
        index=index,
        per_request_usd=reference * index,
        worth=np.where(np.isfinite(worth), worth, 1.0),
        slowness_factor=np.exp(log_slow),
    )
    interactive = np.array([not w.deferrable for w in scenario.demand.workloads])
    demand = at_prices(at_reference, factor, interactive)
    need, peak = _need(scenario, demand, built, hours)
    load = np.nan_to_num(_ratio(need.sum(axis=1), _at_peak(scenario, need, peak)), nan=1.0)
    return replace(prices, load_share=load), demand


def most_it_mw(scenario: Scenario, demand: Demand, built: BuildOut, prices: Prices, trained: Trained) -> Array:
    """Return the IT power of racks that demand would use, by the end of each month: (M, n) [MW].

    What stands for a month is scaled by what its peak hour needs over what training leaves at the target utilisation;
    racks that are delivered now produce after acceptance and the producing lag, so it is the need of then. The mix of
    generations is taken as it stands, and what was needed once stays.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    demand : Demand
        Demand at the plan's prices.
    built : BuildOut
        The fleet as the plan states it.
    prices : Prices
        These prices.
    trained : Trained
        What training holds.
    """
    need, peak = _need(scenario, demand, built, prices.gpu_hours_per_request)
    free, there = built.gpus_free.sum(axis=1), built.gpus_available.sum(axis=1)
    left = free * (1 - trained.reserved_share)
    used = _ratio(_at_peak(scenario, need, peak), left) / column(scenario.market.target_utilisation, 2)
    used = np.where(there > free, _ratio(np.nan_to_num(used) * free + (there - free), there), used)
    standing = np.einsum("mgpe,mg->me", built.racks, scenario.fleet.it_kw_per_rack)[:, 1:] / KW_PER_MW
    filled = np.maximum.accumulate(np.where(np.isfinite(used), standing * np.minimum(used, 1.0), 0.0), axis=-1)
    ladder = scenario.fleet.ladder
    lag = np.ceil(column(ladder.acceptance_lag_months + ladder.producing_lag_months, 2)).astype(int) + 1
    later = np.minimum(np.arange(filled.shape[-1]) + lag, filled.shape[-1] - 1)
    return np.take_along_axis(filled, np.broadcast_to(later, filled.shape), axis=-1)


def more_at_batch_price(scenario: Scenario, demand: Demand, prices: Prices) -> tuple[Array, Array]:
    """Return requests per day that come on top where they may wait for the batch price, and that price: (M, W, n) each.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    demand : Demand
        Demand at the plan's prices.
    prices : Prices
        These prices.
    """
    cheaper = np.maximum(column(scenario.market.batch_price_share, 3), NOTHING)
    log_index = np.log(prices.index * prices.slowness_factor)
    now, then = (demand_factor(log, *response(scenario)) for log in (log_index, log_index + np.log(cheaper)))
    can = np.isfinite(prices.gpu_hours_per_request) & (prices.per_request_usd > 0)
    more = np.where(can, demand.requests_per_day * (then / np.maximum(now, NOTHING) - 1), 0.0)
    return more, prices.per_request_usd * cheaper


@dataclass(frozen=True, slots=True, kw_only=True)
class _GpuHour:
    """An hour of the fleet's mean GPU: (M, n) each where nothing else is said [USD/GPU/h], nan without GPUs."""

    cost: Array
    full_cost: Array
    rent: Array
    rents: Array
    """(M or 1, G, n) rent of each generation's."""


def _gpu_hour(scenario: Scenario, built: BuildOut) -> _GpuHour:
    """Return cost, with and without cost of capital, and contract rent of an hour of the fleet's mean GPU."""
    finance, axis = scenario.finance, scenario.axis
    gpus_per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations], dtype=float)
    up = (built.racks_producing[..., :-1] + built.racks_producing[..., 1:]) / 2 * gpus_per_rack[:, None, None]
    rents = rents_by_month(finance, axis)  # (M, G, n)
    by_hour = rented_share(scenario) * np.array([np.all(c.usd_per_it_mw_year == 0) for c in finance.contracts])
    agreed = 0.0
    if by_hour.any():
        index = agreed_index(built.orders.racks_delivered, built.orders.earlier, finance, axis)
        rate = by_generation(finance, "rental_usd_per_gpu_h")[:, :, None, None] * index
        agreed = (up * rate * by_hour[:, None]).sum(axis=(1, 2))
    costs = [agreed + np.einsum("mgpn,mgp->mn", up, by_place) for by_place in _cost_by_place(scenario)]
    fleet = up.sum(axis=(1, 2))
    # GPUs that are down, or have no power, cost as much as those that are up, which bear it.
    at_work = built.gpus_available.sum(axis=1)
    cost, full = (_ratio(c, at_work) for c in costs)
    return _GpuHour(cost=cost, full_cost=full, rent=_ratio((up.sum(axis=2) * rents).sum(axis=1), fleet), rents=rents)


def _cost_by_place(scenario: Scenario) -> tuple[Array, Array]:
    """Return the cost of a busy GPU-hour by generation and place, without and with cost of capital: (M, G, P) each
    [USD/GPU/h]; rent by the GPU-hour left out."""
    finance, mw = scenario.finance, scenario.fleet.it_kw_per_gpu.T[:, None] / KW_PER_MW  # (G, 1, M or 1)
    hour = hours_of_owners(scenario, in_the_plans_prices(finance.cost_of_capital.plan_per_year, finance))
    lease = stack(c.lease_usd_per_it_mw_year for c in finance.contracts).T * mw / HOURS_PER_YEAR
    rent = stack(c.usd_per_it_mw_year for c in finance.contracts).T * mw / HOURS_PER_YEAR
    owned = np.where(lease > 0, hour.total_usd - hour.facility_usd + lease, hour.total_usd)
    of_capital = hour.of_capital_usd - np.where(lease > 0, hour.facility_of_capital_usd, 0.0)
    share = rented_share(scenario)[:, None]
    both = np.broadcast_arrays(*(share * rent + (1 - share) * own for own in (owned, owned + of_capital)))
    return np.moveaxis(both[0], -1, 0), np.moveaxis(both[1], -1, 0)


def _worth(scenario: Scenario, built: BuildOut, speed: Throughput) -> Array:
    """Return what the mean request is worth as the fleet serves it: (M, W, n), nan where no GPU can serve it."""
    year = scenario.axis.year_of_month
    requests = speed.requests_per_gpu_h[..., year] * built.gpus_free[:, None]
    return mean_worth(requests, speed.worth[..., year])


def _log_slowness_factor(scenario: Scenario, worth: Array) -> Array:
    """Return the logarithm of the price that a request seems to have over the one that is set, by month of the horizon:
    (M, W, n), of its worth with earlier months in front."""
    earlier = worth.shape[-1] - scenario.axis.months
    return log_price_factor(worth, _dated(scenario) + earlier)[..., earlier:]


def _hours_per_request(scenario: Scenario, built: BuildOut, speed: Throughput) -> Array:
    """Return GPU-hours of the fleet's mix that a request takes: (M, W, n), nan where no GPU can serve it."""
    gpus = built.gpus_free
    per_h: Array = np.einsum("mwgn,mgn->mwn", speed.requests_per_gpu_h[..., scenario.axis.year_of_month], gpus)
    return _ratio(gpus.sum(axis=1)[:, None], per_h)


def _since_reference(scenario: Scenario, cost: Array, worth: Array) -> tuple[Array, Array]:
    """Return cost and worth of a request with the months from the earliest reference date to the horizon in front,
    (M, W, months) each, so that prices and demand don't depend on when the horizon begins."""
    whole = _whole(scenario)
    if whole is scenario:
        return cost, worth
    built = build(whole.fleet, whole.axis)
    speed = rates(whole, tokens_of_workloads(whole.demand, whole.axis))
    before = cost_in_market(whole, whole.axis, speed), _worth(whole, built, speed)
    return _joined(before[0], cost), _joined(before[1], worth)


def _joined(whole: Array, now: Array) -> Array:
    """Return the months before the horizon of one array in front of those of another."""
    earlier, members = whole.shape[-1] - now.shape[-1], max(len(whole), len(now))
    parts = (whole[..., :earlier], now)
    return np.concatenate([np.broadcast_to(p, (members, *p.shape[1:])) for p in parts], axis=-1)


def _market_since_reference(scenario: Scenario, market: Array, worth: Array) -> Array:
    """Return what a request's GPU-hours clear at with the months from the earliest reference date in front, where a
    price follows it: (M, W, months)."""
    whole = _whole(scenario)
    if whole is scenario or all(w.pricing != "follow_market" for w in scenario.demand.workloads):
        return market
    _, built = held_for_customers(whole, build(whole.fleet, whole.axis))
    hours = _hours_per_request(whole, built, rates(whole, tokens_of_workloads(whole.demand, whole.axis)))
    slow = np.exp(log_price_factor(worth, _dated(whole)))
    worth_usd = at_reference_prices(whole, whole.axis) / slow
    energy = _energy_price(whole, whole.axis.months)
    trained, demand = train(whole, built), compute_demand(whole.demand, whole.axis)
    clearing = _clearing(whole, demand, built, hours, trained, worth_usd, energy)
    return _joined(clearing[:, None] * hours / amount_sold(whole, whole.axis), market)


def _whole(scenario: Scenario) -> Scenario:
    """Return the scenario from the earliest reference date on, the horizon's months among its own."""
    axis = _from_reference(scenario)
    if axis is scenario.axis:
        return scenario

    def longer(series: Uncertain) -> Array:
        """Return a series of the horizon with its first value in the months before it."""
        known = np.asarray(series, dtype=float)
        first = np.repeat(known[..., :1], axis.months - scenario.axis.months, axis=-1) if known.ndim else known
        return np.concatenate([first, known], axis=-1) if known.ndim else known

    demand = replace(scenario.demand, edge_share=longer(scenario.demand.edge_share))
    training = replace(scenario.training, share=longer(scenario.training.share))
    return replace(scenario, axis=axis, demand=demand, training=training)


def _from_reference(scenario: Scenario) -> TimeAxis:
    """Return the months from the earliest reference date to the end of the horizon, the horizon's among them."""
    start = min([scenario.axis.start, *(w.reference_date for w in scenario.demand.workloads)]).replace(day=1)
    return scenario.axis if start == scenario.axis.start else replace(scenario.axis, start=start)


def _energy_price(scenario: Scenario, months: int) -> Array:
    """Return what the energy of a GPU-hour costs, below which no hour is sold: (M, n) [USD/GPU/h]."""
    per_it_mwh = [column(f.pue, 1) * column(f.power_price_usd_per_mwh, 1) for f in scenario.facilities]
    energy = np.mean(np.broadcast_arrays(*per_it_mwh), axis=0) * scenario.fleet.it_kw_per_gpu.mean(axis=1) / KW_PER_MW
    return np.broadcast_to(np.maximum(energy, NOTHING)[:, None], (len(energy), months))


def _ratio(part: Array, whole: Array) -> Array:
    """Return part over whole, nan where the whole is nothing."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    return np.asarray(np.divide(part, whole, out=np.full(shape, np.nan), where=whole > NOTHING))


def response(scenario: Scenario) -> tuple[Array, Array]:
    """Return elasticity and saturation of every workload's demand: (M or 1, W, 1) each."""
    elasticity, saturation = (per_request(scenario, f"price_{name}") for name in ("elasticity", "saturation"))
    return elasticity[:, :, None], saturation[:, :, None]


def _clearing(
    scenario: Scenario,
    at_reference: Demand,
    built: BuildOut,
    hours: Array,
    trained: Trained,
    worth_usd: Array,
    energy_usd: Array,
) -> Array:
    """Return the clearing price of a GPU-hour: (M, n) [USD/GPU/h]; what a request is worth is its price at the
    reference date, less what slowness has taken since.

    Capacity is what training leaves; need is that of the month's peak hour for work that can't wait, and that of
    the whole day for all. Work that nobody pays for needs what it needs at every price.
    """
    gpus = built.gpus_free.sum(axis=1)
    need, peak = _need(scenario, at_reference, built, hours)
    can = need > 0
    pays = can & (worth_usd > 0)
    elasticity, saturation = response(scenario)
    log_worth = np.log(np.where(pays, worth_usd / np.where(can, hours, 1.0), 1.0))  # USD per GPU-hour

    def needed(log_price: Array) -> Array:
        factor = np.where(pays, demand_factor(log_price[:, None] - log_worth, elasticity, saturation), 1.0)
        return _at_peak(scenario, need * factor, peak)

    highest = np.where(pays, log_worth, -np.inf).max(axis=1) + np.log(HIGHEST_OVER_REFERENCE)
    some = pays.any(axis=1)
    low, high = np.log(energy_usd), np.where(some, highest, 0.0)
    supply = gpus * (1 - trained.reserved_share)
    found = np.exp(clearing_log_price(needed, supply, np.minimum(low, high), high))
    return np.where(some, found, np.nan)


def _need(scenario: Scenario, demand: Demand, built: BuildOut, hours: Array) -> tuple[Array, Array]:
    """Return the GPUs of the fleet's mix that requests need in the mean hour, (M, W, n), and the peak hour of
    interactive demand over the month's mean, (M, n)."""
    can = np.isfinite(hours) & (built.gpus_free.sum(axis=1) > 0)[:, None]
    need = np.where(can, demand.requests_per_day / HOURS * np.where(can, hours, 0.0), 0.0)
    hourly = demand.by_region_per_h.sum(axis=1)  # (M, n, D, H)
    mean, highest = scenario.axis.month_mean(hourly), hourly.max(axis=(-2, -1))
    return need, np.divide(highest, mean, out=np.ones_like(highest), where=mean > 0)


def _at_peak(scenario: Scenario, need: Array, peak: Array) -> Array:
    """Return the GPUs that a month needs: those of its peak hour for work that can't wait, those of the whole day for
    all: (M, n)."""
    interactive = np.array([not w.deferrable for w in scenario.demand.workloads])[:, None]
    return np.asarray(np.maximum((need * interactive).sum(axis=1) * peak, need.sum(axis=1)))


def _index(scenario: Scenario, cost: Array, market: Array) -> Array:
    """Return the price of each workload's requests over that of the reference date by its rule: (M, W, n), of cost and
    clearing price with earlier months in front."""
    work, months = scenario.demand.workloads, column(scenario.market.adjustment_months, 2)
    dated, through = _dated(scenario), column(scenario.market.pass_through_share, 3)
    last_month = np.concatenate([np.full_like(market[..., :1], np.nan), market[..., :-1]], axis=-1)

    def of(log_level: Array) -> Array:
        earlier = log_level.shape[-1] - scenario.axis.months
        return np.exp(_following(log_level, dated + earlier, months))[..., earlier:]

    by_cost, by_market = of(through * np.log(cost)), of(np.log(last_month))
    stated = np.asarray(scenario.demand.price_index, dtype=float)
    path = np.broadcast_to(stated.reshape(-1, 1, stated.shape[-1]) if stated.ndim else stated, by_cost.shape)
    rows = {"cost_plus": by_cost, "follow_market": by_market, "path": path, "frozen": np.ones_like(by_cost)}
    return np.stack(np.broadcast_arrays(*[rows[w.pricing][:, k] for k, w in enumerate(work)]), axis=1)


def _dated(scenario: Scenario) -> NDArray[np.int_]:
    """Return the month from which each workload's prices and demand move, from the start of the horizon: (W,)."""
    work = scenario.demand.workloads
    return np.array([_months_to(scenario, max(w.reference_date, *_published(scenario, w))) for w in work])


def _published(scenario: Scenario, work: Workload) -> list[dt.date]:
    """Return the days up to which published figures say what is paid and requested: until then prices are theirs."""
    tokens, revenue = scenario.demand.published_tokens, scenario.finance.published_revenue
    known = tokens.points if tokens is not None and work.name in tokens.workloads else ()
    return [work.reference_date, *(day for day, _ in known[-1:]), *(day for day, _ in revenue[-1:])]


def _months_to(scenario: Scenario, day: dt.date) -> int:
    """Return the months from the start of the horizon to the month of a day, negative before it."""
    start = scenario.axis.start
    return (day.year - start.year) * MONTHS_PER_YEAR + day.month - start.month


def _following(log_level: Array, dated: NDArray[np.int_], months: Array) -> Array:
    """Return log prices that follow a level from the reference date, or from the first month with one: (M, W, n)."""
    known = np.isfinite(log_level)
    after = known & (np.arange(known.shape[-1]) >= dated[:, None])
    start = np.where(after.any(axis=-1), after.argmax(axis=-1), known.shape[-1])  # (M, W)
    at_start = np.take_along_axis(log_level, np.minimum(start, known.shape[-1] - 1)[..., None], axis=-1)
    return followed(log_level - at_start, start, months)
