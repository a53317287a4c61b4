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
        self.process.wait()

    def stop(self) -> None:
        """End the server in order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


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


def answers(server: Server, posted: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Return the answer of each job that is done, without what differs from run to run."""
    found = {}
    for number in posted:
        job = server.ask(f"/api/jobs/{number}")
        found[number] = server.ask(f"/api/jobs/{number}/result") if job["state"] == "done" else job
    return found


def kill_often(
    count: int, base: Path, chance: random.Random, most_kills: int, longest_s: float = LONGEST_S
) -> tuple[list[str], int]:
    """Post jobs, kill the server until they have ended; return what is wrong and how often it was killed."""
    data, wrong, kills = base / "data", list[str](), 0
    server = Server(data)
    posted = {server.ask("/api/jobs", {"verb": v, "request": q})["id"]: (v, q) for v, q in QUESTIONS[:count]}
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
    found = answers(server, posted)
    server.stop()
    calm = Server(base / "calm")
    for number, (verb, question) in posted.items():
        job = calm.ask("/api/jobs", {"verb": verb, "request": question})
        while not calm.ask(f"/api/jobs/{job['id']}?wait=30")["ended"]:
            pass
        job = calm.ask(f"/api/jobs/{job['id']}")
        given = found[number]
        if given.get("state") == "failed" and job["state"] == "done":
            texts = [p["text"] for p in given["problems"]]
            said = [t for t in texts if "its process or the server ended" in t]
            wrong += [] if said else [f"{verb}: failed without saying that its server ended: {texts}"]
        elif job["state"] == "done" and given != calm.ask(f"/api/jobs/{job['id']}/result"):
            wrong.append(f"{verb}: its answer differs from that of a calm server")
    calm.stop()
    return wrong, kills


def main(count: int) -> int:
    """Kill the server in the middle of so many jobs; print what was found."""
    with tempfile.TemporaryDirectory() as base:
        wrong, kills = kill_often(count, Path(base), random.Random(count), most_kills=max(2, count // 2))
    print(f"{count} jobs, the server killed {kills} times, {len(wrong)} faults", *wrong, sep="\n", flush=True)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else len(QUESTIONS)))
