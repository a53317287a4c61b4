"""Views of one result for one reader: a lender, and the developer of a site; figures of the variable table alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from gigaplan.report.charts import base, over_time
from gigaplan.report.charts.base import Chart
from gigaplan.report.charts.cash import cash
from gigaplan.report.charts.hours import day_of_site, week_of_site
from gigaplan.report.charts.ladder import STEPS
from gigaplan.report.charts.money import parties
from gigaplan.report.charts.palette import GOLD, INK, NAVY, SKY, VIOLET
from gigaplan.report.charts.supply import limits, sources
from gigaplan.report.format import DASH, digits_of, in_dollars, in_watts, money, percent
from gigaplan.report.headline import Card, energy_text, figure_card, month_of, plain_power
from gigaplan.report.words import place
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import HORIZON, years
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of, figures
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members, spread_of
from gigaplan.vocabulary.errors import Place, PlanError, unknown_choice

RETURNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("party_npv_usd", "Net present value", money),
    ("party_irr", "Internal rate of return", lambda share: DASH if math.isnan(share) else f"{share:.1%}"),
    ("party_payback_day", "Paid back", money),
    ("party_peak_funding_usd", "Most put in", money),
)
"""What each party gets, and how it is written; a day is written as its month."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What one reader looks at: a sentence, groups of figures, charts."""

    sentence: str
    groups: tuple[tuple[str, tuple[Card, ...]], ...]
    charts: tuple[Chart, ...]


def lender(result: Result) -> Frame:
    """Return what a lender looks at: what is owed and what pays it, cash and returns of each party."""
    drawn = [if_held(make, result) for make in (loans, parties, cash)]
    return Frame(
        _loans_in_words(result),
        tuple((heading, found) for heading, found in (("Loans", _of_loans(result)), *_of_parties(result)) if found),
        tuple(chart for chart in drawn if chart),
    )


def _borrows(result: Result) -> bool:
    return bool(np.max(figures(result, "debt_service_usd")) > 0)


def _loans_in_words(result: Result) -> str:
    if not _borrows(result):
        return (
            "This plan borrows nothing; loans are stated under finance.debt. Cash and returns are those of its parties."
        )
    cover = {y: float(aggregate(result, "debt_service_cover", at={"year": y}).values) for y in years(result)}
    known = {y: c for y, c in cover.items() if not math.isnan(c)}
    worst = min(known, key=lambda y: known[y])
    enough = (
        "what is due to lenders" if known[worst] >= 1 else f"only {percent(known[worst])} of what is due to lenders"
    )
    lowest = f"At its lowest, in {worst}, cash of operations after tax in the months in which something is due "
    return f"{lowest}pays {enough}{f' {digits_of(known[worst], 3)} times' if known[worst] >= 1 else ''}."


def _of_loans(result: Result) -> tuple[Card, ...]:
    """Return the cards of the loans; none where the plan borrows nothing."""
    if not _borrows(result):
        return ()
    owed = {y: float(aggregate(result, "debt_usd", at={"year": y}).values) for y in years(result)}
    most = max(owed, key=lambda y: owed[y])
    whole = {"year": HORIZON}
    return (
        figure_card(result, aggregate(result, "debt_usd", at={"year": most}), "Owed", money, f"at the end of {most}"),
        figure_card(
            result,
            aggregate(result, "debt_service_usd", at=whole),
            "Interest and repayment",
            money,
            "over the horizon",
        ),
        figure_card(
            result,
            aggregate(result, "debt_service_cover", at=whole),
            "Debt service cover",
            digits_of,
            "cash of operations after tax over what is due, all months in which something is due",
        ),
    )


def _of_parties(result: Result) -> list[tuple[str, tuple[Card, ...]]]:
    """Return the returns of each party that puts money in or gets some."""
    found = []
    for party in result.labels["party"]:
        at = {"party": party}
        npv, peak = (float(aggregate(result, n, at=at).values) for n in ("party_npv_usd", "party_peak_funding_usd"))
        if all(math.isnan(v) or v == 0 for v in (npv, peak)):
            continue
        detail = "all its shareholders together" if party == "plan" else f"of the {party}"
        shown = [r for r in RETURNS if _means_something(r[0], npv, peak)]
        cards = tuple(
            figure_card(
                result,
                aggregate(result, name, at=at),
                words,
                partial(month_of, result) if name == "party_payback_day" else text,
                detail,
            )
            for name, words, text in shown
        )
        found.append((party.capitalize(), cards))
    return found


