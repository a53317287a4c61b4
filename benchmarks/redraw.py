"""How long the planner takes from a step of a slider to the frame with the new figures, and to that with its charts.

Run with ``python benchmarks/redraw.py [PLAN]``; it needs Chromium and prints milliseconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from app import spread

STEPS = 30
REDRAWN = """flag => new Promise(done => {
  const app = document.querySelector('.app'), slider = document.querySelectorAll('.slider input[type=range]')[2];
  const at = () => app.dataset.figures === 'true', drawn = () => app.dataset.stale === 'false';
  const begun = performance.now(), times = [];
  const frame = () => requestAnimationFrame(() => setTimeout(() => times.push(performance.now() - begun)));
  const look = () => {
    if (times.length === 0 && at()) { frame(); times.length = 1; times[0] = null; }
    if (drawn()) { requestAnimationFrame(() => setTimeout(() => done([times[1], performance.now() - begun]))); return; }
    setTimeout(look, 1);
  };
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  set.call(slider, String(Number(slider.value) + flag * Number(slider.step)));
  slider.dispatchEvent(new Event('input', {bubbles: true}));
  setTimeout(look, 1);
})"""


def steps(page: Page) -> list[list[float]]:
    """Return for each step of the third slider the milliseconds until the figures and until the charts are drawn."""
    found = []
    for step in range(STEPS):
        page.wait_for_selector(".app[data-busy=false]", timeout=60_000)
        found.append(page.evaluate(REDRAWN, 1 if step % 2 == 0 or step < STEPS / 2 else -2))
    return found


def main(plan: str) -> None:
    """Begin a server and a browser, move a slider, and print."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "gigaplan", "app", plan, "--no-browser"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server,
        sync_playwright() as p,
    ):
        assert server.stdout
        try:
            chromium = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = chromium.new_page(viewport={"width": 1280, "height": 800})
            page.goto(server.stdout.readline().strip())
            page.wait_for_selector(".slider", timeout=60_000)
            page.wait_for_selector(".app[data-busy=false]", timeout=120_000)
            found = steps(page)
            chromium.close()
        finally:
            server.terminate()
    print(
        f"{plan}, from a step of a slider to the frame that shows it "
        f"({os.cpu_count()} processors, load {os.getloadavg()[0]:.1f})"
    )
    print(f"  figures            {spread([f for f, _ in found])} of {len(found)}")
    print(f"  figures and charts {spread([c for _, c in found])}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "announced-2025-09")
