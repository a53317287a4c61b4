"""Units at the doors: text such as ``1.2 GW``, ``$38B``, ``80 ms``, ``5 %`` or ``2026-H2`` becomes a bare number.

Inside gigaplan every number is a float whose name ends with its unit; unit objects (pint) live only here.
A room says what a field expects with a marker, ``Annotated[float, Gt(0), Unit("MW")]``; the plan's schema
then accepts any text of the same dimension. The marker needs no pydantic to be imported by the room.
"""

from __future__ import annotations

import calendar
import csv
import datetime as dt
import math
import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pint
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

_DEFINITIONS = """
k- = 1e3
M- = 1e6
G- = 1e9
T- = 1e12
P- = 1e15
E- = 1e18
m- = 1e-3
u- = 1e-6
second = [time] = s
minute = 60 * second = min
hour = 3600 * second = h
day = 24 * hour = d
week = 7 * day
month = 365.2425 / 12 * day
year = 365.2425 * day = yr
watt = [power] = W
joule = watt * second = J
watt_hour = watt * hour = Wh
byte = [information] = B = bytes
bit = byte / 8 = b = bits
flop = [computation] = FLOP = FLOPs
degree = [angle] = deg = degrees
USD = [currency]
token = [token] = tok = tokens
gpu = [gpu] = GPU = gpus = GPUs
rack = [rack] = racks
user = [user] = users
message = [message] = messages
request = [request] = requests
kilometre = [length] = km
litre = [volume] = L
gram = [mass] = g
"""

_MAGNITUDE = {
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "B": 1e9,
    "bn": 1e9,
    "T": 1e12,
    "": 1.0,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
}
_NUMBER = r"[+-]?(?:\d[\d_,]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?([eE][+-]?\d+)?")
_COUNTED = r"(?:USD|tok|tokens?|users?|requests?|messages?|GPUs?|gpus?|racks?)\b"
"""What one counts in millions: a magnitude's letter may stand before it, as in ``4.1M USD`` or ``700 M users``."""
_SHORT = re.compile(rf"^({_NUMBER})\s*(k|K|M|B|bn|T)\s*({_COUNTED}.*)$")
_MILLI_MONEY = re.compile(r"m\s*USD\b")
_MONEY = re.compile(rf"^(-?)\s*\$\s*({_NUMBER})\s*([a-zA-Z]*)\s*(/.*)?$")
_QUANTITY = re.compile(rf"^({_NUMBER})\s*(thousand|million|billion|trillion)?\s*(.*)$")
COUNTED = ("day", "month", "year", "token", "user")
"""Units that take an s."""
BARE = ("share", "1", "token", "user")
"""Units that a person may leave out."""
UNIT_UNSAID = ("", "1", "share", "date", "text")
"""Units that don't stand behind a number: a share is written as a percentage or a number."""
NUMBER_PATTERN = r"^[-+]?\s*\$?\s*[-+]?(\d|\.\d)"
"""How a quantity's text begins, for JSON Schema."""
PERIOD = "A month, quarter, half or year stands for its middle day: 2027-01 is read as 2027-01-16."
"""How a period is read where a day is meant."""
_DATE = r"\d{4}(-\d{2}(-\d{2})?|-?[QqHh][1-4])?"
DATE_PATTERN = f"^{_DATE}$"
"""How a date or a period is written, for JSON Schema."""
YEARS = (1900, 2200)
"""First and last year of any date: farther ones are slips, and calendars end near some of them."""
_EXAMPLES = {
    "MW": "1.2 GW",
    "kW": "132 kW",
    "W": "700 W",
    "USD": "$38B",
    "s": "80 ms",
    "h": "6 h",
    "year": "5 years",
    "month": "3 months",
    "day": "30 days",
    "USD/MWh": "77 USD/MWh",
    "USD/Mtok": "10 USD/Mtok",
    "byte": "80 GB",
    "byte/s": "8 TB/s",
    "FLOP/s": "2.5 PFLOP/s",
    "1/year": "40 %/year",
    "share": "40 %",
    "token": "1200 tokens",
    "deg": "32.4 deg",
    "MW/month": "300 MW/month",
    "racks/month": "900 racks/month",
}

