"""Gigawatts over time, stacked by state, by place or by generation: what is built, when it serves, what it releases."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from gigaplan.report.charts import base, over_time
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.charts.palette import GOLD, GREEN, GREY, HUES, INK, NAVY, SKY
from gigaplan.report.events import first_tokens
from gigaplan.report.format import Scale, in_watts, money
from gigaplan.report.words import EXISTING, place, system
from gigaplan.results.coordinates import years
from gigaplan.results.involved import rack_kw
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of, figures
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members, spread_of
from gigaplan.vocabulary.members import Array

ColourBy = Literal["state", "place", "generation"]
STEPS = (
    ("producing", NAVY, ("producing",)),
    ("built, racks being installed", GOLD, ("energised", "ready", "accepted")),
    ("in construction", SKY, ("construction",)),
    ("announced or contracted", GREY, ("announced", "contracted")),
)
"""The announced sites' states as a reader needs them, from the last on."""
MOST_PARTS = 5
"""Places or generations with a hue of their own; the others are one grey part."""
MOST_MARKS = 24
"""First tokens that are marked, those of the largest sites."""
Part = tuple[str, str, Array, Array]
"""Name, colour, and MW at each edge and at each year's end."""


def ladder(result: Result, other: Result | None = None, colour_by: ColourBy = "state") -> Chart:
    """Return gigawatts over time.

    Parameters
    ----------
    result : Result
        The plan.
    other : Result, optional
        Another plan, whose producing power is dashed.
    colour_by : str
        What the parts of the stack are: ``state``, ``place`` or ``generation``.
    """
    parts = PARTS[colour_by](result)
    producing = of_members(result, "power_state_mw", ["edge"], {"state": "producing"})
    whole = np.asarray(figure_of(result, producing))
    unit = in_watts(float(np.sum([p[2] for p in parts] or [whole], axis=0).max()))
    days = result.labels["edge"]
    series = [over_time.area(name, days, mw / unit.size, color) for name, color, mw, _ in parts]
    total = over_time.line("all that produces", days, whole / unit.size, INK)
    marks, events = _marks(result, whole / unit.size)
    total |= {"markPoint": {"data": marks, "silent": True, "label": {"show": False}}}
    series += over_time.ranged(total, days, spread_of(producing) if len(producing) > 1 else None, unit.size)
    if other is not None:
        series.append(_of_other(other, unit))
    flags = "; ▲ a tranche is released" if result.labels["tranche"] else ""
    return Chart(
        "ladder",
        f"Gigawatts over time, by {colour_by}" if unit.name == "GW" else f"Power over time, by {colour_by}",
        over_time.option(
            result, series, f"{unit.name} (IT)", events=events, total="all" if colour_by == "state" else ""
        ),
        f"{unit.of(float(whole.max()))} (IT) produce at the most. ◆ first tokens of a site{flags}.",
        *base.table(
            [*(p[0] for p in parts), "all that produces"],
            years(result),
            np.array([*(p[3] for p in parts), _year_ends(result, {"state": "producing"})]) / unit.size,
        ),
        figures=f"{unit.name} (IT), year end",
        height=400,
    )


def _by_state(result: Result) -> list[Part]:
    found: list[tuple[str, str, tuple[str, ...], str]] = []
    if result.existing_sites():
        found.append((EXISTING, GREEN, ("producing",), "existing"))
    found += [(name, color, states, "announced") for name, color, states in STEPS]
    parts = []
    for name, color, states, site in found:
        held = [{"state": s, "site": site} for s in states if s in result.labels["state"]]
        by_edge, by_year = (
            figure_of(result, np.sum([of_members(result, "power_state_mw", [p], at) for at in held], axis=0))
            for p in ("edge", "year")
        )
        parts.append((name, color, by_edge, by_year))
    return [p for p in parts if p[2].max() > 0]


