"""The first minutes of a new user: from the command to a plan of their own that somebody else opens, by its link."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from tests.browser.conftest import ENVIRONMENT, GIGAPLAN

MOST_CLICKS = 12


class User:
    """Somebody whose clicks are counted, and who says what each step took."""

    def __init__(self) -> None:
        self.clicks, self._begun = 0, time.perf_counter()

    def click(self, page: Page, name: str) -> None:
        """Press a button."""
        self.clicks += 1
        page.get_by_role("button", name=name, exact=True).click()

    def chooses(self, page: Page, label: str, value: str) -> None:
        """Choose from a list: a click that opens it and one on a line."""
        self.clicks += 2
        page.get_by_role("dialog").get_by_label(label).select_option(value)

    def writes(self, page: Page, label: str, text: str) -> None:
        """Write into a field, which is clicked first."""
        self.clicks += 1
        page.get_by_role("dialog").get_by_label(label).fill(text)

    def says(self, step: str) -> None:
        """Print what was done, after how long and how many clicks."""
        print(f"{time.perf_counter() - self._begun:6.1f} s  {self.clicks:2} clicks  {step}")


def settled(page: Page) -> None:
    page.wait_for_selector("[data-card]", timeout=60_000)
    page.wait_for_timeout(100)
    page.wait_for_selector(".app[data-stale=false]", timeout=60_000)


def test_from_the_command_to_a_plan_of_150_mw_that_somebody_else_opens(chromium: Browser, tmp_path: Path) -> None:
    user = User()
    command = [*GIGAPLAN, "app", "--no-browser", "--data", str(tmp_path)]  # what `make app` runs once it has set up
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as server:
        assert server.stdout
        try:
            link = server.stdout.readline().strip()
            user.says("the command has printed its link, which opens by itself")
            context = chromium.new_context(viewport={"width": 1280, "height": 800})
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            page = context.new_page()
            page.goto(link)
            settled(page)
            user.says("figures and charts of the announcement are there")
            user.click(page, "New")
            user.writes(page, "Power, with its basis", "150 MW it")
            user.chooses(page, "Region", "ercot")
            user.chooses(page, "System", "gb300_nvl72")
            user.click(page, "Begin")
            expect(page.locator("footer code")).to_contain_text("plan.yaml", timeout=60_000)
            settled(page)
            expect(page.get_by_label("Answer")).to_contain_text("150 MW")
            user.says("a plan of one's own is on the page")
            later = page.locator(".slider input[type=range]").first
            user.clicks += 1  # a drag
            later.focus()
            for _ in range(3):
                later.press("ArrowRight")
            settled(page)
            expect(page.locator("footer code")).to_contain_text("+3 months")
            user.says("all of it is three months later")
            page.wait_for_timeout(400)  # the address follows what is shown
            user.click(page, "Copy link")
            shared = page.evaluate("navigator.clipboard.readText()")
            user.says("its link is copied")
            other = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
            token = link.partition("#")[2].partition("&")[0]
            other.goto(shared.replace("#", f"#{token}&"))
            settled(other)
            for seen in (page, other):
                expect(seen.get_by_label("Answer")).to_contain_text("80 % of 100 futures", timeout=60_000)
            assert other.get_by_label("Answer").inner_text() == page.get_by_label("Answer").inner_text()
            user.says("somebody else sees the same")
            other.context.close()
            context.close()
        finally:
            server.terminate()
    assert user.clicks <= MOST_CLICKS
