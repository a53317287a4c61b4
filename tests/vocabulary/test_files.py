"""The writing door: what it replaces, what it refuses, what it follows, and what stays after a kill."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.results import store
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import MachineError, PlanError
from gigaplan.vocabulary.files import Kind, command, note_input, slug, whole_file, whole_folder, write_text
from gigaplan.vocabulary.files import publish as publishing
from gigaplan.vocabulary.files import workplace as workplaces

ANY, MARKED = Kind("a text"), Kind("a marked text", ("mark",))
HERE = Path(__file__).parent


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture(scope="module")
def lab() -> Result:
    return gp.run("lab-1mw", {"horizon.end": "2026-09"})


def folder_of(path: Path) -> Any:
    return whole_folder(path, ("a", "b"), lambda there: (there / "a").read_text().startswith("own"))


def test_only_what_gigaplan_wrote_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_text(path, "mark 1", MARKED)
    write_text(path, "mark 2", MARKED)
    path.write_text("precious")
    with pytest.raises(PlanError, match="not a marked text that gigaplan has written"):
        write_text(path, "mark 3", MARKED)
    assert path.read_text() == "precious"
    path.write_text("")
    write_text(path, "mark 4", MARKED)
    assert os.listdir(tmp_path) == ["x"]


def test_an_input_is_never_written_over_by_any_name(tmp_path: Path) -> None:
    path, link, hard = tmp_path / "x", tmp_path / "link", tmp_path / "hard"
    path.write_text("mark")
    link.symlink_to(path)
    hard.hardlink_to(path)
    with command(path):
        for name in (path, link, hard):
            with pytest.raises(PlanError, match="another input"):
                write_text(name, "mark again", MARKED)
    assert path.read_text() == "mark"
    note_input(path)  # outside a command nothing is noted
    write_text(path, "mark again", MARKED)


def test_links_are_followed_and_modes_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "x", tmp_path / "below" / "link"
    link.parent.mkdir()
    write_text(path, "one", ANY)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()
    path.chmod(0o600)
    link.symlink_to(path)
    write_text(link, "two", ANY)
    assert link.is_symlink()
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o600)
    assert os.listdir(link.parent) == ["link"]


def umask() -> int:
    found = os.umask(0o022)
    os.umask(found)
    return found


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "through", ANY)
    reader.join(5)
    assert got == ["through"]
    assert pipe.is_fifo()


def test_a_device_is_written_through() -> None:
    write_text(Path("/dev/null"), "nothing", ANY)
    assert Path("/dev/null").is_char_device()


def test_standard_output(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write_text(Path("-"), "text", ANY)
    assert capsysbinary.readouterr().out == b"text"
    with pytest.raises(PlanError, match="standard output"), folder_of(Path("-")):
        pass


def test_the_terminal_keeps_standard_output_for_the_file(
    lab: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = str(gp.save(lab, tmp_path / "kept"))
    for words in (["-o", "-"], ["--out", "-"], ["--out=-"]):
        assert leave("export", kept, "--to", "csv", *words, "--quantity", "cost_usd") == 0
        printed = capsys.readouterr()
        assert printed.out.startswith("variable,member,month,line,value,unit,kind\n")
        assert printed.out.count("\n") == 1 + lab["cost_usd"].size
        assert "wrote -" in printed.err
    assert leave("schema", "-o", "-", "--json") == 0
    assert printed.out != capsys.readouterr().out
    assert leave("run", "lab-1mw", "--out", "-") == 2
    assert os.listdir(tmp_path) == ["kept"]


@pytest.mark.parametrize("swap", [True, False])
def test_a_folder_with_files_of_others_is_refused(swap: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not swap:
        monkeypatch.setattr(publishing, "exchange", lambda one, other: False)
    path = tmp_path / "x"
    for text in ("own 1", "own 2"):
        with folder_of(path) as work:
            (work / "a").write_text(text)
        assert (path / "a").read_text() == text
    (path / "thesis.txt").write_text("thesis")
    with pytest.raises(PlanError, match=r"has not written(.|\n)*thesis.txt"), folder_of(path):
        pass
    (path / "thesis.txt").unlink()

    def meanwhile() -> None:
        with folder_of(path) as work:
            (work / "a").write_text("own 3")
            (path / "thesis.txt").write_text("written while it ran")

    with pytest.raises(PlanError, match="thesis"):
        meanwhile()
    assert (path / "thesis.txt").read_text() == "written while it ran"
    assert (path / "a").read_text() == "own 2"
    assert os.listdir(tmp_path) == ["x"]


def test_a_folder_moved_aside_by_a_dead_run_comes_back(tmp_path: Path) -> None:
    place = tmp_path / ".x.abcd1234.gigaplan-part"
    (place / "old").mkdir(parents=True)
    (place / "old" / "a").write_text("own")
    (place / "target").write_text("x")
    write_text(tmp_path / "other", "any", ANY)
    assert (tmp_path / "x" / "a").read_text() == "own"
    assert sorted(os.listdir(tmp_path)) == ["other", "x"]


def test_a_living_runs_workplace_is_left_alone(tmp_path: Path) -> None:
    with whole_file(tmp_path / "one", ANY) as work:
        work.write_text("one")
        write_text(tmp_path / "two", "two", ANY)
        assert work.read_text() == "one"
    assert sorted(os.listdir(tmp_path)) == ["one", "two"]


@pytest.mark.parametrize("swap", [True, False])
def test_eight_writers_into_one_folder(
    swap: bool, lab: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not swap:
        monkeypatch.setattr(publishing, "exchange", lambda one, other: False)
    errors: list[BaseException] = []

    def save() -> None:
        try:
            store.save(lab, tmp_path / "kept")
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=save) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    assert gp.load(tmp_path / "kept").stamp == lab.stamp
    assert os.listdir(tmp_path) == ["kept"]


def test_no_result_within_a_result_and_no_file_by_a_folders_name(lab: Result, tmp_path: Path) -> None:
    kept = gp.save(lab, tmp_path / "kept")
    for inner in (kept / "inner", kept / "deeper" / "inner"):
        with pytest.raises(PlanError, match="lies in a result's own folder"):
            gp.save(lab, inner)
    assert gp.save(lab, kept) == kept
    assert gp.save(lab, f"{tmp_path / 'other'}/") == tmp_path / "other"
    for write in (lambda: gp.export(kept, "csv", f"{tmp_path}/new/"), lambda: gp.new(f"{tmp_path}/new/")):
        with pytest.raises(PlanError, match="a file is to be written"):
            write()
    assert sorted(os.listdir(tmp_path)) == ["kept", "other"]


REPLACE = """
import shutil, sys, time
from pathlib import Path
from gigaplan.results.store import NAMES, _wrote
from gigaplan.vocabulary.files import publish, whole_folder
if sys.argv[1] == "aside":
    publish.exchange = lambda one, other: False
