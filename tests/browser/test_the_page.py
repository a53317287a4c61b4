"""The page of a run in Debian's Chromium (``make test-browser``): what it prints, and that all of it is drawn."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan import plan
from gigaplan.report.charts import more_charts, planner_charts
from gigaplan.report.html import html

BROWSER = "chromium"
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
MOST_PAGES = 12
PLANS = tuple(plan.builtin_names())


@cache
def result_of(name: str, members: int = 1) -> gp.Result:
    return gp.run(name, {"uncertainty.members": members})


def run(folder: Path, page: str, *switches: str) -> subprocess.CompletedProcess[str]:
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = [BROWSER, *SWITCHES, f"--user-data-dir={folder / 'profile'}", *switches, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def printed_pages(folder: Path, page: str) -> int:
    pdf = folder / "page.pdf"
    run(folder, page, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    return len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))


@pytest.mark.parametrize(("name", "members"), [*((n, 1) for n in PLANS), ("announced-2025-09", 12)])
def test_the_page_prints_on_twelve_sheets(name: str, members: int, tmp_path: Path) -> None:
    assert 4 <= printed_pages(tmp_path, html(result_of(name, members))) <= MOST_PAGES


def test_facts_are_an_appendix_on_request(tmp_path: Path) -> None:
    page = html(result_of("lab-1mw"))
    opened = page.replace('<details class="apart" id="facts">', '<details class="apart" id="facts" open>')
    assert opened != page
    folders = [tmp_path / n for n in ("without", "with")]
    for folder in folders:
        folder.mkdir()
    without, with_facts = (printed_pages(folder, text) for folder, text in zip(folders, (page, opened), strict=True))
    assert with_facts > without


@pytest.mark.parametrize("width", [390, 1280, 2560])
@pytest.mark.parametrize("name", ["announced-2025-09", "lab-1mw"])
def test_every_chart_is_drawn_and_nothing_is_wrong(name: str, width: int, tmp_path: Path) -> None:
    result = result_of(name)
    page = html(result).replace('<details class="apart" id="more">', '<details class="apart" id="more" open>')
    done = run(
        tmp_path,
        page,
        f"--window-size={width},2000",
        "--virtual-time-budget=9000",
        "--enable-logging=stderr",
        "--dump-dom",
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    for chart in (*planner_charts(result).values(), *more_charts(result).values()):
        drawing = re.search(rf'id="chart-{chart.id}".*?</svg>', done.stdout, re.S)
        assert drawing and "<path" in drawing[0], chart.id
    for name_, drawn in planner_charts(result).items():
        label = re.search(rf'id="chart-{name_}"[^>]*aria-label="([^"]*)"', done.stdout)
        assert label and label[1].startswith(drawn.heading), "ECharts must not write its own over it"
