"""A training run failure by failure, from launch to the last token, many lives at once (Monte Carlo, compiled by numba).

States follow each other by the next of several exponential clocks (Gillespie 1977): a unit fails (a lemon more often), a rack
fails, an outage hits the whole run, a repair ends, a slow spell begins or ends, a stop is due. Units of a kind are exchangeable, so
counts are enough: work grows with the number of events, not with the number of units. Between two events training and checkpoints
alternate and are added up at once. Closed forms of the same: :mod:`gigaplan.training.reliability`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numba import njit

from gigaplan.training.reliability import Hazards, Recovery
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.streams import stream

RECOVERIES: tuple[Recovery, ...] = ("restart", "elastic", "groups")
RESTART, ELASTIC, GROUPS = range(3)
(
    WALL,
    USEFUL,
    REPEATED,
    SLOW,
    SHORT,
    CHECKPOINT,
    DETECTION,
    RESTARTING,
    WAITING,
    PLANNED,
    OUTAGE,  # as in SimulatedRuns
    INTERRUPTIONS,
    PLANNED_STOPS,
    REPLACED,
    LEAST_SPARES,
) = range(15)  # columns of what one simulated run gives
RUNNING, LACKING, LOADING, STOPPED, OUT = range(5)
"""What the run does: trains, waits for a unit, restarts, is stopped on purpose, is held by an outage."""


@dataclass(frozen=True, slots=True)
class SimulatedRuns:
    """Simulated runs, one entry for each; the parts of the time add up to ``wall_s``."""

    wall_s: Array
    """From launch to the last token, or to the limit."""
    useful_s: Array
    """Ideal time of the work that was kept."""
    repeated_s: Array
    """Training lost with what was not yet safe."""
    slow_s: Array
    """Lost to stragglers."""
    short_s: Array
    """Lost to missing replicas or groups."""
    checkpoint_s: Array
    detection_s: Array
    restart_s: Array
    """Localising, replacing, loading; with groups, the time that the others stand."""
    waiting_s: Array
    """For a repair, where no spare is left."""
    planned_s: Array
    outage_s: Array
    interruptions: Array
    """Unexpected ones."""
    planned_stops: Array
    replaced: Array
    """Units taken out for repair."""
    least_spares: Array
    """Spares left at the worst moment."""
    finished: Array
    """1 where the work was done within the limit."""

    @property
    def goodput_share(self) -> Array:
        """Ideal time of the work over the time it took."""
        return self.useful_s / self.wall_s


def simulate_runs(
    hazards: Hazards, recovery: Recovery, work_s: float, *, replicas: int, seed: int, limit_s: float = np.inf
) -> SimulatedRuns:
    """Return lives of a run that takes ``work_s`` where nothing ever fails.

    Each life has its own random stream, so the first lives stay the same when more are asked for.

    Parameters
    ----------
    hazards : each a number, or one for each life
    work_s : ideal time of all work [s]; infinite with a ``limit_s`` to watch a run for so long
    replicas : lives
    seed : the same seed gives the same lives, byte for byte
    limit_s : wall clock at which a life ends, done or not [s]
    """
    if not (np.isfinite(work_s) or np.isfinite(limit_s)):
        raise InputError(f"a run needs an end: work of {work_s} s and a limit of {limit_s} s; give one of the two")
    table = hazards.matrix(replicas)
    found = np.zeros((replicas, LEAST_SPARES + 1))
    mode = RECOVERIES.index(recovery)
    for k in range(replicas):
        _life(stream(seed, f"training life {k}"), tuple(table[k].tolist()), mode, work_s, limit_s, found[k])
    done = (found[:, USEFUL] >= work_s * (1 - 1e-9)).astype(float)
    names = [f.name for f in fields(SimulatedRuns)]
    return SimulatedRuns(**{n: found[:, k].copy() for k, n in enumerate(names[:-1])}, finished=done)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile; kept on disk where some folder can be written."""
    try:
        return cast(Callable[..., Any], njit(cache=True, error_model="numpy")(function))
    except RuntimeError:  # no folder to keep it in
        return cast(Callable[..., Any], njit(error_model="numpy")(function))


