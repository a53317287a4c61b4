"""The pages of a lender and of a site's developer have the frames' own figures and charts, and print."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.report.test_report import Page

import gigaplan as gp
from gigaplan.report.frame_page import view
from gigaplan.report.frames import frame, largest
from gigaplan.report.html import html
from gigaplan.vocabulary.errors import PlanError


@pytest.mark.parametrize("kind", ["lender", "site"])
def test_the_page_has_the_frame_s_figures(kind: str) -> None:
    result = gp.run("campus-1gw")
    found = frame(result, kind, largest(result) if kind == "site" else "")
    text = view(result, kind)
    page = Page()
    page.feed(text)
    assert page.open == [] and page.charts == len(found.charts)
    assert not [link for tag, link in page.links if tag in ("script", "link", "img")]
    for heading, cards in found.groups:
        assert heading in text
        for card in cards:
            assert card.name in text and card.value in text and card.explained.replace("&", "&amp;") in text
    assert view(result, kind) == text


def test_a_view_is_exported_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    result = gp.run("lab-1mw")
    made = gp.export(result, "html", tmp_path / "site.html", view="site", site="Campus hall")
    assert "Campus hall" in made.read_text()
    assert gp.export(result, "html", tmp_path / "all.html").read_text() == html(result)
    for wrong in (
        {"to": "html", "view": "landlord"},
        {"to": "html", "view": "site", "site": "Campus hal"},
        {"to": "html", "quantities": ["cost_usd"]},
        {"to": "csv", "view": "lender"},
    ):
        with pytest.raises(PlanError):
            gp.export(result, out=tmp_path / "never", **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "never").exists()
