"""Members that reach only the cost still give every member its own cost per task."""

from __future__ import annotations

import numpy as np

from gigaplan import plan
from gigaplan.simulate.couplings.task_cost import task_cost
from gigaplan.simulate.engine import simulate


def test_members_in_the_cost_alone() -> None:
    scenario = plan.resolve(plan.load("neocloud-100mw"))
    result = simulate(scenario)
    given = {
        "gpu_hours": result["gpu_hours"],
        "other_gpu_hours": result["training_gpu_hours"] + result["sold_gpu_hours"],
        "available_gpu_hours": result["gpus_available"] * scenario.axis.hours,
        "requests_per_gpu_h": result["requests_per_gpu_s"] * 3600,
        "tokens_per_request": result["tokens_per_request"],
        "served_per_day": result["requests_served_per_day"],
    }
    cost = result["cost_usd"].sum(axis=1)
    one = task_cost(scenario, cost_usd=cost, **given)
    two = task_cost(scenario, cost_usd=np.concatenate([cost, 2 * cost]), **given)
    assert two.per_task_usd.shape[0] == 2
    np.testing.assert_allclose(two.per_task_usd[0], one.per_task_usd[0])
    np.testing.assert_allclose(two.per_task_usd[1], 2 * one.per_task_usd[0])
