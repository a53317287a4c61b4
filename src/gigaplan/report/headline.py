"""The plan's answer in one sentence, and the figures that it is judged by: each is one quantity at some coordinates."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gigaplan.report.events import all_served_from, first_tokens
from gigaplan.report.format import DASH, count, digits_of, in_watts, money, short
from gigaplan.report.words import BASES
from gigaplan.results.aggregate import Aggregate, aggregate
from gigaplan.results.contributions import Contributions, contributions
from gigaplan.results.coordinates import HORIZON, years
from gigaplan.results.headlines import GPUS_AT_PEAK, PRODUCING, SERVED, all_served, date_text, gpus_at_peak
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of, figures, has_ranges, is_date
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, Span, array_of_members, of_members, range_text, span, span_of
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.members import Array

SERVED_FROM = "All demand served from"
"""The card whose figure and range are a month, worked out from a share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One headline figure.

    Attributes
    ----------
    name, value, detail : str
        What it is, the figure as text, and what is worth knowing with it.
    variable : str
        The quantity of the variable table that it is.
    at : mapping of str to str
        The coordinates at which ``aggregate`` gives it; none for a peak, which each future has in a month of its own.
    number : float
        What ``aggregate`` gives there, or the peak, in the quantity's unit.
    reduction : str
        What it is over time.
    span : Span, optional
        The range of the figure over members: in the quantity's unit, of a date that isn't the quantity itself in
        ordinals; None for a run of one member.
    range : str
        The range as text; empty for a run of fewer than ten members.
    decided : Contributions, optional
        What decides it; None where nothing can be said of it.
    """

    name: str
    value: str
    detail: str
    evidence: Evidence
    variable: str
    at: Mapping[str, str]
    number: float
    reduction: str
    span: Span | None
    range: str
    decided: Contributions | None


def hindsight(result: Result) -> str:
    """Return how many facts came after the plan's information date, "" where none did."""
    later, day = result.ledger.hindsight(), next((e.value for e in result.ledger.under("known_until")), "")
    one = len(later) == 1
    return f"{len(later)} {'fact is' if one else 'facts are'} later than {day}" if later else ""


def cards(result: Result) -> list[Card]:
    """Return the six figures that answer the plan's question, without those that a saved result can't give."""
    makers = (_first, _gpus, _tokens, _price, _served, _money)
    found = (if_held(make, result) for make in makers)
    return [card for card in found if card]


def _card(result: Result, figure: Aggregate, name: str, text: Callable[[float], str], detail: str) -> Card:
    """Return the card of a quantity at some coordinates."""
    found, number = span(result, figure.name, figure.at), float(figure.values)
    date = is_date(result.variable(figure.name))
    shown = _range(found, text, "never" if date else "")
    values = of_members(result, figure.name, (), figure.at) if has_ranges(result) else None
    return _card_of(result, figure, name, text(number), detail, found, shown, values, date=date)


def _range(found: Span | None, text: Callable[[float], str], never: str = "") -> str:
    return range_text(found, text, never) if found else ""


def _card_of(
    result: Result,
    figure: Aggregate,
    name: str,
    value: str,
    detail: str,
    found: Span | None,
    shown: str,
    members: Array | None,
    *,
    date: bool,
) -> Card:
    return Card(
        name=name,
        value=value,
        detail=detail,
        evidence=result.evidence(figure.name),
        variable=figure.name,
        at=figure.at,
        number=float(figure.values),
        reduction=figure.reduction,
        span=found,
        range=shown,
        decided=None if members is None else contributions(result, figure.name, members, date=date),
    )


def _first(result: Result) -> Card:
    first = first_tokens(result)[0]
    figure = aggregate(result, "first_token_day", at={"site": first.name})
    detail = f"{first.name}, resolved to the month" if first.first_token else "within the horizon"
    return _card(result, figure, "First tokens of the announced sites", partial(_month_of, result), detail)


def _month_of(result: Result, days: float) -> str:
    """Return the month of a day of the horizon in words."""
    day = result.day(days)
    return f"{day:%B %Y}" if day else "never"


def _gpus(result: Result) -> Card:
    """Return the card of the GPUs in each future's own highest month: the peak of medians is none of a future."""
    monthly = aggregate(result, "gpus_producing", ["month"])
    peak = monthly.labels["month"][int(np.argmax(monthly.values))]
    values, text = gpus_at_peak(result), partial(count, unit="GPUs")
    number, many = figure_of(result, values), has_ranges(result)
    detail = f"packages, mean of the highest month{f' of each future, about {peak}' if many else f', {peak}'}"
    found = span_of(values) if many else None
    return _card_of(
        result,
        replace(monthly, dims=(), labels={}, values=number, reduction="mean of the highest month"),
        GPUS_AT_PEAK,
        text(float(number)),
        f"{detail}, existing fleet included",
        found,
        _range(found, text),
        values if many else None,
        date=False,
    )


def _ends(result: Result, name: str, at: Mapping[str, str]) -> tuple[Aggregate, Aggregate]:
    """Return a quantity in the first and in the last year."""
    covered = years(result)
    first, last = (aggregate(result, name, at={**at, "year": y}) for y in (covered[0], covered[-1]))
    return first, last


def _tokens(result: Result) -> Card:
    first, last = _ends(result, "tokens_served_per_day", {"token": "generated"})
    start, end = years(result)[0], years(result)[-1]
    detail = f"served, mean of {end}, reasoning and output ({short(float(first.values))} in {start})"
    return _card(result, last, "Generated tokens a day", short, detail)