def _means_something(name: str, npv: float, peak: float) -> bool:
    """Return whether a figure of a party says anything: who puts nothing in has no rate, and whose receipts the plan
    doesn't know has no value and no day on which all is back."""
    if name == "party_npv_usd":
        return not math.isnan(npv)
    if name == "party_peak_funding_usd":
        return peak > 0
    return peak > 0 and not math.isnan(npv)


def loans(result: Result) -> Chart | None:
    """Return what is owed, and by year the cash of operations after tax and what is due; None without loans."""
    if not _borrows(result):
        return None
    owed, service = of_members(result, "debt_usd", ["edge"]), base.yearly(result, "debt_service_usd")
    cover = base.yearly(result, "debt_service_cover")
    level = np.asarray(figure_of(result, owed))
    unit = in_dollars(float(level.max()))
    edges = result.labels["edge"]
    series = over_time.ranged(
        over_time.line("owed to lenders", edges, level / unit.size, NAVY),
        edges,
        spread_of(owed) if len(owed) > 1 else None,
        unit.size,
    )
    series.append(over_time.of_years("due in the year", result, service / unit.size, VIOLET, stack="due"))
    series.append(
        over_time.of_years("debt service cover", result, cover, GOLD, stack="cover", unit="times", areaStyle=None)
        | over_time.LOWER
        | {"lineStyle": {"width": 2}}
    )
    upper = over_time.option(result, series, unit.name)
    ends = base.yearly(result, "debt_usd")
    rows = base.table(
        ["owed at the year's end", "due in the year"], years(result), np.array([ends, service]) / unit.size
    )
    return Chart(
        "loans",
        "What is owed, what is due, and how often operations pay it",
        over_time.two_plots(upper, {}, "times"),
        "Debt service cover is the cash of operations after tax over interest and repayment; below 1 it is too little.",
        rows[0],
        (*rows[1], ("debt service cover, times", *(digits_of(float(v), 3) for v in cover))),
        height=400,
        figures=unit.name,
    )


def site(result: Result, name: str = "") -> Frame:
    """Return what the developer of a site looks at: its load by month and year, and by hour of a mean day and week.

    Parameters
    ----------
    result : Result
        A simulated plan.
    name : str
        The site; the one with most power if left out.

    Raises
    ------
    PlanError
        If the plan has no such site.
    """
    labels = list(result.labels["site"])
    if name and name not in labels:
        remedy = "name a site of the plan"
        raise PlanError([unknown_choice("no such site", Place("site"), name, labels, remedy)])
    name = name or largest(result)
    drawn = [if_held(partial(make, name=name), result) for make in MAKERS]
    return Frame(
        f"{place(name)}: power and energy by month and year, and load by hour of a mean day and week.",
        ((place(name), _of_site(result, name)),),
        tuple(chart for chart in drawn if chart),
    )


def largest(result: Result) -> str:
    """Return the new site with most IT power; the largest of all where there are no new ones."""
    power_mw = result.central("power_state_mw").sum(axis=0).max(axis=-1)
    among = list(result.new_sites()) or list(range(len(power_mw)))
    return str(result.labels["site"][max(among, key=lambda i: float(power_mw[i]))])


def _of_site(result: Result, name: str) -> tuple[Card, ...]:
    last = years(result)[-1]
    at = {"site": name, "year": last}
    first = aggregate(result, "first_token_day", at={"site": name})
    held = aggregate(result, "power_state_mw", at={**at, "state": "producing"})
    return (
        figure_card(result, first, "First tokens", partial(month_of, result), "resolved to the month"),
        figure_card(result, held, "Power producing", plain_power, f"IT power, end of {last}"),
        figure_card(
            result, aggregate(result, "it_power_drawn_mw", at=at), "IT power drawn", plain_power, f"mean of {last}"
        ),
        figure_card(
            result, aggregate(result, "facility_energy_mwh", at=at), "Energy at the meter", energy_text, f"{last}"
        ),
        figure_card(result, aggregate(result, "energy_cost_usd", at=at), "Cost of the energy", money, f"{last}"),
        *_of_supply(result, name, last),
    )


