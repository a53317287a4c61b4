"""What failures leave of a synchronous run, in closed form: goodput, the best interval between checkpoints, spares.

The same hazards go through every failure one by one in :mod:`gigaplan.training.failures`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from gigaplan.training.inputs import Failures, Reliability
from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.time import HOURS

SECONDS_PER_DAY = HOURS * 3600.0
DALY_SECOND_ORDER = 9
"""Divisor of the second-order term in Daly's (2006) best interval."""
LONGEST_INTERVAL_S = SECONDS_PER_DAY
"""A checkpoint is written once a day at least, whatever failures cost."""
LARGE = 1e250
"""Weights above it are scaled down; those of states that are never met vanish."""
SOME = 32
"""Replicas over which the number of spares is chosen."""
TAIL_SIZES = 12
"""Standard deviations of the number in repair up to which its distribution is followed."""
SERVER_GPUS = 8
"""GPUs of a server, in which rates per server are told."""
Recovery = Literal["restart", "elastic", "groups"]
"""What happens when a server fails.

``restart``: all stop, a spare takes its place (or all wait for a repair), all load the last checkpoint. ``elastic``: the
same, but without a spare they go on with a data replica less. ``groups``: the group that it belongs to restarts alone and takes
its state from its peers, the others stand for a moment and go on (fault-tolerant data parallelism).
"""


@dataclass(frozen=True, slots=True)
class Goodput:
    """Shapes: as the number of GPUs."""

    share: Array
    """Time that makes progress over all time."""
    interval_s: Array
    """Work between two checkpoints."""
    mtbf_s: Array
    """Mean time between interruptions of the whole run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazards:
    """What can stop a run, how often, and what each stop costs; each a number, or one for each replica of a simulation.

    A unit is what is taken out and replaced as one: a server of eight GPUs, or a rack that is one scale-up domain.
    """

    units: Uncertain
    """Units that the run needs."""
    spares: Uncertain
    """Units that stand by."""
    unit_failures_per_s: Uncertain
    """Failures of one healthy unit that stop the run."""
    replaced_share: Uncertain
    """Share of these after which the unit is taken out for repair; the rest (software, time-outs) needs a restart only."""
    rack_failures_per_s: Uncertain
    """Failures per unit that take ``rack_units`` at once."""
    rack_units: Uncertain
    outages_per_s: Uncertain
    """What hits the whole run whatever its size: storage, scheduler, services."""
    outage_s: Uncertain
    """Mean time until that is over (exponential)."""
    detection_s: Uncertain
    """Until a failure is noticed."""
    hang_share: Uncertain
    """Share of failures that show as a hang only."""
    hang_detection_s: Uncertain
    """Until a hang is noticed: the time-out of collectives."""
    restart_s: Uncertain
    """From there to the first new step: localise, replace, load, warm up."""
    stall_s: Uncertain
    """Time that other groups stand when one fails (``groups``)."""
    repair_s: Uncertain
    """Mean time of a unit's repair (exponential)."""
    rack_repair_s: Uncertain
    """The same after a failure of a whole rack."""
    lemon_share: Uncertain
    """Share of units that fail ``lemon_multiple`` times as often as healthy ones."""
    lemon_multiple: Uncertain
    lemon_found_share: Uncertain
    """Share of a lemon's repairs that find and mend it. As many units turn into lemons as are found at ``lemon_share``."""
    stragglers_per_s: Uncertain
    """Spells of a unit that hold all others up (stragglers)."""
    straggler_s: Uncertain
    """Mean length of a spell (exponential)."""
    straggler_speed_share: Uncertain
    """Speed of the run while one lasts, over its full speed."""
    planned_per_s: Uncertain
    """Stops that are wanted: new code, data, firmware."""
    planned_s: Uncertain
    """What such a stop takes beside its checkpoint."""
    checkpoint_stop_s: Uncertain
    """Time that a checkpoint stops training."""
    checkpoint_lag_s: Uncertain
    """From there until it is safe, while training goes on; 0 where training waits for the write."""
    interval_s: Uncertain
    """Training between two checkpoints."""
    group_share: Uncertain
    """Share of the run's speed that is lost with a group or data replica, where the others go on. Units that are missing are of as few
    groups as can be: one that lacks a unit gives its others to the next that fail."""

    def matrix(self, replicas: int) -> Array:
        """Return all hazards as (replica, field)."""
        columns = [np.broadcast_to(np.asarray(getattr(self, f.name), dtype=float), (replicas,)) for f in fields(self)]
        return np.ascontiguousarray(np.stack(columns, axis=1))


