"""Where the command starts: Ctrl-C is met from the first import on."""

from __future__ import annotations

import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line; Ctrl-C before it stands, or after it is done, leaves without a traceback too."""
    try:
        from gigaplan.cli import main

        main()
    except KeyboardInterrupt:
        print("gigaplan: interrupted; nothing half-written was left", file=sys.stderr)
    sys.exit(INTERRUPTED)
