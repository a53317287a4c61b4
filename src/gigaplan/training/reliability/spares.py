"""Units in repair and spares: how often a run waits or runs short for want of a unit, and how many spares are worth
it."""

from __future__ import annotations

import numpy as np

from gigaplan.training.reliability.hazards import Hazards, Recovery, trial_by_trial, unit_failures_per_s
from gigaplan.vocabulary.members import Array

RESCALE_ABOVE = 1e250
"""Weights above it are scaled down before they overflow; those of states that are never met vanish."""
MAX_TRIALS = 32
"""Trials over which the number of spares is chosen."""
TAIL_DEVIATIONS = 12
"""Standard deviations of the number in repair up to which its distribution is followed."""


def in_repair(h: Hazards, longest: int) -> Array:
    """Return the distribution of the units in repair, with spares enough that the run never waits.

    Arrivals are Poisson and repairs independent (M/G/infinity): single failures give a Poisson number with mean rate x
    repair. Batches of b with exponential repairs give a compound Poisson number: jumps of 1..b with means rate x
    repair / size, since the integral of ((1 - p y)^b - 1) / p over p in 0..1 is the sum of -(1 - (1 - y)^i) / i.

    Parameters
    ----------
    h : Hazards
        What can stop the run.
    longest : int
        Largest number of units.

    Returns
    -------
    numpy.ndarray
        Probability of 0, 1, .. ``longest`` units in repair, shape (longest + 1,).
    """
    single, racks, batch = _in_repair_means(h)
    means = racks / np.arange(1, batch + 1)
    means[0] += single
    whole = single + racks * batch
    upto = max(longest, int(whole + TAIL_DEVIATIONS * batch * (np.sqrt(whole) + 1)))
    weights = _compound_poisson(means, upto)
    return np.asarray(weights[: longest + 1] / weights.sum())


def _in_repair_means(h: Hazards) -> tuple[float, float, int]:
    """Return mean units in repair after failures of their own, mean racks' repairs under way, and units of a rack."""
    single = float(np.mean(unit_failures_per_s(h) * h.replaced_share * h.repair_s))
    racks = float(np.mean(h.units * np.asarray(h.rack_failures_per_s) * h.rack_repair_s))
    return single, racks, int(np.mean(h.rack_units))


def _compound_poisson(means: Array, longest: int) -> Array:
    """Return weights of 0 .. ``longest`` for jumps of 1, 2, .. of given means: ``n w(n) = sum i a(i) w(n - i)``.

    Source: H. H. Panjer, Recursive evaluation of a family of compound distributions, ASTIN Bulletin 12 (1981).
    """
    sizes = means.size
    weighted = (means * np.arange(1, sizes + 1))[::-1]
    w = np.zeros(longest + 1 + sizes)  # padded in front, so that each sum has all its terms
    w[sizes] = 1.0
    for n in range(1, longest + 1):
        w[n + sizes] = weighted @ w[n : n + sizes] / n
        if w[n + sizes] > RESCALE_ABOVE:
            w /= RESCALE_ABOVE
    return np.asarray(w[sizes:])


def enough_share(h: Hazards, longest: int) -> Array:
    """Return the probability that spares suffice until repairs are done, for numbers of spares.

    Parameters
    ----------
    h : Hazards
        What can stop the run.
    longest : int
        Largest number of spares.

    Returns
    -------
    numpy.ndarray
        Probability at any time with 0, 1, .. ``longest`` spares, shape (longest + 1,).
    """
    return np.asarray(np.minimum(np.cumsum(in_repair(h, longest)), 1.0))


def waiting_share(h: Hazards, spares: Array) -> Array:
    """Return the share of time that a run waits for a repair, for numbers of spares.

    A run that waits has no failures, so the number n in repair never grows beyond the spares k by more than one event.
    Up to k its weights are those of :func:`in_repair`; beyond, the flows over each cut balance: n w(n) = mean arrivals
    from 0..k over it. For single failures that is Erlang's (1917) loss formula. Repairs of both kinds are taken to
    last their common mean.

    Parameters
    ----------
    h : Hazards
        What can stop the run.
    spares : numpy.ndarray
        Numbers of spares k, shape (k,).

    Returns
    -------
    numpy.ndarray
        Share of time, shape (k,).
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


def missing_groups(h: Hazards, spares: Array) -> Array:
    """Return the mean number of groups that are missing for want of units, for numbers of spares.

    Parameters
    ----------
    h : Hazards
        What can stop the run.
    spares : numpy.ndarray
        Numbers of spares k, shape (k,).

    Returns
    -------
    numpy.ndarray
        Mean number of groups, shape (k,).
    """
    single, racks, batch = _in_repair_means(h)
    mean = single + racks * batch
    longest = int(spares.max() + mean + TAIL_DEVIATIONS * batch * (np.sqrt(mean) + 1))
    of_group = float(np.mean(h.units * np.asarray(h.group_share)))
    missing = np.ceil(np.arange(longest + 1) / of_group)
    p = in_repair(h, longest)
    return np.array([p[k:] @ missing[: p.size - k] for k in spares.astype(int)])


def best_spares(h: Hazards, recovery: Recovery = "restart") -> int:
    """Return the number of spares with the most progress per unit that is held, ``share(k) N / (N + k)``.

    Parameters
    ----------
    h : Hazards
        What can stop the run; with several trials the mean progress over the first ``MAX_TRIALS`` counts.
    recovery : {'restart', 'elastic', 'groups'}
        What happens when a unit fails.

    Returns
    -------
    int
        Units that stand by.
    """
    trials = list(trial_by_trial(h, MAX_TRIALS))
    most = 0
    for one in trials:
        single, racks, batch = _in_repair_means(one)
        mean = single + racks * batch
        # Half of the tail holds every number worth trying: spares beyond it would stand by all the time.
        most = max(most, int(np.ceil(mean + TAIL_DEVIATIONS / 2 * batch * (np.sqrt(mean) + 1))))
    spares, units = np.arange(most + 1.0), float(np.mean(h.units))
    progress = np.zeros(most + 1)
    for one in trials:
        if recovery == "restart":
            progress += 1 - waiting_share(one, spares)
        else:
            progress += np.maximum(1 - missing_groups(one, spares) * float(np.mean(one.group_share)), 0.0)
    return int(np.argmax(progress * units / (units + spares)))
