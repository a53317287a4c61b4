"""The figures that a plan is judged by, so that two results can be compared.

Amounts are summed over months that both results have; dates stand for themselves. All are of the central member.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gigaplan.results.aggregate import Aggregate, aggregate
from gigaplan.results.lacking import all_held, if_held
from gigaplan.results.result import Result
from gigaplan.vocabulary.figures import money, short
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.show import Brief
from gigaplan.vocabulary.time import HOURS

SERVED = 0.999
"""From this share of the demand on, all demand counts as served."""
MONTHS = 12

STEPS = (1, 2, 5)
"""Within each power of ten, the gigawatts whose dates are given (a scale that people read easily)."""
FIRST_STEP = 0.1
"""Steps below this share of the peak are left out."""
TOLERANCE = 1e-3
"""A step counts as reached this share below it: racks come whole."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Headline(Brief):
    """One figure: a number in a unit, or a date (unit ``date``, value the day's ordinal; nan: never)."""

    name: str
    variable: str
    unit: str
    weight: float
    """How much it matters relative to the others, at most 1."""
    value: float

    @property
    def date(self) -> str:
        """Return the date as text, 'never' where there is none."""
        return "never" if np.isnan(self.value) else f"{dt.date.fromordinal(int(self.value)):%Y-%m-%d}"

    @property
    def text(self) -> str:
        """Return the figure with its unit."""
        if self.unit == "date":
            return self.date
        if self.unit == "USD":
            return money(self.value)
        return short(self.value, "" if self.unit in ("months", "tranches", "GPUs") else self.unit)

    def brief_line(self) -> str:
        """Return name and figure."""
        return f"{self.name}: {self.text}"


@dataclass(frozen=True, slots=True, repr=False)
class Window(Brief):
    """The months that two results have in common, and the gigawatts whose dates are given."""

    first: str
    last: str
    steps_mw: tuple[float, ...]


def window(a: Result, b: Result) -> Window | None:
    """Return what two results can be compared over; None where they share no month."""
    shared = [m for m in a.labels["month"] if m in b.labels["month"]]
    if not shared:
        return None
    height = if_held(lambda: max(float(producing_mw(r).max()) for r in (a, b))) or np.inf
    scale = 10.0 ** np.arange(-4, 12)
    steps = sorted(float(s * k) for s in scale for k in STEPS)
    reached = tuple(s for s in steps if FIRST_STEP * height <= s <= height * (1 + TOLERANCE))
    return Window(shared[0], shared[-1], reached)


def producing_mw(result: Result) -> Array:
    """Return the announced sites' IT power that produces tokens [MW], (edge,)."""
    return aggregate(result, "power_state_mw", ["edge"], {"state": "producing", "site": "announced"}).values


def first_supply_month(result: Result) -> int:
    """Return the place of the first month with GPUs to serve on; 0 if there never are any."""
    there = np.flatnonzero(aggregate(result, "gpus_available", ["month"]).values > 0)
    return int(there[0]) if len(there) else 0


def headlines(result: Result, shared: Window) -> dict[str, Headline]:
    """Return a result's figures by name, without those that rest on a quantity that the result lacks."""
    return {h.name: h for h in all_held(partial(part, result, shared) for part in PARTS)}


def _months(result: Result, shared: Window) -> slice:
    months = result.labels["month"]
    return slice(months.index(shared.first), months.index(shared.last) + 1)


def _last_year(result: Result, shared: Window) -> slice:
    part = _months(result, shared)
    return slice(max(part.stop - MONTHS, part.start), part.stop)


def _first_tokens(result: Result, shared: Window) -> Iterator[Headline]:
    days = aggregate(result, "first_token_day", ["site"], {"site": "announced"}).values
    first = np.nan if np.isnan(days).all() else float(np.nanmin(days))
    yield _date("first tokens of the announced sites", "first_token_day", 1, _ordinal(result, first))


def _steps(result: Result, shared: Window) -> Iterator[Headline]:
    """Yield when each step of IT power produces."""
    producing = producing_mw(result)
    for step in shared.steps_mw:
        reached = np.flatnonzero(producing >= step * (1 - TOLERANCE))
        day = float(result.axis.edges[int(reached[0])].toordinal()) if len(reached) else np.nan
        name = f"{step / 1e3:g} GW" if step >= 1e3 else f"{step:g} MW"
        yield _date(f"{name} (IT) producing", "power_state_mw", 1, day)


def _last_tranche(result: Result, shared: Window) -> Iterator[Headline]:
    paid = result.central("tranche_day")
    last = np.nan if np.isnan(paid).all() else float(np.nanmax(paid))
    yield _date("last tranche", "tranche_day", 0.5, _ordinal(result, last))


