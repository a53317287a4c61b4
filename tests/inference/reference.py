"""A replica stepped token by token, as plainly as it can be written: the reference for the compiled one.

It shares nothing with it but the grids of step times, which it reads by lines of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from gigaplan.inference.requests.limits import Limits


def cell(place: float, points: int) -> tuple[int, float]:
    column = min(int(place), points - 2)
    return column, place - column


def step_s(grid: Any, batch: int, context: float, prompt: int, pairs: float) -> float:
    """Time of one step: ``batch`` requests of a mean context decode, and ``prompt`` tokens are read."""
    time, b, v = 0.0, int(grid.low[batch]), float(grid.above[batch])
    if batch:
        column, w = cell(context / grid.context_step, grid.decode.shape[1])
        low, high = ((1 - w) * grid.decode[i, column] + w * grid.decode[i, column + 1] for i in (b, b + 1))
        time = (1 - v) * low + v * high
    if prompt:
        column, w = cell(prompt / grid.prompt_step, grid.added.shape[1])
        more = pairs - prompt * prompt / 2 / grid.groups
        low, high = (
            (1 - w) * grid.added[i, column]
            + w * grid.added[i, column + 1]
            + more * ((1 - w) * grid.pair[i, column] + w * grid.pair[i, column + 1])
            for i in ((b + 1, b + 2) if batch else (0, 0))
        )
        time += max((1 - v) * low + v * high if batch else low, 0.0)
    return float(time)


@dataclass(eq=False)
class One:
    """A request and where it is."""

    number: int
    arrival: float
    input: int
    output: int
    rank: int = 0
    made: float = 0.0
    cached: float = 0.0
    """Tokens in the cache."""
    target: int = 0
    """Tokens that are read before it decodes."""
    blocks: int = 0
    first: float = math.nan
    last: float = math.nan
    came: int = 0
    """Steps that had decoded when it came."""


@dataclass
class Stepper:
    """One replica, step by step, without a prefix cache."""

    grid: Any
    limits: Limits
    now: float = 0.0
    waiting: list[One] = field(default_factory=list)
    running: list[One] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    preempted: int = 0
    step_times: list[float] = field(default_factory=list)
    decoded: int = 0
    """Steps that decoded."""
    read_at: int = 0
    """Steps that had decoded when one last read."""

    def __post_init__(self) -> None:
        rules = self.limits.rules()
        self.growth, self.steps_of_block, self.blocks = rules.growth, rules.block_steps, rules.blocks
        self.reserve = rules.reserve

    def run(self, coming: list[One]) -> None:
        coming = sorted(coming, key=lambda q: q.arrival)
        while coming or self.waiting or self.running:
            while coming and coming[0].arrival <= self.now:
                self.come(coming.pop(0))
            if not self.waiting and not self.running:
                if coming:
                    self.now = coming[0].arrival
                continue
            self.step()

    def come(self, q: One) -> None:
        if (
            q.input + q.output > self.limits.longest_tokens
            or self.needed(q.input + q.output - 1, self.growth > 1) > self.blocks
        ):
            self.refused.append(q.number)
        else:
            q.came = self.decoded
            self.waiting.append(q)

    def needed(self, tokens: float, more: int = 0) -> int:
        """Blocks of some tokens and a few more steps, where a step fills a whole part of one."""
        return math.ceil((math.ceil(tokens / self.growth - 1e-9) + more) / self.steps_of_block)

    @property
    def free(self) -> int:
        return self.blocks - sum(q.blocks for q in self.running)

    def grows(self, q: One) -> bool:
        """Whether a request that decodes needs a block for its next token."""
        return self.needed(q.cached + self.growth) > q.blocks

    def gathers(self) -> bool:
        """Whether prompts wait for others to be read with."""
        if not self.waiting or any(q.cached < q.target for q in self.running) or not self.running:
            return False
        q = min(enumerate(self.waiting), key=lambda iq: (iq[1].rank, iq[0]))[1]
        fit = (self.free - self.reserve) // max(self.needed(q.input + int(q.made)), 1)
        many = min(len(self.waiting), self.limits.max_sequences - len(self.running), fit) >= self.limits.gather_prompts
        heads = {q.rank: q for q in reversed(self.waiting)}.values()
        since = max(min(q.came for q in heads), self.read_at)
        return self.limits.gather_prompts > 1 and not many and self.decoded - since < self.limits.gather_steps

    def step(self) -> None:
        decoding = [q for q in self.running if q.cached >= q.target]
        lost = False
        while sum(self.grows(q) for q in decoding) > self.free:
            worst = max(enumerate(self.running), key=lambda iq: (iq[1].rank, iq[0]))[1]
            self.running.remove(worst)
            decoding = [q for q in decoding if q is not worst]
            worst.blocks, worst.cached = 0, 0.0
            worst.made = int(worst.made)
            self.waiting.insert(0, worst)
            self.preempted += 1
            lost = True
        for q in decoding:
            q.blocks += self.grows(q)
        left, chunks = self.limits.max_batched_tokens - len(decoding), []
        for q in [q for q in self.running if q not in decoding]:
            chunks.append((q, min(q.target - q.cached, left)))
            left -= chunks[-1][1]
        gathers = self.gathers() or lost
        while left > 0 and not gathers and self.waiting and len(self.running) < self.limits.max_sequences:
            q = min(enumerate(self.waiting), key=lambda iq: (iq[1].rank, iq[0]))[1]
            prompt = q.input + int(q.made)
            if self.needed(prompt) > self.free - (self.reserve if self.running else 0):
                break
            self.waiting.remove(q)
            self.running.append(q)
            q.blocks, q.target = self.needed(prompt), prompt
            chunks.append((q, min(prompt, left)))
            left -= chunks[-1][1]
        prompt = int(sum(n for _, n in chunks))
        self.read_at = self.decoded if chunks else self.read_at
        pairs = sum(n * (q.cached + n / 2) for q, n in chunks)
        context = sum(q.cached + self.growth for q in decoding) / len(decoding) if decoding else 0.0
        took = step_s(self.grid, len(decoding), context, prompt, pairs)
        self.now += took
        self.step_times.append(took)
        self.decoded += bool(decoding)
        for q in decoding:
            q.cached += self.growth
            q.made += self.growth
        for q, n in chunks:
            q.cached += n
            if q.cached >= q.target:
                q.made += 1
                if math.isnan(q.first):
                    q.first = self.now
        for q in [q for q in self.running if q.cached >= q.target and q.made >= q.output - 1e-9]:
            q.last = self.now
            self.running.remove(q)
