"""Published history against plans: every figure is compared or left out with a reason, and nothing is known early."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.catalog.history import published
from gigaplan.plan import load, resolve
from gigaplan.report import history_view
from gigaplan.results.result import Result
from gigaplan.simulate.engine import simulate
from gigaplan.validation.history.compare import RENT_NAME, compare
from gigaplan.validation.history.figures import ANNOUNCEMENT, RENT, BeyondError, at, figure_of, over, rent
from gigaplan.validation.history.validate import HistoryValidation, validate_history
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS

HEADER = "quantity,entity,date,value,unit,known_since\n"


@pytest.fixture(scope="module")
def answer() -> HistoryValidation:
    return validate_history(members=12, origins=(ANNOUNCEMENT,))


@pytest.fixture(scope="module")
def actual() -> Result:
    return simulate(resolve(load("actual-2026-11", ["horizon.end=2027-01"])), "summary")


def test_every_published_figure_is_compared_or_left_out_with_its_reason(answer: HistoryValidation) -> None:
    compared = {(p.name, p.date) for p in answer.inside}
    left = {(r.quantity, r.entity, r.date, r.value) for r in answer.left_out}
    assert all(r.reason for r in answer.left_out)
    for row in published().rows:
        figure = figure_of(row)
        name = figure.name if figure else RENT_NAME if row.quantity == RENT else ""
        assert (row.quantity, row.entity, row.date, row.value) in left or (name, row.date) in compared, row


def test_what_the_plan_goes_through_it_has(answer: HistoryValidation) -> None:
    through = [p for p in answer.inside if p.given and p.name != RENT_NAME]
    assert {"weekly users", "revenue, annualised", "tokens a day of the API", "GW in use"} <= {p.name for p in through}
    assert max(abs(p.error) for p in through) < 0.06
    assert not any(
        "given" not in s.name and s.name.endswith("weekly users") and "inside" in s.name for s in answer.summary
    )


def test_a_year_ahead_is_of_the_year_after_and_was_not_known(answer: HistoryValidation) -> None:
    known = {(r.date, r.value): r.known_since for r in published().rows}
    for p in answer.ahead:
        assert p.origin == ANNOUNCEMENT < p.date <= ANNOUNCEMENT + dt.timedelta(days=366)
        assert known.get((p.date, p.published), dt.date.max) > ANNOUNCEMENT
        if not p.hindsight:
            assert not p.given
    users = [p for p in answer.ahead if p.name == "weekly users"]
    widths = [p.high / p.low for p in users]
    assert widths == sorted(widths), "what lies further ahead is less certain"


def test_what_was_not_public_yet_is_shown_and_not_counted(answer: HistoryValidation) -> None:
    late = {p.name for p in answer.ahead if p.hindsight}
    assert {RENT_NAME, "tokens a day of the API", "GW in use"} <= late
    counted = {s.name for s in answer.summary if s.name.startswith("a year ahead")}
    assert not {f"a year ahead: {name}" for name in late} & counted
    assert answer.hindsight[str(ANNOUNCEMENT)] > 0


def test_totals_add_up(answer: HistoryValidation) -> None:
    for when, points in (
        ("inside the data", [p for p in answer.inside if not p.given]),
        ("a year ahead", [p for p in answer.ahead if not p.hindsight]),
    ):
        total = next(s for s in answer.summary if s.name == f"{when}: all")
        assert total.points == len(points)
        assert total.inside == sum(p.low <= p.published <= p.high for p in points)
        assert total.median_abs_error == pytest.approx(np.median([abs(p.predicted / p.published - 1) for p in points]))


def test_figures_by_hand(actual: Result) -> None:
    points = {(p.name, str(p.date)): p for p in compare(actual, published().rows).points}
    months = [k for k, m in enumerate(actual.labels["month"]) if m.startswith("2025")]
    year = points["revenue of a year", "2025-12-31"]
    assert year.predicted == pytest.approx(actual["revenue_usd"][0, months].sum())
    spend = points["research spend", "2025-12-31"].predicted + points["inference spend", "2025-12-31"].predicted
    assert spend == pytest.approx(actual["cost_usd"][0][:, months].sum(), rel=1e-6)
    inference = points["inference spend", "2024-12-31"]
    assert (inference.published_low, inference.published_high) == (1.8e9, 3.76e9), "who differs is kept as a range"
    assert points["GW in use", "2024-12-31"].predicted == pytest.approx(0.6, rel=0.01)


def test_levels_between_months_and_sums_of_months(actual: Result) -> None:
    axis = actual.axis
    growing = np.exp(axis.mid_days / DAYS_PER_YEAR)[None]
    day = dt.date(2025, 5, 3)
    assert at(actual, growing, day)[0] == pytest.approx(np.exp(axis.days_since_start(day) / DAYS_PER_YEAR))
    assert over(actual, axis.hours[None], dt.date(2025, 6, 30), 6)[0] == 181 * HOURS
    with pytest.raises(BeyondError, match="outside the plan's months"):
        at(actual, growing, dt.date(2023, 5, 3))
    with pytest.raises(BeyondError, match="outside the plan's months"):
        over(actual, growing, dt.date(2024, 2, 28), 3)


def test_rents_are_of_contracts(actual: Result) -> None:
    by_basis = {r.basis: r for r in published().rows if r.quantity == RENT}
    found = rent(actual, by_basis["1-year contract"])
    assert found.system == "h100_hgx"
    assert found.of_plan
    assert found.members[0] == pytest.approx(by_basis["1-year contract"].value, rel=0.05)  # the plan goes through it
    trough = rent(actual, by_basis["1-year contract, trough"])  # of 2025, where the plan is in the money of 2026
    month = actual.axis.month_of(by_basis["1-year contract, trough"].date)
    paid = actual["generation_rent_usd_per_gpu_h"][0, actual.index("generation", "h100_hgx"), month]
    assert trough.members[0] < 0.98 * paid
    assert trough.members[0] == pytest.approx(by_basis["1-year contract, trough"].value, rel=0.02)
    other = next(r for r in published().rows if r.quantity == RENT and r.entity.startswith("MI355X"))
    of_catalog = rent(actual, other)
    assert not of_catalog.of_plan
    assert of_catalog.members[1] <= of_catalog.members[0] <= of_catalog.members[2]
    with pytest.raises(BeyondError, match="on demand or on the spot"):
        rent(actual, by_basis["spot index"])


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(
        f"{HEADER}weekly_active_users,OpenAI/ChatGPT,2026-10-15,1.21e9,users/week,2026-10-16\n"
        "weekly_active_users,OpenAI/ChatGPT,2026-11,1.3e9,users/week,2026-10-16\n"
        "beds,Hotel,2025,12,beds,2026\n"
    )
    found = validate_history(table, members=4, origins=(ANNOUNCEMENT,))
    assert [(str(p.date), p.given) for p in found.inside] == [("2026-10-15", False)]
    assert [p.name for p in found.fan] == ["weekly users"]
    assert sorted(r.quantity for r in found.left_out) == ["beds", "weekly_active_users"]
    assert "before its date" in next(r.reason for r in found.left_out if r.quantity != "beds")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("quantity,entity,date\nx,y,2025\n", "columns are missing"),
        (f"{HEADER}x,y,2025-13,many,u,2025\n", "date is not a date"),
        (f"{HEADER}x,y,2025,many,u,2025\n", "value is not a number"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, text: str, said: str) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(text)
    with pytest.raises(PlanError, match=said):
        gp.validate_history(table)


def test_a_range_needs_futures() -> None:
    with pytest.raises(PlanError, match="a range needs futures"):
        gp.validate_history(members=1)


def test_the_page_has_what_the_terminal_has(answer: HistoryValidation) -> None:
    page = history_view.markdown(answer)
    for s in answer.summary:
        assert f"| {s.name} | {s.points} | {s.median_abs_error:.1%} |" in page
    assert page.count("(given") == sum(p.given for p in (*answer.inside, *answer.ahead, *answer.fan))
    assert "fell in the range of 80 % of futures" in page
