"""What a facility adds to IT power in a year of its weather: by month and hour of the day, and by the load.

A plan's months and hours of a day stand for many hours of weather. Each of them is seen as a few groups of hours of
alike temperature, and the facility is calculated at three loads, between which a parabola is close to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigaplan.power.cooling_inputs import Cooling
from gigaplan.power.facility import FacilityHours, facility_hours
from gigaplan.vocabulary.members import Array, Uncertain, column
from gigaplan.vocabulary.time import HOURS, MONTHS_PER_YEAR

GROUPS = 6
"""Groups of alike temperature of each month and hour: with more a year's mean moves by less than 0.02 % (tested)."""
LOADS = (0.2, 0.5, 0.8)
"""Shares of the rated load through which a facility's parabola goes: idle, half busy and busy halls."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A quantity by load, over the rated IT power: ``at_rest + slope x load + bend x load^2``."""

    at_rest: Array
    """(M or 1, 12, 24) by month of the year and hour of UTC."""
    slope: Array
    """(M or 1, 12, 24)."""
    bend: Array
    """(M or 1, 12, 24)."""

    def at(self, load_share: float) -> Array:
        """Return the quantity over the rated IT power at a load.

        Parameters
        ----------
        load_share : float
            IT power over the rated one [share].

        Returns
        -------
        Array, shape (M or 1, 12, 24)
            By month of the year and hour of UTC.
        """
        return self.at_rest + self.slope * load_share + self.bend * load_share**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """What a facility adds to IT power, by month of the year and hour of UTC."""

    losses: Curve
    """Electrical losses between the meter and the racks [share]."""
    rest: Curve
    """Cooling, light and controls [share]."""
    water_l: Curve
    """Water taken in an hour [L/kWh]."""
    peak: Uncertain
    """Facility over IT power in the hour that asks for most, with all racks at their rated power [1]."""

    def facility_share(self, load_share: Uncertain) -> Array:
        """Return facility power over the rated IT power at a load, in the hour of each month that asks for most.

        Parameters
        ----------
        load_share : Uncertain
            IT power over the rated one [share].

        Returns
        -------
        Array, shape (M or 1, 12)
            By month of the year [share].
        """
        x = column(load_share, 3)
        parts = [c.at_rest + c.slope * x + c.bend * x**2 for c in (self.losses, self.rest)]
        return np.asarray((x + np.maximum(parts[0], 0) + np.maximum(parts[1], 0)).max(axis=-1))

    def pue(self, load_share: float) -> Uncertain:
        """Return the year's mean PUE at a constant load; every month and hour weighs alike.

        Parameters
        ----------
        load_share : float
            IT power over the rated one, above 0 [share].

        Returns
        -------
        float or Array, shape (M,)
            Facility over IT energy [1].
        """
        return _squeezed(1 + (self.losses.at(load_share) + self.rest.at(load_share)).mean(axis=(1, 2)) / load_share)

    def loss_share(self, load_share: float) -> Uncertain:
        """Return the year's mean losses over IT energy at a constant load.

        Parameters
        ----------
        load_share : float
            IT power over the rated one, above 0 [share].

        Returns
        -------
        float or Array, shape (M,)
            Losses over IT energy [share].
        """
        return _squeezed(self.losses.at(load_share).mean(axis=(1, 2)) / load_share)


def overhead(
    plant: Cooling, month: NDArray[np.int64], hour: NDArray[np.int64], dry_bulb_c: Array, wet_bulb_c: Array
) -> Overhead:
    """Return what a facility adds to IT power in a year of its weather.

    Parameters
    ----------
    plant : Cooling
        The plant; numbers, or one per member.
    month, hour : array of int, shape (hour,)
        Month of the year, from 1, and hour of UTC of each hour of weather, of one or several years.
    dry_bulb_c, wet_bulb_c : Array, shape (hour,)
        Weather [degC].

    Returns
    -------
    Overhead
        By month of the year and hour of UTC.
    """
    dry, wet = _grouped(month, hour, dry_bulb_c, wet_bulb_c)
    hours = [facility_hours(plant, dry, wet, load) for load in LOADS]
    return Overhead(
        losses=_curve([h.losses_share for h in hours]),
        rest=_curve([h.cooling_share + h.other_share for h in hours]),
        water_l=_curve([h.water_l for h in hours]),
        peak=_peak(plant, dry_bulb_c, wet_bulb_c),
    )


def _grouped(month: NDArray[np.int64], hour: NDArray[np.int64], dry: Array, wet: Array) -> tuple[Array, Array]:
    """Return mean weather of groups of alike temperature: (12, 24, group)."""
    found = np.empty((2, MONTHS_PER_YEAR, HOURS, GROUPS))
    for m in range(MONTHS_PER_YEAR):
        for h in range(HOURS):
            at = np.flatnonzero((month == m + 1) & (hour == h))
            ordered = at[np.argsort(dry[at], kind="stable")]
            for g, some in enumerate(np.array_split(ordered, GROUPS)):
                found[:, m, h, g] = dry[some].mean(), wet[some].mean()
    return found[0], found[1]


def _curve(at_loads: Sequence[Array]) -> Curve:
    """Return the parabola through three loads, of the mean over groups (Newton's divided differences)."""
    first, second, third = (a.mean(axis=-1).reshape(-1, MONTHS_PER_YEAR, HOURS) for a in at_loads)
    x, y, z = LOADS
    chord = (second - first) / (y - x)
    bend = ((third - second) / (z - y) - chord) / (z - x)
    return Curve(first - chord * x + bend * x * y, chord - bend * (x + y), bend)


def _peak(plant: Cooling, dry: Array, wet: Array) -> Uncertain:
    """Return facility over IT power at full load in the hours that could ask for most: the hottest and the dampest."""
    hottest = np.unique(np.concatenate([np.argsort(by)[-HOURS:] for by in (dry, wet)]))
    found: FacilityHours = facility_hours(plant, dry[hottest], wet[hottest], 1.0)
    return _squeezed(found.pue.max(axis=-1).reshape(-1))


def _squeezed(values: Array) -> Uncertain:
    return float(values[0]) if len(values) == 1 else values
