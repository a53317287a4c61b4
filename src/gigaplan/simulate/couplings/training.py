"""Coupling of training to the fleet: runs hold blocks of it, and what it could train at most by when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.node import activity_of, it_w
from gigaplan.simulate.couplings.deadlines import Deadlines, deadlines
from gigaplan.training.capability import eci, eci_interval
from gigaplan.training.inputs import Batch
from gigaplan.training.programme import PlannedRun, Progress, largest_run_flop, progress
from gigaplan.training.reliability import goodput
from gigaplan.training.scaling import parameters_in_range, tokens_in_range
from gigaplan.training.search import Plan, best_layout
from gigaplan.training.sites import best_together, kept_share, loss_rise
from gigaplan.training.step import step
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS

SECONDS_PER_DAY = HOURS * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training does. Shapes: member M, run R, month n, scope S."""

    runs: Progress
    layouts: tuple[Plan, ...]
    """The layout of each run."""
    reserved_share: Array
    """(M, n) share of the fleet held for training and research, its runs at least."""
    spared_share: Array
    """(M, n) share of the fleet by which its runs draw less than racks that are busy all through: what their GPUs move and
    wait in a step."""
    largest_flop: Array
    """(M, S, n) largest run that could end with each month, at one site, at several that train together, over the whole fleet."""
    largest_parameters: Array
    """(M, S, bound, n) size of a compute-optimal model with as much: low, central, high."""
    largest_tokens: Array
    """(M, S, bound, n) its tokens."""
    deadlines: Deadlines
    capability_eci: Array
    """(M, bound, n) capability of the largest run of one site so far: low, central, high; nan before any."""


def train(scenario: Scenario, built: BuildOut) -> Trained:
    """Return how the plan's runs go, what they hold, and the largest run that the fleet could finish by each month."""
    gpus = _gpus(scenario, built)
    blocks = [gpus[:, _generation(scenario, r), built.places.index(r.site)] for r in scenario.training.runs]
    shape = (gpus.shape[0], len(blocks), scenario.axis.months)
    speeds = np.array([tokens_per_s(scenario, r) for r in scenario.training.runs])
    done = progress(
        scenario.training.runs, np.stack(blocks, axis=1) if blocks else np.zeros(shape), speeds, scenario.axis
    )
    held = _held_share(scenario, gpus, done)
    reserved = np.maximum(scenario.training.share, held)
    largest = _largest(scenario, gpus, reserved)
    layouts = tuple(run_plan(scenario, r) for r in scenario.training.runs)
    return Trained(
        runs=done,
        layouts=layouts,
        reserved_share=reserved,
        spared_share=_held_share(
            scenario, gpus, done, 1 - np.array([run_use(scenario, r) for r in scenario.training.runs])
        ),
        largest_flop=largest,
        largest_parameters=np.moveaxis(parameters_in_range(largest, scenario.training.scaling), 0, 2),
        largest_tokens=np.moveaxis(tokens_in_range(largest, scenario.training.scaling), 0, 2),
        deadlines=deadlines(
            scenario.training.runs, done, speeds, blocks, lambda r: tokens_per_s(scenario, r), scenario.axis
        ),
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


def run_plan(scenario: Scenario, run: PlannedRun) -> Plan:
    """Return the fastest layout of a run on the GPUs that it asks for, or why there is none."""
    batch = Batch(
        global_batch_tokens=run.global_batch_tokens, sequence_tokens=run.sequence_tokens, precision=run.precision
    )
    policy = scenario.training
    return best_layout(
        scenario.devices[run.generation], scenario.architectures[run.model], batch, run.gpus, policy.efficiency
    )


def tokens_per_s(scenario: Scenario, run: PlannedRun) -> float:
    """Return the speed of a run on the GPUs that it asks for [token/s], what failures take included."""
    return run_plan(scenario, run).tokens_per_s * float(goodput(run.gpus, scenario.training.reliability).share)


def run_use(scenario: Scenario, run: PlannedRun) -> float:
    """Return how busy racks would be, by the plan's draw curve, that draw as much as those of a run: 1 where no limit of the
    GPUs is known, or nothing fits.

    The draw is that of the run's layout (:mod:`gigaplan.power.node`), the curve runs from idle to busy.
    """
    node, curve, found = scenario.nodes.get(run.generation), scenario.draw, run_plan(scenario, run)
    if node is None or not found.tokens_per_s or curve.busy_share <= curve.idle_share:
        return 1.0
    batch = Batch(
        global_batch_tokens=run.global_batch_tokens, sequence_tokens=run.sequence_tokens, precision=run.precision
    )
    device, model = scenario.devices[run.generation], scenario.architectures[run.model]
    one = step(device, model, batch, found.layout, scenario.training.efficiency)
    rated_w = 1e3 * scenario.fleet.generations[_generation(scenario, run)].it_kw_per_rack
    drawn = float(it_w(activity_of(*one.activity), node, rated_w, scenario.node_draw)[0]) / rated_w
    return float(np.clip((drawn - curve.idle_share) / (curve.busy_share - curve.idle_share), 0.0, 1.0))


def _gpus(scenario: Scenario, built: BuildOut) -> Array:
    """Return the GPUs that are up, mean over the month: (M, G, P, n)."""
    per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations], dtype=float)
    racks = (built.racks_producing[..., :-1] + built.racks_producing[..., 1:]) / 2
    return np.asarray(racks * per_rack[:, None, None] * column(scenario.fleet.ladder.availability, 4))


