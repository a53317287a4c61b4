"""The events of a simulated training run, one function each, compiled by numba.

A run is a record of counts (units that run, stand by or are in repair; checkpoints by how safe they are), a trial a
sequence of events drawn by the next of several exponential clocks (Gillespie 1977, J. Phys. Chem. 81, 2340). Units of a
kind are exchangeable, so that counts are enough: work grows with the number of events, not with the number of units.
Between two events training and checkpoints alternate and are added up at once.

Records are those of :mod:`gigaplan.training.failure_records`. All that the compiled code
fixes (states, rates) stands here: numba compiles anew when this file changes, not when another one does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gigaplan.compute.compiled import compiled, part
from gigaplan.training.failure_records import Constants, Run, Totals

RESTART, ELASTIC, GROUPS = 0, 1, 2
"""How a run recovers, see :data:`gigaplan.training.reliability.Recovery`."""
TRAINING, LACKING_UNITS, RESTARTING, STOPPED, IN_OUTAGE = 0.0, 1.0, 2.0, 3.0, 4.0
"""What a run does: it trains, waits for a unit, restarts, is stopped on purpose, or is held by an outage."""


class Rates(NamedTuple):
    """Rates of the events that may come next [1/s], each added to those before it.

    A number drawn evenly between 0 and ``total`` so finds each event as often as its rate says.
    """

    unit_failure: float
    any_failure: float
    outage: float
    repair: float
    rack_repair: float
    group_back: float
    straggler_back: float
    new_lemon: float
    planned_stop: float
    total: float


@part
def _train(p: Constants, run: Run, time_s: float, speed: float) -> float:
    """Let training and checkpoints alternate for some time and return the part of it in training [s].

    Cycles that are whole are added at once: each of ``interval_s`` of training and a stop of ``checkpoint_stop_s``. At
    the end of a stop the work of the cycle is written, and that of the cycle before is safe.
    """
    left_s = time_s
    trained_s = min(left_s, max(p.interval_s - run.cycle_s, 0.0))
    run.cycle_s += trained_s
    run.fresh_s += trained_s * speed
    left_s -= trained_s
    if left_s <= 0:
        return trained_s
    cycle_s = p.interval_s + p.checkpoint_stop_s
    rest_s = cycle_s - run.cycle_s
    if left_s < rest_s:
        run.cycle_s += left_s
        return trained_s
    left_s -= rest_s
    run.safe_s += run.written_s
    run.written_s = run.fresh_s
    cycles = np.floor(left_s / cycle_s)
    if cycles > 0:
        run.safe_s += run.written_s + (cycles - 1) * p.interval_s * speed
        run.written_s = p.interval_s * speed
        left_s -= cycles * cycle_s
        trained_s += cycles * p.interval_s
    run.cycle_s = left_s
    run.fresh_s = min(left_s, p.interval_s) * speed
    return trained_s + min(left_s, p.interval_s)


@part
def _time_to_train(p: Constants, run: Run, training_s: float) -> float:
    """Return the time until so much more training is done [s], checkpoints on the way included."""
    first_s = max(p.interval_s - run.cycle_s, 0.0)
    if training_s <= first_s:
        return training_s
    rest_s = training_s - first_s
    stop_s = p.interval_s + p.checkpoint_stop_s - max(run.cycle_s, p.interval_s)
    stops = float(max(np.ceil(rest_s / p.interval_s) - 1, 0.0))
    return first_s + stop_s + rest_s + p.checkpoint_stop_s * stops


@part
def _groups_of(p: Constants, units: float) -> float:
    """Return the groups that so many missing units take out."""
    return float(np.ceil(units / p.group_units))


@part
def _event_rates(p: Constants, run: Run) -> Rates:
    """Return the rates of the events that may come next."""
    running = run.healthy + run.lemons
    idle = run.state in (LACKING_UNITS, IN_OUTAGE)  # units that do nothing don't fail
    unit_failure = 0.0 if idle else (run.healthy + p.lemon_multiple * run.lemons) * p.unit_failures_per_s
    any_failure = unit_failure + (0.0 if idle else running * p.rack_failures_per_s)
    outage = any_failure + (0.0 if run.state == IN_OUTAGE else p.outages_per_s)
    repair = outage + run.in_repair * p.repairs_per_s
    rack_repair = repair + run.racks_in_repair * p.rack_repairs_per_s
    group_back = rack_repair + run.groups_restarting * p.group_restarts_per_s
    straggler_back = group_back + run.stragglers * p.straggler_ends_per_s
    new_lemon = straggler_back + run.healthy * p.new_lemons_per_s
    total = new_lemon
    if run.state == TRAINING:
        total += running * p.stragglers_per_s + p.planned_per_s
    return Rates(
        unit_failure,
        any_failure,
        outage,
        repair,
        rack_repair,
        group_back,
        straggler_back,
        new_lemon,
        new_lemon + p.planned_per_s,
        total,
    )


@part
def _capacity_share(p: Constants, run: Run) -> float:
    """Return the share of the run's groups that train."""
    missing = p.units - (run.healthy + run.lemons)
    return max(1 - (_groups_of(p, missing) + run.groups_restarting) * p.group_share, 0.0)


