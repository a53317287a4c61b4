"""Jobs that outlive the page, and the plans of a team's server, as people use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

Team = tuple[str, dict[str, str]]
LAB = "eyJwbGFuIjp7Im5hbWUiOiJsYWItMW13IiwiY2hhbmdlcyI6W119fQ"
"""The state of the page for the plan of the tests, as it stands in a link."""


def job(page: Page, state: str) -> Locator:
    return page.locator(f".jobs li[data-state={state}]").first


def started(page: Page, verb: str, **fields: str) -> None:
    """Begin a job from the panel of jobs."""
    panel = page.get_by_role("dialog", name="Jobs")
    panel.get_by_label("What is computed").select_option(verb)
    for name, text in fields.items():
        panel.locator("input, textarea").and_(panel.get_by_label(name)).fill(text)
    panel.get_by_role("button", name="Start").click()


def test_a_study_is_found_again_after_a_reload_cancelled_resumed_and_opened(
    page: Page, axe: Callable[[Page], list[list[str]]]
) -> None:
    page.get_by_role("button", name="Jobs", exact=True).click()
    started(page, "study_montecarlo", Futures="1500")
    running = job(page, "running")
    expect(running).to_contain_text("lab-1mw, 1,500 futures", timeout=60_000)
    page.reload()
    page.wait_for_selector("[data-card]", timeout=60_000)
    page.get_by_role("button", name="Jobs 1").click()
    expect(running).to_contain_text(" of 1,500", timeout=60_000)
    running.get_by_role("button", name="Cancel").click()
    expect(job(page, "cancelled")).to_be_visible(timeout=30_000)
    assert axe(page) == [], "the panel with a job"
    job(page, "cancelled").get_by_role("button", name="Resume").click()
    expect(job(page, "done")).to_be_visible(timeout=120_000)
    with page.context.expect_page() as opened:
        job(page, "done").get_by_role("button", name="Open page").click()
    report = opened.value
    report.wait_for_load_state()
    expect(report.locator("h1")).to_be_visible()
    expect(report.locator(".chart canvas, .chart svg").first).to_be_visible(timeout=30_000)
    assert axe(report) == [], "the page of a job"
    key = report.url
    assert "/pages/" in key
    report.reload()
    expect(report.locator("body")).to_contain_text("this link was used")
    with page.expect_download() as saved:
        job(page, "done").get_by_role("button", name="JSON").click()
    assert saved.value.suggested_filename == "gigaplan-study_montecarlo.json"


def test_a_wrong_sweep_says_why_and_a_validation_is_done(page: Page) -> None:
    page.get_by_role("button", name="Jobs", exact=True).click()
    started(page, "study_sweep", Values="no.such.line=1, 2", Futures="2")
    expect(job(page, "failed")).to_contain_text("no.such", timeout=60_000)
    started(page, "validate_costs")
    expect(page.locator(".jobs li[data-state=done]", has_text="Published costs")).to_be_visible(timeout=60_000)
    for left in page.locator(".jobs li[data-state=failed]").all():
        left.get_by_role("button", name="Remove").click()
    expect(page.locator(".jobs li[data-state=failed]")).to_have_count(0)


def test_the_planner_of_one_person_has_no_plans_to_share(page: Page) -> None:
    assert page.get_by_role("button", name="Plans").count() == 0


@pytest.fixture
def user(chromium: Browser, team: Team) -> Iterator[Callable[[str], Page]]:
    """Open the team's planner as one of its users, each in a browser of their own."""
    made = []

    def opened(name: str) -> Page:
        context = chromium.new_context(viewport={"width": 1280, "height": 800})
        made.append(context)
        page = context.new_page()
        page.goto(f"{team[0]}#token={team[1][name]}&s={LAB}")
        page.wait_for_selector(".app[data-stale=false]", timeout=60_000)
        return page

    yield opened
    for context in made:
        context.close()


def plans(page: Page) -> Locator:
    """Open the panel of plans anew."""
    panel = page.get_by_role("dialog", name="Plans")
    if panel.count():
        panel.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Plans", exact=True).click()
    panel.get_by_role("heading", name="shared with you").or_(panel.get_by_text("No plans are kept yet.")).wait_for()
    return panel