def _of_supply(result: Result, name: str, last: str) -> tuple[Card, ...]:
    """Return the carbon of a site that states its supply."""
    if not result.labels.get("link") or result["binding_supply"][0, list(result.labels["site"]).index(name)].max() < 0:
        return ()
    found = aggregate(result, "energy_co2_t", at={"site": name, "year": last})
    return (figure_card(result, found, "Carbon dioxide of the energy", tonnes, f"{last}"),)


def tonnes(value: float) -> str:
    """Return a mass of carbon dioxide in words."""
    size, unit = (1e6, "million t") if abs(value) >= 1e6 else (1e3, "thousand t") if abs(value) >= 1e3 else (1.0, "t")
    return f"{digits_of(value / size, 3)} {unit}"


def load(result: Result, name: str) -> Chart:
    """Return a site's IT power by state over time, and what of it is drawn."""
    at = {"site": name}
    parts = []
    for words, color, states in STEPS:
        held = [
            of_members(result, "power_state_mw", ["edge"], {**at, "state": s})
            for s in states
            if s in result.labels["state"]
        ]
        parts.append((words, color, np.asarray(figure_of(result, np.sum(held, axis=0)))))
    drawn = of_members(result, "it_power_drawn_mw", ["month"], at)
    mean = np.asarray(figure_of(result, drawn))
    unit = in_watts(float(max(np.sum([p[2] for p in parts], axis=0).max(), mean.max())))
    edges, months = result.labels["edge"], over_time.months(result)
    series = [over_time.area(words, edges, mw / unit.size, color) for words, color, mw in parts if mw.max() > 0]
    line = over_time.line("drawn, mean of the month", months, mean / unit.size, INK)
    series += over_time.ranged(line, months, spread_of(drawn) if len(drawn) > 1 else None, unit.size)
    by_year = base.yearly(result, "it_power_drawn_mw", at=at)
    return Chart(
        "load",
        f"Power of {place(name)}, and what is drawn",
        over_time.option(result, series, f"{unit.name} (IT)"),
        f"At the most {unit.of(float(mean.max()))} (IT) are drawn in the mean of a month.",
        *base.table(["drawn, mean of the year"], years(result), by_year[None] / unit.size),
        height=400,
        figures=f"{unit.name} (IT)",
    )


def energy(result: Result, name: str) -> Chart:
    """Return a site's energy at the meter by year: computing, losses, cooling and the rest."""
    kinds = {"IT": "it_energy_mwh", "losses": "loss_energy_mwh", "cooling and other": "overhead_energy_mwh"}
    parts = {words: base.yearly(result, q, at={"site": name}) for words, q in kinds.items()}
    whole = base.yearly(result, "facility_energy_mwh", at={"site": name})
    size, unit = (1e6, "TWh") if whole.max() >= 1e6 else (1e3, "GWh") if whole.max() >= 1e3 else (1.0, "MWh")
    series = [
        over_time.of_years(words, result, v / size, color, unit=f"{unit} a year")
        for (words, v), color in zip(parts.items(), (NAVY, GOLD, SKY), strict=True)
    ]
    rows = np.array([*parts.values(), whole]) / size
    return Chart(
        "energy",
        f"Energy of {place(name)} by year",
        over_time.option(result, series, f"{unit} a year", total="at the meter"),
        f"{digits_of(float(whole.max() / size), 3)} {unit} at the meter in the year of most.",
        *base.table([*parts, "at the meter"], years(result), rows),
        height=400,
        figures=f"{unit}, sum over the year",
    )


MAKERS = (load, limits, energy, sources, day_of_site, week_of_site)
"""Charts of a site; those of its supply stand where it states one."""
FRAMES = ("lender", "site")


def frame(result: Result, kind: str, name: str = "") -> Frame:
    """Return the view of a kind of :data:`FRAMES`, of a site where it is one's."""
    return lender(result) if kind == "lender" else site(result, name)