def _by_place(result: Result) -> list[Part]:
    at = {"state": "producing"}
    by_edge, by_year = (
        figure_of(result, of_members(result, "power_state_mw", ["site", p], at)) for p in ("edge", "year")
    )
    return _largest([place(n) for n in result.labels["site"]], by_edge, by_year)


def _by_generation(result: Result) -> list[Part]:
    """Share out what produces by the rated power of the racks of each generation."""
    kw = np.array([rack_kw(result, g) for g in result.labels["generation"]])
    found = []
    for period in ("edge", "year"):
        rated = of_members(result, "racks_in_production", ["generation", period]) * kw[:, None]
        whole = of_members(result, "power_state_mw", [period], {"state": "producing"})[:, None]
        every = rated.sum(axis=1, keepdims=True)
        share = np.divide(rated, every, out=np.zeros_like(rated), where=every > 0)
        found.append(np.asarray(figure_of(result, share * whole)))
    return _largest([system(g) for g in result.labels["generation"]], *found)


PARTS: dict[str, Callable[[Result], list[Part]]] = {
    "state": _by_state,
    "place": _by_place,
    "generation": _by_generation,
}


def _largest(names: Sequence[str], by_edge: Array, by_year: Array) -> list[Part]:
    """Return the largest parts with a hue each in their own order, and the others together."""
    order = [int(i) for i in np.argsort(-by_edge.max(axis=1), kind="stable") if by_edge[i].max() > 0]
    few = order if len(order) <= MOST_PARTS + 1 else order[:MOST_PARTS]
    parts = [(names[i], HUES[k], by_edge[i], by_year[i]) for k, i in enumerate(sorted(few))]
    if rest := order[len(few) :]:
        parts.append((f"{len(rest)} others", GREY, by_edge[rest].sum(axis=0), by_year[rest].sum(axis=0)))
    return parts


def _year_ends(result: Result, at: dict[str, str]) -> Array:
    return np.asarray(figure_of(result, of_members(result, "power_state_mw", ["year"], at)))


def _of_other(other: Result, unit: Scale) -> Option:
    mw = figure_of(other, of_members(other, "power_state_mw", ["edge"], {"state": "producing"}))
    dashed = {"width": 2, "type": "dashed"}
    return over_time.line("plan B, producing", other.labels["edge"], mw / unit.size, INK, lineStyle=dashed)


def _marks(result: Result, producing: Array) -> tuple[list[Option], list[tuple[str, str]]]:
    """Return the marks of first tokens and of tranches on the line of what produces, and both in words by day."""
    edges = [dt.date.fromisoformat(e) for e in result.labels["edge"]]

    def at(day: dt.date, symbol: str, color: str) -> Option:
        k = min(sum(e <= day for e in edges) - 1, len(edges) - 1)
        style = {"color": color, "borderColor": "#fefefe", "borderWidth": 1}
        coord = [str(day), float(f"{producing[k]:.6g}")]
        return {"coord": coord, "symbol": symbol, "symbolSize": 11, "itemStyle": style}

    places = sorted(if_held(first_tokens, result) or (), key=lambda s: -s.power_mw)
    begun = [(s.first_token, s.name) for s in places if s.first_token]
    marks = [at(day, "diamond", INK) for day, _ in begun[:MOST_MARKS]]
    events = [(str(day), f"first tokens at {name}") for day, name in begun]
    for day, text in tranche_days(result):
        marks.append(at(day, "triangle", GOLD))
        events.append((str(day), text))
    return marks, events


def tranche_days(result: Result) -> list[tuple[dt.date, str]]:
    """Return the days on which tranches are released, with what they pay in words."""
    days, paid = if_held(figures, result, "tranche_day"), if_held(figures, result, "tranche_paid_usd")
    if days is None or paid is None:
        return []
    found = [(result.day(float(d)), float(v)) for d, v in zip(days, paid, strict=True) if not math.isnan(d)]
    return [(day, f"{money(amount)} released") for day, amount in found if day]
