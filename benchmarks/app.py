"""How long the planner's server takes from an input to its answer: one person dragging, and up to fifty at once.

A person asks for the figures of a value once those of the last one came and a moment has passed, and for the charts
when the drag rests, as the page does where the server is busy. No two values are alike, so that nothing is shared.

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

STEPS, EACH = 30, 8
CROWDS = (5, 10, 20, 50)
MEMBERS = 100
PAUSE_S = 0.2
"""Between two values of one person: fifty people ask at most 250 times a second."""
OPENED_S = 5.0
"""Between the opening of the pages and the first drag: a further process begins meanwhile."""


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

    def open(self) -> None:
        """Ask what a page asks when it is opened; its connection is gone when it asks again."""
        self.ask(None)
        self.connection.close()

    def ask(self, step: int | None, members: int = 1, *, charts: bool = True) -> float:
        """Return the milliseconds of one answer: to a value, or to the plan as it is."""
        months = 1 + 0.0001 * (STEPS * self.number + (step or 0))
        changes = [] if step is None else [f"fleet.ladder.ready_lag_months={months:.4f} month"]
        state = {"name": self.plan, "changes": changes}
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


def crowd(link: str, plan: str, people: int) -> tuple[list[float], list[float], int]:
    """Let people open the page and drag at once; return the times of figures, those of charts, and the errors."""
    others = sum(n for n in CROWDS if n < people)
    crowd = [Person(link, plan, 1 + others + n) for n in range(people)]
    for person in crowd:
        person.open()
    time.sleep(OPENED_S)
    times, drawn = list[float](), list[float]()

    def drag(person: Person) -> None:
        for step in range(EACH):
            times.append(person.ask(step, charts=False))
            time.sleep(PAUSE_S)
        drawn.append(person.ask(EACH - 1))

    threads = [threading.Thread(target=drag, args=(p,)) for p in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, drawn, sum(p.errors for p in crowd)


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
            print(f"{plan}, input to answer at the server ({os.cpu_count()} processors, load {os.getloadavg()[0]:.1f})")
            print(f"  the first answer after the start      {first:.0f} ms")
            alone = [one.figures(step) for step in range(STEPS)]
            print(f"  one person, figures                   {spread([f for f, _ in alone])} of {len(alone)}")
            print(f"  one person, figures and charts        {spread([c for _, c in alone])}")
            ranges = [one.ask(9100 + k, MEMBERS) for k in range(5)]
            print(f"  one person, ranges of {MEMBERS} futures     {spread(ranges)} of {len(ranges)}")
            for people in CROWDS:
                figures, charts, errors = crowd(link, plan, people)
                print(f"  {people:>2} people, figures                    {spread(figures)} of {len(figures)}")
                print(f"  {people:>2} people, charts after the drag      {spread(charts)}, {errors} errors")
        finally:
            server.terminate()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "announced-2025-09")
