"""The page of a Monte Carlo study: a fan for each main quantity, and every headline with how sure it is."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from gigaplan._version import __version__
from gigaplan.report import html as page
from gigaplan.report.charts import base, over_time
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.charts.palette import NAVY
from gigaplan.report.format import DASH, Scale, counted, digits_of, in_dollars, in_watts, percent
from gigaplan.report.page import style_sheet, template
from gigaplan.report.study_view import error_text
from gigaplan.report.words import title
from gigaplan.results.spread import RANGE, Span, Spread, range_text
from gigaplan.study.montecarlo import Fan, Figure, MonteCarlo

WORDS = {
    "power_state_mw": "IT power producing",
    "gpus_producing": "GPUs producing",
    "tokens_asked_per_day": "Generated tokens a day, demand",
    "tokens_served_per_day": "Generated tokens a day, served",
    "cost_per_mtok_all_usd": "Cost per million generated tokens, without cost of capital",
    "full_cost_per_mtok_all_usd": "Cost per million generated tokens, cost of capital included",
    "revenue_usd": "Revenue",
    "cost_usd": "Cost, accrued",
    "capital_usd": "Capital",
    "funding_gap_usd": "Funding gap",
    "facility_energy_mwh": "Energy at the meter",
}
"""Headings of fans by quantity."""


FIRST_NAMES = (
    "first tokens of the announced sites",
    "GPUs producing at the peak",
    "cost per million generated tokens, last 12 months, cost of capital included",
    "revenue",
)
"""Headlines that stand on cards where the study has them; what is missing is filled up by what matters."""
CARDS = 4


def html(answer: MonteCarlo) -> str:
    """Return the page of a study; the same study gives the same bytes."""
    missing = f" {answer.members - answer.done:,} could not be computed." if answer.done < answer.members else ""
    return whole(
        title=f"{answer.plan}: {answer.done:,} futures",
        kicker="a plan's futures",
        intro=f"{answer_text(answer)}{missing}",
        notes=(
            "A conditional answer, not a forecast. Figures are medians of all futures; between the ends of a range "
            f"lie {RANGE} of them. The central member, grey and dashed, has every input at its central value. "
            "±: the standard error of the median, at most.",
        ),
        cards=[card(f) for f in first_figures(answer)],
        charts_heading="How far the futures lie apart, month by month",
        charts=fans(answer),
        tables_heading="Every headline",
        tables=[_headlines(answer)],
        footer=f"Plan {answer.plan_hash[:12]} · seed {answer.seed} · {answer.done:,} members · ",
    )


def whole(*, charts: Sequence[Chart], **parts: Any) -> str:
    """Return a page of cards, charts and tables.

    Parameters
    ----------
    charts : sequence of Chart
        The charts.
    **parts
        What else the template takes: ``title``, ``kicker``, ``intro``, ``notes``, ``cards``, ``charts_heading``,
        ``tables_heading``, ``tables`` (heading, columns, rows and words of each) and ``footer``.
    """
    return (
        template("tables.html.j2").render(
            **parts,
            style=Markup(style_sheet()),
            charts=charts,
            options=page.script({c.id: c.option for c in charts}),
            echarts=Markup(page.echarts()),
            draw=Markup(page.draw()),
            version=__version__,
        )
        + "\n"
    )


def fans(answer: MonteCarlo) -> list[Chart]:
    """Return a chart for each main quantity by month."""
    return [_chart(f, _yearly(answer, f.quantity)) for f in answer.fans if f.period == "month"]


def first_figures(answer: MonteCarlo) -> list[Figure]:
    """Return the four headlines that a reader looks at first."""
    there = [f for f in answer.headlines if any((f.over.low, f.over.median, f.over.high))]
    by_name = {f.name: f for f in there}
    chosen = [by_name[n] for n in FIRST_NAMES if n in by_name]
    rest = sorted((f for f in there if f not in chosen), key=lambda f: -f.headline.weight)
    return [*chosen, *rest][:CARDS]


@dataclass(frozen=True, slots=True)
class FigureCard:
    """A headline as text."""

    name: str
    value: str
    range: str
    detail: str


def card(figure: Figure) -> FigureCard:
    """Return a headline's median with its range and how sure it is."""
    h, q = figure.headline, figure.over
    of_all = Span(q.low, q.median, q.high, q.without, q.members)
    never = "never" if h.unit == "date" else "there is none"
    return FigureCard(
        f"{h.name[0].upper()}{h.name[1:]}",
        h.text_of(q.median),
        f"{RANGE}: {range_text(of_all, h.text_of, never)}",
        f"median ± {error_text(h, q.median_error)}; central member {h.text_of(h.value)}",
    )


