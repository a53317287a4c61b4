"""Training runs in a plan: each holds a block of one interconnect from its start until its tokens are done.

A run waits until its block is there: GPUs of one generation at one site. From then on its speed is that of its block;
what failures take is in it as expected goodput. Runs of one block take turns by their start.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.time import HOURS, TimeAxis
from gigaplan.vocabulary.units import Day, Unit

SECONDS_PER_DAY = HOURS * 3600.0
ROUNDING = 1e-9
"""Share of a number of tokens that counts as all of it."""
MIN_TOKENS_PER_DAY = 1e-30
"""Keeps a run without speed from dividing by nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One training run of a plan."""

    name: str
    """Name of the run in this plan."""
    model: str
    """Catalog name of the architecture."""
    tokens: Annotated[float, Gt(0), Unit("token")]
    """Tokens to train on."""
    site: str
    """Site of this plan where it runs."""
    generation: str
    """Systems that it runs on: a generation of this plan."""
    gpus: Annotated[int, Ge(1)]
    """GPUs that it needs at once, all of one generation at one site."""
    start: Annotated[dt.date, Day()]
    """Earliest start."""
    deadline: Annotated[dt.date, Day()] | None = None
    """Date by which it should be done."""
    milestones: tuple[tuple[dt.date, float], ...] = ()
    """Shares of the tokens that are to be done by dates."""
    precision: Literal["bf16", "fp8", "fp4"] = "bf16"
    """Number format of its matrix products."""
    sequence_tokens: Annotated[int, Ge(1), Unit("token")] = 8192
    """Tokens of a training sequence."""
    global_batch_tokens: Annotated[float, Gt(0), Unit("token")] = 16e6
    """Tokens of an optimiser step."""
    restart_share: Annotated[float, Ge(0), Le(1), Unit("share")] = 0.0
    """Tokens trained again beyond the failures that goodput has: data and recipe changed on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How runs went. Shapes: member M, run R, month n, edge n + 1."""

    tokens_done: Array
    """(M, R, edge) Tokens trained so far."""
    gpus: Array
    """(M, R, n) GPUs held, mean over the month."""
    start_days: Array
    """(M, R) Days from the start of the horizon to the beginning of the run; nan if it never began."""
    done_days: Array
    """(M, R) Days from the start of the horizon to its last token; nan if it was never done."""
    begun_days: Array
    """(M, R, n) Days from the start of the horizon to the beginning of its work in each month; 0 where it didn't work.
    """
    worked_days: Array
    """(M, R, n) Days that it trained from there on."""


def progress(
    runs: Sequence[PlannedRun],
    block_gpus: Array,
    tokens_per_s: Array,
    axis: TimeAxis,
    powered_share: Array | float = 1.0,
) -> Progress:
    """Return how the runs of a plan go, month by month.

    Parameters
    ----------
    runs : sequence of PlannedRun
        Runs; those of one block take turns by their start.
    block_gpus : numpy.ndarray
        GPUs up in each run's block, those that other runs hold included [GPU], shape (member, run, month).
    tokens_per_s : numpy.ndarray
        Speed of each run on the GPUs that it asks for, expected goodput included [token/s], shape (run,) or
        (member, run).
    axis : TimeAxis
        Months of the horizon.
    powered_share : numpy.ndarray or float
        Speed that the power of each run's site leaves, over that at full power [share], shape (member, run, month).

    Returns
    -------
    Progress
        Tokens, GPUs held and days, by member, run and month.
    """
    speeds, n = np.atleast_2d(tokens_per_s), axis.months
    powered = np.broadcast_to(powered_share, np.broadcast_shapes(np.shape(powered_share), (1, len(runs), n)))
    members = max(len(block_gpus), len(speeds))
    done = np.zeros((members, len(runs), n + 1))
    held = np.zeros((members, len(runs), n))
    begun, worked = np.zeros_like(held), np.zeros_like(held)
    started, ended = np.full((members, len(runs)), np.nan), np.full((members, len(runs)), np.nan)
    for r in sorted(range(len(runs)), key=lambda r: (runs[r].start, r)):
        run = runs[r]
        # a run that trains in a month holds its GPUs for all of it, so that runs of one block don't share them
        same = [k for k, other in enumerate(runs) if (other.site, other.generation) == (run.site, run.generation)]
        needed = run.tokens * (1 + run.restart_share)
        left = np.full(members, needed)
        for i in range(n):
            first, last = axis.edge_days[i], axis.edge_days[i + 1]
            begin = max(axis.days_since_start(run.start), first)
            speed = speeds[:, r] * powered[:, r, i]
            free = block_gpus[:, r, i] - (held[:, same, i] > 0) @ np.array([runs[k].gpus for k in same])
            works = (free >= run.gpus) & (left > 0) & (begin < last) & (speed > 0)
            per_day = np.maximum(speed * SECONDS_PER_DAY, MIN_TOKENS_PER_DAY)
            days = np.where(works, np.minimum(last - begin, left / per_day), 0.0)
            left = np.maximum(left - days * speed * SECONDS_PER_DAY, 0.0)
            left[left < needed * 1e-12] = 0.0
            begun[:, r, i], worked[:, r, i] = np.where(works, begin, 0.0), days
            held[:, r, i] = run.gpus * days / (last - first)
            done[:, r, i + 1] = run.tokens * (1 - left / needed)
            started[:, r] = np.where(works & np.isnan(started[:, r]), begin, started[:, r])
            ended[:, r] = np.where(works & (left == 0), begin + days, ended[:, r])
    return Progress(
        tokens_done=done, gpus=held, start_days=started, done_days=ended, begun_days=begun, worked_days=worked
    )


def tokens_by(done: Progress, run: int, day: float, axis: TimeAxis) -> Array:
    """Return the tokens that a run has done by a day.

    Parameters
    ----------
    done : Progress
        How the runs went.
    run : int
        Index of the run.
    day : float
        Days since the start of the horizon [day].
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    numpy.ndarray
        Tokens, shape (member,).
    """
    month = int(np.clip(np.searchsorted(axis.edge_days, day, side="right") - 1, 0, axis.months - 1))
    before, after = done.tokens_done[:, run, month], done.tokens_done[:, run, month + 1]
    worked = done.worked_days[:, run, month]
    part = np.divide(day - done.begun_days[:, run, month], worked, out=np.zeros_like(worked), where=worked > 0)
    return np.asarray(before + np.clip(part, 0.0, 1.0) * (after - before))


def day_of(done: Progress, run: int, tokens: float) -> Array:
    """Return when a run has done a number of tokens.

    Parameters
    ----------
    done : Progress
        How the runs went.
    run : int
        Index of the run.
    tokens : float
        Number of tokens.

    Returns
    -------
    numpy.ndarray
        Days since the start of the horizon [day], shape (member,); nan if never.
    """
    have = done.tokens_done[:, run]
    reached = have[:, 1:] >= tokens * (1 - ROUNDING)
    month = np.argmax(reached, axis=1)
    rows = np.arange(len(have))
    before, after = have[rows, month], have[rows, month + 1]
    gained = after - before
    part = np.divide(tokens - before, gained, out=np.ones_like(gained), where=gained > 0)
    day = done.begun_days[rows, run, month] + np.clip(part, 0.0, 1.0) * done.worked_days[rows, run, month]
    return np.where(reached.any(axis=1), day, np.nan)


def largest_run_flop(flop_per_month: Array, run_days: Uncertain, axis: TimeAxis) -> Array:
    """Return the largest run that ends with each month if it takes no longer than some days.

    It is what a block delivers in the days before each month's end, months at its beginning counted for their part.

    Parameters
    ----------
    flop_per_month : numpy.ndarray
        Compute that a block delivers in each month [FLOP], shape (..., month).
    run_days : Uncertain
        Longest time of a run [day]; with one for each member, members are the first axis of the compute.
    axis : TimeAxis
        Months of the horizon.

    Returns
    -------
    numpy.ndarray
        Compute [FLOP], shape (..., month).
    """
    if isinstance(run_days, np.ndarray) and run_days.ndim:
        every = np.broadcast_to(flop_per_month, (len(run_days), *flop_per_month.shape[1:]))
        return np.stack([largest_run_flop(one, float(d), axis) for one, d in zip(every, run_days, strict=True)])
    delivered = np.concatenate([np.zeros((*flop_per_month.shape[:-1], 1)), np.cumsum(flop_per_month, axis=-1)], axis=-1)
    begin = np.maximum(axis.edge_days[1:] - run_days, 0.0)
    low = np.clip(np.searchsorted(axis.edge_days, begin, side="right") - 1, 0, axis.months - 1)
    part = (begin - axis.edge_days[low]) / (axis.edge_days[low + 1] - axis.edge_days[low])
    before = delivered[..., low] + part * (delivered[..., low + 1] - delivered[..., low])
    return np.asarray(delivered[..., 1:] - before)
