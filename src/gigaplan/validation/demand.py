"""Demand: curves fitted on what was known before the announcement, printed against what came after."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gigaplan import catalog
from gigaplan.demand.adoption import CURVES
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR
from gigaplan.vocabulary.units import parse_date

KNOWN_BEFORE = dt.date(2025, 9, 1)
REFERENCE = dt.date(2025, 7, 1)


@dataclass(frozen=True, slots=True)
class Point:
    """One published figure and ours."""

    quantity: str
    definition: str
    date: str
    published: float
    ours: float
    known: bool
    """Whether it was known before the announcement, and so could be fitted on."""

    @property
    def error(self) -> float:
        """Ours over published, less one."""
        return self.ours / self.published - 1


@dataclass(frozen=True, slots=True)
class Fit:
    """A curve fitted on the points known before the announcement, the ceiling given."""

    curve: str
    reference_users: float
    rate_per_year: float
    residual: float
    """Root mean square of the logarithmic error on the fitted points."""
    left_out_error: float
    """Error on the last known point when it is left out of the fit: how the curve is chosen."""


@dataclass(frozen=True)
class DemandValidation:
    """Fits of the rival curves, and every published figure against the chosen one."""

    fits: tuple[Fit, ...]
    chosen: str
    points: tuple[Point, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)


def validate_demand() -> DemandValidation:
    """Return the fits, the chosen curve and all points with their errors."""
    facts = catalog.load()
    users = facts.series("chatgpt", "weekly_users")
    known = [f for f in users if parse_date(f.date) < KNOWN_BEFORE]
    ceiling = facts.find("adoption", "ceiling_users").number
    fits = tuple(fit(name, known, ceiling) for name in CURVES)
    chosen = min(fits, key=lambda f: abs(f.left_out_error))
    curve = CURVES[chosen.curve]

    def weekly(day: dt.date) -> float:
        years = np.array([(day - REFERENCE).days / DAYS_PER_YEAR])
        return float(curve(years, np.array(ceiling), np.array(chosen.reference_users), np.array(chosen.rate_per_year))[0])

    points = [_point(f, "weekly active users", weekly) for f in users]
    for quantity, definition in (("messages_per_day_consumer", "consumer plans"), ("messages_per_day_all", "all products")):
        points += [_point(f, definition, _messages(facts, weekly)) for f in facts.series("chatgpt", quantity)]
    notes = (
        "Messages per day: five published points under two definitions; they can show a gross error, not confirm a curve.",
        "The ceiling is OpenAI's own 2030 projection as reported in 2025, not a fit.",
    )
    return DemandValidation(fits, chosen.curve, tuple(points), notes)


def fit(name: str, known: list[Fact], ceiling: float) -> Fit:
    """Fit reference level and rate of one curve on the logarithm of users by least squares (scipy)."""
    level, rate, residual = _least_squares(name, known, ceiling)
    before_level, before_rate, _ = _least_squares(name, known[:-1], ceiling)
    last = known[-1]
    years = np.array([_years(last)])
    guess = CURVES[name](years, np.array(ceiling), np.array(before_level), np.array(before_rate))[0]
    return Fit(name, level, rate, residual, float(guess / last.number - 1))


def _least_squares(name: str, known: list[Fact], ceiling: float) -> tuple[float, float, float]:
    from scipy.optimize import least_squares

    years, users = np.array([_years(f) for f in known]), np.array([f.number for f in known])

    def residual(x: Array) -> Array:
        level, rate = np.exp(x)
        return np.asarray(np.log(CURVES[name](years, np.array(ceiling), level, rate) / users))

    found = least_squares(residual, np.log([5e8, 0.5]))
    level, rate = np.exp(found.x)
    return float(level), float(rate), float(np.sqrt(np.mean(found.fun**2)))


def _years(fact: Fact) -> float:
    return (parse_date(fact.date) - REFERENCE).days / DAYS_PER_YEAR


def _point(fact: Fact, definition: str, ours: Callable[[dt.date], float]) -> Point:
    day = parse_date(fact.date)
    return Point(fact.quantity, definition, fact.date, fact.number, ours(day), day < KNOWN_BEFORE)


def _messages(facts: catalog.Catalog, weekly: Callable[[dt.date], float]) -> Callable[[dt.date], float]:
    """Return consumer messages a day as the workloads imply them: users x reach x requests x growth."""
    from gigaplan.demand.requests import intensity

    names = [e for e in facts.entities("requests_per_user_day") if e != "agents"]

    def messages(day: dt.date) -> float:
        total = 0.0
        for name in names:
            f = {q: facts.find(name, q) for q in ("reach_share", "requests_per_user_day", "growth_per_year",
                                                  "growth_decay_per_year", "reference_date")}  # fmt: skip
            years = np.array([(day - f["reference_date"].day).days / DAYS_PER_YEAR])
            growth = intensity(years, f["growth_per_year"].number, f["growth_decay_per_year"].number)[0, 0]
            total += f["reach_share"].number * f["requests_per_user_day"].number * float(growth)
        return weekly(day) * total

    return messages
