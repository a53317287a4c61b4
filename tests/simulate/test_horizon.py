"""The start of the horizon is a window, not an event: months that two horizons share have the same answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.plan import builtin_names
from gigaplan.results.result import Result

HISTORY = {
    "largest_run_flop",
    "largest_run_parameters",
    "largest_run_tokens",
    "largest_run_gpus",
    "largest_run_learners",
    "largest_run_over_trend",
    "capability_eci",
    "capability_from_compute_eci",
    "capability_from_methods_eci",
    "cost_per_task_usd",
    "cost_at_constant_capability_usd",
    "cost_fall_log",
}
"""The largest run counts the compute of the horizon's months alone, and the cost of a task is followed from the first
month that serves: both know no earlier months."""
PAID = {
    "revenue_over_stated",
    "revenue_by_workload_usd",
    "revenue_usd",
    "revenue_lost_usd",
    "workload_margin_usd",
    "revenue_over_full_cost",
    "marginal_revenue_usd_per_gw_year",
    "marginal_revenue_usd_per_gpu_h",
    "next_gw_benefit_cost_ratio",
}
"""What requests bring goes on from the last published revenue within the horizon: a later one knows fewer of them."""
CASH = {"party_worth_usd"}
"""Cash counts from the start of the horizon."""
BEGUN_BEFORE = {"tranche_usd", "funding_gap_usd", "equity_usd", "commitment_usd", *CASH}
BEGUN_BEFORE |= {
    "flow_usd",
    "party_cash_usd",
    "party_assets_usd",
    "party_debt_usd",
    "debt_usd",
    "debt_service_usd",
    "debt_service_cover",
    "interest_usd",
    "tax_usd",
}
"""Milestones that were reached before the horizon count as reached with its start, and so does a contract that began
before it; loans are drawn within it."""
PLAN = """
gigaplan: 1
name: later
title: A campus of 2028
horizon: {start: 2028-01, end: 2031-01}
announced: {power: 200 MW it}
fleet:
  generations: [gb300_nvl72]
  reference_generation: gb300_nvl72
  profile: max_q
  sites:
    Only:
      region: miso
      announced: 2028-01-01
      phases:
        first: {power: 100 MW it, energised: 2028-03-01}
        second: {power: 100 MW it, energised: 2029-05-15}
demand:
  adoption:
    {curve: logistic, reference_users: 3e7, reference_date: 2028-01, ceiling_users: 1e8, rate_per_year: 0.9 1/year}
  workloads:
    chat: {driver: users, model: gpt_oss_120b}
finance: {}
"""


def differing(one: Result, two: Result) -> set[str]:
    """Return the quantities over time that differ in the months that two results share, both with one end."""
    out = set()
    for name, values in one.arrays.items():
        dims = one.variable(name).dims
        along = next((d for d in ("month", "edge") if d in dims), None)
        if along is not None:
            a, b = (np.moveaxis(x, dims.index(along), -1) for x in (values, two.arrays[name]))
            n = min(a.shape[-1], b.shape[-1])
            rounding = 1e-6 + 1e-14 * float(np.abs(np.nan_to_num(a)).max(initial=0))
            if not np.allclose(a[..., -n:], b[..., -n:], rtol=1e-9, atol=rounding, equal_nan=True):
                out.add(name)
    return out


@pytest.mark.parametrize("start", ["2020-01", "2026-01", "2027-12", "2028-02"])
def test_empty_months_change_nothing(start: str, tmp_path: Path) -> None:
    """A plan that begins in 2028, seen from up to eight years before, or from the month before its first power."""
    file = tmp_path / "later.yaml"
    file.write_text(PLAN)
    assert differing(gp.run(file), gp.run(file, changes=[f"horizon.start={start}"])) <= CASH


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("actual-2026-11", ("2023-01", "2027-01")),
        ("announced-2025-09", ("2022-01", "2029-01")),
        ("campus-1gw", ("2024-01", "2027-01")),
        ("lab-1mw", ("2024-01", "2027-01")),
        ("neocloud-100mw", ("2024-01", "2028-01")),
        ("world-250gw", ("2024-01", "2028-01")),
    ],
)
def test_what_a_plan_builds_and_serves_does_not_wait_for_the_horizon(name: str, starts: tuple[str, str]) -> None:
    """All sites that are energised by then produce what they produced; no training run begins in the months between."""
    base = gp.run(name)
    for start in starts:
        moved = gp.run(name, changes=[f"horizon.start={start}"])
        assert moved.axis.start != base.axis.start
        assert differing(base, moved) <= HISTORY | BEGUN_BEFORE | PAID


def test_every_built_in_plan_is_looked_at() -> None:
    looked_at = test_what_a_plan_builds_and_serves_does_not_wait_for_the_horizon.pytestmark[0].args[1]
    assert {name for name, _ in looked_at} == set(builtin_names())
