"""The figures that a plan is judged by, so that two results can be compared.

Amounts are summed over months that both results have; dates stand for themselves. Each is computed for every member
alike: the figure is their median, and it has a range.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gigaplan.results.aggregate import aggregate
from gigaplan.results.lacking import all_held, if_held
from gigaplan.results.quantiles import figure_of, has_ranges
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, Span, array_of_members, of_members, range_text, span_of
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
    members: Array | None = field(default=None, compare=False)
    """The same figure of every member, the central one first; None where it was made from one number."""
    every: Array | None = field(default=None, compare=False)
    """The same of however few members there are, which have no range."""

    @property
    def span(self) -> Span | None:
        """Return the range over members; None where there is one member only."""
        return None if self.members is None else span_of(self.members, date=self.unit == "date")

    @property
    def central(self) -> float:
        """Return the central member's figure."""
        return self.value if self.members is None else float(self.members[0])

    @property
    def date(self) -> str:
        """Return the date as text, 'never' where there is none."""
        return date_text(self.value)

    @property
    def text(self) -> str:
        """Return the figure with its unit."""
        return self.text_of(self.value)

    def text_of(self, value: float) -> str:
        """Return another value of this figure with its unit."""
        if self.unit == "date":
            return date_text(value)
        if self.unit == "USD":
            return money(value)
        return short(_whole(value, self.unit), "" if self.unit in ("months", "tranches", "GPUs") else self.unit)

    @property
    def range_text(self) -> str:
        """Return the range over members; empty where there is one member only."""
        never = "never" if self.unit == "date" else "there is none"
        return range_text(found, self.text_of, never) if (found := self.span) else ""

    @property
    def range_cell(self) -> str:
        """Return the range as it stands in a table below the figure; empty where there is one member only."""
        return self.in_cell(found) if (found := self.span) else ""

    def in_cell(self, found: Span) -> str:
        """Return a range of such a figure without its unit, which stands above it."""
        texts: dict[str, Callable[[float], str]] = {"date": lambda day: date_text(day)[: len("2026-11")], "USD": money}
        return range_text(found, texts.get(self.unit, lambda v: short(_whole(v, self.unit))), cell=True)

    def brief_line(self) -> str:
        """Return name and figure, with its range."""
        return f"{self.name}: {self.text}" + (f" ({RANGE}: {self.range_text})" if self.members is not None else "")


def _whole(value: float, unit: str) -> float:
    """Return a number of things that come whole, rounded: a range may end between two of them."""
    return round(value) if unit in ("months", "tranches") and np.isfinite(value) else value


def date_text(ordinal: float) -> str:
    """Return the day of an ordinal as text, 'never' for nan."""
    return "never" if np.isnan(ordinal) else f"{dt.date.fromordinal(int(ordinal)):%Y-%m-%d}"


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


GPUS_AT_PEAK = "GPUs producing at the peak"
PRODUCING = {"state": "producing", "site": "announced"}


def producing_mw(result: Result) -> Array:
    """Return the announced sites' IT power that produces tokens [MW], (edge,)."""
    return aggregate(result, "power_state_mw", ["edge"], PRODUCING).values


def first_supply_month(result: Result) -> int:
    """Return the place of the first month with GPUs to serve on; 0 if there never are any."""
    return int(_supply_months(result)[0])


def _supply_months(result: Result) -> NDArray[np.int64]:
    """Return the same of every member."""
    return np.asarray(np.argmax(of_members(result, "gpus_available", ["month"]) > 0, axis=-1))


def served_from(unserved: NDArray[np.bool_], result: Result) -> Array:
    """Return from which day on all is served, as an ordinal; nan where some is unserved to the end.

    Parameters
    ----------
    unserved : array of bool, shape (member, month)
        Whether some demand isn't served.
    result : Result
        The result that it is of.
    """
    months = unserved.shape[-1]
    last = np.where(unserved.any(axis=-1), months - 1 - np.argmax(unserved[:, ::-1], axis=-1), -1)
    days = np.array([*(e.toordinal() for e in result.axis.edges[:months]), np.nan])
    return np.asarray(days[last + 1])


