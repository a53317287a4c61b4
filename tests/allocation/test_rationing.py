"""Rules by which all share what there is: by hand, by the laws of sharing, and against merit order."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.allocation.test_merit import cases
from tests.allocation.test_prices import MORE, case

from gigaplan import plan
from gigaplan.allocation.inputs import AllocationRule
from gigaplan.allocation.merit import allocate
from gigaplan.allocation.prices import is_unserved, shared_revenue
from gigaplan.allocation.rationing import SharingRule, ration
from gigaplan.results.result import Result
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.members import Array

RULES: tuple[AllocationRule, ...] = get_args(AllocationRule)
SHARED: tuple[SharingRule, ...] = get_args(SharingRule)
rules = st.sampled_from(RULES)
wants = st.lists(st.floats(0, 100), min_size=1, max_size=6).map(lambda w: np.array(w)[None, :, None])


def test_ten_gpus_for_four_by_hand() -> None:
    """Bertsekas & Gallager's progressive filling: 2, 2.6, 4 and 5 want 10; 2 and 2.6 are met, the others share 5.4."""
    wanted = np.array([2.0, 2.6, 4.0, 5.0])[None]
    assert ration(wanted, np.array([10.0]), "max_min")[0] == pytest.approx([2.0, 2.6, 2.7, 2.7])
    assert ration(wanted, np.array([10.0]), "proportional")[0] == pytest.approx(wanted[0] / 1.36)


@given(wants, st.floats(0, 300), st.sampled_from(SHARED))
def test_law_all_that_is_there_is_given_and_nobody_gets_more_than_is_wanted(
    wanted: Array, there: float, rule: SharingRule
) -> None:
    given_out = ration(wanted, np.array([[there]]), rule)
    assert (given_out <= wanted * (1 + 1e-12)).all()
    assert given_out.sum() == pytest.approx(min(wanted.sum(), there), rel=1e-9, abs=1e-9)


@given(wants, st.floats(0, 300))
def test_law_of_max_min_whoever_lacks_has_as_much_as_anyone(wanted: Array, there: float) -> None:
    got = ration(wanted, np.array([[there]]), "max_min").ravel()
    lacks = got < wanted.ravel() * (1 - 1e-9) - 1e-9
    assert (got[lacks] >= got.max() * (1 - 1e-9) - 1e-9).all()


@given(wants, st.floats(0, 300))
def test_law_of_proportional_all_have_the_same_share_of_what_they_want(wanted: Array, there: float) -> None:
    got = ration(wanted, np.array([[there]]), "proportional")
    share = min(1.0, there / wanted.sum()) if wanted.sum() > 0 else 1.0
    np.testing.assert_allclose(got, wanted * share, rtol=1e-9, atol=1e-12)


@given(cases, rules)
def test_law_every_rule_uses_as_much_of_the_fleet_and_keeps_its_promises(
    case: dict[str, Any], rule: AllocationRule
) -> None:
    by_merit, out = allocate(**case), allocate(**case, rule=rule)
    np.testing.assert_allclose(out.served_now + out.deferred + out.refused, case["demand_per_h"], rtol=1e-9, atol=1e-9)
    used = out.fleet_share.sum(axis=(1, -1))
    np.testing.assert_allclose(used, by_merit.fleet_share.sum(axis=(1, -1)), rtol=1e-9, atol=1e-12)
    assert (out.fleet_share.sum(axis=1) <= 1 - case["reserved_share"][..., None, None] + 1e-9).all()
    assert min(a.min() for a in (out.served_now, out.deferred, out.refused)) >= -1e-9


@given(cases, rules)
def test_law_more_gpus_refuse_no_more(case: dict[str, Any], rule: AllocationRule) -> None:
    more = case | {"gpus_available": 1.5 * case["gpus_available"]}
    few, many = (
        allocate(**c, rule=rule).fleet_share.sum(axis=(1, -1)) * c["gpus_available"].sum(axis=1)[..., None]
        for c in (case, more)
    )
    assert (many >= few * (1 - 1e-9)).all()


