"""What leaves the program: no traceback, no raw control character, and exit 1 only for the answer no."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import _start, cli
from gigaplan.cli import interrupt, streams
from gigaplan.vocabulary.visible import STEERING, cell, steering, visible

GIGAPLAN = [sys.executable, "-m", "gigaplan"]
BREAKING = {"ascii": "ascii", "latin-1": "latin-1", "cp1252": "cp1252"}


def left(tokens: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(tokens)
    return int(end.value.code or 0)


@given(st.text())
def test_visible_text_steers_nothing_and_keeps_its_lines(text: str) -> None:
    shown = visible(text)
    assert not STEERING.search(shown)
    assert shown.count("\n") == text.count("\n")
    assert visible(shown) == shown
    assert bool(steering(text)) == (shown != text)


@given(st.text(min_size=1))
def test_no_cell_begins_as_a_formula_unless_it_is_a_number(text: str) -> None:
    written = cell(text)
    if written.startswith(("=", "+", "-", "@", "\t", "\r")):
        float(written)
    assert written in (text, f"'{text}")


def test_names_with_markup_and_escapes_are_drawn_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    streams.terminal().print("a[bold]b[/x] \x1b]0;title\x07 :smile: \u202eevil")
    out = capsys.readouterr().out
    assert "a[bold]b[/x]" in out and ":smile:" in out
    assert "\x1b" not in out and "\u202e" not in out and "\\x1b]0;title" in out


def test_a_bug_is_one_line_with_its_details_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import tempfile

    def broken(*_: object, **__: object) -> None:
        raise ValueError("no\nsuch \x1b[31mthing")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("gigaplan.api.run_and_save", broken)
    assert left(["run", "lab-1mw"]) == 3
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "an internal error" in err and "\x1b" not in err
    (details,) = tmp_path.glob("gigaplan-error-*.txt")
    assert "Traceback" in details.read_text() and str(details) in err


@pytest.mark.parametrize("encoding", sorted(BREAKING.values()))
def test_any_encoding_of_the_terminal_will_do(encoding: str, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [*GIGAPLAN, "run", "lab-1mw", "--out", str(tmp_path / "a[/x]b")], env=env, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a[/x]b" / "result.json").exists() and b"a[/x]b" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("verb", [["catalog", "list", "models"], ["schema"], ["run", "--help"]])
def test_a_full_disk_behind_stdout_is_exit_3_in_one_line(verb: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*GIGAPLAN, *verb], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("gigaplan: the output can't be written") and len(done.stderr.splitlines()) == 1


def test_a_reader_that_leaves_early_is_no_mistake() -> None:
    command = [*GIGAPLAN, "catalog", "list", "models"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None and run.stderr is not None
        run.stdout.readline()
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0


@pytest.mark.parametrize("after_s", [0.06, 0.1, 0.2, 0.4])
def test_ctrl_c_at_any_instant_shows_no_traceback(after_s: float) -> None:
    run = subprocess.Popen([*GIGAPLAN, "run", "lab-1mw", "--json"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(after_s)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate()
    assert b"gigaplan/cli" not in err and b"simulate" not in err, err  # files of a traceback
    begun = b"init_import_site" not in err  # on a busy machine Python itself may not stand yet
    assert run.returncode in (130, -signal.SIGINT) or not begun, err


def test_ctrl_c_that_a_library_has_turned_into_its_own_error_is_still_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        with interrupt.interrupts():
            raise RuntimeError("Query interrupted")  # DuckDB's

    with pytest.raises(RuntimeError):
        stopped()
    monkeypatch.setattr(interrupt.state, "seen", True)
    with pytest.raises(KeyboardInterrupt):
        stopped()


@pytest.mark.parametrize(
    "verb",
    [
        "exec('import os, signal; os.kill(os.getpid(), signal.SIGINT)')",
        "type('Gone', (), {'__del__': lambda self: os.kill(os.getpid(), signal.SIGINT)})(); time.sleep(9)",
    ],
    ids=["exec", "a callback"],
)
def test_ctrl_c_where_python_does_otherwise_ends_with_its_exit_code(verb: str) -> None:
    """By itself Python would end by the signal after an ``exec``, and go on after a callback."""
    code = (
        "import os, signal, time, gigaplan.cli, gigaplan._start as start\n"
        f"def verb():\n    {verb}\n"
        "gigaplan.cli.main = verb\n"
        "start.main()\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (130, f"{_start.MESSAGE}\n")


def test_a_closed_stderr_stops_nothing(tmp_path: Path) -> None:
    script = (
        f"'{sys.executable}' -m gigaplan run lab-1mw --set horizon.end=2026-09 --out '{tmp_path}/out' 2>&- >/dev/null"
    )
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0


def test_streams_without_a_file_behind_them_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", None)
    streams.prepare()
    streams.line("x")
    streams.flush()
