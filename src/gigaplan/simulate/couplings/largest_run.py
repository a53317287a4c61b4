"""Coupling of the largest run to the fleet: what the GPUs held for training at each place could train at most.

A curve for each system and quarter says what any number of its GPUs trains (:mod:`gigaplan.training.largest`), with the
formats, the recovery and the failure rates of that time; the GPUs held at each place are looked up on it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.clock import clock_factor
from gigaplan.simulate.couplings.kept_time import kept_share, lag_days
from gigaplan.training.largest import (
    GRID,
    MOST_DOUBLINGS,
    best_in_step,
    best_of_learners,
    on_grid,
    trained_by,
    training_gpus,
)
from gigaplan.training.policy import TrainingPolicy
from gigaplan.training.programme import largest_run_flop
from gigaplan.training.sites import effective_compute_share, largest_joint_compute, loss_increase
from gigaplan.training.utilisation import SIZES, SpeedBySize, speed_by_size
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import HOURS, TimeAxis

SECONDS_PER_DAY = HOURS * 3600.0
MONTHS_PER_YEAR = 12
MONTHS_PER_STEP = 3
"""Months for which formats, recovery and failure rates are taken as of their middle."""
REFERENCE_GPUS = 2.0**14
"""GPUs of the run whose utilisation is shown: 16,384, as of Llama 3 405B."""
REFERENCE = int(np.searchsorted(GRID, REFERENCE_GPUS))
"""Its place among the sizes tried."""
SIZES_TRIED = GRID[None, None]
"""Numbers of GPUs, shape (1, 1, K)."""
NEVER = np.inf
"""Day of what does not come."""


@dataclass(frozen=True, slots=True)
class LargestRun:
    """The largest runs, and how fast their GPUs are. Shapes: member M, scope S, generation G, month n."""

    flop: Array
    """(M, S, n) largest run that could end with each month, at one site, at several that train together, over the
    whole fleet: compute that counts [FLOP]."""
    flops_per_gpu: Array
    """(M, G, n) model FLOPs of a GPU and second in a run of ``REFERENCE_GPUS``, without failures [FLOP/s]."""
    gpus: Array
    """(M, n) GPUs that train at the best site in each month."""
    learners: Array
    """(M, n) learners that they are: one where all train in one step; 0 where there are none."""


def largest_run(scenario: Scenario, held: Array) -> LargestRun:
    """Return the largest run by scope that could end with each month.

    One site: the best generation of the best place, as many of its GPUs as train most. Sites together: the best of each
    of the best places, with local updates (Douillard et al. 2025), as many as make most of it. Whole fleet: all places
    and generations, as if distance were nothing. What a higher loss takes doesn't count.

    Parameters
    ----------
    scenario : Scenario
        Scenario with its training policy.
    held : numpy.ndarray
        GPUs held for training that are up, mean over the month, by generation and place; shape (M, G, P, n).

    Returns
    -------
    LargestRun
        Compute by scope, and speed of a GPU by generation.
    """
    axis, policy = scenario.axis, scenario.training
    seconds = np.diff(axis.edge_days) * SECONDS_PER_DAY
    doublings = _counting_by_step(scenario)
    steps, found = _step_of_month(axis), np.zeros((3, *held.shape))
    per_gpu = []
    for g, generation in enumerate(scenario.fleet.generations):
        of_one, group = _speed(scenario, generation.name, _step_days(axis))
        per_gpu.append(of_one[:, steps, REFERENCE])
        there = np.flatnonzero(held[:, g].max(axis=(0, 2)) > 0)
        if there.size:
            kept = kept_share(scenario, generation.name, SIZES_TRIED, _step_days(axis), group)
            in_step = best_in_step(GRID * of_one * kept)
            found[:, :, g, there] = _by_month(held[:, g, there], in_step, *best_of_learners(in_step, doublings), steps)
    flop = found[0] * seconds
    blocks = largest_run_flop(flop, policy.run_days, axis)  # (M, G, P, n)
    site = np.moveaxis(blocks.max(axis=1), 1, 0)  # the best block of each place
    counts = _counting_share(policy, np.arange(1.0, len(site) + 1))
    whole = largest_run_flop(flop.sum(axis=(1, 2)), policy.run_days, axis)
    scopes = [site.max(axis=0), largest_joint_compute(site, counts), whole]
    best = blocks.reshape(len(held), -1, axis.months).argmax(axis=1)[:, None]
    gpus, learners = (np.take_along_axis(v.reshape(len(held), -1, axis.months), best, axis=1)[:, 0] for v in found[1:])
    speed = np.stack(np.broadcast_arrays(*per_gpu), axis=1)
    return LargestRun(np.stack(scopes, axis=1), speed, gpus, learners)


def _step_of_month(axis: TimeAxis) -> NDArray[np.int64]:
    """Return the step of each month, (n,): quarters of the calendar, so that a horizon that begins earlier has the
    same."""
    months = np.arange(axis.months) + axis.start.year * MONTHS_PER_YEAR + axis.start.month - 1
    quarters = months // MONTHS_PER_STEP
    return np.asarray(quarters - quarters[0])


def _step_days(axis: TimeAxis) -> Array:
    """Return the middle of each step, days since the start, shape (1, T)."""
    first = (axis.start.month - 1) // MONTHS_PER_STEP * MONTHS_PER_STEP
    ends = [
        axis.days_since_start(dt.date(axis.start.year + m // MONTHS_PER_YEAR, m % MONTHS_PER_YEAR + 1, 1))
        for m in first + MONTHS_PER_STEP * np.arange(_step_of_month(axis)[-1] + 2)
    ]
    return np.asarray((np.array(ends[:-1]) + np.array(ends[1:])) / 2)[None]


def _speed(scenario: Scenario, generation: str, days: Array) -> tuple[Array, Array]:
    """Return what a GPU trains in each step and at each size, in the fastest format by then: (M, T, K); and the GPUs of
    a replica group, (K,), those of the largest."""
    policy, device = scenario.training, scenario.devices[generation]
    largest, since = policy.largest, policy.largest.precisions[generation]
    begins = {"bf16": -NEVER, "fp8": NEVER, "fp4": NEVER}
    for name, day in (("fp8", since.fp8_since), ("fp4", since.fp4_since)):
        if device.peak_flops_per_s(name) > device.peak_bf16_flops_per_s:
            begins[name] = scenario.axis.days_since_start(day)
    curves = {name: _of_precision(scenario, device, name) for name, day in begins.items() if day < NEVER}
    groups = np.max([on_grid(c.group_gpus, np.array(SIZES)) for c in curves.values()], axis=0)
    if largest.mfu_share is not None:
        flat = column(largest.mfu_share, 3) * device.peak_bf16_flops_per_s
        return np.broadcast_to(flat, (len(flat), days.shape[1], len(GRID))), groups
    best = np.zeros(1)
    for name, curve in curves.items():
        there = days >= begins[name] + lag_days(policy) if name != "bf16" else np.ones_like(days, dtype=bool)
        of_size = on_grid(curve.flops_per_s, np.array(SIZES)) * _clock_factor(scenario, generation, name)  # (m, K)
        best = np.maximum(best, np.where(there[..., None], of_size[:, None], 0.0))
    return best / column(largest.step_over_predicted.get(generation, 1.0), 3), groups


def _clock_factor(scenario: Scenario, generation: str, precision: str) -> Array:
    """Return each member's speed in one format over that at the central clock: (m, K or 1)."""

    def speed(device: Device) -> Array:
        return on_grid(_of_precision(scenario, device, precision).flops_per_s, np.array(SIZES))

    return clock_factor(scenario, generation, speed, 2)


