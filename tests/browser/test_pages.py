"""Pages that runs, studies and verbs write, each under axe at three widths and by night."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from gigaplan.cli import main

LOOKS = ((390, "light"), (1280, "light"), (2560, "light"), (1280, "dark"))
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LATER = ("--set", "fleet.ladder.ready_lag_months=6 months")
LAB = ("lab-1mw", "--set", "horizon.end=2027-06")
"""A plan whose futures are quick to compute."""
ENGINE = ("--units", "engine")
SITES = ("--sites", "abilene,shackelford", "--by", "2028-06")
PAGES = {
    "run": ("run", *LAB, "--set", "uncertainty.members=12", "--out", "FOLDER"),
    "study montecarlo": ("study", "montecarlo", *LAB, "--members", "12", "--out", "FOLDER"),
    "study sensitivity": ("study", "sensitivity", *LAB, "--out", "FOLDER"),
    "study sweep": ("study", "sweep", *LAB, "--over", "power.facility.pue=1.2, 1.4", "--out", "FOLDER"),
    "study compare": ("study", "compare", *LAB, *LATER, "--members", "10", "--out", "FOLDER"),
    "compare": ("compare", *LAB, *LATER, "--html", "FILE"),
    "frontier": ("frontier", "gpt_oss_120b", "gb300_nvl72", "--html", "FILE"),
    "train": ("train", "llama_3_1_405b", "gb300_nvl72", "--gpus", "4608", "--html", "FILE"),
    "train --failures": ("train", "llama_3_1_405b", "gb300_nvl72", "--gpus", "4608", "--failures", "--html", "FILE"),
    "train --sites": ("train", "llama_3_1_405b", "gb200_nvl72", *SITES, "--html", "FILE"),
    "validate inference": ("validate", "inference", "--html", "FILE"),
    "power supply": (
        "power",
        "supply",
        "ercot",
        "--load",
        "100MW",
        "--grid",
        "80MW",
        "--units",
        "engine",
        "--html",
        "FILE",
    ),
    "power supply --dispatch": (
        *("power", "supply", "ercot", "--load", "100MW", "--grid", "60MW"),
        *("--units", "engine=60MW,battery=20MW", "--dispatch", "--html", "FILE"),
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_on_a_page(
    name: str, chromium: Browser, axe: Callable[[Page], list[list[str]]], tmp_path: Path
) -> None:
    file, folder = tmp_path / "page.html", tmp_path / "folder"
    names = {"FILE": str(file), "FOLDER": str(folder)}
    with pytest.raises(SystemExit) as end:
        main([names.get(word, word) for word in PAGES[name]])
    assert end.value.code in (0, None)
    if folder.exists():
        shutil.copy(folder / "report.html", file)
    for width, scheme in LOOKS:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(file.as_uri())
        page.wait_for_timeout(300)
        assert axe(page) == [], f"{name}, {width}, {scheme}"
        assert page.evaluate(TOO_WIDE) <= 0, f"{name} at {width} scrolls sideways"
        context.close()
