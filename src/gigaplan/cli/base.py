"""What all families of verbs share: the application, options, exit codes and how an answer is printed."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter

from gigaplan._version import __version__
from gigaplan.cli import streams

if TYPE_CHECKING:
    from cyclopts import Token

    from gigaplan.vocabulary.progress import Progress

NO, WRONG, STOPPED, INTERRUPTED = 1, 2, 3, 130

app = App(
    name="gigaplan",
    help="From the megawatt to the token to the dollar: plan AI infrastructure with sourced numbers.",
    help_epilogue="Example: gigaplan run announced-2025-09",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

PLAN = Group("Plan", sort_key=7)
OUTPUT = Group("Output", sort_key=8)


def as_named_file(_: Any, tokens: Sequence[Token]) -> Path:
    """Return the path of a file to write, as it is written: a path itself forgets that it ended with a slash."""
    from gigaplan.vocabulary.files import named_file

    return named_file(tokens[-1].value)


Json = Annotated[
    bool, Parameter(name="--json", negative="", show_default=False, group=OUTPUT, help="Print JSON on stdout.")
]
AllRows = Annotated[
    bool, Parameter(negative="", show_default=False, group=OUTPUT, help="Show every row, not only the largest errors.")
]

Html = Annotated[
    Path | None,
    Parameter(group=OUTPUT, converter=as_named_file, help="File for a page with charts that needs no network."),
]
Markdown = Annotated[
    Path | None,
    Parameter(group=OUTPUT, converter=as_named_file, help="Also write the tables to this file, for documents."),
]
Out = Annotated[Path, Parameter(name=["--out", "-o"], group=OUTPUT, converter=as_named_file)]
FileOrNone = Annotated[Path | None, Parameter(name=["--out", "-o"], group=OUTPUT, converter=as_named_file)]
OutOrNone = Annotated[Path | None, Parameter(name=["--out", "-o"], group=OUTPUT)]
Force = Annotated[
    bool,
    Parameter(
        negative="",
        show_default=False,
        group=OUTPUT,
        help="Write the overlay even where, on rows left out, it is no better than what ships or off by over half.",
    ),
]
Set = Annotated[
    list[str] | None,
    Parameter(name="--set", negative="", group=PLAN, help="Change one value of the plan: path=value. May be repeated."),
]
With = Annotated[
    list[str] | None,
    Parameter(
        name="--with", negative="", group=PLAN, help="Apply an overlay (a YAML file). May be repeated, in order."
    ),
]


def verb(parent: App, name: str, example: str) -> Callable[[Any], Any]:
    """Return a decorator that adds a verb whose help ends with an example."""

    def register(function: Any) -> Any:
        parent.command(function, name=name, help_epilogue=f"Example: gigaplan {example}")
        if hasattr(function, "registered"):
            function.registered = True
        return function

    return register


def warn(answer: Any) -> None:
    """Print the warnings of an answer that has some, alongside it."""
    for warning in getattr(answer, "warnings", ()):
        streams.line(warning, stderr=True)


def print_json(answer: object, saved_in: Path | None = None) -> int:
    """Print an answer's JSON form; a result or calibration says where it was saved."""
    from gigaplan.api.json_form import to_json

    print(json.dumps(to_json(answer, saved_in), indent=1, allow_nan=False))
    return 0


def show(renderable: Any) -> int:
    """Print what the report draws for the terminal."""
    streams.terminal().print(renderable)
    return 0


@contextlib.contextmanager
def progress(what: str) -> Iterator[Progress | None]:
    """Give a progress function that draws a bar on stderr; None if that is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():  # None where it was closed
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # Drawn when something is reported, not by a thread of its own, among which no process is forked.
    with Progress(*columns, console=streams.terminal(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task(what, total=None)

        def drawn(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=f"{what} {name}".strip(), refresh=True)

        yield drawn