@given(st.integers(0, 10**6), st.floats(0.5, 5), rules)
def test_law_no_rule_serves_more_value_than_the_order_of_value(
    seed: int, scarcity: float, rule: AllocationRule
) -> None:
    setup = case(seed, scarcity)
    best, other = (value_of_day(setup, r) for r in ("value", rule))
    assert (other <= best * (1 + 1e-9)).all()


@pytest.mark.parametrize("rule", SHARED)
@given(seed=st.integers(0, 10**6), scarcity=st.floats(0.1, 5))
def test_a_few_more_gpus_bring_what_the_price_says(rule: SharingRule, seed: int, scarcity: float) -> None:
    setup = case(seed, scarcity)
    more = setup | {"gpus_available": setup["gpus_available"] * (1 + MORE)}
    rise = value_of_day(more, rule) - value_of_day(setup, rule)
    speed = setup["requests_per_gpu_h"][:, :, 0, None]
    worth = setup["value_usd_per_request"][None, :, None] * speed * np.ones(setup["gpus_available"].shape[-1])
    parts = (
        setup["demand_per_h"] / speed[..., None, None]
        if rule == "proportional"
        else np.ones((1, len(speed[0]), 1, 1, 1))
    )
    unserved = is_unserved(allocate(**setup, rule=rule).refused, setup["demand_per_h"])
    price = shared_revenue([worth], parts, unserved)[0][0]
    gpu_hours = setup["gpus_available"][0, 0] * MORE * (1 - setup["reserved_share"][0])
    scale = value_of_day(setup, rule).max() * MORE
    np.testing.assert_allclose(rise, price.sum(axis=-1) * gpu_hours[:, None], rtol=1e-3, atol=1e-5 * scale)


def value_of_day(setup: dict[str, Any], rule: AllocationRule) -> Array:
    """What is served in a day is worth [USD]: (n, D)."""
    run = allocate(**setup, rule=rule).run
    return np.asarray((run * setup["value_usd_per_request"][:, None, None, None]).sum(axis=(1, -1))[0])


# In a plan


@pytest.fixture(scope="module")
def by_rule() -> dict[str, Result]:
    """Return the announced plan's central future by each rule."""
    changes = ("uncertainty.members=1", "horizon.end=2029-01-01")
    return {
        rule: simulate(plan.resolve(plan.load("announced-2025-09", (*changes, f"market.allocation={rule}"))))
        for rule in RULES
    }


def test_a_plans_rule_decides_who_waits_and_not_how_much_is_served(by_rule: dict[str, Result]) -> None:
    used = {rule: r["fleet_share"].sum(axis=1) for rule, r in by_rule.items()}
    refused = {rule: r["requests_refused_per_h"] for rule, r in by_rule.items()}
    for rule in RULES:
        np.testing.assert_allclose(used[rule].sum(axis=-1), used["value"].sum(axis=-1), rtol=1e-9)
    assert refused["value"].sum() > 0  # the plan is short of GPUs
    for rule in set(RULES) - {"value"}:
        assert not np.allclose(refused[rule], refused["value"]), rule


def test_each_order_is_best_at_what_it_orders_by(by_rule: dict[str, Result]) -> None:
    for rule, figure in (("value", "value_served_usd"), ("revenue", "revenue_usd")):
        sums = {other: float(r[figure][0].sum()) for other, r in by_rule.items()}
        assert max(sums, key=lambda other: sums[other]) == rule


def test_a_proportional_plan_serves_the_same_share_of_what_is_not_promised(by_rule: dict[str, Result]) -> None:
    """With the capacity of one hour short, chat and the API are cut alike; science runs at night."""
    served, promised = by_rule["proportional"]["served_share"][0, :, 38], [0.15, 0.2, 0.15, 0.45, 0.5, 0.3, 0.5]
    beyond = (served[:-1] - promised) / (1 - np.array(promised))
    np.testing.assert_allclose(beyond, beyond[0], rtol=0.05)
    assert beyond[0] < 0.5
    assert served[-1] > served[:-1].max()


def test_a_rule_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(PlanError, match="proportional"):
        plan.load("announced-2025-09", ("market.allocation=proportionally",))
