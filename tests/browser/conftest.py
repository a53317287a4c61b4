"""A planner and a Chromium for the tests of this folder; ``make test-browser`` runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
PLAN = "lab-1mw"


@pytest.fixture(scope="session")
def link() -> Iterator[str]:
    """Serve the planner on a free port; the link has its token."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "gigaplan", "app", PLAN, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert found, "install Chromium (Debian: apt install chromium), or name it in CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, link: str) -> Iterator[Page]:
    """Open the planner on a screen of 1280 by 800; an error of the page is one of the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened, wrong = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(link)
    opened.wait_for_selector("[data-card]", timeout=60_000)
    opened.wait_for_selector(".slider", timeout=60_000)
    opened.wait_for_selector(".app[data-stale=false]", timeout=60_000)
    yield opened
    context.close()
    assert wrong == []
