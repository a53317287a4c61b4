"""The plan's answer in one sentence, and the figures that it is judged by: each is one quantity at some coordinates."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gigaplan.report.events import all_served_from, first_tokens
from gigaplan.report.format import count, digits_of, in_watts, money, short
from gigaplan.report.words import BASES
from gigaplan.results.aggregate import Aggregate, aggregate
from gigaplan.results.coordinates import HORIZON, years
from gigaplan.results.headlines import SERVED
from gigaplan.results.lacking import if_held
from gigaplan.results.result import Result
from gigaplan.vocabulary.facts import Evidence


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
        The coordinates at which ``aggregate`` gives it.
    number : float
        What ``aggregate`` gives there, in the quantity's unit.
    reduction : str
        What it is over time.
    """

    name: str
    value: str
    detail: str
    evidence: Evidence
    variable: str
    at: Mapping[str, str]
    number: float
    reduction: str


def cards(result: Result) -> list[Card]:
    """Return the six figures that answer the plan's question, without those that a saved result can't give."""
    makers = (_first, _gpus, _tokens, _price, _served, _money)
    found = (if_held(make, result) for make in makers)
    return [card for card in found if card]


def _card(result: Result, figure: Aggregate, name: str, value: str, detail: str) -> Card:
    return Card(
        name=name,
        value=value,
        detail=detail,
        evidence=result.evidence(figure.name),
        variable=figure.name,
        at=figure.at,
        number=float(figure.values),
        reduction=figure.reduction,
    )


def _first(result: Result) -> Card:
    first = first_tokens(result)[0]
    figure = aggregate(result, "first_token_day", at={"site": first.name})
    value = f"{first.first_token:%B %Y}" if first.first_token else "never"
    detail = f"{first.name}, resolved to the month" if first.first_token else "within the horizon"
    return _card(result, figure, "First tokens of the announced sites", value, detail)


def _gpus(result: Result) -> Card:
    monthly = aggregate(result, "gpus_producing", ["month"])
    peak = monthly.labels["month"][int(np.argmax(monthly.values))]
    figure = aggregate(result, "gpus_producing", at={"month": peak})
    detail = f"packages, mean of {peak}, existing fleet included"
    return _card(result, figure, "GPUs producing at the peak", count(float(figure.values), "GPUs"), detail)


def _ends(result: Result, name: str, at: Mapping[str, str]) -> tuple[Aggregate, Aggregate]:
    """Return a quantity in the first and in the last year."""
    span = years(result)
    first, last = (aggregate(result, name, at={**at, "year": y}) for y in (span[0], span[-1]))
    return first, last


def _tokens(result: Result) -> Card:
    first, last = _ends(result, "tokens_served_per_day", {"token": "generated"})
    span = years(result)
    detail = f"served, mean of {span[-1]}, reasoning and output ({short(float(first.values))} in {span[0]})"
    return _card(result, last, "Generated tokens a day", short(float(last.values)), detail)


def _price(result: Result) -> Card:
    first, last = _ends(result, "cost_per_mtok_all_usd", {})
    span = years(result)
    detail = f"mean of {span[-1]}, all serving, idle GPUs included ({_dollars(first)} in {span[0]})"
    return _card(result, last, "Cost per million generated tokens", _dollars(last), detail)


def _dollars(price: Aggregate) -> str:
    value = float(price.values)
    return "–" if math.isnan(value) else f"${digits_of(value)}"


def _served(result: Result) -> Card:
    free = all_served_from(result)
    figure = aggregate(result, "served_share", at={"month": free or result.labels["month"][-1]})
    detail = "every workload served in full, on these assumptions"
    return _card(result, figure, "All demand served from", free or "not within the horizon", detail)


def _money(result: Result) -> Card:
    equity = aggregate(result, "equity_paid_usd", at={"year": HORIZON})
    reached = int(np.isfinite(result.central("tranche_day")).sum())
    capital = money(float(aggregate(result, "capital_usd").values))
    rest = f"{capital} of capital over the horizon"
    if not result.labels["tranche"]:
        return _card(result, equity, "Equity on dates", money(float(equity.values)), rest)
    paid = aggregate(result, "tranche_paid_usd")
    detail = f"{reached} tranches, {money(float(equity.values))} of equity on dates; {rest}"
    return _card(result, paid, "Milestone investment released", money(float(paid.values)), detail)


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
    at = {"state": "producing", "site": "announced"}
    power = if_held(lambda: float(aggregate(result, "power_state_mw", ["edge"], at).values.max()))
    gpus = if_held(lambda: float(aggregate(result, "gpus_producing", ["month"]).values.max()))
    parts = [] if power is None else [f"{_plain_power(power)} (IT)"]
    parts += [] if gpus is None else [count(gpus, "GPUs")]
    joint = " and, with the existing fleet, " if result.existing_sites() else " and "
    return f"{joint.join(parts)} producing at the peak" if parts else ""


def _from(result: Result) -> str:
    """Return from when on all demand is served."""
    if not (result.central("served_share") < SERVED).any():
        return "all demand served throughout"
    free = all_served_from(result)
    return f"all demand served from {free}" if free else "some demand unserved to the end"


def _plain_power(mw: float) -> str:
    unit = in_watts(mw)
    return f"{mw / unit.size:.3g} {unit.name}"
