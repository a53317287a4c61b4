"""A training site's load by the second: the cycle of its steps, checkpoints, start and fault, and what smooths it.

All GPUs of a synchronous run do the same at the same time, so that a site draws the sum of what one GPU draws (Choukse
et al. 2025, arXiv 2508.14318). Mitigations act in the order of the path: the GPUs' own floor and ramp, storage in the
racks, a battery of the site. Storage follows the load's running mean, within its power and energy, and loses a share of
what passes through it.

Valid from a hundredth of a second to minutes; switching in power supplies, and GPUs that drift apart, are left out:
real edges are rounder, so that high frequencies are an upper end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array

SAMPLES_PER_S = 100
"""Samples of a second: the band of concern ends at 20 Hz, and two samples of a period are the lowest."""
BAND_HZ = (0.1, 20.0)
"""Frequencies that utilities limit (Choukse et al. 2025): modes between areas and of turbines' shafts."""
RETURN_TIMES = 100.0
"""Times of its running mean in which a store returns to half full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of time at one power."""

    seconds: float
    """How long it lasts [s]."""
    mw: float
    """IT power of the site meanwhile [MW]."""
    running: bool = True
    """Whether the run holds its GPUs: a floor acts then alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Storage that smooths a load: capacitors or cells in the racks, or a battery of the site."""

    power_mw: float
    """Most that it takes or gives [MW]."""
    energy_mj: float
    """Energy that it holds [MJ]."""
    efficiency: float
    """Share of the energy that comes back from a charge and a discharge."""
    mean_s: float
    """Time over which the load is averaged [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """What a load's swings are, at the meter of the IT."""

    range_mw: float
    """Highest less lowest power while steps run [MW]."""
    ramp_mw_per_s: float
    """Largest change within a second, start and fault included [MW/s]."""
    amplitude_mw: float
    """Largest amplitude of one frequency in the band of concern while steps run [MW]."""
    frequency_hz: float
    """That frequency [Hz]."""
    mean_mw: float
    """Mean power while steps run [MW]."""
    peak_mw: float
    """Highest power [MW]."""


def series(pieces: Sequence[Piece]) -> tuple[Array, Array]:
    """Return the load of stretches of time one after the other, and whether the run holds its GPUs.

    Parameters
    ----------
    pieces : sequence of Piece
        Stretches; one shorter than a sample counts by its share of it.

    Returns
    -------
    Array, shape (sample,)
        IT power, ``SAMPLES_PER_S`` a second [MW].
    Array, shape (sample,)
        1 while the run holds its GPUs.

    Raises
    ------
    InputError
        If a stretch has no finite length or power, or none is given.
    """
    seconds, mw, held = (np.array([float(getattr(p, n)) for p in pieces]) for n in ("seconds", "mw", "running"))
    if not len(seconds) or not (np.isfinite(seconds) & np.isfinite(mw) & (seconds >= 0) & (mw >= 0)).all():
        raise InputError("stretches of a load need finite lengths and powers, none below zero")
    ends = np.concatenate([[0.0], np.cumsum(seconds)])
    edges = np.arange(max(round(ends[-1] * SAMPLES_PER_S), 1) + 1) / SAMPLES_PER_S
    # The mean over each sample, so that no energy is lost where a stretch begins within one.
    energy = np.interp(edges, ends, np.concatenate([[0.0], np.cumsum(seconds * mw)]))
    inside = np.minimum(np.searchsorted(ends, (edges[:-1] + edges[1:]) / 2, side="right") - 1, len(held) - 1)
    return np.diff(energy) * SAMPLES_PER_S, held[inside]


def floored(load_mw: Array, held: Array, floor_mw: float) -> Array:
    """Return the load whose GPUs draw no less than a floor while the run holds them: they do idle work.

    Parameters
    ----------
    load_mw : Array, shape (sample,)
        IT power [MW].
    held : Array, shape (sample,)
        1 while the run holds its GPUs.
    floor_mw : float
        Least power [MW].

    Returns
    -------
    Array, shape (sample,)
        IT power, nowhere lower than before [MW].
    """
    return np.where(held > 0, np.maximum(load_mw, floor_mw), load_mw)


