"""Gathering: every stage's arrays under the names of the variable table, and the labels along its dims."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gigaplan.allocation.outputs import Allocation
from gigaplan.allocation.prices import next_in_line, shadow_price, waiting
from gigaplan.demand.inputs import GENERATED, TOKENS
from gigaplan.demand.outputs import Demand
from gigaplan.finance.cost import cost_per_mtok
from gigaplan.finance.intelligence import DRIVERS
from gigaplan.finance.outputs import COMPONENTS, COST_LINES, Accounts
from gigaplan.finance.tranches import amounts_usd
from gigaplan.fleet.inputs import LADDER, LIMITS, existing_label
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.outputs import PowerDraw
from gigaplan.simulate.couplings.task_cost import task_cost
from gigaplan.simulate.couplings.throughput import SECONDS_PER_HOUR, Throughput
from gigaplan.simulate.couplings.training import Trained
from gigaplan.training.reliability import goodput
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS, HOURS_PER_YEAR

MW_PER_GW = 1e3
SCOPES = ("one site", "sites together", "whole fleet")
BOUNDS = ("low", "central", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What the stages of a run gave."""

    wanted: Demand
    built: BuildOut
    speed: Throughput
    trained: Trained
    served: Allocation
    drawn: PowerDraw
    money: Accounts


def gather(scenario: Scenario, stages: Stages) -> dict[str, Array]:
    """Return every result quantity by its name in the variable table."""
    return {
        **_demand(scenario, stages),
        **_fleet(stages),
        **_power(scenario, stages),
        **_inference(stages),
        **_training(scenario, stages),
        **_allocation(scenario, stages),
        **_prices(scenario, stages),
        **_finance(scenario, stages),
        **_cost(scenario, stages),
    }


