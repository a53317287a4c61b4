"""Where the command starts: Ctrl-C is met from the first import on."""

from __future__ import annotations

import _thread
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType

INTERRUPTED = 130
MESSAGE = "gigaplan: interrupted; nothing half-written was left"


def main() -> NoReturn:
    """Run the command line; Ctrl-C before it stands, or after it is done, leaves without a traceback too."""
    try:
        sys.unraisablehook = _interrupt_again
        kept = signal.signal(signal.SIGINT, _leave) if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN else None
        from gigaplan.cli import main

        if kept is not None:
            signal.signal(signal.SIGINT, kept)
        main()
    except KeyboardInterrupt:
        print(MESSAGE, file=sys.stderr)
    sys.exit(INTERRUPTED)


def _leave(_: int, __: FrameType | None) -> None:
    """Leave at once: while the program is being imported nothing has been read or written yet."""
    os.write(2, f"{MESSAGE}\n".encode())
    os._exit(INTERRUPTED)


def _interrupt_again(ignored: UnraisableHookArgs) -> None:
    """Raise Ctrl-C once more where Python can't: in callbacks, as of its imports, it would print it and go on."""
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        _thread.interrupt_main()
    else:
        sys.__unraisablehook__(ignored)
