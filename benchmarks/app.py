"""How long the planner's server takes from an input to its answer: one person dragging, and fifty.

Run with ``python benchmarks/app.py [PLAN]``; it begins a server of its own and prints milliseconds.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

STEPS, PEOPLE, EACH = 30, 50, 4
MEMBERS = 100
PAUSE_S = 0.2
"""Between two values of one person: fifty people ask at most 250 times a second."""


class Person:
    """One open page: its own connection and its own tab."""

    def __init__(self, link: str, plan: str, number: int) -> None:
        parts = urlsplit(link)
        assert parts.hostname
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)
        token = parts.fragment.partition("token=")[2].partition("&")[0]
        self.headers = {"x-gigaplan-token": token, "x-gigaplan-tab": str(number), "content-type": "application/json"}
        self.plan, self.number, self.errors = plan, number, 0

    def figures(self, step: int) -> tuple[float, float]:
        """Return the milliseconds until a page has the figures of a value, and until it has the charts too."""
        first = self.ask(step, charts=False)
        return first, first + self.ask(step)

    def ask(self, step: int, members: int = 1, *, charts: bool = True) -> float:
        """Return the milliseconds of one answer."""
        months = 1 + 0.0001 * (1000 * self.number + step) % 4
        state = {"name": self.plan, "changes": [f"fleet.ladder.ready_lag_months={months:.4f} month"]}
        body = json.dumps({"plan": state, "members": members, "charts": charts})
        begun = time.perf_counter()
        self.connection.request("POST", "/api/answer", body, self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        self.errors += answer.status != 200 or b'"problems"' in content
        return 1000 * (time.perf_counter() - begun)


def spread(times: list[float]) -> str:
    ordered = sorted(times)
    return f"p50 {ordered[len(ordered) // 2]:.0f} ms, p95 {ordered[int(0.95 * (len(ordered) - 1))]:.0f} ms"


def crowd(link: str, plan: str) -> tuple[list[tuple[float, float]], int]:
    """Let fifty people drag at once; return the times and how many answers were errors."""
    times, people = list[tuple[float, float]](), [Person(link, plan, 1 + n) for n in range(PEOPLE)]

    def drag(person: Person) -> None:
        for step in range(EACH):
            times.append(person.figures(step))
            time.sleep(PAUSE_S)

    threads = [threading.Thread(target=drag, args=(p,)) for p in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, sum(p.errors for p in people)


def main(plan: str) -> None:
    """Begin a server, ask, and print."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "gigaplan", "app", plan, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout
        try:
            link = server.stdout.readline().strip()
            one = Person(link, plan, 0)
            first = one.ask(9000)
            one.ask(9001, MEMBERS)  # the second process has compiled what it needs
            alone = [one.figures(step) for step in range(STEPS)]
            ranges = [one.ask(9100 + k, MEMBERS) for k in range(3)]
            together, errors = crowd(link, plan)
        finally:
            server.terminate()
    print(f"{plan}, input to answer at the server ({os.cpu_count()} processors, load {os.getloadavg()[0]:.1f})")
    print(f"  the first answer after the start      {first:.0f} ms")
    print(f"  one person, figures                   {spread([f for f, _ in alone])} of {len(alone)}")
    print(f"  one person, figures and charts        {spread([c for _, c in alone])}")
    print(f"  one person, ranges of {MEMBERS} futures     {spread(ranges)} of {len(ranges)}")
    print(
        f"  {PEOPLE} people, figures                    {spread([f for f, _ in together])} of {len(together)}, "
        f"{errors} errors"
    )
    print(f"  {PEOPLE} people, figures and charts         {spread([c for _, c in together])}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "announced-2025-09")