def ramped(load_mw: Array, ramp_mw_per_s: float) -> Array:
    """Return the load of GPUs that may change their power no faster than a ramp: clocks rise slowly at a start, and
    idle work fills what falls away.

    Parameters
    ----------
    load_mw : Array, shape (sample,)
        IT power [MW].
    ramp_mw_per_s : float
        Largest change, above 0 [MW/s].

    Returns
    -------
    Array, shape (sample,)
        IT power [MW]; where it is below the load, work is lost.
    """
    found, now, most = np.empty(len(load_mw)), float(load_mw[0]), ramp_mw_per_s / SAMPLES_PER_S
    for k, power in enumerate(load_mw.tolist()):
        now += min(max(power - now, -most), most)
        found[k] = now
    return found


def stored(load_mw: Array, store: Store) -> tuple[Array, Array, Array]:
    """Return what is drawn from the grid where a store smooths a load.

    Equations: the grid follows the running mean ``m += (P - m) dt / T``, pulled so that the store returns to half full;
    the store gives or takes the rest within its power and energy, and what it can't passes through. A charge keeps the
    share ``sqrt(eta)``, and a discharge gives it.

    Parameters
    ----------
    load_mw : Array, shape (sample,)
        IT power [MW].
    store : Store
        The store; half full at the beginning.

    Returns
    -------
    Array, shape (sample,)
        Power from the grid, never negative [MW].
    Array, shape (sample,)
        Energy in the store at the end of each sample [MJ].
    Array, shape (sample,)
        Power lost [MW].
    """
    step_s, one_way = 1 / SAMPLES_PER_S, float(np.sqrt(store.efficiency))
    grid, energy, lost = (np.empty(len(load_mw)) for _ in range(3))
    half = store.energy_mj / 2
    held, mean = half, float(load_mw[0])
    for k, power in enumerate(load_mw.tolist()):
        mean += (power - mean) * step_s / max(store.mean_s, step_s)
        target = mean + (half - held) / (RETURN_TIMES * max(store.mean_s, step_s))
        taken = min(max(target, 0.0) - power, store.power_mw, (store.energy_mj - held) / (one_way * step_s))
        taken = max(taken, -min(store.power_mw, held * one_way / step_s, power))
        change = taken * one_way if taken > 0 else taken / one_way
        held += change * step_s
        grid[k], energy[k], lost[k] = power + taken, held, taken - change
    return grid, energy, lost


def swing(load_mw: Array, steady: slice) -> Swing:
    """Return what a load's swings are.

    Parameters
    ----------
    load_mw : Array, shape (sample,)
        Power over the whole time [MW].
    steady : slice
        Samples in which steps run and nothing else happens: the spectrum is theirs.

    Returns
    -------
    Swing
        Range, ramp within a second, and the largest amplitude between 0.1 and 20 Hz.
    """
    some = load_mw[steady]
    within = min(SAMPLES_PER_S, len(load_mw) - 1)
    frequency, amplitude = spectrum(some)
    band = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    best = int(np.argmax(np.where(band, amplitude, -1.0)))
    return Swing(
        range_mw=float(np.ptp(some)),
        ramp_mw_per_s=float(np.abs(load_mw[within:] - load_mw[:-within]).max(initial=0.0)),
        amplitude_mw=float(amplitude[best]) if band.any() else 0.0,
        frequency_hz=float(frequency[best]) if band.any() else 0.0,
        mean_mw=float(some.mean()),
        peak_mw=float(load_mw.max()),
    )


def spectrum(load_mw: Array) -> tuple[Array, Array]:
    """Return the amplitude of each frequency of a load, its mean taken off, by a Hann window (Harris 1978).

    Parameters
    ----------
    load_mw : Array, shape (sample,)
        Power [MW].

    Returns
    -------
    Array, shape (frequency,)
        Frequencies [Hz].
    Array, shape (frequency,)
        Amplitude of a sine of that frequency that would look so [MW].

    Examples
    --------
    >>> t = np.arange(0, 20, 1 / SAMPLES_PER_S)
    >>> frequency, amplitude = spectrum(30 + 4 * np.sin(2 * np.pi * 0.5 * t))
    >>> float(frequency[amplitude.argmax()]), round(float(amplitude.max()), 3)
    (0.5, 4.0)
    """
    window = np.hanning(len(load_mw) + 1)[:-1] if len(load_mw) > 1 else np.ones(len(load_mw))
    amplitude: Array = 2 * np.abs(np.fft.rfft((load_mw - load_mw.mean()) * window)) / max(window.sum(), 1e-12)
    return np.asarray(np.fft.rfftfreq(len(load_mw), 1 / SAMPLES_PER_S), dtype=float), amplitude
