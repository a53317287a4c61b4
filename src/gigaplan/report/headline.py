"""The figures that answer what a plan asks: each is one quantity at some coordinates, with its range."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from gigaplan.report.events import first_tokens
from gigaplan.report.fact_words import fact_words
from gigaplan.report.format import DASH, count, digits_of, in_watts, money, percent, short
from gigaplan.report.words import BASES
from gigaplan.results.aggregate import Aggregate, aggregate
from gigaplan.results.contributions import Contributions, contributions
from gigaplan.results.coordinates import HORIZON, years
from gigaplan.results.headlines import PRODUCING, all_served, date_text
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of, has_ranges, is_date
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, Span, array_of_members, of_members, range_text, span, span_of
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.members import Array


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

    @property
    def moved(self) -> str:
        """Return the input that moves it most, with its share of the variance; empty where nothing can be said."""
        if self.decided is None:
            return ""
        if not self.decided.inputs:
            return "no single input stands out"
        most = self.decided.inputs[0]
        return f"moved most by {fact_words(most.input)} ({percent(most.share)})"

    @property
    def decided_text(self) -> str:
        """Return what decides it, each input in words; empty where nothing can be said."""
        return self.decided.text_with(fact_words) if self.decided else ""

    @property
    def explained(self) -> str:
        """Return what ``gigaplan explain RESULT`` takes to give the same figure."""
        at = ",".join(f"{k}={v}" for k, v in self.at.items())
        return f"{self.variable} --at {at}" if at else self.variable


def hindsight(result: Result) -> str:
    """Return how many facts came after the plan's information date, "" where none did."""
    later, day = result.ledger.hindsight(), next((e.value for e in result.ledger.under("known_until")), "")
    one = len(later) == 1
    return f"{len(later)} {'fact is' if one else 'facts are'} later than {day}" if later else ""


def asks(result: Result) -> str:
    """Return what the plan asks: as it states, else ``announcement`` where it makes claims, else ``capacity``."""
    stated = next((str(e.value) for e in result.ledger.under("asks")), "")
    return stated or ("announcement" if result.claims else "capacity")


def cards(result: Result) -> list[Card]:
    """Return the four figures that answer what the plan asks, without those that a saved result can't give."""
    found = (if_held(make, result) for make in OF_QUESTION[asks(result)])
    return [card for card in found if card]


def figure_card(result: Result, figure: Aggregate, name: str, text: Callable[[float], str], detail: str) -> Card:
    """Return the card of a quantity at some coordinates.

    Parameters
    ----------
    result : Result
        A simulated plan.
    figure : Aggregate
        The quantity at its coordinates.
    name, detail : str
        What it is, and what is worth knowing with it.
    text : callable
        Writes a value of the quantity.
    """
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


def first_card(result: Result) -> Card:
    """Return the card of the first tokens of the announced sites."""
    first = first_tokens(result)[0]
    figure = aggregate(result, "first_token_day", at={"site": first.name})
    detail = f"{first.name}, resolved to the month" if first.first_token else "within the horizon"
    return figure_card(result, figure, "First tokens, announced sites", partial(month_of, result), detail)


def month_of(result: Result, days: float) -> str:
    """Return the month of a day of the horizon in words."""
    day = result.day(days)
    return f"{day:%B %Y}" if day else "never"


def _gpus(result: Result) -> Card:
    """Return the card of the GPUs of the announced sites that produce at the end."""
    last = years(result)[-1]
    figure = aggregate(result, "gpus_in_production", at={"site": "announced", "year": last})
    every = aggregate(result, "gpus_in_production", at={"year": last})
    with_old = f"; {count(float(every.values))} with the existing fleet" if result.existing_sites() else ""
    detail = f"packages at the announced sites, end of {last}{with_old}"
    return figure_card(result, figure, "GPUs producing", partial(count, unit="GPUs"), detail)


def _power(result: Result) -> Card:
    last, planned = years(result)[-1], result.announced
    figure = aggregate(result, "power_state_mw", at=PRODUCING | {"year": last})
    detail = f"IT power of the announced sites, end of {last}; {plain_power(planned.value)} "
    return figure_card(result, figure, "Power producing", plain_power, f"{detail}({BASES[planned.basis]}) planned")


def _ends(result: Result, name: str, at: Mapping[str, str]) -> tuple[Aggregate, Aggregate]:
    """Return a quantity in the first and in the last year."""
    covered = years(result)
    first, last = (aggregate(result, name, at={**at, "year": y}) for y in (covered[0], covered[-1]))
    return first, last


def _tokens(result: Result) -> Card:
    first, last = _ends(result, "tokens_served_per_day", {"token": "generated"})
    start, end = years(result)[0], years(result)[-1]
    detail = f"served, mean of {end}, reasoning and output ({short(float(first.values))} in {start})"
    return figure_card(result, last, "Generated tokens a day", short, detail)


