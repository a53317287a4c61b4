"""Numbers as text, rounded in one way everywhere: only zero reads as zero, and no number is a wall of digits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

DASH = "–"
"""What stands for a number that doesn't exist."""
ALMOST = 0.9995
COUNTABLE = 1e16
"""From here on a number is written with a power of ten: no one counts in thousands of trillions."""
SMALL = 1e-4
"""Below, so too: four places would make it zero."""
NOISE = 1e-9
"""A share or a price below this is what rounding leaves of zero."""
CENT = 0.01
"""Dollars below this are none."""
FAITHFUL = 0.005
"""Rounding may change a number by so large a share of it: what three digits do."""
MORE_PLACES = 6
"""Places that may be added to a format before a number is written in digits of its own."""
_FORM = re.compile(r"(?P<comma>,?)\.(?P<places>\d+)(?P<kind>[efg%])")


def short(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a number in a few digits with k, M, B or T ('3.4 M'); a number that doesn't exist is a dash."""
    if math.isnan(value):
        return DASH
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size * ALMOST <= abs(value) < COUNTABLE:
            return f"{digits_of(value / size, digits)} {letter}{unit and ' ' + unit}"
    return f"{digits_of(value, digits)}{unit and ' ' + unit}"


def digits_of(value: float, digits: int = 3) -> str:
    """Return a number in a few digits ('1,235', '0.0123')."""
    if not math.isfinite(value):
        return DASH
    if value == round(value) and abs(value) < 1000:
        return f"{value + 0.0:.0f}"
    if abs(value) >= COUNTABLE:
        return power_of_ten(f"{value:.{digits - 1}e}")
    if abs(value) < SMALL:
        return power_of_ten(f"{value:.{min(digits, 2) - 1}e}")
    value = float(f"{value:.{digits}g}")  # 0.9996 has the digits of 1.00
    places = max(digits - 1 - math.floor(math.log10(abs(value)) + 1e-12), 0)
    return f"{value:,.{min(places, 4)}f}"


def precisely(value: float) -> str:
    """Return a number in six digits, thousands written out up to a trillion ('11,770,000', '1.17e21')."""
    text = f"{value:,.6g}"
    return f"{value:,.0f}" if "e+" in text and abs(value) < 1e12 else power_of_ten(text)


def number_of(value: float) -> str:
    """Return a number in three digits, thousands written out ('66,716', '3.96 M')."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else short(value)


def share_of(share: float) -> str:
    """Return a share as a percentage in three digits ('14.8%'); nearly all is never written as all."""
    if not math.isfinite(share):
        return DASH
    if ALMOST <= share < 1 - NOISE:
        return "99.9%"
    return f"{digits_of(round(share * 100, 7))}%"


def money(value: float) -> str:
    """Return dollars in a few digits ('$412 B'); less than a cent is none."""
    value = 0.0 if abs(value) < CENT else value
    return DASH if math.isnan(value) else ("-" if value < 0 else "") + "$" + short(abs(value))


def percent(share: float) -> str:
    """Return a share as a percentage; nearly all is never written as all, nor some as none, nor minus zero."""
    if not math.isfinite(share):
        return DASH
    if 0.99 < share < 1 - NOISE:
        return f"{math.floor(share * 1000) / 10:.1f}%" if share < ALMOST else "100%"
    if abs(share) < NOISE or round(share * 100):
        return f"{round(share * 100) + 0:d}%"
    return f"{digits_of(share * 100, 2)}%"


def figure_text(value: float | str, unit: str) -> str:
    """Return a figure with its unit ('2,180 billion USD', '1 site', '14.8%', '1.44 GW'); a date is text already."""
    if isinstance(value, str):
        return value
    if unit == "share":
        return share_of(value)
    if unit == "MW" and abs(value) >= 1000:
        value, unit = value / 1000, "GW"
    singular = unit[:-1] if value == 1 and unit.endswith("s") and unit.isalpha() else unit
    return short(value) if unit == "1" else f"{number_of(value)} {singular}".strip()


def in_form(value: float, form: str, next_to: Iterable[float] = ()) -> str:
    """Return a number in a format such as ``.1f``, with as many places more as it needs to be right.

    Parameters
    ----------
    value : float
        The number.
    form : str
        A format of Python: ``.1f``, ``,.0f``, ``.2e``, ``.3g`` or ``.0%``.
    next_to : iterable of float
        The numbers that stand in the same sentence in the same format: those that differ must look different.

    Returns
    -------
    str
        The number, rounded by at most `FAITHFUL` of itself.
    """
    if not math.isfinite(value):
        return DASH
    others = [v for v in next_to if math.isfinite(v) and not math.isclose(v, value, rel_tol=1e-6, abs_tol=NOISE)]
    for text, kind in _longer(form):
        shown = text.format(value)
        close = abs(_read(shown) - value) <= max(FAITHFUL * abs(value), NOISE)
        if close and all(text.format(v) != shown for v in others):
            return number_of(value) if kind == "g" and "e" in shown else power_of_ten(shown)
    return digits_of(value)


def _longer(form: str) -> Iterable[tuple[str, str]]:
    """Yield a format and its longer ones, each with its kind."""
    match = _FORM.fullmatch(form)
    if match is None:
        yield f"{{:{form}}}", ""
        return
    for places in range(int(match["places"]), int(match["places"]) + MORE_PLACES + 1):
        yield f"{{:{match['comma']}.{places}{match['kind']}}}", match["kind"]


def power_of_ten(text: str) -> str:
    """Return a number with its power of ten as people write it ('8.1e25', '2.5e-7')."""
    return re.sub(r"e\+?(-?)0*(\d)", r"e\1\2", text)


def _read(text: str) -> float:
    number = text.replace(",", "")
    return float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)


def in_a_row(names: Sequence[str]) -> str:
    """Return names with commas between them, or semicolons where a name has a comma of its own."""
    return ("; " if any("," in name for name in names) else ", ").join(names)
