"""Every figure of a run of many members carries its range, the same on every door."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.test_report import printed

import gigaplan as gp
from gigaplan.report.charts import all_charts
from gigaplan.report.headline import cards
from gigaplan.report.html import html
from gigaplan.report.select import summary
from gigaplan.report.terminal import render
from gigaplan.report.years import rows
from gigaplan.results.aggregate import aggregate
from gigaplan.results.explain import explain
from gigaplan.results.headlines import headlines, window
from gigaplan.results.labelled import central_alone
from gigaplan.results.result import Result
from gigaplan.results.spread import Span, range_text, span, span_of, spread, spread_of, with_range
from gigaplan.vocabulary.figures import money, percent, short

MEMBERS = 16
PLANS = ("lab-1mw", "announced-2025-09")
UNMOVED = {
    "Equity on dates": "stated by the plan on its dates",
    "gb300_nvl72 producing at the peak": "built in few futures: Vera Rubin mostly ships before a site is ready",
}
"""Figures whose range may be a point, and why: their inputs have no range yet."""


@cache
def many(name: str) -> Result:
    return gp.run(name, {"uncertainty.members": MEMBERS})


@cache
def one(name: str) -> Result:
    return gp.run(name)


@pytest.mark.parametrize("name", PLANS)
def test_each_card_has_one_figure_and_one_range_everywhere(name: str) -> None:
    """Page = JSON = explain = Python for the figure and both ends; the terminal shows the sentence of the JSON."""
    result = many(name)
    page, terminal, told = html(result), printed(render(result, full=True), 4000), summary(result)
    for card, data in zip(cards(result), told["headlines"], strict=True):
        assert card.span is not None, f"{card.name} has no range"
        assert card.span.members == MEMBERS
        assert card.number == pytest.approx(card.span.median, nan_ok=True)
        assert f"80 %: {card.range}</p>" in page
        assert data["range"] == card.range
        assert data["members"] == MEMBERS
        figure = explain(result, card.variable, card.at).figures[0]
        row = result.table(card.variable, by=(), at=dict(card.at)).rows()[0]
        assert figure.span == span(result, card.variable, card.at)
        assert figure.value == pytest.approx(card.number) == data["value"] == row["value"]
        for end in ("low", "high"):
            number = getattr(card.span, end)
            assert number == pytest.approx(getattr(figure.span, end)), (card.name, end)
            assert number == data[end] == row[end], (card.name, end)
    assert told["ranges"] in terminal.replace("\n", " ")


@pytest.mark.parametrize("name", PLANS)
def test_every_headline_has_a_range(name: str) -> None:
    result = many(name)
    found = headlines(result, window(result, result))  # type: ignore[arg-type]
    for h in found.values():
        assert h.span is not None, f"{h.name} has no range"
        assert h.span.known, h.name
        assert h.members is not None
        assert h.span.median == pytest.approx(h.value, nan_ok=True)
        if not math.isnan(h.span.high):
            assert h.span.low <= h.span.median <= h.span.high, h.name
    moved = {n for n, h in found.items() if h.span and h.span.high > h.span.low}
    assert {"cost", "capital", "largest training run of a month", "energy at the meter"} <= moved


def test_a_range_without_width_has_a_reason() -> None:
    """A new figure that no uncertain input reaches is a failing test, not a silent point."""
    result = many("announced-2025-09")
    found = headlines(result, window(result, result))  # type: ignore[arg-type]
    points = {n for n, h in found.items() if h.span and h.span.high == h.span.low}
    points |= {c.name for c in cards(result) if c.span and c.span.high == c.span.low}
    assert {n for n in points if not any(part in n for part in UNMOVED)} == set()
    assert {"revenue", "cost", "capital", "funding gap", "Full cost of a million tokens"} & points == set()


@pytest.mark.parametrize("name", PLANS)
def test_a_row_of_the_yearly_table_has_the_range_that_python_gives(name: str) -> None:
    result = many(name)
    terminal = printed(render(result, full=True), 200)
    page = html(result)
    for row in rows(result):
        assert row.spread is not None, row.name
        assert len(row.ranges) == len(row.values)
        assert row.ranges[-1] in page
        if row.leads:
            assert row.ranges[-1] in terminal
        if row.variable != "idle_gpu_hours":  # a share of what is available
            expected = spread(result, row.variable, ["year"], row.at)
            assert expected is not None
            np.testing.assert_array_equal(row.spread.low, expected.low)
            np.testing.assert_array_equal(row.spread.high, expected.high)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_range_is_cut(name: str, width: int) -> None:
    text = printed(render(many(name), full=True), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    leading = [r for r in rows(many(name)) if r.leads]
    assert sum(line.startswith("  80 %") for line in text.splitlines()) == len(leading)


@pytest.mark.parametrize("name", PLANS)
def test_one_member_has_no_ranges_anywhere(name: str) -> None:
    result = one(name)
    assert spread(result, "cost_usd") is None
    assert all(c.span is None and not c.range for c in cards(result))
    assert all(r.spread is None and not r.ranges for r in rows(result))
    assert "80 % of" not in html(result)
    assert "80 %" not in printed(render(result, full=True), 200)
    data = summary(result)
    assert "ranges" not in data
    for part in (*data["headlines"], *data["tables"].values(), *data["first_tokens"], *data["unserved"]):
        assert "low" not in part
    assert "low" not in result.table("cost_usd").rows()[0]
    assert "brackets" not in repr(gp.explain(result, "cost_usd"))


@pytest.mark.parametrize("name", PLANS)
def test_the_central_figures_do_not_depend_on_the_members(name: str) -> None:
    central = central_alone(many(name))
    a, b = summary(one(name)), summary(central)
    assert [h["text"] for h in a["headlines"]] == [h["text"] for h in b["headlines"]]
    assert [r.texts for r in rows(one(name))] == [r.texts for r in rows(central)]


@pytest.mark.parametrize("name", PLANS)
def test_a_figure_is_the_median_of_the_members_figures(name: str) -> None:
    result = many(name)
    for variable, at in (
        ("cost_usd", {"year": "2030"}),
        ("cost_per_mtok_all_usd", {"year": "2030"}),
        ("capital_usd", {}),
    ):
        every = aggregate(result, variable, at=at, members="all").values
        assert float(aggregate(result, variable, at=at).values) == pytest.approx(np.median(every))
    days = aggregate(result, "first_token_day", ["site"], members="all").values
    shown = aggregate(result, "first_token_day", ["site"]).values
    later = np.where(np.isnan(days), np.inf, days)
    np.testing.assert_allclose(np.where(np.isnan(shown), np.inf, shown), np.median(later, axis=0))


def test_the_json_is_valid_and_dates_are_dates() -> None:
    data = json.loads(json.dumps(gp.to_json(many("announced-2025-09")), allow_nan=False))
    first = next(h for h in data["headlines"] if h["variable"] == "first_token_day")
    assert first["low"] <= first["value"] <= first["high"] and first["without"] >= 0


def test_what_is_not_kept_is_unknown_and_not_zero() -> None:
    result = gp.run("lab-1mw", {"uncertainty.members": 12}, keep="summary")
    found = span(result, "fleet_share", {"workload": result.labels["workload"][0], "year": "2030"})
    assert found is not None
    assert not found.known
    assert math.isnan(found.low)
    assert "unknown" in range_text(found, short)
    peak = headlines(result, window(result, result))["facility power drawn at the peak"]  # type: ignore[arg-type]
    assert peak.span is not None
    assert peak.span.known, "a headline has a range, whatever is kept"
    assert "unknown" in repr(result.table("fleet_share", at={"workload": result.labels["workload"][0]}))


def test_a_result_with_one_member_and_one_with_many_differ() -> None:
    answer = gp.compare(one("lab-1mw"), many("lab-1mw"))
    assert {"cost", "capital"} <= {d.headline.name for d in answer.differences}
    assert all(d.other.central == pytest.approx(d.headline.central) for d in answer.differences)
    assert all(d.span is None and not d.causes for d in answer.differences)


def test_a_difference_has_a_narrower_range_of_its_own() -> None:
    """Common random numbers: a dearer megawatt-hour adds nearly the same to each future."""
    dearer = {"uncertainty.members": MEMBERS, "power.facility.power_price_usd_per_mwh": "190 USD/MWh"}
    b = gp.run("lab-1mw", dearer)
    answer = gp.compare(many("lab-1mw"), b)
    cost = next(d for d in answer.differences if d.headline.name == "cost")
    assert cost.span is not None
    assert cost.headline.span is not None
    width = cost.headline.span.high - cost.headline.span.low
    assert 0 < cost.span.high - cost.span.low < width / 10
    central = cost.b - cost.headline.value
    assert 0.95 * cost.span.low <= central <= 1.05 * cost.span.high, "sixteen members' range may just leave it out"
    other = gp.compare(many("lab-1mw"), gp.run("lab-1mw", dearer | {"uncertainty.members": 8}))
    assert all(d.span is None for d in other.differences)


def test_charts_over_time_have_bands() -> None:
    """Two hidden lines bound a band around a line, which names its ends; there is none with one member."""
    with_bands = {"ladder", "demand", "cost", "cash", "training", "gpu_hour", "books"}
    drawn, plain = (all_charts(r) for r in (many("announced-2025-09"), one("announced-2025-09")))
    for name, chart in drawn.items():
        series = chart.option["series"]
        hidden = [s for s in series if s.get("name") == "" and s.get("stack", "").startswith("band")]
        assert bool(hidden) == (name in with_bands), name
        ranged = [s for s in series if "range" in s]
        assert len(hidden) == 2 * len(ranged)
        names, central = (
            {n for s in option["series"] if (n := s.get("name")) and "not served" not in n}
            for option in (chart.option, plain[name].option)
        )
        assert names == central, name
        for line, (under, over) in zip(ranged, zip(hidden[::2], hidden[1::2], strict=True), strict=True):
            pairs = list(zip(line["range"]["low"], line["range"]["high"], strict=True))
            assert all(a is None or b is None or a <= b for a, b in pairs), name
            assert [v for _, v in under["data"]] == line["range"]["low"], name
            assert all(v is None or v >= 0 for _, v in over["data"]), name


values = st.lists(st.one_of(st.floats(-1e12, 1e12), st.just(math.nan)), min_size=2, max_size=40)


@given(values, st.booleans())
def test_ends_are_in_order_and_between_what_is_there(numbers: list[float], date: bool) -> None:
    found = span_of(np.array(numbers), date=date)
    there = [v for v in numbers if not math.isnan(v)]
    assert found.without == len(numbers) - len(there)
    ends = [v for v in (found.low, found.median, found.high) if not math.isnan(v)]
    slack = 1e-9 * max((abs(v) for v in there), default=0.0)
    assert all(a <= b + slack for a, b in itertools.pairwise(ends))
    assert all(min(there) - slack <= v <= max(there) + slack for v in ends)
    if there and not date:
        assert len(ends) == 3


def test_the_ends_are_the_tenth_and_the_ninetieth_percentile() -> None:
    draws = np.random.default_rng(1).normal(size=(200, 3))
    found = spread_of(draws)
    for end, share in (("low", 10), ("median", 50), ("high", 90)):
        np.testing.assert_allclose(getattr(found, end), np.percentile(draws, share, axis=0))
    assert found.at((2,)).low == found.low[2]


def test_a_date_that_never_comes_is_after_all_others() -> None:
    days = np.array([10.0, *[20.0] * 13, *[math.nan] * 6])
    found = span_of(days, date=True)
    assert (found.low, found.median, found.without) == (20.0, 20.0, 6)
    assert math.isnan(found.high)
    text = range_text(found, lambda d: "never" if math.isnan(d) else f"day {d:.0f}", "never")
    assert text == "from day 20; in 6 of 20 futures never"
    rare = span_of(np.array([10.0, *[math.nan] * 19]), date=True)
    assert (
        range_text(rare, lambda d: "never" if math.isnan(d) else f"day {d:.0f}", "never") == "in 19 of 20 futures never"
    )
    most = span_of(np.array([*[10.0] * 9, *[20.0] * 10, math.nan]), date=True)
    assert range_text(most, lambda d: f"day {d:.0f}", "never") == "day 10 to day 20; in 1 of 20 futures never"


@pytest.mark.parametrize(
    ("low", "high", "text", "cell", "long"),
    [
        (1.2, 2.9, short, "1.20–2.90", "1.20 to 2.90"),
        (17.8e9, 32.1e9, money, "17.8–32.1 B", "$17.8 to $32.1 B"),
        (575e6, 3.1e9, money, "575 M–3.10 B", "$575 M to $3.10 B"),
        (-61.3e9, 115e9, money, "-61.3 to 115 B", "-$61.3 to $115 B"),
        (0.03, 0.47, percent, "3–47%", "3 to 47%"),
        (5.0, 5.0, short, "5", "5"),
        (math.nan, math.nan, short, "–", "–"),
    ],
)
def test_a_unit_stands_once(low: float, high: float, text: object, cell: str, long: str) -> None:
    found = Span(low, (low + high) / 2, high, 0, 100)
    assert range_text(found, text, cell=True) == cell  # type: ignore[arg-type]
    assert range_text(found, text) == long  # type: ignore[arg-type]


def test_a_range_that_reads_like_its_figure_stands_once() -> None:
    assert with_range("3.40 M", "3.40 M") == "3.40 M"
    assert with_range("3.40 M", "1.20–5.10 M") == "3.40 M (1.20–5.10 M)"
    assert with_range("3.40 M", "") == "3.40 M"


def test_a_table_of_every_member_has_no_ranges_beside_them() -> None:
    result = many("lab-1mw")
    assert "low" not in result.table("cost_usd", members="all").rows()[0]
    table = result.table("cost_usd")
    assert {"low", "high"} <= set(table.rows()[0])
    assert "in brackets 80 % of 16 futures" in repr(table)
    assert dataclasses.replace(table, ranges=None).rows()[0]["value"] == table.rows()[0]["value"]
