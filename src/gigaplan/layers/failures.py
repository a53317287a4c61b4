"""What failures leave of one training run: simulated trials with the catalog's rates in their ranges, the best
interval and spares."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from gigaplan.accuracy.residuals import COVERED
from gigaplan.catalog import Catalog
from gigaplan.layers.failure_curves import interval_curve, size_curve, spare_curve, with_best
from gigaplan.layers.failure_options import PLACE, FailureOptions, impossible, read_facts
from gigaplan.plan.resolve import failures_of
from gigaplan.training.inputs import Failures
from gigaplan.training.memory import PARAMETER_BYTES, STATE_BYTES
from gigaplan.training.reliability import (
    SECONDS_PER_DAY,
    SERVER_GPUS,
    Hazards,
    Recovery,
    best_spares,
    expected_share,
    failures_per_s,
    hazards,
)
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.members import Array, triangular
from gigaplan.vocabulary.streams import stream

if TYPE_CHECKING:
    from gigaplan.training.failures import SimulatedRuns

__all__ = ["PLACE", "REASONS", "FailureOptions", "FailureRun", "Range", "read_facts", "run_failures"]

ENTITY = "failures"

BYTES_PER_PARAMETER = PARAMETER_BYTES + STATE_BYTES
"""Of a checkpoint: working copy, FP32 master and two moments."""

CAUSES = {
    "failure_gpu": "GPU",
    "failure_host": "host",
    "failure_network": "network",
    "failure_software": "software",
    "failure_maintenance": "unplanned maintenance",
    "failure_timeout": "time-out without a cause",
}

REASONS = {
    "repeated_s": "work done again",
    "checkpoint_s": "checkpoints",
    "detection_s": "noticing",
    "restart_s": "restarting",
    "waiting_s": "waiting for repairs",
    "outage_s": "outages",
    "planned_s": "planned stops",
    "straggler_s": "stragglers",
    "degraded_s": "missing replicas",
}

SECONDS_PER_MINUTE, SECONDS_PER_HOUR, HOURS_PER_DAY = 60.0, 3600.0, 24.0
DAY_QUANTILES = 21
"""Quantiles of the days that an answer keeps: each 5 %."""
HOPELESS = 0.05
"""Expected goodput below which a run is refused instead of simulated."""

LONGEST = 20.0
"""Times its ideal length after which a run is given up."""

MOST_FAILURES = 3e8
"""Of all trials together: some minutes of one core."""


@dataclass(frozen=True, slots=True)
class Range:
    """Mean of some trials, and quantiles that hold their middle 80 %.

    Only means add up: those of the parts of a time give the mean of the whole, quantiles don't.
    """

    mean: float
    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRun:
    """What trials of a run came to, and what the closed form gives at the central facts.

    A plain number of the trials is their mean, so that figures agree: ``days.mean`` is ``ideal_days`` less
    ``undone_days`` and all ``lost_days`` together; it is also ``interruptions.mean`` times ``mtbf_h``.
    """

    options: FailureOptions
    recovery: Recovery
    unit: str
    units: int
    unit_gpus: int
    groups: int
    spares: int
    interval_s: float
    write_s: float
    """Until a checkpoint is safe."""
    mtbf_h: float
    """Time between two interruptions of the whole run [h]: all time of the trials over all their interruptions; nan
    where there was none."""
    ideal_days: float
    """Time without failures [days]."""
    days: Range
    """From the launch to the last token, or until a trial was given up [days]."""
    goodput_share: Range
    """Ideal time of the work over the time it took; the mean is weighed by time: all work over all time."""
    interruptions: Range
    planned_stops: float
    """Mean number of planned stops."""
    replaced: float
    """Mean number of units taken out for repair."""
    finished_share: float
    """Share of the trials that were done before they were given up."""
    undone_days: float
    """Mean ideal time of the work that was not done where a trial was given up [days]."""
    lost: Range
    """Time that failures cost [days]."""
    lost_days: dict[str, float]
    """Mean of it, by reason [days]."""
    interruptions_by_cause: dict[str, float]
    """Mean number of interruptions, by cause: their mean divided as the central rates are."""
    expected_share: float
    """By the closed form, at the central facts."""
    enough_share: float
    """Share of the trials in which the spares were enough throughout; where it is 1, no trial waited for a repair."""
    gpus_held: int
    """GPUs of the run and of its spares."""
    gpu_hours: float
    """Mean GPU-hours of all GPUs held."""
    day_quantiles: tuple[float, ...]
    """Days at 0, 5, .. 100 % of trials."""
    interval_curve: tuple[tuple[float, float], ...]
    """(interval [s], expected goodput)."""
    spare_curve: tuple[tuple[int, float, float], ...]
    """(spares, expected goodput, probability that they suffice at any one time), by the closed form."""
    size_curve: tuple[tuple[int, float, float, float], ...]
    """(GPUs, expected goodput by restart, elastic, groups of this run's size), each at its best interval and spares."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A run as the simulation sees it."""

    facts: Catalog
    options: FailureOptions
    failures: Failures
    """The catalog's central rates, with those that the options replace."""
    gpus: int
    unit_gpus: int
    groups: int
    state_bytes: float
    ideal_s: float

    def hazards(self, failures: Failures) -> Hazards:
        """Return what hits the run at some rates."""
        return hazards(
            failures,
            gpus=self.gpus,
            unit_gpus=self.unit_gpus,
            state_bytes=self.state_bytes,
            groups=self.groups,
            waits_for_write=self.options.waits_for_write,
        )


def run_failures(
    facts: Catalog,
    options: FailureOptions,
    *,
    gpus: int,
    system: str,
    parameters: float,
    replicas_of_layout: int,
    ideal_s: float,
) -> FailureRun:
    """Return what failures leave of a run.

    Parameters
    ----------
    facts
        The catalog.
    options
        How the run recovers, and how it is simulated.
    gpus, system
        GPUs of the run, and the system that they are of.
    parameters
        Of the model.
    replicas_of_layout
        Data replicas of the layout.
    ideal_s
        Time of the run without failures [s].

    Raises
    ------
    PlanError
        With every impossible number at once; or if the run would hardly ever get on, with what would help.
    """
    if problems := impossible(options, replicas_of_layout, ideal_s):
        raise PlanError(problems)
    run = _Run(
        facts,
        options,
        replace(failures_of(facts), **dict(options.facts)),
        gpus,
        unit_gpus(facts, system),
        options.groups or replicas_of_layout,
        BYTES_PER_PARAMETER * parameters,
        ideal_s,
    )
    central = run.hazards(run.failures)
    drawn = central
    if not options.certain:
        drawn = run.hazards(draws(facts, options.trials, options.seed, **dict(options.facts)))
    drawn = with_best(drawn, options)
    central = replace(central, spares=drawn.spares, interval_s=drawn.interval_s)
    expected = expected_share(central, options.recovery)
    if expected < HOPELESS:
        raise PlanError([_hopeless(central, options, expected)])
    return _answer(run, central, _trials(run, drawn), expected)


def _trials(run: _Run, drawn: Hazards) -> SimulatedRuns:
    """Return the simulated trials of a run."""
    from gigaplan.training.failures import simulate_runs

    options = run.options
    most_s = MOST_FAILURES / (float(np.mean(failures_per_s(drawn))) * options.trials)
    return simulate_runs(
        drawn,
        options.recovery,
        run.ideal_s,
        n_trials=options.trials,
        seed=options.seed,
        limit_s=min(LONGEST * run.ideal_s, max(most_s, 2 * run.ideal_s)),
    )


def unit_gpus(facts: Catalog, system: str) -> int:
    """Return the GPUs that are taken out as one: of a rack that is one scale-up domain, else of a server.

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of a system in the catalog.
    """
    rack = int(facts.find(system, "gpus_per_rack").number)
    domain = int(facts.find(system, "scaleup_gpus").number) if facts.has(system, "scaleup_gpus") else 1
    return rack if rack > SERVER_GPUS and domain >= rack else min(rack, SERVER_GPUS)


def draws(facts: Catalog, n_trials: int, seed: int, **fixed: Array | float) -> Failures:
    """Return the facts drawn from their ranges, one of each for each trial: triangular in the logarithm.

    Parameters
    ----------
    facts
        The catalog.
    n_trials
        Trials.
    seed
        Of the random streams, one for each fact.
    **fixed
        Facts that are not drawn, by name.
    """
    values: dict[str, Array | float] = {}
    for f in fields(Failures):
        fact = facts.find(ENTITY, f.name)
        low, high = fact.low, fact.high
        if f.name in fixed:
            values[f.name] = fixed[f.name]
        elif low is None or high is None:
            values[f.name] = fact.number
        else:
            values[f.name] = log_triangular(stream(seed, fact.id).random(n_trials), low, fact.number, high)
    return Failures(**values)


def log_triangular(unit: Array, low: float, mode: float, high: float) -> Array:
    """Return the triangular distribution's quantiles at ``unit``, in the logarithm of numbers above zero.

    Parameters
    ----------
    unit
        Probabilities, from 0 to 1; any shape.
    low
        Least value.
    mode
        Most likely value.
    high
        Largest value.
    """
    return np.asarray(np.exp(triangular(unit, *(float(np.log(v)) for v in (low, mode, high)))))


def _hopeless(h: Hazards, options: FailureOptions, expected: float) -> Problem:
    """Return that a run would hardly ever get on, and what would help."""
    minutes = 1 / float(np.mean(failures_per_s(h))) / SECONDS_PER_MINUTE
    best = replace(h, spares=best_spares(h, options.recovery))
    if options.spares is not None and expected_share(best, options.recovery) >= HOPELESS:
        cure = "give more --spares, or leave it out for the best number"
    elif options.recovery != "groups":
        cure = "let groups restart by themselves (--groups N)"
    else:
        cure = "take fewer GPUs"
    restart = float(np.mean(h.restart_s)) / SECONDS_PER_MINUTE
    return Problem(
        f"failures leave {expected:.1%} of the time: one comes every {minutes:,.1f} min, "
        f"and coming back takes {restart:,.0f} min and more",
        PLACE,
        value=f"{int(np.mean(h.units)):,} units, {int(np.mean(h.spares)):,} spares, recovery by {options.recovery}",
        remedy=cure,
    )


def _answer(run: _Run, h: Hazards, trials: SimulatedRuns, expected: float) -> FailureRun:
    """Return what the trials came to, and what the closed form gives for the central facts."""
    options, size = run.options, {"gpus": run.gpus, "unit_gpus": run.unit_gpus, "state_bytes": run.state_bytes}
    days, done = trials.wall_s / SECONDS_PER_DAY, trials.useful_s / SECONDS_PER_DAY
    spares, units = int(np.mean(h.spares)), int(np.mean(h.units))
    held, interruptions = run.gpus + spares * run.unit_gpus, float(trials.interruptions.mean())
    write_bytes_per_s = run.gpus * float(np.mean(run.failures.checkpoint_bandwidth_bytes_per_s))
    return FailureRun(
        options=options,
        recovery=options.recovery,
        unit="rack" if run.unit_gpus > SERVER_GPUS else "server",
        units=units,
        unit_gpus=run.unit_gpus,
        groups=run.groups,
        spares=spares,
        interval_s=float(np.mean(h.interval_s)),
        write_s=run.state_bytes / write_bytes_per_s,
        mtbf_h=HOURS_PER_DAY * float(days.mean()) / interruptions if interruptions else math.nan,
        ideal_days=run.ideal_s / SECONDS_PER_DAY,
        days=_range(days),
        goodput_share=replace(_range(trials.goodput_share), mean=float(done.mean() / days.mean())),
        interruptions=_range(trials.interruptions),
        planned_stops=float(trials.planned_stops.mean()),
        replaced=float(trials.replaced.mean()),
        finished_share=float(trials.finished.mean()),
        undone_days=max(run.ideal_s / SECONDS_PER_DAY - float(done.mean()), 0.0),
        lost=_range(days - done),
        lost_days={k: float(getattr(trials, k).mean()) / SECONDS_PER_DAY for k in REASONS},
        interruptions_by_cause=_by_cause(run.facts, h, interruptions),
        expected_share=expected,
        enough_share=float((trials.min_spares >= 0).mean()),
        gpus_held=held,
        gpu_hours=HOURS_PER_DAY * float(days.mean()) * held,
        day_quantiles=tuple(float(q) for q in np.quantile(days, np.linspace(0, 1, DAY_QUANTILES))),
        interval_curve=interval_curve(h, options.recovery),
        spare_curve=spare_curve(h, options.recovery),
        size_curve=size_curve(run.failures, size, run.groups),
    )


def _range(values: Array) -> Range:
    p10, p50, p90 = (float(q) for q in np.quantile(values, (COVERED[0], 0.5, COVERED[1])))
    return Range(float(values.mean()), p10, p50, p90)


def _by_cause(facts: Catalog, h: Hazards, interruptions: float) -> dict[str, float]:
    """Return the interruptions by cause: those of servers as Llama 3's were, those of racks and outages by their own
    rates."""
    whole = float(np.mean(failures_per_s(h)))
    racks = float(np.mean(h.units * np.asarray(h.rack_failures_per_s))) / whole
    out = float(np.mean(h.outages_per_s)) / whole
    counted = {word: facts.find(e, "failure_share").number for e, word in CAUSES.items()}
    of_servers = (1 - racks - out) / sum(counted.values())  # as published they add up to one but for rounding
    found = {word: share * of_servers for word, share in counted.items()} | {"whole rack": racks, "outage": out}
    return {word: share * interruptions for word, share in found.items()}
