from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
    assert run("explain", str(folder), "first_token_day") == 0
    assert "ready_lag_months" in capsys.readouterr().out
    assert run("explain", str(folder), "first_tokn_day") == 2
    assert "nearest: first_token_day" in capsys.readouterr().err
    assert run("explain", str(tmp_path), "first_token_day") == 2
    assert "no readable result" in capsys.readouterr().err


def test_json_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "kept"
    assert run("run", "announced-2025-09", "--json", "--out", str(folder)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["folder"] == str(folder)
    assert answer["tables"]["gpus_producing"]["unit"] == "GPUs"
    assert run("explain", str(folder), "cost_usd", "--json") == 0
    assert json.loads(capsys.readouterr().out)["quantity"]["name"] == "cost_usd"
    assert run("check", "announced-2025-09", "--json") == 0
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
    code = "import sys, gigaplan.cli; print(sorted({'numpy', 'pydantic', 'duckdb', 'scipy', 'pint', 'jinja2'} & set(sys.modules)))"
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