def hazards(
    f: Failures,
    *,
    gpus: int,
    unit_gpus: int,
    state_bytes: float,
    groups: int = 1,
    spares: int = 0,
    interval_s: float = SECONDS_PER_DAY,
    waits_for_write: bool = False,
) -> Hazards:
    """Return what a run of some GPUs is exposed to, by unit of ``unit_gpus`` (8, or all of a rack that is one scale-up domain).

    Rates per server hold for its GPUs: a rack of 72 has nine servers' worth of failures, and those of a rack beside. The published
    rate is a mean over healthy servers and lemons, so a healthy one has rate / (1 + s (m - 1)). A checkpoint of ``state_bytes`` is written by all
    GPUs at once; training pauses for a copy, or with ``waits_for_write`` for the whole write.
    """
    servers = unit_gpus / SERVER_GPUS
    domain = unit_gpus > SERVER_GPUS
    units = int(np.ceil(gpus / unit_gpus))
    rate = np.asarray(f.failures_per_server_day) * servers / SECONDS_PER_DAY
    healthy = rate / (1 + np.asarray(f.lemon_share) * (np.asarray(f.lemon_multiple) - 1))
    write_s = state_bytes / (gpus * np.asarray(f.checkpoint_bandwidth_bytes_per_s))
    return Hazards(
        units=units,
        spares=spares,
        unit_failures_per_s=healthy if domain else healthy * (1 - np.asarray(f.rack_wide_share)),
        replaced_share=f.replaced_share,
        rack_failures_per_s=np.asarray(f.domain_failures_per_gpu_day) * unit_gpus / SECONDS_PER_DAY
        if domain
        else rate * f.rack_wide_share / f.rack_servers,
        rack_units=1 if domain else np.minimum(np.round(f.rack_servers), units),
        outages_per_s=np.asarray(f.outages_per_day) / SECONDS_PER_DAY,
        outage_s=f.outage_s,
        detection_s=f.detection_s,
        hang_share=f.hang_share,
        hang_detection_s=f.hang_detection_s,
        restart_s=f.recovery_s,
        stall_s=f.group_stall_s,
        repair_s=f.tray_repair_s if domain else f.server_repair_s,
        rack_repair_s=f.rack_repair_s if domain else f.server_repair_s,
        lemon_share=f.lemon_share,
        lemon_multiple=f.lemon_multiple,
        lemon_found_share=f.lemon_found_share,
        stragglers_per_s=np.asarray(f.slow_spells_per_server_day) * servers / SECONDS_PER_DAY,
        straggler_s=f.slow_spell_s,
        straggler_speed_share=f.slow_speed_share,
        planned_per_s=np.asarray(f.planned_stops_per_day) / SECONDS_PER_DAY,
        planned_s=f.recovery_s,
        checkpoint_stop_s=f.checkpoint_stop_s + (write_s if waits_for_write else 0.0),
        checkpoint_lag_s=0.0 if waits_for_write else write_s,
        interval_s=interval_s,
        group_share=max(1 / groups, 1 / units),
    )


def goodput(gpus: Array | float, reliability: Reliability) -> Goodput:
    """Return the expected goodput of runs on some GPUs.

    Interruptions come as a Poisson process with rate GPUs x rate per GPU; the interval is Daly's higher-order optimum,
    the share :func:`renewal_share` with restarts that last exponentially long, for which phi = M / (M + R) (some restarts take
    much longer than most; with a fixed R and 16,384 GPUs the share is 0.1 % lower, with 100,000 4 %).
    """
    m = np.asarray(SECONDS_PER_DAY / (np.asarray(gpus, dtype=float) * reliability.interruptions_per_gpu_day))
    c, r = reliability.checkpoint_write_s, reliability.restart_s
    t = daly_2006(c, m)
    return Goodput(renewal_share(t, m, c, restarted_share=m / (m + r)), t, m)


def young_1974(write_s: Uncertain, mtbf_s: Uncertain) -> Array:
    """Return the best work between checkpoints [s] to first order, ``sqrt(2 c M)`` (Young 1974); for c far below M."""
    return np.asarray(np.sqrt(2.0 * np.asarray(write_s) * np.asarray(mtbf_s)))


