from __future__ import annotations

import pytest

from gigaplan import catalog
from gigaplan.validation.costs import CostRow, gpu_hour_of, inside_count, validate_costs

ANSWER = validate_costs()


def row(part: str) -> CostRow:
    return next(r for r in ANSWER.rows if part in r.name)


def test_costs_of_a_gigawatt_and_of_a_gpu_hour_are_met_only_with_a_cost_of_capital() -> None:
    """Nothing is fitted on them: the median is off by an eighth with it and by a quarter without."""
    assert ANSWER.median_error < 0.15
    assert ANSWER.median_without_capital > 1.5 * ANSWER.median_error
    for r in ANSWER.rows:
        if "GPU-hour" in r.name or "IT life" in r.name:
            assert abs(r.error) < 0.25, r.name
            assert r.without_capital < r.predicted


def test_epochs_lives_fall_in_the_same_steps() -> None:
    three, five, seven = (row(f"IT life {n} years") for n in (3, 5, 7))
    assert three.published / seven.published == pytest.approx(three.predicted / seven.predicted, rel=0.05)
    assert five.published == 8.5


def test_the_contract_is_dearer_than_what_it_costs_the_owner() -> None:
    """300 billion for 4.5 GW: no filling of the halls costs as much, so that there is a profit in it."""
    contract = [r for r in ANSWER.rows if r.name.startswith("4.5 GW,")]
    assert len(contract) == 3
    assert all(r.published == 300 and -0.6 < r.error < 0 for r in contract)


def test_a_cost_of_capital_is_seen_in_the_hour() -> None:
    facts = catalog.load()
    free, dear = (float(gpu_hour_of(facts, "gb200_nvl72", 5.0, r).full_usd) for r in (0.0, 0.15))
    assert free == pytest.approx(float(gpu_hour_of(facts, "gb200_nvl72", 5.0, 0.0).total_usd))
    assert dear > 1.3 * free


def test_what_lies_in_a_published_range_is_counted() -> None:
    inside, known = inside_count(ANSWER.rows)
    assert 0 < inside <= known < len(ANSWER.rows)
