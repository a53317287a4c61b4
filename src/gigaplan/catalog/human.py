"""A fact's value as people write it: ``192 GB``, ``$3.4 M``, ``40 %``, ``1.2 GW``."""

from __future__ import annotations

import math

SCALED = {
    "byte": "B",
    "byte/s": "B/s",
    "bit/s": "bit/s",
    "FLOP": "FLOP",
    "FLOP/s": "FLOP/s",
    "W": "W",
    "Wh": "Wh",
}
"""Units that take a prefix, as written after it."""
PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
WORDS = ((1e12, " T"), (1e9, " B"), (1e6, " M"))
FINE = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
WATTS = {"kW": 1e3, "MW": 1e6}


def human(value: float | str, unit: str) -> str:
    """Return a value and its unit for people; dates and names stand as they are."""
    if isinstance(value, str) or unit in ("date", "text"):
        return str(value)
    if not math.isfinite(value):
        return "–"
    first, slash, per = unit.partition("/")
    if unit == "share":
        return f"{_digits(value * 100)} %"
    if unit == "1/year":
        return f"{_digits(value * 100)} %/year"
    if first == "USD":
        sign = "-" if value < 0 else ""
        return f"{sign}${_scaled(abs(value), WORDS, '')}{slash}{per}"
    if first in WATTS:
        return f"{_scaled(value * WATTS[first], PREFIXES, 'W', ' ')}{slash}{per}"
    if unit in SCALED:
        return _scaled(value, PREFIXES, SCALED[unit], " ")
    if unit == "s" and value:
        size, name = next((f for f in FINE if abs(value) >= f[0]), FINE[-1])
        return f"{_digits(value / size)} {name}"
    return f"{_scaled(value, WORDS, '')}{'' if unit == '1' else ' ' + unit}"


def _scaled(value: float, sizes: tuple[tuple[float, str], ...], unit: str, space: str = "") -> str:
    size, name = next((s for s in sizes if abs(value) >= s[0]), (1.0, ""))
    return f"{_digits(value / size)}{space}{name}{unit}"


def _digits(value: float) -> str:
    """Return up to four significant digits, whole numbers in full."""
    if value == round(value) and abs(value) < 1e6:
        return f"{value:,.0f}"
    return f"{value:,.4g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.4g}"
