"""Demand: curves fitted on what was known before the announcement, compared with what came after.

Weekly users: two rival curves are fitted to the points dated before ``KNOWN_BEFORE``, with the ceiling given, and
the one that fits those points better is chosen; the points after that day are only looked at. The chosen constants
are facts of the catalog (entity ``adoption``, table ``calibration_demand.csv``); ``fits`` renews them.
Messages and API tokens per day: the demand room's workloads, from the catalog's facts, on the published days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar, Literal, TypeVar, cast

import numpy as np

from gigaplan import catalog
from gigaplan.demand.adoption import CURVES, weekly_users
from gigaplan.demand.fit import CurveFit, fit_curve
from gigaplan.demand.inputs import TOKENS, Adoption, Shape, Workload
from gigaplan.demand.requests import requests_per_day, season_factor, season_of
from gigaplan.plan.resolve import Filler
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.figures import short
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief, BriefRows, Items, error_text
from gigaplan.vocabulary.time import DAYS_PER_YEAR
from gigaplan.vocabulary.units import parse_date

T = TypeVar("T")

KNOWN_BEFORE = dt.date(2025, 9, 1)
"""Day before which a figure was known when the fit was made; later ones only test it."""
BOUNDS = 0.90
"""Probability that the low and high of a fitted constant are meant to hold."""
NOT_MESSAGES = ("agents",)
"""Workloads driven by users whose requests are steps of a program, not messages that people send."""
MESSAGES = (
    ("messages_per_day_consumer", "consumer plans", True),
    ("messages_per_day_all", "all products", False),
)
"""Quantity, definition, and whether the workloads' facts were set on it."""
NOTES = (
    "Weekly users: the ceiling is OpenAI's own projection for 2030 as reported in 2025, given and not fitted; the "
    "curve is chosen by AIC on the points known before September 2025 alone. Five points came after: the chosen curve "
    "starts below them and ends above, since growth slowed sooner than seven earlier points and that ceiling let on.",
    "Messages per day: five points under two definitions (consumer plans; all products), all known before September "
    "2025. They can show a gross error; they can't validate a curve. The prediction is one number, set by the "
    "consumer plans.",
    "API tokens per day: two points. The first sets the level of enterprise_api and has no error of its own; only "
    "the second tests anything, its growth.",
)


@dataclass(frozen=True, slots=True, repr=False)
class Point(Brief):
    """One published figure and the predicted one."""

    quantity: str
    definition: str
    date: str
    published: float
    predicted: float
    known: bool
    """Whether it was known before the announcement."""
    used: bool
    """Whether the constants were set on it: then its error is a residual, not a test."""
    JSON_ALSO: ClassVar[tuple[str, ...]] = ("error",)

    @property
    def error(self) -> float:
        """Predicted over published, less one."""
        return self.predicted / self.published - 1

    def brief_line(self) -> str:
        """Return the published and the predicted figure."""
        return f"{self.date}: published {short(self.published)}, predicted {short(self.predicted)}, {self.error:+.1%}"


@dataclass(frozen=True, slots=True, repr=False)
class Fit(Brief):
    """A curve fitted on some points, the ceiling given."""

    curve: str
    reference_users: float
    reference_users_range: tuple[float, float]
    """Where a point at the reference date is expected: the fit's spread and the residual together [user]."""
    rate_per_year: float
    rate_per_year_range: tuple[float, float]
    residual: float
    """Standard deviation of ln(predicted / published) on the fitted points, two constants deducted."""
    aic: float
    """Akaike's criterion, n ln(RSS / n) + 2 k: the smaller, the better the fit."""
    left_out_error: float
    """Error on the last fitted point when it is left out of the fit."""
    after_mean_abs_error: float
    """Mean absolute error on the points that came after; nan if none did. Never used to choose."""