LARGEST = {
    "MW": 1e9,  # fifty times what mankind draws
    "kW": 1e12,
    "W": 1e15,
    "USD": 1e18,
    "token": 1e24,
    "user": 1e12,
    "1": 1e18,
    "s": 1e11,
    "h": 1e8,
    "day": 1e6,
    "month": 1e5,
    "year": 1e4,
}
"""Largest amounts, by unit, that a plan may state: above any real one, and below where floats lose their way."""
LARGEST_OF_ANY = 1e30
SMALLEST = {"MW": 1e-6, "kW": 1e-3, "W": 1.0}
"""Smallest power other than none: a watt."""


OTHER_KIND, NO_UNIT = "other kind", "no unit"
"""Why there is no factor between two units."""


@cache
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(None)
    registry.load_definitions([line for line in _DEFINITIONS.splitlines() if line])
    return registry


def example(unit: str) -> str:
    """Return how a person would write a quantity of this unit, for messages."""
    return _EXAMPLES.get(unit, f"12 {unit}" if unit not in ("", "1") else "12")


def amount(number: float, unit: str) -> str:
    """Return a number with its unit as a person would write it; bare units are left out.

    >>> amount(480, "month"), amount(0.2, "1/year"), amount(0.4, "share")
    ('480 months', '0.2/year', '0.4')
    """
    if unit.startswith("1/"):
        return f"{number:,.12g}{unit.removeprefix('1')}"
    many = "s" * (unit in COUNTED and number != 1)
    return f"{number:,.12g}{f' {unit}{many}' * (unit not in ('', '1', 'share'))}"


@cache
def _factors() -> dict[tuple[str, str], str]:
    """Return the factors between units that plans are written in, or why there is none, as text.

    Pint, which has them all, takes longer to import than a plan to be read.
    """
    text = (files("gigaplan.vocabulary") / "unit_factors.csv").read_text(encoding="utf-8")
    return {(source, target): number for source, target, number in csv.reader(text.splitlines()[1:])}


@cache
def factor(source: str, target: str) -> float:
    """Return the number that turns ``source`` units into ``target`` units.

    Raises
    ------
    ValueError
        If a unit is unknown or the two differ in dimension.
    """
    known = _factors().get((source, target)) or _by_pint(source, target)
    if known == OTHER_KIND:
        raise ValueError(f"'{source}' is not a unit of the same kind as '{target}'")
    if known == NO_UNIT:
        raise ValueError(f"'{source}' is not a unit known here")
    return float(known)


def _by_pint(source: str, target: str) -> str:
    """Return the factor between two units as Pint has it, or why there is none."""
    import pint

    registry = _registry()
    try:
        return repr(float(registry.Quantity(1.0, _pint_text(source)).to(_pint_text(target)).magnitude))
    except pint.DimensionalityError:
        return OTHER_KIND
    except Exception:
        return NO_UNIT


def unlike(a: str, b: str) -> bool:
    """Return whether two texts are units of different kinds; one that isn't known here may be anything.

    Parameters
    ----------
    a, b : str
        Units.

    Returns
    -------
    bool
        True for ``GWh`` and ``MW``, False for ``GW`` and ``MW`` or ``sites`` and ``1``.
    """
    try:
        factor(a, a)
        factor(b, b)
    except ValueError:
        return False
    try:
        factor(a, b)
    except ValueError:
        return True
    return False


def _pint_text(unit: str) -> str:
    unit = re.sub(r"\b(Mtok)\b", "Mtoken", unit.strip())
    unit = re.sub(r"^1?/", "dimensionless/", unit)
    for plural in ("hours", "days", "weeks", "months", "years", "minutes", "seconds"):
        unit = re.sub(rf"\b{plural}\b", plural[:-1], unit)
    return unit or "dimensionless"


