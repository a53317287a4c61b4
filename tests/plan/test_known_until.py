"""What a plan knows: an information date, whose figures it goes through, and how little it knows of what comes."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.catalog.history import USERS, published
from gigaplan.report.headline import hindsight
from gigaplan.report.html import html
from gigaplan.vocabulary.errors import PlanError

HISTORY = ("history=openai", "hindsight=true", "horizon.start=2024-01", "horizon.end=2027-01")


def users(until: str, members: int = 40) -> tuple[list[str], np.ndarray]:
    changes = (*HISTORY, f"known_until={until}", f"uncertainty.members={members}")
    result = gp.run("announced-2025-09", changes, keep="summary")
    return list(result.labels["month"]), result["weekly_users"]


def test_members_agree_up_to_the_last_point_and_fan_out_from_there() -> None:
    months, found = users("2025-09-22")
    spread = np.log(found).std(axis=0)
    last = months.index("2025-07")  # the last point is of 4 August
    assert spread[: last + 1] == pytest.approx(0, abs=1e-9)
    assert (np.diff(spread[last + 1 :]) > 0).all()


def test_months_of_published_counts_have_them() -> None:
    months, found = users("2026-11-01", 1)
    for point in published().series("openai", USERS):
        month = f"{point.date:%Y-%m}"
        if month in months and 10 < point.date.day < 20:  # a month is seen at its middle
            assert found[0, months.index(month)] == pytest.approx(point.value, rel=0.05)


def test_what_is_known_later_does_not_reach_an_earlier_date() -> None:
    months, early = users("2025-09-22")
    _, late = users("2026-11-01")
    after = months.index("2026-08")
    assert np.log(early[:, after]).std() > 0.1
    assert np.log(late[:, after]).std() == pytest.approx(0, abs=1e-9)


def test_nothing_is_inherited_unless_a_plan_says_so() -> None:
    result = gp.run("lab-1mw")
    assert not any("published." in f.id and "gpu_rental_price" not in f.id for f in result.ledger.facts())


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        (["history=opnai"], "history", "no published figures of that lab"),
        (["known_until=2044-01-01"], "known_until", "knows nothing of that day yet"),
        (["known_until=soon"], "known_until", "not a date"),
        (["history=openai", "known_until=2024-01-01", "hindsight=true"], "history", "were known by 2024-01-01"),
        (
            ["history=openai", "demand.adoption.reference_users=5e6"],
            "demand.adoption.reference_users",
            "take the place",
        ),
    ],
)
def test_what_cannot_be_known_is_refused_at_its_place(changes: list[str], path: str, message: str) -> None:
    with pytest.raises(PlanError) as error:
        gp.run("announced-2025-09", changes)
    found = [p for p in error.value.problems if message in p.message]
    assert [p.place.path for p in found] == [path]


def test_a_stated_rate_stands() -> None:
    result = gp.run("announced-2025-09", [*HISTORY, "demand.adoption.rate_per_year=0.5 1/year"])
    assert [e.value for e in result.ledger.under("demand.adoption.rate_per_year")] == ["0.5"]
    assert dt.date(2025, 8, 4) in {
        dt.date.fromisoformat(e.path[-10:]) for e in result.ledger.under("demand.adoption.points")
    }


def test_later_facts_are_refused_unless_hindsight_is_allowed() -> None:
    with pytest.raises(PlanError) as error:
        gp.run("announced-2025-09", ["hindsight=false"])
    problem = error.value.problems[0]
    assert problem.place.path == "known_until"
    assert "hindsight: true" in problem.remedy
    assert problem.place.line > 0


def test_of_rival_facts_the_newest_of_then_is_taken(announced: gp.Result) -> None:
    facts, day = catalog.load(), dt.date(2025, 9, 22)
    then = facts.known_by(day).find("vr_nvl72", "hbm_bandwidth_bytes_per_s")
    assert (then.number, facts.find("vr_nvl72", "hbm_bandwidth_bytes_per_s").number) == (13e12, 20e12)
    read = {e.fact.id: e for e in announced.ledger.entries if e.fact}
    assert not read[then.id].later
    for entry in read.values():
        assert entry.fact is not None
        rivals = facts.all(entry.fact.entity, entry.fact.quantity)
        alike = [r for r in rivals if r.basis == entry.fact.basis and not facts.quantities[r.quantity].series]
        assert not entry.later or all(r.later_than(day) for r in alike), entry.fact.id


def test_hindsight_is_counted_and_marked(announced: gp.Result) -> None:
    later = announced.ledger.hindsight()
    assert later
    assert all(f.later_than(dt.date(2025, 9, 22)) for f in later)
    assert hindsight(announced) == f"{len(later)} facts are later than 2025-09-22"
    page = html(announced)
    assert f"{len(later)} facts are later than 2025-09-22" in page
    assert page.count('badge">later</span>') == len(later)
    assert hindsight(gp.run("lab-1mw")) == ""


def test_a_year_stands_for_its_middle() -> None:
    fact = replace(catalog.load().facts[0], date="2025")
    assert not fact.later_than(dt.date(2025, 9, 22))
    assert fact.later_than(dt.date(2025, 6, 30))
    assert not fact.later_than(None)


def test_a_phase_that_is_known_to_produce_does_so_on_its_day() -> None:
    """Lags differ by member, and end on the known day in all; without it they spread the first token."""
    site, phase = "Abilene", "buildings 5-8"
    path = f"fleet.sites.{site}.phases.{phase}"
    changes = [
        "uncertainty.members=30",
        "horizon.end=2028-01",
        "fleet.systems={gb300_nvl72: {first_ship_date: 2024-06-01}}",
    ]
    changes += [
        "fleet.generations=[gb300_nvl72, gb200_nvl72, h100_hgx, h200_hgx, b200_hgx]",
        f"{path}.generation=gb300_nvl72",
    ]

    def days(*more: str) -> np.ndarray:
        result = gp.run("announced-2025-09", [*changes, *more], keep="summary")
        return result["first_token_day"][:, result.labels["site"].index(site)]

    known = days(f"{path}.operational=2026-11-01")
    lagged = days()
    assert np.ptp(np.quantile(known, [0.1, 0.9])) < 65 < np.ptp(lagged), "racks may still come a month or two apart"
    assert days(f"{path}.operational=2027-03-01")[0] - known[0] == pytest.approx(120, abs=62)


def test_no_phase_produces_before_it_has_power() -> None:
    with pytest.raises(PlanError, match="'operational' comes before 'energised'") as error:
        gp.run("announced-2025-09", ["fleet.sites.UAE.phases.first 200 MW.operational=2026-01-01"])
    assert error.value.problems[0].place.path.endswith("operational")
