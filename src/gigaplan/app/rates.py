"""How often somebody may ask: so many questions a minute, of which some may come at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

MINUTE_S = 60.0
REMEMBERED = 10_000


class Rate:
    """A bucket of questions for each key, which fills again with time.

    Parameters
    ----------
    per_minute : float
        Questions a minute, and as many at once.
    """

    def __init__(self, per_minute: float) -> None:
        self.per_minute = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, key: str, *, take: float = 1.0) -> bool:
        """Return whether one more question is allowed, and count it.

        Parameters
        ----------
        key : str
            Whose question it is.
        take : float
            What it counts; 0 to look only.
        """
        now = time.monotonic()
        with self._lock:
            left, then = self._left.get(key, (self.per_minute, now))
            left = min(self.per_minute, left + (now - then) * self.per_minute / MINUTE_S)
            allowed = left >= max(take, 1.0)
            self._left[key] = (left - take if allowed else left, now)
            self._left.move_to_end(key)
            while len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
        return allowed