target, *sources = map(Path, sys.argv[2:])
until = time.monotonic() + 10
for k in range(60):
    with whole_folder(target, NAMES, _wrote) as work:
        for file in sources[k % 2].iterdir():
            shutil.copy(file, work)
    if time.monotonic() > until:
        break
"""


@pytest.mark.parametrize("how", ["swap", "aside"])
def test_a_reader_sees_the_old_or_the_new_result_whole(how: str, lab: Result, tmp_path: Path) -> None:
    other = gp.run("lab-1mw", {"horizon.end": "2026-09", "power.facility.power_price_usd_per_mwh": "200 USD/MWh"})
    results = {r.stamp.plan_hash: r for r in (lab, other)}
    sources = [gp.save(r, tmp_path / f"s{k}") for k, r in enumerate(results.values())]
    target = gp.save(lab, tmp_path / "kept")
    seen: list[str] = []
    with subprocess.Popen([sys.executable, "-c", REPLACE, how, str(target), *map(str, sources)]) as writer:
        while writer.poll() is None:
            found = store.load(target)
            whole = results[found.stamp.plan_hash]
            assert (found["cost_usd"] == whole["cost_usd"]).all()
            seen.append(found.stamp.plan_hash)
    assert writer.returncode == 0
    assert set(seen) == set(results)


def test_run_export_and_a_thesis(lab: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("thesis")
    (mine / "result.json").write_text("{}")
    with pytest.raises(PlanError, match="has not written"):
        gp.save(lab, mine)
    (mine / "thesis.txt").unlink()
    with pytest.raises(PlanError, match="is not a result"):
        gp.save(lab, mine)
    kept = gp.save(lab, tmp_path / "kept")
    assert gp.save(lab, kept) == kept
    plan = tmp_path / "plan.yaml"
    plan.write_text("name: mine\n")
    assert leave("export", str(kept), "--to", "csv", "--out", str(plan)) == 2
    assert "not an exported table" in capsys.readouterr().err
    assert plan.read_text() == "name: mine\n"
    inside = str(kept / "result.parquet")
    assert leave("export", str(kept), "--to", "parquet", "--out", inside) == 2
    assert "another input" in capsys.readouterr().err
    for form in ("csv", "parquet", "netcdf"):
        for _ in range(2):  # its own are known again
            gp.export(kept, form, tmp_path / f"x.{form}", ["cost_usd"])
    for _ in range(2):
        gp.export(kept, "xlsx", tmp_path / "x.xlsx")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("announced-2025-09", "announced-2025-09"),
        ("../../evil", "evil"),
        ("/abs/evil", "abs-evil"),
        ("a\x00b\x1b[1m", "a-b-1m"),
        ("...", "plan"),
        ("nul", "plan-nul"),
        ("x" * 300, "x" * 80),
        ("Müller 1", "Müller-1"),
    ],
)
def test_names_become_one_part_of_a_path(name: str, part: str) -> None:
    assert slug(name) == part
    assert slug(part) in (part, f"plan-{part}")


@pytest.mark.parametrize("name", ["../../evil", "/abs", ".hidden", "x" * 300, "a\\b", '"a\\u202eb"', '"a\\0b"'])
def test_a_plan_named_like_a_path_is_refused_at_its_line(name: str, tmp_path: Path) -> None:
    text = gp.new(tmp_path / "mine.yaml").read_text()
    line = next(i for i, x in enumerate(text.splitlines(), 1) if x.startswith("name:"))
    path = tmp_path / "evil.yaml"
    path.write_text("\n".join(f"name: {name}" if i == line else x for i, x in enumerate(text.splitlines(), 1)))
    with pytest.raises(PlanError, match="the name") as error:
        gp.run(path)
    assert [p.place.line for p in error.value.problems] == [line]


def test_a_foreign_stamp_does_not_steer_export(lab: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    kept = gp.save(lab, tmp_path / "kept")
    data = json.loads((kept / "result.json").read_text())
    data["stamp"]["plan"] = "../pwned"
    (kept / "result.json").write_text(json.dumps(data))
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert gp.export(kept, "csv", quantities=["cost_usd"]) == Path("pwned.csv")
    assert sorted(os.listdir(tmp_path)) == ["below", "kept"]


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="this is a folder"):
        write_text(tmp_path, "x", ANY)

    def half() -> None:
        with whole_file(tmp_path / "x", ANY) as work:
            work.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(MachineError, match="No space"):
        half()
    assert os.listdir(tmp_path) == []


def test_a_kill_while_writing_is_swept(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from gigaplan.vocabulary.files import Kind, whole_file\n"
        "with whole_file(Path(sys.argv[1]), Kind('x')) as work:\n"
        "    work.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], check=False)
    assert len(os.listdir(tmp_path)) == 1
    write_text(tmp_path / "y", "whole", ANY)
    assert os.listdir(tmp_path) == ["y"]


def test_a_temporary_folder_of_a_killed_run_is_swept(tmp_path: Path) -> None:
    code = (
        "import os, signal; from gigaplan.vocabulary.files import temporary_folder\n"
        "with temporary_folder() as work:\n"
        "    (work / 'x').write_text('half'); os.kill(os.getpid(), {})\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    for number, left in (("signal.SIGKILL", 1), ("0", 0)):
        subprocess.run([sys.executable, "-c", code.format(number)], env=environment, check=False)
        assert len(os.listdir(tmp_path)) == left


def test_nothing_of_the_package_lies_among_temporary_files_unlocked() -> None:
    package = Path(gp.__file__).parent
    loose = [p for p in package.rglob("*.py") if "tempfile.TemporaryDirectory(" in p.read_text()]
    assert [p.name for p in loose] == ["parquet.py"]  # inside the folder in which its file is made


@pytest.mark.parametrize("name", ["", ".", "../here"])
def test_the_current_folder_is_never_exchanged(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(PlanError, match="this is the current folder"):
        gp.save(gp.run("lab-1mw", {"horizon.end": "2026-04"}), Path(name))
    assert not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize("moment", ["_locked", "restore"])
def test_ctrl_c_while_a_workplace_is_made_or_removed_leaves_none(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = getattr(workplaces, moment)

    def interrupted(*args: Any) -> Any:
        found = usual(*args)
        signal.raise_signal(signal.SIGINT)
        return found

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(workplaces, moment, interrupted)
    try:
        with pytest.raises(KeyboardInterrupt), workplaces.workplace(tmp_path, "out"):
            assert moment == "restore"
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file opened and not yet held
def test_law_ctrl_c_at_any_line_of_the_writing_door_leaves_no_workplace(tmp_path: Path) -> None:
    """The n-th line is interrupted for every n, until all of them have been."""
    before, usual = signal.signal(signal.SIGINT, signal.default_int_handler), sys.gettrace()
    lines, at = 0, 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal lines
        if Path(frame.f_code.co_filename).parent.name != "files" and event == "call":
            return None
        lines += event != "return"  # where a trace, and no signal, would end a generator without its cleaning up
        if lines == at and event != "return":
            signal.raise_signal(signal.SIGINT)
        return trace

    try:
        while lines >= at:
            lines, at = 0, at + 1
            with contextlib.suppress(KeyboardInterrupt):
                sys.settrace(trace)
                write_text(tmp_path / "out.txt", "some text", ANY)
            sys.settrace(usual)
            assert {p.name for p in tmp_path.iterdir()} <= {"out.txt"}, f"line {at}"
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, f"line {at}"
    finally:
        sys.settrace(usual)
        signal.signal(signal.SIGINT, before)
    assert at > 100
    assert (tmp_path / "out.txt").read_text() == "some text"