def _price(result: Result) -> Card:
    first, last = _ends(result, "cost_per_mtok_all_usd", {})
    start, end = years(result)[0], years(result)[-1]
    full = if_held(_ends, result, "full_cost_per_mtok_all_usd", {})
    if full is None:  # saved before cost of capital was counted
        detail = f"generated, mean of {end}, idle GPUs included ({_dollars(float(first.values))} in {start})"
        return figure_card(result, last, "Cost of a million tokens", _dollars, detail)
    detail = (
        f"generated, mean of {end}, all serving, idle GPUs and cost of capital included "
        f"({_dollars(float(full[0].values))} in {start}); {_dollars(float(last.values))} without cost of capital"
    )
    return figure_card(result, full[1], "Full cost of a million tokens", _dollars, detail)


def _dollars(price: float) -> str:
    return DASH if math.isnan(price) else f"${digits_of(price)}"


def _money(result: Result) -> Card:
    capital = aggregate(result, "capital_usd", at={"year": HORIZON})
    if not result.labels["tranche"]:
        return figure_card(
            result, capital, "Capital spent", money, "on owned capacity, over the horizon; rented capacity apart"
        )
    paid = aggregate(result, "tranche_usd", at={"year": HORIZON})
    equity = float(aggregate(result, "equity_paid_usd", at={"year": HORIZON}).values)
    dated = f"; {money(equity)} of equity on dates" if equity > 0 else ""
    detail = f"{tranches_reached(result)} tranches{dated}; {money(float(capital.values))} of capital spent"
    return figure_card(result, paid, "Milestone investment released", money, detail)


def _owned(result: Result) -> Card:
    figure = aggregate(result, "full_gpu_hour_cost_usd", at={"year": HORIZON})
    detail = "of the fleet's mean GPU, busy all the time, cost of capital included, mean of the horizon"
    return figure_card(result, figure, "A GPU-hour, built", _dollars, detail)


def _rented(result: Result) -> Card:
    figure = aggregate(result, "gpu_hour_rent_usd", at={"year": HORIZON})
    return figure_card(
        result, figure, "A GPU-hour, rented", _dollars, "of the same GPUs in the market, mean of the horizon"
    )


def _put_in(result: Result) -> Card:
    figure = aggregate(result, "party_peak_funding_usd", at={"party": "plan"})
    return figure_card(result, figure, "Most that is put in", money, "by the plan's owners, and not yet back")


def _energy(result: Result) -> Card:
    last = years(result)[-1]
    figure = aggregate(result, "facility_energy_mwh", at={"year": last})
    return figure_card(result, figure, "Energy at the meters", energy_text, f"all sites, {last}")


def energy_text(mwh: float) -> str:
    """Return energy [MWh] in three digits, in the unit in which it is read most easily."""
    size, unit = next(((s, u) for s, u in ((1e6, "TWh"), (1e3, "GWh")) if abs(mwh) >= s), (1.0, "MWh"))
    return f"{digits_of(mwh / size)} {unit}"


def _drawn(result: Result) -> Card:
    last = years(result)[-1]
    figure = aggregate(result, "it_power_drawn_mw", at={"year": last})
    return figure_card(result, figure, "IT power drawn", plain_power, f"all sites, mean of {last}")


def _energy_bill(result: Result) -> Card:
    last = years(result)[-1]
    figure = aggregate(result, "energy_cost_usd", at={"year": last})
    return figure_card(result, figure, "Cost of the energy", money, f"all sites, {last}, rented ones included")


OF_QUESTION: Mapping[str, tuple[Callable[[Result], Card], ...]] = {
    "announcement": (first_card, _gpus, _price, _money),
    "build_or_rent": (_owned, _rented, _put_in, first_card),
    "capacity": (_power, _gpus, _tokens, _price),
    "load": (_energy, _drawn, _energy_bill, first_card),
}
"""The figures that answer what a plan asks."""


def served_span(result: Result) -> Span | None:
    """Return from when on all demand is served over members, as ordinals; None for a run of one member."""
    return span_of(all_served(result), date=True) if has_ranges(result) else None


def served_range(result: Result) -> str:
    """Return the months from which on all demand is served over members; empty for a run of fewer than ten members."""
    return _range(served_span(result), lambda day: date_text(day)[: len("2026-11")], "never")


def tranches_reached(result: Result) -> str:
    """Return how many tranches are released, with the range."""
    reached = np.isfinite(array_of_members(result, "tranche_day")).sum(axis=1).astype(float)
    found = span_of(reached) if has_ranges(result) else None
    return f"{count(float(figure_of(result, reached)))}{_bracket(_range(found, count))}"


def _bracket(shown: str) -> str:
    return f" ({RANGE}: {shown})" if shown else ""


def plain_power(mw: float) -> str:
    """Return a power [MW] in three digits, in the unit in which it is read most easily."""
    unit = in_watts(mw)
    return f"{mw / unit.size:.3g} {unit.name}"
