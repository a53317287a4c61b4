"""Times of steps: one that also reads, and many that only decode, whose time is a polynomial of their number."""

from __future__ import annotations

from typing import Any

import numpy as np

from gigaplan.compute.compiled import lean_part
from gigaplan.inference.requests.heap import SLOT_BITS
from gigaplan.inference.requests.prefixes import evict
from gigaplan.inference.requests.records import NONE


@lean_part
def _line(grid: Any, batch: int, column: int) -> tuple[float, float]:
    """Return a decode step's time at a context of zero and its slope, on one cell of the grid [s, s/token]."""
    b, v = grid.low[batch], grid.above[batch]
    low = (1 - v) * grid.decode[b, column] + v * grid.decode[b + 1, column]
    high = (1 - v) * grid.decode[b, column + 1] + v * grid.decode[b + 1, column + 1]
    slope = (high - low) / grid.context_step
    return low - slope * (column * grid.context_step), slope


@lean_part
def decode_s(rep: Any, rules: Any, grid: Any) -> float:
    """Return the time of one decode step of all that decode.

    Parameters
    ----------
    rep : Replica
        The replica.
    rules : Rules
        Its limits.
    grid : StepGrid
        Step times.

    Returns
    -------
    float
        Time, 0 where none decodes [s].
    """
    if rep.decoding == 0:
        return 0.0
    context = rep.tokens / rep.decoding + rules.growth
    level, slope = _line(grid, rep.decoding, _cell(context / grid.context_step, grid.decode.shape[1]))
    time: float = level + slope * context
    return time


@lean_part
def _cell(place: float, points: int) -> int:
    """Return the grid point below a place."""
    return min(max(int(place), 0), points - 2)


@lean_part
def reading_s(grid: Any, batch: int, tokens: int, pairs: float, prompts: int) -> float:
    """Return the time by which reading lengthens a step.

    Parameters
    ----------
    grid : StepGrid
        Step times.
    batch : int
        Requests that decode.
    tokens : int
        Prompt tokens that are read [token].
    pairs : float
        Pairs of tokens that attention over them takes.
    prompts : int
        Prompts that they are of.

    Returns
    -------
    float
        Time added [s].
    """
    column = _cell(tokens / grid.prompt_step, grid.added.shape[1])
    w = min(tokens / grid.prompt_step - column, 1.0)
    more = pairs - 0.5 * tokens * tokens / grid.groups
    low = high = 0
    v = 0.0
    if batch > 0:
        low, v = grid.low[batch] + 1, grid.above[batch]
        high = low + 1
    one = (1 - w) * (grid.added[low, column] + more * grid.pair[low, column])
    one += w * (grid.added[low, column + 1] + more * grid.pair[low, column + 1])
    two = (1 - w) * (grid.added[high, column] + more * grid.pair[high, column])
    two += w * (grid.added[high, column + 1] + more * grid.pair[high, column + 1])
    time: float = ((1 - v) * one + v * two) * max(grid.ranks / prompts, 1.0)
    return max(time, 0.0)


@lean_part
def _grown(s: Any, rules: Any, r: int, steps: int) -> int:
    """Return the blocks that those that decode take in some steps."""
    rep = s.replicas[r]
    found: int = rep.decoding * (steps >> rules.shift)
    place = rep.step & (rules.block_steps - 1)
    for _ in range(steps & (rules.block_steps - 1)):
        place += 1
        if place == rules.block_steps:
            place = 0
        found += s.phases[r, place]
    return found


