from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import StringIO

import pytest
from rich.console import Console

import gigaplan as gp
from gigaplan.layers.serving import Frontiers
from gigaplan.report import frontier_view


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.charts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [str(given[k]) for k in ("src", "href") if given.get(k)]
        self.charts += bool(given.get("role") == "img" and given.get("aria-label"))
        if tag not in ("meta", "br", "input", "link", "img", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def answer() -> Frontiers:
    return gp.frontier(["deepseek_r1", "gpt_oss_120b"], ["gb200_nvl72", "l4"], tpot_s=0.1)


@pytest.fixture(scope="module")
def alone() -> Frontiers:
    return gp.frontier("gpt_oss_120b", "vr_nvl72")


def printed(answer: Frontiers, width: int) -> list[str]:
    file = StringIO()
    Console(file=file, width=width, color_system=None).print(frontier_view.terminal(answer, width))
    return file.getvalue().splitlines()


def rows(lines: list[str]) -> list[str]:
    head = next(i for i, line in enumerate(lines) if line.lstrip().startswith("user"))
    return [line for line in lines[head + 1 :] if line[:1] in frontier_view.MARKS]


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_terminal_cuts_nothing_off(answer: Frontiers, alone: Frontiers, width: int) -> None:
    for told in (answer, alone):
        lines = printed(told, width)
        text = "\n".join(lines)
        assert "…" not in text
        assert "nan" not in text
        assert max(len(line) for line in lines) <= width
        assert len(lines) <= (55 if width >= 80 else 70)
        assert 2 <= len(rows(lines)) <= frontier_view.ROWS


def test_the_terminal_says_what_it_rests_on(answer: Frontiers, alone: Frontiers) -> None:
    text = " ".join(" ".join(printed(answer, 140)).split())
    for words in (
        "80 % interval",
        "kW IT per GPU rated",
        "USD per GPU-hour owned",
        "the catalog has no rack_power_kw",
        "does not fit",
        "TTFT",
        "layout",
    ):
        assert words in text, words
    assert "extrapolated: no measured row of rubin hardware" in " ".join(printed(alone, 240))
    nothing = "\n".join(printed(gp.frontier("deepseek_r1", "l4"), 100))
    assert "co-located" in nothing
    assert "tok/s" not in nothing


def test_thinned_keeps_both_ends(alone: Frontiers) -> None:
    points = alone.curves[0].frontier
    few = frontier_view.thinned(points, 5)
    assert (few[0], few[-1]) == (points[0], points[-1])
    assert len(few) <= 5
    assert frontier_view.thinned(points, 1000) == list(points)
    assert len(frontier_view.thinned(points, 1)) == 1


def test_charts_are_plain_data_with_units(answer: Frontiers, alone: Frontiers) -> None:
    for told in (answer, alone):
        drawn = frontier_view.all_charts(told)
        assert [c.id for c in drawn] == ["frontier", "wait", "power", "cost"]
        for chart in drawn:
            option = json.loads(json.dumps(chart.option, allow_nan=False))
            assert option["xAxis"]["name"]
            assert option["yAxis"]["name"]
            named = {s["name"] for s in option["series"] if not s.get("silent")}
            assert set(option["legend"]["data"]) == named
            assert all(len(s["data"][0]) == len(s["dimensions"]) for s in option["series"] if "dimensions" in s)
            assert all(len(row) == len(chart.columns) for row in chart.rows)
    edges = [s["name"] for s in frontier_view.all_charts(alone)[0].option["series"] if s.get("silent")]
    assert len(edges) == 4, "low and high of both ways of serving"


def test_twelve_curves_all_look_different() -> None:
    """Colour is the system, line and symbol the model."""
    models = ["deepseek_r1", "gpt_oss_120b", "llama_3_1_405b"]
    found = gp.frontier(models, ["h200_hgx", "gb200_nvl72", "mi355x_oam8", "vr_nvl72"])
    series = frontier_view.all_charts(found)[0].option["series"]
    looks = {s["name"]: (s["itemStyle"]["color"], s["lineStyle"]["type"], s["symbol"]) for s in series}
    assert len(set(looks.values())) == len(looks) == sum(bool(c.points) for c in found.curves)
    for system in ("GB200 NVL72", "H200"):
        assert len({look[0] for name, look in looks.items() if system in name}) == 1


def test_the_page_is_whole_and_needs_nothing_else(answer: Frontiers) -> None:
    text = frontier_view.html(answer)
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.charts == 4
    assert page.links == []
    for curve in answer.curves:
        assert frontier_view.name(curve) in text
        for point in curve.frontier:
            assert frontier_view.layout(point) in text
    for words in ("prefers-color-scheme:dark", "@media print", "the catalog has no", "not served"):
        assert words.lower() in text.lower()
    seen = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S)
    assert not re.search(r"\b(nan|None|Undefined)\b", seen)
    assert text == frontier_view.html(answer), "the same answer gives the same page"
    assert len(text) < 1_600_000


def test_a_page_without_any_point_is_whole() -> None:
    page = Page()
    page.feed(frontier_view.html(gp.frontier("deepseek_r1", "l4")))
    assert page.open == []
    assert page.charts == 0
