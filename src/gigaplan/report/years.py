"""The plan year by year: the rows that the terminal and the page both show, each with what its figures are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from gigaplan.report.format import DASH, count, fixed, in_watts, money, percent, scientific, short, span
from gigaplan.report.words import EXISTING, system, title
from gigaplan.results.aggregate import aggregate
from gigaplan.results.lacking import all_held, if_held
from gigaplan.results.result import Result
from gigaplan.results.spread import Spread, range_text, spread
from gigaplan.vocabulary.members import Array

FEW = 3e-4
"""A generation below this share of the fleet is left out."""
ONE_SITE = {"scope": "one site"}
GENERATED = {"token": "generated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One quantity by calendar year.

    Attributes
    ----------
    reduction : str
        What each of its figures is: ``year end``, ``mean of the year`` or ``sum over the year``.
    variable, at
        The quantity of the variable table and the coordinates at which ``aggregate`` gives the values by year.
    values : array of shape (year,)
        In the quantity's unit.
    texts : tuple of str
        The same as they are shown.
    spread : Spread, optional
        Their ranges over members; None for a run of one member.
    ranges : tuple of str
        The ranges as they are shown; empty for a run of fewer than ten members.
    leads : bool
        Whether it begins a group of rows.
    """

    reduction: str
    name: str
    variable: str
    at: Mapping[str, str] = field(default_factory=dict)
    values: Array
    texts: tuple[str, ...]
    leads: bool = False
    spread: Spread | None = None
    ranges: tuple[str, ...] = ()


def rows(result: Result) -> list[Row]:
    """Return the rows of the yearly table, those with the same meaning together.

    A row that rests on a quantity that a saved result lacks is left out.
    """
    return all_held(partial(part, result) for part in (_power, _gpus, _largest, _use, _tokens, _prices, _money))


def _rows(
    result: Result,
    name: str,
    variable: str,
    text: Callable[[float], str],
    at: Mapping[str, str] | None = None,
    *,
    leads: bool = False,
) -> list[Row]:
    """Return a row alone, none where the result lacks its quantity or what weighs it."""
    row = if_held(_row, result, name, variable, text, at, leads=leads)
    return [row] if row else []


def _row(
    result: Result,
    name: str,
    variable: str,
    text: Callable[[float], str],
    at: Mapping[str, str] | None = None,
    *,
    leads: bool = False,
) -> Row:
    figure, found = aggregate(result, variable, ["year"], at), spread(result, variable, ["year"], at)
    texts = tuple(text(float(v)) for v in figure.values)
    return Row(
        reduction=figure.reduction,
        name=name,
        variable=variable,
        at=figure.at,
        values=figure.values,
        texts=texts,
        leads=leads,
        spread=found,
        ranges=_ranges(found, text),
    )


def _ranges(found: Spread | None, text: Callable[[float], str]) -> tuple[str, ...]:
    """Return the ranges of a row's figures as they are shown."""
    return tuple(range_text(found.at(k), text, cell=True) for k in np.ndindex(found.low.shape)) if found else ()


def _power(result: Result) -> Iterator[Row]:
    """Yield the power that produces at each year's end."""
    states = [{"state": "producing", "site": site} for site in ("announced", "existing")]
    announced, existing = (aggregate(result, "power_state_mw", ["year"], s).values for s in states)
    unit = in_watts(float(max(announced.max(), existing.max())) or result.announced.value)

    def power(mw: float) -> str:
        return fixed(mw / unit.size)

    yield _row(result, f"{unit.name} (IT) producing", "power_state_mw", power, states[0], leads=True)
    if existing.max() > 0:
        yield _row(result, f"{unit.name} (IT), {EXISTING}", "power_state_mw", power, states[1], leads=True)


def _gpus(result: Result) -> Iterator[Row]:
    """Yield the GPUs that produce at each year's end: a row of them may be divided by the rows of power."""
    every = _row(result, "GPUs producing", "gpus_in_production", count, leads=True)
    yield every
    whole = every.values
    for generation in result.labels["generation"]:
        row = _row(result, f"{system(generation)} GPUs", "gpus_in_production", count, {"generation": generation})
        if row.values.max() > 0:
            some = row.values > FEW * whole
            yield _with_texts(row, [t if s else DASH for t, s in zip(row.texts, some, strict=True)])


def _largest(result: Result) -> Iterator[Row]:
    yield from _rows(result, "Largest run, FLOP", "largest_run_flop", scientific, ONE_SITE, leads=True)
    yield from _rows(result, "of Epoch AI's trend", "largest_run_over_trend", percent, ONE_SITE)
    if not result.labels["run"]:
        return
    low, high = (
        aggregate(result, "largest_run_parameters", ["year"], ONE_SITE | {"bound": b}).values for b in ("low", "high")
    )
    central = ONE_SITE | {"bound": "central"}
    row = _row(result, "its model, parameters", "largest_run_parameters", short, central)
    yield _with_texts(row, [span(float(a), float(b)) for a, b in zip(low, high, strict=True)])


def _use(result: Result) -> Iterator[Row]:
    yield _row(result, "GPU-hours that nobody requests", "unrequested_share", percent, leads=True)


def _tokens(result: Result) -> Iterator[Row]:
    yield from _rows(result, "Generated tokens/day, demand", "tokens_asked_per_day", short, GENERATED, leads=True)
    yield from _rows(result, "served", "tokens_served_per_day", short, GENERATED)


def _prices(result: Result) -> Iterator[Row]:
    held = "full_cost_per_mtok_usd" in result.arrays  # else saved before cost of capital was counted
    every, each = (f"{'full_' if held else ''}cost_per_mtok_{name}" for name in ("all_usd", "usd"))
    yield from _rows(result, "Serving, USD per M tokens", every, fixed, leads=True)
    if held:
        yield from _rows(result, "without cost of capital", "cost_per_mtok_all_usd", fixed)
    for workload in result.labels["workload"]:
        yield from _rows(result, title(workload), each, fixed, {"workload": workload})
    yield from _some(_rows(result, "GPU-hour costs, USD", "full_gpu_hour_cost_usd", fixed, leads=True))
    yield from _some(_rows(result, "rented in the market", "gpu_hour_rent_usd", fixed))
    yield from _some(_rows(result, "one more would bring", "marginal_revenue_usd_per_gpu_h", fixed))
    yield from _some(_rows(result, "would clear at", "clearing_price_usd_per_gpu_h", fixed))


def _money(result: Result) -> Iterator[Row]:
    yield from _rows(result, "Capital", "capital_usd", money, leads=True)
    yield from _rows(result, "Cost, accrued", "cost_usd", money, leads=True)
    yield from _some(_rows(result, "of which rent and lease", "rent_usd", money))
    yield from _some(_rows(result, "Cost of capital", "cost_of_capital_usd", money, leads=True))
    yield from _some(_rows(result, "Tax", "tax_usd", money, leads=True))
    yield from _rows(result, "Revenue", "revenue_usd", money, leads=True)
    yield from _some(_rows(result, "lost with unserved demand", "revenue_lost_usd", money), minimum=1.0)
    yield from _some(_rows(result, "Equity on dates", "equity_paid_usd", money, leads=True))
    yield from _rows(result, "Funding gap", "funding_gap_usd", money, leads=True)


def _some(rows: Iterable[Row], minimum: float = 0.0) -> Iterator[Row]:
    """Yield the rows that have something to show."""
    yield from (row for row in rows if row.values.max() > minimum)


def _with_texts(row: Row, texts: Sequence[str]) -> Row:
    return replace(row, texts=tuple(texts))