@lean_part
def _room(s: Any, rules: Any, r: int, most: int) -> int:
    """Return for how many steps, up to some, memory suffices."""
    rep = s.replicas[r]
    free = rules.blocks - rep.held
    if free >= rep.decoding * (((most - 1) >> rules.shift) + 1):
        return most
    steps: int = min(free // rep.decoding * rules.block_steps, most)
    free -= rep.decoding * (steps >> rules.shift)
    while steps < most:
        free -= s.phases[r, (rep.step + steps + 1) & (rules.block_steps - 1)]
        if free < 0:
            break
        steps += 1
    return steps


@lean_part
def _steps_until(a: float, b: float, time: float, most: int) -> int:
    """Return the fewest steps, up to some, that take a time; ``n`` steps take ``a n^2 + b n``."""
    root = np.sqrt(max(b * b + 4 * a * time, 0.0))
    n = min(max(int(np.ceil(2 * time / (b + root))), 1), most)
    while n < most and (a * n + b) * n < time:
        n += 1
    while n > 1 and (a * (n - 1) + b) * (n - 1) >= time:
        n -= 1
    return n


@lean_part
def pass_time(s: Any, rules: Any, r: int, steps: int, decode_s: float, read_s: float) -> None:
    """Let some steps of a time pass.

    Parameters
    ----------
    s : State
        Replicas and requests.
    rules : Rules
        Limits of a replica.
    r : int
        The replica.
    steps : int
        How many.
    decode_s, read_s : float
        Their time in decoding, and by which reading lengthens it [s].
    """
    rep = s.replicas[r]
    time = decode_s + read_s
    grown = _grown(s, rules, r, steps) if rep.decoding > 0 else 0
    rep.batch_s += rep.decoding * time
    rep.queue_s += rep.waiting * time
    rep.block_s += (rep.held + 0.5 * grown) * time
    rep.held += grown
    rep.decode_s += decode_s
    rep.read_s += read_s
    rep.steps += steps
    rep.now += time
    if rep.decoding > 0:
        rep.step += steps
        rep.tokens += rep.decoding * steps * rules.growth
    if rep.held + rep.cached > rules.blocks:
        evict(rep, s.nodes[r], s.table[r], rules.node_blocks, rules.blocks)


@lean_part
def _stretch(s: Any, rules: Any, grid: Any, r: int, steps: int) -> tuple[int, float, float]:
    """Return how many of some decode steps lie in one cell of the grid, and ``a``, ``b``: n take ``a n^2 + b n`` s."""
    rep = s.replicas[r]
    context = rep.tokens / rep.decoding
    column = _cell((context + rules.growth) / grid.context_step, grid.decode.shape[1])
    if column < grid.decode.shape[1] - 2:
        inside = ((column + 1) * grid.context_step - context) / rules.growth
        steps = min(steps, max(int(inside), 1))
    level, slope = _line(grid, rep.decoding, column)
    a = 0.5 * slope * rules.growth
    return steps, a, level + slope * context + a


@lean_part
def jump(s: Any, rules: Any, grid: Any, r: int, until: float, most: int) -> None:
    """Let steps pass that only decode: until a request ends, memory is full, a time has come, or there were so many.

    Parameters
    ----------
    s : State
        Replicas and requests.
    rules : Rules
        Limits of a replica.
    grid : StepGrid
        Step times.
    r : int
        The replica.
    until : float
        Time after which no step begins [s].
    most : int
        Most steps.
    """
    rep = s.replicas[r]
    most = min(most, (s.heap[r, 0] >> SLOT_BITS) - rep.step)
    steps, a, b = _stretch(s, rules, grid, r, _room(s, rules, r, most))
    if (a * steps + b) * steps > until - rep.now:
        steps = _steps_until(a, b, until - rep.now, steps)
    pass_time(s, rules, r, steps, (a * steps + b) * steps, 0.0)


@lean_part
def next_end(s: Any, rules: Any, grid: Any, r: int) -> float:
    """Return a time before which no request of a replica ends.

    Parameters
    ----------
    s : State
        Replicas and requests.
    rules : Rules
        Limits of a replica.
    grid : StepGrid
        Step times.
    r : int
        The replica.

    Returns
    -------
    float
        The time [s].
    """
    rep = s.replicas[r]
    if rep.waiting > 0 or rep.partial != NONE:
        return float(rep.now)
    if rep.decoding == 0:
        return float(np.inf)
    steps, a, b = _stretch(s, rules, grid, r, (s.heap[r, 0] >> SLOT_BITS) - rep.step)
    return float(rep.now + (a * steps + b) * steps)
