"""Long work of the planner: ranges and files in a second process, progress, and cancelling."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from gigaplan.app import jobs
from gigaplan.app.crowd import SEVERAL, Crowd, unless
from gigaplan.app.link import fragment_of
from gigaplan.app.open import listening
from gigaplan.app.requests import PlanState, Question
from gigaplan.app.runs import Kept, result_of
from gigaplan.app.server import Tabs, lines, marked_if_gone
from gigaplan.app.work import Worker
from gigaplan.vocabulary.errors import MachineError, PlanError
from gigaplan.vocabulary.progress import Cancelled
from gigaplan.vocabulary.second_process import can_fork

LAB = PlanState(name="lab-1mw")


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.close()


def said(worker: Worker, work: Any, *given: Any) -> list[dict[str, Any]]:
    async def every() -> list[dict[str, Any]]:
        return [json.loads(line) async for line in lines(worker.steps(work, *given))]

    return asyncio.run(every())


def test_ranges_come_with_progress_and_then_the_answer(worker: Worker) -> None:
    found = said(worker, jobs.answer, Question(plan=LAB, members=12, claims=True))
    assert all(step["done"] <= step["total"] for step in found[:-1])
    answer = found[-1]["answer"]
    assert answer["stamp"]["members"] == 12
    assert "80 % of 12 futures" in answer["ranges"]
    assert any(card["range"] for card in answer["cards"])
    assert {claim["id"] for claim in answer["claims"]} >= {"A6"}


def test_a_crowd_is_answered_alike_in_both_processes_and_one_person_in_this_one(worker: Worker) -> None:
    crowd, mark = Crowd(worker), threading.Event()

    async def asked(seeds: list[int]) -> list[dict[str, Any]]:
        plans = [LAB.model_copy(update={"changes": (f"uncertainty.seed={s}",)}) for s in seeds]
        return await asyncio.gather(*(crowd.answer(Question(plan=p), mark) for p in plans))

    assert asyncio.run(asked([41]))[0]["members"] == 1
    assert crowd._warm is None
    asyncio.run(asked(list(range(42, 43 + SEVERAL))))
    assert crowd._warm is not None, "one more process is begun"
    crowd._warm.result()
    crowd._here = 1  # somebody is being answered here
    there = asyncio.run(asked([41]))[0]
    crowd._here = 0
    here = asyncio.run(asked([41]))[0]
    assert there == here
    assert crowd._there == crowd._here == 0
    crowd._here = 1
    wrong = LAB.model_copy(update={"changes": ("fleet.none=1",)})
    with pytest.raises(PlanError, match=r"fleet\.none"):
        asyncio.run(crowd.answer(Question(plan=wrong), mark))
    mark.set()
    with pytest.raises(Cancelled):
        asyncio.run(asked([99]))


def test_the_second_open_page_begins_a_process_for_a_crowd() -> None:
    spare = Worker()
    crowd = Crowd(spare)
    try:
        crowd.opened("one")
        crowd.opened("one")
        assert crowd._warm is None
        crowd.opened("two")
        assert crowd._warm is not None
    finally:
        spare.close()


def test_what_two_ask_at_once_is_computed_once() -> None:
    plan, calls = LAB.model_copy(update={"changes": ("uncertainty.seed=11",)}), list[int]()

    def progress(done: int, total: int, what: str) -> bool:
        calls.append(done)
        return True

    def asked() -> None:
        found.append(result_of(plan, 1, progress))

    found: list[Any] = []
    threads = [threading.Thread(target=asked) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]
    assert calls == sorted(calls)


@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1, reason="needs two processors")
def test_ranges_are_computed_on_both_processors(worker: Worker) -> None:
    assert worker.start().submit(can_fork).result()


def test_nothing_is_computed_for_who_has_left() -> None:
    mark, left = threading.Event(), asyncio.Event()

    async def receive() -> dict[str, str]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def asked() -> None:
        async with marked_if_gone(Request({"type": "http"}, receive), mark):
            await asyncio.sleep(0)
            assert not mark.is_set()
            left.set()
            await asyncio.sleep(0.01)
        assert mark.is_set()

    asyncio.run(asked())
    with pytest.raises(Cancelled):
        result_of(LAB.model_copy(update={"changes": ("uncertainty.seed=12",)}), 1, unless(mark))


def test_an_answer_is_sent_at_once() -> None:
    with listening(0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP, "asyncio leaves others to Nagle's algorithm"


def test_a_wrong_plan_ends_the_lines_with_its_problems(worker: Worker) -> None:
    wrong = LAB.model_copy(update={"changes": ("fleet.none=1",)})
    problem = said(worker, jobs.answer, Question(plan=wrong, members=12))[-1]["problems"][0]
    assert problem["severity"] == "error"
    assert "fleet.none" in problem["text"], "an error travels from the second process with its place"
    assert "internal" not in problem["text"]


def test_causes_of_a_difference_are_found(worker: Worker) -> None:
    later = LAB.model_copy(update={"changes": ("fleet.ladder.ready_lag_months=6 months",)})
    found = said(worker, jobs.comparison, LAB, later)[-1]["answer"]
    assert found["differences"]
    assert found["groups"] == ["fleet.ladder"]


@pytest.mark.parametrize(
    ("form", "begins"), [("parquet", b"PAR1"), ("json", b"{"), ("html", b"<!doctype html>"), ("xlsx", b"PK")]
)
def test_a_result_is_fetched_as_a_file(worker: Worker, form: str, begins: bytes) -> None:
    async def fetched() -> bytes:
        async for step in worker.steps(jobs.download, LAB, 1, form):
            if step.answer is not None:
                return bytes(step.answer)
        raise AssertionError

    assert asyncio.run(fetched())[: len(begins)].lower() == begins.lower()


def test_a_newer_question_cancels_the_job(worker: Worker) -> None:
    mark = threading.Event()

    async def stopped() -> float:
        begun = time.monotonic()
        question = Question(plan=LAB.model_copy(update={"changes": ("uncertainty.seed=7",)}), members=100)
        steps = worker.steps(jobs.answer, question, mark=mark)
        await anext(steps)
        mark.set()
        with pytest.raises(Cancelled):
            await anext(steps)
        return time.monotonic() - begun

    assert asyncio.run(stopped()) < 5


def test_the_newest_question_of_a_tab_cancels_the_one_before() -> None:
    tabs = Tabs()
    first, other = tabs.begin("one"), tabs.begin("two")
    assert unless(first)(0, 1, "") is True
    second = tabs.begin("one")
    assert unless(first)(0, 1, "") is False
    assert unless(second)(0, 1, "") is unless(other)(0, 1, "") is True
    with pytest.raises(Cancelled):
        result_of(LAB.model_copy(update={"changes": ("uncertainty.seed=3",)}), 1, unless(first))


def test_what_is_kept_is_given_again_and_the_oldest_is_dropped() -> None:
    kept: Kept[int, list[int]] = Kept(2)
    one = kept.get(1, lambda: [1])
    kept.get(2, lambda: [2])
    assert kept.get(1, lambda: [0]) is one
    kept.get(3, lambda: [3])
    assert kept.get(2, lambda: [9]) == [9]
    assert result_of(LAB, 1) is result_of(LAB, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are listed in /proc")
def test_the_second_process_ends_with_a_server_that_is_killed() -> None:
    command = [sys.executable, "-m", "gigaplan", "app", "lab-1mw", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stdout.readline().startswith("http://127.0.0.1:")
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
        deadline = time.monotonic() + 30
        while not (begun := [Path(f"/proc/{c}") for c in children.read_text().split()]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)  # the second process has begun to load
        server.kill()
    deadline = time.monotonic() + 60
    while any((c / "cmdline").exists() and (c / "cmdline").read_bytes() for c in begun):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_taken_port_is_said() -> None:
    with listening(0) as first, pytest.raises(MachineError, match="--port"):
        listening(first.getsockname()[1])


def test_it_listens_on_this_machine_alone() -> None:
    with listening(0) as found:
        assert found.getsockname()[0] == "127.0.0.1"


def test_the_link_holds_the_plan() -> None:
    assert fragment_of("lab-1mw").startswith("&s=")
    with pytest.raises(PlanError):
        fragment_of("no-such-plan")


def test_no_other_verb_imports_the_server() -> None:
    code = (
        "import sys, contextlib\n"
        "from gigaplan.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "print(sorted({'fastapi', 'starlette', 'uvicorn', 'anyio'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "app" in out
    assert out.endswith("[]\n")