@dataclass(frozen=True, slots=True, repr=False)
class Summary(Brief):
    """Errors over the points of one quantity that are alike in when they came and whether we used them."""

    quantity: str
    when: str
    used: bool
    points: int
    mean_abs_error: float
    bias: float

    def brief_line(self) -> str:
        """Return the mean absolute error."""
        return (
            f"mean error of {self.points} {'point' if self.points == 1 else 'points'} {error_text(self.mean_abs_error)}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class DemandValidation(Brief):
    """Fits of the rival curves, which one is chosen, and every published figure with its prediction."""

    fits: tuple[Fit, ...]
    chosen: str
    points: tuple[Point, ...]
    notes: tuple[str, ...] = NOTES
    JSON_ALSO: ClassVar[tuple[str, ...]] = ("summary",)

    @property
    def summary(self) -> tuple[Summary, ...]:
        """Return the errors by quantity: points known before the announcement and after it, used by us and not."""
        groups = groupby(self.points, key=lambda p: (p.quantity, p.known, p.used))
        return Items(_summary(*key, [p.error for p in some]) for key, some in groups)

    def brief_rows(self) -> BriefRows:
        """Return the curve, and each quantity's latest published figure with its prediction and mean error."""
        yield "curve", self.chosen
        groups = groupby(self.points, key=lambda p: (p.quantity, p.known, p.used))
        for s, (_, some) in zip(self.summary, groups, strict=True):
            *_, last = some
            yield f"{s.quantity}, {s.when}", f"{s.brief_line()}; {last.brief_line()}"


def validate_demand() -> DemandValidation:
    """Return the fits, the chosen curve, and every point by the constants that plans use, with its error."""
    facts = catalog.load()
    adoption = stored(facts)
    tried = fits(facts)
    points = (*_users(facts, adoption), *_messages(facts, adoption), *_api_tokens(facts, adoption))
    return DemandValidation(tried, choose(tried), points)


def stored(facts: catalog.Catalog) -> Adoption:
    """Return the adoption that plans use: the chosen facts of the catalog."""
    return _filled(facts, Adoption, "adoption")


def fits(facts: catalog.Catalog) -> tuple[Fit, ...]:
    """Return the rival curves fitted on the weekly users known before the announcement."""
    users = facts.series("chatgpt", "weekly_users")
    split = [[f for f in users if (_day(f) < KNOWN_BEFORE) == known] for known in (True, False)]
    adoption = stored(facts)
    return tuple(fit(replace(adoption, curve=cast(Any, name)), *split) for name in CURVES)


def choose(tried: Sequence[Fit]) -> str:
    """Return the name of the curve with the smallest AIC."""
    return min(tried, key=lambda f: f.aic).curve


def fit(start: Adoption, known: Sequence[Fact], after: Sequence[Fact] = ()) -> Fit:
    """Fit reference users and rate of ``start``'s curve to ln(users); its ceiling and reference date are given.

    The range of the rate is Student's on the linearised fit; that of the reference adds the residual, since a
    plan's users lie about the curve as the published points do.

    Raises
    ------
    ValueError
        If fewer than four points are given: two constants, a residual, and one to leave out.
    """
    if len(known) < 4:
        raise ValueError(f"{len(known)} points can't hold two constants and a residual; give at least four")
    fitted, shorter = _fitted(start, known), _fitted(start, known[:-1]).adoption
    found, residuals = fitted.adoption, fitted.residuals
    residual = float(np.sqrt(residuals @ residuals / fitted.freedom))
    spread = np.diag(fitted.covariance) + np.array([residual**2, 0.0])
    width = fitted.width(BOUNDS) * np.sqrt(spread)
    level, rate = cast(float, found.reference_users), cast(float, found.rate_per_year)
    errors = _errors(found, after)
    return Fit(
        curve=start.curve,
        reference_users=level,
        reference_users_range=(level * float(np.exp(-width[0])), level * float(np.exp(width[0]))),
        rate_per_year=rate,
        rate_per_year_range=(rate * float(np.exp(-width[1])), rate * float(np.exp(width[1]))),
        residual=residual,
        aic=float(len(known) * np.log(residuals @ residuals / len(known)) + 2 * 2),
        left_out_error=float(_errors(shorter, known[-1:])[0]),
        after_mean_abs_error=float(np.abs(errors).mean()) if len(errors) else float("nan"),
    )


def _fitted(start: Adoption, known: Sequence[Fact]) -> CurveFit:
    return fit_curve(start, _years(start.reference_date, known), np.array([f.number for f in known]))


def _errors(adoption: Adoption, points: Sequence[Fact]) -> Array:
    return np.array([weekly_users(adoption, _years(adoption.reference_date, [f]))[0, 0] / f.number - 1 for f in points])


def _users(facts: catalog.Catalog, adoption: Adoption) -> list[Point]:
    """Compare the adoption that plans use with weekly active users; what was known before is what it was fitted on."""
    series = facts.series("chatgpt", "weekly_users")
    predicted = weekly_users(adoption, _years(adoption.reference_date, series))[0]
    return [_point(f, "weekly active users", u, _day(f) < KNOWN_BEFORE) for f, u in zip(series, predicted, strict=True)]


def _messages(facts: catalog.Catalog, adoption: Adoption) -> list[Point]:
    """Compare the workloads that people drive with messages per day, under either published definition."""
    names = [e for e in facts.entities("requests_per_user_day") if e not in NOT_MESSAGES]
    works = [_workload(facts, name, "users") for name in names]
    predicted = _requests(facts, adoption, works)
    return [
        _point(f, definition, predicted(_day(f)), used)
        for quantity, definition, used in MESSAGES
        for f in facts.series("chatgpt", quantity)
    ]


def _api_tokens(facts: catalog.Catalog, adoption: Adoption) -> list[Point]:
    """Hold the enterprise workload's tokens, read and made, against the API's tokens per day (basis: processed)."""
    work = _workload(facts, "enterprise_api", "own")
    tokens = sum(getattr(work, f"{kind}_tokens") for kind in TOKENS)
    predicted = _requests(facts, adoption, [work])
    return [
        _point(f, f"API, {f.token_basis}", predicted(_day(f)) * tokens, _day(f) == work.reference_date)
        for f in facts.series("openai", "api_tokens_per_day")
    ]


def _workload(facts: catalog.Catalog, name: str, driver: Literal["users", "own"]) -> Workload:
    """Return a workload by its facts alone; which model serves it does not matter here."""
    return _filled(facts, Workload, name, name=name, driver=driver, model="")


def _requests(facts: catalog.Catalog, adoption: Adoption, works: Sequence[Workload]) -> Callable[[dt.date], float]:
    """Return the requests that some workloads ask on the mean day about a date, as a function of the date."""
    # hours of the day, and so regions, do not matter here
    shape = _filled(facts, Shape, "demand_shape", region_offset_h=(0.0,), region_share=(1.0,))

    def on(day: dt.date) -> float:
        users = weekly_users(adoption, _since(adoption.reference_date, day))
        season = np.array([season_of(day)])
        return sum(
            float(requests_per_day(w, users, _since(w.reference_date, day))[0, 0])
            * float(season_factor(w, shape, season, season_of(w.reference_date))[0])
            for w in works
        )

    return on


def _filled(facts: catalog.Catalog, cls: type[T], entity: str, **known: Any) -> T:
    """Return a room's dataclass from the facts of an entity alone; PlanError lists what is missing."""
    filler = Filler(facts, {}, 1, 0)
    found = filler.fill(cls, None, entity, entity, **known)
    if filler.problems:
        raise PlanError(filler.problems)
    return found


def _point(fact: Fact, definition: str, predicted: float, used: bool) -> Point:
    return Point(fact.quantity, definition, fact.date, fact.number, float(predicted), _day(fact) < KNOWN_BEFORE, used)


def _summary(quantity: str, known: bool, used: bool, errors: Sequence[float]) -> Summary:
    when = f"known before {KNOWN_BEFORE:%Y-%m}" if known else "came after"
    return Summary(quantity, when, used, len(errors), float(np.abs(errors).mean()), float(np.mean(errors)))


def _day(fact: Fact) -> dt.date:
    return parse_date(fact.date)


def _since(start: dt.date, day: dt.date) -> Array:
    return np.array([(day - start).days / DAYS_PER_YEAR])


def _years(start: dt.date, points: Sequence[Fact]) -> Array:
    return np.array([(_day(f) - start).days / DAYS_PER_YEAR for f in points])
