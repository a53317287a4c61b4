"""The pages of studies: what decides, a grid, two plans; and the pages of other answers as jobs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.report.test_report import Page

import gigaplan as gp
from gigaplan.report import deciding_page, pairs_page, sweep_page
from gigaplan.report.answer_page import page_of
from gigaplan.study import pairs

SHORT = {"horizon.end": "2027-06"}
LATER = {"fleet.ladder.ready_lag_months": "6 months"}


def read(folder: Path) -> tuple[str, Page]:
    text = (folder / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    return text, page


def test_what_decides_has_a_page_with_the_shares_and_what_each_end_makes_of_a_headline(tmp_path: Path) -> None:
    study = gp.study_sensitivity("lab-1mw", SHORT, out=tmp_path / "s")
    text, page = read(tmp_path / "s")
    assert text == deciding_page.html(study)
    first = study.deciding[0]
    assert f"<code>{first.name}" in text or first.name in text
    assert f">{first.share:.1%}<" in text
    figures = deciding_page.first_figures(study)
    drawn = [c for k, f in enumerate(figures) if (c := deciding_page._tornado(f, k))]
    assert page.charts == 1 + len(drawn) and drawn
    for figure, chart in zip(figures, drawn, strict=True):
        ends = {s["name"]: s["data"] for s in chart.option["series"]}
        low, high = ends["input at its low end"], ends["input at its high end"]
        effect = figure.effects[0]
        scale = 365.2425 / 12 if figure.headline.unit == "date" else abs(figure.headline.central) / 100
        assert [low[0], high[0]] == pytest.approx(
            [(v - figure.headline.central) / scale for v in (effect.low, effect.high)], rel=1e-5
        )
    unmoved = replace(study, deciding=(), headlines=())
    assert "No input" in deciding_page.html(unmoved)


def test_a_grid_has_a_page_with_every_plan(tmp_path: Path) -> None:
    over = ("power.facility.pue=1.2, 1.4", "fleet.ladder.ready_lag_months=2 months, 6 months")
    sweep = gp.study_sweep("lab-1mw", SHORT, over=over, members=1, out=tmp_path / "s")
    text, page = read(tmp_path / "s")
    assert text == sweep_page.html(sweep)
    assert page.charts >= 2
    rows = re.findall(r"<tr><th scope=\"row\">(1\.[24])</th>", text)
    assert rows == ["1.2", "1.2", "1.4", "1.4"]
    assert "by power.facility.pue and fleet.ladder.ready_lag_months" in text


def test_two_plans_have_a_page_with_how_sure_their_differences_are(tmp_path: Path) -> None:
    pair = gp.study_compare("lab-1mw", changes=SHORT | LATER, members=10, out=tmp_path / "s")
    text, page = read(tmp_path / "s")
    assert text == pairs_page.html(pair)
    assert page.charts == 1
    assert "lab-1mw as it is (A) and changed (B)" in text
    for one in pair.headlines:
        assert one.name in text.replace("&amp;", "&")
    alike = replace(pair, headlines=tuple(replace(p, score=0.0) for p in pair.headlines))
    assert "No headline differs" in pairs_page.html(alike)
    head = pair.headlines[0].a.headline
    values = np.full(10, 550.0)
    assert pairs._pair(head, head, values, values * (1 + 4e-16)).above_share == 0, "of the last bits of a sum"
    assert pairs._pair(head, head, values, values + 1e-6).above_share == 1


def test_answers_of_other_verbs_have_their_page_as_jobs_too(tmp_path: Path) -> None:
    compared = gp.compare(gp.run("lab-1mw", SHORT), gp.run("lab-1mw", SHORT | LATER))
    assert page_of(compared) is not None and "B first tokens" not in str(page_of(3))
    assert page_of([]) is page_of({"a": 1}) is None
