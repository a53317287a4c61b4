"""Renew the pictures of the docs (``make pictures``): the planner and a report, as Chromium shows them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from gigaplan import run
from gigaplan.report.html import html

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SCREEN, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def ready(page: Page) -> None:
    """Wait until ranges and causes are there too."""
    page.wait_for_timeout(600)
    page.wait_for_selector(".app[data-busy=false]", timeout=120_000)
    page.wait_for_timeout(800)


def saved(page: Page, name: str) -> None:
    """Save what is on the screen."""
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"{name}.png: {(IMAGES / f'{name}.png').stat().st_size / 1000:.0f} kB")


def view(page: Page, name: str) -> None:
    """Open a view and wait until it is drawn."""
    page.get_by_role("group", name="Views").get_by_role("button", name=name).click()
    page.wait_for_selector(f"[data-frame={name.lower()}][data-ready=true]", timeout=120_000)
    ready(page)


def main() -> None:
    """Save every picture."""
    command = [sys.executable, "-m", "gigaplan", "app", "--no-browser"]
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        subprocess.Popen([*command, "--data", folder], stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            link = server.stdout.readline().strip()
            page = chromium.new_page(viewport=SCREEN, color_scheme="light")  # type: ignore[arg-type]
            page.goto(link)
            ready(page)
            saved(page, "planner")
            view(page, "Engineer")
            saved(page, "planner-engineer")
            page.get_by_role("group", name="Views").get_by_role("button", name="Planner").click()
            page.get_by_label("Plan", exact=True).select_option("neocloud-100mw")
            ready(page)
            view(page, "Lender")
            saved(page, "planner-lender")
            view(page, "Site")
            saved(page, "planner-site")
            phone = chromium.new_page(viewport=PHONE, color_scheme="light")  # type: ignore[arg-type]
            phone.goto(link)
            ready(phone)
            saved(phone, "planner-phone")
            report = chromium.new_page(viewport=SCREEN, color_scheme="light")  # type: ignore[arg-type]
            file = Path(folder) / "report.html"
            file.write_text(html(run("announced-2025-09")), encoding="utf-8")
            report.goto(file.as_uri())
            report.wait_for_timeout(1500)
            saved(report, "report")
        finally:
            chromium.close()
            server.terminate()


if __name__ == "__main__":
    main()
