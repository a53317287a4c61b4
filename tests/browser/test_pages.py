"""Pages that verbs write, each under axe at three widths, by day and by night."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.browser.conftest import ENVIRONMENT, GIGAPLAN

WIDTHS = (390, 1280, 2560)
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAGES = {
    "compare": ["compare", "lab-1mw", "--set", "fleet.ladder.ready_lag_months=6 months"],
    "frontier": ["frontier", "gpt_oss_120b", "gb300_nvl72"],
    "train": ["train", "llama_3_1_405b", "gb300_nvl72", "--gpus", "4608"],
    "supply": ["power", "supply", "ercot", "--load", "100MW"],
}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_on_the_page_of_a_verb(
    name: str, chromium: Browser, axe: Callable[[Page], list[list[str]]], tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    command = [*GIGAPLAN, *PAGES[name], "--html", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=ENVIRONMENT)
    assert file.exists(), done.stderr
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(file.as_uri())
            page.wait_for_timeout(400)
            assert axe(page) == [], f"{name}, {width}, {scheme}"
            assert page.evaluate(TOO_WIDE) <= 0, f"{name} at {width} scrolls sideways"
            context.close()
