"""Where the command starts: Ctrl-C is met from the first import on, and ends it with one line and one exit code."""

from __future__ import annotations

import _thread
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType

INTERRUPTED = 130
SOON_S = 0.01
"""How long after a callback that can't raise Ctrl-C it is raised again."""
BETWEEN_COLLECTIONS = 50_000
"""Objects made between two searches for garbage: nearly all that a command makes lives until its end, so that Python's
own 700 spend a tenth of a run on finding none."""
MESSAGE = "gigaplan: interrupted; nothing half-written was left"


def main() -> NoReturn:
    """Run the command line; Ctrl-C before it stands, or after it is done, leaves without a traceback too."""
    # Matrices here are small: a second thread of linear algebra waits more than it works, and takes a processor.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Huge pages are zeroed whole: arrays of a run are touched once, and there are too many to keep them.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    # pydantic asks every package that is installed whether it is a plugin of pydantic's; gigaplan needs none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(BETWEEN_COLLECTIONS)
    try:
        sys.unraisablehook = _interrupt_again
        heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        if heard:
            signal.signal(signal.SIGINT, _leave)
        from gigaplan.cli import main
        from gigaplan.cli.interrupt import interrupt, interrupts

        if heard:
            signal.signal(signal.SIGINT, interrupt)
        with interrupts():
            main()
    except SystemExit as end:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to be stopped: the exit code stands
        if end.code != INTERRUPTED:
            raise
    except KeyboardInterrupt:
        print(MESSAGE, file=sys.stderr)
    _end()


def _leave(_: int, __: FrameType | None) -> None:
    """Leave at once: while the program is being imported nothing has been read or written yet."""
    os.write(2, f"{MESSAGE}\n".encode())
    os._exit(INTERRUPTED)


def _end() -> NoReturn:
    """End with the exit code of Ctrl-C; Python itself would end by a signal if an ``exec`` was interrupted."""
    gc.collect()  # what was interrupted between its beginning and its ``with`` cleans up when it is forgotten
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(INTERRUPTED)


def _interrupt_again(ignored: UnraisableHookArgs) -> None:
    """Raise Ctrl-C once more where Python can't: in callbacks, as of its imports, it would print it and go on."""
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        _thread.start_new_thread(_soon, ())  # here and now it would only meet Python in the same place
    else:
        sys.__unraisablehook__(ignored)


def _soon() -> None:
    time.sleep(SOON_S)
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # which ends a sleep or a wait too
    else:
        _thread.interrupt_main()