def answer_text(answer: MonteCarlo) -> str:
    """Return in two sentences what the futures have in common, and whether there are enough of them."""
    found = [f"{f.name} {f.headline.text_of(f.over.median)}" for f in first_figures(answer)]
    known = [(f, share) for f in answer.headlines if not math.isnan(share := error_share(f))]
    middle = f"In the middle of {answer.done:,} futures: {', '.join(found)}." if found else ""
    if not known:
        return middle
    worst, share = max(known, key=lambda pair: pair[1])
    enough = f"Every median is known to {percent(share)} of its range or better"
    return f"{middle} {enough} (worst: {worst.name})."


def error_share(figure: Figure) -> float:
    """Return the standard error of a median as a share of the width of its range; nan where either is unknown."""
    width = figure.over.high - figure.over.low
    return figure.over.median_error / width if width > 0 else math.nan


def _yearly(answer: MonteCarlo, quantity: str) -> Fan | None:
    return next((f for f in answer.fans if f.quantity == quantity and f.period == "year"), None)


def _chart(fan: Fan, yearly: Fan | None) -> Chart:
    """Return the fan of a quantity by month, its numbers by year."""
    largest = float(np.nanmax(np.abs(fan.high), initial=0.0))
    scales = {"MW": in_watts, "USD": in_dollars}
    unit = scales[fan.unit](largest) if fan.unit in scales else counted(largest, fan.unit)
    spread = Spread(fan.low, fan.median, fan.high, np.zeros(len(fan.low)), 2)
    days = [f"{label}-01" if len(label) == len("2026-11") else label for label in fan.labels]
    middle = over_time.line("median", days, fan.median / unit.size, NAVY)
    dashed = {"width": 2, "type": "dashed"}
    series = [
        *over_time.ranged(middle, days, spread, unit.size),
        over_time.line("central member", days, fan.central / unit.size, base.GREY, lineStyle=dashed),
    ]
    of = yearly or fan
    values = np.stack([of.low, of.median, of.high, of.central])
    names = ("10 % lie below", "median", "10 % lie above", "central member")
    heading = WORDS.get(fan.quantity, title(fan.quantity))
    return Chart(
        fan.quantity.replace("_", "-"),
        heading,
        _option(series, days, unit.name),
        _in_words(fan, unit),
        *base.table(names, of.labels, values / unit.size),
        figures=f"{unit.name}, by {of.period}",
    )


def _option(series: list[Option], days: list[str], unit: str) -> Option:
    """Return a chart over the months of a study, with the rule of today."""
    from gigaplan import catalog

    start, last = (dt.date.fromisoformat(day) for day in (days[0], days[-1]))
    end = (last + dt.timedelta(days=31)).replace(day=1)
    day = dt.date.fromisoformat(catalog.load().vintage[: len("2026-11-29")])
    return over_time.between(over_time.ruled(series, day, f"today, {day:%b %Y}", start, end), start, end, unit)


def _in_words(fan: Fan, unit: Scale) -> str:
    """Return the median and the ends of the last month that has one."""
    known = np.flatnonzero(np.isfinite(fan.median))
    if not len(known):
        return "No future has one."
    k = int(known[-1])
    ends = f"{RANGE}: {digits_of(float(fan.low[k] / unit.size))} to {digits_of(float(fan.high[k] / unit.size))}"
    return f"{unit.of(float(fan.median[k]))} in {fan.labels[k]} ({ends})."


def _headlines(answer: MonteCarlo) -> tuple[str, tuple[str, ...], list[tuple[str, ...]], str]:
    columns = ("headline", "central", "10 % lie below", "±", "median", "±", "10 % lie above", "±", "half the futures")
    words = (
        "±: standard error of the quantile, at most: that of independent futures. The last column is the median of the "
        "first half of the futures."
    )
    ordered = sorted(answer.headlines, key=lambda f: -f.headline.weight)
    return f"{answer.done:,} futures", columns, [_row(f) for f in ordered], words


def _row(figure: Figure) -> tuple[str, ...]:
    h, q = figure.headline, figure.over
    ends = ((q.low, q.low_error), (q.median, q.median_error), (q.high, q.high_error))
    cells = (text for value, error in ends for text in (h.text_of(value), error_text(h, error)))
    half = h.text_of(q.settled[-1].median) if q.settled else DASH
    return (h.name, h.text_of(h.value), *cells, half)
