"""Capability: the index against training compute and date, fitted on what was known before the announcement.

Models with a published score and a known training compute (Epoch AI, CC BY 4.0) that came out before ``KNOWN_BEFORE``
set the constants of :class:`~gigaplan.training.capability.Capability`; those that came after never do. The constants
are facts of the catalog (entity ``capability``); ``fit`` renews them. Because few came after, the same fit is also
made on what was known at earlier days and compared with the twelve months that followed each (``backtests``).
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import ClassVar

import numpy as np

from gigaplan import catalog
from gigaplan.finance.intelligence import Trend, log_trend
from gigaplan.plan.resolve import Filler
from gigaplan.training.capability import (
    Capability,
    compute_fall_per_year,
    eci,
    eci_growth_per_year,
    eci_interval,
    years_since_reference,
)
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief, BriefRows
from gigaplan.vocabulary.time import DAYS_PER_YEAR
from gigaplan.vocabulary.units import parse_date

SAMPLE = "capability_eci_sample.csv"
KNOWN_BEFORE = dt.date(2025, 9, 1)
"""As for demand: what was public before the announcement sets the constants."""
ORIGINS = (dt.date(2024, 7, 1), dt.date(2025, 1, 1), dt.date(2025, 7, 1))
"""Days at which the same fit is made on what was known then: half-years, from the first with thirty models behind it.
"""
HUBER = 1.345
"""Huber's constant: residuals beyond so many spreads weigh less; 95 % efficient on normal errors (Holland & Welsch
1977)."""
NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
CLASSES = (1e23, 1e24, 1e25, 1e26)
"""Bounds between classes of training compute [FLOP] in the summary."""
PRICES = ("input_price_usd_per_mtok", "output_price_usd_per_mtok")
NOTES = (
    "The index has no ceiling and no natural zero; 126 is GPT-4 of March 2023, 150 is GPT-5. Scores carry the index's "
    "own error, and training compute is Epoch AI's estimate for most labs that do not publish it.",
    "The three models above 1e26 FLOP (GPT-4.5, Grok 3, Grok 4) lie well below the line, and what is known of later "
    "flagships' compute is little: either returns fall at the top, or these runs were badly spent. An answer above "
    "the largest known run is an extrapolation, and on this evidence a high one.",
    "Progress at constant compute is the sum of algorithms, data, post-training and thinking longer. It sped up when "
    "reasoning models came (September 2024): each fit on what was known at an earlier day was too low about the year "
    "after, by 1 to 6 points.",
    "List prices say what is charged, not what it costs: the best model's price rose as it became "
    "a better one. The series is one seller's, of five dates; its trend describes them and forecasts nothing.",
)


@dataclass(frozen=True, slots=True, repr=False)
class Row(Brief):
    """One published model and its prediction."""

    model: str
    developer: str
    date: dt.date
    training_flop: float
    flop_confidence: str
    eci: float
    predicted: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    """Low and high of the interval that is meant to hold 80 % of models."""
    JSON_ALSO: ClassVar[tuple[str, ...]] = ("error", "split")

    @property
    def error(self) -> float:
        """Predicted less published [ECI points]."""
        return self.predicted - self.eci

    @property
    def split(self) -> str:
        """``fit`` if it set the constants, ``test`` if it came after."""
        return "fit" if self.date < KNOWN_BEFORE else "test"


@dataclass(frozen=True, slots=True, repr=False)
class Summary(Brief):
    """Errors over some rows [ECI points]."""

    name: str
    rows: int
    bias: float
    """Mean of predicted less published."""
    mean_abs_error: float
    rms_error: float
    inside_share: float
    """Share of rows inside the 80 % interval."""

    def brief_line(self) -> str:
        """Return bias and mean error [ECI points]."""
        return f"{self.rows} models: bias {self.bias:+.1f}, mean error {self.mean_abs_error:.1f} points"


@dataclass(frozen=True, slots=True, repr=False)
class Backtest(Brief):
    """The same fit made on what was known at an earlier day, compared with the next twelve months."""

    origin: dt.date
    capability: Capability
    after: Summary
    compute_fall_per_year: tuple[float, float, float]


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Brief):
    """A rate that others published, and what the fit implies for it."""

    name: str
    predicted: float
    low: float
    high: float
    published: float
    published_low: float
    published_high: float
    source: str


@dataclass(frozen=True, slots=True, repr=False)
class PriceSeries(Brief):
    """List prices of one tier of a seller's models over time: what is charged, not what it costs."""

    tier: str
    quantity: str
    points: tuple[tuple[str, str, float], ...]
    """Model, date as published, list price [USD/Mtok]."""
    trend: Trend | None
    """None for prices of a single date."""