def daly_2006(write_s: Uncertain, mtbf_s: Uncertain) -> Array:
    """Return the best work between checkpoints [s]: ``sqrt(2 c M) (1 + sqrt(c / 2M) / 3 + c / 18M) - c`` for c < 2M, else M.

    Its first term is Young's (1974).
    """
    c, m = np.asarray(write_s, dtype=float), np.asarray(mtbf_s, dtype=float)
    x = c / (2 * m)
    root = young_1974(c, m) * (1 + np.sqrt(x) / 3 + x / DALY_SECOND_ORDER) - c
    return np.asarray(np.where(x < 1, np.maximum(root, 1.0), m))


def renewal_share(
    interval_s: Uncertain,
    mtbf_s: Uncertain,
    stop_s: Uncertain,
    *,
    restarted_share: Uncertain = 1.0,
    lag_s: Uncertain = 0.0,
    planned_per_s: Uncertain = 0.0,
    planned_s: Uncertain = 0.0,
    outage_s: Uncertain = 0.0,
) -> Array:
    """Return the exact share of time that makes progress when failures are a Poisson process.

    Work of length t and a checkpoint that stops it for c alternate. A failure throws the run back to the last safe
    checkpoint (safe w after its end); a restart of length R is itself struck with the same rate and then begins again. By the renewal
    argument, with M the mean time between failures and phi = E exp(-R / M),

        share = phi t exp(-w / M) / (M (exp((t + c) / M) - 1)),

    which for fixed R and w = 0 is Daly's (2006) complete model. Planned stops with rate p save all work first and take
    S = c + ``planned_s``; then phases end with rate L = 1/M + p, a share q = 1 / ML of them by failure, and

        work = q t exp(-L w) / (exp(L (t + c)) - 1) + (1 - q) (1 - exp(-L t)) / (L (1 - exp(-L (t + c)))),
        time = 1/L + q (M + e) / phi - q M + (1 - q) (1 - exp(-S / M)) (M + e) / phi,

    where e is what a failure adds on average in which nothing more can fail (outages).

    Parameters
    ----------
    interval_s, mtbf_s, stop_s, lag_s, outage_s : t, M, c, w, e [s]; w at most t + c
    restarted_share : phi, the probability that a restart is not struck itself
    """
    t, m, c = (np.asarray(v, dtype=float) for v in (interval_s, mtbf_s, stop_s))
    p, s, phi, w = (np.asarray(v, dtype=float) for v in (planned_per_s, planned_s, restarted_share, lag_s))
    ends = 1 / m + p
    by_failure = 1 / (m * ends)
    with np.errstate(over="ignore"):  # exp of a phase that never ends well: no work, which is what 1 / inf says
        saved = t * np.exp(-ends * w) / np.expm1(ends * (t + c))
    whole = np.expm1(-ends * t) / np.expm1(-ends * (t + c)) / ends
    work = by_failure * saved + (1 - by_failure) * whole
    struck = -np.expm1(-(c + s) / m)
    with np.errstate(divide="ignore"):
        again = (m + np.asarray(outage_s)) / phi
        time = 1 / ends + by_failure * (again - m) + (1 - by_failure) * struck * again
    return np.asarray(work / time)


def mean_time_to_failure_s(servers: Uncertain, failures_per_server_day: float, outages_per_day: float) -> Array:
    """Return the mean time to failure of a job of some servers [s], every cause counted: ``1 / (a + n r)``.

    r holds all that a server brings (hardware with its lemons, links, software on it), a what a job of any size meets (storage, scheduler,
    services). Counting only failures that a health check attributes to hardware, 1 / (n r_hardware), overstates it; so does
    leaving out a, for small jobs. Valid while failures of servers are independent.
    """
    return np.asarray(SECONDS_PER_DAY / (outages_per_day + np.asarray(servers, dtype=float) * failures_per_server_day))


def failures_per_s(h: Hazards) -> Array:
    """Return how often failures stop the run [1/s], lemons, racks and outages included."""
    return np.asarray(_unit_rate(h) + h.units * np.asarray(h.rack_failures_per_s) + h.outages_per_s)


def _unit_rate(h: Hazards) -> Array:
    lemons = 1 + np.asarray(h.lemon_share) * (np.asarray(h.lemon_multiple) - 1)
    return np.asarray(h.units * np.asarray(h.unit_failures_per_s) * lemons)


def restarted_share(h: Hazards) -> Array:
    """Return phi, the probability that the run comes back without another failure on the way: ``E exp(-R / M)``.

    R is detection (or a hang's time-out) and restart; after an outage the restart alone.
    """
    rate = failures_per_s(h)
    noticed, hung, out = np.exp(-rate * h.detection_s), np.exp(-rate * h.hang_detection_s), h.outages_per_s / rate
    of_units = (1 - np.asarray(h.hang_share)) * noticed + h.hang_share * hung
    return np.asarray(np.exp(-rate * h.restart_s) * ((1 - out) * of_units + out))


