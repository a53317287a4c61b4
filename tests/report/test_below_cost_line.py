from __future__ import annotations

import re

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.report.below_cost_line import below_cost_line
from gigaplan.results.aggregate import aggregate

FEW = ("uncertainty.members=1", "horizon.end=2031-01")


def run(*changes: str) -> gp.Result:
    return gp.run("campus-1gw", [*FEW, *changes])


def test_a_workload_sold_below_full_cost_is_named_with_its_months_and_its_worst_year() -> None:
    result = run()
    assert "agents" not in below_cost_line(run("demand.workloads.agents.revenue_usd_per_request=$9"))
    line, paid = below_cost_line(result), result.central("revenue_over_full_cost")
    agents = paid[result.index("workload", "agents")]
    worst = aggregate(result, "revenue_over_full_cost", ["year"], {"workload": "agents"})
    assert re.search(rf"agents {int((agents < 1).sum())}( months)? \({min(worst.values):.0%}\)", line)
    assert "chat" not in line


def test_the_margin_is_what_is_paid_over_the_full_cost_of_the_workload() -> None:
    result = run()
    paid, cost = (result.central(name) for name in ("revenue_by_workload_usd", "full_workload_cost_usd"))
    there = cost > 0
    assert there.any()
    assert result.central("revenue_over_full_cost")[there] == pytest.approx(paid[there] / cost[there])
    assert np.isnan(result.central("revenue_over_full_cost")[~there]).all()


def test_nothing_is_said_where_nothing_is_sold() -> None:
    assert below_cost_line(gp.run("lab-1mw", ["uncertainty.members=1"])) == ""