def all_served(result: Result) -> Array:
    """Return from which day on every member serves all demand, as in :func:`served_from`."""
    return served_from(np.any(array_of_members(result, "served_share") < SERVED, axis=1), result)


def unserved_months(result: Result, part: slice = slice(0, None)) -> Array:
    """Return in how many months with GPUs each workload isn't served in full, of every member.

    Parameters
    ----------
    result : Result
        A simulated plan.
    part : slice
        The months that count.

    Returns
    -------
    Array
        Months, shape (member, workload).
    """
    short_of = array_of_members(result, "served_share") < SERVED
    months = np.arange(short_of.shape[-1])
    counted = (months >= _supply_months(result)[:, None]) & np.isin(months, months[part])
    return np.asarray((short_of & counted[:, None]).sum(axis=-1).astype(float))


def gpus_at_peak(result: Result, part: slice = slice(0, None)) -> Array:
    """Return the GPUs that produce in each member's own highest month, shape (member,).

    Parameters
    ----------
    result : Result
        A simulated plan.
    part : slice
        The months that count.
    """
    return np.asarray(of_members(result, "gpus_producing", ["month"])[:, part].max(axis=-1))


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
    days = of_members(result, "first_token_day", ["site"], {"site": "announced"})
    first = np.fmin.reduce(days, axis=1, initial=np.inf)
    yield _date(result, "first tokens of the announced sites", "first_token_day", 1, _ordinals(result, first))


def _steps(result: Result, shared: Window) -> Iterator[Headline]:
    """Yield when each step of IT power produces."""
    producing = of_members(result, "power_state_mw", ["edge"], PRODUCING)
    edges = np.array([float(e.toordinal()) for e in result.axis.edges])
    for step in shared.steps_mw:
        reached = producing >= step * (1 - TOLERANCE)
        days = np.where(reached.any(axis=1), edges[np.argmax(reached, axis=1)], np.nan)
        name = f"{step / 1e3:g} GW" if step >= 1e3 else f"{step:g} MW"
        yield _date(result, f"{name} (IT) producing", "power_state_mw", 1, days)


def _last_tranche(result: Result, shared: Window) -> Iterator[Headline]:
    paid = array_of_members(result, "tranche_day")
    last = np.fmax.reduce(paid, axis=1, initial=-np.inf)
    yield _date(result, "last tranche", "tranche_day", 0.5, _ordinals(result, last))


def _people(result: Result, shared: Window) -> Iterator[Headline]:
    """Yield from when on demand is served in full."""
    yield _date(result, "all demand served from", "served_share", 1, all_served(result))
    short_of = array_of_members(result, "served_share") < SERVED
    for w, name in enumerate(result.labels["workload"]):
        days = served_from(short_of[:, w], result)
        yield _date(result, f"{name}: all demand served from", "served_share", 0.5, days)


def _unserved(result: Result, shared: Window) -> Iterator[Headline]:
    """Yield in how many months with GPUs each workload isn't served in full."""
    counts = unserved_months(result, _months(result, shared))
    for w, name in enumerate(result.labels["workload"]):
        yield _number(result, f"{name}: months with unserved demand", "served_share", 0.5, counts[:, w], "months")


def _gpus(result: Result, shared: Window) -> Iterator[Headline]:
    part = _months(result, shared)
    gpus = of_members(result, "gpus_producing", ["generation", "month"])[..., part].max(axis=-1)
    yield _number(result, GPUS_AT_PEAK, "gpus_producing", 1, gpus_at_peak(result, part), "GPUs")
    for g, name in enumerate(result.labels["generation"]):
        yield _number(result, f"{name} producing at the peak", "gpus_producing", 0.1, gpus[:, g], "GPUs")


def _tokens(result: Result, shared: Window) -> Iterator[Headline]:
    year = _last_year(result, shared)
    mean = _over(result, "generated_tokens", year) / float(result.axis.hours[year].sum()) * HOURS
    name = "generated tokens a day, last 12 months"
    yield _number(result, name, "tokens_served_per_day", 1, mean, "tokens/day")


