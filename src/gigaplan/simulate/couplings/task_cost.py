"""Coupling of cost to intelligence: what a task costs, at the model in service and at constant capability, and why.

Cost is taken on a fixed basket, the first month's mix of work: a million generated tokens of it cost, on each
generation at full use, what its GPU-hours cost over what they make. Utilisation, serving software and better models
then make of it what a task costs. From the first month after which every month serves; before it there is no cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.finance.intelligence import DRIVERS, cost_factor, intelligence_cost
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.money import per_request
from gigaplan.simulate.couplings.throughput import generated_per_request, software_gain
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR

MIN_USE = 1e-3
"""A fleet that serves with less of it than this is not in service yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCost:
    """Shapes: member M, workload W, driver D, month n; nan before the fleet serves."""

    per_task_usd: Array
    at_constant_capability_usd: Array
    fall_log: Array


def task_cost(
    scenario: Scenario,
    *,
    cost_usd: Array,
    gpu_hours: Array,
    other_gpu_hours: Array,
    available_gpu_hours: Array,
    requests_per_gpu_h: Array,
    tokens_per_request: Array,
    served_per_day: Array,
) -> TaskCost:
    """Return what tasks cost by month.

    Parameters
    ----------
    cost_usd : (M, n) whole cost. gpu_hours : (M, W, G, n). other_gpu_hours, available_gpu_hours : (M, G, n).
    requests_per_gpu_h : (M, W, G, Y), software gains included. tokens_per_request : (M, W, token, Y).
    served_per_day : (M, W, n).
    """
    axis = scenario.axis
    members, workloads, months = served_per_day.shape
    empty = np.full((members, workloads, months), np.nan)
    nothing = TaskCost(
        per_task_usd=empty, at_constant_capability_usd=empty, fall_log=np.full((members, len(DRIVERS), months), np.nan)
    )
    weigh = scenario.fleet.it_kw_per_gpu[..., None]
    whole, held, used = ((h * weigh).sum(axis=1) for h in (available_gpu_hours, other_gpu_hours, gpu_hours.sum(axis=1)))
    use = np.divide(used, whole - held, out=np.zeros_like(used), where=whole - held > 0)
    start = _start(use, cost_usd)
    if start is None:
        return nothing
    year = axis.year_of_month
    made = generated_per_request(tokens_per_request)  # (M, W, Y)
    gained, first = software_gain(scenario), year[start]  # (m, Y)
    basket = served_per_day[:, :, start] * made[..., first]
    bare = requests_per_gpu_h[..., first] / gained[:, first, None, None]
    per_gpu_h = _basket_per_gpu_h(basket, bare, made[..., first])
    serves = per_gpu_h > 0  # (M, G)
    capacity = np.where(serves, per_gpu_h, 0.0)[..., None] * available_gpu_hours
    if not (capacity.sum(axis=1)[:, start:] > 0).all():
        return nothing
    gpu_h_usd = cost_usd[:, None] * weigh / whole[:, None].clip(1e-30)
    full = np.where(serves[..., None], gpu_h_usd / np.where(serves, per_gpu_h, 1.0)[..., None] * 1e6, 1.0)
    software = gained[:, year]
    years = (axis.mid_days - axis.mid_days[start]) / DAYS_PER_YEAR
    gains = scenario.gains
    calls = per_request(scenario, "calls_per_turn")
    cost = intelligence_cost(
        full_use_usd_per_mtok=full[..., start:],
        token_share=(capacity / capacity.sum(axis=1, keepdims=True).clip(1e-30))[..., start:],
        utilisation=np.minimum(use[:, start:], 1.0),
        software_factor=software[:, start : start + 1] / software[:, start:],
        model_factor=cost_factor(gains.model_gain_per_year, gains.model_gain_decay_per_year, years[start:]),
        tokens_per_task=np.maximum((made[..., year] * calls[..., None])[..., start:], 1e-9),
    )

    def later(array: Array) -> Array:
        out = np.full((*array.shape[:2], months), np.nan)
        out[..., start:] = array
        return out

    return TaskCost(
        per_task_usd=later(cost.usd_per_task),
        at_constant_capability_usd=later(cost.usd_per_task_constant),
        fall_log=later(cost.log_fall),
    )


def _start(use: Array, cost_usd: Array) -> int | None:
    """Return the first month from which on every month serves and costs something, None if the last does not."""
    idle = np.asarray(((use <= MIN_USE) | (cost_usd <= 0)).any(axis=0))
    last = int(np.flatnonzero(idle)[-1]) + 1 if idle.any() else 0
    return last if last < len(idle) else None


def _basket_per_gpu_h(basket: Array, requests_per_gpu_h: Array, made: Array) -> Array:
    """Return generated tokens of the basket that a GPU-hour makes on each generation, 0 where it can't: (M, G).

    Shapes: (M, W), (m, W, G) and (m, W).
    """
    share = basket / np.maximum(basket.sum(axis=1, keepdims=True), 1e-30)
    tokens = requests_per_gpu_h * made[..., None]  # (m, W, G)
    can = tokens > 0
    hours = (share[:, None] @ np.where(can, 1 / np.where(can, tokens, 1.0), 0.0))[:, 0]  # GPU-hours of one token
    whole = (share[:, :, None] * ~can).sum(axis=1) <= 0
    return np.where(whole & (hours > 0), 1 / np.where(hours > 0, hours, 1.0), 0.0)