def in_repair(h: Hazards, longest: int) -> Array:
    """Return the probability of 0, 1, .. ``longest`` units in repair, with spares enough that the run never waits.

    Arrivals are Poisson and repairs independent (M/G/infinity): single failures give a Poisson number with mean rate x repair.
    Batches of b with exponential repairs give a compound Poisson number: jumps of 1..b with means rate x repair / size,
    since the integral of ((1 - p y)^b - 1) / p over p in 0..1 is the sum of -(1 - (1 - y)^i) / i.
    """
    single, racks, batch = _in_repair_means(h)
    means = racks / np.arange(1, batch + 1)
    means[0] += single
    whole = single + racks * batch
    upto = max(longest, int(whole + TAIL_SIZES * batch * (np.sqrt(whole) + 1)))
    weights = _compound_poisson(means, upto)
    return np.asarray(weights[: longest + 1] / weights.sum())


def _in_repair_means(h: Hazards) -> tuple[float, float, int]:
    """Return mean units in repair after failures of their own, mean racks' repairs under way, and units of a rack."""
    single = float(np.mean(_unit_rate(h) * h.replaced_share * h.repair_s))
    racks = float(np.mean(h.units * np.asarray(h.rack_failures_per_s) * h.rack_repair_s))
    return single, racks, int(np.mean(h.rack_units))


def _compound_poisson(means: Array, longest: int) -> Array:
    """Return weights of 0 .. ``longest`` for jumps of 1, 2, .. with some means: ``n w(n) = sum i a(i) w(n - i)`` (Panjer 1981)."""
    sizes = means.size
    weighted = (means * np.arange(1, sizes + 1))[::-1]
    w = np.zeros(longest + 1 + sizes)
    w[sizes] = 1.0
    for n in range(1, longest + 1):
        w[n + sizes] = weighted @ w[n : n + sizes] / n
        if w[n + sizes] > LARGE:
            w /= LARGE
    return np.asarray(w[sizes:])


def enough_share(h: Hazards, longest: int) -> Array:
    """Return for 0, 1, .. ``longest`` spares the probability that they suffice at any time until repairs are done."""
    return np.asarray(np.minimum(np.cumsum(in_repair(h, longest)), 1.0))


def waiting_share(h: Hazards, spares: Array) -> Array:
    """Return the share of time that a run waits for a repair, for some numbers of spares.

    A run that waits has no failures, so the number n in repair never grows beyond the spares k by more than one event. Up to k its weights
    are those of :func:`in_repair`; beyond, the flows over each cut balance: n w(n) = mean arrivals from 0..k over it. For single
    failures that is Erlang's (1917) loss formula. Repairs of both kinds are taken to last their common mean.
    """
    single, racks, batch = _in_repair_means(h)
    longest = int(spares.max())
    means = racks / np.arange(1, batch + 1)
    means[0] += single
    w = _compound_poisson(means, longest)
    upto = np.concatenate([np.zeros(batch + 1), np.cumsum(w)])  # sums below an index, shifted by the batch
    k = spares.astype(int)
    beyond = single * w[k] / (k + 1)
    for j in range(1, batch + 1):
        beyond = beyond + racks * (upto[k + batch + 1] - upto[k + j]) / (k + j)
    whole = upto[k + batch + 1] + beyond
    return np.asarray(np.where(whole > 0, beyond / np.where(whole > 0, whole, 1.0), 1.0))


def expected_share(h: Hazards, recovery: Recovery = "restart") -> float:
    """Return the expected goodput: ideal time of the work over the time it takes, all causes of loss included.

    ``restart`` and ``elastic``: :func:`renewal_share`, less waiting for repairs or missing replicas, less slow spells.
    ``groups``: failures of units cost a stall and their own group for its restart; only outages throw the run back.
    """
    k = np.array([float(np.mean(h.spares))])
    slow = slow_share(h)
    if recovery == "groups":
        unit_rate = failures_per_s(h) - h.outages_per_s
        found = _checkpointed_groups(h, h.interval_s) * np.exp(-unit_rate * np.asarray(h.stall_s))
        noticed = h.detection_s + np.asarray(h.hang_share) * (np.asarray(h.hang_detection_s) - h.detection_s)
        groups = np.maximum(np.ceil(h.rack_units / (h.units * np.asarray(h.group_share))), 1.0)
        hit = float(np.mean(_unit_rate(h) + h.units * np.asarray(h.rack_failures_per_s) * groups))
        missing = hit * float(np.mean(noticed + h.restart_s)) + _short_of(h, k)[0]
        return float(np.mean(found) * slow * max(1 - missing * float(np.mean(h.group_share)), 0.0))
    found = _checkpointed(h, h.interval_s)
    if recovery == "elastic":
        return float(np.mean(found) * slow * max(1 - _short_of(h, k)[0] * float(np.mean(h.group_share)), 0.0))
    return float(np.mean(found)) * slow * (1 - float(waiting_share(h, k)[0]))