def _train_plain(
    left: float, speed: float, t: float, c: float, place: float, fresh: float, written: float, safe: float
) -> tuple[float, float, float, float, float]:
    """Let training (t) and checkpoints (c) alternate for some seconds.

    ``place`` is where in the cycle; work is ``fresh``, being ``written``, or ``safe``. Return these four and the time in training.
    """
    trained = min(left, max(t - place, 0.0))
    place += trained
    fresh += trained * speed
    left -= trained
    if left > 0:
        rest = t + c - place
        if left < rest:
            return place + left, fresh, written, safe, trained
        left -= rest
        safe += written
        written = fresh
        cycles = np.floor(left / (t + c))
        if cycles > 0:
            safe += written + (cycles - 1) * t * speed
            written = t * speed
            left -= cycles * (t + c)
            trained += cycles * t
        place = left
        fresh = min(left, t) * speed
        trained += min(left, t)
    return place, fresh, written, safe, trained


def _until_done_plain(need: float, place: float, t: float, c: float) -> float:
    """Return the wall time until so much more training is done, checkpoints on the way included."""
    first = max(t - place, 0.0)
    if need <= first:
        return need
    rest = need - first
    return float(first + (t + c - max(place, t)) + rest + c * max(np.ceil(rest / t) - 1, 0.0))


_train = _compiled(_train_plain)
_until_done = _compiled(_until_done_plain)