def _cost_per_mtok(result: Result, shared: Window) -> Iterator[Headline]:
    yield from _per_mtok(result, shared, "cost_per_mtok_all_usd", "workload_cost_usd", "")


def _full_cost_per_mtok(result: Result, shared: Window) -> Iterator[Headline]:
    words = ", cost of capital included"
    yield from _per_mtok(result, shared, "full_cost_per_mtok_all_usd", "full_workload_cost_usd", words)


def _per_mtok(result: Result, shared: Window, variable: str, cost: str, words: str) -> Iterator[Headline]:
    year = _last_year(result, shared)
    tokens, paid = (_over(result, name, year) for name in ("generated_tokens", cost))
    per_mtok = np.divide(paid, tokens, out=np.full(tokens.shape, np.nan), where=tokens > 0) * 1e6
    name = f"cost per million generated tokens, last 12 months{words}"
    yield _number(result, name, variable, 1, per_mtok, "USD/Mtok")


def _returns(result: Result, shared: Window) -> Iterator[Headline]:
    """Yield what the plan's owners get, over each horizon as it is."""
    units = {"party_npv_usd": "USD", "party_irr": "1/year", "party_peak_funding_usd": "USD"}
    names = ("net present value of the plan", "internal rate of return of the plan", "most funding needed")
    for name, (variable, unit) in zip(names, units.items(), strict=True):
        of_all = array_of_members(result, variable)
        yield _number(result, name, variable, 0.5, of_all[:, result.index("party", "plan")], unit)
    days = _ordinals(result, array_of_members(result, "party_payback_day")[:, result.index("party", "plan")])
    yield _date(result, "plan has paid back", "party_payback_day", 0.5, days)


def _draw(result: Result, shared: Window) -> Iterator[Headline]:
    drawn = array_of_members(result, "facility_power_mw")[:, _months(result, shared)]
    peak = drawn.max(axis=(1, 2, 3))
    yield _number(result, "facility power drawn at the peak", "facility_power_mw", 0.5, peak, "MW")


def _largest_run(result: Result, shared: Window) -> Iterator[Headline]:
    largest = array_of_members(result, "largest_run_flop")[:, :, _months(result, shared)].max(axis=(1, 2))
    yield _number(result, "largest training run of a month", "largest_run_flop", 0.5, largest, "FLOP")


def _sum(name: str, variable: str, weight: float, result: Result, shared: Window) -> Iterator[Headline]:
    """Yield an amount summed over the shared months."""
    total = _over(result, variable, _months(result, shared))
    yield _number(result, name, variable, weight, total, result.variable(variable).unit)


def _tranches(result: Result, shared: Window) -> Iterator[Headline]:
    count = np.isfinite(array_of_members(result, "tranche_day")).sum(axis=1).astype(float)
    yield _number(result, "number of tranches", "tranche_day", 0.5, count, "tranches")


def _over(result: Result, name: str, months: slice) -> Array:
    """Return a monthly amount of every member added up over some months."""
    return np.asarray(of_members(result, name, ["month"])[:, months].sum(axis=-1))


SUMS = (
    ("revenue", "revenue_usd", 1.0),
    ("cost", "cost_usd", 1.0),
    ("cost of capital", "cost_of_capital_usd", 0.5),
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
    _full_cost_per_mtok,
    _draw,
    _largest_run,
    *(partial(_sum, *amount) for amount in SUMS),
    _tranches,
    _returns,
)
"""Makers of figures, each of as few quantities as it needs: a result that lacks one has all others."""


def _date(result: Result, name: str, variable: str, weight: float, days: Array) -> Headline:
    return _number(result, name, variable, weight, days, "date")


def _number(result: Result, name: str, variable: str, weight: float, values: Array, unit: str) -> Headline:
    members = values if has_ranges(result) else None
    value = float(figure_of(result, values, date=unit == "date"))
    return Headline(name=name, variable=variable, unit=unit, weight=weight, value=value, members=members, every=values)


def _ordinals(result: Result, days: Array) -> Array:
    """Return days since the start of the horizon as ordinals of the calendar; nan for never."""
    start = result.axis.start.toordinal()
    return np.where(np.isfinite(days), np.floor(days) + start, np.nan)