@cache
def parse_quantity(text: str, unit: str) -> float:
    """Turn a person's text into a number in ``unit``.

    Parameters
    ----------
    text : str
        ``1.2 GW``, ``$38B``, ``38B USD``, ``$10/Mtok``, ``80 ms``, ``5 %``, ``40 %/year``, ``700 million users``.
    unit : str
        Canonical unit; ``share`` for a 0..1 share, ``1`` for a count or ratio.

    Raises
    ------
    ValueError
        If the unit is missing, unknown or of another dimension, or the number is not finite.
    """
    text = text.strip()
    money = _MONEY.match(text)
    if money:
        sign, number, magnitude, rest = money.groups()
        if magnitude not in _MAGNITUDE:
            raise ValueError(f"'{magnitude}' after a dollar amount is none of k, M, B, T")
        value = _times(_number(sign + number), _MAGNITUDE[magnitude])
        return _finite(value * factor("USD" + (rest or "").replace(" ", ""), unit))
    quantity = _SHORT.match(text) or _QUANTITY.match(text)
    if not quantity:
        raise ValueError("not a number with a unit")
    number, magnitude, found = quantity.groups()
    value = _times(_number(number), _MAGNITUDE[magnitude or ""])
    found = found.strip()
    if _MILLI_MONEY.match(found):
        raise ValueError("'m' before USD may be thousandths or millions: write M for millions")
    if found.startswith("%"):
        value, found = value / 100, found[1:].strip()
        if unit == "share":
            if found:
                raise ValueError(f"'%{found}' is not a share")
            return _finite(value)
        found = "1" + found if found.startswith("/") else found
    if unit in BARE and unit != "share" and re.fullmatch(r"k|K|M|B|bn|T", found):
        value, found = value * _MAGNITUDE[found], ""
    if unit in ("share", "1"):
        if found and unit == "share":
            raise ValueError(f"'{found}' is not a share: write 0.4 or 40 %")
        if found:
            return _finite(value * _count(found))
        return _finite(value)
    if not found:
        if unit in BARE:
            return _finite(value)
        raise ValueError("the unit is missing")
    return _finite(value * factor(found, unit))


def _count(unit: str) -> float:
    """Counted things ('GPUs', 'users') are plain numbers; anything with a dimension is refused."""
    if re.fullmatch(r"(GPUs?|gpus?|users?|racks?|tokens?|messages?|requests?|x)", unit):
        return 1.0
    raise ValueError(f"'{unit}' is a unit where a plain number is meant")


def _number(text: str) -> float:
    if "," in text and not _GROUPED.fullmatch(text):
        raise ValueError(
            f"a comma groups thousands, as in 1,200, and '{text}' has one elsewhere: write a decimal point"
        )
    return float(text.replace(",", "").replace("_", ""))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return value


def _times(number: float, magnitude: float) -> float:
    """Return the product as decimals have it: 4.1 M is 4,100,000 and not a little less."""
    return float(f"{number * magnitude:.15g}")


def parse_date(text: str | int | dt.date) -> dt.date:
    """Turn ``2026-09-22``, ``2026-09``, ``2026-Q4``, ``2026-H2`` or ``2026`` into a day.

    A period stands for its middle day, which neither flatters nor blackens a plan.

    Raises
    ------
    ValueError
        If the text is none of these, the day does not exist, or its year lies outside ``YEARS``.
    """
    if isinstance(text, dt.datetime):
        first = last = text.date()
    elif isinstance(text, dt.date):
        first = last = text
    else:
        first, last = parse_period(str(text))
    if not YEARS[0] <= first.year <= last.year <= YEARS[1]:
        raise ValueError(f"no year of a plan; write one from {YEARS[0]} to {YEARS[1]}")
    return first + (last - first) // 2


