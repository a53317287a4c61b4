"""The planner as a person uses it: look, drag, undo, share, get it wrong, ask why."""

from __future__ import annotations

import filecmp
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gigaplan.app.server import static_folder

ROOT = Path(__file__).parents[2]
FIRST_LOAD_BYTES = 800_000
Axe = Callable[[Page], list[list[str]]]


def settled(page: Page) -> None:
    """Wait until the figures are those of the plan on the page."""
    page.wait_for_timeout(100)
    page.wait_for_selector(".app[data-stale=false]", timeout=60_000)


def cards(page: Page) -> list[str]:
    return page.locator("[data-card] strong").all_inner_texts()


def set_first_slider(page: Page, steps: int) -> None:
    """Move the first slider, which makes all sites later, by keys: as a drag does, in steps."""
    slider = page.locator(".slider input[type=range]").first
    slider.focus()
    for _ in range(steps):
        slider.press("ArrowRight")


def test_the_screen_fits_without_scrolling(page: Page) -> None:
    sizes = "[document.documentElement.scrollHeight, document.documentElement.scrollWidth]"
    assert page.evaluate(sizes) == [800, 1280]
    assert len(cards(page)) == 4
    assert page.locator("[data-chart] canvas").count() == 4


def test_the_first_load_needs_no_other_host_and_is_small(chromium: Browser, link: str) -> None:
    page = chromium.new_page()
    seen: list[tuple[str, int]] = []
    page.on("response", lambda r: seen.append((r.url, len(r.body()) if "/api/" not in r.url else 0)))
    page.goto(link)
    page.wait_for_selector("[data-card]", timeout=60_000)
    page.close()
    assert all(url.startswith(("http://127.0.0.1", "data:")) for url, _ in seen)
    size = sum(n for _, n in seen)
    print(f"first load: {size / 1000:.0f} kB")
    assert size <= FIRST_LOAD_BYTES


def test_a_slider_moves_the_figures_and_undo_takes_them_back(page: Page) -> None:
    before = cards(page)
    set_first_slider(page, 12)
    settled(page)
    expect(page.locator("footer code")).to_contain_text("--set")
    after = cards(page)
    assert after != before
    page.get_by_role("button", name="Undo").click()
    settled(page)
    expect(page.locator("footer code")).not_to_contain_text("--set")
    assert page.locator(".slider input[type=range]").first.input_value() == "0"
    page.get_by_role("button", name="Redo").click()
    settled(page)
    expect(page.locator("footer code")).to_contain_text("months")


def test_a_phase_is_dragged_in_time_and_by_keys_and_one_undo_takes_a_drag_back(page: Page) -> None:
    before = cards(page)
    page.get_by_role("button", name="Move phases").click()
    handle = page.get_by_role("slider", name="Campus hall, first half")
    box = handle.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for k in range(1, 9):
        page.mouse.move(x + 25 * k, y)
        page.wait_for_timeout(200)
    page.mouse.up()
    settled(page)
    path = "fleet.sites.Campus hall.phases.first half.energised=+"
    expect(page.locator("footer code")).to_contain_text(path)
    months = int(str(handle.get_attribute("aria-valuenow")))
    assert months > 1
    assert f"+{months} months" in str(handle.get_attribute("aria-valuetext"))
    assert cards(page) != before
    page.get_by_role("button", name="Undo").click()
    settled(page)
    expect(page.locator("footer code")).not_to_contain_text("--set")
    handle.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    settled(page)
    expect(page.locator("footer code")).to_contain_text(f"{path}3 months")
    expect(handle).to_have_attribute("aria-valuetext", "power on 2026-12-01, moved by +3 months")
    assert page.evaluate("document.activeElement.getAttribute('aria-valuenow')") == "3"
    page.wait_for_timeout(400)
    assert "s=" in page.evaluate("location.hash")


def test_the_link_restores_all_that_is_shown(page: Page, link: str) -> None:
    set_first_slider(page, 3)
    page.get_by_label("Plan B", exact=True).select_option("lab-1mw")
    page.get_by_label("colour by").select_option("place")
    settled(page)
    page.wait_for_timeout(600)
    page.get_by_role("button", name="Copy link").click()
    shared = page.evaluate("navigator.clipboard.readText()")
    assert "token" not in shared
    second = page.context.new_page()
    token = link.partition("#")[2].partition("&")[0]
    second.goto(shared.replace("#", f"#{token}&"))
    second.wait_for_selector("[data-card]", timeout=60_000)
    settled(second)
    assert "token" not in second.url
    assert second.locator("footer code").inner_text() == page.locator("footer code").inner_text()
    assert second.get_by_label("colour by").input_value() == "place"
    assert second.locator(".card .ghost").count() > 0


