"""Numbers, units and money as text. A number that doesn't exist is a dash, and nothing is ever minus zero."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np

DASH = "–"
CENT = 0.01
ALMOST = 0.9995
COUNTABLE = 1e16
"""From here on a number is written with a power of ten: no one counts in thousands of trillions."""
SMALL = 1e-4
"""Below, so too: four places would make it zero."""
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


def short(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a number in a few digits with k, M, B or T ('3.4 M'); a number that doesn't exist is a dash."""
    if math.isnan(value):
        return DASH
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size * ALMOST <= abs(value) < COUNTABLE:
            return f"{digits_of(value / size, digits)} {letter}{unit and ' ' + unit}"
    return f"{digits_of(value, digits)}{unit and ' ' + unit}"


def claimed(value: float | str, unit: str) -> str:
    """Return a figure of a claim with its unit ('2,180 billion USD', '1 site', '40%'); a date is text already."""
    if isinstance(value, str):
        return value
    if unit == "share":
        return percent(value)
    singular = unit[:-1] if value == 1 and unit.endswith("s") and unit.isalpha() else unit
    number = f"{value:,.0f}" if 1000 <= abs(value) < 1e6 and unit != "1" else short(value)
    return number if unit in ("", "1") else f"{number} {singular}"


def money(value: float) -> str:
    """Return dollars in a few digits ('$412 B'); less than a cent is none."""
    value = 0.0 if abs(value) < CENT else value
    return DASH if math.isnan(value) else ("-" if value < 0 else "") + "$" + short(abs(value))


def digits_of(value: float, digits: int = 3) -> str:
    """Return a number in a few digits ('1,235', '0.0123')."""
    if not math.isfinite(value):
        return DASH
    if value == round(value) and abs(value) < 1000:
        return f"{value + 0.0:.0f}"
    if abs(value) >= COUNTABLE:
        return f"{value:.{digits - 1}e}".replace("e+", "e")
    if abs(value) < SMALL:
        return f"{value:.{min(digits, 2) - 1}e}".replace("e-0", "e-")
    value = float(f"{value:.{digits}g}")  # 0.9996 has the digits of 1.00
    places = max(digits - 1 - int(np.floor(np.log10(abs(value)) + 1e-12)), 0)
    return f"{value:,.{min(places, 4)}f}"


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
    """Return a number with so many places behind the point; less than half of the last is zero, not minus zero."""
    if not math.isfinite(value):
        return DASH
    return f"{round(value, places) + 0.0:,.{places}f}"


def percent(share: float) -> str:
    """Return a share as a percentage; nearly all is never written as all, nor minus zero."""
    if not math.isfinite(share):
        return DASH
    if 0.99 < share < 1 - 1e-9:
        return f"{math.floor(share * 1000) / 10:.1f}%" if share < ALMOST else "100%"
    return f"{round(share * 100) + 0:d}%"
