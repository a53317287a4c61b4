from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import t as student

import gigaplan as gp
from gigaplan import catalog
from gigaplan.demand.adoption import CURVES, weekly_users
from gigaplan.demand.inputs import Adoption
from gigaplan.validation.demand import KNOWN_BEFORE, choose, fit, fits, stored, validate_demand
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.time import DAYS_PER_YEAR
from gigaplan.vocabulary.units import parse_date

DATES = [dt.date(2023, 1, 1) + dt.timedelta(days=100 * i) for i in range(9)]
START = Adoption(
    ceiling_users=2e9, reference_users=3e8, reference_date=dt.date(2024, 7, 1), rate_per_year=0.9, curve="gompertz"
)


def observed(date: dt.date, users: float) -> Fact:
    return Fact(
        id=f"x.{date}",
        entity="x",
        quantity="weekly_users",
        value=users,
        unit="user",
        source_title="made here",
        date=date.isoformat(),
        evidence=Evidence.ASSUMED,
    )


def years(points: list[Fact], start: dt.date) -> np.ndarray:
    return np.array([(parse_date(p.date) - start).days / DAYS_PER_YEAR for p in points])


def on_curve(truth: Adoption, scatter: float = 0.0) -> list[Fact]:
    """Points on a known curve, each off it by a fixed pattern of ``scatter``."""
    when = years([observed(d, 1) for d in DATES], truth.reference_date)
    off = np.exp(scatter * np.cos(2.4 * np.arange(len(DATES))))
    return [observed(d, float(u)) for d, u in zip(DATES, weekly_users(truth, when)[0] * off, strict=True)]


@pytest.mark.parametrize("name", sorted(CURVES))
def test_a_known_curve_is_found_again(name: str) -> None:
    truth = replace(START, curve=name)
    found = fit(replace(truth, reference_users=1.0, rate_per_year=0.1), on_curve(truth))
    assert found.reference_users == pytest.approx(3e8, rel=1e-5)
    assert found.rate_per_year == pytest.approx(0.9, rel=1e-5)
    assert found.left_out_error == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", sorted(CURVES))
def test_the_curve_that_made_the_points_is_chosen(name: str) -> None:
    points = on_curve(replace(START, curve=name), scatter=0.03)
    assert choose([fit(replace(START, curve=rival), points) for rival in CURVES]) == name


@pytest.mark.parametrize("name", sorted(CURVES))
def test_constants_and_spread_as_scipys_own_fit_gives_them(name: str) -> None:
    start = replace(START, curve=name)
    points = on_curve(start, scatter=0.1)

    def log_users(when: np.ndarray, level: float, rate: float) -> np.ndarray:
        return np.log(weekly_users(replace(start, reference_users=np.exp(level), rate_per_year=np.exp(rate)), when)[0])

    users = np.log([p.number for p in points])
    best, spread = curve_fit(log_users, years(points, start.reference_date), users, p0=[np.log(2e8), 0.0])
    found = fit(start, points)
    assert [np.log(found.reference_users), np.log(found.rate_per_year)] == pytest.approx(best, rel=1e-5)
    wide = student.ppf(0.95, len(points) - 2)
    about = np.sqrt(spread[0, 0] + found.residual**2)
    assert np.log(found.reference_users_range) == pytest.approx(best[0] + wide * about * np.array([-1, 1]), rel=1e-4)
    rate = np.sqrt(spread[1, 1])
    assert np.log(found.rate_per_year_range) == pytest.approx(best[1] + wide * rate * np.array([-1, 1]), rel=1e-3)


def test_what_came_after_moves_neither_constants_nor_choice() -> None:
    points = on_curve(START, scatter=0.05)
    late = [observed(dt.date(2026, 1, 1), 5e7)]
    with_late, without = fit(START, points, late), fit(START, points)
    assert replace(with_late, after_mean_abs_error=0) == replace(without, after_mean_abs_error=0)
    assert with_late.after_mean_abs_error > 1
    assert np.isnan(without.after_mean_abs_error)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="3 points can't hold"):
        fit(START, on_curve(START)[:3])


