"""Ctrl-C while a verb runs: remembered, so that it stays Ctrl-C whatever a library makes of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType


@dataclass
class State:
    """What has happened since the command began."""

    seen: bool = False
    """Whether Ctrl-C has come."""


state = State()


def interrupt(_: int, __: FrameType | None) -> None:
    """Meet Ctrl-C."""
    state.seen = True
    raise KeyboardInterrupt


@contextlib.contextmanager
def interrupts() -> Iterator[None]:
    """Raise Ctrl-C again where Python or a library has made another error of it, as DuckDB and class bodies do."""
    try:
        yield
    except Exception:
        if state.seen:
            raise KeyboardInterrupt from None
        raise
