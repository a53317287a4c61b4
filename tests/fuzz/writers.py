"""Let several processes write into one folder, or one file, at the same time: at the end one of them is there, whole.

``python tests/fuzz/writers.py 8`` (``make fuzz``) does it with eight, then with each as process 1 of a PID namespace of
its own, as containers on one disk are. The suite does a short version.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from kills import Files, contents

import gigaplan as gp
from gigaplan.cli import main as gigaplan

OWN_PIDS = ("unshare", "--fork", "--pid", "--mount-proc")
RUN = (
    "run",
    "lab-1mw",
    "--set",
    "horizon.end=2026-{n:02}",
    "--set",
    "uncertainty.seed={n}",
    "--set",
    "uncertainty.members=12",
)
FIRST = 5
"""The first writer's number; the others follow, and each writes something else."""
VERBS: dict[str, tuple[str, ...]] = {
    "run": (*RUN, "--out", "same"),
    "export": ("export", "../kept{n}", "--to", "csv", "--out", "same.csv"),
    "export by the plan's name": ("export", "../kept{n}", "--to", "csv"),
    "new": ("new", "same.yaml", "--force", "--power", "{n} MW"),
    "new in one folder": ("new", "same/plan{n}.yaml", "--force", "--power", "{n} MW"),
}
APART = ("new in one folder",)
"""Verbs whose writers write files of their own, in one folder that is not there before."""


def words(verb: str, number: int) -> tuple[str, ...]:
    """Return the words of the writer of a number."""
    return _numbered(VERBS[verb], number)


def _numbered(texts: Sequence[str], number: int) -> tuple[str, ...]:
    return tuple(word.replace("{n:02}", f"{number:02}").replace("{n}", str(number)) for word in texts)


def may_have_own_pids() -> bool:
    """Return whether this machine lets a process have a PID namespace of its own."""
    try:
        return subprocess.run([*OWN_PIDS, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def leave(args: Sequence[str]) -> int:
    """Run a verb in this process; return its exit code."""
    try:
        gigaplan(args)
    except SystemExit as end:
        code = end.code
    return int(code or 0)


def child(go: Path, rounds: int, args: Sequence[str]) -> int:
    """Run a verb some times from the moment at which the file ``go`` appears."""
    tempfile.mkstemp(dir=go.parent)  # this one is ready; process numbers may be equal
    while not go.exists():
        time.sleep(0.001)
    return max(leave(args) for _ in range(rounds))


def wrong(
    verb: str, writers: int, rounds: int, base: Path, *, own_pids: bool = False, forked_from_one: bool = False
) -> list[str]:
    """Let processes write at the same time; return what is wrong at the end.

    Parameters
    ----------
    verb : str
        Of :data:`VERBS`.
    writers, rounds : int
        How many processes, and how often each writes.
    base : Path
        An empty folder.
    own_pids : bool
        Whether each process is number 1 in a namespace of its own.
    forked_from_one : bool
        Whether they are forked from one process that has imported gigaplan, which is faster.
    """
    numbers = range(FIRST, FIRST + writers)
    ready, together = base / "ready", base / "together"
    for folder in (ready, together):
        folder.mkdir()
    whole: list[Files] = []
    for n in numbers:
        alone = base / f"alone{n}"
        alone.mkdir()
        if verb.startswith("export"):
            here((*_numbered(RUN, n), "--out", f"kept{n}"), base)
        here(words(verb, n), alone)
        whole.append(contents(alone))
    begin = forked if forked_from_one else _fresh(own_pids)
    jobs = [begin(ready / "go", rounds, words(verb, n), together) for n in numbers]
    while len(list(ready.iterdir())) < writers and all(job.runs() for job in jobs):
        time.sleep(0.01)
    (ready / "go").touch()
    found = [f"{verb}: {said}" for job in jobs if (said := job.fault())]
    there = contents(together)
    if verb in APART:
        whole = [{path: data for files in whole for path, data in files.items()}]
    if there not in whole:
        found.append(f"{verb}: {sorted(there)} is not what one of the writers writes, or all of them")
    known = {Path(path).parts[0] for files in whole for path in files}
    found += [f"{verb}: {p.name} is left" for p in together.iterdir() if p.name not in known]
    if verb == "run":
        gp.load(together / "same")
    return found


def here(args: Sequence[str], folder: Path) -> None:
    """Run a verb in this process, in a folder."""
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        assert leave(args) == 0, (args, said.getvalue())


@dataclass(frozen=True)
class Job:
    """A writer at work: whether it still runs, and how it ended, "" where all went well."""

    runs: Callable[[], bool]
    fault: Callable[[], str]


def _fresh(own_pids: bool) -> Callable[[Path, int, Sequence[str], Path], Job]:
    """Return what starts writers as new processes, as people do."""

    def begin(go: Path, rounds: int, args: Sequence[str], folder: Path) -> Job:
        head = [*(OWN_PIDS if own_pids else ()), sys.executable, str(Path(__file__).resolve()), "--child"]
        command = [*head, str(go), str(rounds), *args]
        job = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

        def fault() -> str:
            _, said = job.communicate()
            return f"exit {job.returncode}: {said.decode()[-500:]}" if job.returncode else ""

        return Job(lambda: job.poll() is None, fault)

    return begin


def forked(go: Path, rounds: int, args: Sequence[str], folder: Path) -> Job:
    """Start a writer from a server process that has imported gigaplan already, for the suite's short version."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gigaplan.cli", "gigaplan.api", "gigaplan.plan.starter", "gigaplan.results.export"])
    job = context.Process(target=_forked_child, args=(go, rounds, tuple(args), folder))
    job.start()

    def fault() -> str:
        job.join()
        return f"exit {job.exitcode}" if job.exitcode else ""

    return Job(job.is_alive, fault)


def _forked_child(go: Path, rounds: int, args: Sequence[str], folder: Path) -> None:
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        sys.exit(child(go, rounds, args))


def main(writers: int, rounds: int = 5) -> int:
    """Let processes write by every verb; print what was found."""
    ways = [False, True] if may_have_own_pids() else [False]
    faults = 0
    for own_pids in ways:
        for verb in VERBS:
            with tempfile.TemporaryDirectory() as base:
                found = wrong(verb, writers, rounds, Path(base), own_pids=own_pids)
            how = "each as process 1 of its own namespace" if own_pids else "in one namespace"
            print(
                f"{verb:28}{writers} writers, {rounds} times, {how}: {len(found)} faults", *found, sep="\n", flush=True
            )
            faults += len(found)
    if len(ways) == 1:
        print("PID namespaces are not permitted here, so that writers were not process 1 each")
    return bool(faults)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        sys.exit(child(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
    sys.exit(main(*(int(word) for word in sys.argv[1:] or ["8"])))
