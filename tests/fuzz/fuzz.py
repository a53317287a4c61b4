"""Give gigaplan mutants of plans, options, overlays, tables and results; nothing but an answer or a refusal may come.

``python tests/fuzz/fuzz.py 100000`` (or ``make fuzz``) runs that many on two processes and prints the count by door and
exit code, and each fault with a folder that holds its files. The suite runs a few hundred.

A fault is an exception that leaves the command line, a traceback, an internal error, an answer that takes over a
minute, exit 1 without an answer, a refusal that says nothing, or a machine's limit that is none.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import random
import resource
import shlex
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parent))
import foreign
import workbooks
from doors import DOORS, SHARES
from mutants import Mutant, clean

from gigaplan.cli import main as gigaplan
from gigaplan.plan import schema

LONGEST_S, LONGEST_WAIT_S = 60, 900
"""Processor time that an answer may take, and time by the clock, which is long where others use the machine."""
KEPT = frozenset({"kept", "rates.json", workbooks.KEPT})
"""What stays in the working folder from one mutant to the next."""
MEMORY_BYTES = 8 * 2**30
MEMBERS = (12, *(2,) * 7)
"""Members of plans that don't state how many, in turn: now and then enough for ranges, and a mutant takes less than a
tenth of a second."""
ANSWERS_NO = ("check", "frontier", "catalog", "rerun")
"""Verbs whose answer may be no, which is exit 1."""


Found = tuple[Counter[tuple[str, int]], list[str]]
"""Mutants by door and exit code, and one text for each fault."""


class TooSlow(BaseException):
    """The command took longer than anyone waits."""


def _alarm(_: int, __: FrameType | None) -> None:
    raise TooSlow


def call(words: tuple[str, ...]) -> tuple[int, str, str]:
    """Return the exit code and what a command wrote to both streams; -1 if an exception left it."""
    out, err = io.StringIO(), io.StringIO()
    code: object = -1
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGPROF, _alarm)
    signal.alarm(LONGEST_WAIT_S)
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (foreign.ask if words[0] in foreign.PYTHON else gigaplan)(words)
    except SystemExit as end:
        code = end.code
    except BaseException:
        err.write(traceback.format_exc())
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    return code if isinstance(code, int) else -1, out.getvalue(), err.getvalue()


def fault(words: tuple[str, ...], code: int, out: str, err: str) -> str:
    """Return what is wrong with an outcome, or nothing."""
    if code not in (0, 1, 2, 3):
        return f"exit {code}"
    if "Traceback (most recent call last)" in out + err:
        return "a traceback"
    if "internal error" in err:
        return "an internal error"
    if code == 1 and (words[0] not in ANSWERS_NO or not out.strip()):
        return "exit 1 without an answer"
    if code in (2, 3) and not (out + err).strip():
        return "a refusal that says nothing"
    if code == 3 and "out of memory" not in err and "memory" not in err and "File name too long" not in err:
        return "the machine is blamed"
    if any(ord(c) < 32 and c not in "\n\t\r" for c in err) or "\u202e" in err:
        return "control characters reach the terminal"
    return ""


def small(folder: Path) -> None:
    """Put a small sound result into ``folder/kept``, the rates that it has searched into ``folder/rates.json``, and a
    workbook of it next to them."""
    with (
        contextlib.suppress(SystemExit),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        foreign.run_with(folder / "rates", str(folder / "kept"))
    call(("export", str(folder / "kept"), "--to", "xlsx", "--out", str(folder / workbooks.KEPT)))
    (rates,) = (folder / "rates").iterdir()
    rates.rename(folder / "rates.json")


def fuzz(
    count: int, seed: int, faults: Path | None = None, doors: tuple[str, ...] = (), members: tuple[int, ...] = ()
) -> Found:
    """Run mutants one after another.

    Parameters
    ----------
    count : int
        Mutants.
    seed : int
        Seed of the random source: the same seed gives the same mutants.
    faults : Path, optional
        Folder that keeps the files of each fault.
    doors : tuple of str
        Doors, by name; all by their shares if there are none.
    members : tuple of int, optional
        Members of plans that don't state how many, in turn; else as many as they have by themselves.

    Returns
    -------
    counts : Counter
        Mutants by door and exit code.
    found : list of str
        One text for each fault.
    """
    chance, counts, found = random.Random(seed), Counter[tuple[str, int]](), []
    home, weights = os.getcwd(), {d: SHARES[d] for d in doors or SHARES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small(folder)
        os.chdir(folder)
        try:
            for number in range(count):
                if members:
                    schema.MEMBERS = members[number % len(members)]
                door = chance.choices(list(weights), list(weights.values()))[0]
                mutant = DOORS[door](folder, chance)
                mutant.prepare(folder)
                code, out, err = call(mutant.words)
                counts[door, code] += 1
                wrong = fault(mutant.words, code, out, err)
                if wrong:
                    found.append(f"{wrong}: gigaplan {shlex.join(mutant.words)}\n    {err.strip()[-700:]}")
                    _keep(mutant, faults, f"{seed}-{number}", found[-1])
                clean(folder, KEPT)
        finally:
            os.chdir(home)
    return counts, found


def _keep(mutant: Mutant, faults: Path | None, name: str, text: str) -> None:
    if faults is not None:
        (faults / name).mkdir(parents=True)
        mutant.prepare(faults / name)
        (faults / name / "fault.txt").write_text(text, "utf-8", "backslashreplace")


def _job(arguments: tuple[int, int, Path, tuple[str, ...]]) -> Found:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    return fuzz(*arguments, members=MEMBERS)


def main(count: int, seed: int, processes: int, doors: tuple[str, ...], step: int = 250) -> int:
    """Run mutants on several processes, print what was found, and return whether there was anything."""
    faults = Path(tempfile.mkdtemp(prefix="gigaplan-fuzz-"))
    jobs = [(min(step, count - k), seed + k // step, faults, doors) for k in range(0, count, step)]
    counts, found, began = Counter[tuple[str, int]](), [], time.monotonic()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for some, wrong in pool.imap_unordered(_job, jobs):
            counts += some
            found += wrong
            print(*wrong, sep="\n", end="\n" if wrong else "", flush=True)
            print(f"\r{counts.total():,} mutants, {len(found)} faults", end="", file=sys.stderr, flush=True)
    print(f"\n{'door':10}{'mutants':>10}{'answered':>10}{'no':>8}{'refused':>10}{'machine':>9}")
    for door in doors or DOORS:
        by_code = [counts[door, code] for code in (0, 1, 2, 3)]
        print(f"{door:10}{sum(n for (d, _), n in counts.items() if d == door):>10,}", end="")
        print(f"{by_code[0]:>10,}{by_code[1]:>8,}{by_code[2]:>10,}{by_code[3]:>9,}")
    print(f"{counts.total():,} mutants in {time.monotonic() - began:.0f} s: {len(found)} faults; their files: {faults}")
    return bool(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, help="mutants")
    parser.add_argument("--doors", default=",".join(DOORS), help="only these, as --doors=plan,--set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    sys.exit(main(given.count, given.seed, given.processes, tuple(given.doors.split(","))))