def labels(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Return the names along every dim of the result."""
    axis, finance = scenario.axis, scenario.finance
    return {
        "month": tuple(axis.labels),
        "edge": tuple(e.isoformat() for e in axis.edges),
        "year": tuple(str(y) for y in axis.years),
        "day": axis.days,
        "hour": tuple(f"{h:02d}" for h in range(HOURS)),
        "region": scenario.regions,
        "workload": tuple(w.name for w in scenario.demand.workloads),
        "generation": tuple(g.name for g in scenario.fleet.generations),
        "site": (*(s.name for s in scenario.fleet.sites), *(existing_label(b.name) for b in scenario.fleet.opening)),
        "state": LADDER,
        "limit": LIMITS,
        "component": COMPONENTS,
        "line": COST_LINES,
        "tranche": tuple(str(k + 1) for k in range(len(amounts_usd(finance.tranches)))),
        "instrument": tuple(e.name for e in finance.equity),
        "token": TOKENS,
        "run": tuple(r.name for r in scenario.training.runs),
        "milestone": tuple(f"{r.name} {day}" for r in scenario.training.runs for day, _ in r.milestones),
        "scope": SCOPES,
        "bound": BOUNDS,
        "driver": DRIVERS,
        "life": _distinct(f"{life:g} years" for life in finance.costs.lives_compared_years),
    }


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names with a number where one comes again, so that a label says which entry is meant."""
    found: list[str] = []
    for name in names:
        again = sum(f == name or f.startswith(f"{name} (") for f in found)
        found.append(f"{name} ({again + 1})" if again else name)
    return tuple(found)


def per_request(scenario: Scenario, requests_per_h: Array, name: str) -> Array:
    """Return the month's sum of something that every request brings: (member, workload, month)."""
    return np.asarray(scenario.axis.month_total(requests_per_h) * _each(scenario, name)[:, :, None])


def _each(scenario: Scenario, name: str) -> Array:
    """Return what one request of each workload brings: (member or 1, workload)."""
    return np.stack(np.broadcast_arrays(*[column(getattr(w, name), 1) for w in scenario.demand.workloads]), axis=1)


def _demand(scenario: Scenario, s: Stages) -> dict[str, Array]:
    wanted = s.wanted
    tokens = wanted.tokens_per_request[..., scenario.axis.year_of_month]  # (W, token, n)
    return {
        "weekly_users": wanted.weekly_users,
        "tokens_per_request": wanted.tokens_per_request,
        "requests_asked_per_day": wanted.requests_per_day,
        "requests_on_devices_per_day": wanted.on_devices_per_day,
        "sessions_per_day": wanted.sessions_per_day,
        "requests_asked_per_h": wanted.requests_per_h,
        "requests_by_region_per_h": wanted.by_region_per_h,
        "tokens_asked_per_day": wanted.requests_per_day[:, :, None] * tokens,
    }


def _fleet(s: Stages) -> dict[str, Array]:
    built = s.built
    return {
        "power_state_mw": built.power_state_mw,
        "racks_accepted": built.racks,
        "racks_delivered": built.racks_delivered,
        "racks_retired": built.racks_retired,
        "gpus_producing": built.gpus_producing,
        "gpus_available": built.gpus_available,
        "limit_mw": built.limit_mw,
        "binding_limit": built.binding.astype(float),
        "first_token_day": built.first_token_days,
    }


def _power(scenario: Scenario, s: Stages) -> dict[str, Array]:
    axis, drawn = scenario.axis, s.drawn
    it_mwh, loss_mwh, overhead_mwh = (
        axis.month_total(getattr(drawn, n)) for n in ("it_mw", "losses_mw", "overhead_mw")
    )
    return {
        "it_power_drawn_mw": it_mwh / axis.hours,
        "it_energy_mwh": it_mwh,
        "loss_energy_mwh": loss_mwh,
        "overhead_energy_mwh": overhead_mwh,
        "facility_energy_mwh": drawn.energy_mwh,
        "facility_power_mw": drawn.facility_mw.sum(axis=1),
        "energy_cost_usd": drawn.energy_cost_usd,
    }


def _inference(s: Stages) -> dict[str, Array]:
    speed = s.speed
    generated = s.wanted.tokens_per_request[:, [TOKENS.index(t) for t in GENERATED]].sum(axis=1)  # (W, Y)
    return {
        "requests_per_gpu_s": speed.requests_per_gpu_s,
        "generated_tokens_per_gpu_s": speed.requests_per_gpu_s * generated[:, None],
        "ttft_ms": speed.ttft_ms,
        "tpot_ms": speed.tpot_ms,
        "replica_gpus": speed.replica_gpus,
        "replica_batch": speed.replica_batch,
    }


def _training(scenario: Scenario, s: Stages) -> dict[str, Array]:
    axis, runs = scenario.axis, scenario.training.runs
    deadlines = [np.nan if r.deadline is None else axis.days_since_start(r.deadline) for r in runs]
    done, met = s.trained.runs, s.trained.deadlines
    return {
        "run_gpus": done.gpus,
        "run_tokens_done": done.tokens_done,
        "run_start_day": done.start_days,
        "run_done_day": done.done_days,
        "run_deadline_day": np.array(deadlines, dtype=float),
        "run_mfu_share": np.array([p.mfu_share for p in s.trained.layouts]),
        "run_goodput_share": np.array([float(goodput(r.gpus, scenario.training.reliability).share) for r in runs]),
        "run_tokens_asked": np.array([r.tokens for r in runs], dtype=float),
        "run_gpus_asked": np.array([r.gpus for r in runs], dtype=float),
        "run_tokens_by_deadline": met.tokens,
        "run_late_days": met.late_days,
        "run_gpus_needed": met.gpus_needed,
        "run_latest_start_day": met.latest_start_days,
        "milestone_day": met.milestone_days,
        "milestone_share": met.milestone_share,
        "milestone_done_share": met.milestone_done_share,
        "milestone_late_days": met.milestone_late_days,
        "largest_run_flop": s.trained.largest_flop,
        "largest_run_parameters": s.trained.largest_parameters,
        "largest_run_tokens": s.trained.largest_tokens,
        "capability_eci": s.trained.capability_eci,
    }


def _served_per_day(scenario: Scenario, s: Stages) -> Array:
    """Requests served on the month's average day, deferred ones included: (M, W, n)."""
    axis = scenario.axis
    return np.asarray(axis.month_total(s.served.served_now + s.served.deferred) / axis.hours * HOURS)


def _gpu_hours(scenario: Scenario, s: Stages) -> tuple[Array, Array, Array]:
    """GPU-hours by workload (M, W, G, n), of training (M, G, n), and available (M, G, n)."""
    axis = scenario.axis
    available = s.built.gpus_available * axis.hours
    on_edges = s.built.racks_producing.sum(axis=2)
    growth = axis.between(on_edges)
    mean = np.einsum("mgnd,nd->mgn", growth, axis.day_counts) / axis.day_counts.sum(axis=1)
    relative = np.divide(growth, mean[..., None], out=np.ones_like(growth), where=mean[..., None] > 0)  # (M, G, n, D)
    daily = s.served.fleet_share.mean(axis=-1) * axis.day_counts / axis.day_counts.sum(axis=1)[:, None]  # (M, W, n, D)
    used = np.einsum("mwnd,mgnd->mwgn", daily, relative) * available[:, None]
    return used, s.served.reserved_share[:, None] * available, available


def _allocation(scenario: Scenario, s: Stages) -> dict[str, Array]:
    axis, served = scenario.axis, s.served
    per_day = {n: axis.month_total(getattr(served, n)) / axis.hours * HOURS for n in ("deferred", "refused")}
    served_per_day = _served_per_day(scenario, s)
    tokens = s.wanted.tokens_per_request[..., axis.year_of_month]
    used, training_h, available = _gpu_hours(scenario, s)
    peaks = np.array([scenario.devices[g.name].peak_bf16_flops_per_s for g in scenario.fleet.generations])
    return {
        "training_share": served.reserved_share,
        "fleet_share": served.fleet_share,
        "requests_served_per_day": served_per_day,
        "requests_deferred_per_day": per_day["deferred"],
        "requests_refused_per_day": per_day["refused"],
        "requests_refused_per_h": served.refused,
        "served_share": _share(served_per_day, s.wanted.requests_per_day),
        "tokens_served_per_day": served_per_day[:, :, None] * tokens,
        "gpu_hours": used,
        "training_gpu_hours": training_h,
        "idle_gpu_hours": available - used.sum(axis=1) - training_h,
        "training_flop": (training_h * peaks[:, None]).sum(axis=1) * SECONDS_PER_HOUR * scenario.training.mfu_share,
        "value_served_usd": per_request(scenario, served.run, "value_usd_per_request"),
    }


def _prices(scenario: Scenario, s: Stages) -> dict[str, Array]:
    """What one more GPU-hour, megawatt or gigawatt would bring while somebody waits."""
    axis = scenario.axis
    generations = scenario.fleet.generations
    k = [g.name for g in generations].index(scenario.reference_generation)
    per_gpu_h = s.speed.requests_per_gpu_h[:, k][:, axis.year_of_month][None]  # (1, W, n)
    worth, revenue = (per_gpu_h * _each(scenario, f"{n}_usd_per_request")[:, :, None] for n in ("value", "revenue"))
    waits = waiting(s.served.refused, s.wanted.requests_per_h)
    price = shadow_price(worth, waits)
    next_revenue = next_in_line(worth, np.broadcast_to(revenue, np.broadcast_shapes(worth.shape, revenue.shape)), waits)
    up = column(scenario.fleet.ladder.availability, 2)
    per_mw_year = generations[k].gpus_per_rack / generations[k].it_kw_per_rack * 1e3 * up * HOURS_PER_YEAR
    return {
        "shadow_price_usd_per_gpu_h": price,
        "shadow_price_usd_per_mw_year": axis.month_mean(price) * per_mw_year,
        "marginal_revenue_usd_per_gw_year": axis.month_mean(next_revenue) * per_mw_year * MW_PER_GW,
        "revenue_lost_usd": per_request(scenario, s.served.refused, "revenue_usd_per_request"),
    }


def _finance(scenario: Scenario, s: Stages) -> dict[str, Array]:
    money = s.money
    return {
        "capital_usd": money.capital_usd,
        "cost_usd": money.cost_usd,
        "rent_usd": money.rent_usd,
        "revenue_by_workload_usd": per_request(scenario, s.served.run, "revenue_usd_per_request"),
        "revenue_usd": money.revenue_usd,
        "tranche_usd": money.tranche_usd,
        "tranche_day": money.tranche_days,
        "tranche_paid_usd": money.tranche_paid_usd,
        "equity_paid_usd": money.equity_paid_usd,
        "guaranteed_usd": money.guaranteed_usd,
        "commitment_usd": money.commitment_usd,
        "vendor_flow_usd": money.vendor_flow_usd,
        "vendor_flow_landlords_usd": money.vendor_flow_landlords_usd,
        "funding_gap_usd": money.funding_gap_usd,
        "book_value_usd": money.book_value_usd,
        "equity_usd": money.equity_usd,
        "cost_by_life_usd": money.cost_by_life_usd,
    }


def _cost(scenario: Scenario, s: Stages) -> dict[str, Array]:
    axis = scenario.axis
    used, training_h, available = _gpu_hours(scenario, s)
    tokens = s.wanted.tokens_per_request[:, [TOKENS.index(t) for t in GENERATED]].sum(axis=1)[:, axis.year_of_month]
    cost = cost_per_mtok(
        cost_usd=s.money.cost_usd,
        gpu_hours=used,
        training_gpu_hours=training_h,
        gpu_hours_available=available,
        it_kw_per_gpu=np.array([g.it_kw_per_rack / g.gpus_per_rack for g in scenario.fleet.generations]),
        generated_tokens=_served_per_day(scenario, s) * axis.hours / HOURS * tokens,
    )
    tasks = task_cost(
        scenario,
        cost_usd=s.money.cost_usd.sum(axis=1),
        gpu_hours=used,
        training_gpu_hours=training_h,
        available_gpu_hours=available,
        requests_per_gpu_h=s.speed.requests_per_gpu_h,
        tokens_per_request=s.wanted.tokens_per_request,
        served_per_day=_served_per_day(scenario, s),
    )
    return {
        "cost_per_task_usd": tasks.per_task_usd,
        "cost_at_constant_capability_usd": tasks.at_constant_capability_usd,
        "cost_fall_log": tasks.fall_log,
        "workload_cost_usd": cost.workload_usd,
        "cost_per_mtok_usd": cost.workload_usd_per_mtok,
        "cost_per_mtok_all_usd": cost.serving_usd_per_mtok,
        "training_cost_usd": cost.training_usd,
    }


def _share(part: Array, whole: Array) -> Array:
    """Return part over whole; where nothing is asked, all of it is served."""
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)