@dataclass(frozen=True, slots=True, repr=False)
class CapabilityValidation(Brief):
    """Published models and predictions, by split and size of run, back-tests, published rates, and list prices."""

    capability: Capability
    rows: tuple[Row, ...]
    summary: tuple[Summary, ...]
    backtests: tuple[Backtest, ...]
    comparisons: tuple[Comparison, ...]
    prices: tuple[PriceSeries, ...]
    notes: tuple[str, ...] = NOTES

    def brief_rows(self) -> BriefRows:
        """Return the relation, and its errors by split and size of run."""
        c = self.capability
        per = (
            f"{c.eci_at_reference:.1f} + {c.eci_per_decade_flop:.1f} per tenfold compute + {c.eci_per_year:.1f} a year"
        )
        yield "ECI", f"{per}, give or take {c.residual_eci:.1f}"
        yield from ((s.name, s.brief_line()) for s in self.summary)


def validate_capability() -> CapabilityValidation:
    """Return every published model with its prediction by the constants that plans use, and what to think of them."""
    facts = catalog.load()
    capability = stored(facts)
    rows = answer(sample(), capability)
    splits = [(f"{s}: {w}", [r for r in rows if r.split == s]) for s, w in _SPLITS]
    groups = (*splits, *_by_compute(rows))
    return CapabilityValidation(
        capability=capability,
        rows=rows,
        summary=tuple(summarise(name, some) for name, some in groups if some),
        backtests=backtests(sample()),
        comparisons=_comparisons(facts, capability),
        prices=_prices(facts),
    )


_SPLITS = (("fit", f"before {KNOWN_BEFORE:%Y-%m}"), ("test", "came after"))


@cache
def sample() -> tuple[Row, ...]:
    """Return the published models that come with gigaplan: one row for each score and compute, by date."""
    text = (files("gigaplan.validation") / "data" / SAMPLE).read_text(encoding="utf-8")
    return tuple(
        Row(
            model=row["model"],
            developer=row["developer"],
            date=dt.date.fromisoformat(row["date"]),
            training_flop=float(row["training_flop"]),
            flop_confidence=row["flop_confidence"],
            eci=float(row["eci"]),
        )
        for row in csv.DictReader(io.StringIO(text))
    )


def stored(facts: catalog.Catalog) -> Capability:
    """Return the relation that plans use: the chosen facts of the catalog; PlanError lists what is missing."""
    filler = Filler(facts, {}, 1, 0)
    found = filler.fill(Capability, None, "capability", "capability")
    if filler.problems:
        raise PlanError(filler.problems)
    return found


def answer(rows: Sequence[Row], capability: Capability) -> tuple[Row, ...]:
    """Return rows with the predicted capability and its 80 % interval."""
    flop = np.array([r.training_flop for r in rows])
    years = np.array([years_since_reference(r.date, capability) for r in rows])
    predicted, (low, high) = eci(flop, years, capability), eci_interval(flop, years, capability)
    return tuple(
        dataclasses.replace(r, predicted=float(o), low=float(a), high=float(b))
        for r, o, a, b in zip(rows, predicted, low, high, strict=True)
    )


