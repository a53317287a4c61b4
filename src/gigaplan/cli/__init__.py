"""The terminal door. Verbs are thin: parse, call the function of the same name, print, set the exit code.

Exit codes: 0 done; 1 the answer is no, and nothing else (``check``, ``rerun``); 2 the plan or the usage is wrong; 3 the
machine or a bug stopped us; 130 Ctrl-C.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from cyclopts import CoercionError, CycloptsError

from gigaplan._version import __version__
from gigaplan.cli import (
    completion,
    facts,
    planner,
    plans,
    power_load,
    power_supply,
    power_swings,
    results,
    serve,
    serving,
    streams,
    studies,
    training,
    validation,
)
from gigaplan.cli.base import INTERRUPTED, STOPPED, WRONG, app, print_json
from gigaplan.cli.interrupt import interrupts

if TYPE_CHECKING:
    from gigaplan.vocabulary.errors import PlanError

LONGEST_REASON = 300
"""Characters of an internal error's text on the terminal."""

FILE_OPTIONS = ("-o", "--out", "--html", "--markdown", "--csv", "--years")
"""Options that take a file to write, or ``-`` for standard output."""

__all__ = [
    "__version__",
    "app",
    "completion",
    "facts",
    "main",
    "planner",
    "plans",
    "power_load",
    "power_supply",
    "power_swings",
    "results",
    "serve",
    "serving",
    "studies",
    "training",
    "validation",
]


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; no mistake and no bug shows a traceback."""
    given = list(sys.argv[1:] if tokens is None else tokens)
    streams.prepare()
    given, to_stdout = _stdout_named(given)

    def command() -> Any:
        from gigaplan.vocabulary.files import only_files_on_stdout

        with only_files_on_stdout() if to_stdout else contextlib.nullcontext():
            return _run(given)

    sys.exit(_guarded(command, as_json="--json" in given))


def _run(tokens: list[str]) -> Any:
    """Parse and run a command; a choice may be written in any case."""
    try:
        return app(tokens, exit_on_error=False, print_error=False)
    except CoercionError as error:  # of the words: no verb has begun
        from gigaplan.cli.usage import respelt

        others = respelt(tokens, error)
        if others == tokens:
            raise
    return _run(others)


def _stdout_named(tokens: list[str]) -> tuple[list[str], bool]:
    """Return the words of a command with ``-o -`` as one word, and whether a file goes to standard output."""
    found: list[str] = []
    for token in tokens:
        if token == "-" and found and found[-1] in FILE_OPTIONS:
            found[-1] = f"{'--out' if found[-1] == '-o' else found[-1]}=-"
        else:
            found.append(token)
    return found, any(f"{option}=-" in found for option in FILE_OPTIONS)


def _guarded(command: Callable[[], Any], *, as_json: bool) -> int:
    from gigaplan.vocabulary import files
    from gigaplan.vocabulary.errors import InputError, MachineError, PlanError
    from gigaplan.vocabulary.progress import Cancelled

    try:
        with interrupts(), files.command():
            code = int(command() or 0)
        streams.flush()
        return code
    except CycloptsError as error:
        from gigaplan.cli.usage import problem

        return _report(PlanError([problem(error)]), as_json=as_json)
    except PlanError as error:
        return _report(error, as_json=as_json)
    except InputError as error:
        from gigaplan.vocabulary.errors import Problem

        return _report(PlanError([Problem(str(f), value=f.value) for f in error.faults]), as_json=as_json)
    except BrokenPipeError:
        streams.drop_stdout()
        return 0
    except (KeyboardInterrupt, Cancelled):
        return _stopped("interrupted; nothing half-written was left", INTERRUPTED)
    except MemoryError:
        return _stopped("out of memory; shorten the horizon or take fewer members", STOPPED)
    except MachineError as error:
        return _stopped(str(error), STOPPED)
    except OSError as error:
        streams.drop_stdout()
        what, remedy = "the output can't be written", "make room, or write elsewhere"
        if error.filename:
            what, remedy = f"'{error.filename}' can't be read or written", "check its name, its folder and permissions"
        return _stopped(f"{what}: {error.strerror or error}; {remedy}", STOPPED)
    except Exception as error:
        return _internal(error)


def _stopped(message: str, code: int) -> int:
    streams.line(f"gigaplan: {message}", stderr=True)
    return code


def _internal(error: Exception) -> int:
    """Report a bug in gigaplan: one line, and the details in a file."""
    what = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
    return _stopped(
        f"an internal error (a bug in gigaplan): {type(error).__name__}: {what}; please report it with the plan and "
        f"with {streams.details_file(error)}",
        STOPPED,
    )


def _report(error: PlanError, *, as_json: bool) -> int:
    """Print every problem of a plan or of the usage, as JSON on stdout with ``--json``."""
    if as_json:
        print_json(error)
        return WRONG
    count = sum(p.severity == "error" for p in error.problems)
    for problem in error.problems:
        streams.line(problem, stderr=True)
    return _stopped(f"{count} {'problem' if count == 1 else 'problems'}; nothing was run or written", WRONG)
