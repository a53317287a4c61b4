from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from gigaplan.report import charts, select
from gigaplan.report.html import html
from gigaplan.report.terminal import claims_table, explain_tree, render
from gigaplan.results.result import Result
from gigaplan.vocabulary.variables import variables


def printed(renderable: object, width: int = 100) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(renderable)
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


@pytest.mark.parametrize(("width", "lines"), [(100, 45), (80, 45)])
def test_the_summary_fits_a_screen(announced: Result, width: int, lines: int) -> None:
    text = printed(render(announced), width)
    assert len(text.splitlines()) <= lines
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text, "a number was cut off"
    assert "nan" not in text
    for word in (
        "Abilene",
        "Vera Rubin",
        "asked",
        "served",
        "Tranches",
        "Who waits",
        "A12",
        announced.stamp.plan_hash[:8],
    ):
        assert word in text


def test_yearly_sums_follow_the_kind(announced: Result) -> None:
    assert select.by_year(announced, "cost_usd").sum() == pytest.approx(announced.central("cost_usd").sum())
    users = announced.central("weekly_users")
    assert users[:12].min() <= select.by_year(announced, "weekly_users")[0] <= users[:12].max()
    price = select.by_year(announced, "cost_per_mtok_all_usd")
    assert np.isfinite(price).all()


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
    assert select.short(value) == text


def test_charts_are_plain_data_with_units_and_words(announced: Result) -> None:
    for chart in charts.all_charts(announced).values():
        again = json.loads(json.dumps(chart.option, allow_nan=False))
        assert again["series"], chart.id
        assert chart.says
        assert chart.rows
        if "yAxis" in again:
            assert again["yAxis"].get("name") or again["yAxis"]["type"] == "category", f"{chart.id} names no unit"
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
        if tag not in ("meta", "br", "input", "link", "img", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(announced: Result) -> None:
    text = html(announced)
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.charts == len(charts.all_charts(announced))
    assert all(tag == "a" for tag, link in page.links if link.startswith("http")), "only sources are linked"
    assert not [link for tag, link in page.links if tag in ("script", "link", "img")]
    for claim in announced.claims:
        assert claim.id in text
    for fact in announced.facts():
        assert fact.id in text, fact.id
    words = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S)
    assert not re.search(r"\bnan\b", words)
    assert len(text) < 2_500_000


def test_the_same_result_gives_the_same_page(announced: Result) -> None:
    assert html(announced) == html(announced)


def test_every_quantity_explains_itself(announced: Result) -> None:
    for name in variables():
        text = printed(explain_tree(announced, name), 200)
        assert variables()[name].meaning[:30] in text
        assert "evidence:" in text
    deep = printed(explain_tree(announced, "cost_per_mtok_usd", depth=9), 200)
    assert "vr_nvl72.rack_price_usd" in deep
    assert "Morgan Stanley" in deep
    shallow = printed(explain_tree(announced, "cost_per_mtok_usd", depth=1), 200)
    assert "Morgan Stanley" not in shallow
    assert len(shallow.splitlines()) < 40


def test_claims_show_their_figures(announced: Result) -> None:
    text = printed(claims_table(announced))
    for claim in announced.claims:
        assert str(claim.verdict) in text
    assert "rack_tdp max_q" in text