def summarise(name: str, rows: Sequence[Row]) -> Summary:
    """Return the errors over rows that have been answered."""
    errors = np.array([r.error for r in rows])
    inside = np.mean([r.low <= r.eci <= r.high for r in rows])
    rms = float(np.sqrt(np.mean(errors**2)))
    return Summary(name, len(rows), float(errors.mean()), float(np.abs(errors).mean()), rms, float(inside))


def fit(rows: Sequence[Row], last_date: dt.date | None = None) -> Capability:
    """Fit the relation by Huber's robust regression on log10(FLOP) and date; labs' models are taken to err together.

    Huber (1964), Ann. Math. Stat. 35, solved by reweighted least squares; errors of the constants by the sandwich
    estimator over clusters, one per developer (Liang & Zeger 1986, Biometrika 73). The reference point is where the
    level is uncorrelated with both slopes. The residual is the plain standard deviation about the line, outliers and
    all.

    Raises
    ------
    ValueError
        If fewer than ten models are given: three constants and a spread.
    """
    if len(rows) < 10:
        raise ValueError(f"{len(rows)} models can't hold three constants and a spread; give at least ten")
    start = min(r.date for r in rows)
    years = np.array([(r.date - start).days / DAYS_PER_YEAR for r in rows])
    x = np.column_stack([np.ones(len(rows)), np.log10([r.training_flop for r in rows]), years])
    y = np.array([r.eci for r in rows])
    constants, spread = huber_1964(x, y)
    covariance = _clustered(x, y - x @ constants, spread, [r.developer for r in rows])
    # where the level's error is least, it is uncorrelated with the slopes
    where = -np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
    date = start + dt.timedelta(days=round(float(where[1]) * DAYS_PER_YEAR))
    flop = float(f"{10 ** float(where[0]):.3g}")
    point = np.array([1.0, np.log10(flop), (date - start).days / DAYS_PER_YEAR])
    residuals = y - x @ constants
    errors = np.sqrt(np.diag(covariance))
    return Capability(
        reference_date=date,
        reference_flop=flop,
        eci_at_reference=float(point @ constants),
        eci_at_reference_error=float(np.sqrt(point @ covariance @ point)),
        eci_per_decade_flop=float(constants[1]),
        eci_per_decade_flop_error=float(errors[1]),
        eci_per_year=float(constants[2]),
        eci_per_year_error=float(errors[2]),
        slopes_correlation=float(covariance[1, 2] / (errors[1] * errors[2])),
        residual_eci=float(np.sqrt(residuals @ residuals / (len(y) - x.shape[1]))),
        smallest_flop=min(r.training_flop for r in rows),
        largest_flop=max(r.training_flop for r in rows),
        first_date=start,
        last_date=last_date or max(r.date for r in rows),
    )


def huber_1964(x: Array, y: Array) -> tuple[Array, float]:
    """Return the constants of Huber's robust linear regression and the spread of its residuals.

    Parameters
    ----------
    x : (row, constant). y : (row,).

    Returns
    -------
    constants (constant,), spread: both at the fixed point of reweighting, with the spread as the residuals' normalised
    median absolute value.

    Raises
    ------
    ValueError
        If reweighting has not settled after a thousand steps.
    """
    minimum = float(np.sqrt(np.finfo(float).eps) * np.abs(y).max())  # rows that lie on the line exactly have no spread
    constants: Array = np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], dtype=np.float64)
    for _ in range(1000):
        residuals = y - x @ constants
        spread = max(NORMAL_MAD * float(np.median(np.abs(residuals))), minimum)
        weights = HUBER * spread / np.maximum(np.abs(residuals), HUBER * spread)
        before = constants
        constants = np.asarray(np.linalg.solve((x.T * weights) @ x, (x.T * weights) @ y), dtype=np.float64)
        if np.allclose(before, constants, rtol=1e-12, atol=1e-12):
            return constants, spread
    raise ValueError("the robust fit does not settle: are there more constants than the rows decide?")