@part
def _pass_time(p: Constants, run: Run, totals: Totals, time_s: float, capacity: float, speed: float) -> None:
    """Let some time pass in the run's state and book it where it belongs."""
    run.now_s += time_s
    if run.state == TRAINING:
        trained_s = _train(p, run, time_s, speed)
        totals.checkpoint_s += time_s - trained_s
        totals.degraded_s += trained_s * (1 - capacity)
        totals.straggler_s += trained_s * (capacity - speed)
        return
    if run.state == IN_OUTAGE:
        totals.outage_s += time_s
    elif run.state == STOPPED:
        totals.planned_s += time_s
    else:  # a failure is first noticed; what follows is a restart, or a wait for a unit
        unnoticed_s = min(time_s, run.unnoticed_s)
        totals.detection_s += unnoticed_s
        run.unnoticed_s -= unnoticed_s
        if run.state == RESTARTING:
            totals.restart_s += time_s - unnoticed_s
        else:
            totals.waiting_s += time_s - unnoticed_s
    if run.state != LACKING_UNITS:
        run.state_ends_s -= time_s


@part
def _state_ends(p: Constants, run: Run, recovery: int) -> None:
    """Let the run's state end by itself: after an outage it restarts, if it has its units; else it trains."""
    if run.state != IN_OUTAGE:
        run.state = TRAINING
        return
    run.state, run.state_ends_s = RESTARTING, p.restart_s
    if recovery == RESTART and run.healthy + run.lemons < p.units:
        run.state = LACKING_UNITS


@part
def _fall_back(p: Constants, run: Run, totals: Totals) -> None:
    """Throw the run back to its last safe checkpoint."""
    if run.cycle_s >= p.safe_after_s:
        run.safe_s += run.written_s
    else:
        totals.repeated_s += run.written_s
    totals.repeated_s += run.fresh_s
    run.cycle_s = run.fresh_s = run.written_s = 0.0


@part
def _stop_on_purpose(run: Run, time_s: float) -> None:
    """Stop the run after a checkpoint of all its work, for some time [s]."""
    run.safe_s += run.fresh_s + run.written_s
    run.cycle_s = run.fresh_s = run.written_s = 0.0
    run.state, run.state_ends_s = STOPPED, time_s


@part
def _take_out_unit(p: Constants, run: Run, is_lemon: bool) -> None:
    """Take a unit that failed out of the run, into repair."""
    run.in_repair += 1
    if is_lemon:
        run.lemons -= 1
        run.lemons_in_repair += 1
    else:
        run.healthy -= 1


@part
def _take_out_rack(rng: Any, p: Constants, run: Run) -> float:
    """Take the units of a rack that failed out of the run, into repair, and return their number."""
    units = min(p.rack_units, run.healthy + run.lemons)
    for _ in range(int(units)):
        if rng.random() * (run.healthy + run.lemons) < run.lemons:
            run.lemons -= 1
            run.rack_lemons_in_repair += 1
        else:
            run.healthy -= 1
    run.racks_in_repair += units
    return units