def _of_precision(scenario: Scenario, device: Device, precision: str) -> SpeedBySize:
    """Return what a GPU trains in one format, by size of the run."""
    policy = scenario.training
    by_blocks = precision != "bf16" and device.peak_fp4_flops_per_s > 0  # MXFP8 and NVFP4 came in one generation
    return speed_by_size(device, policy.largest.model, precision, by_blocks, policy.efficiency, policy.largest.large)


def _by_month(held: Array, in_step: Array, counted: Array, learners: Array, step_of_month: NDArray[np.int64]) -> Array:
    """Return what GPUs held (M, P, n) train by the curves of their step (M or 1, T, K), how many of them train, and as
    how many learners: (3, M, P, n)."""
    (members, places, months), steps = held.shape, counted.shape[1]
    # Months stand in their steps, the first and the last of which may be cut by the horizon.
    first = MONTHS_PER_STEP - int(np.count_nonzero(step_of_month == 0)) if steps > 1 else 0
    within = np.zeros((members, places, steps * MONTHS_PER_STEP))
    within[..., first : first + months] = held
    gpus = np.moveaxis(within.reshape(members, places, steps, -1), 2, 1).reshape(members, steps, -1)
    found = np.stack([trained_by(gpus, counted), *training_gpus(gpus, in_step, learners)])
    by_place = np.moveaxis(found.reshape(3, members, steps, places, -1), 3, 2)
    return np.ascontiguousarray(by_place.reshape(3, members, places, -1)[..., first : first + months])


def _counting_by_step(scenario: Scenario) -> Array:
    """Return the part of the compute that counts of 1, 2, 4 and 8 learners at one place, 0 of several before that is
    practised: (doubling, M or 1, T)."""
    policy, axis = scenario.training, scenario.axis
    since = axis.days_since_start(policy.largest.recovery.learners_since) + lag_days(policy)
    counts = _counting_share(policy, np.exp2(np.arange(MOST_DOUBLINGS + 1.0)))[..., None] * (_step_days(axis) >= since)
    counts[0] = 1.0
    return counts


def _counting_share(policy: TrainingPolicy, learners: Array) -> Array:
    """Return the part of the compute that counts of some numbers of learners: (learners, M or 1)."""
    together = policy.together
    drawn = np.broadcast_arrays(column(together.loss_exponent, 1), *(column(r, 1) for r in policy.loss_rises.values()))
    found = []
    for exponent, *rises in np.stack(drawn, axis=1).tolist():
        facts = replace(together, loss_exponent=exponent)
        rise = loss_increase(learners, facts.inner_steps, dict(zip(policy.loss_rises, rises, strict=True)), 0.0, facts)
        found.append(effective_compute_share(rise, facts))
    return np.stack(found, axis=1)
