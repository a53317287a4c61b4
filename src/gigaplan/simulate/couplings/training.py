"""Coupling of training to the fleet: runs hold blocks of it, and what it could train at most by when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.capability import CapabilityReached, capability_reached
from gigaplan.simulate.couplings.deadlines import Deadlines, deadlines
from gigaplan.simulate.couplings.largest_run import largest_run
from gigaplan.simulate.couplings.run_layouts import RunLayouts
from gigaplan.training.programme import PlannedRun, Progress, progress
from gigaplan.training.scaling import parameters_in_range, tokens_in_range
from gigaplan.training.search import RatedLayout
from gigaplan.training.trend import trend_flop
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training does. Shapes: member M, run R, month n, scope S."""

    runs: Progress
    layouts: tuple[RatedLayout, ...]
    """The layout of each run."""
    mfu_share: Array
    """(M, R) model FLOPs utilisation of each run."""
    goodput_share: Array
    """(M, R) share of its time in which each run makes progress."""
    reserved_share: Array
    """(M, n) share of the fleet held for training and research, its runs at least."""
    spared_share: Array
    """(M, n) share of the fleet by which its runs draw less than racks that are busy all through: what their GPUs
    move and wait in a step."""
    largest_flop: Array
    """(M, S, n) largest run that could end with each month, at one site, at several that train together, over the
    whole fleet."""
    largest_parameters: Array
    """(M, S, bound, n) size of a compute-optimal model with as much: low, central, high."""
    largest_tokens: Array
    """(M, S, bound, n) its tokens."""
    deadlines: Deadlines
    capability: CapabilityReached
    """Of the best run of one site so far."""
    flops_per_gpu: Array
    """(M, G, n) model FLOPs of a GPU and second in large runs, without failures [FLOP/s]."""
    largest_gpus: Array
    """(M, n) GPUs that train the largest run of one site."""
    largest_learners: Array
    """(M, n) learners that they are."""
    trend_flop: Array
    """(M, n) largest run of the published trend [FLOP]."""


def train(scenario: Scenario, built: BuildOut) -> Trained:
    """Return how the plan's runs go, what they hold, and the largest run that the fleet could finish by each month.

    Parameters
    ----------
    scenario : Scenario
        Scenario with its training policy and runs.
    built : BuildOut
        Racks that produce, by generation, place and month.

    Returns
    -------
    Trained
        Progress, layouts and deadlines of the runs, and largest runs.
    """
    policy, axis = scenario.training, scenario.axis
    layouts = RunLayouts(scenario)
    gpus = _gpus(scenario, built)
    at = [(_generation(scenario, r), built.places.index(r.site)) for r in policy.runs]
    blocks = [gpus[:, g, p] for g, p in at]
    shape = (gpus.shape[0], len(blocks), axis.months)
    speeds = _by_run([layouts.tokens_per_s(r) for r in policy.runs])
    powered: Array | float = 1.0
    if np.ndim(built.powered_share) and at:
        powered = np.stack([np.asarray(built.powered_share)[:, g, p] for g, p in at], axis=1)
    done = progress(policy.runs, np.stack(blocks, axis=1) if blocks else np.zeros(shape), speeds, axis, powered)
    gpus = gpus * built.powered_share
    idle_shares = 1 - _by_run([layouts.busy_share(r) for r in policy.runs])
    reserved = np.maximum(policy.share, _held_share(scenario, gpus, done))
    found = largest_run(scenario, _held(scenario, built, gpus, done))
    largest = found.flop
    return Trained(
        runs=done,
        mfu_share=_by_run([layouts.mfu_share(r) for r in policy.runs]),
        goodput_share=_by_run([layouts.goodput_share(r) for r in policy.runs]),
        layouts=tuple(layouts.fastest(r) for r in policy.runs),
        reserved_share=reserved,
        spared_share=_held_share(scenario, gpus, done, idle_shares),
        largest_flop=largest,
        largest_parameters=np.moveaxis(parameters_in_range(largest, policy.scaling), 0, 2),
        largest_tokens=np.moveaxis(tokens_in_range(largest, policy.scaling), 0, 2),
        deadlines=deadlines(policy.runs, done, speeds, blocks, layouts.tokens_per_s, axis),
        capability=capability_reached(scenario, largest[:, 0]),
        flops_per_gpu=found.flops_per_gpu,
        largest_gpus=found.gpus,
        largest_learners=found.learners,
        trend_flop=_trend(scenario),
    )


def _trend(scenario: Scenario) -> Array:
    """Return the largest run of the published trend with each month's end: (M or 1, n)."""
    trend = scenario.trend
    days = scenario.axis.edge_days[1:] - scenario.axis.days_since_start(trend.reference_date)
    return trend_flop(days[None] / DAYS_PER_YEAR, trend)


def _gpus(scenario: Scenario, built: BuildOut) -> Array:
    """Return the GPUs that are up and no customer's, mean over the month: (M, G, P, n)."""
    per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations], dtype=float)
    racks = (built.racks_producing[..., :-1] + built.racks_producing[..., 1:]) / 2
    up = racks * per_rack[:, None, None] * column(scenario.fleet.ladder.availability, 4)
    return np.asarray(up if np.ndim(built.free_share) == 0 else up * np.asarray(built.free_share)[:, :, None])


def _generation(scenario: Scenario, run: PlannedRun) -> int:
    return [g.name for g in scenario.fleet.generations].index(run.generation)


def _held_share(scenario: Scenario, gpus: Array, done: Progress, part: Array | None = None) -> Array:
    """Return the share of the fleet that runs hold, by IT power, as cost is shared, or a part of each: (M, n)."""
    weigh = scenario.fleet.it_kw_per_gpu
    whole = (gpus.sum(axis=2) * weigh[..., None]).sum(axis=1)
    kw = weigh[:, [_generation(scenario, r) for r in scenario.training.runs], None]
    kw = kw if part is None else kw * part[..., None]
    run_kw = (done.gpus * kw).sum(axis=1)
    return np.asarray(np.minimum(np.divide(run_kw, whole, out=np.zeros_like(run_kw), where=whole > 0), 1.0))


def _held(scenario: Scenario, built: BuildOut, gpus: Array, done: Progress) -> Array:
    """Return the GPUs held for training at each place: the share of what is up there, and what its runs hold at least;
    (M, G, P, n)."""
    share = np.atleast_2d(scenario.training.share)[:, None, None]
    held = np.array(np.broadcast_to(gpus * share, (scenario.members, *gpus.shape[1:])))
    of_runs = np.zeros_like(held)
    for k, run in enumerate(scenario.training.runs):
        of_runs[:, _generation(scenario, run), built.places.index(run.site)] += done.gpus[:, k]
    return np.maximum(held, np.minimum(of_runs, gpus))


def _by_run(of_runs: list[Array]) -> Array:
    """Return what runs have by member side by side: (M or 1, R)."""
    return np.stack(np.broadcast_arrays(*of_runs), axis=1) if of_runs else np.zeros((1, 0))