def test_the_catalogs_constants_are_the_fits() -> None:
    facts = catalog.load()
    tried = fits(facts)
    chosen = choose(tried)
    adoption = stored(facts)
    assert adoption.curve == chosen
    for found in tried:
        constants = {
            "reference_users": (found.reference_users, found.reference_users_range),
            "rate_per_year": (found.rate_per_year, found.rate_per_year_range),
        }
        for quantity, (value, bounds) in constants.items():
            rows = facts.all("adoption", quantity)
            kept = [r for r in rows if r.chosen] if found.curve == chosen else [r for r in rows if found.curve in r.id]
            assert len(kept) == 1, f"{quantity} of the {found.curve} curve"
            assert [kept[0].value, kept[0].low, kept[0].high] == pytest.approx([value, *bounds], rel=1e-4)


def test_both_ways_of_choosing_agree() -> None:
    tried = fits(catalog.load())
    assert choose(tried) == min(tried, key=lambda f: abs(f.left_out_error)).curve


def test_users_are_held_against_the_constants_that_plans_use() -> None:
    points = [p for p in validate_demand().points if p.quantity == "weekly_users"]
    adoption = stored(catalog.load())
    assert {p.known for p in points} == {True, False}
    for p in points:
        day = dt.date.fromisoformat(p.date)
        when = np.array([(day - adoption.reference_date).days / DAYS_PER_YEAR])
        assert p.predicted == pytest.approx(weekly_users(adoption, when)[0, 0])
        assert p.known == p.used == (day < KNOWN_BEFORE)
        assert p.error == pytest.approx(p.predicted / p.published - 1)


def test_messages_are_shown_under_both_definitions_and_called_no_proof() -> None:
    answer = validate_demand()
    messages = [p for p in answer.points if p.quantity.startswith("messages_per_day")]
    assert [p.definition for p in messages] == ["consumer plans"] * 3 + ["all products"] * 2
    assert all(p.known for p in messages)
    assert any("five points" in note and "can't validate a curve" in note for note in answer.notes)


def test_messages_by_hand() -> None:
    """All users' workloads but the agents' steps, on a day in summer."""
    facts = catalog.load()
    day, summer = dt.date(2025, 8, 4), facts.find("demand_shape", "summer_share").number
    adoption = stored(facts)
    users = weekly_users(adoption, np.array([(day - adoption.reference_date).days / DAYS_PER_YEAR]))[0, 0]
    total = 0.0
    for name in ("chat", "education", "multimodal", "reasoning", "long_context"):
        reach, each, rate, decay = (
            facts.find(name, q).number
            for q in ("reach_share", "requests_per_user_day", "growth_per_year", "growth_decay_per_year")
        )
        stated = facts.find(name, "reference_date").day
        t = (day - stated).days / DAYS_PER_YEAR
        grown = np.exp(rate * t) if t < 0 else np.exp(rate * (1 - np.exp(-decay * t)) / decay)
        season = 1 if stated.month in (6, 7, 8) else summer
        total += users * reach * each * grown * season
    point = next(p for p in validate_demand().points if p.quantity == "messages_per_day_all" and p.date == str(day))
    assert point.predicted == pytest.approx(total)


def test_api_tokens_say_which_point_set_the_level() -> None:
    points = [p for p in validate_demand().points if p.quantity == "api_tokens_per_day"]
    assert [p.used for p in points] == [True, False]
    assert abs(points[0].error) < 0.01, "the level is set on the first point"
    assert all("processed" in p.definition for p in points)


def test_summary_adds_up_and_all_of_it_is_plain_data() -> None:
    answer = validate_demand()
    assert sum(s.points for s in answer.summary) == len(answer.points)
    late = [p.error for p in answer.points if p.quantity == "weekly_users" and not p.known]
    summary = next(s for s in answer.summary if s.quantity == "weekly_users" and s.when == "came after")
    assert summary.mean_abs_error == pytest.approx(np.abs(late).mean())
    assert summary.bias == pytest.approx(np.mean(late))
    data = json.loads(json.dumps(gp.to_json(answer)))
    assert [p["error"] for p in data["points"]] == [p.error for p in answer.points]
