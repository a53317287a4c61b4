"""A planner and a Chromium for the tests of this folder; ``make test-browser`` runs them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
PLAN = "lab-1mw"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
GIGAPLAN = [sys.executable, "-m", "gigaplan"]


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve a team of three; its address, and the token of each."""
    data = str(tmp_path_factory.mktemp("team"))
    tokens = {}
    for name, role in {"ada": "planner", "bob": "planner", "vic": "viewer"}.items():
        command = [*GIGAPLAN, "app", "users", "add", name, "--role", role, "--data", data]
        done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=True)
        tokens[name] = next(w for w in done.stdout.split() if len(w) > 40)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [*GIGAPLAN, "app", "--serve", "--data", data, "--port", port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as server:
        assert server.stdout
        try:
            yield next(w for w in server.stdout.readline().split() if w.startswith("http")), tokens
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the planner on a free port; the link has its token."""
    command = [*GIGAPLAN, "app", PLAN, "--no-browser", "--data", str(tmp_path_factory.mktemp("jobs"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as server:
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


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], list[list[str]]]:
    """Return what lists axe's violations on a page: each rule with the first element that breaks it."""
    file = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
    assert file.exists(), "run 'make test-browser', which installs axe-core"
    run = "tags => axe.run(document, {runOnly: tags}).then(r => r.violations.map(v => [v.id, v.nodes[0].html]))"

    def violations(page: Page) -> list[list[str]]:
        page.evaluate(file.read_text(encoding="utf-8"))
        return list(page.evaluate(run, TAGS))

    return violations


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
