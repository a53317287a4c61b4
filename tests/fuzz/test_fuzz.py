"""A few hundred mutants in the suite; ``make fuzz`` runs a hundred thousand."""

from __future__ import annotations

import os
import random
import shlex
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import doors
import kills
import mutants
import workbooks
import writers

import fuzz

LARGE = [("check", name) for name in ("announced-2025-09", "actual-2026-11")]
"""Commands that other tests run, and that take a second each."""


def test_every_command_answers_before_it_is_mutated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fuzz.small(tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in doors.sound(tmp_path):
        if command.words in LARGE:
            continue
        command.prepare(tmp_path)
        code, _, err = fuzz.call(command.words)
        mutants.clean(tmp_path, fuzz.KEPT)
        assert code in ((0, 1) if command.words[0] == "check" else (0,)), f"{shlex.join(command.words)}\n{err}"


def test_mutants_are_answered_or_refused() -> None:
    counts, found = fuzz.fuzz(70, seed=1)
    assert found == []
    assert {door for door, _ in counts} == set(doors.DOORS)
    assert {code for _, code in counts} >= {0, 2}


def test_the_same_seed_gives_the_same_mutants(tmp_path: Path) -> None:
    for door in doors.DOORS.values():
        (tmp_path / "kept").mkdir(exist_ok=True)
        (tmp_path / "rates.json").write_text('{"rates": {"a": ["", [0.0, 1.0, 2.0, 1.0, 8, 2, 0.9]]}}')
        (tmp_path / "kept" / "result.json").write_text('{"a": [1, {"b": "c"}]}')
        (tmp_path / workbooks.KEPT).write_bytes(workbooks._zipped({"a.xml": b"<v>1</v><t>b</t>"}, b""))
        one, two = ([door(tmp_path, random.Random(seed)) for seed in range(6)] for _ in range(2))
        assert one == two


def test_a_mutant_leaves_the_next_ones_alone() -> None:
    before = repr(mutants.NUMBERS)
    for seed in range(300):
        mutants.mutated_document({"a": {"b": [1, {}]}, "c": []}, random.Random(seed))
    assert repr(mutants.NUMBERS) == before


def test_nothing_is_lost_by_stops_at_random_instants(tmp_path: Path) -> None:
    bench, chance = kills.prepared("schema", tmp_path, again=False), random.Random(0)
    for number in (signal.SIGKILL, signal.SIGINT):
        assert kills.stop(bench, number, 1, chance, run_after=number == signal.SIGINT).faults == []


def test_what_is_lost_is_seen(tmp_path: Path) -> None:
    whole = {"8": {"out.csv": b"8"}, "9": {"out.csv": b"9"}}
    bench = kills.Bench("export csv", tmp_path, {"thesis": b"mine"}, whole, 1.0)
    (tmp_path / "thesis").write_text("mine")
    for text in ("8", "9"):
        (tmp_path / "out.csv").write_text(text)
        assert bench.wrong() == []
    (tmp_path / "thesis").write_text("yours")
    (tmp_path / "out.csv").write_text("half")
    (tmp_path / "out.csv.tmp").write_text("half")
    assert bench.wrong() == ["thesis: changed or lost", "out.csv.tmp: left behind", "out.csv: not whole"]


def test_two_writers_leave_one_whole_result(tmp_path: Path) -> None:
    """Each is process 1 of its own namespace where this machine permits it."""
    assert writers.wrong("run", 2, 1, tmp_path, own_pids=writers.may_have_own_pids()) == []


@pytest.mark.parametrize("verb", [v for v in writers.VERBS if v not in ("run", "new")])
def test_writers_of_one_file_or_one_folder(verb: str, tmp_path: Path) -> None:
    assert writers.wrong(verb, 2, 2, tmp_path, forked_from_one=True) == []


def test_writers_that_lose_something_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(go: Path, rounds: int, args: tuple[str, ...], folder: Path) -> writers.Job:
        (folder / "same.csv").write_text("half")
        (folder / ".same.csv.part").write_text("half")
        (go.parent / args[1].strip("./")).touch()
        return writers.Job(lambda: True, lambda: "")

    monkeypatch.setattr(writers, "forked", careless)
    lost, left = writers.wrong("export", 1, 1, tmp_path, forked_from_one=True)
    assert "is not what one of the writers writes" in lost
    assert left == "export: .same.csv.part is left"


@pytest.mark.parametrize(
    ("words", "code", "out", "err", "expected"),
    [
        (("run", "x"), 0, "", "", ""),
        (("run", "x"), 2, "", "x: error: no such plan", ""),
        (("check", "x"), 1, "A5 does not hold", "", ""),
        (("check", "x"), 1, "", "", "exit 1 without an answer"),
        (("run", "x"), 1, "text", "", "exit 1 without an answer"),
        (("run", "x"), -1, "", "Traceback (most recent call last):", "exit -1"),
        (("run", "x"), 0, "", "Traceback (most recent call last):", "a traceback"),
        (("run", "x"), 3, "", "an internal error (a bug in gigaplan)", "an internal error"),
        (("run", "x"), 3, "", "gigaplan: out of memory", ""),
        (("run", "x"), 3, "", "gigaplan: can't be read", "the machine is blamed"),
        (("run", "x"), 2, "", "", "a refusal that says nothing"),
        (("run", "x"), 2, "", "x\x1b[31m", "control characters reach the terminal"),
    ],
)
def test_what_is_a_fault(words: tuple[str, ...], code: int, out: str, err: str, expected: str) -> None:
    assert fuzz.fault(words, code, out, err) == expected


def test_an_exception_that_leaves_the_command_line_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: object) -> None:
        raise KeyError("gone")

    monkeypatch.setattr(fuzz, "gigaplan", breaks)
    code, _, err = fuzz.call(("run", "x"))
    assert (code, "KeyError" in err) == (-1, True)
    assert os.getcwd()
