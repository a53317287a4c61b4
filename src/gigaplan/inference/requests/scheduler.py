"""What runs in each step of a continuous batch: preemption, chunked prefill and admission, first come first served.

Each step decodes all requests that run and prefills what is left of its token budget (chunked prefill: Agrawal et al.
2023). A request waits while sequences or memory are short, and the last one admitted is preempted when memory runs
out and recomputed later (Kwon et al. 2023).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class Limits:
    """What one replica can take at once."""

    max_sequences: int
    """Most requests that run at once."""
    max_batched_tokens: int
    """Most tokens of one step, decoded and prefilled."""
    kv_cache_tokens: float
    """Tokens whose keys and values fit in memory."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step works on."""

    decoding: int
    """Requests that generate a token."""
    context: float
    """Mean tokens in the cache of these requests [token]."""
    prefill: int
    """Input tokens that are prefilled [token]."""


@dataclass(slots=True)
class Scheduler:
    """The state of one replica's requests. Arrays have shape (request,) and count tokens."""

    input_tokens: Array
    """(request,) tokens of each prompt."""
    output_tokens: Array
    """(request,) tokens of each answer."""
    limits: Limits
    """Limits of the replica."""
    waiting: deque[int] = field(default_factory=deque)
    """Indices of the requests in the queue, the next to be admitted first."""
    running: list[int] = field(default_factory=list)
    """Indices of the requests that run, in order of admission."""
    to_prefill: Array = field(init=False)
    """(request,) tokens that are not in the cache yet."""
    in_cache: Array = field(init=False)
    """(request,) tokens in the cache."""
    made: Array = field(init=False)
    """(request,) output tokens generated so far."""
    cached_tokens: float = 0.0
    """Tokens in the cache of all requests together."""

    def __post_init__(self) -> None:
        self.to_prefill = self.input_tokens.astype(float).copy()
        self.in_cache = np.zeros(len(self.input_tokens))
        self.made = np.zeros(len(self.input_tokens))

    @property
    def idle(self) -> bool:
        """Whether no request waits or runs."""
        return not self.waiting and not self.running

    def plan_step(self) -> Step:
        """Preempt, prefill and admit requests for the next step.

        Returns
        -------
        Step
            What the step works on.
        """
        decoding = self._preempt([k for k in self.running if self.to_prefill[k] <= 0])
        prefill = self._prefill(float(max(self.limits.max_batched_tokens - len(decoding), 0)))
        context = float(self.in_cache[decoding].mean()) if decoding else 0.0
        return Step(len(decoding), context, int(prefill))

    def finish_step(self) -> tuple[list[int], list[int]]:
        """Give a token to every request whose input is in the cache, and release those that are complete.

        Returns
        -------
        tuple[list[int], list[int]]
            Indices of the requests that generated a token, and of those that are complete.
        """
        stepped = [k for k in self.running if self.to_prefill[k] <= 0]
        done = []
        for k in stepped:
            self.made[k] += 1
            self._cache(k, 1.0)
            if self.made[k] >= self.output_tokens[k]:
                self._cache(k, -self.in_cache[k])
                self.running.remove(k)
                done.append(k)
        return stepped, done

    def _preempt(self, decoding: list[int]) -> list[int]:
        """Send the last admitted back to wait while memory lacks room for a token of each; return who still decodes."""
        while decoding and self.cached_tokens + len(decoding) > self.limits.kv_cache_tokens and len(self.running) > 1:
            last = self.running.pop()
            decoding = [k for k in decoding if k != last]
            self.to_prefill[last] = self.input_tokens[last] + self.made[last]
            self._cache(last, -self.in_cache[last])
            self.waiting.appendleft(last)
        return decoding

    def _prefill(self, budget: float) -> float:
        """Prefill requests that run, then admit those that wait while there is room; return the tokens prefilled."""
        free = budget
        for k in [k for k in self.running if self.to_prefill[k] > 0]:
            free -= self._prefill_chunk(k, free)
        while self.waiting and free > 0 and self._has_room(self.waiting[0]):
            k = self.waiting.popleft()
            self.running.append(k)
            free -= self._prefill_chunk(k, free)
        return budget - free

    def _prefill_chunk(self, k: int, free: float) -> float:
        chunk = float(min(self.to_prefill[k], free))
        self.to_prefill[k] -= chunk
        self._cache(k, chunk)
        return chunk

    def _has_room(self, k: int) -> bool:
        """Return whether a sequence and memory are free for a request, with a token to come for each that runs."""
        needed = self.cached_tokens + self.to_prefill[k] + len(self.running)
        return len(self.running) < self.limits.max_sequences and bool(needed <= self.limits.kv_cache_tokens)

    def _cache(self, k: int, tokens: float) -> None:
        self.in_cache[k] += tokens
        self.cached_tokens += tokens
