"""What reaches the terminal: text without control characters of foreign names, in whatever encoding it has."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from typing import TYPE_CHECKING, Any

from gigaplan.vocabulary.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console


def prepare() -> None:
    """Let both streams write what their encoding lacks as a question mark or an escape, and never fail on it."""
    for stream, errors in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # replaced or closed by whoever started us
            stream.reconfigure(errors=errors)  # type: ignore[union-attr]


def line(text: object, *, stderr: bool = False) -> None:
    """Print a line; characters that would steer the terminal are written as escapes.

    Parameters
    ----------
    text : object
        What is printed.
    stderr : bool
        Whether it goes to stderr.
    """
    stream = sys.stderr if stderr else sys.stdout
    if stderr:
        with contextlib.suppress(OSError, ValueError):  # no one reads it: the exit code says it all
            print(visible(str(text)), file=stream)
    else:
        print(visible(str(text)), file=stream)


def terminal(*, stderr: bool = False) -> Console:
    """Return the terminal: it takes no text for markup, and writes no character of a name that would steer it.

    Parameters
    ----------
    stderr : bool
        Whether it draws on stderr.

    Returns
    -------
    Console
        A console of rich.
    """
    from rich.console import Console
    from rich.segment import Segment

    class Visible:
        """A renderable whose text is visible in full."""

        def __init__(self, renderable: Any) -> None:
            self.renderable = renderable

        def __rich_console__(self, console: Console, options: Any) -> Iterable[Segment]:
            for segment in console.render(self.renderable, options):
                yield segment if segment.control else Segment(visible(segment.text), segment.style)

    class Terminal(Console):
        """Leaves a closed pipe (``gigaplan run | head -1``) to the one place that sets exit codes."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    class Hook:
        """Shows whatever is printed in full."""

        def process_renderables(self, renderables: Sequence[Any]) -> list[Any]:
            return [Visible(r) for r in renderables]

    made = Terminal(highlight=False, markup=False, emoji=False, stderr=stderr)
    made.push_render_hook(Hook())  # type: ignore[arg-type]  # a protocol in all but name
    return made


def flush() -> None:
    """Write out what stdout still holds, so that a full disk or a closed pipe is met here."""
    if sys.stdout is not None:
        sys.stdout.flush()


def drop_stdout() -> None:
    """Send what is still to be printed nowhere, since it can't be written and Python would complain at the end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        sys.stdout = None


def details_file(error: BaseException) -> str:
    """Write the details of an internal error to a new file and return its path, or why there is none.

    Parameters
    ----------
    error : BaseException
        The error.

    Returns
    -------
    str
        The file, or a reason in brackets.
    """
    try:
        handle, path = tempfile.mkstemp(prefix="gigaplan-error-", suffix=".txt")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
    except OSError as reason:
        return f"(no file could be written: {reason.strerror})"
    return path
