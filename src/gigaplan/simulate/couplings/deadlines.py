"""Deadlines and milestones of training runs: what was done by then, by how much they are missed, and what would meet
them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gigaplan.training.programme import SECONDS_PER_DAY, PlannedRun, Progress, day_of, tokens_by
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import TimeAxis

MORE = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Multiples of the GPUs requested for a run that are tried where it is late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Shapes: member M, run R, milestone K. nan where a run has no deadline."""

    tokens: Array
    """(M, R) done by the deadline."""
    late_days: Array
    """(M, R) from the deadline to the last token, 0 in time; to the end of the horizon where it isn't done by then."""
    gpus_needed: Array
    """(R,) GPUs with which the run would meet its deadline, what is tried and stands at its site in time; nan if none
    do, or none are needed. Central member."""
    latest_start_days: Array
    """(R,) last day on which it could start with the GPUs requested for it; nan where it meets its deadline."""
    milestone_days: Array
    """(K,) dates of the milestones, of all runs in turn."""
    milestone_share: Array
    """(K,) share of the tokens that is to be done by then."""
    milestone_done_share: Array
    """(M, K) share that is."""
    milestone_late_days: Array
    """(M, K) from the date until that share is done, 0 in time; to the end of the horizon where it isn't by then."""


def deadlines(
    runs: Sequence[PlannedRun],
    done: Progress,
    tokens_per_s: Array,
    block_gpus: Sequence[Array],
    speed: Callable[[PlannedRun], Array],
    axis: TimeAxis,
) -> Deadlines:
    """Return how runs meet their dates.

    Parameters
    ----------
    tokens_per_s : (M, R) speed of each on the GPUs requested for it.
    block_gpus : for each run the GPUs of its block, (M, n).
    speed : of a run with another number of GPUs [token/s], the central member's first.
    """
    members, end = done.start_days.shape[0], float(axis.edge_days[-1])
    tokens, late = np.full((members, len(runs)), np.nan), np.full((members, len(runs)), np.nan)
    gpus, start = np.full(len(runs), np.nan), np.full(len(runs), np.nan)
    days, required_shares, shares, behind = [], [], [], []
    for r, run in enumerate(runs):
        for date, share in run.milestones:
            day = axis.days_since_start(date)
            days.append(day)
            required_shares.append(share)
            shares.append(tokens_by(done, r, day, axis) / run.tokens)
            behind.append(_late(day_of(done, r, share * run.tokens), day, end))
        if run.deadline is None:
            continue
        day = axis.days_since_start(run.deadline)
        tokens[:, r] = tokens_by(done, r, day, axis)
        late[:, r] = _late(done.done_days[:, r], day, end)
        if late[0, r] > 0:
            gpus[r] = _gpus_needed(run, block_gpus[r][0], day, speed, axis)
            if tokens_per_s[0, r] > 0:
                start[r] = day - run.tokens * (1 + run.restart_share) / (tokens_per_s[0, r] * SECONDS_PER_DAY)
    return Deadlines(
        tokens=tokens,
        late_days=late,
        gpus_needed=gpus,
        latest_start_days=start,
        milestone_days=np.array(days),
        milestone_share=np.array(required_shares),
        milestone_done_share=np.array(shares).reshape(-1, members).T,
        milestone_late_days=np.array(behind).reshape(-1, members).T,
    )


def _late(done_days: Array, day: float, end: float) -> Array:
    """Return the days from a date until something is done, 0 before it; to the end of the horizon where it never is."""
    return np.maximum(np.where(np.isnan(done_days), max(end, day), done_days) - day, 0.0)


def _gpus_needed(
    run: PlannedRun, block_gpus: Array, day: float, speed: Callable[[PlannedRun], Array], axis: TimeAxis
) -> float:
    """Return the fewest of the GPUs tried with which a run ends by a day, from when its block has as many; nan if
    none do."""
    needed = run.tokens * (1 + run.restart_share)
    for times in MORE:
        more = replace(run, gpus=round(run.gpus * times))
        there = np.flatnonzero(block_gpus >= more.gpus)
        if not there.size:
            break
        begin = max(float(axis.edge_days[there[0]]), axis.days_since_start(run.start))
        if begin < day and speed(more)[0] * SECONDS_PER_DAY * (day - begin) >= needed:
            return float(more.gpus)
    return float("nan")
