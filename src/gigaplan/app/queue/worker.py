"""A process that answers posted questions, one at a time: ``python -m gigaplan.app.queue.worker``.

It reads lines of JSON (``folder``, ``limits``) and writes lines of JSON: ``done`` and ``total`` on the way, then
``files`` or ``problems``. It ends when its input closes, so that none outlives its server, whatever ended that.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

from gigaplan.app.answers import problem_data
from gigaplan.app.verbs.call import REQUEST, carry_out
from gigaplan.app.verbs.kinds import kinds
from gigaplan.app.verbs.limits import Limits
from gigaplan.vocabulary.errors import GigaplanError, InputError, Place, PlanError, Problem

REMEDY = "post it again; where it happens again, report it with the plan"


def problems_of(error: BaseException) -> list[dict[str, Any]]:
    """Return what went wrong, in the terminal's words; of a bug no more than its kind."""
    if isinstance(error, PlanError):
        return [problem_data(p) for p in error.problems]
    if isinstance(error, InputError):
        return [problem_data(Problem(str(f), value=f.value)) for f in error.faults]
    if isinstance(error, GigaplanError):
        return [problem_data(Problem(str(error), Place("gigaplan")))]
    if isinstance(error, MemoryError):
        return [problem_data(Problem("out of memory", remedy="shorten the horizon or take fewer members"))]
    return [problem_data(Problem(f"an internal error (a bug in gigaplan): {type(error).__name__}", remedy=REMEDY))]


def answer(folder: Path, limits: Limits, out: TextIO) -> None:
    """Carry out the job in a folder, and say how far it is and how it ended.

    Parameters
    ----------
    folder : Path
        The job's folder, with its question.
    limits : Limits
        What it may take.
    out : file
        Where lines are written.
    """

    def say(**line: Any) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    def progress(done: int, total: int, step: str) -> None:
        say(done=done, total=total, step=step)

    try:
        posted = json.loads((folder / REQUEST).read_bytes())
        kind = kinds()[posted["verb"]]
        question = kind.body.model_validate(posted["question"])
        files = carry_out(kind, question, folder, limits, progress)
    except (Exception, MemoryError) as error:
        if not isinstance(error, GigaplanError):
            traceback.print_exc()
        say(problems=problems_of(error))
    else:
        say(files=files)


def main() -> None:
    """Answer the questions of standard input until it closes."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        given = json.loads(lines.get())
        answer(Path(given["folder"]), Limits(**given["limits"]), out)


if __name__ == "__main__":
    main()
