"""A Monte Carlo study: its folder goes on after any end, and holds the same bytes however it was computed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.results.headlines import headlines, window

PLAN, CHANGES = "lab-1mw", {"horizon.end": "2026-06"}
WORDS = ("study", "montecarlo", PLAN, "--set", "horizon.end=2026-06", "--members")


def contents(folder: Path) -> dict[str, str]:
    """Return the checksum of every file of a study."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def study(folder: Path, **options: Any) -> gp.MonteCarlo:
    return gp.study_montecarlo(PLAN, CHANGES, out=folder, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "whole"
    study(folder, members=300, workers=1)
    return folder


def test_law_two_workers_write_what_one_does(whole: Path, tmp_path: Path) -> None:
    study(tmp_path / "two", members=300, workers=2)
    assert contents(tmp_path / "two") == contents(whole)


def test_law_a_study_that_grows_is_the_one_that_was_begun_with_more(whole: Path, tmp_path: Path) -> None:
    for members in (10, 100, 300):
        study(tmp_path / "grown", members=members, workers=1)
    assert contents(tmp_path / "grown") == contents(whole)


def test_the_figures_are_those_of_a_run(whole: Path, tmp_path: Path) -> None:
    """Of as many members, bit for bit: in figures, quantiles and over the years."""
    answer = study(whole, members=300)
    result = gp.run(PLAN, {**CHANGES, "uncertainty.members": 300})
    shared = window(result, result)
    assert shared is not None
    assert (answer.done, answer.failures) == (300, ())
    for k, (name, found) in enumerate(headlines(result, shared).items()):
        figure = answer.headlines[k]
        assert figure.name == name
        np.testing.assert_array_equal(answer.values[:, k], found.every, err_msg=name)
        assert found.span is not None
        ends = (figure.over.low, figure.over.median, figure.over.high, figure.over.without)
        np.testing.assert_equal(ends, (found.span.low, found.span.median, found.span.high, found.span.without))
    for fan in answer.fans:
        if fan.period == "year" and fan.quantity != "power_state_mw":
            at = {"token": "generated"} if fan.quantity.startswith("tokens") else {}
            table = result.table(fan.quantity, ("year",), at)
            assert table.ranges is not None
            np.testing.assert_array_equal(fan.low, table.ranges.low)
            central = result.table(fan.quantity, ("year",), at, members="central")
            np.testing.assert_array_equal(fan.central, central.values)


def test_a_smaller_question_reads_the_first_members(whole: Path) -> None:
    few = study(whole, members=100)
    assert few.values.shape[0] == few.done == 100
    np.testing.assert_array_equal(few.values, study(whole, members=300).values[:100])


def test_one_query_reads_a_study(whole: Path) -> None:
    import duckdb

    query = f"SELECT median(value) FROM '{whole}/chunks/*/headlines.parquet' WHERE headline = 'cost'"
    with duckdb.connect() as db:
        ((median,),) = db.execute(query).fetchall()
    cost = next(f for f in study(whole, members=300).headlines if f.name == "cost")
    assert median == pytest.approx(cost.over.median)


def test_damaged_chunks_are_computed_again(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    study(folder, members=300, workers=1)
    chunks = sorted((folder / "chunks").iterdir())
    (chunks[0] / "headlines.parquet").write_bytes(b"cut")
    (chunks[1] / "chunk.json").unlink()
    (chunks[2] / "months.parquet").unlink()
    (chunks[3] / "chunk.json").write_text('{"study": "another", "members": 64, "sha256": {}, "failed": {}}')
    study(folder, members=300, workers=1)
    assert contents(folder) == contents(whole)


@pytest.mark.parametrize(
    ("changes", "options", "differs"),
    [
        ({"horizon.end": "2026-07"}, {}, "plan differs"),
        (CHANGES, {"seed": 5}, "seed differs"),
    ],
)
def test_another_study_in_the_folder_is_refused(
    whole: Path, changes: dict[str, object], options: dict[str, int], differs: str
) -> None:
    before = contents(whole)
    with pytest.raises(gp.PlanError, match=differs):
        gp.study_montecarlo(PLAN, changes, out=whole, members=300, **options)
    assert contents(whole) == before


def test_another_version_in_the_folder_is_refused(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gigaplan.study.folder.__version__", "0.0.1")
    with pytest.raises(gp.PlanError, match=r"gigaplan differs(.|\n)*0\.0\.1"):
        study(whole, members=300)


def test_foreign_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("somebody else's")
    with pytest.raises(gp.PlanError, match="something else than a study"):
        study(tmp_path, members=10)
    with pytest.raises(gp.PlanError, match="a file, not a folder"):
        study(tmp_path / "thesis.txt", members=10)
    with pytest.raises(gp.PlanError, match="standard output"):
        study(Path("-"), members=10)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_page_is_whole_and_says_what_the_answer_does(whole: Path) -> None:
    answer = study(whole, members=300)
    page = (whole / "report.html").read_text()
    assert "<title>lab-1mw: 300 futures · gigaplan</title>" in page
    assert page.count('<div class="chart"') == len([f for f in answer.fans if f.period == "month"]) == 11
    assert str(whole) not in page and "NaN" not in page.partition('id="options">')[2].partition("</script>")[0]
    cost = next(f for f in answer.headlines if f.name == "cost")
    assert f'<td class="n">{cost.headline.text_of(cost.over.median)}</td>' in page


def test_a_request_says_all_or_nothing(whole: Path) -> None:
    request = gp.request("study", {"members": 300, "out": str(whole)})
    assert gp.study_montecarlo(PLAN, CHANGES, request=request).members == 300
    with pytest.raises(gp.PlanError, match="says this already"):
        gp.study_montecarlo(PLAN, CHANGES, request=request, members=10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"members": 0}, "10 to 10,000,000"),
        ({"members": -3}, "--members 1000"),
        ({"members": 9}, "ranges need ten members"),
        ({"members": 10**9}, "10 to 10,000,000"),
        ({"seed": -1}, "a seed is 0 or more"),
        ({"workers": 0}, "one worker at least"),
        ({"on": "cluster"}, "local, ray"),
        ({"address": "auto"}, "add --on ray"),
        ({"membres": 10}, "members"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    options: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(gp.PlanError, match=words):
        study(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_plan_may_say_how_it_is_studied(tmp_path: Path) -> None:
    changes = {**CHANGES, "study.members": 20, "study.seed": 4}
    stated = gp.study_montecarlo(PLAN, changes, out=tmp_path / "stated")
    assert (stated.members, stated.seed) == (20, 4)
    over = gp.study_montecarlo(PLAN, changes, out=tmp_path / "stated", members=30)
    assert (over.members, over.plan_hash) == (30, study(tmp_path / "other", members=10).plan_hash)
    with pytest.raises(gp.PlanError, match=r"study(.|\n)*nearest: *members"):
        gp.study_montecarlo(PLAN, {"study.membres": 20}, out=tmp_path / "no")


def test_a_member_that_cant_be_computed_is_told_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], whole: Path
) -> None:
    from gigaplan.study import work
    from gigaplan.vocabulary.errors import InputError
    from gigaplan.vocabulary.sampling import Part

    real = work.plans.resolve

    def resolve(plan: Any, part: Part) -> Any:
        if {70, 71, 200} & set(range(part.first, part.first + part.members - 1)):
            raise InputError("the racks weigh too much")
        return real(plan, part)

    monkeypatch.setattr(work.plans, "resolve", resolve)
    words = [*WORDS, "300", "--workers", "1", "--out", str(tmp_path / "some")]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 3
    out = capsys.readouterr().out
    assert "3 members are missing" in out and "70, 71, 200: InputError: the racks weigh too much" in out
    monkeypatch.setattr(work.plans, "resolve", real)
    kept = study(tmp_path / "some", members=300)
    assert (kept.done, [f.first for f in kept.failures]) == (297, [70, 71, 200])
    every = study(whole, members=300).values
    np.testing.assert_array_equal(kept.values, np.delete(every, [70, 71, 200], axis=0))


def test_a_chunk_without_a_worker_is_told_and_done_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Path
) -> None:
    from gigaplan.study import carry

    real = carry.run_chunk

    def run_chunk(design: Any, task: Any) -> Any:
        if task.chunk == 2:
            raise MemoryError("no room")
        return real(design, task)

    monkeypatch.setattr(carry, "run_chunk", run_chunk)
    answer = study(tmp_path / "some", members=300, workers=1)
    assert [(f.first, f.members, f.reason) for f in answer.failures] == [(128, 64, "MemoryError: no room")]
    assert json.loads((tmp_path / "some/failures/00000-00002.json").read_text())["reason"] == "MemoryError: no room"
    monkeypatch.setattr(carry, "run_chunk", real)
    assert study(tmp_path / "some", members=300, workers=1).failures == ()
    assert contents(tmp_path / "some") == contents(whole)


def test_a_plan_of_which_no_member_can_be_computed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gigaplan.study import carry

    monkeypatch.setattr(carry, "run_chunk", lambda design, task: 1 / 0)
    with pytest.raises(gp.PlanError, match=r"no member can be computed(.|\n)*ZeroDivisionError"):
        study(tmp_path / "none", members=20, workers=1)


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Path) -> None:
    real, count = Path.write_bytes, iter(range(1000))

    def write_bytes(path: Path, data: Any) -> int:
        if path.name == "months.parquet" and next(count) == 2:
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(gp.MachineError, match="No space left"):
        study(tmp_path / "full", members=300, workers=1)
    assert len(list((tmp_path / "full/chunks").iterdir())) == 2
    monkeypatch.setattr(Path, "write_bytes", real)
    study(tmp_path / "full", members=300, workers=1)
    assert contents(tmp_path / "full") == contents(whole)


