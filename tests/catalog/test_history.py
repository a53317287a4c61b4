from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

from gigaplan import catalog
from gigaplan.catalog.history import REVENUE, TOKENS, USERS, lab_of, published, rows_of
from gigaplan.vocabulary.errors import PlanError

SHARED = Path(__file__).parents[2].parent / "shared/data/history/history.csv"
ROW = {"quantity": USERS, "entity": "OpenAI/ChatGPT", "date": "2026-02", "value": "9e8", "unit": "users/week"}


@pytest.mark.parametrize("quantity", [USERS, REVENUE, TOKENS])
@pytest.mark.parametrize("until", [dt.date(2024, 12, 31), dt.date(2025, 9, 22), None])
def test_a_series_has_what_was_known_then_and_one_point_a_day(quantity: str, until: dt.date | None) -> None:
    points = published().series("openai", quantity, until)
    days = [p.date for p in points]
    assert days == sorted(set(days)), "no two points of one day"
    assert all(until is None or p.known_since <= until for p in points)
    assert not any(p.expected for p in points), "nothing expected counts as something that was"


def test_the_statements_of_then_give_way_to_the_counted_series() -> None:
    before = {p.value for p in published().series("openai", USERS, dt.date(2025, 9, 14))}
    after = {p.value for p in published().series("openai", USERS, dt.date(2025, 9, 15))}
    assert {1e8, 2e8, 5e8} <= before - after
    assert {1.25e8, 4.3e8} <= after - before


def test_todays_series_is_the_catalogs() -> None:
    """The same figures, which the catalog has without the day on which they were public."""
    known = {(str(p.date), p.value) for p in published().series("openai", USERS)}
    assert known == {(f.date, f.number) for f in catalog.load().series("chatgpt", "weekly_users")}


def test_every_row_of_the_source_is_there() -> None:
    if not SHARED.exists():
        pytest.skip("the source table is not here")
    ours = {(r.quantity, r.entity, str(r.date), r.value) for r in published().rows}
    with SHARED.open(encoding="utf-8") as file:
        theirs = {(r["quantity"], r["entity"], r["date"], float(r["value"])) for r in csv.DictReader(file)}
    assert theirs <= ours
    assert len(ours - theirs) == 7, "two counts of users, two of revenue and three of H100-equivalents from the catalog"


def test_what_was_expected_is_told_from_what_was() -> None:
    assert sum(r.expected for r in published().rows) == 21
    assert not any(r.series for r in published().rows if r.expected)


def test_a_month_stands_for_its_last_day() -> None:
    row = rows_of([{**ROW, "known_since": "2026-03-05"}], "mine.csv")[0]
    assert (row.date, row.expected, row.lab) == (dt.date(2026, 2, 28), False, "openai")


def test_all_that_cannot_be_read_is_said_at_its_line() -> None:
    rows = [
        {**ROW, "known_since": "soon", "value": "many"},
        {**ROW, "known_since": ""},
        {**ROW, "known_since": "2026", "value": "nan"},
    ]
    with pytest.raises(PlanError) as error:
        rows_of(rows, "mine.csv")
    assert [(p.place.line, p.message) for p in error.value.problems] == [
        (2, "known_since is not a date"),
        (2, "value is not a number"),
        (3, "no known_since"),
        (4, "value is not a number"),
    ]


def test_whose_figure_it_is() -> None:
    assert {lab_of(e) for e in ("OpenAI", "OpenAI/Codex", "OpenAI API", "OpenAI (US)")} == {"openai"}
