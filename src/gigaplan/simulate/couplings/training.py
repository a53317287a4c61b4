"""Coupling of training to the fleet: runs hold blocks of it, and what it could train at most by when."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.simulate.couplings.deadlines import Deadlines, deadlines
from gigaplan.simulate.couplings.run_layouts import RunLayouts
from gigaplan.training.capability import eci, eci_interval
from gigaplan.training.policy import TrainingPolicy
from gigaplan.training.programme import PlannedRun, Progress, largest_run_flop, progress
from gigaplan.training.reliability import goodput
from gigaplan.training.scaling import parameters_in_range, tokens_in_range
from gigaplan.training.search import RatedLayout
from gigaplan.training.sites import effective_compute_share, largest_joint_compute, loss_increase
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS

SECONDS_PER_DAY = HOURS * 3600.0


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
    capability_eci: Array
    """(M, bound, n) capability of the largest run of one site so far: low, central, high; nan before any."""


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
    blocks = [gpus[:, _generation(scenario, r), built.places.index(r.site)] for r in policy.runs]
    shape = (gpus.shape[0], len(blocks), axis.months)
    speeds = _by_run([layouts.tokens_per_s(r) for r in policy.runs])
    done = progress(policy.runs, np.stack(blocks, axis=1) if blocks else np.zeros(shape), speeds, axis)
    idle_shares = 1 - _by_run([layouts.busy_share(r) for r in policy.runs])
    reserved = np.maximum(policy.share, _held_share(scenario, gpus, done))
    largest = _largest(scenario, gpus, reserved)
    return Trained(
        runs=done,
        mfu_share=_by_run([layouts.mfu_share(r) for r in policy.runs]),
        goodput_share=_by_run([np.atleast_1d(goodput(r.gpus, policy.reliability).share) for r in policy.runs]),
        layouts=tuple(layouts.fastest(r) for r in policy.runs),
        reserved_share=reserved,
        spared_share=_held_share(scenario, gpus, done, idle_shares),
        largest_flop=largest,
        largest_parameters=np.moveaxis(parameters_in_range(largest, policy.scaling), 0, 2),
        largest_tokens=np.moveaxis(tokens_in_range(largest, policy.scaling), 0, 2),
        deadlines=deadlines(policy.runs, done, speeds, blocks, layouts.tokens_per_s, axis),
        capability_eci=_capability(scenario, largest[:, 0]),
    )


def _capability(scenario: Scenario, largest_flop: Array) -> Array:
    """Return what the largest run so far is worth when it is released: low, central and high, (M, bound, n)."""
    relation = scenario.capability
    so_far = np.maximum.accumulate(largest_flop, axis=-1)
    flop = np.where(so_far > 0, so_far, relation.reference_flop)
    released = scenario.axis.edge_days[1:] - scenario.axis.days_since_start(relation.reference_date)
    years = np.broadcast_to(released / DAYS_PER_YEAR, flop.shape)
    low, high = eci_interval(flop, years, relation)
    bounds = np.stack([low, eci(flop, years, relation), high], axis=1)
    return np.where(so_far[:, None] > 0, bounds, np.nan)


def _gpus(scenario: Scenario, built: BuildOut) -> Array:
    """Return the GPUs that are up, mean over the month: (M, G, P, n)."""
    per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations], dtype=float)
    racks = (built.racks_producing[..., :-1] + built.racks_producing[..., 1:]) / 2
    return np.asarray(racks * per_rack[:, None, None] * column(scenario.fleet.ladder.availability, 4))


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


def _by_run(of_runs: list[Array]) -> Array:
    """Return what runs have by member side by side: (M or 1, R)."""
    return np.stack(np.broadcast_arrays(*of_runs), axis=1) if of_runs else np.zeros((1, 0))


def _goodput_share(scenario: Scenario, gpus: Array) -> Array:
    """Return the goodput of a run on so many GPUs; 1 for generations that a place never has: (M, G, P, n)."""
    there = gpus.any(axis=(0, -1))
    found = goodput(np.maximum(gpus[:, there], 1.0), scenario.training.reliability).share
    share = np.ones((len(found), *gpus.shape[1:]))
    share[:, there] = found
    return share


def _counting_share(policy: TrainingPolicy, sites: Array) -> Array:
    """Return the part of the compute that counts of some numbers of sites that learn together: (sites, M or 1)."""
    together = policy.together
    drawn = np.broadcast_arrays(column(together.loss_exponent, 1), *(column(r, 1) for r in policy.loss_rises.values()))
    found = []
    for exponent, *rises in np.stack(drawn, axis=1).tolist():
        facts = replace(together, loss_exponent=exponent)
        rise = loss_increase(sites, facts.inner_steps, dict(zip(policy.loss_rises, rises, strict=True)), 0.0, facts)
        found.append(effective_compute_share(rise, facts))
    return np.stack(found, axis=1)


def _largest(scenario: Scenario, gpus: Array, reserved: Array) -> Array:
    """Return the largest run by scope: (M, scope, n).

    One site: the best block of one generation, no more of it than is held for training over the whole fleet. Sites
    together: the best of these of each site, with local updates (Douillard et al. 2025), as many sites as make most of
    it; what their higher loss takes doesn't count. Whole fleet: all that is held, as if distance were nothing. A
    failure stops its own block.
    """
    axis, policy = scenario.axis, scenario.training
    peaks = np.array([scenario.devices[g.name].peak_bf16_flops_per_s for g in scenario.fleet.generations])
    seconds = np.diff(axis.edge_days) * SECONDS_PER_DAY
    per_gpu = peaks[:, None, None] * column(policy.mfu_share, 4)
    flop = gpus * per_gpu * seconds * _goodput_share(scenario, gpus)  # (M, G, P, n)
    held = flop.sum(axis=(1, 2)) * reserved
    blocks = largest_run_flop(np.minimum(flop, held[:, None, None]), policy.run_days, axis)  # (M, G, P, n)
    whole = largest_run_flop(held, policy.run_days, axis)
    site = np.moveaxis(blocks.max(axis=1), 1, 0)  # the best block of each place
    number = np.arange(1.0, len(site) + 1)
    counts = _counting_share(policy, number)
    return np.stack([site.max(axis=0), np.minimum(largest_joint_compute(site, counts), whole), whole], axis=1)
