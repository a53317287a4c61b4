"""One plan by several rules: the plan's own is what the plan does, and no rule is better than the optimum."""

from __future__ import annotations

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.study.rules import RULES, RuleComparison
from gigaplan.vocabulary.errors import PlanError

CHANGES = {"horizon.end": "2029-01-01"}


@pytest.fixture(scope="module")
def compared() -> RuleComparison:
    return gp.compare_rules("announced-2025-09", CHANGES)


@pytest.mark.parametrize("rule", ["value", "max_min"])
def test_the_plans_own_rule_is_what_the_plan_does(compared: RuleComparison, rule: str) -> None:
    result = gp.run("announced-2025-09", CHANGES | {"uncertainty.members": 1, "market.allocation": rule})
    months = np.array(result.axis.years)[result.axis.year_of_month] == compared.year
    hours, asked = result.axis.hours[months], result["requests_asked_per_day"][0][:, months]
    served = (result["requests_served_per_day"][0][:, months] * hours).sum(axis=1) / (asked * hours).sum(axis=1)
    found = next(one for one in compared.outcomes if one.rule == rule)
    np.testing.assert_allclose(found.served_share, served, rtol=0.03, atol=0.005)  # GPUs of the month's mean day


def test_the_hardest_year_is_compared_and_no_rule_beats_the_optimum(compared: RuleComparison) -> None:
    assert [one.rule for one in compared.outcomes] == list(RULES)
    assert compared.year == 2027
    assert compared.of_plan == "value"
    best = max(compared.outcomes, key=lambda one: one.value_usd)
    assert best.rule == "value"
    assert best.value_usd < compared.best_value_usd < 1.2 * best.value_usd
    assert max(compared.outcomes, key=lambda one: one.revenue_usd).rule == "revenue"


def test_law_promises_that_use_all_gpus_leave_the_optimum_above_every_order() -> None:
    found = gp.compare_rules("neocloud-100mw", {"horizon.end": "2027-01-01"}, rules=["value", "revenue"], year=2026)
    assert all(one.value_usd <= found.best_value_usd * (1 + 1e-6) for one in found.outcomes)
    assert found.usd_per_gpu_h[1] > 1.5  # of the weeks in which there are GB300s


def test_newer_gpus_are_worth_more_and_those_that_the_plan_lacks_nothing_is_said_of(compared: RuleComparison) -> None:
    price = dict(zip(compared.generations, compared.usd_per_gpu_h, strict=True))
    assert price["vr_nvl72"] > price["gb200_nvl72"] > price["h100_hgx"] > 0
    assert np.isnan(price["gb300_nvl72"])


def test_rules_and_years_that_there_are_not_are_refused() -> None:
    with pytest.raises(PlanError, match="proportional"):
        gp.compare_rules("lab-1mw", rules=["proportionally"])
    with pytest.raises(PlanError, match="2026 to"):
        gp.compare_rules("lab-1mw", year=1999)


def test_the_terminal_shows_every_workload_and_rule(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["compare", "lab-1mw", "--rules", "value,max_min"])
    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert "max_min" in shown
    assert "optimum" in shown
    for words in (["compare", "lab-1mw", "campus-1gw", "--rules", "all"], ["compare", "lab-1mw", "--year", "1999"]):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 2
