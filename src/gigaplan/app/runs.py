"""Results that are kept while the page is open: what was computed once is given at once."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from typing import Generic, TypeVar

from gigaplan.api.plans import run_sources
from gigaplan.app.requests import PlanState
from gigaplan.app.sources import key_of, sources_of
from gigaplan.results.result import Result
from gigaplan.vocabulary.files import texts_only
from gigaplan.vocabulary.progress import Cancelled, Progress

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
COLLECT_AFTER = (20_000, 20, 100)
"""Objects after which the youngest are collected, and of these collections each of how many takes in older ones."""
KEPT = 24
"""Results that are kept: as many as a person goes back."""


class Kept(Generic[K, V]):
    """The last values that were computed, by key."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, made if it isn't there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        made = make()
        self.put(key, made)
        return made

    def find(self, key: K) -> V | None:
        """Return the value of a key, None if it isn't there."""
        with self._lock:
            return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value, and forget the oldest where there are too many."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.most:
                self._values.popitem(last=False)


_results: Kept[tuple[str, bool], Result] = Kept(KEPT)
_one_at_a_time = threading.Lock()


@cache
def settle() -> None:
    """Leave what the first run has loaded out of the collections of garbage, and collect more seldom: each walk through
    the catalog and the kept results takes as long as half a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def result_of(state: PlanState, members: int, progress: Progress | None = None, *, claims: bool = False) -> Result:
    """Return a plan's result, kept or computed; one at a time, since more would only take turns.

    Parameters
    ----------
    state : PlanState
        The plan.
    members : int
        Futures.
    progress : callable, optional
        Called with (stages done, stages, the next one); False cancels.
    claims : bool
        Whether its claims are judged.

    Raises
    ------
    PlanError
        With every problem of the plan; a file that it names is one.
    Cancelled
        If ``progress`` returns False.
    """
    with texts_only():
        sources = sources_of(state, members)
        key = (key_of(sources), claims)

        def make() -> Result:
            with _one_at_a_time:
                if (made := _results.find(key)) is not None:  # by who asked the same and was first
                    return made
                if progress is not None and not progress(0, 1, "plan"):
                    raise Cancelled("a newer question came")
                found = run_sources(sources, progress, claims=claims)
                settle()
                _results.put(key, found)
                return found

        return _results.get(key, make)