def test_a_wrong_line_shows_its_problem_where_it_was_written(page: Page) -> None:
    expect(page.locator("[data-card]").first).to_contain_text("80 %", timeout=60_000)  # ranges move figures too
    before = cards(page)
    page.get_by_label("+ any line of the plan").fill("fleet.ladder.ready_lag_months")
    page.get_by_label("its value").fill("soon")
    page.get_by_role("button", name="Set", exact=True).click()
    wrong = page.locator(".changes li.wrong")
    expect(wrong).to_contain_text("soon", timeout=30_000)
    expect(page.get_by_role("alert")).to_contain_text("ready_lag_months")
    assert cards(page) == before
    page.get_by_role("button", name="Take back fleet.ladder.ready_lag_months=soon").click()
    settled(page)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_wrong_text_marks_its_line_and_a_mended_one_is_the_plan(page: Page) -> None:
    page.get_by_role("button", name="YAML").click()
    area = page.get_by_role("textbox", name="The plan's YAML")
    expect(area).to_have_value(re.compile("gigaplan: 1"), timeout=30_000)
    text = area.input_value()
    area.fill(text.replace("gigaplan: 1", "gigaplan: 1\nno_such_section: 1", 1))
    expect(page.locator(".gutter .bad")).to_have_count(1, timeout=30_000)
    expect(page.get_by_label("Problems of the plan")).to_contain_text("no_such_section")
    area.fill(text.replace("One megawatt for a university", "Mine", 1))
    settled(page)
    expect(page.locator(".gutter .bad")).to_have_count(0, timeout=30_000)
    expect(page.locator("footer code")).to_contain_text("plan.yaml")


