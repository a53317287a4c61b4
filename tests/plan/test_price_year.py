"""Prices of one year, lives of the books, rates and tax: what a plan states of money is what is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gigaplan as gp
from gigaplan import catalog, plan

SHORT = {"uncertainty.members": 1, "horizon.end": "2027-01"}


def scenario(**changes: Any) -> plan.Scenario:
    stated = {k.replace("__", "."): v for k, v in changes.items()}
    return plan.resolve(plan.load("campus-1gw", [f"{k}={v}" for k, v in (SHORT | stated).items()]))


def level(year: int) -> float:
    facts = catalog.load().series("us_cpi_u", "price_level")
    return next(f.number for f in facts if f.date == str(year))


def test_facts_of_other_years_are_converted_with_their_ranges_and_say_so() -> None:
    """A fact of 2025 in the prices of 2020, by consumer prices; what is of that year already stays."""
    fact = catalog.load().find("build", "facility_usd_per_it_mw")
    assert fact.price_year == "2025"
    found = scenario(price_year=2020).finance.costs.facility_usd_per_it_mw
    assert found == pytest.approx(fact.number * level(2020) / level(2025))
    assert scenario(price_year=2025).finance.costs.facility_usd_per_it_mw == fact.number
    used = scenario(price_year=2020).ledger
    (entry,) = used.under("finance.costs.facility_usd_per_it_mw")
    assert entry.fact is not None
    assert "in the prices of 2025, x 0.803 by consumer prices" in entry.fact.note
    assert entry.fact.low == pytest.approx((fact.low or 0) * level(2020) / level(2025))
    assert {e.path for e in used.under("price_year")} >= {"price_year", "price_year.2020", "price_year.2025"}


def test_without_a_price_year_each_fact_is_in_the_money_of_its_own(tmp_path: Path) -> None:
    gp.new(tmp_path / "p.yaml", like="campus-1gw")
    text = (tmp_path / "p.yaml").read_text()
    (tmp_path / "p.yaml").write_text(text.replace("price_year: 2026\n", ""))
    found = plan.resolve(plan.load(tmp_path / "p.yaml", ["uncertainty.members=1"]))
    assert not found.finance.one_price_year
    fact = catalog.load().find("build", "facility_usd_per_it_mw")
    assert found.finance.costs.facility_usd_per_it_mw == fact.number


def test_what_the_plan_states_is_not_converted() -> None:
    changes = {"price_year": 2020, "finance__costs__facility_usd_per_it_mw": "9e6 USD/MW"}
    assert scenario(**changes).finance.costs.facility_usd_per_it_mw == 9e6


def test_books_follow_the_service_of_racks_unless_a_life_is_stated() -> None:
    free = scenario().finance
    assert free.book_life_years.tolist() == free.service_life_years.tolist()
    stated = scenario(finance__costs__it_life_years="4 years").finance
    assert (stated.book_life_years == 4).all()
    assert stated.service_life_years.tolist() == free.service_life_years.tolist()
    ranged = {"finance.costs.it_life_years": "3 to 5 years", "uncertainty.members": 8}
    members = plan.resolve(plan.load("campus-1gw", [f"{k}={v}" for k, v in ranged.items()]))
    assert members.finance.book_life_years.shape[0] == 8
    assert len(set(members.finance.book_life_years[:, 0].tolist())) == 8


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"finance.tax.bonus_share": "50 %"}, "the bonus has no effect"),
        ({"finance.tax": "{schedule: macrs, bonus_share: 50 %}"}, ""),
        ({"finance.cost_of_capital.inflation_per_year": "3 %/year"}, ""),
    ],
)
def test_what_has_no_effect_is_said(changes: dict[str, str], said: str) -> None:
    warnings = plan.load("campus-1gw", [f"{k}={v}" for k, v in changes.items()]).warnings
    words = [str(w) for w in warnings if "no effect" in str(w)]
    assert (said in words[0]) if said else not words
