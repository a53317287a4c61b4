"""The laws that every run keeps: energy, GPUs, requests and money are conserved. Checked on each result."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gigaplan.finance.parties import PARTIES, PLAN
from gigaplan.vocabulary.errors import LawError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import TimeAxis

TOLERANCE = 1e-9


def check(arrays: Mapping[str, Array], axis: TimeAxis) -> None:
    """Raise LawError, naming the law and the size of the breach, if a result breaks one."""
    for law in (energy, gpus, requests, ladder, money):
        law(arrays, axis)


def energy(a: Mapping[str, Array], axis: TimeAxis) -> None:
    """Energy in = IT + losses + overhead, by site and month; where a supply is stated, what its sources give."""
    parts = a["it_energy_mwh"] + a["loss_energy_mwh"] + a["overhead_energy_mwh"]
    _equal("energy in = IT + losses + overhead", a["facility_energy_mwh"], parts)
    if a["energy_by_source_mwh"].size:
        stated = a["binding_supply"][0, :, :1] >= 0
        by_source = a["energy_by_source_mwh"].sum(axis=1)
        _equal("energy in = energy by source, where it is stated", a["facility_energy_mwh"] * stated, by_source)


def gpus(a: Mapping[str, Array], axis: TimeAxis) -> None:
    """GPUs allocated never exceed those that customers leave, in any hour; GPU-hours add up by generation."""
    busy = a["fleet_share"].sum(axis=1) + a["training_share"][:, :, None, None]
    if busy.max(initial=0) > 1 + TOLERANCE:
        raise LawError(f"GPUs allocated exceed those available: {busy.max():.12f} of the fleet")
    used = a["gpu_hours"].sum(axis=1) + a["training_gpu_hours"] + a["sold_gpu_hours"] + a["idle_gpu_hours"]
    used = used + a["customer_gpu_hours"].sum(axis=1)
    _equal("GPU-hours of customers + used + idle = available", a["gpus_available"] * axis.hours, used)


def requests(a: Mapping[str, Array], axis: TimeAxis) -> None:
    """Served + refused = demand, per workload and month; deferred work is part of the served."""
    parts = a["requests_served_per_day"] + a["requests_refused_per_day"]
    _equal("served + deferred + refused = demand", a["requests_asked_per_day"], parts)
    if (a["requests_deferred_per_day"] > a["requests_served_per_day"] * (1 + TOLERANCE) + TOLERANCE).any():
        raise LawError("more requests deferred than served")


def ladder(a: Mapping[str, Array], axis: TimeAxis) -> None:
    """Megawatts in all states of a site never vanish: what is announced stays on the ladder."""
    total = a["power_state_mw"].sum(axis=1)
    lost = float(np.maximum(-np.diff(total, axis=-1), 0).max(initial=0))
    if lost > TOLERANCE * max(float(total.max(initial=0)), 1.0):
        raise LawError(f"{lost:g} MW fell off the delivery ladder")
    if a["power_state_mw"].min(initial=0) < -1e-6:
        raise LawError("a state of the ladder holds negative power")


def money(a: Mapping[str, Array], axis: TimeAxis) -> None:
    """Every flow has two ends, every party's books balance, and milestones pay what the months received."""
    # Balances are running sums of flows that may dwarf what is owned: rounding is measured against them.
    cash, flows = a["party_cash_usd"], float(np.abs(a["flow_usd"]).sum(axis=(1, 2)).max(initial=0))
    _equal("what parties pay = what parties receive", np.maximum(cash, 0).sum(axis=1), np.maximum(-cash, 0).sum(axis=1))
    held = np.concatenate([np.zeros_like(cash[..., :1]), cash.cumsum(axis=-1)], axis=-1) + a["party_assets_usd"]
    _equal("cash + assets = debt + worth", held, a["party_debt_usd"] + a["party_worth_usd"], flows)
    _equal("book value = debt + equity", a["book_value_usd"], a["debt_usd"] + a["equity_usd"], flows)
    # The gap follows from capital, cost lines and what is received; the plan's cash from flows between two parties.
    _equal("cash of the plan = - funding gap", cash[:, PARTIES.index(PLAN)], -a["funding_gap_usd"], flows)
    # A month in which nothing is served has nobody to bear what serving costs: the fleet stands idle.
    serving = a["gpu_hours"].sum(axis=(1, 2)) > 0
    shared = a["workload_cost_usd"].sum(axis=1) + a["training_cost_usd"] + a["sold_cost_usd"]
    shared = shared + a["customer_cost_usd"].sum(axis=1)
    _equal(
        "cost of workloads + training + sold hours + customers = cost",
        a["cost_usd"].sum(axis=1) * serving,
        shared * serving,
    )
    _equal("tranches by milestone = by month", a["tranche_paid_usd"].sum(axis=-1), a["tranche_usd"].sum(axis=-1))


def _equal(law: str, left: Array, right: Array, turnover: float = 0.0) -> None:
    scale = max(float(np.abs(left).max(initial=0)), float(np.abs(right).max(initial=0)), turnover, 1e-30)
    gap = float(np.abs(left - right).max(initial=0)) / scale
    if gap > TOLERANCE:
        raise LawError(f"{law}: off by {gap:.2e} of the largest value")
