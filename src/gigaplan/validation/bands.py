"""Bands: use of GPUs, margin and cost of a GPU-hour of plans, year by year, next to what was published.

A plan is no measurement, so nothing here is an error. A year outside a band says why: a cause that its own run has.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from gigaplan import catalog, plan
from gigaplan.catalog.history import Published, published
from gigaplan.plan.scenario import Scenario
from gigaplan.results.aggregate import aggregate
from gigaplan.results.result import Result
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, staged
from gigaplan.vocabulary.show import Brief, BriefRows

SINCE = dt.date(2025, 1, 1)
"""Margins are compared with those from this day on: before it labs sold below cost at first."""
LABS = ("openai", "anthropic")
USE, MARGIN, COST = "GPU-hours in use", "gross margin of serving", "GPU-hour with its capital"
UNITS = {USE: "share", MARGIN: "share", COST: "USD/h"}
PART_OF_A_YEAR = 0.999
"""Share of a year's months with GPUs below which the year says nothing: a first year's use is that of its ramp."""
MOVED, SCARCE = 0.1, 0.005
"""Change of a cost, and share of demand that is unserved, from which on it is a cause."""
NOTES = (
    "Use: from the 30 % of organisations off-peak to all hours, where providers say that they are sold out. Margin: "
    "revenue less cost of serving over revenue, as press reports have it of OpenAI and Anthropic from 2025 on. "
    "GPU-hour: from the least published cost of ownership to the dearest contract of a system of the plan.",
    "Published figures are of 2025 and 2026, at second hand. The plans' later years may differ from them with reason, "
    "which each such year states.",
)


@dataclass(frozen=True, slots=True, repr=False)
class Band(Brief):
    """What was published of one figure."""

    figure: str
    low: float
    high: float
    sources: tuple[str, ...]

    def brief_line(self) -> str:
        """Return the range."""
        return f"{self.low:.2f} to {self.high:.2f} {UNITS[self.figure]}"


@dataclass(frozen=True, slots=True, repr=False)
class BandRow(Brief):
    """One figure of a plan in one year."""

    plan: str
    figure: str
    year: int
    value: float
    low: float
    high: float
    reason: str
    """Why it lies outside the band; empty inside it."""
    JSON_ALSO: ClassVar[tuple[str, ...]] = ("inside",)

    @property
    def inside(self) -> bool:
        """Whether the figure lies in the band."""
        return self.low <= self.value <= self.high

    def brief_line(self) -> str:
        """Return the figure, its band, and why it lies outside."""
        where = "inside" if self.inside else self.reason
        return f"{self.value:.2f} of {self.low:.2f} to {self.high:.2f} {UNITS[self.figure]}: {where}"


@dataclass(frozen=True, slots=True, repr=False)
class BandValidation(Brief):
    """Plans next to published bands."""

    rows: tuple[BandRow, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...] = NOTES

    def of(self, name: str, figure: str) -> tuple[BandRow, ...]:
        """Return the years of one figure of a plan.

        Parameters
        ----------
        name
            The plan.
        figure
            The figure.
        """
        return tuple(r for r in self.rows if r.plan == name and r.figure == figure)

    @property
    def unexplained(self) -> tuple[BandRow, ...]:
        """Rows outside their band whose run has no cause for it."""
        return tuple(r for r in self.rows if not r.inside and not r.reason)

    def brief_rows(self) -> BriefRows:
        """Return how many years of each plan and figure lie inside."""
        for name, figure in dict.fromkeys((r.plan, r.figure) for r in self.rows):
            of = self.of(name, figure)
            yield f"{name}, {figure}", f"{sum(r.inside for r in of)} of {len(of)} years inside"


def validate_plans(plans: Sequence[str | Path] = (), progress: Progress | None = None) -> BandValidation:
    """Return use, margin and cost of a GPU-hour of plans next to published bands, central futures.

    Parameters
    ----------
    plans
        Names of built-in plans or files, all built-in plans if there are none.
    progress
        Called with (plans done, plans, the next one); False cancels.
    """
    chosen = tuple(plans) or plan.builtin_names()
    begin = staged(progress, len(chosen))
    rows: list[BandRow] = []
    sources: dict[str, None] = {}
    for name in chosen:
        begin(str(name))
        scenario = plan.resolve(plan.load(name, ["uncertainty.members=1"]))
        result = simulate(scenario)
        bands = (use_band(), margin_band(), cost_band(scenario))
        sources.update(dict.fromkeys(s for band in bands for s in band.sources))
        for band, values in zip(bands, _figures(result), strict=True):
            rows += _rows(scenario.name, scenario, result, band, values)
    return BandValidation(tuple(rows), tuple(sources))


def use_band() -> Band:
    """Return the published share of GPU-hours in use: organisations off-peak, and providers that are sold out."""
    found = [
        *_published("utilisation", "organisations off-peak"),
        *(r for r in _published("capacity_status", "neoclouds") if r.value == 1),
    ]
    return _band(USE, found)


def margin_band() -> Band:
    """Return the published margins of serving: of all users, and of those that pay."""
    quantities = ("gross_margin", "compute_margin_paying_users")
    found = [r for q in quantities for r in _published(q) if r.date >= SINCE and r.lab in LABS]
    return _band(MARGIN, found)


def cost_band(scenario: Scenario) -> Band:
    """Return published costs of a GPU-hour: of the catalog's systems with a cost of ownership, and rents of the plan's.

    Parameters
    ----------
    scenario
        A resolved plan.
    """
    facts, systems = catalog.load(), [g.name for g in scenario.finance.generations]
    quantity = "rental_usd_per_gpu_h"
    found = [facts.find(s, "tco_usd_per_gpu_h") for s in facts.entities("tco_usd_per_gpu_h")]
    found += [facts.find(s, quantity) for s in systems if facts.has(s, quantity)]
    values = [f.number for f in found]
    return Band(COST, min(values), max(values), tuple(dict.fromkeys(f.source_title for f in found)))


def _published(quantity: str, entity: str = "") -> list[Published]:
    return [r for r in published().rows if r.quantity == quantity and entity in ("", r.entity)]


def _band(figure: str, rows: Sequence[Published]) -> Band:
    values = [r.value for r in rows]
    return Band(figure, min(values), max(values), tuple(dict.fromkeys(r.source_title for r in rows)))


def _yearly(result: Result, name: str) -> Array:
    return aggregate(result, name, ["year"]).values


def _figures(result: Result) -> tuple[Array, Array, Array]:
    """Return use, margin and cost of a GPU-hour by year; nan where a year has no GPUs in some month."""
    there = result.central("gpus_available").sum(axis=0) > 0
    years = result.axis.year_of_month
    whole = np.array([there[years == y].mean() for y in range(years.max() + 1)]) > PART_OF_A_YEAR
    revenue = aggregate(result, "revenue_by_workload_usd", ["year"]).values
    cost = aggregate(result, "full_workload_cost_usd", ["year"]).values
    margin = 1 - np.divide(cost, revenue, out=np.full(revenue.shape, np.nan), where=revenue > 0)
    each = (1 - _yearly(result, "unrequested_share"), margin, _yearly(result, "full_gpu_hour_cost_usd"))
    return tuple(np.where(whole, values, np.nan) for values in each)  # type: ignore[return-value]


def _rows(name: str, scenario: Scenario, result: Result, band: Band, values: Array) -> Iterator[BandRow]:
    for k, (year, value) in enumerate(zip(result.names("year"), values, strict=True)):
        if not np.isfinite(value):
            continue
        row = BandRow(name, band.figure, int(year), float(value), band.low, band.high, "")
        yield row if row.inside else replace(row, reason=_reason(scenario, result, row, k))


def _reason(scenario: Scenario, result: Result, row: BandRow, k: int) -> str:
    """Return what in the run puts a figure outside its band; nothing if the run has no such cause."""
    if row.figure == USE:
        return _of_use(result)
    if row.figure == COST:
        return _of_cost(scenario, result, k)
    return _of_high_margin(scenario, result, k) if row.value > row.high else _of_low_margin(result, k)


def _of_use(result: Result) -> str:
    found = [w for w in result.warnings if "builds more than is requested" in w]
    return found[0].split(":")[0] if found else ""


def _of_high_margin(scenario: Scenario, result: Result, k: int) -> str:
    """A margin above the published ones: cost fell further than prices, the fleet is better than the market's, demand
    outruns it, or the workload that brings most was paid far over its cost from the start."""
    work = [w for w, of in enumerate(scenario.demand.workloads) if of.pricing == "cost_plus"]
    market, price, own = (
        aggregate(result, f"{q}_per_request_usd", ["workload", "year"]).values for q in ("market_cost", "price", "cost")
    )
    causes = []
    cost_fell, price_fell = (_mean_ratio(v[work], _first(v[work]))[k] for v in (market, price))
    if cost_fell < min(price_fell, 1 - MOVED):
        causes.append(
            f"a request costs {cost_fell:.0%} of the first year's in the market, and its price {price_fell:.0%}"
        )
    if (of_market := _mean_ratio(own, market)[k]) < 1 - MOVED:
        causes.append(f"the fleet serves a request at {of_market:.0%} of the market's cost")
    if (served := _yearly(result, "served_share")[k]) < 1 - SCARCE:
        causes.append(f"{1 - served:.0%} of requests are unserved, those that pay least first")
    revenue = aggregate(result, "revenue_by_workload_usd", ["workload", "year"]).values[:, k]
    most = int(np.argmax(revenue))
    over = aggregate(result, "revenue_over_full_cost", ["workload", "year"]).values[most, k]
    if over > 1 / (1 - margin_band().high):
        causes.append(f"{result.names('workload')[most]}, which brings most, is paid {over:.1f} times its full cost")
    return "; ".join(causes)


def _of_low_margin(result: Result, k: int) -> str:
    """A margin below the published ones: GPUs that nobody requests, or workloads sold below their cost."""
    idle = _yearly(result, "unrequested_share")[k]
    causes = [f"{idle:.0%} of GPU-hours are requested by nobody and weigh on the others"] if idle > MOVED else []
    over = aggregate(result, "revenue_over_full_cost", ["workload", "year"]).values[:, k]
    below = [name for name, value in zip(result.names("workload"), over, strict=True) if value < 1]
    if below:
        causes.append(f"sold below full cost: {', '.join(below)}")
    return "; ".join(causes)


def _of_cost(scenario: Scenario, result: Result, k: int) -> str:
    """A GPU-hour outside the published costs: systems of which none is published."""
    facts, gpus = catalog.load(), aggregate(result, "gpus_available", ["generation", "year"]).values[:, k]
    names = [g.name for g in scenario.finance.generations]
    many = [name for name, count in zip(names, gpus, strict=True) if count > MOVED * gpus.sum()]
    unknown = [name for name in many if not facts.has(name, "tco_usd_per_gpu_h")]
    return f"no cost of ownership is published of {', '.join(unknown)}" if unknown else ""


def _first(values: Array) -> Array:
    """Return each row's first value that is known and above nothing: (W, 1)."""
    known = np.isfinite(values) & (values > 0)
    return np.take_along_axis(values, known.argmax(axis=1)[:, None], axis=1)


def _mean_ratio(values: Array, over: Array) -> Array:
    """Return the mean over workloads of values over others by year, in the logarithm; 1 where none is known."""
    values, over = np.broadcast_arrays(values, over)
    known = np.isfinite(values) & np.isfinite(over) & (values > 0) & (over > 0)
    log = np.log(np.divide(values, over, out=np.ones(values.shape), where=known))
    return np.asarray(np.exp(log.sum(axis=0) / np.maximum(known.sum(axis=0), 1)))
