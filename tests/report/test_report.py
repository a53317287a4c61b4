from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

import gigaplan as gp
from gigaplan import plan
from gigaplan.report import charts
from gigaplan.report.format import digits_of, fixed, money, percent, short
from gigaplan.report.headline import cards
from gigaplan.report.html import TABS, html
from gigaplan.report.select import summary
from gigaplan.report.terminal import claims_table, explain_tree, render
from gigaplan.report.years import rows
from gigaplan.results.coordinates import years
from gigaplan.results.result import Result
from gigaplan.vocabulary.variables import variables


def printed(renderable: object, width: int = 100) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(renderable)
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


@pytest.mark.parametrize(("width", "lines"), [(100, 64), (80, 67)])
def test_the_summary_fits_a_screen(announced: Result, width: int, lines: int) -> None:
    text = printed(render(announced, full=True), width)
    assert len(text.splitlines()) <= lines
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text, "a number was cut off"
    assert "nan" not in text
    for word in (
        "Abilene",
        "Vera Rubin",
        "demand",
        "served",
        "Tranches",
        "Unserved",
        "A12",
        announced.stamp.plan_hash[:8],
    ):
        assert word in text


@pytest.mark.parametrize("name", plan.builtin_names())
def test_twelve_lines_come_first(name: str) -> None:
    """At 80 columns: the answer, four figures and the claims that fail; a line more where a claim's words are long."""
    result = gp.run(name)
    lines = printed(render(result), 80).rstrip().splitlines()
    assert len(lines) <= 13
    assert max(map(len, lines)) <= 80
    assert " ".join(lines).count("claims hold") == 1


@pytest.mark.parametrize("question", ["announcement", "build_or_rent", "capacity", "load"])
def test_a_plan_says_what_it_asks(question: str) -> None:
    result = gp.run("lab-1mw", [f"asks={question}"])
    assert summary(result)["asks"] == question
    found = {card.variable for card in cards(result)}
    assert len(found) == 4
    assert ("gpu_hour_rent_usd" in found) == (question == "build_or_rent")
    assert ("facility_energy_mwh" in found) == (question == "load")


def test_yearly_sums_follow_the_kind(announced: Result) -> None:
    """An amount adds up, a level is averaged by hours, a price by what it prices: each against its own arithmetic."""
    shown = {row.name: row for row in rows(announced)}
    months = np.array([m[:4] == "2026" for m in announced.labels["month"]])
    k = years(announced).index("2026")
    cost = announced.central("cost_usd").sum(axis=0)[months].sum()
    assert shown["Cost, accrued"].values[k] == pytest.approx(cost)
    generated = [announced.index("token", t) for t in ("reasoning", "output")]
    per_day = announced.central("tokens_served_per_day")[:, generated].sum(axis=(0, 1))[months]
    days = announced.axis.hours[months] / 24
    assert shown["served"].values[k] == pytest.approx((per_day * days).sum() / days.sum())
    for row, name in (("Serving, USD per M tokens", "full_"), ("without cost of capital", "")):
        borne = announced.central(f"{name}workload_cost_usd").sum(axis=0)[months].sum()
        assert shown[row].values[k] == pytest.approx(borne / (per_day * days).sum() * 1e6)
    assert shown["Serving, USD per M tokens"].texts[k] == "3.68"
    assert shown["without cost of capital"].texts[k] == "3.60"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.4e6, "3.40 M"),
        (999.6e3, "1.00 M"),
        (0, "0"),
        (-2.5e9, "-2.50 B"),
        (0.0123, "0.0123"),
        (72, "72"),
        (72.4, "72.4"),
        (math.nan, "–"),
    ],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text


def test_nothing_is_minus_zero_nan_or_all_that_is_not_all() -> None:
    assert [percent(v) for v in (-1e-12, 0.0, 0.9964, 0.99996, 1.0, math.nan)] == [
        "0%",
        "0%",
        "99.6%",
        "100%",
        "100%",
        "–",
    ]
    assert [fixed(v) for v in (-1e-12, 1234.5, math.nan)] == ["0.00", "1,234.50", "–"]
    assert [money(v) for v in (-0.0, -0.001, math.nan)] == ["$0", "$0", "–"]
    assert digits_of(-0.0) == "0"