def _life_plain(rng: Any, p: tuple[float, ...], mode: int, work: float, limit: float, out: Array) -> None:  # noqa: PLR0915
    (
        units,
        spares,
        unit_rate,
        replaced,
        rack_rate,
        rack_units,
        outage_rate,
        outage_s,
        notice_s,
        hang,
        hang_s,
        load_s,
        stall_s,
        repair_s,
        rack_repair_s,
        lemons,
        times,
        found,
        slow_rate,
        slow_s,
        slow_speed,
        planned_rate,
        planned_s,
        stop_s,
        lag_s,
        interval_s,
        group,
    ) = p
    lag = min(lag_s, interval_s + stop_s)
    of_group = group * units
    per_repair, per_back, per_spell = 1 / repair_s, 1 / rack_repair_s, 1 / slow_s
    per_recovery = 1 / (notice_s + hang * (hang_s - notice_s) + load_s)
    ageing = lemons / max(1 - lemons, 1e-9) * times * unit_rate * replaced * found  # lemons arise as they are found
    bad = float(rng.binomial(int(units), lemons)) if lemons > 0 else 0.0
    bad_spare = float(rng.binomial(int(spares), lemons)) if lemons > 0 and spares > 0 else 0.0
    good, spare = units - bad, spares  # running; standing by, lemons included
    repair = bad_repair = rack = bad_rack = 0.0  # in repair, after a failure of their own or of a rack; lemons of these
    recovering = spells = 0.0  # groups that restart alone, slow spells
    place = fresh = written = safe = 0.0
    repeated = slow = short = checkpoint = detection = restarting = waiting = planned = outage = 0.0
    interruptions = stops = taken = 0.0
    least = spares
    state, left, noticing = RUNNING, 0.0, 0.0
    now = 0.0
    while now < limit:
        up = good + bad
        idle = state in (LACKING, OUT)
        r_fail = 0.0 if idle else (good + times * bad) * unit_rate
        r_unit = r_fail + (0.0 if idle else up * rack_rate)
        r_stop = r_unit + (0.0 if state == OUT else outage_rate)
        r_repair = r_stop + repair * per_repair
        r_back = r_repair + rack * per_back
        r_alone = r_back + recovering * per_recovery
        r_quick = r_alone + spells * per_spell
        r_age = r_quick + good * ageing
        rate = r_age
        until = left
        speed = share = 1.0
        if state == RUNNING:
            share = max(1 - (np.ceil((units - up) / of_group) + recovering) * group, 0.0)
            speed = share * (slow_speed if spells > 0 else 1.0)
            rate += up * slow_rate + planned_rate
            need = work - fresh - written - safe
            until = _until_done(need / speed, place, interval_s, stop_s) if speed > 0 else np.inf
        elif state == LACKING:
            until = np.inf
        wait = rng.exponential() / rate if rate > 0 else np.inf
        step = min(wait, until, limit - now)
        now += step
        if state == RUNNING:
            place, fresh, written, safe, trained = _train(step, speed, interval_s, stop_s, place, fresh, written, safe)
            checkpoint += step - trained
            short += trained * (1 - share)
            slow += trained * (share - speed)
        elif state == LOADING:
            seen = min(step, noticing)
            detection += seen
            noticing -= seen
            restarting += step - seen
            left -= step
        elif state == LACKING:
            seen = min(step, noticing)
            detection += seen
            noticing -= seen
            waiting += step - seen
        elif state == STOPPED:
            planned += step
            left -= step
        else:
            outage += step
            left -= step
        if now >= limit:
            break
        lost = False
        if until <= wait:  # what goes on ends by itself
            if state == RUNNING:
                break
            if state == OUT:
                state, left = LOADING, load_s
                if mode == RESTART and up < units:
                    state = LACKING
            else:
                state = RUNNING
        else:
            u = rng.random() * rate
            if u < r_unit:
                interruptions += 1
                hit = 0.0
                if u >= r_fail:
                    hit = min(rack_units, up)
                    for _ in range(int(hit)):
                        if rng.random() * (good + bad) < bad:
                            bad -= 1
                            bad_rack += 1
                        else:
                            good -= 1
                    rack += hit
                elif rng.random() < replaced:
                    hit = 1.0
                    repair += 1
                    if u < times * bad * unit_rate:
                        bad -= 1
                        bad_repair += 1
                    else:
                        good -= 1
                taken += hit
                if mode == GROUPS:
                    left = stall_s if state == RUNNING else max(left, stall_s)
                    state = LOADING
                    # A group that lacks units gives its others to those that fail after it.
                    lacking = np.ceil(max(units - good - bad - spare, 0.0) / of_group) - np.ceil(
                        (units - up) / of_group
                    )
                    recovering += max(max(np.ceil(hit / of_group), 1.0) - lacking, 0.0)
                else:
                    lost = True
                    noticing = hang_s if rng.random() < hang else notice_s
                    state, left = LOADING, noticing + load_s
                    if mode == RESTART and good + bad + spare < units:
                        state = LACKING
            elif u < r_stop:
                interruptions += 1
                lost = True
                noticing = 0.0
                state, left = OUT, rng.exponential() * outage_s
            elif u < r_back:
                if u < r_repair:
                    is_bad = rng.random() * repair < bad_repair
                    repair -= 1
                    bad_repair -= 1.0 if is_bad else 0.0
                else:
                    is_bad = rng.random() * rack < bad_rack
                    rack -= 1
                    bad_rack -= 1.0 if is_bad else 0.0
                spare += 1
                if is_bad and rng.random() >= found:
                    bad_spare += 1
                if up < units:
                    if mode == GROUPS:
                        recovering += np.ceil((units - up) / of_group) - np.ceil((units - up - 1) / of_group)
                    elif state == LACKING and up + spare >= units:
                        state, left = LOADING, noticing + load_s
                    elif mode == ELASTIC and state == RUNNING and load_s * r_stop < 1 - share:
                        # a replica more is worth a restart while failures are rarer than that
                        safe += fresh + written
                        place = fresh = written = 0.0
                        state, left = STOPPED, stop_s + load_s
            elif u < r_alone:
                recovering -= 1
            elif u < r_quick:
                spells -= 1
            elif u < r_age:
                good -= 1
                bad += 1
            elif u < r_age + planned_rate:
                stops += 1
                safe += fresh + written
                place = fresh = written = 0.0
                state, left = STOPPED, stop_s + planned_s
            else:
                spells += 1
        if lost:
            if place >= lag:
                safe += written
            else:
                repeated += written
            repeated += fresh
            place = fresh = written = 0.0
        # Spares take free places; an elastic run takes them in when it stands anyway.
        if spare > 0 and good + bad < units and not (mode == ELASTIC and state == RUNNING):
            while spare > 0 and good + bad < units:
                if bad_spare > 0 and rng.random() * spare < bad_spare:
                    bad_spare -= 1
                    bad += 1
                else:
                    good += 1
                spare -= 1
        least = min(least, spare - (units - good - bad))
    out[WALL], out[USEFUL], out[REPEATED], out[SLOW], out[SHORT] = now, fresh + written + safe, repeated, slow, short
    out[CHECKPOINT], out[DETECTION], out[RESTARTING], out[WAITING] = checkpoint, detection, restarting, waiting
    out[PLANNED], out[OUTAGE], out[INTERRUPTIONS], out[PLANNED_STOPS] = planned, outage, interruptions, stops
    out[REPLACED], out[LEAST_SPARES] = taken, least


_life = _compiled(_life_plain)