def backtests(rows: Sequence[Row], origins: Sequence[dt.date] = ORIGINS) -> tuple[Backtest, ...]:
    """Return fits on what was known at each origin, compared with the models of the twelve months after."""
    found = []
    for origin in origins:
        known = fit([r for r in rows if r.date < origin])
        later = [r for r in rows if origin <= r.date < origin.replace(year=origin.year + 1)]
        after = summarise(f"year after {origin}", answer(later, known))
        found.append(Backtest(origin, known, after, compute_fall_per_year(known)))
    return tuple(found)


def _clustered(x: Array, residuals: Array, spread: float, clusters: Sequence[str]) -> Array:
    """Return the covariance of the robust constants when rows of one cluster err together."""
    score = np.clip(residuals / spread, -HUBER, HUBER) * spread
    bread = np.linalg.inv((x.T * (np.abs(residuals) <= HUBER * spread)) @ x)
    names = sorted(set(clusters))
    sums = np.array([(x * score[:, None])[[c == name for c in clusters]].sum(axis=0) for name in names])
    return np.asarray(bread @ (sums.T @ sums) @ bread * len(names) / (len(names) - 1))


def _by_compute(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Return the rows by class of training compute."""
    edges = (0.0, *CLASSES, float("inf"))
    names = (
        f"below {_power(CLASSES[0])}",
        *(f"{_power(a)} to {_power(b)}" for a, b in pairwise(CLASSES)),
        f"above {_power(CLASSES[-1])}",
    )
    return [
        (f"{name} FLOP", [r for r in rows if low <= r.training_flop < high])
        for name, (low, high) in zip(names, pairwise(edges), strict=True)
    ]


def _comparisons(facts: catalog.Catalog, capability: Capability) -> tuple[Comparison, ...]:
    """Return what the fit implies, and what others published."""
    growth = facts.find("frontier_runs", "training_compute_growth_per_year")
    rise = eci_growth_per_year(growth.number, capability)
    fall = compute_fall_per_year(capability)
    return tuple(
        [
            _comparison("compute for constant capability falls (factor a year)", fall, f)
            for f in facts.all("algorithms", "compute_fall_per_year")
            if not f.source_title.startswith("gigaplan")
        ]
        + [
            _comparison(f"the frontier rises (points a year, runs growing {growth.number:g} times)", rise, f)
            for f in facts.all("frontier_models", "eci_growth_per_year")
        ]
    )


def _comparison(name: str, predicted: tuple[float, float, float], fact: Fact) -> Comparison:
    published = (
        fact.number,
        fact.number if fact.low is None else fact.low,
        fact.number if fact.high is None else fact.high,
    )
    return Comparison(name, *predicted, *published, source=f"{fact.source_title}, {fact.date}")


def _prices(facts: catalog.Catalog) -> tuple[PriceSeries, ...]:
    """Return the list prices of one seller's models by tier, with their trends where there are two dates."""
    tiers: dict[str, list[str]] = defaultdict(list)
    for entity in facts.entities("price_tier"):
        for f in facts.all(entity, "price_tier"):
            tiers[str(f.value)].append(entity)
    found = []
    for tier, entities in tiers.items():
        for quantity in PRICES:
            series = sorted((f for e in entities for f in facts.series(e, quantity)), key=lambda f: parse_date(f.date))
            years = np.array([(parse_date(f.date) - KNOWN_BEFORE).days / DAYS_PER_YEAR for f in series])
            prices = np.array([f.number for f in series])
            trend = log_trend(years, prices) if len(np.unique(years)) > 1 else None
            points = tuple((f.entity, f.date, f.number) for f in series)
            found.append(PriceSeries(tier, quantity, points, trend))
    return tuple(found)


def _power(number: float) -> str:
    return f"{number:.0e}".replace("e+", "e")
