"""Numbers, units and money as text. A number that doesn't exist is a dash, and nothing is ever minus zero."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan.vocabulary.figures import DASH, NOISE, digits_of, money, percent, short
from gigaplan.vocabulary.members import Array

__all__ = [
    "DASH",
    "Scale",
    "as_year",
    "count",
    "counted",
    "digits_of",
    "fixed",
    "in_dollars",
    "in_watts",
    "money",
    "percent",
    "scientific",
    "short",
    "span",
    "without_noise",
]

RELATIVE_NOISE = 1e-12
"""What is smaller than this share of the largest number next to it is what rounding leaves of zero."""
READABLE = 0.5
"""A unit of power is taken from half of one on: 0.6 GW, but 400 MW."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit in which the largest of some numbers is easily read."""

    size: float
    name: str

    def of(self, value: float) -> str:
        """Return a value in this unit ('3.96 million GPUs')."""
        return f"{digits_of(value / self.size, 3)} {self.name}"


def in_watts(largest_mw: float) -> Scale:
    """Return the unit for power that is given in MW."""
    return _scale(largest_mw / READABLE, ((1e3, "GW"), (1.0, "MW"), (1e-3, "kW")))


def in_dollars(largest_usd: float) -> Scale:
    """Return the unit for money."""
    return _scale(largest_usd, ((1e9, "billion USD"), (1e6, "million USD"), (1e3, "thousand USD"), (1.0, "USD")))


def counted(largest: float, what: str) -> Scale:
    """Return the unit for a count."""
    sizes = ((1e12, "trillion "), (1e9, "billion "), (1e6, "million "), (1e3, "thousand "), (1.0, ""))
    return _scale(largest, tuple((size, f"{word}{what}") for size, word in sizes))


def _scale(largest: float, sizes: tuple[tuple[float, str], ...]) -> Scale:
    return next((Scale(size, name) for size, name in sizes if abs(largest) >= size), Scale(*sizes[-1]))


def count(value: float, unit: str = "") -> str:
    """Return a number of things that come whole ('69', '3.96 M'); a part of one is never none."""
    if 0 < abs(value) < 0.5:
        return f"<1{unit and ' ' + unit}"
    return short(round(value) if abs(value) < 1000 else value, unit)


def without_noise(values: Array | Sequence[float]) -> Array:
    """Return numbers that stand side by side, those that are only what rounding leaves of zero made zero."""
    numbers = np.asarray(values, dtype=float)
    size = np.abs(numbers)
    largest = float(np.nanmax(size, initial=0.0))
    return np.where(size < RELATIVE_NOISE * largest, 0.0, numbers)


def as_year(day: dt.date | None) -> float:
    """Return a day as a calendar year with its fraction; nan for none."""
    return math.nan if day is None else day.year + (day.timetuple().tm_yday - 1) / 366


def span(low: float, high: float) -> str:
    """Return a range in one unit ('0.7-1.9T'); none is a dash."""
    if not high > 0:
        return DASH
    size, letter = next(((s, n) for s, n in ((1e12, "T"), (1e9, "B"), (1e6, "M")) if high >= s), (1.0, ""))
    return f"{digits_of(low / size, 2)}-{digits_of(high / size, 2)}{letter}"


def scientific(value: float) -> str:
    """Return a large number as people write it in text ('2.1e26'); none is a dash."""
    return f"{value:.1e}".replace("e+", "e") if value > 0 else DASH


def fixed(value: float, places: int = 2) -> str:
    """Return a number with so many places behind the point, more where it would read as zero; nothing is minus zero."""
    if not math.isfinite(value):
        return DASH
    if abs(value) < NOISE or round(value, places):
        return f"{round(value, places) + 0.0:,.{places}f}"
    return digits_of(value, 2)
