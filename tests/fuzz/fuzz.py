"""Give gigaplan mutants of plans, options, overlays, tables and results; nothing but an answer or a refusal may come.

``python tests/fuzz/fuzz.py 100000`` (or ``make fuzz``) runs that many on two processes and prints the count by door and
exit code, and each fault with a folder that holds its files. The suite runs a few hundred.

A fault is an exception that leaves the command line, a traceback, an internal error, an answer that takes over a
minute, exit 1 without an answer, a refusal that says nothing, or a machine's limit that is none.
"""

from __future__ import annotations

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
from mutants import DOORS, SHARES, Mutant, clean

from gigaplan.cli import main as gigaplan

LONGEST_S = 60
MEMORY_BYTES = 8 * 2**30
ANSWERS_NO = ("check", "frontier", "catalog", "rerun")
"""Verbs whose answer may be no, which is exit 1."""
HORIZON_END = "2026-09"


class TooSlow(BaseException):
    """The command took longer than anyone waits."""


def _alarm(_: int, __: FrameType | None) -> None:
    raise TooSlow


def call(words: tuple[str, ...]) -> tuple[int, str, str]:
    """Return the exit code and what a command wrote to both streams; -1 if an exception left it."""
    out, err = io.StringIO(), io.StringIO()
    code: object = -1
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(LONGEST_S)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gigaplan(words)
    except SystemExit as end:
        code = end.code
    except BaseException:
        err.write(traceback.format_exc())
    finally:
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
    """Put a small sound result into ``folder/kept``."""
    code, _, err = call(("run", "lab-1mw", "--set", f"horizon.end={HORIZON_END}", "--out", str(folder / "kept")))
    assert code == 0, err


def fuzz(count: int, seed: int, faults: Path | None = None) -> tuple[Counter[tuple[str, int]], list[str]]:
    """Run mutants one after another.

    Parameters
    ----------
    count : int
        Mutants.
    seed : int
        Seed of the random source: the same seed gives the same mutants.
    faults : Path, optional
        Folder that keeps the files of each fault.

    Returns
    -------
    counts : Counter
        Mutants by door and exit code.
    found : list of str
        One text for each fault.
    """
    chance, counts, found = random.Random(seed), Counter[tuple[str, int]](), []
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small(folder)
        os.chdir(folder)
        try:
            for number in range(count):
                door = chance.choices(list(SHARES), list(SHARES.values()))[0]
                mutant = DOORS[door](folder, chance)
                mutant.prepare(folder)
                code, out, err = call(mutant.words)
                counts[door, code] += 1
                wrong = fault(mutant.words, code, out, err)
                if wrong:
                    found.append(f"{wrong}: gigaplan {shlex.join(mutant.words)}\n    {err.strip()[-700:]}")
                    _keep(mutant, faults, f"{seed}-{number}", found[-1])
                clean(folder, frozenset({"kept"}))
        finally:
            os.chdir(home)
    return counts, found


def _keep(mutant: Mutant, faults: Path | None, name: str, text: str) -> None:
    if faults is not None:
        (faults / name).mkdir(parents=True)
        mutant.prepare(faults / name)
        (faults / name / "fault.txt").write_text(text, "utf-8", "backslashreplace")


def _job(arguments: tuple[int, int, Path]) -> tuple[Counter[tuple[str, int]], list[str]]:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    return fuzz(*arguments)


def main(count: int, seed: int = 0, step: int = 500) -> int:
    """Run mutants on every core, print what was found, and return whether there was anything."""
    faults = Path(tempfile.mkdtemp(prefix="gigaplan-fuzz-"))
    jobs = [(min(step, count - k), seed + k // step, faults) for k in range(0, count, step)]
    counts, found, began = Counter[tuple[str, int]](), [], time.monotonic()
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for some, wrong in pool.imap_unordered(_job, jobs):
            counts += some
            found += wrong
            print(f"\r{counts.total():,} mutants, {len(found)} faults", end="", file=sys.stderr, flush=True)
    print(f"\n{'door':10}{'mutants':>10}{'answered':>10}{'no':>8}{'refused':>10}{'machine':>9}")
    for door in DOORS:
        by_code = [counts[door, code] for code in (0, 1, 2, 3)]
        print(f"{door:10}{sum(n for (d, _), n in counts.items() if d == door):>10,}", end="")
        print(f"{by_code[0]:>10,}{by_code[1]:>8,}{by_code[2]:>10,}{by_code[3]:>9,}")
    print(f"{counts.total():,} mutants in {time.monotonic() - began:.0f} s: {len(found)} faults; their files: {faults}")
    print(*found[:50], sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:])))
