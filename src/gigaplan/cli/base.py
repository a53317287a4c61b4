"""What all families of verbs share: the application, options, exit codes and how an answer is printed."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from gigaplan._version import __version__

if TYPE_CHECKING:
    from gigaplan.results.result import Result

NO, WRONG, STOPPED, INTERRUPTED = 1, 2, 3, 130

app = App(
    name="gigaplan",
    help="From the megawatt to the token to the dollar: plan AI infrastructure with sourced numbers.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON on stdout.")]
Set = Annotated[
    list[str] | None,
    Parameter(name="--set", negative="", help="Change one value of the plan: path=value. May be repeated."),
]
With = Annotated[
    list[str] | None,
    Parameter(name="--with", negative="", help="Lay an overlay (a YAML file) on the plan. May be repeated, in order."),
]


def warn(result: Result) -> None:
    """Print a result's warnings beside the answer."""
    for warning in result.warnings:
        print(warning, file=sys.stderr)


def print_json(data: Any) -> int:
    """Print JSON; a number that doesn't exist (NaN) is null."""
    print(json.dumps(_finite(data), indent=1, default=str))
    return 0


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _finite(v) for k, v in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(v) for v in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def show(renderable: Any) -> int:
    """Print what the report draws for the terminal."""
    console().print(renderable)
    return 0


def console(*, stderr: bool = False) -> Any:
    """Return the terminal."""
    from rich.console import Console

    return Console(highlight=False, stderr=stderr)


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Give a function of (step, steps, name) that draws a bar on stderr, if that is a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)

        def told(step: int, steps: int, name: str) -> None:
            bar.update(task, completed=step, total=steps, description=f"{what} {name}".strip())

        yield told