@part
def _units_fail(rng: Any, p: Constants, run: Run, totals: Totals, recovery: int, rates: Rates, drawn: float) -> None:
    """Let a unit or a rack fail: what is broken goes into repair, and the run or its group restarts."""
    totals.interruptions += 1
    missing = p.units - (run.healthy + run.lemons)
    out = 0.0
    if drawn >= rates.unit_failure:
        out = _take_out_rack(rng, p, run)
    elif rng.random() < p.replaced_share:
        out = 1.0
        _take_out_unit(p, run, drawn < p.lemon_multiple * run.lemons * p.unit_failures_per_s)
    totals.replaced += out
    lacking = p.units - run.healthy - run.lemons - run.spares
    if recovery == GROUPS:
        run.state_ends_s = p.stall_s if run.state == TRAINING else max(run.state_ends_s, p.stall_s)
        run.state = RESTARTING
        # A group that lacks units gives its others to those that fail after it.
        more = _groups_of(p, max(lacking, 0.0)) - _groups_of(p, missing)
        run.groups_restarting += max(max(_groups_of(p, out), 1.0) - more, 0.0)
        return
    run.unnoticed_s = p.hang_detection_s if rng.random() < p.hang_share else p.detection_s
    run.state, run.state_ends_s = RESTARTING, run.unnoticed_s + p.restart_s
    if recovery == RESTART and run.healthy + run.lemons + run.spares < p.units:
        run.state = LACKING_UNITS
    _fall_back(p, run, totals)


@part
def _outage_begins(rng: Any, p: Constants, run: Run, totals: Totals) -> None:
    """Let an outage stop the whole run for an exponential time."""
    totals.interruptions += 1
    run.unnoticed_s = 0.0
    run.state, run.state_ends_s = IN_OUTAGE, rng.exponential() * p.outage_s
    _fall_back(p, run, totals)


@part
def _repair_ends(rng: Any, p: Constants, run: Run, recovery: int, rates: Rates, drawn: float, capacity: float) -> None:
    """Let a repair end: the unit stands by, or a run that lacks it goes on."""
    if drawn < rates.repair:
        is_lemon = rng.random() * run.in_repair < run.lemons_in_repair
        run.in_repair -= 1
        run.lemons_in_repair -= 1.0 if is_lemon else 0.0
    else:
        is_lemon = rng.random() * run.racks_in_repair < run.rack_lemons_in_repair
        run.racks_in_repair -= 1
        run.rack_lemons_in_repair -= 1.0 if is_lemon else 0.0
    run.spares += 1
    if is_lemon and rng.random() >= p.lemon_found_share:
        run.spare_lemons += 1
    running = run.healthy + run.lemons
    missing = p.units - running
    if not running < p.units:
        return
    if recovery == GROUPS:
        run.groups_restarting += _groups_of(p, missing) - _groups_of(p, missing - 1)
    elif run.state == LACKING_UNITS and running + run.spares >= p.units:
        run.state, run.state_ends_s = RESTARTING, run.unnoticed_s + p.restart_s
    elif recovery == ELASTIC and run.state == TRAINING and p.restart_s * rates.outage < 1 - capacity:
        # a replica more is worth a restart while failures are rarer than that
        _stop_on_purpose(run, p.checkpoint_stop_s + p.restart_s)


@part
def _next_event(rng: Any, p: Constants, run: Run, totals: Totals, recovery: int, rates: Rates, capacity: float) -> None:
    """Draw the event that comes next and let it happen."""
    drawn = rng.random() * rates.total
    if drawn < rates.any_failure:
        _units_fail(rng, p, run, totals, recovery, rates, drawn)
    elif drawn < rates.outage:
        _outage_begins(rng, p, run, totals)
    elif drawn < rates.rack_repair:
        _repair_ends(rng, p, run, recovery, rates, drawn, capacity)
    elif drawn < rates.group_back:
        run.groups_restarting -= 1
    elif drawn < rates.straggler_back:
        run.stragglers -= 1
    elif drawn < rates.new_lemon:
        run.healthy -= 1
        run.lemons += 1
    elif drawn < rates.planned_stop:
        totals.planned_stops += 1
        _stop_on_purpose(run, p.checkpoint_stop_s + p.planned_s)
    else:
        run.stragglers += 1