@lru_cache(maxsize=4096)
def parse_period(text: str) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of a date or period (see :func:`parse_date`)."""
    text = text.strip()
    try:
        if match := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text):
            day = dt.date(*(int(g) for g in match.groups()))
            return day, day
        if match := re.fullmatch(r"(\d{4})-(\d{2})", text):
            return _months(int(match[1]), int(match[2]), 1)
        if match := re.fullmatch(r"(\d{4})-?[Qq]([1-4])", text):
            return _months(int(match[1]), 3 * int(match[2]) - 2, 3)
        if match := re.fullmatch(r"(\d{4})-?[Hh]([12])", text):
            return _months(int(match[1]), 6 * int(match[2]) - 5, 6)
        if match := re.fullmatch(r"(\d{4})", text):
            return _months(int(match[1]), 1, 12)
    except ValueError:
        raise ValueError("the calendar has no such day or month") from None
    raise ValueError("not a date; write 2026-09-22, 2026-09, 2026-Q4, 2026-H2 or 2026")


def _months(year: int, month: int, count: int) -> tuple[dt.date, dt.date]:
    last = month + count - 1
    return dt.date(year, month, 1), dt.date(year, last, calendar.monthrange(year, last)[1])


def of_size(number: float, unit: str) -> float:
    """Return a number that an amount in a unit may have; a slip by many orders is refused here.

    Parameters
    ----------
    number : float
        The amount.
    unit : str
        Its canonical unit.

    Returns
    -------
    float
        The same amount.

    Raises
    ------
    ValueError
        If it is beyond ``LARGEST``, or a power that isn't zero is below a watt.
    """
    most, fewest = LARGEST.get(unit, LARGEST_OF_ANY), SMALLEST.get(unit, 0.0)
    if abs(number) > most:
        raise ValueError(f"beyond any plan: at most {most:g} {unit}; check the unit and the zeros")
    if 0 < abs(number) < fewest:
        raise ValueError(f"below a watt: 0 or at least {fewest:g} {unit}; check the unit and the zeros")
    return number


class Unit:
    """Marker of a field's canonical unit; at the plan's door it turns text into a bare number."""

    __slots__ = ("symbol",)

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol

    def __repr__(self) -> str:
        return f"Unit({self.symbol!r})"

    def parse(self, value: object) -> object:
        """Return a float in this unit from a person's text, or raise ValueError saying what to write."""
        if isinstance(value, bool):
            raise ValueError(f"a yes/no where a quantity is meant: write for example '{example(self.symbol)}'")
        if isinstance(value, str):
            try:
                number = parse_quantity(value, self.symbol)
            except ValueError as error:
                raise ValueError(f"{error}; write for example {self._examples()}") from None
            return of_size(number, self.symbol)
        if isinstance(value, int | float):
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError("not a finite number; leave the line out to use the catalog's value")
            if self.symbol not in BARE:
                raise ValueError(f"the unit is missing; write for example {self._examples()}")
            return of_size(value, self.symbol)
        return value

    def _examples(self) -> str:
        forms = ("$4.1M", "4.1M USD", "4.1 million USD") if self.symbol == "USD" else (example(self.symbol),)
        return " or ".join(f"'{form}'" for form in forms)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic run :meth:`parse` before its own checks (called by pydantic only)."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.parse, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the text and the bare number that the field takes (called by pydantic only)."""
        forms = [{"type": "string", "pattern": NUMBER_PATTERN}, *([handler(schema)] if self.symbol in BARE else [])]
        return {"anyOf": forms, "examples": [example(self.symbol)], "x-unit": self.symbol}


class Day:
    """Marker of a date field: accepts days, months, quarters, halves and years."""

    __slots__ = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic run :func:`parse_date` before its own checks (called by pydantic only)."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(parse_date, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the days and periods that the field takes (called by pydantic only)."""
        year = {"type": "integer", "minimum": YEARS[0], "maximum": YEARS[1]}
        examples = ["2027-03-15", "2027-03", "2027-Q2", "2027-H1", "2027"]
        ranged = f"^{_DATE}( to {_DATE})?$"
        return {"anyOf": [{"type": "string", "pattern": ranged}, year], "examples": examples, "x-period": PERIOD}
