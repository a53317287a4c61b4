"""Progress of whatever takes longer than a second, and how it is cancelled.

A caller gives a function of (steps done, steps in all, what comes next). It may draw a bar, or stop the work by
returning False or by raising; nothing half-written is left, since files are written whole at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from gigaplan.vocabulary.errors import GigaplanError

T = TypeVar("T")
Progress = Callable[[int, int, str], object]
"""Called with (steps done, steps in all, what comes next); False cancels."""


class Cancelled(GigaplanError):  # noqa: N818  the word that callers know from asyncio and concurrent.futures
    """The caller's progress function stopped the work; nothing half-written is left (exit 130)."""


def report(progress: Progress | None, done: int, total: int, what: str = "") -> None:
    """Tell a progress function how far the work is.

    Raises
    ------
    Cancelled
        If it returns False.
    """
    if progress is not None and progress(done, total, what) is False:
        raise Cancelled(f"cancelled before step {done + 1} of {total}" + (f", {what}" if what else ""))


def staged(progress: Progress | None, total: int) -> Callable[[str], None]:
    """Return a function that reports the next of ``total`` named stages each time that it is called."""
    done = 0

    def begin(what: str) -> None:
        nonlocal done
        report(progress, done, total, what)
        done += 1

    return begin


def tracked(items: Iterable[T], progress: Progress | None, what: Callable[[T], str] = str) -> Iterator[T]:
    """Give the items one by one and report each before it is worked on."""
    given = items if isinstance(items, Sized) else list(items)
    total = len(given)
    for done, item in enumerate(given):
        report(progress, done, total, what(item))
        yield item
    report(progress, total, total)


def share_of(progress: Progress | None, begin: int, end: int, total: int) -> Progress | None:
    """Return a progress function for a piece of work that goes from step ``begin`` to step ``end`` of ``total``."""
    if progress is None:
        return None
    return lambda done, steps, what: progress(begin + (end - begin) * done // max(steps, 1), total, what)