def test_a_figure_opens_where_it_comes_from_and_escape_closes_it(page: Page) -> None:
    card = page.locator("[data-card]").first
    variable = card.get_attribute("data-card")
    card.click()
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text("Formula", timeout=30_000)
    expect(panel).to_contain_text(str(variable))
    expect(panel.locator("summary").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    assert page.evaluate("document.activeElement.dataset.card") == variable


def test_a_chart_is_read_by_keys_and_as_a_table(page: Page) -> None:
    chart = page.locator("[data-chart=ladder]")
    chart.locator(".drawing").focus()
    page.keyboard.press("ArrowRight")
    expect(chart.locator("[aria-live]")).to_contain_text("MW")
    chart.get_by_role("button", name="Table").click()
    expect(chart.locator("table")).to_contain_text("2030")


def test_sites_stand_on_a_map_that_follows_the_month_and_has_a_table(page: Page) -> None:
    page.get_by_label("what this panel shows").first.select_option("map")
    chart = page.locator("[data-chart=map]")
    expect(chart.locator("circle.rim")).to_have_count(1, timeout=30_000)
    expect(chart.locator("path.land")).to_have_attribute("d", re.compile("^M"))
    page.locator("[data-chart=cash] .drawing").hover()
    month = chart.get_by_role("slider", name="Month of the map")
    pointed = str(month.get_attribute("aria-valuetext"))
    month.focus()
    page.keyboard.press("Home")
    expect(chart.locator("circle.rim")).to_have_count(1)
    assert month.get_attribute("aria-valuetext") == "2026-01" != pointed
    page.keyboard.press("End")
    chart.get_by_role("button", name="Table").click()
    expect(chart.locator("tbody")).to_contain_text("39.8, -98.6 (us)")
    expect(chart.locator("tbody td").nth(1)).to_have_text("1")
    chart.get_by_role("button", name="Campus hall").click()
    expect(page.get_by_role("dialog")).to_contain_text("power_state_mw", timeout=30_000)


def test_charts_and_the_workbook_are_saved_as_files(page: Page) -> None:
    begins = {"PNG of Power over time, by state": b"\x89PNG", "SVG of Power over time, by state": b"<svg"}
    for name, begin in begins.items():
        with page.expect_download() as saved:
            page.get_by_role("button", name=name).click()
        assert Path(saved.value.path()).read_bytes().startswith(begin)
    with page.expect_download(timeout=60_000) as saved:
        page.get_by_label("Download").select_option("xlsx")
    assert Path(saved.value.path()).read_bytes().startswith(b"PK")
    assert saved.value.suggested_filename == "gigaplan-result.xlsx"


def view(page: Page, name: str) -> None:
    """Open another view, and wait until it is drawn."""
    page.get_by_role("group", name="Views").get_by_role("button", name=name).click()
    page.wait_for_selector(f"[data-frame={name.lower()}][data-ready=true]", timeout=120_000)


def test_a_lender_and_a_site_developer_see_figures_that_open_and_follow_the_plan(page: Page) -> None:
    view(page, "Lender")
    plan = page.get_by_role("region", name="Plan", exact=True)
    before = plan.locator("strong").all_inner_texts()
    plan.locator("[data-card]").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("party_npv_usd", timeout=60_000)
    page.keyboard.press("Escape")
    set_first_slider(page, 12)
    settled(page)
    page.wait_for_selector("[data-frame=lender][data-ready=true]", timeout=60_000)
    assert plan.locator("strong").all_inner_texts() != before
    view(page, "Site")
    assert page.locator("[data-frame=site] [data-chart]:has(canvas)").count() == 4
    week = page.locator("[data-chart=week]")
    week.get_by_role("button", name="Table").click()
    expect(week.locator("caption")).to_contain_text("standard time of Campus hall (UTC-6)")
    expect(week.locator("tbody tr")).to_have_count(168)
    with page.expect_download() as saved:
        week.get_by_role("button", name="CSV").click()
    rows = Path(saved.value.path()).read_text().splitlines()
    assert rows[0] == ",2026,2027,2028,2029,2030,2031"
    assert rows[1].startswith("Mon 0:00,")
    picker = page.locator(".lead select")
    other = str(picker.locator("option").last.get_attribute("value"))
    picker.select_option(other)
    expect(page.locator("[data-chart=hours] h2")).to_contain_text("old cluster", timeout=60_000)
    page.wait_for_selector("[data-frame=site][data-ready=true]", timeout=60_000)
    page.wait_for_timeout(600)
    shared = page.evaluate("location.href")
    page.reload()
    page.goto(shared)
    page.wait_for_selector("[data-frame=site][data-ready=true]", timeout=60_000)


def test_an_engineer_drags_a_limit_and_searches_layouts(page: Page) -> None:
    view(page, "Engineer")
    assert page.locator("[data-frame=engineer] [data-chart]:has(canvas)").count() == 8
    first = page.locator("[data-frame=engineer] code").first.inner_text()
    assert "--tpot '0.05 s'" in first
    page.get_by_role("slider", name="Each further one within", exact=True).focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    page.wait_for_selector("[data-frame=engineer][data-ready=true]", timeout=60_000)
    expect(page.locator("[data-frame=engineer] code").first).not_to_contain_text("--tpot '0.05 s'", timeout=60_000)
    page.get_by_role("form", name="Training").get_by_label("GPUs", exact=True).fill("1")
    expect(page.get_by_role("alert")).to_contain_text("does not fit", timeout=60_000)


def test_an_engineer_drags_the_limits_on_the_charts(page: Page) -> None:
    view(page, "Engineer")
    first = page.locator("[data-frame=engineer] code").first
    cards = page.locator("[data-frame=engineer] .card").first
    before = cards.inner_text()
    limit = page.locator("[data-chart=frontier]").get_by_role("slider", name="Limit: each further one within")
    field = page.get_by_role("spinbutton", name="Each further one within in ms")
    assert (limit.get_attribute("aria-valuetext"), field.input_value()) == ("50 ms", "50")
    box, plot = limit.bounding_box(), page.locator("[data-chart=frontier] .drawing").bounding_box()
    assert box and plot
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for k in range(1, 11):
        page.mouse.move(x + plot["width"] * k / 20, y)
        page.wait_for_timeout(30)
    page.mouse.up()
    assert float(field.input_value()) < 20
    assert limit.get_attribute("aria-valuetext") == f"{field.input_value()} ms"
    expect(first).not_to_contain_text("--tpot '0.05 s'", timeout=60_000)
    assert cards.inner_text() != before, "the best layout is that within the new limit"
    page.get_by_role("button", name="Undo").click()
    expect(field).to_have_value("50")
    wait = page.locator("[data-chart=wait]").get_by_role("slider", name="Limit: first token within")
    wait.focus()
    for _ in range(3):
        page.keyboard.press("PageDown")
    page.keyboard.press("ArrowUp")
    assert page.get_by_role("spinbutton", name="First token within in s").input_value() == "0.621"
    expect(first).to_contain_text("--ttft '0.621 s'", timeout=60_000)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Limit: first token within"


def test_every_chart_of_every_view_has_a_table_with_its_numbers(page: Page) -> None:
    for name in ("Planner", "Lender", "Site", "Engineer"):
        if name != "Planner":
            view(page, name)
        charts = page.locator("[data-chart]")
        assert charts.count() >= 2, name
        for chart in charts.all():
            chart.get_by_role("button", name="Table").click()
            assert chart.locator("tbody tr").count() >= 1, f"{name}: {chart.get_attribute('data-chart')}"


MARKUP = "<img src=x onerror=document.title=1>"


def test_markup_in_every_text_of_a_plan_is_text(page: Page) -> None:
    page.get_by_role("button", name="YAML").click()
    area = page.get_by_role("textbox", name="The plan's YAML")
    expect(area).to_have_value(re.compile("gigaplan: 1"), timeout=30_000)
    text = area.input_value()
    texts = {
        "title: One megawatt for a university": f"title: 'Mine {MARKUP}'",
        "An example, not a case; students, grant and dates are assumptions.": f"'{MARKUP}'",
        "Campus hall": f"'{MARKUP}'",
        "first half:": f"'{MARKUP} 1':",
        "note: the hall that the university has": f"note: '{MARKUP}', source: '{MARKUP}'",
        "note: 'assumed: a commercial tariff": f"note: '{MARKUP}",
        "old cluster": f"'{MARKUP} old'",
        "domain model": f"'{MARKUP} run'",
        "state grant: {investor: the state": f"'{MARKUP} grant': {{investor: '{MARKUP}'",
    }
    for old, new in texts.items():
        assert old in text, old
        text = text.replace(old, new)
    area.fill(text)
    settled(page)
    expect(page.locator("footer code")).to_contain_text("plan.yaml", timeout=30_000)
    expect(page.locator(".gutter .bad")).to_have_count(0)
    page.keyboard.press("Escape")
    page.locator("[data-chart=ladder]").hover()
    page.locator("[data-card]").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Formula", timeout=30_000)
    page.keyboard.press("Escape")
    for name in ("Lender", "Site"):
        view(page, name)
        page.locator("[data-chart]").first.hover()
    page.wait_for_timeout(500)
    assert page.locator("img").count() == 0
    assert page.title() == "gigaplan planner"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (2560, 1440)])