def test_two_users_share_a_plan_and_neither_overwrites_the_other(user: Callable[[str], Page]) -> None:
    ada, bob = user("ada"), user("bob")
    own = plans(ada)
    expect(own).to_contain_text("You are ada, a planner.")
    own.get_by_label("Title", exact=True).fill("Our lab")
    own.get_by_role("button", name="Save as new").click()
    expect(own.locator("[data-plan='Our lab']")).to_contain_text("only you")
    expect(plans(bob)).to_contain_text("No plans are kept yet.")
    own.get_by_label("Who may see Our lab").select_option("write")
    expect(own.locator("[data-plan='Our lab']")).to_contain_text("all may change")
    shared = plans(bob)
    row = shared.locator("[data-plan='Our lab']")
    row.get_by_role("button", name="Open").click()
    expect(shared.get_by_label("Title")).to_have_value("Our lab")
    shared.get_by_role("button", name="Close").click()
    bob.get_by_label("+ any line of the plan").fill("training.mfu_share")
    bob.get_by_label("its value").fill("35 %")
    bob.get_by_role("button", name="Set", exact=True).click()
    panel = plans(bob)
    panel.get_by_label("What is new in it").fill("more of each GPU")
    panel.get_by_role("button", name="Save", exact=True).click()
    expect(row).to_contain_text("version 2")
    ada.reload()
    ada.wait_for_selector(".app[data-stale=false]", timeout=60_000)
    own = plans(ada)
    own.get_by_role("button", name="Save", exact=True).click()
    expect(own.get_by_role("alert")).to_contain_text("changed this plan meanwhile")
    own.get_by_role("button", name="History").click()
    expect(own.get_by_label("Versions of Our lab")).to_contain_text("more of each GPU")
    expect(own.get_by_label("Versions of Our lab")).to_contain_text("bob")
    own.get_by_role("button", name="Open", exact=True).click()
    expect(ada.locator("footer code")).to_contain_text("training.mfu_share=35 %", timeout=30_000)
    own.get_by_label("Who may see Our lab").select_option("private")
    expect(own.locator("[data-plan='Our lab']")).to_contain_text("only you")
    expect(plans(bob)).to_contain_text("No plans are kept yet.")
    own.get_by_role("button", name="Share with …").click()
    own.get_by_label("User to share Our lab with").fill("bob")
    own.get_by_role("button", name="Share", exact=True).click()
    expect(own.locator("[data-plan='Our lab']")).to_contain_text("shared with bob")
    expect(plans(bob).locator("[data-plan='Our lab']")).to_contain_text("of ada, to read")
    own.get_by_role("button", name="No longer share with bob").click()
    expect(own.locator("[data-plan='Our lab']")).to_contain_text("only you")
    expect(plans(bob)).to_contain_text("No plans are kept yet.")


def test_a_viewer_opens_plans_and_begins_nothing(user: Callable[[str], Page]) -> None:
    page = user("vic")
    assert plans(page).get_by_role("button", name="Save as new").count() == 0
    page.get_by_role("dialog", name="Plans").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Jobs", exact=True).click()
    panel = page.get_by_role("dialog", name="Jobs")
    expect(panel).to_contain_text("No jobs yet.")
    assert panel.get_by_role("button", name="Start").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_teams_panels(
    chromium: Browser, team: Team, scheme: str, axe: Callable[[Page], list[list[str]]]
) -> None:
    for width, height in ((1280, 800), (390, 844), (2560, 1440)):
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{team[0]}#s={LAB}")
        page.get_by_role("textbox", name="Token").wait_for()
        assert axe(page) == [], "the question for a token"
        page.goto(f"{team[0]}#token={team[1]['ada']}&s={LAB}")
        page.reload()
        page.wait_for_selector(".app[data-stale=false]", timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        panel = plans(page)
        if not panel.locator("[data-plan=axe]").count():
            panel.get_by_label("Title", exact=True).fill("axe")
            panel.get_by_role("button", name="Save as new").click()
        row = panel.locator("[data-plan=axe]")
        row.get_by_role("button", name="History").click()
        row.get_by_role("button", name="Share with …").click()
        row.get_by_label("Versions of axe").wait_for()
        assert axe(page) == [], f"plans at {width}"
        context.close()


def test_who_has_no_token_is_asked_for_one(chromium: Browser, team: Team) -> None:
    page = chromium.new_page()
    page.goto(f"{team[0]}#s={LAB}")
    page.get_by_role("textbox", name="Token").fill("wrong")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("this token is wrong")
    page.get_by_role("textbox", name="Token").fill(team[1]["bob"])
    page.get_by_role("button", name="Enter").click()
    page.wait_for_selector(".app[data-stale=false]", timeout=60_000)
    assert page.get_by_role("dialog").count() == 0
    page.close()
