"""The pages of a comparison and of a study: who is ahead is read off the arrays, all figures stand there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.report.test_report import Page

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.report import compare_page, study_page
from gigaplan.report.leads import MEASURES, leads, sentence
from gigaplan.study.compare import Comparison

LATER = {"fleet.sites.Campus hall.phases.first half.energised": "2027-06-01", "title": "<b>later</b> & dearer"}
FIRST = "first tokens of the announced sites"


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return gp.compare("lab-1mw", None, LATER)


def test_who_is_ahead_is_read_off_the_arrays(compared: Comparison) -> None:
    """The later plan is behind in power from the first month in which it has less, until it has as much."""
    assert compared.results
    a, b = compared.results
    power = next(lead for lead in leads(a, b) if lead.measure.variable == "power_state_mw")
    state = a.index("state", "producing")
    one, two = (r.central("power_state_mw")[:, state].sum(axis=0) if r.variable("power_state_mw").dims[1] == "site" else
                r.central("power_state_mw")[state].sum(axis=0) for r in (a, b))  # fmt: skip
    assert (one >= two - 1e-9).all() and (one > two).any()
    assert power.who == ("" if one[-2] == pytest.approx(two[-2], rel=0.01) else "A")
    early = next(d for d in compared.differences if d.headline.name == FIRST)
    text = compare_page.answer_text(compared)
    assert early.b > early.headline.value and "A is ahead in first tokens (" in text
    turned = gp.compare(b, a)
    assert "B is ahead in first tokens (" in compare_page.answer_text(turned)


def test_sides_turned_round_turn_the_answer(compared: Comparison) -> None:
    assert compared.results
    a, b = compared.results
    other = {"A": "B", "B": "A", "": ""}
    for here, there in zip(leads(a, b), leads(b, a), strict=True):
        assert (here.who, here.since) == (other[there.who], there.since)
        assert (here.a, here.b) == (there.b, there.a)
    alike = leads(a, a)
    assert len(alike) == len(MEASURES) and not any(lead.who for lead in alike)
    assert "ahead" not in sentence(alike)


def test_since_is_the_month_after_the_last_in_which_it_was_otherwise() -> None:
    a = gp.run("lab-1mw")
    made = a.arrays["tokens_served_per_day"].copy()
    month = a.labels["month"].index("2029-03")
    made[..., month:] *= 2.0
    b = replace(a, arrays={**a.arrays, "tokens_served_per_day": made})
    tokens = next(lead for lead in leads(a, b) if lead.measure.variable == "tokens_served_per_day")
    assert (tokens.who, tokens.since, tokens.until) == ("B", "2029-03", a.labels["month"][-1])
    assert tokens.b == pytest.approx(2 * tokens.a)
    assert "from March 2029 on" in tokens.text


def test_the_page_has_both_plans_and_needs_nothing_else(compared: Comparison, tmp_path: Path) -> None:
    text = compare_page.html(compared)
    page = Page()
    page.feed(text)
    assert page.open == [] and page.charts == 6
    assert not [link for tag, link in page.links if tag in ("script", "link", "img")]
    words = text.replace("<wbr>", "")
    for difference in compared.differences:
        both = compare_page.both(difference)
        assert both.name in words and both.a in words and both.b in words
    assert "<b>later</b>" not in words and "&lt;b&gt;later" in words
    assert words.count("<caption>B. ") == 6, "the numbers of plan B stand below those of plan A"
    assert compare_page.html(compared) == text
    without = compare_page.html(replace(compared, results=None))
    assert 'role="img"' not in without and FIRST in without


def test_the_terminal_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "both.html"
    with pytest.raises(SystemExit) as end:
        main(["compare", "lab-1mw", "--set", "power.facility.pue=1.4", "--html", str(file)])
    assert end.value.code in (0, None)
    assert "B is ahead" in file.read_text() or "A is ahead" in file.read_text()
    assert str(file) in capsys.readouterr().out.replace("\n", "")


def test_a_study_has_the_same_bones(tmp_path: Path) -> None:
    study = gp.study_montecarlo("lab-1mw", members=12, out=tmp_path / "study")
    text = (tmp_path / "study" / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == [] and page.charts == len([f for f in study.fans if f.period == "month"])
    assert text == study_page.html(study) and 'class="cards"' in text
    for figure in study_page.first_figures(study):
        assert figure.headline.text_of(figure.over.median) in text
    shares = [s for f in study.headlines if not np.isnan(s := study_page.error_share(f))]
    assert f"known to {max(shares):.0%}" in text
