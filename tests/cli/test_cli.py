from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest
from cyclopts import App

from gigaplan import cli
from gigaplan import plan as plans
from gigaplan.cli import main


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    code = left.value.code
    assert isinstance(code, int)
    return code


def test_run_explain_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "kept"
    assert run("run", "announced-2025-09", "--out", str(folder)) == 0
    assert "First tokens" in capsys.readouterr().out
    assert sorted(p.name for p in folder.iterdir()) == ["report.html", "result.json", "result.parquet"]
    assert run("explain", str(folder), "first_token_day", "--depth", "2") == 0
    assert "acceptance_lag_months" in capsys.readouterr().out
    assert run("explain", str(folder), "first_tokn_day") == 2
    assert "nearest: first_token_day" in capsys.readouterr().err
    assert run("explain", str(tmp_path), "first_token_day") == 2
    assert "no readable result" in capsys.readouterr().err


def test_json_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "kept"
    assert run("run", "announced-2025-09", "--json", "--out", str(folder)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["saved_in"] == str(folder)
    assert answer["tables"]["gpus_producing"]["unit"] == "GPUs"
    assert run("explain", str(folder), "cost_usd", "--json") == 0
    assert json.loads(capsys.readouterr().out)["quantity"]["name"] == "cost_usd"
    assert run("check", "announced-2025-09", "--json") == 1  # a claim that does not hold on any basis
    claims = json.loads(capsys.readouterr().out)["claims"]
    assert [c["id"] for c in claims] == plans.load("announced-2025-09").document.claims
    assert run("catalog", "check", "--json") == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []


def test_a_claim_that_fails_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "announced-2025-09", "--set", "horizon.end=2026-03") == 1
    assert "does not hold" in capsys.readouterr().out


def test_a_plan_without_claims_has_nothing_to_fail(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "announced-2025-09", "--set", "claims=[]") == 0
    assert "makes no claims" in capsys.readouterr().out


def test_usage_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rum", "announced-2025-09") == 2
    assert run("run") == 2
    assert run("run", "anounced-2025-09") == 2
    assert "nearest: announced-2025-09" in capsys.readouterr().err


def test_what_the_machine_refuses_is_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run("run", "announced-2025-09", "--out", str(tmp_path / "file" / "x")) == 3
    said = capsys.readouterr()
    assert "--out" in said.err
    assert "Traceback" not in said.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_is_exit_130_and_leaves_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "gigaplan",
        "run",
        "announced-2025-09",
        "--set",
        "uncertainty.members=400",
        "--out",
        str(tmp_path / "out"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error.decode()
    assert "interrupted; nothing half-written was left" in error.decode()
    assert b"Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_help_imports_nothing_heavy() -> None:
    """What makes ``--help`` fast: the door imports no numpy, pydantic or duckdb until a verb needs it."""
    heavy = {"numpy", "pydantic", "duckdb", "scipy", "pint", "jinja2"}
    code = f"import sys, gigaplan.cli; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_validate_prints_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("validate", "demand") == 0
    assert "came after" in capsys.readouterr().out
    assert run("validate", "inference") == 0
    assert "co-located" in capsys.readouterr().out
    assert run("validate", "inference", "--rows", "nothing.csv") == 2


def test_version() -> None:
    from gigaplan import __version__

    assert cli.__version__ == __version__


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(*words, "--help") == 0
    return capsys.readouterr().out


def every_verb(parent: App = cli.app, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield above
    for name in parent:
        if not name.startswith("-"):
            yield from every_verb(parent[name], (*above, name))


@pytest.mark.parametrize("words", list(every_verb()), ids=" ".join)
def test_every_help_shows_an_example_and_text_for_each_option(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(capsys, *words)
    assert "Example: gigaplan " + " ".join(words) in " ".join(text.split())
    for word in ("Hold", "against", "Our ", "said", "told", "lives", "rows answered"):
        assert word not in text, word
    command = reduce(lambda parent, name: parent[name], words, cli.app)
    if words and command.default_command:
        for argument in command.assemble_argument_collection(parse_docstring=True):
            assert argument.parameter.help, argument.name


def test_options_are_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys, "train")
    order = [
        text.index(f"─ {name} ─") for name in ("Model and system", "Layout", "Several sites", "Failures", "Output")
    ]
    assert order == sorted(order)


@pytest.mark.parametrize(
    "words, said",
    [
        ("rum x", ("no such verb", "rum", "nearest: run", "gigaplan --help")),
        ("run lab-1mw --sett a=1", ("no such option", "--sett", "nearest: --set")),
        ("run", ("an argument is missing", "PLAN")),
        ("run lab-1mw two", ("one argument too many", "two")),
        ("run lab-1mw --resolution hourl", ("--resolution", "hourl", "representative, hourly", "nearest: hourly")),
        ("export x --to xls", ("--to", "xls", "parquet, csv, netcdf, xlsx", "nearest: xlsx")),
        ("run lab-1mw --set", ("a value is missing", "--set")),
        ("catalog search a --limit many", ("--limit", "many")),
        ("validate silicon", ("no such verb", "nearest: kernels")),
        ("validate power --every", ("no such option", "nearest: --all-rows")),
        ("validate power --evry", ("no such option", "nearest: --all-rows")),
        ("train llama_3_1_8b h100_hgx --replicas 5", ("no such option", "nearest: --trials")),
        ("train llama_3_1_8b h100_hgx --central", ("no such option", "nearest: --no-parameter-uncertainty")),
        ("train llama_3_1_8b h100_hgx --fact a=1", ("no such option", "nearest: --override")),
        (
            "train llama_3_1_8b h100_hgx --gpus many --seed x",
            ("gpus: not allowed here", "many", "a whole number", "seed: not", "3 problems"),
        ),
    ],
)
def test_wrong_usage_is_told_in_one_plain_style(
    words: str, said: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words.split()) == 2
    told = capsys.readouterr()
    assert not told.out
    assert "│" not in told.err and "Traceback" not in told.err
    for word in said:
        assert word in told.err
    assert "nothing was run or written" in told.err
    assert run(*words.split(), "--json") == 2
    assert json.loads(capsys.readouterr().out)["problems"][0]["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
@pytest.mark.parametrize("words", ["run campus-1gw --out kept", "catalog list", "frontier gpt_oss_120b h200_hgx"])
def test_a_reader_who_leaves_early_is_no_refusal(words: str, tmp_path: Path) -> None:
    shell = f"set -o pipefail; {sys.executable} -m gigaplan {words} | head -1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, "error" in done.stderr, "Traceback" in done.stderr) == (0, False, False)
    assert done.stdout


def test_no_progress_bar_where_nobody_looks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gigaplan", "run", "campus-1gw", "--out", str(tmp_path / "kept")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not set(done.stderr) & set("━\r\x1b")
