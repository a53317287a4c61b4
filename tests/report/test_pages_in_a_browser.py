"""Pages drawn by a browser, where one is installed: no error on the console, every label there, at three widths."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan.layers.failures import FailureOptions
from gigaplan.report import frontier_view, sites_view, train_view

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--virtual-time-budget=4000",
    "--enable-logging=stderr",
    "--dump-dom",
)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser is installed")


def drawn(page: str, folder: Path, width: int) -> str:
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = [
        str(BROWSER),
        *SWITCHES,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},2000",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


def labels(page: str, chart: str) -> str:
    """Return the words that a browser drew into a chart's picture."""
    found = re.search(rf'id="chart-{chart}".*?</svg>', page, re.S)
    assert found, f"{chart} is not drawn"
    return " ".join(re.findall(r"<text[^>]*>([^<]+)</text>", found[0]))


@pytest.fixture(scope="module")
def run() -> gp.TrainRun:
    return gp.train("llama_3_1_405b", "h100_hgx", gpus=16384, failures=FailureOptions(trials=20))


@pytest.mark.parametrize("width", [390, 1280, 2560])
def test_a_training_run_names_every_part_and_reason(run: gp.TrainRun, tmp_path: Path, width: int) -> None:
    page = drawn(train_view.html(run), tmp_path, width)
    step, lost, causes = (labels(page, chart) for chart in ("step", "lost", "causes"))
    for part in ("products, attention, norms", "waiting stages", "tensor and context exchange", "host and fixed"):
        assert part in step, "the legend is paged or cut"
    for reason in ("work done again", "checkpoints", "noticing", "restarting", "planned stops", "stragglers"):
        assert reason in lost
    for cause in ("GPU", "host", "network", "software"):
        assert cause in causes
    assert "tokens/s a GPU" in labels(page, "pareto")


@pytest.mark.parametrize("width", [390, 1280])
def test_ticks_are_short_whatever_their_size(tmp_path: Path, width: int) -> None:
    together = gp.train_sites("llama_3_1_405b", "h100_hgx", sites="a=50000,b=40000", wan_distance="50 km", by="2028-06")
    ticks = labels(drawn(sites_view.html(together), tmp_path, width), "largest")
    assert re.search(r"\de2\d", ticks)
    assert not re.search(r"\.\d{4}|e\+", ticks), ticks
    assert all(name in ticks.replace("\n", " ") for name in ("synchronous", "local", "streamed", "alone"))


@pytest.mark.parametrize("width", [390, 1280])
def test_a_frontier_names_all_its_curves(tmp_path: Path, width: int) -> None:
    answer = gp.frontier(["deepseek_r1", "gpt_oss_120b"], ["gb200_nvl72", "vr_nvl72"])
    page = drawn(frontier_view.html(answer), tmp_path, width)
    for chart in ("frontier", "power", "cost"):
        words = labels(page, chart)
        assert all(frontier_view.name(c) in words for c in answer.curves), words
        assert "10 k" in words or chart == "cost"