def _price(result: Result) -> Card:
    first, last = _ends(result, "cost_per_mtok_all_usd", {})
    start, end = years(result)[0], years(result)[-1]
    full = if_held(_ends, result, "full_cost_per_mtok_all_usd", {})
    if full is None:  # saved before cost of capital was counted
        detail = f"mean of {end}, all serving, idle GPUs included ({_dollars(float(first.values))} in {start})"
        return _card(result, last, "Cost per million generated tokens", _dollars, detail)
    detail = (
        f"mean of {end}, all serving, idle GPUs and cost of capital included ({_dollars(float(full[0].values))} in "
        f"{start}); {_dollars(float(last.values))} without cost of capital"
    )
    return _card(result, full[1], "Full cost per million generated tokens", _dollars, detail)


def _dollars(price: float) -> str:
    return DASH if math.isnan(price) else f"${digits_of(price)}"


def _served(result: Result) -> Card:
    free = all_served_from(result)
    figure = aggregate(result, "served_share", at={"month": free or result.labels["month"][-1]})
    name, detail = SERVED_FROM, "every workload served in full, on these assumptions"
    found = served_span(result)
    value = free or "not within the horizon"
    values = all_served(result) if has_ranges(result) else None
    return _card_of(result, figure, name, value, detail, found, served_range(result), values, date=True)


def served_span(result: Result) -> Span | None:
    """Return from when on all demand is served over members, as ordinals; None for a run of one member."""
    return span_of(all_served(result), date=True) if has_ranges(result) else None


def served_range(result: Result) -> str:
    """Return the months from which on all demand is served over members; empty for a run of fewer than ten members."""
    return _range(served_span(result), lambda day: date_text(day)[: len("2026-11")], "never")


def _money(result: Result) -> Card:
    equity = aggregate(result, "equity_paid_usd", at={"year": HORIZON})
    capital = money(float(aggregate(result, "capital_usd").values))
    rest = f"{capital} of capital over the horizon{_bracket(_range(span(result, 'capital_usd'), money))}"
    if not result.labels["tranche"]:
        return _card(result, equity, "Equity on dates", money, rest)
    paid = aggregate(result, "tranche_paid_usd")
    detail = f"{tranches_reached(result)} tranches, {money(float(equity.values))} of equity on dates; {rest}"
    return _card(result, paid, "Milestone investment released", money, detail)


def tranches_reached(result: Result) -> str:
    """Return how many tranches are released, with the range."""
    reached = np.isfinite(array_of_members(result, "tranche_day")).sum(axis=1).astype(float)
    found = span_of(reached) if has_ranges(result) else None
    return f"{count(float(figure_of(result, reached)))}{_bracket(_range(found, count))}"


def _bracket(shown: str) -> str:
    return f" ({RANGE}: {shown})" if shown else ""


def _peak_power(result: Result) -> str:
    """Return the range of the announced sites' IT power at each member's peak."""
    return range_text(span_of(_peaks(result, "power_state_mw")), lambda mw: f"{_plain_power(mw)} (IT)")


def _peak_gpus(result: Result) -> str:
    """Return the range of the announced sites' GPUs at each member's peak."""
    return range_text(span_of(_peaks(result, "gpus_in_production")), partial(count, unit="GPUs"))


def _peaks(result: Result, variable: str) -> Array:
    """Return the most of a quantity of the announced sites that produce, by member: (member,)."""
    at = PRODUCING if variable == "power_state_mw" else {"site": "announced"}
    return np.asarray(of_members(result, variable, ["edge"], at).max(axis=1))


def ranges(result: Result) -> str:
    """Return the ranges of what :func:`answer` says in one sentence; empty for a run of fewer than ten members."""
    if not has_ranges(result):
        return ""
    first = if_held(lambda: _first(result).range) if result.new_sites() else None
    found = [f"first tokens {first}"] if first else []
    found += [f"{peak} at the peak" for make in (_peak_power, _peak_gpus) if (peak := if_held(make, result))]
    if (served := if_held(served_range, result)) is not None:
        found.append(f"all demand served from {served.removeprefix('from ')}")
    return f"{RANGE} of {result.stamp.members:,} futures: {', '.join(found)}."


def answer(result: Result) -> str:
    """Return the plan's answer in one sentence; what rests on a quantity that a saved result lacks is left out."""
    planned = f"{_plain_power(result.announced.value)} ({BASES[result.announced.basis]})"
    clauses = (if_held(make, result) for make in (_begin, _peak, _from))
    found = ", ".join(clause for clause in clauses if clause)
    return f"{planned} planned: {found}." if found else f"{planned} planned."


def _begin(result: Result) -> str:
    first = first_tokens(result)[0] if first_tokens(result) else None
    day: dt.date | None = first.first_token if first else None
    return f"first tokens in {day:%B %Y} at {first.name}" if first and day else "no tokens within the horizon"


def _peak(result: Result) -> str:
    """Return what the announced sites reach, and the GPUs with the existing fleet."""
    power = if_held(lambda: float(figure_of(result, _peaks(result, "power_state_mw"))))
    gpus = if_held(lambda: float(figure_of(result, _peaks(result, "gpus_in_production"))))
    parts = [] if power is None else [f"{_plain_power(power)} (IT)"]
    parts += [] if gpus is None else [count(gpus, "GPUs")]
    every = if_held(lambda: _gpus(result).value) if result.existing_sites() else None
    known = f" ({every} with the existing fleet)" if every and parts else ""
    return f"{' and '.join(parts)} producing at the peak{known}" if parts else ""


def _from(result: Result) -> str:
    """Return from when on all demand is served."""
    if not (figures(result, "served_share") < SERVED).any():
        return "all demand served throughout"
    free = all_served_from(result)
    return f"all demand served from {free}" if free else "some demand unserved to the end"


def _plain_power(mw: float) -> str:
    unit = in_watts(mw)
    return f"{mw / unit.size:.3g} {unit.name}"