@pytest.mark.parametrize("width", [40, 50, 60, 80])
@pytest.mark.parametrize("name", ["announced-2025-09", "lab-1mw"])
def test_no_number_is_cut_at_any_width(name: str, width: int) -> None:
    result = gp.run(name)
    text = printed(render(result, full=True), width)
    assert "…" not in text
    table = next(line for line in text.splitlines() if line.startswith("Year end")).split()[2:]
    assert table[-1] == years(result)[-1], "the last year is kept"
    assert width < 60 or table[0] == years(result)[0], "and the first"
    shown = [line.split() for line in text.splitlines()]
    for row in rows(result):
        words = [*row.name.split(), *row.texts[-1].split()]
        assert any(
            line[: len(row.name.split())] == row.name.split()
            and line[-len(row.texts[-1].split()) :] == row.texts[-1].split()
            for line in shown
        ), words


def test_charts_are_plain_data_with_units_and_words(announced: Result) -> None:
    for chart in charts.all_charts(announced).values():
        again = json.loads(json.dumps(chart.option, allow_nan=False))
        assert again["series"], chart.id
        assert chart.caption
        assert chart.rows
        if "yAxis" in again:
            for axis in again["yAxis"] if isinstance(again["yAxis"], list) else [again["yAxis"]]:
                assert axis.get("name") or axis["type"] == "category", f"{chart.id} names no unit"
        assert all(len(row) == len(chart.columns) for row in chart.rows)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.charts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [(tag, str(given[k])) for k in ("src", "href") if given.get(k)]
        self.charts += bool(given.get("role") == "img" and given.get("aria-label"))
        if tag not in ("meta", "br", "input", "link", "img", "hr", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(announced: Result) -> None:
    text = html(announced)
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.charts == len(charts.all_charts(announced)) + len(TABS)
    assert all(tag == "a" for tag, link in page.links if link.startswith("http")), "only sources are linked"
    assert not [link for tag, link in page.links if tag in ("script", "link", "img")]
    for claim in announced.claims:
        assert claim.id in text
    for fact in announced.facts():
        assert fact.id in text.replace("<wbr>", ""), fact.id
    words = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S)
    assert not re.search(r"\bnan\b", words)
    assert not re.search(r">[^<]*\de\+\d\d", words), "powers of ten are written as people write them"
    assert len(text) < 2_500_000


def test_the_same_result_gives_the_same_page(announced: Result) -> None:
    assert html(announced) == html(announced)


def test_every_quantity_explains_itself(announced: Result) -> None:
    for name in variables():
        text = printed(explain_tree(announced, name), 200)
        assert variables()[name].meaning.split(",")[0][:30] in text
        assert "evidence:" in text
    deep = printed(explain_tree(announced, "cost_per_mtok_usd", depth=9), 200)
    assert "vr_nvl72.rack_price_usd" in deep
    assert "Morgan Stanley" in deep
    shallow = printed(explain_tree(announced, "cost_per_mtok_usd", depth=1), 200)
    assert "Morgan Stanley" not in shallow
    assert len(shallow.splitlines()) < 60


def test_claims_show_their_figures(announced: Result) -> None:
    text = printed(claims_table(announced))
    for claim in announced.claims:
        assert str(claim.verdict) in text
    assert "rack_tdp max_q" in text


def test_the_plans_own_values_stand_with_their_numbers() -> None:
    changes = [
        "power.facility.power_price_usd_per_mwh={value: 80 USD/MWh}",
        "demand.adoption.ceiling_users=30000 to 50000",
    ]
    result = gp.run("lab-1mw", [*changes, "demand.adoption.reference_users={low: 8000, high: 1e4, source: a guess}"])
    said = dict(result.assumptions)
    assert said["power.facility.power_price_usd_per_mwh"] == "80 USD/MWh, assumed"
    assert said["demand.adoption.reference_users"] == "8000 to 10000.0, assumed: a guess"
    assert said["fleet.sites.Campus hall.phases.first half.energised"].startswith("2026-09-01, assumed: a refitted")
    page = html(result)
    assert "80 USD/MWh, assumed</td>" in page
    assert "assumed: </td>" not in page
    assert "assumed:</td>" not in page
    assert "assumed: assumed" not in page


def test_returns_are_real_where_the_plan_is_in_the_prices_of_one_year() -> None:
    assert "a year real" in " ".join(printed(render(gp.run("campus-1gw"), full=True)).split())
    nominal = " ".join(printed(render(gp.run("campus-1gw", {"price_year": ""}), full=True)).split())
    assert "a year" in nominal and "a year real" not in nominal