@part
def _spares_step_in(rng: Any, p: Constants, run: Run, recovery: int) -> None:
    """Let spares take free places; an elastic run takes them in when it stands anyway."""
    if recovery == ELASTIC and run.state == TRAINING:
        return
    while run.spares > 0 and run.healthy + run.lemons < p.units:
        if run.spare_lemons > 0 and rng.random() * run.spares < run.spare_lemons:
            run.spare_lemons -= 1
            run.lemons += 1
        else:
            run.healthy += 1
        run.spares -= 1


def launch(rng: np.random.Generator, p: np.void, run: np.void) -> None:
    """Put units to work and draw the lemons among them and among the spares (binomial).

    It is not compiled: compiling the binomial distribution would take as long as half of all the rest.

    Parameters
    ----------
    rng : numpy.random.Generator
        Stream of the trial.
    p : numpy.void
        Constants of the trial, a record of :class:`Constants`.
    run : numpy.void
        State of the run, a record of :class:`Run`, all zero; it is changed in place.
    """
    units, spares, lemon_share = p["units"], p["spares"], p["lemon_share"]
    if lemon_share > 0:
        run["lemons"] = rng.binomial(int(units), lemon_share)
        if spares > 0:
            run["spare_lemons"] = rng.binomial(int(spares), lemon_share)
    run["healthy"], run["spares"] = units - run["lemons"], spares
    run["state"] = TRAINING


@compiled
def trial(
    rng: Any, k: int, constants: Any, runs: Any, all_totals: Any, recovery: int, work_s: float, limit_s: float
) -> None:
    """Simulate one run that was launched, until its last token or to the limit.

    Parameters
    ----------
    rng : numpy.random.Generator
        Stream of the trial.
    k : int
        Index of the trial.
    constants : numpy.ndarray
        Records of :class:`Constants`, shape (trial,).
    runs : numpy.ndarray
        Records of :class:`Run` as :func:`launch` leaves them, shape (trial,); that of the trial is changed in place.
    all_totals : numpy.ndarray
        Records of :class:`Totals`, all zero, shape (trial,); that of the trial is filled in place.
    recovery : int
        ``RESTART``, ``ELASTIC`` or ``GROUPS``.
    work_s : float
        Ideal time of all work [s].
    limit_s : float
        Time after the launch at which the trial ends, done or not [s].
    """
    p: Constants
    run: Run
    totals: Totals
    p, run, totals = constants[k], runs[k], all_totals[k]
    totals.min_spares = run.spares
    while run.now_s < limit_s:
        rates = _event_rates(p, run)
        capacity = speed = 1.0
        ends_s = np.inf if run.state == LACKING_UNITS else run.state_ends_s
        if run.state == TRAINING:
            capacity = _capacity_share(p, run)
            speed = capacity * (p.straggler_speed_share if run.stragglers > 0 else 1.0)
            left_s = work_s - run.fresh_s - run.written_s - run.safe_s
            ends_s = _time_to_train(p, run, left_s / speed) if speed > 0 else np.inf
        wait_s = rng.exponential() / rates.total if rates.total > 0 else np.inf
        _pass_time(p, run, totals, min(wait_s, ends_s, limit_s - run.now_s), capacity, speed)
        if run.now_s >= limit_s:
            break
        if ends_s > wait_s:
            _next_event(rng, p, run, totals, recovery, rates, capacity)
        elif run.state == TRAINING:  # the last token
            break
        else:
            _state_ends(p, run, recovery)
        _spares_step_in(rng, p, run, recovery)
        totals.min_spares = min(totals.min_spares, run.spares - (p.units - run.healthy - run.lemons))
    totals.wall_s = run.now_s
    totals.useful_s = run.fresh_s + run.written_s + run.safe_s
