"""Progress between failures and checkpoints: the share of time that is left, and the best interval (Young, Daly)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gigaplan.training.reliability.hazards import SECONDS_PER_DAY, Hazards, Recovery, failures_per_s
from gigaplan.vocabulary.members import Array, Uncertain

DALY_SECOND_ORDER = 9
"""Divisor of the second-order term in Daly's (2006) best interval."""
MIN_INTERVAL_S = 1.0
"""A checkpoint is written once a second at most."""
MAX_INTERVAL_S = SECONDS_PER_DAY
"""A checkpoint is written once a day at least, whatever failures cost."""
MIN_OUTAGES_PER_S = 1e-12
"""Keeps the mean time between failures finite where nothing fails: one in 30,000 years."""


def young_1974(write_s: Uncertain, mtbf_s: Uncertain) -> Array:
    """Return the best work between checkpoints to first order, ``sqrt(2 c M)``.

    Source: J. W. Young, A first order approximation to the optimum checkpoint interval, CACM 17 (1974). Valid for c far
    below M.

    Parameters
    ----------
    write_s : float or numpy.ndarray
        Time that a checkpoint stops the work, c [s], any shape.
    mtbf_s : float or numpy.ndarray
        Mean time between failures, M [s], any shape that broadcasts with it.

    Returns
    -------
    numpy.ndarray
        Interval [s].

    Examples
    --------
    >>> round(float(young_1974(10.0, 86400.0)), 1)  # ten seconds and a failure a day
    1314.5
    """
    return np.asarray(np.sqrt(2.0 * np.asarray(write_s) * np.asarray(mtbf_s)))


def daly_2006(write_s: Uncertain, mtbf_s: Uncertain) -> Array:
    """Return the best work between checkpoints to higher order.

    ``sqrt(2 c M) (1 + sqrt(c / 2M) / 3 + c / 18M) - c`` for c < 2M, else M; its first term is Young's (1974). Source:
    J. T. Daly, A higher order estimate of the optimum checkpoint interval for restart dumps, FGCS 22 (2006).

    Parameters
    ----------
    write_s : float or numpy.ndarray
        Time that a checkpoint stops the work, c [s], any shape.
    mtbf_s : float or numpy.ndarray
        Mean time between failures, M [s], any shape that broadcasts with it.

    Returns
    -------
    numpy.ndarray
        Interval [s], a second at least where c < 2M.
    """
    c, m = np.asarray(write_s, dtype=float), np.asarray(mtbf_s, dtype=float)
    x = c / (2 * m)
    root = young_1974(c, m) * (1 + np.sqrt(x) / 3 + x / DALY_SECOND_ORDER) - c
    return np.asarray(np.where(x < 1, np.maximum(root, MIN_INTERVAL_S), m))


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
    checkpoint (safe w after its end); a restart of length R is itself struck with the same rate and then begins again.
    By the renewal argument, with M the mean time between failures and phi = E exp(-R / M),

        share = phi t exp(-w / M) / (M (exp((t + c) / M) - 1)),

    which for fixed R and w = 0 is Daly's (2006) complete model. Planned stops with rate p save all work first and take
    S = c + ``planned_s``; then phases end with rate L = 1/M + p, a share q = 1 / ML of them by failure, and

        work = q t exp(-L w) / (exp(L (t + c)) - 1) + (1 - q) (1 - exp(-L t)) / (L (1 - exp(-L (t + c)))),
        time = 1/L + q (M + e) / phi - q M + (1 - q) (1 - exp(-S / M)) (M + e) / phi,

    where e is what a failure adds on average in which nothing more can fail (outages). All parameters broadcast.

    Parameters
    ----------
    interval_s : float or numpy.ndarray
        Work between two checkpoints, t [s].
    mtbf_s : float or numpy.ndarray
        Mean time between failures, M [s].
    stop_s : float or numpy.ndarray
        Time that a checkpoint stops the work, c [s].
    restarted_share : float or numpy.ndarray
        Probability that a restart is not struck itself, phi.
    lag_s : float or numpy.ndarray
        Time from the end of a checkpoint's stop until it is safe, w [s]; at most t + c.
    planned_per_s : float or numpy.ndarray
        Rate of planned stops, p [1/s].
    planned_s : float or numpy.ndarray
        Time of a planned stop beyond its checkpoint [s].
    outage_s : float or numpy.ndarray
        Mean time that a failure adds in which nothing else fails, e [s].

    Returns
    -------
    numpy.ndarray
        Share of time, 0..1.
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


def restarted_share(h: Hazards) -> Array:
    """Return the probability that the run comes back without another failure on the way: ``phi = E exp(-R / M)``.

    R is detection (or a hang's time-out) and restart; after an outage the restart alone.

    Parameters
    ----------
    h : Hazards
        What can stop the run.

    Returns
    -------
    numpy.ndarray
        Probability, shape () or (trial,).
    """
    rate = failures_per_s(h)
    noticed, hung, out = np.exp(-rate * h.detection_s), np.exp(-rate * h.hang_detection_s), h.outages_per_s / rate
    of_units = (1 - np.asarray(h.hang_share)) * noticed + h.hang_share * hung
    return np.asarray(np.exp(-rate * h.restart_s) * ((1 - out) * of_units + out))


def progress_share(h: Hazards, interval_s: Uncertain) -> Array:
    """Return the share of time that makes progress where every failure throws the run back (:func:`renewal_share`).

    Parameters
    ----------
    h : Hazards
        What can stop the run.
    interval_s : float or numpy.ndarray
        Training time between two checkpoints [s], shape () or (trial,).

    Returns
    -------
    numpy.ndarray
        Share of time, shape () or (trial,).
    """
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


def progress_share_of_groups(h: Hazards, interval_s: Uncertain) -> Array:
    """Return the share of time that makes progress where only outages throw the run back: groups recover by themselves.

    Parameters
    ----------
    h : Hazards
        What can stop the run.
    interval_s : float or numpy.ndarray
        Training time between two checkpoints [s], shape () or (trial,).

    Returns
    -------
    numpy.ndarray
        Share of time, shape () or (trial,).
    """
    outages_per_s = np.maximum(h.outages_per_s, MIN_OUTAGES_PER_S)
    only_outages = replace(h, unit_failures_per_s=0.0, rack_failures_per_s=0.0, outages_per_s=outages_per_s)
    return progress_share(only_outages, interval_s)


def best_interval_s(h: Hazards, recovery: Recovery = "restart") -> float:
    """Return the training time between checkpoints with the largest expected goodput.

    The share has one maximum over the interval (Daly 2006); it is searched between a second, or as long as a checkpoint
    takes to be safe, and a day.

    Parameters
    ----------
    h : Hazards
        What can stop the run; with several trials the mean over them counts.
    recovery : {'restart', 'elastic', 'groups'}
        What happens when a unit fails.

    Returns
    -------
    float
        Interval [s].
    """
    from scipy import optimize  # a slow import, which a plan's own goodput doesn't need

    share = progress_share_of_groups if recovery == "groups" else progress_share
    minimum = float(np.maximum(MIN_INTERVAL_S, np.max(np.asarray(h.checkpoint_lag_s) - h.checkpoint_stop_s)))
    if minimum >= MAX_INTERVAL_S:
        return minimum
    # The maximum is flat and its place spans five decades, so the logarithm is searched.
    found = optimize.minimize_scalar(
        lambda log_t: -float(np.mean(share(h, np.exp(log_t)))),
        bounds=(np.log(minimum), np.log(MAX_INTERVAL_S)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))