def _people(result: Result, shared: Window) -> Iterator[Headline]:
    """Yield from when on demand is served in full."""
    short_of = np.asarray(result.central("served_share") < SERVED)
    edges = result.axis.edges
    start = float(edges[0].toordinal())

    def until(unserved: NDArray[np.bool_]) -> float:
        at = np.flatnonzero(unserved)
        if not len(at):
            return start
        return float(edges[at[-1] + 1].toordinal()) if at[-1] + 1 < result.axis.months else np.nan

    yield _date("all demand served from", "served_share", 1, until(np.any(short_of, axis=0)))
    for w, name in enumerate(result.labels["workload"]):
        yield _date(f"{name}: all demand served from", "served_share", 0.5, until(short_of[w]))


def _unserved(result: Result, shared: Window) -> Iterator[Headline]:
    """Yield in how many months with GPUs each workload isn't served in full."""
    short_of = np.asarray(result.central("served_share") < SERVED)
    part = _months(result, shared)
    supplied = slice(max(part.start, first_supply_month(result)), part.stop)
    for w, name in enumerate(result.labels["workload"]):
        months = float(short_of[w][supplied].sum())
        yield _number(f"{name}: months with unserved demand", "served_share", 0.5, months, "months")


def _gpus(result: Result, shared: Window) -> Iterator[Headline]:
    part = _months(result, shared)
    gpus = aggregate(result, "gpus_producing", ["generation", "month"]).values
    whole = aggregate(result, "gpus_producing", ["month"]).values
    yield _number("GPUs producing at the peak", "gpus_producing", 1, float(whole[part].max()), "GPUs")
    for g, name in enumerate(result.labels["generation"]):
        height = float(gpus[g, part].max())
        yield _number(f"{name} producing at the peak", "gpus_producing", 0.1, height, "GPUs")


def _tokens(result: Result, shared: Window) -> Iterator[Headline]:
    year = _last_year(result, shared)
    tokens = _over(aggregate(result, "generated_tokens", ["month"]), result.labels["month"][year])
    mean = tokens / float(result.axis.hours[year].sum()) * HOURS
    yield _number("generated tokens a day, last 12 months", "tokens_served_per_day", 1, mean, "tokens/day")


def _cost_per_mtok(result: Result, shared: Window) -> Iterator[Headline]:
    months = result.labels["month"][_last_year(result, shared)]
    tokens = _over(aggregate(result, "generated_tokens", ["month"]), months)
    cost = _over(aggregate(result, "workload_cost_usd", ["month"]), months)
    per_mtok = cost / tokens * 1e6 if tokens > 0 else np.nan
    yield _number("cost per million generated tokens, last 12 months", "cost_per_mtok_all_usd", 1, per_mtok, "USD/Mtok")


def _draw(result: Result, shared: Window) -> Iterator[Headline]:
    draw = float(result.central("facility_power_mw")[_months(result, shared)].max())
    yield _number("facility power drawn at the peak", "facility_power_mw", 0.5, draw, "MW")


def _largest_run(result: Result, shared: Window) -> Iterator[Headline]:
    largest = float(result.central("largest_run_flop")[:, _months(result, shared)].max())
    yield _number("largest training run of a month", "largest_run_flop", 0.5, largest, "FLOP")


def _sum(name: str, variable: str, weight: float, result: Result, shared: Window) -> Iterator[Headline]:
    """Yield an amount summed over the shared months."""
    months = result.labels["month"][_months(result, shared)]
    total = _over(aggregate(result, variable, ["month"]), months)
    yield _number(name, variable, weight, total, result.variable(variable).unit)


def _tranches(result: Result, shared: Window) -> Iterator[Headline]:
    count = float(np.isfinite(result.central("tranche_day")).sum())
    yield _number("number of tranches", "tranche_day", 0.5, count, "tranches")


def _over(monthly: Aggregate, months: Sequence[str]) -> float:
    """Return a monthly amount added up over some months."""
    return float(sum(v for m, v in zip(monthly.labels["month"], monthly.values, strict=True) if m in months))


SUMS = (
    ("revenue", "revenue_usd", 1.0),
    ("cost", "cost_usd", 1.0),
    ("capital", "capital_usd", 1.0),
    ("funding gap", "funding_gap_usd", 0.5),
    ("revenue of unserved demand", "revenue_lost_usd", 0.5),
    ("energy at the meter", "facility_energy_mwh", 0.5),
    ("tranches released", "tranche_usd", 1.0),
)
"""Amounts that are summed over the shared months, and how much they matter."""
PARTS: tuple[Callable[[Result, Window], Iterator[Headline]], ...] = (
    _first_tokens,
    _steps,
    _last_tranche,
    _people,
    _unserved,
    _gpus,
    _tokens,
    _cost_per_mtok,
    _draw,
    _largest_run,
    *(partial(_sum, *amount) for amount in SUMS),
    _tranches,
)
"""Makers of figures, each of as few quantities as it needs: a result that lacks one has all others."""


def _date(name: str, variable: str, weight: float, value: float) -> Headline:
    return Headline(name=name, variable=variable, unit="date", weight=weight, value=value)


def _number(name: str, variable: str, weight: float, value: float, unit: str) -> Headline:
    return Headline(name=name, variable=variable, unit=unit, weight=weight, value=value)


def _ordinal(result: Result, days: float) -> float:
    day = result.day(days)
    return np.nan if day is None else float(day.toordinal())
