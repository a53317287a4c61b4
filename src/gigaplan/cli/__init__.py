"""The terminal door. Verbs are thin: parse, call the function of the same name, print, set the exit code.

Exit codes: 0 done; 1 the answer is no (``check``); 2 the plan or the usage is wrong; 3 the machine stopped us;
130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from cyclopts import CycloptsError

from gigaplan._version import __version__
from gigaplan.cli import completion, facts, plans, results, serving, training, validation
from gigaplan.cli.base import INTERRUPTED, STOPPED, WRONG, app, print_json

if TYPE_CHECKING:
    from gigaplan.vocabulary.errors import PlanError

__all__ = ["__version__", "app", "completion", "facts", "main", "plans", "results", "serving", "training", "validation"]


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; a user's mistake never shows a traceback."""
    given = list(sys.argv[1:] if tokens is None else tokens)
    sys.exit(_guarded(lambda: app(given, exit_on_error=False, print_error=False), as_json="--json" in given))


def _guarded(command: Callable[[], Any], *, as_json: bool) -> int:
    from gigaplan.vocabulary.errors import InputError, LawError, MachineError, PlanError
    from gigaplan.vocabulary.progress import Cancelled

    try:
        return int(command() or 0)
    except CycloptsError as error:
        from gigaplan.cli.usage import problem

        return _report(PlanError([problem(error)]), as_json=as_json)
    except PlanError as error:
        return _report(error, as_json=as_json)
    except InputError as error:
        print(f"gigaplan: {error}", file=sys.stderr)
        return WRONG
    except MachineError as error:
        print(f"gigaplan: {error}", file=sys.stderr)
        return STOPPED
    except LawError as error:
        print(
            f"gigaplan: an internal error (a bug in gigaplan): {error}; please report it with the plan", file=sys.stderr
        )
        return STOPPED
    except BrokenPipeError:
        _close_stdout()
        return 0
    except MemoryError:
        print("gigaplan: out of memory; shorten the horizon or take fewer members", file=sys.stderr)
        return STOPPED
    except (KeyboardInterrupt, Cancelled):
        print("gigaplan: interrupted; nothing half-written was left", file=sys.stderr)
        return INTERRUPTED


def _close_stdout() -> None:
    """Send what is still to be printed nowhere: who read it has gone, and Python would complain at the end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = None


def _report(error: PlanError, *, as_json: bool) -> int:
    """Print every problem of a plan or of the usage, as JSON on stdout with ``--json``."""
    if as_json:
        print_json(error)
        return WRONG
    count = sum(p.severity == "error" for p in error.problems)
    for problem in error.problems:
        print(problem, file=sys.stderr)
    print(f"gigaplan: {count} {'problem' if count == 1 else 'problems'}; nothing was run or written", file=sys.stderr)
    return WRONG