def slow_share(h: Hazards) -> float:
    """Return the mean speed over the full speed: spells overlap as in M/G/infinity, and one is as bad as many."""
    load = h.units * np.asarray(h.stragglers_per_s) * h.straggler_s
    return float(np.mean(1 + np.expm1(-load) * (1 - np.asarray(h.straggler_speed_share))))


def _short_of(h: Hazards, spares: Array) -> Array:
    """Return the mean number of groups that are missing for want of units, for some numbers of spares."""
    single, racks, batch = _in_repair_means(h)
    mean = single + racks * batch
    longest = int(spares.max() + mean + TAIL_SIZES * batch * (np.sqrt(mean) + 1))
    of_group = float(np.mean(h.units * np.asarray(h.group_share)))
    missing = np.ceil(np.arange(longest + 1) / of_group)
    p = in_repair(h, longest)
    return np.array([p[k:] @ missing[: p.size - k] for k in spares.astype(int)])


def _checkpointed(h: Hazards, interval_s: Uncertain) -> Array:
    return renewal_share(
        interval_s,
        1 / failures_per_s(h),
        h.checkpoint_stop_s,
        restarted_share=restarted_share(h),
        lag_s=h.checkpoint_lag_s,
        planned_per_s=h.planned_per_s,
        planned_s=h.planned_s,
        outage_s=h.outages_per_s / failures_per_s(h) * h.outage_s,
    )


def _checkpointed_groups(h: Hazards, interval_s: Uncertain) -> Array:
    """Return the same where only outages throw the run back."""
    only = replace(
        h, unit_failures_per_s=0.0, rack_failures_per_s=0.0, outages_per_s=np.maximum(h.outages_per_s, 1e-12)
    )
    return _checkpointed(only, interval_s)


def best_interval_s(h: Hazards, recovery: Recovery = "restart") -> float:
    """Return the interval between checkpoints with the largest expected goodput [s].

    The share has one maximum over the interval (Daly 2006); it is searched between a second, or as long as a checkpoint takes
    to be safe, and a day.
    """
    from scipy import optimize

    share = _checkpointed_groups if recovery == "groups" else _checkpointed
    least = float(np.maximum(1.0, np.max(np.asarray(h.checkpoint_lag_s) - h.checkpoint_stop_s)))
    if least >= LONGEST_INTERVAL_S:
        return least
    found = optimize.minimize_scalar(
        lambda log_t: -float(np.mean(share(h, np.exp(log_t)))),
        bounds=(np.log(least), np.log(LONGEST_INTERVAL_S)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))


def best_spares(h: Hazards, recovery: Recovery = "restart") -> int:
    """Return the number of spares with the most progress per unit that is held, share(k) N / (N + k).

    Where hazards hold one number for each replica, the mean progress over the first of them counts.
    """
    some = list(_one_by_one(h))
    most = 0
    for one in some:
        single, racks, batch = _in_repair_means(one)
        mean = single + racks * batch
        most = max(most, int(np.ceil(mean + TAIL_SIZES / 2 * batch * (np.sqrt(mean) + 1))))
    spares, units = np.arange(most + 1.0), float(np.mean(h.units))
    kept = np.zeros(most + 1)
    for one in some:
        if recovery == "restart":
            kept += 1 - waiting_share(one, spares)
        else:
            kept += np.maximum(1 - _short_of(one, spares) * float(np.mean(one.group_share)), 0.0)
    return int(np.argmax(kept * units / (units + spares)))


def _one_by_one(h: Hazards) -> Iterator[Hazards]:
    """Yield the hazards of one replica after another, of some at most."""
    replicas = max(np.size(getattr(h, f.name)) for f in fields(h))
    for k in range(min(replicas, SOME)):
        columns = {f.name: np.ravel(np.asarray(getattr(h, f.name), dtype=float)) for f in fields(h)}
        yield Hazards(**{name: float(c[k % c.size]) for name, c in columns.items()})
