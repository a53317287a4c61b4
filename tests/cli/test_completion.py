"""Completion: installed where it is told to be, and offering what is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gigaplan import plan
from gigaplan.cli import app, main
from gigaplan.vocabulary.variables import variables

BIN = Path(sys.executable).parent
SHELLS = ("bash", "zsh", "fish")


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


def offered(*words: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the candidates for the last word, as the shell's script gets them."""
    app(["__complete", *words], exit_on_error=False)
    lines = capsys.readouterr().out.splitlines()
    return [line.split("\t")[0] for line in lines if line and not line.startswith("\x1f")]


@pytest.mark.parametrize("shell", SHELLS)
def test_installed_below_home_and_loaded_once(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ZSH", "ZSH_CUSTOM"):
        monkeypatch.delenv(name, raising=False)
    for _ in range(2):
        assert leave("--install-completion", "--shell", shell, "--json") == 0
        where = Path(json.loads(capsys.readouterr().out)["path"])
    assert where.is_relative_to(tmp_path)
    script = where.read_text()
    for word in ("compare", "catalog", "rerun", "export", "--with", "netcdf"):
        assert word in script
    if shell == "fish":
        assert not (tmp_path / ".bashrc").exists()
    else:
        loaded = (tmp_path / f".{shell}rc").read_text()
        assert loaded.count(str(where if shell == "bash" else where.parent)) == (2 if shell == "bash" else 1)
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(where)], check=True, timeout=20)


def test_to_a_file_without_touching_the_start_of_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    out = tmp_path / "here" / "gigaplan.bash"
    assert leave("--install-completion", "--shell", "bash", "--no-startup", "-o", str(out)) == 0
    assert "new shell" in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here"]
    assert leave("--install-completion", "--shell", "tcsh") == 2
    (tmp_path / "file").write_text("")
    assert leave("--install-completion", "--shell", "bash", "-o", str(tmp_path / "file" / "x")) == 3
    assert "--out" in capsys.readouterr().err


def test_values_are_offered_where_they_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("")
    (tmp_path / "data.csv").write_text("")
    (tmp_path / "kept").mkdir()
    names = offered("run", "", capsys=capsys)
    assert set(plan.builtin_names()) <= set(names)
    assert {"mine.yaml", "kept/"} <= set(names)
    assert "data.csv" not in names
    assert {"kept/", "lab-1mw"} <= set(offered("explain", "", capsys=capsys))
    assert set(offered("explain", "kept", "", capsys=capsys)) >= set(variables())
    assert "systems" in offered("catalog", "list", "", capsys=capsys)
    assert "vr_nvl72" in offered("catalog", "show", "vr", capsys=capsys)
    assert "vr_nvl72.rack_power_kw" in offered("catalog", "show", "vr_nvl72.", capsys=capsys)
    assert "ercot" in offered("new", "--region", "", capsys=capsys)
    assert "lab-1mw" in offered("new", "--from", "", capsys=capsys)
    assert offered("run", "nowhere/", capsys=capsys)[-1] in plan.builtin_names()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    "words, expected",
    [
        (["gigaplan", "com"], "compare"),
        (["gigaplan", "catalog", "sea"], "search"),
        (["gigaplan", "run", "announced"], "announced-2025-09"),
        (["gigaplan", "run", "--se"], "--set"),
        (["gigaplan", "export", "x", "--to", "net"], "netcdf"),
    ],
)
def test_bash_completes(words: list[str], expected: str, tmp_path: Path) -> None:
    script = tmp_path / "gigaplan.bash"
    script.write_text(app.generate_completion(shell="bash"))
    typed = " ".join(f"'{w}'" for w in words)
    ask = (
        f"source '{script}'; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; "
        "_gigaplan; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "--norc", "-c", ask],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, "PATH": path},
    )
    assert done.stdout.split() == [expected], done.stderr
