"""What a notebook shows: the page's own sentence and figures, pictures that keep to the numbers, text that is text."""

from __future__ import annotations

import re
import sys
import types
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.report import charts, still
from gigaplan.report.answer import answer
from gigaplan.report.charts import base, palette
from gigaplan.report.charts.base import Chart
from gigaplan.report.headline import cards
from gigaplan.report.notebook import html
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import MachineError

FORMATS = Path(__file__).parents[1] / "results" / "formats"


class Fragment(HTMLParser):
    """Checks that tags are closed in order, and keeps which there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name.startswith("on") or name in ("href", "src") for name, _ in attrs), "nothing runs or loads"
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def drawn(given: Any) -> str:
    text = str(given._repr_html_())
    assert text.startswith('<div class="gigaplan">') and "url(" not in text
    assert not {"script", "img", "link", "iframe"} & set(Fragment(text).tags)
    return text


def test_a_result_shows_what_its_page_says(announced: Result) -> None:
    text = drawn(announced)
    assert answer(announced) in text.replace("&#x27;", "'").replace("&amp;", "&")
    for card in cards(announced):
        assert card.name in text and card.value in text
    assert text.count("<svg") == len(charts.planner_charts(announced)) == 6
    assert text.count("The numbers") == 6 and "prefers-color-scheme:dark" in text
    assert drawn(announced) == text
    for claim in announced.claims:
        assert f"{claim.id}<" in text


@pytest.mark.parametrize(
    "make",
    [
        lambda: gp.compare("lab-1mw", None, {"power.facility.pue": "1.4"}),
        lambda: gp.check("lab-1mw"),
        lambda: gp.frontier("gpt_oss_120b", "h200_hgx"),
        lambda: gp.train("llama_3_1_8b", "h100_hgx", gpus=64),
        lambda: gp.explain("lab-1mw", "full_cost_per_mtok_all_usd", "year=2030"),
        lambda: gp.run("lab-1mw").claims,
        lambda: gp.run("announced-2025-09").claims[0],
    ],
    ids=["compare", "check", "frontier", "train", "explain", "no claims", "claim"],
)
def test_every_answer_shows_itself(make: Any) -> None:
    given = make()
    if given:
        assert len(drawn(given)) < 300_000
    else:
        assert given._repr_html_().startswith("<table>")


@pytest.mark.parametrize("saved", sorted(p.name for p in FORMATS.iterdir() if (p / "result.json").exists()))
def test_older_results_show_what_they_hold(saved: str) -> None:
    drawn(gp.load(FORMATS / saved))


def test_text_of_a_plan_is_text() -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=1>&\"'"
    text = drawn(gp.run("lab-1mw", {"title": f"'{nasty.replace(chr(39), chr(39) * 2)}'"}))
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text


def series_chart(*series: dict[str, Any], x: tuple[str, ...] = ("a", "b", "c")) -> Chart:
    return Chart("c", "Heading", base.option(series, x, "GW"), "Caption.", ("", *x), ())


def ys(text: str, tag: str) -> list[list[float]]:
    found = re.findall(rf'<{tag} points="([^"]*)"', text)
    return [[float(p.split(",")[1]) for p in points.split()] for points in found]


def test_a_line_keeps_to_its_numbers() -> None:
    """Heights are linear in the values; zero stands on the axis; a gap parts the line."""
    (heights,) = ys(still.picture(series_chart(base.line("one", [0.0, 5.0, 10.0], palette.NAVY))), "polyline")
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    assert heights[0] == pytest.approx(still_bottom(), abs=0.1)
    parted = ys(still.picture(series_chart(base.line("one", [1.0, float("nan"), 2.0], palette.NAVY))), "polyline")
    assert [len(run) for run in parted] == [1, 1]


def still_bottom() -> float:
    return 320 - still.BOTTOM


def test_areas_stand_on_each_other_and_signs_apart() -> None:
    text = still.picture(
        series_chart(*(base.area(n, [1.0, 2.0, 3.0], c) for n, c in (("p", "#2c3b7c"), ("q", "#2a99e8"))))
    )
    below, above = ys(text, "polygon")
    assert above[5:2:-1] == pytest.approx(below[:3]), "the second stands on the first"
    pair = [base.bar("in", [4.0, 4.0, 4.0], palette.NAVY), base.bar("out", [-2.0, -2.0, -2.0], palette.GOLD)]
    boxes = re.findall(
        r'<rect x="[^"]*" y="([^"]*)" width="[^"]*" height="([^"]*)"', still.picture(series_chart(*pair))
    )
    (top, tall), (low_top, low_tall) = (tuple(map(float, boxes[k])) for k in (0, 3))
    assert top + tall == pytest.approx(low_top, abs=0.2) and tall == pytest.approx(2 * low_tall, abs=0.3)


def test_both_themes_have_every_colour(announced: Result) -> None:
    used = set(re.findall(r"var\(--gp-([0-9a-f]{6})", html(announced)))
    assert used <= {c[1:] for c in palette.NIGHT}
    for night in (False, True):
        assert all(f"--gp-{c}:#" in still.variables(night=night) for c in used)


def test_what_waits_for_a_click_is_not_drawn(announced: Result) -> None:
    cost = charts.planner_charts(announced)["cost"]
    hidden = [n for n, shown in cost.option["legend"].get("selected", {}).items() if not shown]
    assert hidden and not any(f">{n}<" in still.legend(cost) for n in hidden)
    alone = still.picture(cost).count("<polyline")
    assert alone == len([s for s in cost.option["series"] if s["name"] and s["name"] not in hidden])


def test_a_table_is_a_frame_of_polars_where_that_is_there(announced: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    table = announced.table("cost_usd", by=("component", "year")) if "component" in announced.variable(
        "cost_usd").dims else announced.table("cost_usd", by=("year",))  # fmt: skip
    fake = types.ModuleType("polars")
    fake.DataFrame = list  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "polars", fake)
    assert table.to_polars() == table.rows()
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MachineError, match="pip install polars"):
        table.to_polars()


def test_a_study_shows_its_fans(tmp_path: Path) -> None:
    study = gp.study_montecarlo("lab-1mw", members=12, out=tmp_path / "study")
    text = drawn(study)
    assert text.count("<svg") == len([f for f in study.fans if f.period == "month"])
    assert np.isfinite(study.headlines[0].over.median)