def test_axe_finds_nothing(chromium: Browser, link: str, scheme: str, size: tuple[int, int], axe: Axe) -> None:
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(link)
    page.wait_for_selector("[data-card]", timeout=60_000)
    settled(page)
    page.wait_for_timeout(300)

    def look(where: str) -> None:
        assert axe(page) == [], where

    look("the first screen")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.locator("[data-card]").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Formula", timeout=30_000)
    look("a figure's panel")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="YAML").click()
    page.wait_for_timeout(500)
    look("the editor")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("button", name=re.compile("^Jobs")).click()
    page.get_by_role("heading", name=re.compile("^(No jobs|Your jobs)")).wait_for()
    look("jobs")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    if size[0] < 760:
        page.get_by_role("button", name="Sites on a map").click()
    else:
        page.get_by_role("button", name="Move phases").click()
        page.get_by_label("what this panel shows").nth(1).select_option("day")
    page.wait_for_timeout(500)
    look("phases or the map")
    for name in ("Lender", "Site", "Engineer"):
        view(page, name)
        look(name)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], name
    context.close()


def test_the_built_page_is_that_of_the_sources(tmp_path: Path) -> None:
    command = ["npm", "run", "build", "--", "--outDir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT / "web", check=True, capture_output=True)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == sorted(p.name for p in static_folder().iterdir())
    assert filecmp.cmpfiles(tmp_path, static_folder(), names, shallow=False) == (names, [], [])
