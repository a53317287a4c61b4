"""A few hundred mutants in the suite; ``make fuzz`` runs a hundred thousand."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import doors
import mutants

import fuzz


def test_every_command_answers_before_it_is_mutated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fuzz.small(tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in doors.sound(tmp_path):
        command.prepare(tmp_path)
        code, _, err = fuzz.call(command.words)
        mutants.clean(tmp_path, fuzz.KEPT)
        assert code in ((0, 1) if command.words[0] == "check" else (0,)), f"{shlex.join(command.words)}\n{err}"


@pytest.mark.parametrize("seed", [1, 2])
def test_mutants_are_answered_or_refused(seed: int) -> None:
    counts, found = fuzz.fuzz(150, seed)
    assert found == []
    assert {door for door, _ in counts} == set(doors.DOORS)
    assert {code for _, code in counts} >= {0, 2}


def test_the_same_seed_gives_the_same_mutants(tmp_path: Path) -> None:
    import random

    for door in doors.DOORS.values():
        (tmp_path / "kept").mkdir(exist_ok=True)
        (tmp_path / "rates.json").write_text('{"rates": {"a": [1.0, 2]}}')
        (tmp_path / "kept" / "result.json").write_text('{"a": [1, {"b": "c"}]}')
        one, two = ([door(tmp_path, random.Random(seed)) for seed in range(20)] for _ in range(2))
        assert one == two


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