def test_progress_stops_a_study_and_counts_members(tmp_path: Path, whole: Path) -> None:
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int, what: str) -> bool:
        seen.append((done, total))
        return done < 128

    with pytest.raises(gp.Cancelled):
        gp.study_montecarlo(PLAN, CHANGES, progress=progress, members=300, workers=1, out=tmp_path / "s")
    assert seen == [(0, 300), (64, 300), (128, 300)]
    study(tmp_path / "s", members=300, workers=2)
    assert contents(tmp_path / "s") == contents(whole)


def test_two_processes_dont_work_on_one_study(tmp_path: Path) -> None:
    from gigaplan.vocabulary.files.exchange import flock

    study(tmp_path / "s", members=10)
    lock = flock(tmp_path / "s")
    if lock is None:
        pytest.skip("this system has no locks")
    try:
        with pytest.raises(gp.MachineError, match="another process"):
            study(tmp_path / "s", members=20)
    finally:
        os.close(lock)


def started(folder: Path, workers: int = 2) -> subprocess.Popen[bytes]:
    words = [*WORDS, "300", "--workers", str(workers), "--out", str(folder)]
    return subprocess.Popen([sys.executable, "-m", "gigaplan", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def chunks_of(folder: Path) -> int:
    return len(list((folder / "chunks").glob("0*/chunk.json")))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_law_a_study_goes_on_after_any_end(number: signal.Signals, tmp_path: Path, whole: Path) -> None:
    """tests/fuzz/studies.py does it often, at random instants."""
    folder, chance = tmp_path / "s", random.Random(int(number))
    for begun in (1, 3):
        job = started(folder)
        while job.poll() is None and chunks_of(folder) < begun:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        job.send_signal(number)
        _, said = job.communicate()
        if number == signal.SIGINT and job.returncode:
            assert (job.returncode, b"the same command goes on" in said) == (130, True), said
    job = started(folder)
    _, said = job.communicate()
    assert job.returncode == 0, said
    assert contents(folder) == contents(whole)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_a_killed_workers_chunk_is_done_again(tmp_path: Path, whole: Path) -> None:
    job = started(tmp_path / "s")
    killed = 0
    while job.poll() is None and killed < 2:
        for thread in Path(f"/proc/{job.pid}/task").glob("*/children"):
            for pid in thread.read_text().split() if chunks_of(tmp_path / "s") > killed else ():
                os.kill(int(pid), signal.SIGKILL)
                killed += 1
                break
        time.sleep(0.01)
    _, said = job.communicate()
    assert (job.returncode, killed) == (0, 2), said
    assert contents(tmp_path / "s") == contents(whole)