def _generation(scenario: Scenario, run: PlannedRun) -> int:
    return [g.name for g in scenario.fleet.generations].index(run.generation)


def _held_share(scenario: Scenario, gpus: Array, done: Progress, part: Array | None = None) -> Array:
    """Return the share of the fleet that runs hold, by IT power, as cost is shared, or a part of each: (M, n)."""
    weigh = np.array([g.it_kw_per_rack / g.gpus_per_rack for g in scenario.fleet.generations])
    whole = (gpus.sum(axis=2) * weigh[:, None]).sum(axis=1)
    kw = np.array([weigh[_generation(scenario, r)] for r in scenario.training.runs]).reshape(-1, 1)
    kw = kw if part is None else kw * part.reshape(-1, 1)
    mine = (done.gpus * kw).sum(axis=1)
    return np.asarray(np.minimum(np.divide(mine, whole, out=np.zeros_like(mine), where=whole > 0), 1.0))


def _kept(scenario: Scenario, gpus: Array) -> Array:
    """Return the goodput of a run on so many GPUs; 1 where there are none."""
    return goodput(np.maximum(gpus, 1.0), scenario.training.reliability).share


def _largest(scenario: Scenario, gpus: Array, reserved: Array) -> Array:
    """Return the largest run by scope: (M, scope, n).

    One site: the best block of one generation, no more of it than is held for training over the whole fleet. Sites together:
    the best of these of each site, with local updates (Douillard et al. 2025), as many sites as make most of it; what their
    higher loss takes doesn't count. Whole fleet: all that is held, as if distance were nothing. A failure stops its own block.
    """
    axis, policy = scenario.axis, scenario.training
    peaks = np.array([scenario.devices[g.name].peak_bf16_flops_per_s for g in scenario.fleet.generations])
    seconds = np.diff(axis.edge_days) * SECONDS_PER_DAY
    flop = gpus * (peaks * policy.mfu_share)[:, None, None] * seconds * _kept(scenario, gpus)  # (M, G, P, n)
    held = flop.sum(axis=(1, 2)) * reserved
    blocks = largest_run_flop(np.minimum(flop, held[:, None, None]), policy.run_days, axis)  # (M, G, P, n)
    whole = largest_run_flop(held, policy.run_days, axis)
    site = np.moveaxis(blocks.max(axis=1), 1, 0)  # the best block of each place
    number = np.arange(1.0, len(site) + 1)
    counts = kept_share(
        loss_rise(number, policy.together.inner_steps, dict(policy.loss_rises), 0.0, policy.together), policy.together
    )
    return np.stack([site.max(axis=0), np.minimum(best_together(site, counts), whole), whole], axis=1)
