"""Kill -9 a server in the middle of its jobs, again and again: every job goes on to its answer, or says why not.

``python tests/fuzz/jobs.py 20`` posts 20 jobs of all kinds and kills the server at random instants until all have
ended (``make fuzz``); then each answer has to be that of a server that nobody disturbed. The suite does it with three.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LAB = {"name": "lab-1mw"}
ONE = ["uncertainty.members=1"]
QUESTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("study_montecarlo", {"plan": LAB, "members": 600}),
    ("run", {"plan": LAB, "changes": ONE}),
    ("study_sweep", {"plan": LAB, "over": ["power.facility.pue=1.1..1.5 step 0.05"]}),
    ("answer", {"plan": LAB, "members": 60, "claims": True}),
    ("study_sensitivity", {"plan": LAB}),
    ("frontier", {"models": ["llama_3_1_70b"], "systems": ["h100_hgx"]}),
    ("comparison", {"plan": LAB, "other": {**LAB, "changes": ["fleet.ladder.ready_lag_months=6 months"]}}),
    ("inputs", {"plan": LAB, "members": 40}),
    ("train", {"model": "llama_3_1_70b", "system": "h100_hgx", "gpus": 256, "failures": True}),
    ("download", {"plan": LAB, "members": 20, "form": "parquet"}),
    ("validate_power", {}),
    ("study_compare", {"a": LAB, "changes": ["fleet.profile=max_p"], "members": 200}),
    ("check", {"plan": LAB, "changes": ONE}),
    ("explain", {"result": LAB, "quantity": "gpus_producing"}),
    ("unused", {"plan": LAB, "changes": ONE}),
    ("study_montecarlo", {"plan": LAB, "members": 400, "seed": 7}),
    ("validate_costs", {}),
    ("new", {"power": "20 MW it"}),
    ("study_sweep", {"plan": LAB, "over": ["training.mfu_share=30 %, 35 %, 40 %"], "members": 12}),
    ("validate_demand", {}),
)
FEW: tuple[tuple[str, dict[str, Any]], ...] = (
    ("study_montecarlo", {"plan": LAB, "members": 130}),
    ("run", {"plan": LAB, "changes": ONE}),
    ("study_sweep", {"plan": LAB, "over": ["power.facility.pue=1.1, 1.2"]}),
)
"""What the suite asks: the first goes on while the server is killed."""
LONGEST_S = 15.0


class Server:
    """A planner of this machine that keeps its jobs in a folder."""

    def __init__(self, data: Path) -> None:
        words = [sys.executable, "-m", "gigaplan", "app", "--no-browser", "--data", str(data)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        link = self.process.stdout.readline().strip()
        self.address, _, rest = link.partition("/#token=")
        self.token = rest.partition("&")[0]

    def ask(self, path: str, body: Any = None) -> Any:
        """Return the answer to a question as plain data."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-gigaplan-token": self.token, "content-type": "application/json"}
        for _ in range(200):
            try:
                request = urllib.request.Request(f"{self.address}{path}", data, headers)
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from None
            except urllib.error.URLError:
                time.sleep(0.1)
        raise AssertionError("the server doesn't answer")

    def jobs(self) -> list[dict[str, Any]]:
        """Return its jobs."""
        return list(self.ask("/api/jobs")["jobs"])

    def kill(self) -> None:
        """End the server as a machine does that loses power, and see that nothing of it goes on."""
        self.process.send_signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """End the server in order."""
        self.process.send_signal(signal.SIGTERM)
        self._wait()

    def _wait(self) -> None:
        self.process.wait(timeout=120)
        assert self.process.stdout
        self.process.stdout.close()


def processes_of(data: Path) -> list[int]:
    """Return the processes that work in a folder of jobs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            where = os.readlink(entry / "cwd")
        except OSError:
            continue
        if where.startswith(str(data)):
            found.append(int(entry.name))
    return found


def kill_often(
    questions: Sequence[tuple[str, dict[str, Any]]],
    base: Path,
    chance: random.Random,
    most_kills: int,
    longest_s: float = LONGEST_S,
) -> tuple[list[str], int, list[Any]]:
    """Post jobs, kill the server until they have ended; return what is wrong, how often it was killed, and each job's
    answer, or the job itself where it has none."""
    data, wrong, kills = base / "data", list[str](), 0
    server = Server(data)
    posted = [server.ask("/api/jobs", {"verb": v, "request": q})["id"] for v, q in questions]
    while True:
        time.sleep(chance.uniform(1.0, longest_s) if kills < most_kills else 0.5)
        jobs = server.jobs()
        if {job["id"] for job in jobs} != set(posted):
            wrong.append(f"after {kills} kills there are {len(jobs)} jobs of {len(posted)}")
        if all(job["ended"] for job in jobs):
            break
        if kills < most_kills:
            server.kill()
            kills += 1
            time.sleep(0.5)
            if left := processes_of(data):
                wrong.append(f"processes outlive their server: {left}")
            server = Server(data)
    found = [answer_of(server, number) for number in posted]
    server.stop()
    return wrong, kills, found


def answer_of(server: Server, number: str) -> Any:
    """Return the answer of a job, or the job itself where it has none."""
    job = server.ask(f"/api/jobs/{number}?wait=50")
    while not job["ended"]:
        job = server.ask(f"/api/jobs/{number}?wait=50")
    return server.ask(f"/api/jobs/{number}/result") if job["state"] == "done" else job


def apart(questions: Sequence[tuple[str, dict[str, Any]]], found: Sequence[Any], base: Path) -> list[str]:
    """Return the answers that differ from those of a server that nobody disturbs, and say no reason."""
    wrong, calm = [], Server(base / "calm")
    for (verb, question), given in zip(questions, found, strict=True):
        expected = answer_of(calm, calm.ask("/api/jobs", {"verb": verb, "request": question})["id"])
        texts = [p["text"] for p in given.get("problems", ())]
        stopped = any("its process or the server ended" in text for text in texts)
        if given.get("state") == "failed" and expected.get("state") == "failed":
            continue
        if given != expected and not stopped:
            wrong.append(f"{verb}: its answer differs from that of a calm server {texts}")
    calm.stop()
    return wrong


def main(count: int) -> int:
    """Kill the server in the middle of so many jobs; print what was found."""
    with tempfile.TemporaryDirectory() as base:
        questions = QUESTIONS[:count]
        wrong, kills, found = kill_often(questions, Path(base), random.Random(count), most_kills=max(2, count // 2))
        wrong += apart(questions, found, Path(base))
    done = sum("state" not in one for one in found)
    print(f"{count} jobs, the server killed {kills} times: {done} answered, {len(wrong)} faults", *wrong, sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else len(QUESTIONS)))
